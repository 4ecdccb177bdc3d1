package archive

import (
	"slices"
	"strings"
)

// A token is one word that was typed.
type token struct {
	word   string   // folded
	dates  []string // beginnings of dates YYYYMMDD that it may mean
	hashes []string // what a minimised installation keeps of it, and of all that was typed
}

// tokens cuts what was typed into words.
func (a *Archive) tokens(text string) []token {
	text = clean(text)
	var all []token
	for raw := range strings.FieldsSeq(text) {
		if d := dateTyped(raw); len(d) > 0 {
			all = append(all, token{word: joinedUp(raw), dates: d})
			continue
		}
		for _, w := range nameWords(raw) {
			if w = strings.Trim(w, "*?"); w != "" {
				all = append(all, token{word: short(w)})
			}
		}
	}
	if m := a.Minimise; m != nil {
		whole := strings.TrimSpace(text)
		hashes := []string{m.hash("patient", whole, hashLength), m.accession(whole), m.name(whole)}
		for i, h := range hashes {
			hashes[i] = joinedUp(h)
		}
		for i := range all {
			all[i].hashes = hashes // each may be a part of what all of it stands for
		}
	}
	return all[:min(len(all), maxTokens)]
}

// dateTyped returns the beginnings of dates that a word may mean.
func dateTyped(s string) []string {
	year := func(y string) bool { return len(y) == 4 && (strings.HasPrefix(y, "19") || strings.HasPrefix(y, "20")) }
	if digits(s) {
		switch {
		case len(s) == 4 && year(s):
			return []string{s}
		case len(s) == 6 && year(s[:4]) && s[4:] >= "01" && s[4:] <= "12":
			return []string{s}
		case len(s) == 8 && parseDate(s) != "":
			return []string{s}
		}
		return nil
	}
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == '.' || r == '-' || r == '/' })
	if slices.ContainsFunc(parts, func(p string) bool { return !digits(p) || len(p) == 0 || len(p) > 4 }) || len(parts) < 2 || len(parts) > 3 {
		return nil
	}
	switch last := parts[len(parts)-1]; {
	case year(parts[0]):
	case year(last):
		slices.Reverse(parts)
	default:
		return nil
	}
	return calendar(parts)
}

// calendar joins year, month and day; with both ways to read 01/02/2024.
func calendar(parts []string) []string {
	for i := 1; i < len(parts); i++ {
		if len(parts[i]) > 2 {
			return nil
		}
		parts[i] = strings.Repeat("0", 2-len(parts[i])) + parts[i]
	}
	one := strings.Join(parts, "")
	if parseDate((one + "0101")[:8]) == "" {
		return nil
	}
	return []string{one}
}

// in says what of a study matches the word, the closest first.
func (t token) in(s Study, identity bool) (Why, bool) {
	best := Why{Typed: t.word}
	take := func(field string, how How) {
		if best.How == "" || rankOfHow[how] < rankOfHow[best.How] {
			best.Field, best.How = field, how
		}
	}
	words := func(field string, list []string, slips bool) {
		for _, w := range list {
			switch {
			case w == t.word || slices.Contains(t.hashes, w):
				take(field, Whole)
			case strings.HasPrefix(w, t.word):
				take(field, Begins)
			case slips && !strings.ContainsAny(t.word, "0123456789") && similar(t.word, w):
				take(field, Similar)
			}
		}
	}
	if identity {
		words("name", searchedName(s.PatientName.Reveal()), true)
		words("id", identifier(s.PatientID.Reveal()), false)
		words("accession", identifier(s.AccessionNumber.Reveal()), false)
	}
	for _, m := range s.Modalities {
		words("modality", []string{Fold(m)}, false)
	}
	words("description", textWords(s.Description), true)
	words("referring", nameWords(s.ReferringPhysician.Reveal()), true)
	words("study_id", identifier(s.StudyID), false)
	for _, d := range t.dates {
		if d == s.Date {
			take("date", Whole)
		} else if strings.HasPrefix(s.Date, d) {
			take("date", Begins)
		}
	}
	return best, best.How != ""
}

var rankOfHow = map[How]int{Whole: 0, Begins: 1, Similar: 2}

// identifier returns the ways in which an identifier is typed.
func identifier(s string) []string {
	folded := joinedUp(s)
	if folded == "" {
		return nil
	}
	return []string{folded, strings.TrimLeft(folded, "0")}
}
