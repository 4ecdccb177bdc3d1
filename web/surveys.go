package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Surveys asks many people the same questions once.
type Surveys interface {
	Surveys(ctx context.Context, language string) (SurveysPage, error)
	// SurveyMake plans a survey, or with an id changes the plan. Invalid: said to whoever
	// typed it.
	SurveyMake(ctx context.Context, by Person, id string, p SurveyPlan) (string, error)
	// Survey returns one. NotFound: there is none.
	Survey(ctx context.Context, language, id string) (SurveyPage, error)
	// SurveyMove opens, closes or clears.
	SurveyMove(ctx context.Context, by Person, id, do string) error
	// SurveyInvite takes a list of members as comma-separated values.
	SurveyInvite(ctx context.Context, by Person, id string, list io.Reader) (int, error)
	// SurveyLetters writes the addresses of invitations, one line each; with remind those
	// that nobody used.
	SurveyLetters(ctx context.Context, by Person, w io.Writer, id string, remind bool) error
	SurveyScreen(ctx context.Context, by Person, id string, text int64, state, shown string) error
	SurveyWrite(ctx context.Context, by Person, w io.Writer, language, id, format string) error

	// SurveyDoor is what an address leads to, and counts that somebody looked. NotFound,
	// and nothing else: no survey that is open.
	SurveyDoor(ctx context.Context, language, secret string) (SurveyDoor, error)
	// SurveyBegin returns the secret of an answer.
	SurveyBegin(ctx context.Context, secret, language string) (string, error)
	SurveySheet(ctx context.Context, language, answer string) (SurveySheet, error)
	SurveySave(ctx context.Context, answer string, revision int, edits []FormEdit, send bool) (SurveySheet, error)
	// SurveyTold returns the results for whoever has the secret of their address.
	SurveyTold(ctx context.Context, language, id, group, secret string) (SurveyTold, error)
}

// A SurveyPlan is what is decided before a survey opens, as it was typed.
type SurveyPlan struct {
	Form, Version, Mode, Title, Purpose, Basis, DeleteOn, Closes, Group string
	Languages                                                           []string
	Live, Link, Society                                                 bool
	Least, Whole                                                        string
	Quotas                                                              string // lines: question, number of the option, most
	Revision                                                            int
}

// A SurveysPage lists surveys.
type SurveysPage struct {
	Lines []SurveyLine
	Forms []face.Choice // active versions: url|version
	Typed SurveyPlan
}

// A SurveyLine is a survey in a list.
type SurveyLine struct {
	ID, Title, State, Mode string
	Closes                 time.Time
	Counts                 SurveyCounts
}

// SurveyCounts are what results are a part of.
type SurveyCounts struct{ Invited, Opened, Begun, Usable, Complete, Full int }

// A SurveyPage is a survey.
type SurveyPage struct {
	SurveyLine
	Plan      SurveyPlan
	FormTitle string
	Draft     bool // its wording was not checked
	Languages []string
	Link      string        // path of the address that everybody may use
	Rates     [3]SurveyRate // answered, complete, completion
	Groups    []SurveyGroup
	Results   SurveyResults
	Texts     []SurveyText
	ResultsAt string // path of the address that shows the results to everybody
	Questions []face.Choice
}

// A SurveyRate is a quotient, if there is something to divide by.
type SurveyRate struct {
	Value float64
	Known bool
}

// A SurveyGroup is a group of invitations.
type SurveyGroup struct {
	Name                             string
	Invited, Opened, Spent, Reminded int
	ResultsAt                        string // path for its delegate
}

// SurveyResults are what a survey says.
type SurveyResults struct {
	N, Least  int
	Day       time.Time
	Hidden    bool
	Final     bool
	Questions []SurveyQuestion
}

// A SurveyQuestion is what was answered to one.
type SurveyQuestion struct {
	LinkID, Text      string
	Answers           SurveyCell
	Several           bool
	Options           []SurveyOption
	Groups            []string // names of the columns of Options[].Groups
	Median, Low, High string
	Texts             []string
	Waits             bool // there are texts to be read first
}

// A SurveyOption is how many chose one.
type SurveyOption struct {
	Text   string
	Count  SurveyCell
	Groups []SurveyCell
}

// A SurveyCell is a count, or that it is hidden.
type SurveyCell struct {
	N      int
	Hidden bool
}

// A SurveyText is a free text to be read before it is shown.
type SurveyText struct {
	ID                                     int64
	Question, Words, State, Shown, Suspect string
}

// A SurveyDoor is what an address leads to.
type SurveyDoor struct {
	Title, Purpose, Mode, Basis, Language string
	Languages                             []face.Choice
	DeleteOn, Closes                      time.Time
	Spent, Draft                          bool
	Answer                                string // that was begun, where it is known
}

// A SurveySheet is an answer while it is given.
type SurveySheet struct {
	Title, State, Mode, Language string
	Revision, Answered, Asked    int
	Missing                      int
	Open, Draft                  bool
	Nodes                        []FormNode
	Refused                      map[string]string
	Results                      *SurveyResults // where those who answered see them
}

// SurveyTold are results on a page of their own.
type SurveyTold struct {
	Title, Purpose string
	Counts         SurveyCounts
	Rates          [3]SurveyRate
	Results        SurveyResults
}

const (
	surveysAt = "/quality/surveys"
	askedAt   = "/survey" // what those see who are asked
)

// surveyRoutes are the pages.
func (s *server) surveyRoutes(g registrar) {
	if s.Surveys == nil {
		return
	}
	g.get(surveysAt, access.SurveyRead, s.surveyList)
	g.post(surveysAt, access.SurveyLead, s.surveyMake)
	g.get(surveysAt+"/of/{id}", access.SurveyRead, s.surveyPage)
	g.post(surveysAt+"/of/{id}", access.SurveyLead, s.surveyChange)
	g.post(surveysAt+"/of/{id}/move", access.SurveyLead, s.surveyMove)
	g.upload(surveysAt+"/of/{id}/invite", access.SurveyLead, mostMembers+formLimit, s.surveyInvite)
	g.post(surveysAt+"/of/{id}/letters", access.SurveyLead, s.surveyLetters)
	g.post(surveysAt+"/of/{id}/screen", access.SurveyLead, s.surveyScreen)
	g.get(surveysAt+"/of/{id}/export", access.SurveyLead, s.surveyExport)
	g.get(askedAt+"/{secret}", Anybody, s.surveyDoor)
	g.post(askedAt+"/{secret}", Anybody, s.surveyBegin)
	g.get(askedAt+"/answer/{answer}", Anybody, s.surveySheet)
	g.post(askedAt+"/answer/{answer}", Anybody, s.surveySave)
	g.get(askedAt+"/results/{id}/{secret}", Anybody, s.surveyTold)
}

func surveyAt(id string) string { return surveysAt + "/of/" + url.PathEscape(id) }

// SurveyDoorAt is the path of an invitation.
func SurveyDoorAt(secret string) string { return askedAt + "/" + secret }

// SurveyResultsAt is the path of results for whoever has the secret.
func SurveyResultsAt(id, group, secret string) string {
	at := askedAt + "/results/" + url.PathEscape(id) + "/" + secret
	if group != "" {
		at += "?" + url.Values{"group": {group}}.Encode()
	}
	return at
}

func (s *server) surveyList(v *visit) error { return v.showSurveys(SurveyPlan{}, "") }

func (v *visit) showSurveys(typed SurveyPlan, why string) error {
	pg, err := v.Surveys.Surveys(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	pg.Typed = typed
	p := page{title: v.p.T("nav.surveys"), lead: v.p.T("survey.lead"), section: surveysAt}
	if why != "" {
		p.status = http.StatusBadRequest
	}
	return v.show(p, surveysBody(v, pg, why))
}

// surveyPlan reads a plan that was typed.
func (v *visit) surveyPlan() SurveyPlan {
	p := SurveyPlan{
		Mode: v.field("mode"), Title: v.field("title"), Purpose: v.field("purpose"), Basis: v.field("basis"), DeleteOn: v.field("delete"), Closes: v.field("closes"),
		Group: v.field("group"), Languages: v.r.PostForm["language"], Live: v.field("live") != "", Link: v.field("link") != "", Society: v.field("society") != "",
		Least: v.field("least"), Whole: v.field("whole"), Quotas: v.field("quotas"),
	}
	p.Form, p.Version, _ = strings.Cut(v.field("form"), "|")
	p.Revision, _ = strconv.Atoi(v.field("revision"))
	return p
}

func (s *server) surveyMake(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	p := v.surveyPlan()
	id, err := s.Surveys.SurveyMake(v.r.Context(), v.who, "", p)
	if why := said(err); why != "" {
		return v.showSurveys(p, why)
	}
	if err != nil {
		return err
	}
	return v.back(surveyAt(id), "survey_planned")
}

func (s *server) surveyPage(v *visit) error { return v.showSurvey(nil, "") }

func (v *visit) showSurvey(typed *SurveyPlan, why string) error {
	pg, err := v.Surveys.Survey(v.r.Context(), v.p.Tag(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if typed != nil {
		pg.Plan = *typed
	}
	p := page{title: pg.Title, lead: v.p.T("survey.one_lead", lang.Args{"state": v.p.T("survey.state_" + pg.State), "mode": v.p.T("survey.mode_" + pg.Mode)}), section: surveysAt, crumbs: []crumb{{v.p.T("nav.surveys"), surveysAt}}}
	if why != "" {
		p.status = http.StatusBadRequest
	}
	return v.show(p, surveyBody(v, pg, why))
}

func (s *server) surveyChange(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	p := v.surveyPlan()
	id := v.r.PathValue("id")
	_, err := s.Surveys.SurveyMake(v.r.Context(), v.who, id, p)
	return v.surveyDone(id, &p, err, "survey_saved")
}

// surveyDone goes back to a survey, or says why something was not done.
func (v *visit) surveyDone(id string, typed *SurveyPlan, err error, done string) error {
	if why := said(err); why != "" {
		return v.showSurvey(typed, why)
	}
	if err != nil {
		return err
	}
	return v.back(surveyAt(id), done)
}

func (s *server) surveyMove(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	id, do := v.r.PathValue("id"), v.field("do")
	if !slices.Contains([]string{"open", "close", "clear"}, do) {
		return fault.Errorf(fault.Invalid, "a survey is opened, closed or cleared")
	}
	return v.surveyDone(id, nil, s.Surveys.SurveyMove(v.r.Context(), v.who, id, do), "survey_"+do)
}

// mostMembers bounds a list of members, in bytes.
const mostMembers = 16 << 20

func (s *server) surveyInvite(v *visit) error {
	if err := v.r.ParseMultipartForm(1 << 20); err != nil {
		return tooMuch(err)
	}
	id := v.r.PathValue("id")
	var list io.Reader = strings.NewReader(v.r.PostFormValue("list"))
	if f, _, err := v.r.FormFile("file"); err == nil {
		defer f.Close()
		list = f
	}
	_, err := s.Surveys.SurveyInvite(v.r.Context(), v.who, id, list)
	return v.surveyDone(id, nil, err, "survey_invited")
}

func (s *server) surveyLetters(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	id, remind := v.r.PathValue("id"), v.field("do") == "remind"
	var b bytes.Buffer
	err := s.Surveys.SurveyLetters(v.r.Context(), v.who, &b, id, remind)
	if why := said(err); why != "" {
		return v.showSurvey(nil, why)
	}
	if err != nil {
		return err
	}
	v.attach("addresses.csv", "text/csv; charset=utf-8")
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

func (s *server) surveyScreen(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	text, err := strconv.ParseInt(v.field("text"), 10, 64)
	if err != nil {
		return fault.Errorf(fault.Invalid, "which text is meant?")
	}
	id := v.r.PathValue("id")
	err = s.Surveys.SurveyScreen(v.r.Context(), v.who, id, text, v.field("state"), v.field("shown"))
	return v.surveyDone(id, nil, err, "survey_saved")
}

// surveyFiles are the formats of what leaves.
var surveyFiles = map[string][2]string{
	"csv": {"answers.csv", "text/csv; charset=utf-8"}, "codebook": {"codebook.csv", "text/csv; charset=utf-8"}, "sps": {"answers.sps", "text/plain; charset=utf-8"},
	"ddi": {"codebook.xml", "application/xml"}, "json": {"answers.json", "application/fhir+json"}, "results": {"results.json", "application/json"},
}

func (s *server) surveyExport(v *visit) error {
	format := v.r.URL.Query().Get("format")
	file, ok := surveyFiles[format]
	if !ok {
		return fault.Errorf(fault.Invalid, "answers are to be had as csv, codebook, sps, ddi, json or results, and not as %q", format)
	}
	var b bytes.Buffer
	err := s.Surveys.SurveyWrite(v.r.Context(), v.who, &b, v.p.Tag(), v.r.PathValue("id"), format)
	if why := said(err); why != "" {
		return v.showSurvey(nil, why)
	}
	if err != nil {
		return err
	}
	v.attach(file[0], file[1])
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// publicly prepares a page for somebody who is asked: in the language of the survey, kept
// nowhere, and telling no other page where it was.
func (v *visit) publicly(language string) {
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.Header().Set("Referrer-Policy", "no-referrer")
	if language != "" {
		v.p = v.Catalogue.Printer(v.Catalogue.Match(language, ""))
	}
}

func (s *server) surveyDoor(v *visit) error { return v.showDoor("") }

func (v *visit) showDoor(why string) error {
	v.publicly("")
	secret := v.r.PathValue("secret")
	door, err := v.Surveys.SurveyDoor(v.r.Context(), v.p.Tag(), secret)
	if err != nil {
		return err
	}
	if door.Language != "" && cookie(v.r, "language") == "" {
		v.publicly(door.Language)
	}
	p := page{title: door.Title, section: "-"}
	if why != "" {
		p.status = http.StatusConflict
	}
	return v.show(p, surveyDoorBody(v, door, secret, why))
}

func (s *server) surveyBegin(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	answer, err := s.Surveys.SurveyBegin(v.r.Context(), v.r.PathValue("secret"), v.field("language"))
	if why := said(err); why != "" {
		return v.showDoor(why)
	}
	if err != nil {
		return err
	}
	v.publicly("")
	return v.back(askedAt+"/answer/"+answer, "")
}

func (s *server) surveySheet(v *visit) error {
	sheet, err := s.Surveys.SurveySheet(v.r.Context(), v.p.Tag(), v.r.PathValue("answer"))
	if err != nil {
		return err
	}
	return v.showAsked(sheet, "", false)
}

func (v *visit) showAsked(sheet SurveySheet, why string, check bool) error {
	v.publicly(sheet.Language)
	settle(sheet.Nodes)
	p := page{title: sheet.Title, section: "-"}
	if why != "" {
		p.status = http.StatusBadRequest
	}
	return v.show(p, surveySheetBody(v, sheet, v.r.PathValue("answer"), why, check))
}

func (s *server) surveySave(v *visit) error {
	revision, edits, err := v.formEdits()
	if err != nil {
		return err
	}
	edits = slices.DeleteFunc(edits, func(e FormEdit) bool { return e.What == "measured" || e.File != nil })
	answer, send := v.r.PathValue("answer"), v.r.PostForm.Get("do") == "send"
	sheet, err := s.Surveys.SurveySave(v.r.Context(), answer, revision, edits, send)
	why := said(err)
	if err != nil && (why == "" || len(sheet.Nodes) == 0) {
		return err
	}
	outcome := FormSaved{Sheet: FormSheet{Nodes: sheet.Nodes}, Refused: sheet.Refused}
	v.outcome(&outcome, edits)
	if err == nil && len(sheet.Refused) == 0 && v.r.Header.Get("X-Live") == "" {
		return v.back(askedAt+"/answer/"+answer, "")
	}
	if why == "" && len(sheet.Refused) > 0 {
		why = v.p.T("form.wrong", lang.Args{"n": len(sheet.Refused)})
	}
	return v.showAsked(sheet, why, send)
}

func (s *server) surveyTold(v *visit) error {
	v.publicly("")
	told, err := s.Surveys.SurveyTold(v.r.Context(), v.p.Tag(), v.r.PathValue("id"), v.r.URL.Query().Get("group"), v.r.PathValue("secret"))
	if err != nil {
		return err
	}
	return v.show(page{title: told.Title, lead: v.p.T("survey.results"), section: "-"}, surveyToldBody(v, told))
}

// surveyTable lists surveys.
func (v *visit) surveyTable(pg SurveysPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "surveys", Caption: p.T("nav.surveys"), Empty: face.Nothing(p.T("survey.none"), p.T("survey.none_text")),
		Columns: []face.Column{
			{Label: p.T("survey.title"), Phone: face.Name},
			{Label: p.T("survey.state"), Phone: face.Drawn},
			{Label: p.T("survey.mode")},
			{Label: p.T("survey.count_invited"), Numeric: true},
			{Label: p.T("survey.count_begun"), Numeric: true},
			{Label: p.T("survey.count_complete"), Numeric: true, Phone: face.Beside},
			{Label: p.T("survey.closes")},
		},
	}
	for _, x := range pg.Lines {
		t.Rows = append(t.Rows, face.Row{ID: "survey-" + x.ID, Href: surveyAt(x.ID), Cells: []templ.Component{
			face.Words(x.Title, ""), face.Words(p.T("survey.state_"+x.State), ""), face.Words(p.T("survey.mode_"+x.Mode), ""),
			face.Words(v.invited(x.Counts), ""), face.Words(p.Count(int64(x.Counts.Begun)), ""), face.Words(p.Count(int64(x.Counts.Complete)), ""), face.Words(v.dayOr(x.Closes), ""),
		}})
	}
	return t
}

// invited is how many were, or that nobody knows.
func (v *visit) invited(c SurveyCounts) string {
	if c.Invited == 0 {
		return v.p.T("survey.unknown")
	}
	return v.p.Count(int64(c.Invited))
}

// surveyTiles are what results are a part of.
func (v *visit) surveyTiles(c SurveyCounts, rates [3]SurveyRate) []face.Tile {
	p := v.p
	share := func(r SurveyRate, key string) string {
		if !r.Known {
			return ""
		}
		return p.T(key, lang.Args{"share": p.Number(100*r.Value, 1)})
	}
	count := func(key string, n int) face.Tile {
		return face.Tile{Label: p.T("survey.count_" + key), Value: p.Count(int64(n)), Reference: p.T("survey.means_" + key)}
	}
	invited := count("invited", c.Invited)
	invited.Value = v.invited(c)
	usable, complete := count("usable", c.Usable), count("complete", c.Complete)
	usable.Basis = share(rates[0], "survey.of_invited")
	complete.Basis = strings.TrimPrefix(share(rates[1], "survey.of_invited")+", "+share(rates[2], "survey.of_usable"), ", ")
	complete.Basis = strings.TrimSuffix(complete.Basis, ", ")
	all := []face.Tile{invited, count("opened", c.Opened), count("begun", c.Begun), usable, complete}
	if c.Full > 0 {
		all = append(all, count("full", c.Full))
	}
	return all
}

// surveyCell writes a count.
func (v *visit) surveyCell(c SurveyCell) string {
	if c.Hidden {
		return v.p.T("survey.hidden")
	}
	return v.p.Count(int64(c.N))
}

// surveyQuestionTable is what was answered to a question.
func (v *visit) surveyQuestionTable(i int, q SurveyQuestion) face.Table {
	p := v.p
	t := face.Table{ID: "q" + strconv.Itoa(i), Caption: q.Text, Columns: []face.Column{{Label: p.T("survey.answer"), Phone: face.Name}, {Label: p.T("survey.people"), Numeric: true, Phone: face.Beside}, {Label: p.T("survey.share"), Numeric: true, Phone: face.Drawn}}}
	for _, g := range q.Groups {
		t.Columns = append(t.Columns, face.Column{Label: g, Numeric: true})
	}
	for j, o := range q.Options {
		share := "–"
		if !o.Count.Hidden && !q.Answers.Hidden && q.Answers.N > 0 {
			share = p.Number(100*float64(o.Count.N)/float64(q.Answers.N), 1) + " %"
		}
		row := face.Row{ID: t.ID + "-" + strconv.Itoa(j), Cells: []templ.Component{face.Words(o.Text, ""), face.Words(v.surveyCell(o.Count), ""), face.Words(share, "")}}
		for _, c := range o.Groups {
			row.Cells = append(row.Cells, face.Words(v.surveyCell(c), ""))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// surveyGroups lists the groups of invitations.
func (v *visit) surveyGroups(pg SurveyPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "groups", Caption: p.T("survey.invitations"), Empty: face.Nothing(p.T("survey.nobody"), p.T("survey.nobody_text")),
		Columns: []face.Column{
			{Label: p.T("survey.of_group"), Phone: face.Name},
			{Label: p.T("survey.count_invited"), Numeric: true},
			{Label: p.T("survey.count_opened"), Numeric: true},
			{Label: p.T("survey.count_begun"), Numeric: true, Phone: face.Beside},
			{Label: p.T("survey.reminded"), Numeric: true},
			{Label: p.T("survey.delegate")},
		},
	}
	for i, g := range pg.Groups {
		t.Rows = append(t.Rows, face.Row{ID: "group-" + strconv.Itoa(i), Cells: []templ.Component{
			face.Words(orElse(g.Name, "–"), ""), face.Words(p.Count(int64(g.Invited)), ""), face.Words(p.Count(int64(g.Opened)), ""), face.Words(p.Count(int64(g.Spent)), ""),
			face.Words(p.Count(int64(g.Reminded)), ""), face.Words(orElse(g.ResultsAt, "–"), ""),
		}})
	}
	return t
}

// surveyFacts are what was decided.
func (v *visit) surveyFacts(pg SurveyPage) []face.Fact {
	p, x := v.p, pg.Plan
	facts := []face.Fact{
		{Label: p.T("survey.form"), Value: pg.FormTitle + " (" + x.Version + ")"},
		{Label: p.T("survey.purpose"), Value: x.Purpose},
		{Label: p.T("survey.mode"), Value: p.T("survey.mode_" + x.Mode)},
		{Label: p.T("survey.basis"), Value: orElse(x.Basis, "–")},
		{Label: p.T("survey.languages"), Value: strings.Join(x.Languages, ", ")},
		{Label: p.T("survey.closes"), Value: v.dayOr(pg.Closes)},
		{Label: p.T("survey.delete"), Value: orElse(x.DeleteOn, "–")},
		{Label: p.T("survey.least"), Value: x.Least},
	}
	for _, yes := range []struct {
		is  bool
		key string
	}{{x.Link, "survey.link"}, {x.Live, "survey.live"}, {x.Society, "survey.society"}} {
		if yes.is {
			facts = append(facts, face.Fact{Label: p.T("survey.decided"), Value: p.T(yes.key)})
		}
	}
	if x.Quotas != "" {
		facts = append(facts, face.Fact{Label: p.T("survey.quotas"), Value: x.Quotas})
	}
	return facts
}
