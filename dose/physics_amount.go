package dose

import (
	"slices"
	"strings"

	"radagora/content"
)

// Estimated amounts of an examination stand beside those that are reported, under
// quantities of their own, so that no chart mixes the two. Their method names the set
// of coefficients.

// The estimated quantities.
const (
	QuantitySSDE               Quantity = "ssde"                // mean of the diagnostic sequences
	QuantityEffectiveEstimated Quantity = "effective_estimated" // by factors, see Physics.Chosen
)

// An estimating is what estimates of examinations go by.
type estimating struct {
	physics *Physics
	regions map[string][]string // of the codes of examinations
}

// loadEstimating reads it.
func loadEstimating(library *content.Library, site string) (e estimating, err error) {
	if e.physics, err = LoadPhysics(library, site); err != nil {
		return e, err
	}
	e.regions, err = Regions(library, site)
	return e, err
}

// amounts returns what is estimated of an examination.
func (e estimating) amounts(x *Examination, r *Report) (all []Amount) {
	if e.physics == nil {
		return nil
	}
	b := Body{Regions: e.regions[x.Exam], Years: -1}
	if years, ok := r.Patient.Years(); ok {
		b.Years = years.Float()
	}
	return e.physics.amounts(e.physics.Examination(r.Kind, x.Events, b), len(x.Events), r.Class)
}

// amounts returns the estimates of an examination as amounts.
func (p *Physics) amounts(x Physical, events int, class Class) (all []Amount) {
	put := func(q Quantity, value float64, method string) {
		all = append(all, Amount{
			Quantity: q, Value: value, Unit: quantityUnits[q], Events: events, Class: Class(orText(string(class), string(FromReport))), Method: method, Basis: BasisReported,
		})
	}
	aged := slices.ContainsFunc(x.Scans, func(s ScanEstimate) bool { return s.Size.Diameter.From == "age" })
	if x.SSDE != nil && !aged { // what bodies of an age are like says nothing of how this one differs
		put(QuantitySSDE, *x.SSDE, x.SSDESet+", "+x.SSDEFrom)
	}
	if e, ok := p.Chosen(x); ok {
		put(QuantityEffectiveEstimated, e.Value, strings.TrimSpace(e.Set+" "+e.Weights))
	}
	return all
}

// Of returns what is estimated of an examination as it is stored.
func (p *Physics) Of(s *StoredStudy, i *Item, regions map[string][]string) Physical {
	b := Body{Regions: regions[i.Exam], Years: -1}
	if i.AgeMonths != nil {
		b.Years = float64(*i.AgeMonths) / 12
	}
	return p.Examination(s.Kind(i.Key), s.Examined(i.Key), b)
}
