// Package fhirweb speaks FHIR over HTTP.
//
// [Server] answers the REST interactions of FHIR R4 that a small facade needs: read,
// vread, history of an instance, search (with _include and chaining over one level),
// create, update, both also conditional, validate, batch and transaction, running a view
// definition, and the CapabilityStatement, which is made of what is served. Where resources come from is the
// business of a Reader, Historian, Searcher and Writer for each type: a projection may
// only be read, a kept resource also written.
//
// JSON only: XML is answered 406 and 415. delete, patch and history of a type are not
// served. Errors are OperationOutcomes, by one table from the kind of error.
package fhirweb

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/search"
)

// A Stored is a resource as it is kept.
type Stored struct {
	Resource fhir.Resource // with its id; meta.versionId and meta.lastUpdated are set when it is served
	Version  string        // "" where the resource has no versions
	Updated  time.Time
}

// A Reader finds a resource: fault.NotFound if there is none, or none for this caller.
type Reader interface {
	Read(ctx context.Context, resourceType, id string) (Stored, error)
}

// A Historian keeps what resources were.
type Historian interface {
	ReadVersion(ctx context.Context, resourceType, id, version string) (Stored, error)
	// History returns all versions, the newest first.
	History(ctx context.Context, resourceType, id string) ([]Stored, error)
}

// A Query is a search. All criteria must be met.
type Query struct {
	Type     string
	Criteria []search.Criterion
	Sort     []Order
	Count    int    // how many matches at most; 0 if only their number is wanted
	Cursor   string // where the page before ended, as its Page said; "" for the first
}

// An Order sorts by a parameter.
type Order struct {
	Parameter  *search.Parameter
	Descending bool
}

// A Page is a part of what a Query finds.
type Page struct {
	Matches []Stored
	Total   int    // of all pages; -1 if that is not known
	Next    string // the Cursor of the next page, "" after the last
}

// A Searcher answers queries about one type.
type Searcher interface {
	Search(ctx context.Context, q Query) (Page, error)
}

// A Change is something to write.
type Change struct {
	Resource fhir.Resource // with the id it is to have
	// Create: the resource is new. If Unless finds one, that is returned in its place; if
	// it finds several, that is fault.Conflict.
	Create bool
	Unless *Query
	// Of an update: the version that must be the newest one, "" for any; another one is
	// fault.Conflict. If Where finds one resource, that is updated, whatever the id; if
	// it finds several, that is fault.Conflict. What is not there is made.
	IfMatch string
	Where   *Query
	FullURL string // of the entry of a transaction
}

// A Written is what became of a Change.
type Written struct {
	Stored
	Created bool
	Kept    bool // Unless found it, and nothing was written
}

// A Writer writes changes, all or none. Before it writes it settles which id each
// resource has and lets Relink put them into the others.
type Writer interface {
	Write(ctx context.Context, changes []Change) ([]Written, error)
}

// A Documenter makes documents of Compositions: a Bundle with what one refers to. Errors
// are those of a Reader.
type Documenter interface {
	Document(ctx context.Context, id string) (fhir.Resource, error)
}

// A Type is how a type of resource is served. What is nil is not served.
type Type struct {
	Reader    Reader
	Historian Historian
	Searcher  Searcher
	Writer    Writer
	// Documenter answers $document of Compositions, without keeping what it makes.
	Documenter Documenter

	Versioned  bool     // there are versions though no Historian keeps them: ETag and If-Match
	Final      bool     // what was created is never updated
	Named      bool     // ids are given here: an update of what is not there makes nothing
	Parameters []string // of search that are answered; nil: all that R4 has
	Sorts      []string // of them, by which is sorted; nil: all
	// Accepts tells a criterion that is not answered: fault.Unsupported; nil: each is.
	Accepts func(c search.Criterion) error
}

// criterion reads a criterion of a search, as far as the type answers it.
func (t Type) criterion(typ, name, text string, zone int) (search.Criterion, error) {
	code, _, _ := strings.Cut(name, ":")
	if t.Parameters != nil && !slices.Contains(t.Parameters, code) {
		if p, known := search.Find(typ, code); known {
			return search.Criterion{}, fault.Errorf(fault.NotFound, "%s has a search parameter %s, which is not answered here", typ, p.Code)
		}
		_, err := search.Parse(typ, name, text, zone)
		return search.Criterion{}, err
	}
	c, err := search.Parse(typ, name, text, zone)
	if err == nil && t.Accepts != nil {
		err = t.Accepts(c)
	}
	return c, err
}

// find returns the parameter of that code, if the type answers it.
func (t Type) find(typ, code string) (*search.Parameter, bool) {
	p, ok := search.Find(typ, code)
	return p, ok && (t.Parameters == nil || slices.Contains(t.Parameters, code))
}

// sorts reports whether the type sorts by the parameter of that code.
func (t Type) sorts(code string) bool { return t.Sorts == nil || slices.Contains(t.Sorts, code) }

// A Server answers FHIR requests. Its fields must not be changed once it serves.
type Server struct {
	Base     string          // where it is reached from outside: https://host/fhir
	Types    map[string]Type // by name
	Software string          // name and version, for the CapabilityStatement
	Release  string
	Released time.Time    // date of the CapabilityStatement
	Log      *slog.Logger // of errors that are our mistake
	Now      func() time.Time
	NewID    func() string         // for what is created
	Zone     func(t time.Time) int // minutes east of UTC of times without a zone; nil is UTC
	May      func(a Act) error     // whether the caller may; nil allows all
	Security []fhir.Field          // of rest.security in the CapabilityStatement
}

// An Act is what a request wants to do.
type Act struct {
	Request     *http.Request
	Interaction string // read, vread, history-instance, search-type, create, update, validate, batch, transaction, viewdefinition-run
	Type, ID    string
}

const (
	contentType  = "application/fhir+json; charset=utf-8"
	maxBody      = 16 << 20
	maxEntries   = 1000 // of a batch or transaction
	maxCount     = 1000 // of a page
	usualCount   = 50
	maxChained   = 1000 // resources that a chained criterion may lead through
	maxIncluded  = 1000
	maxParameter = 100
)

// ServeHTTP answers a request whose path begins below Base: /Patient/12.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{Server: s, w: w, r: r, ctx: r.Context()}
	if err := x.route(); err != nil {
		x.fail(err)
	}
}

// An exchange is one request with its answer.
type exchange struct {
	*Server
	w   http.ResponseWriter
	r   *http.Request
	ctx context.Context
}

// route finds what a request wants by its path (R4, RESTful API).
func (x *exchange) route() error {
	parts := strings.Split(strings.Trim(x.r.URL.Path, "/"), "/")
	if last := len(parts) - 1; parts[last] == runOperation && (last == 0 || last == 1 && parts[0] == "ViewDefinition") {
		return x.on(methods{http.MethodPost: x.run})
	}
	if err := x.accepts(); err != nil {
		return err
	}
	switch {
	case len(parts) == 1 && parts[0] == "":
		return x.on(methods{http.MethodPost: x.bundle})
	case len(parts) == 1 && parts[0] == "metadata":
		return x.on(methods{http.MethodGet: x.capabilities})
	}
	t, served := x.Types[parts[0]]
	if !served {
		return fault.Errorf(fault.NotFound, "this type of resource is not served here")
	}
	typ := parts[0]
	switch {
	case len(parts) == 1:
		return x.on(methods{
			http.MethodGet:  func() error { return x.search(t, typ, x.r.URL.Query()) },
			http.MethodPost: func() error { return x.create(t, typ) },
			http.MethodPut:  func() error { return x.update(t, typ, "") },
		})
	case len(parts) == 2 && parts[1] == "_search":
		return x.on(methods{http.MethodPost: func() error { return x.searchForm(t, typ) }})
	case len(parts) == 2 && parts[1] == "$validate":
		return x.on(methods{http.MethodPost: func() error { return x.validate(typ) }})
	case len(parts) == 2:
		return x.on(methods{
			http.MethodGet: func() error { return x.read(t, typ, parts[1]) },
			http.MethodPut: func() error { return x.update(t, typ, parts[1]) },
		})
	case len(parts) == 3 && parts[2] == "_history":
		return x.on(methods{http.MethodGet: func() error { return x.history(t, typ, parts[1]) }})
	case len(parts) == 3 && parts[2] == "$document" && t.Documenter != nil:
		return x.on(methods{http.MethodGet: func() error { return x.document(t, typ, parts[1]) }})
	case len(parts) == 4 && parts[2] == "_history":
		return x.on(methods{http.MethodGet: func() error { return x.vread(t, typ, parts[1], parts[3]) }})
	}
	return fault.Errorf(fault.NotFound, "there is nothing at this address")
}

type methods map[string]func() error

// on runs what the method of the request asks for.
func (x *exchange) on(m methods) error {
	method := x.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if do, ok := m[method]; ok {
		return do()
	}
	x.w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(m)), ", "))
	return errNotAllowed
}

// may asks whether the caller may do this.
func (x *exchange) may(interaction, typ, id string) error {
	if x.May == nil {
		return nil
	}
	return x.May(Act{x.r, interaction, typ, id})
}

var errNotAllowed = errors.New("method not allowed")
