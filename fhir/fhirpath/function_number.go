package fhirpath

import "math"

// number makes a function on one number.
func number(do func(c call, v Value) (Value, bool, error)) func(call, []Value) ([]Value, error) {
	return func(c call, in []Value) ([]Value, error) {
		v, ok, err := c.single(in)
		if err != nil || !ok {
			return nil, err
		}
		if !v.isNumber() {
			return nil, c.wrong("the input is no number")
		}
		v, ok, err = do(c, v)
		return c.some(v, ok, err)
	}
}

// toWhole makes a function that returns an Integer, or a Quantity of whole units.
func toWhole(do func(decimal) decimal) func(call, []Value) ([]Value, error) {
	return number(func(_ call, v Value) (Value, bool, error) {
		d := do(v.decimal())
		if v.kind == QuantityKind {
			return quantity(d, v.text, v.prec == calendar), true, nil
		}
		out := d.value()
		out.kind = IntegerKind
		return out, true, nil
	})
}

// inexactly makes a function that has no exact result.
func inexactly(do func(float64) float64) func(call, []Value) ([]Value, error) {
	return number(func(_ call, v Value) (Value, bool, error) {
		d, ok := fromFloat(do(v.decimal().float()))
		return d.value(), ok, nil
	})
}

// numbers are the functions on numbers (§5.7).
var numbers = map[string]function{
	"abs": {do: number(func(_ call, v Value) (Value, bool, error) {
		d := v.decimal().abs()
		v.num, v.big = d.num, d.big
		return v, true, nil
	})},
	"ceiling":  {do: toWhole(func(d decimal) decimal { return d.neg().floor().neg() })},
	"floor":    {do: toWhole(decimal.floor)},
	"truncate": {do: toWhole(decimal.truncate)},
	"round": {max: 1, do: number(func(c call, v Value) (Value, bool, error) {
		digits, _, err := c.argInt(0)
		if err != nil {
			return v, false, err
		}
		if digits < 0 || digits > maxDigits {
			return v, false, c.wrong("the precision is not from 0 to 100")
		}
		d := v.decimal().round(int32(digits))
		v.num, v.scale, v.big = d.num, d.scale, d.big
		if v.kind == IntegerKind {
			v.kind = DecimalKind
		}
		return v, true, nil
	})},
	"exp":  {do: inexactly(math.Exp)},
	"ln":   {do: inexactly(math.Log)},
	"sqrt": {do: inexactly(math.Sqrt)},
	"log": {min: 1, max: 1, do: number(func(c call, v Value) (Value, bool, error) {
		base, ok, err := c.argNumber(0)
		if err != nil || !ok {
			return v, false, err
		}
		d, ok := fromFloat(logarithm(v.decimal().float(), base.decimal().float()))
		return d.value(), ok, nil
	})},
	"power": {min: 1, max: 1, do: number(power)},
}

func (c call) argNumber(i int) (Value, bool, error) {
	v, ok, err := c.argOne(i)
	if err != nil || !ok {
		return v, false, err
	}
	if v.kind != IntegerKind && v.kind != DecimalKind {
		return v, false, c.wrong("an argument is no number")
	}
	return v, true, nil
}

func logarithm(x, base float64) float64 {
	switch base {
	case 2:
		return math.Log2(x)
	case 10:
		return math.Log10(x)
	}
	return math.Log(x) / math.Log(base)
}

// power is exact for whole exponents from 0 to 100.
func power(c call, v Value) (Value, bool, error) {
	exponent, ok, err := c.argNumber(0)
	if err != nil || !ok {
		return v, false, err
	}
	if exponent.kind == IntegerKind && exponent.num >= 0 && exponent.num <= 100 {
		d := whole(1)
		for range exponent.num {
			if d, ok = d.mul(v.decimal()); !ok {
				return v, false, nil
			}
		}
		return result(v, exponent, d), true, nil
	}
	d, ok := fromFloat(math.Pow(v.decimal().float(), exponent.decimal().float()))
	return d.value(), ok, nil
}
