package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/bench/made"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		ok   bool
	}{
		{"nothing said", nil, true},
		{"one part", []string{"--only", "store"}, true},
		{"a part that is none", []string{"--only", "parse,fly"}, false},
		{"no rounds", []string{"--rounds", "0"}, false},
		{"an argument", []string{"store"}, false},
	} {
		if _, err := parse(c.args); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if o, err := parse([]string{"--quick", "--rounds", "7"}); err != nil || o.rounds != 1 {
		t.Errorf("quick has %d rounds, %v; want 1", o.rounds, err)
	}
}

func TestParseProcess(t *testing.T) {
	stat := "17 (a) name) S 4 17 17 0 -1 4194560 1 2 3 4 10 20 300 4000 20 0 1 0 99 0 0"
	p, ok := parseProcess(17, []byte(stat))
	want := process{pid: 17, parent: 4, ticks: 4330}
	if !ok || p != want {
		t.Errorf("parseProcess = %v, %v; want %v", p, ok, want)
	}
	if _, ok := parseProcess(17, []byte("17 (a) S 4")); ok {
		t.Error("a line that is cut is taken")
	}
}

// TestUsed lets a child of a child work, which must count.
func TestUsed(t *testing.T) {
	if readable := used(os.Getpid()); readable == 0 && memory(os.Getpid()) == 0 {
		t.Skip("no /proc to read")
	}
	c := exec.Command("sh", "-c", "sh -c 'while :; do :; done' & echo; wait")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Skip("no shell:", err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	for n := 0; used(c.Process.Pid) < 50*time.Millisecond; n++ {
		if n == 3000 {
			t.Fatal("a child that works all the time takes no time")
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, p := range processes(c.Process.Pid) {
		if p, err := os.FindProcess(p.pid); err == nil {
			_ = p.Kill()
		}
	}
	_ = c.Wait()
}

func TestPrepare(t *testing.T) {
	b := &burst{associations: 2, set: made.Set{Name: "test", Studies: 3, Instances: 2, Edge: 8}}
	if err := b.prepare(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	var counts []int
	for _, list := range b.lists {
		text, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, strings.Count(string(text), "\n"))
	}
	if want := []int{4, 2}; b.files != 6 || !cmp.Equal(counts, want) {
		t.Errorf("%d files, %v an association; want 6, %v", b.files, counts, want)
	}
}

func TestSpread(t *testing.T) {
	figures := []figure{{peak: 3}, {peak: 1}, {peak: 2}, {peak: 9}}
	got := spread(figures, func(f figure) float64 { return float64(f.peak) })
	if want := (summary{2.5, 1, 9}); got != want {
		t.Errorf("spread = %v; want %v", got, want)
	}
}

func TestTable(t *testing.T) {
	b := &burst{name: "small", files: 100}
	known := func(name string, seconds ...float64) *record {
		r := &record{contender: contender{name: name}, figures: map[*burst][]figure{}, syncs: map[*burst]float64{}}
		for _, s := range seconds {
			r.figures[b] = append(r.figures[b], figure{wall: time.Duration(s * float64(time.Second)), cpu: 200 * time.Millisecond, peak: 5e6})
		}
		return r
	}
	first, slow, absent, broken := known("first", 1, 2, 4), known("slow", 10), known("absent"), known("broken")
	first.syncs[b], first.sent, first.kept = 1.25, 300, 299
	absent.note(exec.ErrNotFound)
	broken.note(errors.New("no\nanswer"))
	var out bytes.Buffer
	if err := table(&out, []*burst{b}, []*record{first, slow, absent, broken}); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"100 of small first 50 25–100 1.0x 2.00 0.00 5 1.25", "100 of small slow 10 10–10 5.0x 2.00 0.00 5",
		"first: kept 299 of 300 sent", "absent: left out: not installed", "broken: given up: no; answer",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

func TestFailed(t *testing.T) {
	for _, c := range []struct {
		name string
		r    record
		want bool
	}{
		{"all kept", record{sent: 10, kept: 10}, false},
		{"one lost", record{sent: 10, kept: 9}, true},
		{"refused", record{sent: 10, kept: 10, trouble: "refused"}, true},
		{"slow", record{sent: 10, kept: 10, trouble: "slow", slow: true}, false},
		{"slow, and one lost", record{sent: 10, kept: 9, trouble: "slow", slow: true}, true},
	} {
		if err := c.r.failed(); (err != nil) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestLines(t *testing.T) {
	ready := "some log\nready: http://127.0.0.1:40001/ DICOM ARCHIVE 127.0.0.1:40002\n"
	if m := readyLine.FindStringSubmatch(ready); m == nil || m[2] != "40002" || m[1] != "http://127.0.0.1:40001/" {
		t.Errorf("port of %q: %q", ready, m)
	}
	kept := "archive: 2600 instances, 2600 objects, 314 bytes read\njournal: 1 entries in 1 seals\nall is well\n"
	if m := keptLine.FindStringSubmatch(kept); m == nil || m[1] != "2600" {
		t.Errorf("count of %q: %q", kept, m)
	}
	trace := "12  fdatasync(7)  = 0\n12  fsync(8 <unfinished ...>\n13  <... fsync resumed>) = 0\n"
	if n := len(syncCall.FindAllString(trace, -1)); n != 2 {
		t.Errorf("%d syncs in %q; want 2", n, trace)
	}
}
