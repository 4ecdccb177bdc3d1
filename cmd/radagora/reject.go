package main

import (
	"context"

	"radagora/dose"
	"radagora/dose/reject"
	"radagora/site"
)

// openReject opens the room that counts rejected exposures.
func (h *house) openReject(ctx context.Context) error {
	h.Rejects = &reject.Desk{
		DB: h.DB, Journal: h.Journal, Content: h.Content, Archive: projections{h}, Now: h.Now,
		Plan: func(ctx context.Context, siteID string) (*site.Plan, error) { return h.Sites.Plan(ctx, h.DB, siteID) },
	}
	return h.DB.Migrate(ctx, "reject", reject.Migrations())
}

// projections answers reject how many images of radiography the archive has.
type projections struct{ *house }

// projecting are the modalities (PS3.16 CID 29) of radiography whose systems keep logs of
// rejected exposures.
var projecting = []string{"DX", "CR", "MG", "PX", "IO"}

// ImageMonths implements reject.Archive.
func (p projections) ImageMonths(ctx context.Context, siteID string, period dose.Period) ([]reject.ImageMonth, error) {
	all, err := p.Archive.ImageMonths(ctx, siteID, period.From, period.To, projecting)
	out := make([]reject.ImageMonth, len(all))
	for i, m := range all {
		out[i] = reject.ImageMonth(m)
	}
	return out, err
}
