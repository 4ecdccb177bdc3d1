// Package embryo keeps what physicists declare of the dose to an embryo or fetus.
//
// A Sheet begins with what the ledger knows of a study: DLP, CTDIvol, dose area product,
// dose at the reference point, activity, and where the beam was. A physicist says of each
// exposure where the uterus was, by which coefficient it is converted and where that
// stands; the program multiplies and adds, shows every step, and invents nothing: it
// brings no coefficient, no threshold and no risk. What was calculated is declared with
// a name and kept for good, each change as a further version, a withdrawal beside it
// (Council Directive 2013/59/Euratom, Art. 62).
package embryo

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"radagora/dose"
	"radagora/ucum"
)

// A Sheet is a worksheet as it is filled in. Numbers are decimals as typed, with a point
// or a comma.
type Sheet struct {
	Study       string `json:"study"`
	Weeks       string `json:"weeks,omitempty"`    // gestational age in completed weeks since the last period, on the day of the study; "" if unknown
	Days        string `json:"days,omitempty"`     // beyond them, 0 to 6
	KnownBy     string `json:"known_by,omitempty"` // see KnownBys
	Method      string `json:"method"`             // by which the dose was found, in words
	Combine     string `json:"combine"`            // how uncertainties are put together; see Combines
	Lines       []Line `json:"lines"`
	Assumptions string `json:"assumptions,omitempty"`
	Note        string `json:"note,omitempty"`
	Name        string `json:"name"` // of who declares, as it is printed
	Role        string `json:"role,omitempty"`
}

// A Line is one exposure, or all of one kind together.
type Line struct {
	Key         string `json:"key"`                   // of the event or examination in the study; "" if it was added by hand
	Name        string `json:"name"`                  // what it was: protocol or kind
	Quantity    string `json:"quantity"`              // see Quantities
	Value       string `json:"value"`                 // in the unit of the quantity
	Reported    string `json:"reported,omitempty"`    // what the ledger has
	Origin      string `json:"origin,omitempty"`      // class of that; see dose.Class
	Events      int    `json:"events,omitempty"`      // irradiations in it
	Beam        string `json:"beam,omitempty"`        // where the beam was, as the report says
	Place       string `json:"place"`                 // of the uterus; see Places
	Coefficient string `json:"coefficient,omitempty"` // mGy to the uterus for each unit of the quantity
	Factor      string `json:"factor,omitempty"`      // a further one, such as for size or depth; "" is 1
	Source      string `json:"source,omitempty"`      // of coefficient and factor, or why there is no dose
	Uncertainty string `json:"uncertainty,omitempty"` // relative, in per cent, with a coverage factor of 2
}

// Direct is a dose to the uterus that was found elsewhere, by a measurement or a
// simulation.
const Direct = "direct"

// units are the quantities that a line can convert, with the unit in which they are shown.
var units = map[string]string{
	string(dose.QuantityDLP):        "mGy.cm",
	"ctdivol":                       "mGy",
	string(dose.QuantitySSDE):       "mGy",
	string(dose.QuantityDAP):        "Gy.cm2",
	string(dose.QuantityRP):         "mGy",
	string(dose.QuantityEntrance):   "mGy",
	string(dose.QuantityAGD):        "mGy",
	string(dose.QuantityActivity):   "MBq",
	string(dose.QuantityFluoroTime): "min",
	Direct:                          "mGy",
}

// Quantities are those of a line, in the order of a form.
func Quantities() []string {
	return []string{
		string(dose.QuantityDLP), "ctdivol", string(dose.QuantitySSDE), string(dose.QuantityDAP), string(dose.QuantityRP),
		string(dose.QuantityEntrance), string(dose.QuantityAGD), string(dose.QuantityActivity), string(dose.QuantityFluoroTime), Direct,
	}
}

// Unit returns the unit of a quantity of a line, "" if it is none.
func Unit(quantity string) string { return units[quantity] }

// The places of the uterus.
const (
	Inside  = "inside"  // of the primary beam, or the scanned range
	Partly  = "partly"  // at its edge
	Outside = "outside" // scattered radiation alone
	Apart   = "apart"   // nothing worth counting: no dose is calculated, and the line says why
)

// Places are where the uterus can be: in the order of a form.
func Places() []string { return []string{Inside, Partly, Outside, Apart} }

// KnownBys are the ways in which gestational age is known.
func KnownBys() []string { return []string{"ultrasound", "period", "estimated"} }

// The ways of putting uncertainties together.
const (
	Linear     = "linear"     // added: contributions that err alike, as with one coefficient
	Quadrature = "quadrature" // root of the sum of squares: independent contributions
)

// Combines are both, in the order of a form.
func Combines() []string { return []string{Linear, Quadrature} }

// What may be wrong, as codes.
const (
	WrongNumber    = "number"    // no number, or a negative one
	WrongQuantity  = "quantity"  // not one of Quantities
	WrongPlace     = "place"     // nobody said where the uterus was
	WrongSource    = "source"    // a coefficient without a source, or a line left out without a reason
	WrongAge       = "age"       // not 0 to 45 weeks and 0 to 6 days
	WrongKnown     = "known_by"  // an age without how it is known, or a way that is none
	WrongMethod    = "method"    // no method
	WrongCombine   = "combine"   // not one of Combines
	WrongName      = "name"      // nobody signs
	WrongLines     = "lines"     // none, or too many
	WrongText      = "text"      // too long, or not text
	WrongUncertain = "uncertain" // more than 1000 per cent
)

// A Wrong is what is wrong with a sheet.
type Wrong struct {
	Line  int    `json:"line,omitempty"` // from 1; 0 of the sheet
	Field string `json:"field"`
	Rule  string `json:"rule"` // see Wrong…
}

// mostLines bounds the lines of a sheet; mostText and mostWords its texts in bytes.
const (
	mostLines = 100
	mostText  = 300
	mostWords = 4000
)

// A Result is what a sheet comes to.
type Result struct {
	Steps       []Step       `json:"steps"`
	Dose        ucum.Decimal `json:"dose_mgy"`        // absorbed dose to the uterus, standing for the embryo or fetus
	Uncertainty string       `json:"uncertainty_mgy"` // with a coverage factor of 2; "" unless each counted line has one
	Combine     string       `json:"combine"`
}

// A Step is what a line comes to.
type Step struct {
	Line        int          `json:"line"` // from 1
	Value       ucum.Decimal `json:"value"`
	Unit        string       `json:"unit"`
	Coefficient ucum.Decimal `json:"coefficient"` // mGy for each unit
	Factor      ucum.Decimal `json:"factor"`
	Dose        ucum.Decimal `json:"dose_mgy"`
	Uncertainty ucum.Decimal `json:"uncertainty_mgy"`
	Known       bool         `json:"uncertainty_known"`
	Left        bool         `json:"left"` // nothing worth counting
}

// decimal reads a number as typed, and reports whether it is one that is not negative.
func decimal(s string) (ucum.Decimal, bool) {
	s = strings.TrimSpace(s)
	if strings.Count(s, ",") == 1 && !strings.Contains(s, ".") {
		s = strings.Replace(s, ",", ".", 1)
	}
	if s == "" || len(s) > 40 {
		return ucum.Decimal{}, false
	}
	d, err := ucum.ParseDecimal(s)
	return d, err == nil && d.Sign() >= 0 && d.Float() < 1e12
}

// Calculate returns what a sheet comes to, step by step, and what is wrong with it. Dose
// = value × coefficient × factor, added over the lines. With anything wrong there is no
// dose.
func (s Sheet) Calculate() (Result, []Wrong) {
	wrong := s.check()
	out := Result{Combine: s.Combine}
	sum, squares, every := ucum.Decimal{}, 0.0, true
	for i, l := range s.Lines {
		step, bad := l.step(i + 1)
		wrong = append(wrong, bad...)
		out.Steps = append(out.Steps, step)
		if len(bad) > 0 || step.Left {
			continue
		}
		out.Dose = out.Dose.Add(step.Dose)
		sum = sum.Add(step.Uncertainty)
		squares += step.Uncertainty.Float() * step.Uncertainty.Float()
		every = every && step.Known
	}
	if len(wrong) > 0 {
		return Result{}, wrong
	}
	if every {
		out.Uncertainty = sum.String()
		if s.Combine == Quadrature {
			out.Uncertainty = strconv.FormatFloat(math.Sqrt(squares), 'g', 6, 64)
		}
	}
	return out, nil
}

// check says what is wrong with a sheet beside its lines.
func (s Sheet) check() (all []Wrong) {
	add := func(field, rule string) { all = append(all, Wrong{Field: field, Rule: rule}) }
	if weeks, days, ok := s.Age(); !ok || weeks > 45 || days > 6 {
		add("weeks", WrongAge)
	}
	if (s.Weeks != "") != (s.KnownBy != "") || s.KnownBy != "" && !slices.Contains(KnownBys(), s.KnownBy) {
		add("known_by", WrongKnown)
	}
	if strings.TrimSpace(s.Method) == "" {
		add("method", WrongMethod)
	}
	if !slices.Contains(Combines(), s.Combine) {
		add("combine", WrongCombine)
	}
	if strings.TrimSpace(s.Name) == "" {
		add("name", WrongName)
	}
	if len(s.Lines) == 0 || len(s.Lines) > mostLines {
		add("lines", WrongLines)
	}
	for _, t := range []struct {
		field, text string
		most        int
	}{
		{"method", s.Method, mostWords}, {"assumptions", s.Assumptions, mostWords}, {"note", s.Note, mostWords}, {"name", s.Name, mostText}, {"role", s.Role, mostText},
	} {
		if !text(t.text, t.most) {
			add(t.field, WrongText)
		}
	}
	return all
}

// text reports whether something typed is text of a length.
func text(s string, most int) bool {
	return len(s) <= most && strings.ToValidUTF8(s, "") == s && !strings.ContainsRune(s, 0)
}

// Age returns the gestational age in weeks and days; 0 and 0 if it is unknown. ok is
// false if what was typed is none.
func (s Sheet) Age() (weeks, days int, ok bool) {
	if s.Weeks == "" {
		return 0, 0, s.Days == ""
	}
	weeks, err := strconv.Atoi(s.Weeks)
	if err != nil || weeks < 0 {
		return 0, 0, false
	}
	if s.Days != "" {
		if days, err = strconv.Atoi(s.Days); err != nil || days < 0 {
			return 0, 0, false
		}
	}
	return weeks, days, true
}

// step calculates a line.
func (l Line) step(n int) (s Step, all []Wrong) {
	add := func(field, rule string) { all = append(all, Wrong{n, field, rule}) }
	one := ucum.Int(1)
	s = Step{Line: n, Unit: units[l.Quantity], Factor: one, Left: l.Place == Apart}
	if s.Unit == "" {
		add("quantity", WrongQuantity)
	}
	if !slices.Contains(Places(), l.Place) {
		add("place", WrongPlace)
	}
	if !text(l.Name, mostText) || !text(l.Beam, mostText) || !text(l.Source, mostWords) || !text(l.Key, mostText) || !text(l.Reported, mostText) || !text(l.Origin, mostText) {
		add("source", WrongText)
	}
	if strings.TrimSpace(l.Source) == "" {
		add("source", WrongSource)
	}
	ok := false
	if s.Value, ok = decimal(l.Value); !ok {
		add("value", WrongNumber)
	}
	if s.Left {
		return s, all
	}
	switch s.Coefficient, ok = decimal(l.Coefficient); {
	case l.Quantity == Direct && l.Coefficient == "":
		s.Coefficient = one
	case !ok:
		add("coefficient", WrongNumber)
	}
	if l.Factor != "" {
		if s.Factor, ok = decimal(l.Factor); !ok {
			add("factor", WrongNumber)
		}
	}
	if l.Uncertainty != "" {
		percent, ok := decimal(l.Uncertainty)
		if s.Known = ok; !ok {
			add("uncertainty", WrongNumber)
		} else if percent.Cmp(ucum.Int(1000)) > 0 {
			add("uncertainty", WrongUncertain)
		}
		s.Uncertainty = percent.Mul(ucum.MustDecimal("0.01"))
	}
	s.Dose = s.Value.Mul(s.Coefficient).Mul(s.Factor)
	s.Uncertainty = s.Uncertainty.Mul(s.Dose)
	return s, all
}
