package dose

import (
	"slices"
	"strconv"
	"strings"

	"radagora/content"
	"radagora/ucum"
)

// A Body is what estimates of an examination need to know beside its events.
type Body struct {
	Regions []string // of the body, as the code of the examination names them; none: nobody said what it is
	Years   float64  // of the patient; below 0 if unknown
}

// Physical is what is estimated of an examination, with what each estimate goes by, or
// why there is none. None of it is about a person: SSDE is about a body of that size,
// effective dose about a reference phantom.
type Physical struct {
	Kind      Kind
	Body      Body
	Scans     []ScanEstimate      // of CT, in the order of the events
	SSDE      *float64            // mGy, mean of the diagnostic scans; nil unless each of them has one
	SSDESet   string              // what it goes by
	SSDEFrom  string              // what its diameters are made of, as of a Diameter; mixed if they differ
	Effective []EffectiveEstimate // by each set of factors and tissue weights
	Reported  *float64            // mSv, effective dose as a report states it itself
}

// A ScanEstimate is the size-specific dose of one event, or why there is none.
type ScanEstimate struct {
	Key, Protocol, Type string
	CTDIvol             *float64 // mGy
	Size                Estimate
	Why                 Refusal // "" if there is an estimate
}

// An EffectiveEstimate is the effective dose of an examination by one set of factors.
type EffectiveEstimate struct {
	Set, Weights string
	Value        float64    // mSv, of all its scans or administrations
	Each         []Estimate // of them
	Why          Refusal    // "" if there is an estimate
}

// Examination estimates of the events of one examination of a kind what can be.
func (p *Physics) Examination(kind Kind, events []*Event, b Body) Physical {
	out := Physical{Kind: kind, Body: b}
	switch kind {
	case CT:
		p.scans(&out, events)
		p.effective(&out, events)
	case Nuclear:
		p.administrations(&out, events)
	case Projection, Mammography:
	}
	return out
}

// scans estimates the size-specific doses.
func (p *Physics) scans(out *Physical, events []*Event) {
	head := slices.Equal(out.Body.Regions, []string{"head"})
	sum, n, whole := 0.0, 0, true
	for _, e := range events {
		s := ScanEstimate{Key: e.Key, Protocol: e.Protocol, Type: e.Type}
		if v, ok := e.Number(FieldCTDIvol); ok {
			s.CTDIvol = float(&v)
		}
		s.Size, s.Why = p.SizeSpecific(e, head, out.Body.Years)
		out.Scans = append(out.Scans, s)
		switch {
		case s.Why == NotAPatient:
		case s.Why != "":
			whole = false
		default:
			sum, n, out.SSDESet = sum+s.Size.Value, n+1, s.Size.Set
			if from := s.Size.Diameter.From; out.SSDEFrom == "" || out.SSDEFrom == from {
				out.SSDEFrom = from
			} else {
				out.SSDEFrom = "mixed"
			}
		}
	}
	if whole && n > 0 {
		mean := sum / float64(n)
		out.SSDE = &mean
	}
}

// effective estimates the effective dose of the scans together, by each set. Where one
// scan is refused, so is the sum: a part of it would read as the whole.
func (p *Physics) effective(out *Physical, events []*Event) {
	sums := map[string]*EffectiveEstimate{}
	for _, e := range events {
		dlp, ok := e.Number(FieldDLP)
		if e.Localizer() {
			continue // what localizers add is in no factor
		}
		scan := Scan{DLP: dlp.Float(), Phantom: e.Phantom, Regions: out.Body.Regions, Years: out.Body.Years}
		if kv, known := e.Number(FieldKVP); known {
			scan.KVP = kv.Float()
		}
		all, refused := p.Effective(scan)
		for _, one := range all {
			at := sumOf(sums, one.Set, one.Weights)
			if !ok {
				at.Why = NoValue
			}
			at.Value, at.Each = at.Value+one.Value, append(at.Each, one)
		}
		for name, why := range refused {
			set, weights, _ := strings.Cut(name, " ")
			if at := sumOf(sums, set, weights); at.Why == "" {
				at.Why = why
			}
		}
	}
	for _, s := range sums {
		if s.Why != "" {
			s.Value, s.Each = 0, nil
		}
		out.Effective = append(out.Effective, *s)
	}
	slices.SortFunc(out.Effective, func(a, b EffectiveEstimate) int { return strings.Compare(a.Set+a.Weights, b.Set+b.Weights) })
}

// sumOf returns the sum of a set and weights.
func sumOf(sums map[string]*EffectiveEstimate, set, weights string) *EffectiveEstimate {
	name := set + " " + weights
	if sums[name] == nil {
		sums[name] = &EffectiveEstimate{Set: set, Weights: weights}
	}
	return sums[name]
}

// administrations estimates the effective dose of radiopharmaceuticals of adults, beside
// what the report says itself.
func (p *Physics) administrations(out *Physical, events []*Event) {
	sum := EffectiveEstimate{}
	stated, whole := ucum.Decimal{}, len(events) > 0
	for _, e := range events {
		if v, ok := e.Number(FieldEffective); ok {
			stated = stated.Add(v)
		} else {
			whole = false
		}
		activity, ok := e.Number(FieldActivity)
		one, why := p.administered(e, activity.Float())
		switch {
		case !ok:
			why = NoValue
		case out.Body.Years < 0:
			why = NoAge
		case out.Body.Years < p.adult:
			why = NoFactor
		}
		if why != "" {
			sum.Why = why
			continue
		}
		sum.Set, sum.Value, sum.Each = one.Set, sum.Value+one.Value, append(sum.Each, one)
	}
	if whole {
		out.Reported = float(&stated)
	}
	if sum.Why != "" {
		sum.Value, sum.Each = 0, nil
	}
	if len(events) > 0 {
		out.Effective = append(out.Effective, sum)
	}
}

// fieldAgent is the radiopharmaceutical of an administration.
const fieldAgent Field = "agent"

// administered estimates by the code of the radiopharmaceutical, or else by its name.
func (p *Physics) administered(e *Event, activity float64) (Estimate, Refusal) {
	v, _ := e.Values.Find(fieldAgent)
	one, why := p.Administered(v.String(), activity)
	if why != "" {
		one, why = p.Administered(v.Coded.Written.Meaning, activity)
	}
	return one, why
}

// Chosen returns the effective dose that stands in charts and sums: by the set with the
// tissue weights that the site chose, the first by id; never two sets in one chart. ok
// is false if it is refused.
func (p *Physics) Chosen(x Physical) (e EffectiveEstimate, ok bool) {
	for _, one := range x.Effective {
		if one.Why == "" && (x.Kind == Nuclear || one.Set+" "+one.Weights == p.chosen) {
			return one, true
		}
	}
	return e, false
}

// choose says which set is chosen: by the number of the recommendation its tissue weights
// are of.
func (p *Physics) choose(recommendation float64) {
	weights := "ICRP" + strconv.FormatFloat(recommendation, 'f', -1, 64)
	for _, f := range p.factors {
		if name := f.set + " " + f.weights; f.weights == weights && (p.chosen == "" || name < p.chosen) {
			p.chosen = name
		}
	}
}

// Regions returns the regions of the body that the codes of examinations name.
func Regions(library *content.Library, site string) (map[string][]string, error) {
	table, err := library.Table(site, "dose/exam", "codes")
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for row := range table.All() {
		list := row.List("region")
		slices.Sort(list)
		all[row.Text("exam_code")] = list
		if err := row.Err(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Kind returns what kind of report tells of the events of an examination.
func (s *StoredStudy) Kind(examination string) Kind {
	for _, e := range s.Events {
		if e.Examination != examination {
			continue
		}
		switch {
		case e.Activity != nil:
			return Nuclear
		case e.AGD != nil:
			return Mammography
		case e.CTDIvol != nil || e.DLP != nil || e.Phantom != nil:
			return CT
		}
	}
	if s.Modality == "CT" {
		return CT
	}
	return Projection
}

// Examined returns the events of an examination as they were read.
func (s *StoredStudy) Examined(examination string) (all []*Event) {
	for _, e := range s.Events {
		if e.Examination == examination {
			all = append(all, e.event())
		}
	}
	return all
}

// event returns a stored event as it was read, as far as estimates need it.
func (s StoredEvent) event() *Event {
	word := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	e := &Event{Key: s.Key, Type: word(s.Type), Protocol: word(s.Protocol), Phantom: word(s.Phantom)}
	for _, x := range s.Values {
		v := Value{Field: x.Field, Path: x.Path, Unit: word(x.Unit), Flags: x.Flags}
		switch n := x.Value.(type) {
		case float64:
			if d, err := ucum.ParseDecimal(strconv.FormatFloat(n, 'g', -1, 64)); err == nil {
				v.Number = &d
			}
		case string:
			v.Text = n
		}
		e.Values = append(e.Values, v)
	}
	return e
}
