package fhirpath

import "time"

// compileBinary compiles an operator with two operands.
func compileBinary(n *node) (eval, error) {
	left, err := compile(n.kids[0])
	if err != nil {
		return nil, err
	}
	right, err := compile(n.kids[1])
	if err != nil {
		return nil, err
	}
	if logic, ok := logics[n.name]; ok {
		return compileLogic(n, left, right, logic), nil
	}
	do := operators[n.name]
	return func(m *machine, f *frame, in []Value) ([]Value, error) {
		a, err := left(m, f, in)
		if err != nil {
			return nil, err
		}
		b, err := right(m, f, in)
		if err != nil {
			return nil, err
		}
		if err := m.step(1); err != nil {
			return nil, err
		}
		return do(m, n, a, b)
	}, nil
}

// A truth is false, unknown or true.
type truth int8

const (
	isFalse truth = iota
	isUnknown
	isTrue
)

// logics are the tables of three-valued logic: the left operand chooses the row, the
// right one the column, both as false, unknown, true (FHIRPath §6.5).
var logics = map[string][3][3]truth{
	"and": {
		{isFalse, isFalse, isFalse},
		{isFalse, isUnknown, isUnknown},
		{isFalse, isUnknown, isTrue},
	},
	"or": {
		{isFalse, isUnknown, isTrue},
		{isUnknown, isUnknown, isTrue},
		{isTrue, isTrue, isTrue},
	},
	"xor": {
		{isFalse, isUnknown, isTrue},
		{isUnknown, isUnknown, isUnknown},
		{isTrue, isUnknown, isFalse},
	},
	"implies": {
		{isTrue, isTrue, isTrue},
		{isUnknown, isUnknown, isTrue},
		{isFalse, isUnknown, isTrue},
	},
}

// compileLogic compiles and, or, xor, implies. The right operand is looked at only if
// it matters.
func compileLogic(n *node, left, right eval, table [3][3]truth) eval {
	return func(m *machine, f *frame, in []Value) ([]Value, error) {
		if err := m.step(1); err != nil {
			return nil, err
		}
		a, err := m.truth(n, f, in, left)
		if err != nil {
			return nil, err
		}
		row := table[a]
		if row[0] == row[1] && row[1] == row[2] && row[0] != isUnknown {
			return boolean(row[0] == isTrue), nil
		}
		b, err := m.truth(n, f, in, right)
		if err != nil || row[b] == isUnknown {
			return nil, err
		}
		return boolean(row[b] == isTrue), nil
	}
}

func (m *machine) truth(n *node, f *frame, in []Value, operand eval) (truth, error) {
	all, err := operand(m, f, in)
	if err != nil {
		return isUnknown, err
	}
	b, known, single := Collection(all).Bool()
	switch {
	case !single:
		return isUnknown, m.wrong(n.pos, n.name+" has several values on one side")
	case !known:
		return isUnknown, nil
	case b:
		return isTrue, nil
	}
	return isFalse, nil
}

// An operator works on what its operands yield.
type operator func(m *machine, n *node, a, b []Value) ([]Value, error)

var operators = map[string]operator{
	"=": func(m *machine, _ *node, a, b []Value) ([]Value, error) { return decided(m.equal(a, b)) },
	"!=": func(m *machine, _ *node, a, b []Value) ([]Value, error) {
		equal, known := m.equal(a, b)
		return decided(!equal, known)
	},
	"~":  func(m *machine, _ *node, a, b []Value) ([]Value, error) { return boolean(m.alike(a, b)), nil },
	"!~": func(m *machine, _ *node, a, b []Value) ([]Value, error) { return boolean(!m.alike(a, b)), nil },
	"<":  ordered(func(c int) bool { return c < 0 }),
	"<=": ordered(func(c int) bool { return c <= 0 }),
	">":  ordered(func(c int) bool { return c > 0 }),
	">=": ordered(func(c int) bool { return c >= 0 }),
	"|":  func(m *machine, _ *node, a, b []Value) ([]Value, error) { return m.union(a, b), nil },
	"in": func(m *machine, n *node, a, b []Value) ([]Value, error) { return m.within(n, a, b) },
	"contains": func(m *machine, n *node, a, b []Value) ([]Value, error) {
		return m.within(n, b, a)
	},
	"&":   concatenate,
	"+":   arithmetic(plus),
	"-":   arithmetic(minus),
	"*":   arithmetic(times),
	"/":   arithmetic(divided),
	"div": arithmetic(func(a, b Value) (Value, bool, bool) { return integral(a, b, false) }),
	"mod": arithmetic(func(a, b Value) (Value, bool, bool) { return integral(a, b, true) }),
}

func decided(is, known bool) ([]Value, error) {
	if !known {
		return nil, nil
	}
	return boolean(is), nil
}

func ordered(is func(int) bool) operator {
	return func(m *machine, n *node, a, b []Value) ([]Value, error) {
		if len(a) == 0 || len(b) == 0 {
			return nil, nil
		}
		if len(a) > 1 || len(b) > 1 {
			return nil, m.wrong(n.pos, n.name+" compares one value with one value, and there are several")
		}
		c, known, fits := compare(a[0], b[0])
		if !fits {
			return nil, m.wrong(n.pos, n.name+" has values of types that do not compare")
		}
		return decided(is(c), known)
	}
}

// union returns what is in a or b, each once.
func (m *machine) union(a, b []Value) []Value {
	all := append(append(m.room(len(a)+len(b)), a...), b...)
	return m.distinct(all)
}

// within reports whether the one value of a is among those of b.
func (m *machine) within(n *node, a, b []Value) ([]Value, error) {
	switch len(a) {
	case 0:
		return nil, nil
	case 1:
		return boolean(m.holds(b, a[0])), nil
	}
	return nil, m.wrong(n.pos, n.name+" looks for one value, and there are several")
}

// concatenate is &: an absent operand is an empty text.
func concatenate(m *machine, n *node, a, b []Value) ([]Value, error) {
	if len(a) > 1 || len(b) > 1 {
		return nil, m.wrong(n.pos, "& joins one text with one text, and there are several")
	}
	var sides [2]string
	for i, side := range [][]Value{a, b} {
		if len(side) == 0 {
			continue
		}
		s, ok := side[0].isText()
		if !ok {
			return nil, m.wrong(n.pos, "& joins texts")
		}
		sides[i] = s
	}
	text := sides[0] + sides[1]
	if err := m.step(len(text) / 64); err != nil {
		return nil, err
	}
	return m.one(String(text)), nil
}

// arithmetic compiles an operator on two numbers, texts or moments. do returns its
// result, whether there is one, and whether the types fit.
func arithmetic(do func(a, b Value) (v Value, ok, fits bool)) operator {
	return func(m *machine, n *node, a, b []Value) ([]Value, error) {
		if len(a) == 0 || len(b) == 0 {
			return nil, nil
		}
		if len(a) > 1 || len(b) > 1 {
			return nil, m.wrong(n.pos, n.name+" has several values on one side")
		}
		v, ok, fits := do(a[0].System(), b[0].System())
		switch {
		case !fits:
			return nil, m.wrong(n.pos, n.name+" has values of types it does not work on")
		case !ok:
			return nil, nil
		}
		if err := m.step(len(v.text) / 64); err != nil {
			return nil, err
		}
		return m.number(v)
	}
}

func bothIntegers(a, b Value) bool { return a.kind == IntegerKind && b.kind == IntegerKind }

// result returns d as an Integer if both operands were, or else as a Decimal.
func result(a, b Value, d decimal) Value {
	v := d.value()
	if bothIntegers(a, b) {
		v.kind = IntegerKind
	}
	return v
}

func plus(a, b Value) (Value, bool, bool) {
	switch {
	case a.kind == StringKind && b.kind == StringKind:
		return String(a.text + b.text), true, true
	case a.isMoment() && b.kind == QuantityKind:
		return a.shift(b, 1)
	case a.isNumber() && b.isNumber():
		return sum(a, b)
	}
	return Value{}, false, false
}

func minus(a, b Value) (Value, bool, bool) {
	switch {
	case a.isMoment() && b.kind == QuantityKind:
		return a.shift(b, -1)
	case a.isNumber() && b.isNumber():
		d := b.decimal().neg()
		b.num, b.big = d.num, d.big
		return sum(a, b)
	}
	return Value{}, false, false
}

func sum(a, b Value) (Value, bool, bool) {
	if a.kind != QuantityKind && b.kind != QuantityKind {
		d, ok := a.decimal().add(b.decimal())
		return result(a, b, d), ok, true
	}
	a, b = a.quantity(), b.quantity()
	f, ok := factor(a, b, false)
	if !ok {
		return Value{}, false, true
	}
	y, ok1 := b.decimal().mul(f)
	d, ok2 := a.decimal().add(y)
	return quantity(d, a.text, a.prec == calendar), ok1 && ok2, true
}

func times(a, b Value) (Value, bool, bool) {
	if !a.isNumber() || !b.isNumber() {
		return Value{}, false, false
	}
	d, ok := a.decimal().mul(b.decimal())
	if a.kind != QuantityKind && b.kind != QuantityKind {
		return result(a, b, d), ok, true
	}
	unit, fits := timesUnit(a.quantity(), b.quantity(), false)
	return quantity(d, unit, false), ok && fits, true
}

func divided(a, b Value) (Value, bool, bool) {
	if !a.isNumber() || !b.isNumber() {
		return Value{}, false, false
	}
	d, ok := a.decimal().quo(b.decimal())
	if a.kind != QuantityKind && b.kind != QuantityKind {
		return d.value(), ok, true
	}
	unit, fits := timesUnit(a.quantity(), b.quantity(), true)
	return quantity(d, unit, false), ok && fits, true
}

func integral(a, b Value, rest bool) (Value, bool, bool) {
	if !a.isNumber() || !b.isNumber() || a.kind == QuantityKind || b.kind == QuantityKind {
		return Value{}, false, false
	}
	q, r, ok := a.decimal().integral(b.decimal())
	if rest {
		return result(a, b, r), ok, true
	}
	v := q.value()
	v.kind = IntegerKind
	return v, ok, true
}

// shift adds a time to a moment. Years and months are those of the calendar; a finer
// unit than the moment has counts in whole units of the moment.
func (v Value) shift(by Value, sign int64) (Value, bool, bool) {
	unit := by.text
	if by.prec != calendar {
		for of, code := range definite {
			if code == unit {
				unit = of
			}
		}
	}
	n := by.decimal().truncate()
	if n.big != nil || n.num > 1<<40 || n.num < -1<<40 {
		return Value{}, false, true
	}
	amount := n.num * sign
	t := time.UnixMicro(v.num).UTC()
	switch unit {
	case "year", "month":
		if v.kind == TimeKind {
			return Value{}, false, false
		}
		months := amount
		if unit == "year" {
			months *= 12
		}
		if months > 12*10_000 || months < -12*10_000 {
			return Value{}, false, true
		}
		if v.prec == toYear {
			months -= months % 12
		}
		v.num = addMonths(t, int(months)).UnixMicro()
	default:
		micros, ok := lengths[unit]
		if !ok {
			return Value{}, false, false
		}
		if unit == "second" || unit == "millisecond" {
			exact, fits := by.decimal().mul(whole(micros * sign))
			if exact = exact.truncate(); !fits || exact.big != nil {
				return Value{}, false, true
			}
			amount, micros = exact.num, 1
		}
		if amount > 0 && micros > 1<<62/amount || amount < 0 && micros > 1<<62/-amount {
			return Value{}, false, true
		}
		v.num = v.moved(t, amount*micros)
	}
	if v.prec == toSecond && v.num%second != 0 {
		v.prec = toFraction
	}
	if v.kind == TimeKind {
		v.num = mod(v.num, day)
	} else if year := time.UnixMicro(v.num).UTC().Year(); year < 1 || year > 9999 {
		return Value{}, false, true
	}
	return v.write(), true, true
}

// lengths are the units of a fixed length in microseconds.
var lengths = map[string]int64{
	"week": 7 * day, "day": day, "hour": hour, "minute": minute, "second": second, "millisecond": second / 1000,
}

// moved returns v moved by a time, in whole units of its precision.
func (v Value) moved(t time.Time, micros int64) int64 {
	switch v.prec {
	case toYear:
		return addMonths(t, int(micros/(365*day))*12).UnixMicro()
	case toMonth:
		return addMonths(t, int(micros/(30*day))).UnixMicro()
	case toDay:
		return v.num + micros/day*day
	case toHour:
		return v.num + micros/hour*hour
	case toMinute:
		return v.num + micros/minute*minute
	}
	return v.num + micros
}

// addMonths moves t by months; a day that the month lacks becomes its last.
func addMonths(t time.Time, months int) time.Time {
	first := time.Date(t.Year(), t.Month(), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC).AddDate(0, months, 0)
	return first.AddDate(0, 0, min(t.Day(), daysIn(first.Year(), int(first.Month())))-1)
}
