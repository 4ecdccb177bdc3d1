package pixel

import (
	"encoding/binary"

	"radagora/dicom"
	"radagora/dicom/tag"
)

// A lut is a lookup table (PS3.3 C.11.1.1, C.11.2.1.1).
type lut struct {
	first  int // the value that the first entry is for
	bits   int // of an entry
	values []uint16
}

// at returns the entry for value x: beyond the ends, the end's.
func (l *lut) at(x int) int {
	return int(l.values[min(max(x-l.first, 0), len(l.values)-1)])
}

// lutOf reads the table with those descriptor and data elements of item d.
// signed tells whether the values that go in are.
func lutOf(d *dicom.Dataset, descriptor, data tag.Tag, signed bool) (*lut, error) {
	n, l, err := describeLUT(d, descriptor, signed)
	if err != nil {
		return nil, err
	}
	b, big, err := lutBytes(d, data)
	if err != nil {
		return nil, err
	}
	return l, l.fill(b, n, big, data)
}

// describeLUT reads a descriptor: number of entries, first value, bits.
func describeLUT(d *dicom.Dataset, descriptor tag.Tag, signed bool) (int, *lut, error) {
	p := d.Ints(descriptor)
	if len(p) != 3 {
		return 0, nil, missing(descriptor)
	}
	n := int(uint16(p[0])) //nolint:gosec // a word, whatever VR it came in
	if n == 0 {
		n = 1 << 16
	}
	l := &lut{first: int(uint16(p[1])), bits: int(uint16(p[2]))} //nolint:gosec // words
	if signed {
		l.first = int(int16(p[1])) //nolint:gosec // a word
	}
	if l.bits < 1 || l.bits > 16 {
		return 0, nil, wrong(descriptor, "bits of an entry")
	}
	return n, l, nil
}

// lutBytes returns the data of a table, which have come as OW, OB, US or SS.
func lutBytes(d *dicom.Dataset, data tag.Tag) (b []byte, big bool, err error) {
	e, ok := d.Element(data)
	if !ok || e.Empty() {
		return nil, false, missing(data)
	}
	if e.Length() > 1<<20 {
		return nil, false, wrong(data, "too long")
	}
	b, err = e.Bytes()
	return b, e.BigEndian(), err
}

// fill takes n entries from b: of a byte each if there are no more bytes than that.
func (l *lut) fill(b []byte, n int, big bool, data tag.Tag) error {
	l.values = make([]uint16, n)
	switch {
	case len(b) >= 2*n:
		for k := range l.values {
			l.values[k] = binary.LittleEndian.Uint16(b[2*k:])
			if big {
				l.values[k] = binary.BigEndian.Uint16(b[2*k:])
			}
		}
	case len(b) >= n && l.bits <= 8 || len(b) == n+n&1:
		for k := range l.values {
			at := k
			if big && k^1 < len(b) { // two of them in a word
				at = k ^ 1
			}
			l.values[k] = uint16(b[at])
		}
	default:
		return wrong(data, "shorter than its descriptor says")
	}
	return l.believe()
}

// believe corrects a number of bits that the entries contradict.
func (l *lut) believe() error {
	top := uint16(0)
	for _, v := range l.values {
		top = max(top, v)
	}
	for l.bits < 16 && int(top) >= 1<<l.bits {
		l.bits++
	}
	return nil
}
