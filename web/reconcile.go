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
	Reconcile(ctx context.Context) (ReconcilePage, error)
	// Case returns one study with its evidence, whether it is in doubt or not.
	Case(ctx context.Context, study string) (ReconcileCase, error)
	// Decide does what somebody decided; a RefusalError for what cannot be.
	Decide(ctx context.Context, d ReconcileDecision) error
}

// A ReconcilePage is what is to be looked at, and what was decided lately.
type ReconcilePage struct {
	Days    int // how far it looks back
	Cases   []ReconcileCase
	Decided []Reconciled
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
}

// An Named is what something says of a patient.
type Named struct{ PatientID, Issuer, Name, Birth, Sex, Accession string }

// An Evidence is what something else says of the patient: a series, another study, an order.
type Evidence struct {
	Kind, Label string // series, study, order, received
	Link        string
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
	Do, Study, Series, ID, Kind, Reason, Order, Title string
	Is                                                Named
}

func (s *server) reconcileRoutes(g registrar) {
	if s.Reconcile == nil {
		return
	}
	g.get("/images/reconcile", access.LinkChange, s.reconcilePage)
	g.get("/images/reconcile/{study}", access.LinkChange, s.reconcileStudy)
	g.post("/images/reconcile", access.LinkChange, s.reconcileDo)
}

// reconcilePage lists what is in doubt.
func (s *server) reconcilePage(v *visit) error {
	list, err := s.Reconcile.Reconcile(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("nav.reconcile"), lead: v.p.T("reconcile.lead", lang.Args{"n": list.Days}), section: "/images/reconcile"}, reconcileBody(v, list))
}

// reconcileStudy shows one study with its evidence and what can be done.
func (s *server) reconcileStudy(v *visit) error {
	return v.showCase(v.r.PathValue("study"), ReconcileDecision{}, nil)
}

// showCase shows a study; d and wrong are a form it has to give back.
func (v *visit) showCase(study string, d ReconcileDecision, wrong map[string]string) error {
	c, err := v.Reconcile.Case(v.r.Context(), study)
	if err != nil {
		return err
	}
	if wrong == nil {
		d.Is = c.Says
	}
	pg := page{
		title: orElse(c.Description, v.p.T("reconcile.study")), lead: v.p.T("reconcile.case_lead"), section: "/images/reconcile",
		crumbs: []crumb{{v.p.T("nav.reconcile"), "/images/reconcile"}},
	}
	if wrong != nil {
		pg.status = 400
	}
	return v.show(pg, caseBody(v, c, d, wrong))
}

// reconcileDo takes a decision.
func (s *server) reconcileDo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := func(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }
	d := ReconcileDecision{
		Do: f("do"), Study: f("study"), Series: f("series"), ID: f("id"), Kind: f("kind"), Reason: f("reason"), Order: f("order"), Title: f("title"),
		Is: Named{
			PatientID: f("patient_id"), Issuer: f("issuer"), Name: f("name"), Birth: strings.ReplaceAll(f("birth"), "-", ""), Sex: strings.ToUpper(f("sex")), Accession: f("accession"),
		},
	}
	err := s.Reconcile.Decide(v.r.Context(), d)
	if wrong := v.refused(err); wrong != nil && d.Study != "" {
		return v.showCase(d.Study, d, wrong)
	}
	if err != nil {
		return err
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
