package connect

import (
	"slices"
	"strings"

	"radagora/content"
	"radagora/fault"
	"radagora/hl7"
)

// The set that every mapping ends with.
const defaultMapping = "connect/hl7"

// A Mapping says where messages say what the program wants to know, and what their
// codes mean: the rows of a sender's own set, then those of the default.
type Mapping struct {
	paths map[string][]row
	codes map[string][]code
	own   map[string]int // how many codes of a target are of the sender's own set
}

// A row is one place of a target.
type row struct {
	messages []string // ADT, ORM; * is any
	path     hl7.Path
	form     string
	none     bool // nothing is read, here or from the rows behind
}

// A code is what one code of one system means.
type code struct{ system, code, value string }

// mapping returns that of a site by the id of a set; "" is the default alone.
func (r *Register) mapping(site, id string) (*Mapping, error) {
	name := [2]string{site, id}
	if known, ok := r.mappings.Load(name); ok {
		if m, ok := known.(*Mapping); ok {
			return m, nil
		}
	}
	m, err := NewMapping(r.Content, site, id)
	if err == nil {
		r.mappings.Store(name, m) // the content does not change while the program runs
	}
	return m, err
}

// NewMapping reads a mapping from the content as a site sees it. It is NotFound if
// there is no such set, and Invalid if a path cannot be read.
func NewMapping(library *content.Library, site, id string) (*Mapping, error) {
	m := &Mapping{paths: map[string][]row{}, codes: map[string][]code{}, own: map[string]int{}}
	ids := []string{defaultMapping}
	if id != "" && id != defaultMapping {
		ids = []string{id, defaultMapping}
	}
	for _, id := range ids {
		if err := m.add(library, site, id); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Mapping) add(library *content.Library, site, id string) error {
	set, ok := library.Set(site, id)
	if !ok || set.Kind != "hl7_map" {
		return fault.Errorf(fault.NotFound, "no content set %s of kind hl7_map", id)
	}
	paths, err := set.Table("paths")
	if err != nil {
		return err
	}
	for line := range paths.All() {
		r := row{messages: strings.Fields(line.Text("messages")), form: line.Text("form"), none: line.Text("path") == "-"}
		if !r.none {
			if r.path, err = hl7.ParsePath(line.Text("path")); err != nil {
				return fault.Errorf(fault.Invalid, "content set %s: %w", id, err)
			}
		}
		target := line.Text("target")
		m.paths[target] = append(m.paths[target], r)
	}
	codes, err := set.Table("codes")
	if err != nil {
		return err
	}
	for line := range codes.All() {
		target := line.Text("target")
		m.codes[target] = append(m.codes[target], code{line.Text("system"), line.Text("code"), line.Text("value")})
		if id != defaultMapping {
			m.own[target]++
		}
	}
	return nil
}

// code returns what a code means for a target, "" if nobody said.
func (m *Mapping) code(target, system, value string) string {
	for _, c := range m.codes[target] {
		if c.code == value && (c.system == "*" || strings.EqualFold(c.system, system)) {
			return c.value
		}
	}
	return ""
}

// find returns the values of a target in part of a message and, where that says
// nothing of it, in all of it: of the first row that has any. all asks for every
// repetition.
func (m *Mapping) find(target string, in scope, all bool) (values []hl7.Value, form string) {
	for _, r := range m.paths[target] {
		if !slices.Contains(r.messages, "*") && !slices.Contains(r.messages, in.kind) {
			continue
		}
		if r.none {
			return nil, ""
		}
		if values := in.at(r.path, all); len(values) > 0 {
			return values, r.form
		}
	}
	return nil, ""
}

// A scope is the part of a message that something is read from.
type scope struct {
	kind  string // ADT
	group hl7.Group
	whole hl7.Group
}

// at returns what stands at a path, first in the part, then in what belongs to all.
func (s scope) at(p hl7.Path, all bool) (values []hl7.Value) {
	segment := s.group.First(p.Segment)
	if segment.Name() == "" {
		segment = s.whole.First(p.Segment)
	}
	if segment.Name() == "" {
		return nil
	}
	for v := range segment.Field(p.Field).Repetitions() {
		if p.Component > 0 {
			v = v.Component(p.Component)
		}
		if p.Subcomponent > 0 {
			v = v.Subcomponent(p.Subcomponent)
		}
		if !v.Empty() {
			values = append(values, v)
		}
		if !all && len(values) > 0 {
			break
		}
	}
	return values
}
