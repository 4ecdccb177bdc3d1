package dicomweb

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"radagora/fault"
)

// statusOf is the table from kinds of error to HTTP status (PS3.18 8.5).
var statusOf = map[fault.Kind]int{
	fault.Internal:    http.StatusInternalServerError,
	fault.Invalid:     http.StatusBadRequest,
	fault.NotFound:    http.StatusNotFound,
	fault.Conflict:    http.StatusConflict,
	fault.Forbidden:   http.StatusForbidden,
	fault.Unsupported: http.StatusNotImplemented,
	fault.Exhausted:   http.StatusRequestEntityTooLarge,
	fault.Unavailable: http.StatusServiceUnavailable,
}

// A statusError is an error whose status is known better than its kind tells.
type statusError struct {
	code int
	err  error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// statusFor returns the status for an error.
func statusFor(err error) int {
	if s, ok := errors.AsType[*statusError](err); ok {
		return s.code
	}
	return statusOf[fault.Of(err)]
}

// A problem is an error as it is told (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

// fail answers with an error, unless the answer has begun: that one is cut off.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	code, detail := statusFor(err), err.Error()
	switch {
	case r.Context().Err() != nil:
		return // nobody listens
	case code == http.StatusInternalServerError:
		h.log().ErrorContext(r.Context(), "dicomweb", slog.Any("error", err))
		detail = "something went wrong inside; the log of the server says what"
	case code == http.StatusServiceUnavailable:
		h.log().WarnContext(r.Context(), "dicomweb", slog.Any("error", err))
		w.Header().Set("Retry-After", "5")
	}
	header := w.Header()
	for _, name := range []string{"Content-Encoding", "Content-Length", "ETag", "Content-Location", "Last-Modified", "Content-Disposition"} {
		header.Del(name)
	}
	header.Set("Cache-Control", "no-store")
	if strings.Contains(r.Header.Get("Accept"), "json") {
		text, _ := json.Marshal(problem{http.StatusText(code), code, fault.Of(err).String(), detail})
		header.Set("Content-Type", "application/problem+json")
		w.WriteHeader(code)
		_, _ = w.Write(text) // whoever hung up learns nothing
		return
	}
	header.Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, detail+"\n")
}

// nobody is what becomes of the error that an answer was not taken: whoever asked hung
// up, and there is nobody to be told.
func nobody(error) error { return nil }

// cut ends an answer that cannot be completed so that the client notices.
func (h *Handler) cut(r *http.Request, err error) {
	if r.Context().Err() == nil {
		h.log().ErrorContext(r.Context(), "dicomweb: answer cut off", slog.Any("error", err))
	}
	panic(http.ErrAbortHandler) // the one way net/http has to say that an answer is not whole
}

// orGone returns err, which came of asking for pixels of an instance, or if they are not
// kept any more, that: 410 says that asking again is of no use (RFC 9110 15.5.11).
func (h *Handler) orGone(ctx context.Context, i Instance, err error) error {
	if err == nil || h.Gone == nil {
		return err
	}
	switch fault.Of(err) {
	case fault.NotFound, fault.Unsupported, fault.Invalid:
	default:
		return err
	}
	why, failed := h.Gone(ctx, i)
	if failed != nil || why == "" {
		return errors.Join(err, failed)
	}
	return &statusError{http.StatusGone, fault.Errorf(fault.Unsupported, "%s", why)}
}
