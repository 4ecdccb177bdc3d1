package worklist

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"radagora/dicom"
	"radagora/fault"
)

// What may be wrong with a field.
const (
	CodeMissing = "missing"  // it has to be there
	CodeUnfit   = "unfit"    // too long, or with letters that do not belong there
	CodeDate    = "no_date"  // no day of the calendar
	CodeTime    = "no_time"  // no date and time
	CodeChoice  = "choice"   // none of the words there are
	CodeNumber  = "number"   // below zero, or no number
	CodeTooMany = "too_many" // more than are taken
	CodeFixed   = "fixed"    // it cannot be changed any more
)

// A FieldError says what is wrong with one field, without its value.
type FieldError struct{ Field, Code string }

// An InvalidError is an order that cannot be kept, field by field.
type InvalidError struct{ Fields []FieldError }

// Error names the fields and no values.
func (e *InvalidError) Error() string {
	words := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		words[i] = f.Field + ": " + f.Code
	}
	return "order: " + strings.Join(words, "; ")
}

// Wrong returns the fields that are wrong, if err is about fields.
func Wrong(err error) []FieldError {
	if e, ok := errors.AsType[*InvalidError](err); ok {
		return e.Fields
	}
	return nil
}

// Most of what one order may hold.
const (
	maxSteps  = 50
	maxValues = 20
	maxText   = 2000 // bytes of one text, whatever its VR allows
)

// A checker gathers what is wrong with an order.
type checker struct{ fields []FieldError }

func (c *checker) wrong(field, code string) {
	f := FieldError{field, code}
	if !slices.Contains(c.fields, f) {
		c.fields = append(c.fields, f)
	}
}

func (c *checker) err() error {
	if len(c.fields) == 0 {
		return nil
	}
	return fault.As(fault.Invalid, &InvalidError{c.fields})
}

// tidy brings an order into the form in which it is kept, with times as they are at
// the site, and refuses one that could not be offered to a machine.
func (o *Order) tidy(zone *time.Location) error {
	c := &checker{}
	o.trim()
	o.checkPatient(c)
	o.describe()
	if o.Description == "" {
		c.wrong("description", CodeMissing)
	}
	if o.Priority != "" && !slices.Contains(Priorities(), o.Priority) {
		c.wrong("priority", CodeChoice)
	}
	if o.Expected < 0 {
		c.wrong("expected_instances", CodeNumber)
	}
	if o.Code != nil && *o.Code == (Code{}) {
		o.Code = nil
	}
	if o.Code != nil {
		checkCodes(c, "code", []Code{*o.Code})
	}
	checkCodes(c, "reason_codes", o.ReasonCodes)
	checkTexts(c, "", orderTexts, o)
	checkOne(c, "accession_issuer", o.AccessionIssuer)
	switch {
	case len(o.Steps) == 0:
		c.wrong("steps", CodeMissing)
	case len(o.Steps) > maxSteps:
		c.wrong("steps", CodeTooMany)
	default:
		for i := range o.Steps {
			o.Steps[i].check(c, fmt.Sprintf("steps[%d].", i), zone)
		}
	}
	return c.err()
}

// trim takes away blanks around texts.
func (o *Order) trim() {
	p := &o.Patient
	for _, s := range []*string{
		&p.ID, &p.Issuer, &p.Name, &p.BirthDate, &p.Sex, &p.SpecialNeeds, &p.Condition, &p.Confidentiality, &p.Admission, &p.Location,
		&o.Accession, &o.AccessionIssuer, &o.Placer, &o.Filler, &o.ProcedureID, &o.Study, &o.Description, &o.Reason,
		&o.RequestingPhysician, &o.RequestingService, &o.ReferringPhysician, &o.Priority, &o.Transport, &o.Comments,
	} {
		*s = strings.TrimSpace(*s)
	}
	p.Name = strings.TrimRight(p.Name, "^")
	p.Allergies, p.Alerts, o.Recipients = trimAll(p.Allergies), trimAll(p.Alerts), trimAll(o.Recipients)
	for i := range o.Steps {
		s := &o.Steps[i]
		for _, v := range []*string{
			&s.ID, &s.Location, &s.Modality, &s.Start, &s.End, &s.Description, &s.PerformingPhysician, &s.Contrast, &s.Premedication, &s.Comments,
		} {
			*v = strings.TrimSpace(*v)
		}
		s.Stations, s.StationNames = trimAll(s.Stations), trimAll(s.StationNames)
	}
}

// describe fills in what a machine has to be told of procedure and step, in words or
// codes (PS3.4 Table K.6-1, types 1C), from what was said of the other.
func (o *Order) describe() {
	if o.Description == "" && o.Code != nil {
		o.Description = o.Code.Meaning
	}
	for i := range o.Steps {
		s := &o.Steps[i]
		if o.Description == "" {
			o.Description = s.Description
		}
		if o.Description == "" && len(s.Protocol) > 0 {
			o.Description = s.Protocol[0].Meaning
		}
	}
	for i := range o.Steps {
		if s := &o.Steps[i]; s.Description == "" {
			s.Description = o.Description
		}
	}
}

// trimAll trims texts and leaves out those that are empty.
func trimAll(list []string) []string {
	var all []string
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// checkPatient looks at what a patient needs and at what is no text.
func (o *Order) checkPatient(c *checker) {
	p := o.Patient
	if p.ID == "" {
		c.wrong("patient.id", CodeMissing)
	}
	if strings.Trim(p.Name, "^= ") == "" {
		c.wrong("patient.name", CodeMissing)
	}
	if _, err := time.Parse(time.DateOnly, p.BirthDate); p.BirthDate != "" && err != nil {
		c.wrong("patient.birth_date", CodeDate)
	}
	if !slices.Contains([]string{"", "M", "F", "O"}, p.Sex) {
		c.wrong("patient.sex", CodeChoice)
	}
	if _, ok := pregnancies[p.Pregnancy]; !ok && p.Pregnancy != pregnancyNotAsked {
		c.wrong("patient.pregnancy", CodeChoice)
	}
	for field, v := range map[string]float64{"patient.weight_kg": p.WeightKG, "patient.height_m": p.HeightM} {
		if v < 0 || math.IsInf(v, 0) || math.IsNaN(v) {
			c.wrong(field, CodeNumber)
		}
	}
}

// check looks at one step and writes its times in full.
func (s *Step) check(c *checker, at string, zone *time.Location) {
	if s.Modality == "" {
		c.wrong(at+"modality", CodeMissing)
	}
	if len(s.Stations) == 0 {
		c.wrong(at+"stations", CodeMissing)
	}
	if s.Start == "" {
		c.wrong(at+"start", CodeMissing)
	} else if t, ok := localTime(s.Start, zone); ok {
		s.StartAt, s.Start = t, t.Format(localForm)
	} else {
		c.wrong(at+"start", CodeTime)
		s.Start = ""
	}
	if s.End != "" {
		if t, ok := localTime(s.End, zone); ok {
			s.End = t.Format(localForm)
		} else {
			c.wrong(at+"end", CodeTime)
			s.End = ""
		}
	}
	checkCodes(c, at+"protocol", s.Protocol)
	checkTexts(c, at, stepTexts, s)
}

// localForm is how local times are kept.
const localForm = "2006-01-02T15:04:05"

// localTime reads a time as people and programs write it: local at the site, or with
// an offset, which is then brought to the site's time.
func localTime(s string, zone *time.Location) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return plausible(t.In(zone).Truncate(time.Second))
	}
	for _, form := range []string{localForm, "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(form, s, zone); err == nil {
			return plausible(t)
		}
	}
	return time.Time{}, false
}

// plausible refuses years that DA cannot write.
func plausible(t time.Time) (time.Time, bool) { return t, t.Year() >= 1 && t.Year() <= 9999 }

// checkTexts holds texts against their VR.
func checkTexts[T any](c *checker, at string, list []text[T], of *T) {
	for _, t := range list {
		values := t.of(of)
		if len(values) > maxValues {
			c.wrong(at+t.field, CodeTooMany)
			continue
		}
		for _, v := range values {
			if len(v) > maxText {
				c.wrong(at+t.field, CodeUnfit)
			}
		}
		if _, err := dicom.NewBuilder().Text(t.tag, values...).Dataset(); err != nil {
			c.wrong(at+t.field, CodeUnfit)
		}
	}
}

// checkOne holds a text against LO, the longest a name of a space may be.
func checkOne(c *checker, field, value string) {
	if len(value) > 64 || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == '\\' }) {
		c.wrong(field, CodeUnfit)
	}
}

// checkCodes holds codes against the VRs of their parts.
func checkCodes(c *checker, field string, list []Code) {
	if len(list) > maxValues {
		c.wrong(field, CodeTooMany)
		return
	}
	for _, code := range list {
		if code.Value == "" || code.Scheme == "" || code.Meaning == "" {
			c.wrong(field, CodeMissing)
		}
	}
	for _, b := range codes(list) {
		if _, err := b.Dataset(); err != nil {
			c.wrong(field, CodeUnfit)
		}
	}
}
