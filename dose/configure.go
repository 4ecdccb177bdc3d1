package dose

import (
	"context"

	"radagora/db"
)

// Decisions are what people decide about levels and names, to be made in one go.
type Decisions struct {
	End     []Governing // ID and Site say which, To the last day on which it holds
	Govern  []Governing
	Revoke  []Mapping // ID and Site say which
	Approve []Mapping
}

// Decide makes all decisions on behalf of by, or none. Its errors are those of
// Govern, EndGoverning, Approve and Revoke.
func (l *Ledger) Decide(ctx context.Context, by string, d Decisions) error {
	return l.DB.Write(ctx, func(tx *db.Tx) error {
		for _, g := range d.End {
			if err := l.endGoverning(ctx, tx, g.Site, g.ID, g.To, by); err != nil {
				return err
			}
		}
		for _, g := range d.Govern {
			g.DecidedBy = by
			if _, err := l.govern(ctx, tx, g); err != nil {
				return err
			}
		}
		for _, m := range d.Revoke {
			if err := l.revoke(ctx, tx, m.Site, m.ID, by); err != nil {
				return err
			}
		}
		for _, m := range d.Approve {
			m.ApprovedBy = by
			if _, err := l.approve(ctx, tx, m); err != nil {
				return err
			}
		}
		return nil
	})
}
