package disk

import (
	"context"
	"fmt"
	"os"
	"sync"
)

// A pack is a pack file that is not sealed. One writer at a time holds it and
// moves end; anybody may wait for it to be durable.
type pack struct {
	name string
	head head
	f    *os.File
	end  int64 // where the next record begins; for the holder

	marked int64 // end, if the record before it is a mark

	mu      sync.Mutex
	written int64         // end of the last finished record
	synced  int64         // up to where the pack is durable
	running chan struct{} // closed when the sync that runs now has ended; nil if none runs
	broken  error         // a sync failed: what the disk has is unknown (it may report it only once)
}

func newPack(name string, h head) *pack {
	return &pack{name: name, head: h, end: unit, written: unit, synced: unit}
}

// failed returns the error that put the pack out of use, or nil.
func (p *pack) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.broken
}

func (p *pack) syncedTo() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.synced
}

// finished says that everything before end is written.
func (p *pack) finished(end int64) {
	p.end = end
	p.mu.Lock()
	p.written = end
	p.mu.Unlock()
}

// wait blocks until everything before end is durable. Whoever finds no sync
// running syncs for all.
func (p *pack) wait(ctx context.Context, end int64) error {
	for {
		p.mu.Lock()
		switch {
		case p.synced >= end:
			p.mu.Unlock()
			return nil
		case p.broken != nil:
			defer p.mu.Unlock()
			return p.broken
		case p.running == nil:
			p.sync() // unlocks
		default:
			running := p.running
			p.mu.Unlock()
			select {
			case <-running:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// sync is called with p.mu locked and unlocks it.
func (p *pack) sync() {
	done, written := make(chan struct{}), p.written
	p.running = done
	p.mu.Unlock()
	err := datasync(p.f)
	p.mu.Lock()
	if err != nil {
		p.broken = fmt.Errorf("sync pack %s: %w", p.name, classify(err))
	} else {
		p.synced = written
	}
	p.running = nil
	p.mu.Unlock()
	close(done)
}

// fail puts the pack out of use.
func (p *pack) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken == nil {
		p.broken = err
	}
}
