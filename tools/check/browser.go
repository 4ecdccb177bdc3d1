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

// browserTests runs test/browser with Node's own runner. The packages come from
// the lock file; nothing they bring runs while they are installed.
func browserTests(ctx context.Context, s *stage) outcome {
	dir := filepath.Join(s.root, "test", "browser")
	if _, err := os.Stat(filepath.Join(dir, "package.json")); err != nil {
		return outcome{skipped: 1, skips: []skip{{"browser", "test/browser has no package.json"}}, note: "none yet"}
	}
	for _, name := range []string{"npm", "node", "chromium"} {
		if _, err := exec.LookPath(name); err != nil {
			return missing("browser", err.Error())
		}
	}
	if stale(dir) {
		ci := s.command(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
		ci.Dir = dir
		if out, err := ci.CombinedOutput(); err != nil {
			return fail("%s\nnpm ci: %v", out, err)
		}
	}
	files, err := browserFiles(dir)
	if err != nil || len(files) == 0 {
		return fail("test/browser has no *.test.js or *.test.mjs: %v", err)
	}
	cmd := s.command(ctx, "node", append([]string{"--test", "--test-reporter=tap"}, files...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return readTAP(string(out), err)
}

// stale reports whether what is installed is older than the lock file.
func stale(dir string) bool {
	lock, err1 := os.Stat(filepath.Join(dir, "package-lock.json"))
	have, err2 := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	return err1 != nil || err2 != nil || have.ModTime().Before(lock.ModTime())
}

func browserFiles(dir string) (files []string, err error) {
	for _, pattern := range []string{"*.test.js", "*.test.mjs"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			files = append(files, filepath.Base(f))
		}
	}
	return files, nil
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
			o.text += "\nnode --test: " + err.Error()
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
