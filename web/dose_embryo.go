package web

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// DoseEmbryo shows and takes worksheets of the dose to an embryo or fetus. It returns
// fault.NotFound or fault.Forbidden for those who may not see the person.
type DoseEmbryo interface {
	// Embryo lists the worksheets of a study.
	Embryo(ctx context.Context, study string) (EmbryoPage, error)
	// EmbryoBegin returns a form with what the ledger knows, or with an id that of a
	// worksheet that is to have a further version.
	EmbryoBegin(ctx context.Context, study, id string) (EmbryoForm, error)
	// EmbryoTry calculates what a form comes to and what is wrong with it, and returns
	// the form with what the ledger knows of it.
	EmbryoTry(ctx context.Context, study string, f EmbryoForm) (EmbryoForm, EmbryoResult, []EmbryoWrong, error)
	// EmbryoDeclare declares it and returns the id of the worksheet. Invalid: said to
	// whoever typed it.
	EmbryoDeclare(ctx context.Context, by Person, study string, f EmbryoForm) (id string, wrong []EmbryoWrong, err error)
	// EmbryoSheet returns a version of a worksheet, 0 for the newest.
	EmbryoSheet(ctx context.Context, study, id string, version int) (EmbryoSheet, error)
	// EmbryoWithdraw withdraws a worksheet. Invalid: said to whoever typed it.
	EmbryoWithdraw(ctx context.Context, by Person, study, id, reason string) error
}

// An EmbryoPage is what there is of a study.
type EmbryoPage struct {
	Study, Name, Born, Description string // Name is "" for those who may not know it
	At                             time.Time
	Sheets                         []EmbryoSheet
	May                            bool // declare
}

// An EmbryoForm is a worksheet as it is filled in.
type EmbryoForm struct {
	Of, Reason                             string // worksheet that is to have a further version, and why
	Weeks, Days, KnownBy, Method, Combine  string
	Assumptions, Note, Name, Role          string
	Lines                                  []EmbryoLine
	KnownBys, Combines, Places, Quantities []string // to choose from
}

// An EmbryoLine is one exposure.
type EmbryoLine struct {
	Key, Name, Quantity, Value, Unit, Reported, Origin, Beam string
	Place, Coefficient, Factor, Source, Uncertainty          string
	Events                                                   int
}

// given reports whether somebody filled in a line, or the ledger did.
func (l EmbryoLine) given() bool { return l.Key != "" || l.Value+l.Coefficient+l.Source+l.Name != "" }

// An EmbryoResult is what a worksheet comes to, in mGy.
type EmbryoResult struct {
	Steps       []EmbryoStep
	Dose        float64
	Uncertainty float64 // coverage factor 2
	Known       bool    // there is one
	Combine     string
}

// An EmbryoStep is what a line comes to.
type EmbryoStep struct {
	Value, Unit, Coefficient, Factor string
	Dose, Uncertainty                float64 // mGy
	Known, Left                      bool
}

// An EmbryoWrong is what is wrong with a form.
type EmbryoWrong struct {
	Line        int // from 1; 0 of the sheet
	Field, Rule string
}

// An EmbryoSheet is a version of a worksheet.
type EmbryoSheet struct {
	EmbryoForm
	ID, State, Kind, By, Program string
	Version, Newest              int
	At                           time.Time
	Result                       EmbryoResult
	Versions                     []EmbryoVersion
	Page                         EmbryoPage
}

// An EmbryoVersion is one in the list of versions.
type EmbryoVersion struct {
	Number           int
	Kind, Reason, By string
	At               time.Time
}

// mostEmbryoLines bounds the lines that are read of a form.
const mostEmbryoLines = 110

// moreEmbryoLines is how many empty lines a form has.
const moreEmbryoLines = 2

// embryoRoutes are the addresses of the worksheets.
func (s *server) embryoRoutes(g registrar) {
	if s.DoseEmbryo == nil {
		return
	}
	g.get("/dose/embryo/{study}", access.PageRead, s.embryoList) // the room asks about the patient
	g.get("/dose/embryo/{study}/new", access.EmbryoDeclare, s.embryoBegin)
	g.post("/dose/embryo/{study}/new", access.EmbryoDeclare, s.embryoDo)
	g.get("/dose/embryo/{study}/sheets/{id}", access.PageRead, s.embryoSheet) // likewise
	g.post("/dose/embryo/{study}/sheets/{id}/withdraw", access.EmbryoDeclare, s.embryoWithdraw)
}

// embryoAt is the address of the worksheets of a study.
func embryoAt(study string) string { return "/dose/embryo/" + url.PathEscape(study) }

// embryoSheetAt is the address of a worksheet.
func embryoSheetAt(study, id string) string { return embryoAt(study) + "/sheets/" + url.PathEscape(id) }

// embryoCrumbs lead to the worksheets of a study.
func (v *visit) embryoCrumbs(study string, more ...crumb) []crumb {
	return append([]crumb{{v.p.T("nav.dose_ct"), "/dose/ct"}, {v.p.T("history.title"), "/dose/person/" + url.PathEscape(study)}}, more...)
}

// embryoList shows the worksheets of a study.
func (s *server) embryoList(v *visit) error {
	pg, err := s.DoseEmbryo.Embryo(v.r.Context(), v.r.PathValue("study"))
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("embryo.title"), lead: v.p.T("embryo.lead"), section: "/dose/ct", crumbs: v.embryoCrumbs(pg.Study)}, embryoListBody(v, pg))
}

// embryoBegin shows a form with what the ledger knows.
func (s *server) embryoBegin(v *visit) error {
	f, err := s.DoseEmbryo.EmbryoBegin(v.r.Context(), v.r.PathValue("study"), v.r.URL.Query().Get("of"))
	if err != nil {
		return err
	}
	return v.showEmbryo(f, nil, nil, "")
}

// showEmbryo shows a form, with what it comes to or what is wrong with it.
func (v *visit) showEmbryo(f EmbryoForm, r *EmbryoResult, wrong []EmbryoWrong, why string) error {
	study := v.r.PathValue("study")
	for range moreEmbryoLines {
		f.Lines = append(f.Lines, EmbryoLine{})
	}
	pg := page{
		title: v.p.T("embryo.form"), lead: v.p.T("embryo.form_lead"), section: "/dose/ct",
		crumbs: v.embryoCrumbs(study, crumb{v.p.T("embryo.title"), embryoAt(study)}),
	}
	if len(wrong) > 0 || why != "" {
		pg.status = 400
	}
	return v.show(pg, embryoFormBody(v, study, f, r, wrong, why))
}

// embryoDo calculates or declares what was filled in.
func (s *server) embryoDo(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	study, f := v.r.PathValue("study"), v.embryoForm()
	f, result, wrong, err := s.DoseEmbryo.EmbryoTry(v.r.Context(), study, f)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return v.showEmbryo(f, nil, wrong, "")
	}
	if v.field("do") != "declare" {
		return v.showEmbryo(f, &result, nil, "")
	}
	id, wrong, err := s.DoseEmbryo.EmbryoDeclare(v.r.Context(), v.who, study, f)
	if why := said(err); why != "" || len(wrong) > 0 {
		return v.showEmbryo(f, &result, wrong, why)
	}
	if err != nil {
		return err
	}
	return v.back(embryoSheetAt(study, id), "embryo_declared")
}

// embryoForm reads what was filled in. Empty lines are left out.
func (v *visit) embryoForm() EmbryoForm {
	f := EmbryoForm{
		Of: v.field("of"), Reason: v.field("reason"), Weeks: v.field("weeks"), Days: v.field("days"), KnownBy: v.field("known_by"),
		Method: v.field("method"), Combine: v.field("combine"), Assumptions: v.field("assumptions"), Note: v.field("note"), Name: v.field("name"), Role: v.field("role"),
	}
	for i := range mostEmbryoLines {
		at := func(name string) string { return v.field(embryoField(i, name)) }
		l := EmbryoLine{
			Key: at("key"), Name: at("name"), Quantity: at("quantity"), Value: at("value"), Place: at("place"), Coefficient: at("coefficient"),
			Factor: at("factor"), Source: at("source"), Uncertainty: at("uncertainty"),
		}
		if l.given() {
			f.Lines = append(f.Lines, l)
		}
	}
	return f
}

// embryoField is the name of a field of a line.
func embryoField(line int, name string) string { return fmt.Sprintf("line%d-%s", line, name) }

// embryoSheet shows a version of a worksheet, as a page to print.
func (s *server) embryoSheet(v *visit) error {
	return v.showEmbryoSheet("")
}

// showEmbryoSheet shows a worksheet, and why a withdrawal was refused.
func (v *visit) showEmbryoSheet(why string) error {
	study := v.r.PathValue("study")
	version := 0
	if n, err := strconv.Atoi(v.r.URL.Query().Get("version")); err == nil && n > 0 {
		version = n
	}
	w, err := v.DoseEmbryo.EmbryoSheet(v.r.Context(), study, v.r.PathValue("id"), version)
	if err != nil {
		return err
	}
	pg := page{
		title: v.p.T("embryo.sheet"), lead: v.p.T("embryo.version", lang.Args{"version": strconv.Itoa(w.Version)}), section: "/dose/ct",
		crumbs: v.embryoCrumbs(study, crumb{v.p.T("embryo.title"), embryoAt(study)}),
	}
	if why != "" {
		pg.status = 400
	}
	return v.show(pg, embryoSheetBody(v, w, why))
}

// embryoWithdraw withdraws a worksheet.
func (s *server) embryoWithdraw(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	study, id := v.r.PathValue("study"), v.r.PathValue("id")
	err := s.DoseEmbryo.EmbryoWithdraw(v.r.Context(), v.who, study, id, v.field("reason"))
	if why := said(err); why != "" {
		return v.showEmbryoSheet(why)
	}
	if err != nil {
		return err
	}
	return v.back(embryoSheetAt(study, id), "embryo_withdrawn")
}

// embryoWrong says what is wrong with a field of a line, from 1, or of the sheet.
func (v *visit) embryoWrong(all []EmbryoWrong, line int, field string) string {
	for _, w := range all {
		if w.Line == line && w.Field == field {
			return v.p.T("embryo.wrong_" + w.Rule)
		}
	}
	return ""
}

// embryoWho says whose examination it is, for those who may know.
func (pg EmbryoPage) who() string { return PersonDoses{Name: pg.Name, Born: pg.Born}.who() }

// embryoAge says a gestational age.
func (v *visit) embryoAge(f EmbryoForm) string {
	if f.Weeks == "" {
		return v.p.T("embryo.age_unknown")
	}
	return v.p.T("embryo.age_words", lang.Args{"weeks": f.Weeks, "days": orElse(f.Days, "0"), "known": v.p.T("embryo.known_" + f.KnownBy)})
}

// embryoName names a line.
func (v *visit) embryoName(l EmbryoLine) string {
	if l.Name == "" && l.Key != "" {
		return v.p.T("embryo.quantity_" + l.Quantity)
	}
	return orElse(l.Name, v.p.T("embryo.by_hand"))
}

// embryoFormula writes a line as it is calculated.
func (v *visit) embryoFormula(s EmbryoStep) string {
	p := v.p
	if s.Left {
		return p.T("embryo.place_apart")
	}
	unit := p.Unit(s.Unit)
	words := s.Value + "\u00a0" + unit + " × " + s.Coefficient + "\u00a0" + p.Unit("mGy") + "/(" + unit + ")"
	if s.Factor != "1" {
		words += " × " + s.Factor
	}
	words += " = " + p.Quantity(s.Dose, "mGy")
	if s.Known {
		words += " ± " + p.Quantity(s.Uncertainty, "mGy")
	}
	return words
}

// embryoSum writes what a worksheet comes to.
func (v *visit) embryoSum(r EmbryoResult) string {
	if !r.Known {
		return v.p.Quantity(r.Dose, "mGy")
	}
	return v.p.Quantity(r.Dose, "mGy") + " ± " + v.p.Quantity(r.Uncertainty, "mGy")
}

// embryoFacts are the head of a worksheet.
func (v *visit) embryoFacts(w EmbryoSheet) []face.Fact {
	p := v.p
	uncertainty := p.T("embryo.no_uncertainty")
	if w.Result.Known {
		uncertainty = p.T("embryo.combine_"+w.Result.Combine) + "; " + p.T("embryo.coverage")
	}
	facts := []face.Fact{
		{Label: p.T("embryo.dose"), Value: v.embryoSum(w.Result), Origin: uncertainty},
		{Label: p.T("embryo.age"), Value: v.embryoAge(w.EmbryoForm)},
		{Label: p.T("embryo.examination"), Value: orElse(w.Page.Description, w.Page.Study), Origin: v.moment(w.Page.At)},
		{Label: p.T("embryo.method"), Value: w.Method},
	}
	if w.Assumptions != "" {
		facts = append(facts, face.Fact{Label: p.T("embryo.assumptions"), Value: w.Assumptions})
	}
	if w.Note != "" {
		facts = append(facts, face.Fact{Label: p.T("embryo.note"), Value: w.Note})
	}
	name := w.Name
	if w.Role != "" {
		name += ", " + w.Role
	}
	return append(facts,
		face.Fact{Label: p.T("embryo.declared"), Value: name, Origin: p.DateTime(v.local(w.At)) + ", " + p.T("embryo.account", lang.Args{"name": w.By})},
		face.Fact{Label: p.T("quality.program"), Value: w.Program},
	)
}

// embryoChoices are words of a list of codes.
func (v *visit) embryoChoices(prefix string, codes []string) []face.Choice {
	all := make([]face.Choice, len(codes))
	for i, c := range codes {
		all[i] = face.Choice{Code: c, Label: v.p.T(prefix + c)}
	}
	return all
}

// embryoQuantities are the quantities of a line with their units.
func (v *visit) embryoQuantities(codes []string) []face.Choice {
	all := v.embryoChoices("embryo.quantity_", codes)
	return all
}
