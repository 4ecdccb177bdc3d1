package job

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"radagora/db"
	"radagora/fault"
)

// The states of a job, as List takes and returns them.
const (
	Waiting = "waiting" // for its time, a free process or the next attempt
	Running = "running"
	Done    = "done"
	Dead    = "dead" // it will not run unless somebody replays it
)

// A Status is a job as people see it.
type Status struct {
	Job
	State   string
	Created time.Time
	Ended   time.Time // the zero time unless it is done or dead
	Holder  string    // the process that runs it, or did last
	Reason  string    // why the last attempt failed, without quoted values; "" if it did not
	Fault   string    // the kind of that error
}

// A Filter says which jobs to list. The zero value means the newest hundred.
type Filter struct {
	State string // "" means any
	Kind  string // "" means any
	Limit int    // 0 means 100
}

// states are the conditions of the states. A running job whose lease ran out waits.
var states = map[string]string{
	"":      `cast($1 as bigint) >= 0`,
	Waiting: `state = 'open' and until_ms <= $1`,
	Running: `state = 'open' and until_ms > $1`,
	Done:    `state = 'done' and cast($1 as bigint) >= 0`,
	Dead:    `state = 'dead' and cast($1 as bigint) >= 0`,
}

// List returns jobs, the newest first. It is Invalid for an unknown state.
func (q *Queue) List(ctx context.Context, f Filter) ([]Status, error) {
	where, ok := states[f.State]
	if !ok {
		return nil, fault.Errorf(fault.Invalid, "list jobs: no state %.40q", f.State)
	}
	now := db.Millis(q.o.Now())
	all, err := db.List(ctx, q.db, func(r *db.Rows) (Status, error) { return scanStatus(r, now) },
		fmt.Sprintf(`select job_id, site_id, kind, job_key, args, run_at, attempts, state, until_ms, holder, error, error_kind, created_at, ended_at
			from job where %s and ($2 = '' or kind = $2) order by job_id desc limit %d`, where, orElse(f.Limit, 100)), now, f.Kind)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	return all, nil
}

func scanStatus(r *db.Rows, now int64) (s Status, err error) {
	var args string
	var at, until, created, ended int64
	err = r.Scan(&s.ID, &s.Site, &s.Kind, &s.Key, &args, &at, &s.Attempt, &s.State, &until, &s.Holder, &s.Reason, &s.Fault, &created, &ended)
	s.Args, s.RunAt, s.Created, s.Ended = json.RawMessage(args), db.FromMillis(at), db.FromMillis(created), db.FromMillis(ended)
	if s.State == "open" {
		s.State = Waiting
		if until > now {
			s.State = Running
		}
	}
	return s, err
}

// A Count says how many jobs of one kind are in which state.
type Count struct {
	Kind    string
	Waiting int
	Running int
	Failing int       // of those that wait, how many have failed at least once
	Done    int       // within Options.Keep
	Dead    int       // within Options.KeepDead
	Late    time.Time // since when the longest due one waits; the zero time if none is due
	Handled bool      // this process handles the kind
}

// State counts the jobs by kind, for the status page.
func (q *Queue) State(ctx context.Context) ([]Count, error) {
	kinds := map[string]bool{}
	for _, k := range q.kinds() {
		kinds[k] = true
	}
	all, err := db.List(ctx, q.db, func(r *db.Rows) (c Count, err error) {
		var late int64
		err = r.Scan(&c.Kind, &c.Waiting, &c.Running, &c.Failing, &c.Done, &c.Dead, &late)
		c.Late, c.Handled = db.FromMillis(late), kinds[c.Kind]
		return c, err
	}, `select kind,
			sum(case when state = 'open' and until_ms <= $1 then 1 else 0 end),
			sum(case when state = 'open' and until_ms > $1 then 1 else 0 end),
			sum(case when state = 'open' and until_ms <= $1 and error <> '' then 1 else 0 end),
			sum(case when state = 'done' then 1 else 0 end),
			sum(case when state = 'dead' then 1 else 0 end),
			coalesce(min(case when state = 'open' and until_ms <= $1 and run_at <= $1 then run_at end), 0)
		from job group by kind order by kind`, db.Millis(q.o.Now()))
	if err != nil {
		return nil, fmt.Errorf("state of jobs: %w", err)
	}
	return all, nil
}

// A Time says when a timed job runs.
type Time struct {
	Name     string
	Schedule string // in words
	Next     time.Time
	Last     time.Time // when it was last due; the zero time if never
}

// Times returns all timed jobs that any process ever named, by name.
func (q *Queue) Times(ctx context.Context) ([]Time, error) {
	all, err := db.List(ctx, q.db, func(r *db.Rows) (t Time, err error) {
		var next, last int64
		err = r.Scan(&t.Name, &t.Schedule, &next, &last)
		t.Next, t.Last = db.FromMillis(next), db.FromMillis(last)
		return t, err
	}, `select name, spec, next_at, last_at from job_schedule order by name`)
	if err != nil {
		return nil, fmt.Errorf("timed jobs: %w", err)
	}
	return all, nil
}

// Replay has a dead job run again, with all its attempts, on behalf of by. It is
// NotFound unless there is a dead job with this id, and Conflict if one of its kind
// and key waits already.
func (q *Queue) Replay(ctx context.Context, by, id string) error {
	return q.person(ctx, by, id, "job.job.replayed", `update job set state = 'open', run_at = $1, set_at = $1, until_ms = 0, attempts = 0,
		again_at = 0, error = '', error_kind = '', ended_at = 0 where job_id = $2 and state = 'dead' returning site_id, kind`)
}

// Remove deletes a job that is dead or waits, on behalf of by. It is NotFound unless
// there is one with this id.
func (q *Queue) Remove(ctx context.Context, by, id string) error {
	return q.person(ctx, by, id, "job.job.removed", `delete from job where job_id = $2 and (state = 'dead' or state = 'open' and until_ms <= $1) returning site_id, kind`)
}

// person does to one job what a person asked for, and journals it.
func (q *Queue) person(ctx context.Context, by, id, entry, query string) error {
	err := q.db.Write(ctx, func(tx *db.Tx) error {
		var site, kind string
		if err := tx.QueryRow(ctx, query, db.Millis(q.o.Now()), id).Scan(&site, &kind); err != nil {
			return err
		}
		tx.OnCommit(q.nudge)
		return q.record(ctx, tx, by, site, entry, id, map[string]any{"kind": kind})
	})
	if err != nil {
		return fmt.Errorf("job %.40s: %w", id, err)
	}
	return nil
}
