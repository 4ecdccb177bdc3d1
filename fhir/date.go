package fhir

import (
	"strings"
	"time"
)

// isDate: YYYY, YYYY-MM or YYYY-MM-DD, a day that exists.
func isDate(s string) bool {
	rest, ok := cutDate(s)
	return ok && rest == ""
}

// cutDate returns what follows the date that s begins with.
func cutDate(s string) (rest string, ok bool) {
	year, s, ok := cutNumber(s, 4)
	if !ok || year == 0 {
		return s, false
	}
	if s == "" || s[0] != '-' {
		return s, true
	}
	month, s, ok := cutNumber(s[1:], 2)
	if !ok || month < 1 || month > 12 {
		return s, false
	}
	if s == "" || s[0] != '-' {
		return s, true
	}
	day, s, ok := cutNumber(s[1:], 2)
	return s, ok && day >= 1 && day <= daysIn(year, month)
}

func daysIn(year, month int) int {
	switch {
	case month == 4 || month == 6 || month == 9 || month == 11:
		return 30
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	}
	return 31
}

// isDateTime: a date, or a whole date with time and zone.
func isDateTime(s string) bool {
	return isDate(s) || isInstant(s)
}

// isInstant: YYYY-MM-DDThh:mm:ss(.s…) with a zone.
func isInstant(s string) bool {
	if len(s) < len("2006-01-02T15:04:05Z") || s[10] != 'T' || !isDate(s[:10]) {
		return false
	}
	s, ok := cutTime(s[11:])
	return ok && isZone(s)
}

// isTime: hh:mm:ss(.s…) without a zone.
func isTime(s string) bool {
	rest, ok := cutTime(s)
	return ok && rest == ""
}

// cutTime returns what follows the time of day that s begins with.
func cutTime(s string) (rest string, ok bool) {
	hour, s, ok := cutNumber(s, 2)
	if !ok || hour > 23 || s == "" || s[0] != ':' {
		return s, false
	}
	minute, s, ok := cutNumber(s[1:], 2)
	if !ok || minute > 59 || s == "" || s[0] != ':' {
		return s, false
	}
	second, s, ok := cutNumber(s[1:], 2)
	if !ok || second > 60 { // 60 is a leap second
		return s, false
	}
	if !strings.HasPrefix(s, ".") {
		return s, true
	}
	n := digits(s[1:])
	return s[1+n:], n > 0
}

// isZone: Z, or an offset of at most 14 hours.
func isZone(s string) bool {
	if s == "Z" {
		return true
	}
	if len(s) != len("+14:00") || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return false
	}
	hours, _, ok := cutNumber(s[1:3], 2)
	minutes, _, ok2 := cutNumber(s[4:], 2)
	return ok && ok2 && minutes <= 59 && (hours < 14 || hours == 14 && minutes == 0)
}

// cutNumber reads the n digits that s begins with.
func cutNumber(s string, n int) (value int, rest string, ok bool) {
	if len(s) < n {
		return 0, s, false
	}
	for _, c := range []byte(s[:n]) {
		if c < '0' || c > '9' {
			return 0, s, false
		}
		value = value*10 + int(c-'0')
	}
	return value, s[n:], true
}

// parseInstant reads what isInstant accepts. Fractions beyond nanoseconds are cut.
func parseInstant(s string) (time.Time, bool) {
	if !isInstant(s) {
		return time.Time{}, false
	}
	leap := time.Duration(0)
	if s[17:19] == "60" {
		s, leap = s[:17]+"59"+s[19:], time.Second
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.Add(leap), err == nil
}
