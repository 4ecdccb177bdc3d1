package blob

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"

	"radagora/fault"
)

// A Pack is a file of objects, as a store keeps them.
type Pack struct {
	Name     string
	Size     int64
	Sealed   bool // nothing is appended any more
	Modified time.Time
}

// Packs is a Store whose packs can be copied whole. A copy has the same name and the
// same bytes, and so a Ref means the same object in each store that has the pack.
type Packs interface {
	Store

	// Packs yields the packs, oldest first.
	Packs(ctx context.Context) iter.Seq2[Pack, error]

	// Objects yields the objects of a pack that were finished and not removed.
	Objects(ctx context.Context, pack string) iter.Seq2[Ref, error]

	// OpenPack gives access to the bytes of a sealed pack; the caller closes it.
	// NotFound: there is none of that name, or it is not sealed.
	OpenPack(ctx context.Context, pack string) (Object, error)

	// PutPack keeps a copy of a sealed pack. When it returns nil the copy is
	// durable, and what was written is what was read. It replaces a copy that is
	// there. Invalid or Internal with ErrDamaged: it is no sealed pack of that name.
	PutPack(ctx context.Context, pack string, from io.ReaderAt, size int64) error

	// DropPack takes a sealed pack away for good, whatever is in it. One that is not
	// there is gone.
	DropPack(ctx context.Context, pack string) error
}

// CopyPack copies a sealed pack from one store to another. What was removed from the
// one while it was copied is removed from the copy too: so whoever removes an object
// removes it there first and then in the copies, and it is gone from all of them.
func CopyPack(ctx context.Context, from, to Packs, pack string) error {
	o, err := from.OpenPack(ctx, pack)
	if err != nil {
		return err
	}
	err = to.PutPack(ctx, pack, o, o.Size())
	if closed := o.Close(); err == nil {
		err = closed
	}
	if err == nil {
		_, err = Reconcile(ctx, from, to, pack)
	}
	if err != nil {
		return fmt.Errorf("copy pack %s: %w", pack, err)
	}
	return nil
}

// Reconcile removes from the copy of a pack what is no longer in the pack, and
// returns how many objects that were.
func Reconcile(ctx context.Context, from, to Packs, pack string) (int, error) {
	has := map[int64]bool{}
	for r, err := range from.Objects(ctx, pack) {
		if err != nil && r.Pack == "" {
			return 0, err
		}
		has[r.Offset] = true // a damaged one too: the copy may be what mends it
	}
	var gone []Ref
	for r, err := range to.Objects(ctx, pack) {
		if err != nil {
			return 0, err
		}
		if !has[r.Offset] {
			gone = append(gone, r)
		}
	}
	if len(has) == 0 && len(gone) > 0 {
		if o, err := from.OpenPack(ctx, pack); err != nil { // the pack itself is gone: that is for DropPack
			return 0, err
		} else if err := o.Close(); err != nil {
			return 0, err
		}
	}
	_, err := RemoveAll(ctx, to, gone)
	return len(gone), err
}

// PutAgain puts an object that is whole in one store into another, durably, and
// returns its new reference. Its digest is compared on the way.
func PutAgain(ctx context.Context, from, to Store, r Ref) (Ref, error) {
	o, err := from.Open(ctx, r)
	if err != nil {
		return Ref{}, err
	}
	defer o.Close()
	w, err := to.Create(ctx)
	if err != nil {
		return Ref{}, err
	}
	defer func() { _ = w.Abort() }()
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, io.NewSectionReader(o, 0, o.Size()), make([]byte, 128<<10)); err != nil {
		return Ref{}, err
	}
	now, durable, err := w.Finish(ctx)
	if err != nil {
		return now, err
	}
	if now.SHA256 != r.SHA256 {
		if err := to.Remove(ctx, now); err != nil && fault.Of(err) != fault.NotFound {
			return now, err
		}
		return Ref{}, Damaged(r, "digest differs")
	}
	return now, durable(ctx)
}
