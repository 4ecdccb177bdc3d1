package hl7

import (
	"bytes"
	"slices"

	"radagora/fault"
)

// Set writes text at a path, escaped and encoded as the message is; "" empties it.
// Parts before it that are not there are made, and so is the segment that would be
// next of its name, at the end. All other bytes stay as they are. Errors are of kind
// Invalid: a path with [*], MSH-1 and MSH-2, a segment or part beyond the limits, or
// a character the message cannot write.
func (m *Message) Set(path, text string) error {
	b, err := m.g.escaped(text)
	if err != nil {
		return err
	}
	return m.set(path, b)
}

// SetNull writes "" at a path, which says that there is no value.
func (m *Message) SetNull(path string) error { return m.set(path, []byte(`""`)) }

// SetRaw writes bytes at a path as they are, delimiters included. They hold no line
// end and none of the bytes that frame messages.
func (m *Message) SetRaw(path string, b []byte) error {
	if i := bytes.IndexAny(b, "\r\n\x00\x0B\x1C"); i >= 0 {
		return fault.Errorf(fault.Invalid, "hl7: set %s: byte %d cannot stand in a field", path, i)
	}
	return m.set(path, slices.Clone(b))
}

func (m *Message) set(path string, b []byte) error {
	p, err := ParsePath(path)
	if err != nil {
		return err
	}
	switch {
	case p.Field == 0, p.Occurrence == Every, p.Repetition == Every:
		return fault.Errorf(fault.Invalid, "hl7: set %s: the path names no single field", path)
	case p.Field <= 2 && (Segment{raw: []byte(p.Segment)}).header():
		return fault.Errorf(fault.Invalid, "hl7: set %s: the delimiters of a message cannot be changed", path)
	}
	i := m.find(p.Segment, max(1, p.Occurrence))
	if i < 0 {
		if m.count(p.Segment)+1 != max(1, p.Occurrence) {
			return fault.Errorf(fault.Invalid, "hl7: set %s: the segment before it is not there", path)
		}
		if i, err = m.Insert(len(m.segments), p.Segment); err != nil {
			return err
		}
	}
	return m.replace(i, p, b)
}

// replace writes b at p in segment i.
func (m *Message) replace(i int, p Path, b []byte) error {
	s := m.segments[i]
	n := p.Field
	if s.header() {
		n--
	}
	limits := DefaultLimits()
	if n > limits.Fields || p.Repetition > limits.Fields || p.Component > limits.Fields || p.Subcomponent > limits.Fields {
		return fault.Errorf(fault.Invalid, "hl7: set %s: no message has so many", p)
	}
	old := s.part(n)
	var err error
	if p.Repetition > 0 || p.Component > 0 {
		if b, err = m.g.place(old, b, []hop{
			{m.g.Repetition, max(1, p.Repetition)}, {m.g.Component, p.Component}, {m.g.Subcomponent, p.Subcomponent},
		}); err != nil {
			return err
		}
	}
	raw, err := m.g.place(s.raw, b, []hop{{m.g.Field, n + 1}})
	if err != nil {
		return err
	}
	next := Segment{g: m.g, raw: raw, end: s.end}
	if err := next.index(limits); err != nil {
		return err
	}
	m.segments = slices.Clone(m.segments)
	m.segments[i] = next
	return nil
}

// A hop is one step of a path into a value: part n between separators.
type hop struct {
	separator byte
	n         int // 0 is the whole
}

// place returns old with b in the place that steps lead to.
func (g *grammar) place(old, b []byte, steps []hop) ([]byte, error) {
	if len(steps) == 0 || steps[0].n == 0 {
		return b, nil
	}
	sep, n := steps[0].separator, steps[0].n
	from, missing := 0, 0
	for k := 1; k < n; k++ {
		i := g.index(old[from:], sep)
		if i < 0 {
			missing = n - k
			from = len(old)
			break
		}
		from += i + 1
	}
	if missing > 0 && sep == 0 {
		return nil, fault.Errorf(fault.Invalid, "hl7: the message has no separator for that")
	}
	to := len(old)
	if i := g.index(old[from:], sep); i >= 0 && missing == 0 {
		to = from + i
	}
	inner, err := g.place(old[from:to], b, steps[1:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(old)+missing+len(inner))
	out = append(out, old[:from]...)
	out = append(out, bytes.Repeat([]byte{sep}, missing)...)
	out = append(out, inner...)
	return append(out, old[to:]...), nil
}

// Insert makes an empty segment before the segment at index i of Segments (at the
// end for their number) and returns the index. Errors are of kind Invalid.
func (m *Message) Insert(i int, name string) (int, error) {
	if i < 1 || i > len(m.segments) || len(name) != 3 || !m.g.named([]byte(name)) || (Segment{raw: []byte(name)}).header() {
		return 0, fault.Errorf(fault.Invalid, "hl7: insert a segment at %d of %d: it needs a name, and stands behind MSH", i, len(m.segments))
	}
	end := m.terminator()
	s := Segment{g: m.g, raw: []byte(name), end: end, cuts: []uint32{3}}
	m.segments = slices.Clone(m.segments)
	if last := &m.segments[i-1]; len(last.end) == 0 {
		last.end = end
	}
	m.segments = slices.Insert(m.segments, i, s)
	return i, nil
}

// Remove takes the nth segment of a name away, and whether there was one. MSH stays.
func (m *Message) Remove(name string, n int) bool {
	i := m.find(name, n)
	if i < 1 {
		return false
	}
	m.segments = slices.Delete(slices.Clone(m.segments), i, i+1)
	return true
}

// terminator returns what ends segments in this message: what ends the first, or CR.
func (m *Message) terminator() []byte {
	switch end := m.segments[0].end; {
	case bytes.HasPrefix(end, []byte("\r\n")):
		return end[:2:2]
	case len(end) > 0:
		return end[:1:1]
	default:
		return []byte{'\r'}
	}
}

// Clone returns a message that can be edited without this one. Bytes are shared and
// never changed.
func (m *Message) Clone() *Message {
	c := *m
	c.segments, c.Warnings = slices.Clone(m.segments), slices.Clone(m.Warnings)
	return &c
}
