package journal_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
)

// TestDeliver hands entries to somebody outside who refuses now and then.
func TestDeliver(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		j := running(t, d, quick())
		sealed(t, d, j, 2) // before anybody asked
		var mu sync.Mutex
		var got []int64
		calls := 0
		started := make(chan struct{})
		stop := during(t, func(ctx context.Context) error {
			return j.Deliver(ctx, "outside", []string{"archive.*"}, func(_ context.Context, batch []journal.Entry) error {
				mu.Lock()
				defer mu.Unlock()
				if calls++; calls%3 == 1 {
					return fault.Errorf(fault.Unavailable, "nobody answers")
				}
				for _, e := range batch {
					got = append(got, e.Seq)
				}
				return nil
			})
		})
		go func() { // its cursor stands
			for {
				if all, err := j.Consumers(t.Context()); err != nil || len(all) == 1 {
					close(started)
					return
				}
			}
		}()
		<-started
		for i := range 5 {
			add(t, d, j, entry(i))
			if err := waitFor(t, j, "outside"); err != nil {
				t.Fatal(err)
			}
		}
		stop()
		if diff := cmp.Diff([]int64{3, 4, 5, 6, 7}, got); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return j.Leave(t.Context(), tx, "outside") }); err != nil {
			t.Fatal(err)
		}
		if all, err := j.Consumers(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("consumers after it left: %v, %v", all, err)
		}
	})
}
