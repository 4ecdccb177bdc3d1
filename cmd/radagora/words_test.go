package main

import (
	"testing"

	"radagora/access"
	"radagora/lang"
	"radagora/notice"
)

// TestWordsOfRights: every act has a word on the page of policies, and every kind of
// notice one on the page where people choose.
func TestWordsOfRights(t *testing.T) {
	catalogue, err := lang.Open()
	check(t, err)
	for _, tag := range []string{"en", "de", "fr"} {
		p := catalogue.Printer(tag)
		for _, a := range access.Acts() {
			if key := "rights.act_" + string(a); !p.Has(key) {
				t.Errorf("%s: no word %s", tag, key)
			}
		}
		for _, k := range notice.Kinds() {
			if k == "notice.mail.test" {
				continue // nobody chooses how it comes
			}
			if key := "notice.label." + k; !p.Has(key) {
				t.Errorf("%s: no word %s", tag, key)
			}
		}
	}
}
