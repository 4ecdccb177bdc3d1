package main

import (
	"context"

	"radagora/access"
	"radagora/job"
	"radagora/web"
)

// A statusView shows how the installation stands.
type statusView struct {
	*view
	observer *observer
}

// Status implements web.Status.
func (v statusView) Status(ctx context.Context) (web.StatusPage, error) {
	pg := web.StatusPage{Looked: v.Now()}
	for _, c := range v.observer.look(ctx) {
		pg.Conditions = append(pg.Conditions, web.Condition{Group: c.Group, Name: c.Name, Value: c.Value, Reference: c.Reference, State: c.State})
	}
	dead, err := v.Jobs.List(ctx, job.Filter{State: job.Dead})
	if err != nil {
		return pg, err
	}
	for _, s := range dead {
		pg.Dead = append(pg.Dead, web.DeadJob{ID: s.ID, Kind: s.Kind, Attempts: s.Attempt, Reason: s.Reason, Ended: s.Ended})
	}
	times, err := v.Jobs.Times(ctx)
	for _, t := range times {
		pg.Times = append(pg.Times, web.JobTime{Name: t.Name, Schedule: t.Schedule, Next: t.Next, Last: t.Last})
	}
	return pg, err
}

// Replay implements web.Status.
func (v statusView) Replay(ctx context.Context, id string) error {
	if err := may(ctx, access.JobReplay); err != nil {
		return err
	}
	return v.Jobs.Replay(ctx, access.From(ctx).ID, id)
}

// Remove implements web.Status.
func (v statusView) Remove(ctx context.Context, id string) error {
	if err := may(ctx, access.JobReplay); err != nil {
		return err
	}
	return v.Jobs.Remove(ctx, access.From(ctx).ID, id)
}
