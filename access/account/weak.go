package account

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"radagora/access"
	"radagora/fault"
)

// A WeakError says why a password or PIN is not taken. It is in the chain of an
// error of kind Invalid.
type WeakError struct {
	Why   string // short, long, letters, common, own, simple; pin, pin_simple
	Least int    // characters, for short
}

// Error says it without quoting anything.
func (w *WeakError) Error() string { return "password not taken: " + w.Why }

// weak returns such an error.
func weak(why string) error { return fault.As(fault.Invalid, &WeakError{Why: why}) }

// mostBytes bounds a password, so that hashing it costs what it should.
const mostBytes = 1024

// prepared returns a password as it is hashed: the same whichever way a keyboard
// composes its letters (RFC 8265, OpaqueString).
func prepared(password string) ([]byte, error) {
	if len(password) > mostBytes {
		return nil, weak("long")
	}
	b, err := precis.OpaqueString.Bytes([]byte(password))
	if err != nil {
		return nil, weak("letters")
	}
	return b, nil
}

// enough is how much a password has to hold that is no pattern: see worth.
const enough = 8

// acceptable returns what is to be hashed, or why the password is not taken.
func (r *Register) acceptable(u access.User, password string) ([]byte, error) {
	b, err := prepared(password)
	if err != nil {
		return nil, err
	}
	if least := r.o.Limits.Length; utf8.RuneCount(b) < least {
		return nil, fault.As(fault.Invalid, &WeakError{Why: "short", Least: least})
	}
	known, err := r.common.has(string(b))
	if err != nil {
		return nil, err
	}
	folded := fold(string(b))
	switch {
	case known:
		return nil, weak("common")
	case slices.ContainsFunc(r.own(u), func(w string) bool { return strings.Contains(folded, w) }):
		return nil, weak("own")
	case r.common.worth(folded) < enough:
		return nil, weak("simple")
	}
	return b, nil
}

// own returns the words that everybody would try first for this account.
func (r *Register) own(u access.User) []string {
	mail, _, _ := strings.Cut(u.Mail, "@")
	parts := append([]string{"radagora", u.Login, mail}, r.o.OwnWords...)
	parts = append(parts, strings.FieldsFunc(u.Name, func(c rune) bool { return !unicode.IsLetter(c) })...)
	var all []string
	for _, w := range parts {
		for _, one := range append(strings.FieldsFunc(w, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }), w) {
			if one = fold(one); utf8.RuneCountInString(one) >= 4 {
				all = append(all, one)
			}
		}
	}
	return all
}

// unleet are the letters that people replace by what looks like them.
var unleet = strings.NewReplacer("0", "o", "3", "e", "4", "a", "5", "s", "7", "t", "8", "b", "@", "a", "$", "s", "!", "i", "1", "i")

// fold returns a password in lower case with the letters that were replaced. A
// digit between digits stays one.
func fold(password string) string {
	in := []rune(strings.ToLower(password))
	letter := func(i int) bool { return i >= 0 && i < len(in) && unicode.IsLetter(in[i]) }
	var b strings.Builder
	for i, c := range in {
		if !unicode.IsLetter(c) && (letter(i-1) || i == 0) && letter(i+1) {
			b.WriteString(unleet.Replace(string(c)))
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// letters returns the letters of a word.
func letters(word string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) {
			return c
		}
		return -1
	}, word)
}

// rows are neighbours on keyboards and in alphabets, in one direction.
var rows = []string{
	"abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "qsdfghjklm",
	"zxcvbnm", "yxcvbnm", "wxcvbn", "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn", "!@#$%^&*()", `!"§$%&/()=`, "!\"£$%^&*()",
}

// worth returns how much of a password is no pattern. What belongs to none counts
// one each; a common word, a run of neighbours or of one character, or a year,
// counts two as a whole; what was there before counts one.
func (c *common) worth(password string) int {
	in := []rune(password)
	if unit := repeated(in); unit > 0 {
		return c.worth(string(in[:unit])) + 1
	}
	least := make([]int, len(in)+1)
	for end := 1; end <= len(in); end++ {
		least[end] = least[end-1] + 1
		for start := max(0, end-maxPiece); start <= end-3; start++ {
			if least[start]+2 < least[end] && c.piece(string(in[start:end])) {
				least[end] = least[start] + 2
			}
		}
	}
	return least[len(in)]
}

// maxPiece bounds a pattern: longer ones count as two.
const maxPiece = 24

// piece reports whether s is one pattern.
func (c *common) piece(s string) bool {
	n := utf8.RuneCountInString(s)
	switch {
	case run(s):
		return true
	case n < 4:
		return false
	case len(s) == 4 && (strings.HasPrefix(s, "19") || strings.HasPrefix(s, "20")) && strings.Trim(s, "0123456789") == "":
		return true
	}
	return c.words[s] || c.folded[s]
}

// run reports whether s is one character again and again, or neighbours.
func run(s string) bool {
	first, size := utf8.DecodeRuneInString(s)
	if len(s) > size && strings.Trim(s, string(first)) == "" {
		return true
	}
	back := []rune(s)
	slices.Reverse(back)
	return slices.ContainsFunc(rows, func(row string) bool { return strings.Contains(row, s) || strings.Contains(row, string(back)) })
}

// repeated returns the length of what a password repeats, 0 if it does not.
func repeated(in []rune) int {
	for unit := 1; unit <= len(in)/2; unit++ {
		if len(in)%unit == 0 && !slices.ContainsFunc(indices(len(in)-unit), func(i int) bool { return in[i] != in[i+unit] }) {
			return unit
		}
	}
	return 0
}

// indices returns 0 to n-1.
func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// pinRule reports why a PIN is not taken: four to eight digits, no run, not one
// thing twice.
func pinRule(pin string) error {
	if len(pin) < 4 || len(pin) > 8 || strings.Trim(pin, "0123456789") != "" {
		return weak("pin")
	}
	if run(pin) || repeated([]rune(pin)) > 0 || len(pin) == 4 && (strings.HasPrefix(pin, "19") || strings.HasPrefix(pin, "20")) {
		return weak("pin_simple")
	}
	return nil
}
