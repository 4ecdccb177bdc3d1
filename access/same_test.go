package access_test

import (
	"context"
	"testing"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/journal"
)

// silent is a journal nobody reads.
type silent struct{}

func (silent) Append(context.Context, *db.Tx, ...journal.Entry) error { return nil }

// TestSamePerson decides about a person of several numbers: who is related to one is
// related to all, as long as they are one person's.
func TestSamePerson(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		now := func() time.Time { return time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC) }
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		_, err := access.Open(ctx, d, now)
		must(err)
		facts := &access.Facts{DB: d, Journal: silent{}, Now: now, Mark: func(site, person string) []byte { return []byte(site + person) }}
		lib, err := content.Open()
		must(err)
		rules, err := access.NewRules(lib)
		must(err)
		judge := &access.Judge{Rules: rules, Facts: facts, Now: now}
		write := func(do func(tx *db.Tx) error) {
			t.Helper()
			must(d.Write(ctx, do))
		}
		same := func(site string, keys ...string) {
			t.Helper()
			write(func(tx *db.Tx) error { return facts.Same(ctx, tx, site, keys) })
		}
		write(func(tx *db.Tx) error {
			_, err := facts.Relate(ctx, tx, access.Relation{Site: "north", User: "ref", Kind: access.Referred, Person: "|A"})
			return err
		})
		write(func(tx *db.Tx) error {
			_, err := facts.Relate(ctx, tx, access.Relation{Site: "north", User: "ref", Kind: access.Referred, Study: "1.2.3"})
			return err
		})
		referrer := access.Who{ID: "ref", Grants: access.At("north", access.Referrer)}
		patient := access.Who{ID: "pat", Patient: "|A", Grants: access.At("north", access.Patient)}
		reads := func(who access.Who, site, person string) bool {
			t.Helper()
			got, err := judge.Decide(ctx, who, access.ObjectRead, access.Subject{Site: site, Person: person})
			must(err)
			return got.Allowed
		}
		within := func(r access.Reach, person string) bool {
			t.Helper()
			query, args := r.Rows("north", now(), 1)
			all, err := db.List(ctx, d, func(r *db.Rows) (s [2]string, err error) { return s, r.Scan(&s[0], &s[1]) }, query, args...)
			must(err)
			for _, s := range all {
				if s[0] == person && s[1] == "" {
					return true
				}
			}
			return false
		}
		expect := func(when string, want map[string]bool) {
			t.Helper()
			for person, may := range want {
				if got := reads(referrer, "north", person); got != may {
					t.Errorf("%s: the referrer reads %s: %v; want %v", when, person, got, may)
				}
				if got := reads(patient, "north", person); got != may {
					t.Errorf("%s: the patient reads %s: %v; want %v", when, person, got, may)
				}
				if got := within(access.Reach{Account: "ref"}, person); got != may {
					t.Errorf("%s: in the lists of the referrer %s: %v; want %v", when, person, got, may)
				}
				if got := within(access.Reach{Own: "|A"}, person); got != may {
					t.Errorf("%s: in the lists of the patient %s: %v; want %v", when, person, got, may)
				}
			}
		}
		expect("nothing linked", map[string]bool{"|A": true, "|B": false, "|C": false})
		same("north", "|A", "|B")
		same("south", "|A", "|C")
		expect("two numbers at a site", map[string]bool{"|A": true, "|B": true, "|C": false})
		if reads(referrer, "south", "|C") {
			t.Error("a link at another site opens something there")
		}
		same("north", "|B", "|A", "|C")
		expect("three numbers", map[string]bool{"|A": true, "|B": true, "|C": true})
		same("north", "|A")
		same("north", "|B", "|C")
		expect("two of them apart from the first", map[string]bool{"|A": true, "|B": false, "|C": false})
		if all, err := facts.Of(ctx, access.Subject{Site: "north", Person: "|B"}); err != nil || len(all) != 0 {
			t.Errorf("relations to one apart: %v, %v", all, err)
		}
		same("north", "|A", "|B", "|C")
		if all, err := facts.Of(ctx, access.Subject{Site: "north", Person: "|C"}); err != nil || len(all) != 1 {
			t.Errorf("relations to one of them: %v, %v; want that of the other", all, err)
		}
		write(func(tx *db.Tx) error {
			return facts.Wish(ctx, tx, access.Person{Site: "north", ID: "|B"}, access.Restricted, true, "")
		})
		expect("restricted under another number", map[string]bool{}) // lists say it by their own rows
		if reads(referrer, "north", "|A") {
			t.Error("restricted under one number, and read under another")
		}
		write(func(tx *db.Tx) error {
			_, err := facts.Erase(ctx, tx, access.Person{Site: "north", ID: "|B"})
			return err
		})
		expect("one erased", map[string]bool{"|A": true, "|B": false, "|C": true})
	})
}
