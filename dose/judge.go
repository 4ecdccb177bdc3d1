package dose

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/finding"
)

// The rules by which dose derives findings about groups.
const (
	RuleAbove    = "dose.above"    // the typical value is above its level, and certainly so
	RuleRepeated = "dose.repeated" // a level is consistently exceeded: a review is due
	RuleLow      = "dose.low"      // remarkably low: check image quality
)

// Findings keeps what is derived. *finding.Register is one.
type Findings interface {
	Derive(ctx context.Context, tx *db.Tx, scope finding.Scope, found []finding.Derived, part func(finding.Derived) string) (finding.Change, error)
}

// A FindingData is what a finding of dose holds besides what every finding has.
type FindingData struct {
	KnownBy KnownBy `json:"known_by"`
	From    string  `json:"from"`
	To      string  `json:"to"`
	Ratio   float64 `json:"ratio"`
	Basis   Basis   `json:"basis,omitempty"`
	States  []State `json:"states,omitempty"` // of the periods that count for a consistent excess
}

// Judge derives the findings of a site anew from what is known now. It may be
// called as often as one likes.
func (l *Ledger) Judge(ctx context.Context, siteID string, rooms Rooms, into Findings) (finding.Change, error) {
	settings, err := LoadSettings(l.Content, siteID)
	if err != nil {
		return finding.Change{}, err
	}
	found := map[string][]finding.Derived{RuleAbove: nil, RuleRepeated: nil, RuleLow: nil}
	for _, modality := range Modalities() {
		now, err := l.OverviewOf(ctx, siteID, modality, Last(settings.Period, l.Now()), rooms, access.Quality)
		if err != nil {
			return finding.Change{}, err
		}
		// The periods that count for a consistent excess reach further back.
		long, err := l.OverviewOf(ctx, siteID, modality, Last(settings.Exceeded*max(settings.Of, settings.Consecutive), l.Now()), rooms, access.Quality)
		if err != nil {
			return finding.Change{}, err
		}
		settings.found(siteID, now, long, found)
	}
	var all finding.Change
	err = l.DB.Write(ctx, func(tx *db.Tx) error {
		all = finding.Change{}
		for _, rule := range []string{RuleAbove, RuleRepeated, RuleLow} {
			c, err := into.Derive(ctx, tx, finding.Scope{Site: siteID, Rule: rule}, once(found[rule]), nil)
			if err != nil {
				return err
			}
			all.New = append(all.New, c.New...)
			all.Restored = append(all.Restored, c.Restored...)
			all.Withdrawn = append(all.Withdrawn, c.Withdrawn...)
		}
		return nil
	})
	return all, err
}

// found adds to what was found what the overviews of now and of a longer time say.
func (s Settings) found(siteID string, now, long *Overview, found map[string][]finding.Derived) {
	for _, r := range now.Rows {
		switch {
		case r.Governing == nil:
		case r.State == AboveCertain:
			found[RuleAbove] = append(found[RuleAbove], now.derived(siteID, RuleAbove, r, nil))
		case slices.Contains(r.Notes, LowCheck):
			found[RuleLow] = append(found[RuleLow], now.derived(siteID, RuleLow, r, nil))
		}
	}
	for _, r := range long.Rows {
		if states := long.Periods(r); r.Governing != nil && s.ConsistentlyAbove(states) {
			found[RuleRepeated] = append(found[RuleRepeated], long.derived(siteID, RuleRepeated, r, states))
		}
	}
}

// once leaves one finding of those about the same: rows that differ in nothing but
// how their indication is known are one gap. The one that rests on most stays.
func once(found []finding.Derived) []finding.Derived {
	at := map[string]int{}
	var all []finding.Derived
	for _, d := range found {
		i, seen := at[d.ID()]
		switch {
		case !seen:
			at[d.ID()] = len(all)
			all = append(all, d)
		case d.Measured.N > all[i].Measured.N:
			all[i] = d
		}
	}
	return all
}

// derived makes a finding of a row that has a governing level.
func (o *Overview) derived(siteID, rule string, r *Row, states []State) finding.Derived {
	data, err := json.Marshal(FindingData{KnownBy: r.KnownBy, From: o.From, To: o.To, Ratio: r.Ratio, Basis: r.Basis, States: states})
	if err != nil {
		data = nil // numbers that are none: the finding stands without them
	}
	level := r.Governing.Value
	d := finding.Derived{
		Rule: rule,
		Subject: finding.Subject{
			Site: siteID, Room: r.Room, Exam: r.Exam, Indication: r.Indication,
			Group: r.Group.Name, Quantity: string(r.Measure),
		},
		Code: string(r.State), Importance: importance(rule, r.Ratio),
		Measured: finding.Measured{Value: r.Median, Unit: r.Unit, N: r.N},
		Reference: finding.Reference{
			Value: &level, Unit: r.Unit, Set: r.Governing.Set.ID,
			Edition: r.Governing.Set.Edition, Digest: r.Governing.Set.Digest, Source: r.Governing.Source,
		},
		Data: data,
	}
	if r.Interval {
		low, high := r.Low, r.High
		d.Measured.Low, d.Measured.High = &low, &high
	}
	return d
}

// importance orders findings: a consistent excess before one of now, that before
// a low value; among equals the ratio.
func importance(rule string, ratio float64) float64 {
	base := map[string]float64{RuleRepeated: 20, RuleAbove: 10}[rule]
	return base + math.Min(ratio, 9)
}

// JudgeAlways judges a site after changes until ctx ends: soon after the first
// one, and not more often than the pause allows, so that a flood of reports does
// not mean a flood of judging. changed gets a value when something changed.
func (l *Ledger) JudgeAlways(ctx context.Context, siteID string, rooms func(context.Context) (Rooms, error), into Findings, changed <-chan struct{}, pause time.Duration) error {
	timer := time.NewTimer(0) // once at the start: days go by without reports
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		place, err := rooms(ctx)
		if err == nil {
			_, err = l.Judge(ctx, siteID, place, into)
		}
		if err != nil && ctx.Err() == nil {
			l.Log.ErrorContext(ctx, "dose: judge", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			timer.Reset(pause)
		case <-time.After(time.Hour):
			timer.Reset(0)
		}
	}
}
