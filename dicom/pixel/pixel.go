// Package pixel decodes, encodes, transcodes and renders the pixels of DICOM images.
//
// Describe reads what a data set says about its pixels, FramesOf finds where
// each frame is, Decode turns the bytes of one frame into native samples, Render
// makes a picture of them, and Transcode rewrites a whole object in another
// transfer syntax, one frame after the other. Every length is checked before
// memory is asked for, and no input makes the package panic.
//
// It follows PS3.5 section 8 and Annexes A, D and G, and PS3.3 C.7.6.3, C.7.6.16,
// C.9, C.11. It does no I/O of its own.
package pixel

import (
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// MaxFrame is how many bytes one decoded frame may have. A larger one is
// refused with fault.Exhausted.
const MaxFrame = 256 << 20

// maxFrames is how many frames an object may claim to have.
const maxFrames = 1 << 24

// The photometric interpretations of PS3.3 C.7.6.3.1.2 that this package knows.
const (
	Monochrome1   = "MONOCHROME1"     // the lowest value is white
	Monochrome2   = "MONOCHROME2"     // the lowest value is black
	PaletteColor  = "PALETTE COLOR"   // values are places in a table of colours
	RGB           = "RGB"             // red, green, blue
	YBRFull       = "YBR_FULL"        // luminance and colour differences, full range
	YBRFull422    = "YBR_FULL_422"    // the same, half the colour samples in a row
	YBRPartial422 = "YBR_PARTIAL_422" // luminance from 16 to 235; retired
	YBRPartial420 = "YBR_PARTIAL_420" // and half the rows of colour too
	YBRICT        = "YBR_ICT"         // irreversible transformation of JPEG 2000
	YBRRCT        = "YBR_RCT"         // reversible transformation of JPEG 2000
	argb          = "ARGB"            // retired
	cmyk          = "CMYK"            // retired
	hsv           = "HSV"             // retired
	ybrPartial    = "YBR_PARTIAL"     // ours: YBR_PARTIAL_422 with a colour for each pixel
)

// An Info says how the samples of an image are laid out (PS3.3 C.7.6.3). Of a
// frame still encoded it is what the data set claims; of a decoded Frame it is
// what is so.
type Info struct {
	Rows, Columns   int
	SamplesPerPixel int // 1, 3 or 4
	BitsAllocated   int // 1, 8, 16, 32 or 64
	BitsStored      int // at most BitsAllocated
	HighBit         int // of the bits stored the most significant one
	// PixelRepresentation is 1 if samples are two's complement.
	PixelRepresentation int
	NumberOfFrames      int // at least 1
	// PlanarConfiguration is 1 if all red samples come before all green ones.
	PlanarConfiguration       int
	PhotometricInterpretation string
	// Float tells that samples are IEEE 754 numbers of BitsAllocated bits
	// (Float Pixel Data, Double Float Pixel Data).
	Float bool
	// Words tells that native Pixel Data are 16-bit words (VR OW), which counts
	// where samples of 8 bits are big endian.
	Words          bool
	TransferSyntax uid.UID
}

// An AttributeError tells which attribute keeps an image from being decoded. Its
// kind is fault.Invalid.
type AttributeError struct {
	Tag     tag.Tag
	Missing bool   // it is absent or empty
	Reason  string // what is wrong with it, without its value
}

// Error implements error.
func (e *AttributeError) Error() string {
	if e.Missing {
		return "image without " + e.Tag.String() + " " + e.Tag.Keyword()
	}
	return e.Tag.String() + " " + e.Tag.Keyword() + ": " + e.Reason
}

// missing and wrong return an AttributeError with its kind.
func missing(t tag.Tag) error {
	return fault.As(fault.Invalid, &AttributeError{Tag: t, Missing: true})
}

func wrong(t tag.Tag, reason string) error {
	return fault.As(fault.Invalid, &AttributeError{Tag: t, Reason: reason})
}

// Describe reads what ds says about its pixels. It needs no Pixel Data: a header
// will do. Rows, Columns and Bits Allocated must be there; of what else is
// absent the value most images have is taken. Errors are Invalid (an
// AttributeError), Exhausted (a frame beyond MaxFrame) or Unsupported (a layout
// nobody decodes here).
func Describe(ds *dicom.Dataset, ts uid.UID) (Info, error) {
	i := Info{TransferSyntax: ts, Float: ds.Has(tag.FloatPixelData) || ds.Has(tag.DoubleFloatPixelData)}
	for _, a := range []struct {
		tag    tag.Tag
		to     *int
		lo, hi int64
		or     int // what an absent one means; -1 if it must be there
	}{
		{tag.Rows, &i.Rows, 1, 65535, -1},
		{tag.Columns, &i.Columns, 1, 65535, -1},
		{tag.BitsAllocated, &i.BitsAllocated, 1, 64, -1},
		{tag.SamplesPerPixel, &i.SamplesPerPixel, 1, 4, 0},
		{tag.BitsStored, &i.BitsStored, 1, 64, 0},
		{tag.HighBit, &i.HighBit, 0, 63, -2},
		{tag.PixelRepresentation, &i.PixelRepresentation, 0, 1, 0},
		{tag.NumberOfFrames, &i.NumberOfFrames, 0, maxFrames, 1},
		{tag.PlanarConfiguration, &i.PlanarConfiguration, 0, 1, 0},
	} {
		n, ok := ds.Int(a.tag)
		switch {
		case ok && (n < a.lo || n > a.hi):
			return i, wrong(a.tag, "out of range")
		case ok:
			*a.to = int(n)
		case a.or == -1 && ds.Has(a.tag) && ds.Text(a.tag) != "":
			return i, wrong(a.tag, "no number")
		case a.or == -1:
			return i, missing(a.tag)
		case a.or == -2:
			*a.to = -1
		default:
			*a.to = a.or
		}
	}
	if e, ok := ds.Element(tag.PixelData); ok {
		i.Words = e.VR() == vr.OW
	}
	i.PhotometricInterpretation = strings.ToUpper(ds.Text(tag.PhotometricInterpretation))
	i.assume(ds)
	return i, i.check()
}

// assume fills in what was absent.
func (i *Info) assume(ds *dicom.Dataset) {
	if i.SamplesPerPixel == 0 {
		i.SamplesPerPixel = max(1, samplesOf(i.PhotometricInterpretation))
	}
	if i.PhotometricInterpretation == "" {
		i.PhotometricInterpretation = Monochrome2
		if i.SamplesPerPixel == 3 {
			i.PhotometricInterpretation = RGB
		}
	}
	if i.BitsStored == 0 {
		// Only images of floating point numbers do without (PS3.3 C.7.6.24).
		i.Float = i.Float || i.BitsAllocated >= 32 && !ds.Has(tag.PixelData)
		i.BitsStored = i.BitsAllocated
	}
	if i.HighBit < 0 {
		i.HighBit = i.BitsStored - 1
	}
	if i.SamplesPerPixel == 1 {
		i.PlanarConfiguration = 0
	}
	i.NumberOfFrames = max(1, i.NumberOfFrames)
}

// samplesOf returns how many samples a pixel of that interpretation has, 0 if it
// is not known.
func samplesOf(photometric string) int {
	switch photometric {
	case argb, cmyk:
		return 4
	case RGB, YBRFull, YBRFull422, YBRPartial422, YBRPartial420, YBRICT, YBRRCT, ybrPartial, hsv:
		return 3
	case Monochrome1, Monochrome2, PaletteColor:
		return 1
	}
	return 0
}

// check tells whether the parts of i go together and within bounds.
func (i *Info) check() error {
	switch i.BitsAllocated {
	case 1, 8, 16, 32, 64:
	default:
		return fault.Errorf(fault.Unsupported, "%v BitsAllocated: cells of %d bits are not decoded", tag.BitsAllocated, i.BitsAllocated)
	}
	samples := samplesOf(i.PhotometricInterpretation)
	switch {
	case i.Float && i.BitsAllocated < 32:
		return wrong(tag.BitsAllocated, "too few for floating point numbers")
	case !i.Float && i.BitsAllocated == 64 && i.compressed():
		return fault.Errorf(fault.Unsupported, "%v BitsAllocated: no codec has cells of 64 bits", tag.BitsAllocated)
	case i.BitsStored > i.BitsAllocated:
		return wrong(tag.BitsStored, "more than are allocated")
	case i.HighBit >= i.BitsAllocated || i.HighBit < i.BitsStored-1:
		return wrong(tag.HighBit, "outside of the bits allocated or stored")
	case i.SamplesPerPixel == 2:
		return wrong(tag.SamplesPerPixel, "two, which no image has")
	case samples > 0 && (samples == 1) != (i.SamplesPerPixel == 1):
		return wrong(tag.PhotometricInterpretation, "does not go with the number of samples")
	case i.BitsAllocated == 1 && i.SamplesPerPixel != 1:
		return wrong(tag.SamplesPerPixel, "several of one bit")
	}
	if n := i.size(); n > MaxFrame {
		return fault.Errorf(fault.Exhausted, "a frame of %d bytes; at most %d are decoded", n, MaxFrame)
	}
	return nil
}

// Pixels returns the number of pixels of a frame.
func (i *Info) Pixels() int { return i.Rows * i.Columns }

// size returns the length of a decoded frame in bytes. No factor exceeds its
// bound, so the product fits.
func (i *Info) size() int64 {
	cell := int64(max(1, i.BitsAllocated/8))
	return int64(i.Rows) * int64(i.Columns) * int64(i.SamplesPerPixel) * cell
}

// Subsampled reports whether native samples of i share colour differences
// between neighbours (PS3.3 C.7.6.3.1.2), so that there are fewer than pixels.
func (i *Info) Subsampled() bool {
	if i.compressed() || i.SamplesPerPixel != 3 {
		return false
	}
	switch i.PhotometricInterpretation {
	case YBRFull422, YBRPartial422, YBRPartial420:
		return true
	}
	return false
}

// FrameBits returns how many bits a native frame of i has. Frames follow each
// other without a gap, so one of a single bit a pixel need not begin on a whole
// byte (PS3.5 8.1.1).
func (i *Info) FrameBits() int64 {
	n := int64(i.Rows) * int64(i.Columns) * int64(i.BitsAllocated)
	if !i.Subsampled() {
		return n * int64(i.SamplesPerPixel)
	}
	if i.PhotometricInterpretation == YBRPartial420 {
		return n * 3 / 2
	}
	return n * 2
}

// FrameLength returns how many bytes a native frame of i has, a last byte that
// is begun counted whole.
func (i *Info) FrameLength() int64 { return (i.FrameBits() + 7) / 8 }

// compressed reports whether pixels come as fragments.
func (i *Info) compressed() bool {
	s, _ := uid.SyntaxOf(i.TransferSyntax)
	return s.Encapsulated
}

// Signed reports whether samples are two's complement.
func (i *Info) Signed() bool { return i.PixelRepresentation == 1 }

// Colour reports whether a pixel has several samples.
func (i *Info) Colour() bool { return i.SamplesPerPixel > 1 }
