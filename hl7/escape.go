package hl7

import (
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"radagora/fault"
)

// A Run is a piece of text with one look.
type Run struct {
	Text      string
	Highlight bool // between \H\ and \N\
}

// text undoes the escapes of a leaf and decodes it.
func (g *grammar) text(b []byte) string {
	if g.Escape == 0 || g.index(b, g.Escape) < 0 {
		return g.set.decode(b)
	}
	var out strings.Builder
	for _, r := range g.runs(b) {
		out.WriteString(r.Text)
	}
	return out.String()
}

// Runs returns the text of the value in pieces that are highlighted or not.
func (v Value) Runs() []Run {
	l := v.leaf()
	if l.Empty() || l.Null() || l.level == literal {
		return nil
	}
	return l.g.runs(l.raw)
}

// runs undoes the escapes of a leaf (chapter 2, section 2.7). What no escape is, or
// none that is known, stays as it is: senders write paths of files with backslashes.
func (g *grammar) runs(b []byte) []Run {
	u := undoing{g: g}
	for len(b) > 0 {
		i := g.index(b, g.Escape)
		if i < 0 {
			break
		}
		u.bytes = append(u.bytes, b[:i]...)
		j := g.index(b[i+1:], g.Escape)
		if j < 0 {
			b = b[i:]
			break
		}
		if u.escape(b[i+1 : i+1+j]) {
			b = b[i+1+j+1:]
		} else {
			u.bytes = append(u.bytes, g.Escape)
			b = b[i+1:]
		}
	}
	u.bytes = append(u.bytes, b...)
	u.flush()
	return u.out
}

// undoing is the state of undoing escapes.
type undoing struct {
	g     *grammar
	bytes []byte // not decoded yet
	out   []Run
	high  bool
}

// flush ends a run.
func (u *undoing) flush() {
	if len(u.bytes) > 0 {
		u.out = append(u.out, Run{u.g.set.decode(u.bytes), u.high})
		u.bytes = nil
	}
}

// most is how many lines or blanks one command may make.
const most = 80

// escape does what the inside of an escape sequence says, and whether it is known.
func (u *undoing) escape(in []byte) bool {
	switch s := string(in); {
	case s == "F":
		return u.literal(u.g.Field)
	case s == "S":
		return u.literal(u.g.Component)
	case s == "T":
		return u.literal(u.g.Subcomponent)
	case s == "R":
		return u.literal(u.g.Repetition)
	case s == "E":
		return u.literal(u.g.Escape)
	case s == "P":
		return u.literal(u.g.Truncation)
	case s == "H" || s == "N":
		u.flush()
		u.high = s == "H"
		return true
	case strings.HasPrefix(s, "."):
		return u.command(s[1:])
	case strings.HasPrefix(s, "X"):
		return u.hex(s[1:], 1, len(s), nil)
	case strings.HasPrefix(s, "C"):
		return u.hex(s[1:], 2, 2, []byte{esc})
	case strings.HasPrefix(s, "M"):
		return u.hex(s[1:], 2, 3, []byte{esc})
	}
	return false
}

// literal writes a delimiter; it is unknown in a message that has none of the kind.
func (u *undoing) literal(c byte) bool {
	if c != 0 {
		u.bytes = append(u.bytes, c)
	}
	return c != 0
}

// hex writes bytes that stand as hexadecimal digits, behind others.
func (u *undoing) hex(digits string, least, greatest int, before []byte) bool {
	b, err := hex.DecodeString(digits)
	if len(before) > 0 && err == nil && len(b) == 3 && b[2] == 0 {
		b = b[:2] // \Mxxyy00\: the third is optional
	}
	if err != nil || len(b) < least || len(b) > greatest {
		return false
	}
	u.bytes = append(append(u.bytes, before...), b...)
	return true
}

// command does what formatted text says (chapter 2, section 2.7.6): breaks and
// blanks become such, indents and fill modes nothing.
func (u *undoing) command(s string) bool {
	n := 1
	name := strings.TrimRight(s, "+-0123456789 ")
	if arg := strings.TrimSpace(s[len(name):]); arg != "" {
		var err error
		if n, err = strconv.Atoi(arg); err != nil {
			return false
		}
	}
	n = max(0, min(n, most))
	switch strings.ToLower(name) {
	case "br", "ce":
		u.bytes = append(u.bytes, '\n')
	case "sp":
		u.bytes = append(u.bytes, strings.Repeat("\n", n)...)
	case "sk":
		u.bytes = append(u.bytes, strings.Repeat(" ", n)...)
	case "in", "ti", "fi", "nf":
	default:
		return false
	}
	return true
}

// escaped returns text with what the delimiters would break up escaped, and encoded.
// Line breaks become \.br\.
func (g *grammar) escaped(s string) ([]byte, error) {
	if s == `""` && g.Escape != 0 { // as it stands it would say that there is no value
		return []byte{g.Escape, 'X', '2', '2', g.Escape, '"'}, nil
	}
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	var out strings.Builder
	for _, r := range s {
		code := ""
		if r < utf8.RuneSelf {
			code = g.code(byte(r)) //nolint:gosec // it is ASCII
		}
		switch {
		case code == "":
			out.WriteRune(r)
		case g.Escape == 0:
			return nil, fault.Errorf(fault.Unsupported, "hl7: the message has no escape character, and the text needs one")
		default:
			out.WriteByte(g.Escape)
			out.WriteString(code)
			out.WriteByte(g.Escape)
		}
	}
	return g.set.encode(out.String())
}

// code returns the inside of the escape sequence of an ASCII character, "" if it needs
// none.
func (g *grammar) code(c byte) string {
	switch {
	case c == 0:
		return "X00"
	case c == g.Field:
		return "F"
	case c == g.Component:
		return "S"
	case c == g.Subcomponent:
		return "T"
	case c == g.Repetition:
		return "R"
	case c == g.Escape:
		return "E"
	case c == g.Truncation:
		return "P"
	case c == '\n':
		return ".br"
	case c < ' ' && c != '\t':
		return "X" + strings.ToUpper(hex.EncodeToString([]byte{c}))
	default:
		return ""
	}
}
