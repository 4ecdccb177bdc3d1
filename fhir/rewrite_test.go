package fhir_test

import (
	"strings"
	"testing"

	"radagora/fhir"
)

func TestRewriteChangesTexts(t *testing.T) {
	const before = `{"resourceType":"Observation","subject":{"reference":"urn:uuid:1"},"note":[{"text":"urn:uuid:1"}],"performer":[{"reference":"urn:uuid:2"},{"display":"a"}]}`
	r, err := fhir.Parse([]byte(before))
	if err != nil {
		t.Fatal(err)
	}
	out := r.Rewrite(func(name, text string) string {
		if name == "reference" {
			return strings.ReplaceAll(text, "urn:uuid:1", "Patient/1")
		}
		return text
	})
	if got, want := string(out.JSON()), strings.Replace(before, "urn:uuid:1", "Patient/1", 1); got != want {
		t.Errorf("Rewrite = %s; want %s", got, want)
	}
	if string(r.JSON()) != before {
		t.Error("Rewrite changed what it was given")
	}
	if got := r.Rewrite(func(string, string) string { return "" }); string(got.JSON()) != before {
		t.Error("an empty text was taken")
	}
}
