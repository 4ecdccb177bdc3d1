// Package job runs background work that survives a restart.
//
// What follows the journal has a cursor there and needs no job. A job is for what
// has no entry to follow: a mail to be tried again, a call to another machine, an
// import, a backup at three in the morning. It is a row: Add writes it in the
// transaction that makes it necessary, and whichever process is free takes it under
// a lease, runs it, and marks it done. Nothing is lost by a kill; a job may run
// twice, so what it does must bear that.
//
// A job that fails is tried again after a pause that doubles, with jitter, and is
// dead, with its reason, after too many attempts, or at once if its error says that
// repeating cannot help (Invalid, Unsupported, Forbidden). A person looks at dead
// jobs and replays or removes them; both are journalled, and so is the death.
//
// Arguments are readable in the database for as long as the job is kept: they hold
// ids, no personal data.
package job

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"

	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

//go:embed migration/*.sql
var files embed.FS

// The most bytes that a part of a job may have.
const (
	MaxKey  = 256
	MaxArgs = 64 << 10
)

// defaultSite is the site of jobs that name none: the one that is always there.
const defaultSite = "default"

// A Job is work to be done.
type Job struct {
	ID   string // UUIDv7; given by Add
	Site string // "" means the default site
	Kind string // room.noun.verb; who handles it
	// Key, unless "", makes the job one of its kind: added again while it waits, it
	// stays one, with the newer arguments and the earlier time; added again while it
	// runs, it runs once more afterwards, at that time.
	Key   string
	Args  json.RawMessage // {} if not given
	RunAt time.Time       // not before; the zero time means now, also if the clock is put back then

	Attempt int // which attempt this is, from 1; given to the handler
}

// A Journal takes what happened to jobs. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// Options are the settings of Open. The zero value serves.
type Options struct {
	Log    *slog.Logger     // nil discards
	Now    func() time.Time // nil means the system clock; may step back
	Rand   io.Reader        // for jitter; nil means crypto/rand
	Holder string           // names this process to people; "" means a random name

	// Alone says that no other process works on this database, so that leases which stand
	// when Run begins are of processes that ended: their jobs run at once.
	Alone bool

	Workers  int           // jobs at once in this process; 0 means 4
	Poll     time.Duration // how often to look for what other processes added; 0 means 1 s
	LeaseTTL time.Duration // how long a silent process keeps its jobs; clocks of processes may differ by less; 0 means 1 minute
	Attempts int           // after how many a job is dead; 0 means 24, about fifteen hours
	Pause    time.Duration // after the first failure, doubled each time; 0 means 5 s
	MaxPause time.Duration // the longest; 0 means 1 hour
	Keep     time.Duration // how long to keep jobs that are done; 0 means a day
	KeepDead time.Duration // how long to keep dead ones; 0 means 90 days
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the one default of the field
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Holder == "" {
		o.Holder = "process"
	}
	o.Workers, o.Attempts = orElse(o.Workers, 4), orElse(o.Attempts, 24)
	o.Poll, o.LeaseTTL = orElse(o.Poll, time.Second), orElse(o.LeaseTTL, time.Minute)
	o.Pause, o.MaxPause = orElse(o.Pause, 5*time.Second), orElse(o.MaxPause, time.Hour)
	o.Keep, o.KeepDead = orElse(o.Keep, 24*time.Hour), orElse(o.KeepDead, 90*24*time.Hour)
	return o
}

func orElse[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// A Queue keeps jobs and runs them. It is safe for concurrent use, and several
// processes may have the same one open.
type Queue struct {
	db      *db.DB
	journal Journal
	o       Options
	holder  string // unique, also if two processes bear one name
	wake    chan struct{}

	mu       sync.Mutex
	handlers map[string]handler
	times    []timed
	twice    string // a kind that was given two handlers
	running  map[string]*run
}

// A handler does the jobs of one kind.
type handler struct {
	do       func(context.Context, Job) error
	limit    time.Duration // 0 means none
	attempts int
}

// An Option changes how one kind of job is handled.
type Option func(*handler)

// Limit ends each attempt after d, which counts as a failure.
func Limit(d time.Duration) Option { return func(h *handler) { h.limit = d } }

// Attempts has a job be dead after n attempts instead of Options.Attempts.
func Attempts(n int) Option { return func(h *handler) { h.attempts = n } }

// Migrations returns the files of this room's tables, for db.Pending.
func Migrations() fs.FS {
	f, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the name is a constant
	}
	return f
}

// Open migrates the tables and returns the queue. Handle and Every follow, then Run.
func Open(ctx context.Context, d *db.DB, j Journal, o Options) (*Queue, error) {
	if err := d.Migrate(ctx, "job", Migrations()); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	return &Queue{
		db: d, journal: j, o: o, holder: o.Holder + "/" + db.NewID(), wake: make(chan struct{}, 1),
		handlers: map[string]handler{}, running: map[string]*run{},
	}, nil
}

// Handle has fn do the jobs of one kind in this process. Call it before Run, once
// for each kind. fn gets a context that ends with Run, with the lease, and at the
// limit; it may run again although it succeeded, if the process ended before that
// was noted.
func (q *Queue) Handle(kind string, fn func(context.Context, Job) error, options ...Option) {
	h := handler{do: fn, attempts: q.o.Attempts}
	for _, o := range options {
		o(&h)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, known := q.handlers[kind]; known {
		q.twice = kind
	}
	q.handlers[kind] = h
}

// kindRule is room.noun.verb, with one to four words.
var kindRule = regexp.MustCompile(`^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*){0,3}$`)

// atOnce is the again_at of what is to run once more without waiting: a time that is
// past for every clock.
const atOnce int64 = 1

// Add writes a job as part of tx: it will run if and only if that commits. It is
// Invalid if a part breaks a rule of Job or a bound.
func (q *Queue) Add(ctx context.Context, tx *db.Tx, j Job) error {
	if err := j.check(); err != nil {
		return fmt.Errorf("add job: %w", err)
	}
	now := q.o.Now()
	if j.Site == "" {
		j.Site = defaultSite
	}
	again := atOnce
	if j.RunAt.IsZero() {
		j.RunAt = now
	} else if j.RunAt.After(now) {
		again = db.Millis(j.RunAt)
	}
	if len(j.Args) == 0 {
		j.Args = json.RawMessage("{}")
	}
	_, err := tx.Exec(ctx, `insert into job (job_id, site_id, kind, job_key, args, state, run_at, created_at, set_at)
		values ($1, $2, $3, $4, $5, 'open', $6, $7, $7)
		on conflict (kind, job_key) where state = 'open' and job_key <> '' do update set
			args = excluded.args,
			again_at = case when job.until_ms > 0 and (job.again_at = 0 or $8 < job.again_at) then $8 else job.again_at end,
			set_at = case when job.until_ms = 0 and excluded.run_at < job.run_at then excluded.set_at else job.set_at end,
			run_at = case when job.until_ms = 0 and excluded.run_at < job.run_at then excluded.run_at else job.run_at end`,
		db.NewID(), j.Site, j.Kind, j.Key, j.Args, db.Millis(j.RunAt), db.Millis(now), again)
	if err != nil {
		return fmt.Errorf("add job %s: %w", j.Kind, err)
	}
	tx.OnCommit(q.nudge)
	return nil
}

// nudge has Run look at once.
func (q *Queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// check refuses what cannot be a job. Its errors name parts, not contents.
func (j Job) check() error {
	switch {
	case !kindRule.MatchString(j.Kind) || len(j.Kind) > MaxKey:
		return fault.Errorf(fault.Invalid, "kind %.40q is not of the form room.noun.verb", j.Kind)
	case len(j.Key) > MaxKey || strings.ContainsFunc(j.Key, unicode.IsControl):
		return fault.Errorf(fault.Invalid, "%s: the key is not plain text of at most %d bytes", j.Kind, MaxKey)
	case len(j.Site) > MaxKey:
		return fault.Errorf(fault.Invalid, "%s: site of %d bytes; at most %d", j.Kind, len(j.Site), MaxKey)
	case len(j.Args) > MaxArgs:
		return fault.Errorf(fault.Invalid, "%s: arguments of %d bytes; at most %d", j.Kind, len(j.Args), MaxArgs)
	case len(j.Args) > 0 && !json.Valid(j.Args):
		return fault.Errorf(fault.Invalid, "%s: arguments are not JSON", j.Kind)
	}
	return nil
}
