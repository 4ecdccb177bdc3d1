package web

import (
	"context"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/icalendar"
	"radagora/lang"
	"radagora/web/face"
)

// Year is the year of the quality programme: what is due, what was found, what improved.
// Of rooms whose register somebody may not read it says nothing.
type Year interface {
	Year(ctx context.Context, language string) (YearPage, error)
}

// A YearPage is how the programme of a year stands.
type YearPage struct {
	Year     int
	Today    time.Time
	Due      []YearDue // the first due first, those without a day last
	Found    []YearCount
	Improved []YearChange
	Base     string // how addresses begin in a calendar
}

// A YearDue is something that is to be done. It names no person.
type YearDue struct {
	ID      string // the same whenever it is the same
	Kind    string // audit, audit_action, audit_again, document, …
	Name    string // of what it is about
	Day     time.Time
	Overdue bool
	Path    string
}

// A YearCount is how often something was found.
type YearCount struct {
	Kind string
	N    int
	Of   int // 0 for no whole
	Path string
	Bad  bool // it wants somebody
}

// A YearChange is something that was measured twice.
type YearChange struct {
	Name          string
	Before, After string // as people read them, "" for nothing before
	Better        bool
	Known         bool // whether it is better
	Path          string
}

const (
	yearAt  = "/quality"
	mostDue = 200
)

func (s *server) yearRoutes(g registrar) {
	if s.Year == nil {
		return
	}
	g.get(yearAt, access.IncidentReport, s.yearPage)
	g.get(yearAt+"/calendar/export", access.IncidentReport, s.yearCalendar)
}

func (s *server) yearPage(v *visit) error {
	pg, err := s.Year.Year(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("year.title", lang.Args{"year": strconv.Itoa(pg.Year)}), lead: v.p.T("year.lead"), section: yearAt}, yearBody(v, pg))
}

// DueText says what is due in a language.
func DueText(p *lang.Printer, d YearDue) string {
	return p.T("year.kind_"+d.Kind, lang.Args{"name": d.Name})
}

// Events are what is due on a day, for a calendar.
func (pg YearPage) Events(p *lang.Printer) (all []icalendar.Event) {
	for _, d := range pg.Due {
		if !d.Day.IsZero() {
			all = append(all, icalendar.Event{UID: d.Kind + "-" + d.ID + "@radagora", Day: d.Day, Summary: DueText(p, d), URL: pg.Base + d.Path})
		}
	}
	return all
}

func (s *server) yearCalendar(v *visit) error {
	pg, err := s.Year.Year(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	return v.calendar("quality-"+pg.Today.Format(time.DateOnly)+".ics", "Radagora//quality", pg.Events(v.p))
}

// yearTable lists what is due.
func (v *visit) yearTable(pg YearPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "due", Caption: p.T("year.due"), Empty: face.Nothing(p.T("year.nothing_due"), p.T("year.nothing_due_text")),
		Columns: []face.Column{{Label: p.T("year.what"), Phone: face.Name}, {Label: p.T("year.day"), Phone: face.Beside}, {Label: p.T("year.state"), Phone: face.Drawn}},
	}
	for i, d := range pg.Due[:min(len(pg.Due), mostDue)] {
		state := ""
		switch {
		case d.Overdue:
			state = p.T("year.overdue")
		case !d.Day.IsZero() && d.Day.Before(pg.Today.AddDate(0, 0, 31)):
			state = p.T("year.soon")
		}
		t.Rows = append(t.Rows, face.Row{ID: "due-" + strconv.Itoa(i), Href: d.Path, Cells: []templ.Component{face.Words(DueText(p, d), ""), face.Words(v.dayOr(d.Day), ""), face.Words(state, "")}})
	}
	return t
}

// yearTiles are what was found.
func (v *visit) yearTiles(pg YearPage) (all []face.Tile) {
	for _, c := range pg.Found {
		t := face.Tile{Label: v.p.T("year.found_" + c.Kind), Value: v.p.Count(int64(c.N)), Href: c.Path}
		if c.Of > 0 {
			t.Basis = v.p.T("year.of", lang.Args{"n": c.Of})
		}
		if c.Bad && c.N > 0 {
			t.Tone = face.Attention
		}
		all = append(all, t)
	}
	return all
}

// yearChanges lists what was measured twice.
func (v *visit) yearChanges(pg YearPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "improved", Caption: p.T("year.improved"), Empty: face.Nothing(p.T("year.nothing_twice"), p.T("year.nothing_twice_text")),
		Columns: []face.Column{{Label: p.T("year.what"), Phone: face.Name}, {Label: p.T("year.before")}, {Label: p.T("year.after"), Phone: face.Beside}, {Label: p.T("year.change"), Phone: face.Drawn}},
	}
	for i, c := range pg.Improved {
		change := "–"
		if c.Known {
			change = p.T("year.not_better")
			if c.Better {
				change = p.T("year.better")
			}
		}
		t.Rows = append(t.Rows, face.Row{ID: "improved-" + strconv.Itoa(i), Href: c.Path, Cells: []templ.Component{face.Words(c.Name, ""), face.Words(orElse(c.Before, "–"), ""), face.Words(c.After, ""), face.Words(change, "")}})
	}
	return t
}
