package token

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How many failures an address may have: so many at once, then one in a while.
const (
	failureBurst = 20
	failurePause = 3 * time.Second
	maxAddresses = 10_000
)

// Failures counts what was refused by address, and slows down who guesses. Its zero
// value is ready; it is safe for concurrent use. Network addresses of IPv6 count by
// their /64, which is what one household has.
type Failures struct {
	mu  sync.Mutex
	all map[netip.Prefix]*rate.Limiter
}

// Slow reports whether an address has failed too often to be listened to now. It
// counts nothing, so whoever carries what is good is never slowed by having asked.
func (f *Failures) Slow(addr netip.Addr, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.all[group(addr)]
	return l != nil && l.TokensAt(now) < 1
}

// Failed counts a failure.
func (f *Failures) Failed(addr netip.Addr, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[netip.Prefix]*rate.Limiter{}
	}
	key := group(addr)
	l := f.all[key]
	if l == nil {
		if len(f.all) >= maxAddresses {
			f.forget(now)
		}
		l = rate.NewLimiter(rate.Every(failurePause), failureBurst)
		f.all[key] = l
	}
	l.AllowN(now, 1)
}

// forget drops addresses that were quiet long enough to start anew, and some others
// if that does not help: memory is bounded whoever calls.
func (f *Failures) forget(now time.Time) {
	for key, l := range f.all {
		if l.TokensAt(now) >= failureBurst-1 {
			delete(f.all, key)
		}
	}
	for key := range f.all {
		if len(f.all) < maxAddresses {
			return
		}
		delete(f.all, key)
	}
}

// group is what counts as one address.
func group(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address: all of these together
	}
	return p
}
