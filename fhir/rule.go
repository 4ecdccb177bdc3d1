package fhir

import "radagora/fault"

// Bounds of a resource. The largest file of the R4 package has 35 MB and 477,600
// values, the deepest 22 levels of JSON.
const (
	maxBytes  = 64 << 20
	maxValues = 1 << 20
	maxDepth  = 64
	maxNumber = 64 // characters; what ucum.ParseDecimal reads
	fewNames  = 16 // up to here, names are compared pair by pair
)

// checkObject applies the rules that concern an object as a whole (R4 §2.6.2):
// something is in it, no name occurs twice, null only fills a place whose
// companion says something.
func checkObject(kids []member) error {
	if len(kids) == 0 {
		return fault.Errorf(fault.Invalid, "an object is empty; leave the element out")
	}
	if err := checkNames(kids); err != nil {
		return err
	}
	for i := range kids {
		if err := checkNulls(kids, i); err != nil {
			return err
		}
	}
	return nil
}

func checkNames(kids []member) error {
	twice := func(name string) error {
		return fault.Errorf(fault.Invalid, "the element %s occurs twice in an object; repeat it as a list", shown(name))
	}
	if len(kids) > fewNames {
		seen := make(map[string]bool, len(kids))
		for i := range kids {
			if seen[kids[i].name] {
				return twice(kids[i].name)
			}
			seen[kids[i].name] = true
		}
		return nil
	}
	for i := range kids {
		for j := range i {
			if kids[i].name == kids[j].name {
				return twice(kids[i].name)
			}
		}
	}
	return nil
}

// checkNulls looks at one member: each null in a list needs something at the same
// place of its partner.
func checkNulls(kids []member, i int) error {
	m := &kids[i]
	if m.kind != listKind {
		return nil
	}
	var other *node
	for k := range m.kids {
		if m.kids[k].kind != nullKind {
			continue
		}
		if other == nil {
			other = (&node{kind: objectKind, kids: kids}).at(partner(m.name))
		}
		if other == nil || other.kind != listKind || k >= len(other.kids) || other.kids[k].isNull() {
			return fault.Errorf(fault.Invalid, "item %d of %s is null and so is its companion", k, shown(m.name))
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
