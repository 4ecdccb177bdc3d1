package account_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"radagora/access"
	"radagora/access/account"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
)

// good is a password that no rule minds.
const good = "heron kettle violin 7"

// cheap is a cost that keeps tests short.
var cheap = account.Cost{Memory: 64, Passes: 1, Lanes: 1}

// A house is a register with its surroundings.
type house struct {
	*account.Register
	users *access.Users
	db    *db.DB

	mu   sync.Mutex
	at   time.Time
	said []journal.Entry
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

// pass lets time pass.
func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

// Append implements account.Journal.
func (h *house) Append(_ context.Context, tx *db.Tx, e ...journal.Entry) error {
	tx.OnCommit(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.said = append(h.said, e...)
	})
	return nil
}

// kinds returns the kinds of entries so far.
func (h *house) kinds() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, e := range h.said {
		all = append(all, strings.TrimPrefix(e.Kind, "access."))
	}
	return all
}

// open opens a register over d; change may alter its options.
func open(t *testing.T, d *db.DB, change func(*account.Options)) *house {
	t.Helper()
	h := &house{db: d, at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	var err error
	if h.users, err = access.Open(t.Context(), d, h.now); err != nil {
		t.Fatal(err)
	}
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	o := account.Options{DB: d, Users: h.users, Journal: h, Content: library, Key: [32]byte{1}, Now: h.now, Cost: cheap}
	if change != nil {
		change(&o)
	}
	if h.Register, err = account.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// run runs fn on both engines.
func run(t *testing.T, fn func(t *testing.T, h *house)) {
	t.Helper()
	dbtest.Run(t, func(t *testing.T, d *db.DB) { fn(t, open(t, d, nil)) })
}

// add makes an account with the good password.
func (h *house) add(t *testing.T, login string, grants ...access.Grant) string {
	t.Helper()
	id, err := h.Add(t.Context(), access.User{Name: "Example " + login, Login: login, Grants: grants})
	if err == nil {
		err = h.SetPassword(t.Context(), id, good)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// from returns a context of a request from an address.
func from(t *testing.T, address string) context.Context {
	t.Helper()
	return account.At(t.Context(), account.Place{Address: netip.MustParseAddr(address)})
}

// A browser keeps cookies. Its requests run one function inside Sessions.
type browser struct {
	t      *testing.T
	h      *house
	server *httptest.Server
	client *http.Client
	do     func(ctx context.Context) error
}

func (h *house) browser(t *testing.T) *browser {
	t.Helper()
	b := &browser{t: t, h: h}
	b.server = httptest.NewServer(h.Sessions()(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		ctx := q.Context()
		who, err := h.Whoever(ctx)
		if err == nil {
			err = b.do(access.With(ctx, who))
		}
		if err != nil {
			w.Header().Set("X-Kind", fault.Of(err).String())
			if wait := new(account.WaitError); errors.As(err, &wait) {
				w.Header().Set("X-Wait", wait.Wait.String())
			}
			w.WriteHeader(http.StatusForbidden)
		}
	})))
	t.Cleanup(b.server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b.client = &http.Client{Jar: jar}
	return b
}

// ask runs fn in a request and returns the kind of its error, "" for none.
func (b *browser) ask(fn func(ctx context.Context) error) string {
	b.t.Helper()
	b.do = fn
	q, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, strings.Replace(b.server.URL, "127.0.0.1", "localhost", 1), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := b.client.Do(q)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		b.t.Fatal(err)
	}
	return res.Header.Get("X-Kind")
}

// signIn signs in with a password.
func (b *browser) signIn(login, password string) string {
	b.t.Helper()
	return b.ask(func(ctx context.Context) error {
		_, err := b.h.SignIn(ctx, login, password)
		return err
	})
}

// who returns who is signed in.
func (b *browser) who() (who access.Who) {
	b.t.Helper()
	if kind := b.ask(func(ctx context.Context) error { who = access.From(ctx); return nil }); kind != "" {
		b.t.Fatal(kind)
	}
	return who
}

// cookie returns the value of a cookie.
func (b *browser) cookie(name string) string {
	q := httptest.NewRequest(http.MethodGet, strings.Replace(b.server.URL, "127.0.0.1", "localhost", 1), nil)
	for _, c := range b.client.Jar.Cookies(q.URL) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func TestSignInAndOut(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		id := h.add(t, "Ada", access.Grant{Role: access.Physicist, Site: "north"})
		b := h.browser(t)
		if who := b.who(); who.ID != "" {
			t.Fatalf("before: %+v", who)
		}
		if kind := b.signIn("ada", "not the password"); kind != "forbidden" {
			t.Errorf("wrong password: %q; want forbidden", kind)
		}
		if kind := b.signIn(" ADA ", good); kind != "" {
			t.Fatalf("right password: %q", kind)
		}
		who := b.who()
		if who.ID != id || who.Session == "" || !who.SignedAt.Equal(h.now()) || !who.Is(access.Physicist) || who.Door != "page" {
			t.Errorf("after: %+v", who)
		}
		if kind := b.ask(h.SignOut); kind != "" {
			t.Fatal(kind)
		}
		if who := b.who(); who.ID != "" {
			t.Errorf("after signing out: %+v", who)
		}
		want := []string{"account.added", "password.set", "session.refused", "session.begun", "session.ended"}
		if got := h.kinds(); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("journal: %v; want %v", got, want)
		}
		for _, e := range h.said {
			if strings.Contains(string(e.Data), "not the password") || !json.Valid(e.Data) {
				t.Errorf("%s: %s", e.Kind, e.Data)
			}
		}
	})
}

// TestFixation plants the token of a session in a browser that signs in: the token
// is worth nothing afterwards.
func TestFixation(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		h.add(t, "mallory")
		h.add(t, "victim")
		attacker, victim := h.browser(t), h.browser(t)
		if kind := attacker.signIn("mallory", good); kind != "" {
			t.Fatal(kind)
		}
		planted := attacker.cookie("session")
		q := httptest.NewRequest(http.MethodGet, strings.Replace(victim.server.URL, "127.0.0.1", "localhost", 1), nil)
		victim.client.Jar.SetCookies(q.URL, []*http.Cookie{{Name: "session", Value: planted}})
		if kind := victim.signIn("victim", good); kind != "" {
			t.Fatal(kind)
		}
		if victim.cookie("session") == planted {
			t.Error("the token is the same after signing in")
		}
		if who := attacker.who(); who.ID != "" {
			t.Errorf("the planted token opens %s", who.Name)
		}
		before := victim.cookie("session")
		if kind := victim.ask(func(ctx context.Context) error { return h.Again(ctx, good) }); kind != "" {
			t.Fatal(kind)
		}
		if victim.cookie("session") == before {
			t.Error("the token is the same after proving it again")
		}
		if who := victim.who(); who.Name != "Example victim" {
			t.Errorf("after again: %+v", who)
		}
	})
}

func TestTokensAreKeptHashed(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		h.add(t, "ada")
		b := h.browser(t)
		b.signIn("ada", good)
		var n int
		if err := h.db.QueryRow(t.Context(), `select count(*) from account_cookie where token_hash = $1`, b.cookie("session")).Scan(&n); err != nil || n != 0 {
			t.Errorf("the token itself is in the database: %d %v", n, err)
		}
		if err := h.db.QueryRow(t.Context(), `select count(*) from account_cookie`).Scan(&n); err != nil || n != 1 {
			t.Errorf("%d tokens, %v; want 1", n, err)
		}
	})
}

func TestSessionsEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(t *testing.T, h *house, id string, b *browser)
		why  string
	}{
		{"idle for an hour", func(_ *testing.T, h *house, _ string, _ *browser) { h.pass(time.Hour) }, "idle"},
		{"in use, but for twelve hours", func(_ *testing.T, h *house, _ string, b *browser) {
			for range 24 {
				h.pass(30 * time.Minute)
				b.who()
			}
		}, "expired"},
		{"revoked by its id", func(t *testing.T, h *house, id string, b *browser) {
			if err := h.Revoke(t.Context(), id, b.who().Session); err != nil {
				t.Fatal(err)
			}
		}, "revoked"},
		{"signed out everywhere", func(t *testing.T, h *house, id string, _ *browser) {
			if err := h.Revoke(t.Context(), id, ""); err != nil {
				t.Fatal(err)
			}
		}, "revoked"},
		{"the account ended", func(t *testing.T, h *house, id string, _ *browser) {
			if err := h.End(t.Context(), id, true); err != nil {
				t.Fatal(err)
			}
		}, "account"},
		{"another password", func(t *testing.T, h *house, id string, _ *browser) {
			if err := h.SetPassword(t.Context(), id, good+"!"); err != nil {
				t.Fatal(err)
			}
		}, "password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(t *testing.T, h *house) {
				id := h.add(t, "ada")
				b := h.browser(t)
				b.signIn("ada", good)
				h.pass(59 * time.Minute)
				if b.who().ID != id {
					t.Fatal("the session ended too early")
				}
				c.then(t, h, id, b)
				if who := b.who(); who.ID != "" {
					t.Errorf("it goes on: %+v", who)
				}
				if err := h.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
				var why string
				if err := h.db.QueryRow(t.Context(), `select ended_why from account_session where user_id = $1`, id).Scan(&why); err != nil || why != c.why {
					t.Errorf("ended because %q, %v; want %s", why, err, c.why)
				}
			})
		})
	}
}

func TestRevokeOfOthers(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		h.add(t, "ada")
		other := h.add(t, "other")
		b := h.browser(t)
		b.signIn("ada", good)
		if err := h.Revoke(t.Context(), other, b.who().Session); fault.Of(err) != fault.NotFound {
			t.Errorf("revoke somebody else's session: %v; want not found", err)
		}
		if b.who().ID == "" {
			t.Error("it ended")
		}
	})
}

// TestClockStepsBack: nothing breaks, and nobody is idle in the past.
func TestClockStepsBack(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		h.add(t, "ada")
		b := h.browser(t)
		b.signIn("ada", good)
		h.pass(-48 * time.Hour)
		if b.who().ID == "" {
			t.Error("signed out by a clock that stepped back")
		}
		for range 30 {
			if _, err := h.Passcode(from(t, "192.0.2.1"), "ada", "wrong"); err == nil {
				t.Fatal("let in")
			}
		}
		h.pass(-48 * time.Hour)
		_, err := h.Passcode(from(t, "192.0.2.1"), "ada", "wrong")
		if wait := new(account.WaitError); errors.As(err, &wait) && wait.Wait > 15*time.Minute {
			t.Errorf("wait %s", wait.Wait)
		}
	})
}

func TestPasscode(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		id := h.add(t, "console", access.Grant{Role: access.Radiographer})
		who, err := h.Passcode(from(t, "192.0.2.1"), "console", good)
		if err != nil || who.ID != id || who.Door != "dimse" {
			t.Errorf("%+v, %v", who, err)
		}
		if _, err := h.Passcode(from(t, "192.0.2.1"), "console", "nope"); fault.Of(err) != fault.Forbidden {
			t.Errorf("wrong passcode: %v", err)
		}
		if who, err := h.ByName(t.Context(), "console"); err != nil || who.ID != id {
			t.Errorf("by name: %+v, %v", who, err)
		}
		if _, err := h.ByName(t.Context(), "nobody"); fault.Of(err) != fault.Forbidden {
			t.Errorf("by name, nobody: %v", err)
		}
		if err := h.End(t.Context(), id, true); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Passcode(from(t, "192.0.2.1"), "console", good); fault.Of(err) != fault.Forbidden {
			t.Errorf("ended account: %v", err)
		}
		if _, err := h.ByName(t.Context(), "console"); fault.Of(err) != fault.Forbidden {
			t.Errorf("ended account by name: %v", err)
		}
	})
}

// TestHashIsRaised signs in with a hash made with less work.
func TestHashIsRaised(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, nil)
		id := h.add(t, "ada")
		dear := open(t, d, func(o *account.Options) { o.Cost.Memory = 256 })
		hash := func() (text string) {
			if err := d.QueryRow(t.Context(), `select hash from account_password where user_id = $1`, id).Scan(&text); err != nil {
				t.Fatal(err)
			}
			return text
		}
		if !strings.Contains(hash(), "m=64,") {
			t.Fatalf("hash %s", hash())
		}
		if _, err := dear.Passcode(from(t, "192.0.2.1"), "ada", good); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(hash(), "m=256,") {
			t.Errorf("hash %s; want more memory", hash())
		}
		if _, err := dear.Passcode(from(t, "192.0.2.1"), "ada", good); err != nil {
			t.Errorf("after that: %v", err)
		}
	})
}

// TestLeftBeforeTheAnswer signs in from a page that is left before its answer: the
// session is kept all the same.
func TestLeftBeforeTheAnswer(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		h.add(t, "ada")
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		var kind error
		page := h.Sessions()(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			_, kind = h.SignIn(q.Context(), "ada", good)
			leave()
			w.WriteHeader(http.StatusNoContent)
		}))
		got := httptest.NewRecorder()
		page.ServeHTTP(got, httptest.NewRequest(http.MethodPost, "http://localhost/", nil).WithContext(ctx))
		if kind != nil || got.Code != http.StatusNoContent || len(got.Result().Cookies()) == 0 {
			t.Fatalf("left before the answer: %v, %d %s; want the session kept", kind, got.Code, got.Body)
		}
	})
}
