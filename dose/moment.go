package dose

import (
	"strings"
	"time"
)

// A Moment is a date and time as a report has it. A local time without an offset
// stays local: nobody guesses where the device stood.
type Moment struct {
	Raw    string // as written
	Local  string // 2026-03-01T10:11:12.5, as far as it is known; "" if Raw is unreadable
	Offset string // +01:00, or "" if the report gives none
}

// IsZero reports whether no date is known.
func (m Moment) IsZero() bool { return m.Local == "" }

// String returns the moment as in ISO 8601, with the offset if there is one.
func (m Moment) String() string {
	if len(m.Local) <= len("2026-03-01") {
		return m.Local
	}
	return m.Local + m.Offset
}

// Date returns the day as 2026-03-01, or "".
func (m Moment) Date() string {
	if len(m.Local) < len("2026-03-01") {
		return ""
	}
	return m.Local[:len("2026-03-01")]
}

// day returns the day as a time, and whether it is known.
func (m Moment) day() (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, m.Date())
	return t, err == nil
}

// in returns the moment as an instant, in a zone if it has no offset. A day without a
// time is taken at noon.
func (m Moment) in(zone *time.Location) (time.Time, bool) {
	local := m.Local
	if len(local) == len(time.DateOnly) {
		local += "T12:00"
	}
	local, _, _ = strings.Cut(local, ".")
	layout := "2006-01-02T15:04:05"[:min(len(local), 19)]
	if m.Offset != "" {
		layout, local = layout+"-07:00", local+m.Offset
	}
	t, err := time.ParseInLocation(layout, local, zone)
	return t, err == nil && len(m.Local) >= len(time.DateOnly)
}

// momentLayouts are the forms of a DT by the number of its digits (PS3.5 6.2).
var momentLayouts = map[int]struct{ in, out string }{
	4:  {"2006", "2006"},
	6:  {"200601", "2006-01"},
	8:  {"20060102", "2006-01-02"},
	10: {"2006010215", "2006-01-02T15:00"},
	12: {"200601021504", "2006-01-02T15:04"},
	14: {"20060102150405", "2006-01-02T15:04:05"},
}

// parseMoment reads a DT value. zone is the offset of the whole object
// (0008,0201), which counts where the value has none.
func parseMoment(raw, zone string) Moment {
	m := Moment{Raw: raw}
	s := strings.TrimSpace(raw)
	if i := strings.LastIndexAny(s, "+-"); i >= 4 {
		zone, s = s[i:], s[:i]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	layout, ok := momentLayouts[len(whole)]
	if !ok {
		return m
	}
	t, err := time.Parse(layout.in, whole)
	if err != nil {
		return m
	}
	m.Local = t.Format(layout.out)
	if len(whole) == 14 && fraction != "" && len(fraction) <= 6 && digits(fraction) {
		m.Local += "." + fraction
	}
	m.Offset = parseZone(zone)
	return m
}

// parseDateTime joins a DA and a TM, of which the second may be empty. Dates of
// the ACR-NEMA form 2006.08.23 are read too.
func parseDateTime(date, clock, zone string) Moment {
	date = strings.ReplaceAll(date, ".", "")
	clock = strings.ReplaceAll(clock, ":", "")
	m := parseMoment(date+clock, zone)
	if m.IsZero() && clock != "" {
		m = parseMoment(date, zone)
	}
	return m
}

// parseZone returns &ZZXX as +01:00, or "" if it is not of that form.
func parseZone(s string) string {
	s = strings.TrimSpace(s)
	if len(s) != len("+0100") || s[0] != '+' && s[0] != '-' || !digits(s[1:]) {
		return ""
	}
	return s[:3] + ":" + s[3:]
}

// digits reports whether s is nothing but decimal digits.
func digits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
