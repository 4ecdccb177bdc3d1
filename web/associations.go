package web

import (
	"context"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/lang"
	"radagora/web/face"
)

// Associations knows what goes on at the DICOM doors.
type Associations interface {
	Associations(ctx context.Context) (AssociationsPage, error)
	// Changed returns a channel that gets a value whenever something happened, until
	// ctx ends.
	Changed(ctx context.Context) <-chan struct{}
}

// An AssociationsPage is what the page shows.
type AssociationsPage struct {
	Open    []OpenAssociation
	Refused []Refusal // newest first
	Callers []Caller
	Since   time.Time // when counting began
	Whom    string    // whom to call at this site, "" if nobody said
}

// An OpenAssociation is one that is open now.
type OpenAssociation struct {
	Title, Address, Called string
	Since                  time.Time
	Messages, Received     int64
	Status                 string
	TLS                    bool
}

// A Refusal is something that was not taken.
type Refusal struct {
	At             time.Time
	Title, Address string
	What           string       // name of the SOP class, "" for an association
	Asked          bool         // it is a question or an order, and no object
	Why            string       // key of the catalogue
	Args           lang.Args    // of Why
	Detail         string       // status or rejection as the standard says it
	Path           string       // where it can be put right, "" for nowhere here
	Do             string       // label of Path: key of the catalogue
	Note           lang.Message // whom to call; the zero message for nobody
}

// A Caller is what came of an application since the program began.
type Caller struct {
	Title          string
	Objects, Bytes int64
	Refused        int64
	Queries        int64
	Last           time.Time
}

func (s *server) associationRoutes(g registrar) {
	if s.Associations == nil {
		return
	}
	g.get("/settings/associations", access.PeerRead, s.associationsPage)
	g.get("/settings/associations/events", access.PeerRead, s.associationEvents)
}

// associationsPage shows what goes on.
func (s *server) associationsPage(v *visit) error {
	p, err := s.Associations.Associations(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("nav.associations"), lead: v.p.T("assoc.lead"), section: "/settings/associations"}, associationsBody(v, p))
}

// associationEvents tells the page to look again.
func (s *server) associationEvents(v *visit) error {
	return v.events(s.Associations.Changed(v.r.Context()))
}

// openTable lists what is open.
func (v *visit) openTable(all []OpenAssociation) face.Table {
	t := face.Table{
		ID: "open", Caption: v.p.T("assoc.open"), Dense: true, Empty: face.Nothing(v.p.T("assoc.quiet"), v.p.T("assoc.quiet_text")),
		Columns: []face.Column{
			{Label: v.p.T("assoc.who"), Phone: face.Name},
			{Label: v.p.T("assoc.since"), Phone: face.Beside},
			{Label: v.p.T("assoc.messages"), Numeric: true},
			{Label: v.p.T("assoc.received"), Numeric: true},
			{Label: v.p.T("assoc.line")},
			{Label: v.p.T("assoc.last"), Phone: face.Drawn},
		},
	}
	for i, a := range all {
		line := "assoc.plain"
		if a.TLS {
			line = "assoc.tls"
		}
		t.Rows = append(t.Rows, face.Row{ID: "a-" + strconv.Itoa(i), Cells: []templ.Component{
			face.Words(a.Title, a.Address), face.Words(v.p.Time(v.local(a.Since)), ""), face.Figures(v.p.Count(a.Messages), ""),
			face.Figures(v.bytes(a.Received), ""), face.Words(v.p.T(line), ""), face.Words(a.Status, ""),
		}})
	}
	return t
}

// callerTable lists who called.
func (v *visit) callerTable(all []Caller) face.Table {
	t := face.Table{
		ID: "callers", Caption: v.p.T("assoc.callers"), Dense: true, Empty: face.Nothing(v.p.T("assoc.nobody"), v.p.T("assoc.nobody_text")),
		Columns: []face.Column{
			{Label: v.p.T("assoc.who"), Phone: face.Name},
			{Label: v.p.T("assoc.objects"), Numeric: true, Phone: face.Beside},
			{Label: v.p.T("assoc.received"), Numeric: true},
			{Label: v.p.T("assoc.queries"), Numeric: true},
			{Label: v.p.T("assoc.refused"), Numeric: true, Phone: face.Drawn},
			{Label: v.p.T("assoc.latest")},
		},
	}
	for _, c := range all {
		t.Rows = append(t.Rows, face.Row{ID: "c-" + c.Title, Cells: []templ.Component{
			face.Words(c.Title, ""), face.Figures(v.p.Count(c.Objects), ""), face.Figures(v.bytes(c.Bytes), ""),
			face.Figures(v.p.Count(c.Queries), ""), face.Figures(v.p.Count(c.Refused), ""), face.Words(v.p.DateTime(v.local(c.Last)), ""),
		}})
	}
	return t
}
