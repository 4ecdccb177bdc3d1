package content

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// A view is the content as one site sees it: what references are looked up in.
type view map[ref]map[string]*Row

// newView indexes every column that some schema refers to.
func newView(sets []*Set) view {
	v := view{}
	for _, k := range kinds {
		for _, s := range k.tables {
			for _, c := range s.columns {
				if c.knownAs != (ref{}) && v[c.knownAs] == nil {
					v[c.knownAs] = index(sets, c.knownAs)
				}
			}
		}
	}
	return v
}

// index returns the rows a reference can mean, by the code that means them.
func index(sets []*Set, to ref) map[string]*Row {
	found := map[string]*Row{}
	for _, s := range sets {
		if t := s.tables[to.table]; t != nil && s.Kind == to.kind {
			for row := range t.All() {
				found[row.Text(to.column)] = row
			}
		}
	}
	return found
}

// checkReferences reports codes that no set knows, and what only shows when all
// sets are there.
func checkReferences(sets []*Set) []Problem {
	v := newView(sets)
	var problems []Problem
	for _, s := range sets {
		k, _ := kindOf(s.Kind)
		for _, schema := range k.tables {
			t := s.tables[schema.name]
			if t == nil {
				continue
			}
			r := &reader{file: t.file}
			r.checkKnown(t, schema, v)
			if schema.also != nil {
				schema.also(r, s, t, v)
			}
			problems = append(problems, r.problems...)
		}
	}
	return problems
}

// checkKnown reports codes of t that no set knows.
func (r *reader) checkKnown(t *Table, s schema, v view) {
	for _, c := range s.columns {
		if c.knownAs == (ref{}) {
			continue
		}
		for row := range t.All() {
			values := []string{row.Text(c.name)}
			if c.kind == references {
				values = row.List(c.name)
			}
			for _, value := range values {
				if value != "" && v[c.knownAs][value] == nil {
					r.report(row.Line(), c.name, Unknown, quoted(value), c.knownAs.column, c.knownAs.kind)
				}
			}
		}
	}
}

// checkLevels reports levels that contradict each other or themselves.
func checkLevels(r *reader, s *Set, t *Table, v view) {
	groups := map[string][]*Row{}
	for row := range t.All() {
		r.checkLevel(s, row, v)
		key := strings.Join([]string{
			row.Text("exam_code"), row.Text("indication_code"), row.Text("quantity"), role(row),
		}, "\t")
		for _, other := range groups[key] {
			if bothValid(row, other) {
				r.report(row.Line(), "exam_code", BothValid, itoa(other.Line()))
			}
		}
		groups[key] = append(groups[key], row)
	}
}

// checkLevel reports what is wrong with one level by itself.
func (r *reader) checkLevel(s *Set, row *Row, v view) {
	if id := row.Text("set_id"); !strings.EqualFold(id, path.Base(s.ID)) {
		r.report(row.Line(), "set_id", OtherSet, quoted(id), quoted(path.Base(s.ID)))
	}
	if official := row.Yes("show_as_official"); official != s.Official {
		r.report(row.Line(), "show_as_official", OfficialMixed, row.Text("show_as_official"), strconv.FormatBool(s.Official))
	}
	if span := row.Span("valid_from", "valid_to"); span.Backwards() {
		r.report(row.Line(), "valid_to", Backwards, span.To.String(), span.From.String())
	}
	lower, bounded := row.Number("size_min")
	upper, bounded2 := row.Number("size_max")
	if bounded && bounded2 && upper <= lower {
		r.report(row.Line(), "size_max", Backwards, row.Text("size_max"), row.Text("size_min"))
	}
	if (bounded || bounded2) != (row.Text("size_kind") != "") {
		r.report(row.Line(), "size_kind", NotAllowed, quoted(row.Text("size_kind")), "weight_kg or age_months with bounds, nothing without")
	}
	quantity := v[ref{"quantities", "quantities", "quantity"}][row.Text("quantity")]
	if quantity == nil {
		return // reported as unknown
	}
	if units := quantity.List("units"); !slices.Contains(units, row.Text("unit")) {
		r.report(row.Line(), "unit", UnitMismatch, quoted(row.Text("unit")), quoted(row.Text("quantity")), strings.Join(units, ", "))
	}
}

// role returns what a level is for: "level", or "guide" for a median-type value.
func role(row *Row) string {
	if s := row.Text("role"); s != "" {
		return s
	}
	return "level"
}

// bothValid reports whether two levels of the same examination, indication and
// quantity hold for some patient on some day.
func bothValid(a, b *Row) bool {
	if !a.Span("valid_from", "valid_to").Overlaps(b.Span("valid_from", "valid_to")) {
		return false
	}
	kind := a.Text("size_kind")
	switch {
	case kind != b.Text("size_kind"):
		return false
	case kind == "":
		return a.Text("patient_group") == b.Text("patient_group")
	}
	return before(a, b) && before(b, a)
}

// before reports whether the sizes of a begin before those of b are over.
func before(a, b *Row) bool {
	lower, _ := a.Number("size_min")
	upper, bounded := b.Number("size_max")
	return !bounded || lower < upper
}

// itoa writes a line number.
func itoa(n int) string { return strconv.Itoa(n) }
