package content

import (
	"strings"
	"time"
)

// A Date is a day, or a year where the source states no more. The zero Date is
// unknown. Days are text of the form 2006-01-02, whose order is that of time.
type Date struct{ text string }

// ParseDate reads YYYY-MM-DD or YYYY. It reports false for anything else; "" is
// the unknown date.
func ParseDate(s string) (Date, bool) {
	if s == "" {
		return Date{}, true
	}
	layout := time.DateOnly
	if len(s) == len("2006") {
		layout = "2006"
	}
	_, err := time.Parse(layout, s)
	return Date{s}, err == nil
}

// String returns the date as it was written.
func (d Date) String() string { return d.text }

// IsZero reports whether the date is unknown.
func (d Date) IsZero() bool { return d.text == "" }

// First returns the first day d may mean, "" if it is unknown.
func (d Date) First() string {
	if len(d.text) == len("2006") {
		return d.text + "-01-01"
	}
	return d.text
}

// Last returns the last day d may mean, "" if it is unknown.
func (d Date) Last() string {
	if len(d.text) == len("2006") {
		return d.text + "-12-31"
	}
	return d.text
}

// A Span is a time of validity, both ends included. An unknown end is open.
type Span struct{ From, To Date }

// Covers reports whether day, written 2006-01-02, lies in the span.
func (s Span) Covers(day string) bool {
	return s.From.First() <= day && (s.To.IsZero() || day <= s.To.Last())
}

// Overlaps reports whether some day lies in both spans.
func (s Span) Overlaps(o Span) bool {
	return s.beginsBy(o) && o.beginsBy(s)
}

// beginsBy reports whether s begins before o is over.
func (s Span) beginsBy(o Span) bool {
	return o.To.IsZero() || s.From.First() <= o.To.Last()
}

// Backwards reports whether the span ends before it begins.
func (s Span) Backwards() bool {
	return !s.To.IsZero() && strings.Compare(s.To.Last(), s.From.First()) < 0
}
