package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"radagora/db"
	"radagora/fault"
)

// A Read is somebody looking at something.
type Read struct {
	Site    string
	Actor   string
	Kind    string // for example archive.study.read
	Subject string // for example the Study Instance UID
	Purpose string // code of the purpose
	Role    string // in which role, or roles between spaces
	Door    string // how they came in: page, api, dimse, command
	Address string // of the machine they used, "" if unknown
	Person  string // whom it concerns, if known
	Query   string // of a search: the names of what it asked by, never their values
}

// maxReads is how many different reads are kept until they are written.
const maxReads = 10000

// readsSoon is how long the first read of a minute may wait.
const readsSoon = time.Second

// Reads gathers reads, which are many. The first of a Read in a minute is durable within
// a second, as an entry; those that follow in the same minute are one more entry at its
// end, with their count. All are durable when Run ends. Make it with NewReads. It is
// safe for concurrent use.
type Reads struct {
	j    *Journal
	mu   sync.Mutex
	open map[minute]*gathered
	now  func() time.Time
}

// A minute is what one entry stands for.
type minute struct {
	Read
	start int64 // minutes since 1970
}

type gathered struct {
	count       int // that are not written
	first, last time.Time
	written     bool // there is an entry of this minute
}

// ReadData is the Data of an entry that Reads writes.
type ReadData struct {
	Purpose string    `json:"purpose"`
	Role    string    `json:"role,omitempty"`
	Door    string    `json:"door,omitempty"`
	Address string    `json:"address,omitempty"`
	Query   string    `json:"query,omitempty"`
	Count   int       `json:"count"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}

// NewReads returns a gatherer for j. Somebody must run its Run.
func NewReads(j *Journal) *Reads {
	return &Reads{j: j, open: map[minute]*gathered{}, now: j.o.Now}
}

// Note notes a read. It is Invalid if the journal could not keep it, and Unavailable
// when so many reads wait, because the database does not take them, that no more
// can be accounted for; the caller then refuses to show what was asked for.
func (r *Reads) Note(read Read) error {
	e := Entry{Site: read.Site, Actor: read.Actor, Kind: read.Kind, Subject: read.Subject, Person: read.Person}
	if err := e.check(); err != nil {
		return fmt.Errorf("note read: %w", err)
	}
	for _, s := range []string{read.Purpose, read.Role, read.Door, read.Address, read.Query} {
		if len(s) > MaxName {
			return fault.Errorf(fault.Invalid, "note read: purpose, role, door, address or query of %d bytes; at most %d", len(s), MaxName)
		}
	}
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	m := minute{read, now.Unix() / 60}
	g := r.open[m]
	if g == nil {
		if len(r.open) >= maxReads {
			maps.DeleteFunc(r.open, func(_ minute, g *gathered) bool { return g.count == 0 })
		}
		if len(r.open) >= maxReads {
			return fault.Errorf(fault.Unavailable, "note read: %d reads wait to be written", len(r.open))
		}
		g = &gathered{first: now}
		r.open[m] = g
	}
	if g.count == 0 {
		g.first = now
	}
	g.count++
	g.last = now
	return nil
}

// Run writes the first reads of each minute every second, the rest when it is over, and
// all when ctx ends; then it returns, with an error if they could not be written.
func (r *Reads) Run(ctx context.Context) error {
	t := trouble{j: r.j, about: "journal/reads", pause: r.j.o.Retry}
	for sleep(ctx, readsSoon) {
		t.met(ctx, r.write(ctx, r.now().Unix()/60))
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.j.o.LeaseTTL)
	defer cancel()
	return r.Flush(last)
}

// Flush writes everything gathered so far.
func (r *Reads) Flush(ctx context.Context) error { return r.write(ctx, -1) }

// write writes what was gathered: of the minute that is not over, what is new in it.
func (r *Reads) write(ctx context.Context, running int64) error {
	batch := r.take(running)
	if len(batch) == 0 {
		return nil
	}
	entries := make([]Entry, 0, len(batch))
	for m, g := range batch {
		data, err := json.Marshal(ReadData{
			Purpose: m.Purpose, Role: m.Role, Door: m.Door, Address: m.Address, Query: m.Query, Count: g.count, First: g.first.UTC(), Last: g.last.UTC(),
		})
		if err != nil {
			return fmt.Errorf("write reads: %w", err)
		}
		entries = append(entries, Entry{
			Site: m.Site, At: g.first, Actor: m.Actor, Kind: m.Kind, Subject: m.Subject, Person: m.Person, Data: data,
		})
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Actor, b.Actor))
	})
	err := r.j.db.Write(ctx, func(tx *db.Tx) error { return r.j.Append(ctx, tx, entries...) })
	if err != nil {
		r.putBack(batch)
		return fmt.Errorf("write reads: %w", err)
	}
	return nil
}

// take returns what is to be written, and keeps of the minute that runs only that it was.
func (r *Reads) take(running int64) map[minute]*gathered {
	r.mu.Lock()
	defer r.mu.Unlock()
	batch := map[minute]*gathered{}
	for m, g := range r.open {
		switch {
		case m.start != running:
			if delete(r.open, m); g.count > 0 {
				batch[m] = g
			}
		case !g.written:
			now := *g
			batch[m] = &now
			g.written, g.count = true, 0
		}
	}
	return batch
}

// putBack keeps what could not be written for the next time.
func (r *Reads) putBack(batch map[minute]*gathered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for m, g := range batch {
		if now := r.open[m]; now != nil && now.count > 0 {
			g.count += now.count
			g.last = now.last
		}
		g.written = false
		r.open[m] = g
	}
}
