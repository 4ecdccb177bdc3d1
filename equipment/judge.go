package equipment

import (
	"context"
	"time"

	"radagora/db"
	"radagora/finding"
)

// The rules of the findings about equipment.
const (
	RuleOverdue   = "equipment.overdue"   // a test should have been done
	RuleSuspended = "equipment.suspended" // a test reached the suspension level, or failed
)

// Judge derives the findings of a site: tests that are overdue, and devices that a test
// suspended.
func (r *Register) Judge(ctx context.Context, siteID string) error {
	b, err := r.Board(ctx, siteID)
	if err != nil {
		return err
	}
	_, ref, err := r.Tests(siteID)
	if err != nil {
		return err
	}
	is := finding.Reference{Set: "equipment/test", Edition: ref.Edition, Digest: ref.Digest}
	var overdue, suspended []finding.Derived
	for _, p := range b.Planned {
		if !p.Overdue(b.Today) {
			continue
		}
		days := daysBetween(p.Due, b.Today)
		overdue = append(overdue, finding.Derived{
			Rule: RuleOverdue, Subject: finding.Subject{Site: siteID, Machine: p.Device.Machine, Object: p.Device.ID, Quantity: p.Test.ID}, Key: p.Device.ID + " " + p.Test.ID,
			Code: "test_overdue", Importance: float64(days), Measured: finding.Measured{Value: float64(days), Unit: "d", N: 1}, Reference: is,
		})
	}
	for _, d := range b.Devices {
		x, is := b.Suspended[d.ID]
		if !is {
			continue
		}
		suspended = append(suspended, finding.Derived{
			Rule: RuleSuspended, Subject: finding.Subject{Site: siteID, Machine: d.Machine, Object: d.ID, Quantity: x.Test}, Key: d.ID,
			Code: "device_suspended", Importance: 1000, Measured: finding.Measured{Value: float64(daysBetween(x.Done, b.Today)), Unit: "d", N: 1},
			Reference: finding.Reference{Set: "equipment/test", Edition: ref.Edition, Digest: ref.Digest, Source: x.Levels.Source},
		})
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := r.Findings.Derive(ctx, tx, finding.Scope{Site: siteID, Rule: RuleOverdue}, overdue, nil); err != nil {
			return err
		}
		_, err := r.Findings.Derive(ctx, tx, finding.Scope{Site: siteID, Rule: RuleSuspended}, suspended, nil)
		return err
	})
}

// daysBetween counts the days from one day to another, 0 if one is none.
func daysBetween(from, to string) int {
	a, err := time.Parse(time.DateOnly, from)
	b, err2 := time.Parse(time.DateOnly, to)
	if err != nil || err2 != nil {
		return 0
	}
	return int(b.Sub(a).Hours() / 24)
}
