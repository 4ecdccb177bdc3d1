package dose

import (
	"slices"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/ucum"
)

// A Patient is what a report says of the patient. What leads to the person hides
// itself. Size, weight and age are missing where a placeholder stands: Raw then
// still says what was written.
type Patient struct {
	Name, ID, Issuer, BirthDate Private

	Sex    string // as written: M, F, O
	Age    Value  // in years, months, weeks or days, see Unit
	Height Value  // in m
	Weight Value  // in kg
}

// years is how many of each unit of AS (PS3.5 6.2) make a year, and its unit.
var ageUnits = map[byte]struct {
	unit    string
	perYear ucum.Decimal
}{
	'Y': {"a", ucum.MustDecimal("1")},
	'M': {"mo", ucum.MustDecimal("12")},
	'W': {"wk", ucum.MustDecimal("52.1775")},
	'D': {"d", ucum.MustDecimal("365.25")},
}

// Years returns the age in years and whether it is known.
func (p Patient) Years() (ucum.Decimal, bool) {
	if p.Age.Number == nil {
		return ucum.Decimal{}, false
	}
	for _, u := range ageUnits {
		if u.unit == p.Age.Unit {
			return p.Age.Number.Quo(u.perYear)
		}
	}
	return ucum.Decimal{}, false
}

// Same reports whether p and q are the same person as far as identifiers tell;
// known is false where they tell nothing, because one has none.
func (p Patient) Same(q Patient) (same, known bool) {
	switch {
	case !p.ID.IsZero() && !q.ID.IsZero():
		return p.ID == q.ID && (p.Issuer == q.Issuer || p.Issuer.IsZero() || q.Issuer.IsZero()), true
	case !p.Name.IsZero() && !q.Name.IsZero() && !p.BirthDate.IsZero() && !q.BirthDate.IsZero():
		return p.Name == q.Name && p.BirthDate == q.BirthDate, true
	}
	return false, false
}

// patient reads the patient from the header.
func (t Thresholds) patient(d *dicom.Dataset, w *warnings) Patient {
	p := Patient{
		Name:      Hide(d.Text(tag.PatientName)),
		ID:        Hide(d.Text(tag.PatientID)),
		Issuer:    Hide(d.Text(tag.IssuerOfPatientID)),
		BirthDate: Hide(d.Text(tag.PatientBirthDate)),
		Sex:       d.Text(tag.PatientSex),
		Age:       t.age(d.Text(tag.PatientAge), w),
		Height:    size(d, tag.PatientSize, FieldHeight, "m", w),
		Weight:    size(d, tag.PatientWeight, FieldWeight, "kg", w),
	}
	if slices.Contains(t.BirthPlaceholder, p.BirthDate.Reveal()) {
		p.BirthDate = Private{}
		w.add(tag.PatientBirthDate.String(), WarnDemography)
	}
	return p
}

// size reads height or weight from the header. Zero and less is a placeholder.
func size(d *dicom.Dataset, t tag.Tag, f Field, unit string, w *warnings) Value {
	v := Value{Field: f, Path: t.String(), Raw: d.Text(t)}
	v.plausible(v.Raw, unit, w)
	return v
}

// plausible sets the number of a patient's size from raw unless it cannot be one.
func (v *Value) plausible(raw, unit string, w *warnings) {
	if raw == "" {
		return
	}
	n, err := ucum.ParseDecimal(raw)
	if err != nil || n.Sign() <= 0 {
		v.flag(w, WarnDemography)
		return
	}
	v.Number, v.Unit = &n, unit
}

// age reads an age string: 045Y, 006M. What the thresholds call a placeholder or
// impossible is missing.
func (t Thresholds) age(raw string, w *warnings) Value {
	v := Value{Field: FieldAge, Path: tag.PatientAge.String(), Raw: raw}
	if raw == "" {
		return v
	}
	u, ok := ageUnits[strings.ToUpper(raw)[len(raw)-1]]
	n, err := ucum.ParseDecimal(raw[:len(raw)-1])
	if !ok || err != nil || n.Sign() < 0 || slices.Contains(t.AgePlaceholders, strings.ToUpper(raw)) {
		v.flag(w, WarnDemography)
		return v
	}
	if years, _ := n.Quo(u.perYear); years.Cmp(t.AgeMax) > 0 {
		v.flag(w, WarnDemography)
		return v
	}
	v.Number, v.Unit = &n, u.unit
	return v
}

// measured fills what the header lacks with what a report measured (TID 10024).
func (p *Patient) measured(vs Values) {
	for f, to := range map[Field]*Value{FieldHeight: &p.Height, FieldWeight: &p.Weight, FieldAge: &p.Age} {
		v, ok := vs.Find(f)
		if ok && to.Number == nil && v.Number != nil && v.Number.Sign() > 0 {
			*to = v
		}
	}
}
