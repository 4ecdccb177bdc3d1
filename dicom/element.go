package dicom

import (
	"encoding/binary"
	"io"
	"math"
	"strconv"
	"strings"

	"radagora/dicom/charset"
	"radagora/dicom/tag"
	"radagora/dicom/vr"
	"radagora/fault"
)

// maxText bounds what Text and Texts decode of one value. Longer ones are for
// Bytes or Open.
const maxText = 16 << 20

// An Element is one data element of a Dataset.
type Element struct {
	d *Dataset
	i uint32
}

// entry returns what the index holds.
func (e Element) entry() *entry { return &e.d.x.entries[e.i] }

// Tag returns the tag.
func (e Element) Tag() tag.Tag { return e.entry().tag }

// VR returns the value representation: the one in the stream, or in implicit VR
// that of the dictionary. A sequence that was sent as UN is SQ.
func (e Element) VR() vr.VR { return e.entry().vr }

// Length returns the number of bytes of the value, padding included; of a
// sequence, those of its items.
func (e Element) Length() int64 { return e.entry().size }

// Offset returns where the value begins in the source, or in the inflated bytes
// of a deflated data set.
func (e Element) Offset() int64 { return e.entry().off }

// Empty reports whether the value has no bytes, or a sequence no items.
func (e Element) Empty() bool {
	c := e.entry()
	if c.container() {
		return c.next == e.i+1
	}
	return c.size == 0
}

// Sequence reports whether the value is items.
func (e Element) Sequence() bool { return e.entry().kind == sequence }

// Encapsulated reports whether the value is fragments.
func (e Element) Encapsulated() bool { return e.entry().kind == fragments }

// BigEndian reports whether numbers in the value are big endian.
func (e Element) BigEndian() bool { return e.entry().big }

// Bytes returns the value as it stands in the stream. The caller must not change
// it. It fails with Unavailable if the value was not kept and the source cannot
// seek, and with Unsupported for items and fragments.
func (e Element) Bytes() ([]byte, error) {
	c := e.entry()
	if c.container() {
		return nil, fault.Errorf(fault.Unsupported, "%v is no single value", c.tag)
	}
	b, err := e.d.x.src.load(c.off, c.size)
	if err != nil {
		return nil, fault.Errorf(fault.Of(err), "value of %v: %w", c.tag, err)
	}
	return b, nil
}

// Open returns a reader over the value for values of any length. Errors are
// those of Bytes.
func (e Element) Open() (io.Reader, error) {
	c := e.entry()
	if s := e.d.x.src; s.at != nil && !c.container() {
		return io.NewSectionReader(s.at, c.off, c.size), nil
	}
	b, err := e.Bytes()
	if err != nil {
		return nil, err
	}
	return strings.NewReader(string(b)), nil
}

// Items returns the items of a sequence, nil for anything else.
func (e Element) Items() []*Dataset {
	c := e.entry()
	if c.kind != sequence {
		return nil
	}
	var all []*Dataset
	for i := e.i + 1; i < c.next; i = e.d.x.entries[i].next {
		d := &Dataset{x: e.d.x, lo: i + 1, hi: e.d.x.entries[i].next, set: e.d.set}
		d.set, _ = d.ownSet()
		all = append(all, d)
	}
	return all
}

// A Fragment is a piece of encapsulated pixel data; the first one of an element
// is its basic offset table (PS3.5 A.4).
type Fragment struct {
	Offset, Length int64
}

// Fragments returns where the fragments are, nil for anything else.
func (e Element) Fragments() []Fragment {
	c := e.entry()
	if c.kind != fragments {
		return nil
	}
	all := make([]Fragment, 0, c.next-e.i-1)
	for i := e.i + 1; i < c.next; i++ {
		all = append(all, Fragment{Offset: e.d.x.entries[i].off, Length: e.d.x.entries[i].size})
	}
	return all
}

// raw returns the value, or nil if it cannot be had or is not worth decoding.
func (e Element) raw() []byte {
	if c := e.entry(); c.container() || c.size > maxText {
		return nil
	}
	b, err := e.Bytes()
	if err != nil {
		return nil
	}
	return b
}

// meaning returns the VR to decode by: for UN that of the dictionary, whose
// values are then little endian (PS3.5 6.2.2).
func (e Element) meaning() (v vr.VR, order binary.ByteOrder) {
	c := e.entry()
	if c.vr == vr.UN {
		return tag.VROf(c.tag), binary.LittleEndian
	}
	return c.vr, coding{big: c.big}.order()
}

// Text returns the first value as text; see Dataset.Text.
func (e Element) Text() string {
	v, _ := e.meaning()
	b := e.raw()
	if !v.Textual() {
		if all := e.numbers(); len(all) > 0 {
			return all[0]
		}
		return ""
	}
	if v.Single() {
		return e.decode(v, b)
	}
	if !v.Text() {
		for i, c := range b {
			if c == '\\' {
				b = b[:i]
				break
			}
		}
		return e.decode(v, b)
	}
	if all := e.d.set.Split(b); len(all) > 0 {
		return e.decode(v, all[0])
	}
	return ""
}

// Texts returns all values as text; see Dataset.Texts.
func (e Element) Texts() []string {
	v, _ := e.meaning()
	b := e.raw()
	if !v.Textual() {
		return e.numbers()
	}
	if len(b) == 0 {
		return nil
	}
	if v.Single() {
		return []string{e.decode(v, b)}
	}
	var parts [][]byte
	if v.Text() {
		parts = e.d.set.Split(b)
	} else {
		parts = split(b)
	}
	all := make([]string, len(parts))
	for i, part := range parts {
		all[i] = e.decode(v, part)
	}
	if len(all) == 1 && all[0] == "" {
		return nil
	}
	return all
}

// split cuts b at its backslashes.
func split(b []byte) [][]byte {
	var all [][]byte
	from := 0
	for i, c := range b {
		if c == '\\' {
			all = append(all, b[from:i])
			from = i + 1
		}
	}
	return append(all, b[from:])
}

// decode turns one value into UTF-8 without padding. Leading spaces are padding
// too, except in running text (PS3.5 6.2).
func (e Element) decode(v vr.VR, b []byte) string {
	k := charset.Text
	if v == vr.PN {
		k = charset.Name
	}
	var s string
	if v.Text() {
		s, _ = e.d.set.Decode(b, k)
	} else {
		s, _ = charset.Set{}.Decode(b, k)
	}
	if v.Single() {
		return strings.TrimRight(s, " \x00")
	}
	return strings.Trim(s, " \x00")
}

// Ints returns all values as whole numbers; see Dataset.Ints.
func (e Element) Ints() []int64 {
	v, order := e.meaning()
	if v.Textual() {
		return whole(e.Texts())
	}
	b, n := e.raw(), v.WordSize()
	if !v.Binary() || v == vr.FL || v == vr.FD || v == vr.AT {
		return nil
	}
	all := make([]int64, 0, len(b)/n)
	for ; len(b) >= n; b = b[n:] {
		all = append(all, integer(v, b, order))
	}
	return all
}

// integer decodes one binary whole number. A UV beyond the range of int64 wraps.
func integer(v vr.VR, b []byte, order binary.ByteOrder) int64 {
	switch v {
	case vr.SS:
		return int64(int16(order.Uint16(b))) //nolint:gosec // two's complement is what SS is
	case vr.US:
		return int64(order.Uint16(b))
	case vr.SL:
		return int64(int32(order.Uint32(b))) //nolint:gosec // two's complement is what SL is
	case vr.UL:
		return int64(order.Uint32(b))
	}
	return int64(order.Uint64(b)) //nolint:gosec // documented: SV is signed, UV wraps
}

// whole parses decimal strings that are whole numbers.
func whole(texts []string) []int64 {
	all := make([]int64, 0, len(texts))
	for _, s := range texts {
		s = strings.TrimSpace(s)
		if i := strings.IndexByte(s, '.'); i >= 0 && strings.Trim(s[i+1:], "0") == "" {
			s = s[:i]
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil
		}
		all = append(all, n)
	}
	return all
}

// Floats returns all values as numbers; see Dataset.Floats.
func (e Element) Floats() []float64 {
	v, order := e.meaning()
	switch {
	case v.Textual():
		return decimals(e.Texts())
	case v == vr.FL || v == vr.FD:
		b, n := e.raw(), v.WordSize()
		all := make([]float64, 0, len(b)/n)
		for ; len(b) >= n; b = b[n:] {
			if v == vr.FL {
				all = append(all, float64(math.Float32frombits(order.Uint32(b))))
			} else {
				all = append(all, math.Float64frombits(order.Uint64(b)))
			}
		}
		return all
	}
	var all []float64
	for _, n := range e.Ints() {
		all = append(all, float64(n))
	}
	return all
}

// decimals parses decimal strings.
func decimals(texts []string) []float64 {
	all := make([]float64, 0, len(texts))
	for _, s := range texts {
		f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil {
			return nil
		}
		all = append(all, f)
	}
	return all
}

// numbers writes binary values in decimal, and tags as (gggg,eeee).
func (e Element) numbers() []string {
	v, order := e.meaning()
	var all []string
	switch {
	case v == vr.AT:
		for b := e.raw(); len(b) >= 4; b = b[4:] {
			all = append(all, readTag(b, order).String())
		}
	case v == vr.FL:
		for _, f := range e.Floats() {
			all = append(all, strconv.FormatFloat(f, 'g', -1, 32))
		}
	case v == vr.FD:
		for _, f := range e.Floats() {
			all = append(all, strconv.FormatFloat(f, 'g', -1, 64))
		}
	case v == vr.UV:
		for b := e.raw(); len(b) >= 8; b = b[8:] {
			all = append(all, strconv.FormatUint(order.Uint64(b), 10))
		}
	case v.Binary():
		for _, n := range e.Ints() {
			all = append(all, strconv.FormatInt(n, 10))
		}
	}
	return all
}
