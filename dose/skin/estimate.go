package skin

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Estimate makes the map of an examination, or says why there is none.
func (m *Method) Estimate(x Examination) *Result {
	r := &Result{Set: m.set, Items: []Item{}}
	d, ok := m.device(x.Manufacturer, x.Model)
	if !ok {
		r.add(Missing, UnknownDevice, 0, 0)
	}
	r.Device = d.name
	m.patient(x, r)
	events := m.complete(x.Exposures, r)
	if r.lacks() {
		return r.judge(false)
	}
	m.notes(d, events, r)
	r.Body = m.body(or(x.Height, m.standard.height), or(x.Mass, m.standard.mass))
	m.expose(d, events, r)
	return r.judge(d.validated)
}

// add notes an item.
func (r *Result) add(kind, code string, events int, value float64) {
	r.Items = append(r.Items, Item{Code: code, Kind: kind, Events: events, Value: value})
}

// lacks reports whether something is missing.
func (r *Result) lacks() bool {
	return slices.ContainsFunc(r.Items, func(i Item) bool { return i.Kind == Missing })
}

// judge settles how far the map can be relied on.
func (r *Result) judge(validated bool) *Result {
	order := map[string]int{Missing: 0, Assumed: 1, Limit: 2}
	slices.SortStableFunc(r.Items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(order[a.Kind], order[b.Kind]), cmp.Compare(a.Code, b.Code))
	})
	weak := func(i Item) bool { return i.Kind == Assumed || i.Code == PartBeside }
	switch {
	case r.lacks():
		r.Validity, r.Body, r.Planes, r.Whole = NotPossible, nil, nil, nil
	case !validated || slices.ContainsFunc(r.Items, weak):
		r.Validity = Indicative
	default:
		r.Validity = Validated
	}
	return r
}

// patient notes what is missing or assumed of the patient.
func (m *Method) patient(x Examination, r *Result) {
	s := m.standard
	switch x.Orientation {
	case "HFS":
	case "":
		r.add(Missing, NoOrientation, 0, 0)
	default:
		r.add(Missing, OtherPosture, 0, 0)
	}
	for _, one := range []struct {
		value, standard, lo, hi float64
		code                    string
	}{{x.Height, s.height, s.minHeight, s.maxHeight, StandardHeight}, {x.Mass, s.mass, s.minMass, s.maxMass, StandardMass}} {
		switch {
		case !known(one.value):
			r.add(Assumed, one.code, 0, one.standard)
		case one.value < one.lo || one.value > one.hi:
			r.add(Missing, OutsideModel, 0, one.value)
		}
	}
}

// complete returns the exposures with a dose, and notes what they lack.
func (m *Method) complete(all []Exposure, r *Result) []Exposure {
	var events []Exposure
	lacks := map[string]int{}
	for _, e := range all {
		if e.RP == 0 || !known(e.RP) && e.DAP == 0 {
			continue // no dose, no map
		}
		for code, bad := range map[string]bool{
			NoDose: !known(e.RP) || e.RP < 0, NoVoltage: !known(e.KVP) || e.KVP <= 0, NoAngles: !known(e.Primary, e.Secondary),
			NoTable: !known(e.TableLongitudinal, e.TableLateral, e.TableHeight), NoIsocentre: !known(e.SourceToIsocentre) || e.SourceToIsocentre <= 0,
			NoReference: !known(m.reference(e)), NoField: known(e.RP, m.reference(e)) && !known(m.area(e)),
		} {
			if bad {
				lacks[code]++
			}
		}
		events = append(events, e)
	}
	for code, n := range lacks {
		r.add(Missing, code, n, 0)
	}
	if len(events) == 0 {
		r.add(Missing, NoEvents, 0, 0)
	}
	return events
}

// notes adds what was assumed of exposures, and the limits of the method.
func (m *Method) notes(d device, events []Exposure, r *Result) {
	count := func(kind, code string, is func(Exposure) bool) {
		n := 0
		for _, e := range events {
			if is(e) {
				n++
			}
		}
		if n > 0 {
			r.add(kind, code, n, 0)
		}
	}
	count(Assumed, NoFilter, func(e Exposure) bool { return !known(e.Copper) && !known(e.Aluminium) })
	count(Assumed, AluminiumFilter, func(e Exposure) bool { return known(e.Aluminium) && e.Aluminium > 0 })
	count(Assumed, TableTurned, func(e Exposure) bool {
		return max(math.Abs(or(e.Turn, 0)), math.Abs(or(e.Tilt, 0)), math.Abs(or(e.Cradle, 0))) > m.settings["turned"]
	})
	r.add(Limit, OneArea, 0, 0)
	r.add(Limit, HeadEnd, 0, 0)
	if !d.validated {
		r.add(Limit, NotValidated, 0, 0)
	}
}

// expose adds all exposures to the maps of their planes and to the whole.
func (m *Method) expose(d device, events []Exposure, r *Result) {
	planes := map[string]*Map{}
	weight, met := map[string]float64{}, map[string]float64{}
	for _, e := range sorted(events) {
		if planes[e.Plane] == nil {
			planes[e.Plane] = r.Body.empty(e.Plane)
		}
		p := planes[e.Plane]
		beams := m.beams(d, e)
		w := e.RP * m.area(e)
		for i := range beams {
			met[e.Plane] += w / float64(len(beams)) * beams[i].onto(r.Body, p.Dose)
		}
		weight[e.Plane] += w
		p.Events++
		p.RP += e.RP
	}
	r.Whole = r.Body.empty("")
	var all, caught float64
	for _, name := range slices.Sorted(maps.Keys(planes)) {
		p := planes[name]
		p.Caught = met[name] / weight[name]
		all, caught = all+weight[name], caught+met[name]
		for i, dose := range p.Dose {
			r.Whole.Dose[i] += dose
		}
		r.Whole.Events += p.Events
		r.Planes = append(r.Planes, p)
		m.settle(r.Body, p)
	}
	r.Whole.Caught = caught / all
	m.settle(r.Body, r.Whole)
	switch beside := 1 - r.Whole.Caught; {
	case r.Whole.Caught < m.settings["met_min"]:
		r.add(Missing, NoBody, 0, beside)
	case beside > m.settings["beside"]:
		r.add(Limit, PartBeside, 0, beside)
	}
}

// sorted returns exposures in an order that does not depend on how they came, so that
// sums are the same to the last digit.
func sorted(all []Exposure) []Exposure {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Exposure) int {
		return cmp.Or(
			cmp.Compare(a.RP, b.RP), cmp.Compare(a.Primary, b.Primary), cmp.Compare(a.Secondary, b.Secondary), cmp.Compare(a.KVP, b.KVP),
			cmp.Compare(a.TableLateral, b.TableLateral), cmp.Compare(a.TableLongitudinal, b.TableLongitudinal), cmp.Compare(a.TableHeight, b.TableHeight),
			cmp.Compare(a.DAP, b.DAP), cmp.Compare(a.FieldArea, b.FieldArea), cmp.Compare(a.Copper, b.Copper),
			cmp.Compare(a.PrimaryEnd, b.PrimaryEnd), cmp.Compare(a.SecondaryEnd, b.SecondaryEnd),
		)
	})
	return all
}

// empty returns a map without dose.
func (b *Body) empty(plane string) *Map {
	return &Map{
		Plane: plane, Columns: b.columns, Rows: b.rows, Width: b.cellWidth, Height: b.cellHeight,
		Dose: make([]float64, b.columns*b.rows), Above: []Above{},
	}
}

// settle finds the peak of a map and how much skin is above the doses of the content.
func (m *Method) settle(b *Body, p *Map) {
	best := 0
	for i, dose := range p.Dose {
		if dose > p.Dose[best] {
			best = i
		}
		if dose > 0 {
			p.Cells++
		}
	}
	around := (float64(best%p.Columns) + 0.5) * p.Width
	_, _, side := b.at(around)
	p.Peak = Peak{Dose: p.Dose[best], Column: best % p.Columns, Row: best / p.Columns, Side: side, Around: around, Along: b.along(best / p.Columns)}
	for _, key := range []string{"above_1", "above_2", "above_3"} {
		a := Above{Dose: m.settings[key]}
		for _, dose := range p.Dose {
			if dose > a.Dose {
				a.Area += p.Width * p.Height / 100
			}
		}
		p.Above = append(p.Above, a)
	}
}
