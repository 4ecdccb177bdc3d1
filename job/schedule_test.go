package job_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/job"
)

func TestNext(t *testing.T) {
	dublin, err := time.LoadLocation("Europe/Dublin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, schedule string
		zone           *time.Location
		after, want    string
	}{
		{"each six hours", "every 6h", nil, "2026-11-22T05:30:00Z", "2026-11-22T06:00:00Z"},
		{"not the same again", "every 6h", nil, "2026-11-22T06:00:00Z", "2026-11-22T12:00:00Z"},
		{"later today", "daily 03:10", nil, "2026-11-22T03:09:59Z", "2026-11-22T03:10:00Z"},
		{"tomorrow", "daily 03:10", nil, "2026-11-22T03:10:00Z", "2026-11-23T03:10:00Z"},
		{"in summer an hour earlier", "daily 03:10", dublin, "2026-07-01T00:00:00Z", "2026-07-01T02:10:00Z"},
		{"the night the clock goes back", "daily 01:30", dublin, "2026-10-25T00:29:00Z", "2026-10-25T01:30:00Z"},
		{"once in that night", "daily 01:30", dublin, "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"},
		{"the same Sunday", "sunday 23:00", nil, "2026-11-22T05:30:00Z", "2026-11-22T23:00:00Z"},
		{"the Sunday after", "Sunday 04:00", nil, "2026-11-22T05:30:00Z", "2026-11-29T04:00:00Z"},
		{"over the end of a year", "friday 00:00", nil, "2026-12-26T00:00:00Z", "2027-01-01T00:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := job.ParseSchedule(c.schedule, c.zone)
			if err != nil {
				t.Fatal(err)
			}
			after, _ := time.Parse(time.RFC3339, c.after)
			if got := s.Next(after).UTC().Format(time.RFC3339); got != c.want {
				t.Errorf("Next(%s) = %s; want %s", c.after, got, c.want)
			}
		})
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, s := range []string{"every 6h", "daily 03:10", "sunday 03:10", "every 1s", "never", "daily 24:00", "every -1h", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := job.ParseSchedule(text, time.UTC)
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("ParseSchedule(%q) = %v; want invalid", text, err)
			}
			return
		}
		now := time.Date(2026, 11, 22, 5, 30, 0, 0, time.UTC)
		if next := s.Next(now); !next.After(now) {
			t.Errorf("%q: next is %v", text, next)
		}
		again, err := job.ParseSchedule(s.String(), time.UTC)
		if err != nil || again != s {
			t.Errorf("ParseSchedule(%q) = %v, %v; want %v", s.String(), again, err, s)
		}
	})
}

// TestEvery has two processes, whose clock the test moves, run one schedule.
func TestEvery(t *testing.T) {
	t.Parallel()
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		var ahead atomic.Int64
		start := time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)
		o := quick()
		o.Now = func() time.Time { return start.Add(time.Duration(ahead.Load())) }
		o.MaxPause = time.Millisecond
		o.LeaseTTL = 10_000 * time.Hour // no lease ends by a leap of the clock
		var n atomic.Int64
		var fail atomic.Bool
		var queues []*job.Queue
		for range 2 {
			q := open(t, dbtest.Open(t, dsn), &book{}, o)
			q.Every("backup", job.Interval(time.Hour), func(context.Context) error {
				n.Add(1)
				if fail.Load() {
					return fault.Errorf(fault.Invalid, "no")
				}
				return nil
			})
			during(t, q)
			queues = append(queues, q)
		}
		settle := func(want int64, name string) {
			t.Helper()
			until(t, name, func() bool { // and noted as done: the clock will go past the lease
				return n.Load() >= want && len(list(t, queues[0], job.Waiting))+len(list(t, queues[0], job.Running)) == 0
			})
			time.Sleep(50 * time.Millisecond)
			if got := n.Load(); got != want {
				t.Errorf("%s: ran %d times; want %d", name, got, want)
			}
		}
		settle(0, "before its time")
		until(t, "planned", func() bool {
			all, err := queues[0].Times(t.Context())
			return err == nil && len(all) == 1 && all[0].Next.Equal(start.Add(30*time.Minute)) && all[0].Last.IsZero() && all[0].Schedule == "every 1h0m0s"
		})
		ahead.Store(int64(31 * time.Minute))
		settle(1, "at its time, once")
		fail.Store(true)
		ahead.Store(int64(10*time.Hour + 31*time.Minute))
		settle(2, "after a long absence, once")
		fail.Store(false)
		ahead.Store(int64(11*time.Hour + 31*time.Minute))
		settle(3, "although the last one is dead")
		ahead.Store(int64(11*time.Hour + 10*time.Minute))
		settle(3, "not again when the clock steps back a little")
		ahead.Store(int64(12*time.Hour + 31*time.Minute))
		settle(4, "the next")
		ahead.Store(int64(-1000 * time.Hour))
		settle(4, "when the clock steps back a lot, not at once")
		until(t, "planned by the clock that stepped back", func() bool {
			all, err := queues[0].Times(t.Context())
			return err == nil && len(all) == 1 && all[0].Next.Before(start.Add(-998*time.Hour))
		})
		ahead.Store(int64(-999 * time.Hour))
		settle(5, "but at the next time")
	})
}

func TestAChangedScheduleIsPlannedAnew(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		for _, c := range []struct{ schedule, want string }{{"daily 03:10", "daily 03:10"}, {"every 6h", "every 6h0m0s"}} {
			s, err := job.ParseSchedule(c.schedule, nil)
			if err != nil {
				t.Fatal(err)
			}
			q := open(t, d, &book{}, quick())
			q.Every("backup", s, func(context.Context) error { return nil })
			stop := during(t, q)
			until(t, "planned", func() bool {
				all, err := q.Times(t.Context())
				return err == nil && len(all) == 1 && all[0].Schedule == c.want && all[0].Next.After(time.Now())
			})
			stop()
		}
	})
}
