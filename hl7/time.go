package hl7

import (
	"fmt"
	"log/slog"
	"time"

	"radagora/fault"
)

// A Precision says how exact a time is.
type Precision uint8

// The precisions.
const (
	ToYear Precision = iota + 1
	ToMonth
	ToDay
	ToHour
	ToMinute
	ToSecond
	ToFraction
)

// A Time is a DT, TS or DTM: the instant at which what was sent begins, how exact
// it is, and whether its zone was sent or assumed. The zero Time is none. It hides
// itself when printed: it may be a date of birth.
type Time struct {
	time.Time
	Precision Precision
	Zoned     bool
}

// timeForms are the lengths of times without fraction and zone.
var timeForms = [...]struct {
	layout    string
	precision Precision
}{
	{"2006", ToYear},
	{"200601", ToMonth},
	{"20060102", ToDay},
	{"2006010215", ToHour},
	{"200601021504", ToMinute},
	{"20060102150405", ToSecond},
}

// Time reads the value as a DT, TS or DTM: YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]]
// with +ZZZZ or -ZZZZ (chapter 2.A). Without a zone it is a time of local, nil for
// UTC; Message.Zone says which that is. TS.2, the precision of old versions, makes
// it less exact. An empty or null value is the zero Time. Errors are of kind Invalid
// and do not hold the value.
func (v Value) Time(local *time.Location) (Time, error) {
	s := v.Component(1).Text()
	if s == "" {
		return Time{}, nil
	}
	t, err := parseTime(s, local)
	if err != nil {
		return Time{}, err
	}
	if p := tsPrecision[v.Component(2).Text()]; p != 0 && p < t.Precision {
		t.Precision = p
	}
	return t, nil
}

// tsPrecision is TS.2, HL7 table 0529.
var tsPrecision = map[string]Precision{"Y": ToYear, "L": ToMonth, "D": ToDay, "H": ToHour, "M": ToMinute, "S": ToSecond}

func parseTime(s string, local *time.Location) (Time, error) {
	wrong := fault.Errorf(fault.Invalid, "hl7: a time of %d characters is none: YYYY[MM[DD[HH[MM[SS[.SSSS]]]]]][+ZZZZ]", len(s))
	if local == nil {
		local = time.UTC
	}
	digits := leading(s)
	out, rest := Time{}, s[digits:]
	layout := ""
	for _, f := range timeForms {
		if len(f.layout) == digits {
			layout, out.Precision = f.layout, f.precision
		}
	}
	if layout == "" {
		return Time{}, wrong
	}
	if len(rest) > 1 && rest[0] == '.' && out.Precision == ToSecond {
		n := leading(rest[1:])
		if n < 1 || n > 9 {
			return Time{}, wrong
		}
		digits += 1 + n
		layout += "." + "000000000"[:n]
		out.Precision, rest = ToFraction, rest[1+n:]
	}
	text := s[:digits]
	if rest != "" {
		if len(rest) != 5 || rest[0] != '+' && rest[0] != '-' || leading(rest[1:]) != 4 || rest[3] > '5' || rest[1:3] > "15" {
			return Time{}, wrong
		}
		out.Zoned = true
		layout, text = layout+"-0700", s
	}
	var err error
	if out.Time, err = time.ParseInLocation(layout, text, local); err != nil {
		return Time{}, wrong
	}
	return out, nil
}

// leading returns how many digits s begins with.
func leading(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// End returns the instant at which the time is over: of a day the next midnight.
func (t Time) End() time.Time {
	switch t.Precision {
	case ToYear:
		return t.AddDate(1, 0, 0)
	case ToMonth:
		return t.AddDate(0, 1, 0)
	case ToDay:
		return t.AddDate(0, 0, 1)
	case ToHour:
		return t.Add(time.Hour)
	case ToMinute:
		return t.Add(time.Minute)
	case ToSecond:
		return t.Add(time.Second)
	default:
		return t.Time
	}
}

// Format prints no value.
func (t Time) Format(w fmt.State, _ rune) { fmt.Fprint(w, "[time]") }

// LogValue logs no value.
func (t Time) LogValue() slog.Value { return slog.StringValue("[time]") }

// FormatTime returns t as a DTM to the second, with its zone.
func FormatTime(t time.Time) string { return t.Format("20060102150405-0700") }

// Zone returns the zone of times in the message that name none: that of MSH-7 if it
// names one (chapter 2, MSH-7), or else local, the sender's. An offset that is local's at
// that time is read as local itself (time.ParseInLocation), so that +0100 in winter does
// not make an appointment in July one of winter time.
func (m *Message) Zone(local *time.Location) *time.Location {
	if t, err := m.Segment("MSH", 1).Field(7).Time(local); err == nil && t.Zoned {
		return t.Location()
	}
	return local
}
