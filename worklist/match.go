package worklist

import (
	"strconv"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/vr"
	"radagora/fault"
)

// A matcher holds an entry of the worklist against the keys of an identifier and
// answers with what was asked for (PS3.4 C.2.2.2 and K.6.1.2.2).
type matcher struct {
	fold        func(string) string
	unsupported bool // a key asked for something this program does not have
}

// passed are elements of an identifier that are no keys.
var passed = map[tag.Tag]bool{
	tag.SpecificCharacterSet: true, tag.TimezoneOffsetFromUTC: true, tag.QueryRetrieveLevel: true,
}

// answer returns what keys ask of an entry, and whether the entry matches them.
func (m *matcher) answer(keys, entry *dicom.Dataset) (*dicom.Builder, bool) {
	b := dicom.NewBuilder()
	combined := between(keys)
	for k := range keys.All() {
		t := k.Tag()
		switch {
		case passed[t] || t.Element() == 0:
			continue
		case !entry.Has(t):
			m.unsupported = true
			continue
		}
		e, _ := entry.Element(t)
		if k.Sequence() || e.Sequence() {
			if !m.sequence(b, k, e) {
				return nil, false
			}
			continue
		}
		inSpan := combined != nil && (t == tag.ScheduledProcedureStepStartDate || t == tag.ScheduledProcedureStepStartTime)
		if !inSpan && !m.value(k, e) {
			return nil, false
		}
		b.Copy(e)
	}
	if combined != nil && !combined.holds(entry.Text(tag.ScheduledProcedureStepStartDate), entry.Text(tag.ScheduledProcedureStepStartTime)) {
		return nil, false
	}
	return b, true
}

// sequence matches the items of e with the one item of k (PS3.4 C.2.2.2.6). A key
// without item, or with an empty one, asks for the whole sequence.
func (m *matcher) sequence(b *dicom.Builder, k, e dicom.Element) bool {
	asked := k.Items()
	if len(asked) == 0 || asked[0].Len() == 0 {
		b.Copy(e)
		return true
	}
	var found []*dicom.Builder
	for _, item := range e.Items() {
		if one, ok := m.answer(asked[0], item); ok {
			found = append(found, one)
		}
	}
	b.Sequence(e.Tag(), found...)
	return len(found) > 0 || universal(asked[0])
}

// universal reports whether no key of an item has a value.
func universal(keys *dicom.Dataset) bool {
	for k := range keys.All() {
		if k.Sequence() {
			for _, item := range k.Items() {
				if !universal(item) {
					return false
				}
			}
			continue
		}
		if k.Tag() != tag.SpecificCharacterSet && !blank(k.Texts()) && (!k.VR().Binary() || !zero(k.Texts())) {
			return false
		}
	}
	return true
}

// blank reports whether values ask for nothing: none, or empty ones, or an asterisk.
func blank(values []string) bool {
	for _, v := range values {
		if v = strings.TrimSpace(v); v != "" && v != "*" {
			return false
		}
	}
	return true
}

// zero reports whether values are zeros.
// Deviation: a binary number of 0 asks for nothing. Programs that cannot write a
// number without value send it, and no attribute of a worklist that is one has 0.
func zero(values []string) bool {
	for _, v := range values {
		if v != "0" {
			return false
		}
	}
	return true
}

// value reports whether one of the values of e is one that k asks for.
func (m *matcher) value(k, e dicom.Element) bool {
	wanted := k.Texts()
	if blank(wanted) || tag.VROf(e.Tag()).Binary() && zero(wanted) {
		return true
	}
	for _, w := range wanted {
		for _, v := range e.Texts() {
			if v != "" && m.matches(tag.VROf(e.Tag()), strings.TrimSpace(w), strings.TrimSpace(v)) {
				return true
			}
		}
	}
	return false
}

// matches reports whether a value is what a key asks for, by the rules of its VR.
func (m *matcher) matches(v vr.VR, wanted, value string) bool {
	switch v {
	case vr.DA:
		return datesOf(wanted).has(value)
	case vr.TM:
		return timesOf(wanted).has(padTime(value, '0'))
	case vr.PN:
		return m.name(wanted, value)
	case vr.UI:
		return wanted == value
	case vr.DS, vr.IS, vr.US, vr.SS, vr.UL, vr.SL, vr.FL, vr.FD:
		a, errA := strconv.ParseFloat(wanted, 64)
		b, errB := strconv.ParseFloat(value, 64)
		return errA == nil && errB == nil && a == b
	}
	return wild(wanted, value)
}

// name matches a person's name without regard to case and accents: the whole of a
// group, or component by component, where one that the key leaves out may be
// anything. A key of one group may name any group of the value.
func (m *matcher) name(wanted, value string) bool {
	groups := strings.Split(value, "=")
	keys := strings.Split(wanted, "=")
	if len(keys) == 1 {
		for _, g := range groups {
			if m.group(wanted, g) {
				return true
			}
		}
		return false
	}
	for i, k := range keys {
		if strings.Trim(k, "^ *") != "" && (i >= len(groups) || !m.group(k, groups[i])) {
			return false
		}
	}
	return true
}

// group matches one component group.
func (m *matcher) group(wanted, value string) bool {
	value, wanted = m.foldGroup(value), m.foldGroup(wanted)
	if value == "" {
		return false
	}
	if wild(wanted, value) {
		return true
	}
	parts := strings.Split(value, "^")
	for i, k := range strings.Split(wanted, "^") {
		part := ""
		if i < len(parts) {
			part = parts[i]
		}
		if k != "" && !wild(k, part) {
			return false
		}
	}
	return true
}

// foldGroup folds a component group; its components stay apart.
func (m *matcher) foldGroup(s string) string {
	parts := strings.Split(s, "^")
	for i := range parts {
		parts[i] = m.fold(parts[i])
	}
	return strings.TrimRight(strings.Join(parts, "^"), "^")
}

// wild reports whether value is what a pattern with * and ? says (PS3.4 C.2.2.2.4).
// It takes time in proportion to the product of both lengths at most.
func wild(pattern, value string) bool {
	p, v := []rune(pattern), []rune(value)
	i, j, star, mark := 0, 0, -1, 0
	for j < len(v) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == v[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// A span is a range of texts of the same form, both ends included; "" is open.
type span struct{ from, to string }

func (s span) has(v string) bool {
	return v != "" && (s.from == "" || v >= s.from) && (s.to == "" || v <= s.to)
}

// datesOf reads a date or a range of dates (PS3.4 C.2.2.2.5). What is no date
// matches nothing.
func datesOf(s string) span {
	s = strings.NewReplacer(".", "", ":", "", " ", "").Replace(s)
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		to = from
	}
	return span{from, to}
}

// timesOf reads a time or a range of times. What is left out of the end of a range,
// and of a single time, is meant as a whole: 10 is until 10:59:59.999999.
func timesOf(s string) span {
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		to = from
	}
	r := span{}
	if from != "" {
		r.from = padTime(from, '0')
	}
	if to != "" {
		r.to = padTime(to, '9')
	}
	return r
}

// padTime writes a time in full, HHMMSSFFFFFF, with what is missing as given.
func padTime(s string, fill byte) string {
	s = strings.NewReplacer(":", "", ".", "", " ", "").Replace(s)
	if len(s) > 12 {
		s = s[:12]
	}
	return s + strings.Repeat(string(fill), 12-len(s))
}

// A combination is a range of dates together with a range of times.
type combination struct{ date, time span }

// between returns the period that two ranges of start date and start time name
// together: from the first time of the first day until the last time of the last day
// (PS3.4 Table K.6-1). Nil: they do not both name a range.
func between(keys *dicom.Dataset) *combination {
	date, clock := keys.Text(tag.ScheduledProcedureStepStartDate), keys.Text(tag.ScheduledProcedureStepStartTime)
	if !strings.Contains(date, "-") || !strings.Contains(clock, "-") {
		return nil
	}
	return &combination{datesOf(date), timesOf(clock)}
}

func (c *combination) holds(date, clock string) bool {
	if !c.date.has(date) {
		return false
	}
	clock = padTime(clock, '0')
	return (date != c.date.from || c.time.from == "" || clock >= c.time.from) &&
		(date != c.date.to || c.time.to == "" || clock <= c.time.to)
}

// checkKeys refuses an identifier that asks in a way the standard does not have.
func checkKeys(keys *dicom.Dataset, depth int) error {
	if depth > 8 {
		return fault.Errorf(fault.Invalid, "identifier: sequences nested deeper than any key of the worklist (PS3.4 K.6)")
	}
	for k := range keys.All() {
		if !k.Sequence() {
			continue
		}
		items := k.Items()
		if len(items) > 1 {
			return fault.Errorf(fault.Invalid, "identifier: %v has more than one item (PS3.4 C.2.2.2.6)", k.Tag())
		}
		for _, item := range items {
			if err := checkKeys(item, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
