package hl7_test

import (
	"testing"
	"time"

	"radagora/hl7"
)

// TestZoneOverTheYear: what a sender writes in winter about July is by the clocks of July.
func TestZoneOverTheYear(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, sent string
		local      *time.Location
		want       string // of 8 o'clock on the first of July
	}{
		{"the offset of the place in winter", "20261122110000+0100", berlin, "2026-07-01T06:00:00Z"},
		{"the offset of the place in summer", "20260622110000+0200", berlin, "2026-07-01T06:00:00Z"},
		{"no offset", "20261122110000", berlin, "2026-07-01T06:00:00Z"},
		{"an offset of elsewhere", "20261122110000+0000", berlin, "2026-07-01T08:00:00Z"},
		{"nobody knows the place", "20261122110000+0100", nil, "2026-07-01T07:00:00Z"},
	} {
		m, err := hl7.Parse([]byte("MSH|^~\\&|A|B|C|D|"+c.sent+"||SIU^S12|1|P|2.5\rAIS|1|A|X|20260701080000\r"), nil)
		if err != nil {
			t.Fatal(err)
		}
		at, err := m.Segment("AIS", 1).Field(4).Time(m.Zone(c.local))
		if got := at.UTC().Format(time.RFC3339); err != nil || got != c.want {
			t.Errorf("%s: %s, %v; want %s", c.name, got, err, c.want)
		}
	}
}
