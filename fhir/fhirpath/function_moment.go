package fhirpath

import "math/big"

// moments are the functions on time (§5.9), precision and boundaries.
var moments = map[string]function{
	"now":           {do: func(c call, _ []Value) ([]Value, error) { return c.clock(DateTimeKind) }},
	"today":         {do: func(c call, _ []Value) ([]Value, error) { return c.clock(DateKind) }},
	"timeOfDay":     {do: func(c call, _ []Value) ([]Value, error) { return c.clock(TimeKind) }},
	"lowBoundary":   {max: 1, do: func(c call, in []Value) ([]Value, error) { return c.boundary(in, true) }},
	"highBoundary":  {max: 1, do: func(c call, in []Value) ([]Value, error) { return c.boundary(in, false) }},
	"precision":     {do: precision},
	"yearOf":        {do: component(toYear)},
	"monthOf":       {do: component(toMonth)},
	"dayOf":         {do: component(toDay)},
	"hourOf":        {do: component(toHour)},
	"minuteOf":      {do: component(toMinute)},
	"secondOf":      {do: component(toSecond)},
	"millisecondOf": {do: component(toFraction)},
	"comparable": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) {
		a, ok, err := c.single(in)
		if err != nil || !ok {
			return nil, err
		}
		b, ok, err := c.argOne(0)
		if err != nil || !ok || a.kind != QuantityKind || b.kind != QuantityKind {
			return nil, err
		}
		_, fits := factor(a, b, false)
		return boolean(fits), nil
	}},
}

func (c call) clock(k Kind) ([]Value, error) {
	if c.m.env.Now.IsZero() {
		return nil, c.wrong("nobody said what time it is")
	}
	return c.m.one(momentOf(c.m.env.Now, k)), nil
}

// places are the digits by which precision() and the boundaries count, by precision.
var places = [...]int64{0, 4, 6, 8, 10, 12, 14, 17}

func precision(c call, in []Value) ([]Value, error) {
	v, ok, err := c.single(in)
	if err != nil || !ok {
		return nil, err
	}
	switch {
	case v.kind == DecimalKind:
		return c.m.one(Integer(int64(v.scale))), nil
	case v.kind == TimeKind:
		return c.m.one(Integer(places[v.prec] - places[toDay])), nil
	case v.isMoment():
		return c.m.one(Integer(places[v.prec])), nil
	}
	return nil, nil
}

// component returns a function that takes a part of a moment.
func component(prec uint8) func(call, []Value) ([]Value, error) {
	return func(c call, in []Value) ([]Value, error) {
		v, ok, err := c.single(in)
		if err != nil || !ok || !v.isMoment() || v.prec < prec || v.kind == TimeKind && prec < toHour {
			return nil, err
		}
		return c.m.one(Integer(v.component(prec))), nil
	}
}

// boundary returns the lowest or highest value that what was written may stand for.
func (c call) boundary(in []Value, low bool) ([]Value, error) {
	v, ok, err := c.single(in)
	if err != nil || !ok {
		return nil, err
	}
	digits, given, err := c.argInt(0)
	if err != nil {
		return nil, err
	}
	switch {
	case v.isNumber():
		if !given {
			digits = divisionScale
		}
		if digits < 0 || digits > 28 {
			return nil, nil
		}
		d, ok := v.decimal().boundary(low, int32(digits))
		v.num, v.scale, v.big = d.num, d.scale, d.big
		if v.kind == IntegerKind {
			v.kind = DecimalKind
		}
		return c.some(v, ok, nil)
	case v.isMoment():
		prec, ok := boundaryPrecision(v.kind, digits, given)
		if !ok {
			return nil, nil
		}
		return c.m.one(v.boundary(low, prec)), nil
	}
	return nil, nil
}

func boundaryPrecision(k Kind, digits int64, given bool) (uint8, bool) {
	if !given {
		if k == DateKind {
			return toDay, true
		}
		return toFraction, true
	}
	if k == TimeKind {
		digits += places[toDay]
	}
	for prec := toYear; prec <= toFraction; prec++ {
		if places[prec] == digits && (k != DateKind || prec <= toDay) && (k != TimeKind || prec >= toHour) {
			return prec, true
		}
	}
	return 0, false
}

// boundary moves d by half a unit of its last digit, to so many digits.
func (d decimal) boundary(low bool, digits int32) (decimal, bool) {
	half := decimal{num: 5, scale: d.scale + 1}
	if low {
		half.num = -5
	}
	d, ok := d.add(half)
	if !ok {
		return d, false
	}
	if d.scale > digits { // outwards, so that the boundary stays one
		by := pow10(int64(d.scale - digits))
		q := new(big.Int).Div(d.int(), by)
		if !low && new(big.Int).Mul(q, by).Cmp(d.int()) != 0 {
			q.Add(q, big.NewInt(1))
		}
		return newDecimal(q, digits)
	}
	n := new(big.Int).Mul(d.int(), pow10(int64(digits-d.scale)))
	return newDecimal(n, digits)
}
