package repeat

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
)

func request(key, body string) Request {
	return Request{Site: "default", Account: "u1", Key: key, Digest: sha256.Sum256([]byte(body))}
}

var answered = Answer{Status: 201, Header: map[string]string{"Location": "/x/1"}, Body: []byte(`{"name":"Muster"}`)}

func TestRepeat(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx, now := t.Context(), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		r, err := Open(ctx, d, [32]byte{1}, func() time.Time { return now })
		must(t, err)
		begin := func(q Request) (*Answer, *Turn, error) { t.Helper(); return r.Begin(ctx, q) }
		_, turn, err := begin(request("k", "a"))
		must(t, err)
		if _, _, err := begin(request("k", "a")); !errors.Is(err, ErrAtWork) {
			t.Errorf("while it is worked on: %v", err)
		}
		must(t, turn.Done(ctx, answered))
		again, none, err := begin(request("k", "a"))
		if err != nil || none != nil || !cmp.Equal(*again, answered) {
			t.Errorf("again: %+v, %v", again, err)
		}
		if _, _, err := begin(request("k", "b")); !errors.Is(err, ErrOther) {
			t.Errorf("another request: %v", err)
		}
		other := request("k", "a")
		other.Account = "u2"
		if _, turn, err := begin(other); err != nil || turn == nil {
			t.Errorf("the same key of somebody else: %v", err)
		}
		for _, key := range []string{"", string(make([]byte, MaxKey+1))} {
			if _, _, err := begin(request(key, "a")); fault.Of(err) != fault.Invalid {
				t.Errorf("a key of %d bytes: %v", len(key), err)
			}
		}
		var sealed []byte
		must(t, d.QueryRow(ctx, `select answer from access_repeat where account = 'u1'`).Scan(&sealed))
		if len(sealed) == 0 || bytes.Contains(sealed, []byte("Muster")) {
			t.Errorf("%d bytes are kept, readable: %v", len(sealed), bytes.Contains(sealed, []byte("Muster")))
		}
		must(t, d.Write(ctx, func(tx *db.Tx) error {
			_, err := r.Erase(ctx, tx, access.Person{Site: "default", ID: "|1"})
			return err
		}))
		if _, _, err := begin(request("k", "a")); !errors.Is(err, ErrForgotten) {
			t.Errorf("after somebody was erased: %v", err)
		}
		now = now.Add(Kept + time.Second)
		if _, turn, err := begin(request("k", "b")); err != nil || turn == nil {
			t.Errorf("after a day: %v", err)
		}
	})
}

// A turn whose process died is taken over, and the late one's answer is not kept; a turn
// without effect leaves nothing.
func TestTurns(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx, now := t.Context(), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		r, err := Open(ctx, d, [32]byte{1}, func() time.Time { return now })
		must(t, err)
		_, first, err := r.Begin(ctx, request("k", "a"))
		must(t, err)
		now = now.Add(lapse + time.Second)
		_, second, err := r.Begin(ctx, request("k", "a"))
		must(t, err)
		must(t, first.Done(ctx, Answer{Status: 500}))
		must(t, first.Forget(ctx))
		if _, _, err := r.Begin(ctx, request("k", "a")); !errors.Is(err, ErrAtWork) {
			t.Errorf("the late one ended the turn of the other: %v", err)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		must(t, second.Done(gone, answered)) // although the client left
		if a, _, err := r.Begin(ctx, request("k", "a")); err != nil || a.Status != 201 {
			t.Errorf("%+v, %v", a, err)
		}
		_, third, err := r.Begin(ctx, request("other", "a"))
		must(t, err)
		must(t, third.Forget(ctx))
		if _, turn, err := r.Begin(ctx, request("other", "b")); err != nil || turn == nil {
			t.Errorf("after it was forgotten: %v", err)
		}
		stranger, err := Open(ctx, d, [32]byte{2}, r.now)
		must(t, err)
		if _, _, err := stranger.Begin(ctx, request("k", "a")); !errors.Is(err, ErrForgotten) {
			t.Errorf("under another key of the installation: %v", err)
		}
	})
}

func TestOneOfManyHasTheTurn(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r, err := Open(t.Context(), d, [32]byte{1}, time.Now)
		must(t, err)
		var all sync.WaitGroup
		var mu sync.Mutex
		turns := 0
		for range 8 {
			all.Go(func() {
				_, turn, err := r.Begin(t.Context(), request("k", "a"))
				mu.Lock()
				defer mu.Unlock()
				if turn != nil {
					turns++
				} else if !errors.Is(err, ErrAtWork) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if turns != 1 {
			t.Errorf("%d had the turn", turns)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
