package db

import (
	"context"
	"errors"
	"sync"
	"time"

	"radagora/fault"
)

// A Lease is the right to do something that only one process does at a time, such
// as sealing the journal. It ends when it is released, when another holder has
// taken it over because this one fell silent, or when its context ends.
//
// No two clocks need agree: a lease is taken over when it has run out by the
// candidate's clock, or when the candidate has seen it unrenewed for a whole
// term. Whoever writes under a lease calls Check in the same transaction, which
// makes it certain that no other holder has committed meanwhile.
type Lease struct {
	d      *DB
	name   string
	holder string
	ttl    time.Duration
	term   int64
	until  int64 // of the last renewal; only the renewing goroutine uses it

	ctx    context.Context
	cancel context.CancelCauseFunc
	ended  sync.WaitGroup
}

// ErrLeaseLost is the cause of the end of a lease's context when another holder
// has it or the database did not answer for a whole term.
var ErrLeaseLost = errors.New("lease lost")

// Lease waits until holder has the lease of that name and keeps it by renewing it
// until ctx ends. holder is for people to read; two leases are never one because
// they bear the same. ttl is how long a holder may be silent.
func (d *DB) Lease(ctx context.Context, name, holder string, ttl time.Duration) (*Lease, error) {
	if ttl < 30*time.Millisecond {
		return nil, fault.Errorf(fault.Invalid, "lease %s: a term of %v is too short", name, ttl)
	}
	l := &Lease{d: d, name: name, holder: holder, ttl: ttl}
	if err := l.take(ctx); err != nil {
		return nil, err
	}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	l.ended.Go(l.renew)
	return l, nil
}

// Context ends with the lease.
func (l *Lease) Context() context.Context { return l.ctx }

// Check fails with Unavailable unless tx commits before anyone else gets the lease.
func (l *Lease) Check(ctx context.Context, tx *Tx) error {
	var term int64
	err := tx.QueryRow(ctx, "select term from lease where name = $1 "+tx.ForShare(), l.name).Scan(&term)
	if err == nil && term != l.term {
		err = fault.Errorf(fault.Unavailable, "lease %s: %w", l.name, ErrLeaseLost)
	}
	return err
}

// Release gives the lease back, so that another need not wait for it to run out.
func (l *Lease) Release(ctx context.Context) error {
	l.cancel(context.Canceled)
	l.ended.Wait()
	return l.d.Write(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "update lease set until_ms = 0 where name = $1 and term = $2", l.name, l.term)
		return err
	})
}

// A tenure is what a candidate sees of the lease: while it does not change, nobody
// renews it.
type tenure struct{ term, until int64 }

// take waits for the lease.
func (l *Lease) take(ctx context.Context) error {
	var seen tenure
	since := time.NewTimer(l.ttl) // a whole term of the candidate's own time
	defer since.Stop()
	silent := false
	for {
		now, err := l.try(ctx, seen, silent)
		if err != nil || l.term != 0 {
			return err
		}
		if now != seen {
			seen, silent = now, false
			since.Reset(l.ttl)
		}
		select {
		case <-time.After(min(l.ttl/3, time.Second)):
		case <-since.C:
			silent = true
		case <-ctx.Done():
			return fault.As(fault.Unavailable, ctx.Err())
		}
	}
}

// try takes the lease if it is free, has run out, or is as it was seen and silent.
// It returns what stands in its way.
func (l *Lease) try(ctx context.Context, seen tenure, silent bool) (tenure, error) {
	var now tenure
	err := l.d.QueryRow(ctx, "select term, until_ms from lease where name = $1", l.name).Scan(&now.term, &now.until)
	if err != nil && fault.Of(err) != fault.NotFound {
		return now, err
	}
	clock := Millis(l.d.o.Now())
	if now.until >= clock && (!silent || now != seen) {
		return now, nil
	}
	until, taken := max(clock+l.ttl.Milliseconds(), now.until+1), int64(0)
	err = l.d.Write(ctx, func(tx *Tx) error {
		taken = 0
		err := tx.QueryRow(ctx, `insert into lease (name, holder, term, until_ms) values ($1, $2, 1, $3)
			on conflict (name) do update set holder = excluded.holder, term = lease.term + 1, until_ms = excluded.until_ms
			where lease.term = $4 and lease.until_ms = $5 returning term`,
			l.name, l.holder, until, now.term, now.until).Scan(&taken)
		if err != nil && fault.Of(err) != fault.NotFound {
			return err
		}
		return nil // no row: someone else was quicker
	})
	if err == nil && taken != 0 {
		l.term, l.until = taken, until
	}
	return now, err
}

// renew keeps the lease until its context ends, and ends that when it is lost.
// Leases of one length are renewed at the same instants, so that they share a
// commit. A renewal that waits for one of our own transactions is not silence:
// nobody can take the lease over meanwhile.
func (l *Lease) renew() {
	step := l.ttl / 3
	failing := false
	deadline := time.NewTimer(l.ttl)
	defer deadline.Stop()
	for {
		pause := step - time.Duration(l.d.o.Now().UnixNano())%step
		select {
		case <-time.After(pause):
		case <-l.ctx.Done():
			return
		}
		held, err := l.extend()
		switch {
		case err == nil && held:
			failing = false
			deadline.Reset(l.ttl)
			continue
		case err == nil:
			l.cancel(ErrLeaseLost)
			return
		case l.ctx.Err() != nil:
			return
		}
		if !failing {
			failing = true
			l.d.o.Log.WarnContext(l.ctx, "renew lease", "lease", l.name, "err", err)
		}
		select {
		case <-deadline.C:
			l.cancel(ErrLeaseLost)
			return
		default:
		}
	}
}

// extend renews the lease once and reports whether it is still ours.
func (l *Lease) extend() (held bool, err error) {
	until := max(Millis(l.d.o.Now())+l.ttl.Milliseconds(), l.until+1)
	err = l.d.Write(l.ctx, func(tx *Tx) error {
		n, err := tx.Exec(l.ctx, "update lease set until_ms = $1 where name = $2 and term = $3", until, l.name, l.term)
		held = n == 1
		return err
	})
	if err == nil {
		l.until = until
	}
	return held, err
}

// A Holding says who has a lease.
type Holding struct {
	Name, Holder string
	Until        time.Time // by the holder's clock; the zero time if it was given back
}

// Leases returns all leases ever taken, by name.
func (d *DB) Leases(ctx context.Context) ([]Holding, error) {
	return List(ctx, d, func(r *Rows) (h Holding, err error) {
		var until int64
		err = r.Scan(&h.Name, &h.Holder, &until)
		h.Until = FromMillis(until)
		return h, err
	}, "select name, holder, until_ms from lease order by name")
}
