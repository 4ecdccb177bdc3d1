package export

import (
	"strconv"
	"strings"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// spelt are signs that the letters of a document do not have, and how they are written.
var spelt = map[rune]string{
	'\u2060': "", '\u200b': "", '\ufeff': "", '\u202f': "\u00a0", '\u2009': " ", '\u2007': "\u00a0", '\u2011': "-", '\u2212': "-",
	'≤': "<=", '≥': ">=", '≈': "~", '→': "->", '←': "<-", '⁻': "-", '₂': "2", 'μ': "µ", 'Ω': "Ohm", '′': "'", '\t': " ", '\n': " ",
}

// winAnsi returns a text in the code of the fonts (WinAnsiEncoding, ISO 32000-1 D.2): a
// letter that it does not have loses its accents, and what is left is a question mark.
func winAnsi(s string) string {
	var b strings.Builder
	put := func(r rune) bool {
		c, ok := charmap.Windows1252.EncodeRune(r)
		if ok && c >= 0x20 && c != 0x7f {
			b.WriteByte(c)
		}
		return ok
	}
	for _, r := range s {
		if text, ok := spelt[r]; ok {
			for _, r := range text {
				put(r)
			}
			continue
		}
		if r < 0x20 || put(r) {
			continue
		}
		base := []rune(norm.NFD.String(string(r)))
		if len(base) < 2 || !put(base[0]) {
			b.WriteByte('?')
		}
	}
	return b.String()
}

// measure is how wide a text is.
func measure(s string, size float64, bold bool) float64 {
	widths := &regularWidths
	if bold {
		widths = &boldWidths
	}
	sum := 0
	for i := range len(s) {
		sum += widths[s[i]]
	}
	return float64(sum) * size / 1000
}

// broken breaks a text into lines that are no wider than width: at blanks, and within a
// word that is wider alone. There is at least one.
func broken(s string, width, size float64, bold bool) []string {
	var lines []string
	line := ""
	for word := range strings.SplitSeq(s, " ") {
		with := word
		if line != "" {
			with = line + " " + word
		}
		if measure(with, size, bold) <= width {
			line = with
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for line = word; measure(line, size, bold) > width && len(line) > 1; {
			n := 1
			for n < len(line)-1 && measure(line[:n+1], size, bold) <= width {
				n++
			}
			lines, line = append(lines, line[:n]), line[n:]
		}
	}
	return append(lines, line)
}

// shortened cuts a text to a width.
func shortened(s string, width, size float64) string {
	for len(s) > 0 && measure(s+"...", size, false) > width {
		s = s[:len(s)-1]
	}
	return s + "..."
}

// points writes a length.
func points(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// escaped writes a text between the parentheses of a string (ISO 32000-1 7.3.4.2).
func escaped(s string) string {
	return strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`, "\r", `\r`, "\n", `\n`).Replace(s)
}
