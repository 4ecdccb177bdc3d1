package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// firstLink is the path of the link that makes the first administrator.
var firstLink = regexp.MustCompile(`/first\?token=[\w-]+`)

// TestPasskeys signs in with a real browser: test/browser/passkey.test.mjs has the
// story, this starts the program for it.
func TestPasskeys(t *testing.T) {
	t.Parallel()
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
	s := serve(t, filepath.Join(t.TempDir(), "data"), asked)
	link := ""
	for wait := 0; link == "" && wait < 50; wait++ { // it stands beside the ready line
		link = firstLink.FindString(s.log())
		time.Sleep(100 * time.Millisecond)
	}
	if link == "" {
		t.Fatalf("no link for the first administrator: %s", s.log())
	}
	_, port, _ := strings.Cut(s.http, ":")
	base := "http://localhost:" + port
	run := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=spec", "passkey.test.mjs")
	run.Dir = dir
	run.Env = append(os.Environ(), "RADAGORA_SIGN_URL="+base, "RADAGORA_FIRST_LINK="+base+link)
	out, err := run.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if log := s.log(); strings.Contains(log, "heron kettle") || strings.Contains(log, "level=ERROR") {
		t.Errorf("a password or an error in the log: %s", log)
	}
}
