package hl7

import (
	"fmt"
	"log/slog"

	"radagora/fault"
)

// A Segment is one segment of a message, as it was sent. The zero Segment has no
// name and no fields. It hides its values when printed.
type Segment struct {
	g    *grammar
	raw  []byte   // without what ends it
	end  []byte   // what ends it; may be empty for the last one
	cuts []uint32 // where each part between field separators ends, the name included
}

// index finds the fields.
func (s *Segment) index(l Limits) error {
	n := s.g.count(s.raw, s.g.Field, l.Fields)
	if n > l.Fields {
		return fault.Errorf(fault.Exhausted, "hl7: %s: more than %d fields", s.Name(), l.Fields)
	}
	if r := s.g.count(s.raw, s.g.Repetition, l.Repetitions); r > l.Repetitions {
		return fault.Errorf(fault.Exhausted, "hl7: %s: more than %d repetitions", s.Name(), l.Repetitions)
	}
	c := s.g.count(s.raw, s.g.Component, l.Components)
	if c += s.g.count(s.raw, s.g.Subcomponent, l.Components); c > l.Components {
		return fault.Errorf(fault.Exhausted, "hl7: %s: more than %d components", s.Name(), l.Components)
	}
	s.cuts = make([]uint32, 0, n+1)
	for at := 0; ; {
		i := s.g.index(s.raw[at:], s.g.Field)
		if i < 0 {
			s.cuts = append(s.cuts, uint32(len(s.raw))) //nolint:gosec // Limits.Message is below 2^30
			return nil
		}
		s.cuts = append(s.cuts, uint32(at+i)) //nolint:gosec // the same
		at += i + 1
	}
}

// part returns the nth part between field separators; 0 is the name.
func (s Segment) part(n int) []byte {
	if n < 0 || n >= len(s.cuts) {
		return nil
	}
	from := uint32(0)
	if n > 0 {
		from = s.cuts[n-1] + 1
	}
	return s.raw[from:s.cuts[n]:s.cuts[n]]
}

// Name returns the three letters the segment begins with, "" for a line behind MSH
// that has none.
func (s Segment) Name() string {
	if len(s.raw) < 3 || len(s.raw) > 3 && s.g != nil && s.raw[3] != s.g.Field {
		return ""
	}
	return string(s.raw[:3])
}

// header reports whether the segment says the delimiters, so that its first field
// is the field separator itself.
func (s Segment) header() bool {
	n := s.Name()
	return n == "MSH" || n == "BHS" || n == "FHS"
}

// Fields returns the number of the last field there is; it may be empty.
func (s Segment) Fields() int {
	if s.header() {
		return len(s.cuts)
	}
	return max(0, len(s.cuts)-1)
}

// Field returns field n by its position in the standard, from 1. A field that is
// not there is empty.
func (s Segment) Field(n int) Value {
	switch {
	case s.header() && n == 1:
		return Value{g: s.g, raw: s.raw[3:min(4, len(s.raw))], level: literal}
	case s.header() && n == 2:
		return Value{g: s.g, raw: s.part(1), level: literal}
	case s.header():
		return Value{g: s.g, raw: s.part(n - 1), level: field}
	case n < 1:
		return Value{g: s.g}
	}
	return Value{g: s.g, raw: s.part(n), level: field}
}

// Bytes returns the segment as it was sent, without what ends it. It must not be
// changed.
func (s Segment) Bytes() []byte { return s.raw }

// End returns what ends the segment: CR, LF, CR LF, several of them, or nothing.
func (s Segment) End() []byte { return s.end }

// Format prints the name alone.
func (s Segment) Format(w fmt.State, _ rune) { fmt.Fprintf(w, "[%s]", s.Name()) }

// LogValue logs the name alone.
func (s Segment) LogValue() slog.Value { return slog.StringValue("[" + s.Name() + "]") }
