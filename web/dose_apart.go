package web

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/lang"
	"radagora/web/face"
)

// DoseApart is what is in no median because it is not of a patient, or because
// nobody can say what was examined.
type DoseApart struct {
	NotPatient int // studies that are not of a patient
	Unassigned int // events that belong to no examination without doubt
	Studies    []ApartStudy
}

// An ApartStudy is one study that is set apart.
type ApartStudy struct {
	ID          string // of its page
	At          time.Time
	Room        RoomRef
	Description string
	Events      int
	Unassigned  int
	NotPatient  string // the pattern that says so, "" for a patient
}

// doseApart shows what is set apart.
func (s *server) doseApart(v *visit) error {
	here := v.here()
	a, err := s.DoseCT.Apart(v.r.Context(), v.query(here))
	if err != nil {
		return err
	}
	pg := page{
		title: v.p.T("dose.apart"), lead: v.apartLine(a), section: "/dose/ct",
		crumbs: []crumb{{v.p.T("nav.dose_ct"), here.at("/dose/ct").String()}},
	}
	return v.show(pg, face.Rows(v.p, v.apartTable(a)))
}

// apartLine counts what is set apart.
func (v *visit) apartLine(a DoseApart) string {
	var parts []string
	if a.NotPatient > 0 {
		parts = append(parts, v.p.T("dose.apart_not_patient", lang.Args{"n": a.NotPatient}))
	}
	if a.Unassigned > 0 {
		parts = append(parts, v.p.T("dose.apart_unassigned", lang.Args{"n": a.Unassigned}))
	}
	return strings.Join(parts, " ")
}

// apartTable lists what is set apart, and why.
func (v *visit) apartTable(a DoseApart) face.Table {
	p := v.p
	t := face.Table{
		ID: "apart", Caption: p.T("dose.apart"),
		Empty: face.Nothing(p.T("dose.no_examinations"), p.T("dose.apart_nothing")),
		Columns: []face.Column{
			{Label: p.T("dose.when"), Phone: face.Name},
			{Label: p.T("dose.col_room")},
			{Label: p.T("dose.study")},
			{Label: p.T("dose.events"), Numeric: true, Phone: face.Beside},
			{Label: p.T("dose.apart_why"), Phone: face.Drawn},
		},
	}
	for _, x := range a.Studies {
		var why []string
		if x.NotPatient != "" {
			why = append(why, p.T("dose.apart_pattern", lang.Args{"pattern": x.NotPatient}))
		}
		if x.Unassigned > 0 {
			why = append(why, p.T("dose.apart_unassigned", lang.Args{"n": x.Unassigned}))
		}
		t.Rows = append(t.Rows, face.Row{
			ID: "apart-" + x.ID, Href: "/dose/examinations/" + x.ID,
			Cells: []templ.Component{
				apartCell(v, v.local(x.At), x.Room), face.Words(x.Room.Name, ""), face.Words(orElse(x.Description, "–"), ""),
				face.Words(p.Count(int64(x.Events)), ""), face.Words(strings.Join(why, " "), ""),
			},
		})
	}
	return t
}
