// Package icalendar writes days on which something is due as an iCalendar file (RFC 5545).
package icalendar

import (
	"io"
	"strings"
	"time"

	"radagora/fault"
)

// An Event is something that is due on a day.
type Event struct {
	UID     string // the same whenever the same thing is written; of printable ASCII
	Day     time.Time
	Summary string
	URL     string // of its page, "" for none
}

// Write writes a calendar. product names who wrote it, such as "Radagora//equipment"; now
// is when. NotFound: there is no event; a calendar without one is none (RFC 5545 §3.6).
func Write(w io.Writer, product string, now time.Time, events []Event) error {
	if len(events) == 0 {
		return fault.Errorf(fault.NotFound, "nothing is due: a calendar file needs one entry at least")
	}
	var out strings.Builder
	line := func(s string) { out.WriteString(fold(s) + "\r\n") }
	line("BEGIN:VCALENDAR")
	line("VERSION:2.0")
	line("PRODID:-//" + product + "//EN")
	for _, e := range events {
		line("BEGIN:VEVENT")
		line("UID:" + e.UID)
		line("DTSTAMP:" + now.UTC().Format("20060102T150405Z"))
		line("DTSTART;VALUE=DATE:" + e.Day.Format("20060102"))
		line("DTEND;VALUE=DATE:" + e.Day.AddDate(0, 0, 1).Format("20060102"))
		line("SUMMARY:" + escaped(e.Summary))
		if e.URL != "" {
			line("URL:" + strings.NewReplacer("\r", "", "\n", "").Replace(e.URL))
		}
		line("END:VEVENT")
	}
	line("END:VCALENDAR")
	_, err := io.WriteString(w, out.String())
	return fault.As(fault.Unavailable, err)
}

// escaped writes a text as RFC 5545 §3.3.11 asks.
func escaped(s string) string {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r", "", "\n", `\n`).Replace(s)
}

// fold breaks a line after 75 bytes, between characters (RFC 5545 §3.1).
func fold(s string) string {
	var out strings.Builder
	n := 0
	for _, c := range s {
		if size := len(string(c)); n+size > 75 {
			out.WriteString("\r\n ")
			n = 1
		}
		n += len(string(c))
		out.WriteRune(c)
	}
	return out.String()
}
