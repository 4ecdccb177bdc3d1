package connect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/connect"
	"radagora/content"
	"radagora/hl7"
)

// effect reads a message as a new installation does.
func effect(t *testing.T, text string) connect.Effect {
	t.Helper()
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	m, err := connect.NewMapping(library, "", "")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := hl7.Parse([]byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m.Read(parsed, connect.Reading{Zone: time.UTC, Place: time.UTC})
}

// TestProblemsHaveKeys: what is wrong with a field is told in the language of whoever looks.
func TestProblemsHaveKeys(t *testing.T) {
	got := map[string]string{}
	for what, segments := range map[string]string{
		"sex":     "PID|1||4711^^^H||PROBE^ANNA||19700101|XYZ",
		"birth":   "PID|1||4711^^^H||PROBE^ANNA||1970-13-77|F",
		"unit":    "PID|1||4711^^^H||PROBE^ANNA||19700101|F\rOBX|1|NM|29463-7^Body weight^LN||70|stones||||||F",
		"other":   "PID|1||4711^^^H||PROBE^ANNA||19700101|F\rOBX|1|NM|29463-7^Body weight^LN||70|cm||||||F",
		"number":  "PID|1||4711^^^H||PROBE^ANNA||19700101|F\rOBX|1|NM|29463-7^Body weight^LN||much|kg||||||F",
		"nothing": "PID|1||4711^^^H||PROBE^ANNA||19700101|F",
	} {
		for _, p := range effect(t, "MSH|^~\\&|RIS|H|R|R|20261122101500||ADT^A08|1|P|2.5.1\rEVN|A08\r"+segments).Problems {
			got[what] += p.Key
			if strings.Contains(p.What, "PROBE") || strings.Contains(p.What, "XYZ") {
				t.Errorf("%s: the value is told: %s", what, p.What)
			}
		}
	}
	if diff := cmp.Diff(map[string]string{"sex": "code", "birth": "time", "unit": "unit", "other": "unit_kind", "number": "number"}, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

// TestReasonOfOrder: OBR-31 is coded, and often carries a text alone.
func TestReasonOfOrder(t *testing.T) {
	for field, want := range map[string]string{
		"abdominal pain": "abdominal pain", "^abdominal pain": "abdominal pain", "R10.4^Abdominal pain^I10": "Abdominal pain",
		"^^^X1^Schmerzen^99KIS": "Schmerzen", "R10.4^^I10": "R10.4", "": "",
	} {
		e := effect(t, "MSH|^~\\&|RIS|H|R|R|20261122101500||ORM^O01|1|P|2.3.1\rPID|1||4711^^^H||PROBE^ANNA\rORC|NW|P1|F1\r"+
			"OBR|1|P1|F1|CT^CT^L||||||||||||||A1|RP1|S1||||CT|||||||"+field)
		if len(e.Orders) != 1 || e.Orders[0].Requested.Reason != want {
			t.Errorf("OBR-31 %q: %+v; want %q", field, e.Orders, want)
		}
	}
}
