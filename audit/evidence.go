package audit

import (
	"context"
	"time"

	"radagora/evidence"
)

// Facts returns the facts of the evidence catalogue that the room can compute.
func (d *Desk) Facts() []evidence.Fact {
	return []evidence.Fact{
		evidence.Counted("audit.programme", "audit.programme/1", d.Now, d.finished),
		evidence.Counted("audit.reaudit_met", "audit.reaudit/1", d.Now, d.again),
	}
}

// finished returns the audits planned in a time, counted those whose team saw the result
// and for which what follows is settled: the target is met, or there is an action and a
// day for the re-audit. An audit closed without a result is not finished.
func (d *Desk) finished(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	return d.counted(ctx, q, func(c *Cycle) (time.Time, bool, error) {
		if c.Follows != "" {
			return time.Time{}, false, nil // the re-audit belongs to the audit that was planned
		}
		if c.Result == nil || c.ReportedDay == "" {
			return c.PlannedAt, false, nil
		}
		if c.Result.Decision.Decision == Met {
			return c.PlannedAt, true, nil
		}
		actions, err := d.Actions(ctx, c)
		return c.PlannedAt, c.ReauditDay != "" && len(actions) > 0, err
	})
}

// again returns the re-audits analysed in a time, counted those that met the target.
func (d *Desk) again(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	return d.counted(ctx, q, func(c *Cycle) (time.Time, bool, error) {
		if c.Follows == "" || c.Result == nil {
			return time.Time{}, false, nil
		}
		return c.Result.At, c.Result.Decision.Decision == Met, nil
	})
}

// counted returns the audits of a site whose moment, as of says, lies in the time of q;
// the zero time leaves one out.
func (d *Desk) counted(ctx context.Context, q evidence.Query, of func(*Cycle) (time.Time, bool, error)) ([]evidence.Case, error) {
	cycles, err := d.Cycles(ctx, q.Site, 0)
	var all []evidence.Case
	for i := range cycles {
		c := &cycles[i]
		at, counts, err := of(c)
		if err != nil {
			return nil, err
		}
		room := ""
		if c.Definition != nil {
			room = c.Definition.Room
		}
		if at.IsZero() || at.Before(q.From) || !at.Before(q.Until) || q.Stratum.Room != "" && q.Stratum.Room != room {
			continue
		}
		all = append(all, evidence.Case{ID: c.ID, Room: room, At: at, Counted: counts, Object: c.ID})
	}
	return all, err
}
