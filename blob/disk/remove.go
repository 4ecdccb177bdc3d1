package disk

import (
	"context"
	"fmt"
	"os"

	"radagora/blob"
	"radagora/fault"
)

// Remove erases an object: its header is marked durably first, without the
// digest, and then its bytes are given back to the disk, or overwritten with
// zeros where the file system cannot do that. In a sealed pack the copy of the
// header goes the same way.
func (s *Store) Remove(ctx context.Context, r blob.Ref) error {
	if err := s.alone(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.inPlace.Lock()
	defer s.inPlace.Unlock()
	if err := s.remove(r); err != nil {
		return fmt.Errorf("remove object %s: %w", r, classify(err))
	}
	return nil
}

func (s *Store) remove(r blob.Ref) error {
	h, err := s.read.get(r.Pack)
	if err != nil {
		return err
	}
	defer s.read.put(h)
	rec, err := h.find(r)
	if err != nil {
		return err
	}
	if !names(rec, r) {
		return fault.Errorf(fault.NotFound, "another one stands there")
	}
	f, sealed, err := s.openInPlace(r.Pack)
	if err != nil {
		return err
	}
	defer f.Close()
	if rec.kind != removed {
		s.used.Add(-rec.length)
	}
	rec.kind, rec.sha256, rec.crc = removed, [32]byte{}, 0
	if err := s.mark(f, h.head, rec, sealed); err != nil {
		return err
	}
	return s.erase(f, rec.offset+unit, rec.length)
}

// names reports whether rec is what r may remove: the object itself, one that is
// removed already, or what was lost in its place.
func names(rec record, r blob.Ref) bool {
	switch rec.kind {
	case object:
		return rec.length == r.Length && rec.sha256 == r.SHA256
	case removed:
		return aligned(rec.length) == aligned(r.Length)
	}
	return rec.kind == lost && rec.length == aligned(r.Length)
}

// openInPlace opens a pack to rewrite blocks of it. The caller holds inPlace, so
// a pack that is being sealed is either before or after it.
func (s *Store) openInPlace(name string) (f *os.File, sealed bool, err error) {
	if f, err = os.OpenFile(s.path(name, openExt), os.O_RDWR, 0); err == nil {
		return f, false, nil
	}
	f, err = os.OpenFile(s.path(name, sealedExt), os.O_RDWR, 0)
	return f, true, err
}

// mark writes the header of a removed record, and its copy, durably.
func (s *Store) mark(f *os.File, h head, rec record, sealed bool) error {
	block := make([]byte, unit)
	h.put(block, rec)
	if _, err := s.o.write(f, block, rec.offset); err != nil {
		return err
	}
	if sealed {
		at, err := h.copyOf(f, rec)
		if err != nil {
			return err
		}
		if _, err := s.o.write(f, block, at); err != nil {
			return err
		}
	}
	return datasync(f)
}

// copyOf finds the place of a record's copy in the index of a sealed pack.
func (h head) copyOf(f *os.File, rec record) (int64, error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	sl, ok := h.parseSeal(readBlock(f, fi.Size()-unit), fi.Size())
	if !ok {
		return 0, fault.Errorf(fault.Internal, "index cannot be read: %w", blob.ErrDamaged)
	}
	records, ok := h.index(f, sl)
	if !ok {
		records, _ = h.walk(f, sl.index)
	}
	for i, r := range records {
		if r.offset == rec.offset {
			return sl.index + int64(i)*unit, nil
		}
	}
	return 0, fault.Errorf(fault.Internal, "the index does not know it: %w", blob.ErrDamaged)
}

// erase makes n bytes unreadable, durably.
func (s *Store) erase(f *os.File, offset, n int64) error {
	if n > 0 && punch(f, offset, n) != nil {
		if err := s.zero(f, offset, n); err != nil {
			return err
		}
	}
	return datasync(f)
}

// zero overwrites n bytes.
func (s *Store) zero(f *os.File, offset, n int64) error {
	zeros := make([]byte, min(n, 1<<20))
	for n > 0 {
		k := min(n, int64(len(zeros)))
		if _, err := s.o.write(f, zeros[:k], offset); err != nil {
			return err
		}
		offset, n = offset+k, n-k
	}
	return nil
}
