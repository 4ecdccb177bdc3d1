package dose

import "radagora/ucum"

// Sums are numbers by field, in the units of the fields. A field that is not in
// it is unknown.
type Sums map[Field]ucum.Decimal

// add adds n to the sum of f.
func (s Sums) add(f Field, n ucum.Decimal) { s[f] = s[f].Add(n) }

// totalFields are the fields that a report may declare a total of.
var totalFields = []Field{
	FieldDLP, FieldDAP, FieldRP, FieldAGD, FieldActivity, FieldEffective,
	FieldFluoroTime, FieldFluoroDAP, FieldFluoroRP, FieldAcquisDAP, FieldAcquisRP, FieldAcquisTime, FieldFrames,
}

// DeclaredTotals returns the totals that the report declares, summed over planes and
// sides; for radiopharmaceuticals, whose template has no totals, what was
// administered. A total that is empty everywhere is not in it.
func (r *Report) DeclaredTotals() Sums {
	if r.Kind == Nuclear {
		return r.Summed()
	}
	sums := Sums{}
	for _, t := range r.Totals {
		for f, n := range t.declared() {
			sums.add(f, n)
		}
	}
	return sums
}

// declared returns the totals of one plane. Several values of one field are added
// where they are of different sides or phantoms; otherwise the first counts.
func (t *Total) declared() Sums {
	sums := Sums{}
	for _, f := range totalFields {
		all := t.Values.All(f)
		for i, v := range all {
			if v.Number != nil && (i == 0 || v.Of != all[0].Of) {
				sums.add(f, *v.Number)
			}
		}
	}
	return sums
}

// Summed returns the sums over the events, each of those events that tell a
// value. A field that no event tells is not in it.
func (r *Report) Summed() Sums { return summed(r.Events) }

// summed adds the additive fields of events.
func summed(events []*Event) Sums {
	sums := Sums{}
	for _, e := range events {
		for _, f := range additive {
			if n, ok := e.Number(f); ok {
				sums.add(f, n)
			}
		}
	}
	return sums
}

// A Part is the declared totals of one plane or one side.
type Part struct {
	Plane, Laterality string // one of them is ""
	Totals            Sums
}

// Parts returns the declared totals by plane, or by side for mammography; none
// for reports that know neither.
func (r *Report) Parts() []Part {
	var parts []Part
	for _, t := range r.Totals {
		if r.Kind == Mammography {
			parts = append(parts, t.sides()...)
		} else if t.Plane != "" {
			parts = append(parts, Part{Plane: t.Plane, Totals: t.declared()})
		}
	}
	return parts
}

// sides returns the declared glandular dose of each side.
func (t *Total) sides() []Part {
	var parts []Part
	for _, v := range t.Values.All(FieldAGD) {
		p := Part{Laterality: v.Of, Totals: Sums{}}
		if v.Number != nil {
			p.Totals.add(FieldAGD, *v.Number)
		}
		parts = append(parts, p)
	}
	return parts
}
