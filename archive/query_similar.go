package archive

import (
	"context"
	"slices"
	"strings"

	"radagora/dicom/tag"
)

// narrow finds, for names that no index finds, the studies that have words of the kind,
// unless they are too many: words that are like those of the name, or that have the
// letters inside. Studies whose words are not prepared yet are looked at as well.
func (p *plan) narrow(ctx context.Context, w *statement) error {
	i := slices.IndexFunc(p.keys, func(k key) bool { return k.tag == tag.PatientName && k.asks() })
	if i < 0 || p.a.Minimise != nil {
		return nil
	}
	var all []string
	for _, t := range p.keys[i].terms {
		ids, known, err := p.named(ctx, t)
		if err != nil || !known || len(all)+len(ids) > 2*maxPostings {
			return err
		}
		all = append(all, ids...)
	}
	marks := []string{"''"}
	for _, id := range all {
		marks = append(marks, w.arg(id))
	}
	p.few, w.byID = true, true
	condition := "(study.id in (" + strings.Join(marks, ", ") + ") or study.id in (select id from prepare_due where kind = 'study'))"
	if p.varied && p.owns(p.keys[i]) { // words are those of the study
		w.own = append(w.own, condition)
		return nil
	}
	w.and(condition)
	return nil
}

// named returns the studies that words of a name lead to, and whether these are all.
func (p *plan) named(ctx context.Context, t term) (ids []string, known bool, err error) {
	s := searcher{p: p, identity: true, only: wordName}
	switch {
	case p.q.Fuzzy && t.op != absent:
		for _, word := range nameWords(strings.NewReplacer("*", " ", "?", " ").Replace(t.text)) {
			s.tokens = append(s.tokens, token{word: short(word)})
		}
		return s.candidates(ctx)
	case t.op == absent, alphabetic(t.text) && !strings.Contains(t.text, "="):
		return nil, false, nil // an index finds it
	}
	group := strings.TrimLeft(t.text, "=^ ")
	group, _, _ = strings.Cut(group, "=")
	if begin := strings.FieldsFunc(Fold(group), separates); len(begin) > 0 && strings.IndexAny(group, "*?") != 0 {
		return s.beginning(ctx, short(begin[0]))
	}
	letters := longest(strings.FieldsFunc(Fold(group), separates))
	if len([]rune(letters)) < 3 {
		return nil, false, nil
	}
	words, err := s.containing(ctx, letters)
	if err != nil || len(words) > maxInside {
		return nil, false, err
	}
	return s.exactly(ctx, words)
}

// separates reports whether a character of a pattern stands between words.
func separates(r rune) bool { return strings.ContainsRune("*?^= -,.'", r) }

func longest(parts []string) (best string) {
	for _, s := range parts {
		if len([]rune(s)) > len([]rune(best)) {
			best = s
		}
	}
	return best
}

// similarName reports whether each word of a pattern is like a word of the name, in
// whatever order: the same, a beginning of it, or a letter or two beside.
func similarName(pattern, name string) bool {
	words := nameWords(name)
	wanted := nameWords(strings.NewReplacer("*", " ", "?", " ").Replace(pattern))
	for _, w := range wanted {
		found := false
		for _, s := range words {
			if strings.HasPrefix(s, w) || similar(w, s) {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return len(wanted) > 0
}

// nameWords returns the words of a name, folded.
func nameWords(name string) []string {
	return strings.FieldsFunc(Fold(name), func(r rune) bool { return strings.ContainsRune("^= -,.'", r) })
}

// similar reports whether two folded words are a slip apart: letters changed, left
// out, added, or two neighbours exchanged; one of them in words of four letters and
// more, two from eight on.
func similar(a, b string) bool {
	x, y := []rune(a), []rune(b)
	most := 0
	switch n := min(len(x), len(y)); {
	case n >= 8:
		most = 2
	case n >= 4:
		most = 1
	}
	return a == b || most > 0 && apart(x, y, most) <= most
}

// apart returns the distance of Damerau and Levenshtein between neighbours, or more
// than most if it is more.
func apart(x, y []rune, most int) int {
	if len(x)-len(y) > most || len(y)-len(x) > most {
		return most + 1
	}
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
