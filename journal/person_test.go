package journal_test

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
)

// at returns an entry about somebody at a site.
func at(site, person, secret string) journal.Entry {
	e := entry(1)
	e.Site, e.Person, e.Payload = site, person, json.RawMessage(`{"secret":"`+secret+`"}`)
	return e
}

// secrets returns the payloads that can be read, and "-" for those that cannot.
func secrets(t *testing.T, j *journal.Journal, f journal.Filter) string {
	t.Helper()
	var all []string
	for _, e := range find(t, j, f) {
		var v struct{ Secret string }
		if e.Kind == "journal.person.erased" {
			continue
		}
		if v.Secret = "-"; e.Payload != nil {
			if err := json.Unmarshal(e.Payload, &v); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, v.Secret)
	}
	return strings.Join(all, " ")
}

// before turns the key of somebody into one from before keys belonged to a site.
func before(t *testing.T, d *db.DB, o journal.Options, key, person string) {
	t.Helper()
	k, err := hkdf.Key(sha256.New, o.MasterKey[:], nil, "radagora journal lookup 1", 32)
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, k)
	h.Write([]byte("person\n" + person))
	err = d.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "update journal_person_key set lookup = $1 where key_id = $2", h.Sum(nil), key)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTwoSitesOneNumber: two sites give the same number to two people, who have
// nothing in common in the journal.
func TestTwoSitesOneNumber(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		j := running(t, d, quick())
		add(t, d, j, at("main", "4711", "a"), at("branch", "4711", "b"), at("main", "4711", "c"))
		allSealed(t, j)
		for site, want := range map[string]string{"main": "a c", "branch": "b", "third": ""} {
			if got := secrets(t, j, journal.Filter{Site: site, Person: "4711"}); got != want {
				t.Errorf("at %s: %q; want %q", site, got, want)
			}
		}
		first, err := j.PersonKey(t.Context(), "main", "4711")
		second, err2 := j.PersonKey(t.Context(), "branch", "4711")
		if err != nil || err2 != nil || first == second {
			t.Errorf("keys %s and %s, %v, %v; want two", first, second, err, err2)
		}
		for _, err := range j.Find(t.Context(), journal.Filter{Person: "4711"}) {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("no site named: %v; want invalid", err)
			}
		}
		erase := func(site string) error {
			return d.Write(t.Context(), func(tx *db.Tx) error {
				return j.Erase(t.Context(), tx, "4711", journal.Entry{Site: site, Actor: "user:dpo"})
			})
		}
		if err := erase("third"); fault.Of(err) != fault.NotFound {
			t.Errorf("erased at a third site: %v; want NotFound", err)
		}
		if err := erase("main"); err != nil {
			t.Fatal(err)
		}
		allSealed(t, j)
		if got := secrets(t, j, journal.Filter{Kinds: []string{entry(1).Kind}}); got != "- b -" {
			t.Errorf("after: %q; want what the other site has", got)
		}
	})
}

// TestAKeyFromBeforeSites: what was written before keys belonged to a site is found
// under the new one, and goes with it.
func TestAKeyFromBeforeSites(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		o := quick()
		j := running(t, d, o)
		add(t, d, j, at("main", "4711", "a"), at("main", "4712", "x"))
		allSealed(t, j)
		former, err := j.PersonKey(t.Context(), "main", "4711")
		if err != nil {
			t.Fatal(err)
		}
		before(t, d, o, former, "4711")
		if key, err := j.PersonKey(t.Context(), "main", "4711"); err != nil || key != former {
			t.Errorf("PersonKey = %s, %v; want the one there is", key, err)
		}
		if got := secrets(t, j, journal.Filter{Site: "main", Person: "4711"}); got != "a" {
			t.Errorf("found %q; want a", got)
		}
		add(t, d, j, at("main", "4711", "b"))
		allSealed(t, j)
		key, err := j.PersonKey(t.Context(), "main", "4711")
		if err != nil || key == former {
			t.Fatalf("PersonKey = %s, %v; want a new one", key, err)
		}
		for name, f := range map[string]journal.Filter{
			"by number":           {Site: "main", Person: "4711"},
			"by the new key":      {PersonKey: key},
			"by two things":       {Site: "main", Person: "4711", Actor: entry(1).Actor},
			"newest first, a few": {PersonKey: key, Newest: true, Limit: 2},
		} {
			want := "a b"
			if f.Newest {
				want = "b a"
			}
			if got := secrets(t, j, f); got != want {
				t.Errorf("%s: found %q; want %q", name, got, want)
			}
		}
		err = d.Write(t.Context(), func(tx *db.Tx) error {
			return j.Erase(t.Context(), tx, "4711", journal.Entry{Site: "main", Actor: "user:dpo"})
		})
		if err != nil {
			t.Fatal(err)
		}
		allSealed(t, j)
		if got := secrets(t, j, journal.Filter{}); got != "- x -" {
			t.Errorf("after: %q; want nothing of them", got)
		}
		var gone []string
		for _, e := range find(t, j, journal.Filter{Kinds: []string{"journal.person.erased"}}) {
			gone = append(gone, e.Subject)
		}
		if diff := cmp.Diff([]string{key, former}, gone); diff != "" {
			t.Errorf("erased (-want +got):\n%s", diff)
		}
		var left int
		if err := d.QueryRow(t.Context(), "select count(*) from journal_person_key where older <> ''").Scan(&left); err != nil || left != 0 {
			t.Errorf("%d keys still name an older one, %v", left, err)
		}
	})
}
