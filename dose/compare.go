package dose

import (
	"slices"

	"radagora/content"
	"radagora/fault"
)

// A State says how the typical value of a group stands beside its level. Words,
// shapes and rules of the states are the content set dose/state.
type State string

// The states, in the order in which Compare tries them.
const (
	NoLevel         State = "no_level"
	NotCompared     State = "not_compared"
	TooFew          State = "too_few"
	AtOrBelow       State = "at_or_below"
	AboveNotCertain State = "above_not_certain"
	AboveCertain    State = "above_certain"
)

// A Note stands beside a state and never replaces it.
type Note string

// The notes.
const (
	LowInformation Note = "low_information" // image quality before dose
	LowCheck       Note = "low_check"       // low: check image quality
)

// Settings are the numbers that comparisons depend on, from the content set
// dose/defaults.
type Settings struct {
	Coverage    float64 // of the interval of a median
	MinN        int     // examinations a comparison needs where the level states no number
	LowShare    float64 // of the level, below which the upper limit raises LowCheck
	WeightMin   float64 // of a standard adult, kg, included
	WeightMax   float64 // of a standard adult, kg, included
	AdultMonths int     // age from which a patient is an adult
	Period      int     // months of a typical value
	Exceeded    int     // months of the periods that count for a consistent excess
	Consecutive int     // periods in a row above the level
	Hits, Of    int     // periods above the level among the last so many
	Ref         content.Ref
}

// LoadSettings reads the settings that a site works with.
func LoadSettings(library *content.Library, site string) (Settings, error) {
	const id = "dose/defaults"
	set, ok := library.Set(site, id)
	if !ok {
		return Settings{}, fault.Errorf(fault.NotFound, "no content set %s", id)
	}
	table, err := set.Table("settings")
	if err != nil {
		return Settings{}, err
	}
	values := map[string]float64{}
	for row := range table.All() {
		if n, ok := row.Number("value"); ok {
			values[row.Text("key")] = n
		}
	}
	var missing []string
	number := func(key string) float64 {
		n, ok := values[key]
		if !ok {
			missing = append(missing, key)
		}
		return n
	}
	s := Settings{
		Coverage:    number("dose.median.interval"),
		MinN:        int(number("dose.median.min_n")),
		LowShare:    number("dose.low.share"),
		WeightMin:   number("dose.adult.weight_min"),
		WeightMax:   number("dose.adult.weight_max"),
		AdultMonths: 12 * int(number("dose.adult.age_min")),
		Period:      int(number("dose.period.typical")),
		Exceeded:    int(number("dose.period.exceeded")),
		Consecutive: int(number("dose.exceeded.consecutive")),
		Hits:        int(number("dose.exceeded.hits")),
		Of:          int(number("dose.exceeded.of")),
		Ref:         set.Ref(),
	}
	if len(missing) > 0 {
		return s, fault.Errorf(fault.Invalid, "content set %s lacks %v", id, missing)
	}
	return s, nil
}

// A Question is what Compare is asked.
type Question struct {
	Statistic
	// Comparable is false for examinations that are unmapped, excluded or
	// unassigned, or where the level needs an indication that is assumed or
	// unknown.
	Comparable bool
	// HasLevel says whether a governing level is valid, and Level is its value
	// in the unit of the Statistic.
	HasLevel bool
	Level    float64
	// MinN is how many examinations the set of the level demands; 0 if it
	// does not say.
	MinN int
	// Guide is a median-type guide value in the unit of the Statistic, 0 if
	// there is none.
	Guide float64
	// ImageQuality says whether a finding on image quality is open in the room.
	ImageQuality bool
}

// An Answer is what Compare says.
type Answer struct {
	State State
	Notes []Note
	// Above says whether the median is above the level, whatever the state:
	// the comparison is shown with few examinations too.
	Above bool
	// Ratio is the median over the level, 0 without a level.
	Ratio float64
	// Wanted is how many examinations were needed.
	Wanted int
}

// Compare is the one function that says how a typical value stands beside its
// level; pages, exports, evidence and findings all call it. The median is what
// is compared; the interval grades certainty only and never turns above into not
// above (2013/59/Euratom Art. 56(2) compares typical values).
func (s Settings) Compare(q Question) Answer {
	a := Answer{Wanted: q.MinN}
	if a.Wanted == 0 {
		a.Wanted = s.MinN
	}
	if q.HasLevel && q.N > 0 {
		a.Above = above(q.Median, q.Level)
		a.Ratio = q.Median / q.Level
	}
	a.State = s.state(q, a)
	if a.State == AtOrBelow || a.State == AboveNotCertain || a.State == AboveCertain {
		a.Notes = s.notes(q)
	}
	return a
}

// state applies the rules of dose/state; the first that fits wins.
func (s Settings) state(q Question, a Answer) State {
	switch {
	case !q.HasLevel:
		return NoLevel
	case !q.Comparable:
		return NotCompared
	case !q.Interval || q.N < a.Wanted:
		return TooFew
	case !a.Above:
		return AtOrBelow
	case above(q.Low, q.Level):
		return AboveCertain
	}
	return AboveNotCertain
}

// notes says whether the value is remarkably low.
func (s Settings) notes(q Question) []Note {
	belowGuide := q.Guide > 0 && above(q.Guide, q.Median)
	switch {
	case above(s.LowShare*q.Level, q.High), belowGuide && q.ImageQuality:
		return []Note{LowCheck}
	case belowGuide:
		return []Note{LowInformation}
	}
	return nil
}

// above reports whether a is greater than b by more than the rounding of
// floating-point numbers, so that a median of (8.4 + 8.6)/2 is not above 8.5.
func above(a, b float64) bool { return a-b > 1e-12*max(a, b) }

// Finding reports whether the answer alone is a finding; a State that needs to
// repeat is judged by ConsistentlyAbove.
func (a Answer) Finding() bool {
	return a.State == AboveCertain || slices.Contains(a.Notes, LowCheck)
}

// ConsistentlyAbove reports whether a level is consistently exceeded
// (2013/59/Euratom Art. 58(f)): above, certain or not, in the last so many
// periods in a row, or in so many of the last ones. States are in the order of
// time, of periods that do not overlap; one with too few counts as not above.
func (s Settings) ConsistentlyAbove(periods []State) bool {
	isAbove := func(x State) bool { return x == AboveNotCertain || x == AboveCertain }
	run := 0
	for i := len(periods) - 1; i >= 0 && isAbove(periods[i]); i-- {
		run++
	}
	hits := 0
	for _, x := range periods[max(0, len(periods)-s.Of):] {
		if isAbove(x) {
			hits++
		}
	}
	return run >= s.Consecutive || hits >= s.Hits
}
