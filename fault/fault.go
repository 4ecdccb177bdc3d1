// Package fault classifies errors by what the caller can do about them.
//
// A Kind answers one question: what can whoever asked do now? Each wire (HTTP,
// DIMSE, FHIR, HL7) owns one table from Kind to its own status, and a test that
// every Kind has a row in it. An error that nobody classified is Internal, and
// outsiders learn no more than that.
package fault

import (
	"context"
	"errors"
	"fmt"
)

// A Kind says what the caller can do about an error. Its zero value is Internal.
type Kind uint8

// The kinds of error. The order is stable; new kinds are added at the end.
const (
	Internal    Kind = iota // our mistake: report it
	Invalid                 // the request is wrong: repeating it cannot help
	NotFound                // there is none, or none for this caller to know of
	Conflict                // it exists with other content
	Forbidden               // this caller may not
	Unsupported             // well formed, but not ours to do
	Exhausted               // a limit is reached: try later or ask for less
	Unavailable             // something we need is not there: try later
)

// names holds the word for each Kind, in the order of the constants.
var names = [...]string{
	"internal", "invalid", "not_found", "conflict", "forbidden", "unsupported", "exhausted", "unavailable",
}

// Kinds returns every Kind, so that a wire can test that its table is complete.
func Kinds() []Kind {
	all := make([]Kind, len(names))
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// String returns the word for k as it stands in logs and in JSON.
func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return "internal"
}

// An Error is an error with a Kind. Its text names the thing, the rule and the
// way out, and holds no patient data.
type Error struct {
	Kind Kind
	err  error
}

// Error returns the text.
func (e *Error) Error() string { return e.err.Error() }

// Unwrap returns what the error was made from.
func (e *Error) Unwrap() error { return e.err }

// Errorf makes an error of kind k from a format as fmt.Errorf takes it, %w included.
func Errorf(k Kind, format string, args ...any) error {
	return &Error{Kind: k, err: fmt.Errorf(format, args...)}
}

// As gives err the kind k and keeps its text. It returns nil if err is nil.
func As(k Kind, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: k, err: err}
}

// Of returns the kind of err: that of the outermost Error in its chain, or
// Unavailable for a context that ended, or else Internal. It must not be asked
// of nil, for which it returns Internal too.
func Of(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Unavailable
	}
	return Internal
}
