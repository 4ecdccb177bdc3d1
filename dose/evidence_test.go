package dose_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/evidence"
)

// TestFacts registers the facts of dose and asks for them.
func TestFacts(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		var all []dosetest.Report
		for _, s := range []series{
			{name: "Head", day: "20260401", dlp: []float64{700, 800, 1000, 1001}}, // level 1000
			{name: "Head", day: "20260331", dlp: []float64{9000}},                 // the day before
			{name: "Head", day: "20260630", dlp: []float64{900}},                  // the last day
			{name: "Head", day: "20260701", dlp: []float64{9000}},                 // the day after
			{name: "Child", protocol: "Head", day: "20260402", dlp: []float64{9000}, edit: func(r *dosetest.Report) { r.Age = "007Y" }},
			{name: "Trunk", day: "20260401", dlp: []float64{5000}}, // no level
		} {
			all = append(all, s.reports()...)
		}
		k.receive(all...)
		k.approve("Head", "CT_HEAD", "STROKE_ACUTE", dose.KnownByProtocol)
		k.approve("Trunk", "CT_TRUNK", "", "")
		k.govern("dose/level/demo_2024", "2000-01-01", "2026-06-30")

		library, err := content.Open()
		check(t, err)
		registry, err := evidence.Open(library, today)
		check(t, err)
		for _, f := range k.Facts(func(context.Context, string) (dose.Rooms, error) { return inOneRoom, nil }) {
			check(t, registry.Register(f))
		}
		q := evidence.Query{
			Site: house, From: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC),
		}
		within, err := registry.Value(t.Context(), "dose.within_drl", q)
		check(t, err)
		if within.Numerator != 4 || within.Denominator != 5 || within.N != 5 || within.Value != 0.8 {
			t.Errorf("within = %+v; want 4 of 5", within)
		}
		median, err := registry.Value(t.Context(), "dose.median_ct_head", q)
		check(t, err)
		if median.Value != 900 || median.N != 5 {
			t.Errorf("median = %v of %d; want 900 of 5", median.Value, median.N)
		}
		if p := within.Provenance; p.AsOf != today() || len(p.Content) != 2 || p.Content[1].ID != "dose/level/demo_2024" {
			t.Errorf("provenance = %+v", p)
		}
		var got []string
		for c, err := range registry.Cases(t.Context(), "dose.within_drl", q) {
			check(t, err)
			got = append(got, fmt.Sprintf("%s %v %v", c.At.Format(time.DateOnly), c.Value, c.Counted))
		}
		want := []string{"2026-06-30 900 true", "2026-04-01 700 true", "2026-04-01 800 true", "2026-04-01 1000 true", "2026-04-01 1001 false"}
		if d := cmp.Diff(len(want), len(got)); d != "" || got[0] != want[0] {
			t.Errorf("cases = %v; want %v", got, want)
		}
		q.Stratum.Room = "another room"
		if v, err := registry.Value(t.Context(), "dose.within_drl", q); err != nil || v.N != 0 {
			t.Errorf("in another room: %+v, %v", v, err)
		}
	})
}
