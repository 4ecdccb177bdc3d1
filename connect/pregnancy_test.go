package connect_test

import (
	"testing"

	"radagora/connect"
	"radagora/content"
	"radagora/hl7"
	"radagora/person"
)

// TestPregnancyCodes: a pregnancy that is not confirmed is a possible one, never none.
func TestPregnancyCodes(t *testing.T) {
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	m, err := connect.NewMapping(library, "", "")
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[string]string{
		"77386006^Pregnant^SCT":                       "yes",
		"60001007^Not pregnant^SCT":                   "no",
		"152231000119106^Pregnancy not confirmed^SCT": "possible",
		"146799005^Possible pregnancy^SCT":            "possible",
		"102874004^Possible pregnancy^SCT":            "possible",
		"LA15173-0^Pregnant^LN":                       "yes",
		"LA26683-5^Not pregnant^LN":                   "no",
		"LA4489-6^Unknown^LN":                         "unknown",
	} {
		parsed, err := hl7.Parse(message("ADT^A08", 1, "EVN|A08", pid, "OBX|1|CWE|82810-3^Pregnancy status^LN||"+code+"||||||F"), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := "nothing"
		for _, f := range m.Read(parsed, connect.Reading{}).Patient.Facts {
			if f.Kind == person.Pregnancy {
				got = f.Value
			}
		}
		if got != want {
			t.Errorf("%s is read as %s; want %s", code, got, want)
		}
	}
}
