package main

import (
	"context"
	"slices"
	"strconv"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/journal"
	"radagora/notice/feed"
)

// longestWait is how many seconds the feed waits for a change.
const longestWait = 30

// changes registers the feed of changes and its webhooks.
func (d *apiDoor) changes() {
	operate(d, op{
		act: access.ChangeRead, call: "GET /changes", id: "list-changes", group: "Changes", summary: "What happened to instances and studies, oldest first",
		text: "next is always there: remember it and ask with it as cursor next time. The number of a change is a cursor too; 0 or none begins " +
			"with the oldest that is kept. Numbers never repeat and none is skipped later. With wait, an answer without changes comes only after " +
			"that many seconds. There are no names or identifiers of patients in it.",
	}, changeAPI{d.house}.list)
	d.webhooks()
}

// changeAPI answers programs about changes.
type changeAPI struct{ *house }

type listChanges struct {
	Limit  int      `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"at most so many"`
	Cursor int64    `query:"cursor" minimum:"0" doc:"next of the answer before, or the number of a change"`
	Wait   int      `query:"wait" minimum:"0" maximum:"30" doc:"seconds to wait for a change"`
	Kind   []string `query:"kind" maxItems:"10" doc:"only these kinds"`
}

type changesAnswer struct {
	Link string `header:"Link" doc:"what comes next (RFC 8288)"`
	Body apiChanges
}

// apiChanges is a part of the feed.
type apiChanges struct {
	Items []feed.Change `json:"items"`
	Next  int64         `json:"next" doc:"cursor to ask with next time"`
	More  bool          `json:"more" doc:"there is more at once"`
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
	until := time.NewTimer(time.Duration(min(in.Wait, longestWait)) * time.Second)
	defer until.Stop()
	for {
		changed := a.Journal.Changed()
		out, err := a.look(ctx, in.Cursor, in.Limit, in.Kind)
		if err != nil || len(out.Body.Items) > 0 {
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
	out.Body.Items, out.Body.Next = []feed.Change{}, after
	for e, err := range a.Journal.Find(ctx, journal.Filter{Site: at, After: after, Kinds: kinds, Limit: limit + 1}) {
		if err != nil {
			return nil, err
		}
		if len(out.Body.Items) == limit {
			out.Body.More = true
			break
		}
		out.Body.Items = append(out.Body.Items, feed.Of(e))
		out.Body.Next = e.Seq
	}
	if u := calledIn(ctx).url; u != nil {
		q := u.Query()
		q.Set("cursor", strconv.FormatInt(out.Body.Next, 10))
		out.Link = "<" + u.Path + "?" + q.Encode() + `>; rel="next"`
	}
	return out, nil
}
