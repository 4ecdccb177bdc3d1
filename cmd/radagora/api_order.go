package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"radagora/access"
	"radagora/fault"
	"radagora/worklist"
)

// orders registers what programs may do with orders and the worklist.
func (d *apiDoor) orders() {
	a, group := orderAPI{d.house}, "Orders"
	operate(d, op{
		act: access.StepFind, call: "GET /worklist", id: "list-worklist", group: group, summary: "Scheduled steps, by start",
		text: "Each with its order, which has no other step in it here. At most 2000 steps are looked through: choose days.",
	}, a.list)
	operate(d, op{
		act: access.StepChange, call: "POST /orders", id: "create-order", group: group, status: http.StatusCreated,
		summary: "Write an order with its scheduled steps",
	}, a.create)
	operate(d, op{act: access.StepFind, call: "GET /orders/{id}", id: "get-order", group: group, summary: "One order"}, a.get)
	operate(d, op{
		act: access.StepChange, call: "PUT /orders/{id}", id: "change-order", group: group, summary: "Replace an order by its next version",
		text: "Say which version was read: with If-Match and the ETag of the answer, or in version. A step that is left out is cancelled.",
	}, a.change)
	operate(d, op{
		act: access.StepChange, call: "POST /orders/{id}/cancel", id: "cancel-order", group: group, summary: "Take an order off the worklist",
	}, a.cancel)
	operate(d, op{
		act: access.StepChange, call: "POST /orders/{id}/steps/{key}", id: "set-step", group: group, summary: "Say by hand how far a step is",
	}, a.setStep)
	operate(d, op{
		act: access.StepFind, call: "GET /performed-steps", id: "list-performed-steps", group: group, summary: "What machines said they did, the latest first",
		text: "The latest 2000 that fit.",
	}, a.performed)
	operate(d, op{
		act: access.StepFind, call: "GET /matches", id: "list-matches", group: group, summary: "Studies, and to which order they belong",
		text: "The latest 2000 that fit.",
	}, a.studies)
	operate(d, op{
		act: access.StepChange, call: "PUT /matches/{study}", id: "decide-match", group: group, summary: "Say to which order a study belongs",
		status: http.StatusNoContent,
	}, a.decide)
}

// orderAPI answers programs about orders.
type orderAPI struct{ *house }

// orderAnswer is an answer with one order.
type orderAnswer struct {
	Location string `header:"Location" doc:"where a new order stands"`
	ETag     string `header:"ETag" doc:"the version, for If-Match"`
	Body     worklist.Order
}

// orderAnswered returns an answer with an order.
func orderAnswered(o worklist.Order, err error) (*orderAnswer, error) {
	return &orderAnswer{ETag: etag(o.Version), Body: o}, err
}

// shown notes that whoever asks was shown a person.
func (a orderAPI) shown(ctx context.Context, person string) error {
	if person == "" {
		return nil
	}
	return a.noteRead(ctx, access.StepFind, access.Subject{Site: at, Person: person})
}

type createOrder struct {
	Body worklist.Order
}

func (a orderAPI) create(ctx context.Context, in *createOrder) (*orderAnswer, error) {
	in.Body.Site = at
	o, _, err := a.Worklist.Create(ctx, worklist.Request{Order: in.Body, Key: calledIn(ctx).key, Origin: worklist.FromAPI})
	if err != nil {
		return nil, err
	}
	return &orderAnswer{Location: apiBase + "/orders/" + o.ID, ETag: etag(o.Version), Body: o}, nil
}

// OneOrder names an order in an address.
type OneOrder struct {
	ID string `path:"id" maxLength:"36"`
}

func (a orderAPI) get(ctx context.Context, in *OneOrder) (*orderAnswer, error) {
	o, err := a.Worklist.Get(ctx, at, in.ID)
	if err != nil {
		return nil, err
	}
	return orderAnswered(o, a.shown(ctx, o.Person))
}

// IfMatch says which version a change is meant for (RFC 9110 §13.1.1).
type IfMatch struct {
	Match string `header:"If-Match" maxLength:"40" doc:"ETag of what was read; another version is not changed"`
}

// etag writes a version.
func etag(version int64) string { return fmt.Sprintf("%q", strconv.FormatInt(version, 10)) }

// meant returns the version that is to be changed: that of If-Match, or else the one in
// the body.
func (m IfMatch) meant(said int64) (int64, error) {
	if m.Match == "" || m.Match == "*" {
		return said, nil
	}
	v, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(m.Match, "W/"), `"`), 10, 64)
	if err != nil || said != 0 && said != v {
		return 0, m.stale()
	}
	return v, nil
}

func (IfMatch) stale() error {
	return huma.NewError(http.StatusPreconditionFailed, "it was changed meanwhile: read it again")
}

// judged turns the refusal of an old version into that of If-Match, if that named it.
func (m IfMatch) judged(err error, now func() (int64, error)) error {
	if m.Match == "" || m.Match == "*" || fault.Of(err) != fault.Conflict {
		return err
	}
	v, wrong := now()
	if wrong == nil && etag(v) != strings.TrimPrefix(m.Match, "W/") {
		return m.stale()
	}
	return err
}

type changeOrder struct {
	OneOrder
	IfMatch
	Body worklist.Order
}

// version returns the version that an order has now.
func (a orderAPI) version(ctx context.Context, id string) func() (int64, error) {
	return func() (int64, error) {
		o, err := a.Worklist.Get(ctx, at, id)
		return o.Version, err
	}
}

func (a orderAPI) change(ctx context.Context, in *changeOrder) (*orderAnswer, error) {
	v, err := in.meant(in.Body.Version)
	if err != nil {
		return nil, err
	}
	in.Body.ID, in.Body.Site, in.Body.Version = in.ID, at, v
	o, err := a.Worklist.Change(ctx, in.Body)
	return orderAnswered(o, in.judged(err, a.version(ctx, in.ID)))
}

type cancelOrder struct {
	OneOrder
	IfMatch
	Body apiCancel
}

type apiCancel struct {
	Version int64  `json:"version,omitempty" doc:"the one that was read; left out: whichever it is"`
	Reason  string `json:"reason,omitempty" maxLength:"2000"`
}

func (a orderAPI) cancel(ctx context.Context, in *cancelOrder) (*orderAnswer, error) {
	v, err := in.meant(in.Body.Version)
	if err != nil {
		return nil, err
	}
	o, err := a.Worklist.Cancel(ctx, at, in.ID, v, in.Body.Reason)
	return orderAnswered(o, in.judged(err, a.version(ctx, in.ID)))
}

type setStep struct {
	ID   string `path:"id" maxLength:"36"`
	Key  string `path:"key" maxLength:"36"`
	Body apiStepState
}

type apiStepState struct {
	State worklist.State `json:"state" enum:"scheduled,arrived,completed,discontinued"`
}

func (a orderAPI) setStep(ctx context.Context, in *setStep) (*orderAnswer, error) {
	return orderAnswered(a.Worklist.SetStep(ctx, at, in.ID, in.Key, in.Body.State))
}

type listOrders struct {
	Paging
	From     string   `query:"from" doc:"first day of the start, YYYY-MM-DD, at the site"`
	To       string   `query:"to" doc:"last day of the start"`
	States   []string `query:"state" enum:"scheduled,arrived,in_progress,completed,discontinued,cancelled" maxItems:"10"`
	Modality string   `query:"modality" maxLength:"16"`
	Station  string   `query:"station" maxLength:"16" doc:"application entity title"`
	Location string   `query:"location" maxLength:"64"`
	Text     string   `query:"text" maxLength:"100" doc:"patient id, accession number or the beginning of a word of the name"`
}

// An apiListedStep is one scheduled step.
type apiListedStep struct {
	Order worklist.Order `json:"order" doc:"with this step alone"`
}

// mostListed is how many rows of rooms without a cursor are looked through.
const mostListed = 2000

func (a orderAPI) list(ctx context.Context, in *listOrders) (*apiPage[apiListedStep], error) {
	f := worklist.Filter{From: in.From, To: in.To, Modality: in.Modality, Station: in.Station, Location: in.Location, Text: in.Text, Limit: mostListed}
	for _, s := range in.States {
		f.States = append(f.States, worklist.State(s))
	}
	list, err := a.Worklist.List(ctx, at, f)
	if err != nil {
		return nil, err
	}
	page, err := pageWithin(ctx, in.Paging, list, func(e worklist.Entry) string { return e.Step.Key }, func(e worklist.Entry) apiListedStep {
		e.Order.Steps = []worklist.Step{e.Step}
		return apiListedStep{e.Order}
	})
	if err != nil {
		return nil, err
	}
	for _, one := range page.Body.Items {
		if err := a.shown(ctx, one.Order.Person); err != nil {
			return nil, err
		}
	}
	return page, nil
}

// An apiPerformedStep is a performed procedure step as the API shows it.
type apiPerformedStep struct {
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
	Paging
	Unscheduled bool   `query:"unscheduled" doc:"only those that no scheduled step fits"`
	Study       string `query:"study" maxLength:"64"`
}

func (a orderAPI) performed(ctx context.Context, in *listPerformed) (*apiPage[apiPerformedStep], error) {
	list, err := a.Worklist.Performed(ctx, at, worklist.PerformedFilter{Unscheduled: in.Unscheduled, Study: in.Study, Limit: mostListed})
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, list, func(p worklist.PerformedStep) string { return p.SOPInstance }, func(p worklist.PerformedStep) apiPerformedStep {
		return apiPerformedStep{
			p.SOPInstance, p.State, p.Study, p.Station, p.Modality, p.Start, p.End, p.References,
			append([]string{}, p.Problems...), append([]string{}, p.Steps...),
		}
	})
}

// An apiMatch is a study as the API shows it.
type apiMatch struct {
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
	Paging
	Matches []string `query:"match" enum:"matched,suspected,unmatched" maxItems:"3"`
}

func (a orderAPI) studies(ctx context.Context, in *listMatches) (*apiPage[apiMatch], error) {
	f := worklist.StudyFilter{Limit: mostListed}
	for _, m := range in.Matches {
		f.Matches = append(f.Matches, worklist.Match(m))
	}
	list, err := a.Worklist.StudyStates(ctx, at, f)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, list, func(s worklist.StudyState) string { return s.Study }, func(s worklist.StudyState) apiMatch {
		return apiMatch{
			s.Study, s.Match, s.Reason, s.Order, s.Instances, s.First, s.Last, s.Complete.State, s.Complete.Reason, s.DecidedBy,
		}
	})
}

type decideMatch struct {
	Study string `path:"study" maxLength:"64"`
	Body  apiDecideMatch
}

type apiDecideMatch struct {
	Order  string `json:"order,omitempty" doc:"id; left out: it belongs to none"`
	Undo   bool   `json:"undo,omitempty" doc:"the rules decide again"`
	Reason string `json:"reason,omitempty" maxLength:"2000"`
}

func (a orderAPI) decide(ctx context.Context, in *decideMatch) (*struct{}, error) {
	return nil, a.Worklist.Decide(ctx, at, worklist.Decision{Study: in.Study, Order: in.Body.Order, Undo: in.Body.Undo, Reason: in.Body.Reason})
}
