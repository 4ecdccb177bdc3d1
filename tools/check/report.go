package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// planted is the family name of the one patient in the test data whose name must
// never be printed.
const planted = "LEAK^CANARY"

// A testReport gathers what `go test -json` writes to it.
type testReport struct {
	part   []byte // a line not yet complete
	tests  map[testID]*testState
	order  []testID
	builds map[string]*strings.Builder // output of failed builds by import path
	broken string                      // output that was no JSON
	leaks  []string
}

// A testID names a test; an empty test stands for the package itself.
type testID struct{ pkg, test string }

type testState struct {
	output   []string
	action   string // pass, fail, skip, or "" while it runs
	seen     bool   // it ran; "A/b/c" may be a subtest of A by the name of "b/c"
	parent   bool   // it has subtests
	childBad bool   // one of them failed
	build    string // import path whose build failed
	seconds  float64
}

// A testEvent is one line, as described by `go doc test2json`.
type testEvent struct {
	Action, Package, Test, Output, ImportPath, FailedBuild string
	Elapsed                                                float64 // seconds
}

func newTestReport() *testReport {
	return &testReport{tests: map[testID]*testState{}, builds: map[string]*strings.Builder{}}
}

// Write takes any part of the stream.
func (r *testReport) Write(p []byte) (int, error) {
	r.part = append(r.part, p...)
	for {
		line, rest, ok := bytes.Cut(r.part, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		r.line(line)
		r.part = rest
	}
}

func (r *testReport) end() {
	if len(r.part) > 0 {
		r.line(r.part)
		r.part = nil
	}
}

func (r *testReport) line(line []byte) {
	var e testEvent
	if err := json.Unmarshal(line, &e); err != nil {
		r.broken += string(line) + "\n"
		return
	}
	if e.Package == "" { // from the compiler
		if e.Action == "build-output" {
			if r.builds[e.ImportPath] == nil {
				r.builds[e.ImportPath] = new(strings.Builder)
			}
			r.builds[e.ImportPath].WriteString(e.Output)
		}
		return
	}
	id := testID{e.Package, e.Test}
	t := r.state(id)
	t.seen = true
	switch e.Action {
	case "output":
		t.output = append(t.output, e.Output)
		r.watch(id, e.Output)
	case "pass", "fail", "skip":
		t.action, t.build, t.seconds = e.Action, e.FailedBuild, e.Elapsed
		if e.Action == "pass" {
			t.output = nil
		}
	}
}

// state returns the state of a test and makes it known to those around it.
func (r *testReport) state(id testID) *testState {
	if t := r.tests[id]; t != nil {
		return t
	}
	t := &testState{}
	r.tests[id] = t
	r.order = append(r.order, id)
	if i := strings.LastIndexByte(id.test, '/'); i > 0 {
		r.state(testID{id.pkg, id.test[:i]}).parent = true
	}
	return t
}

// watch looks for the canary, but not in the lines that only name a test or repeat a
// line of its script.
func (r *testReport) watch(id testID, output string) {
	line := strings.TrimLeft(output, " ")
	if !strings.Contains(output, planted) || slices.ContainsFunc([]string{"=== ", "--- ", "> "}, func(s string) bool { return strings.HasPrefix(line, s) }) {
		return
	}
	if who := id.String(); !slices.Contains(r.leaks, who) {
		r.leaks = append(r.leaks, who)
	}
}

func (id testID) String() string { return strings.TrimSuffix(id.pkg+"."+id.test, ".") }

// outcome counts leaves: a test with subtests counts only if it failed and none
// of them did; a package counts only if it failed and no test in it did.
func (r *testReport) outcome() outcome {
	var o outcome
	var text strings.Builder
	text.WriteString(r.broken)
	if r.broken != "" {
		o.failed++
	}
	shown := map[string]bool{}
	for _, id := range slices.Backward(r.order) { // what holds a test comes before it
		t := r.tests[id]
		if !t.failed(r.tests[testID{id.pkg, ""}]) {
			continue
		}
		r.blame(id)
	}
	for _, id := range r.order {
		t := r.tests[id]
		switch {
		case t.failed(r.tests[testID{id.pkg, ""}]):
			if t.childBad {
				continue
			}
			o.failed++
			fmt.Fprintf(&text, "--- %s\n%s", id, strings.Join(t.output, ""))
			if b := r.builds[t.build]; b != nil && !shown[t.build] {
				shown[t.build] = true
				text.WriteString(b.String())
			}
		case id.test == "" || t.parent:
		case t.action == "skip":
			o.skipped++
			o.skips = append(o.skips, skip{id.String(), reason(t.output)})
		case t.action == "pass":
			o.passed++
		}
	}
	o.text = text.String()
	return o
}

// failed also holds for a test that never ended because its package came down.
func (t *testState) failed(pkg *testState) bool {
	return t.action == "fail" || t.seen && t.action == "" && pkg != nil && pkg.action == "fail"
}

// blame tells those around a failed test that the failure has been counted.
func (r *testReport) blame(id testID) {
	if id.test == "" {
		return
	}
	up := testID{id.pkg, ""}
	if i := strings.LastIndexByte(id.test, '/'); i > 0 {
		up.test = id.test[:i]
	}
	r.tests[testID{id.pkg, ""}].childBad = true
	r.tests[up].childBad = true
}

// packages counts those that have tests.
func (r *testReport) packages() (n int) {
	for id, t := range r.tests {
		if id.test == "" && t.action != "skip" {
			n++
		}
	}
	return n
}

// times returns a line for each package and test of a package that took a second or
// more, the slowest first. Tests that run side by side each count the whole time.
func (r *testReport) times() string {
	var ids []testID
	for id, t := range r.tests {
		if t.seconds >= 1 && !strings.Contains(id.test, "/") {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b testID) int {
		return cmp.Or(cmp.Compare(r.tests[b].seconds, r.tests[a].seconds), cmp.Compare(a.String(), b.String()))
	})
	var text strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&text, "%.1f\t%s\t%s\n", r.tests[id].seconds, id.pkg, id.test)
	}
	return text.String()
}

func (r *testReport) failedPackages() (n int) {
	for id, t := range r.tests {
		if id.test == "" && t.failed(nil) {
			n++
		}
	}
	return n
}

var position = regexp.MustCompile(`^\s*[\w.-]+\.go:\d+: `)

// reason returns what a test said when it skipped.
func reason(output []string) string {
	var said []string
	for _, line := range output {
		line = strings.TrimRight(line, "\n")
		if start := strings.TrimLeft(line, " "); strings.HasPrefix(start, "=== ") || strings.HasPrefix(start, "--- ") {
			continue
		}
		if line = strings.TrimSpace(position.ReplaceAllString(line, "")); line != "" {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}
