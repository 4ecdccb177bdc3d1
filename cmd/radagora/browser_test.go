package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"radagora/access"
)

// TestPagesInBrowser opens every page without a hole in its address as somebody who
// may see it, on a desktop and a phone: axe finds nothing, nothing is cut off,
// nothing goes wrong in the console, nothing is asked of anyone else.
func TestPagesInBrowser(t *testing.T) {
	t.Parallel()
	node, dir := browserTools(t)
	w := newWalk(t)
	m := &maker{t: t, base: w.server.URL, client: w.clients[access.Manager]}
	m.room()
	m.at.Set("item", "1")
	paths := map[access.Role][]string{}
	for _, r := range w.pages {
		switch {
		case r.Method != http.MethodGet, strings.Contains(r.Path, "{"), strings.HasSuffix(r.Path, "/events"),
			strings.HasSuffix(r.Path, "/export"), strings.HasSuffix(r.Path, "/picture"), strings.HasSuffix(r.Path, "/report") && r.Path != "/dose/report" && r.Path != "/quality/incidents/report":
			continue // no page, or one that a test of its own room opens
		case strings.HasPrefix(r.Path, "/sign-in"), r.Path == "/first":
			continue // for those who are not signed in
		case r.Path == "/dose/levels/file", r.Path == "/dose/reread/file", r.Path == "/quality/forms/version/file", strings.HasPrefix(r.Path, "/dose/entry/reconcile"):
			continue // no page, or that of a file that nobody brought
		case r.Path == "/oauth/authorize", r.Path == "/viewer/":
			continue // asks for an app that was registered; an application of others, whose own page is tried in web/viewer
		}
		for _, role := range []access.Role{access.Administrator, access.Physicist, access.ProtectionOfficer, access.Radiologist} {
			if w.word(role, r.Act) == "yes" {
				paths[role] = append(paths[role], r.Path+map[string]string{
					"/dose/levels/set":       "?id=dose/level/uk_ndrl_2024",
					"/quality/forms/version": "?form=https%3A%2F%2Fradagora.org%2Ffhir%2FQuestionnaire%2Fprotocol-review&version=0.1",
					"/quality/forms/try":     "?form=https%3A%2F%2Fradagora.org%2Ffhir%2FQuestionnaire%2Fprotocol-review&version=0.1",
					"/quality/forms/edit":    "?" + m.at.Encode(),
				}[r.Path])
				break
			}
		}
	}
	for role, list := range paths {
		run := exec.CommandContext(t.Context(), node, append([]string{"walk.mjs", w.server.URL, w.cookie(role)}, list...)...)
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
