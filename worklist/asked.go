package worklist

import (
	"context"
	"slices"
	"time"

	"radagora/db"
)

// askedPause is how old the note of who asked may be: machines ask every few seconds.
const askedPause = 5 * time.Minute

// asked notes that entries were given to a machine, by the keys of their steps.
func (r *Register) asked(ctx context.Context, siteID, caller string, keys []string) error {
	if caller == "" || len(keys) == 0 {
		return nil
	}
	now := r.Now()
	fresh, err := db.List(ctx, r.DB, func(rows *db.Rows) (key string, err error) { return key, rows.Scan(&key) },
		`select step_key from worklist_asked where site_id = $1 and caller = $2 and last_at > $3`, siteID, caller, db.Millis(now.Add(-askedPause)))
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(fresh))
	for _, key := range fresh {
		known[key] = true
	}
	stale := slices.DeleteFunc(keys, func(key string) bool { return known[key] })
	if len(stale) == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // the answers are given
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		for _, key := range stale {
			_, err := tx.Exec(ctx, `insert into worklist_asked (site_id, step_key, caller, first_at, last_at) values ($1, $2, $3, $4, $4)
				on conflict (site_id, step_key, caller) do update set last_at = excluded.last_at`, siteID, key, caller, db.Millis(now))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// An asking is a machine that was given an entry.
type asking struct {
	caller      string
	first, last time.Time
}

// askings returns who was given the entry of a step, the first one first.
func (r *Register) askings(ctx context.Context, siteID, key string) ([]asking, error) {
	return db.List(ctx, r.DB, func(rows *db.Rows) (a asking, err error) {
		var first, last int64
		err = rows.Scan(&a.caller, &first, &last)
		a.first, a.last = db.FromMillis(first), db.FromMillis(last)
		return a, err
	}, `select caller, first_at, last_at from worklist_asked where site_id = $1 and step_key = $2 order by first_at, caller`, siteID, key)
}

// Callers returns the application entities whose query for the worklist listed at least
// one step since a moment.
func (r *Register) Callers(ctx context.Context, siteID string, since time.Time) (map[string]bool, error) {
	list, err := db.List(ctx, r.DB, func(r *db.Rows) (ae string, err error) { return ae, r.Scan(&ae) },
		`select distinct caller from worklist_asked where site_id = $1 and last_at >= $2`, siteID, db.Millis(since))
	all := make(map[string]bool, len(list))
	for _, ae := range list {
		all[ae] = true
	}
	return all, err
}
