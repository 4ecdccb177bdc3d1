package fhirpath

import (
	"strconv"

	"radagora/fault"
)

// Bounds of an expression.
const (
	maxSource = 64 << 10 // bytes
	maxDepth  = 200      // brackets, arguments and operators inside each other
)

// A form is what a node of the tree is.
type form uint8

const (
	literalForm  form = iota // value; {} has none
	nameForm                 // an element, of kids[0] if that is there
	callForm                 // a function of kids[0] (nil if it stands alone) with the other kids as arguments
	indexForm                // kids[0][kids[1]]
	signForm                 // name kids[0]
	binaryForm               // kids[0] name kids[1]
	typeForm                 // kids[0] name (is, as) value of what
	specialForm              // $this, $index, $total
	variableForm             // %name
)

// A node is a part of an expression as it was written.
type node struct {
	form  form
	pos   int
	name  string
	of    typeName // of typeForm
	value []Value  // of literalForm
	kids  []*node
}

// A typeName is a type as an expression names it.
type typeName struct{ space, name string }

// wrong is the error of a text that is no expression.
func wrong(pos int, rule string) error {
	return fault.Errorf(fault.Invalid, "expression, character %d: %s", pos+1, rule)
}

// A parser turns tokens into a tree (FHIRPath, appendix B: the grammar).
type parser struct {
	lexer
	now   token
	depth int
}

func parse(source string) (*node, error) {
	if len(source) > maxSource {
		return nil, fault.Errorf(fault.Exhausted, "expression of %d bytes; at most %d are read", len(source), maxSource)
	}
	p := parser{lexer: lexer{s: source}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.now.kind != endToken {
		return nil, wrong(p.now.pos, "an operator or the end is wanted")
	}
	return n, nil
}

func (p *parser) advance() (err error) {
	p.now, err = p.next()
	return err
}

// is reports whether the token now is this symbol.
func (p *parser) is(symbol string) bool { return p.now.kind == symbolToken && p.now.text == symbol }

// take passes a symbol.
func (p *parser) take(symbol string) error {
	if !p.is(symbol) {
		return wrong(p.now.pos, symbol+" is wanted")
	}
	return p.advance()
}

// binding gives each operator its precedence; the higher binds closer.
var binding = map[string]int{
	"implies": 1,
	"or":      2, "xor": 2,
	"and": 3,
	"in":  4, "contains": 4,
	"=": 5, "~": 5, "!=": 5, "!~": 5,
	"<": 6, "<=": 6, ">": 6, ">=": 6,
	"|":  7,
	"is": 8, "as": 8,
	"+": 9, "-": 9, "&": 9,
	"*": 10, "/": 10, "div": 10, "mod": 10,
}

// signBinding is the precedence of + and - before an operand.
const signBinding = 11

// operator returns the precedence of the token now, 0 if it is no operator.
func (p *parser) operator() int {
	if p.now.kind != symbolToken && p.now.kind != nameToken {
		return 0
	}
	return binding[p.now.text]
}

// expression reads operands joined by operators that bind closer than above.
func (p *parser) expression(above int) (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fault.Errorf(fault.Exhausted, "expression, character %d: more than %d levels", p.now.pos+1, maxDepth)
	}
	defer func() { p.depth-- }()
	left, err := p.operand()
	for err == nil {
		strength := p.operator()
		if strength <= above {
			return left, nil
		}
		left, err = p.binary(left, strength)
	}
	return nil, err
}

// binary reads an operator and what follows it.
func (p *parser) binary(left *node, strength int) (*node, error) {
	n := &node{form: binaryForm, pos: p.now.pos, name: p.now.text, kids: []*node{left}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if n.name == "is" || n.name == "as" {
		n.form = typeForm
		var err error
		n.of, err = p.typeName()
		return n, err
	}
	right, err := p.expression(strength)
	n.kids = append(n.kids, right)
	return n, err
}

// operand reads a term with what follows it by points and in brackets.
func (p *parser) operand() (*node, error) {
	if p.is("+") || p.is("-") {
		n := &node{form: signForm, pos: p.now.pos, name: p.now.text}
		if err := p.advance(); err != nil {
			return nil, err
		}
		kid, err := p.expression(signBinding - 1)
		n.kids = []*node{kid}
		return n, err
	}
	n, err := p.term()
	for err == nil {
		switch {
		case p.is("."):
			if err = p.advance(); err == nil {
				n, err = p.invocation(n)
			}
		case p.is("["):
			n, err = p.index(n)
		default:
			return n, nil
		}
	}
	return nil, err
}

func (p *parser) index(of *node) (*node, error) {
	n := &node{form: indexForm, pos: p.now.pos}
	if err := p.advance(); err != nil {
		return nil, err
	}
	at, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	n.kids = []*node{of, at}
	return n, p.take("]")
}

// term reads what can stand alone.
func (p *parser) term() (*node, error) {
	now := p.now
	switch now.kind {
	case stringToken:
		return &node{pos: now.pos, value: []Value{String(now.text)}}, p.advance()
	case numberToken:
		return p.number()
	case momentToken:
		v, ok := parseLiteralMoment(now.text)
		if !ok {
			return nil, wrong(now.pos, "this is no date, dateTime or time")
		}
		return &node{pos: now.pos, value: []Value{v}}, p.advance()
	case nameToken:
		if now.text == "true" || now.text == "false" {
			return &node{pos: now.pos, value: boolean(now.text == "true")}, p.advance()
		}
		return p.invocation(nil)
	case quotedToken:
		return p.invocation(nil)
	case symbolToken:
		return p.symbolTerm()
	case endToken:
	}
	return nil, wrong(now.pos, "the expression ends too early")
}

func (p *parser) symbolTerm() (*node, error) {
	now := p.now
	if now.text == "$" {
		return p.invocation(nil)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	switch now.text {
	case "(":
		n, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		return n, p.take(")")
	case "{":
		return &node{pos: now.pos}, p.take("}")
	case "%":
		v := p.now
		if v.kind != nameToken && v.kind != quotedToken && v.kind != stringToken {
			return nil, wrong(v.pos, "the name of a variable is wanted")
		}
		return &node{form: variableForm, pos: now.pos, name: v.text}, p.advance()
	}
	return nil, wrong(now.pos, "an operand is wanted")
}

// notNames are the words that are no names of elements unless in backticks.
var notNames = map[string]bool{
	"and": true, "or": true, "xor": true, "implies": true, "div": true, "mod": true, "true": true, "false": true,
}

// invocation reads a name, a function with its arguments, or $this and the like.
func (p *parser) invocation(of *node) (*node, error) {
	now := p.now
	if p.is("$") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		special := p.now.text
		if of != nil || p.now.kind != nameToken || special != "this" && special != "index" && special != "total" {
			return nil, wrong(now.pos, "$this, $index or $total is wanted")
		}
		return &node{form: specialForm, pos: now.pos, name: special}, p.advance()
	}
	if now.kind != quotedToken && (now.kind != nameToken || notNames[now.text]) {
		return nil, wrong(now.pos, "a name is wanted")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if !p.is("(") {
		n := &node{form: nameForm, pos: now.pos, name: now.text}
		if of != nil {
			n.kids = []*node{of}
		}
		return n, nil
	}
	return p.call(of, now)
}

// call reads the arguments of a function. Those of is, as and ofType are a type.
func (p *parser) call(of *node, name token) (*node, error) {
	n := &node{form: callForm, pos: name.pos, name: name.text, kids: []*node{of}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if takesType[name.text] && !p.is(")") && p.now.kind != stringToken {
		var err error
		if n.of, err = p.typeName(); err != nil {
			return nil, err
		}
		return n, p.take(")")
	}
	for !p.is(")") {
		if len(n.kids) > 1 {
			if err := p.take(","); err != nil {
				return nil, err
			}
		}
		arg, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, arg)
	}
	return n, p.advance()
}

// takesType are the functions whose argument is a type, not an expression.
var takesType = map[string]bool{"is": true, "as": true, "ofType": true, "getReferenceKey": true}

// typeName reads Patient, FHIR.Patient or System.Integer.
func (p *parser) typeName() (typeName, error) {
	first := p.now
	if first.kind != nameToken && first.kind != quotedToken {
		return typeName{}, wrong(first.pos, "the name of a type is wanted")
	}
	if err := p.advance(); err != nil {
		return typeName{}, err
	}
	t := typeName{name: first.text}
	if (t.name == "System" || t.name == "FHIR") && p.is(".") {
		if err := p.advance(); err != nil {
			return typeName{}, err
		}
		if p.now.kind != nameToken && p.now.kind != quotedToken {
			return typeName{}, wrong(p.now.pos, "the name of a type is wanted")
		}
		t = typeName{t.name, p.now.text}
		if err := p.advance(); err != nil {
			return typeName{}, err
		}
	}
	if !t.exists() {
		return typeName{}, wrong(first.pos, "neither FHIR R4 nor FHIRPath has this type")
	}
	return t, nil
}

// number reads a number, and a quantity if a unit follows.
func (p *parser) number() (*node, error) {
	now := p.now
	v, ok := parseNumber(now.text)
	if !ok {
		return nil, wrong(now.pos, "this number is too large")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	unit, calendar := p.now.text, false
	switch p.now.kind {
	case stringToken:
		if unit == "" {
			return nil, wrong(p.now.pos, "a quantity needs a unit")
		}
	case nameToken:
		if unit, calendar = calendarUnits[unit]; !calendar {
			return &node{pos: now.pos, value: []Value{v}}, nil
		}
	case endToken, quotedToken, numberToken, momentToken, symbolToken:
		return &node{pos: now.pos, value: []Value{v}}, nil
	}
	q := quantity(v.decimal(), unit, calendar)
	return &node{pos: now.pos, value: []Value{q}}, p.advance()
}

// parseNumber reads the digits of an Integer or Decimal.
func parseNumber(s string) (Value, bool) {
	for i := range len(s) {
		if s[i] == '.' {
			d, ok := parseDecimal(s)
			return d.value(), ok
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return Integer(n), err == nil && n <= maxInteger+1
}
