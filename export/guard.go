package export

import (
	"strings"
	"unicode/utf8"
)

const (
	formula  = "=+-@＝＋－＠"               // what a spreadsheet takes for the beginning of a formula
	blank    = " \"'\u00a0\u200b\ufeff" // what it may skip before that
	cellEnds = ";\t\n"                  // where it may see a new cell in the middle of a text
)

// Guard is what CSV does to text, for a table that is written elsewhere; see guard.
func Guard(s string) string { return guard(s) }

// guard puts an apostrophe before text that a spreadsheet that opens CSV would
// take for a formula (CWE-1236): text that begins with = + - @, also in full
// width or after blanks and quotes, with a tab or with a line end. Programs whose
// list separator is the semicolon, as in French and German, part a text at each of
// its semicolons, tabs and line ends and do not see that it is quoted, so there the
// same holds after each of them.
//
// unguard(guard(s)) = s for every s: text that looks guarded gets one more.
func guard(s string) string {
	if !strings.ContainsAny(s, formula+"\t\n") {
		return s
	}
	var b strings.Builder
	for first, rest := true, s; ; first = false {
		end := strings.IndexAny(rest, cellEnds)
		cell := rest
		if end >= 0 {
			cell = rest[:end+1]
		}
		if suspect(cell, first) {
			b.WriteByte('\'')
		}
		b.WriteString(cell)
		if end < 0 {
			return b.String()
		}
		rest = rest[end+1:]
	}
}

// suspect reports whether a cell, the separator after it included, needs an
// apostrophe; first is whether it begins the text.
func suspect(cell string, first bool) bool {
	rest := strings.TrimLeft(cell, blank)
	if rest == "" {
		return false
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return strings.ContainsRune(formula, r) || first && (r == '\t' || r == '\n')
}
