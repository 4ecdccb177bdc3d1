package fhirweb

import (
	"maps"
	"net/http"
	"slices"

	"radagora/fhir"
	"radagora/fhir/search"
)

// capabilities answers what is served, made of what is served.
func (x *exchange) capabilities() error {
	c, err := x.Capabilities()
	if err != nil {
		return err
	}
	x.write(http.StatusOK, c)
	return nil
}

// Capabilities returns the CapabilityStatement.
func (s *Server) Capabilities() (fhir.Resource, error) {
	var types []any
	writes := false
	for _, name := range slices.Sorted(maps.Keys(s.Types)) {
		if !fhir.IsResource(name) {
			continue // R4 has no code for it
		}
		types = append(types, s.Types[name].capability(name))
		writes = writes || s.Types[name].Writer != nil
	}
	rest := []fhir.Field{fhir.F("mode", "server"), fhir.F("security", fhir.Object(s.Security...)), fhir.F("resource", fhir.List(types...))}
	if writes {
		rest = append(rest, fhir.F("interaction", fhir.List(code("transaction"), code("batch"))))
	}
	return fhir.New("CapabilityStatement",
		fhir.F("status", "active"),
		fhir.F("date", s.Released),
		fhir.F("kind", "instance"),
		fhir.F("software", fhir.Object(fhir.F("name", s.Software), fhir.F("version", s.Release), fhir.F("releaseDate", s.Released))),
		fhir.F("implementation", fhir.Object(fhir.F("description", s.Software), fhir.F("url", s.Base))),
		fhir.F("fhirVersion", "4.0.1"),
		fhir.F("format", fhir.List("application/fhir+json", "json")),
		fhir.F("rest", fhir.List(fhir.Object(rest...))),
	)
}

func code(s string) fhir.Value { return fhir.Object(fhir.F("code", s)) }

// capability returns what is served of one type.
func (t Type) capability(name string) fhir.Value {
	var interactions []any
	for _, one := range []struct {
		code string
		is   bool
	}{
		{"read", t.Reader != nil},
		{"vread", t.Historian != nil},
		{"history-instance", t.Historian != nil},
		{"search-type", t.Searcher != nil},
		{"create", t.Writer != nil},
		{"update", t.Writer != nil && !t.Final},
	} {
		if one.is {
			interactions = append(interactions, code(one.code))
		}
	}
	versioning := "no-version"
	switch {
	case t.Historian != nil:
		versioning = "versioned-update"
	case t.Versioned:
		versioning = "versioned"
	}
	updates := t.Writer != nil && !t.Final
	fields := []fhir.Field{
		fhir.F("type", name), fhir.F("interaction", fhir.List(interactions...)), fhir.F("versioning", versioning),
		fhir.F("readHistory", t.Historian != nil), fhir.F("updateCreate", updates && !t.Named),
		fhir.F("conditionalCreate", t.Writer != nil), fhir.F("conditionalUpdate", updates),
	}
	if t.Searcher != nil {
		fields = append(fields, t.searched(name)...)
	}
	if t.Documenter != nil {
		fields = append(fields, fhir.F("operation", fhir.List(fhir.Object(
			fhir.F("name", "document"), fhir.F("definition", "http://hl7.org/fhir/OperationDefinition/Composition-document")))))
	}
	return fhir.Object(fields...)
}

// searched returns the parameters and includes of a type.
func (t Type) searched(name string) []fhir.Field {
	var includes, parameters []any
	for _, p := range search.For(name) {
		if _, answered := t.find(name, p.Code); !answered {
			continue
		}
		if p.Type == search.Reference {
			includes = append(includes, name+":"+p.Code)
		}
		parameters = append(parameters, fhir.Object(fhir.F("name", p.Code), fhir.F("type", string(p.Type))))
	}
	return []fhir.Field{fhir.F("searchInclude", fhir.List(includes...)), fhir.F("searchParam", fhir.List(parameters...))}
}
