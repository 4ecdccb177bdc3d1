package worklist_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/archive"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/site"
	"radagora/worklist"
)

// written is a source of reports.
type written map[string][]worklist.Told // by accession number, or study of one without

// ReportsOf implements worklist.Reports.
func (w written) ReportsOf(_ context.Context, _ string, o worklist.Order) ([]worklist.Told, error) {
	if o.Accession == "" {
		return w[o.Study], nil
	}
	return w[o.Accession], nil
}

// lived writes a life in short: kind state by reason todo.
func lived(l worklist.Life) (all []string) {
	for _, s := range l.Steps {
		line := []string{string(s.Kind), string(s.State)}
		for _, more := range []string{s.By, string(s.Match), s.Reason, strings.Join(s.Todo, ",")} {
			if more != "" {
				line = append(line, more)
			}
		}
		if s.Count > 0 {
			line = append(line, fmt.Sprint(s.Count))
		}
		all = append(all, strings.Join(line, " "))
	}
	return all
}

func (k *desk) lives(name string, want ...string) {
	k.t.Helper()
	list, err := k.LivesOf(k.ctx, site.Default, name)
	k.check(err)
	var got []string
	for _, l := range list {
		got = append(got, lived(l)...)
	}
	if d := cmp.Diff(want, got); d != "" {
		k.t.Errorf("life of %s (-want +got):\n%s", name, d)
	}
}

// TestLife follows an order to its report.
func TestLife(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.Reports = written{}
		k.Images = func(context.Context, string, string) (map[string]int64, error) { return map[string]int64{"CT": 2}, nil }
		k.follow()
		o := k.create()
		k.lives(o.ID, "ordered done u-radiographer", "scheduled open scheduled", "asked open", "performed open", "images open", "complete open", "reported open")
		k.wait(3 * time.Hour)
		k.lives("A100", "ordered done u-radiographer", "scheduled late scheduled cancel,by_hand", "asked late machine", "performed late", "images open", "complete open", "reported open")
		if got := k.found(k.peer("CT1"), t, nil); len(got) != 1 {
			t.Fatalf("found %v", got)
		}
		k.found(k.peer("CT1"), t, nil)
		_, err := k.begin(step1, begun(&o))
		k.check(err)
		k.lives(o.ID, "ordered done u-radiographer", "scheduled done in_progress", "asked done CT1", "performed open CT1 in_progress", "images open", "complete open", "reported open")
		_, err = k.set(step1, ended("COMPLETED", "1.2.3.0", "1.2.3.1"))
		k.check(err)
		k.lives(o.ID, "ordered done u-radiographer", "scheduled done completed", "asked done CT1", "performed done CT1 completed 2", "images missing machine", "complete open", "reported open")
		s := taken()
		s.Accession = "A100"
		k.store("1.2.3", s, 2)
		k.settle()
		k.wait(time.Hour)
		k.settle()
		k.Reports.(written)["A100"] = []worklist.Told{{ID: "r1", At: k.now(), Status: "final", By: "Dr. Reader", Way: "hl7"}}
		want := []string{
			"ordered done u-radiographer", "scheduled done completed", "asked done CT1", "performed done CT1 completed 2",
			"images done CT1 matched accession 2", "complete done quiet 2", "reported done Dr. Reader final",
		}
		k.lives(o.ID, want...)
		k.lives("1.2.3", want...)
		if _, err := k.LivesOf(k.ctx, site.Default, "nothing"); fault.Of(err) != fault.NotFound {
			t.Errorf("life of nothing: %v; want NotFound", err)
		}
		k.check(errOf(k.Cancel(k.ctx, site.Default, k.create(func(o *worklist.Order) { o.Accession = "A200" }).ID, 0, "no")))
		k.lives("A200", "ordered stopped u-radiographer", "scheduled stopped cancelled")
	})
}

func errOf(_ worklist.Order, err error) error { return err }

// TestLifeOfStudy: what is to be confirmed, what belongs to nobody, and a study with
// several orders.
func TestLifeOfStudy(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.follow()
		near := k.create()
		k.store("1.9", taken(), 1) // without an accession number: patient and time
		lone := taken()
		lone.PatientID = "nobody's"
		k.store("2.9", lone, 1)
		k.settle()
		k.lives("1.9", "ordered done u-radiographer", "scheduled open scheduled", "asked open", "performed open", "images open CT1 suspected time confirm,match 1", "complete open", "reported unknown")
		k.lives("2.9", "ordered missing match,ask_ris", "images done CT1 unmatched none match 1", "complete open", "reported unknown")
		k.check(k.Decide(k.ctx, site.Default, worklist.Decision{Study: "1.9", Order: near.ID}))
		k.settle()
		k.lives("1.9", "ordered done u-radiographer", "scheduled open scheduled", "asked open", "performed missing machine,by_hand", "images done CT1 matched person undo 1", "complete open", "reported unknown")
	})
}

// TestLifeReports: a report of a study stands there without an order too, and one that
// tells of an order and its study stands there once.
func TestLifeReports(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		one := worklist.Told{ID: "r1", At: k.now(), Status: "final", By: "Dr. Reader", Way: "fhir"}
		k.Reports = written{"1.9": {one}, "A100": {one}, "2.9": {{ID: "r2", At: k.now(), Status: "preliminary", Way: "hl7"}}}
		k.follow()
		k.create()
		of := taken()
		of.Accession = "A100"
		k.store("1.9", of, 1)
		lone := taken()
		lone.PatientID = "nobody's"
		k.store("2.9", lone, 1)
		k.settle()
		k.lives("1.9", "ordered done u-radiographer", "scheduled open scheduled", "asked open", "performed missing machine,by_hand", "images done CT1 matched accession 1", "complete open", "reported done Dr. Reader final")
		k.lives("2.9", "ordered missing match,ask_ris", "images done CT1 unmatched none match 1", "complete open", "reported done preliminary")
	})
}

// TestBelonging: which orders a study belongs to beyond doubt.
func TestBelonging(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.follow()
		of := func(accession, patient string) worklist.Order {
			return k.create(func(o *worklist.Order) {
				o.Accession, o.Patient.ID, o.Steps[0].Start = accession, patient, "2026-11-22T19:30"
			})
		}
		a1, a2, foreign := of("B1", "4711"), of("B2", "4711"), of("B3", "other")
		gone := of("B4", "4711")
		k.check(errOf(k.Cancel(k.ctx, site.Default, gone.ID, 0, "no")))
		s := taken()
		s.Accession = "B1"
		k.store("1.7", s, 1)
		k.settle()
		belonging := func(accessions ...string) (ids []string) {
			all, err := k.Belonging(k.ctx, d, site.Default, "1.7", accessions)
			k.check(err)
			for _, o := range all {
				ids = append(ids, o.Accession)
			}
			return ids
		}
		for _, c := range []struct {
			name       string
			accessions []string
			want       []string
		}{
			{"the one it is matched with", nil, []string{"B1"}},
			{"a second one that a report names", []string{"B1", "B2"}, []string{"B1", "B2"}},
			{"not one of another patient", []string{foreign.Accession}, []string{"B1"}},
			{"not one that is cancelled", []string{gone.Accession}, []string{"B1"}},
		} {
			if d := cmp.Diff(c.want, belonging(c.accessions...)); d != "" {
				t.Errorf("%s: %s", c.name, d)
			}
		}
		k.check(k.Decide(k.ctx, site.Default, worklist.Decision{Study: "1.7", Order: a2.ID}))
		k.settle()
		if d := cmp.Diff([]string{"B2"}, belonging("B1")); d != "" {
			t.Errorf("as a person decided: %s", d)
		}
		k.check(k.Decide(k.ctx, site.Default, worklist.Decision{Study: "1.7"}))
		k.settle()
		if got := belonging("B1"); len(got) > 0 {
			t.Errorf("a person decided that it belongs to none: %v", got)
		}
		if o, ok, err := k.Named(k.ctx, d, site.Default, a1.ID); err != nil || !ok || o.Accession != "B1" || o.Person != archive.Person("HOSPITAL", "4711") {
			t.Errorf("named %v %v", ok, err)
		}
		if _, ok, err := k.Named(k.ctx, d, site.Default, "none"); ok || err != nil {
			t.Errorf("an order nobody knows: %v %v", ok, err)
		}
	})
}
