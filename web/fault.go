package web

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"radagora/fault"
)

// statusOf is the one table from kinds of error to HTTP statuses (RFC 9110 §15).
var statusOf = map[fault.Kind]int{
	fault.Internal:    http.StatusInternalServerError,
	fault.Invalid:     http.StatusBadRequest,
	fault.NotFound:    http.StatusNotFound,
	fault.Conflict:    http.StatusConflict,
	fault.Forbidden:   http.StatusForbidden,
	fault.Unsupported: http.StatusNotImplemented,
	fault.Exhausted:   http.StatusTooManyRequests,
	fault.Unavailable: http.StatusServiceUnavailable,
}

// errorPages are the statuses that have words of their own in the catalogue;
// another one says what 500 says.
var errorPages = []int{
	http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
	http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests,
	http.StatusInternalServerError, http.StatusNotImplemented, http.StatusServiceUnavailable,
}

// A RefusalError is an Invalid error that knows which fields of a form are wrong. The
// messages are keys of the catalogue.
type RefusalError struct {
	Fields map[string]string // field name to key of the catalogue
}

// Error says how many fields were refused; their names are not patient data.
func (r *RefusalError) Error() string { return "the form was refused" }

// Refuse returns an error of kind Invalid for fields of a form.
func Refuse(fields map[string]string) error {
	return fault.As(fault.Invalid, &RefusalError{Fields: fields})
}

// refused returns the words for the fields an error refuses, or nil.
func (v *visit) refused(err error) map[string]string {
	r, ok := errors.AsType[*RefusalError](err)
	if !ok {
		return nil
	}
	words := make(map[string]string, len(r.Fields))
	for field, key := range r.Fields {
		words[field] = v.p.T(key)
	}
	return words
}

// status returns the HTTP status for an error.
func status(err error) int {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge
	}
	return statusOf[fault.Of(err)]
}

// fail answers with the error page, and logs what is ours to mend.
func (v *visit) fail(err error) {
	code := status(err)
	ctx := v.r.Context()
	level := slog.LevelInfo
	if code >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	v.Log.Log(ctx, level, "request failed", slog.String("request_id", RequestID(ctx)),
		slog.String("kind", fault.Of(err).String()), slog.Int("status", code), slog.Any("error", err))
	detail := ""
	if kind := fault.Of(err); kind != fault.Internal && kind != fault.Forbidden {
		detail = err.Error()
	}
	v.failWith(code, detail)
}

// failWith shows the error page for a status.
func (v *visit) failWith(code int, detail string) {
	words := code
	if !slices.Contains(errorPages, code) {
		words = http.StatusInternalServerError
	}
	err := v.show(page{title: v.p.T(errorKey(words, "title")), status: code, bare: true, section: "-"},
		errorPage(v.p, code, words, detail, RequestID(v.r.Context())))
	if err != nil {
		v.Log.ErrorContext(v.r.Context(), "error page not drawn", slog.Any("error", err))
		http.Error(v.w, http.StatusText(code), code)
	}
}
