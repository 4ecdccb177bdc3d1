package fhir

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"radagora/fault"
)

// Parse reads a resource from JSON. It keeps a copy of what it needs of text.
//
// Beyond what JSON forbids it refuses, as the JSON representation of R4 demands, what has no
// resourceType, an element given twice, empty strings, objects and lists, and null
// where no companion fills the place; moreover text that is not UTF-8 or holds
// U+0000, lists directly in lists, more than 64 MB, a million values or 64 levels,
// and numbers of more than 64 characters. All of these are fault.Invalid except the
// bounds, which are fault.Exhausted. Whether the elements are those of the type is
// for Validate to say: Parse takes any resourceType.
func Parse(text []byte) (Resource, error) {
	if len(text) > maxBytes {
		return Resource{}, fault.Errorf(fault.Exhausted, "resource of %d bytes; at most %d are read", len(text), maxBytes)
	}
	p := parser{s: string(text), stack: make([]member, 0, 32)}
	if !isText(p.s) {
		return Resource{}, fault.Errorf(fault.Invalid, "resource is not written in UTF-8")
	}
	root, err := p.document()
	if err != nil {
		return Resource{}, fault.Errorf(fault.Of(err), "resource, byte %d: %w", p.i, err)
	}
	return hold(root), nil
}

// A parser reads JSON. The strings of the nodes are parts of s.
type parser struct {
	s      string
	i      int
	depth  int
	values int
	stack  []member // of the objects and lists that are open
	slab   []member // where members are placed
}

func bad(reason string) error { return fault.Errorf(fault.Invalid, "%s", reason) }

func (p *parser) document() (*node, error) {
	root := new(node)
	if p.next() != '{' {
		return nil, bad("a JSON object is wanted")
	}
	if err := p.value(root); err != nil {
		return nil, err
	}
	if p.next(); p.i < len(p.s) {
		return nil, bad("text after the end of the resource")
	}
	if t := root.at("resourceType"); t == nil || t.kind != stringKind {
		return nil, bad("resourceType is missing")
	}
	return root, nil
}

// next skips white space and returns the byte after it, 0 at the end.
func (p *parser) next() byte {
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (p *parser) value(n *node) error {
	if p.values++; p.values > maxValues {
		return fault.Errorf(fault.Exhausted, "more than %d values", maxValues)
	}
	switch p.next() {
	case '{':
		return p.container(n, objectKind, '}', checkObject)
	case '[':
		return p.container(n, listKind, ']', checkList)
	case '"':
		n.kind = stringKind
		return p.text(&n.text)
	case 't':
		return p.word(n, boolKind, "true")
	case 'f':
		return p.word(n, boolKind, "false")
	case 'n':
		return p.word(n, nullKind, "null")
	case 0:
		return bad("the resource ends too early")
	}
	return p.number(n)
}

// container reads an object or a list.
func (p *parser) container(n *node, k kind, end byte, check func([]member) error) error {
	if p.depth++; p.depth > maxDepth {
		return fault.Errorf(fault.Exhausted, "more than %d levels", maxDepth)
	}
	p.i++
	base := len(p.stack)
	for first := true; p.next() != end; first = false {
		if !first {
			if p.next() != ',' {
				return bad("a comma is wanted")
			}
			p.i++
		}
		m, err := p.member(k)
		if err != nil {
			return err
		}
		p.stack = append(p.stack, m)
	}
	p.i++
	p.depth--
	n.kind, n.kids = k, p.keep(p.stack[base:])
	p.stack = p.stack[:base]
	return check(n.kids)
}

// member reads an element of an object or an item of a list.
func (p *parser) member(of kind) (m member, err error) {
	if of == objectKind {
		if m.name, err = p.name(); err != nil {
			return m, err
		}
	}
	if err = p.value(&m.node); err != nil {
		return m, err
	}
	switch {
	case of == objectKind && m.kind == nullKind:
		err = bad("null is no value; leave the element out")
	case of == listKind && m.kind == listKind:
		err = bad("a list directly in a list")
	}
	return m, err
}

func (p *parser) name() (name string, err error) {
	if p.next() != '"' {
		return "", bad("the name of an element is wanted")
	}
	if err = p.text(&name); err != nil {
		return "", err
	}
	if p.next() != ':' {
		return "", bad("a colon is wanted")
	}
	p.i++
	return name, nil
}

// keep copies members from the stack to where they stay.
func (p *parser) keep(kids []member) []member {
	n := len(kids)
	if n > len(p.slab) {
		p.slab = make([]member, max(n, min(256, (len(p.s)-p.i)/32+1))) // a small text takes little
	}
	kept := p.slab[:n:n]
	p.slab = p.slab[n:]
	copy(kept, kids)
	return kept
}

func (p *parser) word(n *node, k kind, word string) error {
	if !strings.HasPrefix(p.s[p.i:], word) {
		return bad("neither a value nor an end")
	}
	p.i += len(word)
	n.kind, n.text = k, word
	return nil
}

// number reads a JSON number and keeps its digits.
func (p *parser) number(n *node) error {
	length := numberLength(p.s[p.i:])
	switch {
	case length == 0:
		return bad("neither a value nor an end")
	case length > maxNumber:
		return fault.Errorf(fault.Exhausted, "a number of %d characters; at most %d are read", length, maxNumber)
	}
	n.kind, n.text = numberKind, p.s[p.i:p.i+length]
	p.i += length
	return nil
}

// numberLength returns how many bytes at the start of s are a JSON number.
func numberLength(s string) int {
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	whole := digits(s[i:])
	if whole == 0 || whole > 1 && s[i] == '0' {
		return 0
	}
	i += whole
	if i < len(s) && s[i] == '.' {
		n := digits(s[i+1:])
		if n == 0 {
			return 0
		}
		i += 1 + n
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		n := digits(s[i:])
		if n == 0 {
			return 0
		}
		i += n
	}
	return i
}

// digits returns how many digits s begins with.
func digits(s string) (n int) {
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// text reads a string, whose first quotation mark is next.
func (p *parser) text(into *string) error {
	p.i++
	for from := p.i; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == '"':
			if p.i == from {
				return bad("a string is empty; leave the element out")
			}
			*into = p.s[from:p.i]
			p.i++
			return nil
		case c == '\\':
			return p.escaped(from, into)
		case c < ' ':
			return bad("a control character in a string must be escaped")
		}
	}
	return bad("a string has no end")
}

// escapes are the escapes of one character (RFC 8259 §7).
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escaped reads a string that began at from and has its first escape at p.i.
func (p *parser) escaped(from int, into *string) error {
	var b strings.Builder
	b.WriteString(p.s[from:p.i])
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		switch {
		case c == '"':
			*into = b.String()
			return nil
		case c < ' ':
			return bad("a control character in a string must be escaped")
		case c != '\\':
			b.WriteByte(c)
		default:
			if err := p.escape(&b); err != nil {
				return err
			}
		}
	}
	return bad("a string has no end")
}

// escape reads what follows a backslash.
func (p *parser) escape(b *strings.Builder) error {
	if p.i == len(p.s) {
		return bad("a string has no end")
	}
	c := p.s[p.i]
	p.i++
	if c != 'u' {
		if escapes[c] == 0 {
			return bad("an escape JSON does not have")
		}
		b.WriteByte(escapes[c])
		return nil
	}
	r := p.hex4()
	if utf16.IsSurrogate(r) && strings.HasPrefix(p.s[p.i:], `\u`) {
		p.i += 2
		r = utf16.DecodeRune(r, p.hex4())
		if r == utf8.RuneError {
			r = -1
		}
	}
	if r <= 0 || utf16.IsSurrogate(r) {
		return bad("an escape that is no character")
	}
	b.WriteRune(r)
	return nil
}

// hex4 reads four hexadecimal digits, -1 if they are not there.
func (p *parser) hex4() (r rune) {
	if len(p.s)-p.i < 4 {
		return -1
	}
	for _, c := range []byte(p.s[p.i : p.i+4]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	p.i += 4
	return r
}
