package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/lang"
	"radagora/web/face"
)

// Staff knows who is qualified, appointed and trained.
type Staff interface {
	Staff(ctx context.Context) (StaffPage, error)
	// StaffAdd enters a record. Invalid: said to whoever typed it.
	StaffAdd(ctx context.Context, by Person, r StaffRecord) error
	StaffEnd(ctx context.Context, by Person, id string) error
	// StaffTrained notes a training of the team.
	StaffTrained(ctx context.Context, by Person, t StaffTraining) error
}

// A StaffRecord is a qualification or an appointment, as it is typed.
type StaffRecord struct{ Account, Name, Kind, Detail, From, Until string }

// A StaffTraining is one of the whole team, as it is typed.
type StaffTraining struct{ Day, Subject, Attended, Invited string }

// A StaffPage is who is qualified.
type StaffPage struct {
	Kinds     []string
	Accounts  []face.Choice
	Lines     []StaffLine
	Trainings []StaffTeam
	Expired   int
	Soon      int
	Ahead     time.Time // records that end until then end soon
}

// A StaffLine is one record.
type StaffLine struct {
	ID, Name, Kind, Detail, State string
	From, Until                   time.Time
}

// A StaffTeam is a training of the team.
type StaffTeam struct {
	Day               time.Time
	Subject           string
	Attended, Invited int
}

// peopleAt is the address of qualifications.
const peopleAt = "/quality/people"

// peopleRoutes are the addresses of qualifications.
func (s *server) peopleRoutes(g registrar) {
	if s.Staff == nil {
		return
	}
	g.get(peopleAt, access.QualificationRead, s.peoplePage)
	g.post(peopleAt, access.QualificationChange, s.peopleAdd)
	g.post(peopleAt+"/end", access.QualificationChange, s.peopleEnd)
	g.post(peopleAt+"/training", access.QualificationChange, s.peopleTrained)
}

// peoplePage shows who is qualified.
func (s *server) peoplePage(v *visit) error {
	return s.showPeople(v, StaffRecord{}, StaffTraining{}, "")
}

func (s *server) showPeople(v *visit, r StaffRecord, t StaffTraining, why string) error {
	pg, err := s.Staff.Staff(v.r.Context())
	if err != nil {
		return err
	}
	p := page{title: v.p.T("people.title"), lead: v.p.T("people.lead"), section: peopleAt}
	if why != "" {
		p.status = http.StatusBadRequest
	}
	return v.show(p, peopleBody(v, pg, r, t, why))
}

// peopleAdd enters a record.
func (s *server) peopleAdd(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	r := StaffRecord{Account: v.field("account"), Name: v.field("name"), Kind: v.field("kind"), Detail: v.field("detail"), From: v.field("from"), Until: v.field("until")}
	err := s.Staff.StaffAdd(v.r.Context(), v.who, r)
	if why := said(err); why != "" {
		return s.showPeople(v, r, StaffTraining{}, why)
	}
	if err != nil {
		return err
	}
	return v.back(peopleAt, "document_saved")
}

// peopleEnd takes a record back.
func (s *server) peopleEnd(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	err := s.Staff.StaffEnd(v.r.Context(), v.who, v.field("id"))
	if why := said(err); why != "" {
		return s.showPeople(v, StaffRecord{}, StaffTraining{}, why)
	}
	if err != nil {
		return err
	}
	return v.back(peopleAt, "document_saved")
}

// peopleTrained notes a training of the team.
func (s *server) peopleTrained(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	t := StaffTraining{Day: v.field("day"), Subject: v.field("subject"), Attended: v.field("attended"), Invited: v.field("invited")}
	err := s.Staff.StaffTrained(v.r.Context(), v.who, t)
	if why := said(err); why != "" {
		return s.showPeople(v, StaffRecord{}, t, why)
	}
	if err != nil {
		return err
	}
	return v.back(peopleAt, "document_saved")
}

// peopleTiles are where qualifications stand.
func (v *visit) peopleTiles(pg StaffPage) []face.Tile {
	expired := face.Tile{Label: v.p.T("people.expired"), Value: v.p.Count(int64(pg.Expired)), Basis: v.p.T("people.of", lang.Args{"n": len(pg.Lines)})}
	soon := face.Tile{Label: v.p.T("people.soon"), Value: v.p.Count(int64(pg.Soon)), Basis: v.p.T("people.soon_until", lang.Args{"day": pg.Ahead})}
	if pg.Expired > 0 {
		expired.Tone = face.Attention
	}
	if pg.Soon > 0 {
		soon.Tone = face.Attention
	}
	return []face.Tile{expired, soon}
}

// staffTable is who is qualified.
func (v *visit) staffTable(pg StaffPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "people", Caption: p.T("people.list"), Empty: face.Nothing(p.T("people.none"), p.T("people.none_text")),
		Columns: []face.Column{
			{Label: p.T("people.person"), Phone: face.Name},
			{Label: p.T("people.detail")},
			{Label: p.T("people.from")},
			{Label: p.T("people.state"), Phone: face.Beside},
		},
	}
	change := v.mayOf(access.QualificationChange)
	if change {
		t.Columns = append(t.Columns, face.Column{Label: p.T("people.end"), Phone: face.Drawn})
	}
	for _, l := range pg.Lines {
		until := ""
		if !l.Until.IsZero() {
			until = p.T("people.soon_until", lang.Args{"day": l.Until})
		}
		cells := []templ.Component{
			face.Words(l.Name, p.T("people.kind_"+l.Kind)), face.Words(orElse(l.Detail, "–"), ""), face.Words(v.dayOr(l.From), ""),
			face.Words(p.T("people.state_"+l.State), until),
		}
		if change {
			cells = append(cells, peopleEndForm(v, l))
		}
		t.Rows = append(t.Rows, face.Row{ID: l.ID, Cells: cells})
	}
	return t
}

// peopleTrainings are the trainings of the team.
func (v *visit) peopleTrainings(pg StaffPage) face.Table {
	p := v.p
	t := face.Table{ID: "trainings", Caption: p.T("people.trainings"), Dense: true, Empty: face.Nothing(p.T("people.no_training"), p.T("people.no_training_text")), Columns: []face.Column{
		{Label: p.T("people.subject"), Phone: face.Name}, {Label: p.T("people.day")}, {Label: p.T("people.attended"), Numeric: true, Phone: face.Beside},
	}}
	for i, x := range pg.Trainings {
		t.Rows = append(t.Rows, face.Row{ID: "t" + strconv.Itoa(i), Cells: []templ.Component{
			face.Words(x.Subject, ""), face.Words(p.Date(x.Day), ""), face.Words(p.T("people.attended_of", lang.Args{"n": p.Count(int64(x.Attended)), "of": p.Count(int64(x.Invited))}), ""),
		}})
	}
	return t
}
