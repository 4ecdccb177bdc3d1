package token

import (
	"radagora/access"
)

// A Bundle is what people choose when they make a token: acts that belong together
// under a word.
type Bundle struct {
	Name string // key of the words shown
	Acts []access.Act
}

// Bundles returns what can be chosen, what shows least first.
func Bundles() []Bundle {
	return []Bundle{
		{"status", []access.Act{access.StatusRead}},
		{"sites", []access.Act{access.SiteRead, access.PeerRead}},
		{"aggregates", []access.Act{access.AggregateRead, access.FindingRead}},
		{"tables", []access.Act{access.TableExport}},
		{"examinations", []access.Act{access.ExaminationRead, access.MappingRead}},
		{"decide", []access.Act{access.FindingDecide, access.MappingPropose, access.MappingApprove}},
		{"studies", []access.Act{access.StudyFind}},
		{"images", []access.Act{access.StudyFind, access.ObjectRead, access.IdentityRead}},
		{"store", []access.Act{access.ObjectStore, access.ObjectImport}},
		{"journal", []access.Act{access.JournalRead}},
	}
}

// Named returns the acts of the bundles with these names, and the name of the first
// that does not exist.
func Named(names []string) (acts []string, unknown string) {
	known := map[string][]access.Act{}
	for _, b := range Bundles() {
		known[b.Name] = b.Acts
	}
	for _, n := range names {
		if known[n] == nil {
			return nil, n
		}
		for _, a := range known[n] {
			acts = append(acts, string(a))
		}
	}
	return tidy(acts), ""
}
