package dicom

import (
	"bufio"
	"compress/flate"
	"io"
	"math"

	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// Load returns n bytes of the value of e from its byte off on, counted from
// where the value begins; of encapsulated pixel data, from where its first item
// does. The caller must not change them. Errors are Invalid (they are not part
// of the value) and Unavailable as for Bytes.
func (e Element) Load(off, n int64) ([]byte, error) {
	c := e.entry()
	if off < 0 || n < 0 || off > c.size || n > c.size-off {
		return nil, fault.Errorf(fault.Invalid, "%d bytes at %d of %v, which has %d", n, off, c.tag, c.size)
	}
	b, err := e.d.x.src.load(c.off+off, n)
	if err != nil {
		return nil, fault.Errorf(fault.Of(err), "value of %v: %w", c.tag, err)
	}
	return b, nil
}

// Changes are what WriteChanged writes differently. The zero value changes nothing.
type Changes struct {
	// Set holds elements that take the place of those of the data set, or join
	// them; nil for none. It comes from a Builder.
	Set *Dataset
	// Drop, if set, tells which elements of the data set are left out.
	Drop func(Element) bool
	// Pixels, if set, writes the element Pixel Data, head and all, in the place
	// of that of the data set.
	Pixels func(w io.Writer) error
}

// WriteChanged is Write with some elements of the data set itself, not of its
// items, changed on the way. Values are copied as they are read, so that an
// object of any size takes little memory. Text in c.Set is in the character set
// of c.Set; it should be ASCII.
func WriteChanged(w io.Writer, d *Dataset, syntax uid.UID, c Changes) error {
	s, known := uid.SyntaxOf(syntax)
	if !known {
		return fault.Errorf(fault.Unsupported, "transfer syntax %v is not known", syntax)
	}
	if !s.Deflated {
		return writeChanged(w, d, s, c)
	}
	z, err := flate.NewWriter(w, flate.DefaultCompression)
	if err != nil {
		return err
	}
	if err := writeChanged(z, d, s, c); err != nil {
		return err
	}
	return z.Close()
}

// writeChanged merges d and c.Set by tag.
func writeChanged(to io.Writer, d *Dataset, s uid.Syntax, c Changes) error {
	b := bufio.NewWriterSize(to, 64<<10)
	if c.Set == nil {
		c.Set = empty()
	}
	old, put := newWriter(b, d, s), newWriter(b, c.Set, s)
	j := c.Set.lo
	putBelow := func(t tag.Tag) error {
		for ; j < c.Set.hi && put.x.entries[j].tag <= t; j = put.x.entries[j].next {
			if put.x.entries[j].tag == tag.SpecificCharacterSet {
				continue // that of d counts
			}
			if err := put.entry(j); err != nil {
				return err
			}
		}
		return nil
	}
	for i := d.lo; i < d.hi; i = d.x.entries[i].next {
		e := Element{d: d, i: i}
		if err := putBelow(e.Tag() - 1); err != nil {
			return err
		}
		var err error
		switch {
		case e.Tag() == tag.PixelData && c.Pixels != nil:
			err = c.Pixels(b)
		case e.Tag() != tag.SpecificCharacterSet && c.Set.Has(e.Tag()):
			err = putBelow(e.Tag())
		case c.Drop != nil && c.Drop(e):
		default:
			err = old.entry(i)
		}
		if err != nil {
			return err
		}
	}
	if err := putBelow(math.MaxUint32); err != nil {
		return err
	}
	return b.Flush()
}

// newWriter returns a writer for the elements of d.
func newWriter(b *bufio.Writer, d *Dataset, s uid.Syntax) *writer {
	w := &writer{w: b, x: d.x, c: coding{implicit: s.Implicit, big: s.BigEndian}, packed: s.Encapsulated}
	w.measure(d)
	return w
}
