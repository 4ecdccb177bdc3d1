package fhir

import (
	_ "embed"
	"maps"
	"strings"
	"sync"
)

// The tables are text and decoded type by type when first needed: as Go literals
// they would take long to compile and much memory in every process.
var (
	//go:embed table/elements.tsv
	elementText string
	//go:embed table/valuesets.tsv
	valueSetText string
)

// choiceMark ends the name of a choice.
const choiceMark = "[x]"

// A definition is a type of R4: a resource, a data type or an abstract base.
type definition struct {
	name, kind, base string
	rows             string // of elements.tsv
	once             sync.Once
	decoded          *table
}

// A table holds the elements of a type or of a part of one (Patient.contact).
type table struct {
	slots    []slot
	byName   map[string]*child // by the name in JSON
	required mask

	placesOnce sync.Once
	byPlace    map[string]*spot // by the name in FHIRPath
}

// A slot is an element; a choice is one slot with many names.
type slot struct {
	name         string // value[x]
	list, choice bool
}

// A child is what one name in JSON stands for.
type child struct {
	slot     int
	typ      string
	form     *form       // of a primitive type
	def      *definition // of any other type; of Element for primitives
	part     *table      // of a part, in place of def
	resource bool        // any resource
	set      *valueSet   // required; nil if there is none
}

// table returns the elements of an object at this place.
func (c *child) table() *table {
	if c.part != nil {
		return c.part
	}
	return c.def.table()
}

// A mask is a set of slots. The widest table of R4 has fewer than 128.
type mask [2]uint64

func (m *mask) add(i int)      { m[i>>6&1] |= 1 << (i & 63) }
func (m *mask) has(i int) bool { return m[i>>6&1]&(1<<(i&63)) != 0 }

// catalogue returns all definitions by name. The one called "*" has no rows; its
// kind lists the types of an open choice.
var catalogue = sync.OnceValue(func() map[string]*definition {
	all := map[string]*definition{}
	for section := range strings.SplitSeq(elementText, "\n=") {
		head, rows, _ := strings.Cut(section, "\n")
		name, head, _ := strings.Cut(head, "\t")
		kind, base, _ := strings.Cut(head, "\t")
		if !strings.HasPrefix(name, "#") {
			all[name] = &definition{name: name, kind: kind, base: base, rows: strings.TrimSuffix(rows, "\n")}
		}
	}
	return all
})

// IsResource reports whether R4 has a resource type of this name.
func IsResource(name string) bool {
	d := catalogue()[name]
	return d != nil && d.kind == "resource"
}

// isTypeSuffix reports whether s is how a choice writes a data type: Quantity,
// DateTime.
func isTypeSuffix(s string) bool { return typeSuffixes()[s] }

var typeSuffixes = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for name, d := range catalogue() {
		if d.kind == "complex" || d.kind == "primitive" {
			all[upperFirst(name)] = true
		}
	}
	return all
})

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// table returns the elements of a type, those of its base before its own.
func (d *definition) table() *table {
	d.once.Do(func() {
		root := newTable(d.base)
		parts := map[string]*table{"": root}
		var references []func()
		for row := range strings.SplitSeq(d.rows, "\n") {
			cells := strings.Split(row, "\t")
			if len(cells) < 3 {
				continue // a type without elements of its own
			}
			path, name := "", cells[0]
			if i := strings.LastIndexByte(cells[0], '.'); i >= 0 {
				path, name = cells[0][:i], cells[0][i+1:]
			}
			into, occurs, types := parts[path], cells[1], cells[2]
			s := slot{name: name, list: strings.HasSuffix(occurs, "*"), choice: strings.HasSuffix(name, choiceMark)}
			number := into.add(s, !strings.HasPrefix(occurs, "0"))
			if target, ok := strings.CutPrefix(types, "#"); ok {
				references = append(references, func() {
					into.byName[name] = &child{slot: number, typ: "BackboneElement", part: parts[target]}
				})
				continue
			}
			set := ""
			if len(cells) > 3 {
				set = cells[3]
			}
			for _, c := range children(types, set) {
				if c.typ == "BackboneElement" || c.typ == "Element" {
					c.part = newTable(c.typ)
					parts[cells[0]] = c.part
				}
				c.slot = number
				into.byName[jsonName(s, c.typ)] = c
			}
		}
		for _, resolve := range references {
			resolve()
		}
		d.decoded = root
	})
	return d.decoded
}

// newTable returns a table with the elements of a base type.
func newTable(base string) *table {
	t := &table{byName: map[string]*child{}}
	if d := catalogue()[base]; d != nil {
		from := d.table()
		t.slots, t.required = append(t.slots, from.slots...), from.required
		maps.Copy(t.byName, from.byName)
	}
	return t
}

// add appends a slot and returns its number.
func (t *table) add(s slot, required bool) int {
	t.slots = append(t.slots, s)
	if required {
		t.required.add(len(t.slots) - 1)
	}
	return len(t.slots) - 1
}

// children returns a child for each type of an element.
func children(types, set string) (all []*child) {
	if types == "*" {
		types = catalogue()["*"].kind
	}
	for typ := range strings.SplitSeq(types, " ") {
		c := &child{typ: typ, def: catalogue()[typ], set: valueSets()[set]}
		if f, ok := forms[typ]; ok {
			c.form, c.def = &f, catalogue()["Element"]
		}
		c.resource = typ == "Resource"
		all = append(all, c)
	}
	return all
}

// jsonName returns the name of an element of a type in JSON.
func jsonName(s slot, typ string) string {
	if base, ok := strings.CutSuffix(s.name, choiceMark); ok {
		return base + upperFirst(typ)
	}
	return s.name
}

// A valueSet holds the codes of a required binding.
type valueSet struct {
	name  string
	codes map[string]bool // of all systems together
	pairs map[string]bool // system|code
}

// valueSets returns the value sets that the package lists in full, by name.
var valueSets = sync.OnceValue(func() map[string]*valueSet {
	all := map[string]*valueSet{}
	for row := range strings.SplitSeq(strings.TrimSuffix(valueSetText, "\n"), "\n") {
		cells := strings.Split(row, "\t")
		if len(cells) != 3 {
			continue // the heading
		}
		name, system := cells[0], cells[1]
		set := all[name]
		if set == nil {
			set = &valueSet{name: name, codes: map[string]bool{}, pairs: map[string]bool{}}
			all[name] = set
		}
		for code := range strings.SplitSeq(cells[2], " ") {
			set.codes[code] = true
			set.pairs[system+"|"+code] = true
		}
	}
	return all
})
