// Package fhir holds, validates and queries FHIR R4 resources.
//
// A [Resource] is an ordered JSON tree that loses nothing: elements this program
// has never heard of and extensions keep their place, and numbers keep the digits
// they were written with. [Parse] refuses what is not FHIR JSON (R4, JSON representation of resources), so
// whoever holds a Resource need not look again. [Resource.Get] and [Resource.Each]
// read it by path, [Resource.Set] and [Resource.Add] change it, [New] and [Object]
// build one.
//
// [Validate] holds a resource against the element tables of FHIR R4 4.0.1
// (tools/fhirtables makes them): names, occurrences, choices, primitive forms and
// required value sets. It does not evaluate invariants and knows no profiles.
//
// Only R4 and only JSON: XML is not read.
package fhir

import (
	"fmt"
	"io"
	"iter"
	"log/slog"
)

// A Resource is a FHIR resource. Copies are independent: Set on one leaves the
// others as they are. It may be read by many at once. The zero Resource is empty:
// it has no type, and nothing is found in it.
//
// Printing and logging a Resource shows its type only, because it may be about a
// person; JSON shows it all.
//
// It holds its tree by two pointers because fmt follows one, even into unexported
// fields of other structs (%s of a struct that contains a Resource).
type Resource struct{ held **node }

// hold returns the resource whose tree is n.
func hold(n *node) Resource { return Resource{&n} }

// root returns the tree, nil for the zero Resource.
func (r Resource) root() *node {
	if r.held == nil {
		return nil
	}
	return *r.held
}

// Type returns resourceType, "" for the zero Resource.
func (r Resource) Type() string { return r.Get("resourceType").Text() }

// ID returns the logical id, "" if it has none.
func (r Resource) ID() string { return r.Get("id").Text() }

// IsZero reports whether r is the zero Resource.
func (r Resource) IsZero() bool { return r.held == nil }

// Value returns the resource as a value, to place it in another one.
func (r Resource) Value() Value { return Value{n: r.root()} }

// Get returns the first value at path, an absent Value if there is none.
//
// A path names elements separated by points. It goes through lists, and an index
// in brackets takes one item. value[x] stands for whichever type a choice has:
//
//	name[0].given   subject.reference   component.value[x].unit   birthDate.extension.url
//
// The extensions of a primitive element, which JSON keeps in a companion
// (_birthDate), are found below the element itself.
func (r Resource) Get(path string) Value { return r.Value().Get(path) }

// Each returns all values at path, in order.
func (r Resource) Each(path string) iter.Seq[Value] { return r.Value().Each(path) }

// JSON returns the resource without white space, its elements in their order. It
// is nil for the zero Resource.
func (r Resource) JSON() []byte {
	if r.root() == nil {
		return nil
	}
	return r.root().append(nil)
}

// MarshalJSON returns what JSON does, null for the zero Resource.
func (r Resource) MarshalJSON() ([]byte, error) {
	if r.root() == nil {
		return []byte("null"), nil
	}
	return r.JSON(), nil
}

// UnmarshalJSON reads what Parse does.
func (r *Resource) UnmarshalJSON(text []byte) (err error) {
	*r, err = Parse(text)
	return err
}

// Format writes the type alone.
func (r Resource) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, r.hidden()) }

// LogValue gives the type alone.
func (r Resource) LogValue() slog.Value { return slog.StringValue(r.hidden()) }

func (r Resource) hidden() string {
	if t := r.Type(); IsResource(t) {
		return "[" + t + "]"
	}
	return "[resource]"
}
