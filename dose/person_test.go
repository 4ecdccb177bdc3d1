package dose_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/fault"
)

// patients lets a report of each patient arrive, a day apart.
func (k *desk) patients(ids ...string) {
	k.t.Helper()
	var all []dosetest.Report
	for i, id := range ids {
		r := dosetest.New("study "+id, "report "+id, "100", dosetest.Scan("scan "+id, "10", "100"))
		r.PatientID, r.StudyDate = id, fmt.Sprintf("202603%02d", i+1)
		all = append(all, r)
	}
	k.receive(all...)
}

// wish notes what a person asks for.
func (k *desk) wish(person string, w access.Wish) {
	k.t.Helper()
	facts := &access.Facts{DB: k.db, Journal: k.journal, Now: today}
	check(k.t, k.db.Write(k.t.Context(), func(tx *db.Tx) error {
		return facts.Wish(k.t.Context(), tx, access.Person{Site: house, ID: person}, w, true, "")
	}))
}

// everybody is the reach of somebody who may see all patients.
var everybody = access.Reach{All: true, Identity: true}

// selected returns the persons of a selection, the latest first.
func (k *desk) selected(s dose.Selection) string {
	k.t.Helper()
	ctx := access.With(k.t.Context(), access.Who{ID: "r", Grants: access.Everywhere(access.Researcher)})
	var out []string
	at := dose.Cursor{}
	for {
		page, err := k.Select(ctx, house, s, at, 2)
		check(k.t, err)
		if len(page) == 0 {
			return strings.Join(out, " ")
		}
		for _, x := range page {
			out = append(out, strings.TrimPrefix(x.Person, "|"))
			at = x.Next()
			if len(x.CTDIvol) != 1 || x.CTDIvol[0] != 10 {
				k.t.Errorf("%s: CTDIvol %v", x.Person, x.CTDIvol)
			}
		}
	}
}

func TestSelect(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.patients("A", "B", "C", "D", "")
		facts := &access.Facts{DB: d, Journal: k.journal, Now: today}
		check(t, d.Write(t.Context(), func(tx *db.Tx) error {
			for _, r := range []access.Relation{
				{Site: house, User: "r1", Kind: access.Referred, Person: "|A"},
				{Site: house, User: "r1", Kind: access.Granted, Study: dosetest.UID("study D").String()},
				{Site: house, User: "r1", Kind: access.Referred, Person: "|B", Until: today().AddDate(0, 0, -1)},
			} {
				if _, err := facts.Relate(t.Context(), tx, r); err != nil {
					return err
				}
			}
			return nil
		}))
		for _, c := range []struct {
			why  string
			s    dose.Selection
			want string
		}{
			{"nobody's reach", dose.Selection{}, ""},
			{"everybody", dose.Selection{Reach: everybody}, " D C B A"},
			{"the site's own quality", dose.Selection{Reach: everybody, Purpose: access.Quality}, " D C B A"},
			{"a referrer", dose.Selection{Reach: access.Reach{Account: "r1"}}, "D A"},
			{"a patient", dose.Selection{Reach: access.Reach{Own: "|C"}}, "C"},
			{"some identifiers", dose.Selection{Reach: everybody, Persons: []string{"|A", "|C"}}, "C A"},
			{"some days", dose.Selection{Reach: everybody, Period: dose.Period{From: "2026-03-02", To: "2026-03-03"}}, "C B"},
			{"another modality", dose.Selection{Reach: everybody, Modality: "MG"}, ""},
			{"a registry: nobody unknown", dose.Selection{Reach: everybody, Purpose: access.Research}, "D C B A"},
		} {
			if got := k.selected(c.s); got != c.want {
				t.Errorf("%s: %q; want %q", c.why, got, c.want)
			}
		}
	})
}

func TestWhoObjects(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.patients("A", "B", "C")
		k.wish("|B", access.NoSecondary)
		k.wish("|C", access.Restricted)
		for _, c := range []struct {
			purpose access.Purpose
			want    string
		}{
			{"", "B A"}, {access.Quality, "B A"}, {access.Research, "A"}, {access.PublicGood, "A"}, {access.Training, "A"},
		} {
			if got := k.selected(dose.Selection{Reach: everybody, Purpose: c.purpose}); got != c.want {
				t.Errorf("for %q: %q; want %q", c.purpose, got, c.want)
			}
		}
		o := k.overview("2026-01-01", "2026-12-31")
		if o.Len() != 3 {
			t.Errorf("the site's own page counts %d examinations; want all 3", o.Len())
		}
		for i := range o.All() {
			if i.Restricted != (i.Study == dosetest.UID("study C").String()) {
				t.Errorf("examination of %s: restricted %v", i.Study, i.Restricted)
			}
		}
		few, err := k.OverviewFor(t.Context(), house, dose.Period{From: "2026-01-01", To: "2026-12-31"}, func(m string) string { return m }, access.Research)
		check(t, err)
		if few.Len() != 1 || first(few).Study != dosetest.UID("study A").String() {
			t.Errorf("numbers for a registry rest on %d examinations; want that of A alone", few.Len())
		}
		_, err = k.Select(access.With(t.Context(), access.Who{ID: "p", Grants: access.Everywhere(access.Physicist)}), house,
			dose.Selection{Reach: everybody, Purpose: access.Research}, dose.Cursor{}, 10)
		if fault.Of(err) != fault.Forbidden {
			t.Errorf("a physicist, for research: %v; want Forbidden", err)
		}
		for _, s := range []string{"HRESCH", "TRAIN", "PUBHLTH"} {
			if p, err := dose.ParsePurpose(s); err != nil || !dose.Secondary(p) {
				t.Errorf("purpose %s = %v, %v", s, p, err)
			}
		}
		if _, err := dose.ParsePurpose("FUN"); fault.Of(err) != fault.Invalid {
			t.Errorf("purpose FUN: %v", err)
		}
	})
}

func TestErase(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.patients("A", "B")
		var exported []string
		for r, err := range k.Export(t.Context(), access.Person{Site: house, ID: "|A"}) {
			check(t, err)
			exported = append(exported, r.Kind+" "+r.ID)
			if !json.Valid(r.Data) || !strings.Contains(string(r.Data), "Abdomen Routine") {
				t.Errorf("record %s: %s", r.ID, r.Data)
			}
		}
		if !slices.Equal(exported, []string{"study " + dosetest.UID("study A").String()}) {
			t.Errorf("exported %v", exported)
		}
		var n int
		check(t, d.Write(t.Context(), func(tx *db.Tx) (err error) {
			n, err = k.Erase(t.Context(), tx, access.Person{Site: house, ID: "|A"})
			return err
		}))
		if n != 2 {
			t.Errorf("erased %d records; want a study and its examination", n)
		}
		k.shelf.mu.Lock()
		delete(k.shelf.all, dosetest.UID("report A")) // the archive does it in the same transaction
		k.shelf.mu.Unlock()
		k.noneOf("study A")
		check(t, k.Rebuild(t.Context()))
		k.settle()
		k.noneOf("study A")
		if got := k.selected(dose.Selection{Reach: everybody}); got != "B" {
			t.Errorf("after erasure and rebuild: %q; want B alone", got)
		}
	})
}

// noneOf expects no row of a study.
func (k *desk) noneOf(study string) {
	k.t.Helper()
	for _, table := range []string{"dose_source", "dose_image", "dose_study", "dose_event", "dose_examination", "dose_name", "dose_total", "dose_amount", "dose_event_amount", "dose_pending"} {
		var n int
		check(k.t, k.db.QueryRow(k.t.Context(), "select count(*) from "+table+" where study_uid = $1", dosetest.UID(study).String()).Scan(&n))
		if n != 0 {
			k.t.Errorf("%s has %d rows of %s", table, n, study)
		}
	}
}

func TestArchiveErasedPartOfAStudy(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		a := dosetest.New("study", "report A", "100", dosetest.Scan("scan A", "10", "100"))
		b := dosetest.New("study", "report B", "50", dosetest.Scan("scan B", "10", "50"))
		a.PatientID, b.PatientID = "A", "B"
		k.receive(a, b)
		study := dosetest.UID("study").String()
		k.shelf.mu.Lock()
		delete(k.shelf.all, dosetest.UID("report A"))
		k.shelf.mu.Unlock()
		check(t, d.Write(t.Context(), func(tx *db.Tx) error { return k.Erased(t.Context(), tx, house, study, false) }))
		k.settle()
		s, err := k.Study(t.Context(), house, study)
		if err != nil || len(s.Reports) != 1 || len(s.Events) != 1 || *s.DLPSummed != "50" {
			t.Errorf("what is left of the study = %+v, %v", s, err)
		}
		if got := k.selected(dose.Selection{Reach: everybody}); got != "B" {
			t.Errorf("selected %q; want B", got)
		}
		check(t, d.Write(t.Context(), func(tx *db.Tx) error { return k.Erased(t.Context(), tx, house, study, true) }))
		k.noneOf("study")
	})
}
