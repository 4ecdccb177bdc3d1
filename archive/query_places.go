package archive

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"time"
)

// places remembers where pages ended, so that whoever asks for the next page by its
// offset goes on there: as quickly as at the beginning, and without what arrived
// meanwhile pushing rows from one page to the next.
type places struct {
	mu sync.Mutex
	of map[placeKey]remembered
}

type placeKey struct {
	question [sha256.Size]byte
	offset   int
}

type remembered struct {
	at    []any
	until time.Time
}

// Bounds of what is remembered.
const (
	maxPlaces  = 2000
	placeValid = 2 * time.Minute
)

// question stands for everything that decides which rows there are, and their order.
func (p *plan) question() [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d\x00%s\x00%s\x00%q\x00%v%v", p.rank, p.from, p.where, p.args, p.q.Fuzzy, p.keys))
}

func (c *places) put(p *plan, offset int, at []any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil || len(c.of) >= maxPlaces {
		c.of = map[placeKey]remembered{}
	}
	c.of[placeKey{p.question(), offset}] = remembered{at, p.a.Now().Add(placeValid)}
}

func (c *places) get(p *plan, offset int) []any {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.of[placeKey{p.question(), offset}]
	if !ok || !p.a.Now().Before(r.until) {
		return nil
	}
	return r.at
}
