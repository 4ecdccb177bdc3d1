package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

func TestSupervise(t *testing.T) {
	supervise("READY=1") // nobody listens

	name := filepath.Join(t.TempDir(), "n")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Skip("no such sockets here:", err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	supervise("READY=1")
	if err := l.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	n, err := l.Read(b)
	if got := string(b[:n]); err != nil || got != "READY=1" {
		t.Errorf("the service manager heard %q, %v; want READY=1", got, err)
	}
}

// TestWatchdog counts what the service manager hears while the program lives, while
// something is away, and while it hangs.
func TestWatchdog(t *testing.T) {
	name := filepath.Join(t.TempDir(), "n")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Skip("no such sockets here:", err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	hear := func() string {
		b := make([]byte, 100)
		if err := l.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := l.Read(b)
		if err != nil {
			return ""
		}
		return string(b[:n])
	}
	ctx, stop := context.WithCancel(t.Context())
	ended, asked := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		watchdog(ctx, time.Millisecond, func(context.Context) { <-asked })
	}()
	for range 3 {
		asked <- true
		if got := hear(); got != "WATCHDOG=1" {
			t.Fatalf("heard %q; want WATCHDOG=1", got)
		}
	}
	if err := l.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil { // now it hangs
		t.Fatal(err)
	}
	if n, err := l.Read(make([]byte, 100)); err == nil {
		t.Errorf("heard %d bytes of a program that hangs", n)
	}
	stop()
	close(asked)
	<-ended
	watchdog(t.Context(), 0, nil) // nobody watches
}

func TestWatchdogEvery(t *testing.T) {
	for _, c := range []struct {
		name, usec, pid string
		want            time.Duration
	}{
		{"nobody watches", "", "", 0},
		{"a minute", "60000000", "", 30 * time.Second},
		{"a minute, of this process", "60000000", strconv.Itoa(os.Getpid()), 30 * time.Second},
		{"of another process", "60000000", "1", 0},
		{"no number", "often", "", 0},
		{"a time that cannot be", "-5", "", 0},
	} {
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		if got := watchdogEvery(); got != c.want {
			t.Errorf("%s: %v; want %v", c.name, got, c.want)
		}
	}
}
