package main

import (
	"strconv"

	"radagora/dose"
	"radagora/ucum"
	"radagora/web"
)

// totalNames are the quantities of the totals of a study, as far as pages have words
// for them.
var totalNames = map[dose.Field]string{
	dose.FieldDLP: "dlp", dose.FieldDAP: "dap", dose.FieldRP: "rp", dose.FieldAGD: "agd", dose.FieldActivity: "activity", dose.FieldEffective: "effective",
	dose.FieldFluoroTime: "fluoro_time", dose.FieldFluoroDAP: "dap_fluoro", dose.FieldFluoroRP: "rp_fluoro",
	dose.FieldAcquisDAP: "dap_acquisition", dose.FieldAcquisRP: "rp_acquisition", dose.FieldAcquisTime: "acquisition_time",
	dose.FieldFrames: "images", dose.FieldEventCount: "events",
}

// totalUnits are the units in which totals of a study are kept.
var totalUnits = map[dose.Field]string{
	dose.FieldDLP: "mGy.cm", dose.FieldDAP: "Gy.m2", dose.FieldRP: "Gy", dose.FieldAGD: "mGy", dose.FieldActivity: "MBq", dose.FieldEffective: "mSv",
	dose.FieldFluoroTime: "s", dose.FieldFluoroDAP: "Gy.m2", dose.FieldFluoroRP: "Gy", dose.FieldAcquisDAP: "Gy.m2", dose.FieldAcquisRP: "Gy",
	dose.FieldAcquisTime: "s", dose.FieldFrames: "1", dose.FieldEventCount: "1",
}

// totals returns what an examination comes to, of every quantity.
func (d *doseView) totals(s *dose.StoredStudy, key string) (all []web.DoseTotal) {
	for _, a := range s.Amounts {
		if a.Quantity == dose.QuantityEffectiveEstimated {
			continue // of single patients it stands among the estimates, for those who ask
		}
		if a.Ordinal != 0 || a.Examination != key {
			continue
		}
		unit, factor := d.read(a.Unit, s.Modality)
		all = append(all, web.DoseTotal{
			Quantity: string(a.Quantity), Unit: unit, Value: times(&a.Value, factor), Declared: times(a.Declared, factor), Summed: times(a.Summed, factor),
			Events: a.Events, Method: a.Method, Origin: string(a.Class), Basis: a.Basis,
		})
	}
	return all
}

// whole returns what a study comes to, as a whole and by plane and side.
func (d *doseView) whole(s *dose.StoredStudy) (all []web.DoseTotal) {
	for _, t := range s.Totals {
		unit, factor := d.read(totalUnits[t.Quantity], s.Modality)
		name := totalNames[t.Quantity]
		if name == "" {
			name = string(t.Quantity)
		}
		all = append(all, web.DoseTotal{
			Quantity: name, Part: t.Part, Unit: unit,
			Value: times(numberOf(t.Total), factor), Declared: times(numberOf(t.Declared), factor), Summed: times(numberOf(t.Summed), factor),
		})
	}
	return all
}

// read returns the unit in which whoever asks reads what is kept in a unit, and the
// factor to it. Dose-area products are tiny in the unit they are kept in.
func (d *doseView) read(unit, modality string) (shown string, factor float64) {
	if unit != "Gy.m2" {
		return unit, 1
	}
	shown = d.q.DAP
	if shown == "" {
		shown = "Gy.cm2"
		if modality == "DX" {
			shown = "mGy.cm2"
		}
	}
	if factor = unitFactor(unit, shown); factor == 0 {
		return unit, 1
	}
	return shown, factor
}

// unitFactor returns the factor from one unit to another, 0 if there is none.
func unitFactor(from, to string) float64 {
	a, err := ucum.Parse(from)
	if err != nil {
		return 0
	}
	b, err := ucum.Parse(to)
	if err != nil {
		return 0
	}
	f, err := ucum.Factor(a, b)
	if err != nil {
		return 0
	}
	return f.Float()
}

// shown puts a value into the unit in which whoever asks reads it. How it stands in
// its object does not change.
func (d *doseView) shown(w *web.DoseValue) {
	unit, factor := d.read(w.Unit, d.q.Modality)
	w.Unit, w.Value = unit, w.Value*factor
}

// times multiplies a number that may be unknown.
func times(n *float64, factor float64) *float64 {
	if n == nil {
		return nil
	}
	out := *n * factor
	return &out
}

// numberOf reads a number that may be unknown as this program wrote it.
func numberOf(text *string) *float64 {
	if text == nil {
		return nil
	}
	n, err := strconv.ParseFloat(*text, 64)
	if err != nil {
		return nil
	}
	return &n
}

// setsOf returns the content that an examination rests on: what says what it is, how
// big patients are, who is none, and by what doses are computed from others.
func (d *doseView) setsOf(s *dose.StoredStudy, i *dose.Item) []web.SetUse {
	ids := []string{"dose/exam", "dose/defaults", "dose/not_patient", "dose/placeholder"}
	if i.Indication != "" {
		ids = append(ids, "dose/indication", "dose/reason")
	}
	switch s.Modality {
	case "CT":
		ids = append(ids, "dose/size", "dose/ssde", "dose/factor")
	case "NM":
		ids = append(ids, "dose/size", "dose/nuclear")
	}
	return d.setsNamed(ids)
}
