package main

import (
	"context"

	"radagora/access"
	"radagora/fault"
	"radagora/notice/feed"
	"radagora/notice/hook"
	"radagora/worklist"
)

// changeGroups are the changes that programs may follow, under the names by which
// people choose.
func changeGroups() []feed.Group {
	return []feed.Group{
		{Name: "instance", Kinds: []string{"archive.instance.stored", "archive.instance.restored", "archive.series.restored", "archive.study.restored"}},
		{Name: "complete", Kinds: []string{worklist.KindComplete, worklist.KindChanged}},
		{Name: "corrected", Kinds: []string{"archive.identity.*", "archive.instance.reduced", "archive.instance.rejected", "archive.rejection.undone"}},
		{Name: "deleted", Kinds: []string{"archive.instance.deleted", "archive.series.deleted", "archive.study.deleted", "archive.study.erased"}},
		{Name: "fetched", Kinds: []string{"archive.study.fetch", "archive.study.fetched"}},
	}
}

// changeKinds are the entries of the journal that the feed of changes shows.
func changeKinds() (all []string) {
	for _, g := range changeGroups() {
		all = append(all, g.Kinds...)
	}
	return all
}

// readsEverything returns an error unless whoever asks may read every study: the feed
// of changes shows what happens to all of them.
func readsEverything(ctx context.Context) error {
	reach, err := access.ReachOf(ctx, access.ObjectRead, at)
	if err == nil && !reach.All {
		err = fault.Errorf(fault.Forbidden, "the feed of changes is for those who may read every study")
	}
	return err
}

// openFeed opens what tells systems of changes.
func (h *house) openFeed(ctx context.Context, key [32]byte) error {
	caller, err := hook.New(key, hook.Options{Outgoing: h.Out, Now: h.Now})
	if err != nil {
		return err
	}
	h.Feed, err = feed.Open(ctx, h.DB, feed.Options{
		Journal: h.Journal, Hooks: caller, Notices: h.Notices, Groups: changeGroups(), Site: at, May: h.mayFollow, Subscriptions: subscriptions{h},
		LeaseTTL: leaseTTL, Holder: holderName(), Log: h.Log, Now: h.Now,
	})
	return err
}

// mayFollow returns nil if an account may read every change now: it may still act, its
// role lets it follow changes, and no study is out of its reach.
func (h *house) mayFollow(ctx context.Context, account string) error {
	who, err := h.Users.Who(ctx, account)
	if err != nil {
		return err
	}
	who.Door = "feed"
	ctx = access.WithJudge(access.With(ctx, who), h.Judge)
	for _, act := range []access.Act{access.ChangeRead, access.ChangeFollow} {
		if err := may(ctx, act); err != nil {
			return err
		}
	}
	return readsEverything(ctx)
}

// mayFollowNow is mayFollow for whoever asks, with what they carry: a token may be
// narrower than its account.
func (h *house) mayFollowNow(ctx context.Context) error {
	for _, act := range []access.Act{access.ChangeRead, access.ChangeFollow} {
		if err := may(ctx, act); err != nil {
			return err
		}
	}
	return readsEverything(ctx)
}

// Follow adds a webhook for whoever asks.
func (h *house) follow(ctx context.Context, address string, groups []string, s feed.Start) (feed.Hook, string, error) {
	if err := h.mayFollowNow(ctx); err != nil {
		return feed.Hook{}, "", err
	}
	return h.Feed.Add(ctx, access.From(ctx).ID, address, groups, s)
}
