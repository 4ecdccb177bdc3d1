package hl7

import (
	"fmt"
	"iter"
	"log/slog"
)

// A level is how deep a value lies.
type level uint8

const (
	literal      level = iota // a delimiter itself, or nothing
	field                     // may hold repetitions
	repetition                // may hold components
	component                 // may hold subcomponents
	subcomponent              // holds text
)

// A Value is a field, repetition, component or subcomponent, as it was sent. Where
// the standard has a list or a composite and the sender wrote a single value, and
// the other way round, the first part stands for the whole (chapter 2, 2.5.3). The
// zero Value is empty. Printed any way, it hides what it holds.
type Value struct {
	g     *grammar
	raw   []byte
	level level
}

// Raw returns the bytes as they were sent. They must not be changed.
func (v Value) Raw() []byte { return v.raw }

// Empty reports whether nothing was sent: what is known stays known.
func (v Value) Empty() bool { return len(v.raw) == 0 }

// Null reports whether the sender says that there is no value: "" in the message,
// which deletes what is known (chapter 2, 2.5.3).
func (v Value) Null() bool { return string(v.raw) == `""` }

// Repetition returns the nth repetition of a field, from 1.
func (v Value) Repetition(n int) Value { return v.down(field, n) }

// Component returns the nth component, from 1, of a repetition, or of the first
// repetition of a field.
func (v Value) Component(n int) Value {
	if v.level == field {
		v = v.down(field, 1)
	}
	return v.down(repetition, n)
}

// Subcomponent returns the nth subcomponent, from 1, of a component, or of the first
// component of what is above.
func (v Value) Subcomponent(n int) Value {
	if v.level < component {
		v = v.Component(1)
	}
	return v.down(component, n)
}

// down returns the nth part of a value at the level from; above that level it asks
// the first part, below it the value is its own first part.
func (v Value) down(from level, n int) Value {
	if v.g == nil { // of a segment that is not there
		return Value{}
	}
	if v.level != from {
		if n == 1 {
			return v
		}
		return Value{g: v.g}
	}
	raw, ok := v.g.part(v.raw, v.g.separator(from), n)
	if !ok {
		return Value{g: v.g}
	}
	return Value{g: v.g, raw: raw, level: from + 1}
}

// separator returns what divides a value of a level.
func (g *grammar) separator(l level) byte {
	switch l {
	case field:
		return g.Repetition
	case repetition:
		return g.Component
	case component:
		return g.Subcomponent
	default:
		return 0
	}
}

// Repetitions yields the repetitions of a field, none for an empty one.
func (v Value) Repetitions() iter.Seq[Value] { return v.parts(field) }

// Components yields the components of a repetition, or of the first one.
func (v Value) Components() iter.Seq[Value] {
	if v.level == field {
		v = v.Repetition(1)
	}
	return v.parts(repetition)
}

// Subcomponents yields the subcomponents of a component, or of the first one.
func (v Value) Subcomponents() iter.Seq[Value] {
	if v.level < component {
		v = v.Component(1)
	}
	return v.parts(component)
}

// parts yields the parts of a value at the level from.
func (v Value) parts(from level) iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Empty() {
			return
		}
		if v.level != from {
			yield(v)
			return
		}
		for rest := v.raw; ; {
			i := v.g.index(rest, v.g.separator(from))
			if i < 0 {
				yield(Value{g: v.g, raw: rest, level: from + 1})
				return
			}
			if !yield(Value{g: v.g, raw: rest[:i:i], level: from + 1}) {
				return
			}
			rest = rest[i+1:]
		}
	}
}

// leaf returns the first text that v holds.
func (v Value) leaf() Value {
	if v.level == literal {
		return v
	}
	return v.Subcomponent(1)
}

// Text returns the first text that the value holds, decoded and with its escapes
// undone; "" for one that is empty or null.
func (v Value) Text() string {
	l := v.leaf()
	if l.Empty() || l.Null() {
		return ""
	}
	if l.level == literal {
		return string(l.raw)
	}
	return l.g.text(l.raw)
}

// Truncated reports whether the sender says that the text was cut (chapter 2,
// 2.5.5.2, from version 2.7 on).
func (v Value) Truncated() bool {
	raw := v.leaf().raw
	return v.g != nil && v.g.Truncation != 0 && len(raw) > 0 && raw[len(raw)-1] == v.g.Truncation
}

// Format prints no value.
func (v Value) Format(w fmt.State, _ rune) { fmt.Fprint(w, "[value]") }

// LogValue logs no value.
func (v Value) LogValue() slog.Value { return slog.StringValue("[value]") }
