package dose_test

import (
	"slices"
	"testing"
	"time"

	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/finding"
)

// spread are the 20 values of the brief of dose (10 to 200, interval of the median 60 to
// 150), 3.3 times as large: above levels of 300 and 320, and not certainly so.
func spread() []float64 {
	var all []float64
	for i := range 20 {
		all = append(all, 33*float64(i+1))
	}
	return all
}

// TestJudgePeriods: half-years one after another, as the brief of dose has them (12.4),
// through the judge: a level is consistently exceeded at the second half-year above it,
// whether or not either is certain, and never across one that is not above it.
func TestJudgePeriods(t *testing.T) {
	certain, below := around(420, 1, 20), around(200, 1, 20)
	for _, c := range []struct {
		name   string
		halves [][]float64 // the latest last
		want   []bool      // whether a review is due after each
	}{
		{"not certain, not certain", [][]float64{spread(), spread()}, []bool{false, true}},
		{"above, at or below, above", [][]float64{certain, below, certain}, []bool{false, false, false}},
		{"not certain, at or below, not certain", [][]float64{spread(), below, spread()}, []bool{false, false, false}},
		{"certain, not certain", [][]float64{certain, spread()}, []bool{false, true}},
		{"not certain, certain", [][]float64{spread(), certain}, []bool{false, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := dbtest.Open(t, dbtest.SQLite(t))
			k := newDesk(t, d)
			k.approve("Chest", "CT_CHEST", "", "")
			k.govern("dose/level/demo_2024", "2000-01-01", "2026-06-30")
			k.govern("dose/level/demo_2025", "2026-07-01", "")
			last := k.Now()
			for i, values := range c.halves {
				on := last.AddDate(0, -6*(len(c.halves)-1-i), 0)
				k.Now = func() time.Time { return on }
				k.receive(series{name: "Chest", day: on.AddDate(0, -2, 0).Format("20060102"), dlp: values}.reports()...)
				k.judge()
				if got := k.due(); got != c.want[i] {
					t.Errorf("after half-year %d: review due %v, want %v", i+1, got, c.want[i])
				}
			}
		})
	}
}

// due reports whether a finding says that the DLP is consistently above its level.
func (k *desk) due() bool {
	k.t.Helper()
	return slices.ContainsFunc(k.found(), func(f finding.Finding) bool {
		return f.Rule == dose.RuleRepeated && f.Subject.Quantity == "dlp" && f.WithdrawnAt.IsZero()
	})
}
