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

// loadFactors loads what calibrations make of the amounts of a period, and with the
// basis BasisCorrected puts it in the place of what was reported.
func loadFactors(ctx context.Context, tx *db.Tx, siteID string, p Period, at map[[2]string]*Item, basis Basis) error {
	type row struct {
		key   [2]string
		name  Quantity
		found Factor
	}
	all, err := db.List(ctx, tx, func(r *db.Rows) (x row, err error) {
		return x, r.Scan(&x.key[0], &x.key[1], &x.name, &x.found.Value, &x.found.Factor, &x.found.Calibration)
	}, `select study_uid, examination, quantity, corrected, factor, calibration_id from dose_amount
		where site_id = $1 and day between $2 and $3 and corrected is not null`, siteID, p.From, p.To)
	if err != nil {
		return err
	}
	for _, x := range all {
		i := at[x.key]
		if i == nil {
			continue
		}
		if i.Factors == nil {
			i.Factors = map[Quantity]Factor{}
		}
		i.Factors[x.name] = x.found
	}
	if basis != BasisCorrected {
		return nil
	}
	for _, i := range at {
		i.correct()
	}
	return nil
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
	times := func(values []float64, q Quantity) {
		f, ok := i.Factors[q]
		if !ok {
			return
		}
		n, err := ucum.ParseDecimal(f.Factor)
		if err != nil {
			return
		}
		for k := range values {
			values[k] *= n.Float()
		}
	}
	times(i.CTDIvol, QuantityCTDIvolMax)
	for m, values := range i.Each {
		times(values, amountOf[m])
	}
}

// byBasis divides items by which number they have of a measure, the larger part first.
func byBasis(all []*Item, m Measure, asked Basis) []basisPart {
	parts := []basisPart{{basis: BasisReported}, {basis: BasisCorrected}}
	for _, i := range all {
		n := 0
		if i.Basis(m, asked) == BasisCorrected {
			n = 1
		}
		parts[n].items = append(parts[n].items, i)
	}
	parts = slices.DeleteFunc(parts, func(p basisPart) bool { return len(p.items) == 0 })
	slices.SortStableFunc(parts, func(a, b basisPart) int { return cmp.Compare(len(b.items), len(a.items)) })
	return parts
}

// A basisPart is a part of the items of a group.
type basisPart struct {
	basis Basis
	items []*Item
}

// days returns the first and last day of items.
func days(all []*Item) Period {
	var p Period
	for _, i := range all {
		if i.Day == "" {
			continue
		}
		if p.From == "" || i.Day < p.From {
			p.From = i.Day
		}
		p.To = max(p.To, i.Day)
	}
	return p
}
