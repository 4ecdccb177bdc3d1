package archive

import (
	"context"
	"sync"
	"time"

	"radagora/db"
	"radagora/fault"
)

// What is derived is prepared behind those who store: metadata of a series once it
// rests, the words of a study at once. What is due was noted in the transaction that
// made it so; what only changed a series is remembered here and otherwise found stale
// when somebody asks. So a kill loses nothing but time.

const (
	restSeries = 250 * time.Millisecond // without a new instance, until a series is prepared
	restBusy   = 2 * time.Second        // the same while others of any series arrive
	restMost   = 30 * time.Second       // for one that takes long to prepare, twenty times that
	tick       = 100 * time.Millisecond
	sweepEvery = 20 * time.Second
	sweepOlder = 10 * time.Second // what is due for so long is nobody's
	sweepBatch = 200
)

// pending is what this process is to prepare.
type pending struct {
	mu      sync.Mutex
	series  map[string]*resting
	studies map[string]bool
	last    time.Time // when something was stored, by the stopwatch
	wake    chan struct{}
}

// A resting series is one that got an instance lately.
type resting struct {
	since time.Time
	took  time.Duration // the last time it was prepared
}

// maxPending bounds what is remembered; the rest is found stale.
const maxPending = 20_000

// woken returns the channel that says there is something to prepare.
func (p *pending) woken() chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wake == nil {
		p.wake = make(chan struct{}, 1)
	}
	return p.wake
}

// note remembers that a series got an instance, and whether its study says something
// new.
func (p *pending) note(s place, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.series == nil {
		p.series, p.studies = map[string]*resting{}, map[string]bool{}
	}
	if r := p.series[s.series]; r != nil {
		r.since = now
	} else if len(p.series) < maxPending {
		p.series[s.series] = &resting{since: now}
	}
	if s.told && len(p.studies) < maxPending {
		p.studies[s.study] = true
	}
	p.last = now
	p.poke()
}

// noteStudy remembers that a study says something new.
func (p *pending) noteStudy(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.studies == nil {
		p.series, p.studies = map[string]*resting{}, map[string]bool{}
	}
	if len(p.studies) < maxPending {
		p.studies[id] = true
	}
	p.poke()
}

// poke wakes whoever prepares.
func (p *pending) poke() {
	if p.wake == nil {
		return
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// ready takes out what can be prepared now, and reports whether anything is left.
func (p *pending) ready(now time.Time) (series, studies []string, left bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := restSeries
	if now.Sub(p.last) < restSeries {
		rest = restBusy
	}
	for id, r := range p.series {
		if now.Sub(r.since) >= max(rest, min(restMost, 20*r.took)) {
			series = append(series, id)
		}
	}
	for id := range p.studies {
		studies = append(studies, id)
		delete(p.studies, id)
	}
	return series, studies, len(p.series) > len(series)
}

// done notes how long a series took; it is forgotten unless it got more meanwhile.
func (p *pending) done(id string, began time.Time, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.series[id]
	switch {
	case r == nil:
	case r.since.After(began):
		r.took = took
	default:
		delete(p.series, id)
	}
}

// busy reports whether something was stored lately.
func (p *pending) busy(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Sub(p.last) < time.Second
}

// prepareLoop prepares until ctx ends.
func (a *Archive) prepareLoop(ctx context.Context) {
	wake := a.pending.woken()
	sweep, ticker := time.NewTimer(0), time.NewTicker(tick)
	defer sweep.Stop()
	defer ticker.Stop()
	for left := true; ctx.Err() == nil; {
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			a.tellUnless(ctx, a.sweep(ctx, sweepOlder))
			next := sweepEvery
			more, err := a.varyBefore(ctx)
			if a.tellUnless(ctx, err); more && err == nil {
				next = tick
			}
			sweep.Reset(next)
			continue
		case <-wake:
			left = true
			continue
		case <-ticker.C:
			if !left {
				continue
			}
		}
		var series, studies []string
		series, studies, left = a.pending.ready(time.Now()) //nolint:forbidigo // a stopwatch
		a.tellUnless(ctx, a.prepareStudies(ctx, studies))
		for _, id := range series {
			a.tellUnless(ctx, a.prepareOne(ctx, id))
		}
	}
}

// tellUnless logs what could not be prepared; it is tried again later, or when somebody asks.
func (a *Archive) tellUnless(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && fault.Of(err) != fault.NotFound {
		a.Log.WarnContext(ctx, "something of the archive is not prepared yet", "error", err)
	}
}

// prepareOne prepares a series that rests, and leaves those who store as much time as
// it takes.
func (a *Archive) prepareOne(ctx context.Context, id string) error {
	began := time.Now() //nolint:forbidigo // a stopwatch
	slice := began
	n := 0
	_, err := a.prepare(ctx, id, func() {
		if n++; n%20 != 0 {
			return
		}
		now := time.Now() //nolint:forbidigo // a stopwatch
		if a.pending.busy(now) {
			pause(ctx, now.Sub(slice))
		}
		slice = time.Now() //nolint:forbidigo // a stopwatch
	})
	if fault.Of(err) == fault.NotFound && err != nil {
		err = a.DB.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `delete from prepare_due where kind = 'series' and id = $1 and not exists (select 1 from series where series.id = $1)`, id)
			return err
		})
	}
	a.pending.done(id, began, time.Since(began))
	return err
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Prepare makes everything that is due: after tables were dropped or restored, or
// before something is measured. Run does the same as it goes.
func (a *Archive) Prepare(ctx context.Context) error {
	if err := a.sweep(ctx, -time.Hour); err != nil {
		return err
	}
	for {
		if more, err := a.varyBefore(ctx); err != nil || !more {
			return err
		}
	}
}

// sweep prepares what is due for longer than that: what an end of the program left
// over, or another process did not come to.
func (a *Archive) sweep(ctx context.Context, older time.Duration) error {
	for _, kind := range []string{"study", "series"} {
		for after := ""; ctx.Err() == nil; {
			list, err := db.List(ctx, a.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
				`select id from prepare_due where kind = $1 and id > $2 and at_ms <= $3 order by id limit $4`,
				kind, after, db.Millis(a.Now().Add(-older)), sweepBatch)
			if err != nil || len(list) == 0 {
				if err != nil {
					return err
				}
				break
			}
			after = list[len(list)-1]
			if kind == "study" {
				if err := a.prepareStudies(ctx, list); err != nil {
					return err
				}
				continue
			}
			for _, id := range list {
				if err := a.prepareOne(ctx, id); err != nil && fault.Of(err) != fault.NotFound {
					return err
				}
			}
		}
	}
	return ctx.Err()
}

// dueIn notes, as part of tx, that something is to be prepared.
func (a *Archive) dueIn(ctx context.Context, tx *db.Tx, kind, id, site string) error {
	_, err := tx.Exec(ctx, `insert into prepare_due (kind, id, site_id, at_ms) values ($1, $2, $3, $4) on conflict (kind, id) do nothing`,
		kind, id, site, db.Millis(a.Now()))
	return err
}

// Unprepare removes, as part of tx, everything that was derived of a study, by its id:
// whoever deletes instances, or changes what the index says of a study, calls it in the
// same transaction before rows go. What is left of the study is prepared anew.
func (a *Archive) Unprepare(ctx context.Context, tx *db.Tx, site, study string) error {
	if err := a.forgetWords(ctx, tx, study); err != nil {
		return err
	}
	for _, s := range []string{
		`delete from series_prepared where study = $1`,
		`delete from instance_frames where instance in (select instance.id from instance join series on series.id = instance.series where series.study = $1)`,
		`delete from prepare_due where kind = 'series' and id in (select id from series where study = $1)`,
		`insert into prepare_due (kind, id, site_id, at_ms) select 'series', id, site_id, updated_at from series where study = $1`,
	} {
		if _, err := tx.Exec(ctx, s, study); err != nil {
			return err
		}
	}
	tx.OnCommit(func() { a.pending.noteStudy(study) })
	return a.dueIn(ctx, tx, "study", study, site)
}

// allDue has everything prepared anew.
func (a *Archive) allDue(ctx context.Context) error {
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		for _, s := range []string{
			`delete from series_prepared`, `delete from instance_frames`, `delete from search_study`, `delete from search_word`, `delete from search_gram`,
			`delete from prepare_due where kind in ('study', 'series')`,
			`insert into prepare_due (kind, id, site_id, at_ms) select 'study', id, site_id, 0 from study`,
			`insert into prepare_due (kind, id, site_id, at_ms) select 'series', id, site_id, 0 from series`,
		} {
			if _, err := tx.Exec(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
}
