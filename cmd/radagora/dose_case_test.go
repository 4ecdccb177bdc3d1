package main

import (
	"testing"

	"radagora/lang"
)

// TestAlertWord: a rule of ours has words in each language, one of a site keeps its name.
func TestAlertWord(t *testing.T) {
	words, err := lang.Open()
	if err != nil {
		t.Fatal(err)
	}
	for language, want := range map[string]string{
		"en": "Annex 14 part I: CT of the brain",
		"de": words.Printer("de").T("alert.rule_de_a14_i2a_head"),
		"fr": words.Printer("fr").T("alert.rule_de_a14_i2a_head"),
	} {
		if got := alertWord(words.Printer(language), "DE_A14_I2a_head"); got != want || got == "DE_A14_I2a_head" {
			t.Errorf("%s: %q; want %q", language, got, want)
		}
	}
	if got := alertWord(words.Printer("en"), "OUR_OWN_9"); got != "OUR_OWN_9" {
		t.Errorf("a rule of a site is named %q", got)
	}
}
