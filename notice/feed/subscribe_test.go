package feed_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
	"radagora/notice/feed"
	"radagora/notice/hook"
	"radagora/outgoing"
)

// kinds subscribes to entries of a kind: that is the whole language.
type kinds struct {
	barred atomic.Bool
	mu     sync.Mutex
	states []string // as Changed told them
}

func (*kinds) Kinds(string) []string { return []string{"archive.*"} }

func (k *kinds) May(context.Context, string, string) error {
	if k.barred.Load() {
		return fault.Errorf(fault.Forbidden, "not any more")
	}
	return nil
}

func (*kinds) Write(_ context.Context, h feed.Hook, entries []journal.Entry) ([]byte, int, error) {
	var all []int64
	for _, e := range entries {
		if e.Kind == h.Criteria {
			all = append(all, e.Seq)
		}
	}
	if h.Payload == "" {
		return nil, len(all), nil
	}
	text, err := json.Marshal(all)
	return text, len(all), err
}

func (k *kinds) Changed(_ context.Context, _ *db.Tx, h feed.Hook, by string, removed bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.states = append(k.states, fmt.Sprint(h.State, " ", h.Why, " ", by, " ", removed))
	return nil
}

func (k *kinds) last() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.states) == 0 {
		return ""
	}
	return k.states[len(k.states)-1]
}

// An end is where a subscription leads: it answers with a status and remembers what
// came with 200.
type end struct {
	*httptest.Server
	status atomic.Int64
	mu     sync.Mutex
	secret string
	got    []int64
	calls  int
	bad    []string
}

func newEnd(t *testing.T) *end {
	t.Helper()
	e := &end{}
	e.status.Store(200)
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

func (e *end) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls++
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(e.secret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), text)
	if r.Header.Get("Webhook-Signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		e.bad = append(e.bad, "the signature does not fit")
	}
	if r.Header.Get("Authorization") != "Bearer let-me" {
		e.bad = append(e.bad, "the header is missing")
	}
	status := int(e.status.Load())
	w.WriteHeader(status)
	if status != http.StatusOK || len(text) == 0 {
		return
	}
	if got := r.Header.Get("Content-Type"); got != "application/fhir+json" {
		e.bad = append(e.bad, "content type "+got)
	}
	var numbers []int64
	if err := json.Unmarshal(text, &numbers); err != nil {
		e.bad = append(e.bad, err.Error())
	}
	e.got = append(e.got, numbers...)
}

func (e *end) numbers() []int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.got)
}

func (e *end) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls
}

// subscribing opens a feed whose subscriptions speak of kinds.
func subscribing(t *testing.T, d *db.DB, allow ...string) (*place, *kinds) {
	t.Helper()
	p, k := open(t, d, allow...), &kinds{}
	out, err := outgoing.New(outgoing.Options{Allow: allow})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := hook.New([32]byte{1}, hook.Options{Outgoing: out, Now: p.now})
	if err != nil {
		t.Fatal(err)
	}
	p.f, err = feed.Open(t.Context(), d, feed.Options{
		Journal: p.j, Hooks: caller, Notices: p.told, Groups: groups, Site: "default", Now: p.now, Subscriptions: k,
		May:   func(context.Context, string) error { return nil },
		Retry: 5 * time.Millisecond, MaxRetry: 20 * time.Millisecond, GiveUp: time.Hour, Poll: 5 * time.Millisecond, LeaseTTL: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, k
}

// subscribe makes or changes a subscription.
func (e *end) subscribe(t *testing.T, p *place, change func(*feed.Subscription)) (h feed.Hook, err error) {
	t.Helper()
	s := feed.Subscription{
		Subject: "s1", By: "anna", Address: e.URL + "/in?token=path-secret", Header: []string{"Authorization: Bearer let-me"},
		Criteria: "archive.study.deleted", Payload: "application/fhir+json", On: true,
	}
	if change != nil {
		change(&s)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	err = p.d.Write(t.Context(), func(tx *db.Tx) error {
		var secret string
		h, secret, err = p.f.Subscribe(t.Context(), tx, s)
		if secret != "" {
			e.secret = secret
		}
		return err
	})
	return h, err
}

// TestSubscription: what meets the criteria comes once and in order, the rest not, also
// over the end of the process that tells.
func TestSubscription(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		p, k := subscribing(t, d, "127.0.0.1")
		e := newEnd(t)
		p.happen("archive.study.deleted", 2) // before
		made, err := e.subscribe(t, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		stop := p.run(p.f.Run)
		p.happen("archive.instance.stored", 130) // more than a message holds
		p.happen("archive.study.deleted", 3)
		until(t, "the first ones come and that is noted", func() bool { return p.hook().Delivered == 3 })
		stop()
		p.happen("archive.study.deleted", 2)
		p.happen("archive.instance.stored", 2)
		p.run(p.f.Run)
		p.happen("archive.study.deleted", 1)
		want := p.wanted(0, "archive.study.deleted")[2:]
		until(t, "all come", func() bool { return len(e.numbers()) >= len(want) })
		if diff := cmp.Diff(want, e.numbers()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		until(t, "noted", func() bool { return p.hook().Delivered == 6 })

		p.ahead.Add(int64(11 * time.Second))
		p.happen("archive.instance.stored", 1)
		head, err := p.j.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		until(t, "what did not meet them is passed", func() bool { return p.hook().Cursor >= head.Seq-1 && p.hook().Waiting == 0 })

		// Other criteria are for what comes then; without a payload nothing is said.
		if _, err := e.subscribe(t, p, func(s *feed.Subscription) {
			s.Criteria, s.Payload, s.Address, s.Header = "archive.instance.stored", "", "", nil
		}); err != nil {
			t.Fatal(err)
		}
		before := e.count()
		p.happen("archive.study.deleted", 1)
		p.happen("archive.instance.stored", 1)
		until(t, "a notification comes", func() bool { return e.count() > before })
		until(t, "noted", func() bool { return p.hook().Delivered == 7 })
		if n := e.count() - before; n != 1 || len(e.numbers()) != len(want) {
			t.Errorf("%d calls, with %d numbers", n, len(e.numbers())-len(want))
		}
		if len(e.bad) > 0 {
			t.Error(e.bad)
		}
		if h, err := p.f.Subscribed(t.Context(), d, "s1"); err != nil || h.ID != made.ID || h.Payload != "" {
			t.Errorf("Subscribed = %+v, %v", h, err)
		}
		if err := p.f.Remove(t.Context(), "bert", made.ID); err != nil || k.last() != "on  bert true" {
			t.Errorf("removed: %v, told %q", err, k.last())
		}
		if _, err := p.f.Subscribed(t.Context(), d, "s1"); fault.Of(err) != fault.NotFound {
			t.Errorf("after it was removed: %v", err)
		}
	})
}

// TestSubscriptionPauses: an end that fails for long, an account without the right, a
// time that is over: each ends the telling and is told to who keeps the subscription.
func TestSubscriptionPauses(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		p, k := subscribing(t, d, "127.0.0.1")
		e := newEnd(t)
		h, err := e.subscribe(t, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		p.run(p.f.Run)
		e.status.Store(503)
		p.happen("archive.study.deleted", 1)
		until(t, "it fails", func() bool { return !p.hook().Failing.IsZero() })
		p.ahead.Add(int64(2 * time.Hour))
		until(t, "it is given up", func() bool { return k.last() == "paused failing system:feed false" })
		if got := p.told.count(); got != 1 {
			t.Errorf("%d notices; want 1", got)
		}
		e.status.Store(200)
		if err := p.f.Resume(t.Context(), "anna", h.ID); err != nil || k.last() != "on  anna false" {
			t.Errorf("resumed: %v, told %q", err, k.last())
		}
		until(t, "what waited comes", func() bool { return len(e.numbers()) == 1 })

		k.barred.Store(true)
		p.happen("archive.study.deleted", 1)
		until(t, "the right is missed", func() bool { return k.last() == "paused rights system:feed false" })
		k.barred.Store(false)
		if _, err := e.subscribe(t, p, func(s *feed.Subscription) { s.Until = p.now().Add(time.Hour) }); err != nil {
			t.Fatal(err)
		}
		until(t, "what waited comes", func() bool { return len(e.numbers()) == 2 })
		p.ahead.Add(int64(2 * time.Hour))
		until(t, "it ends", func() bool { return k.last() == "paused ended system:feed false" })
		if _, err := e.subscribe(t, p, func(s *feed.Subscription) { s.On = false }); err != nil || p.hook().Why != feed.ByPerson {
			t.Errorf("off: %v, %s", err, p.hook().Why)
		}
	})
}

func TestSubscribeRefused(t *testing.T) {
	t.Parallel()
	p, _ := subscribing(t, dbtest.Open(t, dbtest.SQLite(t)))
	e := newEnd(t)
	for _, c := range []struct {
		name   string
		change func(*feed.Subscription)
		want   fault.Kind
	}{
		{"by http to another machine", func(s *feed.Subscription) { s.Address = "http://pacs.hospital.example/" }, fault.Invalid},
		{"no address", func(s *feed.Subscription) { s.Address = "" }, fault.Invalid},
		{"no criteria", func(s *feed.Subscription) { s.Criteria = "" }, fault.Unsupported},
		{"a header of ours", func(s *feed.Subscription) { s.Header = []string{"webhook-signature: v1,x"} }, fault.Invalid},
		{"a header that breaks the line", func(s *feed.Subscription) { s.Header = []string{"X: a\r\nHost: b"} }, fault.Invalid},
		{"a header without a name", func(s *feed.Subscription) { s.Header = []string{"let-me"} }, fault.Invalid},
		{"too many headers", func(s *feed.Subscription) { s.Header = slices.Repeat([]string{"X: a"}, 11) }, fault.Invalid},
	} {
		if _, err := e.subscribe(t, p, c.change); err == nil || fault.Of(err) != c.want || strings.Contains(err.Error(), "let-me") {
			t.Errorf("%s: %v; want %v", c.name, err, c.want)
		}
	}
	for i := range 64 {
		if _, err := e.subscribe(t, p, func(s *feed.Subscription) { s.Subject = fmt.Sprint("n", i) }); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.subscribe(t, p, nil); fault.Of(err) != fault.Exhausted {
		t.Errorf("one too many: %v; want Exhausted", err)
	}
	p.run(p.f.Run) // 127.0.0.1 is not allowed: nobody is called
	p.happen("archive.study.deleted", 1)
	until(t, "calls are refused", func() bool {
		h, err := p.f.Subscribed(t.Context(), p.d, "n0")
		return err == nil && h.Error != ""
	})
	if e.count() != 0 {
		t.Error("a private address was called")
	}
}
