package fhirpath

import (
	"strings"
	"time"
)

// The precisions of a moment. A fraction of a second is a finer second: both compare.
const (
	toYear uint8 = iota + 1
	toMonth
	toDay
	toHour
	toMinute
	toSecond
	toFraction
)

const (
	noZone = 1 << 14 // of a moment without zone
	second = int64(1_000_000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour

	earliestZone = 14 * 60 // minutes; where a day begins first
	latestZone   = -12 * 60
)

// parseLiteralMoment reads what follows an @ in an expression.
func parseLiteralMoment(s string) (Value, bool) {
	if rest, ok := strings.CutPrefix(s, "T"); ok {
		return parseTime(rest)
	}
	date, clock, timed := strings.Cut(s, "T")
	if !timed {
		return parseMoment(s, DateKind)
	}
	if clock == "" {
		return parseMoment(date, DateTimeKind)
	}
	return parseMoment(s, DateTimeKind)
}

// parseMoment reads a Date or DateTime of any precision. Times below an hour need no
// minutes: 2015-02-04T14.
func parseMoment(s string, k Kind) (Value, bool) {
	v := Value{kind: k, zone: noZone, text: s}
	date, clock, timed := strings.Cut(s, "T")
	year, month, dom, prec, ok := cutDate(date)
	if !ok || timed && (k == DateKind || prec != toDay) {
		return v, false
	}
	v.prec = prec
	v.num = time.Date(year, time.Month(month), dom, 0, 0, 0, 0, time.UTC).UnixMicro()
	if !timed {
		return v, true
	}
	if v.zone, clock, ok = cutZone(clock); !ok {
		return v, false
	}
	micros, prec, ok := parseClock(clock)
	v.num, v.prec = v.num+micros, prec
	return v, ok
}

// parseTime reads a Time, which has no zone.
func parseTime(s string) (Value, bool) {
	micros, prec, ok := parseClock(s)
	return Value{kind: TimeKind, zone: noZone, text: s, num: micros, prec: prec}, ok
}

// cutDate reads YYYY, YYYY-MM or YYYY-MM-DD.
func cutDate(s string) (year, month, dom int, prec uint8, ok bool) {
	month, dom = 1, 1
	if len(s) != 4 && len(s) != 7 && len(s) != 10 {
		return 0, 0, 0, 0, false
	}
	if year, ok = digitsAt(s, 0, 4); !ok || year == 0 {
		return 0, 0, 0, 0, false
	}
	prec = toYear
	if len(s) >= 7 {
		prec = toMonth
		if month, ok = digitsAt(s, 5, 2); !ok || s[4] != '-' || month < 1 || month > 12 {
			return 0, 0, 0, 0, false
		}
	}
	if len(s) == 10 {
		prec = toDay
		if dom, ok = digitsAt(s, 8, 2); !ok || s[7] != '-' || dom < 1 || dom > daysIn(year, month) {
			return 0, 0, 0, 0, false
		}
	}
	return year, month, dom, prec, true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// digitsAt reads n digits at i.
func digitsAt(s string, i, n int) (number int, ok bool) {
	if len(s) < i+n {
		return 0, false
	}
	for _, c := range []byte(s[i : i+n]) {
		if !isDigit(c) {
			return 0, false
		}
		number = number*10 + int(c-'0')
	}
	return number, true
}

// cutZone takes Z or ±hh:mm from the end of a time.
func cutZone(s string) (zone int16, rest string, ok bool) {
	if rest, ok := strings.CutSuffix(s, "Z"); ok {
		return 0, rest, true
	}
	i := strings.LastIndexAny(s, "+-")
	if i < 0 {
		return noZone, s, true
	}
	h, ok1 := digitsAt(s, i+1, 2)
	m, ok2 := digitsAt(s, i+4, 2)
	if !ok1 || !ok2 || len(s) != i+6 || s[i+3] != ':' || h > 14 || m > 59 {
		return 0, "", false
	}
	zone = int16(h*60 + m) //nolint:gosec // at most 14:59
	if s[i] == '-' {
		zone = -zone
	}
	return zone, s[:i], true
}

// parseClock reads hh, hh:mm, hh:mm:ss or hh:mm:ss.f….
func parseClock(s string) (micros int64, prec uint8, ok bool) {
	h, ok := digitsAt(s, 0, 2)
	if !ok || h > 23 {
		return 0, 0, false
	}
	micros, prec = int64(h)*hour, toHour
	if len(s) == 2 {
		return micros, prec, true
	}
	m, ok := digitsAt(s, 3, 2)
	if !ok || s[2] != ':' || m > 59 {
		return 0, 0, false
	}
	micros, prec = micros+int64(m)*minute, toMinute
	if len(s) == 5 {
		return micros, prec, true
	}
	sec, ok := digitsAt(s, 6, 2)
	if !ok || s[5] != ':' || sec > 60 {
		return 0, 0, false
	}
	micros, prec = micros+int64(sec)*second, toSecond
	if len(s) == 8 {
		return micros, prec, true
	}
	part := s[9:]
	if s[8] != '.' || part == "" || !allDigits(part) {
		return 0, 0, false
	}
	unit := second / 10
	for i := 0; i < len(part) && i < 6; i++ { // what is finer than a microsecond is not kept
		micros += int64(part[i]-'0') * unit
		unit /= 10
	}
	return micros, toFraction, true
}

// span returns the first and the last microsecond that v may mean, in UTC. Where one
// side has a zone and the other none, the one without may be in any.
func (v Value) span(anyZone bool) (first, last int64) {
	first, last = v.num, v.num
	t := time.UnixMicro(v.num).UTC()
	switch v.prec {
	case toYear:
		last = t.AddDate(1, 0, 0).UnixMicro() - 1
	case toMonth:
		last = t.AddDate(0, 1, 0).UnixMicro() - 1
	case toDay:
		last += day - 1
	case toHour:
		last += hour - 1
	case toMinute:
		last += minute - 1
	}
	switch {
	case v.zone != noZone:
		first -= int64(v.zone) * minute
		last -= int64(v.zone) * minute
	case anyZone:
		first -= earliestZone * minute
		last -= latestZone * minute
	}
	return first, last
}

// compareMoments returns -1, 0 or 1, and false where precision or zone leave it open.
func compareMoments(a, b Value) (int, bool) {
	mixed := (a.zone == noZone) != (b.zone == noZone)
	a1, a2 := a.span(mixed)
	b1, b2 := b.span(mixed)
	switch {
	case a2 < b1:
		return -1, true
	case a1 > b2:
		return 1, true
	case !mixed && min(a.prec, toSecond) == min(b.prec, toSecond) && a1 == b1:
		return 0, true
	}
	return 0, false
}

// equalMoments reports whether a and b are equal, and whether that is decided.
//
// The suite of HL7 wants a Date to differ from any DateTime with a zone: a day that is
// tied to no place is not a moment.
func equalMoments(a, b Value) (equal, known bool) {
	if a.kind == DateKind && b.zone != noZone || b.kind == DateKind && a.zone != noZone {
		return false, true
	}
	c, known := compareMoments(a, b)
	return c == 0 && known, known
}

// write gives v the text that its parts mean.
func (v Value) write() Value {
	t := time.UnixMicro(v.num).UTC()
	layouts := [...]string{"", "2006", "2006-01", "2006-01-02", "2006-01-02T15", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04:05.000"}
	layout := layouts[v.prec]
	if v.kind == TimeKind {
		layout = layout[len("2006-01-02T"):]
	}
	v.text = t.Format(layout)
	if v.zone != noZone && v.prec >= toHour {
		v.text += zoneText(v.zone)
	}
	return v
}

func zoneText(zone int16) string {
	if zone == 0 {
		return "Z"
	}
	return time.Time{}.In(time.FixedZone("", int(zone)*60)).Format("-07:00")
}

// momentOf returns an instant as a DateTime, Date or Time of its zone.
func momentOf(t time.Time, k Kind) Value {
	_, offset := t.Zone()
	local := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond()/1e6*1e6, time.UTC)
	v := Value{kind: k, prec: toFraction, zone: int16(offset / 60), num: local.UnixMicro()} //nolint:gosec // a zone is within a day or so
	switch k {
	case DateKind:
		v.prec, v.zone = toDay, noZone
		v.num -= mod(v.num, day)
	case TimeKind:
		v.zone = noZone
		v.num = mod(v.num, day)
	default:
	}
	return v.write()
}

func mod(a, b int64) int64 { return (a%b + b) % b }

// boundary returns the first or last moment that v may mean, to a precision.
func (v Value) boundary(low bool, prec uint8) Value {
	had := v.zone
	zone := v.zone
	v.zone = noZone
	first, last := v.span(false)
	v.num = first
	if !low {
		if v.prec == toSecond {
			last += second - 1
		}
		v.num = last
	}
	if v.zone = zone; v.kind == DateTimeKind && had == noZone && prec >= toHour {
		if v.zone = earliestZone; !low {
			v.zone = latestZone
		}
	}
	v.prec = prec
	return v.write()
}

// Times returns the first and the last moment that a Date, DateTime or the moment of an
// element may mean, as microseconds since 1970 in UTC; a moment without zone is taken
// to be in zone, in minutes east of UTC. It is not ok for what is no moment of a day.
func (v Value) Times(zone int) (first, last int64, ok bool) {
	s := v.System()
	if s.kind != DateKind && s.kind != DateTimeKind {
		return 0, 0, false
	}
	if s.zone == noZone {
		s.zone = int16(max(latestZone, min(earliestZone, zone)))
	}
	if first, last = s.span(false); s.prec == toSecond {
		last += second - 1
	}
	if s.prec == toFraction {
		last += second/1000 - 1
	}
	return first, last, true
}

// component returns the year, month, day, hour, minute, second or millisecond.
func (v Value) component(prec uint8) int64 {
	t := time.UnixMicro(v.num).UTC()
	parts := [...]int{0, t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond() / 1e6}
	return int64(parts[prec])
}
