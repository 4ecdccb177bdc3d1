package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// syncCall is a line of strace about a call that makes something durable.
var syncCall = regexp.MustCompile(`(?m)^\d+ +(fsync|fdatasync|syncfs|msync)\(`)

// countSyncs lets everybody take all bursts once more and counts with strace how
// often they ask the disk to make something durable. Without strace, or where it
// may not watch, nothing is counted.
func countSyncs(ctx context.Context, work string, all []*burst, records []*record) {
	if !installed("strace") {
		return
	}
	for _, r := range records {
		if r.skip != "" || r.trouble != "" || ctx.Err() != nil {
			continue
		}
		counts := map[*burst]float64{}
		err := r.with(ctx, work, all, func(b *burst, s *server) error {
			n, err := b.syncs(ctx, s)
			counts[b] = float64(n) / float64(b.files)
			return err
		})
		if err == nil {
			r.syncs = counts
		}
	}
}

// syncs sends b and returns how many syncs server s made.
func (b *burst) syncs(ctx context.Context, s *server) (int, error) {
	out := filepath.Join(s.dir, "strace")
	c := exec.CommandContext(ctx, "strace", "-f", "-qq", "-e", "trace=fsync,fdatasync,syncfs,msync", "-o", out, "-p", strconv.Itoa(s.cmd.Process.Pid))
	follow(c)
	if err := c.Start(); err != nil {
		return 0, err
	}
	time.Sleep(time.Second) // it has to attach to every thread first
	_, sent := b.send(ctx, s)
	if err := c.Process.Signal(os.Interrupt); err != nil {
		return 0, err
	}
	_ = c.Wait() // it ends by the signal
	trace, err := os.ReadFile(out)
	if err != nil {
		return 0, err
	}
	return len(syncCall.FindAll(trace, -1)), sent
}
