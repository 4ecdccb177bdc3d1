package main

import (
	"context"
	"net"
	"os"
	"strconv"
	"time"
)

// supervise tells the service manager that started the program how it stands, such
// as READY=1 (sd_notify(3)). Without one it does nothing; whoever does not listen
// misses nothing, so there is no error.
func supervise(state string) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return
	}
	_, _ = c.Write([]byte(state))
	_ = c.Close()
}

// watchdogEvery returns how often the service manager wants to hear that the program
// lives, half the time after which it is ended and begun again; 0 means never
// (sd_watchdog_enabled(3)).
func watchdogEvery() time.Duration {
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0 // another process is meant
	}
	us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || us <= 0 {
		return 0
	}
	return time.Duration(us) * time.Microsecond / 2
}

// watchdog tells the service manager that the program lives, until ctx ends: as long
// as ask comes back. An answer that something is away is one too, for starting again
// would not bring it back; who hangs says nothing, and is ended.
func watchdog(ctx context.Context, every time.Duration, ask func(ctx context.Context)) {
	if every <= 0 {
		return
	}
	for ctx.Err() == nil {
		limited, cancel := context.WithTimeout(ctx, every/2)
		ask(limited)
		cancel()
		supervise("WATCHDOG=1")
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}
