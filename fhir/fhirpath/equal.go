package fhirpath

import (
	"strings"
	"unicode"

	"radagora/fhir"
)

// equalItems is = of two values: whether they are equal, and whether that is decided.
func (m *machine) equalItems(a, b Value) (equal, known bool) {
	m.steps++
	if x, ok := a.isText(); ok {
		if y, ok := b.isText(); ok {
			return x == y, true
		}
	}
	a, b = a.System(), b.System()
	switch {
	case a.kind == ElementKind && b.kind == ElementKind:
		return m.equalElements(a.el, b.el), true
	case a.kind == QuantityKind || b.kind == QuantityKind:
		if !a.isNumber() || !b.isNumber() {
			return false, true
		}
		c, known := compareQuantities(a.quantity(), b.quantity())
		return c == 0 && known, known
	case a.isNumber() && b.isNumber():
		return a.decimal().cmp(b.decimal()) == 0, true
	case a.isMoment() && b.isMoment() && (a.kind == TimeKind) == (b.kind == TimeKind):
		return equalMoments(a, b)
	case a.kind != b.kind:
		return false, true
	}
	switch a.kind {
	case BooleanKind:
		return a.num == b.num, true
	case StringKind, TypeKind:
		return a.text == b.text && a.num == b.num, true
	default:
		return false, true
	}
}

// isNumber reports whether v, of a System type, has a decimal.
func (v Value) isNumber() bool {
	return v.kind == IntegerKind || v.kind == DecimalKind || v.kind == QuantityKind
}

func (v Value) isMoment() bool {
	return v.kind == DateKind || v.kind == DateTimeKind || v.kind == TimeKind
}

// equalElements compares two objects, or primitives without value, child by child.
func (m *machine) equalElements(a, b fhir.Element) bool {
	if a.Same(b) {
		return true
	}
	x, y := a.AppendAll(nil), b.AppendAll(nil)
	if len(x) != len(y) {
		return false
	}
	used := make([]bool, len(y))
	for _, kid := range x { // the order of different elements says nothing, that in a list does
		found := false
		for j := range y {
			if used[j] || y[j].Name() != kid.Name() {
				continue
			}
			equal, known := m.equalItems(Element(kid), Element(y[j]))
			if !equal || !known {
				return false
			}
			used[j], found = true, true
			break
		}
		if !found || m.spent() {
			return false
		}
	}
	return true
}

// equal is = of two collections.
func (m *machine) equal(a, b []Value) (equal, known bool) {
	if len(a) == 0 || len(b) == 0 {
		return false, false
	}
	if len(a) != len(b) {
		return false, true
	}
	known = true
	for i := range a {
		e, k := m.equalItems(a[i], b[i])
		if k && !e {
			return false, true
		}
		known = known && k
	}
	return known, known
}

// alikeItems is ~ of two values.
func (m *machine) alikeItems(a, b Value) bool {
	m.steps++
	a, b = a.System(), b.System()
	switch {
	case a.kind == ElementKind && b.kind == ElementKind:
		return a.el.Same(b.el) || m.alike(elements(a.el.AppendAll(nil)), elements(b.el.AppendAll(nil)))
	case a.kind == QuantityKind || b.kind == QuantityKind:
		return a.isNumber() && b.isNumber() && alikeQuantities(a.quantity(), b.quantity())
	case a.isNumber() && b.isNumber():
		scale := min(a.decimal().trim().scale, b.decimal().trim().scale)
		return a.decimal().round(scale).cmp(b.decimal().round(scale)) == 0
	case a.isMoment() && b.isMoment() && a.kind == b.kind:
		c, known := compareMoments(a, b)
		return known && c == 0
	case a.kind == StringKind && b.kind == StringKind:
		return strings.EqualFold(blanks(a.text), blanks(b.text))
	}
	equal, known := m.equalItems(a, b)
	return equal && known
}

// blanks writes every white space as a blank.
func blanks(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, s)
}

func elements(all []fhir.Element) []Value {
	out := make([]Value, len(all))
	for i := range all {
		out[i] = Element(all[i])
	}
	return out
}

// alike is ~ of two collections, whose order says nothing.
func (m *machine) alike(a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
	used := make([]bool, len(b))
	for _, x := range a {
		found := false
		for j, y := range b {
			if !used[j] && x.el.Name() == y.el.Name() || !used[j] && (x.kind != ElementKind || y.kind != ElementKind) {
				if m.alikeItems(x, y) {
					used[j], found = true, true
					break
				}
			}
		}
		if !found || m.spent() {
			return false
		}
	}
	return true
}

// compare is < and the like: -1, 0 or 1; known is false where that is undecided, fits
// is false for types that do not compare.
func compare(a, b Value) (c int, known, fits bool) {
	if x, ok := a.isText(); ok {
		if y, ok := b.isText(); ok {
			return strings.Compare(x, y), true, true
		}
	}
	a, b = a.System(), b.System()
	switch {
	case a.kind == QuantityKind || b.kind == QuantityKind:
		if !a.isNumber() || !b.isNumber() {
			return 0, false, false
		}
		c, known = compareQuantities(a.quantity(), b.quantity())
		return c, known, true
	case a.isNumber() && b.isNumber():
		return a.decimal().cmp(b.decimal()), true, true
	case a.isMoment() && b.isMoment() && (a.kind == TimeKind) == (b.kind == TimeKind):
		c, known = compareMoments(a, b)
		return c, known, true
	}
	return 0, false, false
}

// holds reports whether a collection contains a value that equals v.
func (m *machine) holds(in []Value, v Value) bool {
	for i := range in {
		if equal, known := m.equalItems(in[i], v); equal && known {
			return true
		}
		if m.spent() {
			return false
		}
	}
	return false
}

// distinct returns in without what equals something before it.
func (m *machine) distinct(in []Value) []Value {
	if len(in) < 2 {
		return in
	}
	out := m.room(len(in))
	var texts map[string]bool
	if len(in) > 16 {
		texts = make(map[string]bool, len(in))
	}
	for _, v := range in {
		if s, ok := v.isText(); ok && texts != nil {
			m.steps++
			if !texts[s] {
				texts[s] = true
				out = append(out, v)
			}
			continue
		}
		if !m.holds(out, v) {
			out = append(out, v)
		}
	}
	return out
}
