package charset

import "bytes"

// Split returns the values of b, which a backslash separates; nil if b is empty.
// A byte 5C that is part of a longer character is no backslash. The values are
// parts of b, still encoded.
func (s Set) Split(b []byte) [][]byte {
	if len(b) == 0 {
		return nil
	}
	values := make([][]byte, 0, 1+bytes.Count(b, []byte{'\\'}))
	for {
		value, rest, more := s.Cut(b)
		values = append(values, value)
		if !more {
			return values
		}
		b = rest
	}
}

// Cut returns the first value of b, what follows the backslash after it, and
// whether there is one; otherwise it does as Split does. It does not allocate.
func (s Set) Cut(b []byte) (value, rest []byte, more bool) {
	i := bytes.IndexByte(b, '\\')
	if i >= 0 && s.covers(b[:i]) {
		i = s.separator(b)
	}
	if i < 0 {
		return b, nil, false
	}
	return b[:i], b[i+1:], true
}

// covers reports whether what stands in b could make the byte after b a part of
// a longer character.
func (s Set) covers(b []byte) bool {
	return s.first == gb18030 || s.first == gbk || s.first == ir13 || bytes.IndexByte(b, esc) >= 0
}

// separator returns the index of the first backslash in b, or -1.
func (s Set) separator(b []byte) int {
	g0 := ascii
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == esc && !rows[s.first].alone:
			e, ok := sequence(b[i+1:])
			if ok && !e.upper {
				g0 = e.graphic
			}
			i += 1 + len(e.sequence)
		case g0 >= jisX0208 && c > ' ' && c < 0x7F:
			i += 2
		case c == '\\':
			return i
		case c < ' ':
			g0 = ascii
			i++
		default:
			i += s.width(b[i:])
		}
	}
	return -1
}

// width returns how many bytes the character with which b begins has in the sets
// whose second byte may be 5C: GB18030, GBK and, where ISO_IR 13 is declared,
// Shift JIS, whose first bytes are no characters of ISO_IR 13.
func (s Set) width(b []byte) int {
	c := b[0]
	switch {
	case len(b) < 2:
		return 1
	case s.first == ir13 && (c >= 0x81 && c <= 0x9F || c >= 0xE0 && c <= 0xFC):
		return 2
	case (s.first == gb18030 || s.first == gbk) && c >= 0x81 && c <= 0xFE:
		return 2 // of four bytes the third and fourth look like such a pair again
	}
	return 1
}
