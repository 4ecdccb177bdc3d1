package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"radagora/tools/postgres"
)

// A step is one part of the whole check.
type step struct {
	name string
	run  func(context.Context, *stage) outcome
}

// An outcome is what a step found.
type outcome struct {
	passed, failed, skipped int
	skips                   []skip
	note                    string // a few words for the step's line
	text                    string // shown when something failed
}

// A skip is a test that did not run, and why.
type skip struct{ name, reason string }

// A stage is what steps share: where they work, what they add to the
// environment of tests, and what has to be put away at the end.
type stage struct {
	root   string
	out    io.Writer
	env    []string // added to the environment of every command
	leaks  []string // tests whose output held the canary
	fresh  bool     // programs were installed: what tests did without them says nothing
	closer []func() error
}

func newStage(root string, out io.Writer) *stage { return &stage{root: root, out: out} }

// work returns a path in the folder for what may be thrown away.
func (s *stage) work(name ...string) string {
	return filepath.Join(append([]string{s.root, ".work"}, name...)...)
}

func (s *stage) close() {
	for _, f := range slices.Backward(s.closer) {
		if err := f(); err != nil {
			fmt.Fprintln(s.out, "check:", err)
		}
	}
	s.closer = nil
}

// command prepares a command in the module's root. It is interrupted, not
// killed, when ctx ends, so that it can put away what it started.
func (s *stage) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = s.root, append(os.Environ(), s.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

// output runs a command and returns what it printed, both streams together.
func (s *stage) output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := s.command(ctx, name, args...).CombinedOutput()
	return string(out), err
}

// try is an outcome of one command that must succeed.
func (s *stage) try(ctx context.Context, name string, args ...string) outcome {
	out, err := s.output(ctx, name, args...)
	if err != nil {
		return fail("%s\n%s: %v", strings.TrimSpace(out), strings.Join(append([]string{name}, args...), " "), err)
	}
	return outcome{passed: 1}
}

func fail(format string, args ...any) outcome {
	return outcome{failed: 1, text: fmt.Sprintf(format, args...)}
}

// runAll runs the steps, prints the account of them and returns the exit code. A
// failed step does not keep the others from running.
func (s *stage) runAll(ctx context.Context, plan []step) int {
	var total outcome
	var failures bytes.Buffer
	for _, one := range plan {
		if ctx.Err() != nil {
			total.failed++
			fmt.Fprintf(&failures, "\n== %s: interrupted before it began\n", one.name)
			continue
		}
		began := time.Now()
		o := one.run(ctx, s)
		fmt.Fprintf(s.out, "%-10s %-6s %6.1fs  %s\n", one.name, o.word(), time.Since(began).Seconds(), o.note)
		if o.failed > 0 {
			fmt.Fprintf(&failures, "\n== %s\n%s\n", one.name, strings.TrimSpace(o.text))
		}
		total.add(o)
	}
	s.close()
	_, _ = failures.WriteTo(s.out)
	printSkips(s.out, total.skips)
	fmt.Fprintf(s.out, "\n%d passed, %d failed, %d skipped\n", total.passed, total.failed, total.skipped)
	if total.failed > 0 {
		return 1
	}
	return 0
}

func (o outcome) word() string {
	switch {
	case o.failed > 0:
		return "FAILED"
	case o.passed == 0:
		return "skip"
	default:
		return "ok"
	}
}

func (o *outcome) add(other outcome) {
	o.passed += other.passed
	o.failed += other.failed
	o.skipped += other.skipped
	o.skips = append(o.skips, other.skips...)
}

// printSkips lists skipped tests under their reasons.
func printSkips(out io.Writer, skips []skip) {
	byReason := map[string][]string{}
	var reasons []string
	for _, one := range skips {
		if byReason[one.reason] == nil {
			reasons = append(reasons, one.reason)
		}
		byReason[one.reason] = append(byReason[one.reason], one.name)
	}
	for _, reason := range reasons {
		names := byReason[reason]
		fmt.Fprintf(out, "\nskipped: %s\n", reason)
		for _, name := range names {
			fmt.Fprintf(out, "  %s\n", name)
		}
	}
}

// startPostgres gives the tests a server; it stops when all steps are done.
func startPostgres(ctx context.Context, s *stage) outcome {
	server, err := postgres.Start(ctx)
	if errors.Is(err, postgres.ErrMissing) {
		return missing("postgres", err.Error())
	}
	if err != nil {
		return fail("%v", err)
	}
	s.closer = append(s.closer, server.Stop)
	s.env = append(s.env, "RADAGORA_TEST_POSTGRES="+server.DSN())
	return outcome{passed: 1, note: "its own, on loopback"}
}

// withPostgres runs a command beside a server of its own.
func (s *stage) withPostgres(ctx context.Context, args []string) int {
	if len(args) == 0 {
		fmt.Fprintln(s.out, "check postgres: name a command")
		return 2
	}
	if o := startPostgres(ctx, s); o.passed == 0 {
		fmt.Fprintln(s.out, o.text)
		return 1
	}
	cmd := s.command(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, s.out, os.Stderr
	err := cmd.Run()
	s.close()
	if err != nil {
		fmt.Fprintln(s.out, err)
		return 1
	}
	return 0
}

// missing is the outcome of a step that lacks a program. On a machine that is
// there to judge changes that is a failure; elsewhere it is said and skipped.
func missing(name, reason string) outcome {
	if os.Getenv("CI") != "" {
		return fail("%s", reason)
	}
	return outcome{skipped: 1, skips: []skip{{name, reason}}, note: reason, text: reason}
}
