package exchange

import (
	"context"
	"encoding/json"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/db"
	"radagora/fault"
	"radagora/job"
)

// step is the job of a migration. It does one thing and has itself done again, so that
// one process at a time works on a migration, and goes on after a restart.
func (x *Exchange) step(ctx context.Context, j job.Job) error {
	var args struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(j.Args, &args); err != nil {
		return fault.As(fault.Invalid, err)
	}
	m, err := x.Migration(ctx, j.Site, args.ID)
	if err != nil && fault.Of(err) == fault.NotFound || err == nil && m.State != Running {
		return nil
	}
	if err != nil {
		return err
	}
	wait, err := x.further(ctx, m)
	if ctx.Err() != nil {
		return err
	}
	reason, detail := "", ""
	if err != nil {
		reason, _ = why(err)
		detail, wait = said(err), stepTrouble
	}
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `update exchange_migration set reason = $2, detail = $3, updated_ms = $4 where id = $1 and state = 'running'`,
			m.ID, reason, detail, db.Millis(x.Now())); err != nil {
			return err
		}
		when := time.Time{}
		if wait > 0 {
			when = x.Now().Add(wait)
		}
		return x.queueStep(ctx, tx, m.Site, m.ID, when)
	})
}

// further does the next thing of a migration and returns how long to wait afterwards.
func (x *Exchange) further(ctx context.Context, m Migration) (time.Duration, error) {
	zone, err := x.Zone(ctx, m.Site)
	if err != nil {
		return 0, err
	}
	if hours := (Rule{From: m.From, Until: m.Until}); !hours.open(x.Now().In(zone)) {
		return stepPause, nil
	}
	found, under, err := x.beginStudies(ctx, m)
	if err != nil {
		return 0, err
	}
	if m.Next >= m.First {
		if found >= ahead {
			return stepPause, nil
		}
		return 0, x.inventory(ctx, m)
	}
	if found == 0 && under == 0 {
		return stepPause, x.migrated(ctx, m)
	}
	return stepPause, nil
}

// beginStudies begins as many studies as may be, and returns how many are left to be
// begun and how many are under way.
func (x *Exchange) beginStudies(ctx context.Context, m Migration) (found, under int, err error) {
	var lately int
	hour := db.Millis(x.Now().Add(-time.Hour))
	if err := x.DB.QueryRow(ctx, `select
		(select count(*) from exchange_migration_study where migration = $1 and state = 'found'),
		(select count(*) from exchange_migration_study where migration = $1 and state = 'begun'),
		(select count(*) from exchange_migration_study where migration = $1 and begun_ms > $2)`, m.ID, hour).Scan(&found, &under, &lately); err != nil {
		return 0, 0, err
	}
	n := min(m.AtOnce-under, m.AnHour-lately, found)
	if n <= 0 {
		return found, under, nil
	}
	next, err := db.List(ctx, x.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select study_uid from exchange_migration_study where migration = $1 and state = 'found' order by day desc, study_uid limit $2`, m.ID, n)
	if err != nil {
		return 0, 0, err
	}
	err = x.DB.Write(ctx, func(tx *db.Tx) error {
		for _, study := range next {
			if err := x.addFetch(ctx, tx, Fetch{Site: m.Site, Peer: m.Peer, Study: study, Part: All, Source: m.ID, By: m.By}); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `update exchange_migration_study set state = 'begun', reason = '', detail = '', begun_ms = $3, updated_ms = $3 where migration = $1 and study_uid = $2`,
				m.ID, study, db.Millis(x.Now())); err != nil {
				return err
			}
		}
		return nil
	})
	return found - len(next), under + len(next), err
}

// inventory asks the peer about a day.
func (x *Exchange) inventory(ctx context.Context, m Migration) error {
	list, err := x.Source.Search(ctx, m.Site, m.Peer, Search{From: m.Next, Until: m.Next})
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(list))
	for _, f := range list {
		there[f.UID.String()] = true
	}
	only, err := x.onlyHere(ctx, m, there)
	if err != nil {
		return err
	}
	day, err := time.Parse(dayLayout, m.Next)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	now := db.Millis(x.Now())
	add := func(tx *db.Tx, study string, state StudyState, counted, here int64) error {
		_, err := tx.Exec(ctx, `insert into exchange_migration_study (migration, study_uid, site_id, day, state, reason, detail, counted, there, here, extra, begun_ms, updated_ms)
			values ($1,$2,$3,$4,$5,'','',$6,0,$7,0,0,$8) on conflict (migration, study_uid) do nothing`, m.ID, study, m.Site, m.Next, string(state), counted, here, now)
		return err
	}
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		var instances int64
		for _, f := range list {
			if err := add(tx, f.UID.String(), StudyFound, f.Instances, 0); err != nil {
				return err
			}
			instances += max(0, f.Instances)
		}
		for _, s := range only {
			if err := add(tx, s.UID.String(), StudyOnlyHere, 0, s.InstanceCount); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `insert into exchange_migration_day (migration, day, studies, instances, asked_ms) values ($1,$2,$3,$4,$5)
			on conflict (migration, day) do update set studies = excluded.studies, instances = excluded.instances, asked_ms = excluded.asked_ms`,
			m.ID, m.Next, len(list), instances, now); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `update exchange_migration set next_day = $2 where id = $1`, m.ID, day.AddDate(0, 0, -1).Format(dayLayout))
		return err
	})
}

// onlyHere returns the studies of the day that are kept here and that the peer does
// not list.
func (x *Exchange) onlyHere(ctx context.Context, m Migration, there map[string]bool) ([]archive.Study, error) {
	var only []archive.Study
	var from archive.Cursor
	for {
		list, err := x.Studies.Studies(ctx, m.Site, archive.Filter{Reach: access.Reach{All: true}, DateFrom: m.Next, DateTo: m.Next}, from, page)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			if !there[s.UID.String()] {
				only = append(only, s)
			}
		}
		if len(list) < page {
			return only, nil
		}
		from = list[page-1].Next()
	}
}

// migrated ends a migration of which everything was fetched and compared.
func (x *Exchange) migrated(ctx context.Context, m Migration) error {
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update exchange_migration set state = 'done', reason = '', detail = '', done_ms = $2, updated_ms = $2 where id = $1 and state = 'running'`, m.ID, db.Millis(x.Now()))
		if err != nil || n == 0 {
			return err
		}
		rows, err := db.List(ctx, tx, scanTally, sumStudies, m.ID)
		if err != nil {
			return err
		}
		data := map[string]any{"peer": m.Peer, "first": m.First, "last": m.Last}
		for _, r := range rows {
			data[string(r.State)] = r.Studies
		}
		return x.note(ctx, tx, m.Site, m.By, "exchange.migration.done", m.ID, data)
	})
}
