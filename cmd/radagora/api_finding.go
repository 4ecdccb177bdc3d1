package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/finding"
)

// findings registers what programs may do with findings and actions.
func (d *apiDoor) findings() {
	a, group := findingAPI{d.house}, "Findings"
	operate(d, op{
		act: access.FindingRead, call: "GET /findings", id: "list-findings", group: group, summary: "Findings, the most important first",
		text: "The order may change while pages are read, as findings are derived.",
	}, a.list)
	operate(d, op{
		act: access.FindingRead, call: "GET /findings/{id}", id: "get-finding", group: group, summary: "One finding, with its history and actions",
	}, a.get)
	operate(d, op{
		act: access.FindingDecide, call: "PATCH /findings/{id}", id: "decide-finding", group: group, summary: "Say who looks after a finding, and how far it is",
		text: "What is left out stays as it is. Say which version was read: with If-Match and the ETag of the answer, or in version.",
	}, a.decide)
	operate(d, op{
		act: access.FindingDecide, call: "POST /findings/{id}/actions", id: "add-action", group: group, summary: "Add what somebody does about it", status: http.StatusCreated,
	}, a.add)
	operate(d, op{
		act: access.FindingDecide, call: "PUT /findings/{id}/actions/{action}", id: "change-action", group: group, summary: "Replace an action by its next version",
	}, a.change)
}

// findingAPI answers programs about findings.
type findingAPI struct{ *house }

// A Finding is a measured value that fell short of its reference.
type Finding struct {
	ID        string          `json:"id"`
	Rule      string          `json:"rule" doc:"room.rule"`
	Code      string          `json:"code" doc:"state of the comparison"`
	Subject   finding.Subject `json:"subject"`
	Measured  apiMeasured     `json:"measured"`
	Reference apiReference    `json:"reference"`
	State     finding.State   `json:"state" enum:"open,in_work,measured_again,closed,withdrawn"`
	Owner     string          `json:"owner,omitempty" doc:"account"`
	Due       string          `json:"due,omitempty" doc:"YYYY-MM-DD"`
	First     time.Time       `json:"first" doc:"when it was found"`
	Computed  time.Time       `json:"computed" doc:"when it was computed last"`
	Withdrawn *time.Time      `json:"withdrawn,omitempty" doc:"since when it does not derive any more"`
	Version   int64           `json:"version"`
}

// An apiMeasured is the value that fell short.
type apiMeasured struct {
	Value float64  `json:"value"`
	Unit  string   `json:"unit" doc:"UCUM"`
	N     int      `json:"n" doc:"cases it rests on"`
	Low   *float64 `json:"low,omitempty" doc:"of its interval"`
	High  *float64 `json:"high,omitempty"`
}

// An apiReference is what a value was compared with.
type apiReference struct {
	Value   *float64 `json:"value,omitempty" doc:"left out if it is no number"`
	Unit    string   `json:"unit,omitempty" doc:"UCUM"`
	Set     string   `json:"set" doc:"id of the content set"`
	Edition string   `json:"edition"`
	Digest  string   `json:"digest" doc:"of the content set"`
	Source  string   `json:"source" doc:"document, table, row"`
}

func apiFindingOf(f finding.Finding) Finding {
	return Finding{
		f.ID, f.Rule, f.Code, f.Subject,
		apiMeasured{f.Measured.Value, f.Measured.Unit, f.Measured.N, f.Measured.Low, f.Measured.High},
		apiReference{f.Reference.Value, f.Reference.Unit, f.Reference.Set, f.Reference.Edition, f.Reference.Digest, f.Reference.Source},
		f.State, f.Owner, f.Due, f.FirstAt.UTC(), f.ComputedAt.UTC(), timeOrNone(f.WithdrawnAt), f.Version,
	}
}

type listFindings struct {
	Paging
	State []string `query:"state" enum:"open,in_work,measured_again,closed,withdrawn" maxItems:"5"`
	Owner string   `query:"owner" maxLength:"64" doc:"account"`
	Rule  string   `query:"rule" maxLength:"64" doc:"a rule, or the room of rules: dose has dose.level"`
	Room  string   `query:"room" maxLength:"36" doc:"id"`
}

func (a findingAPI) list(ctx context.Context, in *listFindings) (*apiPage[Finding], error) {
	place, err := in.place()
	if err != nil {
		return nil, err
	}
	f := finding.Filter{Site: at, Owner: in.Owner, Rule: in.Rule, Room: in.Room, Limit: in.Limit + 1}
	if place != "" {
		if f.Offset, err = strconv.Atoi(place); err != nil || f.Offset < 0 {
			return nil, fault.Errorf(fault.Invalid, "the cursor is not one of this list")
		}
	}
	for _, s := range in.State {
		f.States = append(f.States, finding.State(s))
	}
	all, err := a.Findings.List(ctx, f)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(all) > in.Limit {
		all = all[:in.Limit]
		next = strconv.Itoa(f.Offset + in.Limit)
	}
	items := make([]Finding, len(all))
	for i, one := range all {
		items[i] = apiFindingOf(one)
	}
	return apiPageOf(ctx, items, next), nil
}

// An apiWholeFinding is a finding with what people did about it.
type apiWholeFinding struct {
	Finding
	Data    json.RawMessage `json:"data,omitempty" doc:"what else explains it, as the rule says"`
	History []apiNote       `json:"history"`
	Actions []apiAction     `json:"actions"`
}

// An apiNote is one step in the history of a finding.
type apiNote struct {
	At    time.Time     `json:"at"`
	Actor string        `json:"actor"`
	State finding.State `json:"state" enum:"open,in_work,measured_again,closed,withdrawn"`
	Owner string        `json:"owner,omitempty"`
	Due   string        `json:"due,omitempty"`
	Text  string        `json:"text,omitempty"`
}

// An apiAction is what somebody does about a finding.
type apiAction struct {
	ID      string `json:"id,omitempty" readOnly:"true"`
	Kind    string `json:"kind" minLength:"1" maxLength:"64" doc:"code, such as protocol_change, training, service_call"`
	Text    string `json:"text" maxLength:"4000"`
	Owner   string `json:"owner,omitempty" maxLength:"64" doc:"account"`
	Due     string `json:"due,omitempty" doc:"YYYY-MM-DD"`
	Done    string `json:"done,omitempty" doc:"YYYY-MM-DD; left out while it is not"`
	Result  string `json:"result,omitempty" maxLength:"4000"`
	Version int64  `json:"version,omitempty" doc:"of a change: the one that was read"`
}

func apiActionOf(a finding.Action) apiAction {
	return apiAction{a.ID, a.Kind, a.Text, a.Owner, a.Due, a.Done, a.Result, a.Version}
}

// OneFinding names a finding in an address.
type OneFinding struct {
	ID string `path:"id" maxLength:"36"`
}

type findingAnswer struct {
	ETag string `header:"ETag" doc:"the version, for If-Match"`
	Body apiWholeFinding
}

func (a findingAPI) get(ctx context.Context, in *OneFinding) (*findingAnswer, error) {
	f, history, acts, err := a.Findings.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := apiWholeFinding{Finding: apiFindingOf(f), Data: f.Data, History: []apiNote{}, Actions: []apiAction{}}
	for _, n := range history {
		out.History = append(out.History, apiNote{n.At.UTC(), n.Actor, n.State, n.Owner, n.Due, n.Text})
	}
	for _, one := range acts {
		out.Actions = append(out.Actions, apiActionOf(one))
	}
	return &findingAnswer{etag(f.Version), out}, nil
}

type decideFinding struct {
	OneFinding
	IfMatch
	Body apiDecideFinding
}

type apiDecideFinding struct {
	Version int64          `json:"version,omitempty" doc:"the one that was read; not needed beside If-Match"`
	Owner   *string        `json:"owner,omitempty" maxLength:"64" doc:"account; empty: nobody"`
	State   *finding.State `json:"state,omitempty" enum:"open,in_work,measured_again,closed"`
	Due     *string        `json:"due,omitempty" doc:"YYYY-MM-DD; empty: none"`
	Note    string         `json:"note,omitempty" maxLength:"4000" doc:"kept in the history; closing needs one"`
}

func (a findingAPI) decide(ctx context.Context, in *decideFinding) (*findingAnswer, error) {
	v, err := in.meant(in.Body.Version)
	if err != nil {
		return nil, err
	}
	_, err = a.Findings.Decide(ctx, finding.Decision{ID: in.ID, Version: v, Owner: in.Body.Owner, State: in.Body.State, Due: in.Body.Due, Note: in.Body.Note})
	if err != nil {
		return nil, in.judged(err, func() (int64, error) {
			f, _, _, err := a.Findings.Get(ctx, in.ID)
			return f.Version, err
		})
	}
	return a.get(ctx, &in.OneFinding)
}

type addAction struct {
	OneFinding
	Body apiAction
}

type actionAnswer struct {
	ETag string `header:"ETag" doc:"the version"`
	Body apiAction
}

func (a findingAPI) act(ctx context.Context, of, id string, b apiAction, version int64) (*actionAnswer, error) {
	done, err := a.Findings.Act(ctx, finding.Action{
		ID: id, Finding: of, Kind: b.Kind, Text: b.Text, Owner: b.Owner, Due: b.Due, Done: b.Done, Result: b.Result, Version: version,
	})
	return &actionAnswer{etag(done.Version), apiActionOf(done)}, err
}

func (a findingAPI) add(ctx context.Context, in *addAction) (*actionAnswer, error) {
	return a.act(ctx, in.ID, "", in.Body, 0)
}

type changeAction struct {
	OneFinding
	IfMatch
	Action string `path:"action" maxLength:"36"`
	Body   apiAction
}

func (a findingAPI) change(ctx context.Context, in *changeAction) (*actionAnswer, error) {
	v, err := in.meant(in.Body.Version)
	if err != nil {
		return nil, err
	}
	return a.act(ctx, in.ID, in.Action, in.Body, v)
}
