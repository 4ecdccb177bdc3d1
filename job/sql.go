package job

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// A taken job is leased to this process; term says by which taking.
type taken struct {
	Job
	term int64
}

// due finds jobs to do: $1 is now, $2 the latest end a lease or a pause can have
// been given by a clock that is right. What was due when its time was set stays due
// when the clock is put back.
const due = `state = 'open' and (run_at <= $1 or run_at <= set_at or attempts > 0 and run_at > $3) and (until_ms <= $1 or until_ms > $2)`

// bounds are the arguments of due. Leases and pauses further ahead than they are
// ever given come from a clock that was put back since.
func (q *Queue) bounds(now time.Time) []any {
	return []any{db.Millis(now), db.Millis(now.Add(2 * q.o.LeaseTTL)), db.Millis(now.Add(2 * q.o.MaxPause))}
}

// take leases up to n due jobs of the kinds handled here, the earliest first, and
// returns how long it is until the next is due, at most a poll.
func (q *Queue) take(ctx context.Context, n int, now time.Time) ([]taken, time.Duration, error) {
	kinds := q.kinds()
	if len(kinds) == 0 {
		return nil, q.o.Poll, nil
	}
	args := q.bounds(now)
	marks := make([]string, len(kinds))
	for i, k := range kinds {
		args = append(args, k)
		marks[i] = fmt.Sprintf("$%d", len(args))
	}
	in := ` and kind in (` + strings.Join(marks, ", ") + `)`
	wait, found, err := q.next(ctx, now, in, args)
	if err != nil || !found {
		return nil, wait, err
	}
	var got []taken
	err = q.db.Write(ctx, func(tx *db.Tx) error {
		var err error
		got, err = db.List(ctx, tx, scanTaken, fmt.Sprintf(`select job_id, site_id, kind, job_key, args, run_at, term, attempts from job where `+due+in+
			` order by run_at, job_id limit %d %s`, n, tx.ForUpdateSkipLocked()), args...)
		if err != nil {
			return err
		}
		got, err = q.lease(ctx, tx, got, now)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("take jobs: %w", err)
	}
	return got, q.o.Poll, nil
}

// next reports whether a job is due, or how long it is until one is. It writes
// nothing, so that a queue at rest costs nothing.
func (q *Queue) next(ctx context.Context, now time.Time, in string, args []any) (time.Duration, bool, error) {
	var id string
	err := q.db.QueryRow(ctx, `select job_id from job where `+due+in+` limit 1`, args...).Scan(&id)
	if err == nil {
		return 0, true, nil
	}
	if fault.Of(err) != fault.NotFound {
		return 0, false, fmt.Errorf("look for jobs: %w", err)
	}
	var at int64
	err = q.db.QueryRow(ctx, `select coalesce(min(run_at), 0) from job where state = 'open' and until_ms = 0 and run_at > $1`, db.Millis(now)).Scan(&at)
	if err != nil {
		return 0, false, fmt.Errorf("look for jobs: %w", err)
	}
	if at == 0 {
		return q.o.Poll, false, nil
	}
	return min(q.o.Poll, db.FromMillis(at).Sub(now)), false, nil
}

func scanTaken(r *db.Rows) (t taken, err error) {
	var args string
	var at int64
	err = r.Scan(&t.ID, &t.Site, &t.Kind, &t.Key, &args, &at, &t.term, &t.Attempt)
	t.Args, t.RunAt = json.RawMessage(args), db.FromMillis(at)
	return t, err
}

// kinds returns the kinds handled here, in order.
func (q *Queue) kinds() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := make([]string, 0, len(q.handlers))
	for k := range q.handlers {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// lease marks jobs as running here. A job that was begun as often as it may and
// never ended takes the process with it each time: it is dead.
func (q *Queue) lease(ctx context.Context, tx *db.Tx, found []taken, now time.Time) ([]taken, error) {
	got := make([]taken, 0, len(found))
	for _, t := range found {
		q.mu.Lock()
		most := q.handlers[t.Kind].attempts
		q.mu.Unlock()
		if t.Attempt >= most {
			cause := fault.Errorf(fault.Internal, "begun %d times, and each time the process ended before the job did", t.Attempt)
			if err := q.bury(ctx, tx, t, cause); err != nil {
				return nil, err
			}
			continue
		}
		t.term++
		t.Attempt++
		_, err := tx.Exec(ctx, `update job set until_ms = $1, holder = $2, term = $3, attempts = $4 where job_id = $5`,
			db.Millis(now.Add(q.o.LeaseTTL)), q.holder, t.term, t.Attempt, t.ID)
		if err != nil {
			return nil, err
		}
		got = append(got, t)
	}
	return got, nil
}

// inherit takes the leases of processes that ended away, where nobody else can have any.
func (q *Queue) inherit(ctx context.Context) error {
	if !q.o.Alone {
		return nil
	}
	return q.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `update job set until_ms = 0 where state = 'open' and until_ms > 0`)
		return err
	})
}

// renew prolongs the leases of what runs here, and ends what is ours no more.
func (q *Queue) renew(ctx context.Context) error {
	q.mu.Lock()
	held := maps.Clone(q.running)
	q.mu.Unlock()
	if len(held) == 0 {
		return nil
	}
	var ours []string
	err := q.db.Write(ctx, func(tx *db.Tx) error {
		var err error
		ours, err = db.List(ctx, tx, func(r *db.Rows) (id string, err error) { return id, r.Scan(&id) },
			`update job set until_ms = $1 where state = 'open' and holder = $2 and until_ms > 0 returning job_id`,
			db.Millis(q.o.Now().Add(q.o.LeaseTTL)), q.holder)
		return err
	})
	if err != nil {
		return err
	}
	for id, r := range held {
		if !slices.Contains(ours, id) {
			r.cancel(errLost)
		}
	}
	return nil
}

// done marks a job as done, or open again if it was added while it ran.
func (q *Queue) done(ctx context.Context, r *run) error {
	return q.end(ctx, r.taken, func(tx *db.Tx) (int64, error) {
		return tx.Exec(ctx, `update job set
			state = case when again_at > 0 then 'open' else 'done' end,
			run_at = case when again_at = 0 then run_at when again_at = $1 then $2 else again_at end,
			set_at = case when again_at > 0 then $2 else set_at end,
			attempts = case when again_at > 0 then 0 else attempts end,
			ended_at = case when again_at > 0 then ended_at else $2 end,
			again_at = 0, until_ms = 0, error = '', error_kind = ''
			where job_id = $3 and term = $4 and state = 'open'`, atOnce, db.Millis(q.o.Now()), r.ID, r.term)
	})
}

// giveBack ends an attempt that does not count.
func (q *Queue) giveBack(ctx context.Context, r *run) error {
	return q.end(ctx, r.taken, func(tx *db.Tx) (int64, error) {
		return tx.Exec(ctx, `update job set until_ms = 0, attempts = attempts - 1 where job_id = $1 and term = $2 and state = 'open'`, r.ID, r.term)
	})
}

// later ends an attempt that failed and plans the next.
func (q *Queue) later(ctx context.Context, t taken, at time.Time, cause error) error {
	return q.end(ctx, t, func(tx *db.Tx) (int64, error) {
		return tx.Exec(ctx, `update job set until_ms = 0, run_at = $1, set_at = $2, error = $3, error_kind = $4
			where job_id = $5 and term = $6 and state = 'open'`, db.Millis(at), db.Millis(q.o.Now()), quiet(cause), fault.Of(cause).String(), t.ID, t.term)
	})
}

// die has a job be dead.
func (q *Queue) die(ctx context.Context, t taken, cause error) error {
	q.o.Log.WarnContext(ctx, "job is dead", "job", t.ID, "kind", t.Kind, "attempts", t.Attempt, "fault", fault.Of(cause).String(), "reason", quiet(cause))
	return q.db.Write(ctx, func(tx *db.Tx) error { return q.bury(ctx, tx, t, cause) })
}

// end writes the end of an attempt. Another process may have the job by now, and
// then it is not ours to end.
func (q *Queue) end(ctx context.Context, t taken, fn func(*db.Tx) (int64, error)) error {
	return q.db.Write(ctx, func(tx *db.Tx) error {
		n, err := fn(tx)
		if err == nil && n == 0 {
			err = fault.Errorf(fault.Conflict, "job %s: %w", t.ID, errLost)
		}
		return err
	})
}

// bury marks a job as dead and notes it in the journal.
func (q *Queue) bury(ctx context.Context, tx *db.Tx, t taken, cause error) error {
	n, err := tx.Exec(ctx, `update job set state = 'dead', until_ms = 0, error = $1, error_kind = $2, ended_at = $3
		where job_id = $4 and term = $5 and state = 'open'`,
		quiet(cause), fault.Of(cause).String(), db.Millis(q.o.Now()), t.ID, t.term)
	if err != nil || n == 0 {
		return err
	}
	// What was asked for while it ran is another job now.
	_, err = tx.Exec(ctx, `insert into job (job_id, site_id, kind, job_key, args, state, run_at, created_at, set_at)
		select $1, site_id, kind, job_key, args, 'open', case when again_at = $2 then ended_at else again_at end, ended_at, ended_at
		from job where job_id = $3 and again_at > 0`, db.NewID(), atOnce, t.ID)
	if err != nil {
		return err
	}
	return q.record(ctx, tx, "system:job", t.Site, "job.job.died", t.ID, map[string]any{
		"kind": t.Kind, "attempts": t.Attempt, "fault": fault.Of(cause).String(),
	})
}

// prune removes what was kept long enough.
func (q *Queue) prune(ctx context.Context, now time.Time) error {
	for state, keep := range map[string]time.Duration{"done": q.o.Keep, "dead": q.o.KeepDead} {
		err := q.db.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `delete from job where state = $1 and state <> 'open' and ended_at < $2`, state, db.Millis(now.Add(-keep)))
			return err
		})
		if err != nil {
			return fmt.Errorf("prune jobs: %w", err)
		}
	}
	return nil
}

// record writes to the journal what happened to a job.
func (q *Queue) record(ctx context.Context, tx *db.Tx, by, site, kind, subject string, data map[string]any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	return q.journal.Append(ctx, tx, journal.Entry{Site: site, At: q.o.Now(), Actor: by, Kind: kind, Subject: subject, Data: text})
}

// quoted finds what the texts of errors put between double quotes: mostly a value
// that could not be read, and so perhaps a name.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// quiet returns the text of err without the values it quotes, at most 500 bytes.
func quiet(err error) string {
	text := strings.ToValidUTF8(strings.ReplaceAll(quoted.ReplaceAllString(err.Error(), `"…"`), "\x00", ""), "")
	for i := range text {
		if i > 490 {
			return text[:i] + "…"
		}
	}
	return text
}
