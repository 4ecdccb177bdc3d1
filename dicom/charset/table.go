package charset

import "golang.org/x/text/encoding/charmap"

// A term is a defined term of Specific Character Set, in both its spellings.
type term uint8

// The terms by their number in the ISO registry; ir192 is UTF-8.
const (
	ir6 term = iota
	ir100
	ir101
	ir109
	ir110
	ir144
	ir127
	ir126
	ir138
	ir148
	ir203
	ir13
	ir166
	ir87
	ir159
	ir149
	ir58
	ir192
	gb18030
	gbk
)

// A graphic is a set of characters that can be active in the lower half (G0) or
// the upper half (G1) of the bytes.
type graphic uint8

// The graphic sets. From ascii to katakana7 a character is one byte, from
// jisX0208 on it is two.
const (
	none graphic = iota
	ascii
	romaji    // ISO-IR 14: ASCII with yen and overline
	katakana  // ISO-IR 13
	katakana7 // the same in the lower half, which the standard does not have but devices do
	latin1
	latin2
	latin3
	latin4
	cyrillic
	arabic
	greek
	hebrew
	latin5
	latin9
	thai
	jisX0208
	jisX0212
	ksX1001
	gb2312
)

// rows holds what PS3.3 Tables C.12-2 to C.12-5 say of each term: its spellings
// without and with code extensions, what it makes active when it comes first, and
// whether its characters may be longer than a byte or it stands alone.
var rows = [...]struct {
	single, extended string
	g0, g1           graphic
	wide, alone      bool
}{
	ir6:     {"ISO_IR 6", "ISO 2022 IR 6", ascii, none, false, false},
	ir100:   {"ISO_IR 100", "ISO 2022 IR 100", ascii, latin1, false, false},
	ir101:   {"ISO_IR 101", "ISO 2022 IR 101", ascii, latin2, false, false},
	ir109:   {"ISO_IR 109", "ISO 2022 IR 109", ascii, latin3, false, false},
	ir110:   {"ISO_IR 110", "ISO 2022 IR 110", ascii, latin4, false, false},
	ir144:   {"ISO_IR 144", "ISO 2022 IR 144", ascii, cyrillic, false, false},
	ir127:   {"ISO_IR 127", "ISO 2022 IR 127", ascii, arabic, false, false},
	ir126:   {"ISO_IR 126", "ISO 2022 IR 126", ascii, greek, false, false},
	ir138:   {"ISO_IR 138", "ISO 2022 IR 138", ascii, hebrew, false, false},
	ir148:   {"ISO_IR 148", "ISO 2022 IR 148", ascii, latin5, false, false},
	ir203:   {"ISO_IR 203", "ISO 2022 IR 203", ascii, latin9, false, false},
	ir13:    {"ISO_IR 13", "ISO 2022 IR 13", romaji, katakana, false, false},
	ir166:   {"ISO_IR 166", "ISO 2022 IR 166", ascii, thai, false, false},
	ir87:    {"ISO 2022 IR 87", "ISO 2022 IR 87", ascii, none, true, false},
	ir159:   {"ISO 2022 IR 159", "ISO 2022 IR 159", ascii, none, true, false},
	ir149:   {"ISO 2022 IR 149", "ISO 2022 IR 149", ascii, ksX1001, true, false},
	ir58:    {"ISO 2022 IR 58", "ISO 2022 IR 58", ascii, gb2312, true, false},
	ir192:   {"ISO_IR 192", "ISO_IR 192", none, none, true, true},
	gb18030: {"GB18030", "GB18030", none, none, true, true},
	gbk:     {"GBK", "GBK", none, none, true, true},
}

// charmaps holds the tables of the graphic sets of ISO 8859. That of Thai is
// ISO 8859-11 between A0 and FF, and so is Windows 874.
var charmaps = [...]*charmap.Charmap{
	latin1: charmap.ISO8859_1, latin2: charmap.ISO8859_2, latin3: charmap.ISO8859_3,
	latin4: charmap.ISO8859_4, cyrillic: charmap.ISO8859_5, arabic: charmap.ISO8859_6,
	greek: charmap.ISO8859_7, hebrew: charmap.ISO8859_8, latin5: charmap.ISO8859_9,
	latin9: charmap.ISO8859_15, thai: charmap.Windows874,
}

// An escape is a sequence that makes a graphic set active.
type escape struct {
	sequence string // after ESC
	graphic  graphic
	upper    bool // in G1 rather than G0
	term     term // which has to be declared
}

// escapes holds those of PS3.3 Tables C.12-3 and C.12-4, and two that the
// standard does not have but Japanese devices write.
var escapes = [...]escape{
	{"(B", ascii, false, ir6},
	{"-A", latin1, true, ir100},
	{"-B", latin2, true, ir101},
	{"-C", latin3, true, ir109},
	{"-D", latin4, true, ir110},
	{"-L", cyrillic, true, ir144},
	{"-G", arabic, true, ir127},
	{"-F", greek, true, ir126},
	{"-H", hebrew, true, ir138},
	{"-M", latin5, true, ir148},
	{"-b", latin9, true, ir203},
	{")I", katakana, true, ir13},
	{"(J", romaji, false, ir13},
	{"-T", thai, true, ir166},
	{"$B", jisX0208, false, ir87},
	{"$(D", jisX0212, false, ir159},
	{"$)C", ksX1001, true, ir149},
	{"$)A", gb2312, true, ir58},
	{"$@", jisX0208, false, ir87},  // its edition of 1978
	{"(I", katakana7, false, ir13}, // kana of half width in seven bits
}

// defined holds the terms as they are to be spelt.
var defined = func() map[string]term {
	m := map[string]term{"": ir6}
	for t, r := range rows {
		m[r.single], m[r.extended] = term(t), term(t)
	}
	return m
}()

// known holds the terms as they are misspelt, reduced to letters and digits.
var known = func() map[string]term {
	m := map[string]term{
		"ASCII": ir6, "USASCII": ir6,
		"LATIN1": ir100, "ISO88591": ir100, "CP1252": ir100, "WINDOWS1252": ir100,
		"LATIN2": ir101, "ISO88592": ir101, "ISO88593": ir109, "ISO88594": ir110,
		"ISO88595": ir144, "ISO88596": ir127, "ISO88597": ir126, "ISO88598": ir138,
		"ISO88599": ir148, "ISO885915": ir203, "ISO885911": ir166, "TIS620": ir166,
		"UTF8": ir192, "UNICODE": ir192, "ISO2022IR192": ir192,
		"SHIFTJIS": ir13, "SJIS": ir13, "ISO2022JP": ir87, "EUCKR": ir149,
		"GB2312": ir58, "ISO202258": ir58, "ISO2022GBK": gbk, "ISO2022GB18030": gb18030,
		"ISOIR87": ir87, "ISOIR159": ir159, "ISOIR149": ir149, "ISOIR58": ir58,
	}
	for t, r := range rows {
		m[squeeze(r.single)], m[squeeze(r.extended)] = term(t), term(t)
	}
	return m
}()
