package keyset

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"radagora/fault"
)

// How often a key set is fetched.
const (
	maxAge   = time.Hour        // it is fetched anew when it is older
	minPause = time.Minute      // between two fetches because a key is not known
	again    = 10 * time.Second // after one that failed
)

// A Remote is a key set at an address. It is safe for concurrent use; while one
// caller fetches, the others wait. When it cannot be fetched anew, the keys that are
// there go on serving for a day.
type Remote struct {
	URL  string
	HTTP *http.Client // refuses private targets; see package outgoing
	Now  func() time.Time

	mu     sync.Mutex
	keys   Fixed
	at     time.Time // when keys were fetched
	tried  time.Time // last attempt
	failed error     // of the last attempt
}

// Find implements Keys. A key that is not there makes it fetch the set anew at most
// once a minute, whoever asks. Unavailable: there is no set.
func (r *Remote) Find(ctx context.Context, id string) ([]Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stale(id) {
		r.fetch(ctx)
	}
	if r.keys == nil || r.since(r.at) > 24*maxAge {
		return nil, fault.Errorf(fault.Unavailable, "key set: %w", r.failed)
	}
	return find(r.keys, id), nil
}

// State returns how many keys are held, when they were fetched, and what was wrong
// with the last attempt.
func (r *Remote) State() (n int, at time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.keys), r.at, r.failed
}

// stale reports whether to fetch now.
func (r *Remote) stale(id string) bool {
	switch {
	case r.tried.IsZero():
		return true
	case r.failed != nil && r.since(r.tried) < again:
		return false
	case r.keys == nil || r.since(r.at) > maxAge:
		return true
	}
	return id != "" && len(find(r.keys, id)) == 0 && r.since(r.tried) > minPause
}

// since is how long ago t was. A clock that stepped back counts as very long.
func (r *Remote) since(t time.Time) time.Duration {
	if d := r.Now().Sub(t); d >= 0 {
		return d
	}
	return 24*maxAge + 1
}

// fetch gets the set and keeps what there was if it cannot.
func (r *Remote) fetch(ctx context.Context) {
	r.tried = r.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), again) // the set is everybody's: a caller who leaves does not spoil it
	defer cancel()
	keys, err := r.get(ctx)
	r.failed = err
	if err == nil {
		r.keys, r.at = keys, r.tried
	}
}

func (r *Remote) get(ctx context.Context) (Fixed, error) {
	var text json.RawMessage
	if err := GetJSON(ctx, r.HTTP, r.URL, MaxSet, &text); err != nil {
		return nil, err
	}
	return Parse(text)
}

// GetJSON fetches a JSON document of at most limit bytes into v. Its errors do not
// quote the address: a query may hold a secret. Unavailable: there is no answer, or
// another one than 200. Invalid: the document is too long or no JSON.
func GetJSON(ctx context.Context, client *http.Client, address string, limit int64, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fault.Errorf(fault.Invalid, "not an address to fetch from")
	}
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return fault.Errorf(fault.Unavailable, "fetch from %s: %w", req.URL.Host, cause(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fault.Errorf(fault.Unavailable, "fetch from %s: answer %d", req.URL.Host, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return fault.Errorf(fault.Unavailable, "fetch from %s: %w", req.URL.Host, cause(err))
	case int64(len(body)) > limit:
		return fault.Errorf(fault.Invalid, "fetch from %s: more than %d bytes", req.URL.Host, limit)
	case json.Unmarshal(body, v) != nil:
		return fault.Errorf(fault.Invalid, "fetch from %s: not the JSON that was expected", req.URL.Host)
	}
	return nil
}
