package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"radagora/access"
	"radagora/fault"
	"radagora/worklist"
)

// ofAPI reports whether an address is one of the API.
func ofAPI(path string) bool { return strings.HasPrefix(path, "/api/") }

// A call is what an operation may want to know of the request.
type call struct {
	id  string
	url *url.URL
	key string // idempotency key of the client, "" for none
}

type callKey struct{}

func withCall(ctx context.Context, c call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

func calledIn(ctx context.Context) call {
	c, _ := ctx.Value(callKey{}).(call)
	return c
}

// requestHeader names a request in the answer, in problem details and in the log.
const requestHeader = "X-Request-Id"

// framed puts the id of the request and what holds for every answer into the header,
// once, and returns the id. A client may bring its own.
func framed(w http.ResponseWriter, r *http.Request) string {
	if id := w.Header().Get(requestHeader); id != "" {
		return id
	}
	id := r.Header.Get(requestHeader)
	if len(id) > 64 || id == "" || strings.ContainsFunc(id, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._", c)
	}) {
		id = rand.Text()
	}
	w.Header().Set(requestHeader, id)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	return id
}

// acceptable reports whether a client that says what it accepts accepts JSON (RFC 9110
// §12.5.1).
func acceptable(accept []string) bool {
	all := strings.Join(accept, ",")
	if strings.TrimSpace(all) == "" {
		return true
	}
	for part := range strings.SplitSeq(all, ",") {
		media, parameters, err := mime.ParseMediaType(part)
		if err == nil && jsonMedia(media) && (parameters["q"] == "" || strings.Trim(parameters["q"], "0.") != "") {
			return true
		}
	}
	return false
}

func jsonMedia(media string) bool {
	return slices.Contains([]string{"*/*", "application/*", "application/json", "application/problem+json"}, media)
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

// problemTypes name the statuses for programs (RFC 9457 §3.1.1).
var problemTypes = map[int]string{
	400: "malformed", 401: "sign-in", 403: "forbidden", 404: "not-found", 405: "method", 406: "not-acceptable", 409: "conflict",
	412: "changed", 413: "too-large", 415: "media-type", 422: "invalid", 429: "too-many", 500: "internal", 501: "unsupported", 503: "unavailable",
}

// problemType returns the type of problem details with a status.
func problemType(status int) string {
	if name, ok := problemTypes[status]; ok {
		return "urn:radagora:problem:" + name
	}
	return "about:blank"
}

// completeProblem gives problem details their type and the id of the request, and
// takes out what was sent: it may be about a patient, and errors are copied into logs
// and tickets.
func completeProblem(ctx huma.Context, _ string, v any) (any, error) {
	if m, ok := v.(*huma.ErrorModel); ok {
		m.Type = problemType(m.Status)
		if id := calledIn(ctx.Context()).id; id != "" {
			m.Instance = "urn:radagora:request:" + id
		}
		for _, e := range m.Errors {
			e.Value = nil
		}
		if m.Status == http.StatusTooManyRequests || m.Status == http.StatusServiceUnavailable {
			ctx.SetHeader("Retry-After", "5")
		}
	}
	return v, nil
}

// problem writes an error as problem details; nil stays nil.
func problem(err error) error {
	if err == nil {
		return nil
	}
	if s, ok := errors.AsType[huma.StatusError](err); ok {
		return s
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

// writeProblem answers with problem details.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	m := huma.ErrorModel{Type: problemType(status), Title: http.StatusText(status), Status: status, Detail: detail}
	if id := w.Header().Get(requestHeader); id != "" {
		m.Instance = "urn:radagora:request:" + id
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(m)
}

// refuse tells in problem details why somebody may not.
func (d *apiDoor) refuse(w http.ResponseWriter, err error) {
	if access.Need(err) == access.NeedSignIn {
		w.Header().Set("WWW-Authenticate", "Bearer")
		writeProblem(w, http.StatusUnauthorized, "sign in, or send a token: Authorization: Bearer rad_…")
		return
	}
	status, detail := apiStatus[fault.Of(err)], err.Error()
	if status == http.StatusInternalServerError {
		d.Log.Error("api", slog.Any("error", err), slog.String("request_id", w.Header().Get(requestHeader)))
		detail = "this is our mistake: the log of the program says more"
	}
	writeProblem(w, status, detail)
}

// tellPlainly refuses a request before any door: in problem details to programs that ask
// the API, in a line of text to all others.
func tellPlainly(w http.ResponseWriter, r *http.Request, status int, detail string) {
	if ofAPI(r.URL.Path) {
		framed(w, r)
		writeProblem(w, status, detail)
		return
	}
	http.Error(w, detail, status)
}

// timeOrNone returns a time in UTC, nil for none.
func timeOrNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Paging is how every list is asked for.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"at most so many"`
	Cursor string `query:"cursor" maxLength:"500" doc:"next of the page before; left out: from the beginning"`
}

// An apiList is how every list is answered.
type apiList[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"cursor of the next page; left out on the last one"`
}

// An apiPage is an answer with a list.
type apiPage[T any] struct {
	Link string `header:"Link" doc:"the next page (RFC 8288)"`
	Body apiList[T]
}

// apiPageOf answers with items and what names the next page, "" for the last one.
func apiPageOf[T any](ctx context.Context, items []T, next string) *apiPage[T] {
	p := &apiPage[T]{Body: apiList[T]{Items: items}}
	if p.Body.Items == nil {
		p.Body.Items = []T{}
	}
	if next == "" {
		return p
	}
	p.Body.Next = base64.RawURLEncoding.EncodeToString([]byte(next))
	if u := calledIn(ctx).url; u != nil {
		q := u.Query()
		q.Set("cursor", p.Body.Next)
		p.Link = "<" + u.Path + "?" + q.Encode() + `>; rel="next"`
	}
	return p
}

// place returns what a cursor names, "" for the beginning.
func (p Paging) place() (string, error) {
	text, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil {
		return "", fault.Errorf(fault.Invalid, "the cursor is not one of this list")
	}
	return string(text), nil
}

// pageWithin answers with a page of a list that is at hand as a whole.
func pageWithin[T, O any](ctx context.Context, p Paging, all []T, key func(T) string, shown func(T) O) (*apiPage[O], error) {
	from, err := p.place()
	if err != nil {
		return nil, err
	}
	if from != "" {
		i := slices.IndexFunc(all, func(one T) bool { return key(one) == from })
		if i < 0 {
			return nil, fault.Errorf(fault.Invalid, "the cursor is not one of this list, or what it names is gone: begin again")
		}
		all = all[i+1:]
	}
	next := ""
	if len(all) > p.Limit {
		all = all[:p.Limit]
		next = key(all[len(all)-1])
	}
	items := make([]O, len(all))
	for i, one := range all {
		items[i] = shown(one)
	}
	return apiPageOf(ctx, items, next), nil
}
