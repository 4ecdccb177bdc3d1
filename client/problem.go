package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// A Problem is why something was refused (RFC 9457, whose word it is). It holds nothing
// that was sent.
//
//nolint:errname // see above
type Problem struct {
	Type     string         `json:"type"` // urn:radagora:problem:NAME
	Title    string         `json:"title"`
	Status   int            `json:"status"` // of HTTP
	Detail   string         `json:"detail"`
	Instance string         `json:"instance"` // urn:radagora:request:ID, which is in the log of the program
	Errors   []ProblemField `json:"errors"`
	Call     string         `json:"-"` // method and path
}

// A ProblemField is what is wrong with a part of a request.
type ProblemField struct {
	Location string `json:"location"` // body.patient.name
	Message  string `json:"message"`
}

// The errors that a Problem is, by errors.Is.
var (
	ErrInvalid   = errors.New("the request is wrong")                        // 400, 413, 415, 422
	ErrSignIn    = errors.New("the token is missing or not valid")           // 401
	ErrForbidden = errors.New("the account or its token may not do this")    // 403
	ErrNotFound  = errors.New("there is none, or it is not for the account") // 404
	ErrConflict  = errors.New("it exists with other content")                // 409
	ErrChanged   = errors.New("it was changed meanwhile")                    // 412
	ErrLater     = errors.New("not now")                                     // 429, 503
)

// kinds are the errors of statuses.
var kinds = map[int]error{
	400: ErrInvalid, 413: ErrInvalid, 415: ErrInvalid, 422: ErrInvalid, 401: ErrSignIn, 403: ErrForbidden, 404: ErrNotFound,
	409: ErrConflict, 412: ErrChanged, 429: ErrLater, 503: ErrLater,
}

// Error implements error.
func (p *Problem) Error() string {
	all := []string{fmt.Sprintf("%s: %d %s", p.Call, p.Status, p.Detail)}
	for _, f := range p.Errors {
		all = append(all, f.Location+": "+f.Message)
	}
	return strings.Join(all, "; ")
}

// Is reports whether a problem is of the kind of one of the errors of this package.
func (p *Problem) Is(target error) bool { return target != nil && kinds[p.Status] == target }

// problemOf reads a refusal; one that is no problem details came from somebody between.
func problemOf(q request, r *http.Response, text []byte) error {
	p := &Problem{}
	if err := json.Unmarshal(text, p); err != nil || p.Status == 0 {
		p = &Problem{Type: "about:blank", Title: http.StatusText(r.StatusCode), Detail: http.StatusText(r.StatusCode)}
	}
	p.Status, p.Call = r.StatusCode, q.method+" "+q.path
	return p
}
