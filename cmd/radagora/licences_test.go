package main

import (
	"runtime/debug"
	"strings"
	"testing"
)

// TestLicencesComplete holds the embedded list against what is linked into this
// test binary, which is the program and what only tests use.
func TestLicencesComplete(t *testing.T) {
	onlyTests := map[string]bool{"github.com/google/go-cmp": true, "github.com/rogpeppe/go-internal": true, "golang.org/x/tools": true}
	info, ok := debug.ReadBuildInfo()
	if !ok || len(info.Deps) == 0 {
		t.Skip("this binary does not know its modules")
	}
	for _, m := range info.Deps {
		if !onlyTests[m.Path] && !strings.Contains(licences, "\n"+m.Path+" "+m.Version+": ") {
			t.Errorf("%s %s is linked but not listed (make generate)", m.Path, m.Version)
		}
	}
}
