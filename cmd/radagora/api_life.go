package main

import (
	"context"
	"time"

	"radagora/access"
	"radagora/worklist"
)

// lives registers the lines of life of orders and studies.
func (d *apiDoor) lives() {
	a := lifeAPI{studiesView{&view{house: d.house}}}
	const text = "Order, scheduled step, machines that asked for it, what they said they did, objects that arrived, whether these are all, and reports: " +
		"each with its state, time and origin, also where it has not come yet. Whose they are is noted."
	operate(d, op{
		act: access.StepFind, call: "GET /orders/{id}/life", id: "get-order-life", group: "Orders", summary: "What became of an order, from the order to the report",
		text: text,
	}, a.ofOrder)
	operate(d, op{
		act: access.StepFind, call: "GET /studies/{study}/life", id: "get-study-life", group: "Studies", summary: "What became of the orders of a study, from the order to the report",
		text: text + " An order that the study may belong to is marked as suspected.",
	}, a.ofStudy)
}

// lifeAPI answers programs about what became of orders and studies.
type lifeAPI struct{ studiesView }

// An apiLife is what became of one or more orders.
type apiLife struct {
	Orders  []apiLifeOrder `json:"orders"`
	Studies []string       `json:"studies" doc:"Study Instance UIDs of what arrived"`
	Steps   []apiLifeStep  `json:"steps" doc:"in the order in which they are gone through"`
}

// An apiLifeOrder names an order of an apiLife.
type apiLifeOrder struct {
	ID          string         `json:"id"`
	Accession   string         `json:"accession,omitempty"`
	Description string         `json:"description,omitempty"`
	State       worklist.State `json:"state" enum:"active,completed,cancelled"`
	Suspected   bool           `json:"suspected,omitempty" doc:"the study may belong to it: somebody has to say"`
}

// An apiLifeStep is one step of an apiLife.
type apiLifeStep struct {
	Kind     worklist.LifeKind  `json:"kind" enum:"ordered,scheduled,asked,performed,images,complete,reported"`
	State    worklist.LifeState `json:"state" enum:"done,open,late,missing,stopped,unknown"`
	At       *time.Time         `json:"at,omitempty" doc:"when it was, or is to be"`
	Until    *time.Time         `json:"until,omitempty" doc:"of what lasts: its end so far"`
	Local    string             `json:"local,omitempty" doc:"when, as a machine says it, without a zone"`
	By       string             `json:"by,omitempty" doc:"an account, hl7:CHANNEL, an application entity title, or who wrote the report"`
	Way      string             `json:"way,omitempty" doc:"by which way it came: page, api, command, csv, hl7, fhir, dicom, mpps, hand"`
	What     string             `json:"what,omitempty" doc:"in words of who ordered or did it"`
	Order    string             `json:"order,omitempty" doc:"id"`
	Step     string             `json:"step,omitempty" doc:"key of the scheduled step"`
	Study    string             `json:"study_uid,omitempty"`
	SOP      string             `json:"sop_instance_uid,omitempty" doc:"of the performed step"`
	Report   string             `json:"report,omitempty" doc:"id of the DiagnosticReport, as in FHIR"`
	Machine  string             `json:"machines,omitempty" doc:"titles of those that may do it"`
	Count    int64              `json:"instances,omitempty"`
	Expected int64              `json:"expected,omitempty" doc:"instances that somebody said would come; left out: nobody did"`
	Series   map[string]int64   `json:"by_modality,omitempty" doc:"how many instances of each modality"`
	Match    worklist.Match     `json:"match,omitempty" enum:"matched,suspected,unmatched" doc:"of images: whether they belong to the order"`
	Reason   string             `json:"reason,omitempty" doc:"code of why; of a report how it stands, in the words of FHIR"`
	Problems []string           `json:"problems,omitempty" doc:"codes of what was odd"`
	Todo     []string           `json:"todo,omitempty" doc:"codes of what a person may do about it"`
}

type lifeAnswer struct{ Body apiLife }

func (a lifeAPI) ofOrder(ctx context.Context, in *OneOrder) (*lifeAnswer, error) {
	l, err := a.Worklist.LifeOf(ctx, at, in.ID)
	if err != nil {
		return nil, err
	}
	return a.answered(ctx, l)
}

func (a lifeAPI) ofStudy(ctx context.Context, in *OneStudy) (*lifeAnswer, error) {
	s, err := a.study(ctx, in.Study)
	if err != nil {
		return nil, err
	}
	l, err := a.Worklist.LifeOfStudy(ctx, at, s.UID.String(), s.AccessionNumber.Reveal())
	if err != nil {
		return nil, err
	}
	return a.answered(ctx, l)
}

// answered notes whose life is shown, and answers with it.
func (a lifeAPI) answered(ctx context.Context, l worklist.Life) (*lifeAnswer, error) {
	out := apiLife{Orders: []apiLifeOrder{}, Studies: l.Studies, Steps: []apiLifeStep{}}
	for _, o := range l.Orders {
		if err := (orderAPI{a.house}).shown(ctx, o.Person); err != nil {
			return nil, err
		}
		out.Orders = append(out.Orders, apiLifeOrder{o.ID, o.Accession, o.What, o.State, o.Suspected})
	}
	for _, s := range l.Steps {
		out.Steps = append(out.Steps, apiLifeStep{
			s.Kind, s.State, timeOrNone(s.At), timeOrNone(s.Until), s.Local, s.By, s.Way, s.What, s.Order, s.Step, s.Study, s.SOP, s.Report,
			s.Machine, s.Count, s.Expected, s.Series, s.Match, s.Reason, s.Problems, s.Todo,
		})
	}
	return &lifeAnswer{out}, nil
}
