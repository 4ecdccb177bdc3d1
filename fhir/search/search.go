// Package search indexes and compares FHIR resources by the search parameters of R4.
//
// [For] lists the parameters of a type of resource, each compiled once.
// [Parameter.Extract] yields what a resource holds for one: the entries of an index.
// [Parse] reads a criterion as it stands in an address (date=ge2026-03, code=http://loinc.org|73569-6)
// and [Criterion.Matches] compares entries with it, so that a store without an index
// searches right and one with an index can be held against that.
//
// It follows the Search page of R4 4.0.1. Composite parameters, chaining, _has, _filter
// and the modifiers :in, :not-in, :above and :below of tokens are not in it: they need
// other resources or a terminology.
package search

import (
	"context"
	"strings"
	"sync"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
)

// A Type is the type of a search parameter.
type Type string

// The types of search parameters.
const (
	Number    Type = "number"
	Date      Type = "date"
	String    Type = "string"
	Token     Type = "token"
	Reference Type = "reference"
	Quantity  Type = "quantity"
	URI       Type = "uri"
)

// A Parameter is a search parameter of a type of resource. It is never changed and may
// be used by many at once.
type Parameter struct {
	Of      string // the type of resource
	Code    string // what stands in the address
	Type    Type
	Targets []string // of a reference; "*" alone for any type
	x       *fhirpath.Expression
}

// Expression returns where the parameter looks, in FHIRPath.
func (p *Parameter) Expression() string { return p.x.String() }

// A catalogue holds the parameters of the types that were asked for.
type catalogue struct {
	sync.Mutex
	of map[string][]*Parameter
}

var compiled = catalogue{of: map[string][]*Parameter{}}

// For returns the parameters of a type of resource, none if R4 has no such type. The
// slice must not be changed.
func For(resourceType string) []*Parameter {
	if !fhir.IsResource(resourceType) {
		return nil
	}
	compiled.Lock()
	defer compiled.Unlock()
	all, ok := compiled.of[resourceType]
	if ok {
		return all
	}
	for _, s := range fhir.SearchParameters(resourceType) {
		x, err := fhirpath.Compile(s.Expression)
		if err != nil {
			continue // a test compiles every one
		}
		all = append(all, &Parameter{resourceType, s.Code, Type(s.Type), s.Targets, x})
	}
	compiled.of[resourceType] = all
	return all
}

// Find returns the parameter of a type of resource that has this code.
func Find(resourceType, code string) (*Parameter, bool) {
	for _, p := range For(resourceType) {
		if p.Code == code {
			return p, true
		}
	}
	return nil, false
}

// Extract returns what the resource holds for the parameter, nothing if it is of
// another type. Times without a zone are taken to be in zone, in minutes east of UTC:
// the zone of the site. What a value cannot be indexed by (a Timing without events) is
// left out.
func (p *Parameter) Extract(ctx context.Context, r fhir.Resource, zone int) ([]Entry, error) {
	if r.Type() != p.Of {
		return nil, nil
	}
	found, err := p.x.Evaluate(ctx, r, &fhirpath.Env{Resolver: typesOnly{}})
	if err != nil {
		return nil, fault.Errorf(fault.Of(err), "search parameter %s of %s: %w", p.Code, p.Of, err)
	}
	var all []Entry
	for _, v := range found {
		all = p.entries(all, v, zone)
	}
	return all, nil
}

// typesOnly resolves a reference to a resource of which no more is known than the
// reference says: enough for where(resolve() is Patient).
type typesOnly struct{}

func (typesOnly) Resolve(_ context.Context, reference string) (fhir.Resource, error) {
	typ, id, ok := strings.Cut(fhirpath.ReferenceKey(reference), "/")
	if !ok {
		return fhir.Resource{}, nil
	}
	return fhir.New(typ, fhir.F("id", id))
}
