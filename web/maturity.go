package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/evidence"
	"radagora/fault"
	"radagora/lang"
	"radagora/maturity"
	"radagora/web/face"
)

// Maturity assesses digital maturity and quality stars.
type Maturity interface {
	Model(ctx context.Context) (*maturity.Model, error)
	Stars(ctx context.Context) (*maturity.Stars, error)
	// Assessments returns those of a kind, the newest first, each with its result.
	Assessments(ctx context.Context, kind maturity.Kind) ([]Assessment, error)
	Assessment(ctx context.Context, kind maturity.Kind, id string) (Assessment, error)
	// Readings reads facts, each within its time.
	Readings(ctx context.Context, ids []string) []evidence.Reading
	// Live returns how many of the indicators that name a fact have one that is computed.
	Live(ctx context.Context) (live, linked int, err error)
	OpenAssessment(ctx context.Context, who Person, s maturity.Start) (id string, err error)
	AnswerItems(ctx context.Context, who Person, kind maturity.Kind, id string, given []maturity.Given) error
	PlanItem(ctx context.Context, who Person, kind maturity.Kind, id string, s maturity.Step, before int) error
	CloseAssessment(ctx context.Context, who Person, kind maturity.Kind, id string) error
	// BoardReport writes one page about an assessment as PDF.
	BoardReport(ctx context.Context, w io.Writer, language string, kind maturity.Kind, id string) error
	ShareResult(ctx context.Context, who Person, kind maturity.Kind, id string, g maturity.Group, agreed bool) ([]byte, error)
	ImportResult(ctx context.Context, who Person, raw []byte) error
	Compared(ctx context.Context, kind maturity.Kind) ([]maturity.Compared, error)
}

// An Assessment is one with its result, and the names of who answered.
type Assessment struct {
	*maturity.Assessment
	Result *maturity.Frozen
	Names  map[string]string // by account
	Past   bool              // stars that are past the time for which they are shown
}

const (
	maturityAt = "/quality/maturity"
	starsAt    = "/quality/stars"
)

// assessedAt is the page of a kind.
func assessedAt(kind maturity.Kind) string {
	if kind == maturity.Quality {
		return starsAt
	}
	return maturityAt
}

// maturityRoutes are the pages.
func (s *server) maturityRoutes(g registrar) {
	if s.Maturity == nil {
		return
	}
	for _, kind := range []maturity.Kind{maturity.Digital, maturity.Quality} {
		at := assessedAt(kind)
		g.get(at, access.AggregateRead, func(v *visit) error { return v.assessedPage(kind, "") })
		g.post(at, access.AssessmentLead, func(v *visit) error { return v.assessmentOpen(kind) })
		g.get(at+"/{id}", access.AggregateRead, func(v *visit) error { return v.assessmentPage(kind, "") })
		g.post(at+"/{id}", access.AssessmentAnswer, func(v *visit) error { return v.assessmentAnswer(kind) })
		g.get(at+"/{id}/history", access.AggregateRead, func(v *visit) error { return v.assessmentHistory(kind) })
		g.post(at+"/{id}/step", access.AssessmentAnswer, func(v *visit) error { return v.assessmentStep(kind) })
		g.post(at+"/{id}/close", access.AssessmentLead, func(v *visit) error { return v.assessmentClose(kind) })
		g.get(at+"/{id}/report.pdf", access.TableExport, func(v *visit) error { return v.assessmentReport(kind) })
		g.post(at+"/{id}/share", access.AssessmentLead, func(v *visit) error { return v.assessmentShare(kind) })
		g.post(at+"/import", access.AssessmentLead, func(v *visit) error { return v.assessmentImport(kind) })
	}
}

// An assessedView is the page of a kind.
type assessedView struct {
	kind         maturity.Kind
	at           string
	model        *maturity.Model // of maturity
	stars        *maturity.Stars // of stars
	all          []Assessment
	now          *Assessment // the open one, else the newest
	live, linked int
	compared     []maturity.Compared
	said         string
}

// assessedPage shows where the department stands.
func (v *visit) assessedPage(kind maturity.Kind, refused string) error {
	ctx := v.r.Context()
	pg := assessedView{kind: kind, at: assessedAt(kind), said: refused}
	var err error
	if pg.all, err = v.Maturity.Assessments(ctx, kind); err != nil {
		return err
	}
	if len(pg.all) > 0 {
		a, err := v.Maturity.Assessment(ctx, kind, pg.all[0].ID)
		if err != nil {
			return err
		}
		pg.now = &a
	}
	if kind == maturity.Quality {
		pg.stars, err = v.Maturity.Stars(ctx)
	} else if pg.model, err = v.Maturity.Model(ctx); err == nil {
		pg.live, pg.linked, err = v.Maturity.Live(ctx)
	}
	if err != nil {
		return err
	}
	if pg.compared, err = v.Maturity.Compared(ctx, kind); err != nil {
		return err
	}
	head := page{title: v.p.T("nav." + string(kind)), lead: v.p.T("assess.lead_" + string(kind)), section: pg.at}
	if refused != "" {
		head.status = 400
	}
	return v.show(head, assessedBody(v, pg))
}

// assessmentOpen begins an assessment.
func (v *visit) assessmentOpen(kind maturity.Kind) error {
	if err := v.fields(); err != nil {
		return err
	}
	id, err := v.Maturity.OpenAssessment(v.r.Context(), v.who, maturity.Start{
		Kind: kind, Name: v.field("name"), Single: v.field("single") == "yes", Floor: v.field("floor") == "yes",
	})
	if why := said(err); why != "" {
		return v.assessedPage(kind, why)
	}
	if err != nil {
		return err
	}
	return v.back(assessedAt(kind)+"/"+id, "assessment_opened")
}

// An item is a question as the form shows it.
type item struct {
	ID, Text, Note string
	Mandatory      bool
	Required       int
	Mode           maturity.Mode
	NA             bool
	Measures       []measureLine
	Proposed       *int
	Small          bool
	Answer         *maturity.Answer // nil: nobody answered
	By             string
}

// A measureLine is what evidence says beside a question.
type measureLine struct {
	Reading evidence.Reading
}

// An assessmentView is the form of one assessment.
type assessmentView struct {
	kind   maturity.Kind
	at     string // of the assessment
	of     Assessment
	model  *maturity.Model
	stars  *maturity.Stars
	parts  []face.Choice // that the form has
	part   string
	next   string // part after this one, "" of the last
	items  []item
	steps  []item // of the gap list
	said   string
	draft  map[string]maturity.Given // as it was sent, where it was refused
	typing bool                      // whoever looks may answer
}

// The first part of the form: what the level rests on.
const mandatoryPart = "mandatory"

// assessmentPage shows an assessment: live result, form of one part, gap list.
func (v *visit) assessmentPage(kind maturity.Kind, refused string) error {
	return v.showAssessment(kind, refused, nil)
}

func (v *visit) showAssessment(kind maturity.Kind, refused string, draft map[string]maturity.Given) error {
	ctx := v.r.Context()
	a, err := v.Maturity.Assessment(ctx, kind, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	pg := assessmentView{kind: kind, at: assessedAt(kind) + "/" + a.ID, of: a, said: refused, draft: draft}
	pg.typing = a.State == maturity.Running && v.mayOf(access.AssessmentAnswer)
	if kind == maturity.Quality {
		if pg.stars, err = v.Maturity.Stars(ctx); err != nil {
			return err
		}
		pg.items = v.criterionItems(pg.stars, a)
	} else {
		if pg.model, err = v.Maturity.Model(ctx); err != nil {
			return err
		}
		pg.part = orElse(v.r.URL.Query().Get("part"), mandatoryPart)
		if err := v.indicatorItems(&pg); err != nil {
			return err
		}
	}
	head := page{
		title: a.Name, lead: v.p.T("assess.opened", lang.Args{"who": orElse(a.Names[a.OpenedBy], a.OpenedBy), "at": v.local(a.OpenedAt)}),
		section: assessedAt(kind), crumbs: []crumb{{v.p.T("nav." + string(kind)), assessedAt(kind)}},
	}
	if a.State == maturity.Closed {
		head.lead = v.p.T("assess.closed", lang.Args{"who": orElse(a.Names[a.ClosedBy], a.ClosedBy), "at": v.local(a.ClosedAt)})
	}
	if refused != "" {
		head.status = 400
	}
	return v.show(head, assessmentBody(v, pg))
}

// indicatorItems fills in the questions of a part, and those of the gap list.
func (v *visit) indicatorItems(pg *assessmentView) error {
	m := pg.model
	pg.parts = []face.Choice{{Code: mandatoryPart, Label: v.p.T("assess.mandatory")}}
	for _, a := range m.Areas {
		pg.parts = append(pg.parts, face.Choice{Code: a.Code, Label: a.Name.In(v.p.Tag())})
	}
	at := slices.IndexFunc(pg.parts, func(c face.Choice) bool { return c.Code == pg.part })
	if at < 0 {
		return fault.Errorf(fault.NotFound, "no part %q", pg.part)
	}
	if at+1 < len(pg.parts) {
		pg.next = pg.parts[at+1].Code
	}
	var facts []string
	var chosen []*maturity.Indicator
	for i := range m.Indicators {
		x := &m.Indicators[i]
		if pg.part == mandatoryPart && x.Mandatory || x.Area == pg.part {
			chosen = append(chosen, x)
			if x.Evidence != "" {
				facts = append(facts, x.Evidence)
			}
		}
	}
	readings := v.readings(facts)
	for _, x := range chosen {
		it := v.indicatorItem(pg, x)
		if r, ok := readings[x.Evidence]; ok {
			it.Measures = []measureLine{{r}}
			if p, ok := m.Propose(x, r.Definition.Kind, maturity.MeasureOf(&r.Value)); ok && !r.Late && r.Err == nil {
				it.Proposed, it.Small = &p.Answer, p.Small
			}
		}
		pg.items = append(pg.items, it)
	}
	for _, gap := range slices.Concat(pg.of.Result.Result.Gap, pg.of.Result.Result.Candidates) {
		if x := m.Indicator(gap.ID); x != nil {
			pg.steps = append(pg.steps, v.indicatorItem(pg, x))
		}
	}
	return nil
}

func (v *visit) indicatorItem(pg *assessmentView, x *maturity.Indicator) item {
	it := item{ID: x.ID, Text: x.Text.In(v.p.Tag()), Mandatory: x.Mandatory, Required: x.Required, Mode: x.Mode, NA: pg.model.MayWaive(x, pg.of.Single)}
	v.answeredBy(&it, pg.of)
	return it
}

// answeredBy fills in who answered an item.
func (v *visit) answeredBy(it *item, a Assessment) {
	if x, ok := a.Answers[it.ID]; ok {
		it.Answer = &x
		it.By = v.p.T("assess.answered", lang.Args{"who": orElse(a.Names[x.By], x.By), "at": v.local(x.At)})
	}
}

// criterionItems are the questions of the stars.
func (v *visit) criterionItems(s *maturity.Stars, a Assessment) (all []item) {
	readings := v.readings(s.Linked())
	for i := range s.Criteria {
		c := &s.Criteria[i]
		it := item{ID: c.ID, Text: c.Text.In(v.p.Tag()), Note: v.p.T("assess.met_when", lang.Args{"rule": c.MetWhen}), Mandatory: c.Mandatory, Required: c.Star, Mode: c.Mode}
		of := map[string]maturity.Measure{}
		var seen []string
		for _, cond := range c.Conditions {
			r, ok := readings[cond.Evidence]
			if !ok || slices.Contains(seen, cond.Evidence) {
				continue
			}
			seen = append(seen, cond.Evidence)
			it.Measures = append(it.Measures, measureLine{r})
			if !r.Late && r.Err == nil {
				of[cond.Evidence] = maturity.MeasureOf(&r.Value)
			}
		}
		if met, small, known := s.Judge(c, of); known {
			p := 0
			if met {
				p = 1
			}
			it.Proposed, it.Small = &p, small
		}
		v.answeredBy(&it, a)
		all = append(all, it)
	}
	return all
}

// readings reads facts, by id.
func (v *visit) readings(ids []string) map[string]evidence.Reading {
	slices.Sort(ids)
	out := map[string]evidence.Reading{}
	for _, r := range v.Maturity.Readings(v.r.Context(), slices.Compact(ids)) {
		out[r.Definition.ID] = r
	}
	return out
}

// shown is what the form holds of an item: what was sent and refused, what was answered,
// or nothing; a proposal is offered and not taken by itself.
func (pg *assessmentView) shown(it item) (answer, reason, due string) {
	if g, ok := pg.draft[it.ID]; ok {
		return answerCode(g.Answer), g.Reason, g.Due
	}
	if it.Answer == nil {
		return "", "", ""
	}
	return answerCode(it.Answer.Answer), it.Answer.Reason, it.Answer.Due
}

// version is that of the answer that whoever fills in the form sees.
func (it item) version() string {
	if it.Answer == nil {
		return "0"
	}
	return strconv.Itoa(it.Answer.Version)
}

// answerCode is an answer as forms send it.
func answerCode(n int) string {
	switch n {
	case maturity.NA:
		return "na"
	case maturity.TakenBack:
		return ""
	}
	return strconv.Itoa(n)
}

// answerOf reads what a form sent.
func answerOf(code string) (int, error) {
	switch code {
	case "":
		return maturity.TakenBack, nil
	case "na":
		return maturity.NA, nil
	}
	n, err := strconv.Atoi(code)
	if err != nil || n < 0 || n > 9 {
		return 0, fault.Errorf(fault.Invalid, "no answer %q", code)
	}
	return n, nil
}

// answerChoices are the answers of an item.
func (v *visit) answerChoices(pg assessmentView, it item) (all []face.Choice) {
	if pg.kind == maturity.Quality {
		return []face.Choice{{Code: "1", Label: v.p.T("assess.met")}, {Code: "0", Label: v.p.T("assess.open")}}
	}
	for _, a := range pg.model.Answers {
		if a.Code == "na" {
			if it.NA {
				all = append(all, face.Choice{Code: a.Code, Label: a.Name.In(v.p.Tag())})
			}
			continue
		}
		all = append(all, face.Choice{Code: a.Code, Label: a.Code + " – " + a.Name.In(v.p.Tag())})
	}
	return all
}

// assessmentAnswer keeps the answers of a form that differ from what was there.
func (v *visit) assessmentAnswer(kind maturity.Kind) error {
	if err := v.fields(); err != nil {
		return err
	}
	a, err := v.Maturity.Assessment(v.r.Context(), kind, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	draft := map[string]maturity.Given{}
	var given []maturity.Given
	for _, id := range slices.Sorted(maps.Keys(v.r.PostForm)) {
		name, ok := strings.CutPrefix(id, "answer_")
		if !ok {
			continue
		}
		n, err := answerOf(v.field(id))
		if err != nil {
			return err
		}
		before, err := strconv.Atoi(orElse(v.field("version_"+name), "0"))
		if err != nil {
			return fault.As(fault.Invalid, err)
		}
		g := maturity.Given{Item: name, Answer: n, Reason: v.field("reason_" + name), Due: v.field("due_" + name), Before: before}
		draft[name] = g
		now, answered := a.Answers[name]
		switch {
		case !answered && n == maturity.TakenBack:
			continue
		case answered && before == now.Version && now.Answer == n && now.Reason == g.Reason && now.Due == g.Due:
			continue
		case answered && before < now.Version && now.Answer == n && now.Reason == g.Reason:
			continue // somebody else said the same
		}
		given = append(given, g)
	}
	part := v.field("part")
	if len(given) > 0 {
		err := v.Maturity.AnswerItems(v.r.Context(), v.who, kind, a.ID, given)
		if why := said(err); why != "" || fault.Of(err) == fault.Conflict {
			return v.refusedAnswers(kind, part, orElse(why, fmt.Sprint(err)), draft, fault.Of(err) == fault.Conflict)
		}
		if err != nil {
			return err
		}
	}
	to := assessedAt(kind) + "/" + a.ID
	if next := v.field("next"); next != "" && v.field("do") == "next" {
		part = next
	}
	if part != "" {
		to += "?part=" + url.QueryEscape(part)
	}
	return v.back(to, "assessment_saved")
}

// refusedAnswers shows the form again with what was typed; after a conflict with what
// somebody else answered instead.
func (v *visit) refusedAnswers(kind maturity.Kind, part, why string, draft map[string]maturity.Given, conflict bool) error {
	q := v.r.URL.Query()
	if part != "" {
		q.Set("part", part)
	}
	v.r.URL.RawQuery = q.Encode()
	if conflict {
		draft = nil
	}
	return v.showAssessment(kind, why, draft)
}

// assessmentStep keeps what is to be done about an item.
func (v *visit) assessmentStep(kind maturity.Kind) error {
	if err := v.fields(); err != nil {
		return err
	}
	before, err := strconv.Atoi(orElse(v.field("version"), "0"))
	if err != nil {
		return fault.As(fault.Invalid, err)
	}
	id := v.r.PathValue("id")
	err = v.Maturity.PlanItem(v.r.Context(), v.who, kind, id, maturity.Step{
		Item: v.field("item"), Effort: v.field("effort"), Owner: v.field("owner"), Due: v.field("due"), Note: v.field("note"), Done: v.field("done") == "yes",
	}, before)
	if why := said(err); why != "" || fault.Of(err) == fault.Conflict {
		return v.showAssessment(kind, orElse(why, fmt.Sprint(err)), nil)
	}
	if err != nil {
		return err
	}
	return v.back(assessedAt(kind)+"/"+id+"#gap", "assessment_step")
}

// assessmentClose freezes an assessment.
func (v *visit) assessmentClose(kind maturity.Kind) error {
	id := v.r.PathValue("id")
	err := v.Maturity.CloseAssessment(v.r.Context(), v.who, kind, id)
	if fault.Of(err) == fault.Conflict && err != nil {
		return v.showAssessment(kind, fmt.Sprint(err), nil)
	}
	if err != nil {
		return err
	}
	return v.back(assessedAt(kind)+"/"+id, "assessment_closed")
}

// assessmentHistory shows who answered what, item by item.
func (v *visit) assessmentHistory(kind maturity.Kind) error {
	a, err := v.Maturity.Assessment(v.r.Context(), kind, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	at := assessedAt(kind)
	return v.show(page{
		title: v.p.T("assess.who"), section: at, crumbs: []crumb{{v.p.T("nav." + string(kind)), at}, {a.Name, at + "/" + a.ID}},
	}, assessmentWho(v, v.answerTable(a)))
}

// answerTable lists the newest answers with who gave them.
func (v *visit) answerTable(a Assessment) face.Table {
	p := v.p
	t := face.Table{
		ID: "answers", Caption: p.T("assess.who"), Empty: face.Nothing(p.T("assess.nobody"), p.T("assess.nobody_text")),
		Columns: []face.Column{
			{Label: p.T("assess.item"), Phone: face.Name},
			{Label: p.T("assess.answer"), Phone: face.Beside},
			{Label: p.T("assess.proposed")},
			{Label: p.T("assess.reason")},
			{Label: p.T("assess.by")},
			{Label: p.T("assess.at")},
		},
	}
	for _, id := range slices.Sorted(maps.Keys(a.Answers)) {
		x := a.Answers[id]
		proposed := "–"
		if x.Proposed != nil {
			proposed = strconv.Itoa(*x.Proposed)
			if x.Overridden() {
				proposed += " (" + p.T("assess.overridden") + ")"
			}
		}
		t.Rows = append(t.Rows, face.Row{ID: id, Cells: []templ.Component{
			face.Words(id, ""), face.Words(orElse(answerCode(x.Answer), "–"), ""), face.Words(proposed, ""), face.Words(x.Reason, ""),
			face.Words(orElse(a.Names[x.By], x.By), ""), face.Words(p.DateTime(v.local(x.At)), ""),
		}})
	}
	return t
}

// assessmentReport hands out the page for the board.
func (v *visit) assessmentReport(kind maturity.Kind) error {
	var b bytes.Buffer
	if err := v.Maturity.BoardReport(v.r.Context(), &b, v.p.Tag(), kind, v.r.PathValue("id")); err != nil {
		return err
	}
	v.attach(fmt.Sprintf("%s-%s.pdf", kind, v.now().Format("2006-01-02")), "application/pdf")
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// assessmentShare hands out the signed result for other sites.
func (v *visit) assessmentShare(kind maturity.Kind) error {
	if err := v.fields(); err != nil {
		return err
	}
	raw, err := v.Maturity.ShareResult(v.r.Context(), v.who, kind, v.r.PathValue("id"),
		maturity.Group{Country: v.field("country"), Region: v.field("region"), Facility: v.field("facility")}, v.field("agreed") == "yes")
	if why := said(err); why != "" || fault.Of(err) == fault.Conflict && err != nil {
		return v.showAssessment(kind, orElse(why, fmt.Sprint(err)), nil)
	}
	if err != nil {
		return err
	}
	v.attach(fmt.Sprintf("%s-result-%s.json", kind, v.now().Format("2006-01-02")), "application/json")
	_, _ = v.w.Write(raw) // a reader that went away is no error of ours
	return nil
}

// assessmentImport takes the results of other sites.
func (v *visit) assessmentImport(kind maturity.Kind) error {
	if err := v.r.ParseMultipartForm(1 << 20); err != nil {
		return tooMuch(err)
	}
	defer func() { _ = v.r.MultipartForm.RemoveAll() }()
	file, _, err := v.r.FormFile("result")
	if err != nil {
		return v.assessedPage(kind, v.p.T("entry.no_file"))
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maturity.MostShare+1))
	if err != nil {
		return fault.As(fault.Invalid, err)
	}
	err = v.Maturity.ImportResult(v.r.Context(), v.who, raw)
	if why := said(err); why != "" || err != nil && (fault.Of(err) == fault.Exhausted || fault.Of(err) == fault.Unsupported) {
		return v.assessedPage(kind, orElse(why, fmt.Sprint(err)))
	}
	if err != nil {
		return err
	}
	return v.back(assessedAt(kind), "assessment_imported")
}

// levelWords is a result in words: level n, or n of five stars.
func (v *visit) levelWords(kind maturity.Kind, f *maturity.Frozen, floor bool) string {
	if kind == maturity.Quality {
		return v.p.T("assess.stars", lang.Args{"n": f.Stars.Stars, "of": f.Stars.Most})
	}
	level := f.Result.Level
	if floor {
		level = f.Result.FloorLevel
	}
	return v.p.T("assess.level", lang.Args{"n": level})
}

// tiles are the headline values.
func (v *visit) assessedTiles(a Assessment, live, linked int) []face.Tile {
	p, f := v.p, a.Result
	basis := p.T("assess.basis_"+a.State, lang.Args{"name": a.Name, "day": a.Day})
	if f.Stars != nil {
		met := 0
		for _, l := range f.Stars.Levels {
			met += l.Met
		}
		all := met + len(f.Stars.Open)
		return []face.Tile{
			{Label: p.T("assess.result"), Value: v.levelWords(a.Kind, f, false), Basis: basis},
			{Label: p.T("assess.criteria_met"), Value: strconv.Itoa(met), Reference: p.T("assess.of", lang.Args{"n": all})},
			{Label: p.T("assess.plans"), Value: strconv.Itoa(len(f.Stars.Planned)), Reference: p.T("assess.of_open", lang.Args{"n": len(f.Stars.Open)})},
		}
	}
	r := f.Result
	other := p.T("assess.floor_other", lang.Args{"n": r.FloorLevel})
	if a.Floor {
		other = p.T("assess.nofloor_other", lang.Args{"n": r.Level})
	}
	if r.Level == r.FloorLevel {
		other = p.T("assess.floor_same")
	}
	return []face.Tile{
		{Label: p.T("assess.result"), Value: v.levelWords(a.Kind, f, a.Floor), Reference: other, Basis: basis},
		{Label: p.T("assess.complete"), Value: p.Percent(float64(r.Answered) / float64(max(r.Total, 1))), Reference: p.T("assess.answered_of", lang.Args{"n": r.Answered, "of": r.Total})},
		{Label: p.T("assess.mandatory"), Value: strconv.Itoa(r.Mandatory), Reference: p.T("assess.of", lang.Args{"n": r.Demanded})},
		{Label: p.T("assess.live"), Value: strconv.Itoa(live), Reference: p.T("assess.of_linked", lang.Args{"n": linked}), Href: evidenceAt + "?used=maturity"},
	}
}

// radar shows the focus areas, beside the assessment before.
func (v *visit) assessedRadar(pg assessedView) face.Radar {
	p := v.p
	c := face.Radar{Chart: face.Chart{ID: "radar", Title: p.T("assess.areas"), Text: p.T("assess.areas_text")}, Name: pg.now.Name}
	now := v.attained(pg, pg.now.Result)
	var before map[string]int
	if len(pg.all) > 1 && pg.all[1].Result != nil {
		c.Beside, before = pg.all[1].Name, map[string]int{}
		for _, a := range v.attained(pg, pg.all[1].Result) {
			before[a.Code] = a.Value
		}
	}
	for _, a := range now {
		a.Beside = -1
		if n, ok := before[a.Code]; ok {
			a.Beside = n
		}
		c.Spokes = append(c.Spokes, a)
	}
	return c
}

// attained are the areas of a result with their names, in per cent.
func (v *visit) attained(pg assessedView, f *maturity.Frozen) (all []face.Spoke) {
	name := map[string]string{}
	areas := []maturity.Attained{}
	if f.Stars != nil {
		for i, t := range pg.stars.Topics {
			name[t.Code] = t.Name.In(v.p.Tag())
			_ = i
		}
		for _, a := range f.Stars.Topics {
			value := 0
			if a.Counted > 0 {
				value = (100*a.Sum + a.Counted/2) / a.Counted
			}
			all = append(all, face.Spoke{Code: orElse(name[a.Code], a.Code), Name: orElse(name[a.Code], a.Code), Value: value})
		}
		return all
	}
	for _, t := range pg.model.Areas {
		name[t.Code] = t.Name.In(v.p.Tag())
	}
	areas = append(areas, f.Result.Areas...)
	for _, a := range areas {
		all = append(all, face.Spoke{Code: a.Code, Name: orElse(name[a.Code], a.Code), Value: a.Percent()})
	}
	return all
}

// areaTable is the radar in numbers.
func (v *visit) areaTable(pg assessedView) face.Table {
	p := v.p
	c := v.assessedRadar(pg)
	t := face.Table{ID: "areas", Caption: p.T("assess.areas"), Columns: []face.Column{
		{Label: p.T("assess.area"), Phone: face.Name}, {Label: p.T("assess.attained"), Numeric: true, Phone: face.Beside},
	}}
	if c.Beside != "" {
		t.Columns = append(t.Columns, face.Column{Label: c.Beside, Numeric: true})
	}
	for _, s := range c.Spokes {
		label := s.Name
		if s.Code != s.Name {
			label = s.Code + " " + s.Name
		}
		row := face.Row{ID: s.Code, Cells: []templ.Component{face.Words(label, ""), face.Words(p.Percent(float64(s.Value)/100), "")}}
		if c.Beside != "" {
			beside := "–"
			if s.Beside >= 0 {
				beside = p.Percent(float64(s.Beside) / 100)
			}
			row.Cells = append(row.Cells, face.Words(beside, ""))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// gateTable is how far each gate is.
func (v *visit) gateTable(pg assessedView) face.Table {
	p := v.p
	t := face.Table{ID: "gates", Caption: p.T("assess.gates"), Columns: []face.Column{
		{Label: p.T("assess.gate"), Phone: face.Name}, {Label: p.T("assess.state"), Phone: face.Beside}, {Label: p.T("assess.attained"), Numeric: true}, {Label: p.T("assess.mean"), Numeric: true},
	}}
	for _, a := range pg.now.Result.Result.Gates {
		g := pg.model.Gate(a.Code)
		name := a.Code
		if g != nil {
			name += " " + g.Name.In(p.Tag())
		}
		state := p.T("assess.open")
		if a.Met {
			state = p.T("assess.met")
		}
		t.Rows = append(t.Rows, face.Row{ID: a.Code, Cells: []templ.Component{
			face.Words(name, ""), face.Words(state, ""), face.Words(p.Percent(float64(a.Percent())/100), ""), face.Words(p.Number(a.Mean(), 2), ""),
		}})
	}
	return t
}

// historyTable lists the assessments.
func (v *visit) historyTable(pg assessedView) face.Table {
	p := v.p
	t := face.Table{
		ID: "history", Caption: p.T("assess.history"), Empty: face.Nothing(p.T("assess.none"), p.T("assess.none_"+string(pg.kind))),
		Columns: []face.Column{{Label: p.T("assess.name"), Phone: face.Name}, {Label: p.T("assess.result"), Phone: face.Beside}, {Label: p.T("assess.state")}, {Label: p.T("assess.day")}},
	}
	for _, a := range pg.all {
		state := p.T("assess.state_" + a.State)
		if a.Past {
			state = p.T("assess.expired", lang.Args{"day": a.Result.Expires})
		}
		t.Rows = append(t.Rows, face.Row{ID: a.ID, Href: pg.at + "/" + a.ID, Cells: []templ.Component{
			face.Words(a.Name, ""), face.Words(v.levelWords(pg.kind, a.Result, a.Floor), ""), face.Words(state, ""), face.Words(v.days(a.Day), ""),
		}})
	}
	return t
}

// comparedTable lists the groups of other sites.
func (v *visit) comparedTable(pg assessedView) face.Table {
	p := v.p
	t := face.Table{
		ID: "compared", Caption: p.T("assess.compared"), Empty: face.Nothing(p.T("assess.compared_none"), p.T("assess.compared_none_text")),
		Columns: []face.Column{{Label: p.T("assess.group"), Phone: face.Name}, {Label: p.T("assess.sites"), Numeric: true}, {Label: p.T("assess.median"), Phone: face.Beside}},
	}
	for _, c := range pg.compared {
		name := p.T("assess.group_all")
		if c.By != "" {
			name = p.T("assess.group_"+c.By) + ": " + c.Name
		}
		level := p.T("assess.hidden")
		if !c.Hidden {
			level = p.Number(c.Level.Median, 1) + " (" + p.Number(c.Level.Q1, 1) + "–" + p.Number(c.Level.Q3, 1) + ")"
		}
		t.Rows = append(t.Rows, face.Row{ID: c.By + c.Name, Cells: []templ.Component{face.Words(name, ""), face.Words(strconv.Itoa(c.N), ""), face.Words(level, "")}})
	}
	return t
}

// shortWords says what is missing to the next gate.
func (v *visit) shortWords(m *maturity.Model, r *maturity.Result) string {
	g := m.Gate(r.Next)
	if g == nil {
		return v.p.T("assess.gap_done")
	}
	points := 0
	for _, x := range r.Gap {
		points += x.Points
	}
	return v.p.T("assess.gap_text", lang.Args{"gate": g.Code + " " + g.Name.In(v.p.Tag()), "items": len(r.Gap), "points": points, "short": r.Short})
}
