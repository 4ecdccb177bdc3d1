package dose_test

import (
	"testing"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
)

// oneRoom puts every machine into the same room.
func oneRoom(string) string { return "room" }

// heads lets n head CTs for stroke of a median arrive.
func (k *desk) heads(median float64, n int) {
	k.t.Helper()
	_, err := k.Approve(k.t.Context(), dose.Mapping{
		Site: house, Name: "Head Stroke", Source: dose.FromProtocol, Exam: "CT_HEAD", Indication: "STROKE_ACUTE", KnownBy: dose.KnownByProtocol, ApprovedBy: "local",
	})
	check(k.t, err)
	k.receive(series{name: "Head Stroke", day: "20260302", dlp: around(median, 1, n)}.reports()...)
	k.settle()
}

func TestOneSetTakesThePlaceOfAnother(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		ctx := t.Context()
		k.heads(700, 24)
		uk := k.govern("dose/level/uk_ndrl_2024", "2025-01-01", "")
		s := k.enter(head(), pasted)
		year := dose.Period{From: "2025-11-23", To: "2026-11-22"}
		g := dose.Governing{Site: house, Set: s.ID, From: "2026-12-01", DecidedBy: "second"}

		changes, r, err := k.IfGoverned(ctx, g, year, oneRoom)
		check(t, err)
		if len(r.End) != 1 || r.End[0].ID != uk.ID || r.End[0].To != "2026-11-30" || len(r.Keep) == 0 {
			t.Errorf("ends %+v, keeps %d; want the old decision on 2026-11-30, and the examinations that the set lacks", r.End, len(r.Keep))
		}
		var found bool
		for _, c := range changes {
			if c.Exam != "CT_HEAD" || c.Measure != dose.MeasureDLP {
				continue
			}
			found = true
			if c.Old.State != dose.AtOrBelow || c.New.State != dose.AboveCertain || c.Old.Level.Value != 790 || c.New.Level.Value != 600 || c.N != 24 {
				t.Errorf("change = %+v; want from at or below 790 to above 600, certain", c)
			}
		}
		if !found {
			t.Errorf("changes = %+v; want the head CT", changes)
		}
		if all, err := k.Governing(ctx, house); err != nil || len(all) != 1 || all[0].To != "" {
			t.Errorf("asking decided something: %+v, %v", all, err)
		}

		k.compare(s.ID, "second")
		_, err = k.Replace(ctx, g)
		check(t, err)
		all, err := k.Governing(ctx, house)
		check(t, err)
		for _, x := range all {
			if x.ID == uk.ID && x.To != "2026-11-30" {
				t.Errorf("the old decision ends on %q", x.To)
			}
		}
		levels, err := k.Levels(ctx, house)
		check(t, err)
		if err := dose.Overlapping(levels, all); err != nil {
			t.Error(err)
		}
		refer := func(exam, indication, day string) string {
			got := dose.Refer(levels, all, dose.Subject{Exam: exam, Indication: indication, Group: dose.Group{Name: "adult"}, Measure: dose.MeasureDLP, Day: day})
			if got.Governing == nil {
				return ""
			}
			return got.Governing.Set.ID
		}
		for _, c := range []struct{ exam, indication, day, want string }{
			{"CT_HEAD", "STROKE_ACUTE", "2026-11-30", "dose/level/uk_ndrl_2024"},
			{"CT_HEAD", "STROKE_ACUTE", "2026-12-01", s.ID},
			{"CT_CSPINE", "FRACTURE", "2026-12-01", "dose/level/uk_ndrl_2024"},
		} {
			if got := refer(c.exam, c.indication, c.day); got != c.want {
				t.Errorf("%s on %s: governed by %q; want %q", c.exam, c.day, got, c.want)
			}
		}

		next := head()
		next.ID, next.Replaces, next.Edition = "XX_TEST_2027", s.ID, "2027"
		next = k.enter(next, pasted)
		k.compare(next.ID, "second")
		_, err = k.Replace(ctx, dose.Governing{Site: house, Set: next.ID, From: "2027-01-01", DecidedBy: "second"})
		check(t, err)
		old, err := k.LevelSet(ctx, house, s.ID)
		check(t, err)
		if old.State != dose.LevelSuperseded || old.EndedDay != "2027-01-01" {
			t.Errorf("the edition before is %s from %s on; want superseded from 2027-01-01", old.State, old.EndedDay)
		}
		if levels, err = k.Levels(ctx, house); err != nil {
			t.Fatal(err)
		}
		if all, err = k.Governing(ctx, house); err != nil {
			t.Fatal(err)
		}
		if got := refer("CT_HEAD", "STROKE_ACUTE", "2026-12-31"); got != s.ID {
			t.Errorf("the trend before the new edition has %q; want the old line", got)
		}
		if got := refer("CT_HEAD", "STROKE_ACUTE", "2027-01-01"); got != next.ID {
			t.Errorf("from the new edition on: %q", got)
		}
	})
}

func TestTypicalValuesAreProposed(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.heads(700, 24)
		year := dose.Period{From: "2025-11-23", To: "2026-11-22"}
		p, err := k.Propose(t.Context(), house, year, oneRoom)
		check(t, err)
		var row *dose.ProposedLevel
		for i := range p.Rows {
			if p.Rows[i].Measure == dose.MeasureDLP {
				row = &p.Rows[i]
			}
		}
		if row == nil || row.Kind != dose.LevelTypical || row.Value != 700 || row.N != 24 || !row.Interval || row.Low != 694.5 || row.High != 705.5 {
			t.Fatalf("proposal = %+v; want a typical value of 700 from 24, interval 694.5 to 705.5 (ranks 7 and 18)", row)
		}
		s, refused, err := k.EnterProposal(t.Context(), p, dose.LevelSet{Site: house, ID: "OWN_2026", Kind: dose.LevelTypical, TypedBy: "first", LevelHead: dose.LevelHead{
			Title: "Own values", Authority: "the site", Country: "XX",
		}})
		check(t, err)
		if len(refused) > 0 || s.State != dose.LevelDraft {
			t.Fatalf("%s, refused %v", s.State, refused)
		}
		s = k.compare(s.ID, "second")
		if s.Official || s.Rows[0].Cells["note"] == "" {
			t.Errorf("set = %+v; want no official one, with n, rooms and interval in the note", s)
		}
		if _, _, err := k.EnterProposal(t.Context(), p, dose.LevelSet{Site: house, ID: "OWN_LOCAL", Kind: dose.LevelLocal, TypedBy: "first"}); err == nil {
			t.Error("one room makes a local level")
		}
	})
}
