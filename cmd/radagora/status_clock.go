package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"radagora/lang"
)

// A clockWatch notices when the clock of the machine is put forward or back: the
// time that passed by it is not what passed by the stopwatch.
type clockWatch struct {
	now   func() time.Time // of the clock
	since time.Time        // with the reading of the stopwatch

	mu   sync.Mutex
	wall time.Time     // at the last look
	mono time.Duration // likewise
	jump time.Duration // the last that was more than most
	at   time.Time     // when that was
}

// newClockWatch returns a watch that begins now.
func newClockWatch(now func() time.Time) *clockWatch {
	w := &clockWatch{now: now, since: time.Now()}
	w.wall = now().Round(0)
	return w
}

// look compares clock and stopwatch; a difference of more than most is a jump.
func (w *clockWatch) look(most time.Duration) { w.compare(time.Since(w.since), most) }

// compare is look with a reading of the stopwatch.
func (w *clockWatch) compare(mono, most time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	wall := w.now().Round(0)
	jump := wall.Sub(w.wall) - (mono - w.mono)
	w.wall, w.mono = wall, mono
	if jump.Abs() > most {
		w.jump, w.at = jump, wall
	}
}

// last returns the last jump, and when it was: the zero time if there was none.
func (w *clockWatch) last() (time.Duration, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.jump, w.at
}

// jumpShown is how long a jump is worth a warning.
const jumpShown = 24 * time.Hour

// clockState looks at the clock.
func (o *observer) clockState(context.Context) ([]condition, error) {
	kept := condition{Name: msg("status.clock", nil), Reference: msg("status.clock_reference", nil)}
	switch yes, known := synchronised(); {
	case !known:
		kept.Value, kept.State = msg("status.clock_unknown", nil), stateNone
	case yes:
		kept.Value, kept.State = msg("status.clock_kept", nil), stateGood
	default:
		kept.Value, kept.State = msg("status.clock_free", nil), stateWarn
	}
	if o.clock == nil {
		return []condition{kept}, nil
	}
	jump, when := o.clock.last()
	c := condition{
		Name: msg("status.jump", nil), Value: msg("status.jump_none", nil), State: stateGood, Key: "clock " + o.host,
		Reference: msg("status.jump_reference", lang.Args{"seconds": int(o.settings.WarnClock.Seconds())}),
	}
	if !when.IsZero() {
		seconds := int(jump.Abs().Round(time.Second).Seconds())
		c.Value = msg("status.jump_value", lang.Args{"seconds": seconds, "day": when})
		c.Tell = o.tell("status.clock.wrong", "n", fmt.Sprint(min(seconds, 999999)))
		if age := o.now().Sub(when); age >= 0 && age < jumpShown {
			c.State = stateWarn
		}
	}
	return []condition{kept, c}, nil
}
