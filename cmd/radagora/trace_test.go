package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"radagora/access"
	"radagora/journal"
)

// TestTrace: what is refused, taken along and changed stands in the journal with where
// it came from.
func TestTrace(t *testing.T) {
	slow(t)
	w := newWalk(t)
	one := ct()
	one.slices = 1
	w.keep(one)
	person, err := w.h.Archive.PersonOf(t.Context(), at, one.study())
	check(t, err)
	for range 3 {
		if r, _ := w.send(t, access.Radiologist, http.MethodGet, "/settings/accounts", nil, nil); r.StatusCode != http.StatusForbidden {
			t.Fatalf("a radiologist sees accounts: %s", r.Status)
		}
	}
	if r, _ := w.send(t, access.Radiologist, http.MethodGet, "/images/studies/"+one.study()+"/medium", nil, nil); r.StatusCode != http.StatusOK {
		t.Fatalf("medium: %s", r.Status)
	}
	if r, _ := w.send(t, access.Administrator, http.MethodPost, "/settings/accounts", url.Values{"name": {"N. N."}, "login": {"nn"}}, nil); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("account: %s", r.Status)
	}
	for _, c := range []struct{ kind, subject, person string }{
		{"access.act.refused", "GET /settings/accounts", ""},
		{"archive.study.exported", one.study(), person},
		{"archive.object.read", one.study(), person},
		{"access.account.added", "", ""},
	} {
		found := w.entry(t, c.kind, c.person)
		var data struct{ Door, Address string }
		check(t, json.Unmarshal(found.Data, &data))
		if c.subject != "" && found.Subject != c.subject || data.Door != "page" || data.Address != "127.0.0.1" {
			t.Errorf("%s: of %q by the door %q from %q", c.kind, found.Subject, data.Door, data.Address)
		}
	}
	copies, err := w.h.copiesOf(openly(t.Context(), w.h), access.Person{Site: at, ID: person})
	if err != nil || len(copies) != 1 || copies[0].What != "archive.study.exported" {
		t.Errorf("copies: %+v %v", copies, err)
	}
}

// entry waits for an entry of a kind, about a person unless that is "".
func (w *walk) entry(t *testing.T, kind, person string) (found journal.Entry) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	for ctx.Err() == nil {
		for e, err := range w.h.Journal.Find(ctx, journal.Filter{Site: at, Person: person, Kinds: []string{kind}, Newest: true, Limit: 1}) {
			check(t, err)
			return e
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("no entry %s", kind)
	return found
}
