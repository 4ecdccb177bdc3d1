package db_test

import (
	"errors"
	"sync"
	"testing"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
)

func TestBeforeCommit(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		migrated(t, d)
		broken := fault.Errorf(fault.Exhausted, "no room")
		for _, c := range []struct {
			name string
			f    func() error
			kind fault.Kind
			want int
		}{
			{"what succeeds lets it commit", func() error { return nil }, fault.Internal, 1},
			{"what fails takes everything back", func() error { return broken }, fault.Exhausted, 1},
			{"a panic is an error", func() error { panic("before") }, fault.Internal, 1},
		} {
			seen := -1
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				tx.BeforeCommit(func() error {
					seen = count(t, d) // another connection sees nothing of it yet
					return c.f()
				})
				_, err := tx.Exec(t.Context(), "insert into thing (id) values ($1)", c.name)
				return err
			})
			if failed := c.name != "what succeeds lets it commit"; failed != (err != nil) || failed && fault.Of(err) != c.kind {
				t.Errorf("%s: %v", c.name, err)
			}
			if before := c.want; seen != before && seen != 0 || count(t, d) != c.want {
				t.Errorf("%s: %d rows, %d before", c.name, count(t, d), seen)
			}
		}
		if err := d.Write(t.Context(), func(tx *db.Tx) error {
			tx.BeforeCommit(func() error { t.Error("it ran although fn had failed"); return nil })
			return broken
		}); !errors.Is(err, broken) {
			t.Error(err)
		}
		if err := put(t.Context(), d, "after", 1); err != nil {
			t.Errorf("a write after one that failed: %v", err)
		}
	})
}

// Those who share a commit with one that must not be are told that it was lost, and
// nothing of theirs is there.
func TestBeforeCommitOfOneIsOfAll(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		migrated(t, d)
		var wg sync.WaitGroup
		errs := make([]error, 40)
		for i := range errs {
			wg.Go(func() {
				errs[i] = d.Write(t.Context(), func(tx *db.Tx) error {
					if i%8 == 0 {
						tx.BeforeCommit(func() error { return fault.Errorf(fault.Unavailable, "the disk is gone") })
					}
					_, err := tx.Exec(t.Context(), "insert into thing (id) values ($1)", db.NewID())
					return err
				})
			})
		}
		wg.Wait()
		good := 0
		for i, err := range errs {
			switch {
			case err == nil && i%8 == 0:
				t.Errorf("write %d was to fail", i)
			case err == nil:
				good++
			case fault.Of(err) != fault.Unavailable:
				t.Errorf("write %d: %v", i, err)
			}
		}
		if n := count(t, d); n != good {
			t.Errorf("%d rows, %d were told that theirs is there", n, good)
		}
	})
}
