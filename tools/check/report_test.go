package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReport(t *testing.T) {
	const pass, fails = `{"Action":"pass","Package":"p"}`, `{"Action":"fail","Package":"p"}`
	tests := []struct {
		name   string
		stream string
		want   outcome // its text is what must occur in it
		leaks  []string
	}{
		{
			name: "a test with subtests is not a leaf",
			stream: `{"Action":"run","Package":"p","Test":"A"}
{"Action":"run","Package":"p","Test":"A/x"}
{"Action":"run","Package":"p","Test":"A/y"}
{"Action":"pass","Package":"p","Test":"A/x"}
{"Action":"pass","Package":"p","Test":"A/y"}
{"Action":"pass","Package":"p","Test":"A"}
` + pass,
			want: outcome{passed: 2},
		},
		{
			name: "a failed subtest counts once, not for those around it",
			stream: `{"Action":"run","Package":"p","Test":"A"}
{"Action":"run","Package":"p","Test":"A/x"}
{"Action":"output","Package":"p","Test":"A/x","Output":"    a_test.go:1: got 1\n"}
{"Action":"fail","Package":"p","Test":"A/x"}
{"Action":"fail","Package":"p","Test":"A"}
` + fails,
			want: outcome{failed: 1, text: "got 1"},
		},
		{
			name: "a test that fails beside good subtests counts itself",
			stream: `{"Action":"run","Package":"p","Test":"A"}
{"Action":"run","Package":"p","Test":"A/x"}
{"Action":"pass","Package":"p","Test":"A/x"}
{"Action":"fail","Package":"p","Test":"A"}
` + fails,
			want: outcome{passed: 1, failed: 1, text: "--- p.A"},
		},
		{
			name: "a slash in the name of a subtest makes no test of what stands before it",
			stream: `{"Action":"run","Package":"p","Test":"A"}
{"Action":"run","Package":"p","Test":"A/x/y"}
{"Action":"pass","Package":"p","Test":"A/x/y"}
{"Action":"pass","Package":"p","Test":"A"}
{"Action":"fail","Package":"p","Test":"B"}
` + fails,
			want: outcome{passed: 1, failed: 1, text: "--- p.B"},
		},
		{
			name: "a package that exits fails though no test in it did",
			stream: `{"Action":"output","Package":"p","Output":"exit\n"}
` + fails,
			want: outcome{failed: 1, text: "exit"},
		},
		{
			name: "a test that a panic cut short has failed",
			stream: `{"Action":"run","Package":"p","Test":"A"}
` + fails,
			want: outcome{failed: 1, text: "--- p.A"},
		},
		{
			name: "a build that failed is shown",
			stream: `{"ImportPath":"p","Action":"build-output","Output":"undefined: x\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"fail","Package":"p","FailedBuild":"p"}`,
			want: outcome{failed: 1, text: "undefined: x"},
		},
		{
			name:   "what is no JSON fails",
			stream: `panic`,
			want:   outcome{failed: 1, text: "panic"},
		},
		{
			name: "a skip keeps its reason without the position",
			stream: `{"Action":"run","Package":"p","Test":"A"}
{"Action":"output","Package":"p","Test":"A","Output":"=== RUN\n"}
{"Action":"output","Package":"p","Test":"A","Output":"    a_test.go:12: no samples\n"}
{"Action":"skip","Package":"p","Test":"A"}
` + pass,
			want: outcome{skipped: 1, skips: []skip{{"p.A", "no samples"}}},
		},
		{
			name:   "a package without tests counts nothing",
			stream: `{"Action":"skip","Package":"p"}`,
		},
		{
			name: "the canary is seen in what a test that passed printed",
			stream: `{"Action":"run","Package":"p","Test":"A"}
{"Action":"output","Package":"p","Test":"A","Output":"stored ` + planted + `\n"}
{"Action":"pass","Package":"p","Test":"A"}
` + pass,
			want:  outcome{passed: 1},
			leaks: []string{"p.A"},
		},
		{
			name: "not so in the lines of a script",
			stream: `{"Action":"run","Package":"p","Test":"A"}
{"Action":"output","Package":"p","Test":"A","Output":"        > grep ` + planted + ` copy\n"}
{"Action":"pass","Package":"p","Test":"A"}
` + pass,
			want: outcome{passed: 1},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newTestReport()
			for part := range strings.SplitAfterSeq(test.stream, `"`) { // a pipe may cut anywhere
				if _, err := r.Write([]byte(part)); err != nil {
					t.Fatal(err)
				}
			}
			r.end()
			got := r.outcome()
			if want := test.want.text; !strings.Contains(got.text, want) || want == "" && got.text != "" {
				t.Errorf("text = %q; want %q in it", got.text, want)
			}
			got.text, test.want.text = "", ""
			if d := cmp.Diff(test.want, got, cmp.AllowUnexported(outcome{}, skip{})); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(test.leaks, r.leaks); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestTimes wants the slow ones first, and neither subtests nor what is quick.
func TestTimes(t *testing.T) {
	r := newTestReport()
	if _, err := r.Write([]byte(`{"Action":"pass","Package":"p","Test":"A/x","Elapsed":7}
{"Action":"pass","Package":"p","Test":"A","Elapsed":1.25}
{"Action":"fail","Package":"p","Test":"B","Elapsed":8}
{"Action":"pass","Package":"p","Test":"C","Elapsed":0.9}
{"Action":"fail","Package":"p","Elapsed":9.5}
`)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("9.5\tp\t\n8.0\tp\tB\n1.2\tp\tA\n", r.times()); diff != "" {
		t.Error(diff)
	}
}
