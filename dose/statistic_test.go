package dose

import (
	"fmt"
	"math"
	"testing"
)

// decade returns n values 10, 20, … n*10.
func decade(n int) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = float64(i+1) * 10
	}
	return all
}

func TestIntervalOfTheMedian(t *testing.T) {
	for _, c := range []struct {
		n, low, high int     // ranks
		coverage     float64 // in per cent, one digit
	}{
		{6, 1, 6, 96.9},
		{8, 1, 8, 99.2},
		{10, 2, 9, 97.9},
		{15, 4, 12, 96.5},
		{20, 6, 15, 95.9},
		{30, 10, 21, 95.7},
		{50, 18, 33, 96.7},
		{100, 40, 61, 96.5},
	} {
		t.Run(fmt.Sprintf("of %d values", c.n), func(t *testing.T) {
			s := Describe(decade(c.n), 0.95)
			if !s.Interval || s.Low != float64(c.low*10) || s.High != float64(c.high*10) {
				t.Errorf("interval %v–%v; want ranks %d–%d", s.Low, s.High, c.low, c.high)
			}
			if got := math.Round(s.Coverage*1000) / 10; got != c.coverage {
				t.Errorf("coverage %v %%; want %v", got, c.coverage)
			}
		})
	}
	for n := range 6 {
		if s := Describe(decade(n), 0.95); s.Interval {
			t.Errorf("%d values have an interval; want none below 6", n)
		}
	}
	if s := Describe(decade(100000), 0.95); !s.Interval || s.Low >= s.Median || s.High <= s.Median {
		t.Errorf("100,000 values: %+v; want an interval around the median", s)
	}
}

func TestQuartiles(t *testing.T) {
	s := Describe([]float64{40, 10, 30, 20}, 0.95) // in R: quantile(c(10,20,30,40))
	if s.Q1 != 17.5 || s.Median != 25 || s.Q3 != 32.5 {
		t.Errorf("quartiles %v, %v, %v; want 17.5, 25, 32.5", s.Q1, s.Median, s.Q3)
	}
	if s := Describe([]float64{7}, 0.95); s.Q1 != 7 || s.Median != 7 || s.Q3 != 7 || s.N != 1 {
		t.Errorf("one value: %+v", s)
	}
}
