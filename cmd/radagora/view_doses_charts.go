package main

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"radagora/dose"
	"radagora/web"
	"radagora/web/face"
)

const (
	maxParts  = 24 // rooms or protocols in one chart
	bins      = 24 // bars of a histogram
	bands     = 8  // of the size in a curve
	minBanded = 5  // examinations of a band that has a median
)

// Charts implements web.Charts.
func (v *view) Charts(ctx context.Context, q web.DoseQuery, c web.ChartQuery) (web.ChartsPage, error) {
	d, err := v.doseView(ctx, q)
	if err != nil {
		return web.ChartsPage{}, err
	}
	page := web.ChartsPage{Kind: c.Kind, By: c.By}
	page.DosePage = web.DosePage{Modality: d.q.Modality, Modalities: d.modalities(), Period: d.q.Period, From: day(d.o.From), To: day(d.o.To).AddDate(0, 0, 1)}
	if page.Started, err = v.Dose.Started(ctx, at); err != nil {
		return page, err
	}
	d.choices(&page.DosePage)
	if c.Kind == "workload" {
		d.workload(&page)
		return page, nil
	}
	rows := d.rows()
	if page.Charts = d.charts(rows); page.Charts == nil {
		return page, nil
	}
	var group []*dose.Row
	for _, r := range rows {
		if chartKey(r) == page.Charts.Key && r.N > 0 {
			group = append(group, r)
		}
	}
	page.Parts, page.Left = d.parts(group, c.By)
	for _, p := range page.Parts {
		page.Drawn += p.N
	}
	switch c.Kind {
	case "trend":
		err = d.changes(ctx, page.Charts, group)
	case "histogram":
		d.bin(&page, c.Linear)
	case "curve":
		err = d.curve(ctx, &page, group, c.By)
	}
	return page, err
}

// A part is what a room or protocol contributes to a chart.
type part struct {
	room web.RoomRef
	row  *dose.Row
}

// partsOf divides the examinations of rows by room, or by room and protocol.
func (d *doseView) partsOf(rows []*dose.Row, by string) []part {
	var all []part
	for _, r := range rows {
		ref := d.plan.ref(r.Room)
		if by != "protocol" {
			all = append(all, part{ref, r})
			continue
		}
		names := d.o.Divide(r)
		for _, name := range slices.Sorted(keys(names)) {
			all = append(all, part{web.RoomRef{ID: short(r.Room, name), Name: cmp.Or(name, "–") + " · " + ref.Name, Colour: ref.Colour}, names[name]})
		}
	}
	return all
}

// parts makes what is drawn of rows, those with most values first, and says how many
// are left out.
func (d *doseView) parts(rows []*dose.Row, by string) (all []web.ChartPart, left int) {
	for _, p := range d.partsOf(rows, by) {
		if len(p.row.Values) == 0 {
			continue
		}
		course := d.course(p.row)
		course.Room = p.room
		all = append(all, web.ChartPart{DoseCourse: course, Values: p.row.Values})
	}
	slices.SortStableFunc(all, func(a, b web.ChartPart) int { return cmp.Compare(b.N, a.N) })
	if len(all) > maxParts {
		all, left = all[:maxParts], len(all)-maxParts
	}
	return all, left
}

// bin makes the histograms, all with the same edges.
func (d *doseView) bin(page *web.ChartsPage, linear bool) {
	low, high := math.Inf(1), 0.0
	for _, p := range page.Parts {
		for _, v := range p.Values {
			if v > 0 {
				low, high = math.Min(low, v), math.Max(high, v)
			}
		}
	}
	if !(high > low) {
		return
	}
	edge := func(i int) float64 {
		share := float64(i) / bins
		if linear {
			return low + share*(high-low)
		}
		return low * math.Pow(high/low, share)
	}
	for k := range page.Parts {
		p := &page.Parts[k]
		p.Bins = make([]face.Bin, bins)
		for i := range p.Bins {
			p.Bins[i] = face.Bin{From: edge(i), To: edge(i + 1)}
		}
		for _, v := range p.Values {
			if v <= 0 {
				continue
			}
			i := slices.IndexFunc(p.Bins, func(b face.Bin) bool { return v < b.To })
			if i < 0 {
				i = bins - 1 // the highest
			}
			p.Bins[i].Count++
		}
	}
}

// curve makes a cloud for each part: dose of a breast against how thick it was
// compressed, all else against the weight of the patient.
func (d *doseView) curve(ctx context.Context, page *web.ChartsPage, rows []*dose.Row, by string) error {
	dots := map[string][]face.Dot{}
	page.X, page.XUnit = "weight", "kg"
	for _, p := range d.partsOf(rows, by) {
		if d.q.Modality == "MG" {
			break
		}
		for i := range p.row.All() {
			if told := p.row.Contributed(i); i.Excluded == "" && i.Weight != nil && len(told) > 0 {
				dots[p.room.ID] = append(dots[p.room.ID], face.Dot{X: *i.Weight, Y: slices.Max(told), Colour: p.room.Colour})
			}
		}
	}
	if d.q.Modality == "MG" {
		page.X, page.XUnit, page.Marks = "thickness", "mm", []string{"left", "right"}
		if err := d.breasts(ctx, d.partsOf(rows, by), dots); err != nil {
			return err
		}
	}
	page.Drawn = 0
	for k := range page.Parts {
		p := &page.Parts[k]
		p.Dots = dots[p.Room.ID]
		p.Bands = banded(p.Dots, d.o.Settings.Coverage)
		page.Drawn += len(p.Dots)
	}
	page.Parts = slices.DeleteFunc(page.Parts, func(p web.ChartPart) bool { return len(p.Dots) == 0 })
	return nil
}

// compressed is the field of the thickness of a compressed breast, in mm.
const compressed dose.Field = "compression_mm"

// breasts reads the dose of each view with the thickness of the breast, by the part it
// is of.
func (d *doseView) breasts(ctx context.Context, parts []part, dots map[string][]face.Dot) error {
	of := map[string]string{}
	for _, p := range parts {
		for i := range p.row.All() {
			if i.Excluded == "" {
				of[i.ID()] = p.room.ID
			}
		}
	}
	for e, err := range d.Dose.Events(ctx, at, d.q.Modality, dose.Period{From: d.o.From, To: d.o.To}) {
		if err != nil {
			return err
		}
		id, mine := of[e.Study+"_"+e.Examination]
		agd, known := e.Amounts[dose.QuantityAGD]
		thick, measured := thickness(e)
		if !mine || !known || !measured {
			continue
		}
		colour := 0
		if strings.HasPrefix(e.Part, "right") {
			colour = 1
		}
		dots[id] = append(dots[id], face.Dot{X: thick, Y: agd, Colour: colour})
	}
	return nil
}

// thickness returns how thick the breast of an event was compressed, in mm.
func thickness(e dose.ListedEvent) (float64, bool) {
	for _, v := range e.Values {
		if n, ok := v.Value.(float64); ok && v.Field == compressed && n > 0 {
			return n, true
		}
	}
	return 0, false
}

// banded returns the medians of dots in bands of equal width.
func banded(dots []face.Dot, coverage float64) []face.Band {
	low, high := math.Inf(1), math.Inf(-1)
	for _, d := range dots {
		low, high = math.Min(low, d.X), math.Max(high, d.X)
	}
	if !(high > low) {
		return nil
	}
	width := math.Max(1, math.Ceil((high-low)/bands/5)*5)
	var all []face.Band
	for from := math.Floor(low/width) * width; from <= high; from += width {
		var values []float64
		for _, d := range dots {
			if d.X >= from && d.X < from+width {
				values = append(values, d.Y)
			}
		}
		if len(values) >= minBanded {
			s := dose.Describe(values, coverage)
			all = append(all, face.Band{From: from, To: from + width, N: len(values), Q1: s.Q1, Median: s.Median, Q3: s.Q3})
		}
	}
	return all
}

// workload counts the examinations of the filter by day of the week and hour.
func (d *doseView) workload(page *web.ChartsPage) {
	for _, i := range d.items() {
		if i.Excluded == dose.ExcludedNotPatient {
			continue
		}
		page.Drawn++
		_, clock, _ := strings.Cut(i.Started, "T")
		hour, err := strconv.Atoi(clock[:min(2, len(clock))])
		if err != nil || hour < 0 || hour > 23 || i.Day == "" {
			page.Untimed++
			continue
		}
		page.Week[(int(day(i.Day).Weekday())+6)%7][hour]++
	}
}
