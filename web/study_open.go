package web

import (
	"net/http"
	"time"

	"radagora/fault"
	"radagora/lang"
)

// A StudyOpening is in what a study can be opened, and what is open of it.
type StudyOpening struct {
	Study   StudyRow
	Viewers []string      // names of viewers of others
	Tickets []StudyTicket // of whoever asks, that still serve
}

// A StudyTicket lets a viewer read a study for a while.
type StudyTicket struct {
	ID, Viewer  string
	Made, Until time.Time
}

// A StudyOpened is where a viewer shows a study.
type StudyOpened struct {
	Viewer, Address string
	Until           time.Time // the zero time if the viewer does not ask us
}

// studyOpening shows in what a study can be opened.
func (s *server) studyOpening(v *visit) error { return v.showOpening(StudyOpened{}) }

// showOpening shows it, and where it was opened just now.
func (v *visit) showOpening(done StudyOpened) error {
	o, err := v.Studies.Opening(v.r.Context(), v.r.PathValue("uid"))
	if err != nil {
		return err
	}
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.Header().Set("Referrer-Policy", "no-referrer") // the address holds a ticket
	pg := page{
		title: v.p.T("open.title"), lead: joined(v.studyTitle(o.Study), orElse(o.Study.Patient, o.Study.ID), v.dicomDay(o.Study.Date)), section: "/images",
		crumbs: []crumb{{v.p.T("nav.studies"), "/images"}, {v.studyTitle(o.Study), studyAddress(o.Study.UID)}},
	}
	return v.show(pg, openingBody(v, o, done))
}

// studyOpen makes a ticket for a viewer and shows how to start it.
func (s *server) studyOpen(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	done, err := s.Studies.Open(v.r.Context(), v.r.PathValue("uid"), v.r.PostForm.Get("viewer"))
	if err != nil {
		return err
	}
	return v.showOpening(done)
}

// studyTakeBack ends a ticket.
func (s *server) studyTakeBack(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.Studies.TakeBack(v.r.Context(), v.r.PostForm.Get("ticket")); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, studyAddress(v.r.PathValue("uid"))+"/open", http.StatusSeeOther)
	return nil
}

// ticketUntil says until when a ticket serves.
func (v *visit) ticketUntil(t time.Time) string {
	return v.p.T("open.until", lang.Args{"at": v.p.Time(v.local(t))})
}
