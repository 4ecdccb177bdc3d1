package search

import (
	"strings"
	"time"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
	"radagora/ucum"
)

// Bounds of a criterion.
const (
	maxValue  = 16 << 10 // bytes
	maxValues = 200      // separated by commas
)

// A Criterion is what a search wants of one parameter. It is never changed.
type Criterion struct {
	Parameter *Parameter
	Modifier  string // without the colon: exact, not, missing, Patient
	Values    []Value
	Missing   bool // what :missing asks for
}

// A Value is one of the alternatives of a criterion, parsed by the type of the
// parameter.
type Value struct {
	Prefix string // eq, ne, gt, lt, ge, le, sa, eb or ap; "" of what has no order
	Entry         // what is looked for; of a number with the bounds that its digits imply
	// AnySystem: no system was given (code alone), so that any fits; AnyCode: a system
	// alone (system|).
	AnySystem, AnyCode bool
}

// modifiers are those of each type, besides missing, and for references the name of a
// type.
var modifiers = map[Type]map[string]bool{
	String:    {"exact": true, "contains": true},
	Token:     {"not": true, "text": true},
	Reference: {"identifier": true},
	URI:       {"above": true, "below": true},
}

// Parse reads a criterion: the code of a parameter with its modifier, and the text
// after the equals sign, whose alternatives are separated by commas. Times without a
// zone are in zone, in minutes east of UTC.
//
// A parameter the type of resource does not have is fault.NotFound, one of its forms
// that is not supported fault.Unsupported, and what is not written right fault.Invalid.
func Parse(resourceType, name, text string, zone int) (Criterion, error) {
	code, modifier, _ := strings.Cut(name, ":")
	p, ok := Find(resourceType, code)
	if !ok {
		return Criterion{}, fault.Errorf(fault.NotFound, "%s has no search parameter %s", resourceType, shown(code))
	}
	c := Criterion{Parameter: p, Modifier: modifier}
	switch {
	case len(text) > maxValue:
		return c, fault.Errorf(fault.Exhausted, "search parameter %s: a value of %d bytes", code, len(text))
	case modifier == "missing":
		if text != "true" && text != "false" {
			return c, c.wrong(":missing is true or false")
		}
		c.Missing = text == "true"
		return c, nil
	case modifier != "" && !modifiers[p.Type][modifier] && (p.Type != Reference || !fhir.IsResource(modifier)):
		return c, fault.Errorf(fault.Unsupported, "search parameter %s: the modifier is not supported", code)
	}
	for _, one := range split(text, ',') {
		if one == "" {
			return c, c.wrong("a value is empty")
		}
		v, err := c.value(one, zone)
		if err != nil {
			return c, err
		}
		if c.Values = append(c.Values, v); len(c.Values) > maxValues {
			return c, fault.Errorf(fault.Exhausted, "search parameter %s: more than %d values", code, maxValues)
		}
	}
	return c, nil
}

// shown returns a code for a message, if it looks like one.
func shown(code string) string {
	if code == "" || len(code) > 64 {
		return "of this name"
	}
	for _, c := range []byte(code) {
		if c != '-' && c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') {
			return "of this name"
		}
	}
	return code
}

func (c Criterion) wrong(rule string) error {
	return fault.Errorf(fault.Invalid, "search parameter %s: %s", c.Parameter.Code, rule)
}

// split cuts a value at each mark that no backslash is before.
func split(s string, mark byte) (parts []string) {
	from := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case mark:
			parts, from = append(parts, s[from:i]), i+1
		}
	}
	return append(parts, s[from:])
}

// escapes are the marks that a backslash makes part of a value.
var escapes = strings.NewReplacer(`\\`, `\`, `\,`, `,`, `\|`, `|`, `\$`, `$`)

// value reads one alternative.
func (c Criterion) value(s string, zone int) (Value, error) {
	v := Value{Entry: Entry{Type: c.Parameter.Type}}
	switch c.Parameter.Type {
	case String:
		v.Text = escapes.Replace(s)
		v.Folded = Fold(v.Text)
	case Token:
		c.token(&v, s)
	case Reference:
		if c.Modifier == "identifier" {
			c.token(&v, s)
			v.Type = Reference
			break
		}
		v.Text, _, _ = strings.Cut(escapes.Replace(s), "|")
		v.Text, _, _ = strings.Cut(v.Text, "/_history/")
		v.Key = fhirpath.ReferenceKey(v.Text)
		if v.Key == "" && fhir.IsResource(c.Modifier) && !strings.Contains(v.Text, "/") {
			v.Key = c.Modifier + "/" + v.Text
		}
	case URI:
		v.Text = escapes.Replace(s)
	case Date:
		return c.date(v, s, zone)
	case Number, Quantity:
		return c.number(v, s)
	}
	return v, nil
}

// token reads code, system|code, |code or system|.
func (c Criterion) token(v *Value, s string) {
	if c.Modifier == "text" {
		v.Text = escapes.Replace(s)
		v.Folded = Fold(v.Text)
		return
	}
	parts := split(s, '|')
	if len(parts) == 1 {
		v.Code, v.AnySystem = strings.TrimPrefix(escapes.Replace(s), "urn:oid:"), true
		if c.Parameter.Code != "identifier" {
			v.Code = escapes.Replace(s)
		}
		return
	}
	v.Entry = token(escapes.Replace(parts[0]), escapes.Replace(strings.Join(parts[1:], "|")), "")
	v.AnyCode = v.Code == ""
}

var prefixes = map[string]bool{
	"eq": true, "ne": true, "gt": true, "lt": true, "ge": true, "le": true, "sa": true, "eb": true, "ap": true,
}

func cutPrefix(s string) (prefix, rest string) {
	if len(s) > 2 && prefixes[s[:2]] {
		return s[:2], s[2:]
	}
	return "eq", s
}

func (c Criterion) date(v Value, s string, zone int) (Value, error) {
	v.Prefix, s = cutPrefix(s)
	m, ok := fhirpath.Moment(fhirpath.DateTimeKind, s)
	if !ok {
		return v, c.wrong("this is no date")
	}
	v.First, v.Last, ok = m.Times(zone)
	if !ok {
		return v, c.wrong("this is no date")
	}
	return v, nil
}

// number reads a number, and for a Quantity [number]|system|code. Its digits say how
// exact it is: 100 means from 99.5 up to 100.5, 1e2 from 50 up to 150.
func (c Criterion) number(v Value, s string) (Value, error) {
	v.Prefix, s = cutPrefix(s)
	parts := split(s, '|')
	d, err := ucum.ParseDecimal(parts[0])
	step, ok := ucum.Step(parts[0])
	if err != nil || !ok {
		return v, c.wrong("this is no number")
	}
	half, _ := step.Quo(ucum.Int(2))
	v.Low, v.High = d.Sub(half), d.Add(half)
	if v.Prefix != "eq" && v.Prefix != "ne" && v.Prefix != "ap" {
		v.Low, v.High = d, d // gt and the like mean the number as it stands
	}
	if v.Prefix == "ap" { // a tenth of the value around it
		tenth, _ := d.Abs().Quo(ucum.Int(10))
		v.Low, v.High = d.Sub(tenth), d.Add(tenth)
	}
	v.AnySystem, v.AnyCode = true, true
	if c.Parameter.Type != Quantity || len(parts) == 1 {
		if len(parts) > 1 {
			return v, c.wrong("this is no number")
		}
		return v, nil
	}
	if len(parts) != 3 {
		return v, c.wrong("a quantity is number|system|code")
	}
	v.System, v.Code = escapes.Replace(parts[1]), escapes.Replace(parts[2])
	v.AnySystem, v.AnyCode = v.System == "", v.Code == ""
	return v, nil
}

// Matches reports whether what a resource holds for the parameter meets the criterion.
// now is for ap with dates, which reaches a tenth of the distance to it.
func (c Criterion) Matches(entries []Entry, now time.Time) bool {
	if c.Modifier == "missing" {
		return c.Missing == (len(entries) == 0)
	}
	found := false
	for i := range entries {
		for j := range c.Values {
			if found = found || c.matches(&c.Values[j], &entries[i], now); found {
				return c.Modifier != "not"
			}
		}
	}
	return c.Modifier == "not"
}

func (c Criterion) matches(v *Value, e *Entry, now time.Time) bool {
	switch c.Parameter.Type {
	case String:
		switch c.Modifier {
		case "exact":
			return e.Text == v.Text
		case "contains":
			return strings.Contains(e.Folded, v.Folded)
		}
		return strings.HasPrefix(e.Folded, v.Folded)
	case Token:
		if c.Modifier == "text" {
			return v.Folded != "" && strings.HasPrefix(Fold(e.Text), v.Folded)
		}
		return v.token(e)
	case Reference:
		if c.Modifier == "identifier" {
			return e.Text == "" && v.token(e)
		}
		return c.reference(v, e)
	case URI:
		switch c.Modifier {
		case "below":
			return e.Text == v.Text || strings.HasPrefix(e.Text, strings.TrimSuffix(v.Text, "/")+"/")
		case "above":
			return e.Text == v.Text || strings.HasPrefix(v.Text, strings.TrimSuffix(e.Text, "/")+"/")
		}
		return e.Text == v.Text
	case Date:
		return v.date(e, now)
	case Number, Quantity:
		return v.quantity(e)
	}
	return false
}

func (v *Value) token(e *Entry) bool {
	if e.Code == "" && e.System == "" {
		return false // a text alone
	}
	return (v.AnySystem || v.System == e.System) && (v.AnyCode || v.Code == e.Code)
}

// reference compares by type and id where both have them, or by id alone, or as it is
// written. A modifier also wants the type.
func (c Criterion) reference(v *Value, e *Entry) bool {
	if e.Text == "" || fhir.IsResource(c.Modifier) && !strings.HasPrefix(e.Key, c.Modifier+"/") {
		return false
	}
	if strings.Contains(v.Text, "://") && strings.Contains(e.Text, "://") || strings.HasPrefix(v.Text, "urn:") {
		return v.Text == e.Text
	}
	if v.Key != "" {
		return v.Key == e.Key
	}
	_, id, _ := strings.Cut(e.Key, "/")
	return v.Text == id && id != "" || v.Text == e.Text
}

// date compares the span of the search with that of the resource (R4, Search, prefixes).
func (v *Value) date(e *Entry, now time.Time) bool {
	switch v.Prefix {
	case "ne":
		return e.First < v.First || e.Last > v.Last
	case "gt":
		return e.Last > v.Last
	case "lt":
		return e.First < v.First
	case "ge":
		return e.Last > v.Last || e.First >= v.First && e.Last <= v.Last
	case "le":
		return e.First < v.First || e.First >= v.First && e.Last <= v.Last
	case "sa":
		return e.First > v.Last
	case "eb":
		return e.Last < v.First
	case "ap":
		slack := (now.UnixMicro() - v.First) / 10
		slack = max(slack, -slack)
		return e.First <= v.Last+slack && e.Last >= v.First-slack
	}
	return e.First >= v.First && e.Last <= v.Last
}

// quantity compares numbers; units of UCUM are converted where they measure the same.
func (v *Value) quantity(e *Entry) bool {
	low, high := e.Low, e.High
	if !v.AnyCode && v.Code != e.Code {
		if v.System != e.System && !v.AnySystem || e.System != fhir.UCUM {
			return false
		}
		from, err1 := ucum.Parse(e.Code)
		to, err2 := ucum.Parse(v.Code)
		if err1 != nil || err2 != nil {
			return false
		}
		var err error
		if low, err = ucum.Convert(low, from, to); err != nil {
			return false
		}
		if high, err = ucum.Convert(high, from, to); err != nil {
			return false
		}
	} else if !v.AnySystem && v.System != e.System {
		return false
	}
	switch v.Prefix {
	case "ne":
		return low.Cmp(v.Low) < 0 || high.Cmp(v.High) >= 0
	case "gt", "sa":
		return v.Prefix == "gt" && high.Cmp(v.High) > 0 || low.Cmp(v.High) > 0
	case "lt", "eb":
		return v.Prefix == "lt" && low.Cmp(v.Low) < 0 || high.Cmp(v.Low) < 0
	case "ge":
		return high.Cmp(v.Low) >= 0
	case "le":
		return low.Cmp(v.High) <= 0
	case "ap":
		return low.Cmp(v.High) <= 0 && high.Cmp(v.Low) >= 0
	}
	return low.Cmp(v.Low) >= 0 && high.Cmp(v.High) < 0
}

// To returns the criterion that a reference leads to one of some resources, each as
// Type/id. Without any, nothing meets it.
func To(p *Parameter, keys ...string) Criterion {
	c := Criterion{Parameter: p}
	for _, key := range keys {
		c.Values = append(c.Values, Value{Entry: Entry{Type: Reference, Text: key, Key: key}})
	}
	return c
}
