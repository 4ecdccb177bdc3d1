package fhirpath

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A lexeme is what a token is.
type lexeme uint8

const (
	endToken    lexeme = iota
	nameToken          // a word, or what stands between backticks
	quotedToken        // what stands between backticks: never a keyword
	stringToken
	numberToken
	momentToken // @2026-03-04T10:15, without the @
	symbolToken
)

// A token is one word of an expression.
type token struct {
	kind lexeme
	text string
	pos  int // of its first byte
}

// A lexer cuts an expression into tokens.
type lexer struct {
	s string
	i int
}

// symbols of two characters; all others have one.
var twins = []string{"<=", ">=", "!=", "!~"}

// next reads a token.
func (l *lexer) next() (token, error) {
	if err := l.skip(); err != nil {
		return token{}, err
	}
	t := token{pos: l.i}
	if l.i == len(l.s) {
		return t, nil
	}
	var err error
	switch c := l.s[l.i]; {
	case isLetter(c):
		t.kind, t.text = nameToken, l.while(isWord)
	case isDigit(c):
		t.kind, t.text = numberToken, l.number()
	case c == '\'':
		t.kind = stringToken
		t.text, err = l.quoted(c)
	case c == '`':
		t.kind = quotedToken
		t.text, err = l.quoted(c)
	case c == '@':
		l.i++
		t.kind, t.text = momentToken, l.moment()
	default:
		t.kind, t.text, err = l.symbol()
	}
	return t, err
}

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) }

// skip passes white space and comments.
func (l *lexer) skip() error {
	for l.i < len(l.s) {
		rest := l.s[l.i:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			l.i++
		case strings.HasPrefix(rest, "//"):
			if n := strings.IndexAny(rest, "\r\n"); n >= 0 {
				l.i += n
			} else {
				l.i = len(l.s)
			}
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return wrong(l.i, "a comment has no end")
			}
			l.i += n + 4
		default:
			return nil
		}
	}
	return nil
}

// while reads the bytes that are in.
func (l *lexer) while(in func(byte) bool) string {
	from := l.i
	for l.i < len(l.s) && in(l.s[l.i]) {
		l.i++
	}
	return l.s[from:l.i]
}

// number reads digits, with a point if digits follow it.
func (l *lexer) number() string {
	from := l.i
	l.while(isDigit)
	if l.i+1 < len(l.s) && l.s[l.i] == '.' && isDigit(l.s[l.i+1]) {
		l.i++
		l.while(isDigit)
	}
	return l.s[from:l.i]
}

// moment reads a date, dateTime or time. A point belongs to it only before digits
// and after seconds, a sign only as a date's dash or a zone.
func (l *lexer) moment() string {
	from := l.i
	timed, colons := false, 0
	for l.i < len(l.s) {
		c := l.s[l.i]
		after := byte(0)
		if l.i+1 < len(l.s) {
			after = l.s[l.i+1]
		}
		switch {
		case isDigit(c):
		case c == 'T' && !timed:
			timed = true
		case c == ':' && timed && isDigit(after):
			colons++
		case c == '.' && colons == 2 && isDigit(after):
		case c == '-' && !timed && isDigit(after):
		case (c == '-' || c == '+') && timed && isDigit(after) && l.zoneAhead():
		case c == 'Z' && timed:
			l.i++
			return l.s[from:l.i]
		default:
			return l.s[from:l.i]
		}
		l.i++
	}
	return l.s[from:l.i]
}

// zoneAhead reports whether a zone such as +02:00 comes next.
func (l *lexer) zoneAhead() bool {
	z := l.s[l.i:]
	return len(z) >= 6 && isDigit(z[1]) && isDigit(z[2]) && z[3] == ':' && isDigit(z[4]) && isDigit(z[5])
}

// symbol reads an operator, a bracket, or a variable's mark.
func (l *lexer) symbol() (lexeme, string, error) {
	for _, two := range twins {
		if strings.HasPrefix(l.s[l.i:], two) {
			l.i += 2
			return symbolToken, two, nil
		}
	}
	if strings.IndexByte(".,()[]{}+-*/&|<>=~%$", l.s[l.i]) < 0 {
		return 0, "", wrong(l.i, "a character FHIRPath does not have")
	}
	l.i++
	return symbolToken, l.s[l.i-1 : l.i], nil
}

// plainEscapes are the escapes of one character.
var plainEscapes = map[byte]byte{
	'\'': '\'', '"': '"', '`': '`', '\\': '\\', '/': '/',
	'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// quoted reads what stands between two marks.
func (l *lexer) quoted(mark byte) (string, error) {
	from := l.i
	l.i++
	var b strings.Builder
	for l.i < len(l.s) {
		c := l.s[l.i]
		l.i++
		switch c {
		case mark:
			return b.String(), nil
		case '\\':
			if err := l.escape(&b); err != nil {
				return "", err
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", wrong(from, "a quotation has no end")
}

// escape reads what follows a backslash.
func (l *lexer) escape(b *strings.Builder) error {
	if l.i == len(l.s) {
		return wrong(l.i, "a quotation has no end")
	}
	c := l.s[l.i]
	l.i++
	if c != 'u' {
		plain, ok := plainEscapes[c]
		if !ok {
			return wrong(l.i-1, "an escape FHIRPath does not have")
		}
		b.WriteByte(plain)
		return nil
	}
	r, ok := l.hex4()
	if ok && utf16.IsSurrogate(r) {
		low := rune(0)
		if ok = strings.HasPrefix(l.s[l.i:], `\u`); ok {
			l.i += 2
			low, ok = l.hex4()
			r = utf16.DecodeRune(r, low)
		}
	}
	if !ok || r == 0 || r == utf8.RuneError {
		return wrong(l.i, "an escape that is no character")
	}
	b.WriteRune(r)
	return nil
}

// hex4 reads four hexadecimal digits.
func (l *lexer) hex4() (rune, bool) {
	if len(l.s)-l.i < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(l.s[l.i:l.i+4], 16, 16)
	l.i += 4
	return rune(n), err == nil
}
