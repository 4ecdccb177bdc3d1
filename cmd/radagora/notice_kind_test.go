package main

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"radagora/notice"
)

// TestNoticesHaveKinds looks for words of notices that no notice may have: the room
// would refuse to tell them.
func TestNoticesHaveKinds(t *testing.T) {
	words, err := os.ReadFile("../../lang/catalogue/en.yaml")
	check(t, err)
	found := regexp.MustCompile(`(?m)^  notice\.kind\.([a-z._]+):`).FindAllSubmatch(words, -1)
	if len(found) == 0 {
		t.Fatal("no words of notices: the test tests nothing")
	}
	for _, k := range found {
		if !slices.Contains(notice.Kinds(), string(k[1])) {
			t.Errorf("%s has words, and is no kind of notice", k[1])
		}
	}
}
