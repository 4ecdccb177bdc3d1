package dose

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"radagora/content"
)

// Physics is what estimates go by: coefficients from the content sets of kind
// size_specific, dose_factors and activity_factors, as a site has them.
type Physics struct {
	size      map[string]exponential // by phantom and part of the body
	diameters map[string]polynomial  // by what the diameter is made of
	factors   []factor
	activity  []activityFactor
	min, max  float64 // cm, between which a size-specific dose is estimated
	adult     float64 // years from which somebody is an adult
	chosen    string  // set and tissue weights of the effective dose of CT in charts; see choose
}

// An exponential is f = a exp(-b D), D in cm.
type exponential struct {
	a, b   float64
	report string
}

// A polynomial makes an effective diameter in cm of a dimension in cm, or an age in
// years.
type polynomial struct{ a, b, c, d, max float64 } // max is the largest x that it was fitted for; 0: not stated

// A factor is one row of a set of effective dose for each DLP.
type factor struct {
	set, weights, phantom string
	regions               []string
	age                   float64 // years of the phantom it was computed for
	kvp                   float64 // 0: any
	k                     float64 // mSv for each mGy.cm
}

// An activityFactor is the effective dose of one radiopharmaceutical for each MBq.
type activityFactor struct {
	set, agent, population string
	codes                  []string // of the agent, in SNOMED CT
	k                      float64
}

// LoadPhysics reads the coefficients of a site.
func LoadPhysics(library *content.Library, site string) (*Physics, error) {
	p := &Physics{size: map[string]exponential{}, diameters: map[string]polynomial{}}
	settings, err := library.Table(site, "dose/defaults", "settings")
	if err != nil {
		return nil, err
	}
	recommendation := 0.0
	for row := range settings.All() {
		for key, to := range map[string]*float64{"dose.ssde.diameter_min": &p.min, "dose.ssde.diameter_max": &p.max, "dose.adult.age_min": &p.adult, "dose.effective.weights": &recommendation} {
			if row.Text("key") == key {
				*to, _ = row.Number("value")
			}
		}
		if err := row.Err(); err != nil {
			return nil, err
		}
	}
	for _, set := range library.OfKind(site, "size_specific") {
		if err := p.loadSize(library, site, set.ID); err != nil {
			return nil, err
		}
	}
	for _, set := range library.OfKind(site, "dose_factors") {
		table, err := library.Table(site, set.ID, "factors")
		if err != nil {
			return nil, err
		}
		for row := range table.All() {
			f := factor{set: set.ID, weights: row.Text("weights"), phantom: row.Text("phantom"), regions: row.List("region"), age: p.adult}
			slices.Sort(f.regions)
			f.k, _ = row.Number("factor")
			f.kvp, _ = row.Number("kvp")
			if row.Text("age") != "adult" {
				f.age, _ = row.Number("age")
			}
			if err := row.Err(); err != nil {
				return nil, err
			}
			p.factors = append(p.factors, f)
		}
	}
	for _, set := range library.OfKind(site, "activity_factors") {
		table, err := library.Table(site, set.ID, "factors")
		if err != nil {
			return nil, err
		}
		for row := range table.All() {
			k, _ := row.Number("factor")
			p.activity = append(p.activity, activityFactor{set.ID, row.Text("agent"), row.Text("population"), row.List("codes"), k})
			if err := row.Err(); err != nil {
				return nil, err
			}
		}
	}
	p.choose(recommendation)
	return p, nil
}

// loadSize reads one set of size-specific coefficients.
func (p *Physics) loadSize(library *content.Library, site, id string) error {
	table, err := library.Table(site, id, "coefficients")
	if err != nil {
		return err
	}
	for row := range table.All() {
		c := exponential{report: row.Text("report")}
		c.a, _ = row.Number("a")
		c.b, _ = row.Number("b")
		p.size[row.Text("phantom")+" "+row.Text("part")] = c
		if err := row.Err(); err != nil {
			return err
		}
	}
	if table, err = library.Table(site, id, "diameters"); err != nil {
		return err
	}
	for row := range table.All() {
		var c polynomial
		for column, to := range map[string]*float64{"a": &c.a, "b": &c.b, "c": &c.c, "d": &c.d, "x_max": &c.max} {
			*to, _ = row.Number(column)
		}
		p.diameters[row.Text("from")] = c
		if err := row.Err(); err != nil {
			return err
		}
	}
	return nil
}

// A Refusal says why there is no estimate.
type Refusal string

// The refusals.
const (
	NoValue       Refusal = "no_value"       // there is no CTDIvol or DLP to estimate from
	NoPhantom     Refusal = "no_phantom"     // the phantom of CTDIvol is unknown: a factor of two
	OtherPhantom  Refusal = "other_phantom"  // the factors are for another phantom
	NoRegion      Refusal = "no_region"      // nobody says which part of the body
	NoSize        Refusal = "no_size"        // no diameter, no dimension and no age
	OutOfDomain   Refusal = "out_of_domain"  // the diameter is not one of a body
	NoFactor      Refusal = "no_factor"      // the set has none for this region or age
	NotAPatient   Refusal = "localizer"      // of a localizer nothing is estimated
	NoAge         Refusal = "no_age"         // the factors differ by age, and it is unknown
	NoVoltage     Refusal = "no_voltage"     // the factors differ by tube voltage, and it is unknown
	UnknownTracer Refusal = "unknown_tracer" // the set has no factor for the radiopharmaceutical
)

// A Diameter is the size of a body where it was scanned, and what it was made of.
type Diameter struct {
	Centimetres float64
	From        string // water, water_header, water_pixels, effective, ap_lateral, ap, lateral or age, in the order of trust
}

// diameterFields are the values that say a diameter at once, the most trusted first.
var diameterFields = []struct {
	field Field
	from  string
}{{"water_diameter_mm", "water"}, {"effective_diameter_mm", "effective"}}

// Diameter returns the size of a body for an event: what the report or the headers
// of images say, or what dimensions or the age make of it. Years below 0 are an
// unknown age. ok is false if nothing says it.
func (p *Physics) Diameter(e *Event, years float64) (d Diameter, ok bool) {
	cm := func(f Field) (float64, bool) {
		n, known := e.Number(f)
		return n.Float() / 10, known && n.Sign() > 0
	}
	for _, one := range diameterFields {
		if n, known := cm(one.field); known {
			return Diameter{n, one.from + tookFrom(e, one.field)}, true
		}
	}
	ap, hasAP := cm("ap_mm")
	lateral, hasLateral := cm("lateral_mm")
	of := func(from string, x float64) (Diameter, bool) {
		c, known := p.diameters[from]
		return Diameter{c.a + c.b*x + c.c*x*x, from}, known
	}
	switch {
	case hasAP && hasLateral:
		return Diameter{math.Sqrt(ap * lateral), "ap_lateral"}, true
	case hasAP:
		return of("ap", ap)
	case hasLateral:
		return of("lateral", lateral)
	case years >= 0:
		c, known := p.diameters["age"]
		x := years
		if c.max > 0 {
			x = min(x, c.max) // the table ends there: nobody grows on
		}
		return Diameter{c.a + c.b*math.Pow(x, 1.5) + c.c*math.Sqrt(x) + c.d*math.Exp(-x), "age"}, known
	}
	return d, false
}

// tookFrom tells a diameter of the headers of images, or of their pixels, from one that the
// report states.
func tookFrom(e *Event, f Field) string {
	v, _ := e.Values.Find(f)
	switch {
	case v.Has(FlagPixels):
		return "_pixels"
	case v.Has(flagImage):
		return "_header"
	}
	return ""
}

// FlagPixels says that a value was measured on the pixels of images.
const FlagPixels = "from_pixels"

// An Estimate is a quantity that was calculated for an event or an examination, with
// all it was calculated from. It is about a body like this one, not about a person.
type Estimate struct {
	Field    Field   // FieldSSDE or FieldEffective
	Value    float64 // in the unit of the field
	Set      string  // content set of the coefficients, or the report that they are from
	Factor   float64 // what CTDIvol, DLP or activity was multiplied by
	Phantom  string  // that CTDIvol is about
	Assumed  bool    // the set does not say for which phantom its factors are
	Diameter Diameter
	Weights  string  // tissue weights: ICRP60 or ICRP103
	Age      float64 // of the phantom that the factor was computed for, in years
	KVP      float64 // that the factor is for; 0 if it is for any
}

// SizeSpecific estimates the mean dose in the scanned slices of a body of its size
// (AAPM 204, 220, 293): f times CTDIvol. head says that the scan was of the head.
// Years below 0 are an unknown age.
func (p *Physics) SizeSpecific(e *Event, head bool, years float64) (Estimate, Refusal) {
	ctdi, ok := e.Number(FieldCTDIvol)
	switch {
	case e.Localizer():
		return Estimate{}, NotAPatient
	case !ok:
		return Estimate{}, NoValue
	case e.Phantom == "":
		return Estimate{}, NoPhantom
	}
	d, ok := p.Diameter(e, years)
	if !ok || head && d.From == "age" { // the diameters of ages are those of trunks
		return Estimate{}, NoSize
	}
	return p.sized(ctdi.Float(), e.Phantom, head, d)
}

// sized is SizeSpecific for a CTDIvol and a diameter.
func (p *Physics) sized(ctdi float64, phantom string, head bool, d Diameter) (Estimate, Refusal) {
	if d.Centimetres < p.min || d.Centimetres > p.max {
		return Estimate{}, OutOfDomain
	}
	part := "body"
	if head && phantom == "head16" {
		part = "head"
	}
	c, ok := p.size[phantom+" "+part]
	if !ok {
		return Estimate{}, NoFactor
	}
	f := c.a * math.Exp(-c.b*d.Centimetres)
	return Estimate{Field: FieldSSDE, Value: f * ctdi, Set: c.report, Factor: f, Phantom: phantom, Diameter: d}, ""
}

// A Scan is what effective dose is estimated from.
type Scan struct {
	DLP     float64  // mGy.cm
	Phantom string   // head16 or body32
	KVP     float64  // 0 if unknown
	Regions []string // of the body, as the codes of examinations name them
	Years   float64  // of the patient; below 0 if unknown
}

// Effective estimates the effective dose of a scan, once by each set of factors and
// tissue weights, and says of those that cannot why. The factors are for a phantom
// of a region and an age: the nearest age counts, and the nearest tube voltage.
func (p *Physics) Effective(s Scan) (all []Estimate, refused map[string]Refusal) {
	refused = map[string]Refusal{}
	regions := slices.Sorted(slices.Values(s.Regions))
	groups := map[string][]factor{}
	for _, f := range p.factors {
		if name := f.set + " " + f.weights; slices.Equal(f.regions, regions) {
			groups[name] = append(groups[name], f)
		} else if _, ok := groups[name]; !ok {
			groups[name] = nil
		}
	}
	for name, rows := range groups {
		e, why := s.effective(rows)
		if why != "" {
			refused[name] = why
			continue
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b Estimate) int { return strings.Compare(a.Set+a.Weights, b.Set+b.Weights) })
	return all, refused
}

// effective estimates by the factors of one set, weights and region.
func (s Scan) effective(rows []factor) (Estimate, Refusal) {
	switch {
	case len(s.Regions) == 0:
		return Estimate{}, NoRegion
	case s.Phantom == "":
		return Estimate{}, NoPhantom
	case len(rows) == 0:
		return Estimate{}, NoFactor
	case s.Years < 0:
		return Estimate{}, NoAge
	case rows[0].kvp > 0 && s.KVP <= 0:
		return Estimate{}, NoVoltage
	}
	oldest := slices.MaxFunc(rows, func(a, b factor) int { return cmp.Compare(a.age, b.age) }).age
	years := min(s.Years, oldest) // who is older is as the oldest phantom
	nearest := slices.MinFunc(rows, func(a, b factor) int {
		return cmp.Or(
			cmp.Compare(math.Abs(a.age-years), math.Abs(b.age-years)),
			cmp.Compare(a.age, b.age), // between two ages the younger, whose factor is the larger
			cmp.Compare(math.Abs(a.kvp-s.KVP), math.Abs(b.kvp-s.KVP)),
		)
	})
	if nearest.phantom != "" && nearest.phantom != s.Phantom {
		return Estimate{}, OtherPhantom
	}
	return Estimate{
		Field: FieldEffective, Value: nearest.k * s.DLP, Set: nearest.set, Factor: nearest.k, Phantom: s.Phantom,
		Assumed: nearest.phantom == "", Weights: nearest.weights, Age: nearest.age, KVP: nearest.kvp,
	}, ""
}

// Administered estimates the effective dose of an activity in MBq, for adults alone:
// other populations have factors of their own that are chosen by a person.
func (p *Physics) Administered(agent string, activity float64) (Estimate, Refusal) {
	for _, f := range p.activity {
		if f.population == "adult" && (sameAgent(f.agent, agent) || slices.Contains(f.codes, agent)) {
			return Estimate{Field: FieldEffective, Value: f.k * activity, Set: f.set, Factor: f.k}, ""
		}
	}
	return Estimate{}, UnknownTracer
}

// sameAgent reports whether two names are of one radiopharmaceutical: letters and
// digits decide.
func sameAgent(a, b string) bool {
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, strings.ToLower(s))
	}
	return plain(a) != "" && plain(a) == plain(b)
}

// String says the estimate for logs and tests.
func (e Estimate) String() string {
	return fmt.Sprintf("%s %.4g by %s (factor %.4g)", e.Field, e.Value, e.Set, e.Factor)
}
