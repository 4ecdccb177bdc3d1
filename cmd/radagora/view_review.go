package main

import (
	"context"
	"io"
	"strings"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/dose/review"
	"radagora/export"
	"radagora/fault"
	"radagora/finding"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// A reviewView shows cases and takes what people decide about them.
type reviewView struct{ *view }

// Cases implements web.Review.
func (v reviewView) Cases(ctx context.Context, language string, q web.CaseQuery) (web.CasesPage, error) {
	var page web.CasesPage
	today := v.Now().Format(time.DateOnly)
	f := review.Filter{Owner: q.Mine, Today: today, Live: q.Show == ""}
	if q.Show == "closed" {
		f.States = []review.State{review.Closed}
	}
	all, err := v.Review.Cases(ctx, at, f)
	if err != nil {
		return page, err
	}
	d, err := v.cases(ctx, language)
	if err != nil {
		return page, err
	}
	settings, err := review.LoadSettings(v.Content, at)
	if err != nil {
		return page, err
	}
	held := 0
	for _, c := range all {
		first := c.Legal || c.Substantial
		if q.Show == "" && q.Mine == "" && !first && c.State == review.Open {
			if held++; held > settings.DailyCap {
				page.Later++
				continue
			}
		}
		page.Cases = append(page.Cases, d.line(c))
	}
	if page.Bulk, err = d.bulk(ctx, all); err != nil {
		return page, err
	}
	if access.Can(ctx, access.ExaminationRead, access.Subject{Site: at}) {
		if page.Lines, err = d.lines(ctx); err != nil {
			return page, err
		}
	}
	page.Reports, err = v.reports(ctx)
	return page, err
}

// A caseView knows names of rooms, examinations and people.
type caseView struct {
	*view
	plan
	language string
	people   map[string]string
	choices  []face.Choice
}

// cases loads them.
func (v reviewView) cases(ctx context.Context, language string) (*caseView, error) {
	p, err := v.plan(ctx)
	if err != nil {
		return nil, err
	}
	people, err := v.people(ctx)
	if err != nil {
		return nil, err
	}
	d := &caseView{view: v.view, plan: p, language: language, people: map[string]string{}, choices: people}
	for _, one := range people {
		d.people[one.Code] = one.Label
	}
	return d, nil
}

// name returns who an account is.
func (d *caseView) name(id string) string {
	if n, ok := d.people[id]; ok {
		return n
	}
	return id
}

// line makes a line of a case.
func (d *caseView) line(c review.Case) web.CaseLine {
	return web.CaseLine{
		Number: c.Number, Room: d.ref(d.of(c.Machine)), Exam: d.words.exam(c.Exam, d.language).Label, Rule: c.Rule, Quantity: c.Quantity,
		Ratio: c.Ratio, State: string(c.State), Reason: string(c.Reason), Owner: d.name(c.Owner), Opened: time.UnixMilli(c.OpenedAt).UTC(),
		Day: day(c.Day), First: c.Legal || c.Substantial, Withdrawn: c.Withdrawn,
	}
}

// bulk groups live cases that may be justified together: of one rule in one room.
func (d *caseView) bulk(ctx context.Context, all []review.Case) ([]web.CaseGroup, error) {
	seenAt := map[[2]string]int{}
	var groups []web.CaseGroup
	var machines []string
	for _, c := range all {
		if c.Legal || c.Substantial || c.Withdrawn || c.State == review.Closed {
			continue
		}
		key := [2]string{c.Rule, c.Machine}
		i, seen := seenAt[key]
		if !seen {
			i = len(groups)
			seenAt[key] = i
			groups = append(groups, web.CaseGroup{Rule: c.Rule, Room: d.ref(d.of(c.Machine))})
			machines = append(machines, c.Machine)
		}
		if len(groups[i].Cases) < 200 {
			groups[i].Cases = append(groups[i].Cases, d.line(c))
		}
	}
	var out []web.CaseGroup
	for i, g := range groups {
		if len(g.Cases) < 2 {
			continue
		}
		var err error
		if g.Usual, err = d.Review.Usual(ctx, at, g.Rule, d.inRoom(machines[i])); err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}

// inRoom returns the machines that stand where one does.
func (d *caseView) inRoom(machine string) []string {
	all := []string{machine}
	if room, ok := d.RoomOf(machine); ok {
		for _, m := range room.Machines {
			if m.ID != machine {
				all = append(all, m.ID)
			}
		}
	}
	return all
}

// lines returns the early notices of the last weeks.
func (d *caseView) lines(ctx context.Context) ([]web.EarlyLine, error) {
	all, err := d.Review.Lines(ctx, at, d.Now().AddDate(0, 0, -14).Format(time.DateOnly))
	var out []web.EarlyLine
	for _, l := range all {
		out = append(out, web.EarlyLine{Examination: l.Study + "_" + l.Key, Room: d.ref(d.of(l.Machine)), Day: day(l.Day), Result: caseNumber(l.Result)})
	}
	return out, err
}

// caseNumber returns a result as pages show it.
func caseNumber(r review.Result) web.CaseNumber {
	return web.CaseNumber{
		Rule: r.Rule, Quantity: r.Quantity, Aggregation: string(r.Aggregation), Part: r.Part, Value: r.Value, Trigger: r.Trigger, Ratio: r.Ratio,
		Unit: r.Unit, Status: string(r.Status), Over: r.Over, Opens: r.Opens, Marks: r.Marks,
	}
}

// reports tells of the cases of the last year.
func (v reviewView) reports(ctx context.Context) ([]web.CaseReport, error) {
	all, err := v.Review.Report(ctx, at, v.Now().AddDate(-1, 0, 0).UnixMilli())
	var out []web.CaseReport
	for _, r := range all {
		if r.Cases == 0 {
			continue
		}
		out = append(out, web.CaseReport{
			Rule: r.Rule, Cases: r.Cases, Open: r.Open, Justified: r.Justified, With: r.WithAction, Prove: r.Proved,
			Wait: time.Duration(r.FirstReview) * time.Millisecond, TooOften: r.TooOften, Proposed: r.Proposed,
		})
	}
	return out, err
}

// Case implements web.Review.
func (v reviewView) Case(ctx context.Context, language string, number int64) (web.CasePage, error) {
	w, err := v.Review.Get(ctx, at, number)
	if err != nil {
		return web.CasePage{}, err
	}
	if w.Study != "" {
		study, err := uid.Parse(w.Study)
		if err != nil {
			return web.CasePage{}, err
		}
		if err := v.mayStudy(ctx, access.ExaminationRead, study); err != nil {
			return web.CasePage{}, err
		}
	}
	d, err := v.cases(ctx, language)
	if err != nil {
		return web.CasePage{}, err
	}
	settings, err := review.LoadSettings(v.Content, at)
	if err != nil {
		return web.CasePage{}, err
	}
	p := web.CasePage{
		CaseLine: d.line(w.Case), Version: w.Finding.Version, Weight: w.Data.Weight, Region: w.Data.Region, Intervention: w.Data.Intervention,
		Set: w.Set, Source: w.Finding.Reference.Source, Substantial: w.Substantial, Legal: w.Legal, OwnerID: w.Owner, Due: w.Due, People: d.choices,
		SnoozedTo: w.SnoozedTo, SnoozedWhy: w.SnoozedWhy, Check: web.CaseCheck(w.Check),
		Form: web.CaseForm{
			Size: w.Form.SizeConfirmed, Indication: w.Form.IndicationConfirmed, Cause: w.Form.Cause, Justified: w.Form.Justified,
			Informed: w.Form.Informed, Reportable: w.Form.Reportable, Authority: w.Form.Authority, Deadline: w.Form.Deadline, Is: w.Intervention,
		},
	}
	if w.Study != "" {
		p.Examination = w.Study + "_" + w.Key
	}
	p.CheckFrom, p.CheckTo = settings.Appointment(w.Day)
	for _, r := range w.Data.Results {
		p.Numbers = append(p.Numbers, caseNumber(r))
		p.Incomplete = p.Incomplete || r.Opens && r.Status == review.Incomplete
	}
	if p.Usual, err = v.Review.Usual(ctx, at, w.Rule, d.inRoom(w.Machine)); err != nil {
		return p, err
	}
	if err := d.past(ctx, &p, w); err != nil {
		return p, err
	}
	if w.Study != "" {
		err = d.beside(ctx, &p, w)
	}
	return p, err
}

// previews is how many series a case shows pictures of.
const previews = 6

// beside adds what the program has of the examination of a case: its totals, pictures
// and the versions of the scanner protocols it was made with.
func (d *caseView) beside(ctx context.Context, p *web.CasePage, w review.Whole) error {
	s, err := d.Dose.Study(ctx, at, w.Study)
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			err = nil // its doses are gone
		}
		return err
	}
	totals := &doseView{view: d.view, q: web.DoseQuery{Modality: s.Modality, Language: d.language}}
	p.Totals = totals.totals(s, w.Key)
	for _, a := range s.Amounts {
		if a.Ordinal == 0 && a.Examination == w.Key && a.Corrected != nil {
			unit, factor := totals.read(a.Unit, s.Modality)
			p.Corrected = append(p.Corrected, web.CaseAmount{
				Quantity: string(a.Quantity), Unit: unit, Factor: a.Factor, Reported: *times(&a.Value, factor), Corrected: *times(a.Corrected, factor),
			})
		}
	}
	study, err := uid.Parse(w.Study)
	if err != nil {
		return err
	}
	if access.Can(ctx, access.ObjectRead, access.Subject{Site: at, Study: w.Study}) {
		if err := d.pictures(ctx, p, study); err != nil {
			return err
		}
	}
	return d.versions(ctx, p, s, w)
}

// pictures adds the first series of a study that can be drawn.
func (d *caseView) pictures(ctx context.Context, p *web.CasePage, study uid.UID) error {
	all, err := d.Archive.SeriesOf(ctx, at, study)
	if err != nil && fault.Of(err) != fault.NotFound {
		return err
	}
	for _, one := range all {
		if s := studySeries(study, one, d.plan); s.Preview != "" && len(p.Images) < previews {
			p.Images = append(p.Images, s)
		}
	}
	return nil
}

// versions adds the versions that held on the day of the examination.
func (d *caseView) versions(ctx context.Context, p *web.CasePage, s *dose.StoredStudy, w review.Whole) error {
	names := map[string]bool{}
	for _, e := range s.Events {
		if e.Examination == w.Key {
			names[value(e.Protocol)] = true
		}
	}
	all, err := d.Protocols.Versions(ctx, at, w.Machine)
	if err != nil {
		return err
	}
	for _, x := range all {
		if names[x.Protocol] && x.First <= w.Day && x.Last >= w.Day {
			p.Versions = append(p.Versions, web.CaseVersion{ID: protocolID(x.Key), Protocol: x.Protocol, Number: x.Number, Since: day(x.First)})
		}
	}
	return nil
}

// past adds what happened to a case so far.
func (d *caseView) past(ctx context.Context, p *web.CasePage, w review.Whole) error {
	for _, n := range w.History {
		p.History = append(p.History, web.CaseStep{At: n.At, Who: d.name(n.Actor), Step: n.Step, Text: n.Text})
	}
	for _, a := range w.Actions {
		p.Actions = append(p.Actions, web.CaseAction{ID: a.ID, Kind: a.Kind, Text: a.Text, Owner: d.name(a.Owner), Due: a.Due, Done: a.Done, Result: a.Result})
	}
	for _, c := range w.Same {
		p.Same = append(p.Same, d.line(c))
	}
	for _, c := range w.Earlier {
		study, err := uid.Parse(c.Study)
		if err != nil {
			return err
		}
		switch err := d.mayStudy(ctx, access.ExaminationRead, study); {
		case fault.Of(err) == fault.Forbidden && err != nil || fault.Of(err) == fault.NotFound && err != nil:
			continue // who may see one study of a person may not see all
		case err != nil:
			return err
		}
		p.Earlier = append(p.Earlier, d.line(c))
	}
	if e := w.Effect; e != nil {
		p.Effect = &web.CaseEffect{
			Quantity: string(e.Quantity), Ratio: e.Ratio, Low: e.Low, High: e.High, Interval: e.Interval, Before: e.Before.N, After: e.After.N,
		}
	}
	return nil
}

// Decide implements web.Review.
func (v reviewView) Decide(ctx context.Context, c web.CaseDecision) error {
	d := review.Decision{
		Number: c.Number, Version: c.Version, Reason: review.Reason(c.Reason), Words: c.Words,
		Form: &review.Form{
			SizeConfirmed: c.Size, IndicationConfirmed: c.Indication, Cause: c.Cause, Justified: c.Justified, Informed: c.Informed,
			Reportable: c.Reportable, Authority: c.Authority, Deadline: c.Deadline,
		},
		Owner: &c.Owner, Due: &c.Due,
	}
	if c.State != "" {
		state := review.State(c.State)
		d.State = &state
	}
	if c.Is != "" {
		d.Intervention = &c.Is
	}
	if c.ActionKind != "" {
		d.Action = &finding.Action{Kind: c.ActionKind, Text: c.ActionText, Owner: c.Owner, Due: c.ActionDue}
	}
	return v.Review.Decide(ctx, at, d)
}

// Check implements web.Review.
func (v reviewView) Check(ctx context.Context, number int64, c web.CaseCheck) error {
	return v.Review.SetCheck(ctx, at, number, review.Check(c))
}

// Done implements web.Review.
func (v reviewView) Done(ctx context.Context, number int64, action, day, result string) error {
	return v.Review.Done(ctx, at, number, action, day, result)
}

// Report implements web.Review.
func (v reviewView) Report(ctx context.Context, w io.Writer) error {
	all, err := v.Review.Report(ctx, at, v.Now().AddDate(-1, 0, 0).UnixMilli())
	if err != nil {
		return err
	}
	return export.CSV(w, caseReportTable(all))
}

// caseReportTable is the report of cases as a file has it, a row for each rule.
func caseReportTable(all []review.RuleReport) export.Table {
	return export.Table{
		Name: "dose_case_report", Title: "Cases", Layout: 1,
		Columns: []export.Column{
			{Name: "rule"},
			{Name: "cases", Kind: export.Integer},
			{Name: "open", Kind: export.Integer},
			{Name: "justified", Kind: export.Integer},
			{Name: "with_action", Kind: export.Integer},
			{Name: "with_proved_effect", Kind: export.Integer},
			{Name: "first_review_median_h", Unit: "h", Kind: export.Number},
			{Name: "asks_too_often", Kind: export.Boolean},
			{Name: "proposed_ratio", Kind: export.Number},
		},
		Rows: rowsOf(all, func(r review.RuleReport) []any {
			var wait, proposed *float64
			if r.FirstReview > 0 {
				hours := float64(r.FirstReview) / float64(time.Hour/time.Millisecond)
				wait = &hours
			}
			if r.TooOften {
				proposed = &r.Proposed
			}
			return []any{r.Rule, r.Cases, r.Open, r.Justified, r.WithAction, r.Proved, wait, r.TooOften, proposed}
		}),
	}
}

// Snooze implements web.Review.
func (v reviewView) Snooze(ctx context.Context, number int64, to, why string) error {
	return v.Review.Snooze(ctx, at, number, to, why)
}

// Justify implements web.Review.
func (v reviewView) Justify(ctx context.Context, numbers []int64, words string) (string, error) {
	return v.Review.JustifyAll(ctx, at, numbers, words)
}

// Undo implements web.Review.
func (v reviewView) Undo(ctx context.Context, batch string) error {
	_, err := v.Review.Undo(ctx, at, batch)
	return err
}

// Rules implements web.Review.
func (v reviewView) Rules(ctx context.Context) ([]web.CaseRule, []web.CumulativeCount, error) {
	country, err := v.country(ctx, at)
	if err != nil {
		return nil, nil, err
	}
	rules, err := caseRules(v.Content, country)
	if err != nil {
		return nil, nil, err
	}
	counts, err := v.Review.Cumulatives(ctx, at)
	all := make([]web.CumulativeCount, len(counts))
	for i, c := range counts {
		all[i] = web.CumulativeCount{
			Rule: c.Rule, Years: c.Years, Persons: c.Persons, Above: c.Above, Examinations: c.Examinations, Estimated: c.Estimated, Day: day(c.Day),
		}
	}
	return rules, all, err
}

// caseRules returns the rules as pages show them.
func caseRules(library *content.Library, country string) ([]web.CaseRule, error) {
	all, _, err := review.LoadRules(library, at)
	out := make([]web.CaseRule, len(all))
	for i, r := range all {
		out[i] = web.CaseRule{
			ID: r.ID, Set: r.Set, Quantity: r.Named, Aggregation: string(r.Aggregation), Meaning: r.Meaning, Status: string(r.Status),
			Source: r.Source, Unit: r.Unit, Value: r.Value, Legal: r.Legal,
		}
		if r.Country != "" && r.Country != country {
			out[i].Status = "elsewhere"
		}
	}
	return out, err
}

// Drift implements web.Review.
func (v reviewView) Drift(ctx context.Context, language, machine, exam, quantity string) (web.DriftPage, error) {
	var page web.DriftPage
	since := v.Now().AddDate(-2, 0, 0).Format(time.DateOnly)
	all, err := v.Review.Watched(ctx, at, since)
	if err != nil {
		return page, err
	}
	d, err := v.cases(ctx, language)
	if err != nil {
		return page, err
	}
	for _, w := range all {
		l := web.DriftLine{
			Machine: w.Machine, Exam: w.Exam, Quantity: string(w.Quantity), N: w.N, Label: d.words.exam(w.Exam, language).Label, Room: d.ref(d.of(w.Machine)),
		}
		page.Watched = append(page.Watched, l)
		if w.Machine == machine && w.Exam == exam && string(w.Quantity) == quantity {
			page.Open = &l
		}
	}
	if page.Open == nil {
		return page, nil
	}
	c, err := v.Review.Chart(ctx, at, machine, exam, dose.Quantity(quantity), since)
	if err != nil {
		return page, err
	}
	page.Enough = c.Enough
	if first, drifting := c.Drifting(); drifting {
		page.Since = day(first.Day)
	}
	if c.Enough {
		page.Trend = d.trend(language, c)
		err = d.markers(ctx, language, &page.Trend, c)
	}
	return page, err
}

// trend draws a control chart by months: the average as it stood after the last
// examination of each, and the limits it ends in.
func (d *caseView) trend(language string, c review.Chart) face.Trend {
	p := d.catalogue.Printer(language)
	last := c.Points[len(c.Points)-1]
	quantity := p.T("quantity." + string(c.Quantity))
	t := face.Trend{
		Chart:    face.Chart{ID: "drift", Title: p.T("nav.drift"), Text: p.T("drift.text")},
		Quantity: quantity, Unit: c.Unit,
		Limits: &face.Limits{Low: last.Low, High: last.High, Name: p.T("drift.limits")},
	}
	line := face.Series{Label: p.T("drift.average")}
	for _, pt := range c.Points {
		on := day(pt.Day)
		month := time.Date(on.Year(), on.Month(), 1, 0, 0, 0, 0, time.UTC)
		if n := len(line.Points); n == 0 || !line.Points[n-1].Month.Equal(month) {
			line.Points = append(line.Points, face.Point{Month: month})
		}
		point := &line.Points[len(line.Points)-1]
		point.N, point.Value, point.Low, point.High = point.N+1, pt.Average, pt.Average, pt.Average
	}
	t.Series, t.From = []face.Series{line}, line.Points[0].Month
	end := line.Points[len(line.Points)-1].Month
	t.Months = (end.Year()-t.From.Year())*12 + int(end.Month()-t.From.Month()) + 1
	return t
}

// markers adds what may explain a change: new software and calibrations of the machine.
func (d *caseView) markers(ctx context.Context, language string, t *face.Trend, c review.Chart) error {
	p := d.catalogue.Printer(language)
	mark := func(on, label string) {
		if when := day(on); when.After(t.From) && on != "" {
			t.Markers = append(t.Markers, face.Marker{At: when, Label: label})
		}
	}
	for _, room := range d.Rooms {
		for _, m := range room.Machines {
			if m.ID != c.Machine {
				continue
			}
			for _, s := range m.Software {
				mark(s.FirstDay, p.T("drift.software", lang.Args{"version": strings.TrimSpace(s.Value)}))
			}
		}
	}
	all, err := d.Dose.Calibrations(ctx, at)
	for _, k := range all {
		if k.Machine == c.Machine && k.RevokedAt == 0 {
			mark(k.From, p.T("drift.calibration"))
		}
	}
	return err
}
