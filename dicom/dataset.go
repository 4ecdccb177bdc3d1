package dicom

import (
	"iter"

	"radagora/dicom/charset"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// A Dataset is a run of data elements: that of a file, or an item of a sequence.
// It is read only and cheap to copy. Its methods never fail: what is absent,
// empty or unreadable is the zero value, since for whoever reads a Type 2 or 3
// element these are the same (PS3.5 7.4); Element tells them apart.
type Dataset struct {
	x      *index
	lo, hi uint32
	set    charset.Set
}

// empty returns a data set without elements.
func empty() *Dataset { return &Dataset{x: &index{src: &source{}}} }

// Len returns the number of elements, those inside sequences not counted.
func (d *Dataset) Len() int {
	n := 0
	for i := d.lo; i < d.hi; i = d.x.entries[i].next {
		n++
	}
	return n
}

// All iterates over the elements in the order of the stream.
func (d *Dataset) All() iter.Seq[Element] {
	return func(yield func(Element) bool) {
		for i := d.lo; i < d.hi; i = d.x.entries[i].next {
			if !yield(Element{d: d, i: i}) {
				return
			}
		}
	}
}

// Element returns the element with tag t and whether there is one. If there are
// several, it is the first.
func (d *Dataset) Element(t tag.Tag) (Element, bool) {
	i, ok := d.x.find(t, d.lo, d.hi)
	return Element{d: d, i: i}, ok
}

// Has reports whether an element with tag t is there, be it empty.
func (d *Dataset) Has(t tag.Tag) bool {
	_, ok := d.x.find(t, d.lo, d.hi)
	return ok
}

// Text returns the first value of t as text: decoded to UTF-8, without padding.
// Numbers are written in decimal.
func (d *Dataset) Text(t tag.Tag) string {
	e, ok := d.Element(t)
	if !ok {
		return ""
	}
	return e.Text()
}

// Texts returns all values of t as Text does. It is nil if t is absent or empty.
func (d *Dataset) Texts(t tag.Tag) []string {
	e, ok := d.Element(t)
	if !ok {
		return nil
	}
	return e.Texts()
}

// Int returns the first value of t as a whole number and whether it is one. A
// decimal string with nothing but zeros behind the point counts as one.
func (d *Dataset) Int(t tag.Tag) (int64, bool) {
	if all := d.Ints(t); len(all) > 0 {
		return all[0], true
	}
	return 0, false
}

// Ints returns all values of t as whole numbers, or nil if one of them is not.
func (d *Dataset) Ints(t tag.Tag) []int64 {
	e, ok := d.Element(t)
	if !ok {
		return nil
	}
	return e.Ints()
}

// Float returns the first value of t as a number and whether it is one.
func (d *Dataset) Float(t tag.Tag) (float64, bool) {
	if all := d.Floats(t); len(all) > 0 {
		return all[0], true
	}
	return 0, false
}

// Floats returns all values of t as numbers, or nil if one of them is not.
func (d *Dataset) Floats(t tag.Tag) []float64 {
	e, ok := d.Element(t)
	if !ok {
		return nil
	}
	return e.Floats()
}

// UID returns the first value of t as a unique identifier, the zero UID if it is
// none. Text returns what stands there all the same.
func (d *Dataset) UID(t tag.Tag) uid.UID {
	u, err := uid.Parse(d.Text(t))
	if err != nil {
		return uid.UID{}
	}
	return u
}

// UIDs returns the values of t that are unique identifiers.
func (d *Dataset) UIDs(t tag.Tag) []uid.UID {
	var all []uid.UID
	for _, s := range d.Texts(t) {
		if u, err := uid.Parse(s); err == nil {
			all = append(all, u)
		}
	}
	return all
}

// Items returns the items of the sequence t. Each takes on the character set of
// d unless it declares its own (PS3.3 C.12.1.1.2).
func (d *Dataset) Items(t tag.Tag) []*Dataset {
	e, ok := d.Element(t)
	if !ok {
		return nil
	}
	return e.Items()
}

// Item returns the first item of the sequence t; an empty data set, never nil,
// if there is none.
func (d *Dataset) Item(t tag.Tag) *Dataset {
	if all := d.Items(t); len(all) > 0 {
		return all[0]
	}
	return empty()
}

// CharacterSet returns the character set that text in d is in.
func (d *Dataset) CharacterSet() charset.Set { return d.set }

// ownSet returns the character set that d declares itself, or has from what
// encloses it, and what is wrong with the declaration.
func (d *Dataset) ownSet() (charset.Set, []charset.Problem) {
	e, ok := d.Element(tag.SpecificCharacterSet)
	if !ok {
		return d.set, nil
	}
	return charset.Parse(e.Texts())
}
