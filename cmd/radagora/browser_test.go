package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"radagora/access"
)

// TestPagesInBrowser opens every page without a hole in its address as somebody who
// may see it, on a desktop and a phone: axe finds nothing, nothing is cut off,
// nothing goes wrong in the console, nothing is asked of anyone else.
func TestPagesInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser is slow")
	}
	dir := filepath.Join("..", "..", "test", "browser")
	chromium := os.Getenv("RADAGORA_CHROMIUM")
	if chromium == "" {
		chromium = "/usr/bin/chromium"
	}
	for _, need := range []string{chromium, filepath.Join(dir, "node_modules", "playwright-core")} {
		if _, err := os.Stat(need); err != nil {
			t.Skipf("browser tests need %s (see test/browser/README.md)", need)
		}
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("browser tests need node")
	}
	w := newWalk(t)
	base, err := url.Parse(w.server.URL)
	check(t, err)
	paths := map[access.Role][]string{}
	for _, r := range w.pages {
		switch {
		case r.Method != http.MethodGet, strings.Contains(r.Path, "{"), strings.HasSuffix(r.Path, "/events"),
			strings.HasSuffix(r.Path, "/export"), strings.HasSuffix(r.Path, "/picture"), strings.HasSuffix(r.Path, "/report"):
			continue // no page, or one that a test of its own room opens
		case strings.HasPrefix(r.Path, "/sign-in"), r.Path == "/first":
			continue // for those who are not signed in
		case r.Path == "/oauth/authorize", r.Path == "/viewer/":
			continue // asks for an app that was registered; an application of others, whose own page is tried in web/viewer
		}
		for _, role := range []access.Role{access.Administrator, access.Physicist, access.ProtectionOfficer, access.Radiologist} {
			if w.word(role, r.Act) == "yes" {
				paths[role] = append(paths[role], r.Path)
				break
			}
		}
	}
	for role, list := range paths {
		cookie := ""
		for _, c := range w.clients[role].Jar.Cookies(base) {
			if len(c.Value) > 30 {
				cookie = c.Name + "=" + c.Value
			}
		}
		run := exec.CommandContext(t.Context(), node, append([]string{"walk.mjs", w.server.URL, cookie}, list...)...)
		run.Dir, run.Stderr = dir, os.Stderr
		out, err := run.Output()
		check(t, err)
		var problems []string
		check(t, json.Unmarshal(out, &problems))
		for _, p := range problems {
			t.Errorf("as %s: %s", role, p)
		}
		t.Logf("%d pages as %s", len(list), role)
	}
}
