package mllp_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/fault"
	"radagora/hl7/mllp"
)

// closed reports whether the other side has closed a connection.
func closed(t *testing.T, c net.Conn) bool {
	t.Helper()
	_, err := io.ReadAll(c)
	return err == nil || strings.Contains(err.Error(), "reset")
}

// long is a message of n bytes and more.
func long(id, sender string, n int) string {
	return strings.Replace(message(id), "|RIS|", "|"+sender+"|", 1) + "NTE|1||" + strings.Repeat("x", n) + "\r"
}

// TestStrangers lets somebody in for whom nobody vouches: few connections and small
// messages, until a message is received, or one begins as those of somebody known.
func TestStrangers(t *testing.T) {
	k := &kept{do: func(id string) error {
		if strings.HasPrefix(id, "NO") {
			return fault.Errorf(fault.Forbidden, "not accepted")
		}
		return nil
	}}
	s := &mllp.Server{
		Limits: mllp.Limits{First: 1000, OfStranger: 2, Strangers: 3, Message: 100_000, FirstIdle: time.Hour},
		Known: func(_ context.Context, _ mllp.Peer, begin []byte) bool {
			return strings.Contains(string(begin), "|KNOWN|")
		},
	}
	addr, _ := serve(t, s, k)
	a, b := dial(t, addr), dial(t, addr)
	for i, c := range []struct{ name, body, want string }{
		{"a long message of a stranger", long("L1", "RIS", 5000), "AR L1"},
		{"a refused one changes nothing", message("NO1"), "AR NO1"},
		{"as before", long("L2", "RIS", 5000), "AR L2"},
		{"a long one of somebody known", long("K1", "KNOWN", 5000), "AA K1"},
		{"then any other", long("L3", "RIS", 5000), "AA L3"},
	} {
		_, _ = a.Write(mllp.Frame([]byte(c.body)))
		if diff := cmp.Diff([]string{c.want}, answers(t, a, 1)); diff != "" {
			t.Errorf("%d %s (-want +got):\n%s", i, c.name, diff)
		}
	}
	for i, want := range []string{"AR L4", "AA S1", "AA L5"} { // whose first message is received is none any more
		body := []string{long("L4", "RIS", 5000), message("S1"), long("L5", "RIS", 5000)}[i]
		_, _ = b.Write(mllp.Frame([]byte(body)))
		if diff := cmp.Diff([]string{want}, answers(t, b, 1)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	for range 2 { // neither a nor b is a stranger now
		c := dial(t, addr)
		_, _ = c.Write(mllp.Frame([]byte(message("NO2"))))
		answers(t, c, 1)
	}
	if !closed(t, dial(t, addr)) {
		t.Error("a third stranger of one address is let in")
	}
	if diff := cmp.Diff([]string{"K1", "L3", "S1", "L5"}, k.all()); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

// TestStrangersAreSilent closes the line of a stranger who says nothing, and not that of
// somebody known.
func TestStrangersAreSilent(t *testing.T) {
	known := make(chan bool, 2)
	known <- false
	known <- true
	s := &mllp.Server{
		Limits: mllp.Limits{FirstIdle: 20 * time.Millisecond},
		Known:  func(context.Context, mllp.Peer, []byte) bool { return <-known },
	}
	addr, _ := serve(t, s, &kept{})
	if stranger := dial(t, addr); !closed(t, stranger) {
		t.Error("a stranger who is silent stays")
	}
	friend := dial(t, addr)
	time.Sleep(100 * time.Millisecond)
	_, _ = friend.Write(mllp.Frame([]byte(message("1"))))
	if diff := cmp.Diff([]string{"AA 1"}, answers(t, friend, 1)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMemory bounds what all connections hold together: who finds no room is told to
// come again, and finds it when others are done.
func TestMemory(t *testing.T) {
	s := &mllp.Server{Limits: mllp.Limits{Memory: 100_000, Message: 80_000}}
	addr, _ := serve(t, s, &kept{})
	a, b := dial(t, addr), dial(t, addr)
	whole := mllp.Frame([]byte(long("A", "RIS", 70_000)))
	_, _ = a.Write(whole[:69_000]) // it holds its place
	answered := func(id string) string {
		t.Helper()
		_, _ = b.Write(mllp.Frame([]byte(long(id, "RIS", 70_000))))
		return answers(t, b, 1)[0]
	}
	for end := time.Now().Add(20 * time.Second); answered("B1") != "AR B1"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("two messages are read at once, for which there is no room")
		}
	}
	_, _ = a.Write(whole[69_000:])
	if diff := cmp.Diff([]string{"AA A"}, answers(t, a, 1)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for end := time.Now().Add(20 * time.Second); answered("B2") != "AA B2"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("there is no room though all is done")
		}
	}
	cut := dial(t, addr) // one that ends within a message gives its place back
	_, _ = cut.Write(whole[:69_000])
	_ = cut.Close()
	for end := time.Now().Add(20 * time.Second); answered("B3") != "AA B3"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a connection that ended keeps its place")
		}
	}
}
