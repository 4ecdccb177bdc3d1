package dicom

import (
	"bytes"
	"cmp"
	"slices"

	"radagora/dicom/tag"
	"radagora/dicom/vr"
)

// A Difference is an element of two data sets, held side by side.
type Difference struct {
	Depth   int
	Tag     tag.Tag
	VR      vr.VR
	Name    string
	Creator string // of a private element: who reserved its block (PS3.5 7.8.1), "" if nobody did
	A, B    string // one line of each value; "" where there is none
	HasA    bool
	HasB    bool
	Item    bool // the beginning of an item, counted from 1 in its name
	Same    bool // both have it, with the same value
	Unread  bool // too large to be compared byte by byte: the lengths are the same
}

// mostCompared bounds how many bytes of a value are held to be compared.
const mostCompared = 4 << 20

// Compare holds two data sets side by side: every element that either has, in order,
// those of sequences below them, item by item. Values count, not how they are encoded.
func Compare(a, b *Dataset) []Difference {
	var all []Difference
	compare(a, b, 0, &all)
	return all
}

// compare adds the elements of two data sets, of which either may be nil.
func compare(a, b *Dataset, depth int, all *[]Difference) (same bool) {
	same = true
	as, bs := elements(a), elements(b)
	for len(as) > 0 || len(bs) > 0 {
		var ea, eb *Element
		switch {
		case len(bs) == 0 || len(as) > 0 && as[0].Tag() < bs[0].Tag():
			ea, as = &as[0], as[1:]
		case len(as) == 0 || bs[0].Tag() < as[0].Tag():
			eb, bs = &bs[0], bs[1:]
		default:
			ea, as, eb, bs = &as[0], as[1:], &bs[0], bs[1:]
		}
		same = pair(a, b, ea, eb, depth, all) && same
	}
	return same
}

// elements are those of a data set in order.
func elements(d *Dataset) []Element {
	if d == nil {
		return nil
	}
	list := slices.Collect(d.All())
	slices.SortStableFunc(list, func(x, y Element) int { return cmp.Compare(x.Tag(), y.Tag()) })
	return list
}

// pair adds an element that at least one data set has, and what is below it.
func pair(a, b *Dataset, ea, eb *Element, depth int, all *[]Difference) bool {
	d := Difference{Depth: depth, HasA: ea != nil, HasB: eb != nil}
	one, in := ea, a
	if one == nil {
		one, in = eb, b
	}
	line := lineOf(*one, depth)
	d.Tag, d.VR, d.Name = one.Tag(), one.VR(), line.Name
	if one.Tag().Private() {
		d.Creator = creator(in, one.Tag())
	}
	var itemsA, itemsB []*Dataset
	if ea != nil {
		d.A, itemsA = lineOf(*ea, depth).Value, ea.Items()
	}
	if eb != nil {
		d.B, itemsB = lineOf(*eb, depth).Value, eb.Items()
	}
	at := len(*all)
	*all = append(*all, d)
	d.Same = ea != nil && eb != nil && len(itemsA) == len(itemsB)
	if d.Same && !ea.Sequence() {
		d.Same, d.Unread = equal(*ea, *eb)
	}
	for i := range max(len(itemsA), len(itemsB)) {
		item := Difference{Depth: depth + 1, Tag: tagItem, Item: true, HasA: i < len(itemsA), HasB: i < len(itemsB)}
		var x, y *Dataset
		if item.HasA {
			x = itemsA[i]
		}
		if item.HasB {
			y = itemsB[i]
		}
		k := len(*all)
		*all = append(*all, item)
		same := compare(x, y, depth+2, all) && item.HasA && item.HasB
		(*all)[k].Same = same
		d.Same = d.Same && same
	}
	(*all)[at] = d
	return d.Same
}

// creator returns who reserved the block of a private element.
func creator(d *Dataset, t tag.Tag) string {
	if d == nil {
		return ""
	}
	block := tag.Tag(uint32(t)&0xFFFF0000 | uint32(t)>>8&0xFF)
	if e, ok := d.Element(block); ok && block != t {
		text, _ := oneLine(e.Text())
		return text
	}
	if uint32(t)&0xFFFF < 0x100 { // it is one that reserves
		if e, ok := d.Element(t); ok {
			text, _ := oneLine(e.Text())
			return text
		}
	}
	return ""
}

// equal reports whether two values are, and whether only their lengths were looked at.
func equal(a, b Element) (same, unread bool) {
	va, _ := a.meaning()
	vb, _ := b.meaning()
	switch {
	case a.Encapsulated() || b.Encapsulated():
		fa, fb := a.Fragments(), b.Fragments()
		return a.Encapsulated() == b.Encapsulated() && len(fa) == len(fb) && a.Length() == b.Length(), true
	case (va.Textual() || va.Binary()) && (vb.Textual() || vb.Binary()) && a.Length() <= mostCompared && b.Length() <= mostCompared:
		return slices.Equal(a.Texts(), b.Texts()), false
	case a.Length() > mostCompared || b.Length() > mostCompared:
		return a.Length() == b.Length(), true
	}
	x, err1 := a.Bytes()
	y, err2 := b.Bytes()
	return err1 == nil && err2 == nil && bytes.Equal(x, y), false
}
