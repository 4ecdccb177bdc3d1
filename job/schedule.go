package job

import (
	"context"
	"fmt"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

// A Schedule says when something is to happen, again and again.
type Schedule interface {
	// Next returns the first time after t.
	Next(t time.Time) time.Time
	// String says it in words that ParseSchedule understands.
	String() string
}

// A timed job is added by its schedule.
type timed struct {
	name     string
	schedule Schedule
}

// scheduled is how the kind of a timed job begins.
const scheduled = "schedule."

// Every has fn run once for each time the schedule names, in one of the processes
// that said so, with the attempts and pauses of other jobs; a time at which nobody
// was there is made up for once. name is a lower-case word. Call it before Run.
func (q *Queue) Every(name string, s Schedule, fn func(context.Context) error, options ...Option) {
	q.Handle(scheduled+name, func(ctx context.Context, _ Job) error { return fn(ctx) }, options...)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.times = append(q.times, timed{name, s})
}

// tick adds the jobs whose time has come and returns how long it is until the next.
func (q *Queue) tick(ctx context.Context) (time.Duration, error) {
	q.mu.Lock()
	times := q.times
	q.mu.Unlock()
	wait := q.o.Poll
	for _, t := range times {
		until, err := q.tickOne(ctx, t)
		if err != nil {
			return 0, fmt.Errorf("schedule %s: %w", t.name, err)
		}
		wait = min(wait, until)
	}
	return wait, nil
}

// tickOne looks at one schedule and returns how long it is until its time. It writes
// only if there is something to write, and only over what it read: another process may
// have been quicker. The clock is read after the plan, or a plan that another process
// made meanwhile would seem to come from a clock that was put back.
func (q *Queue) tickOne(ctx context.Context, t timed) (time.Duration, error) {
	p, err := q.planned(ctx, t.name)
	if err != nil {
		return 0, err
	}
	now := q.o.Now()
	good := p.good(t.schedule, now)
	if good && p.next.After(now) {
		return p.next.Sub(now), nil
	}
	next := t.schedule.Next(now)
	return next.Sub(now), q.db.Write(ctx, func(tx *db.Tx) error {
		n, err := q.plan(ctx, tx, t, p, next, now)
		if err != nil || n == 0 || !good {
			return err
		}
		return q.Add(ctx, tx, Job{Kind: scheduled + t.name, Key: t.name})
	})
}

// A plan is what is known of a schedule's next time; the zero value, nothing.
type plan struct {
	spec string
	next time.Time
}

// good reports whether p was planned for s, and not by a clock that was put back
// since.
func (p plan) good(s Schedule, now time.Time) bool {
	return p.spec == s.String() && !p.next.After(s.Next(s.Next(now)))
}

// planned returns the plan of a schedule.
func (q *Queue) planned(ctx context.Context, name string) (plan, error) {
	var p plan
	var at int64
	err := q.db.QueryRow(ctx, `select spec, next_at from job_schedule where name = $1`, name).Scan(&p.spec, &at)
	if err != nil && fault.Of(err) == fault.NotFound {
		return plan{}, nil
	}
	p.next = db.FromMillis(at)
	return p, err
}

// plan writes the next time of a schedule in the place of old, and returns how many
// rows it wrote: none if old is not what stands there now. That the schedule was due
// is noted only if old was a time that has come.
func (q *Queue) plan(ctx context.Context, tx *db.Tx, t timed, old plan, next, now time.Time) (int64, error) {
	if old.spec == "" {
		return tx.Exec(ctx, `insert into job_schedule (name, site_id, spec, next_at) values ($1, $2, $3, $4) on conflict (name) do nothing`,
			t.name, defaultSite, t.schedule.String(), db.Millis(next))
	}
	var last any // as it was
	if old.good(t.schedule, now) {
		last = db.Millis(now)
	}
	return tx.Exec(ctx, `update job_schedule set spec = $1, next_at = $2, last_at = coalesce($3, last_at) where name = $4 and spec = $5 and next_at = $6`,
		t.schedule.String(), db.Millis(next), last, t.name, old.spec, db.Millis(old.next))
}

// Interval is a schedule that names every whole multiple of it since 1970.
type Interval time.Duration

// Next returns the next multiple after t.
func (i Interval) Next(t time.Time) time.Time {
	d := max(time.Duration(i), time.Second)
	return t.Truncate(d).Add(d)
}

// String says it as "every 6h0m0s".
func (i Interval) String() string { return "every " + time.Duration(i).String() }

// A Clock is a schedule that names a time of day in a time zone, each day or on one
// day of the week. A time that a change of the clock leaves out happens an hour
// earlier or later, and one that it repeats happens once.
type Clock struct {
	Weekday      int // time.Weekday, or -1 for each day
	Hour, Minute int
	Zone         *time.Location // nil means UTC
}

// Next returns the next such time after t.
func (c Clock) Next(t time.Time) time.Time {
	zone := c.Zone
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := t.In(zone).Date()
	for i := range 9 {
		next := time.Date(y, m, d+i, c.Hour, c.Minute, 0, 0, zone)
		if next.After(t) && (c.Weekday < 0 || int(next.Weekday()) == c.Weekday) {
			return next
		}
	}
	return t.AddDate(0, 0, 1) // not reached: nine days hold every day of the week
}

// String says it as "daily 03:10" or "sunday 03:10", with the zone if there is one.
func (c Clock) String() string {
	day := "daily"
	if c.Weekday >= 0 {
		day = strings.ToLower(time.Weekday(c.Weekday).String())
	}
	s := fmt.Sprintf("%s %02d:%02d", day, c.Hour, c.Minute)
	if c.Zone != nil && c.Zone != time.UTC {
		s += " " + c.Zone.String()
	}
	return s
}

// ParseSchedule reads "every 6h", "daily 03:10" or "sunday 03:10", the last two in
// zone. It is Invalid for anything else, and for intervals below a minute.
func ParseSchedule(s string, zone *time.Location) (Schedule, error) {
	day, rest, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s)), " ")
	if day == "every" {
		if d, err := time.ParseDuration(rest); err == nil && d >= time.Minute {
			return Interval(d), nil
		}
		return nil, errSchedule()
	}
	at, err := time.Parse("15:04", rest)
	if err != nil {
		return nil, errSchedule()
	}
	c := Clock{Weekday: -1, Hour: at.Hour(), Minute: at.Minute(), Zone: zone}
	if day == "daily" {
		return c, nil
	}
	for w := time.Sunday; w <= time.Saturday; w++ {
		if day == strings.ToLower(w.String()) {
			c.Weekday = int(w)
			return c, nil
		}
	}
	return nil, errSchedule()
}

func errSchedule() error {
	return fault.Errorf(fault.Invalid, `schedule: write "every 6h", "daily 03:10" or "sunday 03:10"`)
}
