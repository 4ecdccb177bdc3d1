package audit

import (
	"math"

	"radagora/fault"
)

// Decisions of an audit.
const (
	Met           = "met"
	NotMet        = "not_met"
	Undecided     = "undecided" // enlarge the sample
	NotApplicable = "not_applicable"
)

// A Count is what an audit counted, with what it takes to decide.
type Count struct {
	Yes, No, NA int // NA: not applicable, outside the denominator
	Census      bool
	Direction   string // Min, Max or Present
	Target      float64
	Required    int // cases the template wants of a sample; 0: none
}

// N is the denominator.
func (c Count) N() int { return c.Yes + c.No }

// Failed is how many cases speak against the standard.
func (c Count) Failed() int {
	if c.Direction == Max {
		return c.Yes
	}
	return c.No
}

// A Decision is what a count means.
type Decision struct {
	Decision     string
	Proportion   float64 // of Yes; nothing if NotApplicable
	Low, High    float64 // interval of a sample
	HasInterval  bool
	FailureUpper float64 // upper bound of the failure rate where no failure was found
	HasUpper     bool
}

// Decide applies the rule of the content (own rule of the project): a census compares
// with the target and has no interval; a sample compares its Wilson interval; a target
// that admits no failure is missed by one, and met only when the sample is as large as
// the template wants. Nothing counted is not applicable.
func (s *Settings) Decide(c Count) Decision {
	n := c.N()
	if n == 0 {
		return Decision{Decision: NotApplicable}
	}
	out := Decision{Proportion: float64(c.Yes) / float64(n)}
	if c.Census || c.Direction == Present {
		out.Decision = NotMet
		if c.holds(out.Proportion) {
			out.Decision = Met
		}
		return out
	}
	out.HasInterval = true
	out.Low, out.High = Wilson(c.Yes, n, s.IntervalZ)
	if c.Direction == Min && c.Target >= 1 || c.Direction == Max && c.Target <= 0 {
		return s.whole(c, out)
	}
	below, above := out.Low, out.High
	switch {
	case c.Direction == Min && below >= c.Target, c.Direction == Max && above <= c.Target:
		out.Decision = Met
	case c.Direction == Min && above < c.Target, c.Direction == Max && below > c.Target:
		out.Decision = NotMet
	default:
		out.Decision = Undecided
	}
	return out
}

// whole decides where the target admits no failure.
func (s *Settings) whole(c Count, out Decision) Decision {
	switch {
	case c.Failed() > 0:
		out.Decision = NotMet
		return out
	case c.N() >= max(c.Required, 1):
		out.Decision = Met
	default:
		out.Decision = Undecided
	}
	out.FailureUpper, out.HasUpper = 1-math.Pow(s.FailureLevel, 1/float64(c.N())), true
	return out
}

// holds reports whether a proportion meets the target as it is.
func (c Count) holds(p float64) bool {
	if c.Direction == Max {
		return p <= c.Target
	}
	return p >= c.Target
}

// Wilson is the score interval of k of n for a normal quantile z (Wilson 1927).
func Wilson(k, n int, z float64) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	p, m := float64(k)/float64(n), float64(n)
	mid := p + z*z/(2*m)
	half := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	low, high = (mid-half)/(1+z*z/m), (mid+half)/(1+z*z/m)
	if k == 0 {
		low = 0
	}
	if k == n {
		high = 1
	}
	return max(low, 0), min(high, 1)
}

// Size is how many of a population a sample needs to tell a share p within d: Cochran's
// formula with the correction for a finite population. Invalid: a number that cannot be.
func (s *Settings) Size(population int, p, d float64) (int, error) {
	if population < 0 || !(p > 0 && p < 1) || !(d > 0 && d < 1) {
		return 0, fault.Errorf(fault.Invalid, "sample size: a population, and an expected share and margin between 0 and 1, are needed")
	}
	if population == 0 {
		return 0, nil
	}
	n0 := s.SizeZ * s.SizeZ * p * (1 - p) / (d * d)
	n := n0 / (1 + (n0-1)/float64(population))
	return min(int(math.Ceil(n-1e-9)), population), nil
}

// An Agreement is how two readers of the same cases agree.
type Agreement struct {
	N     int // cases with two answers
	Same  int
	Kappa float64 // Cohen's; nothing if not Known
	Known bool    // kappa is defined: chance alone would not agree always
}

// Percent is the share of cases with the same answer.
func (a Agreement) Percent() float64 {
	if a.N == 0 {
		return 0
	}
	return float64(a.Same) / float64(a.N)
}

// Agree compares pairs of answers (Cohen 1960).
func Agree(pairs [][2]string) Agreement {
	out := Agreement{N: len(pairs)}
	first, second := map[string]int{}, map[string]int{}
	for _, p := range pairs {
		if p[0] == p[1] {
			out.Same++
		}
		first[p[0]]++
		second[p[1]]++
	}
	if out.N == 0 {
		return out
	}
	chance, n := 0, out.N*out.N // in whole numbers: readers who always say the same have no kappa
	for v, k := range first {
		chance += k * second[v]
	}
	if chance == n {
		return out
	}
	po, pe := float64(out.Same)/float64(out.N), float64(chance)/float64(n)
	out.Kappa, out.Known = (po-pe)/(1-pe), true
	return out
}
