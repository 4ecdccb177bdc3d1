package fhir

import (
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strconv"
	"time"

	"radagora/ucum"
)

// A Value is an element of a resource: an object, or a primitive with its id and
// extensions. Lists are no values; their items are. The zero Value is absent.
// Values are never changed and may be kept. Like a Resource, a Value hides itself
// from print and log.
type Value struct {
	n    *node  // nil or null if there are only extensions
	ext  *node  // the companion of a primitive
	name string // of the element, as JSON has it
}

// Exists reports whether there is a value or at least an extension.
func (v Value) Exists() bool { return !v.n.isNull() || !v.ext.isNull() }

// HasValue reports whether there is more than id and extensions of a primitive.
func (v Value) HasValue() bool { return !v.n.isNull() }

// IsObject reports whether v has elements of its own.
func (v Value) IsObject() bool { return v.n != nil && v.n.kind == objectKind }

// Name returns the name of the element as JSON has it, which tells the type of a
// choice: valueQuantity.
func (v Value) Name() string { return v.name }

// Names returns the names of the elements of an object, in their order, companions of
// primitive ones with their underscore.
func (v Value) Names() []string {
	if !v.IsObject() {
		return nil
	}
	all := make([]string, len(v.n.kids))
	for i := range v.n.kids {
		all[i] = v.n.kids[i].name
	}
	return all
}

// Text returns what a string says, or the digits of a number, true or false. It is
// "" if v is absent or an object: no string of FHIR is empty.
func (v Value) Text() string {
	if v.n == nil || v.n.kind == nullKind || v.n.kind == brokenKind {
		return ""
	}
	return v.n.text
}

// Bool returns a boolean, and whether v is one.
func (v Value) Bool() (b, ok bool) {
	if v.n == nil || v.n.kind != boolKind {
		return false, false
	}
	return v.n.text == "true", true
}

// Int returns a whole number written without point and exponent, and whether v is
// one that fits.
func (v Value) Int() (n int64, ok bool) {
	if v.n == nil || v.n.kind != numberKind {
		return 0, false
	}
	n, err := strconv.ParseInt(v.n.text, 10, 64)
	return n, err == nil
}

// Decimal returns a number exactly, and whether v is one. How precisely it was
// written is in Text.
func (v Value) Decimal() (d ucum.Decimal, ok bool) {
	if v.n == nil || v.n.kind != numberKind {
		return ucum.Decimal{}, false
	}
	d, err := ucum.ParseDecimal(v.n.text)
	return d, err == nil
}

// Instant returns the moment that an instant, or a dateTime with time and zone,
// names, in the zone it was written in, and whether v is such. A leap second is the
// second after it.
func (v Value) Instant() (t time.Time, ok bool) {
	if v.n == nil || v.n.kind != stringKind {
		return time.Time{}, false
	}
	return parseInstant(v.n.text)
}

// Get returns the first value at path below v. See Resource.Get.
func (v Value) Get(path string) Value {
	for found := range v.Each(path) {
		return found
	}
	return Value{}
}

// Each returns all values at path below v, in order.
func (v Value) Each(path string) iter.Seq[Value] {
	return func(yield func(Value) bool) { v.walk(path, yield) }
}

// Extension returns the first extension of v with this url, absent if there is
// none.
func (v Value) Extension(url string) Value {
	for x := range v.Each("extension") {
		if x.Get("url").Text() == url {
			return x
		}
	}
	return Value{}
}

// Elements returns the names and values of what v consists of, in order. Items of
// a list come one by one, each under the name of the list; companions come with
// what they accompany, or by themselves under the name without underscore.
func (v Value) Elements() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if !v.IsObject() {
			v = Value{n: v.ext}
		}
		if !v.IsObject() {
			return
		}
		of := index(v.n.kids)
		for i := range v.n.kids {
			m := &v.n.kids[i]
			name, n, ext := m.name, &m.node, (*node)(nil)
			if !isCompanion(name) {
				ext = of("_" + name)
			} else if name, n, ext = name[1:], nil, n; of(name) != nil {
				continue
			}
			if !items(name, n, ext, -1, func(item Value) bool { return yield(name, item) }) {
				return
			}
		}
	}
}

// Resource returns v as a resource, and whether it is one (contained, or in a
// Bundle or Parameters).
func (v Value) Resource() (r Resource, ok bool) {
	if t := v.n.at("resourceType"); t == nil || t.kind != stringKind {
		return Resource{}, false
	}
	return hold(v.n), true
}

// AppendJSON appends v as JSON without white space, null if it is absent. Extensions of
// a primitive value are left out: JSON keeps them beside it.
func (v Value) AppendJSON(b []byte) []byte {
	if v.n == nil {
		return append(b, "null"...)
	}
	return v.n.append(b)
}

// AppendString appends s as a JSON string.
func AppendString(b []byte, s string) []byte { return appendString(b, s) }

// Format writes that there is a value, or none.
func (v Value) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, v.hidden()) }

// LogValue gives the same.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.hidden()) }

func (v Value) hidden() string {
	if v.Exists() {
		return "[value]"
	}
	return "[absent]"
}
