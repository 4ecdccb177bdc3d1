package fhir

import "radagora/fault"

// Bounds of a resource. The largest file of the R4 package has 35 MB and 477,600
// values, the deepest 22 levels of JSON.
const (
	maxBytes  = 64 << 20
	maxValues = 1 << 20
	maxDepth  = 64
	maxNumber = 64 // characters; what ucum.ParseDecimal reads
	fewNames  = 16 // up to here, names are searched one by one
)

// checkObject applies the rules that concern an object as a whole: something is in
// it, no name occurs twice, null only fills a place whose companion says something.
func checkObject(kids []member) error {
	if len(kids) == 0 {
		return fault.Errorf(fault.Invalid, "an object is empty; leave the element out")
	}
	of := index(kids)
	for i := range kids {
		m := &kids[i]
		if of(m.name) != &m.node {
			return fault.Errorf(fault.Invalid, "the element %s occurs twice in an object; repeat it as a list", shown(m.name))
		}
		if m.kind == listKind {
			if err := checkNulls(m, of); err != nil {
				return err
			}
		}
	}
	return nil
}

// index returns how to find members by name, the first of each. Whoever looks for
// many must not search a large object from its beginning each time.
func index(kids []member) func(name string) *node {
	if len(kids) <= fewNames {
		return (&node{kind: objectKind, kids: kids}).at
	}
	all := make(map[string]*node, len(kids))
	for i := len(kids) - 1; i >= 0; i-- {
		all[kids[i].name] = &kids[i].node
	}
	return func(name string) *node { return all[name] }
}

// checkNulls looks at a list: each null in it needs something at the same place of
// its partner.
func checkNulls(m *member, of func(string) *node) error {
	var other *node
	for i := range m.kids {
		if m.kids[i].kind != nullKind {
			continue
		}
		if other == nil {
			other = of(partner(m.name))
		}
		if other == nil || other.kind != listKind || i >= len(other.kids) || other.kids[i].isNull() {
			return fault.Errorf(fault.Invalid, "item %d of %s is null and so is its companion", i, shown(m.name))
		}
	}
	return nil
}

// checkList applies the rules that concern a list.
func checkList(kids []member) error {
	if len(kids) == 0 {
		return fault.Errorf(fault.Invalid, "a list is empty; leave the element out")
	}
	return nil
}

// shown returns a name for a message. Names come from outside: what does not look
// like an element is not repeated.
func shown(name string) string {
	if len(name) == 0 || len(name) > 64 {
		return "(a name no element has)"
	}
	for _, c := range []byte(name) {
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') {
			return "(a name no element has)"
		}
	}
	return name
}
