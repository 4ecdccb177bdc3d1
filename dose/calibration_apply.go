package dose

import (
	"cmp"
	"context"
	"slices"

	"radagora/db"
	"radagora/ucum"
)

// A corrector knows the calibrations of a site.
type corrector struct {
	all  []MachineCalibration
	root func(machine string) string // which machine one really is
}

// corrector loads it.
func (l *Ledger) corrector(ctx context.Context, siteID string) (corrector, error) {
	var c corrector
	var err error
	if c.all, err = calibrations(ctx, l.DB, siteID); err != nil || len(c.all) == 0 {
		return c, err
	}
	c.root, err = l.root(ctx, l.DB, siteID)
	return c, err
}

// root returns which machine one really is.
func (l *Ledger) root(ctx context.Context, q db.Querier, siteID string) (func(string) string, error) {
	if l.Root == nil {
		return func(machine string) string { return machine }, nil
	}
	return l.Root(ctx, q, siteID)
}

// A correction is what an amount is multiplied with.
type correction struct {
	factor      ucum.Decimal
	calibration string // id
}

// find returns what a quantity is multiplied with that a machine reported on a day, and
// whether anybody knows. report is the one that told it; part its plane, or "".
func (c corrector) find(machine, day string, q Quantity, report *Report, part string) (correction, bool) {
	want := measuredBy[q]
	for i := range c.all {
		m := &c.all[i]
		if m.Quantity != want || !m.Holds(day) || c.root(m.Machine) != c.root(machine) {
			continue
		}
		f := m.Factor
		if m.Inside == InsideNotApplied {
			own, ok := report.factor(part)
			if !ok {
				return correction{}, false
			}
			f = f.Mul(own)
		}
		return correction{f, m.ID}, true
	}
	return correction{}, false
}

// factor returns the calibration factor that a report states of a plane, or of all its
// planes together; 1 if it states none. It is unknown if planes have different ones.
func (r *Report) factor(part string) (ucum.Decimal, bool) {
	found, told := ucum.Int(1), false
	for _, t := range r.Totals {
		if part != "" && t.Plane != "" && t.Plane != part {
			continue
		}
		for _, c := range t.Calibrations {
			n, ok := c.Values.Number(FieldFactor)
			if !ok {
				continue
			}
			if told && !n.Equal(found) {
				return ucum.Decimal{}, false
			}
			found, told = n, true
		}
	}
	return found, true
}

// partOf is the plane that a quantity is of.
var partOf = map[Quantity]string{QuantityDAPPlaneA: "A", QuantityRPPlaneA: "A", QuantityDAPPlaneB: "B", QuantityRPPlaneB: "B"}

// correct puts beside each amount what a calibration makes of it.
func (c corrector) correct(amounts []Amount, r *Report, machine, day string) {
	for i := range amounts {
		a := &amounts[i]
		if found, ok := c.find(machine, day, a.Quantity, r, partOf[a.Quantity]); ok {
			v := a.Value * found.factor.Float()
			a.Corrected, a.Factor, a.Calibration = &v, found.factor.String(), found.calibration
		}
	}
}

// A Factor is by what a quantity of an examination is corrected.
type Factor struct {
	Value       float64 // of the quantity, corrected
	Factor      string  // exact
	Calibration string  // id
}

// Basis returns which number an item has of a measure, in an overview by a basis.
func (i *Item) Basis(m Measure, asked Basis) Basis {
	if asked == BasisCorrected {
		if _, ok := i.Factors[calibrated(m)]; ok {
			return BasisCorrected
		}
	}
	return BasisReported
}

// calibrated is the quantity by which one sees whether a measure is corrected.
func calibrated(m Measure) Quantity {
	if m == MeasureCTDIvol {
		return QuantityCTDIvolMax
	}
	return amountOf[m]
}

// correct puts corrected values in the place of the reported ones.
func (i *Item) correct() {
	for q, f := range i.Factors {
		if _, ok := i.Amounts[q]; ok {
			i.Amounts[q] = f.Value
		}
	}
	if f, ok := i.Factors[QuantityDLP]; ok && i.DLP != nil {
		v := f.Value
		i.DLP = &v
	}
	if f, ok := i.Factors[QuantityCTDIvolMax]; ok {
		multiply(i.CTDIvol, f.Factor)
	}
	for m, values := range i.Each {
		if f, ok := i.Factors[amountOf[m]]; ok {
			multiply(values, f.Factor)
		}
	}
}

// multiply multiplies values with an exact number.
func multiply(values []float64, factor string) {
	n, err := ucum.ParseDecimal(factor)
	if err != nil {
		return
	}
	for k := range values {
		values[k] *= n.Float()
	}
}

// byBasis divides examinations by which number they have of a measure, the larger part
// first.
func (o *Overview) byBasis(all []ref, m Measure) []basisPart {
	parts := []basisPart{{basis: BasisReported, at: all}, {basis: BasisCorrected}}
	if o.Basis == BasisCorrected {
		parts[0].at = nil
		for _, at := range all {
			n := 0
			if _, ok := o.blocks[at.block].factors[at.n][calibrated(m)]; ok {
				n = 1
			}
			parts[n].at = append(parts[n].at, at)
		}
	}
	parts = slices.DeleteFunc(parts, func(p basisPart) bool { return len(p.at) == 0 })
	slices.SortStableFunc(parts, func(a, b basisPart) int { return cmp.Compare(len(b.at), len(a.at)) })
	return parts
}

// A basisPart is a part of the examinations of a group.
type basisPart struct {
	basis Basis
	at    []ref
}

// days returns the first and last day of examinations.
func (o *Overview) days(all []ref) Period {
	var p Period
	for _, at := range all {
		day := o.blocks[at.block].day.of(int(at.n))
		if day == "" {
			continue
		}
		if p.From == "" || day < p.From {
			p.From = day
		}
		p.To = max(p.To, day)
	}
	return p
}
