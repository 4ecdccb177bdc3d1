package notice_test

import (
	"context"
	"fmt"
	"maps"
	"mime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/job"
	"radagora/journal"
	"radagora/lang"
	"radagora/notice"
	"radagora/outgoing"
)

type mimeWords struct{ d mime.WordDecoder }

func (w *mimeWords) decode(s string) (string, error) { return w.d.DecodeHeader(s) }

// people are the accounts of the test.
type people []access.User

func (p people) All(context.Context) ([]access.Who, error) {
	var all []access.Who
	for _, u := range p {
		if u.Ended.IsZero() {
			all = append(all, u.Who())
		}
	}
	return all, nil
}

func (p people) User(_ context.Context, id string) (access.User, error) {
	for _, u := range p {
		if u.ID == id {
			return u, nil
		}
	}
	return access.User{}, fault.Errorf(fault.NotFound, "no account %s", id)
}

// staff are everybody but for patients.
var staff = people{
	{ID: "adam", Name: "Adam", Mail: "adam@hospital.example", Grants: access.Everywhere(access.Administrator)},
	{ID: "berta", Name: "Berta", Mail: "berta@hospital.example", Language: "de", Grants: access.At("north", access.Physicist)},
	{ID: "carl", Name: "Carl", Mail: "", Grants: access.At("south", access.Physicist)},
	{ID: "dora", Name: "Dora", Mail: "dora@hospital.example", Language: "fr", Grants: access.Everywhere(access.Physicist)},
	{ID: "gone", Name: "Gone", Mail: "gone@hospital.example", Grants: access.Everywhere(access.Physicist), Ended: time.Unix(1, 0)},
}

// book is a journal that remembers kinds and data.
type book struct {
	mu      sync.Mutex
	entries []string
}

func (b *book) Append(_ context.Context, _ *db.Tx, all ...journal.Entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range all {
		b.entries = append(b.entries, e.Kind+" "+e.Actor+" "+string(e.Data))
	}
	return nil
}

// A house is a post office that works.
type house struct {
	t     *testing.T
	d     *db.DB
	n     *notice.Notices
	q     *job.Queue
	book  *book
	ahead atomic.Int64 // of the clock, in nanoseconds
}

func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

// open opens a post office whose jobs run until the test ends.
func open(t *testing.T, d *db.DB, change func(*notice.Options, *outgoing.Options)) *house {
	t.Helper()
	h := &house{t: t, d: d, book: &book{}}
	q, err := job.Open(t.Context(), d, h.book, job.Options{
		Poll: 10 * time.Millisecond, Pause: time.Millisecond, MaxPause: 5 * time.Millisecond, Attempts: 3, Now: h.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := lang.Open()
	if err != nil {
		t.Fatal(err)
	}
	o := notice.Options{
		People: staff, Journal: h.book, Jobs: q, Catalogue: catalogue, MasterKey: [32]byte{1},
		PublicURL: "https://dose.hospital.example/", Now: h.now,
	}
	out := outgoing.Options{Allow: []string{"127.0.0.1"}}
	if change != nil {
		change(&o, &out)
	}
	if o.Outgoing, err = outgoing.New(out); err != nil {
		t.Fatal(err)
	}
	if h.n, err = notice.Open(t.Context(), d, o); err != nil {
		t.Fatal(err)
	}
	h.q = q
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *house) send(m notice.Message) {
	h.t.Helper()
	if err := h.d.Write(h.t.Context(), func(tx *db.Tx) error { return h.n.Send(h.t.Context(), tx, m) }); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) inbox(account string, view notice.View) []notice.Notice {
	h.t.Helper()
	all, err := h.n.Inbox(h.t.Context(), account, view, "")
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

// until waits until ok is true.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within half a minute", what)
		}
	}
}

// quiet waits until no job waits that is due.
func (h *house) quiet() {
	h.t.Helper()
	until(h.t, "quiet", func() bool {
		all, err := h.q.State(h.t.Context())
		for _, c := range all {
			if err != nil || c.Running > 0 || !c.Late.IsZero() {
				return false
			}
		}
		return true
	})
}

var knocked = notice.Message{
	Roles: []access.Role{access.Physicist}, Site: "north", Kind: "site.peer.knocked",
	Args: map[string]string{"title": "CT_7"}, Path: "/settings/peers", Severity: notice.Warning,
}

func TestInbox(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, nil)
		h.send(knocked)
		h.quiet()
		for account, want := range map[string]int{"berta": 1, "dora": 1, "adam": 0, "carl": 0, "gone": 0} {
			if n, err := h.n.Unread(t.Context(), account); n != want || err != nil {
				t.Errorf("%s has %d, %v; want %d", account, n, err, want)
			}
		}
		got := h.inbox("berta", notice.ViewOpen)[0]
		if got.At.IsZero() || got.ID == "" {
			t.Errorf("notice = %+v", got)
		}
		want := notice.Notice{
			ID: got.ID, At: got.At, Site: "north", Kind: "site.peer.knocked", Args: map[string]string{"title": "CT_7"},
			Path: "/settings/peers", Severity: notice.Warning, Mail: "off",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("notice (-want +got):\n%s", diff)
		}
		if err := h.n.Read(t.Context(), "dora", got.ID, true); fault.Of(err) != fault.NotFound {
			t.Errorf("reading what somebody else has = %v; want not found", err)
		}
		if err := h.n.Snooze(t.Context(), "berta", got.ID, h.now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if n, _ := h.n.Unread(t.Context(), "berta"); n != 0 || len(h.inbox("berta", notice.ViewSnoozed)) != 1 {
			t.Errorf("%d unread; want it snoozed", n)
		}
		h.ahead.Store(int64(2 * time.Hour))
		if n, _ := h.n.Unread(t.Context(), "berta"); n != 1 {
			t.Errorf("%d unread; want it back after the hour", n)
		}
		if err := h.n.Read(t.Context(), "berta", got.ID, true); err != nil {
			t.Fatal(err)
		}
		if n, _ := h.n.Unread(t.Context(), "berta"); n != 0 || len(h.inbox("berta", notice.ViewRead)) != 1 {
			t.Errorf("%d unread; want it read", n)
		}
		if err := h.n.Read(t.Context(), "berta", got.ID, false); err != nil || len(h.inbox("berta", notice.ViewOpen)) != 1 {
			t.Errorf("unread again: %v", err)
		}
		if err := h.n.ReadAll(t.Context(), "berta", got.ID); err != nil || len(h.inbox("berta", notice.ViewOpen)) != 0 {
			t.Errorf("all read: %v", err)
		}
		if _, err := h.n.Inbox(t.Context(), "berta", "all", ""); fault.Of(err) != fault.Invalid {
			t.Errorf("Inbox(all) = %v; want invalid", err)
		}
		h.ahead.Store(int64(200 * 24 * time.Hour))
		if err := h.n.Prune(t.Context()); err != nil || len(h.inbox("berta", notice.ViewRead)) != 0 || len(h.inbox("dora", notice.ViewOpen)) != 1 {
			t.Errorf("prune: %v; want what was read gone, and what was not kept", err)
		}
	})
}

func TestARoleThatNobodyHas(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, nil)
		m := notice.Message{Roles: []access.Role{access.ProtectionOfficer}, Kind: "access.glass.opened", Path: "/glass", Severity: notice.Urgent}
		h.send(m)
		h.quiet()
		if n := len(h.inbox("adam", notice.ViewOpen)); n != 1 {
			t.Errorf("the administrator has %d; want what nobody else is told", n)
		}
	})
}

func TestNothingIsToldOfARollBack(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, nil)
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			if err := h.n.Send(t.Context(), tx, knocked); err != nil {
				return err
			}
			return fault.Errorf(fault.Conflict, "no")
		})
		h.quiet()
		if fault.Of(err) != fault.Conflict || len(h.inbox("berta", notice.ViewOpen)) != 0 {
			t.Errorf("err = %v; want conflict and nothing told", err)
		}
	})
}

// TestNoNames puts a name into each argument of each kind, and where else one could
// slip in.
func TestNoNames(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, nil)
		good := map[string]string{"n": "3", "day": "2026-11-22", "title": "CT_7", "what": "dose", "percent": "108"}
		refused := func(name string, m notice.Message) {
			t.Helper()
			err := d.Write(t.Context(), func(tx *db.Tx) error { return h.n.Send(t.Context(), tx, m) })
			if fault.Of(err) != fault.Invalid || strings.Contains(err.Error(), "ANARY") {
				t.Errorf("%s: %v; want invalid, without the name", name, err)
			}
			if err := d.Write(t.Context(), func(tx *db.Tx) error { return h.n.Once(t.Context(), tx, "k", m) }); fault.Of(err) != fault.Invalid {
				t.Errorf("%s, once: %v; want invalid", name, err)
			}
		}
		for _, kind := range notice.Kinds() {
			m := notice.Message{To: []string{"adam"}, Kind: kind, Path: "/x"}
			takes := 0
			for set := range 1 << len(good) { // which arguments it takes
				args := map[string]string{}
				for i, key := range slices.Sorted(maps.Keys(good)) {
					if set&(1<<i) != 0 {
						args[key] = good[key]
					}
				}
				try := m
				try.Args = args
				if d.Write(t.Context(), func(tx *db.Tx) error { return h.n.Send(t.Context(), tx, try) }) == nil {
					m.Args = args
					takes++
				}
			}
			if takes != 1 {
				t.Errorf("%s takes %d sets of arguments; want one", kind, takes)
			}
			for key := range m.Args {
				for _, name := range []string{"LEAK^CANARY", "Canary, Leak", "LEAK CANARY", "Émile Canary", "19800101-1234-CANARY-0001", strings.Repeat("C", 300), ""} {
					refused(kind+" "+key, with(m, key, name))
				}
			}
			refused(kind+" with an argument of its own", with(m, "patient", "LEAK^CANARY"))
		}
		m := knocked
		for _, path := range []string{"/find?q=LEAK^CANARY", "https://evil.example/", "//evil.example", "/../x", "", "x", "/a b", "/LEAK^CANARY"} {
			m.Path = path
			refused("path "+path, m)
		}
		m = knocked
		m.Kind = "LEAK^CANARY"
		err := d.Write(t.Context(), func(tx *db.Tx) error { return h.n.Send(t.Context(), tx, m) })
		if fault.Of(err) != fault.Invalid {
			t.Errorf("an unknown kind: %v; want invalid", err)
		}
		m = knocked
		m.Roles = nil
		refused("to nobody", m)
	})
}

// with returns m with one argument more or changed.
func with(m notice.Message, key, value string) notice.Message {
	args := map[string]string{key: value}
	for k, v := range m.Args {
		if k != key {
			args[k] = v
		}
	}
	m.Args = args
	return m
}

func TestEveryKindHasWords(t *testing.T) {
	catalogue, err := lang.Open()
	if err != nil {
		t.Fatal(err)
	}
	good := map[string]string{"n": "3", "day": "2026-11-22", "title": "CT_7", "what": "dose", "percent": "108"}
	for _, kind := range notice.Kinds() {
		for _, l := range catalogue.Languages() {
			got := catalogue.Printer(l.Tag).Say(notice.Words(kind, good))
			if strings.ContainsAny(got, "⟨{") {
				t.Errorf("%s in %s: %s", kind, l.Tag, got)
			}
		}
		if m := notice.Usual(kind); m != notice.Now && m != notice.Daily && m != notice.Off {
			t.Errorf("%s: usual mode %q", kind, m)
		}
	}
	if m := catalogue.Missing(); len(m) > 0 {
		t.Errorf("missing: %v", m)
	}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, nil)
		full := notice.Message{
			Roles: []access.Role{access.Administrator}, Kind: "status.disk.full", Args: map[string]string{"n": "4"}, Path: "/settings/status", Severity: notice.Urgent,
		}
		look := func(full notice.Message, still bool) {
			t.Helper()
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				if still {
					return h.n.Once(t.Context(), tx, "disk", full)
				}
				return h.n.Clear(t.Context(), tx, "disk")
			})
			if err != nil {
				t.Fatal(err)
			}
			h.quiet()
		}
		want := func(name string, n int) {
			t.Helper()
			if got := len(h.inbox("adam", notice.ViewOpen)); got != n {
				t.Errorf("%s: %d notices; want %d", name, got, n)
			}
		}
		for range 3 {
			look(full, true)
		}
		want("the same warning", 1)
		if s, err := h.n.States(t.Context()); err != nil || len(s["status.disk.full"]) != 1 {
			t.Errorf("States = %v, %v", s, err)
		}
		h.ahead.Store(int64(6 * 24 * time.Hour))
		look(full, true)
		want("six days later", 1)
		h.ahead.Store(int64(8 * 24 * time.Hour))
		look(full, true)
		want("a week later", 2)
		look(full, false)
		for _, x := range h.inbox("adam", notice.ViewOpen) {
			if x.Settled.IsZero() {
				t.Error("what is over is not marked as settled")
			}
		}
		look(full, false) // nothing to clear
		look(full, true)
		want("when it comes again", 3)
		h.ahead.Store(int64(-1000 * 24 * time.Hour))
		look(full, true)
		want("when the clock was put back", 4)
	})
}

func TestPreferences(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, nil)
		p, err := h.n.Preferences(t.Context(), "adam")
		if err != nil || len(p) != len(notice.Kinds()) || p["status.disk.full"] != notice.Now {
			t.Errorf("Preferences = %v, %v; want the usual ones", p, err)
		}
		if err := h.n.Prefer(t.Context(), "adam", map[string]notice.Mode{"status.disk.full": notice.Off}); err != nil {
			t.Fatal(err)
		}
		if p, err := h.n.Preferences(t.Context(), "adam"); err != nil || p["status.disk.full"] != notice.Off {
			t.Errorf("Preferences = %v, %v; want off", p["status.disk.full"], err)
		}
		if p, _ := h.n.Preferences(t.Context(), "dora"); p["status.disk.full"] != notice.Now {
			t.Error("somebody else's preferences changed")
		}
		for _, bad := range []map[string]notice.Mode{{"status.disk.full": "loud"}, {"nothing": notice.Off}} {
			if err := h.n.Prefer(t.Context(), "adam", bad); fault.Of(err) != fault.Invalid {
				t.Errorf("Prefer(%v) = %v; want invalid", bad, err)
			}
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q, err := job.Open(t.Context(), d, &book{}, job.Options{})
		if err != nil {
			t.Fatal(err)
		}
		good := notice.Options{Jobs: q, MasterKey: [32]byte{1}, PublicURL: "https://x.example"}
		for name, change := range map[string]func(*notice.Options){
			"no public address":   func(o *notice.Options) { o.PublicURL = "" },
			"no installation key": func(o *notice.Options) { o.MasterKey = [32]byte{} },
			"mail without sender": func(o *notice.Options) { o.Mail = notice.Mail{Host: "h"} },
			"mail without host":   func(o *notice.Options) { o.Mail = notice.Mail{From: "a@b.example"} },
			"a password in the open": func(o *notice.Options) {
				o.Mail = notice.Mail{Host: "h", From: "a@b.example", Security: notice.Plain, User: "u", Password: "secret"}
			},
			"a name without password":      func(o *notice.Options) { o.Mail = notice.Mail{Host: "h", From: "a@b.example", User: "u"} },
			"security that does not exist": func(o *notice.Options) { o.Mail = notice.Mail{Host: "h", From: "a@b.example", Security: "ssl"} },
		} {
			o := good
			change(&o)
			if _, err := notice.Open(t.Context(), d, o); fault.Of(err) != fault.Invalid || strings.Contains(fmt.Sprint(err), "secret") {
				t.Errorf("%s: %v; want invalid", name, err)
			}
		}
	})
}
