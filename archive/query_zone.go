package archive

import (
	"strings"
	"time"

	"radagora/dicom/tag"
	"radagora/fault"
)

// A zone is the offset in which keys and answers speak of time.
type zone struct {
	asked *time.Location // of keys and answers
	local *time.Location // of objects that say none
}

// adjust takes the offset out of the keys, if it is one of the query.
func (p *plan) adjust() error {
	if p.q.Timezone == nil {
		return nil
	}
	for i, k := range p.keys {
		if k.tag != tag.TimezoneOffsetFromUTC || len(k.terms) == 0 {
			continue
		}
		at, ok := parseOffset(k.terms[0].text)
		if !ok || len(k.terms) > 1 {
			return fault.Errorf(fault.Invalid, "%v: no offset from UTC", k.tag)
		}
		p.zone = &zone{asked: at, local: p.q.Timezone}
		p.keys[i].terms = nil
	}
	return nil
}

// parseOffset reads an offset such as +0100 (PS3.3 C.12.1.1.8).
func parseOffset(s string) (*time.Location, bool) {
	t, err := time.Parse("-0700", strings.TrimSpace(s))
	if err != nil {
		return nil, false
	}
	_, seconds := t.Zone()
	if seconds < -12*3600 || seconds > 14*3600 {
		return nil, false
	}
	return time.FixedZone("", seconds), true
}

// offsetExpr is what a study says of its offset.
const offsetExpr = "study.timezone_offset"

// clockOf returns the columns of a date and the time that belongs to it, of which one
// is given; false if the index does not have both.
func clockOf(t tag.Tag) (day, clock attribute, ok bool) {
	for d, c := range timeOf {
		if d != t && c != t {
			continue
		}
		day, ok = columned[d]
		if !ok {
			return day, clock, false
		}
		clock, ok = columned[c]
		return day, clock, ok
	}
	return day, clock, false
}

// zoned adds what a key of a date or time asks in the zone of the query: a day more on
// both sides, of which the rows that do not match are left out.
func (p *plan) zoned(w *statement, a attribute, k key) {
	day, clock, ok := clockOf(k.tag)
	if !ok { // a date alone, such as that of birth, is one everywhere
		z := p.zone
		p.zone = nil
		p.column(w, a, k)
		p.zone = z
		return
	}
	var all []string
	for _, t := range k.terms {
		switch {
		case t.op == absent:
			all = append(all, a.expr+" = ''")
		case a.tag == day.tag:
			all = append(all, w.days(a.expr, t.wider()))
		default:
			all = append(all, a.expr+" <> ''")
		}
	}
	w.on(p, a.rank, either(all))
	p.decide(residual{a: a, k: k, zoned: true, day: day, clock: clock})
}

// wider returns a range of dates with a day more on both sides.
func (t term) wider() term {
	if t.op == equal {
		t = term{op: between, from: t.text, to: t.text}
	}
	move := func(s string, days int) string {
		d, err := time.Parse("20060102", s)
		if err != nil {
			return s
		}
		return d.AddDate(0, 0, days).Format("20060102")
	}
	return term{op: between, from: move(t.from, -1), to: move(t.to, 1)}
}

// holdsAt decides a key on a date and time.
func (r residual) holdsAt(day, clock string) bool {
	if r.k.pair != nil {
		d, t := r.k.terms[0], r.k.pair.terms[0]
		at := day + clock
		return day != "" && (d.from == "" || at >= d.from+t.from) && (d.to == "" || at < d.to+t.to+behind)
	}
	if r.a.tag == r.day.tag {
		return r.k.matches([]string{day}, false)
	}
	return r.k.matches([]string{clock}, false)
}

// shift tells a date and time in the zone that was asked for. Without a time a date
// stays.
func (z *zone) shift(day, clock, offset string) (string, string) {
	at, ok := parseOffset(offset)
	if !ok {
		at = z.local
	}
	whole, fraction, _ := strings.Cut(clock, ".")
	const layout = "20060102150405"
	t, err := time.ParseInLocation(layout[:8+len(whole)], day+whole, at)
	if err != nil || whole == "" {
		return day, clock
	}
	s := t.In(z.asked).Format(layout)
	clock = s[8:]
	if _, seconds := t.In(z.asked).Zone(); seconds%3600 == 0 && len(whole) < 4 {
		clock = clock[:2]
	} else if len(whole) < 6 {
		clock = clock[:4]
	}
	if fraction != "" {
		clock += "." + fraction
	}
	return s[:8], clock
}

// text returns a date or time of a row as it is answered.
func (z *zone) text(r row, a attribute) string {
	day, clock, ok := clockOf(a.tag)
	if z == nil || !ok {
		return r.text(a.expr)
	}
	d, c := z.shift(r.text(day.expr), r.text(clock.expr), r.text(offsetExpr))
	if a.tag == day.tag {
		return d
	}
	return c
}

// String returns the zone as an offset (PS3.3 C.12.1.1.8).
func (z *zone) String() string { return time.Unix(0, 0).In(z.asked).Format("-0700") }
