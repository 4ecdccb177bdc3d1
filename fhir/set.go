package fhir

import (
	"slices"

	"radagora/fault"
)

// Set writes v at path, in place of what was there, and makes what is missing
// above it; new elements go behind the others. An index in brackets makes or
// changes an item of a list, and the index one past the end appends:
//
//	r.Set("name[0].given[1]", "Maria")   r.Set("_birthDate.extension[0]", x)
//
// v is what F takes. nil, "" and what is empty take the element away, together
// with its companion and with whatever above it would then be empty. Where only
// one of a list and its companion has an item, null fills the other's place.
//
// It is fault.Invalid if the path does not fit what is there (a list without an
// index, an index that leaves a gap) or v is nothing FHIR JSON can hold, and
// fault.Exhausted if r would get deeper than Parse reads; r is then as it was.
func (r *Resource) Set(path string, v any) error {
	all, err := steps(path)
	if err != nil {
		return err
	}
	return r.set(all, toValue(v))
}

// Add appends v to the list at path, which it begins if need be. See Set.
func (r *Resource) Add(path string, v any) error {
	all, err := steps(path)
	if err != nil {
		return err
	}
	last := &all[len(all)-1]
	if last.index >= 0 || isCompanion(last.name) {
		return fault.Errorf(fault.Invalid, "%q: Add takes the name of a list", path)
	}
	above := r.Value()
	if i := len(path) - len(last.name) - 1; i > 0 {
		above = above.Get(path[:i])
	}
	last.index = max(above.n.at(last.name).length(), above.n.companion(last.name).length())
	return r.set(all, toValue(v))
}

// With returns v with an element in place of what it has under that name, or behind the
// others; v itself stays as it was. What is now is what F takes: nil, "" and what is empty
// take the element away, together with its companion; a primitive without extensions takes
// those away that were there.
func (v Value) With(name string, now any) Value {
	if v.n != nil && v.n.kind == brokenKind {
		return v
	}
	e := newElement(name, toValue(now))
	if e.n != nil && e.n.kind == brokenKind {
		return broken("%s: %s", shown(name), e.n.text)
	}
	e.setsExt = e.setsExt || !isCompanion(name)
	n := &node{kind: objectKind}
	if v.IsObject() {
		n.kids = slices.Clone(v.n.kids)
	}
	n.kids = e.place(n.kids)
	if err := checkObject(n.kids); err != nil {
		return broken("%v", err)
	}
	v.n = n.orNil()
	return v
}

func (r *Resource) set(path []step, v Value) error {
	if v.n != nil && v.n.kind == brokenKind {
		return bad(v.n.text)
	}
	if r.held == nil {
		return bad("a resource begins with its resourceType: use New")
	}
	if first := path[0]; first.name == "resourceType" || first.name == "_resourceType" {
		return bad("resourceType stays as it is: use New")
	}
	if max(depthOf(v.n), depthOf(v.ext))+2*len(path) >= maxDepth {
		return fault.Errorf(fault.Exhausted, "more than %d levels", maxDepth)
	}
	root, err := assign(r.root(), path, v)
	if err == nil {
		*r = hold(root)
	}
	return err
}

// assign returns n with v at path, nil if nothing is left of it.
func assign(n *node, path []step, v Value) (*node, error) {
	if n.isNull() {
		n = &node{kind: objectKind}
	}
	s := path[0]
	if n.kind != objectKind {
		return nil, fault.Errorf(fault.Invalid, "%s: what it is to be part of has no elements", shown(s.name))
	}
	e := newElement(s.name, v)
	if len(path) > 1 {
		old := n.at(s.name)
		if old != nil && (old.kind == listKind) != (s.index >= 0) {
			return nil, fault.Errorf(fault.Invalid, "%s is written with an index if it is a list, and only then", shown(s.name))
		}
		old = old.item(max(s.index, 0))
		below, err := assign(old, path[1:], v)
		if err != nil || below == nil && old == nil {
			return n.orNil(), err
		}
		e = part(s.name, below)
	}
	kids, err := slices.Clone(n.kids), error(nil)
	if s.index < 0 {
		kids = e.place(kids)
	} else if kids, err = e.placeItem(kids, s.index); err != nil {
		return nil, err
	}
	if n = (&node{kind: objectKind, kids: kids}).orNil(); n == nil {
		return nil, nil
	}
	return n, checkObject(kids)
}

// orNil returns n, nil if it is a list or object in which nothing is.
func (n *node) orNil() *node {
	if slices.ContainsFunc(n.kids, func(m member) bool { return m.kind != nullKind }) {
		return n
	}
	return nil
}

// An element is what is to be written of an element: its value, its companion, or
// both.
type element struct {
	name           string
	n, ext         *node
	setsN, setsExt bool
}

// newElement returns how to write v under a name. A value without companion leaves
// the companion that is there.
func newElement(name string, v Value) element {
	if isCompanion(name) {
		return part(name, v.n)
	}
	return element{name: name, n: v.n, ext: v.ext, setsN: true, setsExt: v.ext != nil || v.n == nil}
}

// part returns how to write only what stands under a name, be it that of a
// companion.
func part(name string, n *node) element {
	if isCompanion(name) {
		return element{name: name[1:], ext: n, setsExt: true}
	}
	return element{name: name, n: n, setsN: true}
}

// place writes an element that is no item of a list.
func (e element) place(kids []member) []member {
	if e.setsN {
		kids = place(kids, e.name, e.n)
	}
	if e.setsExt {
		kids = place(kids, "_"+e.name, e.ext)
	}
	return kids
}

// placeItem writes an item of a list. An item of which nothing is left goes, and
// those behind it move up.
func (e element) placeItem(kids []member, index int) ([]member, error) {
	object := &node{kind: objectKind, kids: kids}
	list, companions := object.at(e.name), object.companion(e.name)
	for _, one := range []*node{list, companions} {
		if one != nil && one.kind != listKind {
			return nil, fault.Errorf(fault.Invalid, "%s is one value, not a list", shown(e.name))
		}
	}
	size := max(list.length(), companions.length())
	if index > size {
		return nil, fault.Errorf(fault.Invalid, "%s has %d items: item %d would leave a gap", shown(e.name), size, index)
	}
	size = max(size, index+1)
	list, companions = list.padded(size), companions.padded(size)
	if e.setsN {
		list.put(index, e.n)
	}
	if e.setsExt {
		companions.put(index, e.ext)
	}
	if list.kids[index].isNull() && companions.kids[index].isNull() {
		list.kids = slices.Delete(list.kids, index, index+1)
		companions.kids = slices.Delete(companions.kids, index, index+1)
	}
	for _, n := range []*node{e.n, e.ext} {
		if n != nil && n.kind == listKind {
			return nil, bad("a list directly in a list")
		}
	}
	return place(place(kids, e.name, list.orNil()), "_"+e.name, companions.orNil()), nil
}

// place puts val in place of the member called name, behind the others if there is
// none; nil takes it away. It changes kids.
func place(kids []member, name string, val *node) []member {
	i := slices.IndexFunc(kids, func(m member) bool { return m.name == name })
	switch {
	case val == nil && i >= 0:
		return slices.Delete(kids, i, i+1)
	case val == nil:
		return kids
	case i < 0:
		return append(kids, member{name, *val})
	}
	kids[i].node = *val
	return kids
}

// put changes an item; nil makes it null.
func (n *node) put(index int, val *node) {
	n.kids[index] = member{}
	if val != nil {
		n.kids[index].node = *val
	}
}

func (n *node) length() int {
	if n == nil || n.kind != listKind {
		return 0
	}
	return len(n.kids)
}

// padded returns a new list of size items, with null for those that n lacks.
func (n *node) padded(size int) *node {
	list := &node{kind: listKind, kids: make([]member, size)}
	if n != nil {
		copy(list.kids, n.kids)
	}
	return list
}

// depthOf returns how many levels of objects and lists n has.
func depthOf(n *node) (depth int) {
	if n == nil {
		return 0
	}
	for i := range n.kids {
		depth = max(depth, depthOf(&n.kids[i].node))
	}
	if n.kind == objectKind || n.kind == listKind {
		depth++
	}
	return depth
}
