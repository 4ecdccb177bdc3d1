package db_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
)

// clock is a clock that a test moves.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func openWith(t *testing.T, dsn string, o db.Options) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), dsn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return migrated(t, d)
}

// Terms. A renewal that comes late on a busy machine must not look like silence.
const (
	short = 150 * time.Millisecond  // where the lease is to be lost
	long  = 1500 * time.Millisecond // where it is to be kept
)

func lease(t *testing.T, d *db.DB, holder string, term time.Duration) *db.Lease {
	t.Helper()
	l, err := d.Lease(t.Context(), "work", holder, term)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// refused reports whether the lease cannot be had in half as long again as a long term.
func refused(t *testing.T, d *db.DB) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long+long/2)
	defer cancel()
	l, err := d.Lease(ctx, "work", "refused", long)
	if err == nil {
		_ = l.Release(t.Context())
	}
	return errors.Is(err, context.DeadlineExceeded)
}

func TestLeaseIsHeldByOne(t *testing.T) {
	t.Parallel()
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		t.Parallel()
		d := openWith(t, dsn, db.Options{})
		var inside, most atomic.Int32
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				l := lease(t, d, "h", long)
				most.Store(max(most.Load(), inside.Add(1)))
				time.Sleep(20 * time.Millisecond)
				inside.Add(-1)
				if err := l.Release(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if most.Load() != 1 {
			t.Errorf("%d held it at once; want 1", most.Load())
		}
	})
}

func TestLeaseOutlivesItsTermWhileRenewed(t *testing.T) {
	t.Parallel()
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		t.Parallel()
		l := lease(t, openWith(t, dsn, db.Options{}), "a", long)
		defer l.Release(t.Context())
		if !refused(t, openWith(t, dsn, db.Options{})) {
			t.Error("a renewed lease was given away")
		}
		if l.Context().Err() != nil {
			t.Error("a renewed lease ended")
		}
	})
}

func TestLeaseOfTheDeadIsTakenOver(t *testing.T) {
	t.Parallel()
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		t.Parallel()
		c := &clock{}
		c.ahead.Store(int64(24 * time.Hour)) // a day wrong, and then put right
		dead, err := db.Open(t.Context(), dsn, db.Options{Now: c.now})
		if err != nil {
			t.Fatal(err)
		}
		old := lease(t, migrated(t, dead), "dead", short)
		dead.Close() // as a kill would

		d := openWith(t, dsn, db.Options{})
		start := time.Now()
		l := lease(t, d, "b", short)
		defer l.Release(t.Context())
		if took := time.Since(start); took > time.Minute {
			t.Errorf("took %v; want about one term", took)
		}
		err = d.Write(t.Context(), func(tx *db.Tx) error { return old.Check(t.Context(), tx) })
		if !errors.Is(err, db.ErrLeaseLost) || fault.Of(err) != fault.Unavailable {
			t.Errorf("Check of the old holder = %v; want lost", err)
		}
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return l.Check(t.Context(), tx) }); err != nil {
			t.Errorf("Check of the new holder: %v", err)
		}
		got, err := d.Leases(t.Context())
		if err != nil || len(got) != 1 || got[0].Holder != "b" {
			t.Errorf("Leases = %v, %v; want b", got, err)
		}
	})
}

func TestLeaseLostIsTold(t *testing.T) {
	t.Parallel()
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		t.Parallel()
		d := openWith(t, dsn, db.Options{})
		l := lease(t, d, "slow", short)
		err := d.Write(t.Context(), func(tx *db.Tx) error { // as if it had been silent
			_, err := tx.Exec(t.Context(), "update lease set holder = 'other', term = term + 1")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-l.Context().Done():
		case <-time.After(time.Minute):
			t.Fatal("nobody was told")
		}
		if cause := context.Cause(l.Context()); !errors.Is(cause, db.ErrLeaseLost) {
			t.Errorf("cause = %v; want lost", cause)
		}
	})
}

func TestLeaseSurvivesAClockThatStepsBack(t *testing.T) {
	t.Parallel()
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		t.Parallel()
		c := &clock{}
		d := openWith(t, dsn, db.Options{Now: c.now})
		l := lease(t, d, "a", long)
		c.ahead.Store(-int64(time.Hour))
		other := openWith(t, dsn, db.Options{Now: c.now})
		if !refused(t, other) || l.Context().Err() != nil {
			t.Error("the lease changed hands when the clock stepped back")
		}
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		_ = lease(t, other, "b", long).Release(t.Context()) // a released lease can be had
	})
}
