package review_test

import (
	"fmt"
	"testing"
	"time"

	"radagora/db"
	"radagora/dose"
	"radagora/dose/review"
	"radagora/evidence"
	"radagora/fault"
	"radagora/finding"
)

// TestDriftIsAFinding: an average that stays beyond its limits is a finding, which goes
// when it comes back, and no case.
func TestDriftIsAFinding(t *testing.T) {
	run(t, func(d *desk) {
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		scan := func(i int, dlp float64) {
			d.examined(fmt.Sprintf("1.2.%03d", i), "CT", "CT_HEAD", begin.AddDate(0, 0, i/2).Format(time.DateOnly), dose.QuantityDLP, dlp)
		}
		for i := range 60 {
			scan(i, 300+float64(i%5)*10)
		}
		d.must(d.Night(d.ctx, at))
		found := func() []finding.Finding {
			all, err := d.Findings.List(d.ctx, finding.Filter{Site: at, Rule: review.RuleDrift})
			d.must(err)
			return all
		}
		if all := found(); len(all) != 0 {
			t.Fatalf("steady doses: %+v; want no finding", all)
		}
		for i := 60; i < 80; i++ {
			scan(i, 500)
		}
		d.must(d.Night(d.ctx, at))
		all := found()
		if len(all) != 1 {
			t.Fatalf("%d findings of doses that moved; want 1", len(all))
		}
		f := all[0]
		if f.Subject.Room != "room of m1" || f.Subject.Exam != "CT_HEAD" || f.Subject.Quantity != "dlp" ||
			f.Measured.N != 80 || f.Measured.Value < 450 || *f.Reference.Value > 400 || len(d.cases()) != 0 {
			t.Errorf("finding = %+v with %d cases; want the average above its limit, and no case", f, len(d.cases()))
		}
		for i := 80; i < 120; i++ {
			scan(i, 320)
		}
		d.must(d.Night(d.ctx, at))
		if all := found(); len(all) != 1 || all[0].State != finding.StateWithdrawn {
			t.Errorf("back where it began = %+v; want withdrawn", all)
		}
	})
}

// TestDone: what was planned is carried out on a day, once, and the case is measured
// again from there.
func TestDone(t *testing.T) {
	run(t, func(d *desk) {
		d.examined("1.2.3", "CT", "CT_HEAD", "2026-03-10", dose.QuantityCTDIvolMax, 130)
		d.must(d.Turn(d.ctx, at))
		d.decide(1, review.Decision{Action: &finding.Action{Kind: "protocol_change", Text: "lower the current"}}, true)
		id := d.get(1).Actions[0].ID
		for _, c := range []struct {
			name, action, day string
			want              fault.Kind
		}{
			{"no such action", "other", "2026-03-10", fault.NotFound},
			{"no day", id, "", fault.Invalid},
			{"a day to come", id, "2026-03-11", fault.Invalid},
		} {
			if err := d.Done(d.ctx, at, 1, c.action, c.day, ""); err == nil || fault.Of(err) != c.want {
				t.Errorf("%s: Done = %v; want %v", c.name, err, c.want)
			}
		}
		d.must(d.Done(d.ctx, at, 1, id, "2026-03-09", "current is 180 mA"))
		w := d.get(1)
		if w.State != review.Remeasure || w.Actions[0].Done != "2026-03-09" || w.Actions[0].Result != "current is 180 mA" {
			t.Errorf("case = %s, action %+v; want to be measured again, and carried out", w.State, w.Actions[0])
		}
		if err := d.Done(d.ctx, at, 1, id, "2026-03-10", ""); fault.Of(err) != fault.Conflict {
			t.Errorf("a second time: %v; want a conflict", err)
		}
	})
}

// TestEarlier: a case tells of the other cases of the same person, and not of others'.
func TestEarlier(t *testing.T) {
	run(t, func(d *desk) {
		for _, study := range []string{"1.2.1", "1.2.2", "1.2.3"} {
			d.examined(study, "CT", "CT_HEAD", "2026-03-0"+study[4:], dose.QuantityCTDIvolMax, 130)
		}
		d.must(d.db.Write(d.ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(d.ctx, `update dose_study set person = 'q' where study_uid = '1.2.2'`)
			return err
		}))
		d.must(d.Turn(d.ctx, at))
		for _, c := range d.cases() {
			var earlier []string
			for _, e := range d.get(c.Number).Earlier {
				earlier = append(earlier, e.Study)
			}
			want := map[string]string{"1.2.1": "[]", "1.2.2": "[]", "1.2.3": "[1.2.1]"}[c.Study]
			if got := fmt.Sprint(earlier); got != want {
				t.Errorf("before %s: %s; want %s", c.Study, got, want)
			}
		}
	})
}

// TestFacts: the shares of the evidence catalogue that cases tell.
func TestFacts(t *testing.T) {
	run(t, func(d *desk) {
		begin := d.now
		d.examined("1.2.1", "CT", "CT_HEAD", "2026-03-10", dose.QuantityCTDIvolMax, 130)
		d.examined("1.2.2", "CT", "CT_HEAD", "2026-03-10", dose.QuantityCTDIvolMax, 140)
		d.examined("1.2.3", "RF", "XA_PCI", "2026-03-10", dose.QuantityDAP, 0.06)
		d.must(d.Turn(d.ctx, at))
		share := func(id, room string) string {
			for _, f := range d.Facts() {
				if f.ID != id {
					continue
				}
				q := evidence.Query{Site: at, From: begin.AddDate(0, 0, -1), Until: begin.AddDate(0, 0, 1), Stratum: evidence.Stratum{Room: room}}
				v, err := f.Value(d.ctx, q)
				d.must(err)
				n := 0
				for c, err := range f.Cases(d.ctx, q) {
					d.must(err)
					if c.Counted {
						n++
					}
				}
				if float64(n) != v.Numerator {
					t.Errorf("%s: %d cases counted, value %v", id, n, v.Numerator)
				}
				return fmt.Sprintf("%v of %v", v.Numerator, v.Denominator)
			}
			return "no such fact"
		}
		if got := share("dose.alert_review", ""); got != "0 of 0" {
			t.Errorf("while there is time: %s; want 0 of 0", got)
		}
		for _, c := range d.cases() {
			if c.Study == "1.2.1" {
				d.decide(c.Number, review.Decision{State: new(review.UnderReview)}, true)
			}
		}
		if got := share("dose.alert_review", ""); got != "1 of 1" {
			t.Errorf("one taken up: %s; want 1 of 1", got)
		}
		d.now = d.now.AddDate(0, 4, 0)
		if got := share("dose.alert_review", "room of m1"); got != "1 of 3" {
			t.Errorf("after three months: %s; want 1 of 3", got)
		}
		if got := share("dose.alert_review", "elsewhere"); got != "0 of 0" {
			t.Errorf("elsewhere: %s; want 0 of 0", got)
		}
		if got := share("dose.skin_followup", ""); got != "0 of 1" {
			t.Errorf("no check yet: %s; want 0 of 1", got)
		}
		for _, c := range d.cases() {
			if c.Substantial {
				d.must(d.SetCheck(d.ctx, at, c.Number, review.Check{
					Day: "2026-03-26", Person: "nurse", LetterOn: "2026-03-11", Result: "not_reached", Attempts: 3,
				}))
			}
		}
		if got := share("dose.skin_followup", ""); got != "1 of 1" {
			t.Errorf("with its check: %s; want 1 of 1", got)
		}
	})
}

// TestCumulative: what a person was given over the years is a line of the last
// examination and no case, and each night persons are counted.
func TestCumulative(t *testing.T) {
	run(t, func(d *desk) {
		for i, day := range []string{"2020-01-01", "2022-05-01", "2025-12-01", "2026-03-09"} {
			d.examined(fmt.Sprintf("1.2.%d", i+1), "CT", "CT_HEAD", day, dose.QuantityEffectiveEstimated, 40)
		}
		d.examined("1.2.9", "CT", "CT_HEAD", "2026-03-10", dose.QuantityDLP, 300) // nothing was estimated
		d.examined("1.2.7", "RF", "", "2026-03-01", dose.QuantityEffectiveEstimated, 900)
		d.must(d.Turn(d.ctx, at))
		if all := d.cases(); len(all) != 0 {
			t.Errorf("cases = %+v; want none, as this is no stop rule", all)
		}
		lines, err := d.Lines(d.ctx, at, "2020-01-01")
		d.must(err)
		var got []string
		for _, l := range lines {
			if l.Rule == "IAEA_CED100" {
				got = append(got, fmt.Sprint(l.Study, " ", l.Value, l.Unit))
			}
		}
		// 2020 is longer than five years before 2026.
		if want := "[1.2.9 120mSv 1.2.4 120mSv]"; fmt.Sprint(got) != want {
			t.Errorf("lines = %v; want %s", got, want)
		}
		counts, err := d.Cumulatives(d.ctx, at)
		d.must(err)
		var told []string
		for _, c := range counts {
			told = append(told, fmt.Sprintf("%d y: %d of %d persons, %d of %d", c.Years, c.Above, c.Persons, c.Estimated, c.Examinations))
		}
		want := []string{
			"1 y: 0 of 1 persons, 2 of 3", "2 y: 0 of 1 persons, 2 of 3", "3 y: 0 of 1 persons, 2 of 3", "4 y: 1 of 1 persons, 3 of 4", "5 y: 1 of 1 persons, 3 of 4",
		}
		if fmt.Sprint(told) != fmt.Sprint(want) {
			t.Errorf("counts = %q; want %q", told, want)
		}
	})
}

// TestGroupToItsEnd: examinations of one machine come in, their mean is above twice the
// level that governs, one case is opened and told, measured again and closed, and stays
// so when the next night judges.
func TestGroupToItsEnd(t *testing.T) {
	run(t, func(d *desk) {
		_, err := d.Doses.Govern(d.ctx, dose.Governing{Site: at, Set: "dose/level/demo_2025", From: "2026-07-01", DecidedBy: "meg"})
		d.must(err)
		const level = 500.0 // of DEMO_2025
		begin := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
		scan := func(i int, dlp float64) {
			d.examined(fmt.Sprintf("1.3.%03d", i), "CT", "CT_ABDOMEN_PELVIS", begin.AddDate(0, 0, i).Format(time.DateOnly), dose.QuantityDLP, dlp)
			d.must(d.db.Write(d.ctx, func(tx *db.Tx) error {
				if _, err := tx.Exec(d.ctx, `update dose_examination set dlp_mgycm = $1 where study_uid = $2`, dlp, fmt.Sprintf("1.3.%03d", i)); err != nil {
					return err
				}
				_, err := tx.Exec(d.ctx, `insert into dose_month (site_id, modality, month, version) values ($1, 'CT', $2, $3)
					on conflict (site_id, modality, month) do update set version = excluded.version`, at, begin.AddDate(0, 0, i).Format("2006-01"), fmt.Sprint(i))
				return err
			}))
		}
		for i := range 20 {
			scan(i, 2.5*level)
		}
		d.now = time.Date(2026, 7, 20, 12, 0, 0, 0, time.UTC)
		d.must(d.Night(d.ctx, at))
		group := func() []review.Case {
			var all []review.Case
			for _, c := range d.cases() {
				if c.Study == "" {
					all = append(all, c)
				}
			}
			return all
		}
		if all := group(); len(all) != 0 {
			t.Fatalf("not armed by one above three times the level: %+v; want no case", all)
		}
		scan(20, 4*level)
		d.must(d.Night(d.ctx, at))
		all := group()
		if len(all) != 1 || all[0].Rule != "DE_A14_I1" || all[0].Machine != "m1" || !all[0].Legal || all[0].State != review.Open {
			t.Fatalf("cases = %+v; want one of the group", all)
		}
		w := d.get(all[0].Number)
		if w.Finding.Rule != review.RuleGroup || w.Finding.Measured.N != 20 || *w.Data.Level != level || *w.Finding.Reference.Value != 2*level {
			t.Errorf("finding = %+v, level %v; want the mean of 20 beside twice the level", w.Finding, *w.Data.Level)
		}
		d.decide(w.Number, review.Decision{Action: &finding.Action{Kind: "protocol_change", Text: "lower the current"}}, true)
		d.must(d.Done(d.ctx, at, w.Number, d.get(w.Number).Actions[0].ID, d.now.Format(time.DateOnly), ""))
		for i := range 20 {
			scan(200+i, 0.8*level)
		}
		d.now = d.now.AddDate(0, 2, 0)
		d.must(d.Night(d.ctx, at))
		if w = d.get(w.Number); w.Effect == nil || w.Effect.Ratio > 0.5 || w.Effect.After.N != 20 {
			t.Errorf("effect = %+v; want what 20 new examinations show", w.Effect)
		}
		closed := review.Closed
		d.decide(w.Number, review.Decision{State: &closed, Reason: review.WithResult}, false)
		d.decide(w.Number, review.Decision{State: &closed, Reason: review.WithResult, Words: "a third of what it was", Form: &review.Form{Cause: "wrong_protocol"}}, true)
		d.must(d.Night(d.ctx, at))
		if all := group(); len(all) != 1 || all[0].State != review.Closed || all[0].Reason != review.WithResult {
			t.Errorf("after the next night: %+v; want it closed", all)
		}
	})
}
