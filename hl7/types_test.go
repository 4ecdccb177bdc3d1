package hl7_test

import (
	"encoding/base64"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/fault"
	"radagora/hl7"
)

func TestTime(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	for _, c := range []struct {
		in, want, end string
		p             hl7.Precision
		zoned         bool
	}{
		{"2026", "2026-01-01T00:00:00+01:00", "2027-01-01T00:00:00+01:00", hl7.ToYear, false},
		{"202602", "2026-02-01T00:00:00+01:00", "2026-03-01T00:00:00+01:00", hl7.ToMonth, false},
		{"20260203", "2026-02-03T00:00:00+01:00", "2026-02-04T00:00:00+01:00", hl7.ToDay, false},
		{"2026020304", "2026-02-03T04:00:00+01:00", "2026-02-03T05:00:00+01:00", hl7.ToHour, false},
		{"202602030405", "2026-02-03T04:05:00+01:00", "2026-02-03T04:06:00+01:00", hl7.ToMinute, false},
		{"20260203040506-0500", "2026-02-03T04:05:06-05:00", "2026-02-03T04:05:07-05:00", hl7.ToSecond, true},
		{"20260203040506.25+0000", "2026-02-03T04:05:06.25Z", "2026-02-03T04:05:06.25Z", hl7.ToFraction, true},
		{"202602030405+1400", "2026-02-03T04:05:00+14:00", "2026-02-03T04:06:00+14:00", hl7.ToMinute, true},
		{"20260203040506^D", "2026-02-03T04:05:06+01:00", "2026-02-04T04:05:06+01:00", hl7.ToDay, false},
	} {
		got, err := of(t, plain, c.in).Time(berlin)
		if err != nil || got.Time.Format(time.RFC3339Nano) != c.want || got.End().Format(time.RFC3339Nano) != c.end || got.Precision != c.p || got.Zoned != c.zoned {
			t.Errorf("%s: %v to %v, precision %d, zoned %v, %v; want %s to %s", c.in, got.Time, got.End(), got.Precision, got.Zoned, err, c.want, c.end)
		}
	}
	for _, bad := range []string{"x", "202", "20261301", "20260230", "2026020325", "20260203040560", "20260203040506.", "20260203+01", "20260203+0160", "2026-02-03", "20260203040506.1234567890", "20260203+2500"} {
		if _, err := of(t, plain, bad).Time(nil); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%s: %v; want invalid", bad, err)
		}
	}
	if got, err := of(t, plain, `""`).Time(nil); err != nil || got != (hl7.Time{}) {
		t.Errorf("null: %v", err)
	}
	if z := parse(t, message).Zone(time.UTC); z.String() != "" {
		t.Errorf("zone %v; want that of MSH-7", z)
	}
	if z := parse(t, plain).Zone(berlin); z != berlin {
		t.Errorf("zone %v; want the sender's", z)
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		in   string
		want hl7.NM
	}{
		{"1.75", hl7.NM{Text: "1.75", Value: 1.75}},
		{"1,75", hl7.NM{Text: "1,75", Value: 1.75, Comma: true}},
		{" -3 ", hl7.NM{Text: " -3 ", Value: -3}},
		{"+.5", hl7.NM{Text: "+.5", Value: .5}},
		{"", hl7.NM{}},
	} {
		if got, err := of(t, plain, c.in).NM(); err != nil || got != c.want {
			t.Errorf("%q: %v, %v; want %v", c.in, got, err, c.want)
		}
	}
	for _, bad := range []string{"x", "1e9", "NaN", "Inf", "0x1p4", "1.2.3", "1,2,3", "1.000,5", "--1", "1_0"} {
		if _, err := of(t, plain, bad).NM(); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%s: %v; want invalid", bad, err)
		}
	}
	sn, err := of(t, plain, ">^100^-^200").SN()
	if err != nil || sn.Comparator != ">" || sn.First.Value != 100 || sn.Separator != "-" || sn.Second.Value != 200 {
		t.Errorf("structured number %v, %v", sn, err)
	}
	if _, err := of(t, plain, ">^x").SN(); fault.Of(err) != fault.Invalid || err == nil {
		t.Errorf("structured number without one: %v", err)
	}
	if n, _ := of(t, plain, "1").NM(); math.IsNaN(n.Value) {
		t.Error("not a number")
	}
}

func TestTyped(t *testing.T) {
	for _, c := range []struct {
		name, in string
		get      func(hl7.Value) any
		want     any
	}{
		{
			"identifier", "4711^5^M10^HIS&1.2&ISO^PI^FAC^20200101^20300101", func(v hl7.Value) any { return v.CX() },
			hl7.CX{"4711", "5", "M10", hl7.HD{"HIS", "1.2", "ISO"}, "PI", hl7.HD{Namespace: "FAC"}, "20200101", "20300101"},
		},
		{"order number", "A1^RIS^1.2^ISO", func(v hl7.Value) any { return v.EI() }, hl7.EI{"A1", hl7.HD{"RIS", "1.2", "ISO"}}},
		{
			"name with prefixes", "van Test&van&Test&de&Probe^Alpha^B^Jr^Dr^MD^L^A", func(v hl7.Value) any { return v.XPN() },
			hl7.XPN{Family: "van Test", OwnPrefix: "van", OwnSurname: "Test", PartnerPrefix: "de", PartnerSurname: "Probe", Given: "Alpha", Middle: "B", Suffix: "Jr", Prefix: "Dr", Degree: "MD", Type: "L", Representation: "A"},
		},
		{
			"person", "77^TEST^BRAVO^^^DR^^^HIS&1.2&ISO^L^^^LN", func(v hl7.Value) any { return v.XCN() },
			hl7.XCN{ID: "77", Name: hl7.XPN{Family: "TEST", Given: "BRAVO", Prefix: "DR", Type: "L"}, Assigner: hl7.HD{"HIS", "1.2", "ISO"}, IDType: "LN"},
		},
		{
			"coded value", "1^one^L^2^two^LN^v1", func(v hl7.Value) any { return v.CWE() },
			hl7.CWE{Code: "1", Text: "one", System: "L", AlternateCode: "2", AlternateText: "two", OtherSystem: "LN", Version: "v1"},
		},
		{"code in one of its systems", "1^one^L^2^two^LN", func(v hl7.Value) any { return v.CWE().In("LN", "LOINC") }, "2"},
		{
			"address", "Example 1&Example&1^x^Town^ST^12345^DE^H", func(v hl7.Value) any { return v.XAD() },
			hl7.XAD{"Example 1", "Example", "1", "x", "Town", "ST", "12345", "DE", "H"},
		},
		{
			"telephone", "^PRN^PH^a@example.org^49^30^5550^1^text^^^+49305550", func(v hl7.Value) any { return v.XTN() },
			hl7.XTN{"", "PRN", "PH", "a@example.org", "49", "30", "5550", "1", "text", "+49305550"},
		},
		{"place", "W1^2^3^FAC^^^B^F", func(v hl7.Value) any { return v.PL() }, hl7.PL{"W1", "2", "3", hl7.HD{Namespace: "FAC"}, "B", "F"}},
	} {
		if diff := cmp.Diff(c.want, c.get(of(t, plain, c.in))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestDocument(t *testing.T) {
	pdf := []byte("%PDF-1.4 of nobody")
	b64 := base64.StdEncoding.EncodeToString(pdf)
	for _, c := range []struct {
		name, in string
		kind     fault.Kind
		fine     bool
	}{
		{"base64", "APP^AP^PDF^Base64^" + b64, 0, true},
		{"broken into lines", "APP^AP^PDF^Base64^" + b64[:8] + `\.br\` + b64[8:], 0, true},
		{"hexadecimal", "APP^AP^PDF^Hex^255044462d312e34206f66206e6f626f6479", 0, true},
		{"as it is", "APP^AP^PDF^A^%PDF-1.4 of nobody", 0, true},
		{"no base64", "APP^AP^PDF^Base64^!!!!", fault.Invalid, false},
		{"no hexadecimal", "APP^AP^PDF^Hex^zz", fault.Invalid, false},
		{"an encoding nobody knows", "APP^AP^PDF^uu^x", fault.Unsupported, false},
	} {
		ed := of(t, plain, c.in).ED()
		got, err := ed.Bytes(1000)
		if c.fine && (err != nil || string(got) != string(pdf)) || !c.fine && (err == nil || fault.Of(err) != c.kind) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
		if ed.Subtype != "PDF" || ed.Source.Namespace != "APP" {
			t.Errorf("%s: subtype %q of %v", c.name, ed.Subtype, ed.Source)
		}
		if _, err := ed.Bytes(4); c.fine && fault.Of(err) != fault.Exhausted {
			t.Errorf("%s: above the limit: %v; want exhausted", c.name, err)
		}
	}
}
