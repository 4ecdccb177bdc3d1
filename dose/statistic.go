package dose

import (
	"math"
	"slices"
)

// A Statistic describes the values of a group of examinations: what a typical
// value is made of (ICRP 135). All values are in the unit they came in.
type Statistic struct {
	N        int
	Median   float64
	Q1, Q3   float64 // quartiles, linear between order statistics (R type 7)
	Low      float64 // interval of the median from order statistics, exact binomial
	High     float64
	Interval bool    // whether there are enough values for an interval
	Coverage float64 // how likely the interval holds the true median; at least what was asked for
}

// Describe computes the statistic of values with an interval of at least the
// given coverage, such as 0.95. It does not modify values; without any it
// returns the zero Statistic.
func Describe(values []float64, coverage float64) Statistic {
	if len(values) == 0 {
		return Statistic{}
	}
	x := slices.Clone(values)
	slices.Sort(x)
	s := Statistic{N: len(x), Median: Quantile(x, 0.5), Q1: Quantile(x, 0.25), Q3: Quantile(x, 0.75)}
	if rank, reached := medianRank(len(x), coverage); rank > 0 {
		s.Low, s.High, s.Interval, s.Coverage = x[rank-1], x[len(x)-rank], true, reached
	}
	return s
}

// Quantile returns the p-quantile of sorted values, linear between order
// statistics (type 7 of Hyndman and Fan 1996). There must be at least one value.
func Quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := int(math.Floor(at))
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	if at == float64(i) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// medianRank returns the rank r such that the interval from the r-th smallest to
// the r-th largest of n values covers the median with at least the given
// probability, and that probability; 0 if n is too small for it. The number of
// values below the median is binomial with p = 1/2.
func medianRank(n int, coverage float64) (rank int, reached float64) {
	tail := (1 - coverage) / 2
	below := 0.0 // P(X <= r-1)
	for r := 1; r <= n/2; r++ {
		below += math.Exp(logChoose(n, r-1) - float64(n)*math.Ln2)
		if below > tail {
			break
		}
		rank, reached = r, 1-2*below
	}
	return rank, reached
}

// logChoose returns the logarithm of n over k.
func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}
