package fhirpath

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// Bounds of a number. FHIRPath demands 28 digits and steps of 10 to the -8.
const (
	maxDigits     = 100 // before and after the point together
	divisionScale = 8   // digits after the point of what has no end
)

// A decimal is num times 10 to the -scale; big stands for num where that is too small.
// 1.0 and 1.00 are equal and yet know how they were written.
type decimal struct {
	num   int64
	scale int32
	big   *big.Int
}

var ten = big.NewInt(10)

// powers of ten that fit into an int64.
var powers = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// parseDecimal reads [+-]digits[.digits][e[+-]digits].
func parseDecimal(s string) (decimal, bool) {
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(s), "e")
	shift := int64(0)
	if scientific {
		var err error
		if shift, err = strconv.ParseInt(exponent, 10, 16); err != nil || shift > maxDigits || shift < -maxDigits {
			return decimal{}, false
		}
	}
	whole, part, pointed := strings.Cut(mantissa, ".")
	bare := strings.TrimLeft(whole, "+-")
	if bare == "" || len(whole)-len(bare) > 1 || pointed && part == "" || !allDigits(bare) || !allDigits(part) || len(whole)+len(part) > maxDigits {
		return decimal{}, false
	}
	d := decimal{scale: int32(len(part))} //nolint:gosec // at most maxDigits
	digits := whole + part
	var err error
	if d.num, err = strconv.ParseInt(digits, 10, 64); err != nil {
		var ok bool
		if d.big, ok = new(big.Int).SetString(digits, 10); !ok {
			return decimal{}, false
		}
	}
	if shift == 0 {
		return d, true
	}
	scale := int64(d.scale) - shift
	n := d.int()
	if scale < 0 {
		n = new(big.Int).Mul(n, pow10(-scale))
		scale = 0
	}
	return newDecimal(n, int32(scale))
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

func pow10(n int64) *big.Int {
	if n < int64(len(powers)) {
		return big.NewInt(powers[n])
	}
	return new(big.Int).Exp(ten, big.NewInt(n), nil)
}

// newDecimal returns n times 10 to the -scale, and false beyond the bounds.
func newDecimal(n *big.Int, scale int32) (decimal, bool) {
	if n.IsInt64() {
		return decimal{num: n.Int64(), scale: scale}, scale <= maxDigits
	}
	return decimal{big: n, scale: scale}, scale <= maxDigits && n.BitLen() < maxDigits*3
}

func whole(n int64) decimal { return decimal{num: n} }

// int returns the digits as a number, which must not be changed.
func (d decimal) int() *big.Int {
	if d.big != nil {
		return d.big
	}
	return big.NewInt(d.num)
}

// value returns d as a Decimal.
func (d decimal) value() Value {
	return Value{kind: DecimalKind, num: d.num, scale: d.scale, big: d.big}
}

// decimal returns the number in an Integer, Decimal or Quantity.
func (v Value) decimal() decimal { return decimal{v.num, v.scale, v.big} }

// String writes d with the digits it has after the point.
func (d decimal) String() string {
	var s string
	if d.big != nil {
		s = d.big.String()
	} else {
		s = strconv.FormatInt(d.num, 10)
	}
	if d.scale == 0 {
		return s
	}
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	if missing := int(d.scale) + 1 - len(s); missing > 0 {
		s = strings.Repeat("0", missing) + s
	}
	at := len(s) - int(d.scale)
	return sign + s[:at] + "." + s[at:]
}

// sign returns -1, 0 or 1.
func (d decimal) sign() int {
	switch {
	case d.big != nil:
		return d.big.Sign()
	case d.num < 0:
		return -1
	case d.num > 0:
		return 1
	}
	return 0
}

// aligned returns the digits of a and b at the finer of their scales.
func aligned(a, b decimal) (x, y *big.Int, scale int32) {
	x, y, scale = a.int(), b.int(), max(a.scale, b.scale)
	if a.scale < scale {
		x = new(big.Int).Mul(x, pow10(int64(scale-a.scale)))
	}
	if b.scale < scale {
		y = new(big.Int).Mul(y, pow10(int64(scale-b.scale)))
	}
	return x, y, scale
}

// up returns the digits of d at a finer scale, if they fit.
func (d decimal) up(scale int32) (int64, bool) {
	if d.big != nil {
		return 0, false
	}
	by := scale - d.scale
	if by == 0 {
		return d.num, true
	}
	if int(by) >= len(powers) || d.num > math.MaxInt64/powers[by] || d.num < math.MinInt64/powers[by] {
		return 0, false
	}
	return d.num * powers[by], true
}

func (d decimal) cmp(e decimal) int {
	scale := max(d.scale, e.scale)
	if x, ok := d.up(scale); ok {
		if y, ok := e.up(scale); ok {
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		}
	}
	x, y, _ := aligned(d, e)
	return x.Cmp(y)
}

func (d decimal) add(e decimal) (decimal, bool) {
	scale := max(d.scale, e.scale)
	if x, ok := d.up(scale); ok {
		if y, ok := e.up(scale); ok && (y >= 0 && x <= math.MaxInt64-y || y < 0 && x >= math.MinInt64-y) {
			return decimal{num: x + y, scale: scale}, true
		}
	}
	x, y, scale := aligned(d, e)
	return newDecimal(new(big.Int).Add(x, y), scale)
}

func (d decimal) neg() decimal {
	if d.big == nil && d.num != math.MinInt64 {
		return decimal{num: -d.num, scale: d.scale}
	}
	return decimal{big: new(big.Int).Neg(d.int()), scale: d.scale}
}

func (d decimal) abs() decimal {
	if d.sign() < 0 {
		return d.neg()
	}
	return d
}

func (d decimal) mul(e decimal) (decimal, bool) {
	if d.big == nil && e.big == nil && d.num != math.MinInt64 && e.num != math.MinInt64 {
		hi, lo := bits.Mul64(uint64(max(d.num, -d.num)), uint64(max(e.num, -e.num))) //nolint:gosec // neither is negative
		if hi == 0 && lo <= math.MaxInt64 && d.scale+e.scale <= maxDigits {
			n := int64(lo)
			if (d.num < 0) != (e.num < 0) {
				n = -n
			}
			return decimal{num: n, scale: d.scale + e.scale}, true
		}
	}
	return newDecimal(new(big.Int).Mul(d.int(), e.int()), d.scale+e.scale)
}

// quo returns d divided by e, rounded to divisionScale digits after the point, those
// that say nothing left out. It is false if e is 0.
func (d decimal) quo(e decimal) (decimal, bool) {
	if e.sign() == 0 {
		return decimal{}, false
	}
	x, y, _ := aligned(d, e)
	x = new(big.Int).Mul(x, pow10(divisionScale+1))
	q, ok := newDecimal(x.Quo(x, y), divisionScale+1)
	if !ok {
		return decimal{}, false
	}
	return q.round(divisionScale).trim(), true
}

// trim leaves out zeros at the end.
func (d decimal) trim() decimal {
	for d.scale > 0 && d.big == nil && d.num%10 == 0 {
		d.num /= 10
		d.scale--
	}
	return d
}

// integral returns the whole part of d / e and the rest, which has the sign of d.
func (d decimal) integral(e decimal) (q, rest decimal, ok bool) {
	if e.sign() == 0 {
		return q, rest, false
	}
	x, y, scale := aligned(d, e)
	a, b := new(big.Int).QuoRem(x, y, new(big.Int))
	q, ok = newDecimal(a, 0)
	rest, fits := newDecimal(b, scale)
	return q, rest, ok && fits
}

// round returns d with at most scale digits after the point, half away from zero.
func (d decimal) round(scale int32) decimal {
	if d.scale <= scale {
		return d
	}
	by := pow10(int64(d.scale - scale))
	q, rest := new(big.Int).QuoRem(d.int(), by, new(big.Int))
	if rest.Abs(rest).Lsh(rest, 1).Cmp(by) >= 0 {
		q.Add(q, big.NewInt(int64(d.sign())))
	}
	out, _ := newDecimal(q, scale)
	return out
}

// floor returns the largest whole number not above d.
func (d decimal) floor() decimal {
	n, _ := newDecimal(new(big.Int).Div(d.int(), pow10(int64(d.scale))), 0)
	return n
}

// truncate returns d without what follows the point.
func (d decimal) truncate() decimal {
	n, _ := newDecimal(new(big.Int).Quo(d.int(), pow10(int64(d.scale))), 0)
	return n
}

// float returns the float64 nearest to d, for what has no exact result anyway.
func (d decimal) float() float64 {
	f, _ := strconv.ParseFloat(d.String(), 64)
	return f
}

// fromFloat returns a float64 to 12 digits, at most divisionScale after the point.
func fromFloat(f float64) (decimal, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) || math.Abs(f) > 1e60 {
		return decimal{}, false
	}
	d, ok := parseDecimal(strconv.FormatFloat(f, 'f', -1, 64))
	return d.round(divisionScale).trim(), ok
}
