package face

import (
	"math"
	"strconv"
)

// A scale maps values to positions on a line, linearly or by the logarithm.
type scale struct {
	min, max float64 // values
	from, to float64 // positions
	log      bool
}

// at returns the position of v, held within the line, and whether v lies below
// (-1), on (0) or beyond (+1) the scale.
func (s scale) at(v float64) (pos float64, off int) {
	lo, hi, x := s.min, s.max, v
	if s.log {
		lo, hi, x = math.Log(lo), math.Log(hi), math.Log(math.Max(x, math.SmallestNonzeroFloat64))
	}
	share := 0.5
	if hi > lo {
		share = (x - lo) / (hi - lo)
	}
	switch {
	case math.IsNaN(share):
		share = 0
	case share < 0:
		share, off = 0, -1
	case share > 1:
		share, off = 1, 1
	}
	return s.from + share*(s.to-s.from), off
}

// ticks returns round values on the scale, about as many as wanted.
func (s scale) ticks(wanted int) []float64 {
	if s.max <= s.min || wanted < 1 {
		return nil
	}
	if s.log {
		if all := logTicks(s.min, s.max, wanted); len(all) >= 3 {
			return all
		}
	}
	step := niceStep((s.max - s.min) / float64(wanted))
	var all []float64
	for i := math.Ceil(s.min/step - 1e-9); i*step <= s.max*(1+1e-9) && len(all) < 50; i++ {
		all = append(all, i*step)
	}
	return all
}

// logTicks returns powers of ten with 2 and 5 between them, or the powers alone
// where that is enough.
func logTicks(lo, hi float64, wanted int) []float64 {
	for _, steps := range [][]float64{{1}, {1, 3}, {1, 2, 5}, {1, 1.5, 2, 3, 5, 7}} {
		var all []float64
		for e := math.Floor(math.Log10(lo)); e <= math.Ceil(math.Log10(hi)); e++ {
			for _, m := range steps {
				if v := m * math.Pow(10, e); v >= lo*(1-1e-9) && v <= hi*(1+1e-9) {
					all = append(all, v)
				}
			}
		}
		if len(all) >= min(3, wanted) {
			return all
		}
	}
	return nil
}

// niceStep returns the next 1, 2 or 5 times a power of ten that is not below raw.
func niceStep(raw float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if m*p >= raw*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// rounded returns a range that holds lo and hi and ends on round values; zero is
// its beginning on a linear scale, where zero means something.
func rounded(lo, hi float64, log bool) (float64, float64) {
	if !(hi > 0) || math.IsInf(hi, 0) || math.IsNaN(lo) {
		return 0, 1
	}
	if log && lo > 0 {
		lo, hi = lo/1.15, hi*1.15
		if hi/lo < 4 { // less than two octaves look dramatic for nothing
			widen := math.Sqrt(4 / (hi / lo))
			lo, hi = lo/widen, hi*widen
		}
		return lo, hi
	}
	step := niceStep(hi / 5)
	return 0, math.Ceil(hi*1.05/step) * step
}

// px writes a coordinate with one decimal at most.
func px(v float64) string {
	s := strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
	if s == "-0" {
		return "0"
	}
	return s
}
