package main

import (
	"context"
	"time"

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

// qualityLease is how long a process that judges completeness may be silent before
// another one does.
const qualityLease = time.Minute

// judgeQualityAlways derives the findings about rooms from which doses are missing, at
// the start and once a day, until ctx ends. Of several processes one does.
func (h *house) judgeQualityAlways(ctx context.Context) error {
	for ctx.Err() == nil {
		lease, err := h.DB.Lease(ctx, "dose.quality", h.Dose.Holder, qualityLease)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it ended because it was told to
		case err != nil:
			return err
		}
		h.judgeQualityDaily(lease.Context())
		if err := lease.Release(context.WithoutCancel(ctx)); err != nil {
			h.Log.WarnContext(ctx, "quality: give back lease", "error", err)
		}
	}
	return nil
}

// judgeQualityDaily derives them until ctx ends. A failure is logged and tried again on
// the next day.
func (h *house) judgeQualityDaily(ctx context.Context) {
	for {
		if _, err := h.Quality.Judge(ctx, site.Default, h.Findings); err != nil && ctx.Err() == nil {
			h.Log.ErrorContext(ctx, "quality: judge", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(24 * time.Hour):
		}
	}
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
