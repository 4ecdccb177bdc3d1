package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// concurrent are the packages whose tests run a second time under the race
// detector, the short way.
var concurrent = []string{
	"./access/...", "./archive/...", "./backup/...", "./blob/...", "./cmd/...", "./db/...", "./dicom/dimse/...",
	"./dose/...", "./evidence/...", "./finding/...", "./form/...", "./job/...", "./journal/...", "./notice/...", "./outgoing/...",
	"./person/...", "./site/...", "./web/...",
}

// goTests runs every Go test and counts the leaves.
func goTests(ctx context.Context, s *stage) outcome {
	args := []string{"-timeout=40m", "-skip=" + browserTest}
	if s.fresh {
		args = append(args, "-count=1") // the test cache does not see every program a test calls
	}
	report, stderr, err := s.goTest(ctx, "test", append(args, "./...")...)
	s.leaks = append(s.leaks, report.leaks...)
	o := report.outcome()
	if err != nil && o.failed == 0 {
		o.failed = 1
		o.text += "go test: " + err.Error() + "\n" + stderr
	}
	o.note = fmt.Sprintf("%d passed, %d failed, %d skipped in %d packages", o.passed, o.failed, o.skipped, report.packages())
	return o
}

// unwatched are the packages that the race detector leaves out: SQLite and the C
// library below it, translated from C. They hold no code of ours, their locks are
// those of C, and watching them took three quarters of the time of the step. What
// reads and writes them is watched.
var unwatched = []string{"modernc.org/sqlite/lib", "modernc.org/libc"}

// raceTests counts packages, not tests: they were counted before.
func raceTests(ctx context.Context, s *stage) outcome {
	pkgs, err := s.withCode(ctx, concurrent)
	if err != nil {
		return fail("%v", err)
	}
	if len(pkgs) == 0 {
		return missing("race", "no concurrent package has code")
	}
	args := []string{"-race", "-short", "-timeout=60m", "-skip=" + browserTest}
	for _, p := range unwatched {
		args = append(args, "-gcflags="+p+"=-race=false -d=checkptr=0")
	}
	report, stderr, err := s.goTest(ctx, "race", append(args, pkgs...)...)
	s.leaks = append(s.leaks, report.leaks...)
	tests := report.outcome()
	o := outcome{failed: report.failedPackages(), text: tests.text}
	if err != nil && o.failed == 0 {
		o.failed, o.text = 1, o.text+"go test -race: "+err.Error()+"\n"+stderr
	}
	o.passed = max(0, report.packages()-o.failed)
	o.note = fmt.Sprintf("%d packages", report.packages())
	return o
}

// withCode returns the packages that match patterns. A folder that holds no Go
// file yet matches nothing.
func (s *stage) withCode(ctx context.Context, patterns []string) ([]string, error) {
	var stderr bytes.Buffer
	cmd := s.command(ctx, "go", append([]string{"list", "-e"}, patterns...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, &stderr)
	}
	return strings.Fields(string(out)), nil
}

// goTest runs Go tests and leaves what took how long in .work/NAME-times.tsv.
func (s *stage) goTest(ctx context.Context, name string, args ...string) (report *testReport, stderr string, err error) {
	var errs bytes.Buffer
	report = newTestReport()
	cmd := s.command(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Stdout, cmd.Stderr = report, &errs
	err = cmd.Run()
	report.end()
	if e := os.WriteFile(s.work(name+"-times.tsv"), []byte(report.times()), 0o600); e != nil {
		err = errors.Join(err, e)
	}
	return report, errs.String(), err
}

// canary fails when the name of the planted patient stood in anything a test
// printed: whatever is logged is printed by a test.
func canary(_ context.Context, s *stage) outcome {
	if len(s.leaks) > 0 {
		return fail("a patient's name reached the output of these tests:\n  %s", strings.Join(s.leaks, "\n  "))
	}
	return outcome{passed: 1}
}
