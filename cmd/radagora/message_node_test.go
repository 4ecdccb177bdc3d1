package main

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/connect"
	"radagora/site"
)

// talker returns node and the folder of test/hl7npm, or skips.
func talker(t *testing.T) (node, dir string) {
	t.Helper()
	dir = filepath.Join("..", "..", "test", "hl7npm")
	for _, need := range []string{"node-hl7-client", "node-hl7-server"} {
		if _, err := os.Stat(filepath.Join(dir, "node_modules", need)); err != nil {
			t.Skipf("it needs npm ci --ignore-scripts in test/hl7npm: %v", err)
		}
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("it needs node")
	}
	return node, dir
}

// TestNodeSends has an independent implementation of npm, node-hl7-client, send several
// messages over one connection, one of which is refused.
func TestNodeSends(t *testing.T) {
	slow(t)
	t.Parallel()
	node, dir := talker(t)
	data := t.TempDir()
	command(t, exitDone, "message", "accept", "--data", data, "SHUT", "--facility", "HOSPITAL", "--state", "blocked")
	s := serve(t, data, "--mllp", "127.0.0.1:0")
	host, port, err := net.SplitHostPort(s.hl7)
	check(t, err)
	now := time.Now()
	start := now.Add(time.Hour).Format("20060102150405")
	foreign := strings.Replace(string(hl7Message("ADT^A04", "N3", now, "EVN|A04", "PID|1||78^^^HIS^PI||Muster^Udo")), "|RIS|HOSPITAL|", "|SHUT|HOSPITAL|", 1)
	var lines []string
	for _, m := range []string{
		string(hl7Message("ADT^A04", "N1", now, "EVN|A04", "PID|1||77^^^HIS^PI||Muster^Änne||19800203|F")),
		string(hl7Message("ORM^O01", "N2", now.Add(time.Second), "PID|1||77^^^HIS^PI||Muster^Änne", "ORC|NW|P77|F77||||^^^"+start,
			"OBR|1|P77|F77|CTHEAD^CT head^L||||||||||||||A77|RP77|||||CT|||^^^"+start)),
		foreign,
		string(hl7Message("ORM^O01", "N4", now.Add(2*time.Second), "PID|1||77^^^HIS^PI||Muster^Änne", "ORC|NW|P78|F78||||^^^"+start,
			"OBR|1|P78|F78|CTABD^CT abdomen^L||||||||||||||A78|RP78|||||CT|||^^^"+start)),
	} {
		lines = append(lines, strings.TrimSuffix(m, "\r"))
	}
	run := exec.CommandContext(t.Context(), node, "talk.mjs", "send", host, port)
	run.Dir, run.Stdin = dir, strings.NewReader(strings.Join(lines, "\n"))
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if diff := cmp.Diff([]string{"AA N1", "AA N2", "AR N3", "AA N4"}, strings.Split(strings.TrimSpace(string(out)), "\n")); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	s.until(t, "both orders are on the worklist", func() bool {
		code, body := get(s, "/api/v1/worklist")
		return code == http.StatusOK && strings.Contains(body, `"A77"`) && strings.Contains(body, `"A78"`) && strings.Contains(body, "Muster^Änne")
	})
}

// TestNodeTakes has node-hl7-server take orders and their cancellation from us: in order,
// and what it does not accept is set apart while the next goes out.
func TestNodeTakes(t *testing.T) {
	slow(t)
	t.Parallel()
	node, dir := talker(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	_, port, err := net.SplitHostPort(free.Addr().String())
	check(t, err)
	check(t, free.Close())
	run := exec.CommandContext(t.Context(), node, "talk.mjs", "take", port, "CA")
	run.Dir = dir
	out, err := run.StdoutPipe()
	check(t, err)
	check(t, run.Start())
	t.Cleanup(func() { _ = run.Process.Kill(); _ = run.Wait() })
	var mu sync.Mutex
	var said []string
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			mu.Lock()
			said = append(said, lines.Text())
			mu.Unlock()
		}
	}()
	heard := func() []string { mu.Lock(); defer mu.Unlock(); return append([]string(nil), said...) }
	data := t.TempDir()
	command(t, exitDone, "message", "send-to", "--data", data, "PACS", "127.0.0.1:"+port, "--facility", "HOSPITAL", "--tell", "changes")
	s := serve(t, data, "--mllp", "127.0.0.1:0", "--reach", "127.0.0.1")
	s.until(t, "the receiver listens", func() bool { return len(heard()) > 0 })
	c, now := sender(t, s), time.Now()
	start := now.Add(time.Hour).Format("20060102150405")
	for i, x := range []struct{ control, n string }{{"NW", "1"}, {"NW", "2"}, {"CA", "1"}, {"NW", "3"}} {
		m := hl7Message("ORM^O01", x.control+x.n, now.Add(time.Duration(i)*time.Second), "PID|1||77^^^HIS^PI||Müster^Änne", "ORC|"+x.control+"|P"+x.n+"|F"+x.n+"||||^^^"+start,
			"OBR|1|P"+x.n+"|F"+x.n+"|CTHEAD^CT head^L||||||||||||||A"+x.n+"|RP"+x.n+"|||||CT|||^^^"+start)
		if _, err := c.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		s.until(t, "it is told", func() bool { return len(heard()) == i+2 })
	}
	var got []string
	for _, line := range heard()[1:] {
		f := strings.Fields(line)
		if len(f) != 5 {
			t.Fatalf("it said %q", line)
		}
		got = append(got, strings.Join([]string{f[0], f[2], f[3], f[4]}, " "))
	}
	want := []string{"OMI NW 77 Müster", "OMI NW 77 Müster", "OMI CA 77 Müster", "OMI NW 77 Müster"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
	var states []string
	s.until(t, "all are answered", func() bool {
		_, body := get(s, "/settings/messages?direction=out&state=queued")
		return strings.Contains(body, "No message fits")
	})
	check(t, s.stop())
	inside(t, data, func(ctx context.Context, h *house) {
		list, err := h.Connect.OutMessages(ctx, site.Default, connect.OutFilter{})
		check(t, err)
		for _, m := range slices.Backward(list) {
			states = append(states, string(m.State)+" "+m.Reason)
		}
	})
	if diff := cmp.Diff([]string{"sent AA", "sent AA", "refused AE", "sent AA"}, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}
