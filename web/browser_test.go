package web_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"radagora/web"
	"radagora/web/webtest"
)

// TestBrowser looks at the pages with a real browser: test/browser has the
// tests, this starts the pages for them, once with data and once without.
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser is slow")
	}
	dir := filepath.Join("..", "test", "browser")
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
	full := httptest.NewServer(newDesk(t, nil).handler)
	defer full.Close()
	empty := httptest.NewServer(newDesk(t, func(_ *web.Config, w *webtest.World) { w.Empty = true }).handler)
	defer empty.Close()
	run := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=spec", "--test-concurrency=1")
	run.Dir = dir
	run.Env = append(os.Environ(), "RADAGORA_URL="+full.URL, "RADAGORA_EMPTY_URL="+empty.URL)
	out, err := run.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
