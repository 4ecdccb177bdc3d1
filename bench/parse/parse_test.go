package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestReadMadeFiles(t *testing.T) {
	dir := t.TempDir()
	if err := makeFiles(dir, 2); err != nil {
		t.Fatal(err)
	}
	names, err := find(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []bool{false, true} {
		var out bytes.Buffer
		if err := printEach(&out, names, value); err != nil {
			t.Fatal(err)
		}
		if want := "BENCH-1\nBENCH-1\n"; out.String() != want {
			t.Errorf("printed %q; want %q", out.String(), want)
		}
	}
}

// TestMeasure measures contenders whose times are known: what the start costs
// does not count for a file, and who is not there is named.
func TestMeasure(t *testing.T) {
	steady := func(start, each time.Duration) func([]string) (time.Duration, error) {
		return func(names []string) (time.Duration, error) { return start + each*time.Duration(len(names)), nil }
	}
	var out bytes.Buffer
	err := measure(&out, []contender{
		{"ours", steady(time.Millisecond, 10*time.Microsecond)},
		{"theirs", steady(time.Second, 25*time.Microsecond)},
		{"nobody", func([]string) (time.Duration, error) { return 0, exec.ErrNotFound }},
	}, []string{"a", "b", "c"}, 3)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"10.0 1.0 1.0 ours", "25.0 2.5 1000.0 theirs", "nobody: not installed"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}
