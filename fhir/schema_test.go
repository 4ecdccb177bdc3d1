package fhir

import (
	"slices"
	"strings"
	"testing"
)

// TestTables decodes every table and looks for what would make Validate wrong: a
// type nobody defines, a table wider than a mask, a value set on what has no code.
func TestTables(t *testing.T) {
	kinds := map[string]int{}
	for name, d := range catalogue() {
		if name == "*" {
			continue
		}
		kinds[d.kind]++
		if d.base != "-" && catalogue()[d.base] == nil {
			t.Errorf("%s builds on %s, which is not there", name, d.base)
		}
		if _, ok := forms[name]; ok != (d.kind == "primitive") {
			t.Errorf("%s is %s; its form is written: %v", name, d.kind, ok)
		}
		checkTable(t, name, d.table(), map[*table]bool{})
	}
	if want := map[string]int{"resource": 146, "complex": 41, "primitive": 20, "abstract": 2}; !mapsEqual(kinds, want) {
		t.Errorf("types: %v; want %v", kinds, want)
	}
	if got := len(valueSets()); got != 220 {
		t.Errorf("%d value sets; want 220", got)
	}
}

func checkTable(t *testing.T, name string, in *table, done map[*table]bool) {
	if done[in] {
		return
	}
	done[in] = true
	if len(in.slots) > 64*len(mask{}) {
		t.Errorf("%s has %d elements; a mask holds %d", name, len(in.slots), 64*len(mask{}))
	}
	for json, c := range in.byName {
		at := name + "." + json
		switch {
		case c.slot >= len(in.slots):
			t.Errorf("%s has no slot", at)
		case c.part == nil && c.def == nil:
			t.Errorf("%s is a %s, which nobody defines", at, c.typ)
		case c.form != nil && c.form.kind != stringKind && c.set != nil:
			t.Errorf("%s: a value set on a %s", at, c.typ)
		case c.set != nil && c.form == nil && !slices.Contains([]string{"Coding", "CodeableConcept"}, c.typ):
			t.Errorf("%s: a value set on a %s, which Validate does not look at", at, c.typ)
		case c.part != nil:
			checkTable(t, at, c.part, done)
		}
		if !strings.HasPrefix(json, strings.TrimSuffix(in.slots[c.slot].name, choiceMark)) {
			t.Errorf("%s is in the slot of %s", at, in.slots[c.slot].name)
		}
	}
}

func mapsEqual(a, b map[string]int) bool {
	for k, n := range a {
		if b[k] != n {
			return false
		}
	}
	return len(a) == len(b)
}

// TestTable looks at what the tables say of a few elements.
func TestTable(t *testing.T) {
	patient := catalogue()["Patient"].table()
	for _, c := range []struct {
		name       string
		in         *table
		element    string
		typ        string
		list, must bool
	}{
		{"its own", patient, "birthDate", "date", false, false},
		{"from DomainResource", patient, "contained", "Resource", true, false},
		{"from Resource", patient, "id", "id", false, false},
		{"a choice", patient, "multipleBirthInteger", "integer", false, false},
		{"in a part", patient.byName["link"].part, "other", "Reference", false, true},
		{"in a part, from Element", patient.byName["link"].part, "id", "string", false, false},
		{"in a part, from BackboneElement", patient.byName["link"].part, "modifierExtension", "Extension", true, false},
		{"of a data type", catalogue()["Extension"].table(), "url", "uri", false, true},
		{"of a data type that builds on another", catalogue()["Age"].table(), "value", "decimal", false, false},
		{"an open choice", catalogue()["Extension"].table(), "valueContactDetail", "ContactDetail", false, false},
		{"many and at least one", catalogue()["Consent"].table(), "category", "CodeableConcept", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			kid := c.in.byName[c.element]
			if kid == nil {
				t.Fatalf("there is no %s", c.element)
			}
			s := c.in.slots[kid.slot]
			if kid.typ != c.typ || s.list != c.list || c.in.required.has(kid.slot) != c.must {
				t.Errorf("%s: %s, list %v, required %v", c.element, kid.typ, s.list, c.in.required.has(kid.slot))
			}
		})
	}
	item := catalogue()["Questionnaire"].table().byName["item"].part
	if item.byName["item"].part != item {
		t.Error("Questionnaire.item.item is not Questionnaire.item")
	}
}

// BenchmarkTables decodes what a process needs that validates every type.
func BenchmarkTables(b *testing.B) {
	b.ReportAllocs()
	names := []string{}
	for name := range catalogue() {
		names = append(names, name)
	}
	for b.Loop() {
		for _, name := range names {
			d := catalogue()[name]
			fresh := &definition{name: d.name, kind: d.kind, base: d.base, rows: d.rows}
			fresh.table()
		}
	}
}
