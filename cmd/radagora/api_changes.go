package main

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"radagora/access"
	"radagora/fault"
	"radagora/journal"
	"radagora/notice/feed"
)

// The bounds of the feed.
const (
	mostChanges  = 1000
	changesUsual = 100
	longestWait  = 30 // seconds
)

// changesAPI registers the feed of changes.
func (h *house) changesAPI(d *apiDoor) {
	operate(d, access.ChangeRead, huma.Operation{
		OperationID: "list-changes", Method: http.MethodGet, Path: "/api/changes", Tags: []string{"Changes"},
		Summary: "What happened to instances and studies, oldest first",
		Description: "Ask with after=0, or with the number from which to go on; remember next and ask with it again. " +
			"Numbers never repeat and none is skipped later. With wait, an answer without changes comes only after that many seconds. " +
			"Asking again with an older number replays. There are no names or identifiers of patients in it.",
	}, changeAPI{h}.list)
	h.followAPI(d)
}

// changeAPI answers programs about changes.
type changeAPI struct{ *house }

type listChanges struct {
	After int64    `query:"after" minimum:"0" doc:"the number of the last change seen; 0 begins with the oldest that is kept"`
	Limit int      `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Wait  int      `query:"wait" minimum:"0" maximum:"30" doc:"seconds to wait for a change"`
	Kind  []string `query:"kind" maxItems:"10" doc:"only these kinds"`
}

type changesAnswer struct {
	Body struct {
		Changes []feed.Change `json:"changes"`
		Next    int64         `json:"next" doc:"what to ask with next time"`
		More    bool          `json:"more" doc:"there is more at once"`
	}
}

func (a changeAPI) list(ctx context.Context, in *listChanges) (*changesAnswer, error) {
	if err := readsEverything(ctx); err != nil {
		return nil, err
	}
	for _, k := range in.Kind {
		if !slices.ContainsFunc(changeKinds(), func(known string) bool { return feed.Fits(known, k) }) {
			return nil, fault.Errorf(fault.Invalid, "kind %q is none of the feed", k)
		}
	}
	limit := in.Limit
	if limit == 0 {
		limit = changesUsual
	}
	until := time.NewTimer(time.Duration(min(in.Wait, longestWait)) * time.Second)
	defer until.Stop()
	for {
		changed := a.Journal.Changed()
		out, err := a.look(ctx, in.After, min(limit, mostChanges), in.Kind)
		if err != nil || len(out.Body.Changes) > 0 {
			return out, err
		}
		select {
		case <-changed:
		case <-until.C:
			return out, nil
		case <-ctx.Done():
			return out, nil
		}
	}
}

// look returns the changes after a number.
func (a changeAPI) look(ctx context.Context, after int64, limit int, kinds []string) (*changesAnswer, error) {
	if len(kinds) == 0 {
		kinds = changeKinds()
	}
	out := &changesAnswer{}
	out.Body.Changes, out.Body.Next = []feed.Change{}, after
	for e, err := range a.Journal.Find(ctx, journal.Filter{Site: at, After: after, Kinds: kinds, Limit: limit + 1}) {
		if err != nil {
			return nil, err
		}
		if len(out.Body.Changes) == limit {
			out.Body.More = true
			break
		}
		out.Body.Changes = append(out.Body.Changes, feed.Of(e))
		out.Body.Next = e.Seq
	}
	return out, nil
}
