package review

import (
	"math"
	"slices"

	"radagora/dose"
)

// Facts are what rules know of one examination.
type Facts struct {
	Study, Key   string
	Day          string
	Machine      string
	Room         string
	Modality     string
	Exam         string
	Indication   string
	Months       *int   // age
	Intervention string // "yes", "no" or "" if nobody has said
	Region       string // "brain", "other" or "" if not known; of a CT
	NoPhantom    bool   // of a CT: a scan whose phantom is not known
	Weight       *float64
	Diameter     *float64 // cm, water-equivalent
	Amounts      map[dose.Quantity]Number
	Window       map[dose.Quantity]float64 // with those of the same person in the weeks before
	Level        *float64                  // that governs the examination
}

// ID names the examination within its site.
func (f Facts) ID() string { return f.Study + "_" + f.Key }

// A Number is an amount, in the unit of its quantity.
type Number struct {
	Value  float64
	Method string // see dose.Method…; of a skin map its validity
}

// Marks say what is to be known about a result.
const (
	MarkOverlapAssumed = "overlap_assumed"
	MarkRegion         = "region_unknown"       // both thresholds are shown; the lower one triggers
	MarkPhantom        = "phantom_unknown"      // likewise
	MarkIntervention   = "intervention_unknown" // a person decides
	MarkSize           = "trigger_by_size"
	MarkSizeUnknown    = "size_unknown" // the rule has triggers by size; the one without was taken
	MarkIndicative     = "skin_indicative"
	MarkIntended       = "intended_from_level" // what was intended is the governing level: no order states it
)

// The parts of an examination that a result may be of; "" is the whole.
const (
	PartPlaneA = "plane_a"
	PartPlaneB = "plane_b"
	PartWeeks  = "weeks" // with the examinations of the same person in the weeks before
)

// A Result is how one examination stands beside one rule.
type Result struct {
	Rule        string      `json:"rule"`
	Set         string      `json:"set"`
	Quantity    string      `json:"quantity"`
	Aggregation Aggregation `json:"aggregation"`
	Part        string      `json:"part,omitempty"`
	Value       float64     `json:"value"`
	Unit        string      `json:"unit"`
	Trigger     float64     `json:"trigger"`
	Ratio       float64     `json:"ratio"`
	Over        bool        `json:"over"`
	Opens       bool        `json:"opens"` // over, and the rule opens cases
	Status      Status      `json:"status"`
	Legal       bool        `json:"legal,omitempty"`
	Substantial bool        `json:"substantial,omitempty"`
	Notice      bool        `json:"notice,omitempty"`
	Marks       []string    `json:"marks,omitempty"`
}

// Judge says how an examination stands beside a rule. It is not about it (false) if
// its scope does not fit, or the number it compares is not known.
func Judge(f Facts, r Rule) (Result, bool) {
	out := Result{
		Rule: r.ID, Set: r.Set, Quantity: string(r.Quantity), Aggregation: r.Aggregation, Unit: r.Unit,
		Status: r.Status, Legal: r.Legal, Substantial: r.Substantial, Notice: r.Notice,
	}
	if r.Group || r.Quantity == "" || r.Value == 0 || r.Status == ToTypeIn || !r.fits(f, &out) {
		return out, false
	}
	number, part, known := f.number(r)
	if !known {
		return out, false
	}
	out.Part = part
	var err error
	if out.Value, err = convert(number.Value, unitOf(r.Quantity), r.Unit); err != nil {
		return out, false
	}
	out.Trigger = r.trigger(f, &out)
	switch number.Method {
	case dose.MethodOverlapAssumed:
		out.mark(MarkOverlapAssumed)
	case "indicative":
		out.mark(MarkIndicative)
	case MethodIntended:
		out.mark(MarkIntended)
	}
	out.Ratio = out.Value / out.Trigger
	out.Over = beyond(out.Value, out.Trigger) || r.AtLeast && !beyond(out.Trigger, out.Value)
	out.Opens = out.Over && r.Opens()
	return out, true
}

// beyond reports whether a is greater than b by more than the rounding of units.
func beyond(a, b float64) bool { return a-b > 1e-9*math.Max(a, b) }

// JudgeAll judges by all rules and returns the results by rule set, in the order of
// the content.
func JudgeAll(f Facts, rules []Rule) map[string][]Result {
	all := map[string][]Result{}
	for _, r := range rules {
		if out, ok := Judge(f, r); ok {
			all[r.Set] = append(all[r.Set], out)
		}
	}
	return all
}

// fits reports whether an examination is in the scope of a rule.
func (r Rule) fits(f Facts, out *Result) bool {
	if slices.Contains(r.Exclude, f.Modality) || len(r.Modalities) > 0 && !slices.Contains(r.Modalities, f.Modality) {
		return false
	}
	switch {
	case r.Intervention == "" || r.Intervention == f.Intervention:
	case f.Intervention == "":
		out.mark(MarkIntervention)
	default:
		return false
	}
	switch {
	case r.Region == "" || r.Region == f.Region:
	case f.Region == "":
		out.mark(MarkRegion)
	default:
		return false
	}
	if !r.ofSize(f, out) {
		return false
	}
	if f.NoPhantom && (r.Quantity == dose.QuantityCTDIvolMax || r.Quantity == dose.QuantityCTDIvolOverlap) {
		out.mark(MarkPhantom)
	}
	return true
}

// number returns what a rule compares of an examination: the highest of the whole,
// its planes and the weeks before, as the rule asks.
func (f Facts) number(r Rule) (highest Number, part string, known bool) {
	take := func(n Number, of string) {
		if !known || n.Value > highest.Value {
			highest, part, known = n, of, true
		}
	}
	if n, ok := f.Amounts[r.Quantity]; ok {
		take(n, "")
	}
	if r.PerPlane {
		for of, q := range map[string]dose.Quantity{PartPlaneA: dose.QuantityRPPlaneA, PartPlaneB: dose.QuantityRPPlaneB} {
			if n, ok := f.Amounts[q]; ok {
				take(n, of)
			}
		}
	}
	if n, ok := f.Window[r.Quantity]; ok && r.Window {
		take(Number{Value: n}, PartWeeks)
	}
	return highest, part, known
}

// trigger returns the value that a rule compares with for an examination.
func (r Rule) trigger(f Facts, out *Result) float64 {
	if len(r.Bands) == 0 {
		return r.Value
	}
	known := false
	for _, b := range r.Bands {
		size := f.size(b.Kind)
		known = known || size != nil
		if size != nil && b.holds(*size) {
			out.mark(MarkSize)
			return b.Value
		}
	}
	if !known {
		out.mark(MarkSizeUnknown)
	}
	return r.Value
}

// ofSize reports whether an examination is of a size that a rule is about. One whose
// size is not known is, and marked: nobody is left out for want of a number.
func (r Rule) ofSize(f Facts, out *Result) bool {
	known := false
	for _, b := range r.Sizes {
		size := f.size(b.Kind)
		if size != nil && b.holds(*size) {
			return true
		}
		known = known || size != nil
	}
	if len(r.Sizes) > 0 && !known {
		out.mark(MarkSizeUnknown)
	}
	return !known
}

// size returns the size of the patient by a kind of band, nil if it is not known.
func (f Facts) size(kind string) *float64 {
	if kind == kindDiameter {
		return f.Diameter
	}
	return f.Weight
}

func (r *Result) mark(m string) {
	if !slices.Contains(r.Marks, m) {
		r.Marks = append(r.Marks, m)
	}
}

// A GroupResult is how the last examinations of one kind on one machine stand.
type GroupResult struct {
	Armed bool // one examination exceeded the level by so much
	N     int
	Mean  float64
	Over  bool
}

// Latest is how many examinations the group criterion is about.
const latest = 20

// JudgeGroup compares the mean of the last 20 values of one examination on one
// machine, the latest last, with a multiple of their level. The criterion is armed
// only where one of these is above another multiple (r.Armed); there is no level
// without a value above 0.
func JudgeGroup(values []float64, level float64, r Rule) GroupResult {
	out := GroupResult{N: min(len(values), latest)}
	if level <= 0 || len(values) < latest {
		return out
	}
	sum := 0.0
	for _, v := range values[len(values)-latest:] {
		sum += v
		out.Armed = out.Armed || beyond(v, r.Armed*level)
	}
	out.Mean = sum / latest
	out.Over = out.Armed && beyond(out.Mean, r.Value*level)
	return out
}
