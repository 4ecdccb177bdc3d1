package hl7

import "bytes"

// A grammar is what is needed to find values in the bytes of a message.
type grammar struct {
	Separators
	set charset
}

// A width says how bytes of the character set can look like delimiters and be none.
type width uint8

const (
	narrow  width = iota // a byte below 0x80 is always itself
	trailed              // a byte from 0x81 on takes the next one along
	shifted              // ISO 2022: escape sequences switch to pairs of bytes
)

const esc = 0x1B

// index returns where c is in b first, -1 if it is not.
func (g *grammar) index(b []byte, c byte) int {
	if c == 0 {
		return -1
	}
	switch g.set.width {
	case trailed:
		return indexTrailed(b, c)
	case shifted:
		return indexShifted(b, c)
	default:
		return bytes.IndexByte(b, c)
	}
}

func indexTrailed(b []byte, c byte) int {
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == c:
			return i
		case b[i] > 0x80:
			i++
		}
	}
	return -1
}

func indexShifted(b []byte, c byte) int {
	pairs := false
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == esc:
			n, p := designation(b[i:])
			pairs = p
			i += n - 1
		case pairs && b[i] > ' ':
			i++
		case b[i] == c:
			return i
		}
	}
	return -1
}

// designation returns the length of the escape sequence at the begin of b and
// whether pairs of bytes below 0x80 follow it.
func designation(b []byte) (n int, pairs bool) {
	for n = 1; n < len(b) && n < 4 && b[n] >= 0x20 && b[n] < 0x30; n++ {
		// intermediate bytes
	}
	pairs = n > 1 && b[1] == '$' && (n < 3 || b[2] == '(')
	return min(n+1, len(b)), pairs
}

// count returns how often c is in b, no more than most+1.
func (g *grammar) count(b []byte, c byte, most int) int {
	if c == 0 {
		return 0
	}
	if g.set.width == narrow {
		return bytes.Count(b, []byte{c})
	}
	n := 0
	for n <= most {
		i := g.index(b, c)
		if i < 0 {
			return n
		}
		n++
		b = b[i+1:]
	}
	return n
}

// part returns the nth part of b between separators c, from 1, and whether there
// is one.
func (g *grammar) part(b []byte, c byte, n int) ([]byte, bool) {
	if n < 1 {
		return nil, false
	}
	for ; n > 1; n-- {
		i := g.index(b, c)
		if i < 0 {
			return nil, false
		}
		b = b[i+1:]
	}
	if i := g.index(b, c); i >= 0 {
		b = b[:i:i]
	}
	return b, true
}

// named reports whether a line begins with the name of a segment: a letter and two
// letters or digits before a field separator, or alone if they are capitals.
func (g *grammar) named(line []byte) bool {
	if len(line) < 3 || len(line) > 3 && line[3] != g.Field {
		return false
	}
	for i, c := range line[:3] {
		switch {
		case c >= 'A' && c <= 'Z':
		case c >= 'a' && c <= 'z' && len(line) > 3:
		case c >= '0' && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return true
}
