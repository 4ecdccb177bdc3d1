package main

import (
	"context"

	"radagora/access"
	"radagora/form/survey"
	"radagora/web"
)

// doorAt is the whole address of a survey.
func (h *house) doorAt(secret string) string { return h.links + web.SurveyDoorAt(secret) }

// surveys registers what programs may know of surveys.
func (d *apiDoor) surveys() {
	a, group := surveyAPI{d.house}, "Quality"
	operate(d, op{
		act: access.SurveyRead, call: "GET /surveys", id: "list-surveys", group: group,
		summary: "Surveys and how far they are, the latest first",
	}, a.list)
	operate(d, op{
		act: access.SurveyRead, call: "GET /surveys/{survey}/results", id: "get-survey-results", group: group,
		summary: "What a survey says",
		text:    "By groups that are large enough: smaller ones are hidden, and so is what would follow from the rest. While a survey is open results are counted anew only when several more complete answers have come.",
	}, a.results)
}

// surveyAPI answers programs about surveys.
type surveyAPI struct{ *house }

// An apiSurvey is a survey without those who are asked.
type apiSurvey struct {
	ID       string         `json:"id"`
	Title    string         `json:"title"`
	State    string         `json:"state" enum:"draft,open,closed,cleared"`
	Mode     string         `json:"mode" enum:"named,token,anonymous"`
	Form     string         `json:"form" doc:"canonical address of its form"`
	Version  string         `json:"version" doc:"of the form"`
	Purpose  string         `json:"purpose"`
	Closes   string         `json:"closes,omitempty" doc:"last day on which it takes answers"`
	DeleteOn string         `json:"delete_on" doc:"day on which invitations and answers are deleted"`
	Language []string       `json:"languages"`
	Counts   apiSurveyCount `json:"counts"`
}

// An apiSurveyCount is what results are a part of.
type apiSurveyCount struct {
	Invited  int `json:"invited" doc:"who could answer; 0 if nobody knows"`
	Opened   int `json:"opened"`
	Begun    int `json:"begun"`
	Usable   int `json:"usable" doc:"enough of the questions answered (content rule usable_share)"`
	Complete int `json:"complete"`
	Full     int `json:"turned_away" doc:"their group had enough answers"`
}

// surveys returns all surveys of the site.
func (h *house) surveys(ctx context.Context) ([]apiSurvey, error) {
	all, err := h.Surveys.Surveys(ctx, at)
	if err != nil {
		return nil, err
	}
	out := make([]apiSurvey, len(all))
	for i, s := range all {
		c, err := h.Surveys.Counts(ctx, at, s.ID)
		if err != nil {
			return nil, err
		}
		out[i] = apiSurvey{
			ID: s.ID, Title: s.Plan.Title, State: s.State, Mode: s.Mode, Form: s.URL, Version: s.Version, Purpose: s.Plan.Purpose, Closes: s.Plan.Closes, DeleteOn: s.Plan.DeleteOn,
			Language: append([]string{}, s.Plan.Languages...), Counts: apiSurveyCount(c),
		}
	}
	return out, nil
}

type listSurveys struct{ Paging }

func (a surveyAPI) list(ctx context.Context, in *listSurveys) (*apiPage[apiSurvey], error) {
	all, err := a.surveys(ctx)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, all, func(s apiSurvey) string { return s.ID }, func(s apiSurvey) apiSurvey { return s })
}

// An apiCell is a number of people, or that it is hidden.
type apiCell struct {
	N      int  `json:"n"`
	Hidden bool `json:"hidden,omitempty" doc:"the number is too small, or would tell one that is; n is 0 then"`
}

// An apiSurveyQuestion is what was answered to a question.
type apiSurveyQuestion struct {
	Question string      `json:"question" doc:"link id"`
	Answers  apiCell     `json:"answers" doc:"people who answered it"`
	Options  []apiCell   `json:"options" doc:"by option, then those in their own words; yes and no of a boolean"`
	Several  bool        `json:"several,omitempty" doc:"several options could be chosen"`
	Groups   [][]apiCell `json:"groups,omitempty" doc:"the same for each of the groups of the results"`
	Median   *float64    `json:"median,omitempty"`
	Low      *float64    `json:"lower_quartile,omitempty"`
	High     *float64    `json:"upper_quartile,omitempty"`
}

// An apiSurveyResults is what a survey says.
type apiSurveyResults struct {
	Counts    apiSurveyCount      `json:"counts"`
	Day       string              `json:"counted_on,omitempty"`
	Least     int                 `json:"least" doc:"answers that a group must have"`
	N         int                 `json:"n" doc:"complete answers"`
	Hidden    bool                `json:"hidden,omitempty" doc:"there are too few answers to tell anything"`
	Final     bool                `json:"final,omitempty" doc:"the survey is closed"`
	Groups    []string            `json:"groups" doc:"place of the option, or name of the group of invitations; + for the others together"`
	Questions []apiSurveyQuestion `json:"questions"`
}

type getSurveyResults struct {
	Survey string `path:"survey" maxLength:"64"`
}

type gotSurveyResults struct{ Body apiSurveyResults }

func (a surveyAPI) results(ctx context.Context, in *getSurveyResults) (*gotSurveyResults, error) {
	r, err := a.Surveys.Results(ctx, at, in.Survey)
	if err != nil {
		return nil, err
	}
	out := apiSurveyResults{
		Counts: apiSurveyCount(r.Counts), Day: r.Day, Least: r.Least, N: r.N, Hidden: r.Hidden, Final: r.Final, Groups: append([]string{}, r.Groups...), Questions: []apiSurveyQuestion{},
	}
	for _, q := range r.Questions {
		x := apiSurveyQuestion{Question: q.LinkID, Answers: apiCell(q.Answers), Options: apiCells(q.Options), Several: q.Several, Median: q.Median, Low: q.Low, High: q.High}
		if q.Table != nil {
			for _, row := range q.Table.Cells {
				x.Groups = append(x.Groups, apiCells(row))
			}
		}
		out.Questions = append(out.Questions, x)
	}
	return &gotSurveyResults{Body: out}, nil
}

func apiCells(all []survey.Cell) []apiCell {
	out := make([]apiCell, len(all))
	for i, c := range all {
		out[i] = apiCell(c)
	}
	return out
}
