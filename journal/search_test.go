package journal_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
)

// wants is what Filter means, without an index.
func wants(f journal.Filter, e journal.Entry, person string) bool {
	kind := len(f.Kinds) == 0
	for _, k := range f.Kinds {
		begin, all := strings.CutSuffix(k, "*")
		kind = kind || e.Kind == k || all && strings.HasPrefix(e.Kind, begin)
	}
	return kind && e.Seq > f.After && (f.Before == 0 || e.Seq < f.Before) &&
		(f.Site == "" || f.Site == e.Site) && (f.Subject == "" || f.Subject == e.Subject) && (f.Actor == "" || f.Actor == e.Actor) &&
		(f.Person == "" || f.Person == person) && (!f.Personal || person != "") &&
		(f.From.IsZero() || !e.At.Before(f.From)) && (f.Until.IsZero() || e.At.Before(f.Until))
}

// TestFindFindsWhatAScanFinds compares every sort of filter with a plain scan over
// entries that do not stand in the order of time.
func TestFindFindsWhatAScanFinds(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		j := running(t, d, quick())
		r := rand.New(rand.NewPCG(1, 2))
		start := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
		pick := func(all ...string) string { return all[r.IntN(len(all))] }
		var persons []string
		for n := range 40 { // seals of ten, five minutes apart; some much late, one of the future
			var batch []journal.Entry
			for range 10 {
				at := start.Add(time.Duration(n)*5*time.Minute + time.Duration(r.IntN(300))*time.Second)
				if r.IntN(25) == 0 {
					at = at.Add(-time.Duration(r.IntN(100)) * time.Minute)
				}
				e := journal.Entry{
					Site: pick("main", "main", "east"), At: at, Actor: pick("a1", "a1", "a1", "a2", "ae:CT"), Subject: pick("", "1.2", "1.3", "1.4"),
					Kind: pick("archive.instance.stored", "archive.instance.stored", "archive.study.read", "access.glass.open", "archives.other.x"), Person: pick("", "p1", "p2", "p3"),
				}
				batch, persons = append(batch, e), append(persons, e.Person)
			}
			if n == 20 {
				batch[3].At = start.Add(1000 * time.Hour)
			}
			add(t, d, j, batch...)
			allSealed(t, j)
		}
		all := find(t, j, journal.Filter{})
		if len(all) != 400 {
			t.Fatalf("%d entries; want 400", len(all))
		}
		for n := range 300 {
			f := journal.Filter{Newest: r.IntN(2) == 0, Personal: r.IntN(8) == 0}
			some := func(into *string, values ...string) {
				if r.IntN(3) == 0 {
					*into = pick(values...)
				}
			}
			some(&f.Site, "main", "east", "none")
			some(&f.Subject, "1.2", "1.3", "none")
			some(&f.Actor, "a1", "a2", "none")
			if some(&f.Person, "p1", "p2", "none"); f.Person != "" && f.Site == "" {
				f.Site = "main" // a person is known by site
			}
			if r.IntN(3) == 0 {
				f.Kinds = []string{pick("archive.*", "archive.study.read", "none.*"), pick("access.glass.open", "access.*")}
			}
			if r.IntN(2) == 0 {
				f.From = start.Add(time.Duration(r.IntN(240)) * time.Minute)
			}
			if r.IntN(2) == 0 {
				f.Until = start.Add(time.Duration(r.IntN(240)) * time.Minute)
			}
			if r.IntN(4) == 0 {
				f.After, f.Before = int64(r.IntN(300)), int64(100+r.IntN(300))
			}
			var want, got []int64
			for i, e := range all {
				if wants(f, e, persons[i]) {
					want = append(want, e.Seq)
				}
			}
			if f.Newest {
				slices.Reverse(want)
			}
			page := f
			page.Limit = 1 + r.IntN(60)
			for range 400 { // pages by the number of the last
				entries := find(t, j, page)
				if len(entries) == 0 {
					break
				}
				for _, e := range entries {
					got = append(got, e.Seq)
				}
				if f.Newest {
					page.Before = got[len(got)-1]
				} else {
					page.After = got[len(got)-1]
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%d: %+v (-want +got):\n%s", n, f, diff)
			}
			if count, err := j.Count(t.Context(), f); err != nil || count != int64(len(want)) {
				t.Errorf("%d: Count = %d, %v; want %d", n, count, err, len(want))
			}
		}
		kinds, err := j.Kinds(t.Context())
		if diff := cmp.Diff([]string{"access.glass.open", "archive.instance.stored", "archive.study.read", "archives.other.x"}, kinds); diff != "" || err != nil {
			t.Errorf("Kinds (-want +got):\n%s%v", diff, err)
		}
		if r, err := j.Verify(t.Context()); err != nil || r.Break != nil {
			t.Errorf("Verify = %+v, %v", r.Break, err)
		}
		key, err := j.PersonKey(t.Context(), "main", "p1")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(find(t, j, journal.Filter{Site: "main", Person: "p1"}), find(t, j, journal.Filter{PersonKey: key})); diff != "" {
			t.Errorf("by person and by what stands for them (-person +key):\n%s", diff)
		}
		if _, err := j.PersonKey(t.Context(), "main", "nobody"); fault.Of(err) != fault.NotFound {
			t.Errorf("somebody unknown: %v; want NotFound", err)
		}
	})
}

// TestRetain keeps each entry for as long as the longest rule for it says, and of
// the front only what every rule lets go.
func TestRetain(t *testing.T) {
	everything := journal.Rule{ID: "all", Kind: "*", Days: 10, Source: "house"}
	accesses := journal.Rule{ID: "accesses", Kind: "*", Personal: true, Days: 30, Source: "law"}
	security := journal.Rule{ID: "security", Kind: "access.*", Days: 25, Source: "house"}
	for _, c := range []struct {
		name     string
		rules    []journal.Rule
		consumer int64 // its cursor, 0 for none
		kind     fault.Kind
		last     int64
		governs  string
		keeps    int64
	}{
		{"no rule for everything", []journal.Rule{accesses}, 0, fault.Invalid, 0, "", 0},
		{"a rule without days", []journal.Rule{{ID: "x", Kind: "*"}}, 0, fault.Invalid, 0, "", 0},
		{"everything for ten days", []journal.Rule{everything}, 0, 0, 31, "all", 32},
		{"somebody's, thirty days old", []journal.Rule{everything, accesses}, 0, 0, 11, "accesses", 12},
		{"of a kind, 25 days old", []journal.Rule{everything, security}, 0, 0, 16, "security", 17},
		{"the longest rule of all", []journal.Rule{everything, security, accesses}, 0, 0, 11, "accesses", 12},
		{"what nobody read yet", []journal.Rule{everything}, 7, 0, 7, "all", 32},
	} {
		t.Run(c.name, func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
				clock := now.AddDate(0, 0, -41)
				o := signing(t)
				o.Now = func() time.Time { return now }
				j := running(t, d, o)
				for n := range 40 { // one seal a day, 41 to 2 days ago: entry n+1 is 41-n days old
					e := entry(n)
					e.At = clock.AddDate(0, 0, n)
					e.Kind = "site.room.named"
					switch n {
					case 2, 10, 11:
						e.Kind, e.Person = "archive.study.read", "p"
					case 5, 16:
						e.Kind = "access.glass.open"
					}
					add(t, d, j, e)
					allSealed(t, j)
				}
				if c.consumer != 0 {
					change(t, d, fmt.Sprintf("insert into journal_cursor (consumer, seq, updated_ms, failures, error, error_kind, error_seq) values ('slow', %d, 0, 0, '', '', 0)", c.consumer))
				}
				got, err := j.Retain(t.Context(), c.rules, journal.Entry{Site: "main", Actor: "system:journal"})
				if c.kind != 0 || err != nil {
					if fault.Of(err) != c.kind || err == nil {
						t.Errorf("Retain: %v; want %v", err, c.kind)
					}
					return
				}
				if got.Last != c.last || got.Rule.ID != c.governs || got.Keeps != c.keeps || (got.Unread == "slow") != (c.consumer != 0) {
					t.Errorf("Retain = %+v; want up to %d gone, %d kept by %s", got, c.last, c.keeps, c.governs)
				}
				allSealed(t, j)
				notes := find(t, j, journal.Filter{Kinds: []string{"journal.prefix.dropped"}})
				if len(notes) != 1 || !strings.Contains(string(notes[0].Data), `"rule":"`+c.governs+`"`) {
					t.Errorf("noted as %+v", notes)
				}
				if r, err := j.Verify(t.Context()); err != nil || r.Break != nil || r.Checkpoint.Seq != c.last {
					t.Errorf("Verify = %+v, %v", r, err)
				}
				again, err := j.Retain(t.Context(), c.rules, journal.Entry{Site: "main", Actor: "system:journal"})
				if err != nil || again.Last != c.last {
					t.Errorf("again: %+v, %v; want nothing more", again, err)
				}
			})
		})
	}
}
