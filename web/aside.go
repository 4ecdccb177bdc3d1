package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Aside knows objects that came under the SOP Instance UID of another one, and takes
// what people decide about them.
type Aside interface {
	// Aside returns such an object beside the one that stays.
	Aside(ctx context.Context, id string) (AsidePage, error)
	// AsidePicture returns a picture of the one that stays or, with last, of the other, as
	// a PNG file.
	AsidePicture(ctx context.Context, id string, last bool) ([]byte, error)
	// AsideDecide has it take the place of the one that stays, or be discarded; a
	// RefusalError for what cannot be.
	AsideDecide(ctx context.Context, id, do, reason string) error
}

// An AsideObject is an object that is kept and not shown.
type AsideObject struct {
	ID, Study, Kind string // Kind is the name of its SOP class
	From            string // who sent it
	At              time.Time
	Repeats         int64
}

// An AsidePage is such an object beside the one that stays.
type AsidePage struct {
	AsideObject
	SOP         string
	First       *AsideObject // that stays; nil: it went meanwhile
	Elsewhere   bool         // they are of two studies
	Unknown     bool         // whom they are about may not be known: values are not shown
	Pictures    bool         // both have pixels that can be shown
	Differences []AsideDifference
	Complete    bool // these are all
	MayDecide   bool
	GraceDays   int
}

// An AsideDifference is an attribute with two values.
type AsideDifference struct {
	Name, Tag, First, Last string
	Kind                   string // items, digest or ""
}

// asideRoutes are those of objects that are set aside.
func (s *server) asideRoutes(g registrar) {
	if s.Aside == nil {
		return
	}
	g.get("/images/reconcile/aside/{id}", access.LinkChange, s.asidePage)
	g.get("/images/reconcile/aside/{id}/picture", access.LinkChange, s.asidePicture)
	g.post("/images/reconcile/aside/{id}", access.ObjectDelete, s.asideDo)
}

func asideAt(id string) string { return "/images/reconcile/aside/" + id }

// asidePage shows the two beside each other.
func (s *server) asidePage(v *visit) error { return v.showAside("", nil) }

func (v *visit) showAside(reason string, wrong map[string]string) error {
	pg, err := v.Aside.Aside(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	p := page{
		title: v.p.T("aside.title"), lead: v.p.T("aside.lead"), section: "/images/reconcile", crumbs: []crumb{{v.p.T("nav.reconcile"), "/images/reconcile"}},
	}
	if wrong != nil {
		p.status = http.StatusBadRequest
	}
	return v.show(p, asideBody(v, pg, reason, wrong))
}

// asidePicture hands out a picture of one of the two.
func (s *server) asidePicture(v *visit) error {
	raw, err := s.Aside.AsidePicture(v.r.Context(), v.r.PathValue("id"), v.r.URL.Query().Get("of") == "last")
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "image/png")
	v.w.Header().Set("Cache-Control", "no-store")
	_, _ = v.w.Write(raw) // a reader that went away is no error of ours
	return nil
}

// asideDo takes a decision.
func (s *server) asideDo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	do, reason := v.r.PostForm.Get("do"), strings.TrimSpace(v.r.PostForm.Get("reason"))
	err := s.Aside.AsideDecide(v.r.Context(), v.r.PathValue("id"), do, reason)
	if wrong := v.refused(err); wrong != nil {
		return v.showAside(reason, wrong)
	}
	if err != nil {
		return err
	}
	return v.back("/images/reconcile", "aside_"+do)
}

// asideTable lists what is set aside.
func (v *visit) asideTable(all []AsideObject) face.Table {
	t := face.Table{
		ID: "aside", Caption: v.p.T("aside.list"), Dense: true,
		Columns: []face.Column{
			{Label: v.p.T("aside.kind"), Phone: face.Name}, {Label: v.p.T("aside.from"), Phone: face.Beside}, {Label: v.p.T("aside.came")}, {Label: v.p.T("aside.repeats"), Numeric: true},
		},
	}
	for _, a := range all {
		t.Rows = append(t.Rows, face.Row{ID: "aside-" + a.ID, Href: asideAt(a.ID), Cells: []templ.Component{
			face.Words(a.Kind, ""), face.Words(a.From, ""), face.Words(v.p.DateTime(v.local(a.At)), ""), face.Figures(v.p.Count(a.Repeats+1), ""),
		}})
	}
	return t
}

// asideDifferences lists in what the two differ.
func (v *visit) asideDifferences(pg AsidePage) face.Table {
	t := face.Table{
		ID: "differences", Caption: v.p.T("aside.differences"), Dense: true, Empty: face.Nothing(v.p.T("aside.none"), v.p.T("aside.none_text")),
		Columns: []face.Column{
			{Label: v.p.T("aside.attribute"), Phone: face.Name}, {Label: v.p.T("aside.first")}, {Label: v.p.T("aside.last")},
		},
	}
	value := func(d AsideDifference, s string) templ.Component {
		switch {
		case pg.Unknown:
			return face.Words(v.p.T("aside.hidden"), "")
		case s == "":
			return face.Words("–", "")
		case d.Kind == "items":
			return face.Words(v.p.T("aside.items", lang.Args{"n": s}), "")
		case d.Kind == "digest":
			return face.Words(v.p.T("aside.digest", lang.Args{"digest": s}), "")
		}
		return face.Words(s, "")
	}
	for _, d := range pg.Differences {
		t.Rows = append(t.Rows, face.Row{Cells: []templ.Component{face.Words(d.Name, d.Tag), value(d, d.First), value(d, d.Last)}})
	}
	return t
}

// asideRows lists where the two come from.
func (v *visit) asideRows(pg AsidePage) face.Table {
	t := face.Table{
		ID: "two", Caption: v.p.T("aside.two"), Dense: true,
		Columns: []face.Column{{Label: v.p.T("aside.which"), Phone: face.Name}, {Label: v.p.T("aside.from"), Phone: face.Beside}, {Label: v.p.T("aside.came")}, {Label: v.p.T("reconcile.study")}},
	}
	add := func(label string, o AsideObject) {
		t.Rows = append(t.Rows, face.Row{Cells: []templ.Component{
			face.Words(label, o.Kind), face.Words(o.From, ""), face.Words(v.p.DateTime(v.local(o.At)), ""), face.Words(o.Study, ""),
		}})
	}
	if pg.First != nil {
		add(v.p.T("aside.first"), *pg.First)
	}
	add(v.p.T("aside.last"), pg.AsideObject)
	return t
}
