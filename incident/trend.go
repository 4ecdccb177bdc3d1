package incident

import (
	"context"
	"math"
	"time"
)

// Per is how many examinations a rate is of.
const Per = 10_000

// A Month is the incidents of one month beside its examinations.
type Month struct {
	Month        string // 2006-01
	N, Near      int    // incidents, and those of them that were near misses
	Examinations int
	Rate         float64 // per 10 000 examinations
	Low, High    float64 // control limits of a u-chart, per 10 000; Low is not below 0
	Known        bool    // there were examinations: rate and limits mean something
	Above        bool    // beyond the upper limit: look at it
}

// A Trend is how incidents moved over months: those that happened in each.
type Trend struct {
	Months       []Month // the oldest first
	N            int
	Examinations int
	Centre       float64 // mean rate per 10 000, weighted by examinations
	Known        bool
}

// limits is how many standard deviations the control limits of a u-chart lie from its
// centre (Shewhart).
const limits = 3

// Trend returns the last whole months and the current one: a u-chart, whose centre is all
// incidents by all examinations, with limits of three standard deviations of a Poisson
// count over the examinations of the month. Many reports may mean that people report well:
// a rate is no measure of safety by itself.
func (r *Register) Trend(ctx context.Context, siteID string, months int) (Trend, error) {
	var t Trend
	here, err := r.Site(ctx, siteID)
	if err != nil {
		return t, err
	}
	now := r.Now().In(here.Location())
	first := time.Date(now.Year(), now.Month()-time.Month(months)+1, 1, 0, 0, 0, 0, time.UTC)
	at := map[string]int{}
	for n := range months {
		m := first.AddDate(0, n, 0).Format("2006-01")
		at[m] = n
		t.Months = append(t.Months, Month{Month: m})
	}
	all, err := r.List(ctx, siteID)
	if err != nil {
		return t, err
	}
	for i := range all {
		n, ok := at[all[i].Happened[:7]]
		if !ok || all[i].State == Aside {
			continue
		}
		t.Months[n].N++
		t.N++
		if all[i].Sort == NearMiss {
			t.Months[n].Near++
		}
	}
	if r.Examinations == nil {
		return t, nil
	}
	made, err := r.Examinations(ctx, siteID, first.Format(time.DateOnly), now.Format(time.DateOnly))
	if err != nil {
		return t, err
	}
	for n := range t.Months {
		t.Months[n].Examinations = made[t.Months[n].Month]
		t.Examinations += t.Months[n].Examinations
	}
	t.chart()
	return t, nil
}

// chart calculates rates and limits.
func (t *Trend) chart() {
	if t.Examinations == 0 {
		return
	}
	t.Known = true
	centre := float64(t.N) / float64(t.Examinations)
	t.Centre = centre * Per
	for n := range t.Months {
		m := &t.Months[n]
		if m.Examinations == 0 {
			continue
		}
		spread := limits * math.Sqrt(centre/float64(m.Examinations))
		m.Known, m.Rate = true, float64(m.N)/float64(m.Examinations)*Per
		m.Low, m.High = max(0, centre-spread)*Per, (centre+spread)*Per
		m.Above = m.Rate > m.High
	}
}
