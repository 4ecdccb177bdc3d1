package face

import (
	"math"
	"slices"

	"radagora/lang"
)

// A Chart is what every chart has around its drawing: a name, what it shows in
// words, and the ways to take it along.
type Chart struct {
	ID      string // for addresses within the page
	Title   string
	Text    string // one sentence for those who do not see the drawing
	CSV     string // address of the numbers, "" for none
	Picture string // address of the drawing as a file, "" for none
}

// The canvases a chart is drawn on. The style sheet shows the one that fits.
const (
	wideW, narrowW = 580.0, 350.0
	fontSize       = 12.0
	labelSize      = 13.5 // bold
)

// A frame is the inside of a chart's axes.
type frame struct {
	left, top, right, bottom float64
}

// valueAxisX draws a horizontal value axis with grid lines below the frame.
func (d *drawing) valueAxisX(p *lang.Printer, f frame, s scale, title string) {
	wanted := int((f.right - f.left) / 80)
	for _, v := range s.ticks(max(3, wanted)) {
		x, off := s.at(v)
		if off != 0 {
			continue
		}
		d.line("c-grid", x, f.top, x, f.bottom)
		d.text("c-num", "middle", x, f.bottom+16, p.Plain(clean(v)))
	}
	d.line("c-axis", f.left, f.bottom, f.right, f.bottom)
	d.text("c-title", "end", f.right, f.bottom+34, fit(title, fontSize, f.right-f.left))
}

// valueAxisY draws a vertical value axis with grid lines left of the frame, its
// title above it, where it can be read without turning the head.
func (d *drawing) valueAxisY(p *lang.Printer, f frame, s scale, title string) {
	wanted := int((f.bottom - f.top) / 45)
	for _, v := range s.ticks(max(3, wanted)) {
		y, off := s.at(v)
		if off != 0 {
			continue
		}
		d.line("c-grid", f.left, y, f.right, y)
		d.text("c-num", "end", f.left-7, y+4, p.Plain(clean(v)))
	}
	d.text("c-title", "start", 0, 12, fit(title, fontSize, f.right))
}

// clean takes away what adding steps left behind the last digit.
func clean(v float64) float64 {
	if v == 0 {
		return 0
	}
	p := math.Pow(10, 9-math.Ceil(math.Log10(math.Abs(v))))
	return math.Round(v*p) / p
}

// axisTitle returns a quantity with its unit, as in "DLP in mGy·cm".
func axisTitle(p *lang.Printer, quantity, unit string) string {
	if unit == "" {
		return quantity
	}
	return p.T("chart.axis", lang.Args{"quantity": quantity, "unit": p.Unit(unit)})
}

// spread moves positions apart until none is closer than gap to the next, and
// keeps them between lo and hi while there is room. It keeps their order.
func spread(at []float64, gap, lo, hi float64) {
	order := make([]int, len(at))
	for i := range order {
		order[i] = i
	}
	sortBy(order, func(i int) float64 { return at[i] })
	for n, i := range order {
		floor := lo
		if n > 0 {
			floor = at[order[n-1]] + gap
		}
		at[i] = math.Max(at[i], floor)
	}
	ceiling := hi
	for _, i := range slices.Backward(order) {
		at[i] = math.Min(at[i], ceiling)
		ceiling = at[i] - gap
	}
}
