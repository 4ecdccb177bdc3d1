// Package ucum parses and converts the units of measure the program speaks.
//
// It knows the part of UCUM (version 2.1) that dose, patient size and the
// templates of PS3.16 need: prefixes, exponents, products, quotients,
// parentheses and annotations over the symbols in atom.go, and the ways devices
// write them wrongly. Units convert by dimension, never by a table of pairs, and
// numbers are exact: nothing is rounded before it is shown. It does not know
// UCUM's special units (Cel, pH), nor arbitrary ones.
package ucum

import (
	"math/big"
	"strings"
	"unicode"

	"radagora/fault"
)

// A Unit is a unit of measure. Its zero value is no unit at all: it converts to
// nothing and its code is empty.
type Unit struct {
	code  string
	scale *big.Rat
	dim   dimension
}

// One is the unit of counts and ratios.
var One = Must("1")

// Parse reads a unit: in UCUM's case-sensitive form, with annotations ({events})
// and spaces left out, or as one of the ways devices write it. A unit it does
// not know is fault.Unsupported, one too long or too deep fault.Exhausted.
func Parse(code string) (Unit, error) {
	if len(code) > maxCode {
		return Unit{}, fault.Errorf(fault.Exhausted, "unit of %d characters; at most %d are read", len(code), maxCode)
	}
	bare := strip(code)
	u, err := parseTerm(bare)
	if err == nil {
		u.code = canonical(bare)
		return u, nil
	}
	alias, ok := aliases[fold(code)]
	if !ok {
		return Unit{}, err
	}
	return Parse(alias.code)
}

// Must is Parse for constants; it panics where that fails.
func Must(code string) Unit {
	u, err := Parse(code)
	if err != nil {
		panic(err)
	}
	return u
}

// Code returns the unit in UCUM's case-sensitive form, without annotations.
func (u Unit) Code() string { return u.code }

// String returns the code.
func (u Unit) String() string { return u.code }

// IsZero reports whether u is no unit at all.
func (u Unit) IsZero() bool { return u.scale == nil }

// Same reports whether u and v measure the same thing in steps of the same size,
// however they are written: cGy.cm2 and uGy.m2 are the same.
func (u Unit) Same(v Unit) bool {
	return u.Comparable(v) && u.scale.Cmp(v.scale) == 0
}

// Comparable reports whether values in u can be converted into v.
func (u Unit) Comparable(v Unit) bool {
	return u.scale != nil && v.scale != nil && u.dim == v.dim
}

// Convert returns value, which is in from, in to. It is exact. Units that do not
// measure the same thing are fault.Unsupported.
func Convert(value Decimal, from, to Unit) (Decimal, error) {
	factor, err := Factor(from, to)
	if err != nil {
		return Decimal{}, err
	}
	return value.Mul(factor), nil
}

// Factor returns what a value in from is multiplied by to be in to.
func Factor(from, to Unit) (Decimal, error) {
	if !from.Comparable(to) {
		return Decimal{}, fault.Errorf(fault.Unsupported, "unit %q does not convert into %q", from.code, to.code)
	}
	return Decimal{new(big.Rat).Quo(from.scale, to.scale)}, nil
}

// SameCode reports whether two unit codes are written the same after folding
// case and leaving out braces and spaces, the way dose reports are compared.
func SameCode(a, b string) bool { return fold(a) == fold(b) }

// fold returns code in lower case without braces, spaces and NUL.
func fold(code string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '{' || r == '}' || r == 0 || unicode.IsSpace(r):
			return -1
		case r == 'μ': // the Greek letter; the sign for micro is µ
			return 'µ'
		}
		return unicode.ToLower(r)
	}, code)
}

// strip returns code without annotations, spaces and NUL.
func strip(code string) string {
	depth := 0
	return strings.Map(func(r rune) rune {
		switch {
		case r == '{':
			depth++
			return -1
		case r == '}' && depth > 0:
			depth--
			return -1
		case depth > 0 || r == 0 || unicode.IsSpace(r):
			return -1
		}
		return r
	}, code)
}

// canonical returns the code that stands for a unit: "1" for a bare annotation.
func canonical(bare string) string {
	if bare == "" {
		return "1"
	}
	return bare
}
