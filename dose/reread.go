package dose

import (
	"context"
	"errors"
	"slices"
	"time"

	"radagora/db"
	"radagora/fault"
)

const (
	rereadBatch = 20                     // studies read between two looks at what arrived
	rereadRest  = 100 * time.Millisecond // between two batches, so that others have their turn
	aside       = 10 * time.Minute       // so long after a rebuild what it set aside is kept at least
)

// A Reread is a reading of all studies by the present reader.
type Reread struct {
	ID, Site string
	Dry      bool   // a trial: it says what would change, and changes nothing
	Since    string // first day of the studies, "" for all
	Total    int64  // studies when it began
	Done     int64
	Differ   int64 // studies that are read otherwise
	Failed   int64 // studies that could not be read; they are as they were
	Reader   int64 // version that reads
	By       string
	At       int64 // milliseconds
	EndedAt  int64 // 0 while it goes on
	Stopped  string
	upto     string
}

const selectReread = `select run_id, site_id, dry, since, upto, total, done, differ, failed, reader, asked_by, asked_at, ended_at, stopped_by from dose_reread`

func scanReread(r *db.Rows) (x Reread, err error) {
	return x, r.Scan(&x.ID, &x.Site, &x.Dry, &x.Since, &x.upto, &x.Total, &x.Done, &x.Differ, &x.Failed, &x.Reader, &x.By, &x.At, &x.EndedAt, &x.Stopped)
}

// ReadAgain asks on behalf of by for all studies of a site from a day on, "" for all, to
// be read again by the present reader; of a trial only what would change is kept. Run
// does it while nothing else waits, and goes on after a restart. Conflict: one goes on.
// Invalid: a day that is none.
func (l *Ledger) ReadAgain(ctx context.Context, siteID, since string, dry bool, by string) (Reread, error) {
	if _, err := time.Parse(time.DateOnly, since); err != nil && since != "" {
		return Reread{}, fault.Errorf(fault.Invalid, "since: a day as 2026-01-31")
	}
	if by == "" {
		return Reread{}, fault.Errorf(fault.Invalid, "somebody has to ask")
	}
	x := Reread{ID: db.NewID(), Site: siteID, Dry: dry, Since: since, Reader: ReaderVersion, By: by, At: db.Millis(l.Now())}
	err := l.DB.Write(ctx, func(tx *db.Tx) error {
		open, err := db.List(ctx, tx, scanReread, selectReread+` where site_id = $1 and ended_at = 0`, siteID)
		if err != nil {
			return err
		}
		if len(open) > 0 {
			return fault.Errorf(fault.Conflict, "studies are being read again already: wait for its end, or stop it")
		}
		if err := tx.QueryRow(ctx, `select count(*) from dose_study where site_id = $1 and day >= $2`, siteID, since).Scan(&x.Total); err != nil {
			return err
		}
		err = insert(ctx, tx, `insert into dose_reread (run_id, site_id, dry, since, upto, total, done, differ, failed, reader, asked_by, asked_at)
			values ($1, $2, $3, $4, '', $5, 0, 0, 0, $6, $7, $8)`, x.ID, siteID, dry, since, x.Total, ReaderVersion, by, x.At)
		if err != nil {
			return err
		}
		tx.OnCommit(l.poke)
		return l.journalled(ctx, tx, siteID, by, "dose.reread.asked", x.ID, map[string]any{"trial": dry, "since": since, "studies": x.Total, "reader": ReaderVersion})
	})
	return x, err
}

// Rereads returns the readings that people asked for, the latest first.
func (l *Ledger) Rereads(ctx context.Context, siteID string, limit int) ([]Reread, error) {
	return db.List(ctx, l.DB, scanReread, selectReread+` where site_id = $1 order by asked_at desc, run_id desc limit $2`, siteID, limit)
}

// StopReread ends a reading on behalf of by: what it read stays. NotFound: none of that id
// goes on.
func (l *Ledger) StopReread(ctx context.Context, siteID, id, by string) error {
	return l.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update dose_reread set ended_at = $3, stopped_by = $4 where site_id = $1 and run_id = $2 and ended_at = 0`, siteID, id, db.Millis(l.Now()), by)
		if err == nil && n == 0 {
			err = fault.Errorf(fault.NotFound, "no reading %s that goes on", id)
		}
		if err != nil {
			return err
		}
		return l.journalled(ctx, tx, siteID, by, "dose.reread.stopped", id, nil)
	})
}

// RereadSome reads up to limit studies again, of the reading that was asked for first, and
// returns how many it looked at; 0: none goes on.
func (l *Ledger) RereadSome(ctx context.Context, limit int) (int, error) {
	if err := l.drop(ctx); err != nil {
		return 0, err
	}
	open, err := db.List(ctx, l.DB, scanReread, selectReread+` where ended_at = 0 order by asked_at, run_id limit 1`)
	if err != nil || len(open) == 0 {
		return 0, err
	}
	x := open[0]
	studies, err := db.List(ctx, l.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select study_uid from dose_study where site_id = $1 and study_uid > $2 and day >= $3 order by study_uid limit $4`, x.Site, x.upto, x.Since, limit)
	if err != nil {
		return 0, err
	}
	if len(studies) == 0 {
		return 0, l.DB.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `update dose_reread set ended_at = $2 where run_id = $1 and ended_at = 0`, x.ID, db.Millis(l.Now()))
			return err
		})
	}
	k, err := l.knowledge(ctx, x.Site)
	if err != nil {
		return 0, err
	}
	for _, study := range studies {
		err := l.reread(ctx, x, task{site: x.Site, study: study}, k)
		if errors.Is(err, errAhead) {
			break
		}
		if err != nil {
			return 0, err
		}
	}
	if !x.Dry {
		l.changed()
	}
	return len(studies), nil
}

// drop forgets what a rebuild set aside, when nothing waits to be derived any more.
func (l *Ledger) drop(ctx context.Context) error {
	var since int64
	err := l.DB.QueryRow(ctx, `select since from dose_before order by since limit 1`).Scan(&since)
	if fault.Of(err) == fault.NotFound {
		return nil
	}
	until := db.Millis(l.Now().Add(-aside))
	if err != nil || since > until {
		return err
	}
	if n, err := l.Pending(ctx); err != nil || n > 0 {
		return err
	}
	return l.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `delete from dose_before where since <= $1`, until)
		return err
	})
}

// errTrial takes back what a trial wrote.
var errTrial = errors.New("a trial changes nothing")

// reread reads one study again and notes what changed. One that cannot be read stays as
// it is.
func (l *Ledger) reread(ctx context.Context, x Reread, t task, k knowledge) error {
	r, err := l.readStudy(ctx, t)
	r.again = true
	var found []Change
	if err == nil {
		err = l.DB.Write(ctx, func(tx *db.Tx) error {
			before, err := derivedOf(ctx, tx, t.site, t.study)
			if err != nil {
				return err
			}
			if err := l.write(ctx, tx, r, k); err != nil {
				return err
			}
			if found, err = l.changedSince(ctx, tx, t, before); err != nil {
				return err
			}
			if x.Dry {
				return errTrial
			}
			return l.step(ctx, tx, x, t, found, 0)
		})
	}
	switch {
	case errors.Is(err, errTrial):
		return l.DB.Write(ctx, func(tx *db.Tx) error { return l.step(ctx, tx, x, t, found, 0) })
	case err == nil, errors.Is(err, errAhead):
		return err
	case ctx.Err() != nil || !ofOne(err):
		return err
	}
	l.Log.WarnContext(ctx, "dose: read a study again", "study_uid", t.study, "error", err)
	return l.DB.Write(ctx, func(tx *db.Tx) error { return l.step(ctx, tx, x, t, nil, 1) })
}

// errAhead says that another process read the study, or that somebody stopped the reading.
var errAhead = errors.New("the reading is further, or ended")

// step notes how far a reading is, and what it found.
func (*Ledger) step(ctx context.Context, tx *db.Tx, x Reread, t task, found []Change, failed int) error {
	n, err := tx.Exec(ctx, `update dose_reread set upto = $2, done = done + 1, differ = differ + $3, failed = failed + $4
		where run_id = $1 and upto < $2 and ended_at = 0`, x.ID, t.study, min(1, len(found)), failed)
	if err == nil && n == 0 {
		err = errAhead
	}
	if err != nil {
		return err
	}
	return noteChanges(ctx, tx, t, x.ID, !x.Dry, found)
}

// OldReadings returns how many studies of a site an older reader read.
func (l *Ledger) OldReadings(ctx context.Context, siteID string) (n int64, err error) {
	err = l.DB.QueryRow(ctx, `select count(*) from dose_study where site_id = $1 and reader_version <> $2`, siteID, ReaderVersion).Scan(&n)
	return n, err
}

// A ChangeGroup are changes of one kind.
type ChangeGroup struct {
	Modality, Machine, What, Field string
	N                              int // changes
	Studies                        int
	Examples                       []Change // at most a few
}

// examples is how many changes a group shows.
const examples = 3

// Changes returns what a reading found, "" for rebuilds, grouped, the largest groups
// first. Of persons whose data are restricted there is no example.
func (l *Ledger) Changes(ctx context.Context, siteID, run string) ([]ChangeGroup, error) {
	var all []ChangeGroup
	err := l.DB.Read(ctx, func(tx *db.Tx) error {
		hidden, err := restricted(ctx, tx, siteID)
		if err != nil {
			return err
		}
		groups, err := db.List(ctx, tx, func(r *db.Rows) (g ChangeGroup, err error) {
			return g, r.Scan(&g.Modality, &g.Machine, &g.What, &g.Field, &g.N, &g.Studies)
		}, `select modality, machine_id, what, field, count(*), count(distinct study_uid) from dose_change
			where site_id = $1 and run_id = $2 group by modality, machine_id, what, field order by 5 desc, 1, 2, 3, 4`, siteID, run)
		if err != nil {
			return err
		}
		shown, err := db.List(ctx, tx, scanChange, `select `+changeColumns+` from (select `+changeColumns+`, row_number() over (
			partition by modality, machine_id, what, field order by study_uid, item, examination) as place from dose_change
			where site_id = $1 and run_id = $2) as ranked where place <= $3`, siteID, run, examples)
		if err != nil {
			return err
		}
		all = groups
		for _, c := range shown {
			i := slices.IndexFunc(all, func(g ChangeGroup) bool {
				return g.Modality == c.Modality && g.Machine == c.Machine && g.What == c.What && g.Field == c.Field
			})
			if i >= 0 && !hidden[c.Study] {
				all[i].Examples = append(all[i].Examples, c)
			}
		}
		return nil
	})
	return all, err
}

const changeColumns = `study_uid, examination, machine_id, modality, day, what, item, field, before, after, reader_from, reader_to, changed_at, applied`

func scanChange(r *db.Rows) (c Change, err error) {
	return c, r.Scan(&c.Study, &c.Examination, &c.Machine, &c.Modality, &c.Day, &c.What, &c.Item, &c.Field, &c.Before, &c.After, &c.From, &c.To, &c.At, &c.Applied)
}

// EachChange calls fn with every change that a reading found, "" for rebuilds, by study.
func (l *Ledger) EachChange(ctx context.Context, siteID, run string, fn func(Change) error) error {
	return l.DB.Read(ctx, func(tx *db.Tx) error {
		hidden, err := restricted(ctx, tx, siteID)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `select `+changeColumns+` from dose_change where site_id = $1 and run_id = $2 order by study_uid, what, item, field, change_id`, siteID, run)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			c, err := scanChange(rows)
			if err != nil {
				return err
			}
			if hidden[c.Study] {
				continue
			}
			if err := fn(c); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}
