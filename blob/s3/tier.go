package s3

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"radagora/blob"
	"radagora/blob/disk"
	"radagora/fault"
)

// A Tier is the store of one process that writes packs on its own disk, moves sealed
// ones into another store and keeps as many of them here as it may. An object is
// acknowledged when it is on the disk here.
type Tier struct {
	Local *disk.Store
	Far   blob.Packs // usually a Store

	// Through says that new objects go to Far at once, as they must where several
	// processes write; what is here was written before.
	Through bool
}

var _ blob.Packs = (*Tier)(nil)

// Create begins a new object: here, unless it goes through.
func (t *Tier) Create(ctx context.Context) (blob.Writer, error) {
	if t.Through {
		return t.Far.Create(ctx)
	}
	return t.Local.Create(ctx)
}

// Near says whether waiting for an object takes no longer than the disk here does.
func (t *Tier) Near() bool { return !t.Through }

// of returns the store to read a pack from: here as long as it is.
func (t *Tier) of(pack string) blob.Packs {
	if t.Local.Has(pack) {
		return t.Local
	}
	return t.Far
}

// Open gives access to an object, here or there.
func (t *Tier) Open(ctx context.Context, r blob.Ref) (blob.Object, error) {
	s := t.of(r.Pack)
	o, err := s.Open(ctx, r)
	if err != nil && s == blob.Packs(t.Local) && fault.Of(err) == fault.NotFound && !t.Local.Has(r.Pack) {
		return t.Far.Open(ctx, r) // the pack left between the two looks
	}
	return o, err
}

// Remove takes an object away here and there.
func (t *Tier) Remove(ctx context.Context, r blob.Ref) error {
	_, err := t.remove(ctx, []blob.Ref{r}, func(s blob.Packs) ([]blob.Ref, error) {
		if err := s.Remove(ctx, r); err != nil {
			return nil, err
		}
		return []blob.Ref{r}, nil
	})
	return err
}

// RemoveAll implements blob.Remover.
func (t *Tier) RemoveAll(ctx context.Context, refs []blob.Ref) ([]blob.Ref, error) {
	return t.remove(ctx, refs, func(s blob.Packs) ([]blob.Ref, error) { return blob.RemoveAll(ctx, s, refs) })
}

// remove removes here first: a copy that is being made compares itself with what is
// here when it is done. What is gone is gone from both.
func (t *Tier) remove(_ context.Context, refs []blob.Ref, from func(blob.Packs) ([]blob.Ref, error)) ([]blob.Ref, error) {
	here, errHere := from(t.Local)
	there, errThere := from(t.Far)
	isNot := func(err error) bool { return err == nil || fault.Of(err) == fault.NotFound }
	switch {
	case !isNot(errHere) || !isNot(errThere):
		return nil, errors.Join(errHere, errThere)
	case len(refs) == 1 && errHere != nil && errThere != nil:
		return nil, errHere
	case errHere == nil && errThere == nil:
		return common(here, there), nil
	}
	return refs, nil
}

// common returns what is in both lists.
func common(a, b []blob.Ref) []blob.Ref {
	in := map[blob.Ref]bool{}
	for _, r := range a {
		in[r] = true
	}
	var both []blob.Ref
	for _, r := range b {
		if in[r] {
			both = append(both, r)
		}
	}
	return both
}

// Packs yields what is here, and then what is only there.
func (t *Tier) Packs(ctx context.Context) iter.Seq2[blob.Pack, error] {
	return func(yield func(blob.Pack, error) bool) {
		here := map[string]bool{}
		for p, err := range t.Local.Packs(ctx) {
			here[p.Name] = true
			if !yield(p, err) {
				return
			}
		}
		for p, err := range t.Far.Packs(ctx) {
			if (err != nil || !here[p.Name]) && !yield(p, err) {
				return
			}
		}
	}
}

// List yields every object once.
func (t *Tier) List(ctx context.Context) iter.Seq2[blob.Ref, error] {
	return func(yield func(blob.Ref, error) bool) {
		for p, err := range t.Packs(ctx) {
			if err != nil {
				if !yield(blob.Ref{}, err) {
					return
				}
				continue
			}
			for r, err := range t.Objects(ctx, p.Name) {
				if !yield(r, err) {
					return
				}
			}
		}
	}
}

// Objects implements blob.Packs.
func (t *Tier) Objects(ctx context.Context, pack string) iter.Seq2[blob.Ref, error] {
	return t.of(pack).Objects(ctx, pack)
}

// OpenPack implements blob.Packs.
func (t *Tier) OpenPack(ctx context.Context, pack string) (blob.Object, error) {
	return t.of(pack).OpenPack(ctx, pack)
}

// PutPack implements blob.Packs: there, where packs end up.
func (t *Tier) PutPack(ctx context.Context, pack string, from io.ReaderAt, size int64) error {
	return t.Far.PutPack(ctx, pack, from, size)
}

// DropPack implements blob.Packs.
func (t *Tier) DropPack(ctx context.Context, pack string) error {
	return errors.Join(t.Local.DropPack(ctx, pack), t.Far.DropPack(ctx, pack))
}

// SealOld has packs sealed, so that they can be moved.
func (t *Tier) SealOld(now time.Time, age time.Duration) int { return t.Local.SealOld(now, age) }

// Repack implements blob.Repacker. Copies of packs whose objects moved are for whoever
// has the references to drop: see DropPack.
func (t *Tier) Repack(ctx context.Context, now time.Time, move blob.Mover) (sum blob.Repacked, err error) {
	stores := []blob.Packs{t.Far}
	if !t.Through {
		stores = []blob.Packs{t.Local, t.Far}
	}
	for _, s := range stores {
		r, ok := s.(blob.Repacker)
		if !ok {
			continue
		}
		did, failed := r.Repack(ctx, now, move)
		sum.Packs, sum.Objects, sum.Freed, err = sum.Packs+did.Packs, sum.Objects+did.Objects, sum.Freed+did.Freed, errors.Join(err, failed)
	}
	return sum, err
}

// A Moved says what Move did.
type Moved struct {
	Packs   int // that were copied there
	Bytes   int64
	Dropped int // that are no longer here
}

// Move copies the sealed packs that are not there yet, and then drops the oldest
// ones here that are there until those here take at most keep bytes.
func (t *Tier) Move(ctx context.Context, keep int64) (Moved, error) {
	var sum Moved
	there := map[string]bool{}
	for p, err := range t.Far.Packs(ctx) {
		if err != nil {
			return sum, err
		}
		there[p.Name] = true
	}
	var here []blob.Pack
	var size int64
	for p, err := range t.Local.Packs(ctx) {
		if err != nil {
			return sum, err
		}
		size += p.Size
		if !p.Sealed {
			continue
		}
		if !there[p.Name] {
			if err := blob.CopyPack(ctx, t.Local, t.Far, p.Name); err != nil {
				return sum, err
			}
			sum.Packs, sum.Bytes = sum.Packs+1, sum.Bytes+p.Size
		}
		here = append(here, p)
	}
	for _, p := range here {
		if size <= keep {
			break
		}
		if err := t.Local.DropPack(ctx, p.Name); err != nil {
			return sum, err
		}
		size, sum.Dropped = size-p.Size, sum.Dropped+1
	}
	return sum, nil
}

// Close closes both.
func (t *Tier) Close() error { return errors.Join(t.Local.Close(), t.Far.Close()) }
