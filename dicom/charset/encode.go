package charset

import (
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"

	"radagora/fault"
)

// Encode returns text in the first set of s. It writes no escape sequences and no
// two-byte sets of ISO 2022, so what only those have is refused. An error has kind Invalid if text
// is not UTF-8 and Unsupported if the set lacks a character of it; it tells the
// offset and not the character. To write anything at all, use UTF8.
func (s Set) Encode(text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return nil, fault.Errorf(fault.Invalid, "encode text: not UTF-8")
	}
	switch s.first {
	case ir192:
		return []byte(text), nil
	case gb18030:
		return transcode(simplifiedchinese.GB18030, text)
	case gbk:
		return transcode(simplifiedchinese.GBK, text)
	default:
		return s.encodeBytes(text)
	}
}

// encodeBytes encodes text with one byte for each character.
func (s Set) encodeBytes(text string) ([]byte, error) {
	g0, g1 := rows[s.first].g0, rows[s.first].g1
	b := make([]byte, 0, len(text))
	for at, r := range text {
		c, ok := encodeRune(g0, g1, r)
		if !ok {
			return nil, fault.Errorf(fault.Unsupported, "encode text: %s has no character for that at offset %d", s, at)
		}
		b = append(b, c...)
	}
	return b, nil
}

// transcode encodes text, all of it or nothing.
func transcode(e encoding.Encoding, text string) ([]byte, error) {
	b, err := e.NewEncoder().Bytes([]byte(text))
	if err != nil {
		return nil, fault.Errorf(fault.Unsupported, "encode text: the set lacks a character of it")
	}
	return b, nil
}

// encodeRune returns the bytes of r where g0 and g1 are active.
func encodeRune(g0, g1 graphic, r rune) ([]byte, bool) {
	yen := g0 == romaji
	switch {
	case r == esc:
		return nil, false
	case yen && r == '¥':
		return []byte{'\\'}, true
	case yen && r == '‾':
		return []byte{'~'}, true
	case yen && (r == '\\' || r == '~'):
		return nil, false
	case r < 0x80:
		return []byte{byte(r)}, true //nolint:gosec // checked
	}
	for c := 0xA0; c <= 0xFF; c++ {
		if single(g1, byte(c)) == r {
			return []byte{byte(c)}, true
		}
	}
	return nil, false
}
