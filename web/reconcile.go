package web

import (
	"context"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Reconcile knows studies that may be of another patient than they say, and takes what
// people decide about them.
type Reconcile interface {
	Reconcile(ctx context.Context, language string) (ReconcilePage, error)
	// Case returns one study with its evidence, whether it is in doubt or not.
	Case(ctx context.Context, language, study string) (ReconcileCase, error)
	// From returns whom an order or another study is about (order:ID, study:UID), and what
	// that is called.
	From(ctx context.Context, study, from string) (Named, string, error)
	// Effects returns what a correction would change, without doing it; a RefusalError for
	// what cannot be.
	Effects(ctx context.Context, d ReconcileDecision) ([]ReconcileEffect, error)
	// Decide does what somebody decided; a RefusalError for what cannot be.
	Decide(ctx context.Context, d ReconcileDecision) error
}

// A ReconcilePage is what is to be looked at, and what was decided lately.
type ReconcilePage struct {
	Days    int // how far it looks back
	Cases   []ReconcileCase
	Decided []Reconciled

	Aside      []AsideObject // what came under the UID of another object
	AsideCount int64
}

// A ReconcileCase is a study and why its patient is in doubt.
type ReconcileCase struct {
	Study, Kind       string // two_patients, contradicts, unmatched, late; "" for one that is not in doubt
	Date, Description string
	Modalities        string
	Instances         int64
	Says              Named
	Evidence          []Evidence // beside what the study says
	Reason            string     // of unmatched, key after reconcile.why_
	Orders            []face.Choice
	Titles            []face.Choice
	Others            []face.Choice // persons whom the patient may be, too
	Links             []Reconciled  // what was decided about that
}

// A ReconcileEffect is what a correction would change in a series.
type ReconcileEffect struct {
	Label     string
	Instances int64
	Own       bool // it would get a study of its own
	Changes   []CoercionChange
}

// An Named is what something says of a patient.
type Named struct{ PatientID, Issuer, Name, Birth, Sex, Accession string }

// An Evidence is what something else says of the patient: a series, another study, an order.
type Evidence struct {
	Kind, Label string // series, study, order, received
	Link        string
	From        string // by which its identity is filled in; "" if that cannot be
	Series      string // UID
	Identity    Named
}

// A Reconciled is a decision, which can be taken back while it holds.
type Reconciled struct {
	ID, Kind, Study, What, By, Reason string
	At                                time.Time
	Undone                            bool
}

// A ReconcileDecision is what somebody decided.
type ReconcileDecision struct {
	Do, Study, Series, ID, Kind, Reason, Order, Title, Other string
	Own                                                      bool // the series gets a study of its own
	Is                                                       Named
}

func (s *server) reconcileRoutes(g registrar) {
	if s.Reconcile == nil {
		return
	}
	g.get("/images/reconcile", access.LinkChange, s.reconcilePage)
	g.get("/images/reconcile/{study}", access.LinkChange, s.reconcileStudy)
	g.post("/images/reconcile", access.LinkChange, s.reconcileDo)
	s.asideRoutes(g)
}

// reconcilePage lists what is in doubt.
func (s *server) reconcilePage(v *visit) error {
	list, err := s.Reconcile.Reconcile(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("nav.reconcile"), lead: v.p.T("reconcile.lead", lang.Args{"n": list.Days}), section: "/images/reconcile"}, reconcileBody(v, list))
}

// A caseForm is a form about a study as it was filled in: what is wrong with it, what it
// would change, and from where it was filled in.
type caseForm struct {
	ReconcileDecision
	wrong   map[string]string
	tried   bool
	effects []ReconcileEffect
	from    string
}

// reconcileStudy shows one study with its evidence and what can be done.
func (s *server) reconcileStudy(v *visit) error {
	f, study := caseForm{}, v.r.PathValue("study")
	from := v.r.URL.Query().Get("from")
	if order := v.r.URL.Query().Get("order"); order != "" {
		from = "order:" + order
	}
	if from == "" {
		return v.showCase(study, f)
	}
	var err error
	if f.Is, f.from, err = s.Reconcile.From(v.r.Context(), study, from); err != nil {
		return err
	}
	return v.showCase(study, f)
}

// showCase shows a study, with a form.
func (v *visit) showCase(study string, f caseForm) error {
	c, err := v.Reconcile.Case(v.r.Context(), v.p.Tag(), study)
	if err != nil {
		return err
	}
	if f.wrong == nil && f.from == "" && !f.tried {
		f.Is = c.Says
	}
	pg := page{
		title: orElse(c.Description, v.p.T("reconcile.study")), lead: v.p.T("reconcile.case_lead"), section: "/images/reconcile",
		crumbs: []crumb{{v.p.T("nav.reconcile"), "/images/reconcile"}},
	}
	if f.wrong != nil {
		pg.status = 400
	}
	return v.show(pg, caseBody(v, c, f))
}

// reconcileDo takes a decision.
func (s *server) reconcileDo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := func(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }
	d := ReconcileDecision{
		Do: f("do"), Study: f("study"), Series: f("series"), ID: f("id"), Kind: f("kind"), Reason: f("reason"), Order: f("order"), Title: f("title"),
		Other: f("other"), Own: f("own") != "",
		Is: Named{
			PatientID: f("patient_id"), Issuer: f("issuer"), Name: f("name"), Birth: strings.ReplaceAll(f("birth"), "-", ""), Sex: strings.ToUpper(f("sex")), Accession: f("accession"),
		},
	}
	form := caseForm{ReconcileDecision: d}
	var err error
	if d.Do == "preview" {
		form.effects, err = s.Reconcile.Effects(v.r.Context(), d)
		form.tried = err == nil
	} else {
		err = s.Reconcile.Decide(v.r.Context(), d)
	}
	if form.wrong = v.refused(err); form.wrong != nil && d.Study != "" {
		return v.showCase(d.Study, form)
	}
	if err != nil {
		return err
	}
	if form.tried {
		return v.showCase(d.Study, form)
	}
	if d.Do == "link" || d.Do == "unlink" {
		return v.back("/images/reconcile/"+d.Study, "reconcile_"+d.Do)
	}
	return v.back("/images/reconcile", "reconcile_"+d.Do)
}

// identityRows lists what the study and others say of its patient; what differs is
// marked.
func (v *visit) identityRows(c ReconcileCase) face.Table {
	t := face.Table{
		ID: "evidence", Caption: v.p.T("reconcile.evidence"), Dense: true, Empty: face.Nothing(v.p.T("reconcile.no_evidence"), v.p.T("reconcile.no_evidence_text")),
		Columns: []face.Column{
			{Label: v.p.T("reconcile.says"), Phone: face.Name},
			{Label: v.p.T("reconcile.name"), Phone: face.Beside},
			{Label: v.p.T("reconcile.patient_id")},
			{Label: v.p.T("reconcile.birth")},
			{Label: v.p.T("reconcile.sex")},
			{Label: v.p.T("reconcile.accession")},
		},
	}
	for _, e := range append([]Evidence{{Kind: "now", Identity: c.Says}}, c.Evidence...) {
		i, than := e.Identity, c.Says
		t.Rows = append(t.Rows, face.Row{Href: e.Link, Cells: []templ.Component{
			face.Words(v.p.T("reconcile.from_"+e.Kind), e.Label),
			differing(v, spoken(i.Name), spoken(than.Name)), differing(v, joinID(i), joinID(than)), differing(v, i.Birth, than.Birth),
			differing(v, i.Sex, than.Sex), differing(v, i.Accession, than.Accession),
		}})
	}
	return t
}

func joinID(i Named) string {
	if i.Issuer == "" {
		return i.PatientID
	}
	return i.Issuer + " | " + i.PatientID
}

// spoken returns a name as people read it.
func spoken(name string) string { return strings.TrimSpace(strings.ReplaceAll(name, "^", " ")) }

// effectRows lists what a correction would change.
func (v *visit) effectRows(list []ReconcileEffect) face.Table {
	t := face.Table{
		ID: "effects", Caption: v.p.T("reconcile.effects"), Dense: true, Empty: face.Nothing(v.p.T("reconcile.no_effect"), v.p.T("reconcile.wrong_nothing")),
		Columns: []face.Column{
			{Label: v.p.T("reconcile.from_series"), Phone: face.Name},
			{Label: v.p.T("coercion.attribute")},
			{Label: v.p.T("coercion.before")},
			{Label: v.p.T("coercion.after"), Phone: face.Beside},
		},
	}
	for _, e := range list {
		note := v.p.T("reconcile.images", lang.Args{"n": e.Instances})
		if e.Own {
			note += " · " + v.p.T("reconcile.own_study")
		}
		for _, c := range e.Changes {
			t.Rows = append(t.Rows, face.Row{Cells: []templ.Component{
				face.Words(orElse(e.Label, v.p.T("reconcile.from_series")), note), face.Words(c.Attribute, ""), face.Words(orElse(c.Before, "–"), ""), face.Words(orElse(c.After, "–"), ""),
			}})
		}
	}
	return t
}
