package token_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/access/token"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
)

// audience is the address of the token endpoint in these tests.
const audience = "https://radagora.example/oauth/token"

// A stage is what a test has.
type stage struct {
	t     *testing.T
	db    *db.DB
	users *access.Users
	reg   *token.Register
	mu    sync.Mutex
	at    time.Time
}

func (s *stage) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func (s *stage) wait(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = s.at.Add(d)
}

func newStage(t *testing.T, d *db.DB, client *http.Client) *stage {
	t.Helper()
	s := &stage{t: t, db: d, at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Now: s.now})
	if err != nil {
		t.Fatal(err)
	}
	if s.users, err = access.Open(t.Context(), d, s.now); err != nil {
		t.Fatal(err)
	}
	s.reg = s.open(j, client)
	return s
}

// open opens another register on the same database, as another process would.
func (s *stage) open(j access.Journal, client *http.Client) *token.Register {
	s.t.Helper()
	r, err := token.Open(s.t.Context(), token.Options{
		DB: s.db, Users: s.users, Journal: j, HTTP: client, Now: s.now, Audience: []string{audience},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// user makes an account.
func (s *stage) user(name string, grants ...access.Grant) string {
	s.t.Helper()
	var id string
	err := s.db.Write(s.t.Context(), func(tx *db.Tx) (err error) {
		id, err = s.users.Add(s.t.Context(), tx, access.User{Name: name, Grants: grants})
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// as returns a context in which an account asks, which has just signed in.
func (s *stage) as(id string) context.Context {
	s.t.Helper()
	who, err := s.users.Who(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	who.SignedAt = s.now()
	return s.judged(access.With(s.t.Context(), who))
}

func (s *stage) judged(ctx context.Context) context.Context {
	s.t.Helper()
	library, err := content.Open()
	if err != nil {
		s.t.Fatal(err)
	}
	rules, err := access.NewRules(library)
	if err != nil {
		s.t.Fatal(err)
	}
	return access.WithJudge(ctx, &access.Judge{Rules: rules, Now: s.now})
}

func wish(account string) token.Wish {
	return token.Wish{Account: account, Name: "nightly export", Scopes: []string{"dose.*", "archive.object.read"}, Lasts: time.Hour}
}

func TestToken(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newStage(t, d, nil)
		physicist := s.user("Physicist", access.Grant{Role: access.Physicist}, access.Grant{Role: access.Manager, Site: "south"})
		w := wish(physicist)
		w.Site = "north"
		secret, tok, err := s.reg.Add(s.as(physicist), w)
		if err != nil {
			t.Fatal(err)
		}
		want := access.Who{
			ID: physicist, Name: "Physicist", Grants: access.At("north", access.Physicist),
			Scopes: []string{"archive.object.read", "dose.*"}, Session: tok.ID, Door: "api",
		}
		who, err := s.reg.Verify(t.Context(), secret)
		if diff := cmp.Diff(want, who); err != nil || diff != "" {
			t.Fatalf("Verify: %v (-want +got):\n%s", err, diff)
		}
		ctx := s.judged(access.With(t.Context(), who))
		for act, may := range map[access.Act]bool{
			access.AggregateRead: true,  // in scope and in the role
			access.FindingRead:   false, // in the role, not in scope
			access.TokenOwn:      false, // dangerous acts stay with people
			access.UserChange:    false,
		} {
			if got := access.Can(ctx, act, access.Subject{Site: "north"}); got != may {
				t.Errorf("the token may %s: %v; want %v", act, got, may)
			}
		}
		if access.Can(ctx, access.AggregateRead, access.Subject{Site: "south"}) {
			t.Error("a token for north serves in south")
		}
		var kept int
		if err := d.QueryRow(t.Context(), `select count(*) from access_token where hash like $1`, "%"+secret[8:20]+"%").Scan(&kept); err != nil || kept != 0 {
			t.Errorf("the secret is kept: %d, %v", kept, err)
		}
		s.wait(90 * time.Second)
		if _, err := s.reg.Verify(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		if err := s.reg.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		list, err := s.reg.List(s.as(physicist), physicist)
		if err != nil || len(list) != 1 {
			t.Fatalf("List = %v, %v", list, err)
		}
		if got := list[0].Used; !got.Equal(time.Date(2026, 11, 22, 12, 1, 0, 0, time.UTC)) {
			t.Errorf("last used %v; want the minute", got)
		}
		s.wait(time.Hour)
		if _, err := s.reg.Verify(t.Context(), secret); fault.Of(err) != fault.Forbidden {
			t.Errorf("an expired token: %v; want forbidden", err)
		}
	})
}

func TestRevoke(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newStage(t, d, nil)
		j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Now: s.now})
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := s.open(j, nil)
		owner, stranger := s.user("Owner", access.Everywhere(access.Physicist)...), s.user("Stranger", access.Everywhere(access.Physicist)...)
		secret, tok, err := s.reg.Add(s.as(owner), wish(owner))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []*token.Register{s.reg, elsewhere} {
			if _, err := r.Verify(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.reg.Revoke(s.as(stranger), tok.ID); fault.Of(err) != fault.NotFound {
			t.Errorf("revoked by a stranger: %v; want not found", err)
		}
		if err := s.reg.Revoke(s.as(owner), tok.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.reg.Verify(t.Context(), secret); fault.Of(err) != fault.Forbidden {
			t.Errorf("on this process: %v; want it refused at once", err)
		}
		s.wait(token.CacheLife)
		if _, err := elsewhere.Verify(t.Context(), secret); fault.Of(err) != fault.Forbidden {
			t.Errorf("on another process after %v: %v; want it refused", token.CacheLife, err)
		}
		if err := s.reg.Revoke(s.as(owner), tok.ID); err != nil {
			t.Errorf("revoked again: %v; want nothing", err)
		}
	})
}

func TestAccountThatLeft(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newStage(t, d, nil)
		owner := s.user("Owner", access.Everywhere(access.Physicist)...)
		secret, _, err := s.reg.Add(s.as(owner), wish(owner))
		if err != nil {
			t.Fatal(err)
		}
		err = d.Write(t.Context(), func(tx *db.Tx) error { return s.users.End(t.Context(), tx, owner, true) })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.reg.Verify(t.Context(), secret); fault.Of(err) != fault.Forbidden {
			t.Errorf("the token of somebody who left: %v; want forbidden", err)
		}
	})
}

func TestAddRefuses(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newStage(t, d, nil)
		owner, learner := s.user("Owner", access.Everywhere(access.Physicist)...), s.user("Learner", access.Everywhere(access.Learner)...)
		admin := s.user("Admin", access.Everywhere(access.Administrator)...)
		with := func(change func(*token.Wish)) token.Wish {
			w := wish(owner)
			change(&w)
			return w
		}
		stale := s.as(owner)
		s.wait(time.Hour)
		for _, c := range []struct {
			name string
			ctx  context.Context
			wish token.Wish
			want fault.Kind
		}{
			{"nobody asks", s.judged(t.Context()), wish(owner), fault.Forbidden},
			{"signed in an hour ago", stale, wish(owner), fault.Forbidden},
			{"for somebody else", s.as(owner), wish(learner), fault.Forbidden},
			{"a role that may have no tokens", s.as(learner), wish(learner), fault.Forbidden},
			{"without a name", s.as(owner), with(func(w *token.Wish) { w.Name = " " }), fault.Invalid},
			{"without acts", s.as(owner), with(func(w *token.Wish) { w.Scopes = nil }), fault.Invalid},
			{"every act at once", s.as(owner), with(func(w *token.Wish) { w.Scopes = []string{"*"} }), fault.Invalid},
			{"the beginning of a word", s.as(owner), with(func(w *token.Wish) { w.Scopes = []string{"do*"} }), fault.Invalid},
			{"an unknown act", s.as(owner), with(func(w *token.Wish) { w.Scopes = []string{"dose.level.forge"} }), fault.Invalid},
			{"two acts in one word", s.as(owner), with(func(w *token.Wish) { w.Scopes = []string{"dose.* archive.*"} }), fault.Invalid},
			{"for ever", s.as(owner), with(func(w *token.Wish) { w.Lasts = 0 }), fault.Invalid},
			{"too long", s.as(owner), with(func(w *token.Wish) { w.Lasts = 367 * 24 * time.Hour }), fault.Invalid},
			{"for nobody", s.as(admin), wish("0"), fault.NotFound},
		} {
			if secret, _, err := s.reg.Add(c.ctx, c.wish); err == nil || fault.Of(err) != c.want || secret != "" {
				t.Errorf("%s: %v; want %v", c.name, err, c.want)
			}
		}
		if _, _, err := s.reg.Add(s.as(admin), wish(owner)); err != nil {
			t.Errorf("an administrator for somebody: %v", err)
		}
		if _, err := s.reg.List(s.as(owner), ""); fault.Of(err) != fault.Forbidden {
			t.Errorf("the tokens of all for a physicist: %v; want forbidden", err)
		}
		if all, err := s.reg.List(s.as(admin), ""); err != nil || len(all) != 1 {
			t.Errorf("the tokens of all = %v, %v; want 1", all, err)
		}
	})
}

func TestForgedTokens(t *testing.T) {
	s := newStage(t, dbtest.Open(t, dbtest.SQLite(t)), nil)
	owner := s.user("Owner", access.Everywhere(access.Physicist)...)
	good, _, err := s.reg.Add(s.as(owner), wish(owner))
	if err != nil {
		t.Fatal(err)
	}
	other := "a"
	if good[10:11] == "a" {
		other = "b"
	}
	for name, forged := range map[string]string{
		"nothing":                  "",
		"the prefix":               "rad_",
		"one letter another":       good[:10] + other + good[11:],
		"the checksum cut off":     good[:len(good)-6],
		"one letter more":          good + "0",
		"with a blank":             good + " ",
		"in capitals":              strings.ToUpper(good),
		"as an access token":       "rat_" + good[4:],
		"a quote for the database": "rad_' or 1=1 --" + good[15:],
		"very long":                "rad_" + strings.Repeat("A", 1<<20),
		"a NUL":                    good[:20] + "\x00" + good[21:],
		"the hash":                 "rad_" + strings.Repeat("0", 49),
	} {
		if who, err := s.reg.Verify(t.Context(), forged); fault.Of(err) != fault.Forbidden || who.ID != "" {
			t.Errorf("%s: %v, %v; want forbidden", name, who.ID, err)
		}
	}
	if _, err := s.reg.Verify(t.Context(), good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestFailures(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var f token.Failures
	here, there := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.7")
	for range 20 {
		f.Failed(here, now)
	}
	if !f.Slow(netip.MustParseAddr("2001:db8::ffff"), now) {
		t.Error("the neighbour in the same network is not slowed")
	}
	if f.Slow(there, now) {
		t.Error("somebody who did nothing is slowed")
	}
	if f.Slow(here, now.Add(4*time.Second)) {
		t.Error("after a pause one more try is free")
	}
	for i := range 25_000 { // a whole network of guessers takes a bounded place
		f.Failed(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
	}
	if f.Slow(netip.Addr{}, now) {
		t.Error("no address at all is slowed without a failure")
	}
}

func BenchmarkVerify(b *testing.B) {
	d := dbtest.Open(b, dbtest.SQLite(b))
	now := func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
	j, err := journal.Open(b.Context(), d, journal.Options{MasterKey: [32]byte{1}, Now: now})
	if err != nil {
		b.Fatal(err)
	}
	users, err := access.Open(b.Context(), d, now)
	if err != nil {
		b.Fatal(err)
	}
	r, err := token.Open(b.Context(), token.Options{DB: d, Users: users, Journal: j, Now: now})
	if err != nil {
		b.Fatal(err)
	}
	who, err := users.Who(b.Context(), access.Local)
	if err != nil {
		b.Fatal(err)
	}
	who.SignedAt = now()
	library, err := content.Open()
	if err != nil {
		b.Fatal(err)
	}
	rules, err := access.NewRules(library)
	if err != nil {
		b.Fatal(err)
	}
	ctx := access.WithJudge(access.With(b.Context(), who), &access.Judge{Rules: rules, Now: now})
	secret, _, err := r.Add(ctx, wish(access.Local))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := r.Verify(b.Context(), secret); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleParseScope() {
	s, err := token.ParseScope("system/ImagingStudy.read")
	fmt.Println(s, err, s.Allows("ImagingStudy", token.Search), s.Allows("Patient", token.Read))
	// Output: system/ImagingStudy.rs <nil> true false
}
