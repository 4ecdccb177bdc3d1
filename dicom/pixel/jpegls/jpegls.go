// Package jpegls reads and writes JPEG-LS images (ITU-T T.87 | ISO/IEC 14495-1).
//
// It reads lossless and near-lossless images of 2 to 16 bits in all three
// interleave modes, with preset parameters and restart intervals; it writes
// lossless ones. Mapping tables and colour transformations that some vendors
// added are refused.
package jpegls

import (
	"encoding/binary"

	"radagora/fault"
)

// Markers of T.87 Annex C.
const (
	soi, eoi, sos, dri = 0xD8, 0xD9, 0xDA, 0xDD
	rst0, rst7         = 0xD0, 0xD7
	sof55, lse, app8   = 0xF7, 0xF8, 0xE8
)

// Interleave modes (T.87 Table C.3).
const (
	byPlane  = 0
	byLine   = 1
	bySample = 2
)

// Bounds are what an image may be at most.
type Bounds struct {
	Width, Height, Components int
}

// A Header is what an image says about itself.
type Header struct {
	Width, Height, Components int
	Precision                 int // bits a sample
	Near                      int // greatest error; 0 is lossless
	Interleave                int // 0 by plane, 1 by line, 2 by sample
}

// An Image is a decoded image: samples of a pixel side by side, a byte each if
// Precision is at most 8 and else two, little endian.
type Image struct {
	Header
	Pix []byte
}

// A decoder reads one image.
type decoder struct {
	Header
	b        []byte
	pos      int
	bounds   Bounds
	frame    bool
	ids      []byte
	preset   preset
	interval int // of restart, in lines
	done     []bool
	planes   [][]uint16 // of images that come by plane
	pix      []byte
}

// Decode reads one image. Errors are Invalid (damaged, or beyond bounds) and
// Unsupported (mapping tables, colour transformations).
func Decode(b []byte, bounds Bounds) (*Image, error) {
	d := &decoder{b: b, bounds: bounds}
	if err := d.run(); err != nil {
		return nil, err
	}
	for _, done := range d.done {
		if !done {
			return nil, invalid("a component without a scan")
		}
	}
	if !d.frame {
		return nil, invalid("no frame header")
	}
	if d.planes != nil {
		d.gather()
	}
	return &Image{Header: d.Header, Pix: d.pix}, nil
}

// DecodeHeader reads what the image says about itself, up to its first scan.
func DecodeHeader(b []byte) (Header, error) {
	d := &decoder{b: b, bounds: Bounds{65535, 65535, 4}, pos: -1}
	err := d.run()
	if err == nil && !d.frame {
		err = invalid("no frame header")
	}
	return d.Header, err
}

// invalid and unsupported make errors of their kind.
func invalid(format string, args ...any) error {
	return fault.Errorf(fault.Invalid, "JPEG-LS: "+format, args...)
}

func unsupported(format string, args ...any) error {
	return fault.Errorf(fault.Unsupported, "JPEG-LS: "+format, args...)
}

// run walks over the markers. A position of -1 asks for the header alone.
func (d *decoder) run() error {
	headerOnly := d.pos < 0
	if len(d.b) < 4 || d.b[0] != 0xFF || d.b[1] != soi {
		return invalid("no SOI marker")
	}
	for d.pos = 2; ; {
		m, seg, err := d.segment()
		switch {
		case err != nil:
			return err
		case m == eoi:
			return nil
		case m == sos:
			s, err := d.readScan(seg)
			if err != nil || headerOnly {
				return err
			}
			if err := d.scan(s); err != nil {
				return err
			}
			if d.complete() {
				return nil // whatever follows is none of the image
			}
		case m == sof55:
			err = d.readFrame(seg)
		case m == lse:
			err = d.readPreset(seg)
		case m == dri:
			err = d.readInterval(seg)
		case m == app8 && len(seg) == 5 && string(seg[:4]) == "mrfx" && seg[4] != 0:
			err = unsupported("colour transformation %d", seg[4])
		case m >= 0xC0 && m <= 0xCF && m != 0xC4 && m != 0xC8 && m != 0xCC:
			err = invalid("a frame of JPEG, not of JPEG-LS")
		}
		if err != nil {
			return err
		}
	}
}

// segment finds the next marker and returns its parameters. The end of the bytes
// is the end of the image.
func (d *decoder) segment() (byte, []byte, error) {
	for d.pos+1 < len(d.b) && (d.b[d.pos] != 0xFF || d.b[d.pos+1] < 0x80 || d.b[d.pos+1] == 0xFF) {
		d.pos++
	}
	if d.pos+1 >= len(d.b) {
		return eoi, nil, nil
	}
	m := d.b[d.pos+1]
	d.pos += 2
	if m == soi || m == eoi || m >= rst0 && m <= rst7 {
		return m, nil, nil
	}
	if d.pos+2 > len(d.b) {
		return m, nil, invalid("ends in a marker segment")
	}
	n := int(binary.BigEndian.Uint16(d.b[d.pos:]))
	if n < 2 || d.pos+n > len(d.b) {
		return m, nil, invalid("marker segment of %d bytes", n)
	}
	seg := d.b[d.pos+2 : d.pos+n]
	d.pos += n
	return m, seg, nil
}

// readFrame reads the frame header (T.87 C.2.2).
func (d *decoder) readFrame(seg []byte) error {
	if d.frame {
		return invalid("two frame headers")
	}
	if len(seg) < 6 || len(seg) < 6+3*int(seg[5]) {
		return invalid("short frame header")
	}
	d.Precision = int(seg[0])
	d.Height = int(binary.BigEndian.Uint16(seg[1:]))
	d.Width = int(binary.BigEndian.Uint16(seg[3:]))
	d.Components = int(seg[5])
	switch {
	case d.Width == 0 || d.Height == 0 || d.Width > d.bounds.Width || d.Height > d.bounds.Height:
		return invalid("%d columns and %d rows; at most %d and %d", d.Width, d.Height, d.bounds.Width, d.bounds.Height)
	case d.Components == 0 || d.Components > min(4, d.bounds.Components):
		return invalid("%d components; at most %d", d.Components, d.bounds.Components)
	case d.Precision < 2 || d.Precision > 16:
		return invalid("%d bits a sample", d.Precision)
	}
	for k := range d.Components {
		if s := seg[6+3*k:]; s[1] != 0x11 && d.Components > 1 {
			return unsupported("sampling of components")
		}
		d.ids = append(d.ids, seg[6+3*k])
	}
	d.frame, d.done = true, make([]bool, d.Components)
	return nil
}

// readPreset reads preset parameters (T.87 C.2.4.1).
func (d *decoder) readPreset(seg []byte) error {
	switch {
	case len(seg) < 1:
		return invalid("short LSE")
	case seg[0] == 1 && len(seg) >= 11:
		at := func(k int) int { return int(binary.BigEndian.Uint16(seg[1+2*k:])) }
		d.preset = preset{at(0), at(1), at(2), at(3), at(4)}
	case seg[0] == 4:
		return unsupported("an image of more than 65535 rows or columns")
	}
	return nil // a mapping table counts only if a scan names it
}

// readInterval reads the restart interval, in two, three or four bytes (T.87 C.2.5).
func (d *decoder) readInterval(seg []byte) error {
	if len(seg) < 2 || len(seg) > 4 {
		return invalid("DRI of %d bytes", len(seg))
	}
	d.interval = 0
	for _, c := range seg {
		d.interval = d.interval<<8 | int(c)
	}
	return nil
}

// A scan is what stands before coded data (T.87 C.2.3).
type scan struct {
	comps []int
	near  int
	ilv   int
	shift int
}

// readScan reads a scan header.
func (d *decoder) readScan(seg []byte) (scan, error) {
	var s scan
	if !d.frame || len(seg) < 1 {
		return s, invalid("a scan before the frame header")
	}
	n := int(seg[0])
	if n < 1 || n > d.Components || len(seg) < 4+2*n {
		return s, invalid("scan of %d components", n)
	}
	for j := range n {
		k := 0
		for k < d.Components && (d.ids[k] != seg[1+2*j] || d.done[k]) {
			k++
		}
		if k == d.Components {
			return s, invalid("component %d of a scan", j+1)
		}
		if seg[2+2*j] != 0 {
			return s, unsupported("mapping tables")
		}
		d.done[k] = true
		s.comps = append(s.comps, k)
	}
	p := seg[1+2*n:]
	s.near, s.ilv, s.shift = int(p[0]), int(p[1]), int(p[2]&15)
	if s.ilv > bySample || s.ilv == byPlane && n > 1 || n > 1 && n < d.Components {
		return s, invalid("interleave mode %d of %d components", s.ilv, n)
	}
	if n == 1 {
		s.ilv = byPlane
	}
	d.Near, d.Interleave = s.near, s.ilv
	return s, nil
}

// complete reports whether all components have had their scan.
func (d *decoder) complete() bool {
	for _, done := range d.done {
		if !done {
			return false
		}
	}
	return true
}

// gather puts planes together.
func (d *decoder) gather() {
	n := d.Components
	for at := range d.Width * d.Height {
		for k := range n {
			d.append(d.planes[k][at])
		}
	}
}

// append adds a sample to the image.
func (d *decoder) append(v uint16) {
	if d.Precision <= 8 {
		d.pix = append(d.pix, byte(v)) //nolint:gosec // at most 8 bits
	} else {
		d.pix = append(d.pix, byte(v), byte(v>>8)) //nolint:gosec // its two bytes
	}
}
