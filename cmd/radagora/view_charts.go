package main

import (
	"slices"
	"strings"
	"time"

	"radagora/dose"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// maxPoints bounds how many single examinations a chart draws.
const maxPoints = 400

// gapDays is how many days without examinations of a room are drawn as a gap.
const gapDays = 28

// charts makes the charts of one group, the most notable if none is chosen.
func (d *doseView) charts(rows []*dose.Row) *web.DoseCharts {
	groups := map[string][]*dose.Row{}
	var order []string
	for _, r := range rows {
		if r.N == 0 {
			continue
		}
		k := chartKey(r)
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], r)
	}
	if len(order) == 0 {
		return nil
	}
	key := d.q.Chart
	if groups[key] == nil {
		key = slices.MaxFunc(order, func(a, b string) int { return compareNotable(groups[a], groups[b]) })
	}
	first := groups[key][0]
	from := day(d.o.From)
	c := &web.DoseCharts{
		Key: key, Label: d.groupLabel(first), Quantity: string(first.Measure), Unit: first.Unit,
		From: time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC), Months: months(d.o.From, d.o.To),
	}
	for _, k := range order {
		c.Groups = append(c.Groups, face.Choice{Code: k, Label: d.groupLabel(groups[k][0])})
	}
	slices.SortFunc(c.Groups, func(a, b face.Choice) int { return strings.Compare(a.Label, b.Label) })
	for _, r := range groups[key] {
		c.Rooms = append(c.Rooms, d.course(r))
		c.Gaps = append(c.Gaps, d.gaps(r.Room)...)
	}
	c.Levels = d.levelsOverTime(first, c.From, c.Months)
	for _, t := range first.Ticks {
		c.Others = append(c.Others, d.level(t))
	}
	return c
}

// compareNotable orders groups by how much they want to be looked at.
func compareNotable(a, b []*dose.Row) int {
	worst := func(rows []*dose.Row) (w float64) {
		for _, r := range rows {
			rank := map[dose.State]float64{dose.AboveCertain: 30, dose.AboveNotCertain: 20, dose.AtOrBelow: 10}[r.State]
			w = max(w, rank+min(r.Ratio, 9))
		}
		return w
	}
	switch x, y := worst(a), worst(b); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// groupLabel names a group of the charts.
func (d *doseView) groupLabel(r *dose.Row) string {
	parts := []string{d.words.exam(r.Exam, d.q.Language).Label}
	if r.Indication != "" {
		parts = append(parts, d.words.indication(r.Indication, d.q.Language))
		if r.KnownBy == dose.KnownByAssumed {
			parts[1] += " (" + d.text("knownby.assumed") + ")"
		}
	}
	return strings.Join(append(parts, d.size(r.Group), d.text("quantity."+string(r.Measure))), ", ")
}

// months counts the months from one day to another.
func months(from, to string) int {
	a, b := day(from), day(to)
	return (b.Year()-a.Year())*12 + int(b.Month()) - int(a.Month()) + 1
}

// course makes one room of the charts.
func (d *doseView) course(r *dose.Row) web.DoseCourse {
	x := slices.Sorted(slices.Values(r.Values))
	c := web.DoseCourse{
		Room: d.plan.ref(r.Room), N: len(x), P05: dose.Quantile(x, 0.05), Q1: r.Q1, Median: r.Median, Q3: r.Q3, P95: dose.Quantile(x, 0.95),
	}
	for i := range min(len(x), maxPoints) {
		c.Points = append(c.Points, x[i*len(x)/min(len(x), maxPoints)])
	}
	for _, m := range d.o.Months(r) {
		month, err := time.Parse("2006-01", m.Month)
		if err != nil {
			continue
		}
		out := web.DoseMonth{Month: month, N: m.N, Median: m.Median, Low: m.Median, High: m.Median}
		if m.Interval {
			out.Low, out.High = m.Low, m.High
		}
		c.Months = append(c.Months, out)
	}
	return c
}

// levelsOverTime returns the governing levels of the months of a period, each
// with the time for which it holds.
func (d *doseView) levelsOverTime(r *dose.Row, from time.Time, n int) []web.Level {
	var all []web.Level
	for i := range n {
		end := from.AddDate(0, i+1, -1)
		ref := d.o.Refer(r, end.Format(time.DateOnly))
		if ref == nil {
			continue
		}
		if k := len(all); k > 0 && all[k-1].SetID == ref.Set.ID && all[k-1].Value == ref.Value {
			continue
		}
		all = append(all, d.level(ref))
	}
	return all
}

// gaps returns the times without any examination of a room.
func (d *doseView) gaps(room string) []web.DoseGap {
	var all []web.DoseGap
	var begin time.Time
	for _, one := range d.o.Days(room) {
		t := day(one)
		if !begin.IsZero() && t.Sub(begin) > gapDays*24*time.Hour {
			all = append(all, web.DoseGap{From: begin.AddDate(0, 0, 1), To: t, Room: d.plan.ref(room).Name})
		}
		begin = t
	}
	return all
}

// work returns what runs in the background.
func (v *view) pendingWork(pending int64) []web.Work {
	if pending == 0 {
		return nil
	}
	return []web.Work{{What: msg("work.deriving", lang.Args{"n": pending})}}
}
