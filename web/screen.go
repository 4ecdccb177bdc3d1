package web

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/web/face"
)

// Screens lists images of what scanners displayed of dose, of studies that no dose report
// tells of.
type Screens interface {
	DoseScreens(ctx context.Context) ([]DoseScreen, error)
	// ScreenOf returns what is known for a form beside the screen. NotFound: it is not of
	// that study.
	ScreenOf(ctx context.Context, study, sop string) (ScreenForm, error)
}

// A DoseScreen is such an image.
type DoseScreen struct {
	Study, SOP, Modality, Description string
	Machine                           string // id, "" if unknown
	Day, Clock                        string
	Room                              RoomRef
	At                                time.Time
}

// A ScreenForm is what is known for a form beside a screen.
type ScreenForm struct {
	Accession, Description, PatientID, Name string
	Object, Picture                         string // addresses; "" if whoever asks may not see it
}

const screensAt = qualityAt + "/screens"

// screenRoutes are the addresses of the page.
func (s *server) screenRoutes(g registrar) {
	if s.Screens == nil {
		return
	}
	g.get(screensAt, access.ExaminationRead, s.screensPage)
}

// screensPage lists the screens.
func (s *server) screensPage(v *visit) error {
	all, err := s.Screens.DoseScreens(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{
		title: v.p.T("screens.title"), lead: v.p.T("screens.lead"), section: qualityAt, crumbs: []crumb{{v.p.T("nav.quality_dose"), qualityAt}},
	}, face.Rows(v.p, v.screenTable(all)))
}

// enterScreen is the address of the form beside a screen.
func enterScreen(x DoseScreen) string {
	q := url.Values{"study": {x.Study}, "screen": {x.SOP}, "machine": {x.Machine}, "day": {x.Day}, "clock": {x.Clock}}
	return entryAt + "?" + q.Encode()
}

// screenTable lists screens, each with the way to the form.
func (v *visit) screenTable(all []DoseScreen) face.Table {
	p := v.p
	t := face.Table{
		ID: "screens", Caption: p.T("screens.title"), Empty: face.Nothing(p.T("screens.none"), p.T("screens.none_text")),
		Columns: []face.Column{
			{Label: p.T("dose.when"), Phone: face.Name},
			{Label: p.T("dose.col_room")},
			{Label: p.T("screens.series"), Phone: face.Beside},
			{Label: p.T("screens.state"), Phone: face.Drawn},
		},
	}
	for _, x := range all {
		row := face.Row{ID: "screen-" + x.Study, Cells: []templ.Component{
			apartCell(v, v.local(x.At), x.Room), face.Words(x.Room.Name, ""), face.Words(orElse(x.Description, "–"), x.Modality), face.Words(p.T("screens.seen"), ""),
		}}
		if v.mayOf(access.DoseEnter) {
			row.Href = enterScreen(x)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// besideScreen returns the form that stands beside a screen which the address names, nil without.
func (v *visit) besideScreen() (*EntryForm, error) {
	q := v.r.URL.Query()
	if v.Screens == nil || q.Get("screen") == "" {
		return nil, nil
	}
	known, err := v.Screens.ScreenOf(v.r.Context(), q.Get("study"), q.Get("screen"))
	if err != nil {
		return nil, err
	}
	f := &EntryForm{
		Study: q.Get("study"), Screen: q.Get("screen"), Machine: q.Get("machine"), Day: q.Get("day"), Clock: q.Get("clock"),
		Accession: known.Accession, Description: known.Description, PatientID: known.PatientID, Name: strings.TrimSpace(known.Name),
	}
	f.Quantity[0], f.Unit[0], f.Method[0] = "dlp", "mGy.cm", "console"
	return f, nil
}

// pictureOf returns where the screen of a form can be looked at; all "" without one, or if
// it is there no more.
func (v *visit) pictureOf(f EntryForm) ScreenForm {
	if v.Screens == nil || f.Screen == "" {
		return ScreenForm{}
	}
	known, err := v.Screens.ScreenOf(v.r.Context(), f.Study, f.Screen)
	if err != nil {
		return ScreenForm{}
	}
	return known
}
