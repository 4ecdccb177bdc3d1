package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"radagora/blob"
	"radagora/fault"
)

var _ blob.Packs = (*Store)(nil)

// partExt is the extension of a copy that is being written.
const partExt = ".part"

// Packs implements blob.Packs.
func (s *Store) Packs(ctx context.Context) iter.Seq2[blob.Pack, error] {
	return func(yield func(blob.Pack, error) bool) {
		all, err := Stands(s.dir)
		if err != nil {
			yield(blob.Pack{}, err)
			return
		}
		for _, p := range all {
			if err := ctx.Err(); err != nil {
				yield(blob.Pack{}, err)
				return
			}
			if !yield(blob.Pack{Name: p.Pack, Size: p.Size, Sealed: p.Sealed, Modified: p.Modified}, nil) {
				return
			}
		}
	}
}

// Objects implements blob.Packs.
func (s *Store) Objects(_ context.Context, pack string) iter.Seq2[blob.Ref, error] {
	return func(yield func(blob.Ref, error) bool) {
		if !packName(pack) {
			return
		}
		records, err := s.records(pack)
		if err != nil {
			yield(blob.Ref{}, err)
			return
		}
		yieldPack(pack, records, yield)
	}
}

// file is a pack opened to be copied.
type file struct {
	*os.File
	size int64
}

// Size implements blob.Object.
func (f file) Size() int64 { return f.size }

// OpenPack implements blob.Packs.
func (s *Store) OpenPack(_ context.Context, pack string) (blob.Object, error) {
	if !packName(pack) {
		return nil, fault.Errorf(fault.NotFound, "no pack of that name")
	}
	f, err := os.Open(s.path(pack, sealedExt))
	if err != nil {
		return nil, classify(err)
	}
	fi, err := f.Stat()
	if err != nil {
		return nil, errors.Join(classify(err), f.Close())
	}
	return file{f, fi.Size()}, nil
}

// PutPack implements blob.Packs: it is written beside, read again from the disk and
// compared object by object, and then given its name.
func (s *Store) PutPack(ctx context.Context, pack string, from io.ReaderAt, size int64) (err error) {
	if err := s.alone(); err != nil {
		return err
	}
	if !packName(pack) {
		return fault.Errorf(fault.Invalid, "no name of a pack")
	}
	if err := s.reserve(size); err != nil {
		return err
	}
	before := s.sizeOf(pack)
	defer func() {
		if err != nil {
			s.used.Add(-size)
			return
		}
		s.used.Add(-before)
	}()
	part := s.path(pack, partExt)
	f, err := os.Create(part)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = errors.Join(f.Close(), os.Remove(part)) }() // it has another name if all went well
	if err := s.fill(ctx, f, from, size); err != nil {
		return err
	}
	c, err := ReadContents(f, pack, size)
	if err == nil {
		err = c.Verify(ctx, f)
	}
	if err != nil {
		return err
	}
	s.inPlace.Lock()
	defer s.inPlace.Unlock()
	if err := os.Rename(part, s.path(pack, sealedExt)); err != nil {
		return classify(err)
	}
	s.read.drop(pack)
	return classify(syncDir(s.dir))
}

func (s *Store) sizeOf(pack string) int64 {
	fi, err := os.Stat(s.path(pack, sealedExt))
	if err != nil {
		return 0
	}
	return min(allocated(fi), fi.Size())
}

// fill copies to a file, durably, what is not zeros: so the holes of a pack stay holes.
func (s *Store) fill(ctx context.Context, f *os.File, from io.ReaderAt, size int64) error {
	buf := make([]byte, 1<<20)
	for at := int64(0); at < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := from.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if n == 0 {
			return fmt.Errorf("read at %d: %w", at, classify(err))
		}
		if !empty(buf[:n]) {
			if _, err := s.o.write(f, buf[:n], at); err != nil {
				return classify(err)
			}
		}
		at += int64(n)
	}
	if err := f.Truncate(size); err != nil {
		return classify(err)
	}
	return classify(f.Sync())
}

func empty(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// DropPack implements blob.Packs. Readers that have the pack open are not disturbed.
func (s *Store) DropPack(_ context.Context, pack string) error {
	if err := s.alone(); err != nil {
		return err
	}
	if !packName(pack) {
		return nil
	}
	if _, err := s.delete(pack); err != nil && !errors.Is(err, os.ErrNotExist) {
		return classify(err)
	}
	return nil
}

// Has reports whether the pack is here, sealed or not.
func (s *Store) Has(pack string) bool {
	f, err := s.openFile(pack)
	if err == nil {
		f.Close()
	}
	return err == nil
}

// SealOld seals packs that hold objects, to which nobody writes just now, and whose
// name is older than age at now: so that they can be copied. It returns how many.
func (s *Store) SealOld(now time.Time, age time.Duration) int {
	s.mu.Lock()
	var due []*pack
	if !s.closed {
		rest := s.free[:0:0]
		for _, p := range s.free {
			sec, nsec := p.head.id.Time().UnixTime()
			if p.failed() == nil && p.end > unit && now.Sub(time.Unix(sec, nsec)) >= age {
				due = append(due, p)
				continue
			}
			rest = append(rest, p)
		}
		s.free = rest
		for range due {
			s.sealing.Add(1)
		}
	}
	s.mu.Unlock()
	for _, p := range due {
		s.seal(p)
		s.sealing.Done()
	}
	return len(due)
}
