package fhirpath

import (
	"slices"
	"strings"

	"radagora/fault"
	"radagora/fhir"
)

// exists reports whether there is such a type. One that only the other namespace has
// exists too: nothing is of it.
func (t typeName) exists() bool {
	return fhir.IsType(t.name) || systemTypes[t.name]
}

var systemTypes = map[string]bool{
	"Boolean": true, "String": true, "Integer": true, "Decimal": true, "Date": true,
	"DateTime": true, "Time": true, "Quantity": true, "Any": true,
}

// fits reports whether v is of the type.
func (t typeName) fits(v Value) bool {
	if v.kind == ElementKind {
		return t.space != "System" && v.el.IsA(t.name)
	}
	return t.space != "FHIR" && (v.kind.String() == t.name || t.name == "Any")
}

// compile turns a tree into closures.
func compile(n *node) (eval, error) {
	switch n.form {
	case literalForm:
		value := slices.Clip(n.value)
		return func(*machine, *frame, []Value) ([]Value, error) { return value, nil }, nil
	case nameForm:
		return compileName(n)
	case callForm:
		return compileCall(n)
	case indexForm:
		return compileIndex(n)
	case signForm:
		return compileSign(n)
	case binaryForm:
		return compileBinary(n)
	case typeForm:
		return compileType(n)
	case specialForm:
		return compileSpecial(n), nil
	case variableForm:
		return compileVariable(n), nil
	}
	return nil, fault.Errorf(fault.Internal, "expression, character %d: a part that is not compiled", n.pos+1)
}

// compileName compiles an element: Patient.name is the element name of what is before
// the point; Patient at the beginning is the value itself if it is of that type.
func compileName(n *node) (eval, error) {
	name := n.name
	if len(n.kids) == 0 {
		isType := fhir.IsType(name)
		return func(m *machine, f *frame, _ []Value) ([]Value, error) {
			if isType && len(f.this) == 1 && f.this[0].kind == ElementKind && f.this[0].el.IsA(name) {
				return f.this, nil
			}
			return m.children(f.this, name)
		}, nil
	}
	left, err := compile(n.kids[0])
	if err != nil {
		return nil, err
	}
	return func(m *machine, f *frame, in []Value) ([]Value, error) {
		of, err := left(m, f, in)
		if err != nil || len(of) == 0 {
			return nil, err
		}
		return m.children(of, name)
	}, nil
}

// children returns the elements of this name below the values.
func (m *machine) children(of []Value, name string) ([]Value, error) {
	if err := m.step(len(of)); err != nil {
		return nil, err
	}
	var few [8]fhir.Element
	var out []Value
	for i := range of {
		v := &of[i]
		if v.kind != ElementKind {
			if v.kind == TypeKind {
				out = append(out, v.typeInfo(name)...)
			}
			continue
		}
		found := v.el.AppendChildren(few[:0], name)
		if len(found) == 0 {
			continue
		}
		if out == nil {
			out = m.room(max(len(found), len(of)))
		}
		for j := range found {
			out = append(out, Value{kind: ElementKind, el: found[j]})
		}
	}
	return out, m.step(len(out))
}

// typeInfo returns the namespace or name of what type() returned.
func (v *Value) typeInfo(part string) []Value {
	space, name, _ := strings.Cut(v.text, ".")
	switch part {
	case "namespace":
		return one(String(space))
	case "name":
		return one(String(name))
	}
	return nil
}

func compileSpecial(n *node) eval {
	switch n.name {
	case "index":
		return func(m *machine, f *frame, _ []Value) ([]Value, error) {
			if !f.inner {
				return nil, nil
			}
			return m.one(Integer(int64(f.index))), nil
		}
	case "total":
		return func(_ *machine, f *frame, _ []Value) ([]Value, error) { return f.total, nil }
	}
	return func(_ *machine, f *frame, _ []Value) ([]Value, error) { return f.this, nil }
}

// fixedVariables are the variables that always mean the same.
var fixedVariables = map[string]string{
	"sct":   "http://snomed.info/sct",
	"loinc": "http://loinc.org",
	"ucum":  fhir.UCUM,
}

func compileVariable(n *node) eval {
	fixed, ok := fixedVariables[n.name]
	if rest, is := strings.CutPrefix(n.name, "vs-"); is {
		fixed, ok = "http://hl7.org/fhir/ValueSet/"+rest, true
	} else if rest, is := strings.CutPrefix(n.name, "ext-"); is {
		fixed, ok = "http://hl7.org/fhir/StructureDefinition/"+rest, true
	}
	constant := []Value{String(fixed)}
	return func(m *machine, _ *frame, _ []Value) ([]Value, error) {
		if v, own := m.env.Variables[n.name]; own {
			return v, nil
		}
		if ok {
			return constant, nil
		}
		switch n.name {
		case "context":
			return m.focus, nil
		case "resource", "rootResource":
			r := m.env.Resource
			if n.name == "rootResource" && !m.env.Root.IsZero() {
				r = m.env.Root
			}
			if r.IsZero() {
				return m.focus[:min(1, len(m.focus))], nil
			}
			return m.one(Resource(r)), nil
		}
		return nil, m.wrong(n.pos, "the variable %"+n.name+" is not known here")
	}
}

// wrong is the error of an expression that does not fit what it is evaluated on.
func (m *machine) wrong(pos int, rule string) error { return wrong(pos, rule) }

func compileIndex(n *node) (eval, error) {
	left, err := compile(n.kids[0])
	if err != nil {
		return nil, err
	}
	at, err := compile(n.kids[1])
	if err != nil {
		return nil, err
	}
	return func(m *machine, f *frame, in []Value) ([]Value, error) {
		of, err := left(m, f, in)
		if err != nil {
			return nil, err
		}
		index, err := at(m, f, f.this)
		if err != nil || len(index) == 0 {
			return nil, err
		}
		i, ok := index[0].Int()
		if !ok || len(index) > 1 {
			return nil, m.wrong(n.pos, "an index is one Integer")
		}
		if i < 0 || i >= int64(len(of)) {
			return nil, nil
		}
		return of[i : i+1 : i+1], nil
	}, nil
}

func compileSign(n *node) (eval, error) {
	kid, err := compile(n.kids[0])
	if err != nil {
		return nil, err
	}
	minus := n.name == "-"
	return func(m *machine, f *frame, in []Value) ([]Value, error) {
		of, err := kid(m, f, in)
		if err != nil || len(of) == 0 {
			return nil, err
		}
		v := of[0].System()
		if len(of) > 1 || !v.isNumber() {
			return nil, m.wrong(n.pos, "only one number has a sign")
		}
		if minus {
			d := v.decimal().neg()
			v.num, v.big = d.num, d.big
		}
		return m.number(v)
	}, nil
}

// number returns an Integer, Decimal or Quantity, nothing for an Integer that is too
// large.
func (m *machine) number(v Value) ([]Value, error) {
	if v.kind == IntegerKind && (v.big != nil || v.num > maxInteger || v.num < minInteger) {
		return nil, nil
	}
	return m.one(v), nil
}

func compileType(n *node) (eval, error) {
	left, err := compile(n.kids[0])
	if err != nil {
		return nil, err
	}
	of := n.of
	if n.name == "is" {
		return func(m *machine, f *frame, in []Value) ([]Value, error) {
			all, err := left(m, f, in)
			if err != nil {
				return nil, err
			}
			return m.isType(n.pos, all, of)
		}, nil
	}
	return func(m *machine, f *frame, in []Value) ([]Value, error) {
		all, err := left(m, f, in)
		if err != nil {
			return nil, err
		}
		return m.ofType(all, of)
	}, nil
}

func (m *machine) isType(pos int, in []Value, of typeName) ([]Value, error) {
	switch len(in) {
	case 0:
		return nil, nil
	case 1:
		return boolean(of.fits(in[0])), nil
	}
	return nil, m.wrong(pos, "is asks for the type of one value, and there are several")
}

// ofType returns the values of a type.
//
// Deviation: the specification lets `as` fail on several values, but the search
// parameters of R4 use it on them and mean ofType.
func (m *machine) ofType(in []Value, of typeName) ([]Value, error) {
	if len(in) == 1 && of.fits(in[0]) {
		return in, nil
	}
	out := m.room(len(in))
	for _, v := range in {
		if of.fits(v) {
			out = append(out, v)
		}
	}
	return out, m.step(len(in))
}

// compileCall compiles the call of a function.
func compileCall(n *node) (eval, error) {
	fn, ok := functions()[n.name]
	if !ok {
		return nil, wrong(n.pos, "there is no function "+quoteName(n.name))
	}
	s := &site{pos: n.pos, name: n.name, of: n.of, kids: n.kids[1:]}
	if given := len(s.kids); given < fn.min || given > fn.max {
		if !takesType[n.name] || n.of.name == "" {
			return nil, wrong(n.pos, "the function "+quoteName(n.name)+" has other arguments")
		}
	}
	for _, kid := range s.kids {
		arg, err := compile(kid)
		if err != nil {
			return nil, err
		}
		s.args = append(s.args, arg)
	}
	if fn.prepare != nil {
		if err := fn.prepare(s); err != nil {
			return nil, err
		}
	}
	do := fn.do
	if n.kids[0] == nil {
		return func(m *machine, f *frame, _ []Value) ([]Value, error) {
			if err := m.step(len(f.this)); err != nil {
				return nil, err
			}
			return do(call{m, f, s}, f.this)
		}, nil
	}
	left, err := compile(n.kids[0])
	if err != nil {
		return nil, err
	}
	return func(m *machine, f *frame, in []Value) ([]Value, error) {
		of, err := left(m, f, in)
		if err != nil {
			return nil, err
		}
		if err := m.step(len(of)); err != nil {
			return nil, err
		}
		return do(call{m, f, s}, of)
	}, nil
}

// quoteName returns a name for a message, if it looks like one.
func quoteName(name string) string {
	if len(name) > 64 || name == "" || strings.IndexFunc(name, func(r rune) bool { return r > 127 || !isWord(byte(r&127)) }) >= 0 {
		return "of this name"
	}
	return name
}
