package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"strings"

	"radagora/access"
	"radagora/access/repeat"
	"radagora/fault"
)

// repeatHeader names a request that may come again, and replayedHeader says in an answer
// that it had (draft-ietf-httpapi-idempotency-key-header-07).
const (
	repeatHeader   = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed"
)

// repeatKey returns the key of a request, "" for none. RFC 8941 writes it as a quoted
// string; most clients leave out the quotes.
func repeatKey(r *http.Request) string { return strings.Trim(r.Header.Get(repeatHeader), `"`) }

// apiBody bounds the body of a request, in bytes.
const apiBody = 1 << 20

// once answers a request that bears a key: what was answered before is answered again.
func (d *apiDoor) once(w http.ResponseWriter, r *http.Request, key string) {
	body, err := io.ReadAll(io.LimitReader(r.Body, apiBody+1))
	if err != nil {
		writeProblem(w, http.StatusBadRequest, "the body did not come as a whole")
		return
	}
	if len(body) > apiBody {
		writeProblem(w, http.StatusRequestEntityTooLarge, "a body has at most a mebibyte")
		return
	}
	ctx := r.Context()
	q := repeat.Request{Site: at, Account: access.From(ctx).ID, Key: key}
	q.Digest = sha256.Sum256(bytes.Join([][]byte{[]byte(r.Method), []byte(r.URL.RequestURI()), []byte(r.Header.Get("If-Match")), body}, []byte{0}))
	before, turn, err := d.Repeated.Begin(ctx, q)
	switch {
	case errors.Is(err, repeat.ErrAtWork):
		w.Header().Set("Retry-After", "1")
		fallthrough
	case err != nil:
		d.refuse(w, err)
		return
	case before != nil:
		w.Header().Set(replayedHeader, "true")
		answer(w, *before)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	d.work(w, r, turn)
}

// work does what is asked for the first time and keeps the answer, unless the request
// had no effect for a reason that may pass.
func (d *apiDoor) work(w http.ResponseWriter, r *http.Request, turn *repeat.Turn) {
	ctx, done := r.Context(), false
	defer func() {
		if !done { // a panic passes by: the request may be sent again
			_ = turn.Forget(ctx)
		}
	}()
	rec := &keptAnswer{header: http.Header{}, status: http.StatusOK}
	d.mux.ServeHTTP(rec, r.WithContext(ctx))
	a := repeat.Answer{Status: rec.status, Header: map[string]string{}, Body: rec.body.Bytes()}
	for _, name := range []string{"Content-Type", "Location", "ETag", "Retry-After"} {
		if v := rec.header.Get(name); v != "" {
			a.Header[name] = v
		}
	}
	if passing(a.Status) {
		answer(w, a)
		return
	}
	if err := turn.Done(ctx, a); err != nil {
		d.refuse(w, fault.Errorf(fault.Unavailable, "the request had its effect, and its answer could not be kept: %w", err))
		done = true // its turn lapses
		return
	}
	done = true
	answer(w, a)
}

// passing reports whether a refusal may pass without another request.
func passing(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusUnauthorized || status == http.StatusForbidden
}

func answer(w http.ResponseWriter, a repeat.Answer) {
	for name, v := range a.Header {
		w.Header().Set(name, v)
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

// A keptAnswer is an answer that is kept before it is given.
type keptAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (m *keptAnswer) Header() http.Header { return m.header }

// WriteHeader implements http.ResponseWriter.
func (m *keptAnswer) WriteHeader(status int) { m.status = status }

// Write implements http.ResponseWriter.
func (m *keptAnswer) Write(p []byte) (int, error) { return m.body.Write(p) }
