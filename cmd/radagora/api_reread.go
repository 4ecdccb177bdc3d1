package main

import (
	"context"
	"net/http"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/dose"
)

// rereads registers what programs may ask about reading studies again.
func (d *apiDoor) rereads() {
	a, group := rereadAPI{d.house}, "Dose"
	operate(d, op{
		act: access.AggregateRead, call: "GET /dose/rereadings", id: "list-dose-rereadings", group: group, summary: "Readings of all studies by the present reader, the latest first",
	}, a.list)
	operate(d, op{
		act: access.Calibrate, call: "POST /dose/rereadings", id: "read-doses-again", group: group, status: http.StatusAccepted,
		summary: "Read all studies again, or try it",
		text:    "It is done in the background while nothing else waits. A trial says what would change and changes nothing. No message is sent again.",
	}, a.ask)
	operate(d, op{
		act: access.Calibrate, call: "POST /dose/rereadings/{id}/stop", id: "stop-dose-rereading", group: group, status: http.StatusNoContent,
		summary: "Stop a reading", text: "What it read stays.",
	}, a.stop)
	operate(d, op{
		act: access.ExaminationRead, call: "GET /dose/rereadings/{id}/changes", id: "list-dose-changes", group: group,
		summary: "What a reading found to be different, by kind, with examples",
		text:    "The id \"rebuild\" stands for what studies told otherwise that were derived anew by themselves, by a rebuild for example.",
	}, a.changes)
}

// rereadAPI reads studies again for programs.
type rereadAPI struct{ *house }

// An apiReread is a reading of all studies.
type apiReread struct {
	ID      string     `json:"id"`
	Trial   bool       `json:"trial" doc:"it changes nothing"`
	Since   string     `json:"since,omitempty" doc:"first day of the studies; left out: all"`
	Reader  int64      `json:"reader" doc:"version"`
	Total   int64      `json:"total" doc:"studies when it began"`
	Done    int64      `json:"done"`
	Differ  int64      `json:"differ" doc:"studies that are read otherwise"`
	Failed  int64      `json:"failed" doc:"studies that could not be read; they are as they were"`
	Asked   time.Time  `json:"asked"`
	Ended   *time.Time `json:"ended,omitempty" doc:"left out while it goes on"`
	Stopped bool       `json:"stopped"`
}

func apiRereadOf(x dose.Reread) apiReread {
	out := apiReread{x.ID, x.Dry, x.Since, x.Reader, x.Total, x.Done, x.Differ, x.Failed, db.FromMillis(x.At), nil, x.Stopped != ""}
	if x.EndedAt != 0 {
		ended := db.FromMillis(x.EndedAt)
		out.Ended = &ended
	}
	return out
}

type listRereads struct{ Paging }

func (a rereadAPI) list(ctx context.Context, in *listRereads) (*apiPage[apiReread], error) {
	all, err := a.Dose.Rereads(ctx, at, 1000)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, all, func(x dose.Reread) string { return x.ID }, apiRereadOf)
}

type askReread struct {
	Body struct {
		Trial bool   `json:"trial" doc:"say what would change, and change nothing"`
		Since string `json:"since,omitempty" maxLength:"10" doc:"YYYY-MM-DD: only studies from this day on"`
	}
}

type rereadAnswer struct{ Body apiReread }

func (a rereadAPI) ask(ctx context.Context, in *askReread) (*rereadAnswer, error) {
	x, err := a.Dose.ReadAgain(ctx, at, in.Body.Since, in.Body.Trial, access.From(ctx).ID)
	return &rereadAnswer{apiRereadOf(x)}, err
}

// OneReread names a reading in an address.
type OneReread struct {
	ID string `path:"id" maxLength:"36"`
}

func (a rereadAPI) stop(ctx context.Context, in *OneReread) (*struct{}, error) {
	return nil, a.Dose.StopReread(ctx, at, in.ID, access.From(ctx).ID)
}

// An apiChangeGroup are changes of one kind.
type apiChangeGroup struct {
	ID       string          `json:"id"`
	Modality string          `json:"modality"`
	Machine  string          `json:"machine,omitempty" doc:"id, as in GET /rooms"`
	What     string          `json:"what" enum:"event,value,amount,total,examination,flag,source,study"`
	Field    string          `json:"field" doc:"quantity, value, flag or column"`
	N        int             `json:"n" doc:"changes"`
	Studies  int             `json:"studies"`
	Examples []apiDoseChange `json:"examples" doc:"at most three"`
}

// An apiDoseChange is one change.
type apiDoseChange struct {
	Study       string `json:"study_uid"`
	Examination string `json:"examination,omitempty" doc:"number within the study"`
	Item        string `json:"item,omitempty" doc:"key of the event, or id of the source"`
	Before      string `json:"before" doc:"empty: it was not there"`
	After       string `json:"after" doc:"empty: it is gone"`
	From        int64  `json:"reader_from" doc:"version; 0: nobody knows"`
	To          int64  `json:"reader_to"`
	Applied     bool   `json:"applied"`
}

type listDoseChanges struct {
	Paging
	OneReread
}

func (a rereadAPI) changes(ctx context.Context, in *listDoseChanges) (*apiPage[apiChangeGroup], error) {
	all, err := a.Dose.Changes(ctx, at, runOf(in.ID))
	if err != nil {
		return nil, err
	}
	id := func(g dose.ChangeGroup) string { return short(g.Modality, g.Machine, g.What, g.Field) }
	return pageWithin(ctx, in.Paging, all, id, func(g dose.ChangeGroup) apiChangeGroup {
		out := apiChangeGroup{id(g), g.Modality, g.Machine, g.What, g.Field, g.N, g.Studies, []apiDoseChange{}}
		for _, c := range g.Examples {
			out.Examples = append(out.Examples, apiDoseChange{c.Study, c.Examination, c.Item, c.Before, c.After, c.From, c.To, c.Applied})
		}
		return out
	})
}
