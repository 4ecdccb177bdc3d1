package web

import (
	"net/http"
	"strings"
	"time"

	"radagora/lang"
	"radagora/web/face"
)

// A StudyPage is one study.
type StudyPage struct {
	Row       StudyRow
	Referring string
	StudyID   string
	Pictured  bool          // there is something to be drawn
	Viewer    string        // where the image viewer shows it, "" if it does not
	Archive   string        // where all of it can be fetched, "" if it may not
	Actions   []StudyAction // what else may be done
	GraceDays int           // how long what is deleted can be brought back
	Series    []StudySeries
	Links     []Hit // what else is known of it: order, dose, reports
	Doors     []StudyDoor
	Life      *Life          // from the order to the report; nil if that is not for whoever asks
	History   []JournalEntry // what happened to it; empty if that is not for whoever asks
}

// A StudyAction is something that may be done to a study, on a page of its own.
type StudyAction struct {
	Label string // key of the catalogue
	Path  string
}

// A StudyDoor is a way by which instances came.
type StudyDoor struct {
	Door, From string
	Instances  int64
}

// A StudySeries is a series of a study.
type StudySeries struct {
	UID, Number, Modality, Description string
	BodyPart, Protocol, Room           string
	Instances                          int64
	Preview                            string // address of a small picture, "" if there is none
}

// A SeriesPage is instances of a series.
type SeriesPage struct {
	Study     StudyRow
	Series    StudySeries
	Instances []SeriesInstance
	Next      string
}

// A SeriesInstance is an instance of a series.
type SeriesInstance struct {
	UID, Number, Class string
	Frames             int64
	Preview            string
	Blind              string // why it has none: reduced, syntax; "" for none
}

// studyTitle says which study it is.
func (v *visit) studyTitle(s StudyRow) string {
	return orElse(s.Description, orElse(strings.Join(s.Modalities, ", "), v.p.T("study.untitled")))
}

// studyPage shows a study.
func (s *server) studyPage(v *visit) error {
	st, err := s.Studies.Study(v.r.Context(), v.r.PathValue("uid"))
	if err != nil {
		return err
	}
	if s.viewer.Present() && st.Pictured {
		st.Viewer = viewerAddress(st.Row.UID)
	}
	pg := page{
		title: v.studyTitle(st.Row), lead: joined(orElse(st.Row.Patient, st.Row.ID), v.dicomDay(st.Row.Date)), section: "/images",
		crumbs: []crumb{{v.p.T("nav.studies"), "/images"}}, actions: studyActions(v, st),
	}
	return v.show(pg, studyBody(v, st))
}

// seriesPage shows a series.
func (s *server) seriesPage(v *visit) error {
	study, series := v.r.PathValue("uid"), v.r.PathValue("series")
	p, err := s.Studies.Series(v.r.Context(), study, series, v.r.URL.Query().Get("after"))
	if err != nil {
		return err
	}
	pg := page{
		title: orElse(p.Series.Description, v.p.T("study.untitled")), section: "/images",
		lead:   joined(p.Series.Modality, v.p.T("studies.instances", lang.Args{"n": p.Series.Instances}), p.Series.UID),
		crumbs: []crumb{{v.p.T("nav.studies"), "/images"}, {v.studyTitle(p.Study), studyAddress(study)}},
	}
	return v.show(pg, seriesBody(v, p))
}

// studyFacts says which study it is.
func (v *visit) studyFacts(s StudyPage) []face.Fact {
	r := s.Row
	facts := []face.Fact{
		{Label: v.p.T("studies.patient"), Value: orElse(r.Patient, "–"), Origin: v.bornOf(r)},
		{Label: v.p.T("studies.id"), Value: orElse(r.ID, "–"), Origin: r.Issuer, Code: r.ID != ""},
		{Label: v.p.T("studies.date"), Value: orElse(joined(v.dicomDay(r.Date), dicomClock(r.Time)), "–")},
		{Label: v.p.T("studies.accession"), Value: orElse(r.Accession, "–"), Code: r.Accession != ""},
	}
	if s.Referring != "" {
		facts = append(facts, face.Fact{Label: v.p.T("study.referring"), Value: s.Referring})
	}
	return append(facts, face.Fact{Label: v.p.T("study.uid"), Value: r.UID, Code: true})
}

// studyWhence says how it came.
func (v *visit) studyWhence(s StudyPage) []face.Fact {
	facts := []face.Fact{
		{Label: v.p.T("study.first"), Value: v.p.DateTime(v.local(s.Row.Arrived))},
		{Label: v.p.T("study.last"), Value: v.p.DateTime(v.local(s.Row.Changed))},
	}
	for _, d := range s.Doors {
		facts = append(facts, face.Fact{
			Label: v.p.T("study.door"), Value: v.word("object.door_", d.Door, lang.Args{"from": orElse(d.From, "–")}),
			Origin: v.p.T("studies.instances", lang.Args{"n": d.Instances}),
		})
	}
	return facts
}

// bytes prints a size in the unit that suits it.
func (v *visit) bytes(n int64) string {
	switch {
	case n >= 1e9:
		return v.p.Number(float64(n)/1e9, 1) + " GB"
	case n >= 1e6:
		return v.p.Number(float64(n)/1e6, 1) + " MB"
	default:
		return v.p.Number(float64(n)/1e3, 0) + " kB"
	}
}

// studyMedium sends a study as a medium for other viewers.
func (s *server) studyMedium(v *visit) error {
	uid := v.r.PathValue("uid")
	write, err := s.Studies.Medium(v.r.Context(), uid)
	if err != nil {
		return err
	}
	v.attach(uid+".zip", "application/zip")
	_ = http.NewResponseController(v.w).SetWriteDeadline(time.Time{}) // a study may be large; a server without deadlines has none to lift
	if err := write(v.w); err != nil {
		v.Log.WarnContext(v.r.Context(), "medium not sent whole", "request_id", RequestID(v.r.Context()), "error", err)
		panic(http.ErrAbortHandler) // so that the browser knows
	}
	return nil
}
