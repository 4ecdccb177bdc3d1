package disk

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"radagora/blob"
	"radagora/fault"
)

// A Compaction says what Compact did.
type Compaction struct {
	Packs   int   // that were rewritten and deleted
	Objects int   // that moved
	Freed   int64 // bytes, as far as the removed objects had not given them back already
}

// Compact rewrites the sealed packs of which at least the given part, between 0
// and 1, is removed objects. It puts the other objects again and, when they are
// durable, calls move for each, so that whoever keeps the reference replaces it
// durably; move returns false if nobody does any more, and the copy is removed.
// When all of a pack have moved, its file is deleted; readers that have it open
// are not disturbed. An error ends it and leaves the pack as it was; objects that
// have not moved are where they were, and copies of them are no longer used.
// Packs in which something is damaged are left alone.
func (s *Store) Compact(ctx context.Context, part float64, move func(ctx context.Context, from, to blob.Ref) (bool, error)) (Compaction, error) {
	var sum Compaction
	if err := s.alone(); err != nil {
		return sum, err
	}
	packs, err := s.list(sealedExt)
	if err != nil {
		return sum, err
	}
	for _, name := range packs {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		records, err := s.records(name)
		if err != nil || !worthwhile(records, part) {
			continue // a damaged head is for a scrub to report
		}
		n, err := s.rewrite(ctx, name, records, move)
		sum.Objects += n
		if err != nil {
			return sum, fmt.Errorf("compact pack %s: %w", name, err)
		}
		freed, err := s.delete(name)
		if err != nil {
			return sum, fmt.Errorf("delete pack %s: %w", name, classify(err))
		}
		sum.Packs++
		sum.Freed += freed
	}
	return sum, nil
}

// worn is how much of a pack must have been removed before Repack rewrites it.
const worn = 0.5

// Repack implements blob.Repacker.
func (s *Store) Repack(ctx context.Context, _ time.Time, move blob.Mover) (blob.Repacked, error) {
	did, err := s.Compact(ctx, worn, move)
	return blob.Repacked(did), err
}

// worthwhile reports whether enough of a pack is dead, and nothing damaged.
func worthwhile(records []record, part float64) bool {
	var dead, all int64
	for _, r := range records {
		switch r.kind {
		case lost:
			return false
		case removed:
			dead += r.next() - r.offset
		}
		all += r.next() - r.offset
	}
	return dead > 0 && float64(dead) >= part*float64(all)
}

// rewrite puts the objects of a pack again and has their references moved.
func (s *Store) rewrite(ctx context.Context, name string, records []record, move func(context.Context, blob.Ref, blob.Ref) (bool, error)) (moved int, err error) {
	for _, r := range records {
		if r.kind != object {
			continue
		}
		from := blob.Ref{Pack: name, Offset: r.offset, Length: r.length, SHA256: r.sha256}
		to, err := s.copy(ctx, from)
		if err != nil && fault.Of(err) == fault.NotFound {
			continue // removed meanwhile
		}
		if err != nil {
			return moved, err
		}
		used, err := move(ctx, from, to)
		if err == nil && !used {
			err = s.Remove(ctx, to)
		}
		if err != nil {
			return moved, err
		}
		if used {
			moved++
		}
	}
	return moved, nil
}

// copy puts an object again, durably. A damaged one is not passed on.
func (s *Store) copy(ctx context.Context, from blob.Ref) (blob.Ref, error) {
	o, err := s.Open(ctx, from)
	if err != nil {
		return blob.Ref{}, err
	}
	defer o.Close()
	w, err := s.Create(ctx)
	if err != nil {
		return blob.Ref{}, err
	}
	defer func() { _ = w.Abort() }()
	if _, err := io.CopyBuffer(w, io.NewSectionReader(o, 0, o.Size()), make([]byte, 128<<10)); err != nil {
		return blob.Ref{}, classify(err)
	}
	to, durable, err := w.Finish(ctx)
	if err != nil {
		return to, err
	}
	if to.SHA256 != from.SHA256 {
		if err := s.Remove(ctx, to); err != nil {
			return to, err
		}
		return to, blob.Damaged(from, "digest differs")
	}
	return to, durable(ctx)
}

// delete takes a sealed pack's file away.
func (s *Store) delete(name string) (freed int64, err error) {
	s.inPlace.Lock()
	defer s.inPlace.Unlock()
	file := s.path(name, sealedExt)
	fi, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	if err := os.Remove(file); err != nil {
		return 0, err
	}
	s.read.drop(name)
	freed = min(allocated(fi), fi.Size())
	s.used.Add(-freed)
	return freed, syncDir(s.dir)
}
