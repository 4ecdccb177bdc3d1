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
