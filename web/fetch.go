package web

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/web/face"
)

// Fetching searches other archives and fetches from them.
type Fetching interface {
	// Fetching returns the page, with what the peer answers if q names one.
	Fetching(ctx context.Context, q FarQuery) (FetchPage, error)
	// FetchStudy begins to fetch a study.
	FetchStudy(ctx context.Context, peer, study, part string) error
	FetchAgain(ctx context.Context, id string) error
	FetchCancel(ctx context.Context, id string) error
}

// A FarQuery is what somebody asks another archive for.
type FarQuery struct {
	Peer, PatientID, Name, Accession, Modality string
	From, Until                                string // YYYY-MM-DD
}

// A FetchPage is what the page shows.
type FetchPage struct {
	Peers   []face.Choice // that can be called
	Asked   bool
	Trouble string // why the peer did not answer, a key of the catalogue
	Detail  string // what it said
	More    bool   // the peer has more than is shown
	Found   []FarStudy
	Fetches []Fetched
}

// A FarStudy is a study that another archive has, beside what is kept here.
type FarStudy struct {
	UID, Patient, ID, Accession string
	Date, Modalities, Title     string // the date as DICOM writes it
	There, Here                 int64  // instances; There is -1 where the peer does not count
}

// A Fetched is a study on its way here.
type Fetched struct {
	ID, Peer, Study, Title, Part string // Title says which study, without patient; "" until some of it is here
	State, Reason, Detail, Way   string
	There, Here, Extra           int64
	By                           string
	Updated                      time.Time
}

func (s *server) fetchRoutes(g registrar) {
	if s.Fetching == nil {
		return
	}
	g.get("/images/fetch", access.StudyFetch, s.fetchPage)
	g.post("/images/fetch", access.StudyFetch, s.fetchStudy)
	g.post("/images/fetch/again", access.StudyFetch, s.fetchAgain)
	g.post("/images/fetch/cancel", access.StudyFetch, s.fetchCancel)
}

// fetchPage asks another archive, and shows what is on its way.
func (s *server) fetchPage(v *visit) error {
	get := func(name string) string { return strings.TrimSpace(v.r.URL.Query().Get(name)) }
	q := FarQuery{
		Peer: get("peer"), PatientID: get("id"), Name: get("name"), Accession: get("accession"), Modality: strings.ToUpper(get("modality")),
		From: get("from"), Until: get("until"),
	}
	for _, day := range []string{q.From, q.Until} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return fault.Errorf(fault.Invalid, "a day is written YYYY-MM-DD")
		}
	}
	p, err := s.Fetching.Fetching(v.r.Context(), q)
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("nav.fetch"), lead: v.p.T("fetch.lead"), section: "/images/fetch"}, fetchBody(v, p, q))
}

// fetchStudy begins to fetch a study.
func (s *server) fetchStudy(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	if err := s.Fetching.FetchStudy(v.r.Context(), f.Get("peer"), f.Get("study"), orElse(f.Get("part"), "all")); err != nil {
		return err
	}
	return v.back("/images/fetch", "fetch_began")
}

// fetchAgain has a fetch begin anew.
func (s *server) fetchAgain(v *visit) error { return v.fetchDo(s.Fetching.FetchAgain, "fetch_began") }

// fetchCancel stops a fetch.
func (s *server) fetchCancel(v *visit) error {
	return v.fetchDo(s.Fetching.FetchCancel, "fetch_cancelled")
}

func (v *visit) fetchDo(do func(context.Context, string) error, done string) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := do(v.r.Context(), v.r.PostForm.Get("id")); err != nil {
		return err
	}
	return v.back("/images/fetch", done)
}

// farTable lists what another archive has.
func (v *visit) farTable(p FetchPage, q FarQuery) face.Table {
	t := face.Table{
		ID: "far", Caption: v.p.T("fetch.found"), Dense: true,
		Empty: face.Nothing(v.p.T("fetch.none_found"), v.p.T("fetch.none_found_text")),
		Columns: []face.Column{
			{Label: v.p.T("studies.patient"), Phone: face.Name},
			{Label: v.p.T("exchange.study"), Phone: face.Beside},
			{Label: v.p.T("studies.date"), Phone: face.Drawn},
			{Label: v.p.T("fetch.there"), Numeric: true},
			{Label: v.p.T("fetch.here"), Numeric: true, Phone: face.Wide},
			{Label: v.p.T("exchange.do")},
		},
	}
	for _, f := range p.Found {
		there := "–"
		if f.There >= 0 {
			there = v.p.Count(f.There)
		}
		t.Rows = append(t.Rows, face.Row{ID: "f-" + f.UID, Cells: []templ.Component{
			face.Words(orElse(f.Patient, f.ID), f.ID), face.Words(orElse(f.Title, v.p.T("study.untitled")), joined(f.Modalities, f.Accession)),
			face.Words(v.dicomDay(f.Date), ""), face.Figures(there, ""), face.Figures(v.p.Count(f.Here), ""), farDo(v, f, q),
		}})
	}
	return t
}

// fetchTable lists what is on its way here.
func (v *visit) fetchTable(all []Fetched) face.Table {
	t := face.Table{
		ID: "fetches", Caption: v.p.T("fetch.under_way"), Dense: true,
		Empty: face.Nothing(v.p.T("fetch.none"), v.p.T("fetch.none_text")),
		Columns: []face.Column{
			{Label: v.p.T("exchange.study"), Phone: face.Name},
			{Label: v.p.T("fetch.from"), Phone: face.Beside},
			{Label: v.p.T("exchange.state"), Phone: face.Drawn},
			{Label: v.p.T("fetch.came"), Numeric: true},
			{Label: v.p.T("exchange.changed"), Phone: face.Wide},
			{Label: v.p.T("exchange.do")},
		},
	}
	for _, f := range all {
		way := ""
		if f.Way != "" {
			way = v.p.T("fetch.way_" + f.Way)
		}
		t.Rows = append(t.Rows, face.Row{ID: "x-" + f.ID, Cells: []templ.Component{
			fetchedStudy(v, f), face.Words(f.Peer, way), fetchedState(v, f),
			face.Figures(fmt.Sprintf("%s / %s", v.p.Count(f.Here), v.p.Count(f.There)), ""),
			face.Words(v.p.Date(v.local(f.Updated)), v.p.Time(v.local(f.Updated))), fetchedDo(v, f),
		}})
	}
	return t
}
