package account_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"radagora/access"
	"radagora/access/account"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
)

func TestRecoveryCodes(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		id, other := h.add(t, "ada"), h.add(t, "other")
		first, err := h.NewCodes(t.Context(), id)
		if err != nil || len(first) != 10 {
			t.Fatalf("%v, %v", first, err)
		}
		all, err := h.NewCodes(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		b := h.browser(t)
		enter := func(login, code string) string {
			return b.ask(func(ctx context.Context) error { _, err := h.Recover(ctx, login, code); return err })
		}
		if kind := enter("ada", first[0]); kind != "forbidden" {
			t.Errorf("a code that was replaced: %q", kind)
		}
		if kind := enter("other", all[0]); kind != "forbidden" {
			t.Errorf("somebody else's code: %q", kind)
		}
		if kind := enter("ada", strings.ToLower(strings.ReplaceAll(all[0], "-", " "))); kind != "" {
			t.Errorf("a code typed with spaces: %q", kind)
		}
		if b.who().ID != id {
			t.Errorf("signed in as %+v; want ada, not %s", b.who(), other)
		}
		if kind := enter("ada", all[0]); kind != "forbidden" {
			t.Errorf("the same code again: %q", kind)
		}
		if n, err := h.CodesLeft(t.Context(), id); err != nil || n != 9 {
			t.Errorf("%d left, %v; want 9", n, err)
		}
		var kept int
		if err := h.db.QueryRow(t.Context(), `select count(*) from account_recovery where code_hash in ($1, $2)`, all[1], strings.ReplaceAll(all[1], "-", "")).Scan(&kept); err != nil || kept != 0 {
			t.Errorf("a code is readable in the database: %d, %v", kept, err)
		}
	})
}

// TestCodeCountsOnce uses one code many times at the same moment.
func TestCodeCountsOnce(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		id := h.add(t, "ada")
		all, err := h.NewCodes(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		var in atomic.Int64
		var wait sync.WaitGroup
		for i := range 8 {
			wait.Go(func() {
				ctx := account.At(context.WithoutCancel(t.Context()), account.Place{Address: addr(i)})
				if _, err := h.Recover(ctx, "ada", all[3]); err == nil {
					in.Add(1)
				}
			})
		}
		wait.Wait()
		if in.Load() != 1 {
			t.Errorf("one code let in %d times", in.Load())
		}
	})
}

func TestFirstAdministrator(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		old, none, err := h.FirstLink(t.Context())
		if err != nil || !none {
			t.Fatalf("%v, %v", none, err)
		}
		token, _, err := h.FirstLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b := h.browser(t)
		try := func(token, login, password string) string {
			return b.ask(func(ctx context.Context) error {
				_, err := h.MakeFirst(ctx, token, "Ada Example", login, password)
				return err
			})
		}
		for _, c := range []struct{ name, token, login, password, want string }{
			{"a link that was replaced", old, "ada", good, "forbidden"},
			{"a link that never was", "abc", "ada", good, "forbidden"},
			{"no login", token, " ", good, "invalid"},
			{"a weak password", token, "ada", "short", "invalid"},
			{"all is well", token, "ada", good, ""},
			{"once more", token, "eve", good, "forbidden"},
		} {
			if got := try(c.token, c.login, c.password); got != c.want {
				t.Errorf("%s: %q; want %q", c.name, got, c.want)
			}
		}
		if who := b.who(); !who.Is(access.Administrator) {
			t.Errorf("signed in: %+v", who)
		}
		if _, none, err := h.FirstLink(t.Context()); err != nil || none {
			t.Errorf("a link though there is an administrator: %v, %v", none, err)
		}
	})
}

func TestLinksRunOut(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		token, _, err := h.FirstLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		h.pass(24 * time.Hour)
		if err := h.First(t.Context(), token); fault.Of(err) != fault.Forbidden {
			t.Errorf("after a day: %v", err)
		}
	})
}

// TestFirstLinkMakesOne opens one link in many browsers at once.
func TestFirstLinkMakesOne(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		token, _, err := h.FirstLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var in atomic.Int64
		var wait sync.WaitGroup
		for i := range 8 {
			wait.Go(func() {
				if _, err := h.MakeFirst(t.Context(), token, "Ada Example", "ada"+string(rune('a'+i)), good); err == nil {
					in.Add(1)
				}
			})
		}
		wait.Wait()
		if in.Load() != 1 {
			t.Errorf("one link made %d administrators", in.Load())
		}
	})
}

func TestResetLink(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		id := h.add(t, "ada")
		b, elsewhere := h.browser(t), h.browser(t)
		elsewhere.signIn("ada", good)
		token, err := h.PasswordLink(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.First(t.Context(), token); fault.Of(err) != fault.Forbidden {
			t.Errorf("it makes an administrator too: %v", err)
		}
		reset := func(password string) string {
			return b.ask(func(ctx context.Context) error { _, err := h.ResetPassword(ctx, token, password); return err })
		}
		if got := reset("ada"); got != "invalid" {
			t.Errorf("weak: %q", got)
		}
		if got := reset("lantern orbit 88 fig"); got != "" {
			t.Errorf("good: %q", got)
		}
		if got := reset("lantern orbit 88 figs"); got != "forbidden" {
			t.Errorf("twice: %q", got)
		}
		if b.who().ID != id || elsewhere.who().ID != "" {
			t.Errorf("here %+v, elsewhere %+v; want ada and nobody", b.who(), elsewhere.who())
		}
		if got := elsewhere.signIn("ada", good); got != "forbidden" {
			t.Errorf("the old password: %q", got)
		}
	})
}

func TestLastAdministratorStays(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		admin := access.Grant{Role: access.Administrator}
		one := h.add(t, "one", admin)
		u, err := h.users.User(t.Context(), one)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.End(t.Context(), one, true); fault.Of(err) != fault.Conflict {
			t.Errorf("end the last: %v", err)
		}
		u.Grants = access.Everywhere(access.Physicist)
		if err := h.Change(t.Context(), u); fault.Of(err) != fault.Conflict {
			t.Errorf("take the last one's role: %v", err)
		}
		h.add(t, "two", admin)
		if err := h.Change(t.Context(), u); err != nil {
			t.Errorf("with another: %v", err)
		}
		if err := h.End(t.Context(), access.Local, true); fault.Of(err) != fault.Conflict {
			t.Errorf("end the local user: %v", err)
		}
	})
}

func TestDemo(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, func(o *account.Options) { o.Demonstration = true })
		for range 2 {
			if err := h.Demo(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		roles, err := h.DemoRoles(t.Context())
		if err != nil || len(roles) != len(access.People()) {
			t.Fatalf("%v, %v", roles, err)
		}
		b := h.browser(t)
		if kind := b.ask(func(ctx context.Context) error { _, err := h.EnterDemo(ctx, access.Auditor); return err }); kind != "" {
			t.Fatal(kind)
		}
		if who := b.who(); !who.Is(access.Auditor) || who.Name != "Demonstration auditor" {
			t.Errorf("%+v", who)
		}
		serious := open(t, d, nil)
		if _, err := serious.EnterDemo(t.Context(), access.Administrator); fault.Of(err) != fault.Forbidden {
			t.Errorf("where it is no demonstration: %v", err)
		}
		if roles, err := serious.DemoRoles(t.Context()); err != nil || len(roles) != 0 {
			t.Errorf("cards where it is no demonstration: %v, %v", roles, err)
		}
	})
}

// A fastSwitch is a workstation with two people on shift.
func fastSwitch(t *testing.T, h *house) (b *browser, ada, bea string) {
	t.Helper()
	ada, bea = h.add(t, "ada"), h.add(t, "bea")
	for _, id := range []string{ada, bea} {
		if err := h.SetPIN(t.Context(), id, "493817"); err != nil {
			t.Fatal(err)
		}
	}
	b = h.browser(t)
	if kind := b.ask(func(ctx context.Context) error { return h.Station(ctx, "CT 1 console", "room1") }); kind != "" {
		t.Fatal(kind)
	}
	for _, login := range []string{"ada", "bea"} {
		if kind := b.signIn(login, good); kind != "" {
			t.Fatal(kind)
		}
		h.pass(time.Minute)
	}
	return b, ada, bea
}

func TestFastSwitch(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		b, ada, bea := fastSwitch(t, h)
		change := func(id, pin string) string {
			return b.ask(func(ctx context.Context) error { _, err := h.Switch(ctx, id, pin); return err })
		}
		var names []string
		var room string
		b.ask(func(ctx context.Context) error {
			on, err := h.OnShift(ctx)
			for _, u := range on {
				names = append(names, u.Login)
			}
			here, _, err2 := h.Here(ctx)
			room = here.Room
			return errors.Join(err, err2)
		})
		if strings.Join(names, " ") != "bea ada" || room != "room1" {
			t.Errorf("on shift %v in %q", names, room)
		}
		if kind := change(ada, "493817"); kind != "" {
			t.Fatal(kind)
		}
		who := b.who()
		if who.ID != ada || !who.SignedAt.Equal(h.now().Add(-2*time.Minute)) {
			t.Errorf("changed to %s, signed %s; want ada, two minutes ago", who.Name, who.SignedAt)
		}
		elsewhere := h.browser(t)
		if kind := elsewhere.ask(func(ctx context.Context) error { _, err := h.Switch(ctx, ada, "493817"); return err }); kind != "forbidden" {
			t.Errorf("a PIN on another device: %q", kind)
		}
		for range 5 {
			if kind := change(bea, "111222"); kind != "forbidden" {
				t.Errorf("wrong PIN: %q", kind)
			}
		}
		if kind := change(bea, "493817"); kind != "forbidden" {
			t.Errorf("the right PIN after five wrong ones: %q", kind)
		}
		b.signIn("bea", good)
		if kind := change(ada, "493817"); kind != "" {
			t.Errorf("others are shut out too: %q", kind)
		}
		h.pass(12 * time.Hour)
		if kind := change(ada, "493817"); kind != "forbidden" {
			t.Errorf("after the shift: %q", kind)
		}
	})
}

// TestFullSignInForgivesPINs: five wrong PINs, a full sign-in, and the PIN works.
func TestFullSignInForgivesPINs(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		b, ada, _ := fastSwitch(t, h)
		for range 5 {
			b.ask(func(ctx context.Context) error { _, err := h.Switch(ctx, ada, "000111"); return err })
		}
		b.signIn("ada", good)
		b.signIn("bea", good)
		if kind := b.ask(func(ctx context.Context) error { _, err := h.Switch(ctx, ada, "493817"); return err }); kind != "" {
			t.Errorf("after a full sign-in: %q", kind)
		}
	})
}

func TestStationEnds(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		b, ada, _ := fastSwitch(t, h)
		all, err := h.Stations(t.Context())
		if err != nil || len(all) != 1 || all[0].Name != "CT 1 console" {
			t.Fatalf("%+v, %v", all, err)
		}
		if err := h.EndStation(t.Context(), all[0].ID); err != nil {
			t.Fatal(err)
		}
		if kind := b.ask(func(ctx context.Context) error { _, err := h.Switch(ctx, ada, "493817"); return err }); kind != "forbidden" {
			t.Errorf("a PIN where no workstation is: %q", kind)
		}
	})
}

func TestPINs(t *testing.T) {
	h := open(t, dbtest.Open(t, dbtest.SQLite(t)), nil)
	id := h.add(t, "ada")
	for _, c := range []struct{ name, pin, want string }{
		{"three digits", "481", "pin"},
		{"nine digits", "481950273", "pin"},
		{"letters", "48a1", "pin"},
		{"a run", "4567", "pin_simple"},
		{"one digit", "7777", "pin_simple"},
		{"two, twice", "4848", "pin_simple"},
		{"a year", "1984", "pin_simple"},
		{"four digits", "4815", ""},
		{"none", "", ""},
	} {
		if got := why(t, h.SetPIN(t.Context(), id, c.pin)); got != c.want {
			t.Errorf("%s: %q; want %q", c.name, got, c.want)
		}
	}
}

func TestChangePassword(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		h.add(t, "ada")
		b, elsewhere := h.browser(t), h.browser(t)
		b.signIn("ada", good)
		elsewhere.signIn("ada", good)
		change := func(old, password string) string {
			return b.ask(func(ctx context.Context) error { return h.ChangePassword(ctx, old, password) })
		}
		for _, c := range []struct{ name, old, password, want string }{
			{"not the old one", "wrong", "lantern orbit 88 fig", "forbidden"},
			{"a weak one", good, "password", "invalid"},
			{"all is well", good, "lantern orbit 88 fig", ""},
		} {
			if got := change(c.old, c.password); got != c.want {
				t.Errorf("%s: %q; want %q", c.name, got, c.want)
			}
		}
		if b.who().ID == "" || elsewhere.who().ID != "" {
			t.Errorf("here %q, elsewhere %q; want here alone", b.who().Name, elsewhere.who().Name)
		}
	})
}
