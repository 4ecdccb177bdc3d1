package main

import (
	"context"
	"time"

	"radagora/access"
	"radagora/audit/document"
)

// paper registers what programs may read of documents and qualifications.
func (d *apiDoor) paper() {
	a, group := paperAPI{d.house}, "Quality"
	operate(d, op{
		act: access.DocumentRead, call: "GET /documents", id: "list-documents", group: group,
		summary: "Protocols, procedures and manuals, in the order of their numbers", text: "Without their files.",
	}, a.documents)
	operate(d, op{
		act: access.DocumentRead, call: "GET /documents/{id}", id: "get-document", group: group,
		summary: "A document with its versions and reviews", text: "How many of those asked to read it did; nobody is named.",
	}, a.document)
	operate(d, op{
		act: access.QualificationRead, call: "GET /qualifications", id: "list-qualifications", group: group,
		summary: "Who is qualified, appointed or trained, and until when", text: "Personal data of staff.",
	}, a.qualifications)
}

// paperAPI answers programs about documents and qualifications.
type paperAPI struct{ *house }

// An apiDocumentLine is a document without its versions.
type apiDocumentLine struct {
	ID         string        `json:"id"`
	Number     int64         `json:"number" doc:"within the site"`
	Title      string        `json:"title"`
	Kind       string        `json:"kind" enum:"protocol,procedure,manual,policy,responsibility,guideline,form,record"`
	Topic      string        `json:"topic,omitempty" enum:"justification,optimisation"`
	Owner      string        `json:"owner" doc:"function that answers for it"`
	State      string        `json:"state" enum:"current,overdue,unapproved,empty,withdrawn"`
	HighDose   bool          `json:"high_dose,omitempty"`
	InForce    string        `json:"version_in_force,omitempty" doc:"as the site calls it"`
	Reviewed   string        `json:"reviewed,omitempty" doc:"day of the latest review of the version in force"`
	NextReview string        `json:"next_review,omitempty" doc:"day"`
	Readers    []access.Role `json:"readers" doc:"roles that confirm to have read it"`
	Rooms      []string      `json:"rooms" doc:"ids of rooms in which it is used"`
	Audits     []string      `json:"audits" doc:"ids of audit templates that rest on it"`
	Duties     []string      `json:"duties" doc:"ids of duties of law that it serves"`
	Exams      []string      `json:"examinations" doc:"codes of content set dose/exam that it is the protocol of"`
}

// apiDocumentOf is a document for programs, as of a day.
func apiDocumentOf(d *document.Document, today string) apiDocumentLine {
	h := d.Head
	out := apiDocumentLine{
		ID: d.ID, Number: d.Number, Title: h.Title, Kind: h.Kind, Topic: h.Topic, Owner: h.Owner, State: d.State(today), HighDose: h.HighDose,
		Readers: append([]access.Role{}, h.Readers...), Rooms: append([]string{}, h.Rooms...), Audits: append([]string{}, h.Audits...),
		Duties: append([]string{}, h.Duties...), Exams: append([]string{}, h.Exams...),
	}
	if v := d.InForce(); v != nil {
		out.InForce = v.Label
	}
	if r := d.Reviewed(); r != nil {
		out.Reviewed, out.NextReview = r.Day, r.Next
	}
	return out
}

// documents are those of the site, as of today.
func (h *house) documents(ctx context.Context) ([]apiDocumentLine, error) {
	here, err := h.Sites.Site(ctx, at)
	if err != nil {
		return nil, err
	}
	all, err := h.Documents.List(ctx, at)
	out := make([]apiDocumentLine, len(all))
	for i := range all {
		out[i] = apiDocumentOf(&all[i], here.Day(h.Now()))
	}
	return out, err
}

type listDocuments struct{ Paging }

func (a paperAPI) documents(ctx context.Context, in *listDocuments) (*apiPage[apiDocumentLine], error) {
	all, err := a.house.documents(ctx)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, all, func(d apiDocumentLine) string { return d.ID }, func(d apiDocumentLine) apiDocumentLine { return d })
}

// An apiDocumentVersion is a version without its file.
type apiDocumentVersion struct {
	Version    int64      `json:"version"`
	Label      string     `json:"label"`
	Change     string     `json:"change,omitempty"`
	Link       string     `json:"link,omitempty"`
	File       string     `json:"file,omitempty" doc:"name"`
	MediaType  string     `json:"media_type,omitempty"`
	Bytes      int64      `json:"bytes,omitempty"`
	SHA256     string     `json:"sha256,omitempty"`
	AddedAt    time.Time  `json:"added_at"`
	ApprovedAt *time.Time `json:"approved_at,omitempty" doc:"left out until a second person approved it"`
}

// An apiDocumentReview says that a version stays good.
type apiDocumentReview struct {
	Version int64  `json:"version"`
	Day     string `json:"day"`
	Next    string `json:"next_review"`
	Expert  bool   `json:"with_physics_expert"`
}

// An apiDocumentWhole is a document with its versions and reviews.
type apiDocumentWhole struct {
	Document apiDocumentLine      `json:"document"`
	Versions []apiDocumentVersion `json:"versions" doc:"the latest first"`
	Reviews  []apiDocumentReview  `json:"reviews" doc:"the latest first"`
	Asked    int                  `json:"asked" doc:"accounts that are to read the version in force, or read it unasked"`
	Read     int                  `json:"read" doc:"of those, how many did"`
}

type oneDocument struct {
	ID string `path:"id" maxLength:"64"`
}

type gotDocument struct{ Body apiDocumentWhole }

func (a paperAPI) document(ctx context.Context, in *oneDocument) (*gotDocument, error) {
	d, err := a.Documents.Find(ctx, at, in.ID)
	if err != nil {
		return nil, err
	}
	here, err := a.Sites.Site(ctx, at)
	if err != nil {
		return nil, err
	}
	out := apiDocumentWhole{Document: apiDocumentOf(d, here.Day(a.Now())), Versions: []apiDocumentVersion{}, Reviews: []apiDocumentReview{}}
	for _, v := range d.Versions {
		x := apiDocumentVersion{Version: v.Number, Label: v.Label, Change: v.Change, Link: v.Link, File: v.File, MediaType: v.Media, Bytes: v.Bytes, SHA256: v.Digest, AddedAt: v.At.UTC()}
		if v.Approved != "" {
			ok := v.OK.UTC()
			x.ApprovedAt = &ok
		}
		out.Versions = append(out.Versions, x)
	}
	for _, r := range d.Reviews {
		out.Reviews = append(out.Reviews, apiDocumentReview{Version: r.Version, Day: r.Day, Next: r.Next, Expert: r.Expert})
	}
	readings, err := a.Documents.Readings(ctx, at, d)
	for _, r := range readings {
		out.Asked++
		if !r.At.IsZero() {
			out.Read++
		}
	}
	return &gotDocument{Body: out}, err
}

// An apiQualification is a record of one person.
type apiQualification struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Kind   string `json:"kind" enum:"practitioner,physics_expert,protection_officer,delegate,protection_training,continuing_education,device_training"`
	Detail string `json:"detail,omitempty"`
	From   string `json:"from" doc:"first day"`
	Until  string `json:"until,omitempty" doc:"last day; left out without an end"`
	State  string `json:"state" enum:"valid,soon,expired,future,ended"`
}

// qualifications are those of the site, as of today.
func (h *house) qualifications(ctx context.Context) ([]apiQualification, error) {
	today, soon, err := h.Qualified.Days(ctx, at)
	if err != nil {
		return nil, err
	}
	all, err := h.Qualified.List(ctx, at)
	out := make([]apiQualification, len(all))
	for i := range all {
		x := &all[i]
		out[i] = apiQualification{ID: x.ID, Name: x.Name, Kind: x.Kind, Detail: x.Detail, From: x.From, Until: x.Until, State: x.State(today, soon)}
	}
	return out, err
}

type listQualifications struct{ Paging }

func (a paperAPI) qualifications(ctx context.Context, in *listQualifications) (*apiPage[apiQualification], error) {
	all, err := a.house.qualifications(ctx)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, all, func(x apiQualification) string { return x.ID }, func(x apiQualification) apiQualification { return x })
}
