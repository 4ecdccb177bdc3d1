package web

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/content"
	"radagora/evidence"
	"radagora/fault"
	"radagora/lang"
	"radagora/maturity"
	"radagora/web/face"
)

// Facts is the registry of facts.
type Facts interface {
	Definitions() []evidence.Definition
	Connected(id string) bool
	// Readings reads facts of the site, each within its time.
	Readings(ctx context.Context, ids []string) []evidence.Reading
	// FactCases yields what a fact was counted from.
	FactCases(ctx context.Context, id string) iter.Seq2[evidence.Case, error]
	// FactsExported notes that somebody takes values along.
	FactsExported(ctx context.Context, rows int) error
}

const evidenceAt = "/quality/evidence"

// mostCases is how many cases of a fact a page shows.
const mostCases = 500

// evidenceRoutes are the pages.
func (s *server) evidenceRoutes(g registrar) {
	if s.Facts == nil {
		return
	}
	g.get(evidenceAt, access.AggregateRead, s.evidencePage)
	g.get(evidenceAt+"/export", access.TableExport, s.evidenceExport)
	g.get(evidenceAt+"/{id}", access.AggregateRead, s.factPage)
	g.get(evidenceAt+"/{id}/cases", access.ExaminationRead, s.factCasesPage)
}

// A factQuery chooses among facts; "" chooses all.
type factQuery struct{ Capability, State, Used string }

func (q factQuery) values() url.Values {
	out := url.Values{}
	for name, text := range map[string]string{"capability": q.Capability, "state": q.State, "used": q.Used} {
		if text != "" {
			out.Set(name, text)
		}
	}
	return out
}

// An evidenceView is the page of all facts.
type evidenceView struct {
	q                  factQuery
	readings           []evidence.Reading
	capabilities, used []face.Choice
	ref                content.Ref
	connected, of      int
}

// The states of a reading beyond those of a value.
const (
	lateState   = "late"
	failedState = "failed"
)

// stateOf is the state of a reading, as filters name it.
func stateOf(r *evidence.Reading) string {
	switch {
	case r.Late:
		return lateState
	case r.Err != nil:
		return failedState
	}
	return string(r.Value.State)
}

// chosenFacts reads the facts that the address asks for.
func (v *visit) chosenFacts() (pg evidenceView) {
	q := v.r.URL.Query()
	pg.q = factQuery{q.Get("capability"), q.Get("state"), q.Get("used")}
	var ids, capabilities, used []string
	for _, d := range v.Facts.Definitions() {
		pg.of++
		if v.Facts.Connected(d.ID) {
			pg.connected++
		}
		capabilities = append(capabilities, d.Capability)
		kinds := usedKinds(d)
		used = append(used, kinds...)
		if (pg.q.Capability == "" || d.Capability == pg.q.Capability) && (pg.q.Used == "" || slices.Contains(kinds, pg.q.Used)) &&
			(pg.q.State != string(evidence.NotConnected) || !v.Facts.Connected(d.ID)) {
			ids = append(ids, d.ID)
		}
	}
	for _, r := range v.Facts.Readings(v.r.Context(), ids) {
		pg.ref = orRef(pg.ref, r.Value.Provenance.Catalogue)
		if pg.q.State == "" || stateOf(&r) == pg.q.State {
			pg.readings = append(pg.readings, r)
		}
	}
	pg.capabilities, pg.used = choices(capabilities), choices(used)
	return pg
}

func orRef(a, b content.Ref) content.Ref {
	if a.ID != "" {
		return a
	}
	return b
}

// usedKinds are what uses a fact, without the ids: maturity, audit, stars, ….
func usedKinds(d evidence.Definition) (all []string) {
	for _, u := range d.UsedBy {
		kind, _, _ := strings.Cut(u, ":")
		all = append(all, kind)
	}
	return all
}

// choices are words, each once, sorted.
func choices(words []string) (all []face.Choice) {
	slices.Sort(words)
	for _, w := range slices.Compact(words) {
		all = append(all, face.Choice{Code: w, Label: w})
	}
	return all
}

// evidencePage shows all facts with their state.
func (s *server) evidencePage(v *visit) error {
	return v.show(page{title: v.p.T("nav.evidence"), lead: v.p.T("facts.lead"), section: evidenceAt}, evidenceBody(v, v.chosenFacts()))
}

// factTiles are how many facts are connected.
func (v *visit) factTiles(pg evidenceView) []face.Tile {
	counts := map[string]int{}
	for i := range pg.readings {
		counts[stateOf(&pg.readings[i])]++
	}
	return []face.Tile{
		{Label: v.p.T("facts.connected"), Value: strconv.Itoa(pg.connected), Reference: v.p.T("assess.of", lang.Args{"n": pg.of})},
		{Label: v.p.T("facts.state_known"), Value: strconv.Itoa(counts[string(evidence.Known)]), Reference: v.p.T("facts.shown", lang.Args{"n": len(pg.readings)})},
		{Label: v.p.T("facts.state_not_applicable"), Value: strconv.Itoa(counts[string(evidence.NotApplicable)])},
	}
}

// factStates are the states that can be chosen.
func (v *visit) factStates() (all []face.Choice) {
	for _, s := range []string{string(evidence.Known), string(evidence.NotApplicable), string(evidence.Stale), string(evidence.Absent), string(evidence.NotConnected), lateState, failedState} {
		all = append(all, face.Choice{Code: s, Label: v.p.T("facts.state_" + s)})
	}
	return all
}

// factValue is a value as people read it, "" if there is none.
func (v *visit) factValue(r *evidence.Reading) string {
	x := &r.Value
	if stateOf(r) != string(evidence.Known) && x.State != evidence.Stale {
		return ""
	}
	switch r.Definition.Kind {
	case evidence.Share:
		return v.p.Percent(x.Value)
	case evidence.Flag:
		return x.Date
	case evidence.Count:
		return v.p.Plain(x.Value)
	case evidence.Rate, evidence.Stat:
	}
	if r.Definition.Unit == "" || r.Definition.Unit == "1" {
		return v.p.Sig(x.Value)
	}
	return v.p.Sig(x.Value) + " " + r.Definition.Unit
}

// factWords is a value with what it is of, or why there is none.
func (v *visit) factWords(r evidence.Reading) string {
	value := v.factValue(&r)
	state := v.p.T("facts.state_" + stateOf(&r))
	switch {
	case value == "":
		return state
	case r.Value.State == evidence.Stale:
		return value + " (" + state + ")"
	case r.Definition.Kind == evidence.Share || r.Definition.Kind == evidence.Rate:
		return value + " (" + v.p.T("facts.of", lang.Args{"n": v.p.Plain(r.Value.Numerator), "of": v.p.Plain(r.Value.Denominator)}) + ")"
	case r.Definition.Kind == evidence.Stat:
		return value + " (n = " + strconv.Itoa(r.Value.N) + ")"
	}
	return value
}

// factTable lists the facts.
func (v *visit) factTable(pg evidenceView) face.Table {
	p := v.p
	t := face.Table{
		ID: "facts", Caption: p.T("nav.evidence"), Dense: true, Empty: face.Nothing(p.T("facts.none"), p.T("facts.none_text")),
		Columns: []face.Column{
			{Label: p.T("facts.fact"), Phone: face.Name},
			{Label: p.T("facts.value"), Numeric: true, Phone: face.Beside},
			{Label: p.T("facts.state")},
			{Label: p.T("facts.n"), Numeric: true},
			{Label: p.T("facts.window")},
			{Label: p.T("facts.used")},
		},
	}
	for i := range pg.readings {
		r := &pg.readings[i]
		d := r.Definition
		value := v.factValue(r)
		if value == "" {
			value = "–"
		}
		t.Rows = append(t.Rows, face.Row{ID: d.ID, Href: evidenceAt + "/" + d.ID, Cells: []templ.Component{
			face.Words(d.Meaning, d.ID), face.Words(value, ""), face.Words(p.T("facts.state_"+stateOf(r)), ""), face.Words(factN(r), ""),
			face.Words(string(d.Window), ""), face.Words(strings.Join(d.UsedBy, ", "), ""),
		}})
	}
	return t
}

// factN is what a value was counted from.
func factN(r *evidence.Reading) string {
	switch {
	case r.Value.State != evidence.Known:
		return ""
	case r.Definition.Kind == evidence.Share || r.Definition.Kind == evidence.Rate:
		return strconv.FormatFloat(r.Value.Denominator, 'f', -1, 64)
	case r.Value.N > 0:
		return strconv.Itoa(r.Value.N)
	}
	return ""
}

// evidenceExport hands out the facts as CSV.
func (s *server) evidenceExport(v *visit) error {
	pg := v.chosenFacts()
	if err := s.Facts.FactsExported(v.r.Context(), len(pg.readings)); err != nil {
		return err
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"id", "kind", "unit", "capability", "state", "value", "n", "numerator", "denominator", "low", "high", "date", "from", "until", "as_of", "how", "meaning", "used_by"}}
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	for i := range pg.readings {
		r := &pg.readings[i]
		d, x := r.Definition, r.Value
		row := []string{d.ID, string(d.Kind), d.Unit, d.Capability, stateOf(r), "", "", "", "", "", "", x.Date, "", "", "", x.Provenance.How, d.Meaning, strings.Join(d.UsedBy, " ")}
		if x.State == evidence.Known {
			row[5], row[6], row[7], row[8], row[9], row[10] = number(x.Value), strconv.Itoa(x.N), number(x.Numerator), number(x.Denominator), number(x.Low), number(x.High)
			row[12], row[13], row[14] = v.local(x.Query.From).Format("2006-01-02"), v.local(x.Query.Until).Format("2006-01-02"), x.Provenance.AsOf.UTC().Format("2006-01-02T15:04:05Z")
		}
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	v.attach("evidence-"+v.now().Format("2006-01-02")+".csv", mediaTypes[CSV])
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// fact reads the fact that the address names.
func (v *visit) fact() (evidence.Reading, error) {
	r := v.Facts.Readings(v.r.Context(), []string{v.r.PathValue("id")})[0]
	if fault.Of(r.Err) == fault.NotFound && r.Definition.Meaning == "" {
		return r, r.Err
	}
	return r, nil
}

// factPage shows one fact.
func (s *server) factPage(v *visit) error {
	r, err := v.fact()
	if err != nil {
		return err
	}
	cases := r.Connected && v.mayOf(access.ExaminationRead)
	return v.show(page{title: r.Definition.Meaning, lead: r.Definition.ID, section: evidenceAt, crumbs: []crumb{{v.p.T("nav.evidence"), evidenceAt}}}, factBody(v, r, cases))
}

// factFacts explains a value.
func (v *visit) factFacts(r evidence.Reading) []face.Fact {
	p, d, x := v.p, r.Definition, r.Value
	all := []face.Fact{
		{Label: p.T("facts.state"), Value: p.T("facts.state_" + stateOf(&r))},
		{Label: p.T("facts.kind"), Value: p.T("facts.kind_" + string(d.Kind))},
		{Label: p.T("facts.numerator"), Value: d.Numerator},
		{Label: p.T("facts.denominator"), Value: d.Denominator},
		{Label: p.T("facts.window"), Value: string(d.Window)},
		{Label: p.T("facts.capability"), Value: d.Capability},
	}
	if x.State == evidence.Known || x.State == evidence.Stale || x.State == evidence.NotApplicable {
		all = append(all,
			face.Fact{Label: p.T("facts.n"), Value: p.Plain(x.Numerator) + " / " + p.Plain(x.Denominator) + " (n = " + strconv.Itoa(x.N) + ")"},
			face.Fact{Label: p.T("facts.period"), Value: p.Date(v.local(x.Query.From)) + " – " + p.Date(v.local(x.Query.Until))},
			face.Fact{Label: p.T("facts.as_of"), Value: p.DateTime(v.local(x.Provenance.AsOf))},
			face.Fact{Label: p.T("facts.how"), Value: x.Provenance.How, Code: true},
		)
		if x.Low != 0 || x.High != 0 {
			all = append(all, face.Fact{Label: p.T("facts.interval"), Value: p.Sig(x.Low) + " – " + p.Sig(x.High)})
		}
		for _, ref := range x.Provenance.Content {
			all = append(all, face.Fact{Label: p.T("facts.content"), Value: ref.String(), Code: true})
		}
	}
	return slices.DeleteFunc(all, func(f face.Fact) bool { return f.Value == "" })
}

// factCasesPage shows what a fact was counted from.
func (s *server) factCasesPage(v *visit) error {
	r, err := v.fact()
	if err != nil {
		return err
	}
	p := v.p
	t := face.Table{
		ID: "cases", Caption: p.T("facts.cases"), Empty: face.Nothing(p.T("facts.cases_none"), p.T("facts.cases_none_text")),
		Columns: []face.Column{{Label: p.T("facts.case"), Phone: face.Name}, {Label: p.T("facts.counted"), Phone: face.Beside}, {Label: p.T("assess.at")}, {Label: p.T("dose.col_room")}},
	}
	more := false
	for c, err := range s.Facts.FactCases(v.r.Context(), r.Definition.ID) {
		if err != nil {
			return err
		}
		if len(t.Rows) == mostCases {
			more = true
			break
		}
		counted, when := p.T("facts.no"), ""
		if c.Counted {
			counted = p.T("facts.yes")
		}
		if !c.At.IsZero() {
			when = p.DateTime(v.local(c.At))
		}
		t.Rows = append(t.Rows, face.Row{ID: fmt.Sprint("c", len(t.Rows)), Cells: []templ.Component{face.Words(c.ID, ""), face.Words(counted, ""), face.Words(when, ""), face.Words(c.Room, "")}})
	}
	return v.show(page{title: p.T("facts.cases"), lead: r.Definition.Meaning, section: evidenceAt, crumbs: []crumb{{p.T("nav.evidence"), evidenceAt}, {r.Definition.ID, evidenceAt + "/" + r.Definition.ID}}}, factCases(v, t, more))
}

// proposedWords is what evidence proposes.
func (v *visit) proposedWords(pg assessmentView, it item) string {
	if pg.kind == maturity.Quality {
		if *it.Proposed == 1 {
			return v.p.T("assess.proposes_met")
		}
		return v.p.T("assess.proposes_open")
	}
	return v.p.T("assess.proposes", lang.Args{"n": *it.Proposed})
}

// answerWords is the answer of an item that cannot be changed any more.
func (v *visit) answerWords(pg assessmentView, it item) string {
	code, _, _ := pg.shown(it)
	if code == "" {
		return v.p.T("assess.unanswered")
	}
	if code == "na" {
		it.NA = true
	}
	for _, c := range v.answerChoices(pg, it) {
		if c.Code == code {
			return c.Label
		}
	}
	return code
}
