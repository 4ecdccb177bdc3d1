package dicom

import (
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"

	"radagora/dicom/tag"
	"radagora/dicom/vr"
	"radagora/fault"
)

const undefined = 0xFFFFFFFF

const (
	tagItem    tag.Tag = 0xFFFEE000
	tagItemEnd tag.Tag = 0xFFFEE00D
	tagSeqEnd  tag.Tag = 0xFFFEE0DD
)

// A coding is how data elements are encoded.
type coding struct {
	implicit, big bool
}

// order returns the byte order.
func (c coding) order() binary.ByteOrder {
	if c.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// append returns the byte order for appending.
func (c coding) append() binary.AppendByteOrder {
	if c.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// A frame is an open sequence, item or run of fragments.
type frame struct {
	entry  uint32
	end    int64 // where it ends; -1 if a delimitation item says so
	kind   kind
	coding coding
	last   tag.Tag // the tag before, to see whether they ascend
	items  int
}

// A parser walks over a stream once and fills the index. It uses no recursion,
// and what it holds is bounded by its options.
type parser struct {
	x        *index
	s        *source
	o        Options
	warnings []Warning
	stack    []frame // stack[0] is the data set itself
	stop     func(tag.Tag) bool
	current  tag.Tag // the element being read, 0 between elements
	warned   bool    // about the order of tags
}

// A header is what stands before a value.
type header struct {
	tag    tag.Tag
	vr     vr.VR
	length uint32
	size   int // of the header itself, in bytes
}

// errEnd ends a walk that came to its end in good order.
var errEnd = errors.New("end of data set")

// run walks over the data set. Whatever it returns, the index is usable.
func (p *parser) run(c coding) error {
	p.stack = append(p.stack[:0], frame{end: -1, kind: item, coding: c})
	var err error
	for err == nil {
		p.closeEnded()
		err = p.step()
	}
	if errors.Is(err, errEnd) {
		err = nil
	}
	at := p.s.offset()
	for len(p.stack) > 1 {
		if p.top().end < 0 && err == nil {
			p.warn(WarnNoDelimiter, clauseSequence)
		}
		p.pop(at)
	}
	return err
}

// top returns the innermost open frame.
func (p *parser) top() *frame { return &p.stack[len(p.stack)-1] }

// push opens a frame for the entry that was added last. size is its declared length.
func (p *parser) push(k kind, length uint32, c coding) error {
	if len(p.stack) > 2*p.o.Depth {
		return fault.Errorf(fault.Exhausted, "sequences nested deeper than %d at byte %d", p.o.Depth, p.s.offset())
	}
	f := frame{entry: uint32(len(p.x.entries) - 1), end: -1, kind: k, coding: c} //nolint:gosec // bounded by Options.Elements
	if length != undefined {
		f.end = p.s.offset() + int64(length)
		if outer := p.limit(); outer >= 0 && f.end > outer {
			p.warn(WarnOverrun, clauseSequence)
			f.end = outer
		}
	}
	p.stack = append(p.stack, f)
	p.current = 0
	return nil
}

// pop closes the innermost frame, whose content ends at byte end.
func (p *parser) pop(end int64) {
	e := &p.x.entries[p.top().entry]
	e.size = end - e.off
	e.next = uint32(len(p.x.entries)) //nolint:gosec // bounded by Options.Elements
	p.stack = p.stack[:len(p.stack)-1]
}

// limit returns where the innermost enclosing defined length ends, or -1.
func (p *parser) limit() int64 {
	for i := len(p.stack) - 1; i > 0; i-- {
		if p.stack[i].end >= 0 {
			return p.stack[i].end
		}
	}
	return -1
}

// closeEnded pops the frames whose declared length is used up, and those inside
// them that still wait for a delimiter.
func (p *parser) closeEnded() {
	at := p.s.offset()
	for len(p.stack) > 1 {
		limit := p.limit()
		if limit < 0 || at < limit {
			return
		}
		if p.top().end < 0 {
			p.warn(WarnNoDelimiter, clauseSequence)
		}
		p.pop(at)
	}
}

// step reads one header and what belongs to it.
func (p *parser) step() error {
	f := p.top()
	b, err := p.s.peek(8)
	if err != nil {
		return p.atEnd(b, err)
	}
	t := readTag(b, f.coding.order())
	if t.Group() == 0xFFFE {
		return p.delimiter(t, b)
	}
	if f.kind != item {
		p.warn(WarnNoItem, clauseSequence)
		if f.end >= 0 || len(p.stack) == 1 {
			return p.abandon(f)
		}
		p.pop(p.s.offset())
		return nil
	}
	if len(p.stack) == 1 && p.stop != nil && p.stop(t) {
		return errEnd
	}
	p.current = t
	h, err := p.header(t, b)
	if err == nil {
		err = p.element(h)
	}
	p.current = 0
	return err
}

// readTag reads the four bytes of a tag.
func readTag(b []byte, order binary.ByteOrder) tag.Tag {
	return tag.New(order.Uint16(b), order.Uint16(b[2:]))
}

// atEnd decides what it means that fewer than eight bytes are left.
func (p *parser) atEnd(rest []byte, err error) error {
	if !errors.Is(err, io.EOF) {
		return failed(p.s.offset(), err)
	}
	if len(p.stack) > 1 {
		return p.truncated("a sequence")
	}
	if len(rest) == 0 {
		return errEnd
	}
	for _, c := range rest {
		if c != 0 {
			return p.truncated("the head of an element")
		}
	}
	p.warn(WarnPadding, clauseElement)
	p.s.take(len(rest))
	return errEnd
}

// truncated returns the error for an end that came too early, inside of what.
func (p *parser) truncated(what string) error {
	p.warn(WarnTruncated, clauseElement)
	return fault.Errorf(fault.Invalid, "the data end inside of %s, at byte %d%s", what, p.s.offset(), p.in())
}

// in says where the walk is, for errors.
func (p *parser) in() string {
	if path := p.path(); path != "" {
		return " in " + path
	}
	return ""
}

// abandon leaves a container whose content cannot be understood: what is left of
// it is passed over.
func (p *parser) abandon(f *frame) error {
	left := f.end - p.s.offset()
	if f.end < 0 || left <= 0 {
		return fault.Errorf(fault.Invalid, "no item where one should begin, at byte %d%s", p.s.offset(), p.in())
	}
	if _, err := p.s.skip(left); err != nil {
		return p.truncated("a sequence")
	}
	return nil
}

// header reads the head of an element that is no delimiter and consumes it.
func (p *parser) header(t tag.Tag, b []byte) (header, error) {
	c := p.top().coding
	h := header{tag: t, size: 8}
	if c.implicit {
		h.vr, h.length = tag.VROf(t), c.order().Uint32(b[4:])
		p.s.take(8)
		return h, nil
	}
	h.vr = vr.VR(b[4])<<8 | vr.VR(b[5])
	switch {
	case !upper(b[4]) || !upper(b[5]):
		return p.strangeVR(h, b)
	case !isLong(h.vr):
		h.length = uint32(c.order().Uint16(b[6:]))
		p.s.take(8)
		return h, nil
	}
	b, err := p.s.peek(12)
	if err != nil {
		return h, p.truncated("the head of an element")
	}
	if !h.vr.Known() {
		p.warn(WarnUnknownVR, clauseVR)
	}
	h.length, h.size = c.order().Uint32(b[8:]), 12
	p.s.take(12)
	return h, nil
}

// strangeVR reads an element whose VR is no two letters: it is taken for
// implicit VR if that gives a length that can be.
func (p *parser) strangeVR(h header, b []byte) (header, error) {
	h.vr, h.length = tag.VROf(h.tag), p.top().coding.order().Uint32(b[4:])
	room := p.limit()
	if room < 0 {
		room = p.s.size
	}
	if room >= 0 && h.length != undefined && p.s.offset()+8+int64(h.length) > room {
		return h, fault.Errorf(fault.Invalid, "no value representation and no possible length at byte %d%s", p.s.offset(), p.in())
	}
	if h.tag == 0 {
		return h, p.padding()
	}
	p.warn(WarnImplicit, clauseVR)
	p.s.take(8)
	return h, nil
}

// padding accepts zeros up to the end behind the last element.
func (p *parser) padding() error {
	if len(p.stack) == 1 {
		for {
			b, err := p.s.peek(8)
			for _, c := range b {
				if c != 0 {
					return fault.Errorf(fault.Invalid, "no element begins at byte %d", p.s.offset())
				}
			}
			p.s.take(len(b))
			if err != nil {
				p.warn(WarnPadding, clauseElement)
				return errEnd
			}
		}
	}
	return fault.Errorf(fault.Invalid, "no element begins at byte %d%s", p.s.offset(), p.in())
}

// upper reports whether c is a capital letter.
func upper(c byte) bool { return c >= 'A' && c <= 'Z' }

// isLong is vr.VR.Long without a look-up for those that are met most.
func isLong(v vr.VR) bool {
	switch v {
	case vr.AE, vr.AS, vr.AT, vr.CS, vr.DA, vr.DS, vr.DT, vr.FD, vr.FL, vr.IS, vr.LO, vr.LT,
		vr.PN, vr.SH, vr.SL, vr.SS, vr.ST, vr.TM, vr.UI, vr.UL, vr.US:
		return false
	}
	return true
}

// element adds the entry of h and opens it or passes over its value.
func (p *parser) element(h header) error {
	f := p.top()
	if h.tag <= f.last && f.last != 0 && !p.warned {
		p.warned = true
		p.warn(WarnOrder, clauseOrder)
	}
	f.last = h.tag
	c := f.coding
	k := p.kindOf(h)
	if err := p.add(entry{off: p.s.offset(), tag: h.tag, vr: h.vr, kind: k, big: c.big}); err != nil {
		return err
	}
	switch k {
	case sequence:
		if h.vr == vr.UN { // its items are implicit VR little endian
			c = coding{implicit: true}
			p.x.entries[len(p.x.entries)-1].vr = vr.SQ
		}
		return p.push(k, h.length, c)
	case fragments:
		return p.push(k, h.length, c)
	default:
	}
	if h.length == undefined {
		return fault.Errorf(fault.Invalid, "undefined length of %v at byte %d%s", h.vr, p.s.offset(), p.in())
	}
	return p.value(int64(h.length))
}

// kindOf tells what the value of h is, looking at its first bytes where the
// standard leaves room for doubt.
func (p *parser) kindOf(h header) kind {
	switch {
	case h.vr == vr.SQ:
		return sequence
	case h.vr == vr.UN && h.length == undefined:
		return sequence // PS3.5 6.2.2 note: implicit VR items
	case h.length == undefined && (h.vr == vr.OB || h.vr == vr.OW):
		if p.top().coding.implicit && h.tag != tag.PixelData {
			p.warn(WarnUndefined, clauseFragment)
		}
		return fragments
	case h.length == undefined && p.nextIsItem(p.top().coding):
		p.warn(WarnUndefined, clauseElement)
		return sequence
	case h.vr == vr.UN && h.length >= 8 && tag.VROf(h.tag) == vr.SQ && p.nextIsItem(coding{implicit: true}):
		return sequence // a sequence that passed through somebody who did not know it
	}
	return element
}

// nextIsItem reports whether an item begins here.
func (p *parser) nextIsItem(c coding) bool {
	b, err := p.s.peek(4)
	return err == nil && readTag(b, c.order()) == tagItem
}

// add appends an entry.
func (p *parser) add(e entry) error {
	if len(p.x.entries) >= p.o.Elements {
		return fault.Errorf(fault.Exhausted, "more than %d elements", p.o.Elements)
	}
	e.next = uint32(len(p.x.entries) + 1) //nolint:gosec // bounded by Options.Elements
	p.x.entries = append(p.x.entries, e)
	return nil
}

// value passes over the n bytes of the element or fragment that was added last.
func (p *parser) value(n int64) error {
	e := &p.x.entries[len(p.x.entries)-1]
	if n&1 != 0 {
		p.warn(WarnOddLength, clauseElement)
	}
	if limit := p.limit(); limit >= 0 && p.s.offset()+n > limit {
		p.warn(WarnOverrun, clauseElement)
		n = max(0, limit-p.s.offset())
	}
	got, err := p.s.skip(n)
	e.size = got
	if err != nil && got < n {
		if !errors.Is(err, io.EOF) {
			return failed(p.s.offset(), err)
		}
		return p.truncated("the value of " + e.tag.String())
	}
	return nil
}

// delimiter handles the elements of group FFFE, which have no VR.
func (p *parser) delimiter(t tag.Tag, b []byte) error {
	f := p.top()
	length := f.coding.order().Uint32(b[4:])
	p.s.take(8)
	switch t {
	case tagItem:
		return p.item(f, length)
	case tagItemEnd:
		return p.close(item, length)
	case tagSeqEnd:
		return p.closeSequence(length)
	}
	return fault.Errorf(fault.Invalid, "unknown %v at byte %d%s", t, p.s.offset(), p.in())
}

// item opens an item or passes over a fragment.
func (p *parser) item(f *frame, length uint32) error {
	f.items++
	switch f.kind {
	case sequence:
		if err := p.add(entry{off: p.s.offset(), tag: tagItem, kind: item, big: f.coding.big}); err != nil {
			return err
		}
		return p.push(item, length, f.coding)
	case fragments:
		if length == undefined {
			return fault.Errorf(fault.Invalid, "fragment of undefined length at byte %d%s", p.s.offset(), p.in())
		}
		if err := p.add(entry{off: p.s.offset(), tag: tagItem, kind: fragment}); err != nil {
			return err
		}
		return p.value(int64(length))
	default:
	}
	if len(p.stack) > 1 && f.end < 0 { // the delimiter of the item before is missing
		p.warn(WarnNoDelimiter, clauseSequence)
		p.pop(p.s.offset() - 8)
		return p.item(p.top(), length)
	}
	return fault.Errorf(fault.Invalid, "an item outside of a sequence, at byte %d%s", p.s.offset(), p.in())
}

// close ends the open item, of undefined length or not.
func (p *parser) close(k kind, length uint32) error {
	if length != 0 {
		p.warn(WarnDelimiter, clauseSequence)
	}
	if f := p.top(); len(p.stack) > 1 && f.kind == k && f.end < 0 {
		p.pop(p.s.offset() - 8)
		return nil
	}
	p.warn(WarnDelimiter, clauseSequence)
	return nil
}

// closeSequence ends the open sequence, and an item in it that nobody closed.
func (p *parser) closeSequence(length uint32) error {
	if length != 0 {
		p.warn(WarnDelimiter, clauseSequence)
	}
	at := p.s.offset() - 8
	if f := p.top(); len(p.stack) > 2 && f.kind == item && f.end < 0 && p.stack[len(p.stack)-2].end < 0 {
		p.warn(WarnNoDelimiter, clauseSequence)
		p.pop(at)
	}
	if f := p.top(); len(p.stack) > 1 && f.kind != item && f.end < 0 {
		p.pop(at)
		return nil
	}
	p.warn(WarnDelimiter, clauseSequence)
	return nil
}

// warn notes a deviation at the present place.
func (p *parser) warn(code, clause string) {
	if len(p.warnings) < maxWarnings {
		p.warnings = append(p.warnings, Warning{Path: p.path(), Code: code, Clause: clause, Offset: p.s.offset()})
	}
}

// path names the open containers and the element that was read last.
func (p *parser) path() string {
	var b strings.Builder
	for i, f := range p.stack {
		switch {
		case i == 0:
			continue
		case f.kind == item:
			b.WriteString("[" + strconv.Itoa(p.stack[i-1].items) + "]")
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(p.x.entries[f.entry].tag.String())
		}
	}
	if p.current != 0 {
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(p.current.String())
	}
	return b.String()
}
