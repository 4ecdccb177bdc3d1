package history

import (
	"strconv"
	"strings"

	"radagora/content"
)

// A Wording is the sentence on a dose in one language of a site, from the content set
// dose/sentence.
type Wording struct {
	texts, one map[string]string
	Draft      bool // nobody has checked the words
}

// LoadWording reads the words of a site in a language, or what is nearest: without a
// region, and then English.
func LoadWording(library *content.Library, site, language string) (Wording, error) {
	table, err := library.Table(site, "dose/sentence", "sentences")
	if err != nil {
		return Wording{}, err
	}
	base, _, _ := strings.Cut(language, "-")
	w := Wording{texts: map[string]string{}, one: map[string]string{}, Draft: true}
	if set, ok := library.Set(site, "dose/sentence"); ok {
		w.Draft = set.CheckedBy == ""
	}
	for _, wanted := range []string{"en", base, language} { // the last one counts
		for row := range table.All() {
			if key := row.Text("key"); row.Text("language") == wanted {
				w.texts[key], w.one[key] = row.Text("text"), row.Text("one")
			}
			if err := row.Err(); err != nil {
				return w, err
			}
		}
	}
	return w, nil
}

// Amount words one quantity, by the field that it is of.
func (w Wording) Amount(field, value string) string {
	return strings.NewReplacer("{value}", value).Replace(w.texts[field])
}

// Examination words what an examination came to in a number of irradiations.
func (w Wording) Examination(name, values string, n int) string {
	text := w.texts["examination"]
	if n == 1 && w.one["examination"] != "" {
		text = w.one["examination"]
	}
	return strings.NewReplacer("{name}", name, "{values}", values, "{n}", strconv.Itoa(n)).Replace(text)
}

// Sentence puts examinations together. Words that nobody has checked are marked.
func (w Wording) Sentence(examinations ...string) string {
	all := append([]string{w.texts["intro"]}, examinations...)
	if w.Draft {
		all = append(all, w.texts["draft"])
	}
	return strings.TrimSpace(strings.Join(all, " "))
}
