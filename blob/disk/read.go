package disk

import (
	"container/list"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"

	"radagora/blob"
	"radagora/fault"
)

// Open gives access to an object. It reads the record's header, and so notices
// when the object was removed or r is not what stands there.
func (s *Store) Open(ctx context.Context, r blob.Ref) (blob.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h, err := s.read.get(r.Pack)
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", r, err)
	}
	if err := h.check(r); err != nil {
		s.read.put(h)
		return nil, err
	}
	return &reader{s: s, h: h, SectionReader: io.NewSectionReader(h.f, r.Offset+unit, r.Length)}, nil
}

// A reader is an open object.
type reader struct {
	*io.SectionReader
	s    *Store
	h    *handle
	once sync.Once
}

func (r *reader) Close() error {
	r.once.Do(func() { r.s.read.put(r.h) })
	return nil
}

// check compares r with the header of the record it names.
func (h *handle) check(r blob.Ref) error {
	rec, err := h.find(r)
	if err != nil {
		return err
	}
	return judge(rec, r)
}

// judge compares r with the record that stands at its place.
func judge(rec record, r blob.Ref) error {
	switch {
	case rec.kind == lost:
		return blob.Damaged(r, "header cannot be read")
	case rec.kind == removed:
		return fault.Errorf(fault.NotFound, "object %s was removed", r)
	case rec.length != r.Length, rec.sha256 != r.SHA256:
		return fault.Errorf(fault.NotFound, "no object %s: another one stands there", r)
	}
	return nil
}

// find reads the header of the record at r's place, or if that is damaged what
// else is known of it: the copy in the index, or that it is lost.
func (h *handle) find(r blob.Ref) (record, error) {
	if r.Offset < unit || r.Offset%unit != 0 || r.Length < 0 {
		return record{}, fault.Errorf(fault.NotFound, "no object %s", r)
	}
	fi, err := h.f.Stat()
	if err != nil {
		return record{}, classify(err)
	}
	if rec, ok := h.head.record(readBlock(h.f, r.Offset), r.Offset, fi.Size()); ok {
		return rec, nil
	}
	if r.Offset >= fi.Size() {
		return record{}, fault.Errorf(fault.NotFound, "no object %s: the pack ends before", r)
	}
	sc, _ := scanPack(h.f, fi.Size())
	for _, rec := range sc.records {
		if rec.offset == r.Offset {
			return rec, nil
		}
	}
	return record{}, blob.Damaged(r, "header cannot be read")
}

// List yields every object, pack by pack.
func (s *Store) List(ctx context.Context) iter.Seq2[blob.Ref, error] {
	return func(yield func(blob.Ref, error) bool) {
		names, err := s.list(sealedExt, openExt)
		if err != nil {
			yield(blob.Ref{}, err)
			return
		}
		for _, name := range names {
			if err := ctx.Err(); err != nil {
				yield(blob.Ref{}, err)
				return
			}
			records, err := s.records(name)
			if err != nil && !yield(blob.Ref{}, err) {
				return
			}
			if !yieldPack(name, records, yield) {
				return
			}
		}
	}
}

// yieldPack yields the objects of one pack.
func yieldPack(name string, records []record, yield func(blob.Ref, error) bool) bool {
	for _, r := range records {
		ref := blob.Ref{Pack: name, Offset: r.offset, Length: r.length, SHA256: r.sha256}
		var err error
		switch r.kind {
		case removed:
			continue
		case lost:
			err = blob.Damaged(ref, "header cannot be read")
		}
		if !yield(ref, err) {
			return false
		}
	}
	return true
}

// records reads the headers of a pack. Of one that is being written to it gives
// what is finished.
func (s *Store) records(name string) ([]record, error) {
	h, err := s.read.get(name)
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			return nil, nil // compacted meanwhile
		}
		return nil, err
	}
	defer s.read.put(h)
	s.mu.Lock()
	p := s.open[name]
	s.mu.Unlock()
	if p != nil {
		p.mu.Lock()
		written := p.written
		p.mu.Unlock()
		records, _ := h.head.walk(h.f, written)
		return records, nil
	}
	fi, err := h.f.Stat()
	if err != nil {
		return nil, classify(err)
	}
	sc, ok := scanPack(h.f, fi.Size())
	if !ok {
		return nil, fault.Errorf(fault.Internal, "pack %s: head cannot be read: %w", name, blob.ErrDamaged)
	}
	return sc.records, nil
}

// A handle is a pack file opened for reading.
type handle struct {
	name string
	head head
	f    *os.File
	use  int           // how many readers hold it
	at   *list.Element // its place among those kept
	gone bool          // closed by the last reader
}

// handles keeps a bounded number of packs open, those used last. Readers may
// hold more than that: what they hold is never closed under them.
type handles struct {
	open  func(name string) (*os.File, error)
	limit int

	mu    sync.Mutex
	named map[string]*handle
	order list.List // of *handle, used last first
}

func (c *handles) get(name string) (*handle, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.named[name]; h != nil {
		h.use++
		c.order.MoveToFront(h.at)
		return h, nil
	}
	f, err := c.open(name)
	if err != nil {
		return nil, err
	}
	hd, ok := parseHead(readBlock(f, 0))
	if !ok {
		f.Close()
		return nil, fault.Errorf(fault.Internal, "pack %s: head cannot be read: %w", name, blob.ErrDamaged)
	}
	h := &handle{name: name, head: hd, f: f, use: 1}
	h.at = c.order.PushFront(h)
	if c.named == nil {
		c.named = map[string]*handle{}
	}
	c.named[name] = h
	c.trim()
	return h, nil
}

func (c *handles) put(h *handle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.use--
	if h.gone && h.use == 0 {
		h.f.Close()
	}
	c.trim()
}

// trim closes what was not used for longest, until no more than limit are open.
func (c *handles) trim() {
	for e := c.order.Back(); e != nil && c.order.Len() > c.limit; {
		h, _ := e.Value.(*handle)
		e = e.Prev()
		if h.use == 0 {
			c.forget(h)
		}
	}
}

// forget closes h, or has its last reader close it.
func (c *handles) forget(h *handle) {
	c.order.Remove(h.at)
	delete(c.named, h.name)
	h.gone = true
	if h.use == 0 {
		h.f.Close()
	}
}

// drop forgets the pack of that name, if it is open.
func (c *handles) drop(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.named[name]; h != nil {
		c.forget(h)
	}
}

func (c *handles) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.order.Len() > 0 {
		if h, ok := c.order.Front().Value.(*handle); ok {
			c.forget(h)
		}
	}
	c.open = func(string) (*os.File, error) { return nil, errClosed() }
}
