package review

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"time"

	"radagora/db"
	"radagora/dose"
	"radagora/finding"
)

// driftYears is how far back charts reach from which findings are derived.
const driftYears = 2

// drifts derives a finding of each examination on a machine whose moving average is
// beyond its limits to this day.
func (d *Desk) drifts(ctx context.Context, siteID string) error {
	since := d.Now().AddDate(-driftYears, 0, 0).Format(time.DateOnly)
	watched, err := d.Watched(ctx, siteID, since)
	if err != nil {
		return err
	}
	rooms, err := d.Rooms(ctx, siteID)
	if err != nil {
		return err
	}
	var found []finding.Derived
	for _, w := range watched {
		c, err := d.Chart(ctx, siteID, w.Machine, w.Exam, w.Quantity, since)
		if err != nil {
			return err
		}
		if f, drifting := driftOf(siteID, rooms(w.Machine), &c); drifting {
			found = append(found, f)
		}
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := d.Findings.Derive(ctx, tx, finding.Scope{Site: siteID, Rule: RuleDrift}, found, nil)
		return err
	})
}

// driftOf makes a finding of a chart that drifts.
func driftOf(siteID, room string, c *Chart) (finding.Derived, bool) {
	first, drifting := c.Drifting()
	if !drifting {
		return finding.Derived{}, false
	}
	last := c.Points[len(c.Points)-1]
	limit := last.High
	if last.Average < last.Low {
		limit = last.Low
	}
	ratio := last.Average / c.Start
	data, err := json.Marshal(dose.FindingData{From: first.Day, To: last.Day, Ratio: ratio})
	if err != nil {
		return finding.Derived{}, false // of numbers that are none
	}
	return finding.Derived{
		Rule: RuleDrift, Key: strings.Join([]string{c.Machine, c.Exam, string(c.Quantity)}, " "), // a machine may move
		Subject: finding.Subject{
			Site: siteID, Room: room, Machine: c.Machine, Exam: c.Exam, Quantity: string(c.Quantity),
		},
		Code: "drift", Importance: min(math.Abs(math.Log(ratio)), 4),
		Measured:  finding.Measured{Value: last.Average, Unit: c.Unit, N: len(c.Points)},
		Reference: finding.Reference{Value: &limit, Unit: c.Unit, Set: "dose/defaults"},
		Data:      data,
	}, true
}
