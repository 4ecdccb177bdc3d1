package dose

import (
	"slices"
	"strconv"

	"radagora/ucum"
)

// The measures that levels of other modalities are stated in.
const (
	MeasureDAP           Measure = "dap"             // Gy.m2
	MeasureRP            Measure = "rp"              // Gy
	MeasureEntrance      Measure = "esd"             // mGy
	MeasureAGD           Measure = "agd"             // mGy
	MeasureFluoroTime    Measure = "fluoro_time"     // s
	MeasureImages        Measure = "images"          // 1
	MeasureActivity      Measure = "activity"        // MBq
	MeasureActivityPerKg Measure = "activity_per_kg" // MBq/kg
)

// Modalities are those that examinations are of, in the order in which they are
// offered. RF is fluoroscopy and angiography; DX is all other radiography, dental too.
func Modalities() []string { return []string{"CT", "RF", "DX", "MG", "NM"} }

// measures are what typical values of a modality are about; the first is always shown.
var measures = map[string][]Measure{
	"CT": {MeasureDLP, MeasureCTDIvol},
	"RF": {MeasureDAP, MeasureRP, MeasureFluoroTime, MeasureImages},
	"DX": {MeasureDAP, MeasureEntrance},
	"MG": {MeasureAGD},
	"NM": {MeasureActivity, MeasureActivityPerKg},
}

// MainMeasure returns the measure that every group of a modality is shown with, ""
// if there is no such modality.
func MainMeasure(modality string) Measure {
	if all := measures[modality]; len(all) > 0 {
		return all[0]
	}
	return ""
}

// amountOf is the quantity that tells a measure of an examination.
var amountOf = map[Measure]Quantity{
	MeasureDLP: QuantityDLP, MeasureDAP: QuantityDAP, MeasureRP: QuantityRP, MeasureEntrance: QuantityEntrance, MeasureAGD: QuantityAGD,
	MeasureFluoroTime: QuantityFluoroTime, MeasureImages: QuantityImages, MeasureActivity: QuantityActivity, MeasureActivityPerKg: QuantityActivityPerKg,
}

// unitOf returns the unit in which a measure is kept.
func unitOf(m Measure) string {
	if m == MeasureCTDIvol {
		return "mGy"
	}
	return QuantityUnit(amountOf[m])
}

// values returns what the item contributes to a measure that a level states per
// examination, breast, view or projection. Glandular dose is per breast where no level
// says otherwise, entrance dose always per projection.
func (i *Item) values(m Measure, per string) []float64 {
	switch {
	case m == MeasureCTDIvol:
		return i.CTDIvol
	case m == MeasureDLP && i.DLP != nil:
		return []float64{*i.DLP}
	case m == MeasureDLP:
		return nil
	case m == MeasureEntrance, per == "projection", per == "view":
		return i.Each[m]
	case m == MeasureAGD && per != "examination":
		return i.amounts(QuantityAGDLeft, QuantityAGDRight)
	}
	return i.amounts(amountOf[m])
}

// amounts returns those of some quantities that are known.
func (i *Item) amounts(all ...Quantity) (known []float64) {
	for _, q := range all {
		if v, ok := i.Amounts[q]; ok {
			known = append(known, v)
		}
	}
	return known
}

// Contributed returns what an examination contributes to a row of its group.
func (r *Row) Contributed(i *Item) []float64 { return i.values(r.Measure, r.Per) }

// In returns the overview with measures in other units than those they are kept in,
// for people to read. Invalid: a unit is none of the measure.
func (o *Overview) In(units map[Measure]string) (*Overview, error) {
	if len(units) == 0 {
		return o, nil
	}
	factors := map[Measure]float64{}
	for m, unit := range units {
		u, err := ucum.Parse(unit)
		if err != nil {
			return nil, err
		}
		kept, err := ucum.Parse(unitOf(m))
		if err != nil {
			return nil, err
		}
		f, err := ucum.Factor(kept, u)
		if err != nil {
			return nil, err
		}
		factors[m] = f.Float()
	}
	out := *o
	out.Rows, out.Levels, out.units, out.scale = nil, slices.Clone(o.Levels), units, factors
	for i := range out.Levels {
		l := &out.Levels[i]
		if f, ok := factors[l.Measure]; ok {
			l.Value, l.Unit = scaled(l.Value, f), units[l.Measure]
		}
	}
	out.compare()
	return &out, nil
}

// scaled returns a number in another unit, as people would write it: 0.00019 Gy.m2 are
// 1.9 Gy.cm2, and not 1.9000000000000001. More than twelve digits nobody measures.
func scaled(v, factor float64) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(v*factor, 'g', 12, 64), 64)
	if err != nil {
		return v * factor // beyond all numbers, or none
	}
	return out
}

// times multiplies the measures of an item. What calibrations say stays in the units it
// is kept in.
func (i *Item) times(factors map[Measure]float64) {
	for m, f := range factors {
		if v, ok := i.Amounts[amountOf[m]]; ok {
			i.Amounts[amountOf[m]] = scaled(v, f)
		}
		for k, v := range i.Each[m] {
			i.Each[m][k] = scaled(v, f)
		}
	}
}
