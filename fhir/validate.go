package fhir

import (
	"strconv"
	"strings"
)

// maxIssues is how many issues Validate reports at most.
const maxIssues = 200

// Validate holds a resource against the element tables of FHIR R4 4.0.1 and
// returns what is wrong, nil if nothing is: an element unknown, missing, single
// where it is a list or a list where it is single, a choice made twice, a primitive
// not written in its form, a code outside a required value set, an unknown
// resourceType, here or in a resource inside. Invariants, profiles, references and
// value sets of other strength are not looked at. After 200 issues it stops.
//
// All issues are errors. Their codes are structure, required, value, code-invalid
// and too-long of the value set issue-type.
func Validate(r Resource) []Issue {
	root := r.root()
	if root == nil {
		return []Issue{{Error, "structure", "", "there is no resource"}}
	}
	var c checker
	c.resource(root)
	return c.issues
}

// A checker walks a resource. Its place is written out only for an issue.
type checker struct {
	issues []Issue
	place  []step
}

// issue adds an issue with the element at place, or with the one called below in
// it if that is not "".
func (c *checker) issue(code, below, text string) {
	if len(c.issues) >= maxIssues {
		return
	}
	var b strings.Builder
	for i, s := range c.place {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.name)
		if s.index >= 0 {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	if below != "" {
		b.WriteString("." + below)
	}
	c.issues = append(c.issues, Issue{Error, code, b.String(), text})
}

func (c *checker) full() bool { return len(c.issues) >= maxIssues }

// resource checks an object that is a resource.
func (c *checker) resource(n *node) {
	if n.kind != objectKind {
		c.issue("structure", "", "a resource is wanted")
		return
	}
	t := n.at("resourceType")
	switch {
	case t == nil || t.kind != stringKind:
		c.issue("structure", "", "resourceType is missing")
		return
	case !IsResource(t.text):
		if len(c.place) == 0 {
			c.place = append(c.place, step{"Resource", -1})
		}
		c.issue("structure", "", "FHIR R4 has no such resource type")
		return
	}
	if len(c.place) == 0 {
		c.place = append(c.place, step{t.text, -1})
	}
	c.object(n, catalogue()[t.text].table(), true)
}

// object checks the elements of an object, which may be a resource.
func (c *checker) object(n *node, t *table, isResource bool) {
	var seen mask
	for i := range n.kids {
		m := &n.kids[i]
		name := m.name
		if isCompanion(name) {
			name = name[1:]
		}
		kid, ok := t.byName[name]
		switch {
		case ok && (name == m.name || kid.form != nil):
		case isResource && m.name == "resourceType":
			continue // only where it is no element: see ExampleScenario.instance
		default:
			c.issue("structure", shown(m.name), "there is no such element here")
			continue
		}
		s := &t.slots[kid.slot]
		if s.choice && seen.has(kid.slot) && chosenBefore(n.kids[:i], t, kid.slot, name) {
			c.issue("structure", strings.TrimSuffix(s.name, choiceMark), "more than one type of "+s.name+" is given")
		}
		seen.add(kid.slot)
		c.place = append(c.place, step{strings.TrimSuffix(s.name, choiceMark), -1})
		c.element(m, kid, s.list)
		c.place = c.place[:len(c.place)-1]
		if c.full() {
			return
		}
	}
	c.missing(t, seen)
	c.aligned(n, t)
}

// chosenBefore reports whether another type was chosen for the slot.
func chosenBefore(kids []member, t *table, slot int, name string) bool {
	for i := range kids {
		other := strings.TrimPrefix(kids[i].name, "_")
		if kid, ok := t.byName[other]; ok && kid.slot == slot && other != name {
			return true
		}
	}
	return false
}

// missing reports what must be there and is not.
func (c *checker) missing(t *table, seen mask) {
	if t.required[0]&^seen[0] == 0 && t.required[1]&^seen[1] == 0 {
		return
	}
	for i := range t.slots {
		if t.required.has(i) && !seen.has(i) {
			c.issue("required", "", "the element "+t.slots[i].name+" is missing")
		}
	}
}

// aligned reports companions whose list is longer or shorter than that of the
// values.
func (c *checker) aligned(n *node, t *table) {
	for i := range n.kids {
		m := &n.kids[i]
		if !isCompanion(m.name) || m.kind != listKind {
			continue
		}
		if _, known := t.byName[m.name[1:]]; !known {
			continue
		}
		if values := n.at(m.name[1:]); values.length() > 0 && len(values.kids) != len(m.kids) {
			c.issue("structure", m.name[1:], "the list and that of its companions differ in length")
		}
	}
}

// element checks what stands under one name.
func (c *checker) element(m *member, kid *child, list bool) {
	if !list {
		if m.kind == listKind {
			c.issue("structure", "", "a list is given where one value is wanted")
			return
		}
		c.item(m, &m.node, kid)
		return
	}
	if m.kind != listKind {
		c.issue("structure", "", "one value is given where a list is wanted")
		return
	}
	last := &c.place[len(c.place)-1]
	for i := range m.kids {
		if m.kids[i].kind == nullKind || c.full() {
			continue // Parse has seen that the partner says something
		}
		last.index = i
		c.item(m, &m.kids[i].node, kid)
		last = &c.place[len(c.place)-1] // the slice may have moved
	}
	last.index = -1
}

// item checks one value of an element.
func (c *checker) item(m *member, n *node, kid *child) {
	switch {
	case kid.form != nil && isCompanion(m.name):
		if n.kind != objectKind {
			c.issue("structure", "", "a companion is an object with id and extension")
			return
		}
		c.object(n, kid.def.table(), false)
	case kid.form != nil:
		c.primitive(n, kid)
	case kid.resource:
		c.resource(n)
	case n.kind != objectKind:
		c.issue("structure", "", "a value of the type "+kid.typ+" is wanted, which is an object")
	default:
		c.object(n, kid.table(), false)
		c.coded(n, kid)
	}
}

// primitive checks how a primitive value is written, and its code.
func (c *checker) primitive(n *node, kid *child) {
	switch {
	case n.kind != kid.form.kind:
		c.issue("value", "", "a value of the type "+kid.typ+" is a "+kid.form.kind.word()+" in JSON")
	case kid.form.kind == stringKind && len(n.text) > maxString && (kid.typ == "string" || kid.typ == "markdown"):
		c.issue("too-long", "", "a text of more than 1 MB")
	case !kid.form.fits(n.text):
		c.issue("value", "", "this is not how a value of the type "+kid.typ+" is written")
	case kid.set != nil && !kid.set.codes[n.text]:
		c.issue("code-invalid", "", "the code is not in the required value set "+kid.set.name)
	}
}

// coded checks a Coding or CodeableConcept with a required value set.
func (c *checker) coded(n *node, kid *child) {
	if kid.set == nil {
		return
	}
	switch kid.typ {
	case "Coding":
		if kid.set.holds(n) {
			return
		}
	case "CodeableConcept":
		codings := n.at("coding")
		for i := range codings.length() {
			if kid.set.holds(&codings.kids[i].node) {
				return
			}
		}
	default:
		return
	}
	c.issue("code-invalid", "", "no code is from the required value set "+kid.set.name)
}

// holds reports whether a Coding is in the set.
func (s *valueSet) holds(coding *node) bool {
	system, code := coding.at("system"), coding.at("code")
	return system != nil && code != nil && s.pairs[system.text+"|"+code.text]
}

// word names a kind of JSON value.
func (k kind) word() string {
	switch k {
	case boolKind:
		return "boolean"
	case numberKind:
		return "number"
	case stringKind:
		return "string"
	case listKind:
		return "list"
	case objectKind:
		return "object"
	case nullKind, brokenKind:
	}
	return "null"
}
