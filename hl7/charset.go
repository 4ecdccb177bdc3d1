package hl7

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"

	"radagora/fault"
)

// A charset is how the text of a message is written (MSH-18, HL7 table 0211).
type charset struct {
	name  string
	width width
	code  encoding.Encoding // nil is UTF-8, of which ASCII is a part
	ascii bool              // what is written stays below 0x80
	plain bool              // nobody knows it: bytes above 0x7F are shown as unknown
}

// charsets has the words of HL7 table 0211, letters and digits only, and what the
// world writes instead. The escape sequences of ISO 2022 are read wherever they
// occur; the names of Japanese sets say that they may.
var charsets = map[string]charset{
	"ASCII":          {name: "ASCII", ascii: true},
	"88591":          {name: "8859/1", code: charmap.ISO8859_1},
	"88592":          {name: "8859/2", code: charmap.ISO8859_2},
	"88593":          {name: "8859/3", code: charmap.ISO8859_3},
	"88594":          {name: "8859/4", code: charmap.ISO8859_4},
	"88595":          {name: "8859/5", code: charmap.ISO8859_5},
	"88596":          {name: "8859/6", code: charmap.ISO8859_6},
	"88597":          {name: "8859/7", code: charmap.ISO8859_7},
	"88598":          {name: "8859/8", code: charmap.ISO8859_8},
	"88599":          {name: "8859/9", code: charmap.ISO8859_9},
	"885915":         {name: "8859/15", code: charmap.ISO8859_15},
	"UNICODEUTF8":    {name: "UNICODE UTF-8"},
	"ISOIR6":         {name: "ISO IR6", ascii: true, width: shifted},
	"ISOIR14":        {name: "ISO IR14", code: japanese.ISO2022JP, width: shifted},
	"ISOIR87":        {name: "ISO IR87", code: japanese.ISO2022JP, width: shifted},
	"ISOIR159":       {name: "ISO IR159", code: japanese.ISO2022JP, width: shifted},
	"GB180302000":    {name: "GB 18030-2000", code: simplifiedchinese.GB18030, width: trailed},
	"KSX1001":        {name: "KS X 1001", code: korean.EUCKR},
	"BIG5":           {name: "BIG-5", code: traditionalchinese.Big5, width: trailed},
	"CNS116431992":   {name: "CNS 11643-1992", plain: true},
	"WINDOWS1252":    {name: "WINDOWS-1252", code: charmap.Windows1252},
	"WINDOWS1250":    {name: "WINDOWS-1250", code: charmap.Windows1250},
	"WINDOWS1251":    {name: "WINDOWS-1251", code: charmap.Windows1251},
	"WINDOWS1253":    {name: "WINDOWS-1253", code: charmap.Windows1253},
	"WINDOWS1254":    {name: "WINDOWS-1254", code: charmap.Windows1254},
	"SHIFTJIS":       {name: "SHIFT_JIS", code: japanese.ShiftJIS, width: trailed},
	"UNICODEUTF16":   {},
	"UNICODEUTF32":   {},
	"ISO2022JP":      {name: "ISO IR87", code: japanese.ISO2022JP, width: shifted},
	"GBK":            {name: "GB 18030-2000", code: simplifiedchinese.GB18030, width: trailed},
	"EUCKR":          {name: "KS X 1001", code: korean.EUCKR},
	"UNDECLAREDHIGH": {name: "8859/1", code: charmap.Windows1252},
}

// synonyms are further spellings of the same.
var synonyms = map[string]string{
	"UTF8": "UNICODEUTF8", "UNICODE": "UNICODEUTF8", "ISOIR192": "UNICODEUTF8",
	"UTF16": "UNICODEUTF16", "UTF32": "UNICODEUTF32",
	"USASCII": "ASCII", "ISO646": "ASCII", "7BIT": "ASCII",
	"ANSI": "WINDOWS1252", "CP1252": "WINDOWS1252", "WIN1252": "WINDOWS1252",
	"CP1250": "WINDOWS1250", "CP1251": "WINDOWS1251", "CP1253": "WINDOWS1253", "CP1254": "WINDOWS1254",
	"LATIN1": "88591", "LATIN2": "88592", "LATIN9": "885915",
	"ISOIR100": "88591", "ISOIR101": "88592", "ISOIR109": "88593", "ISOIR110": "88594", "ISOIR144": "88595",
	"ISOIR127": "88596", "ISOIR126": "88597", "ISOIR138": "88598", "ISOIR148": "88599", "ISOIR203": "885915",
	"ISOIR13": "ISOIR14", "GB18030": "GB180302000", "SJIS": "SHIFTJIS", "ISOIR149": "KSX1001",
}

// charsetOf finds a character set by its word.
func charsetOf(word string) (charset, bool) {
	key := strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToUpper(word))
	for _, try := range []string{key, strings.TrimPrefix(key, "ISO")} {
		if to, ok := synonyms[try]; ok {
			try = to
		}
		if c, ok := charsets[try]; ok && c.name != "" && try != "UNDECLAREDHIGH" {
			return c, true
		}
	}
	return charset{}, false
}

// charset decides how the text of a message is read. What a message says of itself
// stands in its first segment.
func (m *Message) charset(b []byte, o *Options) {
	head := b
	if i := bytes.IndexAny(b, "\r\n"); i >= 0 {
		head = b[:i]
	}
	declared, _ := m.g.part(head, m.g.Field, 18)
	words := strings.FieldsFunc(string(declared), func(r rune) bool { return r == rune(m.g.Repetition) })
	if o.Override || len(words) == 0 {
		words = nil
		if o.Charset != "" {
			words = []string{o.Charset}
		}
	}
	for i, word := range words {
		c, ok := charsetOf(strings.TrimSpace(word))
		switch {
		case !ok:
			m.warn(1, "MSH-18: a character set that is not known")
		case m.g.set.name == "":
			m.g.set = c
		}
		if ok && i > 0 && c.width == shifted {
			m.g.set.width = shifted
			if m.g.set.ascii {
				m.g.set = c
			}
		}
	}
	m.guess(b, len(words) > 0)
}

// guess decides what bytes above 0x7F are where nobody says it, or where what is
// said cannot be.
func (m *Message) guess(b []byte, declared bool) {
	high := has8(b)
	unnamed := m.g.set.name == ""
	switch {
	case unnamed && !high:
		m.g.set = charsets["ASCII"]
	case unnamed && utf8.Valid(b):
		m.g.set = charsets["UNICODEUTF8"]
	case unnamed:
		m.g.set = charsets["UNDECLAREDHIGH"]
	case m.g.set.ascii && high && utf8.Valid(b):
		m.g.set.name, m.g.set.ascii = "UNICODE UTF-8", false
	case m.g.set.ascii && high:
		w := m.g.set.width
		m.g.set = charsets["UNDECLAREDHIGH"]
		m.g.set.width = w
	case m.g.set.code == nil && !m.g.set.plain && !utf8.Valid(b):
		m.warn(1, "MSH-18: the message says it is UTF-8, and is not")
		return
	default:
		return
	}
	if high && !declared {
		m.warn(1, "MSH-18: no character set is named; read as %s", m.g.set.name)
	} else if high {
		m.warn(1, "MSH-18: there are bytes beyond the character set that is named; read as %s", m.g.set.name)
	}
}

// decode returns bytes as text. What cannot be decoded becomes U+FFFD.
func (c charset) decode(b []byte) string {
	if bytes.IndexByte(b, esc) >= 0 {
		return c.decodeShifted(b)
	}
	return c.decodeRun(b)
}

func (c charset) decodeRun(b []byte) string {
	if c.code == nil || c.code == japanese.ISO2022JP && !has8(b) {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	from := c.code
	if from == japanese.ISO2022JP {
		from = japanese.ShiftJIS // its single bytes above 0x80 are those of JIS X 0201
	}
	out, err := from.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(out)
}

// has8 reports whether a byte is above 0x7F.
func has8(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.NativeEndian.Uint64(b)&0x8080808080808080 != 0 {
			return true
		}
	}
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// shifts has the escape sequences of ISO 2022 that messages use, less the escape
// itself. A nil encoding is the message's own.
var shifts = map[string]encoding.Encoding{
	"(B": nil, "(J": nil,
	"$B": japanese.ISO2022JP, "$@": japanese.ISO2022JP, "$(D": japanese.ISO2022JP, "(I": japanese.ISO2022JP,
	")I": japanese.ShiftJIS, "$)C": korean.EUCKR, "$)A": simplifiedchinese.GBK,
	"-A": charmap.ISO8859_1, "-B": charmap.ISO8859_2, "-C": charmap.ISO8859_3, "-D": charmap.ISO8859_4, "-L": charmap.ISO8859_5,
	"-G": charmap.ISO8859_6, "-F": charmap.ISO8859_7, "-H": charmap.ISO8859_8, "-M": charmap.ISO8859_9, "-b": charmap.ISO8859_15,
}

// decodeShifted decodes text with escape sequences of ISO 2022. A set for the upper
// half of the bytes (G1) stays until another one is named; those of the lower half
// (G0) too.
func (c charset) decodeShifted(b []byte) string {
	var out strings.Builder
	upper := charset{code: c.code, width: c.width}
	for len(b) > 0 {
		if b[0] != esc {
			n := until(b)
			out.WriteString(upper.decodeRun(b[:n]))
			b = b[n:]
			continue
		}
		n, _ := designation(b)
		to, known := shifts[string(b[1:n])]
		rest := b[n:]
		run := until(rest)
		switch {
		case !known:
			out.WriteString("\uFFFD")
			out.WriteString(upper.decodeRun(rest[:run]))
		case to == japanese.ISO2022JP:
			text, err := to.NewDecoder().Bytes(b[:n+run])
			if err != nil {
				text = []byte("\uFFFD")
			}
			out.Write(text)
		default:
			if to != nil {
				upper.code = to
			}
			out.WriteString(upper.decodeRun(rest[:run]))
		}
		b = rest[run:]
	}
	return out.String()
}

// until returns how far the next escape is.
func until(b []byte) int {
	if i := bytes.IndexByte(b, esc); i >= 0 {
		return i
	}
	return len(b)
}

// encode returns text as bytes. It fails with a character the set does not have.
func (c charset) encode(s string) ([]byte, error) {
	if i := strings.IndexFunc(s, func(r rune) bool { return r > 0x7E || r < ' ' }); i < 0 {
		return []byte(s), nil
	}
	if !utf8.ValidString(s) {
		return nil, fault.Errorf(fault.Invalid, "hl7: the text is not UTF-8")
	}
	if c.plain || c.ascii {
		return nil, fault.Errorf(fault.Invalid, "hl7: the text has characters that %s does not have", c.name)
	}
	if c.code == nil {
		return []byte(s), nil
	}
	out, err := c.code.NewEncoder().Bytes([]byte(s))
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "hl7: the text has characters that %s does not have", c.name)
	}
	return out, nil
}
