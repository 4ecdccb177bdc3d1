package fhirpath

import (
	"radagora/fault"
	"radagora/fhir"
)

// Check holds the expression against the tables of R4, as it would be evaluated on a
// resource or data type: an element that cannot be there, another resource type at the
// beginning, and taking the first of what has no order (children) are fault.Invalid,
// with the character. What only a resource tells (where a reference leads, which type
// an open choice has) is taken to be right. A type that R4 does not have is
// fault.Unsupported.
func (x *Expression) Check(typ string) error {
	at := fhir.PlaceOf(typ)
	if at.TypeName() == "" {
		return fault.Errorf(fault.Unsupported, "FHIR R4 has no type of this name to check an expression against")
	}
	if x == nil || x.tree == nil {
		return nil
	}
	_, err := check(x.tree, shape{places: []fhir.Place{at}})
	return err
}

// A shape is what is known of the values that a part of an expression yields.
type shape struct {
	places    []fhir.Place
	open      bool // anything may be among them
	unordered bool
}

// system is the shape of values that have no elements.
var system = shape{}

// anything is the shape of what only a resource tells.
var anything = shape{open: true}

func (s shape) with(other shape) shape {
	return shape{
		places:    append(append([]fhir.Place(nil), s.places...), other.places...),
		open:      s.open || other.open,
		unordered: s.unordered || other.unordered,
	}
}

// check returns the shape of a part, evaluated where $this has a shape.
func check(n *node, this shape) (shape, error) {
	switch n.form {
	case literalForm:
		return system, nil
	case specialForm:
		if n.name == "this" {
			return this, nil
		}
		return anything, nil
	case variableForm:
		return anything, nil
	case nameForm:
		return checkName(n, this)
	case callForm:
		return checkCall(n, this)
	case typeForm:
		if _, err := check(n.kids[0], this); err != nil || n.name == "is" {
			return system, err
		}
		return shapeOf(n.of), nil
	case indexForm, signForm, binaryForm:
	}
	return checkOperands(n, this)
}

func checkOperands(n *node, this shape) (shape, error) {
	left, err := check(n.kids[0], this)
	if err != nil || len(n.kids) == 1 {
		return system, err
	}
	right, err := check(n.kids[1], this)
	switch {
	case err != nil:
		return system, err
	case n.form == indexForm:
		return left, mustBeOrdered(n, left)
	case n.name == "|":
		return left.with(right), nil
	}
	return system, nil
}

// mustBeOrdered refuses to take one of what has no order.
func mustBeOrdered(n *node, of shape) error {
	if of.unordered {
		return wrong(n.pos, "the values before this have no order")
	}
	return nil
}

func shapeOf(t typeName) shape {
	if t.space == "System" {
		return system
	}
	if p := fhir.PlaceOf(t.name); p.TypeName() != "" {
		return shape{places: []fhir.Place{p}, open: p.IsZero()}
	}
	return system
}

func checkName(n *node, this shape) (shape, error) {
	of := this
	if len(n.kids) > 0 {
		var err error
		if of, err = check(n.kids[0], this); err != nil {
			return system, err
		}
	} else if fhir.IsType(n.name) {
		for _, p := range this.places {
			if fhir.BuildsOn(p.TypeName(), n.name) {
				return this, nil
			}
		}
		if !this.open && fhir.IsResource(n.name) {
			return system, wrong(n.pos, "this is evaluated on another type than "+n.name)
		}
	}
	out := shape{open: of.open, unordered: of.unordered}
	for _, p := range of.places {
		if p.IsZero() {
			out.open = true
		}
		for _, next := range p.Next(n.name) {
			out.open = out.open || next.IsZero()
			out.places = append(out.places, next)
		}
	}
	if len(out.places) == 0 && !out.open {
		return system, wrong(n.pos, "there is no element "+quoteName(n.name)+" here")
	}
	return out, nil
}

// The functions by what they yield.
var (
	keepsShape = map[string]bool{
		"where": true, "first": true, "last": true, "tail": true, "skip": true, "take": true, "single": true,
		"distinct": true, "intersect": true, "exclude": true, "trace": true,
	}
	needsOrder = map[string]bool{"first": true, "last": true, "tail": true, "skip": true, "take": true}
	onEach     = map[string]bool{
		"where": true, "exists": true, "all": true, "select": true, "repeat": true, "iif": true, "aggregate": true, "trace": true,
	}
	opensShape = map[string]bool{"resolve": true, "children": true, "descendants": true, "type": true, "aggregate": true, "iif": true}
)

func checkCall(n *node, this shape) (shape, error) {
	of := this
	if n.kids[0] != nil {
		var err error
		if of, err = check(n.kids[0], this); err != nil {
			return system, err
		}
	}
	if needsOrder[n.name] {
		if err := mustBeOrdered(n, of); err != nil {
			return system, err
		}
	}
	args, err := checkArgs(n, this, of)
	if err != nil {
		return system, err
	}
	switch {
	case keepsShape[n.name]:
		return of, nil
	case n.name == "ofType" || n.name == "as":
		return shapeOf(n.of), nil
	case n.name == "extension":
		return shape{places: []fhir.Place{fhir.PlaceOf("Extension")}}, nil
	case n.name == "select" || n.name == "repeat":
		return args, nil
	case n.name == "union" || n.name == "combine":
		return of.with(args), nil
	case opensShape[n.name]:
		return shape{open: true, unordered: n.name == "children" || n.name == "descendants"}, nil
	}
	return system, nil
}

// checkArgs checks the arguments, those of repeat on what they yield as well, and
// returns the shape of all.
func checkArgs(n *node, this, of shape) (args shape, err error) {
	if onEach[n.name] {
		this = of
	}
	if n.name == "repeat" {
		this.open = true // the projection meets what it yields, which other elements may have
	}
	for _, kid := range n.kids[1:] {
		arg, err := check(kid, this)
		if err != nil {
			return system, err
		}
		args = args.with(arg)
	}
	return args, nil
}
