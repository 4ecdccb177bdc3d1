package history_test

import (
	"testing"

	"radagora/content"
	"radagora/dose/history"
)

// TestSentence words a dose in the language that is nearest to the one asked for, and
// marks words that nobody has checked.
func TestSentence(t *testing.T) {
	t.Parallel()
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	for language, want := range map[string]string{
		"en":    "Radiation exposure as the machine reported it. Head: DLP 812 mGy·cm (1 irradiation event). [Made from the dose report by a program; wording not approved.]",
		"de-AT": "Strahlenexposition nach Angabe des Geräts. Head: DLP 812 mGy·cm (1 Bestrahlungsereignis). [Von einem Programm aus dem Dosisbericht erstellt; Wortlaut nicht freigegeben.]",
		"it":    "Radiation exposure as the machine reported it. Head: DLP 812 mGy·cm (1 irradiation event). [Made from the dose report by a program; wording not approved.]",
	} {
		w, err := history.LoadWording(library, "default", language)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Sentence(w.Examination("Head", w.Amount("dlp_mgycm", "812 mGy·cm"), 1)); got != want {
			t.Errorf("%s: %q, want %q", language, got, want)
		}
	}
}
