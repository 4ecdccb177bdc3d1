package review

import (
	"context"
	"slices"
	"strings"

	"radagora/dose"
	"radagora/fault"
)

// QuantityAboveIntended is the effective dose of an administration above that of the
// intended activity, in mSv; QuantityOverIntended the administered over the intended
// activity.
const (
	QuantityAboveIntended dose.Quantity = "effective_above_intended"
	QuantityOverIntended  dose.Quantity = "activity_over_intended"
)

// MethodIntended says that the intended activity was taken from the governing level,
// as no order states one.
const MethodIntended = "intended_from_level"

// A scale is what activities are intended by: levels that govern, and from which age
// somebody is an adult.
type scale struct {
	levels   []dose.Level
	governs  []dose.Governing
	adult    int // months
	diameter bool
}

// scaleOf loads it; only as far as a rule needs it.
func (d *Desk) scaleOf(ctx context.Context, siteID string, rules []Rule) (s scale, err error) {
	s.diameter = slices.ContainsFunc(rules, func(r Rule) bool {
		byDiameter := func(b Band) bool { return b.Kind == kindDiameter }
		return slices.ContainsFunc(r.Bands, byDiameter) || slices.ContainsFunc(r.Sizes, byDiameter)
	})
	if !slices.ContainsFunc(rules, func(r Rule) bool { return r.Quantity == QuantityAboveIntended || r.Quantity == QuantityOverIntended }) {
		return s, nil
	}
	of, err := dose.LoadSettings(d.Content, siteID)
	if err != nil {
		return s, err
	}
	s.adult = of.AdultMonths
	if s.levels, err = d.Doses.Levels(ctx, siteID); err != nil {
		return s, err
	}
	s.governs, err = d.Doses.Governing(ctx, siteID)
	return s, err
}

// Intended returns the activity in MBq that was to be administered: the level that
// governs the examination on its day, by the weight of the patient where it is stated
// for each kilogram. That of a size group goes before that of adults, which is nobody's
// who is known to be a child. False: no level says.
func (s scale) intended(f *Facts) (mbq float64, ok bool) {
	groups := []dose.Group{}
	for i := range s.levels {
		g := s.levels[i].Group
		switch {
		case g.Kind == kindWeight && f.Weight != nil && g.Min <= *f.Weight && (!g.HasMax || *f.Weight < g.Max),
			g.Kind == "age_months" && f.Months != nil && g.Min <= float64(*f.Months) && (!g.HasMax || float64(*f.Months) < g.Max):
			groups = append([]dose.Group{g}, groups...)
		case g.Adult() && (f.Months == nil || *f.Months >= s.adult):
			groups = append(groups, g)
		}
	}
	for _, g := range groups {
		subject := dose.Subject{Exam: f.Exam, Indication: f.Indication, Group: g, Measure: dose.MeasureActivityPerKg, Day: f.Day}
		if l := dose.Refer(s.levels, s.governs, subject).Governing; l != nil && f.Weight != nil {
			return l.Value * *f.Weight, l.Value > 0 && *f.Weight > 0
		}
		subject.Measure = dose.MeasureActivity
		if l := dose.Refer(s.levels, s.governs, subject).Governing; l != nil {
			return l.Value, l.Value > 0
		}
	}
	return 0, false
}

// administered adds to an examination of nuclear medicine how its activity stands to
// the intended one. The dose above the intended one is the share of the effective dose,
// reported or else estimated, that the activity above it makes.
func (s scale) administered(f *Facts) {
	activity, told := f.Amounts[dose.QuantityActivity]
	intended, known := s.intended(f)
	if f.Modality != "NM" || !told || !known || activity.Value <= 0 {
		return
	}
	f.Amounts[QuantityOverIntended] = Number{activity.Value / intended, MethodIntended}
	given, told := f.Amounts[dose.QuantityEffective]
	if !told {
		given, told = f.Amounts[dose.QuantityEffectiveEstimated]
	}
	if told {
		f.Amounts[QuantityAboveIntended] = Number{given.Value * max(0, 1-intended/activity.Value), MethodIntended}
	}
}

// sized adds to examinations of CT the water-equivalent diameter: the greatest of
// its scans, as report, header or pixels tell it.
func (d *Desk) sized(ctx context.Context, siteID string, all []*Facts) error {
	physics, err := dose.LoadPhysics(d.Content, siteID)
	if err != nil || physics == nil {
		return err
	}
	for _, f := range all {
		if f.Modality != "CT" {
			continue
		}
		study, err := d.Doses.Study(ctx, siteID, f.Study)
		switch {
		case fault.Of(err) == fault.NotFound:
			continue
		case err != nil:
			return err
		}
		years := -1.0
		if f.Months != nil {
			years = float64(*f.Months) / 12
		}
		x := physics.Examination(study.Kind(f.Key), study.Examined(f.Key), dose.Body{Years: years})
		for _, scan := range x.Scans {
			if of := scan.Size.Diameter; strings.HasPrefix(of.From, "water") && (f.Diameter == nil || of.Centimetres > *f.Diameter) {
				f.Diameter = &of.Centimetres
			}
		}
	}
	return nil
}
