package fhir

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed table/search.tsv
var searchText string

// A SearchParameter is a way to search that R4 defines for a type of resource.
type SearchParameter struct {
	Code       string   // what stands in the address: patient, _id
	Type       string   // token, reference, string, date, uri, quantity or number
	Expression string   // FHIRPath
	Targets    []string // of a reference; "*" alone for any type
}

// SearchParameters returns the search parameters of a resource type, those that all
// resources have last. Composite and special ones are not among them. The slice must
// not be changed.
func SearchParameters(resourceType string) []SearchParameter {
	return searchParameters()[resourceType]
}

var searchParameters = sync.OnceValue(func() map[string][]SearchParameter {
	all := map[string][]SearchParameter{}
	for section := range strings.SplitSeq(searchText, "\n=") {
		base, rows, _ := strings.Cut(section, "\n")
		if strings.HasPrefix(base, "#") {
			continue
		}
		for row := range strings.SplitSeq(strings.TrimSuffix(rows, "\n"), "\n") {
			cells := append(strings.Split(row, "\t"), "")
			if len(cells) < 4 {
				continue
			}
			all[base] = append(all[base], SearchParameter{cells[0], cells[1], cells[2], strings.Fields(cells[3])})
		}
	}
	for name, d := range catalogue() {
		if d.kind == "resource" {
			own := all[name]
			all[name] = append(slices.Clip(own), all["Resource"]...)
		}
	}
	return all
})
