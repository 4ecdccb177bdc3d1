package privacy_test

import (
	"testing"
	"time"

	"radagora/access/privacy"
	"radagora/fault"
	"radagora/site"
)

// discover notes a breach known since three hours ago.
func (d *desk) discover(risk string) string {
	d.Helper()
	id, err := d.Discover(d.ctx, site.Default, d.clock().Add(-3*time.Hour).Format(time.RFC3339), []string{"confidentiality"}, risk,
		privacy.Phase{What: "a list was sent to the wrong address", Data: "identity", Persons: 12, Records: -1})
	d.must(err)
	return id
}

func (d *desk) breach(id string) privacy.Breach {
	d.Helper()
	b, err := d.Breach(d.ctx, site.Default, id)
	d.must(err)
	return b
}

func TestBreachInPhases(t *testing.T) {
	run(t, func(d *desk) {
		id := d.discover("unknown")
		do := func(m privacy.BreachMove) error { return d.MoveBreach(d.ctx, site.Default, id, m) }
		if b := d.breach(id); b.Age != 3*time.Hour || b.Left != 69*time.Hour || b.Soon || b.Overdue || !b.Waiting() {
			t.Errorf("three hours on: %+v", b)
		}
		d.want(do(privacy.BreachMove{Do: "close"}), fault.Invalid, "authority")
		d.want(do(privacy.BreachMove{Do: "not", Why: "nobody can read it"}), fault.Invalid, "unlikely")
		d.set(d.clock().Add(50 * time.Hour))
		if b := d.breach(id); !b.Soon || b.Overdue {
			t.Errorf("19 hours before the limit: soon %v, overdue %v", b.Soon, b.Overdue)
		}
		d.set(d.clock().Add(20 * time.Hour))
		if notices, err := d.Due(d.ctx, site.Default); err != nil || len(notices) != 1 || notices[0].Kind != "breach.overdue" {
			t.Errorf("Due = %+v, %v; want one overdue breach", notices, err)
		}
		s, err := d.Standing(d.ctx, site.Default)
		if err != nil || s.Breaches != 1 || s.BreachesWaiting != 1 || s.BreachesOverdue != 1 {
			t.Errorf("Standing = %+v, %v", s, err)
		}
		d.want(do(privacy.BreachMove{Do: "notify"}), fault.Invalid, "reasons")
		d.must(do(privacy.BreachMove{Do: "notify", Why: "the recipient was asked first"}))
		d.must(do(privacy.BreachMove{Do: "phase", Phase: privacy.Phase{What: "the list was deleted there", Measures: "addresses are checked", Persons: 9}}))
		d.must(do(privacy.BreachMove{Do: "risk", Risk: "high"}))
		d.must(do(privacy.BreachMove{Do: "tell"}))
		d.must(do(privacy.BreachMove{Do: "close"}))
		b := d.breach(id)
		if len(b.Phases) != 2 || b.Phases[1].Persons != 9 || b.Phases[0].Records != -1 || b.WhyLate == "" || b.ToldAt.IsZero() || b.Open() {
			t.Errorf("closed: %+v", b)
		}
		if b.Left >= 0 || !b.Overdue {
			t.Errorf("notified late: left %v, overdue %v", b.Left, b.Overdue)
		}
		d.want(do(privacy.BreachMove{Do: "tell"}), fault.Conflict, "closed")
	})
}

func TestBreachWithoutRisk(t *testing.T) {
	run(t, func(d *desk) {
		id := d.discover("unlikely")
		d.want(d.MoveBreach(d.ctx, site.Default, id, privacy.BreachMove{Do: "not"}), fault.Invalid, "why")
		d.must(d.MoveBreach(d.ctx, site.Default, id, privacy.BreachMove{Do: "not", Why: "the disk was encrypted"}))
		d.set(d.clock().Add(100 * time.Hour))
		b := d.breach(id)
		if b.Overdue || b.Waiting() || b.WhyNot == "" {
			t.Errorf("not notified with reason: %+v", b)
		}
		all, err := d.Breaches(d.ctx, site.Default)
		if err != nil || len(all) != 1 {
			t.Errorf("Breaches = %d, %v; want it documented all the same", len(all), err)
		}
	})
}

func TestBreachDiscovered(t *testing.T) {
	run(t, func(d *desk) {
		for _, c := range []struct {
			name, aware, kind, risk, what, part string
		}{
			{"a local time without offset", "2025-01-31T10:00:00", "availability", "high", "x", "offset"},
			{"in the future", "2025-02-01T10:00:00+01:00", "availability", "high", "x", "future"},
			{"of nothing", "2025-01-31T10:00:00+01:00", "pride", "high", "x", "confidentiality"},
			{"of a risk nobody knows", "2025-01-31T10:00:00+01:00", "availability", "none", "x", "unlikely"},
			{"without a word", "2025-01-31T10:00:00+01:00", "availability", "high", " ", "what happened"},
		} {
			_, err := d.Discover(d.ctx, site.Default, c.aware, []string{c.kind}, c.risk, privacy.Phase{What: c.what})
			t.Run(c.name, func(*testing.T) { d.want(err, fault.Invalid, c.part) })
		}
	})
}
