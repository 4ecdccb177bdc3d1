package fhirpath

import (
	"strings"

	"radagora/fhir"
)

// trees are the functions that walk all elements, and trace (§5.8, §5.9).
var trees = map[string]function{
	"children": {do: func(c call, in []Value) ([]Value, error) {
		out := allChildren(in)
		return out, c.m.step(len(out))
	}},
	"descendants": {do: func(c call, in []Value) ([]Value, error) {
		var all []Value
		for in = allChildren(in); len(in) > 0; in = allChildren(in) {
			all = append(all, in...)
			if err := c.m.step(len(in)); err != nil {
				return nil, err
			}
		}
		return all, nil
	}},
	"trace": {min: 1, max: 2, do: func(c call, in []Value) ([]Value, error) {
		name, _, err := c.argText(0)
		if err != nil || c.m.env.Trace == nil {
			return in, err
		}
		told := append(Collection(nil), in...)
		if len(c.s.args) > 1 {
			told = nil
			err = c.lambda(1, in, func(_ Value, out []Value) (bool, error) {
				told = append(told, out...)
				return true, nil
			})
		}
		c.m.env.Trace(name, told)
		return in, err
	}},
}

func allChildren(in []Value) []Value {
	var all []fhir.Element
	for i := range in {
		if in[i].kind == ElementKind {
			all = in[i].el.AppendAll(all)
		}
	}
	return elements(all)
}

// fhirFunctions are the functions that FHIR R4 adds, and those of SQL on FHIR.
var fhirFunctions = map[string]function{
	"extension": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) {
		url, ok, err := c.argText(0)
		if err != nil || !ok {
			return nil, err
		}
		all, err := c.m.children(in, "extension")
		if err != nil {
			return nil, err
		}
		out := c.m.room(len(all))
		for _, x := range all {
			if x.el.Get("url").Text() == url {
				out = append(out, x)
			}
		}
		return out, nil
	}},
	"hasExtension": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) {
		url, _, err := c.argText(0)
		if err != nil {
			return nil, err
		}
		all, err := c.m.children(in, "extension")
		for _, x := range all {
			if x.el.Get("url").Text() == url {
				return boolean(true), nil
			}
		}
		return boolean(false), err
	}},
	"hasValue": {do: func(_ call, in []Value) ([]Value, error) {
		return boolean(len(in) == 1 && in[0].isPrimitive()), nil
	}},
	"getValue": {do: func(c call, in []Value) ([]Value, error) {
		if len(in) != 1 || !in[0].isPrimitive() {
			return nil, nil
		}
		return c.m.one(in[0].System()), nil
	}},
	"resolve":    {do: resolve},
	"memberOf":   {min: 1, max: 1, do: memberOf},
	"subsumes":   {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) { return c.subsumes(in, false) }},
	"subsumedBy": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) { return c.subsumes(in, true) }},
	"conformsTo": {min: 1, max: 1, do: conformsTo},
	"htmlChecks": {do: func(_ call, in []Value) ([]Value, error) {
		for i := range in {
			s, ok := in[i].isText()
			if !ok || !strings.HasPrefix(strings.TrimSpace(s), "<div") {
				return boolean(false), nil
			}
		}
		return boolean(true), nil
	}},
	"getResourceKey":  {do: resourceKey},
	"getReferenceKey": {max: 1, do: referenceKey},
}

// isPrimitive reports whether v is a value and no object.
func (v Value) isPrimitive() bool {
	if v.kind == ElementKind {
		return v.el.HasValue() && !v.el.IsObject()
	}
	return v.kind != TypeKind && v.kind != NoKind
}

// resolve follows references: #id into what contains the resource, a full URL into the
// Bundle that is evaluated, anything else by the Resolver.
func resolve(c call, in []Value) ([]Value, error) {
	var all []Value
	for i := range in {
		reference, ok := in[i].isText()
		if !ok && in[i].kind == ElementKind {
			reference = in[i].el.Get("reference").Text()
		}
		if reference == "" {
			continue
		}
		if err := c.m.step(1); err != nil {
			return nil, err
		}
		found, ok := c.m.inside(reference)
		if !ok && c.m.env.Resolver != nil && reference[0] != '#' {
			r, err := c.m.env.Resolver.Resolve(c.m.ctx, reference)
			if err != nil {
				return nil, err
			}
			found, ok = r.Element(), !r.IsZero()
		}
		if ok {
			all = append(all, Element(found))
		}
	}
	return all, nil
}

// inside finds a reference in the resource that is evaluated.
func (m *machine) inside(reference string) (fhir.Element, bool) {
	root := m.env.Root.Element()
	if m.env.Root.IsZero() {
		if root = m.env.Resource.Element(); m.env.Resource.IsZero() {
			if len(m.focus) == 0 || m.focus[0].kind != ElementKind {
				return fhir.Element{}, false
			}
			root = m.focus[0].el
		}
	}
	if id, local := strings.CutPrefix(reference, "#"); local {
		if id == "" {
			return root, true
		}
		for _, kid := range root.AppendChildren(nil, "contained") {
			m.steps++
			if kid.Get("id").Text() == id {
				return kid, true
			}
		}
		return fhir.Element{}, false
	}
	if root.TypeName() != "Bundle" {
		return fhir.Element{}, false
	}
	for _, entry := range root.AppendChildren(nil, "entry") {
		m.steps++
		url := entry.Get("fullUrl").Text()
		if url == reference || strings.HasSuffix(url, "/"+reference) {
			for _, r := range entry.AppendChildren(nil, "resource") {
				return r, true
			}
		}
	}
	return fhir.Element{}, false
}

// codes returns the codes of a code, Coding or CodeableConcept.
func (v Value) codes() []Code {
	if s, ok := v.isText(); ok {
		return []Code{{Code: s}}
	}
	if v.kind != ElementKind {
		return nil
	}
	if v.el.IsA("Coding") || v.el.TypeName() == "" && v.el.Get("code").HasValue() {
		return []Code{{v.el.Get("system").Text(), v.el.Get("code").Text()}}
	}
	var all []Code
	for coding := range v.el.Each("coding") {
		all = append(all, Code{coding.Get("system").Text(), coding.Get("code").Text()})
	}
	return all
}

// memberOf reports whether a code is in a value set; empty where nobody can say.
func memberOf(c call, in []Value) ([]Value, error) {
	set, ok, err := c.argText(0)
	if err != nil || !ok || len(in) == 0 {
		return nil, err
	}
	if len(in) > 1 {
		return nil, c.wrong("one value is wanted, and there are several")
	}
	if c.m.env.Codes == nil {
		return nil, nil
	}
	sure := true
	for _, code := range in[0].codes() {
		member, known, err := c.m.env.Codes.MemberOf(c.m.ctx, set, code)
		if err != nil {
			return nil, err
		}
		if member && known {
			return boolean(true), nil
		}
		sure = sure && known
	}
	return decided(false, sure)
}

// subsumes reports whether a code means all that another one does, or the reverse.
func (c call) subsumes(in []Value, reverse bool) ([]Value, error) {
	other, err := c.arg(0)
	if err != nil || len(in) != 1 || len(other) != 1 || c.m.env.Codes == nil {
		return nil, err
	}
	sure := true
	for _, a := range in[0].codes() {
		for _, b := range other[0].codes() {
			general, special := a, b
			if reverse {
				general, special = b, a
			}
			is, known, err := c.m.env.Codes.Subsumes(c.m.ctx, general, special)
			if err != nil {
				return nil, err
			}
			if is && known {
				return boolean(true), nil
			}
			sure = sure && known
		}
	}
	return decided(false, sure)
}

// conformsTo answers for the types of R4 themselves; of profiles it knows nothing.
func conformsTo(c call, in []Value) ([]Value, error) {
	url, ok, err := c.argText(0)
	if err != nil || !ok || len(in) == 0 {
		return nil, err
	}
	url, _, _ = strings.Cut(url, "|")
	name, base := strings.CutPrefix(url, "http://hl7.org/fhir/StructureDefinition/")
	if !base || !fhir.IsType(name) {
		return nil, c.wrong("only the types of FHIR R4 itself are known, no profiles")
	}
	if len(in) > 1 {
		return nil, c.wrong("one value is wanted, and there are several")
	}
	return boolean(in[0].kind == ElementKind && in[0].el.IsA(name)), nil
}

// resourceKey returns what getReferenceKey returns of a reference to the resource:
// Patient/12 (SQL on FHIR, getResourceKey).
func resourceKey(c call, in []Value) ([]Value, error) {
	if len(in) != 1 || in[0].kind != ElementKind {
		return nil, nil
	}
	id, typ := in[0].el.Get("id").Text(), in[0].el.Get("resourceType").Text()
	if id == "" || typ == "" {
		return nil, nil
	}
	return c.m.one(String(typ + "/" + id)), nil
}

// referenceKey returns the type and id that a reference names, empty if it is of
// another type than the argument.
func referenceKey(c call, in []Value) ([]Value, error) {
	out := c.m.room(len(in))
	for i := range in {
		if in[i].kind != ElementKind {
			continue
		}
		if key := ReferenceKey(in[i].el.Get("reference").Text()); key != "" && (c.s.of.name == "" || strings.HasPrefix(key, c.s.of.name+"/")) {
			out = append(out, String(key))
		}
	}
	return out, nil
}

// ReferenceKey returns Type/id of a literal reference, relative or absolute, with or
// without a version; "" if it names no resource in this way.
func ReferenceKey(reference string) string {
	reference, _, _ = strings.Cut(reference, "/_history/")
	parts := strings.Split(reference, "/")
	if len(parts) < 2 {
		return ""
	}
	typ, id := parts[len(parts)-2], parts[len(parts)-1]
	if !fhir.IsResource(typ) || id == "" {
		return ""
	}
	return typ + "/" + id
}
