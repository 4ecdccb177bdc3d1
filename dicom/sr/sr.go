// Package sr reads, writes and prints the content trees of structured reports.
//
// A structured report is a tree of content items (PS3.3 C.17.3), each a concept
// and its value. Parse takes a data set of any SOP class and is tolerant: value
// types nobody knows, concepts without a name, empty or several measured values,
// multiple values divided by "/" and values whose kind is not what the value type
// says are all kept as written. Codes are compared by value and scheme, never by
// meaning. What an item means is for whoever asks; no template is known here.
package sr

import (
	"iter"
	"slices"
	"strings"

	"radagora/dicom"
)

// A Code is a coded concept (PS3.3 8).
type Code struct {
	Value, Scheme, Meaning string
}

// Is reports whether c and other are the same concept: value and scheme are
// equal. The meaning does not count.
func (c Code) Is(other Code) bool { return c.Value == other.Value && c.Scheme == other.Scheme }

// IsZero reports whether there is neither value nor meaning.
func (c Code) IsZero() bool { return c.Value == "" && c.Meaning == "" }

// String returns the code as in EV of PS3.16: (113701, DCM, "meaning").
func (c Code) String() string {
	return "(" + clean(c.Value) + ", " + clean(c.Scheme) + `, "` + clean(c.Meaning) + `")`
}

// A Num is a numeric measurement (PS3.3 C.18.1).
type Num struct {
	Raw       string   // the decimal text, several values divided by a backslash; "" if there is none
	Values    []string // the values of Raw, one by one
	Unit      Code     // zero if none is given
	Qualifier Code     // why there is no value, or zero
}

// A Reference is what an IMAGE, COMPOSITE or WAVEFORM item points to.
type Reference struct {
	SOPClass, SOPInstance string
}

// An Item is one content item.
type Item struct {
	Path         string // position in the tree, counted from 1; the root is "1", its third child "1.3"
	Relationship string // to its parent, as written: "CONTAINS", "HAS CONCEPT MOD"…; "" at the root
	ValueType    string // as written, known or not: "NUM", "CODE"…
	Concept      Code
	Text         string      // of a TEXT, UIDREF, DATETIME, DATE, TIME or PNAME, and whatever else came as text
	Code         Code        // of a CODE
	Num          *Num        // of a NUM, nil if there is no measurement at all
	References   []Reference // of an IMAGE, COMPOSITE or WAVEFORM
	Target       string      // path of the item that stands here by reference, or ""
	Children     []*Item
}

// A Document is a parsed structured report.
type Document struct {
	Root       *Item
	TemplateID string // of the root, such as "10011"; "" if the object does not say
	Warnings   []Warning
}

// A Warning tells of something in a tree that is against the standard and that
// reading could live with.
type Warning struct {
	Path string // of the item
	Code string // one of the constants Warn…
}

// What a Warning can say.
const (
	WarnNoConcept = "concept_missing"    // a concept name without a code
	WarnValueType = "value_type_unknown" // a value type that PS3.3 C.17.3.2.1 does not have
	WarnValues    = "measured_values"    // several measured values in different units; the first counts
)

// Parse reads the content tree of d. Only a data set that holds none at all is an
// error: fault.Unsupported. Depth and number of items are bounded by the options
// that d was read with.
func Parse(d *dicom.Dataset) (*Document, error) { return parse(d) }

// All iterates over i and what is below it, parents first, in document order.
func (i *Item) All() iter.Seq[*Item] {
	return func(yield func(*Item) bool) { i.walk(yield) }
}

// walk visits i and its descendants until yield returns false.
func (i *Item) walk(yield func(*Item) bool) bool {
	if !yield(i) {
		return false
	}
	for _, c := range i.Children {
		if !c.walk(yield) {
			return false
		}
	}
	return true
}

// Find returns the first child whose concept is one of those given, or nil.
func (i *Item) Find(concepts ...Code) *Item {
	for _, c := range i.Children {
		if slices.ContainsFunc(concepts, c.Concept.Is) {
			return c
		}
	}
	return nil
}

// Value returns the value of i as one line of text: what a person wants to read.
func (i *Item) Value() string {
	var parts []string
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if i.Num != nil {
		add(i.Num.Raw)
		if i.Num.Raw != "" {
			add(unitText(i.Num.Unit))
		}
		add(codeText(i.Num.Qualifier))
	}
	add(codeText(i.Code))
	add(clean(i.Text))
	for _, r := range i.References {
		add(clean(r.SOPInstance))
	}
	if i.Target != "" {
		add("see " + i.Target)
	}
	return strings.Join(parts, " ")
}

// unitText returns a unit as people write it: "1" needs no words.
func unitText(unit Code) string {
	if unit.Value == "1" {
		return ""
	}
	return clean(unit.Value)
}

// codeText returns a code as meaning and code.
func codeText(c Code) string {
	switch {
	case c.IsZero():
		return ""
	case c.Value == "":
		return clean(c.Meaning)
	}
	return strings.TrimSpace(clean(c.Meaning) + " (" + clean(c.Value) + ", " + clean(c.Scheme) + ")")
}

// clean makes foreign text fit for one line of a terminal: control characters
// and line ends become spaces.
func clean(s string) string {
	if strings.IndexFunc(s, control) < 0 {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, control), " ")
}

// control reports whether r could move a cursor, end a line or turn text round.
func control(r rune) bool {
	return r < ' ' || r >= 0x7F && r < 0xA0 || r == 0x2028 || r == 0x2029 ||
		r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069
}
