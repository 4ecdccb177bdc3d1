package web

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Studies knows the studies that are kept.
type Studies interface {
	// Studies returns what q asks for and whoever asks may see, the latest first or,
	// with a text, the best match first.
	Studies(ctx context.Context, q StudyQuery) (StudyList, error)
	// Study returns one study; NotFound if there is none.
	Study(ctx context.Context, uid string) (StudyPage, error)
	// Series returns instances of a series, a page of them behind after.
	Series(ctx context.Context, study, series, after string) (SeriesPage, error)
	// Medium returns what writes a study as a zip file with a DICOMDIR.
	Medium(ctx context.Context, study string) (func(io.Writer) error, error)
	// Opening returns in which viewers of others a study can be opened.
	Opening(ctx context.Context, study string) (StudyOpening, error)
	// Open returns the address at which a viewer shows a study, with a ticket for it
	// if the viewer asks us for the images. NotFound: there is no viewer of this name.
	Open(ctx context.Context, study, viewer string) (StudyOpened, error)
	// TakeBack ends a ticket of whoever asks.
	TakeBack(ctx context.Context, ticket string) error
	// Delete deletes a study or, unless series is "", one of its series; a RefusalError
	// for what cannot be.
	Delete(ctx context.Context, study, series, reason string) error
}

// A StudyQuery says which studies are wanted. Its zero value wants the latest.
type StudyQuery struct {
	Text                string // whatever somebody typed
	Patient, ID         string // name as typed, identifier
	Accession, Modality string
	From, Until         string // YYYY-MM-DD, included
	After               string // place in the list
}

// A StudyList is a page of the list.
type StudyList struct {
	Studies    []StudyRow
	Next       string        // place behind the last, "" at the end
	Modalities []face.Choice // that occur
	Held       bool          // something is kept at all
	Nameless   bool          // whoever asks may not see who patients are
}

// A StudyRow is a study in the list.
type StudyRow struct {
	UID                            string
	Patient, ID, Issuer, Born, Sex string // as people read them; "" if unknown or not for whoever asks
	Date, Time                     string // as in DICOM
	Description, Accession         string
	Modalities                     []string
	Series, Instances, Bytes       int64
	Arrived, Changed               time.Time // the first instance, the last one
	Why                            string    // how it matched the text: similar; "" for the obvious
	Differ                         bool      // its instances name more than one patient
}

// studyRoutes are the addresses of studies.
func (s *server) studyRoutes(g registrar) {
	if s.Studies == nil {
		return
	}
	g.get("/images", access.StudyFind, s.studiesPage)
	g.get("/images/studies/{uid}", access.PageRead, s.studyPage) // the room asks about the patient
	g.get("/images/studies/{uid}/series/{series}", access.PageRead, s.seriesPage)
	g.get("/images/studies/{uid}/medium", access.PageRead, s.studyMedium)
	if s.Objects != nil {
		g.get("/images/objects/{uid}/compare", access.PageRead, s.comparePage)
	}
	g.get("/images/studies/{uid}/open", access.PageRead, s.studyOpening)
	g.get("/images/studies/{uid}/delete", access.ObjectDelete, s.studyDeletion)
	g.post("/images/studies/{uid}/delete", access.ObjectDelete, s.studyDelete)
	g.post("/images/studies/{uid}/open", access.PageRead, s.studyOpen)
	g.post("/images/studies/{uid}/open/end", access.PageRead, s.studyTakeBack)
}

// studyQuery reads the filter from the address.
func (v *visit) studyQuery(here address) StudyQuery {
	get := func(name string) string {
		text := strings.TrimSpace(here.query.Get(name))
		return text[:min(len(text), 200)]
	}
	return StudyQuery{
		Text: get("q"), Patient: get("patient"), ID: get("id"), Accession: get("accession"), Modality: get("modality"),
		From: get("from"), Until: get("until"), After: get("after"),
	}
}

// studiesPage shows the list.
func (s *server) studiesPage(v *visit) error {
	here := v.here()
	q := v.studyQuery(here)
	wrong := map[string]string{}
	for name, day := range map[string]*string{"from": &q.From, "until": &q.Until} {
		if _, err := time.Parse(time.DateOnly, *day); *day != "" && err != nil {
			wrong[name], *day = v.p.T("journal.wrong_day"), ""
		}
	}
	list, err := s.Studies.Studies(v.r.Context(), q)
	if fault.Of(err) == fault.Forbidden && err != nil && access.Need(err) == "" {
		wrong["q"] = v.p.T("studies.no_names")
		list, err = StudyList{Held: true, Nameless: true}, nil
	}
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.studies"), lead: v.p.T("studies.lead"), section: "/images"}
	if s.Start != nil && v.mayOf(access.ObjectImport) {
		pg.actions = studiesActions(v)
	}
	if len(wrong) > 0 {
		pg.status = 400
	}
	return v.show(pg, studiesBody(v, here, q, list, wrong))
}

// studiesTable makes the table.
func (v *visit) studiesTable(here address, q StudyQuery, list StudyList) face.Table {
	t := face.Table{
		ID: "study-rows", Caption: v.p.T("nav.studies"), Dense: true,
		Columns: []face.Column{
			{Label: v.p.T("studies.patient"), Phone: face.Name},
			{Label: v.p.T("studies.date"), Phone: face.Beside},
			{Label: v.p.T("studies.what"), Phone: face.Drawn},
			{Label: v.p.T("studies.accession")},
			{Label: v.p.T("studies.size"), Numeric: true},
			{Label: v.p.T("studies.arrived"), Phone: face.Wide},
		},
		Empty: face.Nothing(v.p.T("studies.empty"), v.p.T("studies.empty_text")),
	}
	if list.Held {
		t.Empty = face.Nothing(v.p.T("studies.none"), v.p.T("studies.none_text"))
	}
	for _, s := range list.Studies {
		t.Rows = append(t.Rows, face.Row{ID: "s-" + s.UID, Cells: []templ.Component{
			studyName(v, s, studyAddress(s.UID)), face.Words(v.dicomDay(s.Date), dicomClock(s.Time)), studyWhat(v, s), face.Words(s.Accession, ""),
			face.Figures(v.p.T("studies.instances", lang.Args{"n": s.Instances}), v.p.T("studies.series_n", lang.Args{"n": s.Series})),
			face.Words(v.p.Date(v.local(s.Arrived)), v.p.Time(v.local(s.Arrived))),
		}})
	}
	if list.Next != "" {
		t.Next = here.with("after", list.Next).String()
	}
	if q.After != "" {
		t.First = here.without("after").String()
	}
	return t
}

// studyAddress returns where a study is shown.
func studyAddress(uid string) string { return "/images/studies/" + uid }

// studyChips are the filters that are on.
func (v *visit) studyChips(here address, q StudyQuery) []face.Chip {
	var all []face.Chip
	for _, c := range []struct{ name, label, value string }{
		{"patient", "studies.patient", q.Patient},
		{"id", "studies.id", q.ID},
		{"accession", "studies.accession", q.Accession},
		{"modality", "studies.modality", q.Modality},
		{"from", "studies.from", q.From},
		{"until", "studies.until", q.Until},
	} {
		if c.value != "" {
			all = append(all, face.Chip{Label: v.p.T(c.label), Value: c.value, Off: here.without(c.name, "after").String()})
		}
	}
	return all
}

// dicomDay prints a date as DICOM has it, in the person's language; what is no date
// stays as it is.
func (v *visit) dicomDay(text string) string {
	day, err := time.Parse("20060102", text)
	if err != nil {
		return text
	}
	return v.p.Date(day)
}

// dicomClock returns hour and minute of a time as DICOM has it.
func dicomClock(text string) string {
	if len(text) < 4 || strings.Trim(text[:4], "0123456789") != "" {
		return ""
	}
	return text[:2] + ":" + text[2:4]
}

// bornOf returns birth date and sex in one line.
func (v *visit) bornOf(s StudyRow) string {
	var all []string
	for _, part := range []string{v.dicomDay(s.Born), s.Sex} {
		if part != "" {
			all = append(all, part)
		}
	}
	return strings.Join(all, " · ")
}
