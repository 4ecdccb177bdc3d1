package review_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/dose/review"
	"radagora/fault"
	"radagora/finding"
	"radagora/journal"
	"radagora/notice"
)

const at = "default"

// A post keeps what was sent.
type post struct{ sent []notice.Message }

func (p *post) Send(_ context.Context, tx *db.Tx, m notice.Message) error {
	tx.OnCommit(func() { p.sent = append(p.sent, m) })
	return nil
}

// A desk is a desk of cases with doses that are written as they would be derived.
type desk struct {
	*testing.T
	*review.Desk
	db   *db.DB
	post *post
	now  time.Time
	ctx  context.Context
}

// run runs fn on every engine.
func run(t *testing.T, fn func(d *desk)) {
	t.Helper()
	dbtest.Run(t, func(t *testing.T, store *db.DB) {
		d := &desk{T: t, db: store, post: &post{}, now: time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)}
		d.ctx = access.With(t.Context(), access.Who{ID: "meg", Grants: access.Everywhere(access.Physicist)})
		now := func() time.Time { return d.now }
		j, err := journal.Open(t.Context(), store, journal.Options{MasterKey: [32]byte{1}})
		d.must(err)
		reg, err := finding.Open(t.Context(), store, j, now)
		d.must(err)
		d.must(store.Migrate(t.Context(), "access", access.Migrations()))
		d.must(store.Migrate(t.Context(), "dose", dose.Migrations()))
		library, err := content.Open()
		d.must(err)
		log := slog.New(slog.DiscardHandler)
		d.Desk = &review.Desk{
			DB: store, Journal: j, Content: library, Findings: reg, Post: d.post, Log: log, Now: now,
			Doses: &dose.Ledger{DB: store, Journal: j, Content: library, Log: log, Now: now},
			Rooms: func(context.Context, string) (dose.Rooms, error) {
				return func(m string) string { return "room of " + m }, nil
			},
			RoomName: func(context.Context, string, string) string { return "Angio 1" },
		}
		d.must(d.Open(t.Context()))
		fn(d)
	})
}

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// examined writes an examination with one amount, arrived an hour ago.
func (d *desk) examined(study, modality, exam, day string, q dose.Quantity, v float64) {
	d.Helper()
	d.must(d.db.Write(d.ctx, func(tx *db.Tx) error {
		for _, stmt := range []struct {
			query string
			args  []any
		}{
			{`insert into dose_study (site_id, study_uid, day, started, modality, machine_id, patient_id, sex, description, events, unassigned, not_patient, warnings, person)
				values ($1, $2, $3, '', $4, 'm1', '', '', '', 1, 0, '', '[]', 'p') on conflict do nothing`, []any{at, study, day, modality}},
			{
				`insert into dose_examination (site_id, study_uid, examination, day, started, machine_id, modality, exam_code, indication, known_by,
				assigned_by, mappings, name, name_source, events, excluded) values ($1, $2, '1', $3, '', 'm1', $4, $5, '', '', '', '', '', '', 1, '') on conflict do nothing`,
				[]any{at, study, day, modality, exam},
			},
			{`delete from dose_amount where site_id = $1 and study_uid = $2 and quantity = $3`, []any{at, study, string(q)}},
			{
				`insert into dose_amount (site_id, study_uid, examination, quantity, value, unit, n_events, class, method, basis, exam_code, machine_id, day, excluded)
				values ($1, $2, '1', $3, $4, $5, 1, 'report', 'summed', 'reported', $6, 'm1', $7, '')`,
				[]any{at, study, string(q), v, dose.QuantityUnit(q), exam, day},
			},
			{
				`insert into dose_source (site_id, source_id, study_uid, class, series_uid, acquisition, kind, problem, counted, machine_id, received_at)
				values ($1, $2, $3, 'report', '', '', '', '', $4, 'm1', $5) on conflict do nothing`,
				[]any{at, study + ".1", study, true, db.Millis(d.now.Add(-time.Hour))},
			},
		} {
			if _, err := tx.Exec(d.ctx, stmt.query, stmt.args...); err != nil {
				return err
			}
		}
		return nil
	}))
}

// cases returns all cases.
func (d *desk) cases() []review.Case {
	d.Helper()
	all, err := d.Cases(d.ctx, at, review.Filter{})
	d.must(err)
	return all
}

// get returns a case.
func (d *desk) get(number int64) review.Whole {
	d.Helper()
	w, err := d.Get(d.ctx, at, number)
	d.must(err)
	return w
}

// decide decides on a case as it stands, and wants the error to be of kind; ok is none.
func (d *desk) decide(number int64, c review.Decision, ok bool) {
	d.Helper()
	c.Number, c.Version = number, d.get(number).Finding.Version
	if err := d.Decide(d.ctx, at, c); (err == nil) != ok || err != nil && fault.Of(err) != fault.Invalid {
		d.Errorf("Decide = %v; want accepted %v", err, ok)
	}
}

// TestOneCase: one case for a rule set and examination, updated by later reports, told
// once, withdrawn and restored with what people decided.
func TestOneCase(t *testing.T) {
	run(t, func(d *desk) {
		d.examined("1.2.3", "CT", "CT_HEAD", "2026-03-10", dose.QuantityCTDIvolMax, 130)
		d.examined("1.2.4", "CT", "CT_HEAD", "2026-03-10", dose.QuantityCTDIvolMax, 60)
		d.must(d.Turn(d.ctx, at))
		all := d.cases()
		if len(all) != 1 || all[0].Number != 1 || all[0].Set != "DE_STRLSCHV_A14" || !all[0].Legal || all[0].State != review.Open {
			t.Fatalf("cases = %+v; want one of law", all)
		}
		want := notice.Message{
			Roles: []access.Role{access.Physicist}, Site: at, Kind: "dose.case.opened", Severity: notice.Urgent, Path: "/dose/cases/1",
			Args: map[string]string{"n": "1", "title": "ANGIO-1", "what": "ctdivol-max", "percent": "108"},
		}
		if diff := cmp.Diff([]notice.Message{want}, d.post.sent); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		d.decide(1, review.Decision{State: new(review.UnderReview)}, true)

		d.examined("1.2.3", "CT", "CT_HEAD", "2026-03-10", dose.QuantityCTDIvolMax, 150)
		d.examined("1.2.3", "CT", "CT_HEAD", "2026-03-10", dose.QuantityCTDIvolOverlap, 180)
		d.must(d.Study(d.ctx, at, "1.2.3"))
		w := d.get(1)
		if len(d.cases()) != 1 || w.Ratio != 150.0/120 || len(w.Data.Results) != 2 || w.State != review.UnderReview {
			t.Errorf("after a later report = %+v; want 1.25, both numbers, under review", w)
		}
		d.examined("1.2.3", "CT", "CT_HEAD", "2026-03-10", dose.QuantityCTDIvolMax, 90)
		d.must(d.Night(d.ctx, at))
		if c := d.cases()[0]; !c.Withdrawn {
			t.Errorf("below the value = %+v; want withdrawn", c)
		}
		d.examined("1.2.3", "CT", "CT_HEAD", "2026-03-10", dose.QuantityCTDIvolMax, 150)
		d.must(d.Night(d.ctx, at))
		if c := d.cases()[0]; c.Withdrawn || c.State != review.UnderReview || len(d.post.sent) != 1 {
			t.Errorf("above it again = %+v, told %d times; want back as it was, told once", c, len(d.post.sent))
		}
	})
}

// TestWaits: an examination whose last object came less than the settling time ago is
// not judged, nor one whose doses are being derived.
func TestWaits(t *testing.T) {
	run(t, func(d *desk) {
		d.examined("1.2.3", "CT", "CT_HEAD", "2026-03-10", dose.QuantityCTDIvolMax, 130)
		d.now = d.now.Add(-50 * time.Minute)
		d.must(d.Settled(d.ctx, at))
		if len(d.cases()) != 0 {
			t.Error("judged before it settled")
		}
		d.now = d.now.Add(20 * time.Minute)
		d.must(d.db.Write(d.ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(d.ctx, `insert into dose_pending (site_id, study_uid, ticket) values ($1, '1.2.3', '0')`, at)
			return err
		}))
		d.must(d.Turn(d.ctx, at))
		if len(d.cases()) != 0 {
			t.Error("judged while doses are derived")
		}
		d.must(d.db.Write(d.ctx, func(tx *db.Tx) error { _, err := tx.Exec(d.ctx, `delete from dose_pending`); return err }))
		d.must(d.Settled(d.ctx, at))
		if len(d.cases()) != 1 {
			t.Error("not judged after it settled")
		}
	})
}

// TestSubstantial: a substantial dose closes only with appointment, letter and result.
func TestSubstantial(t *testing.T) {
	run(t, func(d *desk) {
		d.examined("1.2.3", "RF", "XA_PCI", "2026-03-10", dose.QuantityDAP, 0.06)
		d.must(d.Turn(d.ctx, at))
		w := d.get(1)
		if !w.Substantial || w.Set != "SKIN" || w.Data.Intervention != "yes" {
			t.Fatalf("case = %+v; want a substantial dose", w.Case)
		}
		lines, err := d.Lines(d.ctx, at, "2026-03-01")
		d.must(err)
		if len(lines) != 1 || lines[0].Rule != "SKIN_EARLY_DAP" || len(d.post.sent) != 2 {
			t.Errorf("lines %+v, told %d; want the early notice, and two messages", lines, len(d.post.sent))
		}
		justified := review.Decision{State: new(review.Closed), Reason: review.Justified, Words: "complex"}
		d.decide(1, justified, false)
		if err := d.Snooze(d.ctx, at, 1, "2026-04-01", "later"); fault.Of(err) != fault.Invalid {
			t.Errorf("Snooze = %v; want Invalid", err)
		}
		if _, err := d.JustifyAll(d.ctx, at, []int64{1}, "complex"); fault.Of(err) != fault.Invalid {
			t.Errorf("JustifyAll = %v; want Invalid", err)
		}
		check := review.Check{Day: "2026-03-26", Person: "Dermatology", Place: "Room 4", LetterOn: "2026-03-11"}
		d.must(d.SetCheck(d.ctx, at, 1, check))
		d.decide(1, justified, false)
		if err := d.SetCheck(d.ctx, at, 1, check); fault.Of(err) != fault.Conflict {
			t.Errorf("SetCheck of a stale version = %v; want Conflict", err)
		}
		check.Version, check.Result, check.Attempts = 1, "not_reached", 3
		d.must(d.SetCheck(d.ctx, at, 1, check))
		d.decide(1, justified, true)
		if c := d.cases()[0]; c.State != review.Closed || c.Reason != review.Justified || c.ClosedBy != "meg" {
			t.Errorf("closed = %+v", c)
		}
		owner := "meg"
		_, err = d.Findings.Decide(d.ctx, finding.Decision{ID: w.ID, Version: 1, Owner: &owner})
		if fault.Of(err) != fault.Conflict {
			t.Errorf("deciding past the case = %v; want Conflict", err)
		}
	})
}

// TestWeeks: doses of one person within the weeks before count for the early notice.
func TestWeeks(t *testing.T) {
	run(t, func(d *desk) {
		d.examined("1.2.3", "RF", "XA_PCI", "2026-02-01", dose.QuantityDAP, 0.012)
		d.examined("1.2.4", "RF", "XA_PCI", "2026-03-10", dose.QuantityDAP, 0.009)
		d.must(d.Turn(d.ctx, at))
		lines, err := d.Lines(d.ctx, at, "2026-01-01")
		d.must(err)
		if len(lines) != 1 || lines[0].Study != "1.2.4" || lines[0].Part != review.PartWeeks || len(d.cases()) != 0 {
			t.Errorf("lines = %+v; want one of the second study", lines)
		}
	})
}

// TestDecisions: what cannot be decided is refused, and a case passes its states.
func TestDecisions(t *testing.T) {
	run(t, func(d *desk) {
		d.examined("1.2.3", "CT", "CT_HEAD", "2026-03-10", dose.QuantityCTDIvolMax, 130)
		d.must(d.Turn(d.ctx, at))
		for _, c := range []struct {
			name string
			c    review.Decision
		}{
			{"closed without a reason", review.Decision{State: new(review.Closed)}},
			{"closed with a result nobody wrote", review.Decision{State: new(review.Closed), Reason: review.WithResult}},
			{"a state that is none", review.Decision{State: new(review.State("done"))}},
			{"reportable without authority", review.Decision{Form: &review.Form{Reportable: "yes", Deadline: "2026-04-01"}}},
			{"reportable without deadline", review.Decision{Form: &review.Form{Reportable: "yes", Authority: "the authority"}}},
			{"a cause that is none", review.Decision{Form: &review.Form{Cause: "fate"}}},
		} {
			t.Run(c.name, func(*testing.T) { d.decide(1, c.c, false) })
		}
		meg := "meg"
		d.decide(1, review.Decision{Owner: &meg}, true)
		if c := d.cases()[0]; c.State != review.Assigned || c.ReviewedAt == 0 {
			t.Errorf("with an owner = %+v; want assigned", c)
		}
		d.decide(1, review.Decision{Action: &finding.Action{Kind: "protocol_change", Text: "lower", Owner: "meg", Due: "2026-04-01"}}, true)
		w := d.get(1)
		if w.State != review.ActionPlanned || len(w.Actions) != 1 || w.Finding.Owner != "meg" || w.Finding.State != finding.StateInWork {
			t.Errorf("with an action = %+v", w)
		}
		if err := d.Decide(d.ctx, at, review.Decision{Number: 1, Version: 0, State: new(review.Remeasure)}); fault.Of(err) != fault.Conflict {
			t.Errorf("of a stale version = %v; want Conflict", err)
		}
		stranger := access.With(t.Context(), access.Who{ID: "eve", Grants: access.Everywhere(access.Auditor)})
		if err := d.Decide(stranger, at, review.Decision{Number: 1, Version: w.Finding.Version, State: new(review.Remeasure)}); fault.Of(err) != fault.Forbidden {
			t.Errorf("of an auditor = %v; want Forbidden", err)
		}
		d.decide(1, review.Decision{State: new(review.Remeasure)}, true)
		d.decide(1, review.Decision{State: new(review.Closed), Reason: review.NoResult, Words: "scanner was replaced"}, true)
		steps := []string{}
		for _, n := range d.get(1).History {
			steps = append(steps, n.Step)
		}
		if diff := cmp.Diff([]string{"review.assigned", "review.action_planned", "review.re_measure", "review.no_result"}, steps); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
	})
}

// TestEffect: after an action the same is measured again.
func TestEffect(t *testing.T) {
	run(t, func(d *desk) {
		d.examined("1.2.3", "CT", "CT_HEAD", "2026-03-10", dose.QuantityCTDIvolMax, 130)
		d.must(d.Turn(d.ctx, at))
		for i := range 25 {
			d.examined(fmt.Sprintf("1.3.%d", i), "CT", "CT_HEAD", "2026-02-01", dose.QuantityDLP, 900+10*float64(i))
		}
		d.decide(1, review.Decision{Action: &finding.Action{Kind: "protocol_change", Done: "2026-03-12"}}, true)
		for i := range 20 {
			if e := d.get(1).Effect; e != nil {
				t.Fatalf("effect of %d = %+v; want none yet", i, e)
			}
			d.examined(fmt.Sprintf("1.4.%d", i), "CT", "CT_HEAD", "2026-03-20", dose.QuantityDLP, 450+5*float64(i))
		}
		e := d.get(1).Effect
		if e == nil || !e.Proved() || e.Before.N != 20 || e.After.N != 20 {
			t.Fatalf("effect = %+v; want proved, of 20 and 20", e)
		}
		report, err := d.Report(d.ctx, at, 0)
		d.must(err)
		if len(report) != 1 || report[0].Cases != 1 || report[0].WithAction != 1 || report[0].Proved != 1 {
			t.Errorf("report = %+v", report)
		}
	})
}

// TestErased: what a person's cases say goes with the person.
func TestErased(t *testing.T) {
	run(t, func(d *desk) {
		d.examined("1.2.3", "RF", "XA_PCI", "2026-03-10", dose.QuantityDAP, 0.06)
		d.must(d.Turn(d.ctx, at))
		d.must(d.SetCheck(d.ctx, at, 1, review.Check{Day: "2026-03-26"}))
		p := review.Personal{Desk: d.Desk, Studies: func(context.Context, db.Querier, access.Person) ([]string, error) { return []string{"1.2.3"}, nil }}
		n := 0
		for r, err := range p.Export(d.ctx, access.Person{Site: at, ID: "p"}) {
			d.must(err)
			if r.Kind == "case" {
				n++
			}
		}
		d.must(d.db.Write(d.ctx, func(tx *db.Tx) error {
			erased, err := p.Erase(d.ctx, tx, access.Person{Site: at, ID: "p"})
			if erased != 1 || n != 1 {
				t.Errorf("erased %d, exported %d; want 1, 1", erased, n)
			}
			return err
		}))
		lines, err := d.Lines(d.ctx, at, "")
		d.must(err)
		if len(d.cases()) != 0 || len(lines) != 0 {
			t.Error("something is left")
		}
	})
}
