package fhir

import (
	"strconv"
	"strings"

	"radagora/fault"
)

// step is one part of a path. Its index is -1 where there is none.
type step struct {
	name  string
	index int
}

// maxIndex is the highest index a path may have: more items no resource has.
const maxIndex = maxValues

// cutStep returns the first step of a path and what follows it. It is not ok for
// what is no path.
func cutStep(path string) (s step, rest string, ok bool) {
	part, rest, more := cutPath(path)
	if more && rest == "" {
		return step{}, "", false
	}
	s = step{part, -1}
	if strings.HasSuffix(part, "]") && !strings.HasSuffix(part, choiceMark) {
		open := strings.LastIndexByte(part, '[')
		if open < 0 {
			return step{}, "", false
		}
		n, err := strconv.ParseUint(part[open+1:len(part)-1], 10, 32)
		if err != nil || n > maxIndex {
			return step{}, "", false
		}
		s = step{part[:open], int(n)}
	}
	bare := strings.TrimSuffix(s.name, choiceMark)
	return s, rest, bare != "" && !strings.ContainsAny(bare, "[] ()'\"`")
}

func cutPath(path string) (part, rest string, more bool) { return strings.Cut(path, ".") }

// steps cuts a path to which something is to be written.
func steps(path string) (all []step, err error) {
	for rest := path; ; {
		s, after, ok := cutStep(rest)
		if !ok || !isText(s.name) || strings.HasSuffix(s.name, choiceMark) || len(all) == maxDepth {
			return nil, fault.Errorf(fault.Invalid, "%q is no path to write to", path)
		}
		all = append(all, s)
		if after == "" {
			return all, nil
		}
		rest = after
	}
}

// walk hands what is at path below v to yield until that returns false.
func (v Value) walk(path string, yield func(Value) bool) bool {
	s, rest, ok := cutStep(path)
	if !ok {
		return true
	}
	next := yield
	if rest != "" {
		next = func(item Value) bool { return item.walk(rest, yield) }
	}
	if !v.IsObject() {
		v = Value{n: v.ext} // a primitive has the elements of its companion
	}
	if base, isChoice := strings.CutSuffix(s.name, choiceMark); isChoice {
		return v.element(v.chosen(base), s.index, next)
	}
	return v.element(s.name, s.index, next)
}

// chosen returns the name that a choice has in v, "" if it is absent.
func (v Value) chosen(base string) string {
	if !v.IsObject() {
		return ""
	}
	for i := range v.n.kids {
		name := v.n.kids[i].name
		if isCompanion(name) {
			name = name[1:]
		}
		if suffix, ok := strings.CutPrefix(name, base); ok && isTypeSuffix(suffix) {
			return name
		}
	}
	return ""
}

// element hands the value of the element called name, or each of its items, or the
// item at index, to yield, together with its companion.
func (v Value) element(name string, index int, yield func(Value) bool) bool {
	return items(name, v.n.at(name), v.n.companion(name), index, yield)
}

// items hands the items of an element to yield, or only the one at index.
func items(name string, n, ext *node, index int, yield func(Value) bool) bool {
	if n == nil && ext == nil {
		return true
	}
	from, to := 0, max(1, n.length(), ext.length())
	if index >= 0 {
		from, to = index, min(to, index+1)
	}
	for i := from; i < to; i++ {
		item := Value{n: n.item(i), ext: ext.item(i), name: name}
		if item.Exists() && !yield(item) {
			return false
		}
	}
	return true
}

// item returns the i-th item of a list, or n itself for 0 if it is no list.
func (n *node) item(i int) *node {
	switch {
	case n == nil:
		return nil
	case n.kind == listKind && i < len(n.kids):
		return &n.kids[i].node
	case n.kind != listKind && i == 0:
		return n
	}
	return nil
}
