package main

import (
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"radagora/access"
	"radagora/db"
)

// TestResume fills in a form that asks for a proof of a moment ago, proves it, and finds
// what was filled in: once, for that person alone.
func TestResume(t *testing.T) {
	slow(t)
	w := newWalk(t)
	const password = "correct horse of Dublin 7"
	id := ""
	check(t, w.h.DB.Write(t.Context(), func(tx *db.Tx) (err error) {
		id, err = w.h.Users.Add(t.Context(), tx, access.User{Name: "N. N.", Login: "nn", Grants: access.Everywhere(access.Administrator)})
		return err
	}))
	check(t, w.h.Accounts.SetPassword(t.Context(), id, password))
	const person = access.Role("somebody")
	jar, err := cookiejar.New(nil)
	check(t, err)
	one := *w.clients[access.Administrator]
	one.Jar = jar
	w.clients[person] = &one
	post := func(path string, form url.Values) reply {
		t.Helper()
		r, body := w.send(t, person, http.MethodPost, path, form, nil)
		if r.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %s: %s", path, r.Status, body)
		}
		return r
	}
	stale := func() {
		t.Helper()
		check(t, w.h.DB.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `update account_session set signed_at = 1000 where user_id = $1`, id)
			return err
		}))
	}
	post("/sign-in", url.Values{"login": {"nn"}, "password": {password}})
	asks := func(form url.Values) string {
		t.Helper()
		stale()
		u, err := url.Parse(post("/settings/accounts", form).Header.Get("Location"))
		check(t, err)
		if u.Path != "/sign-in/again" {
			t.Fatalf("sent to %s", u.Path)
		}
		return u.Query().Get("to")
	}
	if to := asks(url.Values{"name": {"A"}, "login": {"a"}, "password": {"x"}}); strings.HasPrefix(to, "/sign-in/go-on") {
		t.Error("a form with a password is kept")
	}
	if to := asks(url.Values{"name": {strings.Repeat("x", 40<<10)}}); strings.HasPrefix(to, "/sign-in/go-on") {
		t.Error("a large form is kept")
	}
	to := asks(url.Values{"name": {`New "<b>Person`}, "login": {"new-person"}})
	if !strings.HasPrefix(to, "/sign-in/go-on?form=") {
		t.Fatalf("after the proof it goes to %s", to)
	}
	if r, _ := w.send(t, access.Administrator, http.MethodGet, to, nil, nil); r.StatusCode != http.StatusSeeOther {
		t.Errorf("somebody else is shown what was filled in: %s", r.Status)
	}
	if got := post("/sign-in/again", url.Values{"password": {password}, "to": {to}}).Header.Get("Location"); got != to {
		t.Fatalf("the proof leads to %s", got)
	}
	r, page := w.send(t, person, http.MethodGet, to, nil, nil)
	if r.StatusCode != http.StatusOK || !strings.Contains(page, `action="/settings/accounts"`) {
		t.Fatalf("%s: %s", r.Status, page)
	}
	name := html.UnescapeString(between(page, `name="name" value="`, `"`))
	if name != `New "<b>Person` || strings.Contains(page, "<b>") {
		t.Errorf("the name came back as %q", name)
	}
	if r, _ := w.send(t, person, http.MethodGet, to, nil, nil); r.StatusCode != http.StatusSeeOther {
		t.Errorf("it is shown twice: %s", r.Status)
	}
	post("/settings/accounts", url.Values{"name": {name}, "login": {"new-person"}})
	if u, err := w.h.Users.ByLogin(t.Context(), "new-person"); err != nil || u.Name != name {
		t.Errorf("%+v %v", u, err)
	}
}
