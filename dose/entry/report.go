package entry

import (
	"slices"
	"strings"
	"time"

	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/ucum"
)

// report makes of a record what the ledger derives from.
func (x Record) report(id string, class dose.Class, study uid.UID) *dose.Report {
	r := &dose.Report{
		Class: class, Kind: x.Kind, Study: study, Exam: x.Exam, StudyDescription: x.Description,
		StudyDate: dose.EnteredMoment(x.Day, x.Clock),
		Device:    dose.Device{Manufacturer: x.Manufacturer, Model: x.Model, Name: x.Station},
		Order:     dose.Order{Accession: dose.Hide(x.Accession)},
		Patient: dose.Patient{
			Name: dose.Hide(x.Name), ID: dose.Hide(x.PatientID), Issuer: dose.Hide(x.Issuer),
			BirthDate: dose.Hide(strings.ReplaceAll(x.Birth, "-", "")), Sex: x.Sex,
			Age: x.age(), Height: x.size(x.Height, dose.FieldHeight, "m"), Weight: x.size(x.Weight, dose.FieldWeight, "kg"),
		},
	}
	if x.Procedure != "" {
		r.Procedures = []string{x.Procedure}
	}
	x.irradiate(r)
	for _, e := range r.Events {
		e.Path = x.Origin
		if e.Started.IsZero() {
			e.Started = r.StudyDate
		}
	}
	r.KeyEntered(id)
	return r
}

// irradiate gives a report its events and totals. Where fluoroscopy is told apart, or
// planes are, what was entered is a total and no event has it alone.
func (x Record) irradiate(r *dose.Report) {
	for _, e := range x.Events {
		event := &dose.Event{Protocol: e.Protocol, Type: e.Type, Laterality: e.Laterality}
		for _, v := range e.Values {
			event.Values = append(event.Values, x.value(v))
		}
		for _, t := range []struct{ name, text string }{{"nuclide", e.Nuclide}, {"agent", e.Agent}} {
			if t.text != "" {
				event.Values = append(event.Values, dose.Value{Field: dose.Field(t.name), Path: x.Origin, Raw: t.text, Text: t.text})
			}
		}
		r.Events = append(r.Events, event)
	}
	switch {
	case len(x.Values) == 0:
	case len(x.Events) > 0 || x.Kind == dose.Projection && slices.ContainsFunc(x.Values, Value.apart):
		x.declare(r)
	case x.Kind == dose.Mammography:
		x.sides(r)
	default:
		r.Events = []*dose.Event{{Values: x.all(x.Values)}}
	}
	if len(r.Events) == 0 {
		r.Events = []*dose.Event{{}}
	}
}

// apart reports whether a value is of a part of an examination.
func (v Value) apart() bool {
	return v.Plane != "" || slices.Contains([]dose.Quantity{
		dose.QuantityFluoroTime, dose.QuantityDAPFluoro, dose.QuantityDAPAcquis, dose.QuantityRPFluoro, dose.QuantityRPAcquis,
	}, v.Quantity)
}

// declare makes totals of the values: one for each plane.
func (x Record) declare(r *dose.Report) {
	for _, plane := range []string{"", "A", "B"} {
		var own []Value
		for _, v := range x.Values {
			if v.Plane == plane {
				own = append(own, v)
			}
		}
		if len(own) > 0 {
			r.Totals = append(r.Totals, &dose.Total{Path: x.Origin, Plane: plane, Values: x.all(own)})
		}
	}
}

// sides makes an event of each breast that a dose is told of.
func (x Record) sides(r *dose.Report) {
	for _, side := range []struct {
		quantity   dose.Quantity
		laterality string
	}{{dose.QuantityAGDLeft, "left"}, {dose.QuantityAGDRight, "right"}} {
		for _, v := range x.Values {
			if v.Quantity == side.quantity {
				r.Events = append(r.Events, &dose.Event{Laterality: side.laterality, Values: x.all([]Value{v})})
			}
		}
	}
	for _, v := range x.Values {
		if v.Quantity != dose.QuantityAGD {
			continue
		}
		if len(r.Events) == 0 {
			r.Events = append(r.Events, &dose.Event{Values: x.all([]Value{v})})
		}
		break
	}
}

// all makes values of the ledger.
func (x Record) all(vs []Value) (all dose.Values) {
	for _, v := range vs {
		all = append(all, x.value(v))
	}
	return all
}

// value makes a value of the ledger.
func (x Record) value(v Value) dose.Value {
	n, err := ucum.ParseDecimal(v.Number)
	if err != nil {
		n = ucum.Decimal{} // cannot be: it was checked
	}
	out := dose.EnteredValue(quantities[v.Quantity].field, v.Raw, v.RawUnit, n, dose.QuantityUnit(v.Quantity), v.Method)
	out.Path = strings.TrimSpace(x.Origin + " " + v.At)
	return out
}

// age returns the age on the day of the examination: as entered, or since birth.
func (x Record) age() dose.Value {
	v := dose.Value{Field: dose.FieldAge, Path: x.Origin, Raw: x.Age}
	if n, ok := number(x.Age); x.Age != "" && ok {
		v.Number, v.Unit = &n, "a"
		return v
	}
	day, err := time.Parse(time.DateOnly, x.Day)
	born, wrong := time.Parse(time.DateOnly, x.Birth)
	if err != nil || wrong != nil || born.After(day) {
		return v
	}
	months := (day.Year()-born.Year())*12 + int(day.Month()) - int(born.Month())
	if day.Day() < born.Day() {
		months--
	}
	n := ucum.Int(int64(months))
	v.Raw, v.Number, v.Unit = "birth date", &n, "mo"
	return v
}

// size returns height or weight. Nothing weighs nothing: 0 stands for unknown.
func (x Record) size(raw string, f dose.Field, unit string) dose.Value {
	v := dose.Value{Field: f, Path: x.Origin, Raw: raw}
	if n, ok := number(raw); raw != "" && ok && n.Sign() > 0 {
		v.Number, v.Unit = &n, unit
	}
	return v
}

// sum returns what a record tells of a quantity as a whole, and whether it does.
func (x Record) sum(q dose.Quantity) (ucum.Decimal, bool) {
	total, known := ucum.Decimal{}, false
	add := func(vs []Value) {
		for _, v := range vs {
			side := q == dose.QuantityAGD && (v.Quantity == dose.QuantityAGDLeft || v.Quantity == dose.QuantityAGDRight)
			if n, err := ucum.ParseDecimal(v.Number); err == nil && (v.Quantity == q || side) {
				total, known = total.Add(n), true
			}
		}
	}
	whole := func(v Value) bool { return v.Quantity == q }
	if i := slices.IndexFunc(x.Values, whole); i >= 0 && q == dose.QuantityAGD {
		add(x.Values[i : i+1])
		return total, known
	}
	if add(x.Values); known {
		return total, true
	}
	for _, e := range x.Events {
		add(e.Values)
	}
	return total, known
}
