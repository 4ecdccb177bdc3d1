package web

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/web/face"
)

// Titles knows what else this program is called, and what it does under these names.
type Titles interface {
	Titles(ctx context.Context) (TitlesPage, error)
	// SetTitle adds or changes a title; a RefusalError for one that cannot be.
	SetTitle(ctx context.Context, t Title) error
	// RemoveTitle forgets a title: nobody is called that any more.
	RemoveTitle(ctx context.Context, name string) error
}

// A TitlesPage is what the page shows.
type TitlesPage struct {
	Own      string // the title that does everything
	Titles   []Title
	Services []string // that can be offered: titles.service_… names them
	Peers    []string // that are known
}

// A Title is a further title of ours.
type Title struct {
	Name      string
	Services  []string
	Keep      string // "" everything, reports
	Callers   []string
	Note      string
	DecidedBy string
	Decided   time.Time
	Drops     []PeerRule // by which pixels of what is sent to it are dropped
}

const titlesAt = "/settings/peers/titles"

func (s *server) titleRoutes(g registrar) {
	if s.Titles == nil {
		return
	}
	g.get(titlesAt, access.PeerRead, s.titlesPage)
	g.post(titlesAt, access.PeerChange, s.titleSet)
	g.post(titlesAt+"/remove", access.PeerChange, s.titleRemove)
}

// titlesPage shows the titles.
func (s *server) titlesPage(v *visit) error { return v.showTitles(Title{}, nil) }

// showTitles shows the page; t and wrong are a form it has to give back.
func (v *visit) showTitles(t Title, wrong map[string]string) error {
	p, err := v.Titles.Titles(v.r.Context())
	if err != nil {
		return err
	}
	pg := page{
		title: v.p.T("titles.title"), lead: v.p.T("titles.lead"), section: "/settings/peers",
		crumbs: []crumb{{v.p.T("nav.peers"), "/settings/peers"}},
	}
	if wrong != nil {
		pg.status = 400
	} else if i := slices.IndexFunc(p.Titles, func(x Title) bool { return x.Name == v.r.URL.Query().Get("open") }); i >= 0 {
		t = p.Titles[i]
	}
	return v.show(pg, titlesBody(v, p, t, wrong))
}

// titleSet takes what somebody decides about a title.
func (s *server) titleSet(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	t := Title{
		Name: strings.TrimSpace(f.Get("name")), Services: f["services"], Keep: f.Get("keep"), Note: strings.TrimSpace(f.Get("note")),
	}
	for c := range strings.FieldsFuncSeq(f.Get("callers"), func(c rune) bool { return c == ',' || c == ';' || c == '\n' || c == '\r' }) {
		if c = strings.TrimSpace(c); c != "" {
			t.Callers = append(t.Callers, c)
		}
	}
	err := s.Titles.SetTitle(v.r.Context(), t)
	if wrong := v.refused(err); wrong != nil {
		return v.showTitles(t, wrong)
	}
	if err != nil {
		return err
	}
	return v.back(titlesAt, "title_set")
}

// titleRemove forgets a title.
func (s *server) titleRemove(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.Titles.RemoveTitle(v.r.Context(), v.r.PostForm.Get("name")); err != nil {
		return err
	}
	return v.back(titlesAt, "title_removed")
}

// titleTable lists our titles, the one that does everything first.
func (v *visit) titleTable(p TitlesPage) face.Table {
	t := face.Table{
		ID: "titles", Caption: v.p.T("titles.ours"),
		Columns: []face.Column{
			{Label: v.p.T("peers.title"), Phone: face.Name},
			{Label: v.p.T("titles.offers"), Phone: face.Wide},
			{Label: v.p.T("titles.takes")},
			{Label: v.p.T("titles.callers"), Phone: face.Wide},
		},
		Rows: []face.Row{{ID: "own", Cells: []templ.Component{
			face.Words(p.Own, v.p.T("titles.own")), face.Words(v.p.T("titles.all_services"), ""), face.Words(v.p.T("titles.keep_all"), ""), face.Words(v.p.T("titles.everybody"), ""),
		}}},
	}
	here := v.here()
	for _, x := range p.Titles {
		keep, callers := v.p.T("titles.keep_all"), orElse(strings.Join(x.Callers, ", "), v.p.T("titles.everybody"))
		switch {
		case !slices.Contains(x.Services, "store"):
			keep = "–"
		case x.Keep != "":
			keep = v.p.T("titles.keep_" + x.Keep)
		}
		t.Rows = append(t.Rows, face.Row{
			ID: "t-" + x.Name, Href: here.with("open", x.Name).String() + "#set", Open: here.query.Get("open") == x.Name,
			Cells: []templ.Component{face.Words(x.Name, x.Note), face.Words(strings.Join(v.serviceNames(x.Services), ", "), ""), face.Words(keep, ""), face.Words(callers, "")},
		})
	}
	return t
}

// serviceNames returns what services are called.
func (v *visit) serviceNames(words []string) (all []string) {
	for _, w := range words {
		all = append(all, v.p.T("titles.service_"+w))
	}
	return all
}

// keeps are what a title may take.
func (v *visit) keeps() []face.Choice {
	return []face.Choice{{Code: "", Label: v.p.T("titles.keep_all")}, {Code: "reports", Label: v.p.T("titles.keep_reports")}}
}
