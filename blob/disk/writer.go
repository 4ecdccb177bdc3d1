package disk

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"hash/crc32"
	"sync"

	"radagora/blob"
	"radagora/fault"
)

// gather is how much of an object is held in memory before it goes to its pack.
const gather = 256 << 10

// buffers holds what writers gather in, header and padding included.
var buffers = sync.Pool{New: func() any { return new([gather]byte) }}

// A writer streams one object. Small ones never hold a pack but for the moment
// of their being written.
type writer struct {
	s      *Store
	sum    hash.Hash
	crc    uint32
	length int64

	buf   *[gather]byte
	n     int   // of buf that is filled; the header's room counts when nothing was flushed
	p     *pack // nil until buf overflows
	at    int64 // where the record begins in p
	pos   int64 // where buf goes in p
	taken int64 // bytes reserved
	err   error // sticky
	done  bool
}

// Create begins a new object.
func (s *Store) Create(ctx context.Context) (blob.Writer, error) {
	if err := s.alone(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed()
	}
	buf, _ := buffers.Get().(*[gather]byte)
	return &writer{s: s, sum: sha256.New(), buf: buf, n: unit}, nil
}

// Write appends to the object.
func (w *writer) Write(b []byte) (int, error) {
	if w.done {
		return 0, fault.Errorf(fault.Internal, "write to an object that was ended")
	}
	total := 0
	for len(b) > 0 && w.err == nil {
		n := copy(w.buf[w.n:], b)
		_, _ = w.sum.Write(b[:n])
		w.crc = crc32.Update(w.crc, castagnoli, b[:n])
		w.length += int64(n)
		w.n += n
		total += n
		b = b[n:]
		if w.n == len(w.buf) {
			w.err = w.flush()
		}
	}
	return total, w.err
}

// flush writes what was gathered to the pack.
func (w *writer) flush() error {
	if w.p == nil {
		p, err := w.s.take()
		if err != nil {
			return err
		}
		w.p, w.at, w.pos = p, p.end, p.end
		clear(w.buf[:unit]) // the header comes last
	}
	if err := w.s.reserve(int64(w.n)); err != nil {
		return err
	}
	w.taken += int64(w.n)
	if _, err := w.s.o.write(w.p.f, w.buf[:w.n], w.pos); err != nil {
		return fmt.Errorf("write to pack %s: %w", w.p.name, classify(err))
	}
	if w.n == len(w.buf) {
		writeback(w.p.f, w.pos, int64(w.n)) // the disk works while the rest arrives
	}
	w.pos += int64(w.n)
	w.n = 0
	return nil
}

// Finish ends the object: the rest, zeros up to the next record, and last of
// all the header, which makes it count.
func (w *writer) Finish(ctx context.Context) (blob.Ref, func(context.Context) error, error) {
	if w.done {
		return blob.Ref{}, nil, fault.Errorf(fault.Internal, "finish an object that was ended")
	}
	if w.err == nil {
		w.err = ctx.Err()
	}
	if w.err == nil {
		w.err = w.finish()
	}
	if w.err != nil {
		return blob.Ref{}, nil, w.err
	}
	p, end := w.p, w.at+unit+aligned(w.length)
	p.finished(end)
	ref := blob.Ref{Pack: p.name, Offset: w.at, Length: w.length, SHA256: [sha256.Size]byte(w.sum.Sum(nil))}
	w.release()
	return ref, func(ctx context.Context) error { return p.wait(ctx, end) }, nil
}

func (w *writer) finish() error {
	whole := w.p == nil // everything is in buf
	if whole {
		p, err := w.s.take()
		if err != nil {
			return err
		}
		w.p, w.at, w.pos = p, p.end, p.end
	}
	rec := record{
		offset: w.at, kind: object, length: w.length, synced: w.p.syncedTo(),
		sha256: [sha256.Size]byte(w.sum.Sum(nil)), crc: w.crc,
	}
	if whole {
		w.p.head.put(w.buf[:], rec)
	}
	if err := w.pad(); err != nil {
		return err
	}
	if whole {
		return nil
	}
	block := make([]byte, unit)
	w.p.head.put(block, rec)
	if _, err := w.s.o.write(w.p.f, block, w.at); err != nil {
		return fmt.Errorf("write to pack %s: %w", w.p.name, classify(err))
	}
	return nil
}

// pad fills up to the next record and writes it. There is room for it in buf:
// its size is a multiple of unit, and a full one has been flushed.
func (w *writer) pad() error {
	n := int(aligned(int64(w.n)))
	clear(w.buf[w.n:n])
	w.n = n
	if n == 0 {
		return nil
	}
	return w.flush()
}

// Abort gives up the object. What reached the pack is cut off again.
func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	var err error
	if w.p != nil {
		if err = classify(w.p.f.Truncate(w.at)); err != nil {
			w.p.fail(fmt.Errorf("cut pack %s: %w", w.p.name, err))
		}
	}
	w.s.used.Add(-w.taken)
	w.release()
	return err
}

func (w *writer) release() {
	w.done = true
	if w.p != nil {
		w.s.give(w.p)
	}
	buffers.Put(w.buf)
	w.buf, w.p = nil, nil
}
