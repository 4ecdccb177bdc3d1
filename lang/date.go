package lang

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Date prints the day of t in t's own zone, as in "3 Nov 2026". The zero time
// prints as a dash.
func (p *Printer) Date(t time.Time) string { return p.date(p.book.Calendar.Date, t) }

// LongDate prints the day of t for a heading, as in "3 November 2026".
func (p *Printer) LongDate(t time.Time) string { return p.date(p.book.Calendar.LongDate, t) }

// Month prints the month of t with its year, as in "Nov 2026".
func (p *Printer) Month(t time.Time) string { return p.date(p.book.Calendar.Month, t) }

// ShortMonth prints the month of t alone, for the axis of a chart.
func (p *Printer) ShortMonth(t time.Time) string { return p.book.Calendar.Short[t.Month()-1] }

// DateTime prints the day and the minute of t in t's own zone.
func (p *Printer) DateTime(t time.Time) string {
	if t.IsZero() {
		return none
	}
	return p.Date(t) + "," + nbsp + t.Format("15:04")
}

// Time prints the second of t in t's own zone.
func (*Printer) Time(t time.Time) string {
	if t.IsZero() {
		return none
	}
	return t.Format("15:04:05")
}

// date fills a pattern of the calendar; its spaces are not parted at a line's
// end.
func (p *Printer) date(pattern string, t time.Time) string {
	if t.IsZero() {
		return none
	}
	c := p.book.Calendar
	return strings.NewReplacer(
		"{d}", strconv.Itoa(t.Day()),
		"{dd}", fmt.Sprintf("%02d", t.Day()),
		"{mm}", fmt.Sprintf("%02d", t.Month()),
		"{month}", c.Months[t.Month()-1],
		"{mon}", c.Short[t.Month()-1],
		"{y}", strconv.Itoa(t.Year()),
		" ", nbsp,
	).Replace(pattern)
}
