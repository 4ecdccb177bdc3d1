package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"radagora/access"
	"radagora/fault"
	"radagora/web"
	"radagora/worklist"
)

// The own JSON API: what a program may ask for beside the interfaces that standards
// describe. Its description (OpenAPI 3.1) is made from the same Go types that answer.

// apiDocument is where the description stands.
const apiDocument = "/api/openapi.json"

// An apiDoor registers operations, each with the act it asks for.
type apiDoor struct {
	api    huma.API
	mux    *http.ServeMux
	routes []route
}

// apiRoutes returns the addresses of the API.
func (h *house) apiRoutes() []route {
	mux := http.NewServeMux()
	json := huma.DefaultJSONFormat
	d := &apiDoor{mux: mux, api: humago.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Radagora", Version: "1",
				Description: "Sign in with a token: Authorization: Bearer rad_…. Errors are problem details (RFC 9457).",
			},
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}},
			},
		},
		Formats: map[string]huma.Format{"application/json": json, "json": json}, DefaultFormat: "application/json",
		Transformers: []huma.Transformer{withoutValues},
	})}
	h.worklistAPI(d)
	h.changesAPI(d)
	d.routes = append(d.routes, route{"GET " + apiDocument, web.Anybody, d.document()})
	return d.routes
}

// withoutValues takes out of an error what was sent: it may be about a patient, and
// errors are copied into logs and tickets.
func withoutValues(_ huma.Context, _ string, v any) (any, error) {
	if m, ok := v.(*huma.ErrorModel); ok {
		for _, e := range m.Errors {
			e.Value = nil
		}
	}
	return v, nil
}

// document answers with the description.
func (d *apiDoor) document() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text, err := json.Marshal(d.api.OpenAPI())
		if err != nil {
			http.Error(w, "the description cannot be written", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
		_, _ = w.Write(text)
	})
}

// operate registers an operation. Who may not do act is told in problem details.
func operate[I, O any](d *apiDoor, act access.Act, o huma.Operation, do func(context.Context, *I) (*O, error)) {
	o.Security = []map[string][]string{{"token": {string(act)}}}
	o.Errors = []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusServiceUnavailable}
	if o.DefaultStatus == 0 {
		o.DefaultStatus = http.StatusOK
	}
	huma.Register(d.api, o, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		return out, problem(err)
	})
	d.routes = append(d.routes, route{o.Method + " " + o.Path, act, d})
}

// ServeHTTP implements http.Handler for those who may do what they ask for. A page of
// another site that a browser has open may not.
func (d *apiDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		d.refuse(w, fault.Errorf(fault.Forbidden, "a page of another site may not do this"))
		return
	}
	d.mux.ServeHTTP(w, r)
}

// refuse tells in problem details why somebody may not.
func (*apiDoor) refuse(w http.ResponseWriter, err error) {
	e := problem(err)
	if access.Need(err) == access.NeedSignIn {
		w.Header().Set("WWW-Authenticate", "Bearer")
		e = huma.NewError(http.StatusUnauthorized, "sign in, or send a token: Authorization: Bearer rad_…")
	}
	status := http.StatusInternalServerError
	if s, ok := errors.AsType[huma.StatusError](e); ok {
		status = s.GetStatus()
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(e)
}

// apiStatus is the one table from kinds of error to statuses of the API (RFC 9110 §15).
var apiStatus = map[fault.Kind]int{
	fault.Internal:    http.StatusInternalServerError,
	fault.Invalid:     http.StatusUnprocessableEntity,
	fault.NotFound:    http.StatusNotFound,
	fault.Conflict:    http.StatusConflict,
	fault.Forbidden:   http.StatusForbidden,
	fault.Unsupported: http.StatusNotImplemented,
	fault.Exhausted:   http.StatusTooManyRequests,
	fault.Unavailable: http.StatusServiceUnavailable,
}

// problem writes an error as problem details; nil stays nil.
func problem(err error) error {
	if err == nil {
		return nil
	}
	kind := fault.Of(err)
	if kind == fault.Internal {
		return huma.NewError(apiStatus[kind], "this is our mistake: the log of the program says more")
	}
	var details []error
	for _, f := range worklist.Wrong(err) {
		details = append(details, &huma.ErrorDetail{Location: "body." + f.Field, Message: strings.ReplaceAll(f.Code, "_", " ")})
	}
	return huma.NewError(apiStatus[kind], err.Error(), details...)
}
