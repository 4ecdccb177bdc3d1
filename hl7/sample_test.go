package hl7_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"radagora/hl7"
)

// table reads a table of testdata/sample without its heading.
func table(t *testing.T, name string) [][]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "sample", name))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for i, l := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
		if i > 0 {
			out = append(out, strings.Split(l, "\t"))
		}
	}
	return out
}

// TestSamples reads messages of many dialects, all of invented persons: each is
// written as it was, and says at each path of expected.tsv what stands there. What
// each is to do stands in effect.tsv.
func TestSamples(t *testing.T) {
	messages := map[string]*hl7.Message{}
	for _, row := range table(t, "effect.tsv") {
		name := row[0]
		b, err := os.ReadFile(filepath.Join("testdata", "sample", name+".hl7"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := hl7.Parse(bytes.Clone(b), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(m.Bytes(), b) {
			t.Errorf("%s is written differently", name)
		}
		odd := name == "adt-a08-undeclared-latin"
		if (len(m.Warnings) > 0) != odd {
			t.Errorf("%s: warnings %v", name, m.Warnings)
		}
		if len(row) != 2 || row[1] == "" {
			t.Errorf("%s: no effect is written down", name)
		}
		ack, err := hl7.AckOf(parse(t, string(hl7.Acknowledge(b, hl7.Accept, hl7.Reply{Now: noon, ControlID: "R"}))))
		if err != nil || ack.ControlID != m.Header().ControlID || !ack.Verdict.Positive() {
			t.Errorf("%s: acknowledged with %+v, %v", name, ack, err)
		}
		messages[name] = m
	}
	if len(messages) < 30 {
		t.Errorf("%d messages; want 30", len(messages))
	}
	checked := map[string]bool{}
	for _, row := range table(t, "expected.tsv") {
		m := messages[row[0]]
		if m == nil {
			t.Errorf("%s is not there", row[0])
			continue
		}
		checked[row[0]] = true
		v, err := m.Get(row[1])
		if err != nil {
			t.Errorf("%s: %v", row[0], err)
			continue
		}
		if got, want := v.Text(), strings.ReplaceAll(row[2], `\n`, "\n"); got != want {
			t.Errorf("%s: %s = %q; want %q", row[0], row[1], got, want)
		}
	}
	files, err := filepath.Glob("testdata/sample/*.hl7")
	if err != nil || len(files) != len(messages) {
		t.Errorf("%d files, %d messages, %v", len(files), len(messages), err)
	}
	for name := range messages {
		if !checked[name] {
			t.Errorf("%s: nothing is expected of it", name)
		}
	}
}

// TestSamplesTyped reads what the capabilities need from the samples.
func TestSamplesTyped(t *testing.T) {
	read := func(name string) *hl7.Message {
		b, err := os.ReadFile(filepath.Join("testdata", "sample", name+".hl7"))
		if err != nil {
			t.Fatal(err)
		}
		return parse(t, string(b))
	}
	ed := read("oru-r01-pdf").Whole().Orders()[0].Observations[0].Field(5).ED()
	if pdf, err := ed.Bytes(1 << 20); err != nil || !bytes.HasPrefix(pdf, []byte("%PDF")) {
		t.Errorf("the document: %q, %v", pdf, err)
	}
	var pairs []string
	for _, p := range read("adt-a40-two-pairs").Patients() {
		pairs = append(pairs, p.First("MRG").Field(1).CX().ID+" "+p.First("PID").Field(3).CX().ID)
	}
	if !slices.Equal(pairs, []string{"0043 4711", "0044 4714"}) {
		t.Errorf("pairs %v", pairs)
	}
	if n := len(read("omi-o23-ihe").Whole().Orders()[0].Of("IPC")); n != 2 {
		t.Errorf("%d steps; want 2", n)
	}
	if h, err := read("adt-a08-pregnant-local-codes").Segment("OBX", 1).Field(5).NM(); err != nil || h.Value != 1.68 || !h.Comma {
		t.Errorf("height %v, %v", h.Value, err)
	}
	if !read("adt-a08-27-truncated").Segment("PID", 1).Field(5).Truncated() {
		t.Error("the surname is not cut")
	}
}
