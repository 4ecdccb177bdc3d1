package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// browserTest is the Go test that starts the pages and lets test/browser look at
// them. It runs in a step of its own, which counts what the browser tests report.
const browserTest = "^TestBrowser$"

// driver installs what the tests that open a browser or talk to Node need, and the image
// viewer. The packages come from the lock files; nothing they bring runs while they are
// installed.
func driver(ctx context.Context, s *stage) outcome {
	for _, name := range []string{"npm", "node", "chromium"} {
		if _, err := exec.LookPath(name); err != nil {
			return missing("driver", err.Error())
		}
	}
	for _, name := range []string{"browser", "hl7npm"} {
		dir := filepath.Join(s.root, "test", name)
		if !stale(dir) {
			continue
		}
		ci := s.command(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
		ci.Dir = dir
		if out, err := ci.CombinedOutput(); err != nil {
			return fail("%s\nnpm ci: %v", out, err)
		}
	}
	if out, err := s.output(ctx, "go", "run", "./tools/viewer"); err != nil {
		return fail("%s\ntools/viewer: %v", out, err)
	}
	return outcome{passed: 1}
}

// browserTests looks at the pages of web.
func browserTests(ctx context.Context, s *stage) outcome {
	out, err := s.output(ctx, "go", "test", "-v", "-count=1", "-timeout=20m", "-run="+browserTest, "./web")
	return readBrowser(out, err)
}

// readBrowser counts by the totals of Node's report if the test printed it, and
// else the Go test as one. A test that was skipped has not passed.
func readBrowser(out string, err error) outcome {
	switch {
	case strings.Contains(out, "--- SKIP: TestBrowser"):
		return missing("browser", reason(strings.Split(out, "\n")[1:2]))
	case strings.Contains(out, "# tests "):
		return readTAP(out, err)
	case err == nil && strings.Contains(out, "--- PASS: TestBrowser"):
		return outcome{passed: 1}
	}
	return fail("%s\ngo test -run=%s ./web: %v", out, browserTest, err)
}

// stale reports whether what is installed is older than the lock file.
func stale(dir string) bool {
	lock, err1 := os.Stat(filepath.Join(dir, "package-lock.json"))
	have, err2 := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	return err1 != nil || err2 != nil || have.ModTime().Before(lock.ModTime())
}

// readTAP counts by the totals at the end of Node's report. What failed is shown
// by its own lines; a report without totals is a failure.
func readTAP(out string, err error) outcome {
	total := map[string]int{}
	var skips []skip
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if name, why, ok := strings.Cut(line, " # SKIP"); ok {
			_, name, _ = strings.Cut(name, " - ")
			skips = append(skips, skip{"browser: " + name, strings.TrimSpace(why)})
		}
		if word, n, ok := strings.Cut(strings.TrimPrefix(line, "# "), " "); ok && strings.HasPrefix(line, "# ") {
			if v, err := strconv.Atoi(n); err == nil {
				total[word] = v
			}
		}
	}
	o := outcome{
		passed: total["pass"], failed: total["fail"] + total["cancelled"],
		skipped: total["skipped"] + total["todo"], skips: skips,
		note: fmt.Sprintf("%d passed, %d failed, %d skipped", total["pass"], total["fail"]+total["cancelled"], total["skipped"]+total["todo"]),
	}
	if o.failed == 0 && (err != nil || total["tests"] == 0) {
		o.failed = 1
	}
	if o.failed > 0 {
		o.text = failedTAP(out)
		if err != nil {
			o.text += "\ngo test: " + err.Error()
		}
	}
	return o
}

// failedTAP leaves out the blocks of tests that passed.
func failedTAP(out string) string {
	var kept strings.Builder
	drop := false
	for line := range strings.Lines(out) {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(text, "ok "):
			drop = true
			continue
		case strings.HasPrefix(text, "not ok "), strings.HasPrefix(text, "# "):
			drop = false
		}
		if !drop {
			kept.WriteString(line)
		}
	}
	return kept.String()
}
