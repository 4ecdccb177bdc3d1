package dose

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"radagora/db"
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
	out.Rows, out.Items, out.Levels, out.Unmapped, out.units = nil, nil, slices.Clone(o.Levels), 0, units
	for i := range out.Levels {
		l := &out.Levels[i]
		if f, ok := factors[l.Measure]; ok {
			l.Value, l.Unit = scaled(l.Value, f), units[l.Measure]
		}
	}
	for _, i := range o.Items {
		out.Items = append(out.Items, i.times(factors))
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

// times returns the item with its measures multiplied.
func (i *Item) times(factors map[Measure]float64) *Item {
	out := *i
	out.Amounts, out.Each = maps.Clone(i.Amounts), maps.Clone(i.Each) // what calibrations say stays in the units it is kept in
	for m, f := range factors {
		if v, ok := out.Amounts[amountOf[m]]; ok {
			out.Amounts[amountOf[m]] = scaled(v, f)
		}
		var each []float64
		for _, v := range out.Each[m] {
			each = append(each, scaled(v, f))
		}
		if each != nil {
			out.Each[m] = each
		}
	}
	return &out
}

// loadMeasures loads the amounts of the examinations of a modality in a period.
func loadMeasures(ctx context.Context, tx *db.Tx, siteID, modality string, p Period, at map[[2]string]*Item) error {
	const of = ` x on x.site_id = a.site_id and x.study_uid = a.study_uid and x.examination = a.examination
		where a.site_id = $1 and x.modality = $2 and x.day between $3 and $4 `
	type row struct {
		key   [2]string
		name  string
		value float64
		class Class
	}
	scan := func(r *db.Rows) (x row, err error) {
		return x, r.Scan(&x.key[0], &x.key[1], &x.name, &x.value, &x.class)
	}
	whole, err := db.List(ctx, tx, scan, `select a.study_uid, a.examination, a.quantity, a.value, a.class
		from dose_amount a join dose_examination`+of+`order by a.study_uid, a.examination, a.quantity`, siteID, modality, p.From, p.To)
	if err != nil {
		return err
	}
	each, err := db.List(ctx, tx, scan, `select a.study_uid, a.examination, a.quantity, a.value, a.class
		from dose_event_amount a join dose_examination`+of+`and a.quantity in ('dap', 'agd', 'esd') order by a.study_uid, a.ordinal`, siteID, modality, p.From, p.To)
	if err != nil {
		return err
	}
	for _, x := range whole {
		if i := at[x.key]; i != nil {
			if i.Amounts == nil {
				i.Amounts = map[Quantity]float64{}
			}
			i.Amounts[Quantity(x.name)], i.Class = x.value, lower(i.Class, x.class)
		}
	}
	for _, x := range each {
		if i := at[x.key]; i != nil {
			if i.Each == nil {
				i.Each = map[Measure][]float64{}
			}
			i.Each[Measure(x.name)] = append(i.Each[Measure(x.name)], x.value)
		}
	}
	return nil
}
