package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRunAll(t *testing.T) {
	good := func(context.Context, *stage) outcome { return outcome{passed: 2} }
	bad := func(context.Context, *stage) outcome { return fail("it broke") }
	left := func(context.Context, *stage) outcome {
		return outcome{skipped: 1, skips: []skip{{"p.A", "no samples"}}}
	}
	tests := []struct {
		name string
		plan []step
		code int
		want []string // in this order
	}{
		{name: "all good", plan: []step{{"one", good}, {"two", good}}, want: []string{"one        ok", "two        ok", "\n4 passed, 0 failed, 0 skipped\n"}},
		{
			name: "a failure stops nothing and shows at the end", plan: []step{{"one", bad}, {"two", good}}, code: 1,
			want: []string{"one        FAILED", "two        ok", "== one\nit broke", "\n2 passed, 1 failed, 0 skipped\n"},
		},
		{
			name: "skips are listed with their reason above the count", plan: []step{{"one", left}, {"two", good}},
			want: []string{"one        skip", "skipped: no samples\n  p.A\n", "\n2 passed, 0 failed, 1 skipped\n"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			code := newStage(t.TempDir(), &out).runAll(t.Context(), test.plan)
			if code != test.code {
				t.Errorf("exit code = %d; want %d", code, test.code)
			}
			rest := out.String()
			for _, want := range test.want {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("%q is missing, or not in its place, in:\n%s", want, out.String())
				}
				rest = after
			}
			if rest != "" && !strings.Contains(test.want[len(test.want)-1], "passed") {
				t.Errorf("after the count: %q", rest)
			}
		})
	}
}

func TestRunAllPutsAway(t *testing.T) {
	var out bytes.Buffer
	s := newStage(t.TempDir(), &out)
	put := 0
	s.closer = append(s.closer, func() error { put++; return errors.New("still there") })
	s.runAll(t.Context(), []step{{"one", func(context.Context, *stage) outcome { return fail("") }}})
	s.close()
	if put != 1 || !strings.Contains(out.String(), "still there") {
		t.Errorf("closed %d times, output %q; want once, and its error", put, out.String())
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	never := func(context.Context, *stage) outcome { t.Error("it ran"); return outcome{passed: 1} }
	if code := newStage(t.TempDir(), &out).runAll(ctx, []step{{"one", never}}); code != 1 {
		t.Errorf("exit code = %d; want 1: what did not run has not passed", code)
	}
}

func TestMissing(t *testing.T) {
	t.Setenv("CI", "")
	if o := missing("postgres", "none"); o.failed != 0 || o.skipped != 1 {
		t.Errorf("on a developer's machine: %+v; want skipped", o)
	}
	t.Setenv("CI", "true")
	if o := missing("postgres", "none"); o.failed != 1 {
		t.Errorf("in CI: %+v; want failed", o)
	}
}

func TestDiffering(t *testing.T) {
	old, now := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		filepath.Join(old, "same"): "1", filepath.Join(now, "same"): "1",
		filepath.Join(old, "changed"): "1", filepath.Join(now, "changed"): "2",
		filepath.Join(old, "gone"): "1", filepath.Join(now, "new"): "1",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := differing(old, now, []string{"changed", "gone", "same"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"  changed", "  gone", "  new (not committed)"}, got); d != "" {
		t.Error(d)
	}
}

func TestChoose(t *testing.T) {
	all := steps()
	if got, err := choose(all, nil); err != nil || len(got) != len(all) {
		t.Errorf("no names: %d steps, %v; want all", len(got), err)
	}
	if got, err := choose(all, []string{"lint"}); err != nil || len(got) != 1 || got[0].name != "lint" {
		t.Errorf("lint: %v, %v", got, err)
	}
	if _, err := choose(all, []string{"lnit"}); err == nil {
		t.Error("an unknown step was taken")
	}
}
