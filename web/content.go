package web

import (
	"context"
	"net/url"
	"time"

	"github.com/a-h/templ"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Content tells which knowledge is loaded.
type Content interface {
	Content(ctx context.Context, language string) (ContentPage, error)
	// Govern lets a set of levels govern from a day on; Conflict if another one
	// would at the same time.
	Govern(ctx context.Context, who Person, set, exam string, from time.Time) error
	// End ends a decision on its last day.
	End(ctx context.Context, who Person, decision string, last time.Time) error
}

// A ContentPage lists content sets.
type ContentPage struct {
	Sets     []ContentSet
	Problems []ContentProblem // files that were refused
}

// A ContentSet is one edition of one publication.
type ContentSet struct {
	ID            string
	Title         string
	Kind          string // what it holds, in the person's language
	Edition       string
	Licence       string
	Status        string // draft, approved, superseded
	From, To      time.Time
	ReviewDue     time.Time
	ReviewOverdue bool
	Rows          int
	Governing     int    // rows that govern here
	Place         string // built_in, installation, site
	TranscribedBy string
	CheckedBy     string
	Source        string
	Demonstration bool

	Levels    bool          // it holds reference levels, which somebody may let govern
	Official  bool          // of a national or European authority; others are for orientation
	Exams     []face.Choice // that it has levels for
	Decisions []Decision    // that let it govern, earliest first
}

// A Decision lets a set of levels govern.
type Decision struct {
	ID       string
	Exam     string // in the person's language, "" for all
	From, To time.Time
	By       string
}

// A ContentProblem is a file that was refused, where and why.
type ContentProblem struct {
	File string
	Line int
	Why  string
}

// contentPage shows what is loaded; a row opens its drawer.
func (s *server) contentPage(v *visit) error {
	c, err := s.Content.Content(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.content"), lead: v.p.T("content.lead"), section: "/settings/content"}
	return v.show(pg, contentBody(v, c, v.here()))
}

// setTable lists the sets.
func (v *visit) setTable(c ContentPage, here address) face.Table {
	p := v.p
	t := face.Table{
		ID: "sets", Caption: p.T("nav.content"),
		Empty: face.Nothing(p.T("content.empty"), p.T("content.empty_text")),
		Columns: []face.Column{
			{Label: p.T("content.set"), Phone: face.Name},
			{Label: p.T("content.kind")},
			{Label: p.T("content.edition")},
			{Label: p.T("content.status"), Phone: face.Drawn},
			{Label: p.T("content.rows"), Numeric: true, Phone: face.Beside},
			{Label: p.T("content.place")},
		},
	}
	for _, s := range c.Sets {
		governs := ""
		if s.Governing > 0 {
			governs = p.T("content.governs", lang.Args{"n": s.Governing})
		}
		t.Rows = append(t.Rows, face.Row{
			ID: "set-" + s.ID, Href: here.with("open", s.ID).String(), Open: here.query.Get("open") == s.ID,
			Cells: []templ.Component{
				face.Words(s.Title, s.ID), face.Words(s.Kind, ""), face.Words(s.Edition, ""), setStatus(v, s),
				face.Words(p.Count(int64(s.Rows)), governs), face.Words(v.word("content.place_", s.Place), ""),
			},
		})
	}
	return t
}

// setFacts says where a set comes from.
func (v *visit) setFacts(s ContentSet) []face.Fact {
	p := v.p
	facts := []face.Fact{
		{Label: p.T("content.edition"), Value: s.Edition, Origin: s.Source},
		{Label: p.T("content.licence"), Value: s.Licence},
		{Label: p.T("content.status"), Value: v.word("content.status_", s.Status)},
		{Label: p.T("content.valid"), Value: p.T("content.valid_from_to", lang.Args{"from": p.Date(s.From), "to": p.Date(s.To)})},
		{Label: p.T("content.review_due"), Value: p.Date(s.ReviewDue)},
		{Label: p.T("content.transcribed"), Value: orElse(s.TranscribedBy, "–")},
		{Label: p.T("content.checked"), Value: orElse(s.CheckedBy, p.T("content.unchecked"))},
		{Label: p.T("content.place"), Value: v.word("content.place_", s.Place)},
	}
	if s.ReviewOverdue {
		facts[4].Origin = p.T("dose.review_overdue")
	}
	return facts
}

// govern takes the decision that a set governs.
func (s *server) govern(v *visit) error {
	form, from, err := v.dayForm("from")
	if err != nil {
		return err
	}
	set := form.Get("set")
	if err := s.Content.Govern(v.r.Context(), v.who, set, form.Get("exam"), from); err != nil {
		return err
	}
	return v.back("/settings/content?open="+url.QueryEscape(set), "governs")
}

// governEnd takes the decision that a set no longer governs.
func (s *server) governEnd(v *visit) error {
	form, last, err := v.dayForm("last")
	if err != nil {
		return err
	}
	if err := s.Content.End(v.r.Context(), v.who, form.Get("decision"), last); err != nil {
		return err
	}
	return v.back("/settings/content?open="+url.QueryEscape(form.Get("set")), "governs_ended")
}

// dayForm reads a form with a day in one of its fields.
func (v *visit) dayForm(field string) (url.Values, time.Time, error) {
	if err := v.r.ParseForm(); err != nil {
		return nil, time.Time{}, fault.As(fault.Invalid, err)
	}
	day, err := time.Parse(time.DateOnly, v.r.PostForm.Get(field))
	if err != nil {
		return nil, time.Time{}, Refuse(map[string]string{field: "finding.wrong_due"})
	}
	return v.r.PostForm, day, nil
}

// decided says since when and by whom a set governs.
func (v *visit) decided(d Decision) string {
	a := lang.Args{"exam": orElse(d.Exam, v.p.T("content.all_exams")), "from": d.From, "who": d.By, "to": d.To}
	if d.To.IsZero() {
		return v.p.T("content.governs_from", a)
	}
	return v.p.T("content.governs_from_to", a)
}
