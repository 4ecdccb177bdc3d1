package review

import (
	"math"
	"testing"
)

// TestControl: an average that stays says nothing, one that moves is a drift, and both
// directions count.
func TestControl(t *testing.T) {
	series := func(n int, at func(int) float64) []Point {
		var all []Point
		for i := range n {
			all = append(all, Point{Value: at(i)})
		}
		return all
	}
	wave := func(i int) float64 { return 100 * math.Exp(0.1*math.Sin(float64(i)*2.4)) }
	for _, c := range []struct {
		name   string
		points []Point
		drift  bool
		enough bool
	}{
		{"too few", series(30, wave), false, false},
		{"as ever", series(90, wave), false, true},
		{"a third more from the 60th on", series(90, func(i int) float64 {
			if i < 60 {
				return wave(i)
			}
			return 1.33 * wave(i)
		}), true, true},
		{"a third less", series(90, func(i int) float64 {
			if i < 60 {
				return wave(i)
			}
			return 0.67 * wave(i)
		}), true, true},
		{"always the same has no spread, and is no drift", series(90, func(int) float64 { return 5 }), false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Control(c.points, 30, 0.2, 2.7)
			first, drift := got.Drifting()
			if drift != c.drift || got.Enough != c.enough {
				t.Errorf("drift %v from %+v, enough %v; want %v, %v", drift, first, got.Enough, c.drift, c.enough)
			}
		})
	}
	// The first limits: half = L s sqrt(w/(2-w) (1-(1-w)^2)) = L s w.
	got := Control(series(31, wave), 30, 0.2, 2.7)
	if want := math.Exp(math.Log(got.Start) + 2.7*got.Spread*0.2); math.Abs(got.Points[0].High-want) > 1e-9 {
		t.Errorf("first limit = %v; want %v", got.Points[0].High, want)
	}
	if len(Control([]Point{{Value: 0}, {Value: -1}, {Value: 3}}, 1, 0.2, 2.7).Points) != 1 {
		t.Error("values that are not above 0 are on the chart")
	}
}

func TestRatioOf(t *testing.T) {
	var before, after, few []float64
	for i := range 40 {
		before = append(before, 100+float64(i))
		after = append(after, 70+float64(i)*0.7)
		if i < 4 {
			few = append(few, 70)
		}
	}
	e := RatioOf(before, after, 0.95)
	if math.Abs(e.Ratio-0.7) > 1e-9 || !e.Proved() || e.Low > 0.7 || e.High < 0.7 || e.High > 0.8 {
		t.Errorf("a third less = %+v; want 0.7, proved", e)
	}
	if e := RatioOf(before, few, 0.95); e.Interval || e.Proved() {
		t.Errorf("of four = %+v; want no interval", e)
	}
	if e := RatioOf(before, before, 0.95); e.Proved() || e.Ratio != 1 {
		t.Errorf("the same = %+v; want 1, not proved", e)
	}
	if e := RatioOf(nil, after, 0.95); e.Ratio != 0 || e.Proved() {
		t.Errorf("nothing before = %+v", e)
	}
}
