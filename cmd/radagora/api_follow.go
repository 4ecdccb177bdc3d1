package main

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"radagora/access"
	"radagora/fault"
	"radagora/notice/feed"
)

// followAPI registers what programs may do with the webhooks of the feed.
func (h *house) followAPI(d *apiDoor) {
	a, tags := followAPI{h}, []string{"Changes"}
	operate(d, access.ChangeFollow, huma.Operation{
		OperationID: "list-change-webhooks", Method: http.MethodGet, Path: "/api/changes/webhooks", Tags: tags, Summary: "Systems that are told of changes, and how far they are",
	}, a.list)
	operate(d, access.ChangeFollow, huma.Operation{
		OperationID: "add-change-webhook", Method: http.MethodPost, Path: "/api/changes/webhooks", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Tell a system of changes",
		Description: "Messages are signed with the secret, which is in this answer alone. They come in order, each again until the answer is 2xx. " +
			"They hold what GET /api/changes does: no names or identifiers of patients. Only whoever may read every study can add one, and it is told as long as that is so.",
	}, a.add)
	operate(d, access.ChangeFollow, huma.Operation{
		OperationID: "get-change-webhook", Method: http.MethodGet, Path: "/api/changes/webhooks/{id}", Tags: tags, Summary: "One of them",
	}, a.get)
	operate(d, access.ChangeFollow, huma.Operation{
		OperationID: "remove-change-webhook", Method: http.MethodDelete, Path: "/api/changes/webhooks/{id}", Tags: tags, Summary: "Tell it no more",
		DefaultStatus: http.StatusNoContent,
	}, a.remove)
	operate(d, access.ChangeFollow, huma.Operation{
		OperationID: "rotate-change-webhook", Method: http.MethodPost, Path: "/api/changes/webhooks/{id}/rotate", Tags: tags, Summary: "Give it another secret",
		Description: "For a week messages are signed with both secrets.",
	}, a.rotate)
	operate(d, access.ChangeFollow, huma.Operation{
		OperationID: "pause-change-webhook", Method: http.MethodPost, Path: "/api/changes/webhooks/{id}/pause", Tags: tags, Summary: "Tell it nothing for now; nothing is lost",
	}, a.pause)
	operate(d, access.ChangeFollow, huma.Operation{
		OperationID: "resume-change-webhook", Method: http.MethodPost, Path: "/api/changes/webhooks/{id}/resume", Tags: tags, Summary: "Tell it again, from where it was",
	}, a.resume)
	operate(d, access.ChangeFollow, huma.Operation{
		OperationID: "replay-change-webhook", Method: http.MethodPost, Path: "/api/changes/webhooks/{id}/replay", Tags: tags, Summary: "Tell it again from a number, a time or the beginning",
	}, a.replay)
}

// followAPI answers programs about webhooks of the feed.
type followAPI struct{ *house }

// A changeHook is a webhook as the API shows it.
type changeHook struct {
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
func followerOf(h feed.Hook) changeHook {
	return changeHook{
		ID: h.ID, Host: h.Host, KeyID: h.KeyID, FormerKeyID: h.Former, FormerUntil: timeOrNone(h.FormerUntil), Groups: h.Groups, AddedBy: h.By, Added: h.Created.UTC(),
		State: h.State, Why: h.Why, Since: h.Since.UTC(), Cursor: h.Cursor, Waiting: h.Waiting, Delivered: h.Delivered,
		Last: timeOrNone(h.Last), Status: h.Status, Error: h.Error, Failing: timeOrNone(h.Failing), Next: timeOrNone(h.Next),
	}
}

// timeOrNone returns a time in UTC, nil for none.
func timeOrNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

type followersAnswer struct {
	Body struct {
		Webhooks []changeHook `json:"webhooks"`
	}
}

func (a followAPI) list(ctx context.Context, _ *struct{}) (*followersAnswer, error) {
	all, err := a.Feed.Hooks(ctx)
	out := &followersAnswer{}
	out.Body.Webhooks = make([]changeHook, len(all))
	for i, h := range all {
		out.Body.Webhooks[i] = followerOf(h)
	}
	return out, err
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
	Body struct {
		StartFrom
		Address string   `json:"address" maxLength:"2000" doc:"https://…; http:// is for this machine only, and private addresses are for those that the settings list"`
		Groups  []string `json:"groups" minItems:"1" maxItems:"10" enum:"instance,complete,corrected,deleted,fetched"`
	}
}

// secretAnswer is an answer with a secret.
type secretAnswer struct {
	Location string `header:"Location"`
	Body     struct {
		Webhook changeHook `json:"webhook"`
		Secret  string     `json:"secret" doc:"signs the messages; never shown again"`
	}
}

func (a followAPI) add(ctx context.Context, in *addFollower) (*secretAnswer, error) {
	h, secret, err := a.follow(ctx, in.Body.Address, in.Body.Groups, in.Body.start())
	out := &secretAnswer{Location: "/api/changes/webhooks/" + h.ID}
	out.Body.Webhook, out.Body.Secret = followerOf(h), secret
	return out, err
}

type oneFollower struct {
	ID string `path:"id" maxLength:"36"`
}

type followerAnswer struct{ Body changeHook }

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
	h, secret, err := a.Feed.Rotate(ctx, access.From(ctx).ID, in.ID)
	out := &secretAnswer{Location: "/api/changes/webhooks/" + h.ID}
	out.Body.Webhook, out.Body.Secret = followerOf(h), secret
	return out, err
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
