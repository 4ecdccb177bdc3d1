package main

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"radagora/access"
	"radagora/worklist"
)

// worklistAPI registers what programs may do with the worklist.
func (h *house) worklistAPI(d *apiDoor) {
	a := orderAPI{h}
	tags := []string{"Worklist"}
	operate(d, access.StepFind, huma.Operation{
		OperationID: "list-worklist", Method: http.MethodGet, Path: "/api/worklist", Tags: tags, Summary: "Scheduled steps, by start",
	}, a.list)
	operate(d, access.StepChange, huma.Operation{
		OperationID: "create-order", Method: http.MethodPost, Path: "/api/worklist", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary:     "Write an order with its scheduled steps",
		Description: "Send an Idempotency-Key: the same request sent again answers as the first did and changes nothing.",
	}, a.create)
	operate(d, access.StepFind, huma.Operation{
		OperationID: "get-order", Method: http.MethodGet, Path: "/api/worklist/{id}", Tags: tags, Summary: "One order",
	}, a.get)
	operate(d, access.StepChange, huma.Operation{
		OperationID: "change-order", Method: http.MethodPut, Path: "/api/worklist/{id}", Tags: tags, Summary: "Replace an order by its next version",
		Description: "version is the one that was read; a step that is left out is cancelled.",
	}, a.change)
	operate(d, access.StepChange, huma.Operation{
		OperationID: "cancel-order", Method: http.MethodPost, Path: "/api/worklist/{id}/cancel", Tags: tags, Summary: "Take an order off the worklist",
	}, a.cancel)
	operate(d, access.StepChange, huma.Operation{
		OperationID: "set-step", Method: http.MethodPost, Path: "/api/worklist/{id}/steps/{key}", Tags: tags, Summary: "Say by hand how far a step is",
	}, a.setStep)
	operate(d, access.StepFind, huma.Operation{
		OperationID: "list-performed", Method: http.MethodGet, Path: "/api/performed", Tags: tags, Summary: "What machines said they did, the latest first",
	}, a.performed)
	operate(d, access.StepFind, huma.Operation{
		OperationID: "list-matches", Method: http.MethodGet, Path: "/api/matches", Tags: tags, Summary: "Studies, and to which order they belong",
	}, a.studies)
	operate(d, access.StepChange, huma.Operation{
		OperationID: "decide-match", Method: http.MethodPost, Path: "/api/matches/{study}", Tags: tags, Summary: "Say to which order a study belongs",
		DefaultStatus: http.StatusNoContent,
	}, a.decide)
}

// orderAPI answers programs about orders.
type orderAPI struct{ *house }

// orderAnswer is an answer with one order.
type orderAnswer struct {
	Location string `header:"Location" doc:"where the order stands"`
	Replayed string `header:"Idempotency-Replayed" doc:"true if the same request had been answered before"`
	Body     worklist.Order
}

// shown notes that whoever asks was shown a person.
func (a orderAPI) shown(ctx context.Context, person string) error {
	if person == "" {
		return nil
	}
	return a.noteRead(ctx, access.StepFind, access.Subject{Site: at, Person: person})
}

type createOrder struct {
	Key  string `header:"Idempotency-Key" maxLength:"200" doc:"names this request; chosen by the client"`
	Body worklist.Order
}

func (a orderAPI) create(ctx context.Context, in *createOrder) (*orderAnswer, error) {
	in.Body.Site = at
	o, again, err := a.Worklist.Create(ctx, worklist.Request{Order: in.Body, Key: in.Key, Origin: worklist.FromAPI})
	if err != nil {
		return nil, err
	}
	out := &orderAnswer{Location: "/api/worklist/" + o.ID, Body: o}
	if again {
		out.Replayed = "true"
	}
	return out, nil
}

type oneOrder struct {
	ID string `path:"id" maxLength:"36"`
}

func (a orderAPI) get(ctx context.Context, in *oneOrder) (*orderAnswer, error) {
	o, err := a.Worklist.Get(ctx, at, in.ID)
	if err != nil {
		return nil, err
	}
	return &orderAnswer{Body: o}, a.shown(ctx, o.Person)
}

type changeOrder struct {
	ID   string `path:"id" maxLength:"36"`
	Body worklist.Order
}

func (a orderAPI) change(ctx context.Context, in *changeOrder) (*orderAnswer, error) {
	in.Body.ID, in.Body.Site = in.ID, at
	o, err := a.Worklist.Change(ctx, in.Body)
	return &orderAnswer{Body: o}, err
}

type cancelOrder struct {
	ID   string `path:"id" maxLength:"36"`
	Body struct {
		Version int64  `json:"version,omitempty" doc:"the one that was read; left out: whichever it is"`
		Reason  string `json:"reason,omitempty" maxLength:"2000"`
	}
}

func (a orderAPI) cancel(ctx context.Context, in *cancelOrder) (*orderAnswer, error) {
	o, err := a.Worklist.Cancel(ctx, at, in.ID, in.Body.Version, in.Body.Reason)
	return &orderAnswer{Body: o}, err
}

type setStep struct {
	ID   string `path:"id" maxLength:"36"`
	Key  string `path:"key" maxLength:"36"`
	Body struct {
		State worklist.State `json:"state" enum:"scheduled,arrived,completed,discontinued"`
	}
}

func (a orderAPI) setStep(ctx context.Context, in *setStep) (*orderAnswer, error) {
	o, err := a.Worklist.SetStep(ctx, at, in.ID, in.Key, in.Body.State)
	return &orderAnswer{Body: o}, err
}

type listOrders struct {
	From     string   `query:"from" doc:"first day of the start, YYYY-MM-DD, at the site"`
	To       string   `query:"to" doc:"last day of the start"`
	States   []string `query:"state" doc:"scheduled, arrived, in_progress, completed, discontinued, cancelled"`
	Modality string   `query:"modality" maxLength:"16"`
	Station  string   `query:"station" maxLength:"16" doc:"application entity title"`
	Location string   `query:"location" maxLength:"64"`
	Text     string   `query:"text" maxLength:"100" doc:"patient id, accession number or the beginning of a word of the name"`
	Limit    int      `query:"limit" minimum:"0" maximum:"2000"`
}

// listedStep is one scheduled step; the order has no other.
type listedStep struct {
	Order worklist.Order `json:"order"`
}

type listAnswer struct {
	Body struct {
		Entries []listedStep `json:"entries"`
	}
}

func (a orderAPI) list(ctx context.Context, in *listOrders) (*listAnswer, error) {
	f := worklist.Filter{From: in.From, To: in.To, Modality: in.Modality, Station: in.Station, Location: in.Location, Text: in.Text, Limit: in.Limit}
	for _, s := range in.States {
		f.States = append(f.States, worklist.State(s))
	}
	list, err := a.Worklist.List(ctx, at, f)
	if err != nil {
		return nil, err
	}
	out := &listAnswer{}
	out.Body.Entries = make([]listedStep, len(list))
	for i, e := range list {
		if err := a.shown(ctx, e.Order.Person); err != nil {
			return nil, err
		}
		e.Order.Steps = []worklist.Step{e.Step}
		out.Body.Entries[i] = listedStep{e.Order}
	}
	return out, nil
}

// performedStep is a performed procedure step as the API shows it.
type performedStep struct {
	SOPInstance string         `json:"sop_instance_uid"`
	State       worklist.State `json:"state"`
	Study       string         `json:"study_uid"`
	Station     string         `json:"station"`
	Modality    string         `json:"modality"`
	Start       string         `json:"start"`
	End         string         `json:"end,omitempty"`
	References  int64          `json:"references" doc:"instances it says it made"`
	Problems    []string       `json:"problems"`
	Steps       []string       `json:"steps" doc:"keys of the scheduled steps it is about"`
}

type listPerformed struct {
	Unscheduled bool   `query:"unscheduled" doc:"only those that no scheduled step fits"`
	Study       string `query:"study" maxLength:"64"`
	Limit       int    `query:"limit" minimum:"0" maximum:"2000"`
}

type performedAnswer struct {
	Body struct {
		Performed []performedStep `json:"performed"`
	}
}

func (a orderAPI) performed(ctx context.Context, in *listPerformed) (*performedAnswer, error) {
	list, err := a.Worklist.Performed(ctx, at, worklist.PerformedFilter{Unscheduled: in.Unscheduled, Study: in.Study, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := &performedAnswer{}
	out.Body.Performed = make([]performedStep, len(list))
	for i, p := range list {
		out.Body.Performed[i] = performedStep{
			p.SOPInstance, p.State, p.Study, p.Station, p.Modality, p.Start, p.End, p.References,
			append([]string{}, p.Problems...), append([]string{}, p.Steps...),
		}
	}
	return out, nil
}

// matchedStudy is a study as the API shows it.
type matchedStudy struct {
	Study     string         `json:"study_uid"`
	Match     worklist.Match `json:"match" enum:"matched,suspected,unmatched"`
	Reason    string         `json:"reason"`
	Order     string         `json:"order,omitempty"`
	Instances int64          `json:"instances"`
	First     time.Time      `json:"first"`
	Last      time.Time      `json:"last"`
	Complete  string         `json:"complete,omitempty" doc:"complete or changed; left out while nothing was announced"`
	Because   string         `json:"because,omitempty" doc:"quiet, performed or expected"`
	DecidedBy string         `json:"decided_by,omitempty"`
}

type listMatches struct {
	Matches []string `query:"match" doc:"matched, suspected, unmatched"`
	Limit   int      `query:"limit" minimum:"0" maximum:"2000"`
}

type matchesAnswer struct {
	Body struct {
		Studies []matchedStudy `json:"studies"`
	}
}

func (a orderAPI) studies(ctx context.Context, in *listMatches) (*matchesAnswer, error) {
	f := worklist.StudyFilter{Limit: in.Limit}
	for _, m := range in.Matches {
		f.Matches = append(f.Matches, worklist.Match(m))
	}
	list, err := a.Worklist.StudyStates(ctx, at, f)
	if err != nil {
		return nil, err
	}
	out := &matchesAnswer{}
	out.Body.Studies = make([]matchedStudy, len(list))
	for i, s := range list {
		out.Body.Studies[i] = matchedStudy{
			s.Study, s.Match, s.Reason, s.Order, s.Instances, s.First, s.Last, s.Complete.State, s.Complete.Reason, s.DecidedBy,
		}
	}
	return out, nil
}

type decideMatch struct {
	Study string `path:"study" maxLength:"64"`
	Body  struct {
		Order  string `json:"order,omitempty" doc:"id; left out: it belongs to none"`
		Undo   bool   `json:"undo,omitempty" doc:"the rules decide again"`
		Reason string `json:"reason,omitempty" maxLength:"2000"`
	}
}

func (a orderAPI) decide(ctx context.Context, in *decideMatch) (*struct{}, error) {
	return nil, a.Worklist.Decide(ctx, at, worklist.Decision{Study: in.Study, Order: in.Body.Order, Undo: in.Body.Undo, Reason: in.Body.Reason})
}
