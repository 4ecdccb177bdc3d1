package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

const heading = "# FHIR R4 4.0.1, made by tools/fhirtables from hl7.fhir.r4.examples 4.0.1 (CC0-1.0); docs/format/fhir.md explains the columns\n"

// openTypes is how the table writes the list of all data types that an open
// choice (Extension.value[x]) allows.
const openTypes = "*"

// A tabler turns definitions into the lines of elements.tsv.
type tabler struct {
	rows  map[string]string // path to row, of every element that states something of its own
	open  string            // the types of Extension.value[x]
	bound map[string]string // short name to canonical of the value sets bound
}

// elementTable returns elements.tsv and the required value sets that it names.
// What an element inherits unchanged stands in the table of the type above.
func elementTable(defs []definition) (text []byte, bound map[string]string, err error) {
	t := tabler{rows: map[string]string{}, bound: map[string]string{}}
	for _, d := range defs {
		for _, e := range d.Snapshot.Element {
			if e.Path == "Extension.value[x]" {
				t.open = strings.Join(codes(e), " ")
			}
		}
	}
	for _, d := range defs {
		for _, e := range d.Snapshot.Element[1:] {
			if e.Base.Path == e.Path {
				if t.rows[e.Path], err = t.row(d, e); err != nil {
					return nil, nil, err
				}
			}
		}
	}
	var b bytes.Buffer
	b.WriteString(heading)
	for _, d := range defs {
		if err := t.section(&b, d); err != nil {
			return nil, nil, err
		}
	}
	b.WriteString("=" + openTypes + "\t" + t.open + "\n")
	return b.Bytes(), t.bound, nil
}

// section writes the lines of one type. A primitive type has a head only: its
// form is written by hand in fhir.
func (t tabler) section(b *bytes.Buffer, d definition) error {
	fmt.Fprintf(b, "=%s\t%s\t%s\n", d.Type, d.kind(), d.base())
	if d.kind() == "primitive" {
		return nil
	}
	for _, e := range d.Snapshot.Element[1:] {
		row, err := t.row(d, e)
		if err != nil {
			return err
		}
		if e.Base.Path != e.Path && t.rows[e.Base.Path] == row {
			continue // inherited
		}
		fmt.Fprintf(b, "%s\t%s\n", strings.TrimPrefix(e.Path, d.Type+"."), row)
	}
	return nil
}

// row returns what stands after the path: occurrences, types, value set.
func (t tabler) row(d definition, e element) (string, error) {
	if e.Max != "1" && e.Max != "*" && e.Path != "xhtml.extension" {
		return "", fmt.Errorf("%s: at most %s is neither one nor many", e.Path, e.Max)
	}
	types := strings.Join(codes(e), " ")
	switch {
	case e.ContentReference != "":
		types = "#" + strings.TrimPrefix(e.ContentReference, "#"+d.Type+".")
	case types == t.open:
		types = openTypes
	}
	row := fmt.Sprintf("%d..%s\t%s", e.Min, e.Max, types)
	if e.Binding.Strength != "required" {
		return row, nil
	}
	canonical, _, _ := strings.Cut(e.Binding.ValueSet, "|")
	_, name, _ := cutLast(canonical, "/")
	if other, ok := t.bound[name]; ok && other != canonical {
		return "", fmt.Errorf("%s: two value sets are called %s", e.Path, name)
	}
	t.bound[name] = canonical
	return row + "\t" + name, nil
}

// systemTypes are the FHIRPath types that snapshots give to elements whose real
// type the specification states in words.
const systemTypes = "http://hl7.org/fhirpath/System."

// codes returns the types of an element, each once.
func codes(e element) (types []string) {
	for _, t := range e.Type {
		code := t.Code
		if strings.HasPrefix(code, systemTypes) {
			switch {
			case e.Base.Path == "Resource.id":
				code = "id"
			case strings.HasSuffix(e.Path, ".url"):
				code = "uri"
			default: // Element.id; values of primitive types are not written
				code = "string"
			}
		}
		if !slices.Contains(types, code) {
			types = append(types, code)
		}
	}
	return types
}
