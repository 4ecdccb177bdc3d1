package main

import (
	"context"
	"net/http"
	"time"

	"radagora/access"
	"radagora/connect"
)

// messages registers what programs may do with the messages of other systems.
func (d *apiDoor) messages() {
	a, group := messageAPI{d.house}, "Messages"
	operate(d, op{
		act: access.ChannelRead, call: "GET /channels", id: "list-channels", group: group, summary: "Systems that send messages, and how that goes",
	}, a.channels)
	operate(d, op{
		act: access.ChannelRead, call: "GET /messages", id: "list-messages", group: group, summary: "Messages that came, the latest first", text: "Without what they say.",
	}, a.list)
	operate(d, op{act: access.MessageRead, call: "GET /messages/{id}", id: "get-message", group: group, summary: "One message, with what it says"}, a.get)
	operate(d, op{
		act: access.MessageChange, call: "POST /messages/{id}/replay", id: "replay-message", group: group, summary: "Give a message its turn again",
		text: "One that waits, failed or was applied. With body it is corrected: the new message stands beside the old one, which stays as it came.",
	}, a.replay)
	operate(d, op{
		act: access.MessageChange, call: "POST /messages/{id}/remove", id: "remove-message", group: group, summary: "Set a message aside that is not to be applied",
		status: http.StatusNoContent,
	}, a.remove)
}

// messageAPI answers programs about messages.
type messageAPI struct{ *house }

// An apiChannel is a system that sends messages.
type apiChannel struct {
	ID          string               `json:"id"`
	Name        string               `json:"name"`
	Application string               `json:"application" doc:"MSH-3.1"`
	Facility    string               `json:"facility,omitempty" doc:"MSH-4.1"`
	State       connect.ChannelState `json:"state" enum:"accepted,held,blocked,knocking"`
	Last        *time.Time           `json:"last,omitempty" doc:"its last message"`
	Hour        int64                `json:"last_hour" doc:"messages in the last hour"`
	Day         int64                `json:"last_day" doc:"messages in the last 24 hours"`
	Backlog     int64                `json:"backlog" doc:"messages that wait for their turn"`
	Waiting     int64                `json:"waiting" doc:"messages about which a person has to say something"`
	Failed      int64                `json:"failed" doc:"messages that cannot be applied as they are"`
	Oldest      *time.Time           `json:"oldest,omitempty" doc:"arrival of the oldest of the backlog"`
	Silence     int64                `json:"silence_s,omitempty" doc:"seconds without a message until somebody is told; left out: never"`
	Silent      bool                 `json:"silent" doc:"nothing came for longer than that"`
}

func (a messageAPI) channels(ctx context.Context, in *Paging) (*apiPage[apiChannel], error) {
	all, err := a.Connect.Traffic(ctx, at)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, *in, all, func(t connect.Traffic) string { return t.Channel.ID }, func(t connect.Traffic) apiChannel {
		c := t.Channel
		return apiChannel{
			c.ID, c.Name, c.Application, c.Facility, c.State, timeOrNone(c.Last), t.Hour, t.Day, t.Counts[connect.Received],
			t.Counts[connect.Waiting], t.Counts[connect.Failed], timeOrNone(t.Oldest), int64(c.Silence / time.Second), t.Silent,
		}
	})
}

// A Message is a message that came, without what it says.
type Message struct {
	ID      string        `json:"id"`
	Channel string        `json:"channel" doc:"id"`
	Control string        `json:"control" doc:"MSH-10"`
	Code    string        `json:"code" doc:"MSH-9: ADT^A01"`
	Event   *time.Time    `json:"event,omitempty" doc:"when what it tells happened"`
	At      time.Time     `json:"at" doc:"when it came"`
	State   connect.State `json:"state" enum:"received,applied,waiting,failed,duplicate,replaced,removed"`
	Reason  string        `json:"reason,omitempty" doc:"code of why"`
	Done    *time.Time    `json:"done,omitempty"`
	By      string        `json:"decided_by,omitempty" doc:"who replayed, corrected or removed it"`
}

func apiMessageOf(m connect.Message) Message {
	return Message{m.ID, m.Channel, m.Control, m.Code, timeOrNone(m.Event), m.At.UTC(), m.State, m.Reason, timeOrNone(m.Done), m.By}
}

type listMessages struct {
	Paging
	Channel string   `query:"channel" maxLength:"36" doc:"id"`
	State   []string `query:"state" enum:"received,applied,waiting,failed,duplicate,replaced,removed" maxItems:"10"`
	Control string   `query:"control" maxLength:"200" doc:"MSH-10, whole"`
	Code    string   `query:"code" maxLength:"30" doc:"ADT^A40, or ADT"`
}

func (a messageAPI) list(ctx context.Context, in *listMessages) (*apiPage[Message], error) {
	before, err := in.place()
	if err != nil {
		return nil, err
	}
	f := connect.Filter{Channel: in.Channel, Control: in.Control, Code: in.Code, Before: before, Limit: in.Limit}
	for _, s := range in.State {
		f.States = append(f.States, connect.State(s))
	}
	all, err := a.Connect.Messages(ctx, at, f)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(all) == in.Limit {
		next = all[in.Limit-1].ID
	}
	items := make([]Message, len(all))
	for i, m := range all {
		items[i] = apiMessageOf(m)
	}
	return apiPageOf(ctx, items, next), nil
}

// OneMessage names a message in an address.
type OneMessage struct {
	ID string `path:"id" maxLength:"36"`
}

// An apiWholeMessage is a message with what it says.
type apiWholeMessage struct {
	Message
	Body     string       `json:"body" doc:"ER7, a segment a line; what is no UTF-8 is replaced"`
	Problems []apiTrouble `json:"problems" doc:"what was odd"`
	Attempts int          `json:"attempts"`
	Replaces string       `json:"replaces,omitempty" doc:"id of the message it corrects"`
}

// An apiTrouble is what was odd about a place of a message.
type apiTrouble struct {
	At   string `json:"at" doc:"place, such as PID-3"`
	What string `json:"what" doc:"code"`
}

type messageAnswer struct{ Body apiWholeMessage }

func (a messageAPI) get(ctx context.Context, in *OneMessage) (*messageAnswer, error) {
	m, err := a.Connect.Message(ctx, at, in.ID)
	if err != nil {
		return nil, err
	}
	if err := a.noteMessage(ctx, m); err != nil {
		return nil, err
	}
	out := apiWholeMessage{Message: apiMessageOf(m), Body: lines(m.Body), Attempts: m.Attempts, Replaces: m.Replaces, Problems: []apiTrouble{}}
	for _, p := range m.Detail {
		out.Problems = append(out.Problems, apiTrouble{p.At, p.What})
	}
	return &messageAnswer{out}, nil
}

type replayMessage struct {
	OneMessage
	Body apiReplayMessage
}

type apiReplayMessage struct {
	Body   string `json:"body,omitempty" maxLength:"1000000" doc:"the message as it should have been, a segment a line; left out: as it came"`
	Reason string `json:"reason,omitempty" maxLength:"2000"`
}

type turnAnswer struct {
	Body struct {
		ID string `json:"id" doc:"of the message that has its turn"`
	}
}

func (a messageAPI) replay(ctx context.Context, in *replayMessage) (*turnAnswer, error) {
	id, err := messageView{&view{house: a.house}}.ReplayMessage(ctx, in.ID, in.Body.Body, in.Body.Reason)
	out := &turnAnswer{}
	out.Body.ID = id
	return out, err
}

type removeMessage struct {
	OneMessage
	Body apiReason
}

type apiReason struct {
	Reason string `json:"reason" minLength:"1" maxLength:"2000"`
}

func (a messageAPI) remove(ctx context.Context, in *removeMessage) (*struct{}, error) {
	return nil, a.Connect.Remove(ctx, at, in.ID, in.Body.Reason)
}
