package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Views keeps filters and columns of dose tables under a name.
type Views interface {
	// Views lists those that whoever asks may see; shows chooses a kind, "" all.
	Views(ctx context.Context, shows ...string) ([]SavedView, error)
	// View returns one with its first rows.
	View(ctx context.Context, language, id string) (ViewPage, error)
	// FirstView returns the address of the view that whoever asks begins with, "" if there is none.
	FirstView(ctx context.Context) (string, error)
	// SaveView keeps one and returns its id. Invalid, Conflict: said to whoever typed it.
	SaveView(ctx context.Context, f ViewForm) (string, error)
	DeleteView(ctx context.Context, id string) error
	// BeginView lets whoever asks begin with a view; "" with none.
	BeginView(ctx context.Context, id string) error
	// CopyView has a view copied each hour, day or month; "" never.
	CopyView(ctx context.Context, id, every, format string) error
	// CopyNow copies a view that is copied.
	CopyNow(ctx context.Context, id string) error
	// ViewFile writes the table of a view, and returns what the file is called.
	ViewFile(ctx context.Context, w io.Writer, language, id string, format ExportFormat) (string, error)
}

// A SavedView is a filter with columns under its name.
type SavedView struct {
	ID, Name, Shows string
	Shared          string // a role, everybody, "" for nobody else
	Owner           string // name
	Mine            bool   // whoever asks may change it
	First           bool   // they begin with it
	Address         string // of the page that it belongs to
	Changed         time.Time
	Copy            *ViewCopy
}

// A ViewCopy says how a scheduled copy goes.
type ViewCopy struct {
	Every, Format, File string
	At, Failed          time.Time
	Late                bool
}

// A ViewPage is a view with its first rows.
type ViewPage struct {
	SavedView
	Filter   []ViewFilter
	Columns  []face.Choice // all that the table has
	Chosen   []string      // of them; nil: all
	Heads    []string
	Rows     [][]string
	N        int  // rows there are
	Folder   bool // copies can be made
	Forward  bool // it has a page that shows it whole
	MayShare []face.Choice
}

// A ViewFilter is a parameter of a view in words.
type ViewFilter struct{ Label, Value string }

// A ViewForm is a view as somebody fills it in.
type ViewForm struct {
	ID, Name, Shows, Shared string
	Filter                  url.Values
	Columns                 []string
	Keep                    bool // columns stay as they are
}

const viewsAt = "/dose/views"

// viewsRoutes are the pages of saved views.
func (s *server) viewsRoutes(g registrar) {
	if s.Views == nil {
		return
	}
	g.get(viewsAt, access.AggregateRead, s.viewsPage)
	g.post(viewsAt, access.AggregateRead, s.viewSave)
	g.get(viewsAt+"/{id}", access.AggregateRead, s.viewPage) // the room asks for more where it shows more
	g.post(viewsAt+"/{id}", access.AggregateRead, s.viewDo)  // likewise
	g.get(viewsAt+"/{id}/export", access.TableExport, s.viewFile)
}

// viewsPage lists all views.
func (s *server) viewsPage(v *visit) error {
	all, err := s.Views.Views(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("nav.views"), lead: v.p.T("views.lead")}, viewsBody(v, all))
}

// viewTable lists views.
func (v *visit) viewTable(all []SavedView) face.Table {
	p := v.p
	t := face.Table{
		ID: "views", Caption: p.T("nav.views"), Empty: face.Nothing(p.T("views.none"), p.T("views.none_text")),
		Columns: []face.Column{
			{Label: p.T("views.name"), Phone: face.Name}, {Label: p.T("views.shows"), Phone: face.Beside}, {Label: p.T("views.shared")}, {Label: p.T("views.owner")}, {Label: p.T("views.copy")},
		},
	}
	for _, w := range all {
		note := ""
		if w.First {
			note = p.T("views.first")
		}
		t.Rows = append(t.Rows, face.Row{ID: "view-" + w.ID, Href: viewsAt + "/" + w.ID, Cells: []templ.Component{
			face.Words(w.Name, note), face.Words(p.T("views.shows_"+w.Shows), ""), face.Words(v.sharedWords(w.Shared), ""), face.Words(w.Owner, ""), viewCopyTag(v, w.Copy),
		}})
	}
	return t
}

// sharedWords says who sees a view.
func (v *visit) sharedWords(shared string) string {
	switch shared {
	case "":
		return v.p.T("views.private")
	case "everybody":
		return v.p.T("views.everybody")
	}
	return v.word("role.", shared)
}

// copyWords says how a copy goes.
func (v *visit) copyWords(c *ViewCopy) string {
	if c == nil {
		return "–"
	}
	words := v.p.T("views.every_"+c.Every) + ", " + strings.ToUpper(c.Format)
	switch {
	case !c.Failed.IsZero():
		words += ": " + v.p.T("views.copy_failed", lang.Args{"at": v.p.DateTime(v.local(c.Failed))})
	case c.At.IsZero():
		words += ": " + v.p.T("views.copy_none")
	default:
		words += ": " + c.File
	}
	return words
}

// viewSave keeps a new view, from the page it belongs to.
func (s *server) viewSave(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	from := parseAddress(localPath(v.field("from")))
	f := ViewForm{Name: v.field("name"), Shows: v.field("shows"), Shared: v.field("shared"), Filter: from.query}
	id, err := s.Views.SaveView(v.r.Context(), f)
	if why := said(err); why != "" {
		all, err := s.Views.Views(v.r.Context())
		if err != nil {
			return err
		}
		pg := page{title: v.p.T("nav.views"), lead: v.p.T("views.lead"), section: viewsAt, status: http.StatusBadRequest}
		pg.notices = append(pg.notices, face.Notice{Tone: face.Trouble, Title: v.p.T("form.refused"), Text: why})
		return v.show(pg, viewsAgain(v, all, f, from))
	}
	if err != nil {
		return err
	}
	return v.back(viewsAt+"/"+id, "view_saved")
}

// viewPage shows a view.
func (s *server) viewPage(v *visit) error { return v.showView("") }

func (v *visit) showView(why string) error {
	w, err := v.Views.View(v.r.Context(), v.p.Tag(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	pg := page{
		title: w.Name, lead: v.p.T("views.shows_"+w.Shows) + " · " + v.sharedWords(w.Shared), section: viewsAt,
		crumbs: []crumb{{v.p.T("nav.views"), viewsAt}},
	}
	if why != "" {
		pg.status = http.StatusBadRequest
		pg.notices = append(pg.notices, face.Notice{Tone: face.Trouble, Title: v.p.T("form.refused"), Text: why})
	}
	if w.Shows != "charts" && v.mayOf(access.TableExport) {
		pg.actions = viewTake(w)
	}
	return v.show(pg, viewBody(v, w))
}

// previewTable shows the first rows of a view.
func (v *visit) previewTable(w ViewPage) face.Table {
	t := face.Table{ID: "preview", Caption: w.Name, Dense: true, Empty: face.Nothing(v.p.T("dose.no_rows"), v.p.T("views.no_rows"))}
	for i, h := range w.Heads {
		c := face.Column{Label: h, Phone: face.Wide}
		switch i {
		case 0:
			c.Phone = face.Name
		case 1:
			c.Phone = face.Beside
		}
		t.Columns = append(t.Columns, c)
	}
	for _, r := range w.Rows {
		row := face.Row{}
		for _, c := range r {
			row.Cells = append(row.Cells, face.Words(orElse(c, "–"), ""))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// viewDo changes a view.
func (s *server) viewDo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	ctx, id := v.r.Context(), v.r.PathValue("id")
	var err error
	to, done := viewsAt+"/"+id, "view_saved"
	switch v.field("do") {
	case "change":
		columns := v.r.PostForm["column"]
		_, err = s.Views.SaveView(ctx, ViewForm{ID: id, Name: v.field("name"), Shared: v.field("shared"), Columns: columns, Keep: len(columns) == 0 && v.field("columns") == ""})
	case "delete":
		err, to, done = s.Views.DeleteView(ctx, id), viewsAt, "view_deleted"
	case "begin":
		err = s.Views.BeginView(ctx, id)
	case "begin_none":
		err = s.Views.BeginView(ctx, "")
	case "copy":
		err = s.Views.CopyView(ctx, id, v.field("every"), v.field("format"))
	case "now":
		err, done = s.Views.CopyNow(ctx, id), "view_copied"
	default:
		return fault.Errorf(fault.Invalid, "no such step")
	}
	if why := said(err); why != "" {
		return v.showView(why)
	}
	if fault.Of(err) == fault.Unavailable {
		return v.showView(err.Error())
	}
	if err != nil {
		return err
	}
	return v.back(to, done)
}

// viewFile sends the table of a view.
func (s *server) viewFile(v *visit) error {
	format := ExportFormat(v.r.URL.Query().Get("format"))
	if mediaTypes[format] == "" {
		return fault.Errorf(fault.Invalid, "no export as %q", format)
	}
	var b bytes.Buffer
	name, err := s.Views.ViewFile(v.r.Context(), &b, v.p.Tag(), v.r.PathValue("id"), format)
	if err != nil {
		return err
	}
	v.attach(name, mediaTypes[format])
	_, _ = v.w.Write(b.Bytes())
	return nil
}

// A viewShelf is what stands of views at a table.
type viewShelf struct {
	views []SavedView
	kinds []string // that can be saved from here
	here  address
}

// shelf returns the views of a page, of some kinds; without the room there are none.
func (v *visit) shelf(here address, kinds ...string) (viewShelf, error) {
	if v.Views == nil {
		return viewShelf{}, nil
	}
	all, err := v.Views.Views(v.r.Context(), kinds...)
	return viewShelf{all, kinds, here}, err
}

// kindChoices are what a view of a page can show.
func (v *visit) kindChoices(kinds []string) (all []face.Choice) {
	for _, k := range kinds {
		all = append(all, face.Choice{Code: k, Label: v.p.T("views.shows_" + k)})
	}
	return all
}

// shareChoices are those that a view can be shared with.
func (v *visit) shareChoices() []face.Choice {
	all := []face.Choice{{Code: "everybody", Label: v.p.T("views.everybody")}}
	for _, r := range access.People() {
		if r != access.Patient && r != access.Learner {
			all = append(all, face.Choice{Code: string(r), Label: v.word("role.", string(r))})
		}
	}
	return all
}

// firstView leads to the view that somebody begins with, or else to the first page.
func (s *server) firstView(v *visit) error {
	to := "/dose/ct"
	if s.Views != nil {
		first, err := s.Views.FirstView(v.r.Context())
		if err != nil {
			return err
		}
		to = orElse(first, to)
	}
	http.Redirect(v.w, v.r, to, http.StatusFound)
	return nil
}

// has reports whether a column is chosen.
func (w ViewPage) has(name string) bool { return len(w.Chosen) == 0 || slices.Contains(w.Chosen, name) }

// copyOf is the copy of a view, an empty one where there is none.
func copyOf(w ViewPage) ViewCopy {
	if w.Copy == nil {
		return ViewCopy{}
	}
	return *w.Copy
}
