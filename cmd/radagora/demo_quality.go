package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"radagora/audit"
	"radagora/demo"
	"radagora/equipment"
	"radagora/fault"
	"radagora/form"
	"radagora/form/survey"
	"radagora/incident"
	"radagora/maturity"
	"radagora/site"
)

// programme leads the audits of the demonstration, each as far as its decisions say, unless
// there are audits already.
func (d *demoLoad) programme(ctx context.Context, all []demo.Audit, until time.Time) error {
	there, err := d.house.Audits.Cycles(ctx, site.Default, 0)
	if err != nil || len(there) > 0 {
		return err
	}
	for _, a := range all {
		if err := d.audited(ctx, a, until); err != nil {
			return fmt.Errorf("demo/decision: audit %s: %w", a.Template, err)
		}
	}
	return nil
}

// audited plans an audit, counts its cases and, where the demonstration says how it went
// on, leads it to its re-audit. It stays open where the target was not met again.
func (d *demoLoad) audited(ctx context.Context, a demo.Audit, until time.Time) error {
	desk := d.house.Audits
	c, err := desk.Plan(ctx, site.Default, demo.Actor, audit.Plan{Template: a.Template, Lead: demo.Actor, Reason: a.Reason})
	if err != nil || a.From < 0 {
		return err
	}
	day := func(back int) string { return until.AddDate(0, 0, -back).Format(time.DateOnly) }
	def := audit.Definition{From: day(a.From), Until: day(a.Until), Evidence: a.Evidence}
	c, err = desk.Define(ctx, site.Default, demo.Actor, c.Number, def, nil)
	if err != nil {
		return err
	}
	if c, err = d.analysed(ctx, c.Number, a); err != nil || a.AgainFrom < 0 || c.Result.Decision.Decision == audit.NotApplicable {
		return err
	}
	if _, err := desk.Report(ctx, site.Default, demo.Actor, c.Number, day(a.Until), a.ShownTo, a.Conclusion); err != nil {
		return err
	}
	act, err := desk.Act(ctx, site.Default, demo.Actor, c.Number, audit.Action{Cause: a.Cause, What: a.Action, Owner: demo.Actor, Due: day(a.AgainFrom)})
	if err != nil {
		return err
	}
	if err := desk.Done(ctx, site.Default, demo.Actor, c.Number, act.ID, day(a.AgainFrom), a.Outcome); err != nil {
		return err
	}
	if _, err := desk.Await(ctx, site.Default, demo.Actor, c.Number, ""); err != nil {
		return err
	}
	again, err := desk.Reaudit(ctx, site.Default, demo.Actor, c.Number, day(a.AgainFrom), day(a.AgainUntil))
	if err != nil {
		return err
	}
	if again, err = d.analysed(ctx, again.Number, a); err != nil || again.Result.Decision.Decision == audit.NotApplicable {
		return err
	}
	if again, err = desk.Report(ctx, site.Default, demo.Actor, again.Number, day(a.AgainUntil), a.ShownTo, a.Conclusion); err != nil || again.Result.Decision.Decision != audit.Met {
		return err
	}
	for _, number := range []int64{c.Number, again.Number} {
		if _, err := desk.Close(ctx, site.Default, demo.Actor, number, ""); err != nil {
			return err
		}
	}
	return nil
}

// analysed draws the sample of a defined audit, counts what the evidence says of its
// cases, and gives every failed one the reason of the demonstration.
func (d *demoLoad) analysed(ctx context.Context, number int64, a demo.Audit) (audit.Cycle, error) {
	desk := d.house.Audits
	seed := uint64(number) //nolint:gosec // a small positive number
	if _, err := desk.Draw(ctx, site.Default, demo.Actor, number, nil, &seed); err != nil {
		return audit.Cycle{}, err
	}
	c, err := desk.Analyse(ctx, site.Default, demo.Actor, number)
	if err != nil || a.Why == "" {
		return c, err
	}
	cases, err := desk.Cases(ctx, &c)
	if err != nil {
		return c, err
	}
	for i := range cases {
		if !cases[i].Failed(c.Definition) {
			continue
		}
		if _, err := desk.Explain(ctx, site.Default, demo.Actor, number, cases[i].Ordinal, a.Why, a.Harm); err != nil {
			return c, err
		}
	}
	return c, nil
}

// incidents reports those of the demonstration and notes what was found, unless there are
// reports already.
func (d *demoLoad) incidents(ctx context.Context, all []demo.Incident, until time.Time) error {
	there, err := d.house.Incidents.List(ctx, site.Default)
	if err != nil || len(there) > 0 {
		return err
	}
	for _, x := range all {
		if err := d.incident(ctx, x, until.AddDate(0, 0, -x.Back).Format(time.DateOnly)); err != nil {
			return fmt.Errorf("demo/decision: incident of %d days back: %w", x.Back, err)
		}
	}
	return nil
}

// incident reports one that happened on a day.
func (d *demoLoad) incident(ctx context.Context, x demo.Incident, day string) error {
	r := d.house.Incidents
	i, err := r.Take(ctx, site.Default, incident.Report{
		Words: x.Words, Kind: x.Kind, Sort: x.Sort, Harmed: x.Harmed, Place: x.Place, When: day + "T" + x.Clock, Account: demo.Actor,
	})
	if err != nil || x.Severity == "" {
		return err
	}
	w := incident.Work{Severity: x.Severity, Causes: []string{x.Cause}, Significant: incident.No, Criterion: incident.NoCriterion, Lesson: x.Lesson}
	if x.Analysis != "" {
		w.Analysis, w.Analysed = x.Analysis, day
	}
	if i, err = r.Change(ctx, site.Default, demo.Actor, i.ID, i.Version, w); err != nil {
		return err
	}
	if x.Lesson != "" {
		if i, err = r.Publish(ctx, site.Default, demo.Actor, i.ID, i.Version, nil); err != nil {
			return err
		}
	}
	if x.Close {
		_, err = r.Close(ctx, site.Default, demo.Actor, i.ID, i.Version)
	}
	return err
}

// experience asks the patients of the demonstration, unless they were asked: the survey
// stays open, and the texts wait to be read.
func (d *demoLoad) experience(ctx context.Context, all []demo.Experience, until time.Time) error {
	const asked, version = "https://radagora.org/fhir/Questionnaire/patient-experience", "0.1"
	desk := d.house.Surveys
	there, err := desk.Surveys(ctx, site.Default)
	if err != nil || len(there) > 0 || len(all) == 0 {
		return err
	}
	s, err := desk.Make(ctx, site.Default, asked, version, survey.Anonymous, survey.Plan{
		Title: "Patient experience " + until.Format("2006"), Purpose: "We want to know how the examination was for you, and to do better.",
		DeleteOn: d.house.Now().AddDate(1, 0, 0).Format(time.DateOnly), Link: true, Live: true, Whole: 120,
	}, demo.Actor)
	if err != nil {
		return err
	}
	_, link, err := desk.Start(ctx, site.Default, s.ID, demo.Actor)
	if err != nil {
		return err
	}
	for _, x := range all {
		if _, err := desk.Knock(ctx, link); err != nil {
			return err
		}
		answer, err := desk.Begin(ctx, link, "en")
		if err != nil {
			return err
		}
		edits := []form.Edit{{Path: "PX9", Texts: []string{x.Words}}}
		for i, digit := range x.Answers {
			edits = append(edits, form.Edit{Path: fmt.Sprintf("PX%d", i+1), Texts: []string{strconv.Itoa(int(digit - '1'))}})
		}
		if _, err := desk.Save(ctx, answer, 1, edits, true); err != nil {
			return fmt.Errorf("demo/decision: experience %s: %w", x.Answers, err)
		}
	}
	return nil
}

// assessed answers the digital-maturity self-assessment of the demonstration, unless there
// is one already. It stays open.
func (d *demoLoad) assessed(ctx context.Context, all []demo.Rated, until time.Time) error {
	book := d.house.Maturity
	there, err := book.List(ctx, site.Default, maturity.Digital)
	if err != nil || len(there) > 0 || len(all) == 0 {
		return err
	}
	a, err := book.Open(ctx, site.Default, demo.Actor, maturity.Start{Kind: maturity.Digital, Name: until.Format("2006")})
	if err != nil {
		return err
	}
	given := make([]maturity.Given, len(all))
	for i, x := range all {
		given[i] = maturity.Given{Item: x.Item, Answer: x.Answer, Reason: x.Reason}
	}
	return book.Answer(ctx, site.Default, demo.Actor, maturity.Digital, a.ID, given)
}

// demoProtocol is where the levels of the demonstration stand: nowhere.
const demoProtocol = "made up for demonstration"

// machines enters the machines of the demonstration with their tests, unless there are
// machines already.
func (d *demoLoad) machines(ctx context.Context, all []demo.Machine, tests []demo.Tested, until time.Time) error {
	r := d.house.Equipment
	there, err := r.Devices(ctx, site.Default)
	if err != nil || len(there) > 0 {
		return err
	}
	plan, err := d.house.Sites.Plan(ctx, d.house.DB, site.Default)
	if err != nil {
		return err
	}
	sends := map[string]string{}
	for _, room := range plan.Rooms {
		for _, m := range room.Machines {
			sends[m.Serial] = m.ID
		}
	}
	day := func(back int) string { return until.AddDate(0, 0, -back).Format(time.DateOnly) }
	ids := map[string]string{}
	for _, m := range all {
		x := equipment.Device{Name: m.Name, Group: m.Group, Year: m.Year, Status: equipment.Active, Accepted: day(m.Accepted), Contract: m.Contract}
		if m.Serial != "" {
			x.Serial, x.Machine = m.Serial, sends[m.Serial]
		}
		if m.HasEnd {
			x.ContractEnds = day(m.Ends)
		}
		if m.HasRenew {
			x.Renewal = day(m.Renewal)
		}
		kept, wrong, err := r.Keep(ctx, site.Default, demo.Actor, x)
		if err == nil && len(wrong) > 0 {
			err = fault.Errorf(fault.Invalid, "%s: %s", wrong[0].Field, wrong[0].Rule)
		}
		if err != nil {
			return fmt.Errorf("demo/decision: machine %s: %w", m.Name, err)
		}
		ids[m.Name] = kept.ID
	}
	for _, t := range slices.Backward(tests) { // the latest stand first
		if t.Action != "" {
			l := equipment.Levels{Sense: equipment.Sense(t.Sense), Action: t.Action, Suspension: t.Suspension, Source: demoProtocol}
			if err := r.SetLevels(ctx, site.Default, demo.Actor, ids[t.Machine], t.Test, l); err != nil {
				return err
			}
		}
		if _, err := r.Record(ctx, site.Default, equipment.Result{
			Device: ids[t.Machine], Test: t.Test, Done: day(t.Back), Value: t.Value, Verdict: equipment.Verdict(t.Verdict), By: demo.Actor,
		}); err != nil {
			return fmt.Errorf("demo/decision: test %s of %s: %w", t.Test, t.Machine, err)
		}
	}
	return r.Judge(ctx, site.Default)
}
