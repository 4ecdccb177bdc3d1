package main

import (
	"context"

	"radagora/db"
	"radagora/dose"
	"radagora/dose/quality"
	"radagora/site"
)

// openQuality opens the room that watches over the doses.
func (h *house) openQuality(ctx context.Context) error {
	h.Quality = &quality.Bench{
		DB: h.DB, Journal: h.Journal, Content: h.Content, Doses: h.Dose, Archive: exposing{h},
		Plan: func(ctx context.Context, siteID string) (*site.Plan, error) { return h.Sites.Plan(ctx, h.DB, siteID) },
		Site: h.Sites.Site, Program: versionText(), Now: h.Now,
	}
	return h.DB.Migrate(ctx, "dosequality", quality.Migrations())
}

// exposing answers quality which studies the archive has that irradiated somebody.
type exposing struct{ *house }

// irradiating are the modalities (PS3.16 CID 29) whose images take X-rays or
// radiopharmaceuticals.
var irradiating = []string{"CT", "MG", "DX", "CR", "PX", "IO", "XA", "RF", "PT", "NM"}

// Exposing implements quality.Archive.
func (e exposing) Exposing(ctx context.Context, siteID string, p dose.Period) ([]quality.Arrived, error) {
	all, err := e.Archive.Exposing(ctx, siteID, p.From, p.To, irradiating)
	out := make([]quality.Arrived, len(all))
	for i, a := range all {
		out[i] = quality.Arrived{Study: a.Study, Modality: a.Modality, Machine: a.Machine, Day: a.Day}
	}
	return out, err
}

// rootOf says which machine one really is, where several were merged.
func (h *house) rootOf(ctx context.Context, q db.Querier, siteID string) (func(string) string, error) {
	plan, err := h.Sites.Plan(ctx, q, siteID)
	if err != nil {
		return nil, err
	}
	return func(machine string) string {
		if m, ok := plan.Machine(machine); ok {
			return m.ID
		}
		return machine
	}, nil
}
