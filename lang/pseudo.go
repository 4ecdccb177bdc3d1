package lang

import (
	"strings"
	"unicode"

	"golang.org/x/text/feature/plural"
)

// accents holds a look-alike for each letter, so that a pseudo-language can be
// read and any text that is not from the catalogue stands out.
var accents = strings.NewReplacer(
	"a", "á", "c", "ç", "e", "é", "i", "í", "l", "ł", "n", "ñ", "o", "ö", "r", "ŕ", "s", "š", "t", "ť", "u", "û", "y", "ý", "z", "ž",
	"A", "Å", "C", "Ç", "D", "Ð", "E", "É", "I", "Ï", "L", "Ł", "N", "Ñ", "O", "Ö", "R", "Ŕ", "S", "Š", "T", "Ť", "U", "Û", "Y", "Ý", "Z", "Ž",
)

// pseudo returns a copy of b in which each message is changed by how.
func (b *book) pseudo(how func(template) template) *book {
	other := *b
	other.entries = make(map[string]entry, len(b.entries))
	for key, e := range b.entries {
		forms := make(map[plural.Form]template, len(e.forms))
		for f, t := range e.forms {
			forms[f] = how(t)
		}
		other.entries[key] = entry{forms: forms}
	}
	return &other
}

// accented puts accents on a message, makes it about two fifths longer and
// brackets it, so that a cut text shows.
func accented(t template) template {
	out := template{{text: "["}}
	letters := 0
	for _, s := range t {
		if !s.arg {
			letters += len([]rune(s.text))
			s.text = accents.Replace(s.text)
		}
		out = append(out, s)
	}
	pad := strings.Repeat("~", max(1, letters*2/5))
	return append(out, segment{text: pad + "]"})
}

// compound joins the words of a message into long ones without a place to
// break, the way a German compound does it: every third space stays.
func compound(t template) template {
	out := make(template, 0, len(t))
	for _, s := range t {
		if !s.arg {
			s.text = joinWords(s.text)
		}
		out = append(out, s)
	}
	return out
}

// joinWords makes compounds of the words of text.
func joinWords(text string) string {
	var b strings.Builder
	words := strings.FieldsFunc(text, unicode.IsSpace)
	for i, w := range words {
		switch {
		case i == 0 && unicode.IsSpace([]rune(text)[0]), i > 0 && i%3 == 0:
			b.WriteString(" ")
		case i > 0:
			b.WriteString("ungs")
		}
		b.WriteString(w)
	}
	if len(words) < 3 && len(text) > 3 {
		b.WriteString("sbestimmungsverfahren")
	}
	if last := []rune(text)[len([]rune(text))-1]; unicode.IsSpace(last) {
		b.WriteString(" ")
	}
	return b.String()
}
