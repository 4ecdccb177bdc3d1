package backup

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// A Run is what a backup or a verification came to.
type Run struct {
	ID       string
	Kind     string // run or verify
	Backup   string // id of the manifest; "" if there is none
	Snapshot time.Time
	Started  time.Time
	Ended    time.Time
	Good     bool
	Error    string // "" if good
	Bytes    int64  // of the whole backup in the repository
	Added    int64  // of them written by this run
	Proved   json.RawMessage
}

// write notes a run, with its entry in the journal.
func (k *Keeper) write(ctx context.Context, r Run, kind string) error {
	r.Ended = k.c.Now()
	if len(r.Proved) == 0 {
		r.Proved = json.RawMessage("{}")
	}
	snapshot := int64(0)
	if !r.Snapshot.IsZero() {
		snapshot = db.Millis(r.Snapshot)
	}
	data, err := json.Marshal(map[string]any{"backup": r.Backup, "bytes": r.Bytes, "added": r.Added, "proved": r.Proved, "error": r.Error})
	if err != nil {
		return err
	}
	entry := journal.Entry{Site: k.c.Site, Actor: k.c.Actor, Kind: "backup." + kind + ".finished", Subject: r.Backup, Data: data}
	if !r.Good {
		entry.Kind = "backup." + kind + ".failed"
	}
	return k.c.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into backup_run (id, site_id, kind, backup, snapshot_ms, started_ms, ended_ms, good, error, bytes, added, proved)
			values ($1, '', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			r.ID, kind, r.Backup, snapshot, db.Millis(r.Started), db.Millis(r.Ended), r.Good, r.Error, r.Bytes, r.Added, r.Proved)
		if err != nil || k.c.Journal == nil {
			return err
		}
		return k.c.Journal.Append(ctx, tx, entry)
	})
}

const runColumns = "id, kind, backup, snapshot_ms, started_ms, ended_ms, good, error, bytes, added, proved"

func scanRun(r *db.Rows) (run Run, err error) {
	var snapshot, started, ended int64
	var proved string
	err = r.Scan(&run.ID, &run.Kind, &run.Backup, &snapshot, &started, &ended, &run.Good, &run.Error, &run.Bytes, &run.Added, &proved)
	if snapshot != 0 {
		run.Snapshot = db.FromMillis(snapshot)
	}
	run.Started, run.Ended, run.Proved = db.FromMillis(started), db.FromMillis(ended), json.RawMessage(proved)
	return run, err
}

// Runs returns the latest runs and verifications, latest first, at most n.
func (k *Keeper) Runs(ctx context.Context, n int) ([]Run, error) {
	return db.List(ctx, k.c.DB, scanRun, "select "+runColumns+" from backup_run order by ended_ms desc, id desc limit $1", n)
}

// latest returns the latest run of a kind, good ones only if good; the zero Run if
// there is none.
func (k *Keeper) latest(ctx context.Context, kind string, good bool) (Run, error) {
	all, err := db.List(ctx, k.c.DB, scanRun, "select "+runColumns+` from backup_run where kind = $1 and (good or not $2)
		order by ended_ms desc, id desc limit 1`, kind, good)
	if err != nil || len(all) == 0 {
		return Run{}, err
	}
	return all[0], nil
}

// A State says how the backups of the installation stand.
type State struct {
	Configured bool
	Target     string        // for people
	Every      time.Duration // 0: no schedule
	Keep       Policy
	Last       Run           // the last good backup; the zero Run if there never was one
	Age        time.Duration // since the instant of its database; meaningless without Last
	Next       time.Time     // when the schedule makes the next; the zero time without one
	Failed     Run           // the last run, if it failed; else the zero Run
	Verified   Run           // the last good verification
	Late       bool          // a schedule or an earlier backup exists, and the last good one is too old
	Away       bool          // the target does not have the last good one: another folder, or not mounted
}

// grace is how much older than the schedule says a backup may be before it is late.
const grace = time.Hour

// State says how the backups stand. every is the schedule, 0 if there is none; then
// a backup is late after a week.
func (k *Keeper) State(ctx context.Context, every time.Duration) (State, error) {
	s := State{Configured: k.Configured(), Every: every, Keep: k.c.Keep}
	if s.Configured {
		s.Target = k.c.Target.String()
	}
	var err error
	if s.Last, err = k.latest(ctx, "run", true); err != nil {
		return s, err
	}
	last, err := k.latest(ctx, "run", false)
	if err != nil {
		return s, err
	}
	if last.ID != "" && !last.Good {
		s.Failed = last
	}
	if s.Verified, err = k.latest(ctx, "verify", true); err != nil {
		return s, err
	}
	now, limit := k.c.Now(), every+grace
	if every == 0 {
		limit = 7 * 24 * time.Hour
	}
	if s.Last.ID != "" {
		s.Age = now.Sub(s.Last.Snapshot)
	}
	if s.Configured && s.Last.ID != "" {
		there, err := k.c.Target.Has(ctx, manifestsPrefix+s.Last.Backup)
		s.Away = !there
		if err != nil {
			k.c.Log.WarnContext(ctx, "look at the last backup", "error", err)
		}
	}
	s.Late = s.Away || s.Last.ID == "" && (every > 0 || s.Failed.ID != "") || s.Last.ID != "" && s.Age > limit
	if every > 0 {
		last := s.Last
		if s.Away {
			last = Run{}
		}
		s.Next = nextRun(last, s.Failed, every, now)
	}
	return s, nil
}

// nextRun returns when the schedule makes the next backup: a failed one is tried
// again after a twelfth of the time, at most an hour.
func nextRun(last, failed Run, every time.Duration, now time.Time) time.Time {
	next := now
	if last.ID != "" {
		next = last.Started.Add(every)
	}
	if failed.ID != "" {
		if again := failed.Ended.Add(min(every/12, time.Hour)); again.After(next) {
			next = again
		}
	}
	if next.Sub(now) > every { // the clock stepped back
		next = now.Add(every)
	}
	return next
}

// Always makes backups on schedule until ctx ends, and carries erasures to the
// repository soon after they happen. Of several processes whoever comes first does.
func (k *Keeper) Always(ctx context.Context, every time.Duration) error {
	if k.c.Target == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	carried := int64(-1)
	for {
		if every > 0 {
			if err := k.due(ctx, every); err != nil && ctx.Err() == nil {
				k.c.Log.ErrorContext(ctx, "backup", "error", err)
			}
		}
		if n, err := k.erasureCount(ctx); err == nil && n != carried && n > 0 {
			if err := k.Carry(ctx); err == nil {
				carried = n
			} else if ctx.Err() == nil {
				k.c.Log.ErrorContext(ctx, "carry erasures to the backups", "error", err)
			}
		}
		select {
		case <-tick.C:
		case what := <-k.asked:
			k.do(ctx, what)
		case <-ctx.Done():
			return nil
		}
	}
}

// What can be asked for.
const (
	ARun    = "run"
	AVerify = "verify"
)

// Ask has Always, in this process, make a backup or verify the latest as far as can
// be without a secret, soon. actor is who asks. Conflict: something is being done.
func (k *Keeper) Ask(ctx context.Context, actor, what string) error {
	if k.c.Target == nil {
		return errNoTarget
	}
	if what != ARun && what != AVerify {
		return fault.Errorf(fault.Invalid, "ask the backups to %q", what)
	}
	if k.Doing() != "" || len(k.asked) > 0 {
		return fault.Errorf(fault.Conflict, "a backup is being made or verified")
	}
	if k.c.Journal != nil {
		err := k.c.DB.Write(ctx, func(tx *db.Tx) error {
			return k.c.Journal.Append(ctx, tx, journal.Entry{Site: k.c.Site, Actor: actor, Kind: "backup." + what + ".asked"})
		})
		if err != nil {
			return err
		}
	}
	select {
	case k.asked <- what:
	default:
	}
	return nil
}

// Doing returns what is being done in this process: ARun, AVerify or "".
func (k *Keeper) Doing() string {
	if what := k.doing.Load(); what != nil {
		return *what
	}
	return ""
}

// do does what was asked for. What came of it is recorded.
func (k *Keeper) do(ctx context.Context, what string) {
	k.doing.Store(&what)
	defer k.doing.Store(nil)
	var err error
	if what == ARun {
		_, err = k.Run(ctx)
	} else {
		var p *Proof
		p, err = k.Look(ctx, "")
		err = errors.Join(err, k.Verified(context.WithoutCancel(ctx), p, err))
	}
	if err != nil && ctx.Err() == nil {
		k.c.Log.ErrorContext(ctx, "backup", "asked", what, "error", err)
	}
}

// look is how often the schedule is looked at.
const look = 20 * time.Second

// due makes a backup if it is time.
func (k *Keeper) due(ctx context.Context, every time.Duration) error {
	wanted := func() (bool, error) {
		s, err := k.State(ctx, every)
		return err == nil && !s.Next.After(k.c.Now()), err
	}
	if yes, err := wanted(); !yes || err != nil {
		return err
	}
	what := ARun
	k.doing.Store(&what)
	defer k.doing.Store(nil)
	if err := k.mounted(ctx); err != nil {
		return errors.Join(err, k.record(ctx, runOf(nil, k.c.Now(), err), "run"))
	}
	_, err := k.runIf(ctx, wanted)
	return err
}

// mounted keeps the schedule from beginning a repository where there should be one:
// a share that is not mounted is an empty folder on the disk of the data.
func (k *Keeper) mounted(ctx context.Context) error {
	last, err := k.latest(ctx, "run", true)
	if err != nil || last.ID == "" {
		return err
	}
	there, err := k.c.Target.Has(ctx, repositoryName)
	if err == nil && !there {
		err = fault.Errorf(fault.Unavailable, "%s holds no repository any more: is it mounted? If it is a new one, begin it with \"radagora backup\" or on the page", k.c.Target)
	}
	return err
}

func (k *Keeper) erasureCount(ctx context.Context) (n int64, err error) {
	err = k.c.DB.QueryRow(ctx, `select (select count(*) from backup_erasure)
		+ (select count(*) from journal_person_key where destroyed_ms is not null)`).Scan(&n)
	if err != nil && fault.Of(err) == fault.NotFound {
		return 0, nil
	}
	return n, err
}
