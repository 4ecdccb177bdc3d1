package maturity

import (
	"cmp"
	"math"
	"slices"
)

// NA is the answer "not applicable".
const NA = -1

// A Result is what answers come to.
type Result struct {
	Level      int // 0 to 7
	FloorLevel int // the same, if levels beyond the gates also needed the floor of decision support
	Met        []string
	Gates      []Attained // in the order of the model
	Areas      []Attained
	Next       string // the gate that the gap list leads to; "" if all are met
	Gap        []Missing
	Short      int       // points that the mean still lacks once the gap is closed
	Candidates []Missing // optional indicators of the gate that could bring them
	Answered   int       // answered or validly not applicable
	Total      int
	Mandatory  int // mandatory ones answered or validly not applicable
	Demanded   int // mandatory ones
}

// Completeness returns the answered part in whole per cent.
func (r *Result) Completeness() int { return percent(float64(r.Answered), float64(r.Total)) }

// Attained is how far a gate or a focus area is.
type Attained struct {
	Code    string
	Met     bool // of a gate
	Sum     int
	Counted int
}

// Mean returns the mean of the counted answers, 0 of none.
func (a Attained) Mean() float64 {
	if a.Counted == 0 {
		return 0
	}
	return float64(a.Sum) / float64(a.Counted)
}

// Percent returns the points reached of those possible, rounded half up.
func (a Attained) Percent() int { return percent(float64(a.Sum), 4*float64(a.Counted)) }

func percent(part, whole float64) int {
	if whole == 0 {
		return 0
	}
	return int(math.Floor(100*part/whole + 0.5))
}

// A Missing is an indicator below its required answer.
type Missing struct {
	ID     string
	Answer int
	Points int // missing to the required answer; of a candidate to the highest
}

// A counted is the answer of an indicator as it counts.
type counted struct {
	answer  int
	counts  bool // in the mean
	given   bool // answered, or validly not applicable
	waived  bool // validly not applicable
	highest int
}

// count returns how an answer counts: unanswered mandatory ones as 0, not applicable
// where it is not allowed as 0, unanswered optional ones and valid exceptions not at all.
func (m *Model) count(x *Indicator, answers map[string]int, single bool) counted {
	most := m.Rules.n("answer_most")
	a, ok := answers[x.ID]
	switch {
	case !ok:
		return counted{counts: x.Mandatory, highest: most}
	case a == NA && m.MayWaive(x, single):
		return counted{given: true, waived: true}
	case a == NA:
		return counted{counts: true, given: true, highest: most}
	}
	return counted{answer: min(max(a, 0), most), counts: true, given: true, highest: most}
}

// MayWaive reports whether an indicator may be answered as not applicable; single says
// that the facility has one area that makes images.
func (*Model) MayWaive(x *Indicator, single bool) bool {
	return x.NA == NAReason && !x.Mandatory || x.NA == NASingle && single
}

// Score computes level, attainment and gap list of answers by indicator: 0 to 4, or NA.
func (m *Model) Score(answers map[string]int, single bool) Result {
	r := Result{Total: len(m.Indicators)}
	gates, areas := map[string]*Attained{}, map[string]*Attained{}
	for _, g := range m.Gates {
		gates[g.Code] = &Attained{Code: g.Code, Met: true}
	}
	for _, a := range m.Areas {
		areas[a.Code] = &Attained{Code: a.Code}
	}
	floor := true
	for i := range m.Indicators {
		x := &m.Indicators[i]
		c := m.count(x, answers, single)
		if c.given {
			r.Answered++
		}
		if x.Mandatory {
			r.Demanded++
			if c.given {
				r.Mandatory++
			}
		}
		if x.Floor && c.answer < m.Rules.n("floor_least") {
			floor = false
		}
		g := gates[x.Gate]
		if x.Mandatory && !c.waived && c.answer < x.Required {
			g.Met = false
		}
		if c.counts {
			for _, a := range []*Attained{g, areas[x.Area]} {
				if a != nil {
					a.Sum += c.answer
					a.Counted++
				}
			}
		}
	}
	for _, g := range m.Gates {
		a := gates[g.Code]
		a.Met = a.Met && a.Mean() >= m.Rules["mean_least"]
		r.Gates = append(r.Gates, *a)
		if a.Met {
			r.Met = append(r.Met, g.Code)
		}
	}
	for _, a := range m.Areas {
		r.Areas = append(r.Areas, *areas[a.Code])
	}
	m.level(&r, floor)
	if g := m.next(&r, answers, single); g != nil {
		m.gap(&r, g, answers, single)
	}
	return r
}

// level sets the level: the highest unbroken gate, then one for each met branch.
func (m *Model) level(r *Result, floor bool) {
	for _, g := range m.Gates {
		if g.Level != r.Level+1 || !slices.Contains(r.Met, g.Code) {
			break
		}
		r.Level = g.Level
	}
	r.FloorLevel = r.Level
	if r.Level < m.Rules.n("branch_from") {
		return
	}
	for _, g := range m.Gates {
		if g.Level == 0 && slices.Contains(r.Met, g.Code) {
			r.Level++
			if floor {
				r.FloorLevel++
			}
		}
	}
}

// next returns the gate that comes next: the lowest unmet level, then the unmet branch
// with the fewest missing points, the first of several.
func (m *Model) next(r *Result, answers map[string]int, single bool) *Gate {
	var best *Gate
	fewest := 0
	for i := range m.Gates {
		g := &m.Gates[i]
		if slices.Contains(r.Met, g.Code) {
			continue
		}
		if g.Level > 0 {
			return g
		}
		points := 0
		for _, x := range m.missing(g, answers, single) {
			points += x.Points
		}
		if best == nil || points < fewest {
			best, fewest = g, points
		}
	}
	return best
}

// missing are the mandatory indicators of a gate below their required answer, the
// largest gap first, then by id.
func (m *Model) missing(g *Gate, answers map[string]int, single bool) []Missing {
	var all []Missing
	for i := range m.Indicators {
		x := &m.Indicators[i]
		c := m.count(x, answers, single)
		if x.Gate == g.Code && x.Mandatory && !c.waived && c.answer < x.Required {
			all = append(all, Missing{x.ID, c.answer, x.Required - c.answer})
		}
	}
	slices.SortFunc(all, func(a, b Missing) int { return cmp.Or(cmp.Compare(b.Points, a.Points), cmp.Compare(a.ID, b.ID)) })
	return all
}

// gap fills in what is missing to a gate: its mandatory indicators, then the points that
// the mean lacks once these are closed, with the optional indicators that could bring
// them: the lowest answer first, then by id.
func (m *Model) gap(r *Result, g *Gate, answers map[string]int, single bool) {
	r.Next, r.Gap = g.Code, m.missing(g, answers, single)
	at := r.Gates[slices.IndexFunc(r.Gates, func(a Attained) bool { return a.Code == g.Code })]
	sum := float64(at.Sum)
	for _, x := range r.Gap {
		sum += float64(x.Points)
	}
	short := m.Rules["mean_least"]*float64(at.Counted) - sum
	if short <= 0 {
		return
	}
	r.Short = int(math.Ceil(short))
	for i := range m.Indicators {
		x := &m.Indicators[i]
		c := m.count(x, answers, single)
		if x.Gate == g.Code && !x.Mandatory && c.given && c.counts && c.answer < c.highest {
			r.Candidates = append(r.Candidates, Missing{x.ID, c.answer, c.highest - c.answer})
		}
	}
	slices.SortFunc(r.Candidates, func(a, b Missing) int { return cmp.Or(cmp.Compare(a.Answer, b.Answer), cmp.Compare(a.ID, b.ID)) })
}

// The states of a criterion.
const (
	Met  = "met"
	Open = "open"
)

// A StarAnswer is what is said of a criterion.
type StarAnswer struct {
	Met bool
	Due string // day by which a plan closes it; "" without a plan
}

// A StarResult is what criteria come to.
type StarResult struct {
	Stars, Most int
	Open        []string // criteria that are not met, in the order of the content
	Planned     []string // of them those with a plan that counts
	Blocking    []string // those that keep the next star away
	Levels      []StarLevel
	Topics      []Attained // Sum of Counted criteria are met
}

// A StarLevel is how many criteria of a star are met.
type StarLevel struct{ Star, Met, Of int }

// Score returns the stars: n when each level up to n has all criteria met, but for as
// many with a plan as the rules allow; none while a mandatory criterion is open. day is
// today, until the last day a plan may be due.
func (s *Stars) Score(answers map[string]StarAnswer, day, until string) StarResult {
	r := StarResult{Most: s.Most()}
	topics := map[string]*Attained{}
	for _, t := range s.Topics {
		topics[t.Code] = &Attained{Code: t.Code}
	}
	broken, mandatory := false, false
	for star := 1; star <= r.Most; star++ {
		level, open := StarLevel{Star: star}, 0
		var blocking []string
		for i := range s.Criteria {
			c := &s.Criteria[i]
			if c.Star != star {
				continue
			}
			level.Of++
			if t := topics[c.Topic]; t != nil {
				t.Counted++
				if answers[c.ID].Met {
					t.Sum++
				}
			}
			if answers[c.ID].Met {
				level.Met++
				continue
			}
			r.Open = append(r.Open, c.ID)
			due := answers[c.ID].Due
			planned := !c.Mandatory && due >= day && due != "" && due <= until
			if planned {
				r.Planned = append(r.Planned, c.ID)
				open++
			}
			if !planned || open > s.Rules.n("open_most") {
				blocking = append(blocking, c.ID)
			}
			mandatory = mandatory || c.Mandatory
		}
		r.Levels = append(r.Levels, level)
		if len(blocking) > 0 && !broken {
			broken, r.Blocking = true, blocking
		}
		if !broken {
			r.Stars = star
		}
	}
	if mandatory {
		r.Stars = 0
	}
	for _, t := range s.Topics {
		r.Topics = append(r.Topics, *topics[t.Code])
	}
	return r
}
