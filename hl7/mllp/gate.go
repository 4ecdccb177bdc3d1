package mllp

import (
	"net/netip"
	"time"

	"radagora/fault"
)

// A gate counts what addresses do. Its owner locks it.
type gate struct {
	limits Limits
	all    int
	odd    int // strangers
	by     map[netip.Addr]*visitor
	swept  time.Time
}

// A visitor is an address.
type visitor struct {
	open   int
	odd    int     // of them, strangers
	opens  float64 // connections it may still open
	tokens float64 // messages it may still send
	at     time.Time
}

func newGate(l Limits) *gate { return &gate{limits: l, by: map[netip.Addr]*visitor{}} }

// of returns the visitor, with what it has gained since.
func (g *gate) of(a netip.Addr, now time.Time) *visitor {
	v := g.by[a]
	if v == nil {
		v = &visitor{opens: float64(g.limits.Opens), tokens: float64(g.limits.Rate), at: now}
		g.by[a] = v
	}
	passed := max(0, now.Sub(v.at).Seconds())
	v.opens = min(float64(g.limits.Opens), v.opens+passed*float64(g.limits.Opens)/60)
	v.tokens = min(float64(g.limits.Rate), v.tokens+passed*float64(g.limits.Rate))
	v.at = now
	return v
}

// enter lets a connection in. Errors are of kind Exhausted.
func (g *gate) enter(a netip.Addr, now time.Time) error {
	g.sweep(now)
	v := g.of(a, now)
	switch {
	case g.all >= g.limits.Connections:
		return fault.Errorf(fault.Exhausted, "mllp: %d connections are open", g.all)
	case v.open >= g.limits.PerAddress:
		return fault.Errorf(fault.Exhausted, "mllp: %d connections of the address are open", v.open)
	case g.limits.Opens > 0 && v.opens < 1:
		return fault.Errorf(fault.Exhausted, "mllp: the address opens more than %d connections a minute", g.limits.Opens)
	}
	v.opens--
	v.open++
	g.all++
	return nil
}

// leave notes that a connection is closed.
func (g *gate) leave(a netip.Addr) {
	g.all--
	if v := g.by[a]; v != nil {
		v.open--
	}
}

// admit lets a connection that is open stay though nobody vouches for it. Errors are of
// kind Exhausted.
func (g *gate) admit(a netip.Addr, now time.Time) error {
	v := g.of(a, now)
	switch {
	case g.odd >= g.limits.Strangers:
		return fault.Errorf(fault.Exhausted, "mllp: %d connections of strangers are open", g.odd)
	case v.odd >= g.limits.OfStranger:
		return fault.Errorf(fault.Exhausted, "mllp: %d connections of the address are open, and nobody vouches for it", v.odd)
	}
	v.odd++
	g.odd++
	return nil
}

// vouched notes that a connection that was admitted is of no stranger any more, or closed.
func (g *gate) vouched(a netip.Addr) {
	g.odd--
	if v := g.by[a]; v != nil {
		v.odd--
	}
}

// take counts a message and returns how long it has to wait.
func (g *gate) take(a netip.Addr, now time.Time) time.Duration {
	if g.limits.Rate < 0 {
		return 0
	}
	v := g.of(a, now)
	if v.tokens--; v.tokens >= 0 {
		return 0
	}
	return time.Duration(-v.tokens / float64(g.limits.Rate) * float64(time.Second))
}

// sweep forgets addresses that have no connection and have been away for a while.
func (g *gate) sweep(now time.Time) {
	if now.Sub(g.swept) < time.Minute {
		return
	}
	g.swept = now
	for a, v := range g.by {
		if v.open == 0 && now.Sub(v.at) > 2*time.Minute {
			delete(g.by, a)
		}
	}
}
