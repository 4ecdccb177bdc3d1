package exchange

import (
	"context"
	"encoding/json"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/job"
)

// A Migration takes over what another archive has: it asks day by day, the latest
// first, what there is, fetches study by study and verifies each.
type Migration struct {
	ID, Site, Peer       string
	State                State
	Reason, Detail       string // why it does not get on
	First, Last, Next    string // days, YYYYMMDD; Next is asked about next, and earlier than First when all were
	From, Until          int    // minute of the day in the site's zone in which it works; equal means all day
	AtOnce, AnHour       int    // studies under way at once, and begun in an hour
	By                   string
	Added, Updated, Done time.Time
}

// The states of a migration beside Done and Cancelled.
const (
	Running State = "running"
	Paused  State = "paused"
)

// A StudyState is what became of a study of a migration.
type StudyState string

// The states of a study.
const (
	StudyFound    StudyState = "found" // the peer lists it; it was not begun yet
	StudyBegun    StudyState = "begun"
	StudyVerified StudyState = "verified" // each instance that the peer lists is here
	StudyDiffers  StudyState = "differs"
	StudyOnlyHere StudyState = "only_here" // kept here, and not listed by the peer
)

const (
	migrateJob  = "exchange.migration.step"
	dayLayout   = "20060102"
	mostAtOnce  = 32
	mostAnHour  = 100_000
	stepPause   = time.Second
	stepTrouble = time.Minute
	ahead       = 500 // studies found and not begun; above, no further day is asked about
)

// check says what cannot be of a migration.
func (m *Migration) check() error {
	first, err := time.Parse(dayLayout, m.First)
	last, err2 := time.Parse(dayLayout, m.Last)
	day := 24 * 60
	switch {
	case m.Site == "" || m.Peer == "":
		return fault.Errorf(fault.Invalid, "migration: it names no peer")
	case err != nil || err2 != nil || last.Before(first):
		return fault.Errorf(fault.Invalid, "migration: the days are YYYYMMDD, the first not after the last")
	case m.From < 0 || m.From >= day || m.Until < 0 || m.Until >= day:
		return fault.Errorf(fault.Invalid, "migration: the hours are between 00:00 and 23:59")
	case m.AtOnce < 1 || m.AtOnce > mostAtOnce:
		return fault.Errorf(fault.Invalid, "migration: 1 to %d studies at once", mostAtOnce)
	case m.AnHour < 1 || m.AnHour > mostAnHour:
		return fault.Errorf(fault.Invalid, "migration: 1 to %d studies an hour", mostAnHour)
	}
	return nil
}

const columnsMigration = `id, site_id, peer, state, reason, detail, first_day, last_day, next_day, from_minute, until_minute, at_once, an_hour, begun_by, added_ms, updated_ms, done_ms`

func scanMigration(r *db.Rows) (m Migration, err error) {
	var added, updated, done int64
	err = r.Scan(&m.ID, &m.Site, &m.Peer, &m.State, &m.Reason, &m.Detail, &m.First, &m.Last, &m.Next, &m.From, &m.Until, &m.AtOnce, &m.AnHour, &m.By, &added, &updated, &done)
	m.Added, m.Updated, m.Done = db.FromMillis(added), db.FromMillis(updated), db.FromMillis(done)
	return m, err
}

// Migrate begins a migration on behalf of by and returns its id. Conflict: one from
// that peer is not over.
func (x *Exchange) Migrate(ctx context.Context, by string, m Migration) (string, error) {
	if err := m.check(); err != nil {
		return "", err
	}
	id := db.NewID()
	return id, x.DB.Write(ctx, func(tx *db.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `select count(*) from exchange_migration where site_id = $1 and peer = $2 and state in ('running', 'paused')`, m.Site, m.Peer).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return fault.Errorf(fault.Conflict, "a migration from %s is not over yet", m.Peer)
		}
		if _, err := tx.Exec(ctx, `insert into exchange_migration (`+columnsMigration+`) values ($1,$2,$3,$4,'','',$5,$6,$6,$7,$8,$9,$10,$11,$12,$12,0)`,
			id, m.Site, m.Peer, string(Running), m.First, m.Last, m.From, m.Until, m.AtOnce, m.AnHour, by, db.Millis(x.Now())); err != nil {
			return err
		}
		if err := x.note(ctx, tx, m.Site, by, "exchange.migration.begun", id, map[string]any{
			"peer": m.Peer, "first": m.First, "last": m.Last, "from": m.From, "until": m.Until, "at_once": m.AtOnce, "an_hour": m.AnHour,
		}); err != nil {
			return err
		}
		return x.queueStep(ctx, tx, m.Site, id, time.Time{})
	})
}

// queueStep adds the job that takes a migration one step further.
func (x *Exchange) queueStep(ctx context.Context, tx *db.Tx, site, id string, when time.Time) error {
	args, err := json.Marshal(map[string]string{"id": id})
	if err != nil {
		return err
	}
	return x.Jobs.Add(ctx, tx, job.Job{Site: site, Kind: migrateJob, Key: id, Args: args, RunAt: when})
}

// Migrations returns the migrations of a site, the latest first.
func (x *Exchange) Migrations(ctx context.Context, site string) ([]Migration, error) {
	return db.List(ctx, x.DB, scanMigration, `select `+columnsMigration+` from exchange_migration where site_id = $1 order by added_ms desc, id desc`, site)
}

// Migration returns one migration. NotFound: there is none.
func (x *Exchange) Migration(ctx context.Context, site, id string) (Migration, error) {
	list, err := db.List(ctx, x.DB, scanMigration, `select `+columnsMigration+` from exchange_migration where site_id = $1 and id = $2`, site, id)
	if err == nil && len(list) == 0 {
		err = fault.Errorf(fault.NotFound, "no such migration")
	}
	if err != nil {
		return Migration{}, err
	}
	return list[0], nil
}

// MigrationPause has a migration begin nothing more; what is under way ends.
func (x *Exchange) MigrationPause(ctx context.Context, by, site, id string) error {
	return x.changeMigration(ctx, by, site, id, "exchange.migration.paused", Paused, `state = 'running'`)
}

// MigrationGoOn has a migration go on.
func (x *Exchange) MigrationGoOn(ctx context.Context, by, site, id string) error {
	return x.changeMigration(ctx, by, site, id, "exchange.migration.continued", Running, `state = 'paused'`)
}

// MigrationCancel ends a migration and what is under way. What came stays.
func (x *Exchange) MigrationCancel(ctx context.Context, by, site, id string) error {
	return x.changeMigration(ctx, by, site, id, "exchange.migration.cancelled", Cancelled, `state in ('running', 'paused')`)
}

// MigrationAgain has the studies that differ, and those a cancelled migration left, be
// fetched and compared again.
func (x *Exchange) MigrationAgain(ctx context.Context, by, site, id string) error {
	return x.changeMigration(ctx, by, site, id, "exchange.migration.again", Running, `state in ('running', 'paused', 'done', 'cancelled')`)
}

func (x *Exchange) changeMigration(ctx context.Context, by, site, id, kind string, to State, from string) error {
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		now := db.Millis(x.Now())
		n, err := tx.Exec(ctx, `update exchange_migration set state = $3, reason = '', detail = '', updated_ms = $4, done_ms = 0 where site_id = $1 and id = $2 and `+from,
			site, id, string(to), now)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.Conflict, "the migration is not there, or not in a state for that")
		}
		switch kind {
		case "exchange.migration.again":
			_, err = tx.Exec(ctx, `update exchange_migration_study set state = 'found' where migration = $1 and state in ('differs', 'begun')`, id)
		case "exchange.migration.cancelled":
			_, err = tx.Exec(ctx, `update exchange_fetch set state = 'cancelled', updated_ms = $2 where source = $1 and state in ('waiting', 'fetching')`, id, now)
		}
		if err == nil && to == Running {
			err = x.queueStep(ctx, tx, site, id, time.Time{})
		}
		if err != nil {
			return err
		}
		return x.note(ctx, tx, site, by, kind, id, nil)
	})
}
