package main

import (
	"cmp"
	"context"

	"radagora/incident"
	"radagora/web"
	"radagora/web/face"
)

// An incidentView answers the pages of the register of incidents.
type incidentView struct{ *view }

var _ web.Incidents = incidentView{}

// trendMonths is how many months the page shows.
const trendMonths = 12

// words are the codes of the content, in a language.
func (v incidentView) words(language string) (w web.IncidentWords, err error) {
	for _, x := range []struct {
		of   func(string, string) ([]incident.Word, error)
		into *[]face.Choice
	}{{v.house.Incidents.Kinds, &w.Kinds}, {v.house.Incidents.Severities, &w.Severities}, {v.house.Incidents.Causes, &w.Causes}} {
		all, err := x.of(at, language)
		if err != nil {
			return w, err
		}
		for _, one := range all {
			*x.into = append(*x.into, face.Choice{Code: one.Code, Label: one.Label})
		}
	}
	return w, nil
}

// IncidentForm implements web.Incidents.
func (v incidentView) IncidentForm(ctx context.Context, language string) (f web.IncidentForm, err error) {
	if f.Words, err = v.words(language); err != nil {
		return f, err
	}
	p, err := v.Sites.Plan(ctx, v.DB, at)
	if err != nil {
		return f, err
	}
	for _, room := range p.Rooms {
		f.Rooms = append(f.Rooms, face.Choice{Code: room.ID, Label: room.Name})
	}
	return f, nil
}

// IncidentReport implements web.Incidents.
func (v incidentView) IncidentReport(ctx context.Context, by web.Person, r web.IncidentReport) (string, error) {
	i, err := v.house.Incidents.Take(ctx, at, incident.Report{
		Words: r.Words, Kind: r.Kind, Sort: r.Sort, Harmed: r.Harmed, Room: r.Room, Place: r.Place, When: r.When, Secret: r.Anonymous, Account: by.ID,
	})
	if err != nil {
		return "", err
	}
	return i.Name(), nil
}

// Incidents implements web.Incidents.
func (v incidentView) Incidents(ctx context.Context, language string) (pg web.IncidentsPage, err error) {
	if pg.Words, err = v.words(language); err != nil {
		return pg, err
	}
	all, err := v.house.Incidents.List(ctx, at)
	if err != nil {
		return pg, err
	}
	for n := range all {
		i := &all[n]
		line := web.IncidentLine{ID: i.ID, Name: i.Name(), State: i.State, Happened: day(i.Happened), Kind: i.Kind, Sort: i.Sort, Severity: i.Work.Severity, Anonymous: i.Anonymous}
		if i.Work.NotifiedAt == "" && i.State != incident.Aside {
			line.Due = i.Work.Due
			line.Overdue = !line.Due.IsZero() && v.Now().After(line.Due)
		}
		pg.Lines = append(pg.Lines, line)
	}
	t, err := v.house.Incidents.Trend(ctx, at, trendMonths)
	if err != nil {
		return pg, err
	}
	pg.N, pg.Examinations, pg.Centre, pg.Known = t.N, t.Examinations, t.Centre, t.Known
	for _, m := range t.Months {
		pg.Months = append(pg.Months, web.IncidentMonth{Month: day(m.Month + "-01"), N: m.N, Near: m.Near, Examinations: m.Examinations, Rate: m.Rate, High: m.High, Known: m.Known, Above: m.Above})
	}
	return pg, nil
}

// Incident implements web.Incidents.
func (v incidentView) Incident(ctx context.Context, language, id string) (pg web.IncidentPage, err error) {
	i, err := v.house.Incidents.Find(ctx, v.DB, at, id)
	if err != nil {
		return pg, err
	}
	if pg.Codes, err = v.words(language); err != nil {
		return pg, err
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return pg, err
	}
	criteria, err := v.house.Incidents.Criteria(ctx, at)
	if err != nil {
		return pg, err
	}
	for _, c := range criteria {
		if !c.Ended || c.ID == i.Work.Criterion {
			pg.Criteria = append(pg.Criteria, face.Choice{Code: c.ID, Label: c.Words + " (" + c.Source + ")"})
		}
	}
	p, err := v.plan(ctx)
	if err != nil {
		return pg, err
	}
	w := i.Work
	pg.IncidentReport = web.IncidentReport{Words: i.Report.Words, Kind: i.Kind, Sort: i.Sort, Harmed: i.Harmed, Place: i.Report.Place, When: i.Report.When, Anonymous: i.Anonymous}
	if i.Report.Room != "" {
		pg.Room = p.ref(i.Report.Room).Name
	}
	pg.ID, pg.Name, pg.State, pg.Version, pg.Reporter, pg.Day = i.ID, i.Name(), i.State, i.Version, cmp.Or(names[i.Reporter], i.Reporter), day(i.Day)
	pg.Missing, pg.Due, pg.Published = w.Missing(), w.Due, w.Published
	pg.Work = web.IncidentWork{
		Severity: w.Severity, Causes: w.Causes, CauseWords: w.CauseWords, Significant: w.Significant, Criterion: w.Criterion, CriterionWhy: w.CriterionWhy, Known: w.Known,
		Expert: w.Expert, ExpertDay: w.ExpertDay, NotifiedAt: w.NotifiedAt, NotifiedTo: w.NotifiedTo, Dose: w.Dose, DoseDay: w.DoseDay, DoseBy: w.DoseBy,
		Analysis: w.Analysis, Analysed: w.Analysed, Lesson: w.Lesson,
	}
	for _, whom := range incident.Recipients() {
		told := web.IncidentTold{Whom: whom}
		for _, t := range w.Told {
			if t.Whom == whom {
				told = web.IncidentTold(t)
			}
		}
		pg.Work.Told = append(pg.Work.Told, told)
	}
	for _, a := range w.Actions {
		pg.Work.Actions = append(pg.Work.Actions, web.IncidentAction(a))
	}
	for _, s := range i.Steps {
		pg.Steps = append(pg.Steps, web.IncidentStep{Kind: s.Kind, Fields: s.Fields, Reason: s.Reason, By: cmp.Or(names[s.By], s.By), At: s.At, Day: day(s.Day)})
	}
	return pg, nil
}

// IncidentChange implements web.Incidents.
func (v incidentView) IncidentChange(ctx context.Context, by web.Person, id string, version int, f web.IncidentWork) error {
	i, err := v.house.Incidents.Find(ctx, v.DB, at, id)
	if err != nil {
		return err
	}
	w := i.Work
	w.Severity, w.Causes, w.CauseWords, w.Significant, w.Criterion, w.CriterionWhy, w.Known = f.Severity, f.Causes, f.CauseWords, f.Significant, f.Criterion, f.CriterionWhy, f.Known
	w.Expert, w.ExpertDay, w.NotifiedAt, w.NotifiedTo, w.Dose, w.DoseDay, w.DoseBy = f.Expert, f.ExpertDay, f.NotifiedAt, f.NotifiedTo, f.Dose, f.DoseDay, f.DoseBy
	w.Analysis, w.Analysed, w.Lesson = f.Analysis, f.Analysed, f.Lesson
	w.Told, w.Actions = nil, nil
	for _, t := range f.Told {
		w.Told = append(w.Told, incident.Told(t))
	}
	for _, a := range f.Actions {
		w.Actions = append(w.Actions, incident.Action(a))
	}
	_, err = v.house.Incidents.Change(ctx, at, by.ID, id, version, w)
	return err
}

// IncidentMove implements web.Incidents.
func (v incidentView) IncidentMove(ctx context.Context, by web.Person, id string, version int, do, reason string) error {
	r := v.house.Incidents
	var err error
	switch do {
	case "close":
		_, err = r.Close(ctx, at, by.ID, id, version)
	case "reopen":
		_, err = r.Reopen(ctx, at, by.ID, id, version, reason)
	case "aside":
		_, err = r.SetAside(ctx, at, by.ID, id, version, reason)
	case "unpublish":
		_, err = r.Unpublish(ctx, at, by.ID, id, version)
	case "publish":
		i, e := r.Find(ctx, v.DB, at, id)
		if e != nil {
			return e
		}
		known, e := v.patientWords(ctx, i)
		if e != nil {
			return e
		}
		_, err = r.Publish(ctx, at, by.ID, id, version, known)
	default:
		return notFound("what to do")
	}
	return err
}

// IncidentCriterion implements web.Incidents.
func (v incidentView) IncidentCriterion(ctx context.Context, by web.Person, words, source, unit string, clock int) error {
	_, err := v.house.Incidents.AddCriterion(ctx, at, by.ID, incident.Criterion{Words: words, Source: source, Unit: unit, Clock: clock})
	return err
}

// IncidentBoard implements web.Incidents.
func (v incidentView) IncidentBoard(ctx context.Context, language string) (pg web.IncidentBoard, err error) {
	if pg.Words, err = v.words(language); err != nil {
		return pg, err
	}
	all, err := v.house.Incidents.Board(ctx, at)
	for _, l := range all {
		pg.Lessons = append(pg.Lessons, web.IncidentLesson{Words: l.Words, Kind: l.Kind, Sort: l.Sort, Day: day(l.Day)})
	}
	return pg, err
}
