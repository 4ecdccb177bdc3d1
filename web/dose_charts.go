package web

import (
	"context"
	"slices"
	"time"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Charts is what the pages of charts ask for.
type Charts interface {
	// Charts returns the numbers of charts for the filter of the dose page.
	Charts(ctx context.Context, q DoseQuery, c ChartQuery) (ChartsPage, error)
}

// A ChartQuery says what is drawn; the zero value is the first of each choice.
type ChartQuery struct {
	Kind   string // one of chartKinds
	By     string // one of chartParts: what a box, bar or cloud is of
	Linear bool   // an axis of values that is not logarithmic
}

// The charts that can be chosen, and what their parts are of.
var (
	chartKinds = []string{"spread", "histogram", "trend", "curve", "workload"}
	chartParts = []string{"room", "protocol"}
)

// A ChartsPage is what a page of charts shows.
type ChartsPage struct {
	DosePage
	Kind, By string
	Parts    []ChartPart // rooms or protocols, those with most examinations first
	Left     int         // parts that are not drawn
	X, XUnit string      // what a curve is drawn against
	Marks    []string    // codes of what the colours of a cloud mean: left, right, none
	Week     [7][24]int  // examinations by day of the week, Monday first, and hour
	Untimed  int         // examinations whose hour is not known
	Drawn    int         // examinations of the charts
}

// A ChartPart is a room or protocol in a chart.
type ChartPart struct {
	DoseCourse
	Values []float64 // all of them, where Points may be a sample
	Bins   []face.Bin
	Dots   []face.Dot
	Bands  []face.Band
}

// dosesCharts shows charts.
func (s *server) dosesCharts(v *visit) error {
	here := v.here()
	c := ChartQuery{Kind: here.query.Get("kind"), By: here.query.Get("by"), Linear: here.query.Get("scale") == "linear"}
	c.Kind, c.By = orElse(c.Kind, chartKinds[0]), orElse(c.By, chartParts[0])
	if !slices.Contains(chartKinds, c.Kind) || !slices.Contains(chartParts, c.By) {
		return fault.Errorf(fault.NotFound, "no chart %q by %q", c.Kind, c.By)
	}
	d, err := s.Charts.Charts(v.r.Context(), v.query(here), c)
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("charts.title"), section: "/dose/charts", lead: v.p.T("charts.lead")}
	if d.Started {
		pg.lead = v.p.T("dose.period", lang.Args{"from": d.From, "to": d.To.AddDate(0, 0, -1)})
	}
	kept, err := v.shelf(here, "charts")
	if err != nil {
		return err
	}
	return v.show(pg, chartsPage(v, chartsView{d, here, v.query(here), c, kept}))
}

// A chartsView is what the template of a page of charts needs.
type chartsView struct {
	ChartsPage
	here  address
	query DoseQuery
	chart ChartQuery
	shelf viewShelf
}

// offered names codes by the catalogue.
func (v *visit) offered(prefix string, codes []string) []face.Choice {
	all := make([]face.Choice, 0, len(codes))
	for _, c := range codes {
		all = append(all, face.Choice{Code: c, Label: v.p.T(prefix + c)})
	}
	return all
}

// group names what is drawn.
func (d chartsView) group() string {
	if d.Charts == nil {
		return ""
	}
	return d.Charts.Label
}

// lines are the levels as lines: the one of the end of the period, and other sets.
func (v *visit) lines(c *DoseCharts) (all []face.Reference) {
	if n := len(c.Levels); n > 0 {
		all = append(all, face.Reference{Value: c.Levels[n-1].Value, Name: v.levelShort(c.Levels[n-1])})
	}
	for _, l := range c.Others {
		all = append(all, face.Reference{Value: l.Value, Name: v.levelShort(l), Minor: true})
	}
	return all
}

// spreads makes the box plots, or the histograms.
func (v *visit) spreads(d chartsView) face.Distribution {
	out := face.Distribution{
		Chart:    face.Chart{ID: "chart", Title: d.group(), Text: v.p.T("charts.text_" + d.Kind)},
		Quantity: v.p.T("quantity." + d.Charts.Quantity), Unit: d.Charts.Unit, Log: !d.chart.Linear, References: v.lines(d.Charts),
	}
	for _, r := range d.Parts {
		g := face.Group{
			Label: r.Room.Name, Colour: r.Room.Colour, N: r.N, P05: r.P05, Q1: r.Q1, Median: r.Median, Q3: r.Q3, P95: r.P95, Points: r.Points,
			Sentence: v.p.T("dose.spread_point", lang.Args{
				"room": r.Room.Name, "n": r.N, "median": v.p.Quantity(r.Median, d.Charts.Unit), "low": v.p.Sig(r.Q1), "high": v.p.Sig(r.Q3),
			}),
		}
		if d.Kind == "histogram" {
			g.Points, g.Bins = nil, r.Bins
		}
		out.Groups = append(out.Groups, g)
	}
	return out
}

// trend makes the course of medians with the levels of their time.
func (v *visit) trend(d chartsView) face.Trend {
	c := *d.Charts
	c.Rooms = nil
	for _, r := range d.Parts {
		c.Rooms = append(c.Rooms, r.DoseCourse)
	}
	t := v.course(c, d.here)
	t.ID, t.CSV, t.Picture = "chart", "", ""
	return t
}

// clouds makes one cloud for each room or protocol.
func (v *visit) clouds(d chartsView) []face.Cloud {
	var all []face.Cloud
	for _, r := range d.Parts {
		c := face.Cloud{
			Chart: face.Chart{ID: "chart-" + r.Room.ID, Title: r.Room.Name, Text: d.group()},
			X:     v.p.T("charts.x_" + d.X), XUnit: d.XUnit, Y: v.p.T("quantity." + d.Charts.Quantity), YUnit: d.Charts.Unit,
			Log: !d.chart.Linear, Dots: r.Dots, Bands: r.Bands, References: v.lines(d.Charts),
		}
		for _, m := range d.Marks {
			c.Marks = append(c.Marks, v.word("dosepart.", m))
		}
		all = append(all, c)
	}
	return all
}

// week makes the chart of the workload.
func (v *visit) week(d chartsView) face.Heat {
	h := face.Heat{Chart: face.Chart{ID: "chart", Title: v.p.T("charts.kind_workload"), Text: v.p.T("charts.workload_text", lang.Args{"n": d.Drawn})}, Counts: d.Week}
	for i := range h.Days {
		h.Days[i] = v.p.T("weekday." + time.Weekday((i+1)%7).String())
	}
	return h
}
