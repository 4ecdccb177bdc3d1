package web

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Incidents is the register of what went wrong or nearly did.
type Incidents interface {
	// IncidentForm returns what a report can be made of.
	IncidentForm(ctx context.Context, language string) (IncidentForm, error)
	// IncidentReport keeps a report and returns its number. Of an anonymous one nothing
	// of by is kept. Invalid: said to whoever typed it.
	IncidentReport(ctx context.Context, by Person, r IncidentReport) (number string, err error)
	Incidents(ctx context.Context, language string) (IncidentsPage, error)
	Incident(ctx context.Context, language, id string) (IncidentPage, error)
	// IncidentChange keeps what those responsible found and did.
	IncidentChange(ctx context.Context, by Person, id string, version int, w IncidentWork) error
	// IncidentMove closes, reopens, sets aside, publishes or unpublishes.
	IncidentMove(ctx context.Context, by Person, id string, version int, do, reason string) error
	// IncidentCriterion keeps a national criterion of significance. clock is in unit, day
	// or hour; 0 is as soon as possible.
	IncidentCriterion(ctx context.Context, by Person, words, source, unit string, clock int) error
	IncidentBoard(ctx context.Context, language string) (IncidentBoard, error)
}

// IncidentWords are codes of the content with their labels.
type IncidentWords struct{ Kinds, Severities, Causes []face.Choice }

// label returns the label of a code, the code itself if there is none.
func label(all []face.Choice, code string) string {
	for _, c := range all {
		if c.Code == code {
			return c.Label
		}
	}
	return code
}

// An IncidentForm is what a report can be made of.
type IncidentForm struct {
	Words IncidentWords
	Rooms []face.Choice
}

// An IncidentReport is what somebody says happened.
type IncidentReport struct {
	Words, Kind, Sort, Harmed, Room, Place, When string
	Anonymous                                    bool
}

// An IncidentsPage is the register.
type IncidentsPage struct {
	Words           IncidentWords
	Lines           []IncidentLine
	Months          []IncidentMonth
	N, Examinations int
	Centre          float64 // per 10 000 examinations
	Known           bool
}

// An IncidentLine is one incident in the register.
type IncidentLine struct {
	ID, Name, State, Kind, Sort, Severity string
	Happened                              time.Time
	Due                                   time.Time // of the notification that is still to be made
	Overdue, Anonymous                    bool
}

// An IncidentMonth is a month of a u-chart, per 10 000 examinations.
type IncidentMonth struct {
	Month                 time.Time
	N, Near, Examinations int
	Rate, High            float64
	Known, Above          bool
}

// An IncidentPage is one incident.
type IncidentPage struct {
	IncidentReport
	Codes               IncidentWords
	Criteria            []face.Choice
	ID, Name, State     string
	Reporter, Published string
	Version             int
	Day                 time.Time
	Due                 time.Time
	Work                IncidentWork
	Missing             []string // codes
	Steps               []IncidentStep
}

// IncidentWork is what those responsible found and did, as they type it.
type IncidentWork struct {
	Severity, CauseWords, Significant, Criterion, CriterionWhy, Known string
	Causes                                                            []string
	Expert, ExpertDay, NotifiedAt, NotifiedTo                         string
	Dose, DoseDay, DoseBy, Analysis, Analysed, Lesson                 string
	Told                                                              []IncidentTold
	Actions                                                           []IncidentAction
}

// IncidentTold says that somebody was told, or why not.
type IncidentTold struct{ Whom, Day, By, Why string }

// An IncidentAction is what somebody does about it.
type IncidentAction struct{ ID, Words, Owner, Due, Done, Result string }

// An IncidentStep is what was done with an incident.
type IncidentStep struct {
	Kind       string
	Fields     []string
	Reason, By string
	At, Day    time.Time
}

// An IncidentBoard is what everybody may learn.
type IncidentBoard struct {
	Words   IncidentWords
	Lessons []IncidentLesson
}

// An IncidentLesson is one of them.
type IncidentLesson struct {
	Words, Kind, Sort string
	Day               time.Time
}

// incidentsAt is the address of the register.
const incidentsAt = "/quality/incidents"

// The addresses of a report and of the board.
const (
	incidentReportAt = incidentsAt + "/report"
	incidentBoardAt  = incidentsAt + "/board"
)

// incidentRoutes are the addresses of incidents.
func (s *server) incidentRoutes(g registrar) {
	if s.Incidents == nil {
		return
	}
	g.get(incidentsAt, access.IncidentRead, s.incidentList)
	g.get(incidentReportAt, access.IncidentReport, s.incidentBegin)
	g.post(incidentReportAt, access.IncidentReport, s.incidentReport)
	g.get(incidentBoardAt, access.IncidentReport, s.incidentBoard)
	g.post(incidentsAt+"/criteria", access.IncidentTriage, s.incidentCriterion)
	g.get(incidentsAt+"/of/{id}", access.IncidentRead, s.incidentPage)
	g.post(incidentsAt+"/of/{id}", access.IncidentTriage, s.incidentChange)
	g.post(incidentsAt+"/of/{id}/move", access.IncidentTriage, s.incidentMove)
}

// incidentAt is the address of an incident.
func incidentAt(id string) string { return incidentsAt + "/of/" + url.PathEscape(id) }

// incidentList shows the register.
func (s *server) incidentList(v *visit) error { return s.showIncidents(v, "") }

func (s *server) showIncidents(v *visit, why string) error {
	pg, err := s.Incidents.Incidents(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	p := page{title: v.p.T("incident.title"), lead: v.p.T("incident.lead"), section: incidentsAt}
	if why != "" {
		p.status = 400
	}
	return v.show(p, incidentsBody(v, pg, why))
}

// incidentBegin shows the form of a report.
func (s *server) incidentBegin(v *visit) error { return s.showReport(v, IncidentReport{}, "") }

func (s *server) showReport(v *visit, r IncidentReport, why string) error {
	f, err := s.Incidents.IncidentForm(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	p := page{title: v.p.T("incident.report"), lead: v.p.T("incident.report_lead"), section: incidentReportAt}
	if why != "" {
		p.status = 400
	}
	return v.show(p, incidentReportBody(v, f, r, why))
}

// incidentReport keeps a report.
func (s *server) incidentReport(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	r := IncidentReport{
		Words: v.field("words"), Kind: v.field("kind"), Sort: v.field("sort"), Harmed: v.field("harmed"), Room: v.field("room"), Place: v.field("place"),
		When: v.field("when"), Anonymous: v.field("anonymous") != "",
	}
	_, err := s.Incidents.IncidentReport(v.r.Context(), v.who, r)
	if why := said(err); why != "" {
		return s.showReport(v, r, why)
	}
	if err != nil {
		return err
	}
	return v.back(incidentReportAt, "incident_reported")
}

// incidentBoard shows what everybody may learn.
func (s *server) incidentBoard(v *visit) error {
	pg, err := s.Incidents.IncidentBoard(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("incident.board"), lead: v.p.T("incident.board_lead"), section: incidentBoardAt}, incidentBoardBody(v, pg))
}

// incidentPage shows an incident.
func (s *server) incidentPage(v *visit) error { return s.showIncident(v, nil, "") }

func (s *server) showIncident(v *visit, typed *IncidentWork, why string) error {
	pg, err := s.Incidents.Incident(v.r.Context(), v.p.Tag(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if typed != nil {
		pg.Work = *typed
	}
	p := page{
		title: v.p.T("incident.one", lang.Args{"number": pg.Name}), lead: v.p.T("incident.state_" + pg.State), section: incidentsAt,
		crumbs: []crumb{{v.p.T("nav.incidents"), incidentsAt}},
	}
	if why != "" {
		p.status = 400
	}
	return v.show(p, incidentBody(v, pg, why))
}

// mostIncidentActions bounds the actions that are read of a form.
const mostIncidentActions = 60

// incidentChange keeps what was found and done.
func (s *server) incidentChange(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	w := IncidentWork{
		Severity: v.field("severity"), Causes: v.r.PostForm["cause"], CauseWords: v.field("cause_words"), Significant: v.field("significant"),
		Criterion: v.field("criterion"), CriterionWhy: v.field("criterion_why"), Known: v.field("known"), Expert: v.field("expert"), ExpertDay: v.field("expert_day"),
		NotifiedAt: v.field("notified_at"), NotifiedTo: v.field("notified_to"), Dose: v.field("dose"), DoseDay: v.field("dose_day"), DoseBy: v.field("dose_by"),
		Analysis: v.field("analysis"), Analysed: v.field("analysed"), Lesson: v.field("lesson"),
	}
	for _, whom := range []string{"referrer", "practitioner", "patient"} {
		w.Told = append(w.Told, IncidentTold{whom, v.field("told_" + whom), v.field("told_by_" + whom), v.field("told_why_" + whom)})
	}
	for n := range mostIncidentActions {
		at := func(name string) string { return v.field(incidentField(n, name)) }
		if a := (IncidentAction{at("id"), at("words"), at("owner"), at("due"), at("done"), at("result")}); a.Words != "" || a.Owner != "" {
			w.Actions = append(w.Actions, a)
		}
	}
	err := s.Incidents.IncidentChange(v.r.Context(), v.who, v.r.PathValue("id"), v.version(), w)
	if why := said(err); why != "" {
		return s.showIncident(v, &w, why)
	}
	if err != nil {
		return err
	}
	return v.back(incidentAt(v.r.PathValue("id")), "incident_saved")
}

// version is the one that a form was made of; 0 if it says none.
func (v *visit) version() int {
	n, err := strconv.Atoi(v.field("version"))
	if err != nil {
		return 0
	}
	return n
}

// incidentField is the name of a field of an action.
func incidentField(n int, name string) string { return fmt.Sprintf("action%d-%s", n, name) }

// incidentMove closes, reopens, sets aside or publishes.
func (s *server) incidentMove(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	err := s.Incidents.IncidentMove(v.r.Context(), v.who, v.r.PathValue("id"), v.version(), v.field("do"), v.field("reason"))
	if why := said(err); why != "" {
		return s.showIncident(v, nil, why)
	}
	if err != nil {
		return err
	}
	return v.back(incidentAt(v.r.PathValue("id")), "incident_saved")
}

// incidentCriterion keeps a national criterion.
func (s *server) incidentCriterion(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	clock, err := strconv.Atoi(orElse(v.field("clock"), "0"))
	if err != nil {
		return s.showIncidents(v, v.p.T("incident.clock_wrong"))
	}
	err = s.Incidents.IncidentCriterion(v.r.Context(), v.who, v.field("words"), v.field("source"), v.field("unit"), clock)
	if why := said(err); why != "" {
		return s.showIncidents(v, why)
	}
	if err != nil {
		return err
	}
	return v.back(incidentsAt, "incident_saved")
}

// incidentChoices are words of a list of codes.
func (v *visit) incidentChoices(prefix string, codes ...string) []face.Choice {
	return v.worded("incident."+prefix, codes...)
}

// incidentTable is the register as a table.
func (v *visit) incidentTable(pg IncidentsPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "incidents", Caption: p.T("incident.title"), Empty: face.Nothing(p.T("incident.none"), p.T("incident.none_text")),
		Columns: []face.Column{
			{Label: p.T("incident.number"), Phone: face.Name},
			{Label: p.T("incident.happened")},
			{Label: p.T("incident.kind")},
			{Label: p.T("incident.severity")},
			{Label: p.T("incident.state"), Phone: face.Beside},
			{Label: p.T("incident.due")},
		},
	}
	for _, l := range pg.Lines {
		due := "–"
		if !l.Due.IsZero() {
			due = p.DateTime(v.local(l.Due))
			if l.Overdue {
				due += " · " + p.T("incident.overdue")
			}
		}
		t.Rows = append(t.Rows, face.Row{ID: l.ID, Href: incidentAt(l.ID), Cells: []templ.Component{
			face.Words(l.Name, ""), face.Words(p.Date(l.Happened), ""), face.Words(orElse(label(pg.Words.Kinds, l.Kind), "–"), v.incidentSort(l.Sort)),
			face.Words(orElse(label(pg.Words.Severities, l.Severity), "–"), ""), face.Words(p.T("incident.state_"+l.State), ""), face.Words(due, ""),
		}})
	}
	return t
}

// incidentSort says whether something happened or nearly did.
func (v *visit) incidentSort(sort string) string {
	if sort == "" {
		return ""
	}
	return v.p.T("incident.sort_" + sort)
}

// incidentMonths is the trend as a table.
func (v *visit) incidentMonths(pg IncidentsPage) face.Table {
	p := v.p
	t := face.Table{ID: "months", Caption: p.T("incident.trend"), Dense: true, Columns: []face.Column{
		{Label: p.T("incident.month"), Phone: face.Name},
		{Label: p.T("incident.n"), Numeric: true, Phone: face.Beside},
		{Label: p.T("incident.near"), Numeric: true},
		{Label: p.T("incident.examinations"), Numeric: true},
		{Label: p.T("incident.rate"), Numeric: true},
		{Label: p.T("incident.limit"), Numeric: true},
	}}
	for _, m := range slices.Backward(pg.Months) {
		rate, high := "–", "–"
		if m.Known {
			rate, high = p.Number(m.Rate, 1), p.Number(m.High, 1)
		}
		above := ""
		if m.Above {
			above = p.T("incident.above")
		}
		t.Rows = append(t.Rows, face.Row{Cells: []templ.Component{
			face.Words(m.Month.Format("2006-01"), ""), face.Words(p.Count(int64(m.N)), ""), face.Words(p.Count(int64(m.Near)), ""),
			face.Words(p.Count(int64(m.Examinations)), ""), face.Words(rate, above), face.Words(high, ""),
		}})
	}
	return t
}

// incidentFacts are what was reported.
func (v *visit) incidentFacts(pg IncidentPage) []face.Fact {
	p := v.p
	who := pg.Reporter
	if pg.Anonymous {
		who = p.T("incident.nobody")
	}
	facts := []face.Fact{
		{Label: p.T("incident.words"), Value: orElse(pg.Words, "–"), Origin: p.Date(pg.Day) + ", " + who},
		{Label: p.T("incident.when"), Value: orElse(pg.When, "–")},
		{Label: p.T("incident.kind"), Value: orElse(label(pg.Codes.Kinds, pg.Kind), "–"), Origin: v.incidentSort(pg.Sort)},
		{Label: p.T("incident.room"), Value: orElse(pg.Room, orElse(pg.Place, "–"))},
		{Label: p.T("incident.harmed"), Value: p.T("incident.answer_" + orElse(pg.Harmed, "unknown"))},
	}
	if !pg.Due.IsZero() {
		facts = append(facts, face.Fact{Label: p.T("incident.due"), Value: p.DateTime(v.local(pg.Due)), Origin: orElse(pg.Work.NotifiedAt, p.T("incident.not_yet"))})
	}
	return facts
}
