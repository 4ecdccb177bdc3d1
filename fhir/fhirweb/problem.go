package fhirweb

import (
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"radagora/fault"
	"radagora/fhir"
)

// A problem is how FHIR says what went wrong: HTTP status and code of issue-type.
type problem struct {
	status int
	code   string
}

// problems translates kinds of errors (R4, RESTful API, and value set issue-type).
var problems = map[fault.Kind]problem{
	fault.Internal:    {http.StatusInternalServerError, "exception"},
	fault.Invalid:     {http.StatusBadRequest, "invalid"},
	fault.NotFound:    {http.StatusNotFound, "not-found"},
	fault.Conflict:    {http.StatusConflict, "conflict"},
	fault.Forbidden:   {http.StatusForbidden, "forbidden"},
	fault.Unsupported: {http.StatusNotImplemented, "not-supported"},
	fault.Exhausted:   {http.StatusRequestEntityTooLarge, "too-costly"},
	fault.Unavailable: {http.StatusServiceUnavailable, "transient"},
}

// A refusal is an error with a status of its own.
type refusal struct {
	problem
	text   string
	issues []fhir.Issue
}

func (r refusal) Error() string { return r.text }

func refuse(status int, code, text string) error {
	return refusal{problem{status, code}, text, nil}
}

// outcome returns the status and OperationOutcome of an error. What nobody classified
// is told to the log alone.
func (x *exchange) outcome(err error) (int, fhir.Resource) {
	var r refusal
	if issues := fhir.Wrong(err); issues != nil {
		return http.StatusUnprocessableEntity, fhir.OperationOutcome(issues...)
	}
	switch {
	case errors.As(err, &r):
		if r.issues != nil {
			return r.status, fhir.OperationOutcome(r.issues...)
		}
		return r.status, fhir.OperationOutcome(fhir.Issue{Severity: fhir.Error, Code: r.code, Text: r.text})
	case errors.Is(err, errNotAllowed):
		return http.StatusMethodNotAllowed, fhir.OperationOutcome(fhir.Issue{Severity: fhir.Error, Code: "not-supported", Text: "this is not done at this address"})
	}
	kind := fault.Of(err)
	p := problems[kind]
	text := err.Error()
	if kind == fault.Internal {
		text = "something went wrong here"
		if x.Log != nil {
			x.Log.ErrorContext(x.ctx, "fhir request failed", "err", err)
		}
	}
	return p.status, fhir.OperationOutcome(fhir.Issue{Severity: fhir.Error, Code: p.code, Text: text})
}

func (x *exchange) fail(err error) {
	status, outcome := x.outcome(err)
	x.write(status, outcome)
}

// write answers with a resource.
func (x *exchange) write(status int, r fhir.Resource) {
	body := r.JSON()
	x.w.Header().Set("Content-Type", contentType)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	if x.r.Method != http.MethodHead {
		_, _ = x.w.Write(body)
	}
}

// formats are the names of JSON in Accept and _format.
var formats = map[string]bool{
	"application/fhir+json": true, "application/json": true, "text/json": true, "json": true,
	"application/json+fhir": true, "*/*": true, "application/*": true,
}

// accepts refuses who does not take JSON. _format counts more than Accept.
func (x *exchange) accepts() error {
	if f := x.r.URL.Query().Get("_format"); f != "" {
		name, _, _ := strings.Cut(f, ";")
		if formats[strings.TrimSpace(strings.ReplaceAll(name, " ", "+"))] {
			return nil
		}
		return refuse(http.StatusNotAcceptable, "not-supported", "FHIR is served as application/fhir+json only")
	}
	accept := strings.Join(x.r.Header.Values("Accept"), ",")
	if accept == "" {
		return nil
	}
	for one := range strings.SplitSeq(accept, ",") {
		name, parameters, err := mime.ParseMediaType(strings.TrimSpace(one))
		if err != nil || !formats[name] || parameters["q"] == "0" {
			continue
		}
		if v := parameters["fhirversion"]; v == "" || v == "4.0" {
			return nil
		}
	}
	return refuse(http.StatusNotAcceptable, "not-supported", "FHIR is served as application/fhir+json only, in version 4.0")
}

// prefers returns what the Prefer header says of a name, "" if nothing.
func (x *exchange) prefers(name string) string {
	for _, header := range x.r.Header.Values("Prefer") {
		for one := range strings.FieldsFuncSeq(header, func(r rune) bool { return r == ',' || r == ';' }) {
			key, value, _ := strings.Cut(strings.TrimSpace(one), "=")
			if strings.EqualFold(key, name) {
				return strings.Trim(value, `" `)
			}
		}
	}
	return ""
}

// strict reports whether unknown parameters are to be refused.
func (x *exchange) strict() bool { return x.prefers("handling") == "strict" }
