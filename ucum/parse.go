package ucum

import (
	"math/big"
	"strings"

	"radagora/fault"
)

// Limits of a unit code. PS3.3 Table 8.8-1 gives a code value 16 characters, UCUM
// no limit; exponents beyond these occur in no unit of the templates.
const (
	maxCode     = 64
	maxDepth    = 8
	maxExp      = 24
	maxNumber   = 9 // digits of a whole number inside a unit
	maxTotalExp = 100
)

// A parser walks over one unit code (UCUM §2.4, its grammar as a table).
type parser struct {
	rest  string
	depth int
}

// parseTerm reads a whole unit code without annotations.
func parseTerm(code string) (Unit, error) {
	if code == "" {
		return Unit{scale: ratio(1, 1)}, nil // a bare annotation is the unit one (UCUM §12)
	}
	p := &parser{rest: code}
	u, err := p.term()
	if err != nil {
		return Unit{}, err
	}
	if p.rest != "" {
		return Unit{}, unknown(p.rest)
	}
	return u, nil
}

// unknown is the error for a part of a unit that is not understood.
func unknown(part string) error {
	return fault.Errorf(fault.Unsupported, "unknown unit %q", part)
}

// term reads components joined by "." and "/", from left to right (UCUM §7).
func (p *parser) term() (Unit, error) {
	if p.depth++; p.depth > maxDepth {
		return Unit{}, fault.Errorf(fault.Exhausted, "unit with more than %d nested parentheses", maxDepth)
	}
	defer func() { p.depth-- }()
	u := Unit{scale: ratio(1, 1)}
	sign := 1
	if p.take("/") {
		sign = -1
	}
	for {
		c, err := p.component()
		if err != nil {
			return Unit{}, err
		}
		if u, err = times(u, c, sign); err != nil {
			return Unit{}, err
		}
		switch {
		case p.take("."):
			sign = 1
		case p.take("/"):
			sign = -1
		default:
			return u, nil
		}
	}
}

// component reads a term in parentheses, a number, or a symbol with exponent.
func (p *parser) component() (Unit, error) {
	if p.take("(") {
		u, err := p.term()
		if err == nil && !p.take(")") {
			err = fault.Errorf(fault.Unsupported, "unit with an open parenthesis")
		}
		return u, err
	}
	symbol := p.symbol()
	if symbol == "" {
		return p.number()
	}
	u, ok := simple(symbol)
	if !ok {
		return Unit{}, unknown(symbol)
	}
	n, err := p.exponent()
	if err != nil {
		return Unit{}, err
	}
	return power(u, n)
}

// take consumes s if it comes next.
func (p *parser) take(s string) bool {
	after, ok := strings.CutPrefix(p.rest, s)
	p.rest = after
	return ok
}

// symbol consumes a unit symbol with its prefix: 10*, 10^, %, letters, or what stands
// in brackets.
func (p *parser) symbol() string {
	n := strings.IndexFunc(p.rest, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	switch {
	case strings.HasPrefix(p.rest, "10*"), strings.HasPrefix(p.rest, "10^"):
		n = len("10*")
	case strings.HasPrefix(p.rest, "%"):
		n = len("%")
	case strings.HasPrefix(p.rest, "["):
		n = strings.IndexByte(p.rest, ']') + 1 // 0, and so no symbol, if it stays open
	case n < 0:
		n = len(p.rest)
	}
	symbol := p.rest[:n]
	p.rest = p.rest[n:]
	return symbol
}

// digits consumes digits.
func (p *parser) digits() string {
	n := strings.IndexFunc(p.rest, func(r rune) bool { return r < '0' || r > '9' })
	if n < 0 {
		n = len(p.rest)
	}
	s := p.rest[:n]
	p.rest = p.rest[n:]
	return s
}

// number consumes a whole number above 0 that stands as a factor (UCUM §8).
func (p *parser) number() (Unit, error) {
	digits := p.digits()
	if digits == "" || len(digits) > maxNumber {
		return Unit{}, unknown(digits + p.rest)
	}
	n := 0
	for _, c := range []byte(digits) {
		n = n*10 + int(c-'0')
	}
	if n == 0 {
		return Unit{}, unknown(digits)
	}
	return Unit{scale: ratio(int64(n), 1)}, nil
}

// exponent consumes a signed exponent, 1 if there is none.
func (p *parser) exponent() (int, error) {
	sign, signed := 1, false
	switch {
	case p.take("-"):
		sign, signed = -1, true
	case p.take("+"):
		signed = true
	}
	digits := p.digits()
	switch {
	case digits == "" && !signed:
		return 1, nil
	case digits == "" || len(digits) > 2:
		return 0, unknown("exponent " + digits)
	}
	n := 0
	for _, c := range []byte(digits) {
		n = n*10 + int(c-'0')
	}
	if n > maxExp {
		return 0, fault.Errorf(fault.Exhausted, "unit with the exponent %d; at most %d is read", n, maxExp)
	}
	return sign * n, nil
}

// simple finds a symbol among the atoms, or behind a prefix. A symbol that is an
// atom as it stands is no prefix and atom: "min" is the minute (UCUM §11).
func simple(symbol string) (Unit, bool) {
	if a, ok := atoms[symbol]; ok {
		return Unit{scale: a.scale, dim: a.dim}, true
	}
	for n := 1; n <= 2 && n < len(symbol); n++ {
		exponent, isPrefix := prefixes[symbol[:n]]
		a, isAtom := atoms[symbol[n:]]
		if isPrefix && isAtom && a.metric {
			return Unit{scale: new(big.Rat).Mul(a.scale, powerOfTen(exponent)), dim: a.dim}, true
		}
	}
	return Unit{}, false
}

// power returns u to the power n.
func power(u Unit, n int) (Unit, error) {
	p := Unit{scale: ratio(1, 1)}
	var err error
	for range max(n, -n) {
		if p, err = times(p, u, sign(n)); err != nil {
			return Unit{}, err
		}
	}
	return p, nil
}

// sign returns -1 for a negative n and 1 otherwise.
func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}

// times returns u times v, or u divided by v if sign is negative.
func times(u, v Unit, sign int) (Unit, error) {
	out := Unit{scale: new(big.Rat), dim: u.dim}
	if sign < 0 {
		out.scale.Quo(u.scale, v.scale)
	} else {
		out.scale.Mul(u.scale, v.scale)
	}
	for b := range out.dim {
		e := int(u.dim[b]) + sign*int(v.dim[b])
		if e > maxTotalExp || e < -maxTotalExp {
			return Unit{}, fault.Errorf(fault.Exhausted, "unit with an exponent beyond %d", maxTotalExp)
		}
		out.dim[b] = int16(e) // bounded by maxTotalExp
	}
	if out.scale.Num().BitLen() > maxBits || out.scale.Denom().BitLen() > maxBits {
		return Unit{}, fault.Errorf(fault.Exhausted, "unit with a factor beyond 2 to the power %d", maxBits)
	}
	return out, nil
}

// maxBits bounds the factor between a unit and its base.
const maxBits = 1024
