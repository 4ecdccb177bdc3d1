package fhirpath

import (
	"regexp"
	"strings"
)

// conversions are the functions toX and convertsToX, and iif (§5.5).
func conversions() map[string]function {
	all := map[string]function{"iif": {min: 2, max: 3, do: iif}}
	for name, to := range map[string]func(Value) (Value, bool){
		"Boolean": toBoolean, "Integer": toInteger, "Decimal": toDecimal, "String": toString,
		"Date": toDate, "DateTime": toDateTime, "Time": toTime, "Quantity": toQuantity,
	} {
		most := 0
		if name == "Quantity" {
			most = 1
		}
		all["to"+name] = function{max: most, do: func(c call, in []Value) ([]Value, error) {
			v, ok, err := c.convert(in, to)
			if err != nil || !ok {
				return nil, err
			}
			return c.m.one(v), nil
		}}
		all["convertsTo"+name] = function{max: most, do: func(c call, in []Value) ([]Value, error) {
			_, ok, err := c.convert(in, to)
			if err != nil || len(in) == 0 {
				return nil, err
			}
			return boolean(ok), nil
		}}
	}
	return all
}

// convert converts the one value of the input, to the unit of the argument if there is
// one.
func (c call) convert(in []Value, to func(Value) (Value, bool)) (Value, bool, error) {
	v, ok, err := c.single(in)
	if err != nil || !ok {
		return v, false, err
	}
	if v, ok = to(v); !ok || len(c.s.args) == 0 {
		return v, ok, nil
	}
	unit, given, err := c.argText(0)
	if err != nil || !given {
		return v, false, err
	}
	target := quantity(whole(0), unit, false)
	if word := calendarUnits[unit]; word != "" {
		target = quantity(whole(0), word, true)
	}
	f, fits := factor(target, v, false)
	if !fits {
		return v, false, nil
	}
	d, ok := v.decimal().mul(f)
	return quantity(d, target.text, target.prec == calendar), ok, nil
}

func iif(c call, in []Value) ([]Value, error) {
	f := &frame{this: in, index: c.f.index, total: c.f.total, inner: c.f.inner}
	out, err := c.s.args[0](c.m, f, in)
	if err != nil {
		return nil, err
	}
	is, _, single := Collection(out).Bool()
	switch {
	case !single:
		return nil, c.wrong("the condition has several values")
	case is:
		return c.s.args[1](c.m, f, in)
	case len(c.s.args) == 3:
		return c.s.args[2](c.m, f, in)
	}
	return nil, nil
}

// booleanWords are the texts that mean a Boolean, in small letters.
var booleanWords = map[string]bool{
	"true": true, "t": true, "yes": true, "y": true, "1": true, "1.0": true,
	"false": false, "f": false, "no": false, "n": false, "0": false, "0.0": false,
}

func toBoolean(v Value) (Value, bool) {
	switch v.kind {
	case BooleanKind:
		return v, true
	case IntegerKind, DecimalKind:
		for _, b := range []bool{false, true} {
			want := int64(0)
			if b {
				want = 1
			}
			if v.decimal().cmp(whole(want)) == 0 {
				return Boolean(b), true
			}
		}
	case StringKind:
		b, ok := booleanWords[strings.ToLower(v.text)]
		return Boolean(b), ok
	default:
	}
	return Value{}, false
}

func toInteger(v Value) (Value, bool) {
	switch v.kind {
	case IntegerKind:
		return v, true
	case BooleanKind:
		return Integer(v.num), true
	case StringKind:
		if d, ok := parseDecimal(v.text); ok && d.scale == 0 && d.big == nil && d.num >= minInteger && d.num <= maxInteger && !strings.ContainsAny(v.text, "eE.") {
			return Integer(d.num), true
		}
	default:
	}
	return Value{}, false
}

func toDecimal(v Value) (Value, bool) {
	switch v.kind {
	case IntegerKind, DecimalKind:
		return v.decimal().value(), true
	case BooleanKind:
		return decimal{num: v.num * 10, scale: 1}.value(), true
	case StringKind:
		if d, ok := parseDecimal(v.text); ok && !strings.ContainsAny(v.text, "eE") {
			return d.value(), true
		}
	default:
	}
	return Value{}, false
}

func toString(v Value) (Value, bool) {
	if v.kind == ElementKind || v.kind == TypeKind {
		return Value{}, false
	}
	s, ok := v.Text()
	return String(s), ok
}

func toDate(v Value) (Value, bool) {
	switch v.kind {
	case DateKind:
		return v, true
	case DateTimeKind:
		v.kind, v.prec, v.zone = DateKind, min(v.prec, toDay), noZone
		v.num -= mod(v.num, day)
		return v.write(), true
	case StringKind:
		if out, ok := parseMoment(v.text, DateKind); ok {
			return out, true
		}
		if out, ok := parseMoment(v.text, DateTimeKind); ok {
			return toDate(out)
		}
	default:
	}
	return Value{}, false
}

func toDateTime(v Value) (Value, bool) {
	switch v.kind {
	case DateTimeKind:
		return v, true
	case DateKind:
		v.kind = DateTimeKind
		return v, true
	case StringKind:
		return parseMoment(v.text, DateTimeKind)
	default:
		return Value{}, false
	}
}

func toTime(v Value) (Value, bool) {
	switch v.kind {
	case TimeKind:
		return v, true
	case StringKind:
		return parseTime(strings.TrimPrefix(v.text, "T"))
	default:
		return Value{}, false
	}
}

// quantityText is a Quantity as a text: 1 'wk', 4 days, 5.
var quantityText = regexp.MustCompile(`^([+-]?\d+(?:\.\d+)?)\s*(?:'([^']+)'|([a-zA-Z]+))?$`)

func toQuantity(v Value) (Value, bool) {
	switch v.kind {
	case QuantityKind:
		return v, true
	case IntegerKind, DecimalKind:
		return v.quantity(), true
	case BooleanKind:
		return quantity(decimal{num: v.num * 10, scale: 1}, "1", false), true
	case StringKind:
		part := quantityText.FindStringSubmatch(v.text)
		if part == nil {
			return Value{}, false
		}
		d, ok := parseDecimal(part[1])
		switch {
		case part[3] != "":
			word, known := calendarUnits[part[3]]
			return quantity(d, word, true), ok && known
		case part[2] != "":
			return quantity(d, part[2], false), ok
		}
		return quantity(d, "1", false), ok
	default:
		return Value{}, false
	}
}
