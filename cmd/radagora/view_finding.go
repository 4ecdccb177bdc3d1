package main

import (
	"context"
	"time"

	"radagora/finding"
	"radagora/web"
)

// A findingsView takes what people decide about findings.
type findingsView struct{ *view }

// Change implements web.Findings.
func (v findingsView) Change(ctx context.Context, _ web.Person, c web.FindingChange) error {
	f, _, _, err := v.Findings.Get(ctx, c.ID)
	if err != nil {
		return err
	}
	state, due, owner := finding.State(c.State), "", c.Owner
	if !c.Due.IsZero() {
		due = c.Due.Format(time.DateOnly)
	}
	_, err = v.Findings.Decide(ctx, finding.Decision{ID: c.ID, Version: f.Version, Owner: &owner, State: &state, Due: &due, Note: c.Note})
	return err
}
