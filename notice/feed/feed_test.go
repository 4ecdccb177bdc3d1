package feed_test

import (
	"bytes"
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
	"radagora/notice"
	"radagora/notice/feed"
	"radagora/notice/hook"
	"radagora/outgoing"
)

// told remembers the notices.
type told struct {
	mu   sync.Mutex
	open map[string]notice.Message
}

func (n *told) Once(_ context.Context, _ *db.Tx, key string, m notice.Message) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open[key] = m
	return nil
}

func (n *told) Clear(_ context.Context, _ *db.Tx, key string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.open, key)
	return nil
}

func (n *told) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.open)
}

// A place is a feed that works.
type place struct {
	t      *testing.T
	d      *db.DB
	j      *journal.Journal
	f      *feed.Feed
	told   *told
	ahead  atomic.Int64 // of the clock, in nanoseconds
	barred atomic.Bool  // the account may read no more
}

func (p *place) now() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }

var groups = []feed.Group{
	{Name: "instance", Kinds: []string{"archive.instance.stored"}},
	{Name: "deleted", Kinds: []string{"archive.instance.deleted", "archive.study.deleted"}},
}

func open(t *testing.T, d *db.DB, allow ...string) *place {
	t.Helper()
	p := &place{t: t, d: d, told: &told{open: map[string]notice.Message{}}}
	var err error
	if p.j, err = journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Poll: 10 * time.Millisecond, SealEvery: time.Millisecond, Now: p.now}); err != nil {
		t.Fatal(err)
	}
	out, err := outgoing.New(outgoing.Options{Allow: allow})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := hook.New([32]byte{1}, hook.Options{Outgoing: out, Now: p.now})
	if err != nil {
		t.Fatal(err)
	}
	p.f, err = feed.Open(t.Context(), d, feed.Options{
		Journal: p.j, Hooks: caller, Notices: p.told, Groups: groups, Site: "default", Now: p.now,
		May: func(context.Context, string) error {
			if p.barred.Load() {
				return fault.Errorf(fault.Forbidden, "not any more")
			}
			return nil
		},
		Retry: 5 * time.Millisecond, MaxRetry: 20 * time.Millisecond, GiveUp: time.Hour, Poll: 5 * time.Millisecond, LeaseTTL: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.run(p.j.Run)
	return p
}

// run runs something until the test ends, or stop is called.
func (p *place) run(do func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(p.t.Context()))
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				p.t.Error(err)
			}
		})
	}
	p.t.Cleanup(stop)
	return stop
}

// happen writes n changes, some of kinds nobody asked for.
func (p *place) happen(kind string, n int) {
	p.t.Helper()
	for i := range n {
		err := p.d.Write(p.t.Context(), func(tx *db.Tx) error {
			return p.j.Append(p.t.Context(), tx, journal.Entry{
				Site: "default", At: p.now(), Actor: "ae:CT", Kind: kind, Subject: fmt.Sprintf("1.2.%d", i), Person: "somebody", Payload: json.RawMessage(`{"name":"hidden"}`),
				Data: json.RawMessage(`{"study":"1.2","series":"1.2.3"}`),
			}, journal.Entry{Site: "default", At: p.now(), Actor: "local", Kind: "access.user.changed", Subject: "x"})
		})
		if err != nil {
			p.t.Fatal(err)
		}
	}
	until(p.t, "sealed", func() bool {
		open := -1
		err := p.d.QueryRow(p.t.Context(), `select count(*) from journal_entry where seq is null`).Scan(&open)
		return err == nil && open == 0
	})
}

// until waits as long as the test may take: how fast a machine is says nothing.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end, limited := t.Deadline()
	for end = end.Add(-10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if limited && time.Now().After(end) {
			t.Fatalf("%s: not before the tests are over", what)
		}
	}
}

func (p *place) hook() feed.Hook {
	p.t.Helper()
	all, err := p.f.Hooks(p.t.Context())
	if err != nil || len(all) != 1 {
		p.t.Fatalf("Hooks = %v, %v; want one", all, err)
	}
	return all[0]
}

// A receiver does what docs/format/webhook.md and docs/changes.md tell it to do.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	secret  string
	answers []int // of the first calls; then always
	always  int   // 0 means 200
	calls   int
	ids     []string
	numbers []int64 // of changes that were answered with 200, as they came
	bad     []string
}

func receive(t *testing.T, answers ...int) *receiver {
	t.Helper()
	r := &receiver{answers: answers}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	text, _ := io.ReadAll(q.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.secret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(q.Header.Get("Webhook-Id") + "." + q.Header.Get("Webhook-Timestamp") + "."))
	mac.Write(text)
	if !strings.Contains(q.Header.Get("Webhook-Signature"), base64.StdEncoding.EncodeToString(mac.Sum(nil))) {
		r.bad = append(r.bad, "the signature does not fit")
	}
	if bytes.Contains(text, []byte("somebody")) || bytes.Contains(text, []byte("hidden")) {
		r.bad = append(r.bad, "it tells who is meant")
	}
	r.ids = append(r.ids, q.Header.Get("Webhook-Id"))
	status := http.StatusOK
	if r.always != 0 {
		status = r.always
	}
	if len(r.answers) > 0 {
		status = r.answers[0]
		r.answers = r.answers[1:]
	}
	w.WriteHeader(status)
	if status != http.StatusOK {
		return
	}
	var m struct {
		ID          string
		After, Next int64
		Changes     []feed.Change
	}
	if err := json.Unmarshal(text, &m); err != nil || m.ID != q.Header.Get("Webhook-Id") || len(m.Changes) == 0 || m.Next != m.Changes[len(m.Changes)-1].Number {
		r.bad = append(r.bad, "not as documented")
	}
	for _, c := range m.Changes {
		r.numbers = append(r.numbers, c.Number)
	}
}

func (r *receiver) got() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.numbers)
}

func (r *receiver) add(t *testing.T, p *place, s feed.Start, groups ...string) feed.Hook {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	h, secret, err := p.f.Add(t.Context(), "anna", r.URL+"/in?token=path-secret", groups, s)
	if err != nil || strings.Contains(h.Host, "secret") {
		t.Fatalf("Add = %+v, %v", h, err)
	}
	r.secret = secret
	return h
}

// wanted returns the numbers of all changes of kinds.
func (p *place) wanted(after int64, kinds ...string) (all []int64) {
	p.t.Helper()
	for e, err := range p.j.Find(p.t.Context(), journal.Filter{Kinds: kinds, After: after}) {
		if err != nil {
			p.t.Fatal(err)
		}
		all = append(all, e.Seq)
	}
	return all
}

// once leaves out what came again, as a receiver does that remembers the last number:
// what was called as the first process ended.
func once(all []int64) (fresh []int64) {
	last := int64(0)
	for _, n := range all {
		if n > last {
			fresh, last = append(fresh, n), n
		}
	}
	return fresh
}

// TestInOrder: every change of the kinds that were chosen comes and in order, although
// the first answers are failures and the process that tells changes.
func TestInOrder(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		p, r := open(t, d, "127.0.0.1"), receive(t, 500, 503, 200, 429)
		p.happen("archive.instance.stored", 3) // before it was added: none of these
		h := r.add(t, p, feed.Start{}, "instance")
		stop := p.run(p.f.Run)
		p.happen("archive.instance.stored", 120)
		p.happen("archive.study.deleted", 2)
		until(t, "the first ones come", func() bool { return len(r.got()) > 0 })
		stop()
		p.run(p.f.Run)
		p.happen("archive.instance.stored", 5)
		want := p.wanted(h.Cursor, "archive.instance.stored")
		until(t, "all come", func() bool { return slices.Contains(r.got(), want[len(want)-1]) })
		if diff := cmp.Diff(want, once(r.got())); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		until(t, "noted", func() bool { return p.hook().Waiting == 0 })
		if got := p.hook(); got.Cursor != want[len(want)-1] || got.Delivered < 125 || got.Status != 200 || !got.Failing.IsZero() {
			t.Errorf("webhook = %+v", got)
		}
		if len(r.bad) > 0 {
			t.Error(r.bad)
		}
	})
}

// TestReplay sends again from a number, from a time and from the beginning, under other
// ids, and leaves out what is behind.
func TestReplay(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		p, r := open(t, d, "127.0.0.1"), receive(t)
		p.happen("archive.instance.stored", 4)
		all := p.wanted(0, "archive.instance.stored")
		h := r.add(t, p, feed.Start{After: feed.FromTheBeginning}, "instance", "deleted")
		p.run(p.f.Run)
		until(t, "from the beginning", func() bool { return len(r.got()) == 4 })
		if _, err := p.f.Replay(t.Context(), "anna", h.ID, feed.Start{After: all[1]}); err != nil {
			t.Fatal(err)
		}
		until(t, "two again", func() bool { return len(r.got()) == 6 })
		if diff := cmp.Diff(append(slices.Clone(all), all[2:]...), r.got()); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		if _, err := p.f.Replay(t.Context(), "anna", h.ID, feed.Start{Since: time.Now().Add(-time.Hour)}); err != nil {
			t.Fatal(err)
		}
		until(t, "all again", func() bool { return len(r.got()) == 10 })
		r.mu.Lock()
		if slices.Sort(r.ids); len(slices.Compact(slices.Clone(r.ids))) != len(r.ids) {
			t.Errorf("ids = %v; want others for what is told again, or receivers drop it", r.ids)
		}
		r.mu.Unlock()
		if _, err := p.f.Replay(t.Context(), "anna", h.ID, feed.Start{After: 1 << 40}); fault.Of(err) != fault.Invalid {
			t.Errorf("from a number that is not given yet = %v; want invalid", err)
		}
		if _, err := p.f.Replay(t.Context(), "anna", "nobody", feed.Start{}); fault.Of(err) != fault.NotFound {
			t.Errorf("of a webhook that is none = %v; want not found", err)
		}
	})
}

func TestPauses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		why  string
		do   func(p *place, r *receiver)
	}{
		{"one that wants no more", feed.Refused, func(_ *place, r *receiver) { r.answers = []int{410} }},
		{"one that moved", feed.Refused, func(_ *place, r *receiver) { r.answers = []int{307} }},
		{"one that fails for long", feed.Failing, func(_ *place, r *receiver) { r.always = 500 }},
		{"whoever added it may read no more", feed.Rights, func(p *place, _ *receiver) { p.barred.Store(true) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				p, r := open(t, d, "127.0.0.1"), receive(t)
				h := r.add(t, p, feed.Start{}, "instance")
				r.mu.Lock()
				c.do(p, r)
				r.mu.Unlock()
				p.happen("archive.instance.stored", 2)
				p.run(p.f.Run)
				if c.why == feed.Failing {
					until(t, "it fails", func() bool { return !p.hook().Failing.IsZero() })
					p.ahead.Store(int64(2 * time.Hour))
				}
				until(t, "paused", func() bool { return p.hook().State == feed.Paused })
				if got := p.hook(); got.Why != c.why || got.Error == "" || got.Waiting != 2 || p.told.count() != 1 {
					t.Errorf("webhook = %+v, %d notices; want %s", got, p.told.count(), c.why)
				}
				p.barred.Store(false)
				r.mu.Lock()
				r.answers, r.always = nil, 0
				r.mu.Unlock()
				if err := p.f.Resume(t.Context(), "anna", h.ID); err != nil {
					t.Fatal(err)
				}
				until(t, "told after all", func() bool { return len(r.got()) == 2 })
				if p.told.count() != 0 {
					t.Error("the notice stays although it goes on")
				}
			})
		})
	}
}

// TestSlow: a webhook that does not answer keeps no other waiting, and one that was
// removed while it was called is gone.
func TestSlow(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		p, r := open(t, d, "127.0.0.1"), receive(t)
		hang, called := make(chan struct{}), make(chan struct{}, 8)
		slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called <- struct{}{}; <-hang }))
		t.Cleanup(slow.Close)
		h, _, err := p.f.Add(t.Context(), "anna", slow.URL, []string{"instance"}, feed.Start{})
		if err != nil {
			t.Fatal(err)
		}
		r.add(t, p, feed.Start{}, "instance")
		p.run(p.f.Run)
		p.happen("archive.instance.stored", 3)
		<-called
		until(t, "the other is told", func() bool { return len(r.got()) == 3 })
		if err := p.f.Remove(t.Context(), "anna", h.ID); err != nil {
			t.Fatal(err)
		}
		close(hang)
		p.happen("archive.instance.stored", 1)
		until(t, "the other goes on", func() bool { return len(r.got()) == 4 })
		p.hook() // one is left
	})
}

func TestAdd(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		for _, c := range []struct {
			name, address string
			groups        []string
			start         feed.Start
			want          fault.Kind
		}{
			{"by http to another machine", "http://pacs.hospital.example/", []string{"instance"}, feed.Start{}, fault.Invalid},
			{"by http to an address that is not this machine", "http://10.0.0.1/", []string{"instance"}, feed.Start{}, fault.Invalid},
			{"no address", "", []string{"instance"}, feed.Start{}, fault.Invalid},
			{"a password in it", "https://a:b@x.example/", []string{"instance"}, feed.Start{}, fault.Invalid},
			{"nothing chosen", "https://x.example/", nil, feed.Start{}, fault.Invalid},
			{"no such changes", "https://x.example/", []string{"patients"}, feed.Start{}, fault.Invalid},
			{"a number that is to come", "https://x.example/", []string{"instance"}, feed.Start{After: 99}, fault.Invalid},
		} {
			if _, _, err := p.f.Add(t.Context(), "anna", c.address, c.groups, c.start); err == nil || fault.Of(err) != c.want {
				t.Errorf("%s: %v; want %v", c.name, err, c.want)
			}
		}
		p.barred.Store(true)
		if _, _, err := p.f.Add(t.Context(), "anna", "https://x.example/", []string{"instance"}, feed.Start{}); fault.Of(err) != fault.Forbidden {
			t.Errorf("somebody who may not read = %v; want forbidden", err)
		}
		p.barred.Store(false)
		for range 32 {
			if _, _, err := p.f.Add(t.Context(), "anna", "https://x.example/?k=path-secret", []string{"deleted", "deleted"}, feed.Start{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := p.f.Add(t.Context(), "anna", "https://x.example/", []string{"deleted"}, feed.Start{}); fault.Of(err) != fault.Exhausted {
			t.Errorf("one too many = %v; want exhausted", err)
		}
		var sealed []byte
		if err := d.QueryRow(t.Context(), `select sealed from feed_hook limit 1`).Scan(&sealed); err != nil || bytes.Contains(sealed, []byte("path-secret")) {
			t.Errorf("the address stands in the database, or %v", err)
		}
	})
}

// TestPrivateTarget: nobody makes this program call what only this program can reach.
func TestPrivateTarget(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		p, r := open(t, d), receive(t)
		r.add(t, p, feed.Start{}, "instance")
		p.happen("archive.instance.stored", 1)
		p.run(p.f.Run)
		until(t, "refused", func() bool { return p.hook().Error != "" })
		if got := p.hook(); !strings.Contains(got.Error, "loopback") || strings.Contains(got.Error, "secret") || r.calls != 0 {
			t.Errorf("last result %q, %d calls; want the reason and none", got.Error, r.calls)
		}
	})
}

// TestRotate: after a change both secrets sign.
func TestRotate(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		p, r := open(t, d, "127.0.0.1"), receive(t)
		h := r.add(t, p, feed.Start{}, "instance")
		now, secret, err := p.f.Rotate(t.Context(), "anna", h.ID)
		if err != nil || now.KeyID == h.KeyID || now.Former != h.KeyID || secret == r.secret {
			t.Fatalf("Rotate = %+v, %v", now, err)
		}
		p.run(p.f.Run)
		p.happen("archive.instance.stored", 1)
		until(t, "signed with the former too", func() bool { return len(r.got()) == 1 })
		r.mu.Lock()
		r.secret = secret
		r.mu.Unlock()
		p.happen("archive.instance.stored", 1)
		until(t, "signed with the new one", func() bool { return len(r.got()) == 2 })
		if len(r.bad) > 0 {
			t.Error(r.bad)
		}
	})
}
