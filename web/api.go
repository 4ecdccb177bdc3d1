package web

import (
	"context"

	"radagora/access"
	"radagora/lang"
)

// API is the program's own interface for other programs.
type API interface {
	// API returns its description. Its texts are English, as programs are.
	API(ctx context.Context) (APIPage, error)
}

// An APIPage is the description as the page shows it.
type APIPage struct {
	Address  string // of the installation with the version, such as https://host/api/v1
	Document string // path of the description for programs
	Groups   []APIGroup
}

// An APIGroup is what can be asked about one subject.
type APIGroup struct {
	Name       string
	Operations []APIOperation
}

// An APIOperation is one thing that can be asked.
type APIOperation struct {
	ID, Method, Path string
	Summary, Text    string
	Scope            string // what a token must be allowed
	May              bool   // whoever looks at the page may
	Parameters       []APIField
	Request, Answer  []APIField
	Examples         []APIExample
}

// An APIField is a parameter, or a field of what is sent or answered.
type APIField struct {
	Name, Type, Text string
	Needed           bool
	Values           []string // that it may have
	Open             bool     // others may be added
}

// An APIExample is a request with its answer, as a test has run it.
type APIExample struct {
	About, Curl, Answer string
	Status              int
}

// apiRoutes registers the page.
func (s *server) apiRoutes(g registrar) {
	if s.API != nil {
		g.get("/api", access.PageRead, s.apiPage)
	}
}

// apiPage shows what programs may ask.
func (s *server) apiPage(v *visit) error {
	p, err := s.API.API(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("nav.api"), lead: v.p.T("api.lead"), section: "/api"}, apiBody(v, p))
}

// apiCount says how many operations a group has.
func apiCount(v *visit, g APIGroup) string {
	return v.p.T("api.count", lang.Args{"n": len(g.Operations)})
}
