package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A process is a line of /proc/PID/stat (proc(5)).
type process struct {
	pid, parent int
	ticks       int64 // of CPU, user and system, its own and that of children it waited for
}

// ticksPerSecond is USER_HZ, which is 100 on every architecture that Linux tells
// user space about.
const ticksPerSecond = 100

// processes returns the process pid and all that descend from it.
func processes(pid int) []process {
	children, self := map[int][]process{}, []process(nil)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if id, err := strconv.Atoi(e.Name()); err == nil {
			if p, ok := readProcess(id); ok {
				children[p.parent] = append(children[p.parent], p)
				if id == pid {
					self = append(self, p)
				}
			}
		}
	}
	for i := 0; i < len(self); i++ {
		self = append(self, children[self[i].pid]...)
	}
	return self
}

// readProcess reads /proc/PID/stat.
func readProcess(pid int) (process, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	return parseProcess(pid, b)
}

func parseProcess(pid int, stat []byte) (p process, ok bool) {
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from field 3, the state, on
	if len(f) < 15 {
		return p, false
	}
	p.pid = pid
	if p.parent, _ = strconv.Atoi(f[1]); p.parent == 0 {
		return p, false
	}
	for _, t := range f[11:15] {
		n, err := strconv.ParseInt(t, 10, 64)
		if err != nil {
			return p, false
		}
		p.ticks += n
	}
	return p, true
}

// used returns how much CPU time the process and its descendants have taken.
func used(pid int) time.Duration {
	total := int64(0)
	for _, p := range processes(pid) {
		total += p.ticks
	}
	return time.Duration(total) * time.Second / ticksPerSecond
}

// memory returns how many bytes they take. Pages that several share count once.
func memory(pid int) int64 {
	total := int64(0)
	for _, p := range processes(pid) {
		pss := field(fmt.Sprintf("/proc/%d/smaps_rollup", p.pid), "Pss")
		if kb, err := strconv.ParseInt(strings.TrimSuffix(pss, " kB"), 10, 64); err == nil {
			total += kb << 10
		}
	}
	return total
}

// peak notes the most memory that a process takes until the function it returns is
// called, which returns it.
func peak(pid int) func() int64 {
	quit, most := make(chan struct{}), make(chan int64)
	go func() {
		high, tick := int64(0), time.NewTicker(200*time.Millisecond)
		defer tick.Stop()
		for {
			high = max(high, memory(pid))
			select {
			case <-tick.C:
			case <-quit:
				most <- max(high, memory(pid))
				return
			}
		}
	}()
	return func() int64 { close(quit); return <-most }
}

// quiet waits until a process has nothing more to do, or five seconds: what it
// does behind its answers is work too.
func quiet(pid int) {
	for before, n := used(pid), 0; n < 17; n++ {
		time.Sleep(300 * time.Millisecond)
		now := used(pid)
		if now-before <= 20*time.Millisecond {
			return
		}
		before = now
	}
}
