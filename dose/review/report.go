package review

import (
	"context"
	"slices"

	"radagora/db"
)

// A RuleReport is how the cases of one rule went.
type RuleReport struct {
	Rule        string
	Cases       int
	Open        int
	Justified   int
	WithAction  int
	Proved      int   // with an action whose effect was measured and is beyond chance
	FirstReview int64 // median time to the first step of a person, in milliseconds; 0 if there was none
	Closed      int   // in the window of TooOften
	Recently    int   // of them, as justified
	TooOften    bool
	Proposed    float64 // ratio to the trigger above which half of the justified cases would not have been
}

// Report tells of the cases that were opened since an instant, by rule.
func (d *Desk) Report(ctx context.Context, siteID string, since int64) ([]RuleReport, error) {
	s, err := LoadSettings(d.Content, siteID)
	if err != nil {
		return nil, err
	}
	cases, err := db.List(ctx, d.DB, scanCase, selectCase+` where site_id = $1 order by rule_id, number`, siteID)
	if err != nil {
		return nil, err
	}
	window := db.Millis(d.Now().AddDate(0, 0, -s.TooOftenDays))
	byRule := map[string][]Case{}
	for _, c := range cases {
		byRule[c.Rule] = append(byRule[c.Rule], c)
	}
	var all []RuleReport
	for _, rule := range sortedKeys(byRule) {
		r := RuleReport{Rule: rule}
		var waits []int64
		var ratios []float64
		for _, c := range byRule[rule] {
			if c.ClosedAt >= window && c.State == Closed {
				r.Closed++
				if c.Reason == Justified {
					r.Recently++
					ratios = append(ratios, c.Ratio)
				}
			}
			if c.OpenedAt < since {
				continue
			}
			if err := d.count(ctx, siteID, &r, c); err != nil {
				return nil, err
			}
			if c.ReviewedAt > 0 {
				waits = append(waits, c.ReviewedAt-c.OpenedAt)
			}
		}
		if slices.Sort(waits); len(waits) > 0 {
			r.FirstReview = waits[len(waits)/2]
		}
		r.TooOften = r.Closed > 0 && float64(r.Recently) > s.TooOften*float64(r.Closed) && !byRule[rule][0].Legal
		if slices.Sort(ratios); r.TooOften {
			r.Proposed = ratios[len(ratios)/2]
		}
		all = append(all, r)
	}
	return all, nil
}

// count adds a case to the report of its rule.
func (d *Desk) count(ctx context.Context, siteID string, r *RuleReport, c Case) error {
	r.Cases++
	if c.State != Closed && !c.Withdrawn {
		r.Open++
	}
	if c.Reason == Justified {
		r.Justified++
	}
	if c.ReviewedAt == 0 {
		return nil
	}
	_, _, actions, err := d.Findings.Get(ctx, c.ID)
	if err != nil || len(actions) == 0 {
		return err
	}
	r.WithAction++
	e, err := d.effect(ctx, siteID, c, actions)
	if e.Proved() {
		r.Proved++
	}
	return err
}
