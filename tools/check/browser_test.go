package main

import (
	"errors"
	"strings"
	"testing"
)

func TestReadTAP(t *testing.T) {
	const totals = "1..3\n# tests 3\n# suites 0\n# pass 1\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 0\n"
	exit := errors.New("exit status 1")
	tests := []struct {
		name                    string
		out                     string
		err                     error
		passed, failed, skipped int
		shown, hidden           string
	}{
		{
			name:   "each outcome once",
			out:    "ok 1 - opens\n  ---\n  fine\n  ...\nnot ok 2 - sorts\n  ---\n  broken\n  ...\nok 3 - prints # SKIP no printer\n" + totals,
			err:    exit,
			passed: 1, failed: 1, skipped: 1, shown: "broken", hidden: "fine",
		},
		{name: "no totals means that the runner died", out: "node: no such file\n", err: exit, failed: 1, shown: "no such file"},
		{name: "no tests is no success", out: "1..0\n# tests 0\n# pass 0\n", failed: 1},
		{name: "totals without failure but an exit code", out: "# tests 1\n# pass 1\n# fail 0\n", err: exit, passed: 1, failed: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := readTAP(test.out, test.err)
			if got.passed != test.passed || got.failed != test.failed || got.skipped != test.skipped {
				t.Errorf("passed, failed, skipped = %d, %d, %d; want %d, %d, %d",
					got.passed, got.failed, got.skipped, test.passed, test.failed, test.skipped)
			}
			if !strings.Contains(got.text, test.shown) || test.hidden != "" && strings.Contains(got.text, test.hidden) {
				t.Errorf("text = %q; want %q in it, not %q", got.text, test.shown, test.hidden)
			}
			if test.skipped > 0 && (len(got.skips) != 1 || got.skips[0] != skip{"browser: prints", "no printer"}) {
				t.Errorf("skips = %v", got.skips)
			}
		})
	}
}

func TestReadBrowser(t *testing.T) {
	t.Setenv("CI", "")
	tests := []struct {
		name, out               string
		err                     error
		passed, failed, skipped int
	}{
		{name: "the report counts", out: "=== RUN   TestBrowser\n    browser_test.go:9: ok 1 - a\n        # tests 2\n        # pass 2\n        # fail 0\n--- PASS: TestBrowser (1s)\n", passed: 2},
		{name: "without a report it is one test", out: "=== RUN   TestBrowser\n--- PASS: TestBrowser (1s)\n", passed: 1},
		{name: "it failed", out: "--- FAIL: TestBrowser (1s)\n", err: errors.New("exit status 1"), failed: 1},
		{name: "no such test is no success", out: "testing: warning: no tests to run\n", failed: 1},
		{name: "it could not run", out: "=== RUN   TestBrowser\n    browser_test.go:30: browser tests need node\n--- SKIP: TestBrowser (0s)\n", skipped: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := readBrowser(test.out, test.err)
			if got.passed != test.passed || got.failed != test.failed || got.skipped != test.skipped {
				t.Errorf("passed, failed, skipped = %d, %d, %d; want %d, %d, %d",
					got.passed, got.failed, got.skipped, test.passed, test.failed, test.skipped)
			}
			if test.skipped > 0 && got.skips[0].reason != "browser tests need node" {
				t.Errorf("reason = %q", got.skips[0].reason)
			}
		})
	}
}
