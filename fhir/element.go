package fhir

import "strings"

// An Element is a Value together with what the tables of R4 say of its place: its
// type, and which elements it may have. FHIRPath walks resources as Elements. The
// zero Element is absent.
//
// Where R4 knows nothing (a ViewDefinition, an element of R5), elements are found by
// the name they have in JSON and the type is that of the JSON value, or "".
type Element struct {
	Value
	kid *child      // what its name stands for; nil of a resource or where R4 knows nothing
	def *definition // of a resource
}

// Element returns the resource as an element.
func (r Resource) Element() Element { return Value{n: r.root()}.asResource() }

// asResource returns v, which is a resource, as an element.
func (v Value) asResource() Element {
	e := Element{Value: v}
	if t := v.n.at("resourceType"); t != nil {
		e.def = catalogue()[t.text]
	}
	return e
}

// Untyped returns v as an element of which R4 knows nothing.
func (v Value) Untyped() Element { return Element{Value: v} }

// As returns v as an element of a data type of R4, such as a Quantity that came by
// itself; untyped if R4 has no such type.
func (v Value) As(typ string) Element {
	if d := catalogue()[typ]; d != nil && d.kind != "abstract" {
		return Element{Value: v, kid: children(typ, "")[0]}
	}
	return v.Untyped()
}

// TypeName returns the type: Patient, HumanName, boolean, BackboneElement; "" for an
// object of which R4 knows nothing.
func (e Element) TypeName() string {
	switch {
	case e.def != nil:
		return e.def.name
	case e.kid != nil && !e.kid.resource:
		return e.kid.typ
	case e.n == nil:
		return ""
	}
	switch e.n.kind {
	case boolKind:
		return "boolean"
	case numberKind:
		if isInteger(e.n.text) {
			return "integer"
		}
		return "decimal"
	case stringKind:
		return "string"
	case objectKind:
		return e.n.textOf("resourceType")
	case listKind, nullKind, brokenKind:
	}
	return ""
}

func (n *node) textOf(name string) string {
	if m := n.at(name); m != nil && m.kind == stringKind {
		return m.text
	}
	return ""
}

// IsA reports whether the type of e is the one called typ or builds on it.
func (e Element) IsA(typ string) bool { return BuildsOn(e.TypeName(), typ) }

// BuildsOn reports whether the type called name is the one called base or builds on
// it, as a code does on string and Patient on DomainResource.
func BuildsOn(name, base string) bool {
	for name != base {
		d := catalogue()[name]
		if d == nil || d.base == "" || d.base == "-" {
			return false
		}
		name = d.base
	}
	return name != ""
}

// IsType reports whether R4 has a type of this name: a resource, a data type, or one
// that others build on.
func IsType(name string) bool { return name != anyType && catalogue()[name] != nil }

// anyType is the name under which the catalogue lists the types of an open choice.
const anyType = "*"

// table returns the elements that e may have, nil where R4 knows nothing.
func (e Element) table() *table {
	switch {
	case e.def != nil:
		return e.def.table()
	case e.kid != nil && !e.kid.resource && (e.kid.part != nil || e.kid.def != nil):
		return e.kid.table()
	}
	return nil
}

// Knows reports whether R4 gives e an element of this name (value, not valueString,
// for a choice), and whether it knows the type of e at all.
func (e Element) Knows(name string) (has, typed bool) {
	t := e.table()
	if t == nil {
		return false, false
	}
	return t.places()[name] != nil, true
}

// AppendChildren appends the items of the element called name to all: value for a
// choice, whatever type was chosen. The extensions of a primitive are its children.
func (e Element) AppendChildren(all []Element, name string) []Element {
	n := e.n
	if n == nil || n.kind != objectKind {
		if n = e.ext; n == nil {
			return all
		}
	}
	t := e.table()
	if t == nil {
		return e.appendUntyped(all, n, name)
	}
	p := t.places()[name]
	switch {
	case p == nil:
		return all
	case !p.choice:
		return appendItems(all, name, n, p.kid)
	}
	for i := range n.kids {
		in := strings.TrimPrefix(n.kids[i].name, "_")
		if !strings.HasPrefix(in, name) {
			continue
		}
		if kid := t.byName[in]; kid != nil && kid.slot == p.kid.slot {
			return appendItems(all, in, n, kid)
		}
	}
	return all
}

// appendUntyped does the same where R4 knows nothing.
func (e Element) appendUntyped(all []Element, n *node, name string) []Element {
	if n.at(name) == nil && n.companion(name) == nil {
		if chosen := (Value{n: n}).chosen(name); chosen != "" {
			kid := &child{typ: strings.TrimPrefix(chosen, name)}
			if lower := strings.ToLower(kid.typ[:1]) + kid.typ[1:]; forms[lower].fits != nil {
				kid.typ = lower
			}
			kid = children(kid.typ, "")[0]
			return appendItems(all, chosen, n, kid)
		}
	}
	return appendItems(all, name, n, nil)
}

// appendItems appends what stands in n under a name of JSON.
func appendItems(all []Element, name string, n *node, kid *child) []Element {
	items(name, n.at(name), n.companion(name), -1, func(item Value) bool {
		all = append(all, item.placed(kid))
		return true
	})
	return all
}

// placed returns v as the element that kid describes.
func (v Value) placed(kid *child) Element {
	if kid == nil || kid.resource {
		return v.asResource()
	}
	return Element{Value: v, kid: kid}
}

// AppendAll appends all children of e, in order.
func (e Element) AppendAll(all []Element) []Element {
	t := e.table()
	for name, item := range e.Elements() {
		var kid *child
		if t != nil {
			kid = t.byName[name]
		}
		if name == "resourceType" && kid == nil {
			continue
		}
		all = append(all, item.placed(kid))
	}
	return all
}

// Same reports whether e and other are one and the same place of one resource.
func (e Element) Same(other Element) bool {
	return e.n == other.n && e.ext == other.ext && (e.n != nil || e.ext != nil)
}

// A spot is what a name of FHIRPath stands for in a table.
type spot struct {
	choice bool
	kid    *child // of a choice: any of its types

	kids []*child
}

// places returns the elements of t under their names in FHIRPath.
func (t *table) places() map[string]*spot {
	t.placesOnce.Do(func() {
		t.byPlace = map[string]*spot{}
		for name, kid := range t.byName {
			s := t.slots[kid.slot]
			base, choice := strings.CutSuffix(s.name, choiceMark)
			if choice {
				name = base
			}
			p := t.byPlace[name]
			if p == nil {
				p = &spot{choice: choice, kid: kid}
				t.byPlace[name] = p
			}
			p.kids = append(p.kids, kid)
		}
	})
	return t.byPlace
}

// A Place is where an element may stand by the tables of R4, for whoever checks an
// expression without a resource. The zero Place is unknown: anything may follow it.
type Place struct {
	def *definition
	kid *child
}

// PlaceOf returns the place of a resource or data type, the zero Place if R4 has no
// such type.
func PlaceOf(typ string) Place {
	switch d := catalogue()[typ]; {
	case d == nil || typ == anyType:
		return Place{}
	case d.kind == "primitive":
		return Place{kid: children(typ, "")[0]}
	default:
		return Place{def: d}
	}
}

// IsZero reports whether nothing is known of what stands there.
func (p Place) IsZero() bool {
	return p.def == nil && (p.kid == nil || p.kid.resource) || p.def != nil && p.def.kind == "abstract"
}

// TypeName returns the type of what stands there, "" if that is unknown.
func (p Place) TypeName() string {
	switch {
	case p.def != nil:
		return p.def.name
	case p.kid != nil && !p.kid.resource:
		return p.kid.typ
	}
	return ""
}

// Next returns the places that the element called name may have, one for each type of
// a choice; none if there is no such element.
func (p Place) Next(name string) (all []Place) {
	t := Element{kid: p.kid, def: p.def}.table()
	if t == nil {
		return nil
	}
	at := t.places()[name]
	if at == nil {
		return nil
	}
	for _, kid := range at.kids {
		all = append(all, Place{kid: kid})
	}
	return all
}

// All returns the places of all elements below p.
func (p Place) All() (all []Place) {
	t := Element{kid: p.kid, def: p.def}.table()
	if t == nil {
		return nil
	}
	for _, kid := range t.byName {
		all = append(all, Place{kid: kid})
	}
	return all
}
