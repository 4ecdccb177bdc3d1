package main

import (
	"context"

	"radagora/dose"
	"radagora/dose/review"
	"radagora/dose/skin"
	"radagora/fault"
)

// openReview opens the room that watches over doses by rules.
func (h *house) openReview(ctx context.Context) error {
	h.Review = &review.Desk{
		Country: h.country,
		DB:      h.DB, Journal: h.Journal, Content: h.Content, Findings: h.Findings, Doses: h.Dose, Post: h.Notices, Log: h.Log, Now: h.Now,
		Rooms: h.roomsOf, RoomName: h.roomName, Skin: h.skinPeak, Holder: h.Dose.Holder,
	}
	return h.Review.Open(ctx)
}

// roomName returns how people call a room.
func (h *house) roomName(ctx context.Context, siteID, room string) string {
	p, err := h.Sites.Plan(ctx, h.DB, siteID)
	if err != nil {
		return ""
	}
	if r, ok := p.Room(room); ok {
		return r.Name
	}
	return ""
}

// skinPeak estimates the peak dose to the skin of a study, from its dose reports as they
// are archived; false where there is no map.
func (h *house) skinPeak(ctx context.Context, siteID, study string) (gy float64, validity string, ok bool, err error) {
	method, err := skin.Load(h.Content, siteID)
	if err != nil {
		return 0, "", false, err
	}
	s, err := h.Dose.Study(ctx, siteID, study)
	if err != nil {
		return 0, "", false, err
	}
	var reports []*dose.Report
	for _, stored := range s.Reports {
		r, err := (&view{house: h}).report(ctx, stored.SOPInstance)
		switch {
		case fault.Of(err) == fault.NotFound:
			return 0, "", false, nil
		case err != nil:
			continue // what cannot be read tells nothing, and that is said where doses are read
		case r.Kind == dose.Projection:
			reports = append(reports, r)
		}
	}
	joined := dose.Join(reports)
	if len(joined) != 1 {
		return 0, "", false, nil
	}
	result := method.Estimate(skin.Of(joined[0]))
	if result.Whole == nil {
		return 0, "", false, nil
	}
	return result.Whole.Peak.Dose, string(result.Validity), true, nil
}

// country tells in which country a site is, "" while nobody has said.
func (h *house) country(ctx context.Context, siteID string) (string, error) {
	s, err := h.Sites.Site(ctx, siteID)
	return s.Country, err
}
