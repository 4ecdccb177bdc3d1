package archive

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// letters are those that do not come apart into a letter and an accent.
var letters = strings.NewReplacer(
	"ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "đ", "d", "ð", "d", "þ", "th", "ł", "l", "ı", "i", "ħ", "h", "ŧ", "t",
)

// Fold returns s as it is searched for: lower case, without accents, with single
// spaces. Two texts that differ in nothing else fold to the same.
func Fold(s string) string {
	if plain(s) {
		return strings.Join(strings.Fields(strings.ToLower(s)), " ")
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(s) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return norm.NFC.String(strings.Join(strings.Fields(letters.Replace(b.String())), " "))
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// FoldName folds a person's name: the alphabetic group, whose components stay
// apart by ^ without those that are empty at the end, and the other groups
// together (PS3.5 6.2.1).
func FoldName(s string) (alphabetic, other string) {
	alphabetic, other, _ = strings.Cut(s, "=")
	parts := strings.Split(alphabetic, "^")
	for i := range parts {
		parts[i] = Fold(parts[i])
	}
	return strings.TrimRight(strings.Join(parts, "^"), "^"), strings.Trim(Fold(other), "=^ ")
}
