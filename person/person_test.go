package person_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
	"radagora/person"
)

const site = "default"

func now() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// A crowd is how persons are named.
type crowd []person.Face

func (c crowd) Of(_ context.Context, _, key string) (all []person.Face, err error) {
	for _, f := range c {
		if f.Key == key {
			all = append(all, f)
		}
	}
	return all, nil
}

func (c crowd) BornOn(_ context.Context, _, day string) (all []person.Face, err error) {
	for _, f := range c {
		if f.BirthDate == day {
			all = append(all, f)
		}
	}
	return all, nil
}

func (c crowd) Days(_ context.Context, _, after string, _ int) (all []string, err error) {
	for _, f := range c {
		if f.BirthDate > after && !slices.Contains(all, f.BirthDate) {
			all = append(all, f.BirthDate)
		}
	}
	slices.Sort(all)
	return all, nil
}

// A desk is a register with what it needs, and somebody who may link.
type desk struct {
	*person.Register
	t       *testing.T
	db      *db.DB
	journal *journal.Journal
	facts   *access.Facts
	ctx     context.Context
}

func newDesk(t *testing.T, d *db.DB, faces crowd) *desk {
	t.Helper()
	return newDeskOf(t, d, person.Config{Faces: faces})
}

// newDeskOf opens a register with some of its configuration given.
func newDeskOf(t *testing.T, d *db.DB, c person.Config) *desk {
	t.Helper()
	k := &desk{t: t, db: d}
	var err error
	k.journal, err = journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Poll: 20 * time.Millisecond, SealEvery: time.Millisecond})
	k.check(err)
	k.check(d.Migrate(t.Context(), "access", access.Migrations()))
	k.facts = &access.Facts{DB: d, Journal: k.journal, Now: now}
	k.Register, err = person.Open(t.Context(), person.Config{
		DB: d, Journal: k.journal, Facts: k.facts, Faces: c.Faces, Headers: c.Headers, Noted: c.Noted, Bounds: bounds(t), Now: now,
	})
	k.check(err)
	k.ctx = as(t, access.Steward)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for _, run := range []func(context.Context) error{k.journal.Run, k.Run} {
		go func() { ended <- run(ctx) }()
	}
	t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-ended; err != nil && ctx.Err() == nil {
				t.Errorf("background: %v", err)
			}
		}
	})
	return k
}

// as returns a context in which somebody with a role acts, who has just signed in.
func as(t *testing.T, role access.Role) context.Context {
	t.Helper()
	rules := &access.Judge{Open: true}
	library, err := content.Open()
	if err == nil {
		rules.Rules, err = access.NewRules(library)
	}
	if err != nil {
		t.Fatal(err)
	}
	return access.WithJudge(access.With(t.Context(), access.Who{ID: "u1", Grants: access.Everywhere(role)}), rules)
}

func (k *desk) check(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

// arrive lets the first object of a study arrive.
func (k *desk) arrive(issuer, id string) {
	k.t.Helper()
	payload, err := json.Marshal(map[string]string{"person": issuer + "|" + id, "issuer": issuer, "patient_id": id})
	k.check(err)
	k.check(k.db.Write(k.t.Context(), func(tx *db.Tx) error {
		return k.journal.Append(k.t.Context(), tx, journal.Entry{
			Site: site, Actor: "ae:CT", Kind: "archive.instance.stored", Subject: "1.2.3", Person: issuer + "|" + id, Payload: payload,
		}, journal.Entry{ // the next of the same study says nothing
			Site: site, Actor: "ae:CT", Kind: "archive.instance.stored", Subject: "1.2.4", Person: issuer + "|" + id,
		})
	}))
}

// learnt waits until everything that arrived was learnt.
func (k *desk) learnt() {
	k.t.Helper()
	k.check(k.journal.Wait(k.t.Context(), person.Consumer))
}

func (k *desk) keys(key string) string {
	k.t.Helper()
	all, err := k.Keys(k.t.Context(), site, key)
	k.check(err)
	return strings.Join(all, " ")
}

func (k *desk) link(kind, a, b string) string {
	k.t.Helper()
	id, err := k.Link(k.ctx, person.Link{Site: site, Kind: kind, A: a, B: b, Reason: "seen together"})
	k.check(err)
	return id
}

func TestLearn(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d, nil)
		for range 2 {
			k.arrive("H", "4711")
		}
		k.arrive("", "4711")
		k.learnt()
		k.link(person.Linked, "H|4711", "|9")
		for round := range 2 {
			all, err := k.Find(t.Context(), site, "4711")
			if err != nil || len(all) != 2 || all[1].Key != "|4711" && all[0].Key != "|4711" {
				t.Fatalf("round %d: %d identifiers, %v", round, len(all), err)
			}
			one, err := k.Identifiers(t.Context(), site, "H|4711")
			if err != nil || len(one) != 1 || one[0].Studies != 2 || one[0].Issuer != "H" || one[0].Value != "4711" {
				t.Errorf("round %d: identifiers of H: %d, %v", round, len(one), err)
			}
			if s := fmt.Sprint(one); strings.Contains(s, "4711") {
				t.Error("an identifier shows itself when printed")
			}
			if got := k.keys("|9"); got != "|9 H|4711" {
				t.Errorf("round %d: decisions did not stay: %q", round, got)
			}
			k.check(k.Rebuild(t.Context()))
			k.learnt()
		}
	})
}

func TestLink(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d, nil)
		ab := k.link(person.Linked, "|A", "|B")
		k.link(person.Merged, "|C", "|B")
		k.link(person.Linked, "|X", "|Y")
		for key, want := range map[string]string{
			"|A": "|A |B |C", "|B": "|B |A |C", "|C": "|C |A |B", "|X": "|X |Y", "|Z": "|Z",
		} {
			if got := k.keys(key); got != want {
				t.Errorf("keys of %s: %q; want %q", key, got, want)
			}
		}
		if s, err := k.Survivor(t.Context(), site, "|C"); err != nil || s != "|B" {
			t.Errorf("survivor of a merge = %q, %v", s, err)
		}
		for _, c := range []struct {
			why  string
			l    person.Link
			ctx  context.Context
			want fault.Kind
		}{
			{"what is so already, through others", person.Link{Kind: person.Linked, A: "|A", B: "|C", Reason: "r"}, k.ctx, fault.Conflict},
			{"the opposite of what is so", person.Link{Kind: person.Distinct, A: "|A", B: "|C", Reason: "r"}, k.ctx, fault.Conflict},
			{"without a reason", person.Link{Kind: person.Linked, A: "|A", B: "|Q", Reason: " "}, k.ctx, fault.Invalid},
			{"with itself", person.Link{Kind: person.Linked, A: "|A", B: "|A", Reason: "r"}, k.ctx, fault.Invalid},
			{"of an unknown kind", person.Link{Kind: "guess", A: "|A", B: "|Q", Reason: "r"}, k.ctx, fault.Invalid},
			{"by a radiographer", person.Link{Kind: person.Linked, A: "|A", B: "|Q", Reason: "r"}, as(t, access.Radiographer), fault.Forbidden},
			{"by nobody", person.Link{Kind: person.Linked, A: "|A", B: "|Q", Reason: "r"}, t.Context(), fault.Forbidden},
		} {
			c.l.Site = site
			if _, err := k.Link(c.ctx, c.l); err == nil || fault.Of(err) != c.want {
				t.Errorf("%s: %v; want %v", c.why, err, c.want)
			}
		}
		k.check(k.Unlink(k.ctx, site, ab, "it was a mistake"))
		if got := k.keys("|A") + ", " + k.keys("|B"); got != "|A, |B |C" {
			t.Errorf("after undoing: %q", got)
		}
		if err := k.Unlink(k.ctx, site, ab, "again"); fault.Of(err) != fault.NotFound {
			t.Errorf("undone twice: %v; want NotFound", err)
		}
		links, err := k.Links(t.Context(), site, "|A")
		if err != nil || len(links) != 1 || links[0].Ended.IsZero() || links[0].End != "it was a mistake" {
			t.Errorf("history = %v, %v", links, err)
		}
		k.link(person.Distinct, "|A", "|B")
		if _, err := k.Link(k.ctx, person.Link{Site: site, Kind: person.Linked, A: "|A", B: "|C", Reason: "r"}); fault.Of(err) != fault.Conflict {
			t.Errorf("against a decision about another identifier of the person: %v; want Conflict", err)
		}
		k.told()
	})
}

// told expects the journal to know the decisions, and to show no identifier.
func (k *desk) told() {
	k.t.Helper()
	k.learnt()
	kinds := map[string]int{}
	for e, err := range k.journal.Entries(k.t.Context(), 0, "person.*") {
		k.check(err)
		kinds[e.Kind]++
		if strings.Contains(string(e.Data)+e.Subject, "|") || !strings.Contains(string(e.Payload), `"with":"|`) {
			k.t.Errorf("entry %s: data %s, payload %s", e.Kind, e.Data, e.Payload)
		}
	}
	if fmt.Sprint(kinds) != "map[person.distinct.made:2 person.link.ended:2 person.link.made:4 person.merge.made:2]" {
		k.t.Errorf("journal = %v", kinds)
	}
}

func TestWishesSpread(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d, nil)
		k.check(d.Write(t.Context(), func(tx *db.Tx) error {
			return k.facts.Wish(t.Context(), tx, access.Person{Site: site, ID: "|A"}, access.NoSecondary, true, "asked")
		}))
		k.link(person.Linked, "|B", "|C")
		id := k.link(person.Linked, "|A", "|B")
		wishing, err := k.facts.Wishing(t.Context(), site, access.NoSecondary)
		if err != nil || len(wishing) != 3 {
			t.Errorf("wishing = %v, %v; want all three identifiers", wishing, err)
		}
		k.check(k.Unlink(k.ctx, site, id, "no"))
		if wishing, err = k.facts.Wishing(t.Context(), site, access.NoSecondary); err != nil || len(wishing) != 3 {
			t.Errorf("after undoing: %v, %v; want them to stay", wishing, err)
		}
	})
}

func TestCandidates(t *testing.T) {
	faces := crowd{
		{Key: "H|1", Name: "meier^anna", BirthDate: "19700101", Sex: "F"},
		{Key: "|2", Name: "maier^anna", BirthDate: "19700101", Sex: "F"},
		{Key: "|1", Name: "anna^meier", BirthDate: "19700101", Sex: "F"},
		{Key: "|3", Name: "meier^eva", BirthDate: "19700101", Sex: "F"},      // a twin
		{Key: "|4", Name: "meier^anna", BirthDate: "19700201", Sex: "F"},     // another day
		{Key: "|5", Name: "schmidt^karl", BirthDate: "19700101", Sex: "M"},   // another person
		{Key: "|6", Name: "meier", BirthDate: "19700101"},                    // too little
		{Key: "|7", Name: "meier^anna^sofie", BirthDate: "19700101"},         // a second given name
		{Key: "|8", Name: "nowak^jan", BirthDate: "19900505", Sex: "M"},      // of another day
		{Key: "|9", Name: "nowakowa^hanna", BirthDate: "19900505", Sex: "F"}, // and nobody like him
		{Key: "|10", Name: "", BirthDate: "19700101"},
		{Key: "|11", Name: ""}, // without a name or day
	}
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d, faces)
		list := func(all []person.Candidate, err error) string {
			t.Helper()
			k.check(err)
			var out []string
			for _, c := range all {
				out = append(out, fmt.Sprintf("%s=%s %s", c.A, c.B, strings.Join(c.Why, "+")))
			}
			return strings.Join(out, ", ")
		}
		want := "H|1=|1 name+identifier, H|1=|7 similar_name, H|1=|2 similar_name"
		if got := list(k.Candidates(t.Context(), site, "H|1")); got != want {
			t.Errorf("candidates:\n%s; want\n%s", got, want)
		}
		if got := list(k.Candidates(t.Context(), site, "|11")); got != "" {
			t.Errorf("of somebody without a birth date: %s", got)
		}
		all, next, err := k.Duplicates(t.Context(), site, "", 100)
		if err != nil || next != "" || len(all) != 6 {
			t.Errorf("duplicates = %s, next %q, %v; want the 6 pairs of 4", list(all, nil), next, err)
		}
		if all, next, err = k.Duplicates(t.Context(), site, "", 1); err != nil || next != "19700101" || len(all) != 6 {
			t.Errorf("a page ends with a day: %d, %q, %v", len(all), next, err)
		}
		k.link(person.Linked, "H|1", "|1")
		k.link(person.Distinct, "|7", "H|1")
		if got := list(k.Candidates(t.Context(), site, "H|1")); got != "H|1=|2 similar_name" {
			t.Errorf("after decisions: %s", got)
		}
	})
}

func TestHolder(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d, nil)
		k.arrive("", "A")
		k.arrive("", "B")
		k.learnt()
		k.link(person.Linked, "|A", "|Q")
		k.link(person.Distinct, "|A", "|B")
		p := access.Person{Site: site, ID: "|A"}
		var got []string
		for r, err := range k.Export(t.Context(), p) {
			k.check(err)
			got = append(got, r.Kind)
			if strings.Contains(string(r.Data), "|B") {
				t.Errorf("the export names somebody else: %s", r.Data)
			}
		}
		if strings.Join(got, " ") != "identifier patient link link" {
			t.Errorf("exported %v", got)
		}
		var n int
		k.check(d.Write(t.Context(), func(tx *db.Tx) (err error) {
			if n, err = k.Erase(t.Context(), tx, p); err != nil {
				return err
			}
			return k.journal.Erase(t.Context(), tx, p.ID, journal.Entry{Site: site, Actor: "u1"})
		}))
		if n != 4 {
			t.Errorf("erased %d; want an identifier, a card and two decisions", n)
		}
		k.check(k.Rebuild(t.Context()))
		k.learnt()
		if all, err := k.Find(t.Context(), site, "A"); err != nil || len(all) != 0 {
			t.Errorf("after erasure and rebuild: %d, %v; want nobody", len(all), err)
		}
		if all, err := k.Find(t.Context(), site, "B"); err != nil || len(all) != 1 {
			t.Errorf("the other person: %d, %v", len(all), err)
		}
	})
}
