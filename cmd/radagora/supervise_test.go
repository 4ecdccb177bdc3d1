package main

import (
	"net"
	"path/filepath"
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
