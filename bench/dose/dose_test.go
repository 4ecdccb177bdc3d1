package main

import (
	"strings"
	"testing"
)

// The measurement fits the tables as they are now, and every question finds something.
func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), options{dir: t.TempDir(), sizes: []int{1, 2}, asked: 1}, &out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "| 0 | ") && !strings.Contains(line, "findings") {
			t.Errorf("nothing is found: %s", line)
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 2+2*(len(questions)+1) {
		t.Errorf("%d lines; want one for each question and size", n)
	}
}
