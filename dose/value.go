package dose

import (
	"slices"
	"strings"

	"radagora/dicom/sr"
	"radagora/ucum"
)

// A Value is one value of a report with where it came from.
type Value struct {
	Field   Field
	Path    string // of the content item, or the tag of a header element
	Code    string // of the concept, as written; "" from a header
	Scheme  string
	Raw     string // as written: the number, the code, or the text
	RawUnit string // as written; "" if none

	Number *ucum.Decimal // in Unit; nil if the value is empty, unreadable or no number
	Unit   string        // UCUM; "" if the value is no number
	Coded  Coded         // of a CODE
	Text   string        // of everything else
	Moment Moment        // of a DATETIME
	Of     string        // what the value is of where its item says: a side ("left") or a phantom ("body32")

	Flags []string // warnings about this value, by code

	step ucum.Decimal // the last digit of Raw, in Unit
}

// Has reports whether the value carries the flag.
func (v Value) Has(flag string) bool { return slices.Contains(v.Flags, flag) }

// String returns the value itself as text: the number, this program's word for a
// code or else its current code, or the text.
func (v Value) String() string {
	switch {
	case v.Number != nil:
		return v.Number.String()
	case v.Coded.Word != "":
		return v.Coded.Word
	case v.Coded.SCT.Value != "":
		return v.Coded.SCT.Value
	case v.Coded.Written.Value != "":
		return v.Coded.Written.Value
	case !v.Moment.IsZero():
		return v.Moment.String()
	}
	return v.Text
}

// Values are the values of an event, a total or a report in document order.
type Values []Value

// Find returns the first value of a field.
func (vs Values) Find(f Field) (Value, bool) {
	for _, v := range vs {
		if v.Field == f {
			return v, true
		}
	}
	return Value{}, false
}

// All returns the values of a field.
func (vs Values) All(f Field) Values {
	var all Values
	for _, v := range vs {
		if v.Field == f {
			all = append(all, v)
		}
	}
	return all
}

// Number returns the number of a field in its stored unit, and whether one is
// known. Of several values it is the first, unless the field has one for each
// pulse: then it is their mean, weighted by the width of the pulses where the
// report tells it.
func (vs Values) Number(f Field) (ucum.Decimal, bool) {
	var all []ucum.Decimal
	for _, v := range vs {
		if v.Field != f || v.Number == nil {
			continue
		}
		if !v.Has(flagMean) {
			return *v.Number, true
		}
		all = append(all, *v.Number)
	}
	weights := vs.widths(f, len(all))
	sum, weight := ucum.Decimal{}, ucum.Decimal{}
	for i, n := range all {
		sum, weight = sum.Add(n.Mul(weights[i])), weight.Add(weights[i])
	}
	return sum.Quo(weight)
}

// widths returns the widths of n pulses as weights, or n equal weights where they
// are unknown, or where f is not something that lasts as long as a pulse.
func (vs Values) widths(f Field, n int) []ucum.Decimal {
	weights := make([]ucum.Decimal, 0, n)
	if f == FieldKVP || f == FieldCurrent {
		for _, v := range vs {
			if v.Field == FieldPulseWidth && v.Number != nil && v.Number.Sign() > 0 {
				weights = append(weights, *v.Number)
			}
		}
	}
	if len(weights) == n {
		return weights
	}
	return slices.Repeat([]ucum.Decimal{ucum.Int(1)}, n)
}

// flagMean marks a value of which there is one for each pulse.
const flagMean = "per_pulse"

// Text returns the text of a field, "" if there is none.
func (vs Values) Text(f Field) string {
	v, _ := vs.Find(f)
	return v.Text
}

// Word returns this program's word for the code of a field, "" if there is none.
func (vs Values) Word(f Field) string {
	v, _ := vs.Find(f)
	return v.Coded.Word
}

// read makes a Value of a content item according to its row.
func (c concept) read(i *sr.Item, zone string, w *warnings) Value {
	v := Value{Field: c.field, Path: i.Path, Code: i.Concept.Value, Scheme: i.Concept.Scheme}
	switch c.kind {
	case number:
		c.number(&v, i, w)
	case codes:
		v.Coded, v.Raw, v.Text = coded(i.Code), i.Code.Value, i.Text
	case moments:
		v.Moment, v.Raw = parseMoment(i.Text, zone), i.Text
	case texts:
		v.Text, v.Raw = i.Text, i.Text
		if v.Text == "" && !i.Code.IsZero() { // a CODE where text is meant, or either is allowed
			v.Coded, v.Raw, v.Text = coded(i.Code), i.Code.Value, i.Code.Meaning
		}
	}
	return v
}

// number reads the number of a NUM item into v.
func (c concept) number(v *Value, i *sr.Item, w *warnings) {
	if c.many == mean {
		v.Flags = append(v.Flags, flagMean)
	}
	n := i.Num
	if n == nil {
		n = &sr.Num{Raw: i.Text, Values: strings.Fields(i.Text)} // a number sent as TEXT
	}
	v.Raw, v.RawUnit = n.Raw, written(n.Unit)
	if v.Raw == "" {
		if c.must {
			v.flag(w, WarnMissing)
		}
		return
	}
	from, ok := c.unitOf(v, w)
	if !ok {
		return
	}
	sum := ucum.Decimal{}
	for _, raw := range n.Values {
		d, err := ucum.ParseDecimal(raw)
		if err != nil {
			v.flag(w, WarnUnreadable)
			return
		}
		sum = sum.Add(d)
		if c.many == first {
			break
		}
	}
	if len(n.Values) > 1 {
		v.flag(w, WarnSeveral, len(n.Values))
		if c.many == mean {
			sum, _ = sum.Quo(ucum.Int(int64(len(n.Values))))
		}
	}
	factor, err := ucum.Factor(from, c.kept)
	if err != nil {
		v.flagOnce(w, WarnUnitUnknown, v.RawUnit)
		return
	}
	stored := sum.Mul(factor)
	step, _ := ucum.Step(n.Values[0])
	v.Number, v.Unit, v.step = &stored, c.kept.Code(), step.Mul(factor)
}

// keptIn returns the unit in which values of c are kept.
func (c concept) keptIn() string {
	if c.stored != "" {
		return c.stored
	}
	return c.unit
}

// unitOf returns the unit that v is written in: its own, or that of the template
// if it has none.
func (c concept) unitOf(v *Value, w *warnings) (ucum.Unit, bool) {
	if v.RawUnit == "" {
		v.flagOnce(w, WarnUnitAssumed, c.unit)
		return c.template, true
	}
	if ucum.SameCode(v.RawUnit, c.unit) {
		return c.template, true
	}
	u, err := ucum.Parse(v.RawUnit)
	if err != nil {
		v.flagOnce(w, WarnUnitUnknown, v.RawUnit)
		return ucum.Unit{}, false
	}
	v.flagOnce(w, WarnUnitNonstandard, v.RawUnit, c.unit)
	return u, true
}

// flag marks the value and notes a warning.
func (v *Value) flag(w *warnings, code string, args ...any) {
	v.Flags = append(v.Flags, code)
	w.add(v.Path, code, args...)
}

// flagOnce marks the value and notes a warning unless another value gave the
// same reason: what a device does, it does everywhere.
func (v *Value) flagOnce(w *warnings, code string, args ...any) {
	v.Flags = append(v.Flags, code)
	w.once(v.Path, code, args...)
}

// written returns a unit as it is written: the code, or the meaning where a
// device left the code out.
func written(unit sr.Code) string {
	if unit.Value != "" {
		return unit.Value
	}
	return unit.Meaning
}
