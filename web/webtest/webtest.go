// Package webtest fills the pages with made-up data, for tests and for looking
// at them.
//
// The numbers come from a formula and resemble no official level; every level is
// marked as a demonstration. What a person changes is kept in memory, so that
// forms can be tried.
package webtest

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"radagora/access"
	"radagora/lang"
	"radagora/web"
)

// Now is the present of the made-up installation.
func Now() time.Time { return time.Date(2031, time.March, 12, 9, 41, 0, 0, zone) }

// zone is where the made-up installation stands.
var zone = time.FixedZone("CET", 3600)

// Config returns a configuration in which every page is filled from w.
func Config(catalogue *lang.Catalogue, w *World) web.Config {
	return web.Config{
		Catalogue: catalogue,
		Log:       slog.New(slog.DiscardHandler),
		Now:       Now,
		Version:   "0.0.0-test",
		Site: func(context.Context) web.Site {
			return web.Site{Name: "Example site", Country: "XX", Zone: zone, Synthetic: !w.Empty}
		},
		Who:       func(context.Context) web.Person { return web.Person{ID: "p1", Name: "Person One"} },
		Developer: true,
		Today:     w, DoseCT: w, Findings: w, Objects: w, Start: w, Rooms: w, Content: w, Mapping: w,
		Sign: door{w}, Accounts: desk{w},
		Charts: chartRoom{room{w}}, Levels: levelBook{room{w}}, Review: reviewDesk{room{w}}, DoseQuality: qualityDesk{room{w}}, Protocols: protocolDesk{room{w}}, Entry: entryDesk{room{w}},
	}
}

// NewWorld returns a made-up installation with a year of examinations.
func NewWorld() *World {
	w := &World{names: localNames(), rooms: rooms()}
	w.findings = w.firstFindings()
	return w
}

// Govern implements web.Content.
func (w *World) Govern(context.Context, web.Person, string, string, time.Time) error { return nil }

// End implements web.Content.
func (w *World) End(context.Context, web.Person, string, time.Time) error { return nil }

// SignedIn puts somebody who may do everything, and has just proved who they are,
// into each request.
func SignedIn(next http.Handler) http.Handler {
	who := access.Who{ID: "p1", Name: "Person One", Grants: access.Everywhere(access.People()...), Purpose: access.Treatment}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := access.With(r.Context(), who)
		if judge, err := access.Lenient(); err == nil {
			ctx = access.WithJudge(ctx, judge)
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
