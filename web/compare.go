package web

import (
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"radagora/lang"
	"radagora/web/face"
)

// AsReceived stands for the other object where one is compared with what was received.
const AsReceived = "received"

// A Comparison is two data sets side by side.
type Comparison struct {
	A, B Compared
	Rows []CompareRow
}

// A Compared is one of two objects.
type Compared struct {
	UID, Class string
	Received   bool // it is as received, whatever was corrected since
}

// A CompareRow is an element of either.
type CompareRow struct {
	Depth     int
	Tag       string
	Name      string
	VR        string
	A, B      string
	State     string // same, changed, added, removed
	Private   bool
	Creator   string // of a private element
	Item      bool
	LengthCut bool // too large to be compared byte by byte
}

// comparePage holds the headers of two objects side by side.
func (s *server) comparePage(v *visit) error {
	here, uid := v.here(), v.r.PathValue("uid")
	with := strings.TrimSpace(here.query.Get("with"))
	if with == "" || len(with) > 64 {
		return redirectTo("/images/objects/" + url.PathEscape(uid))(v)
	}
	c, err := s.Objects.Compare(v.r.Context(), uid, with)
	if err != nil {
		return err
	}
	pg := page{
		title: v.p.T("compare.title"), lead: v.comparedLead(c), section: "/images",
		crumbs: []crumb{{v.p.T("nav.studies"), "/images"}, {c.A.Class, "/images/objects/" + url.PathEscape(uid)}},
	}
	return v.show(pg, compareBody(v, here, c, here.query.Has("all")))
}

// comparedLead says how much differs.
func (v *visit) comparedLead(c Comparison) string {
	n := 0
	for _, r := range c.Rows {
		if r.State != "same" && !r.Item {
			n++
		}
	}
	return v.p.T("compare.differ", lang.Args{"n": n})
}

// comparedName is how one of both is called.
func (v *visit) comparedName(c Compared) string {
	if c.Received {
		return v.p.T("compare.received")
	}
	return c.UID
}

// A compareGroup are rows that belong together: those of the standard, or of one who
// made private ones.
type compareGroup struct {
	Creator string
	Private bool
	Rows    []CompareRow
	Differ  int
}

// compareGroups parts rows into those of the standard and, for each creator, private
// ones; without all, those that are the same are left out.
func compareGroups(rows []CompareRow, all bool) []compareGroup {
	groups := []compareGroup{{}}
	at := 0
	for _, r := range rows {
		if r.Depth == 0 {
			at = slices.IndexFunc(groups, func(g compareGroup) bool { return g.Private == r.Private && g.Creator == r.Creator })
			if at < 0 {
				at = len(groups)
				groups = append(groups, compareGroup{Creator: r.Creator, Private: r.Private})
			}
		}
		if r.State != "same" && !r.Item {
			groups[at].Differ++
		}
		if all || r.State != "same" {
			groups[at].Rows = append(groups[at].Rows, r)
		}
	}
	return slices.DeleteFunc(groups, func(g compareGroup) bool { return len(g.Rows) == 0 })
}

// compareTable makes the table of a group.
func (v *visit) compareTable(c Comparison, g compareGroup, id string) face.Table {
	t := face.Table{
		ID: id, Caption: v.p.T("compare.title"), Dense: true,
		Columns: []face.Column{
			{Label: v.p.T("compare.element"), Phone: face.Name},
			{Label: v.comparedName(c.A), Phone: face.Drawn},
			{Label: v.comparedName(c.B), Phone: face.Drawn},
			{Label: v.p.T("compare.state"), Phone: face.Beside},
		},
	}
	for _, r := range g.Rows {
		name := r.Name
		if r.Item {
			name = v.p.T("compare.item")
		}
		t.Rows = append(t.Rows, face.Row{Cells: []templ.Component{
			face.Words(strings.Repeat("› ", r.Depth)+name, strings.TrimSpace(r.Tag+" "+r.VR)), compareValue(r, r.A, r.State != "added"), compareValue(r, r.B, r.State != "removed"),
			compareState(v, r),
		}})
	}
	return t
}

// compareAddress is where an object is held beside another.
func compareAddress(uid, with string) string {
	return "/images/objects/" + uid + "/compare?with=" + with
}
