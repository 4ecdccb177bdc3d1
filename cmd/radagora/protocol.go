package main

import (
	"context"
	"time"

	"radagora/dose"
	"radagora/site"
)

// judgeProtocols derives the findings about how machines are set up.
func (h *house) judgeProtocols(ctx context.Context) error {
	rooms, err := h.rooms(ctx)
	if err != nil {
		return err
	}
	settings, err := dose.LoadSettings(h.Content, site.Default)
	if err != nil {
		return err
	}
	p := dose.Last(settings.Period, h.Now())
	return h.Protocols.Judge(ctx, site.Default, p.From, p.To, rooms)
}

// judgeProtocolsAlways derives them at the start and every hour until ctx ends.
func (h *house) judgeProtocolsAlways(ctx context.Context) error {
	for {
		if err := h.judgeProtocols(ctx); err != nil && ctx.Err() == nil {
			h.Log.ErrorContext(ctx, "protocol: judge", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Hour):
		}
	}
}
