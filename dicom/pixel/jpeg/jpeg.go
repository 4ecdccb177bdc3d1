// Package jpeg reads and writes the JPEG processes that medical images use (ITU-T T.81).
//
// It reads baseline, extended sequential and progressive images with Huffman
// codes, of 8 or 12 bits, and lossless ones of 2 to 16 bits with every
// predictor; it writes lossless ones with the first predictor. Samples come as
// they are coded: no colours are converted. The inverse transform and the
// interpolation of colours are exact integer arithmetic, the same on every
// machine.
package jpeg

import (
	"encoding/binary"

	"radagora/fault"
)

// Markers of T.81 Table B.1.
const (
	sof0, sof1, sof2, sof3 = 0xC0, 0xC1, 0xC2, 0xC3
	sof15                  = 0xCF
	dht, jpgExt, dac       = 0xC4, 0xC8, 0xCC
	rst0, rst7             = 0xD0, 0xD7
	soi, eoi, sos, dqt     = 0xD8, 0xD9, 0xDA, 0xDB
	dnl, dri               = 0xDC, 0xDD
	app0, app14            = 0xE0, 0xEE
	tem                    = 0x01
)

// Bounds are what an image may be at most. Nothing is allocated for a larger one.
type Bounds struct {
	Width, Height, Components int
}

// A Header is what an image says about itself.
type Header struct {
	Width, Height int
	Components    int
	Precision     int  // bits a sample
	Lossless      bool // process 14
	Progressive   bool
	JFIF          bool // there is a JFIF marker, so three components are YCbCr
	// Adobe is the colour transformation that an Adobe marker tells: 0 none,
	// 1 YCbCr, 2 YCCK; -1 if there is no such marker.
	Adobe int
	// IDs name the components; some writers put the letters R, G, B there.
	IDs [4]byte
	// Subsampled tells that some components have fewer samples than others.
	Subsampled bool
	// Predictor and PointTransform are those of the first scan of a lossless image.
	Predictor, PointTransform int
}

// An Image is a decoded image: samples of a pixel side by side, a byte each if
// Precision is at most 8 and else two, little endian.
type Image struct {
	Header
	Pix []byte
}

// A component is one of the image's planes (T.81 B.2.2).
type component struct {
	id, tq           byte
	h, v             int
	width, height    int // of the plane, in samples
	stride           int // of samples, a whole number of blocks
	blockRows        int // in samples
	samples          []uint16
	coef             []int16 // of a progressive image
	dc               int32   // prediction
	dcTable, acTable *table
}

// A decoder reads one image.
type decoder struct {
	Header
	b          []byte
	pos        int
	bounds     Bounds
	comps      []*component
	hmax, vmax int
	quant      [4][64]uint16
	hasQuant   [4]bool
	dc, ac     [4]*table
	interval   int // of restart, in MCUs
	frame      bool
	scans      int
	img        *Image
	bits       bitReader
	eobrun     int32
}

// maxScans bounds the work that one image can ask for.
const maxScans = 64

// Decode reads one image. Errors are Invalid (damaged, or beyond bounds) and
// Unsupported (arithmetic coding, hierarchical images, layouts of sampling that
// no medical image has).
func Decode(b []byte, bounds Bounds) (*Image, error) {
	d := &decoder{b: b, bounds: bounds, Header: Header{Adobe: -1}}
	if err := d.run(false); err != nil {
		return nil, err
	}
	if d.scans == 0 {
		return nil, invalid("no scan")
	}
	return d.finish()
}

// DecodeHeader reads what the image says about itself, up to its first scan.
func DecodeHeader(b []byte) (Header, error) {
	d := &decoder{b: b, bounds: Bounds{65535, 65535, 4}, Header: Header{Adobe: -1}}
	if err := d.run(true); err != nil {
		return d.Header, err
	}
	if !d.frame {
		return d.Header, invalid("no frame header")
	}
	return d.Header, nil
}

// invalid and unsupported make errors of their kind.
func invalid(format string, args ...any) error {
	return fault.Errorf(fault.Invalid, "JPEG: "+format, args...)
}

func unsupported(format string, args ...any) error {
	return fault.Errorf(fault.Unsupported, "JPEG: "+format, args...)
}

// run walks over the markers, up to the first scan if only the header is wanted.
func (d *decoder) run(headerOnly bool) error {
	if len(d.b) < 4 || d.b[0] != 0xFF || d.b[1] != soi {
		return invalid("no SOI marker")
	}
	d.pos = 2
	for {
		m, ok := d.marker()
		switch {
		case !ok && d.scans > 0: // the end of image is missing, but nothing of it
			return nil
		case !ok:
			return invalid("ends before an image begins")
		case m == eoi:
			return nil
		case m == soi, m == tem, m >= rst0 && m <= rst7:
			continue
		}
		seg, err := d.segment()
		if err != nil {
			if d.scans > 0 {
				return nil // what follows the image is none of it
			}
			return err
		}
		if m == sos {
			if headerOnly {
				d.peekScan(seg)
				return nil
			}
			if err := d.scan(seg); err != nil {
				return err
			}
			continue
		}
		if err := d.read(m, seg); err != nil {
			return err
		}
	}
}

// marker finds the next marker, passing over what is none.
func (d *decoder) marker() (byte, bool) {
	for d.pos+1 < len(d.b) {
		if d.b[d.pos] == 0xFF && d.b[d.pos+1] != 0 && d.b[d.pos+1] != 0xFF {
			d.pos += 2
			return d.b[d.pos-1], true
		}
		d.pos++
	}
	return 0, false
}

// segment returns the parameters behind a marker.
func (d *decoder) segment() ([]byte, error) {
	if d.pos+2 > len(d.b) {
		return nil, invalid("ends in a marker segment")
	}
	n := int(binary.BigEndian.Uint16(d.b[d.pos:]))
	if n < 2 || d.pos+n > len(d.b) {
		return nil, invalid("marker segment of %d bytes", n)
	}
	seg := d.b[d.pos+2 : d.pos+n]
	d.pos += n
	return seg, nil
}

// read takes in a marker segment that is no scan header.
func (d *decoder) read(m byte, seg []byte) error {
	switch {
	case m == dht:
		return d.readHuffman(seg)
	case m == dqt:
		return d.readQuant(seg)
	case m == dri:
		if len(seg) < 2 {
			return invalid("short DRI")
		}
		d.interval = int(binary.BigEndian.Uint16(seg))
	case m == app0:
		d.JFIF = d.JFIF || len(seg) >= 5 && string(seg[:5]) == "JFIF\x00"
	case m == app14:
		if len(seg) >= 12 && string(seg[:5]) == "Adobe" {
			d.Adobe = int(seg[11])
		}
	case m == dac:
		return unsupported("arithmetic coding")
	case m >= sof0 && m <= sof15 && m != jpgExt:
		return d.readFrame(m, seg)
	}
	return nil
}

// readFrame reads the frame header (T.81 B.2.2).
func (d *decoder) readFrame(m byte, seg []byte) error {
	switch {
	case m > sof3:
		return unsupported("process of marker FF%02X", m)
	case d.frame:
		return invalid("two frame headers")
	case len(seg) < 6 || len(seg) < 6+3*int(seg[5]):
		return invalid("short frame header")
	}
	d.Lossless, d.Progressive = m == sof3, m == sof2
	d.Precision = int(seg[0])
	d.Height = int(binary.BigEndian.Uint16(seg[1:]))
	d.Width = int(binary.BigEndian.Uint16(seg[3:]))
	d.Components = int(seg[5])
	if d.Height == 0 { // a DNL marker tells it behind the first scan
		d.Height = d.lines()
	}
	switch {
	case d.Width == 0 || d.Height == 0 || d.Width > d.bounds.Width || d.Height > d.bounds.Height:
		return invalid("%d columns and %d rows; at most %d and %d", d.Width, d.Height, d.bounds.Width, d.bounds.Height)
	case d.Components == 0 || d.Components > min(4, d.bounds.Components):
		return invalid("%d components; at most %d", d.Components, d.bounds.Components)
	case d.Lossless && (d.Precision < 2 || d.Precision > 16),
		!d.Lossless && d.Precision != 8 && (d.Precision != 12 || m == sof0):
		return invalid("%d bits a sample", d.Precision)
	}
	d.frame, d.hmax, d.vmax = true, 1, 1
	for k := range d.Components {
		s := seg[6+3*k:]
		c := &component{id: s[0], h: int(s[1] >> 4), v: int(s[1] & 15), tq: s[2]}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.tq > 3 {
			return invalid("sampling or table of component %d", k+1)
		}
		d.IDs[k] = c.id
		d.hmax, d.vmax = max(d.hmax, c.h), max(d.vmax, c.v)
		d.comps = append(d.comps, c)
	}
	return d.layOut()
}

// lines looks for the DNL marker if the header does not tell the height.
func (d *decoder) lines() int {
	for k := d.pos; k+6 <= len(d.b); k++ {
		if d.b[k] == 0xFF && d.b[k+1] == dnl && d.b[k+2] == 0 && d.b[k+3] == 4 {
			return int(binary.BigEndian.Uint16(d.b[k+4:]))
		}
	}
	return 0
}

// layOut computes the size of each plane (T.81 A.1.1).
func (d *decoder) layOut() error {
	if d.Components == 1 { // a single component has no sampling to speak of
		d.comps[0].h, d.comps[0].v, d.hmax, d.vmax = 1, 1, 1, 1
	}
	for _, c := range d.comps {
		c.width = (d.Width*c.h + d.hmax - 1) / d.hmax
		c.height = (d.Height*c.v + d.vmax - 1) / d.vmax
		if c.h != d.hmax || c.v != d.vmax {
			d.Subsampled = true
		}
		if d.hmax%c.h != 0 || d.vmax%c.v != 0 {
			return unsupported("sampling of %d to %d and %d to %d", c.h, d.hmax, c.v, d.vmax)
		}
		mcusX := (d.Width + 8*d.hmax - 1) / (8 * d.hmax)
		mcusY := (d.Height + 8*d.vmax - 1) / (8 * d.vmax)
		c.stride, c.blockRows = mcusX*c.h*8, mcusY*c.v*8
	}
	if d.Lossless && d.Subsampled {
		return unsupported("lossless with sampling")
	}
	return nil
}

// room returns whether so many samples can be in what is left of b, each
// symbol having at least one bit, and else an error. It is asked before memory is.
func (d *decoder) room(symbols int) error {
	if left := 8 * (len(d.b) - d.pos); symbols > left {
		return invalid("%d bits for at least %d symbols", left, symbols)
	}
	return nil
}

// readQuant reads quantization tables (T.81 B.2.4.1).
func (d *decoder) readQuant(seg []byte) error {
	for len(seg) > 0 {
		wide, t := seg[0]>>4, seg[0]&15
		n := 64 * (1 + int(wide&1))
		if wide > 1 || t > 3 || len(seg) < 1+n {
			return invalid("quantization table")
		}
		for k := range 64 {
			if wide == 1 {
				d.quant[t][natural[k]] = binary.BigEndian.Uint16(seg[1+2*k:])
			} else {
				d.quant[t][natural[k]] = uint16(seg[1+k])
			}
		}
		d.hasQuant[t] = true
		seg = seg[1+n:]
	}
	return nil
}

// natural is the place in a block of each coefficient in zig-zag order
// (T.81 Figure A.6).
var natural = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10,
	17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34,
	27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36,
	29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46,
	53, 60, 61, 54, 47, 55, 62, 63,
}
