package main

import (
	"context"
	"strings"

	"radagora/access"
	"radagora/fault"
	"radagora/site"
	"radagora/web"
)

// A titlesView shows and changes what else this program is called.
type titlesView struct{ *view }

// Titles implements web.Titles.
func (v titlesView) Titles(ctx context.Context) (web.TitlesPage, error) {
	p := web.TitlesPage{Own: v.settings.AE}
	for _, s := range site.Services() {
		p.Services = append(p.Services, string(s))
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return p, err
	}
	peers, err := v.Sites.Peers(ctx, at)
	if err != nil {
		return p, err
	}
	for _, one := range peers {
		if one.State != site.Blocked {
			p.Peers = append(p.Peers, one.AETitle)
		}
	}
	rules, err := v.dropping(ctx)
	if err != nil {
		return p, err
	}
	all, err := v.Sites.Titles(ctx, at)
	for _, t := range all {
		var drops []web.PeerRule
		for _, r := range rules {
			if r.Called == t.AETitle {
				drops = append(drops, r)
			}
		}
		e := titleEntryOf(t)
		p.Titles = append(p.Titles, web.Title{
			Name: e.Title, Services: e.Services, Keep: e.Keep, Callers: e.Callers, Note: e.Note, DecidedBy: names[t.DecidedBy], Decided: t.DecidedAt, Drops: drops,
		})
	}
	return p, err
}

// SetTitle implements web.Titles.
func (v titlesView) SetTitle(ctx context.Context, t web.Title) error {
	if err := may(ctx, access.PeerChange); err != nil {
		return err
	}
	if t.Name == v.settings.AE {
		return web.Refuse(map[string]string{"name": "titles.wrong_own"})
	}
	e := titleEntry{Title: t.Name, Services: t.Services, Keep: t.Keep, Callers: t.Callers, Note: t.Note}
	err := v.Sites.SetTitle(ctx, access.From(ctx).ID, e.self(at))
	if err == nil || fault.Of(err) != fault.Invalid {
		return err
	}
	field, word := "name", "peers.wrong_title"
	for part, f := range map[string][2]string{
		"who may call": {"callers", "titles.wrong_callers"}, "service": {"services", "titles.wrong_services"},
		"keeps": {"keep", "titles.wrong_keep"}, "a note": {"note", "titles.wrong_note"},
	} {
		if strings.Contains(err.Error(), part) {
			field, word = f[0], f[1]
		}
	}
	return web.Refuse(map[string]string{field: word})
}

// RemoveTitle implements web.Titles.
func (v titlesView) RemoveTitle(ctx context.Context, name string) error {
	if err := may(ctx, access.PeerChange); err != nil {
		return err
	}
	return v.Sites.RemoveTitle(ctx, access.From(ctx).ID, at, name)
}
