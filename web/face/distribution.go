package face

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"radagora/lang"
)

// A Distribution shows how a quantity spreads in each group, one group under
// the other: box, median and whiskers over its single values or its histogram,
// with the reference as a dashed line through all of them.
type Distribution struct {
	Chart
	Quantity   string // for the axis, in the person's language
	Unit       string // UCUM code
	Log        bool
	Groups     []Group
	References []Reference
}

// A Group is one row of a distribution. P05 and P95 end the whiskers.
type Group struct {
	Label                    string
	Colour                   int // the same for the same room on every chart
	N                        int
	P05, Q1, Median, Q3, P95 float64
	Points                   []float64 // single values, drawn up to maxPoints
	Bins                     []Bin     // or their histogram
	Sentence                 string
}

// A Bin is a bar of a histogram: how many values are in [From, To).
type Bin struct {
	From, To float64
	Count    int
}

// A Reference is a line a quantity is held against.
type Reference struct {
	Value float64
	Name  string // as in "level 790, UK 2024"
	Minor bool   // another set than the governing one: fainter
}

// maxPoints is how many single values a group is drawn with; beyond it the
// picture gets no clearer and the page heavier.
const maxPoints = 400

// colours is how many colours the style sheet has for series.
const colours = 8

// rowHeight is the height of one group.
const rowHeight = 46.0

// draw returns the chart on a canvas of width w.
func (c Distribution) draw(p *lang.Printer, w float64) *drawing {
	narrow := w < 500
	d := &drawing{w: w}
	f := frame{left: 150, top: 20 + 15*float64(len(c.References)), right: w - 14}
	row, labelY := rowHeight, 0.0
	if narrow {
		f.left, row, labelY = 6, rowHeight+18, 9
	}
	f.bottom = f.top + row*float64(len(c.Groups))
	d.h = f.bottom + 42
	s := c.scale(f)
	d.valueAxisX(p, f, s, axisTitle(p, c.Quantity, c.Unit))
	for i, g := range c.Groups {
		mid := f.top + row*(float64(i)+0.5) + labelY
		if narrow {
			d.text("c-label s"+Colour(g.Colour), "start", f.left, mid-labelY-14, fit(g.Label, labelSize, f.right-f.left-60))
			d.text("c-n", "end", f.right, mid-labelY-14, p.T("chart.n", lang.Args{"n": g.N}))
		} else {
			d.text("c-label s"+Colour(g.Colour), "end", f.left-14, mid-1, fit(g.Label, labelSize, f.left-14))
			d.text("c-n", "end", f.left-14, mid+14, p.T("chart.n", lang.Args{"n": g.N}))
		}
		g.draw(d, s, mid)
	}
	d.references(s, f, c.References)
	return d
}

// scale returns the axis: it holds every whisker and every reference.
func (c Distribution) scale(f frame) scale {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, g := range c.Groups {
		for _, v := range append([]float64{g.P05, g.Median, g.P95}, g.Points...) {
			if v > 0 {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
	}
	for _, r := range c.References {
		lo, hi = math.Min(lo, r.Value), math.Max(hi, r.Value)
	}
	s := scale{from: f.left + 6, to: f.right - 6, log: c.Log}
	s.min, s.max = rounded(lo, hi, c.Log)
	return s
}

// draw paints one group around the line at height y.
func (g Group) draw(d *drawing, s scale, y float64) {
	class := "s" + Colour(g.Colour)
	for i, v := range g.Points {
		if i == maxPoints {
			break
		}
		x, _ := s.at(v)
		d.circle("c-point "+class, x, y+jitter(i)*13, 1.6)
	}
	g.histogram(d, s, y, class)
	if g.N == 0 || !(g.Median > 0) {
		return
	}
	p05, _ := s.at(g.P05)
	q1, _ := s.at(g.Q1)
	med, _ := s.at(g.Median)
	q3, _ := s.at(g.Q3)
	p95, _ := s.at(g.P95)
	d.line("c-whisker "+class, p05, y, q1, y)
	d.line("c-whisker "+class, q3, y, p95, y)
	d.rect("c-box "+class, q1, y-9, q3-q1, 18, 2).title = g.Sentence
	d.line("c-median "+class, med, y-12, med, y+12)
}

// histogram paints the bins as bars that stand on the group's line.
func (g Group) histogram(d *drawing, s scale, y float64, class string) {
	most := 0
	for _, b := range g.Bins {
		most = max(most, b.Count)
	}
	for _, b := range g.Bins {
		if b.Count == 0 {
			continue
		}
		a, _ := s.at(b.From)
		z, _ := s.at(b.To)
		h := 19 * float64(b.Count) / float64(most)
		d.rect("c-bar "+class, a+0.5, y-h, math.Max(1, z-a-1), h, 0)
	}
}

// references draws each reference as a dashed upright line with its name above
// the frame, stacked so that names do not meet.
func (d *drawing) references(s scale, f frame, all []Reference) {
	all = slices.SortedFunc(slices.Values(all), func(a, b Reference) int { return cmp.Compare(b.Value, a.Value) })
	for i, r := range all {
		x, off := s.at(r.Value)
		if off != 0 {
			continue
		}
		y := 12 + 15*float64(i)
		class := "c-ref"
		if r.Minor {
			class = "c-ref c-minor"
		}
		d.line(class, x, y+4, x, f.bottom)
		name := fit(r.Name, fontSize, d.w-8)
		start := math.Max(4, math.Min(x+4, d.w-4-textWidth(name, fontSize)))
		d.text("c-refname", "start", start, y+1, name)
	}
}

// Colour returns the number of the colour class for a room or group, from 0.
func Colour(colour int) string {
	return strconv.Itoa(((colour % colours) + colours) % colours)
}

// jitter spreads points around their line, the same way each time.
func jitter(i int) float64 {
	const golden = 0.6180339887498949
	_, fraction := math.Modf(float64(i+1) * golden)
	return fraction*2 - 1
}

// sortBy sorts by a key in place.
func sortBy[T any](all []T, key func(T) float64) {
	slices.SortStableFunc(all, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}
