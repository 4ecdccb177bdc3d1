package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"radagora/export"
	"radagora/fault"
	"radagora/form"
	"radagora/form/survey"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// A surveyView answers the pages of surveys.
type surveyView struct{ *view }

var _ web.Surveys = surveyView{}

// Surveys implements web.Surveys.
func (v surveyView) Surveys(ctx context.Context, language string) (pg web.SurveysPage, err error) {
	all, err := v.house.Surveys.Surveys(ctx, at)
	if err != nil {
		return pg, err
	}
	for _, s := range all {
		line, err := v.line(ctx, &s)
		if err != nil {
			return pg, err
		}
		pg.Lines = append(pg.Lines, line)
	}
	versions, err := v.Forms.Versions(ctx, at)
	if err != nil {
		return pg, err
	}
	for _, f := range versions {
		if f.State == form.Active {
			pg.Forms = append(pg.Forms, face.Choice{Code: f.URL + "|" + f.Version, Label: formHead(f, language).Title + " (" + f.Version + ")"})
		}
	}
	return pg, nil
}

func (v surveyView) line(ctx context.Context, s *survey.Survey) (web.SurveyLine, error) {
	c, err := v.house.Surveys.Counts(ctx, s.Site, s.ID)
	return web.SurveyLine{ID: s.ID, Title: s.Plan.Title, State: s.State, Mode: s.Mode, Closes: day(s.Plan.Closes), Counts: web.SurveyCounts(c)}, err
}

// surveyPlan makes a plan of what was typed.
func surveyPlan(p web.SurveyPlan) (out survey.Plan, err error) {
	out = survey.Plan{
		Title: p.Title, Purpose: p.Purpose, Basis: p.Basis, DeleteOn: p.DeleteOn, Closes: p.Closes, Languages: p.Languages, Live: p.Live, Link: p.Link, Society: p.Society, Group: p.Group,
	}
	number := func(name, text string) int {
		if text == "" || err != nil {
			return 0
		}
		n, wrong := strconv.Atoi(text)
		if wrong != nil {
			err = fault.Errorf(fault.Invalid, "%s: a number, or nothing", name)
		}
		return n
	}
	out.Least, out.Whole = number("smallest group", p.Least), number("how many could answer", p.Whole)
	if err != nil {
		return out, err
	}
	out.Quotas, err = quotas(p.Quotas)
	return out, err
}

// quotas reads lines of question, number of the option and most, or * and most.
func quotas(text string) (all []survey.Quota, err error) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		var q survey.Quota
		numbers := words[1:]
		if words[0] != "*" {
			q.LinkID = words[0]
		}
		want := 2
		if q.LinkID == "" {
			want = 1
		}
		if len(numbers) != want {
			return nil, fault.Errorf(fault.Invalid, "quota: a line is the link id of a question, the number of the option and how many, or * and how many")
		}
		for i, n := range numbers {
			x, err := strconv.Atoi(n)
			if err != nil || x < 1 {
				return nil, fault.Errorf(fault.Invalid, "quota: numbers from 1")
			}
			if i == len(numbers)-1 {
				q.Most = x
			} else {
				q.Option = x - 1
			}
		}
		all = append(all, q)
	}
	return all, nil
}

// quotaLines writes quotas as they are typed.
func quotaLines(all []survey.Quota) string {
	var b strings.Builder
	for _, q := range all {
		if q.LinkID == "" {
			fmt.Fprintf(&b, "* %d\n", q.Most)
			continue
		}
		fmt.Fprintf(&b, "%s %d %d\n", q.LinkID, q.Option+1, q.Most)
	}
	return strings.TrimSpace(b.String())
}

// SurveyMake implements web.Surveys.
func (v surveyView) SurveyMake(ctx context.Context, by web.Person, id string, p web.SurveyPlan) (string, error) {
	plan, err := surveyPlan(p)
	if err != nil {
		return "", err
	}
	var s survey.Survey
	if id == "" {
		s, err = v.house.Surveys.Make(ctx, at, p.Form, p.Version, p.Mode, plan, by.ID)
	} else {
		s, err = v.house.Surveys.Change(ctx, at, id, p.Revision, p.Mode, plan, by.ID)
	}
	return s.ID, err
}

// Survey implements web.Surveys.
func (v surveyView) Survey(ctx context.Context, language, id string) (pg web.SurveyPage, err error) {
	s, err := v.house.Surveys.Survey(ctx, at, id)
	if err != nil {
		return pg, err
	}
	if pg.SurveyLine, err = v.line(ctx, &s); err != nil {
		return pg, err
	}
	def, f, err := v.Forms.Form(ctx, at, s.URL, s.Version)
	if err != nil {
		return pg, err
	}
	p := v.catalogue.Printer(language)
	pg.FormTitle, pg.Draft, pg.Languages = formHead(f, language).Title, draftWording(f.Resource), def.Languages
	pg.Plan = web.SurveyPlan{
		Form: s.URL, Version: s.Version, Mode: s.Mode, Title: s.Plan.Title, Purpose: s.Plan.Purpose, Basis: s.Plan.Basis, DeleteOn: s.Plan.DeleteOn, Closes: s.Plan.Closes, Group: s.Plan.Group,
		Languages: s.Plan.Languages, Live: s.Plan.Live, Link: s.Plan.Link, Society: s.Plan.Society, Least: strconv.Itoa(s.Plan.Least), Quotas: quotaLines(s.Plan.Quotas), Revision: s.Revision,
	}
	if s.Plan.Whole > 0 {
		pg.Plan.Whole = strconv.Itoa(s.Plan.Whole)
	}
	spoken := spoken(def, language)
	pg.Questions = []face.Choice{{Code: survey.StratumGroup, Label: p.T("survey.by_invitation")}}
	for _, it := range def.All() {
		if it.Type == form.Choice && !it.Repeats && len(it.Options) > 0 {
			pg.Questions = append(pg.Questions, face.Choice{Code: it.LinkID, Label: it.Text(spoken)})
		}
	}
	if link := v.house.Surveys.Link(&s); link != "" && s.State == survey.Open {
		pg.Link = v.doorAt(link)
	}
	if pg.Groups, err = v.groups(ctx, &s); err != nil {
		return pg, err
	}
	if s.State == survey.Draft {
		return pg, nil
	}
	pg.ResultsAt = v.links + web.SurveyResultsAt(s.ID, "", v.house.Surveys.Pass(s.ID, ""))
	r, err := v.house.Surveys.Results(ctx, at, id)
	if err != nil {
		return pg, err
	}
	pg.Rates = surveyRates(survey.Counts(pg.Counts))
	if pg.Results, err = v.results(ctx, p, &s, def, r, ""); err != nil {
		return pg, err
	}
	texts, err := v.house.Surveys.Texts(ctx, at, id, true)
	if err != nil {
		return pg, err
	}
	for _, t := range texts {
		x := web.SurveyText{ID: t.Slot, Words: t.Words, State: t.State, Shown: t.Shown, Suspect: t.Suspect, Question: t.LinkID}
		if it := def.Item(t.LinkID); it != nil {
			x.Question = it.Text(spoken)
		}
		pg.Texts = append(pg.Texts, x)
	}
	slices.SortStableFunc(pg.Texts, func(a, b web.SurveyText) int { // those that wait come first
		return cmp.Compare(slices.Index(screened, a.State), slices.Index(screened, b.State))
	})
	pg.Texts = pg.Texts[:min(len(pg.Texts), mostTexts)]
	return pg, nil
}

// screened are the states of a free text, in the order in which they are shown.
var screened = []string{survey.Waits, survey.Shown, survey.Withheld}

// mostTexts bounds what one page has to be read.
const mostTexts = 100

// groups counts invitations by group.
func (v surveyView) groups(ctx context.Context, s *survey.Survey) (all []web.SurveyGroup, err error) {
	list, err := v.house.Surveys.Groups(ctx, at, s.ID)
	for _, x := range list {
		g := web.SurveyGroup{Name: x.Name, Invited: x.Invited, Opened: x.Opened, Spent: x.Begun, Reminded: x.Reminded}
		if s.Plan.Group == survey.StratumGroup && x.Name != "" && s.State != survey.Draft {
			g.ResultsAt = v.links + web.SurveyResultsAt(s.ID, x.Name, v.house.Surveys.Pass(s.ID, x.Name))
		}
		all = append(all, g)
	}
	return all, err
}

func surveyRates(c survey.Counts) [3]web.SurveyRate {
	r := c.Rates()
	return [3]web.SurveyRate{web.SurveyRate(r.Answered), web.SurveyRate(r.Complete), web.SurveyRate(r.Completion)}
}

// results puts words to what a survey says. Only texts that were let through are among
// them. own is the one group that is told beside the whole, "" for all of them.
func (v surveyView) results(ctx context.Context, p *lang.Printer, s *survey.Survey, def *form.Definition, r survey.Results, own string) (web.SurveyResults, error) {
	out := web.SurveyResults{N: r.N, Least: r.Least, Day: day(r.Day), Hidden: r.Hidden, Final: r.Final}
	texts, err := v.house.Surveys.Texts(ctx, s.Site, s.ID, false)
	if err != nil {
		return out, err
	}
	spoken := spoken(def, p.Tag())
	names := make([]string, len(r.Groups))
	for i, g := range r.Groups {
		names[i] = g
		if it := def.Item(s.Plan.Group); it != nil {
			if k, err := strconv.Atoi(g); err == nil && k < len(it.Options) {
				names[i] = it.Options[k].Text(spoken)
			}
		}
		if g == survey.OtherGroups {
			names[i] = p.T("survey.others")
		}
	}
	order := make([]int, 0, len(names))
	for i, g := range r.Groups {
		if own == "" || g == own {
			order = append(order, i)
		}
	}
	for _, q := range r.Questions {
		it := def.Item(q.LinkID)
		if it == nil {
			continue
		}
		x := web.SurveyQuestion{LinkID: q.LinkID, Text: it.Text(spoken), Answers: web.SurveyCell(q.Answers), Several: q.Several}
		if q.Table != nil {
			for _, i := range order {
				x.Groups = append(x.Groups, names[i])
			}
		}
		for j, c := range q.Options {
			if j == len(it.Options) && it.Type == form.Choice && c == (survey.Cell{}) || it.Type == form.Boolean && j > 1 {
				continue // nobody answers a closed question in their own words
			}
			o := web.SurveyOption{Count: web.SurveyCell(c), Text: p.T("survey.own_words")}
			switch {
			case it.Type == form.Boolean:
				o.Text = p.T([]string{"form.yes", "form.no"}[j])
			case j < len(it.Options):
				o.Text = it.Options[j].Text(spoken)
			}
			if q.Table != nil {
				for _, i := range order {
					o.Groups = append(o.Groups, web.SurveyCell(q.Table.Cells[i][j]))
				}
			}
			x.Options = append(x.Options, o)
		}
		if q.Median != nil {
			x.Median = p.Sig(*q.Median)
		}
		if q.Low != nil && q.High != nil {
			x.Low, x.High = p.Sig(*q.Low), p.Sig(*q.High)
		}
		for _, t := range texts {
			if t.LinkID == q.LinkID {
				x.Texts = append(x.Texts, t.Shown)
			}
		}
		x.Waits = q.Texts && len(x.Texts) == 0 && q.Answers.N > 0
		out.Questions = append(out.Questions, x)
	}
	return out, nil
}

// SurveyMove implements web.Surveys.
func (v surveyView) SurveyMove(ctx context.Context, by web.Person, id, do string) (err error) {
	switch do {
	case "open":
		_, _, err = v.house.Surveys.Start(ctx, at, id, by.ID)
	case "close":
		_, err = v.house.Surveys.Close(ctx, at, id, by.ID)
	case "clear":
		err = v.house.Surveys.Clear(ctx, at, id, by.ID)
	}
	return err
}

// SurveyInvite implements web.Surveys.
func (v surveyView) SurveyInvite(ctx context.Context, by web.Person, id string, list io.Reader) (int, error) {
	all, err := survey.ReadInvites(list)
	if err != nil {
		return 0, err
	}
	return v.house.Surveys.Add(ctx, at, id, all, by.ID)
}

// SurveyLetters implements web.Surveys.
func (v surveyView) SurveyLetters(ctx context.Context, by web.Person, w io.Writer, id string, remind bool) error {
	return v.letters(ctx, w, id, remind, by.ID)
}

// letters writes the addresses of invitations.
func (h *house) letters(ctx context.Context, w io.Writer, id string, remind bool, by string) error {
	all, err := h.Surveys.Letters(ctx, at, id, remind, by)
	if err != nil {
		return err
	}
	out := csv.NewWriter(w)
	_ = out.Write([]string{"name", "address", "language", "group", "link"})
	for _, x := range all {
		_ = out.Write([]string{export.Guard(x.Name), export.Guard(x.Address), x.Language, export.Guard(x.Stratum), h.doorAt(x.Secret)})
	}
	out.Flush()
	return fault.As(fault.Unavailable, out.Error())
}

// SurveyScreen implements web.Surveys.
func (v surveyView) SurveyScreen(ctx context.Context, by web.Person, id string, text int64, state, shown string) error {
	return v.house.Surveys.Screen(ctx, at, id, text, state, shown, by.ID)
}

// SurveyWrite implements web.Surveys.
func (v surveyView) SurveyWrite(ctx context.Context, by web.Person, w io.Writer, language, id, format string) error {
	return v.writeSurvey(ctx, w, language, id, format, by.ID)
}

// writeSurvey writes what leaves of a survey, results too.
func (h *house) writeSurvey(ctx context.Context, w io.Writer, language, id, format, by string) error {
	if format != "results" {
		return h.Surveys.Write(ctx, w, at, id, format, language, by)
	}
	r, err := h.Surveys.Results(ctx, at, id)
	if err != nil {
		return err
	}
	return survey.WriteResults(w, r)
}

// SurveyDoor implements web.Surveys.
func (v surveyView) SurveyDoor(ctx context.Context, language, secret string) (out web.SurveyDoor, err error) {
	d, err := v.house.Surveys.Knock(ctx, secret)
	if err != nil {
		return out, err
	}
	s := &d.Survey
	_, f, err := v.Forms.Form(ctx, s.Site, s.URL, s.Version)
	if err != nil {
		return out, err
	}
	out = web.SurveyDoor{
		Title: s.Plan.Title, Purpose: s.Plan.Purpose, Mode: s.Mode, Basis: s.Plan.Basis, DeleteOn: day(s.Plan.DeleteOn), Closes: day(s.Plan.Closes), Spent: d.Spent, Answer: d.Answer, Draft: draftWording(f.Resource),
	}
	for _, l := range s.Plan.Languages {
		label := l
		for _, known := range v.catalogue.Printer(language).Languages() {
			if known.Tag == l {
				label = known.Name
			}
		}
		out.Languages = append(out.Languages, face.Choice{Code: l, Label: label})
	}
	switch {
	case slices.Contains(s.Plan.Languages, d.Language):
		out.Language = d.Language
	case !slices.Contains(s.Plan.Languages, language):
		out.Language = s.Plan.Languages[0]
	}
	return out, nil
}

// SurveyBegin implements web.Surveys.
func (v surveyView) SurveyBegin(ctx context.Context, secret, language string) (string, error) {
	return v.house.Surveys.Begin(ctx, secret, language)
}

// SurveySheet implements web.Surveys.
func (v surveyView) SurveySheet(ctx context.Context, _, answer string) (web.SurveySheet, error) {
	sh, err := v.house.Surveys.Sheet(ctx, answer)
	if err != nil {
		return web.SurveySheet{}, err
	}
	return v.sheetOf(ctx, sh)
}

// sheetOf draws the questions in the language in which they are asked, with nothing of
// what the house knows.
func (v surveyView) sheetOf(ctx context.Context, sh survey.Sheet) (web.SurveySheet, error) {
	d := formView(v).drawer(sh.Language, sh.Session.Definition, map[string]string{}, nil)
	gaps, err := sh.Session.Gaps(ctx)
	if err != nil {
		return web.SurveySheet{}, err
	}
	out := web.SurveySheet{
		Title: sh.Survey.Plan.Title, State: sh.State, Mode: sh.Survey.Mode, Language: sh.Language, Revision: sh.Revision, Answered: sh.Answered, Asked: sh.Asked,
		Open: sh.Open, Draft: draftWording(sh.Version.Resource), Refused: map[string]string{},
	}
	for _, g := range gaps {
		d.gaps[g.Node] = append(d.gaps[g.Node], web.FormGap{Rule: g.Rule, Want: g.Want, Minor: g.Minor})
		if !g.Minor {
			out.Missing++
		}
	}
	if sh.State == survey.Begun && out.Open {
		out.Nodes = unmeasured(d.nodes(sh.Session.Nodes))
	}
	for path, why := range sh.Refused {
		out.Refused[path] = why.Error()
	}
	if sh.State != survey.Complete || !sh.Survey.Plan.Live {
		return out, nil
	}
	r, err := v.house.Surveys.Results(ctx, sh.Survey.Site, sh.Survey.ID)
	if err != nil {
		return out, err
	}
	told, err := v.results(ctx, v.catalogue.Printer(sh.Language), &sh.Survey, sh.Session.Definition, r, "")
	out.Results = &told
	return out, err
}

// unmeasured takes away what was measured.
func unmeasured(nodes []web.FormNode) []web.FormNode {
	for i := range nodes {
		nodes[i].Measured, nodes[i].Marked, nodes[i].By = nil, "", nil
		unmeasured(nodes[i].Nodes)
	}
	return nodes
}

// SurveySave implements web.Surveys.
func (v surveyView) SurveySave(ctx context.Context, answer string, revision int, edits []web.FormEdit, send bool) (web.SurveySheet, error) {
	sh, err := v.house.Surveys.Save(ctx, answer, revision, formEdits(edits), send)
	if sh.Session == nil {
		return web.SurveySheet{}, err
	}
	out, wrong := v.sheetOf(ctx, sh)
	if err == nil {
		err = wrong
	}
	return out, err
}

// SurveyTold implements web.Surveys.
func (v surveyView) SurveyTold(ctx context.Context, language, id, group, secret string) (web.SurveyTold, error) {
	s, r, err := v.house.Surveys.Passed(ctx, at, id, group, secret)
	if err != nil {
		return web.SurveyTold{}, err
	}
	def, _, err := v.Forms.Form(ctx, s.Site, s.URL, s.Version)
	if err != nil {
		return web.SurveyTold{}, err
	}
	out := web.SurveyTold{Title: s.Plan.Title, Purpose: s.Plan.Purpose, Counts: web.SurveyCounts(r.Counts), Rates: surveyRates(r.Counts)}
	out.Results, err = v.results(ctx, v.catalogue.Printer(language), &s, def, r, group)
	return out, err
}
