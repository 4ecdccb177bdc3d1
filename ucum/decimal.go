package ucum

import (
	"math/big"
	"strings"

	"radagora/fault"
)

// Limits of a decimal string. PS3.5 Table 6.2-1 gives DS 16 bytes; files break
// that, and a long exponent would make a short text an enormous number.
const (
	maxDecimalText = 64
	maxExponent    = 99
	printedDigits  = 34 // of a value that has no end in decimals, such as 1/3
)

// A Decimal is an exact number. Its zero value is 0; there is no "unknown": who
// may lack a value says so beside it. It is never changed after it is made and
// may be copied and used by many at once.
type Decimal struct{ r *big.Rat }

// ParseDecimal reads a decimal string as PS3.5 defines DS, and what devices make
// of it: " 0.0", "1.6e-005", "1.07E-05", "+5", ".5", "5.", with spaces and a
// trailing NUL around. Anything else, an empty text included, is fault.Invalid.
func ParseDecimal(s string) (Decimal, error) {
	s = strings.Trim(s, " \t\r\n\x00")
	if len(s) > maxDecimalText {
		return Decimal{}, fault.Errorf(fault.Invalid, "decimal of %d characters; at most %d are read", len(s), maxDecimalText)
	}
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		var ok bool
		if exponent, ok = parseExponent(s[i+1:]); !ok {
			return Decimal{}, fault.Errorf(fault.Invalid, "decimal with an exponent that is no whole number within ±%d", maxExponent)
		}
		mantissa = s[:i]
	}
	if !isMantissa(mantissa) {
		return Decimal{}, fault.Errorf(fault.Invalid, "%d characters that are no decimal", len(s))
	}
	r, ok := new(big.Rat).SetString(mantissa)
	if !ok {
		return Decimal{}, fault.Errorf(fault.Invalid, "%d characters that are no decimal", len(s))
	}
	return Decimal{r.Mul(r, powerOfTen(exponent))}, nil
}

// MustDecimal is ParseDecimal for constants; it panics where that fails.
func MustDecimal(s string) Decimal {
	d, err := ParseDecimal(s)
	if err != nil {
		panic(err)
	}
	return d
}

// Int returns the whole number n as a Decimal.
func Int(n int64) Decimal { return Decimal{new(big.Rat).SetInt64(n)} }

// parseExponent reads what follows the letter e.
func parseExponent(s string) (n int, ok bool) {
	sign := 1
	switch {
	case strings.HasPrefix(s, "-"):
		sign, s = -1, s[1:]
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	}
	if s == "" {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int(c-'0'); n > maxExponent {
			return 0, false
		}
	}
	return sign * n, true
}

// isMantissa reports whether s is an optional sign, then digits with at most one
// point and at least one digit.
func isMantissa(s string) bool {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	digits, points := 0, 0
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			points++
		default:
			return false
		}
	}
	return digits > 0 && points <= 1
}

// powerOfTen returns 10 to the power n.
func powerOfTen(n int) *big.Rat {
	p := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n, -n))), nil)
	if n < 0 {
		return new(big.Rat).SetFrac(big.NewInt(1), p)
	}
	return new(big.Rat).SetInt(p)
}

// rat returns the number behind d, which must not be changed.
func (d Decimal) rat() *big.Rat {
	if d.r == nil {
		return new(big.Rat)
	}
	return d.r
}

// Add returns d + e.
func (d Decimal) Add(e Decimal) Decimal { return Decimal{new(big.Rat).Add(d.rat(), e.rat())} }

// Sub returns d - e.
func (d Decimal) Sub(e Decimal) Decimal { return Decimal{new(big.Rat).Sub(d.rat(), e.rat())} }

// Mul returns d times e.
func (d Decimal) Mul(e Decimal) Decimal { return Decimal{new(big.Rat).Mul(d.rat(), e.rat())} }

// Quo returns d divided by e, exactly, and false if e is 0.
func (d Decimal) Quo(e Decimal) (Decimal, bool) {
	if e.Sign() == 0 {
		return Decimal{}, false
	}
	return Decimal{new(big.Rat).Quo(d.rat(), e.rat())}, true
}

// Abs returns d without its sign.
func (d Decimal) Abs() Decimal { return Decimal{new(big.Rat).Abs(d.rat())} }

// Cmp returns -1, 0 or 1 as d is below, equal to or above e.
func (d Decimal) Cmp(e Decimal) int { return d.rat().Cmp(e.rat()) }

// Equal reports whether d and e are the same number, however they were written.
func (d Decimal) Equal(e Decimal) bool { return d.Cmp(e) == 0 }

// Sign returns -1, 0 or 1 as d is negative, zero or positive.
func (d Decimal) Sign() int { return d.rat().Sign() }

// Float returns the float64 nearest to d, for statistics and drawing.
func (d Decimal) Float() float64 {
	f, _ := d.rat().Float64()
	return f
}

// String writes d in full, without an exponent and without zeros at the end. A
// value that has no end in decimals (1 min in hours) is rounded half away from
// zero to 34 digits after the point.
func (d Decimal) String() string {
	digits, exact := d.rat().FloatPrec()
	if !exact {
		digits = printedDigits
	}
	s := d.rat().FloatString(digits)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

// Fixed writes d rounded half away from zero to the given digits after the
// point, as a display shows it.
func (d Decimal) Fixed(digits int) string { return d.rat().FloatString(max(digits, 0)) }

// MarshalJSON writes d as a JSON number with the digits of String.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalJSON reads a JSON number or a string that holds one.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	v, err := ParseDecimal(strings.Trim(string(b), `"`))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// Step returns the value of the last digit written in a decimal string: 0.01
// for "415.82", 1 for "60", 1e-6 for "1.6e-005". It is the rounding step of
// whoever wrote it, and false if s is no decimal.
func Step(s string) (Decimal, bool) {
	if _, err := ParseDecimal(s); err != nil {
		return Decimal{}, false
	}
	s = strings.Trim(s, " \t\r\n\x00")
	exponent := 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		exponent, _ = parseExponent(s[i+1:])
		s = s[:i]
	}
	if i := strings.IndexByte(s, '.'); i >= 0 {
		exponent -= len(s) - i - 1
	}
	return Decimal{powerOfTen(exponent)}, true
}
