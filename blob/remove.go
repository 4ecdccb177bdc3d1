package blob

import (
	"context"
	"errors"

	"radagora/fault"
)

// A Remover is a Store that removes many objects with less work than one by one.
type Remover interface {
	// RemoveAll removes objects as Remove does and returns those that are gone
	// now, or were already.
	RemoveAll(ctx context.Context, refs []Ref) (gone []Ref, err error)
}

// RemoveAll removes objects, and returns those that are gone now or were already. An
// object that cannot be removed does not keep the others.
func RemoveAll(ctx context.Context, s Store, refs []Ref) (gone []Ref, err error) {
	if r, ok := s.(Remover); ok {
		return r.RemoveAll(ctx, refs)
	}
	for _, r := range refs {
		if failed := s.Remove(ctx, r); failed != nil && fault.Of(failed) != fault.NotFound {
			err = errors.Join(err, failed)
			continue
		}
		gone = append(gone, r)
	}
	return gone, err
}
