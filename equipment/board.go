package equipment

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/icalendar"
)

// A Planned is a test of a device with when it is due next.
type Planned struct {
	Device   Device
	Test     Test
	Levels   Levels
	Interval int     // days, of the levels or the default
	Due      string  // day; "" if nobody knows: never done, and no day of the acceptance test
	Why      string  // "" by its interval, "first" if never done, or the kind of change
	Last     *Result // nil if it was never done
}

// Overdue reports whether a test should have been done before a day.
func (p Planned) Overdue(today string) bool { return p.Due != "" && p.Due < today }

// A Board is how the equipment of a site stands today.
type Board struct {
	Today     string
	Devices   []Device
	Planned   []Planned         // of active and suspended devices, the soonest due first, unknown last
	Suspended map[string]Result // by id of the device: the first result that suspended it
	Results   []Result          // the latest first
	Changes   []Change          // the latest first
}

const selectResult = `select result_id, site_id, device_id, test, due, done, value, verdict, levels, note, done_by, done_at from equipment_result`

func scanResult(r *db.Rows) (x Result, err error) {
	var levels string
	var at int64
	if err := r.Scan(&x.ID, &x.Site, &x.Device, &x.Test, &x.Due, &x.Done, &x.Value, &x.Verdict, &levels, &x.Note, &x.By, &at); err != nil {
		return x, err
	}
	x.At = db.FromMillis(at)
	return x, fault.As(fault.Internal, json.Unmarshal([]byte(levels), &x.Levels))
}

// Board says how the equipment of a site stands.
func (r *Register) Board(ctx context.Context, siteID string) (*Board, error) {
	b := &Board{Suspended: map[string]Result{}}
	var err error
	if b.Today, err = r.today(ctx, siteID); err != nil {
		return nil, err
	}
	if b.Devices, err = r.Devices(ctx, siteID); err != nil {
		return nil, err
	}
	b.Results, err = db.List(ctx, r.DB, scanResult, selectResult+` where site_id = $1 order by done desc, done_at desc, result_id desc`, siteID)
	if err != nil {
		return nil, err
	}
	b.Changes, err = db.List(ctx, r.DB, func(rows *db.Rows) (c Change, err error) {
		var at int64
		err = rows.Scan(&c.ID, &c.Site, &c.Device, &c.Kind, &c.Day, &c.Note, &c.By, &at)
		c.At = db.FromMillis(at)
		return c, err
	}, `select change_id, site_id, device_id, kind, day, note, done_by, done_at from equipment_change where site_id = $1 order by day desc, done_at desc, change_id desc`, siteID)
	if err != nil {
		return nil, err
	}
	levels, err := r.levels(ctx, siteID)
	if err != nil {
		return nil, err
	}
	tests, _, err := r.Tests(siteID)
	if err != nil {
		return nil, err
	}
	b.plan(tests, levels)
	return b, nil
}

// planKey names a test of a device.
type planKey struct{ device, test string }

// levels returns what a site demands.
func (r *Register) levels(ctx context.Context, siteID string) (map[planKey]Levels, error) {
	all := map[planKey]Levels{}
	_, err := db.List(ctx, r.DB, func(rows *db.Rows) (struct{}, error) {
		var k planKey
		var body string
		if err := rows.Scan(&k.device, &k.test, &body); err != nil {
			return struct{}{}, err
		}
		var l Levels
		err := fault.As(fault.Internal, json.Unmarshal([]byte(body), &l))
		all[k] = l
		return struct{}{}, err
	}, `select device_id, test, body from equipment_plan where site_id = $1`, siteID)
	return all, err
}

// plan finds what is due and what is suspended.
func (b *Board) plan(tests []Test, levels map[planKey]Levels) {
	done := map[planKey][]Result{} // the earliest first
	for _, x := range slices.Backward(b.Results) {
		done[planKey{x.Device, x.Test}] = append(done[planKey{x.Device, x.Test}], x)
	}
	for _, d := range b.Devices {
		if d.Status != Active && d.Status != Suspended {
			continue
		}
		for _, t := range tests {
			k := planKey{d.ID, t.ID}
			if x, is := suspendedBy(done[k]); is && (b.Suspended[d.ID].ID == "" || x.Done < b.Suspended[d.ID].Done) {
				b.Suspended[d.ID] = x
			}
			if t.Group == d.Group && !levels[k].Off {
				b.Planned = append(b.Planned, planned(d, t, levels[k], done[k], b.Changes))
			}
		}
	}
	slices.SortStableFunc(b.Planned, func(x, y Planned) int {
		return cmp.Or(cmp.Compare(cmp.Or(x.Due, "9999"), cmp.Or(y.Due, "9999")), cmp.Compare(x.Device.Name, y.Device.Name), cmp.Compare(x.Test.ID, y.Test.ID))
	})
}

// suspendedBy returns the result since which a test suspends its device; false if it
// does not. A result at action level lifts no suspension.
func suspendedBy(done []Result) (since Result, is bool) {
	for _, x := range done {
		switch {
		case x.Verdict.suspends() && !is:
			since, is = x, true
		case x.Verdict == Pass:
			is = false
		}
	}
	return since, is
}

// planned says when a test of a device is due next.
func planned(d Device, t Test, l Levels, done []Result, changed []Change) Planned {
	p := Planned{Device: d, Test: t, Levels: l, Interval: cmp.Or(l.Interval, t.Interval), Due: d.Accepted, Why: "first"}
	last := ""
	if len(done) > 0 {
		p.Last, p.Why = &done[len(done)-1], ""
		last = p.Last.Done
		if day, err := time.Parse(time.DateOnly, last); err == nil {
			p.Due = day.AddDate(0, 0, p.Interval).Format(time.DateOnly)
		}
	}
	for _, c := range changed { // the latest first
		if t.AfterChange && c.Device == d.ID && c.Day >= d.Accepted && after(c, p.Last) && (p.Due == "" || c.Day < p.Due) {
			p.Due, p.Why = c.Day, c.Kind
		}
	}
	return p
}

// after reports whether a change came after a test: on a later day, or noted later on
// the same one.
func after(c Change, last *Result) bool {
	return last == nil || c.Day > last.Done || c.Day == last.Done && c.At.After(last.At)
}

// An Occasion is one time that a test was to be done.
type Occasion struct{ Device, Test, Due, Done string }

// A Timeliness counts occasions: done no later than due, later, or not at all though the
// day is past.
type Timeliness struct {
	Due, InTime   int
	Late, Overdue []Occasion
}

// Share returns the share done in time; false if nothing was due.
func (t Timeliness) Share() (float64, bool) {
	if t.Due == 0 {
		return 0, false
	}
	return float64(t.InTime) / float64(t.Due), true
}

// InTime judges occasions as of a day. What is not done and whose day is not past does
// not count.
func InTime(all []Occasion, today string) Timeliness {
	var t Timeliness
	for _, o := range all {
		switch {
		case o.Due == "" || o.Done == "" && o.Due >= today:
			continue
		case o.Done == "":
			t.Overdue = append(t.Overdue, o)
		case o.Done <= o.Due:
			t.InTime++
		default:
			t.Late = append(t.Late, o)
		}
		t.Due++
	}
	return t
}

// Occasions returns what was due from a day on: the results, and what is overdue.
func (b *Board) Occasions(from string) []Occasion {
	var all []Occasion
	name := map[string]string{}
	for _, d := range b.Devices {
		name[d.ID] = d.Name
	}
	for _, x := range b.Results {
		if x.Due != "" && x.Done >= from {
			all = append(all, Occasion{name[x.Device], x.Test, x.Due, x.Done})
		}
	}
	for _, p := range b.Planned {
		if p.Overdue(b.Today) {
			all = append(all, Occasion{p.Device.Name, p.Test.ID, p.Due, ""})
		}
	}
	return all
}

// Events are the tests that are due next, for a calendar. label names a test.
func (b *Board) Events(label func(Test) string) (all []icalendar.Event) {
	for _, p := range b.Planned {
		day, err := time.Parse(time.DateOnly, p.Due)
		if err != nil {
			continue // nobody knows when
		}
		all = append(all, icalendar.Event{
			UID: fmt.Sprintf("%s-%s-%s@radagora", p.Device.ID, p.Test.ID, day.Format("20060102")), Day: day, Summary: p.Device.Name + ": " + label(p.Test),
		})
	}
	return all
}
