package face

import (
	"math"
	"strconv"

	"radagora/lang"
)

// A Radar shows how far several areas are, in per cent, on spokes from one middle.
type Radar struct {
	Chart
	Spokes []Spoke
	Name   string // of the value
	Beside string // of what stands beside it, "" for none
}

// A Spoke is one area.
type Spoke struct {
	Code, Name string
	Value      int // per cent
	Beside     int // per cent, of an earlier time or of others; below 0 is none
}

const radarHeight = 330.0

// draw returns the chart on a canvas of width w.
func (c Radar) draw(p *lang.Printer, w float64) *drawing {
	d := &drawing{w: w, h: radarHeight}
	x, y, r := w/2, radarHeight/2, radarHeight/2-34
	at := func(i int, share float64) (float64, float64) {
		a := 2*math.Pi*float64(i)/float64(len(c.Spokes)) - math.Pi/2
		return x + r*share*math.Cos(a), y + r*share*math.Sin(a)
	}
	for _, ring := range []int{25, 50, 75, 100} {
		d.ring("c-grid radar-ring", len(c.Spokes), func(i int) (float64, float64) { return at(i, float64(ring)/100) })
		d.text("c-num", "start", x+4, y-r*float64(ring)/100+11, strconv.Itoa(ring))
	}
	for i, s := range c.Spokes {
		px, py := at(i, 1)
		d.line("c-grid", x, y, px, py)
		px, py = at(i, 1.1)
		d.text("c-name", "middle", px, py+4, s.Code).title = s.Name + ": " + p.Percent(float64(s.Value)/100)
	}
	if c.Beside != "" {
		d.ring("radar-beside", len(c.Spokes), func(i int) (float64, float64) { return at(i, float64(max(c.Spokes[i].Beside, 0))/100) })
	}
	d.ring("radar-area", len(c.Spokes), func(i int) (float64, float64) { return at(i, float64(c.Spokes[i].Value)/100) })
	for i, s := range c.Spokes {
		px, py := at(i, float64(s.Value)/100)
		d.circle("c-one s0", px, py, 3.5).title = s.Name + ": " + p.Percent(float64(s.Value)/100)
	}
	return d
}

// ring draws a closed line through n points.
func (d *drawing) ring(class string, n int, at func(i int) (x, y float64)) {
	var parts []any
	for i := range n {
		px, py := at(i)
		step := "L"
		if i == 0 {
			step = "M"
		}
		parts = append(parts, step, px, " ", py)
	}
	d.path(class, append(parts, "Z")...)
}
