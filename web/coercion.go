package web

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Coercion knows what is made of attributes of what peers send, and takes what people
// decide about it.
type Coercion interface {
	// Coercion returns what holds for a peer, and what did; without a title, the peers.
	Coercion(ctx context.Context, peer string) (CoercionPage, error)
	// Preview returns what a draft would make of what the peer sent last; a RefusalError
	// for one that cannot be.
	Preview(ctx context.Context, d CoercionDraft) ([]CoercionRow, error)
	// Save has a draft hold for what comes; a RefusalError for one that cannot be.
	Save(ctx context.Context, d CoercionDraft) error
	// Undo has what held before hold again.
	Undo(ctx context.Context, peer, reason string) error
}

// A CoercionDraft is what is to hold for a peer.
type CoercionDraft struct {
	Peer, Issuer, Reason string
	Rules                []CoercionRule
}

// A CoercionRule makes something of one attribute.
type CoercionRule struct{ Attribute, Do, Find, Text string }

// A CoercionPage is what holds, and what did.
type CoercionPage struct {
	Peers      []string // those that are known
	Now        CoercionDraft
	Versions   []CoercionVersion
	Attributes []face.Choice
	Doings     []string
}

// A CoercionVersion is what held for a while.
type CoercionVersion struct {
	CoercionDraft
	By        string
	At, Until time.Time
}

// A CoercionRow is what rules make of an instance.
type CoercionRow struct {
	Study, Label string
	Received     time.Time
	Changes      []CoercionChange
	Unfit        []string // names of attributes of which it would be too long
}

// A CoercionChange is one attribute before and after.
type CoercionChange struct{ Attribute, Before, After string }

const coercionAt = "/settings/peers/coercion"

func (s *server) coercionRoutes(g registrar) {
	if s.Coercion == nil {
		return
	}
	g.get(coercionAt, access.PeerChange, s.coercionPage)
	g.post(coercionAt, access.PeerChange, s.coercionDo)
}

// coercionOf returns the address of the page of a peer.
func coercionOf(peer string) string { return coercionAt + "?peer=" + url.QueryEscape(peer) }

// coercionPage shows what holds for a peer.
func (s *server) coercionPage(v *visit) error {
	pg, err := s.Coercion.Coercion(v.r.Context(), v.r.URL.Query().Get("peer"))
	if err != nil {
		return err
	}
	return v.showCoercion(pg, pg.Now, nil, nil, false)
}

// showCoercion shows the page with a form as it was filled in, and what it would do.
func (v *visit) showCoercion(pg CoercionPage, d CoercionDraft, rows []CoercionRow, wrong map[string]string, tried bool) error {
	p := page{
		title: v.p.T("coercion.title"), lead: v.p.T("coercion.lead"), section: "/settings/peers",
		crumbs: []crumb{{v.p.T("nav.peers"), "/settings/peers"}},
	}
	if d.Peer != "" {
		p.title = v.p.T("coercion.title_peer", lang.Args{"title": d.Peer})
	}
	if wrong != nil {
		p.status = 400
	}
	return v.show(p, coercionBody(v, pg, d, rows, wrong, tried))
}

// blankRules is how many rules can be added at a time.
const blankRules = 3

// coercionDo shows what a draft would do, has it hold, or undoes.
func (s *server) coercionDo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := func(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }
	ctx, d := v.r.Context(), CoercionDraft{Peer: f("peer"), Issuer: f("issuer"), Reason: f("reason")}
	for n := range 60 {
		of := func(name string) string { return v.r.PostForm.Get(name + "_" + strconv.Itoa(n)) }
		if of("attribute") != "" {
			d.Rules = append(d.Rules, CoercionRule{of("attribute"), of("do"), of("find"), of("text")})
		}
	}
	var rows []CoercionRow
	var err error
	switch f("do") {
	case "undo":
		err = s.Coercion.Undo(ctx, d.Peer, f("undo_reason"))
	case "save":
		err = s.Coercion.Save(ctx, d)
	default:
		rows, err = s.Coercion.Preview(ctx, d)
	}
	wrong := v.refused(err)
	if wrong == nil && err != nil {
		return err
	}
	if wrong == nil && rows == nil && (f("do") == "undo" || f("do") == "save") {
		return v.back(coercionOf(d.Peer), "coercion_"+f("do"))
	}
	pg, err := s.Coercion.Coercion(ctx, d.Peer)
	if err != nil {
		return err
	}
	if f("do") == "undo" {
		d = pg.Now
	}
	return v.showCoercion(pg, d, rows, wrong, wrong == nil)
}

// doings are what rules may do.
func (v *visit) doings(pg CoercionPage) []face.Choice {
	var all []face.Choice
	for _, d := range pg.Doings {
		all = append(all, face.Choice{Code: d, Label: v.p.T("coercion.do_" + d)})
	}
	return all
}

// coercionWords says what a version did.
func (v *visit) coercionWords(pg CoercionPage, d CoercionDraft) string {
	var all []string
	if d.Issuer != "" {
		all = append(all, v.p.T("coercion.issuer")+": "+d.Issuer)
	}
	for _, r := range d.Rules {
		name := r.Attribute
		for _, c := range pg.Attributes {
			if c.Code == r.Attribute {
				name = c.Label
			}
		}
		words := name + ": " + v.p.T("coercion.do_"+r.Do)
		if r.Find != "" {
			words += " " + r.Find + " →"
		}
		all = append(all, strings.TrimSpace(words+" "+r.Text))
	}
	if len(all) == 0 {
		return v.p.T("coercion.nothing")
	}
	return strings.Join(all, "; ")
}

// coercionRows lists what rules make of what came last.
func (v *visit) coercionRows(rows []CoercionRow) face.Table {
	t := face.Table{
		ID: "preview", Caption: v.p.T("coercion.preview"), Dense: true, Empty: face.Nothing(v.p.T("coercion.no_objects"), v.p.T("coercion.no_objects_text")),
		Columns: []face.Column{
			{Label: v.p.T("coercion.object"), Phone: face.Name},
			{Label: v.p.T("coercion.attribute")},
			{Label: v.p.T("coercion.before")},
			{Label: v.p.T("coercion.after"), Phone: face.Beside},
		},
	}
	for _, r := range rows {
		words := face.Words(r.Label, v.p.DateTime(v.local(r.Received)))
		if len(r.Changes) == 0 {
			t.Rows = append(t.Rows, face.Row{Cells: []templ.Component{words, face.Words("–", ""), face.Words("–", ""), face.Words(v.p.T("coercion.unchanged"), v.unfit(r))}})
		}
		for n, c := range r.Changes {
			note := ""
			if n == 0 {
				note = v.unfit(r)
			}
			t.Rows = append(t.Rows, face.Row{Cells: []templ.Component{words, face.Words(c.Attribute, ""), face.Words(orElse(c.Before, "–"), ""), face.Words(orElse(c.After, "–"), note)}})
		}
	}
	return t
}

// unfit says of which attributes nothing is made because it would not fit.
func (v *visit) unfit(r CoercionRow) string {
	if len(r.Unfit) == 0 {
		return ""
	}
	return v.p.T("coercion.unfit", lang.Args{"names": strings.Join(r.Unfit, ", ")})
}
