package face

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"radagora/lang"
)

// A Cloud shows single examinations by two of their quantities, such as dose against
// weight, with the medians of bands of the first and the reference as a dashed line.
// Beyond maxDots it shows how dense they are in place of each.
type Cloud struct {
	Chart
	X, XUnit   string // quantity for the axis, and its UCUM code
	Y, YUnit   string
	Log        bool // of the values
	Dots       []Dot
	Bands      []Band
	References []Reference
	Marks      []string // names of the colours of the dots, by number; none where it is one
}

// A Dot is one examination.
type Dot struct {
	X, Y   float64
	Colour int
}

// A Band is what lies in [From, To) of the first quantity.
type Band struct {
	From, To       float64
	N              int
	Q1, Median, Q3 float64
}

// The dots of a cloud that are drawn one by one, and the edge of the squares in which
// more of them are counted.
const (
	maxDots     = 1500
	squareSize  = 9.0
	cloudHeight = 260.0
	shades      = 5
)

// Dense reports whether there are too many dots to draw each.
func (c Cloud) Dense() bool { return len(c.Dots) > maxDots }

// draw returns the chart on a canvas of width w.
func (c Cloud) draw(p *lang.Printer, w float64) *drawing {
	d := &drawing{w: w, h: cloudHeight + 26 + 42}
	f := frame{left: 48, top: 26, right: w - 14, bottom: 26 + cloudHeight}
	x, y := c.scales(f)
	d.valueAxisX(p, f, x, axisTitle(p, c.X, c.XUnit))
	d.valueAxisY(p, f, y, axisTitle(p, c.Y, c.YUnit))
	if c.Dense() {
		c.squares(d, x, y)
	} else {
		for _, dot := range c.Dots {
			if px, py, on := place(x, y, dot); on {
				d.circle("c-one s"+Colour(dot.Colour), px, py, 2.4)
			}
		}
	}
	for _, b := range c.Bands {
		if b.N == 0 {
			continue
		}
		from, _ := x.at(b.From)
		to, _ := x.at(b.To)
		at, _ := y.at(b.Median)
		d.line("c-median s0", from+1, at, to-1, at).title = p.T("chart.band", lang.Args{
			"from": p.Plain(clean(b.From)), "to": p.Plain(clean(b.To)), "n": b.N, "median": p.Sig(b.Median),
		})
	}
	for _, r := range c.References {
		at, off := y.at(r.Value)
		if off != 0 {
			continue
		}
		d.line("c-ref", f.left, at, f.right, at)
		d.text("c-refname", "end", f.right, at-4, fit(r.Name, fontSize, f.right-f.left))
	}
	return d
}

// scales returns the axes: they hold every dot and every reference.
func (c Cloud) scales(f frame) (x, y scale) {
	left, right, low, high := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, dot := range c.Dots {
		left, right = math.Min(left, dot.X), math.Max(right, dot.X)
		if dot.Y > 0 {
			low, high = math.Min(low, dot.Y), math.Max(high, dot.Y)
		}
	}
	for _, r := range c.References {
		low, high = math.Min(low, r.Value), math.Max(high, r.Value)
	}
	x, y = scale{from: f.left + 6, to: f.right - 6}, scale{from: f.bottom, to: f.top, log: c.Log}
	if right <= left || math.IsInf(left, 0) {
		x.min, x.max = 0, math.Max(1, 2*math.Max(0, right))
	} else {
		step := niceStep((right - left) / 8)
		x.min, x.max = math.Floor(left/step)*step, math.Ceil(right/step)*step
	}
	y.min, y.max = rounded(low, high, c.Log)
	return x, y
}

// place returns where a dot stands, and whether it does.
func place(x, y scale, dot Dot) (px, py float64, on bool) {
	px, offX := x.at(dot.X)
	py, offY := y.at(dot.Y)
	return px, py, offX == 0 && offY == 0
}

// squares counts dots in squares and shades them by how many there are.
func (c Cloud) squares(d *drawing, x, y scale) {
	counts, most := map[[2]int]int{}, 0
	for _, dot := range c.Dots {
		if px, py, on := place(x, y, dot); on {
			at := [2]int{int(px / squareSize), int(py / squareSize)}
			counts[at]++
			most = max(most, counts[at])
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(counts), func(a, b [2]int) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }) {
		n := counts[at]
		d.rect("c-heat c-heat-"+shade(n, most), float64(at[0])*squareSize, float64(at[1])*squareSize, squareSize, squareSize, 0)
	}
}

// shade returns the number of the shade for a count, from 1 to shades.
func shade(n, most int) string {
	return string(rune('0' + max(1, min(shades, int(math.Ceil(shades*math.Sqrt(float64(n)/float64(most))))))))
}

// A Heat shows how many there are by hour and day of the week.
type Heat struct {
	Chart
	Days   [7]string // names, in the order of the rows
	Counts [7][24]int
}

// draw returns the chart on a canvas of width w.
func (c Heat) draw(p *lang.Printer, w float64) *drawing {
	const row, left, top = 24.0, 92.0, 8.0
	d := &drawing{w: w, h: top + 7*row + 24}
	width, most := (w-left-6)/24, 1
	for _, hours := range c.Counts {
		for _, n := range hours {
			most = max(most, n)
		}
	}
	for i, hours := range c.Counts {
		y := top + float64(i)*row
		d.text("c-label", "end", left-8, y+row/2+4, fit(c.Days[i], labelSize, left-8))
		for h, n := range hours {
			if n > 0 {
				d.rect("c-heat c-heat-"+shade(n, most), left+float64(h)*width, y+1, width-1, row-2, 0).title = p.T("chart.heat_cell", lang.Args{"day": c.Days[i], "hour": h, "n": n})
			}
		}
	}
	for h := 0; h < 24; h += 3 {
		d.text("c-num", "start", left+float64(h)*width, top+7*row+16, p.Count(int64(h)))
	}
	return d
}
