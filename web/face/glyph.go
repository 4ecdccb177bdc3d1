package face

import "math"

// A Glyph is the reference glyph: a measured value beside its reference on one
// thin scale. It is drawn the same on every page, card, row and report.
//
// Value, Low, High, Band and the ticks are in one unit. NaN or zero in Low and
// High leaves the whisker out. Without Min and Max the scale is chosen from the
// values; in a table give every row Ratio, and the references stand below one
// another.
type Glyph struct {
	Value      float64 // the measured value; NaN if there is none
	Low, High  float64 // its interval
	Reference  float64 // 0 if there is none
	Name       string  // of the reference, as in "level 790 (UK 2024, acute stroke)"
	Band       [2]float64
	Ticks      []Tick
	N          int // shown inside the dotted ring
	Shape      Shape
	LowCheck   bool    // adds the small downward tick of "low, check"
	Log        bool    // logarithmic scale
	Ratio      bool    // scale from 0.4 to 2 times the reference, logarithmic
	Min, Max   float64 // the scale's ends, if given
	Sentence   string  // what a reader can quote; the text alternative says exactly this
	Large      bool    // for a tile or a heading
	Decorative bool    // the sentence stands beside it in text: hide it from screen readers
}

// A Tick is another reference on the scale: another set, a peer, an earlier
// period.
type Tick struct {
	Value float64
	Label string
}

// The glyph's canvas and the place of its parts on it.
const (
	glyphW, glyphH = 200.0, 32.0
	glyphY         = 16.0
	glyphFrom      = 12.0
	glyphTo        = 184.0
	dotR           = 5.5

	ratioFrom, ratioTo = 0.4, 2 // ends of the scale by Ratio
)

// draw returns the glyph's marks from back to front.
func (g Glyph) draw() *drawing {
	d := &drawing{w: glyphW, h: glyphH}
	s := g.scale()
	d.line("g-scale", glyphFrom-6, glyphY, glyphTo+10, glyphY)
	if g.Band[1] > g.Band[0] {
		a, _ := s.at(g.Band[0])
		b, _ := s.at(g.Band[1])
		d.rect("g-band", a, glyphY-6, b-a, 12, 2)
	}
	for _, t := range g.Ticks {
		if x, off := s.at(t.Value); off == 0 {
			d.line("g-tick", x, glyphY-5, x, glyphY+5).title = t.Label
		}
	}
	g.reference(d, s)
	if !math.IsNaN(g.Value) && g.Value > 0 {
		g.whisker(d, s)
		g.dot(d, s)
	} else if g.Shape == Dash {
		x := (glyphFrom + glyphTo) / 2
		d.rect("g-dash", x-7, glyphY-2, 14, 4, 2)
	}
	return d
}

// reference draws what the value is held against: a dark upright line, or no
// more than a tick where the two are not compared.
func (g Glyph) reference(d *drawing, s scale) {
	if g.Reference <= 0 || g.Shape == LoneDot {
		return
	}
	x, _ := s.at(g.Reference)
	if g.Shape == Dash {
		d.line("g-tick", x, glyphY-5, x, glyphY+5).title = g.Name
		return
	}
	d.line("g-ref", x, 3, x, glyphH-3).title = g.Name
}

// scale chooses the glyph's scale.
func (g Glyph) scale() scale {
	s := scale{from: glyphFrom, to: glyphTo, min: g.Min, max: g.Max, log: g.Log}
	switch {
	case g.Ratio && g.Reference > 0:
		s.min, s.max, s.log = g.Reference*ratioFrom, g.Reference*ratioTo, true
	case g.Ratio && g.Value > 0:
		s.min, s.max, s.log = g.Value*ratioFrom, g.Value*ratioTo, true
	case s.max <= s.min:
		lo, hi := g.extent()
		s.min, s.max = rounded(lo, hi, g.Log)
	}
	return s
}

// extent returns the least and the greatest value the glyph has to hold.
func (g Glyph) extent() (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	see := func(v float64) {
		if v > 0 && !math.IsNaN(v) {
			lo, hi = math.Min(lo, v), math.Max(hi, v)
		}
	}
	for _, v := range []float64{g.Value, g.Low, g.High, g.Reference, g.Band[0], g.Band[1]} {
		see(v)
	}
	for _, t := range g.Ticks {
		see(t.Value)
	}
	return lo, hi
}

// whisker draws the interval, with an open end where it leaves the scale.
func (g Glyph) whisker(d *drawing, s scale) {
	if !(g.High > g.Low) || g.Shape == Dash {
		return
	}
	class := "g-whisker t-" + string(g.Shape.Tone())
	a, offA := s.at(g.Low)
	b, offB := s.at(g.High)
	d.line(class, a, glyphY, b, glyphY)
	if offA == 0 {
		d.line(class, a, glyphY-3.5, a, glyphY+3.5)
	}
	if offB == 0 {
		d.line(class, b, glyphY-3.5, b, glyphY+3.5)
	}
}

// dot draws the value in the shape of its state.
func (g Glyph) dot(d *drawing, s scale) {
	x, off := s.at(g.Value)
	tone := " t-" + string(g.Shape.Tone())
	switch g.Shape {
	case FilledDot, LoneDot:
		d.circle("g-dot"+tone, x, glyphY, dotR)
	case ArrowRing:
		d.circle("g-ring"+tone, x, glyphY, dotR)
		d.path("g-arrow"+tone, "M", x+dotR+1, " ", glyphY, "h", 7.0, "m", -3.5, "-3.5l", 3.5, " ", 3.5, "l", -3.5, " ", 3.5)
	case HalfDot:
		d.circle("g-ring"+tone, x, glyphY, dotR)
		d.path("g-half"+tone, "M", x, " ", glyphY-dotR, "a", dotR, " ", dotR, " 0 0 1 0 ", 2*dotR, "z")
	case Dash:
		d.rect("g-dash", x-7, glyphY-2, 14, 4, 2)
	case DottedRing:
		d.circle("g-dotted", x, glyphY, 9)
		d.text("g-n", "middle", x, glyphY+3.5, itoa(g.N))
	}
	if off != 0 && g.Shape != ArrowRing {
		tip := x + float64(off)*11
		d.path("g-off", "M", tip-float64(off)*4, " ", glyphY-4, "L", tip, " ", glyphY, "L", tip-float64(off)*4, " ", glyphY+4)
	}
	if g.LowCheck {
		d.path("g-low", "M", x, " ", glyphY+dotR+1.5, "v", 6.0, "m", -3.0, "-3l", 3.0, " ", 3.0, "l", 3.0, " ", -3.0)
	}
}
