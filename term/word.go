package term

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"radagora/content"
)

// mostText is how much of a name is read; longer ones do not mean more.
const mostText = 1000

// letters are those that do not come apart into a letter and an accent, and the ways to
// write an umlaut without one. Words and names are folded alike, so that it does no
// harm where they stand in a word by chance.
var letters = strings.NewReplacer("ß", "ss", "æ", "a", "œ", "o", "ø", "o", "ł", "l", "ı", "i", "ae", "a", "oe", "o", "ue", "u")

// Tokens divides a name into words as they are compared: lower case, without accents,
// apart at signs, at changes from letters to digits and inside CamelCase.
func Tokens(text string) []string {
	if len(text) > mostText {
		text = text[:mostText]
	}
	var all []string
	for _, w := range strings.FieldsFunc(strings.ToValidUTF8(text, " "), func(r rune) bool { return !unicode.In(r, unicode.L, unicode.N, unicode.Mn) }) {
		for _, part := range apart(norm.NFC.String(w)) {
			if t := fold(part); t != "" {
				all = append(all, t)
			}
		}
	}
	return all
}

// fold makes a word comparable.
func fold(word string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(word) {
		if unicode.In(r, unicode.L, unicode.N) {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return letters.Replace(b.String())
}

// small reports whether a letter is a small one; ß stands among capitals too.
func small(r rune) bool { return unicode.IsLower(r) && r != 'ß' }

// apart divides a word where its kind of characters changes: CTThorax5mm is CT, Thorax,
// 5 and mm.
func apart(word string) (parts []string) {
	rs := []rune(word)
	from := 0
	for i := 1; i < len(rs); i++ {
		before, now := rs[i-1], rs[i]
		cut := unicode.IsNumber(before) != unicode.IsNumber(now) || small(before) && unicode.IsUpper(now) ||
			i+1 < len(rs) && unicode.IsUpper(before) && unicode.IsUpper(now) && small(rs[i+1])
		if cut {
			parts = append(parts, string(rs[from:i]))
			from = i
		}
	}
	return append(parts, string(rs[from:]))
}

// A vocabulary says what words mean. Meanings are words of their own: lws means lumbar
// and spine.
type vocabulary struct {
	means  map[string][]string // by folded words between spaces; empty for those that tell nothing
	sorted []string            // its keys of one word, for finding by the beginning
	most   int                 // words in the longest phrase
}

// readWords reads the words of content. The first row of a word stands.
func readWords(table *content.Table) vocabulary {
	v := vocabulary{means: map[string][]string{}}
	for row := range table.All() {
		tokens := Tokens(row.Text("word"))
		key := strings.Join(tokens, " ")
		if _, known := v.means[key]; known || key == "" {
			continue
		}
		v.means[key] = row.List("means")
		v.most = max(v.most, len(tokens))
	}
	return v
}

// learn returns the meanings of a name of a concept, and learns the words of it that
// nobody explained: they mean themselves.
func (v *vocabulary) learn(name string) []string {
	var all []string
	for _, u := range v.read(Tokens(name), false) {
		if len(u.options) == 0 && !u.neutral {
			v.means[u.text] = []string{"=" + u.text}
			u.options = [][]string{v.means[u.text]}
		}
		for _, o := range u.options {
			for _, m := range o {
				if !slices.Contains(all, m) {
					all = append(all, m)
				}
			}
		}
	}
	return all
}

// finish makes the vocabulary ready for finding.
func (v *vocabulary) finish() {
	for key := range v.means {
		if !strings.Contains(key, " ") {
			v.sorted = append(v.sorted, key)
		}
	}
	slices.Sort(v.sorted)
}

// A unit is a word or phrase of a name with what it may mean.
type unit struct {
	text    string
	options [][]string // each a list of meanings; none if nobody knows the word
	neutral bool       // it tells nothing of the examination
}

// read divides tokens into units, the longest phrases first. Abbreviated words stand for
// all that begin with them if they have three letters, the last one of what is being
// typed with one.
func (v *vocabulary) read(tokens []string, typing bool) (units []unit) {
	for i := 0; i < len(tokens); {
		n := min(v.most, len(tokens)-i)
		for ; n > 0; n-- {
			key := strings.Join(tokens[i:i+n], " ")
			if means, ok := v.means[key]; ok {
				u := meaning(key, means)
				if u.neutral && typing && i+n == len(tokens) {
					u = v.begun(u)
				}
				units = append(units, u)
				break
			}
		}
		if n == 0 {
			units = append(units, v.guess(tokens[i], typing && i == len(tokens)-1))
			n = 1
		}
		i += n
	}
	return units
}

// begun returns a word that tells nothing as the beginning of one that does, if there is
// such a one: who types s may go on to spine.
func (v *vocabulary) begun(u unit) unit {
	if options := v.beginning(u.text); len(options) > 0 {
		return unit{text: u.text, options: options}
	}
	return u
}

// meaning makes the unit of known words.
func meaning(text string, means []string) unit {
	if len(means) == 0 {
		return unit{text: text, neutral: true}
	}
	return unit{text: text, options: [][]string{means}}
}

// guess makes the unit of a word that the vocabulary does not have: put together of
// words it has, the beginning of some, or unknown. Numbers and single letters tell
// nothing.
func (v *vocabulary) guess(token string, typing bool) unit {
	if means, ok := v.compound(token); ok {
		return meaning(token, means)
	}
	letters := len([]rune(token))
	if letters >= 3 || typing && !unicode.IsNumber(rune(token[0])) {
		if options := v.beginning(token); len(options) > 0 {
			return unit{text: token, options: options}
		}
	}
	if letters < 2 || strings.IndexFunc(token, func(r rune) bool { return !unicode.IsNumber(r) }) < 0 {
		return unit{text: token, neutral: true}
	}
	return unit{text: token}
}

// beginning returns the meanings of the words that begin with token.
func (v *vocabulary) beginning(token string) (options [][]string) {
	i, _ := slices.BinarySearch(v.sorted, token)
	for ; i < len(v.sorted) && strings.HasPrefix(v.sorted[i], token); i++ {
		means := v.means[v.sorted[i]]
		if len(means) > 0 && !slices.ContainsFunc(options, func(o []string) bool { return slices.Equal(o, means) }) {
			options = append(options, means)
		}
	}
	return options
}

// leastPart is how long the parts of a compound are at least; shorter ones stand in words
// by chance.
const leastPart = 4

// compound returns the meanings of the words that a word is put together of:
// thoraxabdomen, headroutine.
func (v *vocabulary) compound(word string) (means []string, ok bool) {
	if len(word) > 60 {
		return nil, false
	}
	for i := len(word) - leastPart; i >= leastPart; i-- {
		head, known := v.means[word[:i]]
		if !known {
			continue
		}
		rest, known := v.means[word[i:]]
		if !known {
			rest, known = v.compound(word[i:])
		}
		if known {
			return slices.Concat(head, rest), true
		}
	}
	return nil, false
}
