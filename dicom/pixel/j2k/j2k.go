// Package j2k decodes and encodes JPEG 2000 codestreams.
//
// It reads what DICOM's JPEG 2000 transfer syntaxes carry (PS3.5 §8.2.4 and
// §A.4.4): codestreams of ISO/IEC 15444-1 (ITU-T T.800), bare or inside the
// boxes of a JP2 file, and those of ISO/IEC 15444-15 (ITU-T T.814, High-Throughput
// JPEG 2000). It returns the samples as they were coded, after the inverse
// component transform the codestream itself names; what the samples mean is the
// caller's to know.
//
// Not decoded are multi-component transforms and wavelets of ISO/IEC 15444-2,
// blocks of both kinds in one component, and high throughput blocks with more
// than one set of passes. [Encode] codes without loss and nothing else.
//
// Bytes come from strangers: everything is bounded by [Limits] before memory is
// taken, and a stream that ends early yields what is there, with [Warning]s.
package j2k

import (
	"image"

	"radagora/fault"
)

// Limits bound what a stream may ask for. A zero field stands for the default
// named beside it.
type Limits struct {
	Samples    int // samples of all components together at full resolution; 2^27
	Components int // 64
	Bits       int // bits of a sample; 30, which is also the most that can be asked for
}

// Options say how to decode.
type Options struct {
	Limits Limits

	// Reduce is the number of highest resolution levels left out: each halves
	// width and height. More than the stream has is Unsupported; see Header.Levels.
	Reduce int

	// Region is the part wanted, in pixels of the full resolution counted from
	// the image's upper left corner. The empty rectangle wants everything. Only
	// code blocks that the region needs are decoded.
	Region image.Rectangle

	// Layers is how many quality layers to decode; 0 is all.
	Layers int

	// Workers is how many goroutines decode code blocks; 0 and 1 stay in the
	// caller's.
	Workers int

	// Interrupt, if not nil, is asked every few code blocks and packets; its
	// error ends the decoding and is returned. The Err method of a context
	// serves. It may be called by several goroutines at once.
	Interrupt func() error
}

// An Image is what Decode made.
type Image struct {
	Width, Height int // of the region at the resolution asked for
	Components    []Component
	Header        Header

	// Warnings say what was odd, in the order it was met. Truncated reports
	// whether one of them means that samples rest on less than the whole stream.
	Warnings  []Warning
	Truncated bool
}

// A Component is one plane of samples. It may be smaller than the image if it is
// subsampled.
type Component struct {
	Bits          int  // of a sample, the sign included
	Signed        bool // two's complement
	Dx, Dy        int  // subsampling: one sample for so many columns and rows
	Width, Height int
	Samples       []int32 // rows from the top, Width each; within the range of Bits
}

// A Header is what the main header of a codestream says. Tiles may differ.
type Header struct {
	Width, Height         int // at full resolution
	Components            []ComponentHeader
	TileWidth, TileHeight int
	Tiles                 int
	Levels                int // the fewest decomposition levels of any component: Options.Reduce may be so high
	Layers                int
	Progression           Progression
	Reversible            bool // every component uses the 5/3 wavelet without quantisation
	Transform             bool // the first three components were transformed together (RCT or ICT)
	HighThroughput        bool // block coding of ISO/IEC 15444-15
	Boxes                 bool // the codestream stands inside a JP2 file
	ColourSpace           int  // enumerated colour space of the JP2 file: 16 sRGB, 17 greyscale, 18 sYCC; 0 is unknown
}

// A ComponentHeader describes one component at full resolution.
type ComponentHeader struct {
	Bits          int
	Signed        bool
	Dx, Dy        int
	Width, Height int
}

// A Progression is the order in which packets follow one another, T.800 Table A.16.
type Progression uint8

// The progression orders: L layer, R resolution, C component, P position.
const (
	LRCP Progression = iota
	RLCP
	RPCL
	PCRL
	CPRL
)

// String returns the four letters of the order.
func (p Progression) String() string {
	if int(p) < len(progressionNames) {
		return progressionNames[p]
	}
	return "unknown"
}

var progressionNames = [...]string{"LRCP", "RLCP", "RPCL", "PCRL", "CPRL"}

// A WarningCode names a kind of oddity.
type WarningCode string

// What can be odd about a stream that was decoded all the same.
const (
	Truncated   WarningCode = "truncated"    // bytes are missing: the last layers, resolutions or tiles rest on less
	Damaged     WarningCode = "damaged"      // a check inside the stream failed; what followed in that part was left out
	TileMissing WarningCode = "tile_missing" // no part of a tile is there; its samples are 0
	Unended     WarningCode = "unended"      // the end marker is missing, or a tile-part is shorter than it says
	Prefix      WarningCode = "prefix"       // the codestream does not begin with the first byte
	Unused      WarningCode = "unused"       // well formed, but left aside (a palette, an unknown marker segment)
)

// A Warning says what was odd about a stream that was decoded all the same.
type Warning struct {
	Code   WarningCode
	Offset int // into the bytes given; -1 if there is no one place
	Text   string
}

// maxWarnings bounds how many warnings are kept of one stream.
const maxWarnings = 32

// Config reads the main header only. Its errors are those of Decode.
func Config(b []byte) (Header, error) {
	s, err := parseMain(b, Limits{})
	if err != nil {
		return Header{}, err
	}
	return s.header(), nil
}

// Decode decodes a codestream or the first one of a JP2 file. b is not changed
// and nothing of it is kept.
//
// A stream that is no JPEG 2000 is Invalid, one that goes past a limit
// Exhausted, one that uses what is not implemented Unsupported. A stream that is
// cut off or damaged behind its main header yields an image with warnings.
func Decode(b []byte, o Options) (*Image, error) {
	s, err := parseMain(b, o.Limits)
	if err != nil {
		return nil, err
	}
	if err := s.parseTileParts(); err != nil {
		return nil, err
	}
	d, err := newDecoder(s, o)
	if err != nil {
		return nil, err
	}
	if err := d.run(); err != nil {
		return nil, err
	}
	d.img.Warnings = s.warnings
	for _, w := range s.warnings {
		if w.Code == Truncated || w.Code == Damaged || w.Code == TileMissing {
			d.img.Truncated = true
		}
	}
	return d.img, nil
}

// withDefaults fills the zero fields of l.
func (l Limits) withDefaults() Limits {
	if l.Samples <= 0 {
		l.Samples = 1 << 27
	}
	if l.Components <= 0 {
		l.Components = 64
	}
	if l.Bits <= 0 || l.Bits > maxBits {
		l.Bits = maxBits
	}
	return l
}

// maxBits is the widest sample we hold. T.800 allows 38; no DICOM object has
// more than 16 in a JPEG 2000 stream.
const maxBits = 30

func invalid(format string, args ...any) error {
	return fault.Errorf(fault.Invalid, "jpeg 2000: "+format, args...)
}

func unsupported(format string, args ...any) error {
	return fault.Errorf(fault.Unsupported, "jpeg 2000: "+format, args...)
}

func exhausted(format string, args ...any) error {
	return fault.Errorf(fault.Exhausted, "jpeg 2000: "+format, args...)
}
