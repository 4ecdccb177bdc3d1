package charset

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// esc begins an escape sequence.
const esc = 0x1B

// Decode returns b as UTF-8, of which it is a copy, and whether b is what s
// declares. If it is not, the text is the likeliest reading:
//
//   - bytes that are UTF-8 though another set, ASCII or Latin-1 is declared are read as UTF-8
//   - Shift JIS is read where a Japanese set is declared
//   - undeclared escape sequences are obeyed
//   - a two-byte set stays in use after a separator although the text does not say so again
//   - other single bytes are read as Windows-1252
//   - what is half a character or none becomes U+FFFD
//
// The text is always valid UTF-8 and at most three times as long as b. Padding
// is not removed. It is safe for concurrent use.
func (s Set) Decode(b []byte, k Kind) (text string, ok bool) {
	if s.plain(b) {
		return string(b), true
	}
	switch s.first {
	case ir192:
		if utf8.Valid(b) {
			return string(b), bytes.IndexByte(b, esc) < 0
		}
		return repair(b), false
	case gb18030, gbk:
		return decodeGB(b)
	default:
		return s.decode2022(b, k)
	}
}

// decode2022 decodes what is in sets of ISO 2022, single ones included.
func (s Set) decode2022(b []byte, k Kind) (string, bool) {
	if s.first == ir100 && utf8.Valid(b) && bytes.IndexByte(b, esc) < 0 {
		return string(b), false // as Latin-1 it would be capital letters with accents, each before a sign
	}
	d := decoder{set: s, kind: k, ok: true}
	d.run(b)
	if d.ok {
		return d.out.String(), true
	}
	return d.fallback(b), false
}

// plain reports whether b is ASCII and means itself in s.
func (s Set) plain(b []byte) bool {
	yen := rows[s.first].g0 == romaji
	for _, c := range b {
		if c >= 0x80 || c == esc || yen && (c == '\\' || c == '~') {
			return false
		}
	}
	return true
}

// A decoder holds what is active while a text with one or several sets is read.
type decoder struct {
	set    Set
	kind   Kind
	g0, g1 graphic
	spare  graphic // what was last in G1, for texts that forget to say it again
	ok     bool
	out    strings.Builder
}

// reset makes the first set active.
func (d *decoder) reset() {
	d.g0, d.g1 = rows[d.set.first].g0, rows[d.set.first].g1
}

// run decodes b.
func (d *decoder) run(b []byte) {
	d.out.Grow(len(b) + len(b)/2)
	d.reset()
	d.spare = d.set.upper()
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == esc:
			i += d.escape(b[i+1:]) + 1
		case c < ' ':
			d.reset()
			d.out.WriteByte(c)
			i++
		case c < 0x80:
			i += d.lower(b[i:])
		default:
			i += d.higher(b[i:])
		}
	}
}

// upper returns a two-byte set for G1 among those that s declares, or none.
func (s Set) upper() graphic {
	switch {
	case s.declares(ir149):
		return ksX1001
	case s.declares(ir58):
		return gb2312
	}
	return none
}

// escape obeys the sequence with which b begins and returns its length.
func (d *decoder) escape(b []byte) int {
	e, ok := sequence(b)
	if !ok {
		d.bad()
		return 0
	}
	if e.term != ir6 && !d.set.declares(e.term) {
		d.ok = false
	}
	if e.upper {
		d.g1, d.spare = e.graphic, e.graphic
	} else {
		d.g0 = e.graphic
	}
	return len(e.sequence)
}

// sequence returns the escape sequence with which b begins, if one is known.
func sequence(b []byte) (escape, bool) {
	for _, e := range escapes {
		if len(b) >= len(e.sequence) && string(b[:len(e.sequence)]) == e.sequence {
			return e, true
		}
	}
	return escape{}, false
}

// lower decodes the character with which b begins in G0 and returns its length.
func (d *decoder) lower(b []byte) int {
	c := b[0]
	switch {
	case c == ' ' || c == 0x7F:
		d.out.WriteByte(c)
		return 1
	case d.g0 >= jisX0208:
		return d.two(d.g0, b)
	case d.kind.separates(c):
		d.reset()
		d.out.WriteByte(c)
		return 1
	}
	switch {
	case d.g0 == romaji && c == '\\':
		d.out.WriteRune('¥')
	case d.g0 == romaji && c == '~':
		d.out.WriteRune('‾')
	case d.g0 == katakana7 && c <= 0x5F:
		d.out.WriteRune(0xFF61 + rune(c) - 0x21)
	case d.g0 == katakana7:
		d.bad()
	default:
		d.out.WriteByte(c)
	}
	return 1
}

// higher decodes the character with which b begins in G1 and returns its length.
func (d *decoder) higher(b []byte) int {
	g := d.g1
	if g == none && d.spare != none {
		g, d.ok = d.spare, false
	}
	if g >= jisX0208 {
		return d.two(g, b)
	}
	if r := single(g, b[0]); r != utf8.RuneError {
		d.out.WriteRune(r)
		return 1
	}
	d.ok = false
	d.out.WriteRune(charmap.Windows1252.DecodeByte(b[0]))
	return 1
}

// single returns the character of the byte c of the upper half in g.
func single(g graphic, c byte) rune {
	switch {
	case c < 0xA0 || g == none:
		return utf8.RuneError
	case g == katakana && c > 0xA0 && c < 0xE0:
		return 0xFF61 + rune(c) - 0xA1
	case g >= latin1 && g <= thai:
		return charmaps[g].DecodeByte(c)
	}
	return utf8.RuneError
}

// two decodes the two bytes with which b begins in g and returns how many of them
// it used. Both must lie in the same half.
func (d *decoder) two(g graphic, b []byte) int {
	if len(b) > 1 && b[0]&0x80 == b[1]&0x80 {
		if r := pair(g, b[0]&0x7F, b[1]&0x7F); r != 0 {
			d.out.WriteRune(r)
			return 2
		}
	}
	d.bad()
	return 1
}

// bad writes that something was not a character.
func (d *decoder) bad() {
	d.ok = false
	d.out.WriteRune(utf8.RuneError)
}

// fallback returns the likeliest reading of b, which is not as declared.
func (d *decoder) fallback(b []byte) string {
	if bytes.IndexByte(b, esc) < 0 {
		if utf8.Valid(b) {
			return string(b)
		}
		if d.set.declares(ir13) || d.set.declares(ir87) {
			if text, ok := whole(japanese.ShiftJIS, b); ok {
				return text
			}
		}
	}
	return d.out.String()
}

// decodeGB decodes GB18030, of which GBK is a part.
func decodeGB(b []byte) (string, bool) {
	text, ok := whole(simplifiedchinese.GB18030, b)
	switch {
	case ok:
		return text, bytes.IndexByte(b, esc) < 0
	case utf8.Valid(b):
		return string(b), false
	}
	return text, false
}

// whole decodes all of b and reports whether it is text in that encoding.
func whole(e encoding.Encoding, b []byte) (string, bool) {
	text, err := e.NewDecoder().Bytes(b)
	return string(text), err == nil && !bytes.ContainsRune(text, utf8.RuneError)
}

// repair keeps what is UTF-8 in b and reads the other bytes as Windows-1252.
func repair(b []byte) string {
	var out strings.Builder
	out.Grow(len(b) + len(b)/2)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			r = charmap.Windows1252.DecodeByte(b[0])
		}
		out.WriteRune(r)
		b = b[n:]
	}
	return out.String()
}
