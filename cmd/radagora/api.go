package main

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"radagora/access"
	"radagora/access/repeat"
	"radagora/fault"
	"radagora/web"
)

// The own JSON API: what a program may ask for beside the interfaces that standards
// describe. Its description (OpenAPI 3.1) is made from the same Go types that answer.
// What may change within a version stands in docs/api.md; a test holds the description
// against the one that was promised (docs/api/openapi-v1.json).

const (
	apiBase     = "/api/v1"
	apiDocument = apiBase + "/openapi.json"
)

const apiText = `What programs may ask of Radagora beside DICOM, DICOMweb, HL7 and FHIR. docs/api.md says what may change within v1.

Sign in with a token: ` + "`Authorization: Bearer rad_…`" + `. Lists have ` + "`limit` and `cursor`" + `; ` + "`next`" + ` in the answer is the cursor of the next page. ` +
	"A request that changes something may bear an `Idempotency-Key`: sent again within a day, it is answered as it was first. " +
	"Errors are problem details (RFC 9457). Fields and values of open enumerations may be added: ignore what you do not know."

// An apiDoor registers operations, each with the act it asks for.
type apiDoor struct {
	*house
	api    huma.API
	mux    *http.ServeMux
	routes []route
	text   func() ([]byte, error) // the description
}

// newAPI returns the door with its operations.
func (h *house) newAPI() *apiDoor {
	mux, json := http.NewServeMux(), huma.DefaultJSONFormat
	d := &apiDoor{house: h, mux: mux, api: humago.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Radagora", Version: "1", Description: apiText},
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}},
			},
		},
		Formats: map[string]huma.Format{"application/json": json, "json": json}, DefaultFormat: "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{completeProblem},
	})}
	d.studies()
	d.patients()
	d.orders()
	d.lives()
	d.messages()
	d.doses()
	d.protocols()
	d.entries()
	d.rejects()
	d.audits()
	d.splits()
	d.rereads()
	d.embryos()
	d.maturities()
	d.cases()
	d.findings()
	d.incidents()
	d.surveys()
	d.forms()
	d.programme()
	d.paper()
	d.site()
	d.changes()
	d.operation()
	d.text = sync.OnceValues(d.describe)
	d.routes = append(d.routes, route{"GET " + apiDocument, web.Anybody, d.document()})
	return d
}

// schemaName names a schema as its Go type, without the api by which types of this
// package are told from those of the rooms.
func schemaName(t reflect.Type, hint string) string {
	return strings.ReplaceAll(huma.DefaultSchemaNamer(t, hint), "Api", "")
}

// An op is what an operation is described by.
type op struct {
	act     access.Act
	call    string // method and path below apiBase
	id      string
	group   string
	summary string
	text    string
	status  int  // of success; 0 means 200
	lacks   bool // the query names something that may not be there
}

// operate registers an operation. Who may not do its act is told in problem details.
func operate[I, O any](d *apiDoor, o op, do func(context.Context, *I) (*O, error)) {
	method, path, _ := strings.Cut(o.call, " ")
	if o.status == 0 {
		o.status = http.StatusOK
	}
	described := huma.Operation{
		OperationID: o.id, Method: method, Path: apiBase + path, Tags: []string{o.group}, Summary: o.summary, Description: o.text,
		DefaultStatus: o.status, Security: []map[string][]string{{"token": {string(o.act)}}},
		Errors: []int{
			http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity,
			http.StatusTooManyRequests, http.StatusServiceUnavailable,
		},
	}
	if o.lacks || strings.Contains(path, "{") {
		described.Errors = append(described.Errors, http.StatusNotFound)
	}
	if method != http.MethodGet {
		described.Errors = append(described.Errors, http.StatusConflict, http.StatusPreconditionFailed)
		described.Parameters = append(described.Parameters, &huma.Param{
			Name: "Idempotency-Key", In: "header", Schema: &huma.Schema{Type: "string", MaxLength: new(repeat.MaxKey)},
			Description: "Names this request; chosen by the client, the same when it is sent again.",
		})
	}
	huma.Register(d.api, described, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err != nil && fault.Of(err) == fault.Internal {
			d.Log.ErrorContext(ctx, "api", slog.String("operation", o.id), slog.Any("error", err), slog.String("request_id", calledIn(ctx).id))
		}
		return out, problem(err)
	})
	d.routes = append(d.routes, route{method + " " + apiBase + path, o.act, d})
}

// ServeHTTP implements http.Handler for those who may do what they ask for. A page of
// another site that a browser has open may not.
func (d *apiDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := call{id: framed(w, r), url: r.URL, key: repeatKey(r)}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		d.refuse(w, fault.Errorf(fault.Forbidden, "a page of another site may not do this"))
		return
	}
	if !acceptable(r.Header.Values("Accept")) {
		writeProblem(w, http.StatusNotAcceptable, "answers are application/json, and application/problem+json for errors")
		return
	}
	r = r.WithContext(withCall(r.Context(), c))
	if c.key != "" && r.Method != http.MethodGet {
		d.once(w, r, c.key)
		return
	}
	d.mux.ServeHTTP(w, r)
}

// elsewhere answers what is no operation.
func (d *apiDoor) elsewhere() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		framed(w, r)
		var allowed []string
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			probe := r.Clone(r.Context())
			probe.Method = method
			if _, pattern := d.mux.Handler(probe); pattern != "" {
				allowed = append(allowed, method)
			}
		}
		switch {
		case len(allowed) > 0:
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			writeProblem(w, http.StatusMethodNotAllowed, "this address knows "+strings.Join(allowed, ", "))
		case !strings.HasPrefix(r.URL.Path, apiBase+"/"):
			writeProblem(w, http.StatusNotFound, "the version of the API stands in the address: "+apiBase+"/…")
		default:
			writeProblem(w, http.StatusNotFound, "no such operation: "+apiDocument+" lists them")
		}
	})
}
