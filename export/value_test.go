package export

import (
	"strings"
	"testing"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"ordinary text stays", "Schädel µSv 日本 \U0001f9e0", "Schädel µSv 日本 \U0001f9e0"},
		{"tab and line end stay", "a\tb\nc", "a\tb\nc"},
		{"every line end is one", "a\r\nb\rc", "a\nb\nc"},
		{"control characters go", "a\x00b\x1bc\x7fd\u0085e", "abcde"},
		{"what XML does not know goes", "a\ufffeb\uffffc", "abc"},
		{"what is no UTF-8 is seen to be wrong", "Sch\xe4del", "Sch\ufffddel"},
		{"Latin-1 in a row is one mark", "\xe4\xf6", "\ufffd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := clean(c.text); got != c.want {
				t.Errorf("clean(%q) = %q; want %q", c.text, got, c.want)
			}
		})
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		name, text string
		most       int
		want       string
	}{
		{"it fits exactly", "abcd", 4, "abcd"},
		{"one too long", "abcde", 4, "abc…"},
		{"bytes do not count", "ääää", 4, "ääää"},
		{"outside the basic plane a character counts twice", "\U0001f9e0\U0001f9e0", 4, "\U0001f9e0\U0001f9e0"},
		{"it is not cut in half", "\U0001f9e0\U0001f9e0\U0001f9e0", 4, "\U0001f9e0…"},
		{"room for the ellipsis", "a\U0001f9e0bc", 4, "a\U0001f9e0…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := cut(c.text, c.most); got != c.want {
				t.Errorf("cut(%q, %d) = %q; want %q", c.text, c.most, got, c.want)
			}
		})
	}
	if got := clean(strings.Repeat("x", maxText+1)); len(got) != maxText-1+len(ellipsis) {
		t.Errorf("a text of %d becomes one of %d bytes", maxText+1, len(got))
	}
}
