package fhirpath

import (
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strconv"
	"strings"

	"radagora/fhir"
	"radagora/ucum"
)

// A Kind is what a Value is.
type Kind uint8

// The kinds of values: the System types of FHIRPath, and elements of resources.
const (
	NoKind Kind = iota
	BooleanKind
	StringKind
	IntegerKind
	DecimalKind
	DateKind
	DateTimeKind
	TimeKind
	QuantityKind
	ElementKind
	TypeKind // what type() returns
)

// kindNames are the names of the System types.
var kindNames = [...]string{"", "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity", "", ""}

// String names the System type.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return ""
}

// A Value is one item of a collection. It is never changed and may be kept. Because
// it may be about a person, printing and logging it shows its type only.
type Value struct {
	kind  Kind
	prec  uint8    // of a moment; of a quantity, 1 if its unit is of the calendar
	zone  int16    // of a moment, in minutes; noZone if it has none
	scale int32    // digits after the point
	num   int64    // Boolean, Integer, Decimal's digits, or microseconds
	text  string   // String; the unit of a Quantity; a moment as written; namespace of a type
	big   *big.Int // the digits of a Decimal that do not fit into num
	el    fhir.Element
}

// A Collection is what an expression yields, in order.
type Collection []Value

const (
	minInteger = -1 << 31
	maxInteger = 1<<31 - 1
)

// String returns s as a Value.
func String(s string) Value { return Value{kind: StringKind, text: s} }

// Integer returns n as a Value.
func Integer(n int64) Value { return Value{kind: IntegerKind, num: n} }

// Boolean returns b as a Value.
func Boolean(b bool) Value { return boolean(b)[0] }

// Element returns e as a Value.
func Element(e fhir.Element) Value { return Value{kind: ElementKind, el: e} }

// Resource returns r as a Value.
func Resource(r fhir.Resource) Value { return Element(r.Element()) }

// Number returns a Decimal as written, and false if text is none.
func Number(text string) (Value, bool) {
	d, ok := parseDecimal(text)
	return d.value(), ok
}

// Moment returns a Date, DateTime or Time as written in FHIR, and false if text is no
// moment of this kind.
func Moment(k Kind, text string) (Value, bool) {
	switch k {
	case DateKind, DateTimeKind:
		return parseMoment(text, k)
	case TimeKind:
		return parseTime(text)
	default:
		return Value{}, false
	}
}

var (
	yes = []Value{{kind: BooleanKind, num: 1}}
	no  = []Value{{kind: BooleanKind}}
)

// boolean returns a collection that must not be appended to.
func boolean(b bool) []Value {
	if b {
		return yes[:1:1]
	}
	return no[:1:1]
}

// one returns a collection of one value.
func one(v Value) []Value { return []Value{v} }

// Kind returns what v is. An element of a primitive type is an element.
func (v Value) Kind() Kind { return v.kind }

// Element returns the element that v is, and whether it is one.
func (v Value) Element() (fhir.Element, bool) { return v.el, v.kind == ElementKind }

// TypeName returns the namespace and name of the type: System.Integer, FHIR.code.
func (v Value) TypeName() (space, name string) {
	switch v.kind {
	case ElementKind:
		return "FHIR", v.el.TypeName()
	case TypeKind:
		return "System", "TypeInfo"
	default:
		return "System", v.kind.String()
	}
}

// System returns v as a value of a System type: an element of a primitive type or a
// Quantity becomes one, anything else stays what it is.
func (v Value) System() Value {
	if v.kind != ElementKind {
		return v
	}
	if !v.el.HasValue() {
		return v
	}
	if v.el.IsObject() {
		return quantityOf(v)
	}
	text := v.el.Text()
	switch v.el.TypeName() {
	case "boolean":
		return Boolean(text == "true")
	case "integer", "positiveInt", "unsignedInt":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return Integer(n)
		}
	case "decimal":
		if d, ok := parseDecimal(text); ok {
			return d.value()
		}
	case "date":
		if m, ok := parseMoment(text, DateKind); ok {
			return m
		}
	case "dateTime", "instant":
		if m, ok := parseMoment(text, DateTimeKind); ok {
			return m
		}
	case "time":
		if m, ok := parseTime(text); ok {
			return m
		}
	}
	return String(text)
}

// isText reports whether v is a String or an element that becomes one, and returns
// it; it is quicker than System.
func (v Value) isText() (string, bool) {
	switch v.kind {
	case StringKind:
		return v.text, true
	case ElementKind:
		if v.el.IsObject() || !v.el.HasValue() {
			return "", false
		}
		switch v.el.TypeName() {
		case "boolean", "integer", "positiveInt", "unsignedInt", "decimal", "date", "dateTime", "instant", "time":
			return "", false
		}
		return v.el.Text(), true
	default:
		return "", false
	}
}

// Bool returns a Boolean, and whether v is one.
func (v Value) Bool() (b, ok bool) {
	if v.kind == ElementKind {
		return v.el.Bool()
	}
	return v.num != 0, v.kind == BooleanKind
}

// Int returns an Integer, and whether v is one.
func (v Value) Int() (n int64, ok bool) {
	s := v.System()
	return s.num, s.kind == IntegerKind
}

// Decimal returns the number that an Integer, Decimal or Quantity holds, and whether v
// is such.
func (v Value) Decimal() (ucum.Decimal, bool) {
	s := v.System()
	switch s.kind {
	case IntegerKind, DecimalKind, QuantityKind:
		d, err := ucum.ParseDecimal(s.decimal().String())
		return d, err == nil
	default:
		return ucum.Decimal{}, false
	}
}

// Unit returns the unit of a Quantity, "" of anything else.
func (v Value) Unit() string {
	if s := v.System(); s.kind == QuantityKind {
		return s.text
	}
	return ""
}

// Text returns v as toString() writes it, and whether it has such a form: objects have
// none.
func (v Value) Text() (string, bool) {
	if v.kind == ElementKind && !v.el.IsObject() {
		return v.el.Text(), v.el.HasValue() // as it was written
	}
	s := v.System()
	switch s.kind {
	case BooleanKind:
		return strconv.FormatBool(s.num != 0), true
	case StringKind, DateKind, DateTimeKind, TimeKind:
		return s.text, true
	case IntegerKind:
		return strconv.FormatInt(s.num, 10), true
	case DecimalKind:
		return s.decimal().String(), true
	case QuantityKind:
		unit := s.text
		if s.prec == calendar {
			unit = "{" + unit + "}"
		}
		return s.decimal().String() + " '" + unit + "'", true
	case NoKind, ElementKind, TypeKind:
	}
	return "", false
}

// AppendJSON appends v as JSON: a number with the digits it has, a Quantity as the
// object of FHIR, an element as its resource has it.
func (v Value) AppendJSON(b []byte) []byte {
	switch v.kind {
	case ElementKind:
		return v.el.AppendJSON(b)
	case BooleanKind:
		return strconv.AppendBool(b, v.num != 0)
	case IntegerKind:
		return strconv.AppendInt(b, v.num, 10)
	case DecimalKind:
		return append(b, v.decimal().String()...)
	case QuantityKind:
		return fhir.Quantity(fhir.Number(v.decimal().String()), v.text).AppendJSON(b)
	default:
		return fhir.AppendString(b, v.text)
	}
}

// Format writes the type alone.
func (v Value) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, v.hidden()) }

// LogValue gives the type alone.
func (v Value) LogValue() slog.Value { return slog.StringValue(v.hidden()) }

func (v Value) hidden() string {
	space, name := v.TypeName()
	return "[" + strings.TrimSuffix(space+"."+name, ".") + "]"
}

// Bool returns what a collection says where a Boolean is wanted (singleton evaluation
// of collections): the Boolean it holds, true for any other single value. It is not
// known if the collection is empty, and not single if it holds several.
func (c Collection) Bool() (b, known, single bool) {
	switch {
	case len(c) == 0:
		return false, false, true
	case len(c) > 1:
		return false, false, false
	}
	if b, ok := c[0].Bool(); ok {
		return b, true, true
	}
	return true, true, true
}
