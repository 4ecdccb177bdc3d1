package dose_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
)

// agrees checks that the values of each row are those of its examinations one by one,
// and that the parts of a row are the row.
func agrees(t *testing.T, o *dose.Overview) {
	t.Helper()
	for _, r := range o.Rows {
		var values []float64
		counted, left := 0, 0
		for i := range r.All() {
			if !r.Holds(i.Study, i.Key) || r.Holds(i.Study, "no such") {
				t.Errorf("%s: the row does not know its own examinations", r.Exam)
			}
			if i.Excluded != "" {
				left++
				continue
			}
			counted++
			values = append(values, r.Contributed(i)...)
		}
		if !slices.Equal(values, r.Values) || counted != r.Examinations {
			t.Errorf("%s %s: one by one %d examinations with %v; together %d with %v", r.Exam, r.Measure, counted, values, r.Examinations, r.Values)
		}
		for _, n := range r.Left {
			left -= n
		}
		var parts []float64
		for _, p := range o.Divide(r) {
			parts = append(parts, p.Values...)
		}
		if slices.Sort(parts); left != 0 || !slices.Equal(parts, slices.Sorted(slices.Values(values))) {
			t.Errorf("%s %s: %d left out more than is said; parts have %v", r.Exam, r.Measure, left, parts)
		}
	}
	n := 0
	for range o.All() {
		n++
	}
	if n != o.Len() {
		t.Errorf("%d examinations one by one; %d together", n, o.Len())
	}
}

// TestOverviewFollows asks two ledgers on the same tables while examinations come and
// go: what is kept in memory is never older than the tables.
func TestOverviewFollows(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		other := &dose.Ledger{DB: k.DB, Journal: k.Journal, Content: k.Content, Now: k.Now, Log: k.Log}
		p := dose.Period{From: "2026-01-01", To: "2026-12-31"}
		see := func(want int, name string) {
			t.Helper()
			for i, l := range []*dose.Ledger{k.Ledger, other} {
				o, err := l.Overview(t.Context(), house, p, inOneRoom)
				check(t, err)
				if o.Len() != want {
					t.Errorf("%s: ledger %d sees %d examinations; want %d", name, i, o.Len(), want)
				}
				agrees(t, o)
				names, err := l.Names(t.Context(), house, p.From)
				check(t, err)
				n := 0
				for _, u := range names {
					if u.Source == dose.FromProtocol {
						n += u.Examinations
					}
				}
				if n != want {
					t.Errorf("%s: ledger %d counts %d names; want %d", name, i, n, want)
				}
			}
		}
		see(0, "nothing")
		k.receive(series{name: "Sinus", dlp: []float64{100, 110}}.reports()...)
		see(2, "two")
		k.receive(series{name: "Sinus", day: "20260402", dlp: []float64{120}}.reports()...)
		see(3, "another month")
		k.approve("Sinus", "CT_SINUS", "", "")
		if o := k.overview(p.From, p.To); o.Unmapped != 0 || len(o.Rows) != 1 {
			t.Errorf("after mapping %d are unmapped in %d rows", o.Unmapped, len(o.Rows))
		}
		see(3, "mapped")
		study := first(k.overview(p.From, p.To)).Study
		check(t, d.Write(t.Context(), func(tx *db.Tx) error { return k.Erased(t.Context(), tx, house, study, true) }))
		see(2, "one erased")
		check(t, k.Rebuild(t.Context()))
		k.settle()
	})
}

// TestOverviewTogether asks many at once while examinations arrive; each sees some of
// them, and none fewer than before.
func TestOverviewTogether(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		all := series{name: "Sinus", dlp: around(100, 1, 12)}.reports()
		k.receive(all[:2]...)
		var askers sync.WaitGroup
		errs := make(chan error, 4)
		done := make(chan struct{})
		for range 4 {
			askers.Go(func() {
				had := 0
				for {
					o, err := k.Overview(t.Context(), house, dose.Period{From: "2026-01-01", To: "2026-12-31"}, inOneRoom)
					if err != nil || o.Len() < had {
						errs <- fmt.Errorf("fewer than %d: %w", had, err)
						return
					}
					had = o.Len()
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		for _, r := range all[2:] {
			k.receive(r)
		}
		close(done)
		askers.Wait()
		close(errs)
		for err := range errs {
			t.Error(err)
		}
		if n := k.overview("2026-01-01", "2026-12-31").Len(); n != len(all) {
			t.Errorf("%d examinations; want %d", n, len(all))
		}
	})
}
