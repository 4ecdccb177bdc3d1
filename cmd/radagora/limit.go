package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits bound what one address may ask of the HTTP door. DICOMweb has a measure of
// its own: a viewer asks for every image by itself, and for many at once.
type limits struct {
	rate    rate.Limit    // requests a second
	burst   int           // at once
	images  rate.Limit    // requests a second of DICOMweb
	silence time.Duration // how long a body may bring nothing, and an answer be taken by nobody
	known   int           // addresses remembered

	now func() time.Time

	mu   sync.Mutex
	from map[origin]*rate.Limiter
}

// An origin is where requests of one measure come from.
type origin struct {
	addr   netip.Addr
	images bool
}

// newLimits returns the limits of the door: generous for a ward behind one address,
// too little for a flood.
func newLimits(now func() time.Time) *limits {
	return &limits{rate: 200, burst: 600, images: 5000, silence: 30 * time.Second, known: 10000, now: now, from: map[origin]*rate.Limiter{}}
}

// allow reports whether an address may ask once more, for an image or for something
// else.
func (l *limits) allow(remote string, images bool) bool {
	_, ok := l.take(remote, images)
	return ok
}

// take is allow, and returns how often the address may ask at once after that.
func (l *limits) take(remote string, images bool) (left int, ok bool) {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return 0, false
	}
	addr := ap.Addr().Unmap().WithZone("")
	if addr.Is6() { // one subscriber has a whole network
		if p, err := addr.Prefix(64); err == nil {
			addr = p.Addr()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	key, most, burst := origin{addr, images}, l.rate, l.burst
	if images {
		most, burst = l.images, 2*int(l.images)
	}
	one, ok := l.from[key]
	if !ok {
		if len(l.from) >= l.known {
			l.forget()
		}
		one = rate.NewLimiter(most, burst)
		l.from[key] = one
	}
	now := l.now()
	ok = one.AllowN(now, 1)
	return max(0, int(one.TokensAt(now))), ok
}

// forget drops the addresses that have been quiet; mu is held.
func (l *limits) forget() {
	now := l.now()
	for key, one := range l.from {
		if one.TokensAt(now) >= float64(one.Burst())*0.9 || len(l.from) > 2*l.known {
			delete(l.from, key)
		}
	}
	if len(l.from) >= l.known { // a flood from everywhere: begin anew
		clear(l.from)
	}
}

// guard refuses too many requests and drops connections on which nothing moves.
func (l *limits) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		left, ok := l.take(r.RemoteAddr, ofDICOMweb(r.URL.Path))
		if ofAPI(r.URL.Path) { // draft-ietf-httpapi-ratelimit-headers-10
			w.Header().Set("RateLimit-Policy", fmt.Sprintf(`"address";q=%d;w=%d`, l.burst, int(math.Ceil(float64(l.burst)/float64(l.rate)))))
			w.Header().Set("RateLimit", fmt.Sprintf(`"address";r=%d`, left))
		}
		if !ok {
			w.Header().Set("Retry-After", "5")
			tellPlainly(w, r, http.StatusTooManyRequests, "too many requests from this address: wait five seconds")
			return
		}
		c := http.NewResponseController(w)
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &movingBody{ReadCloser: r.Body, c: c, l: l}
		}
		_ = c.SetWriteDeadline(time.Now().Add(l.silence)) // what cannot have one is in memory
		next.ServeHTTP(&movingAnswer{ResponseWriter: w, c: c, l: l}, r)
	})
}

// A movingBody is a body that must bring something from time to time.
type movingBody struct {
	io.ReadCloser
	c *http.ResponseController
	l *limits
}

// Read reads with a deadline of its own.
func (b *movingBody) Read(p []byte) (int, error) {
	_ = b.c.SetReadDeadline(time.Now().Add(b.l.silence))
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.c.SetReadDeadline(time.Time{})
	}
	return n, err
}

// A movingAnswer is an answer that somebody must take.
type movingAnswer struct {
	http.ResponseWriter
	c *http.ResponseController
	l *limits
}

// Write writes with a deadline of its own.
func (a *movingAnswer) Write(p []byte) (int, error) {
	_ = a.c.SetWriteDeadline(time.Now().Add(a.l.silence))
	return a.ResponseWriter.Write(p)
}

// Flush implements http.Flusher. After it the next part may be long in coming.
func (a *movingAnswer) Flush() {
	_ = a.c.Flush()
	_ = a.c.SetWriteDeadline(time.Time{})
}

// Unwrap implements what http.ResponseController looks for.
func (a *movingAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// maxConnections is how many connections the HTTP door keeps at once.
const maxConnections = 2000
