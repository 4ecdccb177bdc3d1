package main

import (
	"context"
	"strconv"
	"time"

	"radagora/access"
	"radagora/dicom/uid"
	"radagora/dose/review"
	"radagora/fault"
)

// cases registers what programs may do with cases.
func (d *apiDoor) cases() {
	a, group := caseAPI{d.house}, "Dose"
	operate(d, op{
		act: access.FindingRead, call: "GET /dose/cases", id: "list-cases", group: group, summary: "Cases of alert rules",
		text: "Those of law and of substantial dose first, then by how many times the trigger the dose is. The order may change while pages are read.",
	}, a.list)
	operate(d, op{
		act: access.ExaminationRead, call: "GET /dose/cases/{number}", id: "get-case", group: group, summary: "One case, with the numbers beside the rules",
	}, a.get)
	operate(d, op{
		act: access.FindingDecide, call: "PATCH /dose/cases/{number}", id: "decide-case", group: group, summary: "Say who looks after a case, how far it is, and why it is closed",
		text: "What is left out stays as it is. Say which version was read: with If-Match and the ETag of the answer, or in version.",
	}, a.decide)
}

// caseAPI answers programs about cases.
type caseAPI struct{ *house }

// A CaseLine is an alert and how far people are with it.
type CaseLine struct {
	Number      int64         `json:"number"`
	Set         string        `json:"rule_set"`
	Rule        string        `json:"rule" doc:"with the highest ratio of those that open it"`
	Quantity    string        `json:"quantity"`
	Ratio       float64       `json:"ratio" doc:"value over trigger"`
	Study       string        `json:"study,omitempty" doc:"Study Instance UID; left out of a group"`
	Examination string        `json:"examination,omitempty" doc:"key within the study"`
	Machine     string        `json:"machine"`
	Exam        string        `json:"exam,omitempty" doc:"code"`
	Day         string        `json:"day,omitempty"`
	Legal       bool          `json:"legal"`
	Substantial bool          `json:"substantial"`
	Withdrawn   bool          `json:"withdrawn" doc:"it is no longer above the trigger"`
	State       review.State  `json:"state" enum:"open,assigned,under_review,action_planned,re_measure,closed"`
	Reason      review.Reason `json:"reason,omitempty" doc:"why it was closed"`
	Owner       string        `json:"owner,omitempty" doc:"account"`
	Due         string        `json:"due,omitempty" doc:"YYYY-MM-DD"`
	Opened      time.Time     `json:"opened"`
}

func apiCaseOf(c review.Case) CaseLine {
	return CaseLine{
		c.Number, c.Set, c.Rule, c.Quantity, c.Ratio, c.Study, c.Key, c.Machine, c.Exam, c.Day, c.Legal, c.Substantial, c.Withdrawn,
		c.State, c.Reason, c.Owner, c.Due, time.UnixMilli(c.OpenedAt).UTC(),
	}
}

type listCases struct {
	Paging
	State []string `query:"state" enum:"open,assigned,under_review,action_planned,re_measure,closed" maxItems:"6"`
	Owner string   `query:"owner" maxLength:"64" doc:"account"`
	Rule  string   `query:"rule" maxLength:"64"`
}

func (a caseAPI) list(ctx context.Context, in *listCases) (*apiPage[CaseLine], error) {
	place, err := in.place()
	if err != nil {
		return nil, err
	}
	f := review.Filter{Owner: in.Owner, Rule: in.Rule, Limit: in.Limit + 1}
	if place != "" {
		if f.Offset, err = strconv.Atoi(place); err != nil || f.Offset < 0 {
			return nil, fault.Errorf(fault.Invalid, "the cursor is not one of this list")
		}
	}
	for _, s := range in.State {
		f.States = append(f.States, review.State(s))
	}
	all, err := a.Review.Cases(ctx, at, f)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(all) > in.Limit {
		all = all[:in.Limit]
		next = strconv.Itoa(f.Offset + in.Limit)
	}
	items := make([]CaseLine, len(all))
	for i, one := range all {
		items[i] = apiCaseOf(one)
	}
	return apiPageOf(ctx, items, next), nil
}

// An apiWholeCase is a case with the numbers beside the rules.
type apiWholeCase struct {
	CaseLine
	Version int64           `json:"version"`
	Results []review.Result `json:"results" doc:"every number of the rule set, those too that did not trigger"`
}

// OneCase names a case in an address.
type OneCase struct {
	Number int64 `path:"number" minimum:"1"`
}

type caseAnswer struct {
	ETag string `header:"ETag" doc:"the version, for If-Match"`
	Body apiWholeCase
}

func (a caseAPI) get(ctx context.Context, in *OneCase) (*caseAnswer, error) {
	w, err := a.Review.Get(ctx, at, in.Number)
	if err != nil {
		return nil, err
	}
	if w.Study != "" {
		study, err := uid.Parse(w.Study)
		if err != nil {
			return nil, err
		}
		if err := (&view{house: a.house}).mayStudy(ctx, access.ExaminationRead, study); err != nil {
			return nil, err
		}
	}
	return &caseAnswer{etag(w.Finding.Version), apiWholeCase{apiCaseOf(w.Case), w.Finding.Version, w.Data.Results}}, nil
}

type decideCase struct {
	OneCase
	IfMatch
	Body apiDecideCase
}

type apiDecideCase struct {
	Version int64         `json:"version,omitempty" doc:"the one that was read; not needed beside If-Match"`
	State   *review.State `json:"state,omitempty" enum:"open,assigned,under_review,action_planned,re_measure,closed"`
	Owner   *string       `json:"owner,omitempty" maxLength:"64" doc:"account; empty: nobody"`
	Due     *string       `json:"due,omitempty" doc:"YYYY-MM-DD; empty: none"`
	Reason  review.Reason `json:"reason,omitempty" enum:"justified,result,no_result,data_error,not_patient" doc:"closing needs one"`
	Words   string        `json:"words,omitempty" maxLength:"500" doc:"result or reason, kept in the history"`
}

func (a caseAPI) decide(ctx context.Context, in *decideCase) (*caseAnswer, error) {
	v, err := in.meant(in.Body.Version)
	if err != nil {
		return nil, err
	}
	b := in.Body
	err = a.Review.Decide(ctx, at, review.Decision{
		Number: in.Number, Version: v, State: b.State, Owner: b.Owner, Due: b.Due, Reason: b.Reason, Words: b.Words,
	})
	if err != nil {
		return nil, in.judged(err, func() (int64, error) {
			w, err := a.Review.Get(ctx, at, in.Number)
			return w.Finding.Version, err
		})
	}
	return a.get(ctx, &in.OneCase)
}
