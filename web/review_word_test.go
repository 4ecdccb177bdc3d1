package web

import (
	"strings"
	"testing"

	"radagora/content"
	"radagora/lang"
)

// TestRulesHaveWords: every alert rule that the program comes with is called by words
// in every language, and never by its code alone.
func TestRulesHaveWords(t *testing.T) {
	catalogue, err := lang.Open()
	if err != nil {
		t.Fatal(err)
	}
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, set := range library.OfKind("", "alert_rules") {
		table, err := set.Table("rules")
		if err != nil {
			t.Fatal(err)
		}
		for row := range table.All() {
			n++
			for _, language := range []string{"en", "de", "fr"} {
				if key := "alert.rule_" + strings.ToLower(row.Text("rule_id")); !catalogue.Printer(language).Has(key) {
					t.Errorf("%s has no %s", language, key)
				}
			}
		}
	}
	if n == 0 {
		t.Error("there are no alert rules")
	}
}
