package lang

import (
	"math"
	"strconv"
	"strings"
)

// none stands where a number is not known.
const none = "–"

// Number prints v with the given digits after the decimal mark, or with as many
// as it needs if digits is negative. NaN and infinities print as a dash.
func (p *Printer) Number(v float64, digits int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	if digits < 0 {
		digits = -1
	}
	return p.marks(strconv.FormatFloat(v, 'f', digits, 64))
}

// Sig prints v with three significant digits, trailing zeros included: 0.317,
// 95.0, 842, 12,300. A clinical value stands so unless its standard wants more.
func (p *Printer) Sig(v float64) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return p.Number(v, 0)
	}
	// FormatFloat rounds once, in decimal; the exponent then says where to cut.
	text := strconv.FormatFloat(v, 'e', 2, 64)
	_, exp, _ := strings.Cut(text, "e")
	e, err := strconv.Atoi(exp)
	if err != nil {
		return none
	}
	rounded, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return none
	}
	return p.Number(rounded, max(0, 2-e))
}

// Plain prints v with as many digits as it was written with: a level of 50 is
// "50", not "50.0".
func (p *Printer) Plain(v float64) string { return p.Number(v, -1) }

// Count prints a whole number.
func (p *Printer) Count(n int64) string { return p.marks(strconv.FormatInt(n, 10)) }

// Percent prints the share v of 1 as per cent: without decimals, but with one
// below ten per cent if there is one to show.
func (p *Printer) Percent(v float64) string {
	digits := 0
	if pc := v * 100; math.Abs(pc) < 10 && math.Abs(pc-math.Round(pc)) >= 0.05 {
		digits = 1
	}
	return p.Number(v*100, digits) + nbsp + "%"
}

// Quantity prints v with three significant digits and its unit, which a line
// does not part.
func (p *Printer) Quantity(v float64, unit string) string {
	if unit == "" {
		return p.Sig(v)
	}
	return p.Sig(v) + nbsp + p.Unit(unit)
}

// superscript raises the digits of exponents.
var superscript = strings.NewReplacer("2", "²", "3", "³", "-1", "⁻¹", "-2", "⁻²")

// Unit prints a unit's code (UCUM case-sensitive) as people write it: mGy·cm
// for mGy.cm, Gy·m² for Gy.m2.
func (*Printer) Unit(code string) string {
	parts := strings.Split(code, ".")
	for i, part := range parts {
		letters := strings.TrimRight(part, "-0123456789")
		if letters != "" {
			parts[i] = letters + superscript.Replace(part[len(letters):])
		}
	}
	return strings.Join(parts, "·")
}

// marks puts the language's decimal mark, groups and minus sign into a number
// as strconv writes it.
func (p *Printer) marks(s string) string {
	minus := ""
	if s[0] == '-' {
		if strings.Trim(s, "-0.") == "" {
			s = s[1:] // no minus zero
		} else {
			minus, s = "−", s[1:]
		}
	}
	whole, fraction, decimal := strings.Cut(s, ".")
	var b strings.Builder
	b.WriteString(minus)
	for i, digit := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(p.book.Number.Group)
		}
		b.WriteRune(digit)
	}
	if decimal {
		b.WriteString(p.book.Number.Decimal + fraction)
	}
	return b.String()
}
