package review

import (
	"context"
	"math"

	"radagora/db"
	"radagora/dose"
	"radagora/finding"
)

// An Effect is what measuring again found after an action.
type Effect struct {
	Since         string // day from which on examinations count as after it
	Quantity      dose.Quantity
	Before, After dose.Statistic
	Ratio         float64 // of the medians, after over before
	Low, High     float64 // its interval
	Interval      bool
}

// Proved reports whether doses fell, beyond chance.
func (e *Effect) Proved() bool { return e != nil && e.Interval && e.High < 1 }

// RatioOf compares two groups of values: the ratio of their medians with an interval
// of the given coverage. The spread of the logarithm of each median is that of its
// distribution-free interval (Price and Bonett, Stat Med 2002;21:3739); both must have
// one and be above 0.
func RatioOf(before, after []float64, coverage float64) Effect {
	e := Effect{Before: dose.Describe(before, coverage), After: dose.Describe(after, coverage)}
	if e.Before.Median <= 0 || e.After.N == 0 {
		return e
	}
	e.Ratio = e.After.Median / e.Before.Median
	if !e.Before.Interval || !e.After.Interval || e.Before.Low <= 0 || e.After.Low <= 0 {
		return e
	}
	// Each interval is as wide as its own coverage asks.
	spread := func(s dose.Statistic) float64 { return math.Log(s.High/s.Low) / (2 * quantile(s.Coverage)) }
	half := quantile(coverage) * math.Hypot(spread(e.Before), spread(e.After))
	e.Low, e.High, e.Interval = e.Ratio*math.Exp(-half), e.Ratio*math.Exp(half), true
	return e
}

// quantile returns how many standard deviations to each side cover so much of a
// normal distribution.
func quantile(coverage float64) float64 { return math.Sqrt2 * math.Erfinv(coverage) }

// mainQuantity is the quantity by which the effect on a case of a modality is told.
var mainQuantity = map[string]dose.Quantity{"ctdivol_max": dose.QuantityDLP, "ctdivol_overlap": dose.QuantityDLP, string(QuantitySkin): dose.QuantityRP}

// effect measures again: the examinations of the same kind on the same machine since
// the last action that was done, beside as many as there are of the year before it.
// nil: there is no such action, or too few examinations since.
func (d *Desk) effect(ctx context.Context, siteID string, c Case, actions []finding.Action) (*Effect, error) {
	since := ""
	for _, a := range actions {
		since = max(since, a.Done)
	}
	if since == "" || c.Exam == "" {
		return nil, nil //nolint:nilnil // nothing was done yet
	}
	s, err := LoadSettings(d.Content, siteID)
	if err != nil {
		return nil, err
	}
	q, ok := mainQuantity[c.Quantity]
	if !ok {
		q = dose.Quantity(c.Quantity)
	}
	type value struct {
		day string
		v   float64
	}
	all, err := db.List(ctx, d.DB, func(r *db.Rows) (x value, err error) { return x, r.Scan(&x.day, &x.v) },
		`select day, value from dose_amount where site_id = $1 and exam_code = $2 and machine_id = $3 and quantity = $4 and excluded = ''
		and day <> '' order by day desc limit 5000`, siteID, c.Exam, c.Machine, string(q))
	if err != nil {
		return nil, err
	}
	var before, after []float64
	for _, x := range all {
		switch {
		case x.day >= since:
			after = append(after, x.v)
		case len(before) < max(len(after), s.RemeasureN):
			before = append(before, x.v)
		}
	}
	if len(after) < s.RemeasureN && (c.Due == "" || c.Due > d.Now().Format("2006-01-02")) || len(after) == 0 {
		return nil, nil //nolint:nilnil // too few so far
	}
	e := RatioOf(before, after, s.Coverage)
	e.Since, e.Quantity = since, q
	return &e, nil
}
