package dose

import (
	"cmp"
	"slices"
	"strings"
)

// A KnownBy says how the indication of an examination is known.
type KnownBy string

// The ways, from the best.
const (
	KnownByOrder    KnownBy = "order"    // a coded or mapped reason of the request
	KnownByProtocol KnownBy = "protocol" // the protocol is used for this indication alone, as the approver states
	KnownByAssumed  KnownBy = "assumed"  // neither
)

// A NameSource says where a local name stands.
type NameSource string

// The places.
const (
	FromProcedure NameSource = "procedure" // requested procedure or study description
	FromProtocol  NameSource = "protocol"  // acquisition protocol of an irradiation event
	FromCode      NameSource = "code"      // code of an order: CTHEAD (99LOCAL)
)

// NotAnExamination stands in place of an examination where a name is none of a
// patient's: warm-ups, calibrations, phantoms.
const NotAnExamination = "-"

// A Mapping says what a local name means. People approve mappings one by one;
// none is ever applied because it looks alike.
type Mapping struct {
	ID         string
	Site       string
	Name       string // as devices send it; compared without case and outer spaces
	Source     NameSource
	Machine    string // id of the machine it is for, "" for all
	Exam       string // code in dose/exam
	Indication string // code in dose/indication, "" if there is none
	KnownBy    KnownBy
	ValidFrom  string // day
	ApprovedBy string
	ApprovedAt int64 // Unix milliseconds
	RevokedBy  string
	RevokedAt  int64 // 0 while it holds
}

// foldName makes names comparable: devices pad and capitalise as they like.
func foldName(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(storable(name)), " "))
}

// Mappings answers what names mean on a machine and day.
type Mappings struct {
	byName map[nameKey][]Mapping
}

// A nameKey is what mappings are looked up by.
type nameKey struct {
	name   string
	source NameSource
}

// NewMappings makes an answerer of mappings; revoked ones are left out.
func NewMappings(all []Mapping) Mappings {
	m := Mappings{byName: map[nameKey][]Mapping{}}
	for _, x := range all {
		if x.RevokedAt == 0 {
			k := nameKey{foldName(x.Name), x.Source}
			m.byName[k] = append(m.byName[k], x)
		}
	}
	for _, list := range m.byName {
		// One for the machine goes before one for all; among those, the newest.
		slices.SortStableFunc(list, func(a, b Mapping) int {
			return cmp.Or(cmp.Compare(b.Machine, a.Machine), cmp.Compare(b.ValidFrom, a.ValidFrom))
		})
	}
	return m
}

// Find returns the mapping of a name on a machine and day, and whether there is one.
func (m Mappings) Find(name string, source NameSource, machine, day string) (Mapping, bool) {
	for _, x := range m.byName[nameKey{foldName(name), source}] {
		if (x.Machine == "" || x.Machine == machine) && x.ValidFrom <= day {
			return x, true
		}
	}
	return Mapping{}, false
}

// sortNames puts the names of the most unmapped examinations first.
func sortNames(all []NameUse) {
	slices.SortStableFunc(all, func(a, b NameUse) int {
		return cmp.Or(cmp.Compare(b.Unmapped, a.Unmapped), cmp.Compare(b.Examinations, a.Examinations), cmp.Compare(a.Folded, b.Folded))
	})
}
