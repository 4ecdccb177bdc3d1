package main

import (
	"context"
	"net/http"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/notice/feed"
)

// webhooks registers what programs may do with the webhooks of the feed.
func (d *apiDoor) webhooks() {
	a := followAPI{d.house}
	follow := func(call, id, summary, text string) op {
		return op{act: access.ChangeFollow, call: call, id: id, group: "Changes", summary: summary, text: text}
	}
	add := follow("POST /webhooks", "add-webhook", "Tell a system of changes",
		"Messages are signed with the secret, which is in this answer alone. They come in order, each again until the answer is 2xx. "+
			"They hold what GET /changes does: no names or identifiers of patients. Only whoever may read every study can add one, and it is told as long as that is so.")
	add.status = http.StatusCreated
	remove := follow("DELETE /webhooks/{id}", "remove-webhook", "Tell it no more", "")
	remove.status = http.StatusNoContent
	operate(d, follow("GET /webhooks", "list-webhooks", "Systems that are told of changes, and how far they are", ""), a.list)
	operate(d, add, a.add)
	operate(d, follow("GET /webhooks/{id}", "get-webhook", "One of them", ""), a.get)
	operate(d, remove, a.remove)
	operate(d, follow("POST /webhooks/{id}/rotate", "rotate-webhook", "Give it another secret", "For a week messages are signed with both secrets."), a.rotate)
	operate(d, follow("POST /webhooks/{id}/pause", "pause-webhook", "Tell it nothing for now; nothing is lost", ""), a.pause)
	operate(d, follow("POST /webhooks/{id}/resume", "resume-webhook", "Tell it again, from where it was", ""), a.resume)
	operate(d, follow("POST /webhooks/{id}/replay", "replay-webhook", "Tell it again from a number, a time or the beginning", ""), a.replay)
}

// followAPI answers programs about webhooks of the feed.
type followAPI struct{ *house }

// A apiWebhook is a webhook as the API shows it.
type apiWebhook struct {
	ID          string     `json:"id"`
	Host        string     `json:"host" doc:"of the address; the rest may hold a secret and is not shown"`
	KeyID       string     `json:"key_id" doc:"which secret signs"`
	FormerKeyID string     `json:"former_key_id,omitempty" doc:"which one signs beside it"`
	FormerUntil *time.Time `json:"former_until,omitempty"`
	Groups      []string   `json:"groups"`
	AddedBy     string     `json:"added_by" doc:"account within whose rights it is told"`
	Added       time.Time  `json:"added"`
	State       feed.State `json:"state" enum:"on,paused"`
	Why         string     `json:"why,omitempty" enum:"person,failing,refused,rights" doc:"of a pause"`
	Since       time.Time  `json:"since" doc:"in this state"`
	Cursor      int64      `json:"cursor" doc:"number of the last change it has taken"`
	Waiting     int64      `json:"waiting" doc:"changes after that"`
	Delivered   int64      `json:"delivered" doc:"changes it has taken, repeated ones too"`
	Last        *time.Time `json:"last,omitempty" doc:"the last attempt"`
	Status      int        `json:"status,omitempty" doc:"of HTTP, of the last answer"`
	Error       string     `json:"error,omitempty" doc:"why the last attempt failed"`
	Failing     *time.Time `json:"failing_since,omitempty"`
	Next        *time.Time `json:"next_attempt,omitempty"`
}

// followerOf returns a webhook as the API shows it.
func followerOf(h feed.Hook) apiWebhook {
	return apiWebhook{
		ID: h.ID, Host: h.Host, KeyID: h.KeyID, FormerKeyID: h.Former, FormerUntil: timeOrNone(h.FormerUntil), Groups: h.Groups, AddedBy: h.By, Added: h.Created.UTC(),
		State: h.State, Why: h.Why, Since: h.Since.UTC(), Cursor: h.Cursor, Waiting: h.Waiting, Delivered: h.Delivered,
		Last: timeOrNone(h.Last), Status: h.Status, Error: h.Error, Failing: timeOrNone(h.Failing), Next: timeOrNone(h.Next),
	}
}

func (a followAPI) list(ctx context.Context, in *Paging) (*apiPage[apiWebhook], error) {
	all, err := a.Feed.Hooks(ctx)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, *in, all, func(h feed.Hook) string { return h.ID }, followerOf)
}

// StartFrom says where to begin.
type StartFrom struct {
	After     *int64     `json:"after,omitempty" minimum:"0" doc:"after the change with this number; 0: from the oldest that is kept"`
	Since     *time.Time `json:"since,omitempty" doc:"or with what happened since"`
	Beginning bool       `json:"beginning,omitempty" doc:"or with the oldest that is kept"`
}

// start returns where to begin: with what comes from now on if nothing is said.
func (s StartFrom) start() feed.Start {
	switch {
	case s.Beginning || s.After != nil && *s.After == 0:
		return feed.Start{After: feed.FromTheBeginning}
	case s.After != nil:
		return feed.Start{After: *s.After}
	case s.Since != nil:
		return feed.Start{Since: *s.Since}
	}
	return feed.Start{}
}

type addFollower struct {
	Body apiAddWebhook
}

type apiAddWebhook struct {
	StartFrom
	Address string   `json:"address" maxLength:"2000" doc:"https://…; http:// is for this machine only, and private addresses are for those that the settings list"`
	Groups  []string `json:"groups" minItems:"1" maxItems:"10" enum:"instance,complete,corrected,deleted,fetched"`
}

// secretAnswer is an answer with a secret.
type secretAnswer struct {
	Location string `header:"Location"`
	Body     apiSecret
}

type apiSecret struct {
	Webhook apiWebhook `json:"webhook"`
	Secret  string     `json:"secret" doc:"signs the messages; never shown again"`
}

// toldSecret returns an answer with a secret.
func toldSecret(h feed.Hook, secret string, err error) (*secretAnswer, error) {
	return &secretAnswer{Location: apiBase + "/webhooks/" + h.ID, Body: apiSecret{followerOf(h), secret}}, err
}

func (a followAPI) add(ctx context.Context, in *addFollower) (*secretAnswer, error) {
	return toldSecret(a.follow(ctx, in.Body.Address, in.Body.Groups, in.Body.start()))
}

type oneFollower struct {
	ID string `path:"id" maxLength:"36"`
}

type followerAnswer struct{ Body apiWebhook }

func (a followAPI) get(ctx context.Context, in *oneFollower) (*followerAnswer, error) {
	all, err := a.Feed.Hooks(ctx)
	for _, h := range all {
		if h.ID == in.ID {
			return &followerAnswer{followerOf(h)}, err
		}
	}
	if err == nil {
		err = fault.Errorf(fault.NotFound, "no such webhook")
	}
	return nil, err
}

func (a followAPI) remove(ctx context.Context, in *oneFollower) (*struct{}, error) {
	return nil, a.Feed.Remove(ctx, access.From(ctx).ID, in.ID)
}

func (a followAPI) rotate(ctx context.Context, in *oneFollower) (*secretAnswer, error) {
	if err := a.mayFollowNow(ctx); err != nil {
		return nil, err
	}
	return toldSecret(a.Feed.Rotate(ctx, access.From(ctx).ID, in.ID))
}

func (a followAPI) pause(ctx context.Context, in *oneFollower) (*followerAnswer, error) {
	if err := a.Feed.Pause(ctx, access.From(ctx).ID, in.ID); err != nil {
		return nil, err
	}
	return a.get(ctx, in)
}

func (a followAPI) resume(ctx context.Context, in *oneFollower) (*followerAnswer, error) {
	if err := a.Feed.Resume(ctx, access.From(ctx).ID, in.ID); err != nil {
		return nil, err
	}
	return a.get(ctx, in)
}

type replayFollower struct {
	ID   string `path:"id" maxLength:"36"`
	Body StartFrom
}

func (a followAPI) replay(ctx context.Context, in *replayFollower) (*followerAnswer, error) {
	if err := a.mayFollowNow(ctx); err != nil {
		return nil, err
	}
	s := in.Body.start()
	if s == (feed.Start{}) {
		return nil, fault.Errorf(fault.Invalid, "say from where: after, since or beginning")
	}
	if _, err := a.Feed.Replay(ctx, access.From(ctx).ID, in.ID, s); err != nil {
		return nil, err
	}
	return a.get(ctx, &oneFollower{in.ID})
}
