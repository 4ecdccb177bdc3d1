package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/journal"
	"radagora/notice/feed"
	"radagora/web"
)

// A changesView shows who is told of changes.
type changesView struct{ *view }

// latestChanges is how many changes the page shows.
const latestChanges = 10

// Changes implements web.Changes.
func (v changesView) Changes(ctx context.Context) (web.ChangesPage, error) {
	p := web.ChangesPage{Groups: v.Feed.Groups(), MayAdd: v.mayFollowNow(ctx) == nil, Limited: readsEverything(ctx) != nil}
	names, err := v.accountNames(ctx)
	if err != nil {
		return p, err
	}
	head, err := v.Journal.Head(ctx)
	if err != nil {
		return p, err
	}
	p.Head = head.Seq
	hooks, err := v.Feed.Hooks(ctx)
	if err != nil {
		return p, err
	}
	for _, h := range hooks {
		p.Webhooks = append(p.Webhooks, web.ChangeHook{
			ID: h.ID, Host: h.Host, KeyID: h.KeyID, By: names[h.By], Groups: h.Groups, Created: h.Created, Criteria: h.Criteria, Until: h.Until, Former: h.Former, FormerUntil: h.FormerUntil,
			Paused: h.State == feed.Paused, Why: h.Why, Since: h.Since, Cursor: h.Cursor, Waiting: h.Waiting, Delivered: h.Delivered,
			Last: h.Last, Status: h.Status, Error: h.Error, Failing: h.Failing, Next: h.Next,
		})
	}
	if p.Limited {
		return p, nil
	}
	for e, err := range v.Journal.Find(ctx, journal.Filter{Site: at, Kinds: changeKinds(), Newest: true, Limit: latestChanges}) {
		if err != nil {
			return p, err
		}
		c := feed.Of(e)
		p.Latest = append(p.Latest, web.ChangeRow{Number: c.Number, Kind: c.Kind, Study: c.Study, At: c.At})
	}
	return p, nil
}

// start reads from where somebody wants a webhook to be told.
func (v changesView) start(ctx context.Context, s web.ChangeStart) (feed.Start, error) {
	switch s.From {
	case "now", "":
		return feed.Start{}, nil
	case "beginning":
		return feed.Start{After: feed.FromTheBeginning}, nil
	case "number":
		n, err := strconv.ParseInt(strings.TrimSpace(s.Number), 10, 64)
		if err != nil || n < 1 {
			return feed.Start{}, web.Refuse(map[string]string{"number": "changes.wrong_number"})
		}
		return feed.Start{After: n}, nil
	}
	t, err := time.ParseInLocation("2006-01-02T15:04", s.Time, v.site(ctx).Zone)
	if err != nil {
		return feed.Start{}, web.Refuse(map[string]string{"time": "changes.wrong_time"})
	}
	return feed.Start{Since: t}, nil
}

// Follow implements web.Changes.
func (v changesView) Follow(ctx context.Context, address string, groups []string, from web.ChangeStart) (string, error) {
	if len(groups) == 0 {
		return "", web.Refuse(map[string]string{"group": "changes.wrong_group"})
	}
	s, err := v.start(ctx, from)
	if err != nil {
		return "", err
	}
	_, secret, err := v.follow(ctx, address, groups, s)
	if err != nil && fault.Of(err) == fault.Invalid {
		if s.After > 0 && strings.Contains(err.Error(), "number") {
			return "", web.Refuse(map[string]string{"number": "changes.wrong_number"})
		}
		return "", web.Refuse(map[string]string{"address": "changes.wrong_address"})
	}
	return secret, err
}

// NewSecret implements web.Changes.
func (v changesView) NewSecret(ctx context.Context, id string) (string, error) {
	if err := v.mayFollowNow(ctx); err != nil {
		return "", err
	}
	_, secret, err := v.Feed.Rotate(ctx, access.From(ctx).ID, id)
	return secret, err
}

// Change implements web.Changes.
func (v changesView) Change(ctx context.Context, id, do string) error {
	if err := may(ctx, access.ChangeFollow); err != nil {
		return err
	}
	by := access.From(ctx).ID
	switch do {
	case "pause":
		return v.Feed.Pause(ctx, by, id)
	case "resume":
		return v.Feed.Resume(ctx, by, id)
	}
	return v.Feed.Remove(ctx, by, id)
}

// Replay implements web.Changes.
func (v changesView) Replay(ctx context.Context, id string, from web.ChangeStart) error {
	if err := v.mayFollowNow(ctx); err != nil {
		return err
	}
	s, err := v.start(ctx, from)
	if err != nil {
		return err
	}
	_, err = v.Feed.Replay(ctx, access.From(ctx).ID, id, s)
	if err != nil && fault.Of(err) == fault.Invalid {
		return web.Refuse(map[string]string{"number": "changes.wrong_number"})
	}
	return err
}
