package hl7

import (
	"bytes"

	"radagora/fault"
)

// Separators are the delimiters of a message, as its MSH-1 and MSH-2 say. A zero
// byte is a delimiter the message does not have.
type Separators struct {
	Field, Component, Repetition, Escape, Subcomponent byte
	Truncation                                         byte // from version 2.7 on
}

// Standard are the delimiters the standard recommends (chapter 2, section 2.5.4).
func Standard() Separators {
	return Separators{Field: '|', Component: '^', Repetition: '~', Escape: '\\', Subcomponent: '&'}
}

// Encoding returns MSH-2: all but the field separator, up to the first that is absent.
func (s Separators) Encoding() string {
	all := []byte{s.Component, s.Repetition, s.Escape, s.Subcomponent, s.Truncation}
	if i := bytes.IndexByte(all, 0); i >= 0 {
		all = all[:i]
	}
	return string(all)
}

// separatorsOf reads what follows the name of a header segment (MSH, BHS, FHS).
func separatorsOf(b []byte) (Separators, error) {
	if len(b) < 4 || b[3] == '\r' || b[3] == '\n' {
		return Separators{}, at(fault.Errorf(fault.Invalid, "hl7: MSH-1: there is no field separator"), "MSH", 1)
	}
	s := Separators{Field: b[3]}
	rest := b[4:min(len(b), 4+64)]
	end := bytes.IndexFunc(rest, func(r rune) bool { return r == rune(s.Field) || r == '\r' || r == '\n' })
	if end >= 0 {
		rest = rest[:end]
	}
	if len(rest) > 5 {
		return s, at(fault.Errorf(fault.Invalid, "hl7: MSH-2: %d encoding characters or more; at most five are known", len(rest)), "MSH", 2)
	}
	for i, p := range []*byte{&s.Component, &s.Repetition, &s.Escape, &s.Subcomponent, &s.Truncation} {
		if i < len(rest) {
			*p = rest[i]
		}
	}
	seen := []byte{s.Field}
	for i := range rest {
		if bytes.IndexByte(seen, rest[i]) >= 0 {
			return s, at(fault.Errorf(fault.Invalid, "hl7: MSH-2: encoding character %d occurs twice", i+1), "MSH", 2)
		}
		seen = append(seen, rest[i])
	}
	for i, c := range seen {
		if !delimits(c) {
			return s, at(fault.Errorf(fault.Invalid, "hl7: MSH-%d: byte 0x%02X cannot be a delimiter", min(i+1, 2), c), "MSH", min(i+1, 2))
		}
	}
	return s, nil
}

// delimits reports whether a byte can be a delimiter: a visible ASCII character, no
// letter, no digit, and no quotation mark, which means null.
func delimits(c byte) bool {
	return c > ' ' && c < 0x7F && c != '"' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') ||
		c == '\t'
}
