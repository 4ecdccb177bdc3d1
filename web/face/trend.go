package face

import (
	"math"
	"time"

	"radagora/lang"
)

// A Trend shows how medians move from month to month, one line per series, with
// the level that was valid at the time as a dashed step. A month without values
// is a gap, not a line across it.
type Trend struct {
	Chart
	Quantity string
	Unit     string
	From     time.Time // first month
	Months   int
	Series   []Series
	Levels   []Span
	Limits   *Limits
	Markers  []Marker
	Gaps     []Gap
}

// A Series is one line of a trend.
type Series struct {
	Label  string
	Colour int
	Points []Point // in order of time, without the months that have no values
}

// A Point is the typical value of one month.
type Point struct {
	Month     time.Time
	N         int
	Value     float64
	Low, High float64 // interval; equal or NaN for none
	Sentence  string
}

// A Span is a level and the time it was valid; a zero To is still open.
type Span struct {
	Value    float64
	Name     string
	From, To time.Time
}

// Limits are the control limits of a chart with one series.
type Limits struct {
	Low, High float64
	Name      string
}

// A Marker is an event that may explain a change: software, calibration,
// protocol, a new level.
type Marker struct {
	At    time.Time
	Label string
	Href  string // what tells more of it, "" if nothing does
}

// A Gap is a time in which nothing arrived, and why as far as one knows.
type Gap struct {
	From, To time.Time
	Label    string
}

// trendHeight is the height of the inside of the axes.
const trendHeight = 230.0

// draw returns the chart on a canvas of width w.
func (c Trend) draw(p *lang.Printer, w float64) *drawing {
	narrow := w < 500
	d := &drawing{w: w, h: trendHeight + 26 + 42}
	f := frame{left: 48, top: 26, right: w - 150, bottom: 26 + trendHeight}
	if narrow {
		f.right = w - 8
		d.h += 18 * float64(len(c.Series))
	}
	s := c.scale(f)
	c.gaps(d, f)
	d.valueAxisY(p, f, s, axisTitle(p, c.Quantity, c.Unit))
	c.monthAxis(p, d, f)
	c.limits(d, f, s)
	for _, line := range c.Series {
		c.line(d, f, s, line)
	}
	c.levels(d, f, s)
	c.markers(d, f)
	if narrow {
		c.legend(p, d, f)
	} else {
		c.labels(p, d, f, s)
	}
	return d
}

// scale returns the value axis, from zero: a dose of zero means something.
func (c Trend) scale(f frame) scale {
	hi := 0.0
	see := func(v float64) {
		if !math.IsNaN(v) {
			hi = math.Max(hi, v)
		}
	}
	for _, line := range c.Series {
		for _, pt := range line.Points {
			see(pt.Value)
			see(pt.High)
		}
	}
	for _, l := range c.Levels {
		see(l.Value)
	}
	if c.Limits != nil {
		see(c.Limits.High)
	}
	s := scale{from: f.bottom, to: f.top}
	s.min, s.max = rounded(0, hi, false)
	return s
}

// x returns the place of an instant; a month's value stands in its middle.
func (c Trend) x(f frame, t time.Time) float64 {
	months := float64((t.Year()-c.From.Year())*12+int(t.Month())-int(c.From.Month())) + float64(t.Day()-1)/31
	return f.left + (f.right-f.left)*math.Max(0, math.Min(months, float64(c.Months)))/float64(max(1, c.Months))
}

// middle returns the place of a month's value.
func (c Trend) middle(f frame, month time.Time) float64 {
	return c.x(f, month) + (f.right-f.left)/float64(max(1, c.Months))/2
}

// monthAxis names the months, as many as fit, and the years.
func (c Trend) monthAxis(p *lang.Printer, d *drawing, f frame) {
	d.line("c-axis", f.left, f.bottom, f.right, f.bottom)
	room := (f.right - f.left) / float64(max(1, c.Months))
	every := max(1, int(math.Ceil(34/room)))
	for i := range c.Months {
		month := c.From.AddDate(0, i, 0)
		x := c.middle(f, month)
		if i%every == 0 {
			d.text("c-num", "middle", x, f.bottom+16, p.ShortMonth(month))
		}
		if i == 0 || month.Month() == time.January {
			d.text("c-year", "start", c.x(f, month)+2, f.bottom+32, itoa(month.Year()))
			d.line("c-axis", c.x(f, month), f.bottom, c.x(f, month), f.bottom+34)
		}
	}
}

// line draws one series: whiskers, line without bridging gaps, points.
func (c Trend) line(d *drawing, f frame, s scale, line Series) {
	class := "s" + Colour(line.Colour)
	for i, pt := range line.Points {
		x := c.middle(f, pt.Month)
		y, _ := s.at(pt.Value)
		if pt.High > pt.Low {
			lo, _ := s.at(pt.Low)
			hi, _ := s.at(pt.High)
			d.line("c-interval "+class, x, lo, x, hi)
		}
		if i > 0 && line.Points[i-1].Month.AddDate(0, 1, 0).Equal(pt.Month) {
			before := line.Points[i-1]
			by, _ := s.at(before.Value)
			d.line("c-line "+class, c.middle(f, before.Month), by, x, y)
		}
	}
	for _, pt := range line.Points {
		y, _ := s.at(pt.Value)
		d.circle("c-dot "+class, c.middle(f, pt.Month), y, 3.4).title = pt.Sentence
	}
}

// levels draws each level from the day it became valid to the day it ended, and
// names it at its beginning.
func (c Trend) levels(d *drawing, f frame, s scale) {
	for _, l := range c.Levels {
		y, off := s.at(l.Value)
		if off != 0 {
			continue
		}
		a, b := c.x(f, l.From), f.right
		if l.From.Before(c.From) {
			a = f.left
		}
		if !l.To.IsZero() {
			b = c.x(f, l.To)
		}
		if b <= a {
			continue
		}
		d.line("c-ref", a, y, b, y)
		name := fit(l.Name, fontSize, f.right-f.left)
		start := math.Max(f.left+2, math.Min(a+4, f.right-textWidth(name, fontSize)))
		d.text("c-refname", "start", start, c.clear(f, s, start, y, name), name)
	}
}

// clear returns the height for a name beside the line at height y, from x on:
// above it or below, wherever fewer points are in the way.
func (c Trend) clear(f frame, s scale, x, y float64, name string) float64 {
	above, below := 0, 0
	end := x + textWidth(name, fontSize)
	for _, line := range c.Series {
		for _, pt := range line.Points {
			px := c.middle(f, pt.Month)
			py, _ := s.at(pt.Value)
			switch {
			case px < x-4 || px > end+4:
			case py <= y && py > y-24:
				above++
			case py > y && py < y+24:
				below++
			}
		}
	}
	if below < above {
		return y + 14
	}
	return y - 5
}

// limits draws the control limits.
func (c Trend) limits(d *drawing, f frame, s scale) {
	if c.Limits == nil {
		return
	}
	hi, _ := s.at(c.Limits.High)
	lo, _ := s.at(c.Limits.Low)
	d.rect("c-limits", f.left, hi, f.right-f.left, lo-hi, 0).title = c.Limits.Name
	d.text("c-limitname", "end", f.right-4, hi+13, fit(c.Limits.Name, fontSize, f.right-f.left))
}

// markers draws a numbered flag at each marked change; the chart lists them
// below.
func (c Trend) markers(d *drawing, f frame) {
	for i, m := range c.Markers {
		x := c.x(f, m.At)
		d.line("c-marker", x, f.top-2, x, f.bottom)
		d.circle("c-flag", x, f.top-2, 7.5).title = m.Label
		d.text("c-flagno", "middle", x, f.top+2, itoa(i+1))
	}
}

// gaps shades the times in which nothing arrived.
func (c Trend) gaps(d *drawing, f frame) {
	for _, g := range c.Gaps {
		a, b := c.x(f, g.From), c.x(f, g.To)
		d.rect("c-gap", a, f.top, b-a, f.bottom-f.top, 0).title = g.Label
		d.text("c-gapname", "middle", gapNameX(f, (a+b)/2, g.Label), f.bottom-8, fit(g.Label, fontSize, f.right-f.left))
	}
}

// gapNameX returns the middle for a gap's name, held within the frame.
func gapNameX(f frame, x float64, name string) float64 {
	half := math.Min(textWidth(name, fontSize), f.right-f.left) / 2
	return math.Max(f.left+half, math.Min(x, f.right-half))
}

// labels names each line at its end.
func (c Trend) labels(p *lang.Printer, d *drawing, f frame, s scale) {
	at := make([]float64, len(c.Series))
	for i, line := range c.Series {
		at[i] = f.top
		if n := len(line.Points); n > 0 {
			at[i], _ = s.at(line.Points[n-1].Value)
		}
	}
	spread(at, 30, f.top+6, f.bottom-10)
	for i, line := range c.Series {
		d.text("c-label s"+Colour(line.Colour), "start", f.right+10, at[i]+1, fit(line.Label, labelSize, d.w-f.right-10))
		d.text("c-n", "start", f.right+10, at[i]+15, p.T("chart.n", lang.Args{"n": line.count()}))
	}
}

// legend names the lines below the chart, where a phone has no room beside it.
func (c Trend) legend(p *lang.Printer, d *drawing, f frame) {
	for i, line := range c.Series {
		y := f.bottom + 52 + 18*float64(i)
		d.line("c-line s"+Colour(line.Colour), f.left, y-4, f.left+18, y-4)
		d.circle("c-dot s"+Colour(line.Colour), f.left+9, y-4, 3.4)
		d.text("c-label s"+Colour(line.Colour), "start", f.left+26, y, fit(line.Label, labelSize, f.right-f.left-90))
		d.text("c-n", "end", f.right, y, p.T("chart.n", lang.Args{"n": line.count()}))
	}
}

// count returns how many examinations a series rests on.
func (s Series) count() int {
	n := 0
	for _, pt := range s.Points {
		n += pt.N
	}
	return n
}
