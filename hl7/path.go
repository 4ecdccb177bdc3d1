package hl7

import (
	"errors"
	"iter"
	"strconv"
	"strings"

	"radagora/fault"
)

// A Path is the place of a value: PID-3[2].4.1 is subcomponent 1 of component 4 of
// the second repetition of field 3 of the first PID; OBX[3]-5 is field 5 of the
// third OBX. Numbers begin with 1; a part that is zero is not named, and the first
// is meant. Every (-1) is written as *.
type Path struct {
	Segment      string
	Occurrence   int
	Field        int
	Repetition   int
	Component    int
	Subcomponent int
}

// Every stands in a Path for all occurrences or repetitions.
const Every = -1

// ParsePath reads a path. Fields and components can be named as the tables of this
// package name them: PID.PatientIdentifierList[1].IDNumber, PID-5.GivenName. The
// segment and the field may be divided by a dot, too: PID.3. Errors are of kind
// Invalid.
func ParsePath(s string) (Path, error) {
	var p Path
	if len(s) < 3 {
		return p, fault.Errorf(fault.Invalid, "hl7: path %q: it begins with the three letters of a segment", s)
	}
	p.Segment = s[:3]
	rest := s[3:]
	var err error
	if p.Occurrence, rest, err = bracket(rest); err != nil || !segmentName(p.Segment) {
		return p, fault.Errorf(fault.Invalid, "hl7: path %q: it begins with the three letters of a segment, and perhaps which in brackets", s)
	}
	if rest == "" {
		return p, nil
	}
	if rest[0] != '-' && rest[0] != '.' {
		return p, fault.Errorf(fault.Invalid, "hl7: path %q: a field follows the segment, as in PID-3", s)
	}
	word, rest := step(rest[1:])
	if p.Field, err = positionOf(word, p.Segment); err != nil {
		return p, fault.Errorf(fault.Invalid, "hl7: path %q: %w", s, err)
	}
	if p.Repetition, rest, err = bracket(rest); err != nil {
		return p, fault.Errorf(fault.Invalid, "hl7: path %q: %w", s, err)
	}
	kind := TypeOf(p.Segment, p.Field)
	for _, to := range []*int{&p.Component, &p.Subcomponent} {
		if rest == "" {
			return p, nil
		}
		if rest[0] != '.' {
			break
		}
		word, rest = step(rest[1:])
		if *to, err = componentOf(word, kind); err != nil {
			return p, fault.Errorf(fault.Invalid, "hl7: path %q: %w", s, err)
		}
		kind = partType(kind, *to)
	}
	if rest != "" {
		return p, fault.Errorf(fault.Invalid, "hl7: path %q: nothing can follow a subcomponent", s)
	}
	return p, nil
}

func segmentName(s string) bool {
	g := grammar{Separators: Standard()}
	return g.named([]byte(s))
}

// step returns the word at the begin of s and what follows it.
func step(s string) (word, rest string) {
	if i := strings.IndexAny(s, ".[("); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// bracket reads [2], (2) or [*] at the begin of s, if it is there.
func bracket(s string) (n int, rest string, err error) {
	if s == "" || s[0] != '[' && s[0] != '(' {
		return 0, s, nil
	}
	closing := "]"
	if s[0] == '(' {
		closing = ")"
	}
	in, rest, ok := strings.Cut(s[1:], closing)
	if in == "*" && ok {
		return Every, rest, nil
	}
	if n, err = number(in); err != nil || !ok {
		return 0, "", errors.New("a number from 1 on stands in brackets")
	}
	return n, rest, nil
}

// number reads a position.
func number(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1_000_000 || s[0] == '+' {
		return 0, fault.Errorf(fault.Invalid, "%q is no position", s)
	}
	return n, nil
}

// positionOf reads a field by its number or name.
func positionOf(word, segment string) (int, error) {
	if n, err := number(word); err == nil {
		return n, nil
	}
	for i, f := range segmentFields(segment) {
		if strings.EqualFold(f.name, word) {
			return i + 1, nil
		}
	}
	return 0, fault.Errorf(fault.Invalid, "%s has no field %q that is known", segment, word)
}

// componentOf reads a component of a data type by its number or name.
func componentOf(word, kind string) (int, error) {
	if n, err := number(word); err == nil {
		return n, nil
	}
	for i, f := range typeParts(kind) {
		if strings.EqualFold(f.name, word) {
			return i + 1, nil
		}
	}
	return 0, fault.Errorf(fault.Invalid, "data type %q has no component %q that is known", kind, word)
}

// String returns the path by positions.
func (p Path) String() string {
	var b strings.Builder
	which := func(n int) {
		switch {
		case n == Every:
			b.WriteString("[*]")
		case n > 0:
			b.WriteString("[" + strconv.Itoa(n) + "]")
		}
	}
	b.WriteString(p.Segment)
	which(p.Occurrence)
	if p.Field == 0 {
		return b.String()
	}
	b.WriteString("-" + strconv.Itoa(p.Field))
	which(p.Repetition)
	if p.Component > 0 {
		b.WriteString("." + strconv.Itoa(p.Component))
	}
	if p.Subcomponent > 0 {
		b.WriteString("." + strconv.Itoa(p.Subcomponent))
	}
	return b.String()
}

// At returns the value at p, empty if there is none. Of [*] it is the first.
func (m *Message) At(p Path) Value {
	for v := range m.All(p) {
		return v
	}
	return Value{g: m.g}
}

// All yields the values at p: one, or more if p has [*], in their order. A value that
// is not there is not yielded.
func (m *Message) All(p Path) iter.Seq[Value] {
	return func(yield func(Value) bool) {
		n := 0
		for i := range m.segments {
			s := &m.segments[i]
			if s.Name() != p.Segment {
				continue
			}
			if n++; p.Occurrence != Every && n != max(1, p.Occurrence) {
				continue
			}
			if !p.within(s.Field(p.Field), yield) || p.Occurrence != Every {
				return
			}
		}
	}
}

// within yields what p names inside a field.
func (p Path) within(f Value, yield func(Value) bool) bool {
	if p.Repetition == 0 && p.Component == 0 {
		return f.Empty() || yield(f)
	}
	n := 0
	for r := range f.Repetitions() {
		if n++; p.Repetition != Every && n != max(1, p.Repetition) {
			continue
		}
		if p.Component > 0 {
			r = r.Component(p.Component)
		}
		if p.Subcomponent > 0 {
			r = r.Subcomponent(p.Subcomponent)
		}
		if !r.Empty() && !yield(r) {
			return false
		}
	}
	return true
}

// Get returns the value at a path. A path that cannot be read is an error of kind
// Invalid.
func (m *Message) Get(path string) (Value, error) {
	p, err := ParsePath(path)
	if err != nil {
		return Value{g: m.g}, err
	}
	return m.At(p), nil
}

// Text returns the text at a path, "" where there is none; a path that cannot be read
// names nothing.
func (m *Message) Text(path string) string {
	v, err := m.Get(path)
	if err != nil {
		return ""
	}
	return v.Text()
}
