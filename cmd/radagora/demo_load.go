package main

import (
	"context"
	"sync"

	"radagora/fault"
	"radagora/web"
)

// A demoLoad loads the demonstration year behind the doors, once at a time.
type demoLoad struct {
	seen *watch

	mu   sync.Mutex
	stop context.CancelFunc // nil while nothing loads
	done int64
	all  int64
}

// start begins to load.
func (d *demoLoad) start(v *view) error {
	return fault.Errorf(fault.Unsupported, "the demonstration year is not there yet")
}

// cancel stops loading; what has arrived stays.
func (d *demoLoad) cancel() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stop != nil {
		d.stop()
	}
}

// work returns how far loading is, nil while nothing loads.
func (d *demoLoad) work() *web.Work {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stop == nil {
		return nil
	}
	return &web.Work{What: msg("work.demo", nil), Done: d.done, Total: d.all, Cancel: "/start/demo/cancel"}
}
