// Package charset turns the text of DICOM elements into UTF-8 and back.
//
// A Set is what Specific Character Set (0008,0005) declares: the default
// repertoire, one of the single-byte sets, UTF-8, GB18030, GBK, or several sets
// between which escape sequences switch (PS3.5 section 6.1.2, PS3.3 section
// C.12.1.1.2). Reading is tolerant: what does not fit the declaration is read in
// the likeliest other way, and the caller is told. Writing is strict, and does not
// write escape sequences.
package charset

import "strings"

// A Set is the character sets that are declared for a data set. It is small, can
// be compared with ==, and its zero value is the default repertoire (ASCII).
type Set struct {
	first term   // what is active when a value begins
	more  uint32 // bit 1<<t for each other term t that escape sequences may invoke
}

// UTF8 is the set that can write everything, ISO_IR 192.
var UTF8 = Set{first: ir192}

// A Kind says which bytes separate parts of a text, because at those the first
// set becomes active again (PS3.5 section 6.1.2.5.3).
type Kind uint8

// The kinds of text, by value representation.
const (
	Text   Kind = iota // LT, ST, UT: one value; a backslash is a character
	String             // LO, SH, UC: a backslash separates values
	Name               // PN: besides, ^ and = separate components and their groups
)

// separates reports whether the byte c separates parts in a text of kind k.
func (k Kind) separates(c byte) bool {
	return c == '\\' && k != Text || (c == '^' || c == '=') && k == Name
}

// A Problem is a value of Specific Character Set that is not as it should be.
type Problem struct {
	Index int    // of the value, from 0
	Code  string // Misspelt, Unknown or Misplaced
}

// The codes of problems; PS3.3 section C.12.1.1.2 is the clause for all.
const (
	Misspelt  = "charset.misspelt"  // not a defined term, but clear enough
	Unknown   = "charset.unknown"   // ignored
	Misplaced = "charset.misplaced" // a term that cannot stand at its place, or not beside the others
)

// Parse returns the set that the values of Specific Character Set declare. No
// values, or an empty first one, mean the default repertoire. Padding does not
// count. It always returns a set to go on with.
func Parse(values []string) (Set, []Problem) {
	var s Set
	var problems []Problem
	for i, v := range values {
		t, code := parseTerm(v, i, len(values))
		if code != "" {
			problems = append(problems, Problem{i, code})
		}
		switch {
		case code == Unknown:
		case i == 0:
			s.first = t
		case !rows[t].alone:
			s.more |= 1 << t
		}
	}
	if rows[s.first].alone {
		s.more = 0
	}
	return s, problems
}

// parseTerm returns the term that the value at index i of n means, and the code
// of a problem with it, if there is one.
func parseTerm(value string, i, n int) (term, string) {
	value = strings.Trim(value, " \x00")
	if t, ok := defined[value]; ok {
		return t, place(t, strings.HasPrefix(value, "ISO 2022"), i, n)
	}
	if t, ok := known[squeeze(value)]; ok {
		return t, Misspelt
	}
	return ir6, Unknown
}

// place returns Misplaced if term t cannot be value i of n; extended tells
// whether it is the spelling for code extensions.
func place(t term, extended bool, i, n int) string {
	r := rows[t]
	switch {
	case i == 0 && r.wide && !r.alone: // multi-byte sets of ISO 2022 need another one first
		return Misplaced
	case n > 1 && r.alone:
		return Misplaced
	case n > 1 && !extended && t != ir6:
		return Misplaced
	case i > 0 && t == ir6 && !extended:
		return Misplaced
	}
	return ""
}

// squeeze returns the letters and digits of a term, in large letters.
func squeeze(value string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, value)
}

// String returns the defined terms of s, separated by backslashes as in the
// element, those after the first in the order of the standard's tables.
func (s Set) String() string {
	if s.more == 0 {
		return rows[s.first].single
	}
	terms := []string{rows[s.first].extended}
	for t := range rows {
		if s.declares(term(t)) && term(t) != s.first {
			terms = append(terms, rows[t].extended)
		}
	}
	return strings.Join(terms, `\`)
}

// declares reports whether t is among what s declares. The default repertoire
// always is.
func (s Set) declares(t term) bool { return t == s.first || s.more&(1<<t) != 0 }
