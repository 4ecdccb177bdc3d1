package job

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"radagora/fault"
)

// A run is an attempt that this process is making.
type run struct {
	taken
	h      handler
	cancel context.CancelCauseFunc
}

// errLost ends an attempt whose lease somebody else has, or whose job is gone.
var errLost = errors.New("the lease of the job is lost")

// Run does jobs until ctx ends, then waits for those that run; what they left
// undone is given back. It is Internal if a kind was given two handlers.
func (q *Queue) Run(ctx context.Context) error {
	q.mu.Lock()
	twice := q.twice
	q.mu.Unlock()
	if twice != "" {
		return fault.Errorf(fault.Internal, "job %s has two handlers", twice)
	}
	if err := q.inherit(ctx); err != nil && ctx.Err() == nil {
		q.o.Log.WarnContext(ctx, "jobs of a process that ended wait for their leases", "err", err)
	}
	var wg, keeper sync.WaitGroup
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx)) // as long as anything runs
	keeper.Go(func() { q.renewing(keeping) })
	defer func() { wg.Wait(); stop(); keeper.Wait() }()
	free := make(chan struct{}, q.o.Workers)
	trouble := trouble{q: q}
	var pruned time.Time
	for ctx.Err() == nil {
		got, next, err := q.look(ctx, q.o.Workers-len(free), &pruned)
		trouble.met(ctx, err)
		for _, t := range got {
			free <- struct{}{}
			r, runCtx := q.begin(ctx, t)
			wg.Go(func() {
				defer func() { <-free; q.nudge() }()
				q.attempt(runCtx, r)
			})
		}
		if err == nil && len(got) == 0 {
			q.rest(ctx, next)
		}
	}
	return nil
}

// look adds what is due by schedule, takes up to n jobs, and returns how long there
// will be nothing to do.
func (q *Queue) look(ctx context.Context, n int, pruned *time.Time) (got []taken, next time.Duration, err error) {
	now := q.o.Now()
	if since := now.Sub(*pruned); since < 0 || since > time.Hour {
		if err := q.prune(ctx, now); err != nil {
			return nil, 0, err
		}
		*pruned = now
	}
	soon, err := q.tick(ctx)
	if err != nil {
		return nil, 0, err
	}
	if n <= 0 {
		return nil, q.o.Poll, nil
	}
	got, due, err := q.take(ctx, n, q.o.Now())
	return got, min(soon, due), err
}

// rest waits until something is added, something is due, or it is time to look what
// others did.
func (q *Queue) rest(ctx context.Context, next time.Duration) {
	t := time.NewTimer(max(time.Millisecond, min(next, q.o.Poll)))
	defer t.Stop()
	select {
	case <-q.wake:
	case <-t.C:
	case <-ctx.Done():
	}
}

// begin notes a job as running here, so that its lease is kept, and returns the
// context it runs in.
func (q *Queue) begin(ctx context.Context, t taken) (*run, context.Context) {
	q.mu.Lock()
	defer q.mu.Unlock()
	runCtx, cancel := context.WithCancelCause(ctx)
	r := &run{taken: t, h: q.handlers[t.Kind], cancel: cancel}
	q.running[t.ID] = r
	return r, runCtx
}

// attempt runs a job once and writes down how it ended.
func (q *Queue) attempt(ctx context.Context, r *run) {
	defer r.cancel(nil)
	err := q.do(ctx, r)
	q.mu.Lock()
	delete(q.running, r.ID)
	q.mu.Unlock()
	// How it ended is written although ctx may have ended.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.o.LeaseTTL)
	defer cancel()
	switch {
	case errors.Is(context.Cause(ctx), errLost):
		q.o.Log.WarnContext(ctx, "job lost its lease", "job", r.ID, "kind", r.Kind)
		return
	case err == nil:
		err = q.done(last, r)
	case ctx.Err() != nil: // asked to stop: it was no fault of the job
		err = q.giveBack(last, r)
	default:
		err = q.failed(last, r, err)
	}
	if err != nil { // its lease runs out, and it will run again
		q.o.Log.WarnContext(ctx, "job could not be ended", "job", r.ID, "kind", r.Kind, "err", err)
	}
}

// do calls the handler and turns a panic into an error.
func (q *Queue) do(ctx context.Context, r *run) (err error) {
	if r.h.limit > 0 {
		limited, cancel := context.WithTimeout(ctx, r.h.limit)
		defer cancel()
		ctx = limited
	}
	defer func() {
		if p := recover(); p != nil {
			q.o.Log.ErrorContext(ctx, "job panicked", "job", r.ID, "kind", r.Kind, "stack", string(debug.Stack()))
			err = fault.Errorf(fault.Internal, "%s: the program made a mistake; the log has more", r.Kind)
		}
	}()
	return r.h.do(ctx, r.Job)
}

// hopeless are the kinds of error after which repeating cannot help.
var hopeless = []fault.Kind{fault.Invalid, fault.Unsupported, fault.Forbidden}

// failed plans the next attempt, or has the job be dead.
func (q *Queue) failed(ctx context.Context, r *run, cause error) error {
	kind := fault.Of(cause)
	if r.Attempt >= r.h.attempts || slices.Contains(hopeless, kind) {
		return q.die(ctx, r.taken, cause)
	}
	pause, err := q.pause(r.Attempt)
	if err != nil {
		return err
	}
	q.o.Log.InfoContext(ctx, "job failed", "job", r.ID, "kind", r.Kind, "attempt", r.Attempt, "fault", kind.String(), "again_in", pause.Round(time.Millisecond).String(), "reason", quiet(cause))
	return q.later(ctx, r.taken, q.o.Now().Add(pause), cause)
}

// pause returns how long to wait after this many attempts: doubled each time, and
// between one and one and a half times that, so that many do not come back at once.
func (q *Queue) pause(attempt int) (time.Duration, error) {
	d := q.o.Pause
	for i := 1; i < attempt && d < q.o.MaxPause; i++ {
		d *= 2
	}
	d = min(d, q.o.MaxPause)
	var b [4]byte
	if _, err := io.ReadFull(q.o.Rand, b[:]); err != nil {
		return 0, fmt.Errorf("jitter: %w", err)
	}
	part := float64(binary.BigEndian.Uint32(b[:])) / (1 << 32)
	return d + time.Duration(part*float64(d)/2), nil
}

// renewing keeps the leases of what runs here until ctx ends.
func (q *Queue) renewing(ctx context.Context) {
	t := time.NewTicker(q.o.LeaseTTL / 3)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		if err := q.renew(ctx); err != nil && ctx.Err() == nil {
			q.o.Log.WarnContext(ctx, "leases of jobs not renewed", "err", err)
		}
	}
}

// trouble logs an error once for as long as it stays the same, and spaces attempts.
type trouble struct {
	q     *Queue
	count int
	last  string
}

// met notes how a look went and waits before the next if it failed.
func (t *trouble) met(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
		return
	case err == nil && t.count > 0:
		t.q.o.Log.InfoContext(ctx, "jobs go on", "failures", t.count)
		fallthrough
	case err == nil:
		t.count, t.last = 0, ""
		return
	}
	t.count++
	if text := quiet(err); text != t.last {
		t.last = text
		t.q.o.Log.WarnContext(ctx, "jobs are held up", "kind", fault.Of(err).String(), "reason", text)
	}
	pause := time.NewTimer(min(30*time.Second, t.q.o.Poll<<min(t.count, 8)))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
}
