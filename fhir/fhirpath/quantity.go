package fhirpath

import (
	"strings"
	"sync"

	"radagora/fhir"
	"radagora/ucum"
)

// calendar marks, in prec, a unit of the calendar: a year that is no number of seconds.
const calendar = 1

// calendarUnits are the words for units of the calendar, each with its singular.
var calendarUnits = map[string]string{
	"year": "year", "years": "year", "month": "month", "months": "month",
	"week": "week", "weeks": "week", "day": "day", "days": "day",
	"hour": "hour", "hours": "hour", "minute": "minute", "minutes": "minute",
	"second": "second", "seconds": "second", "millisecond": "millisecond", "milliseconds": "millisecond",
}

// definite are the units of UCUM that last as long as those of the calendar. Years and
// months do not last equally long.
var definite = map[string]string{
	"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms",
}

// inexact are the units of UCUM that years and months are equivalent (~) to.
var inexact = map[string]string{"year": "a", "month": "mo"}

// quantity returns a Quantity. unit is of the calendar or of UCUM.
func quantity(d decimal, unit string, ofCalendar bool) Value {
	q := Value{kind: QuantityKind, num: d.num, scale: d.scale, big: d.big, text: unit}
	if bare := strings.TrimSuffix(strings.TrimPrefix(unit, "{"), "}"); !ofCalendar && len(bare) == len(unit)-2 && calendarUnits[bare] == bare {
		q.text, ofCalendar = bare, true // as toString writes them
	}
	if ofCalendar {
		q.prec = calendar
	}
	return q
}

// quantityOf returns an element that is a Quantity of FHIR as one of System, any other
// as it is. A comparator leaves the value open, so that it is no number.
func quantityOf(v Value) Value {
	if !v.el.IsA("Quantity") || v.el.Get("comparator").Exists() {
		return v
	}
	d, ok := parseDecimal(v.el.Get("value").Text())
	if !ok {
		return v
	}
	unit := v.el.Get("code").Text()
	switch system := v.el.Get("system").Text(); {
	case unit == "" && system == "":
		unit = v.el.Get("unit").Text()
	case system != "" && system != fhir.UCUM:
		return Value{kind: QuantityKind, num: d.num, scale: d.scale, big: d.big, text: system + "|" + unit}
	}
	if unit == "" {
		unit = "1"
	}
	return quantity(d, unit, false)
}

// number returns a Quantity without unit of what is a number.
func (v Value) quantity() Value {
	if v.kind == QuantityKind {
		return v
	}
	return quantity(v.decimal(), "1", false)
}

// unit returns the unit of a quantity as UCUM has it. equivalent takes a year for a
// Julian one.
func (v Value) unit(equivalent bool) (ucum.Unit, bool) {
	code := v.text
	if v.prec == calendar {
		var ok bool
		if code, ok = definite[v.text]; !ok {
			if code, ok = inexact[v.text]; !ok || !equivalent {
				return ucum.Unit{}, false
			}
		}
	}
	return knownUnits.parse(code)
}

// A unitCache remembers units: reading one takes longer than most expressions.
type unitCache struct {
	sync.RWMutex
	units   map[string]ucum.Unit
	factors map[[2]string]exactly
}

// exactly is a factor, if it has an end in decimals.
type exactly struct {
	factor decimal
	exact  bool
}

// maxUnits bounds what is remembered; a department writes a few dozen.
const maxUnits = 512

var knownUnits = unitCache{units: map[string]ucum.Unit{}, factors: map[[2]string]exactly{}}

// parse returns a unit, and false if UCUM, or what we know of it, has none.
func (c *unitCache) parse(code string) (ucum.Unit, bool) {
	c.RLock()
	u, ok := c.units[code]
	c.RUnlock()
	if ok {
		return u, !u.IsZero()
	}
	u, err := ucum.Parse(code)
	if err != nil {
		u = ucum.Unit{}
	}
	c.Lock()
	if len(c.units) < maxUnits && len(code) < 64 {
		c.units[strings.Clone(code)] = u
	}
	c.Unlock()
	return u, err == nil
}

// factor returns by what values in one unit are multiplied to be in the other, and
// whether that has an end in decimals. The units measure the same.
func (c *unitCache) factor(from, to ucum.Unit) (decimal, bool) {
	key := [2]string{from.Code(), to.Code()}
	c.RLock()
	known, ok := c.factors[key]
	c.RUnlock()
	if ok {
		return known.factor, known.exact
	}
	var found exactly
	if f, err := ucum.Factor(from, to); err == nil {
		text := f.String()
		back, err := ucum.ParseDecimal(text)
		d, ok := parseDecimal(text)
		found = exactly{d, ok && err == nil && back.Equal(f)}
	}
	c.Lock()
	if len(c.factors) < maxUnits {
		c.factors[key] = found
	}
	c.Unlock()
	return found.factor, found.exact
}

// months returns the length of one unit of the calendar in months, 0 if it is no such.
func (v Value) months() int64 {
	switch {
	case v.prec == calendar && v.text == "year":
		return 12
	case v.prec == calendar && v.text == "month":
		return 1
	}
	return 0
}

// factor returns by what values in the unit of b are multiplied to be in that of a, and
// false if the units do not compare.
func factor(a, b Value, equivalent bool) (decimal, bool) {
	if a.text == b.text && (a.prec == b.prec) {
		return whole(1), true
	}
	if m, n := a.months(), b.months(); m > 0 && n > 0 {
		return exactQuo(n, m)
	}
	ua, ok1 := a.unit(equivalent)
	ub, ok2 := b.unit(equivalent)
	if !ok1 || !ok2 {
		return decimal{}, false
	}
	f, err := ucum.Factor(ub, ua)
	if err != nil {
		return decimal{}, false
	}
	d, ok := parseDecimal(f.String())
	return d, ok
}

func exactQuo(n, m int64) (decimal, bool) {
	d := ucum.Int(n)
	q, ok := d.Quo(ucum.Int(m))
	if !ok {
		return decimal{}, false
	}
	return parseDecimal(q.String())
}

// compareQuantities returns -1, 0 or 1, and false if the units do not compare.
func compareQuantities(a, b Value) (int, bool) {
	if a.text == b.text && a.prec == b.prec {
		return a.decimal().cmp(b.decimal()), true
	}
	if m, n := a.months(), b.months(); m > 0 && n > 0 {
		x, ok1 := a.decimal().mul(whole(m))
		y, ok2 := b.decimal().mul(whole(n))
		return x.cmp(y), ok1 && ok2
	}
	ua, ok1 := a.unit(false)
	ub, ok2 := b.unit(false)
	if !ok1 || !ok2 || !ua.Comparable(ub) {
		return 0, false
	}
	if f, exact := knownUnits.factor(ua, ub); exact {
		x, ok := a.decimal().mul(f)
		return x.cmp(b.decimal()), ok
	}
	if f, exact := knownUnits.factor(ub, ua); exact {
		y, ok := b.decimal().mul(f)
		return a.decimal().cmp(y), ok
	}
	x, err1 := ucum.ParseDecimal(a.decimal().String())
	y, err2 := ucum.ParseDecimal(b.decimal().String())
	if err1 != nil || err2 != nil {
		return 0, false
	}
	x, err := ucum.Convert(x, ua, ub)
	return x.Cmp(y), err == nil
}

// alikeQuantities is ~: equal when both are rounded to the coarser of them.
func alikeQuantities(a, b Value) bool {
	f, ok := factor(a, b, true) // b's unit in a's
	if !ok {
		return false
	}
	if f.cmp(whole(1)) > 0 {
		return alikeQuantities(b, a) // round in the larger unit, whose steps are whole digits
	}
	y, ok := b.decimal().mul(f)
	if !ok {
		return false
	}
	stepB, _ := decimal{num: 1, scale: b.scale}.mul(f)
	x := a.decimal()
	scale := x.scale
	for step := (decimal{num: 1, scale: scale}); scale > 0 && step.cmp(stepB) < 0; {
		scale--
		step = decimal{num: 1, scale: scale}
	}
	return x.round(scale).cmp(y.round(scale)) == 0
}

// timesUnit returns the unit of a product, or of a quotient if over.
func timesUnit(a, b Value, over bool) (string, bool) {
	if a.prec == calendar {
		a.text = definite[a.text]
	}
	if b.prec == calendar {
		b.text = definite[b.text]
	}
	sign := "."
	if over {
		sign = "/"
	}
	unit := ""
	switch {
	case a.text == "" || b.text == "":
		return "", false
	case b.text == "1":
		unit = a.text
	case over && a.text == b.text:
		unit = "1"
	case a.text == "1" && !over:
		unit = b.text
	case strings.ContainsAny(b.text, "./"):
		unit = a.text + sign + "(" + b.text + ")"
	default:
		unit = a.text + sign + b.text
	}
	_, err := ucum.Parse(unit)
	return unit, err == nil || unit == a.text || unit == b.text
}
