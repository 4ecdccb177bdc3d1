package person_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
	"radagora/person"
)

// headers are those of some objects.
type headers struct {
	mu   sync.Mutex
	of   map[string]person.Header
	told map[string]int // how often somebody was told of a person
}

// noted is told of persons.
func (h *headers) noted(_ context.Context, _ *db.Tx, _ string, keys []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told[keys[0]]++
	return nil
}

func (h *headers) times(key string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.told[key]
}

func (h *headers) set(sop string, to person.Header) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.of[sop] = to
}

// Header implements person.Headers.
func (h *headers) Header(_ context.Context, _, sop string) (person.Header, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if one, ok := h.of[sop]; ok {
		return one, nil
	}
	return person.Header{}, fault.Errorf(fault.NotFound, "no such object")
}

// stored lets an object arrive.
func (k *desk) stored(series, study, sop string) {
	k.t.Helper()
	k.tell(journal.Entry{Site: site, Actor: "ae:CT", Kind: "archive.instance.stored", Subject: sop}, map[string]string{"study": study, "series": series})
}

// corrected says that a study is somebody else's.
func (k *desk) corrected(study string) {
	k.t.Helper()
	k.tell(journal.Entry{Site: site, Actor: "u1", Kind: "archive.identity.corrected", Subject: study}, map[string]string{"study": study})
}

func (k *desk) tell(e journal.Entry, data map[string]string) {
	k.t.Helper()
	var err error
	e.Data, err = json.Marshal(data)
	k.check(err)
	k.check(k.db.Write(k.t.Context(), func(tx *db.Tx) error { return k.journal.Append(k.t.Context(), tx, e) }))
}

// looked waits until every header was read.
func (k *desk) looked() {
	k.t.Helper()
	for n := 1; n > 0; {
		k.check(k.db.QueryRow(k.t.Context(), `select count(*) from person_header where ticket <> ''`).Scan(&n))
		time.Sleep(5 * time.Millisecond)
	}
}

// TestSizesAt: which of the sizes that were said holds for an examination.
func TestSizesAt(t *testing.T) {
	const day = 24
	from := func(s person.Source, value string, hour int) person.Fact {
		f := said("|1", person.Weight, value, hour)
		f.Source, f.Origin = s, string(s)
		return f
	}
	doubted := from(person.FromHL7, "71", -2)
	doubted.Doubt = person.Untrusted
	for _, c := range []struct {
		name  string
		facts []person.Fact
		own   string // weight of the report itself
		years int
		want  string // value and source
		why   string // of the first that is not used
	}{
		{name: "nothing is known", years: 50},
		{name: "the report alone", own: "70", years: 50, want: "70 dicom"},
		{name: "the newest before", facts: []person.Fact{from("hl7", "70", -9*day), from("fhir", "72", -3*day)}, years: 50, want: "72 fhir", why: person.Another},
		{name: "not one from after, if there is one from before", facts: []person.Fact{from("hl7", "70", -9*day), from("hl7", "72", 3*day)}, years: 50, want: "70 hl7", why: person.Another},
		{name: "one from shortly after, if there is none", facts: []person.Fact{from("hl7", "72", 3*day)}, years: 50, want: "72 hl7"},
		{name: "not one from long after", facts: []person.Fact{from("hl7", "72", 30*day)}, years: 50, why: person.TooLate},
		{name: "not one from long before", facts: []person.Fact{from("hl7", "72", -300*day)}, years: 50, why: person.TooOld},
		{name: "of a child sizes age sooner", facts: []person.Fact{from("hl7", "22", -100*day)}, years: 6, why: person.TooOld},
		{name: "the same is young enough for an adult", facts: []person.Fact{from("hl7", "72", -100*day)}, years: 50, want: "72 hl7"},
		{name: "the header, if what was measured is weeks old", facts: []person.Fact{from("hl7", "75", -30*day)}, own: "70", years: 50, want: "70 dicom", why: person.Another},
		{name: "what was measured that day, before the header", facts: []person.Fact{from("hl7", "75", -5)}, own: "70", years: 50, want: "75 hl7", why: person.Another},
		{name: "what was measured afterwards, before the header", facts: []person.Fact{from("csv", "75", day)}, own: "70", years: 50, want: "75 csv", why: person.Another},
		{name: "a header that repeats what was said makes it no younger", facts: []person.Fact{from("hl7", "70", -12*day)}, own: "70.0", years: 50, want: "70 hl7", why: person.Another},
		{name: "who typed it in goes before a message of the same time", facts: []person.Fact{from("hl7", "70", 0), from("person", "71", 0)}, years: 50, want: "71 person", why: person.Another},
		{name: "who typed it in goes before a header", facts: []person.Fact{from("person", "71", -9*day)}, own: "70", years: 50, want: "71 person", why: person.Another},
		{name: "what cannot be is kept and not used", own: "700", years: 6, why: person.Impossible},
		{name: "what is not trusted is kept and not used", facts: []person.Fact{doubted}, own: "70", years: 50, want: "70 dicom", why: person.Untrusted},
		{name: "what was taken back is not used", facts: []person.Fact{from("hl7", "70", -3*day), from("hl7", "", -day)}, years: 50, why: person.Withdrawn},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)), nil)
			k.note(c.facts...)
			var own []person.Fact
			if c.own != "" {
				own = []person.Fact{from(person.FromDICOM, c.own, 0)}
			}
			all, err := k.SizesAt(t.Context(), k.db, site, "|1", at(0), c.years, own...)
			k.check(err)
			got, why := "", ""
			for _, s := range all {
				switch {
				case s.Used:
					got = s.Value + " " + string(s.Source)
				case why == "":
					why = s.Why
				}
			}
			if got != c.want || why != c.why {
				t.Errorf("used %q, left out by %q; want %q, %q", got, why, c.want, c.why)
			}
		})
	}
}

// TestLookAtHeaders: what headers say is noted once, follows corrections, comes again
// in a rebuild, and does not make what was said before it younger.
func TestLookAtHeaders(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		heads := &headers{told: map[string]int{}, of: map[string]person.Header{
			"1.1": {Person: "|7", At: at(-5), Weight: "70.00 ", Height: "1.7", Pregnancy: "2"},
			"1.2": {Person: "|7", At: at(-5), Weight: "0", Height: "1.70"},
			"2.1": {Person: "|8", At: at(-4), Weight: "no number", Height: "17"},
		}}
		k := newDeskOf(t, d, person.Config{Headers: heads, Noted: heads.noted})
		k.stored("a", "1", "1.1")
		k.stored("b", "1", "1.2")
		k.stored("b", "1", "1.3") // not read: the series was
		k.stored("c", "2", "2.1")
		k.learnt()
		k.looked()
		want := "height=1.7 weight=70 pregnancy=possible"
		if got := k.known("|7", time.Time{}); got != want {
			t.Errorf("known %q; want %q", got, want)
		}
		all, err := k.History(t.Context(), site, "|8")
		k.check(err)
		if len(all) != 1 || all[0].Doubt != person.Impossible || all[0].Received != "17 m" || all[0].Source != person.FromDICOM || all[0].Origin != "2" {
			t.Errorf("a height of 17 m is kept as %+v; want impossible", all)
		}
		k.note(said("|7", person.Weight, "70", -300))
		known, err := k.Known(t.Context(), k.db, site, "|7", time.Time{})
		k.check(err)
		if f := known[person.Weight]; f.Source != person.FromHL7 || !f.At.Equal(at(-300)) {
			t.Errorf("the header made the weight younger: %v from %s", f.At, f.Source)
		}
		history := func() (values []string) {
			for _, key := range []string{"|7", "|8", "|9"} {
				all, err := k.History(t.Context(), site, key)
				k.check(err)
				for _, f := range all {
					values = append(values, key+" "+string(f.Kind)+" "+f.Value+" "+string(f.Source))
				}
			}
			return values
		}
		before := history()
		k.check(k.Rebuild(t.Context()))
		k.learnt()
		k.looked()
		if d := cmp.Diff(before, history()); d != "" {
			t.Errorf("a rebuild changes what is known: %s", d)
		}
		heads.set("1.1", person.Header{Person: "|9", At: at(-5), Weight: "70"}) // the study was another's
		heads.set("1.2", person.Header{Person: "|9", At: at(-5)})
		k.corrected("1")
		k.learnt()
		k.looked()
		if got := k.known("|9", time.Time{}); got != "weight=70" {
			t.Errorf("after the correction %q; want the weight", got)
		}
		if got := k.known("|7", time.Time{}); got != "weight=70" { // the message's
			t.Errorf("of whom it was not: %q; want what the message said alone", got)
		}
		if heads.times("|9") == 0 || heads.times("|7") < 2 {
			t.Errorf("told %d times of the one, %d of the other", heads.times("|9"), heads.times("|7"))
		}
	})
}
