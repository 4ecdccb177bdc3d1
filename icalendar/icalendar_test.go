package icalendar_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"radagora/fault"
	"radagora/icalendar"
)

func TestWrite(t *testing.T) {
	day := time.Date(2027, 2, 28, 0, 0, 0, 0, time.UTC)
	now := time.Date(2026, 11, 23, 17, 20, 0, 0, time.FixedZone("", 3600))
	var b strings.Builder
	long := strings.Repeat("Prüfung ", 20)
	err := icalendar.Write(&b, "Radagora//test", now, []icalendar.Event{
		{UID: "a@radagora", Day: day, Summary: "one; two, three\\\r\nfour", URL: "https://example.org/a"}, {UID: "b@radagora", Day: day, Summary: long},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Radagora//test//EN\r\nBEGIN:VEVENT\r\nUID:a@radagora\r\nDTSTAMP:20261123T162000Z\r\nDTSTART;VALUE=DATE:20270228\r\nDTEND;VALUE=DATE:20270301\r\nSUMMARY:one\\; two\\, three\\\\\\nfour\r\nURL:https://example.org/a\r\nEND:VEVENT\r\n",
		"END:VEVENT\r\nEND:VCALENDAR\r\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") {
		t.Error("a line ends without CR")
	}
	for l := range strings.SplitSeq(text, "\r\n") {
		if len(l) > 75 || !utf8.ValidString(l) {
			t.Errorf("a line of %d bytes: %q", len(l), l)
		}
	}
	if !strings.Contains(strings.ReplaceAll(text, "\r\n ", ""), "SUMMARY:"+long) {
		t.Error("unfolded it is another text")
	}
	if err := icalendar.Write(&b, "x", now, nil); fault.Of(err) != fault.NotFound {
		t.Errorf("an empty calendar: %v", err)
	}
}
