package account

import (
	"context"
	"time"

	"radagora/db"
)

// How long what is over is kept: sessions for the account's own page, the rest for
// nothing.
const (
	keepSessions = 30 * 24 * time.Hour
	keepDevices  = 400 * 24 * time.Hour
	batch        = 500
)

// Sweep ends sessions that are idle or expired, with their entries in the journal,
// and removes what is over. Run it every few minutes.
func (r *Register) Sweep(ctx context.Context) error {
	now := r.o.Now()
	over, err := r.sessions(ctx, r.db, `ended_at = 0 and (until_at <= $1 or seen_at <= $2)`,
		db.Millis(now), db.Millis(now.Add(-r.o.Limits.Idle)))
	if err != nil {
		return err
	}
	for len(over) > 0 {
		part := over[:min(batch, len(over))]
		over = over[len(part):]
		err := r.db.Write(ctx, func(tx *db.Tx) error {
			for _, s := range part {
				if why := r.over(s); why != "" {
					if err := r.end(ctx, tx, "system:account", s.ID, why); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return r.db.Write(ctx, func(tx *db.Tx) error {
		for _, s := range []struct {
			remove string
			before time.Time
		}{
			{`delete from account_session where ended_at > 0 and ended_at <= $1`, now.Add(-keepSessions)},
			{`delete from account_cookie where until_at <= $1`, now},
			{`delete from account_used where until_at <= $1`, now},
			{`delete from account_try where last_at <= $1`, now.Add(-forget)},
			{`delete from account_link where until_at <= $1`, now.Add(-keepSessions)},
			{`delete from account_device where last_at <= $1`, now.Add(-keepDevices)},
		} {
			if _, err := tx.Exec(ctx, s.remove, db.Millis(s.before)); err != nil {
				return err
			}
		}
		return nil
	})
}
