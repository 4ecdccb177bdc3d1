package job

import (
	"context"
	"testing"
	"time"

	"radagora/db"
	"radagora/db/dbtest"
)

// TestPlanIsNotOverwrittenByTheSlower: who writes a plan over one that is no longer
// what it read writes nothing, so that no schedule comes twice.
func TestPlanIsNotOverwrittenByTheSlower(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q, err := Open(t.Context(), d, nil, Options{})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)
		hour := timed{"backup", Interval(time.Hour)}
		write := func(old plan, next time.Time) (n int64) {
			t.Helper()
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				n, err = q.plan(context.WithoutCancel(t.Context()), tx, hour, old, next, now)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		first, second := now.Add(30*time.Minute), now.Add(90*time.Minute)
		for _, c := range []struct {
			name string
			old  plan
			next time.Time
			want int64
		}{
			{"the first plan", plan{}, first, 1},
			{"another who found none either", plan{}, second, 0},
			{"the next, over what stands there", plan{hour.schedule.String(), first}, second, 1},
			{"who still has the first before them", plan{hour.schedule.String(), first}, first, 0},
			{"who has another schedule before them", plan{"daily 03:10", second}, first, 0},
		} {
			if n := write(c.old, c.next); n != c.want {
				t.Errorf("%s: wrote %d rows; want %d", c.name, n, c.want)
			}
		}
		if p, err := q.planned(t.Context(), "backup"); err != nil || !p.next.Equal(second) {
			t.Errorf("planned for %v, %v; want %v", p.next, err, second)
		}
	})
}
