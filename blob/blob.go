// Package blob keeps immutable bytes.
//
// A Store takes a stream of bytes, keeps it unchanged and gives it back by a
// Ref, which says where it lies, how long it is and what its digest is. Nothing
// is ever changed in place. Bytes go away by Remove alone, and then they are
// really gone. A Store knows nothing of what the bytes mean: names, owners and
// reasons belong to whoever keeps the Ref.
//
// What every Store must do is written as a suite, [radagora/blob/blobtest].
// Package disk keeps objects in pack files on a local disk; a store that speaks
// S3 keeps several objects in one S3 object and answers to the same interface.
package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"

	"radagora/fault"
)

// A Ref says where an object lies and what it must be. It is a plain value that
// may be kept in a database; the bytes of a Ref never change.
type Ref struct {
	Pack   string            // name of the pack, without path and extension
	Offset int64             // of the record in the pack, in bytes
	Length int64             // of the object, in bytes
	SHA256 [sha256.Size]byte // of the object
}

// String names the place of the object, for logs and errors.
func (r Ref) String() string { return fmt.Sprintf("%s@%d+%d", r.Pack, r.Offset, r.Length) }

// ErrDamaged is in the chain of an error that says that bytes once kept are no
// longer what they were. The kind of such an error is fault.Internal: trying
// again does not help, a copy elsewhere does.
var ErrDamaged = errors.New("damaged")

// Damaged makes an error about an object that is no longer what it was.
func Damaged(r Ref, what string) error {
	return fault.Errorf(fault.Internal, "object %s: %s: %w", r, what, ErrDamaged)
}

// A Store keeps objects. Its methods may be called concurrently.
type Store interface {
	// Create begins a new object. The caller ends it with Finish or Abort.
	// Exhausted: no room. Unavailable: the store is closed or out of order.
	Create(ctx context.Context) (Writer, error)

	// Open gives access to an object; the caller closes it. It does not read
	// the object, and so does not notice damage inside: see Verify.
	// NotFound: there is none there, or it was removed.
	Open(ctx context.Context, r Ref) (Object, error)

	// Remove takes an object away for good. When it returns nil the bytes are
	// overwritten or given back, and that is durable. Removing what is removed
	// already does the same again, or is NotFound where its pack has gone with
	// it. NotFound: the pack is not known.
	Remove(ctx context.Context, r Ref) error

	// List yields every object that was finished and not removed, in the order
	// of packs and of offsets within them. Objects that are finished meanwhile
	// may be missing. After an error the iteration goes on with the next pack,
	// if there is one.
	List(ctx context.Context) iter.Seq2[Ref, error]

	// Close ends the store. Writers that are still open fail from now on.
	Close() error
}

// A Writer takes the bytes of one object. It belongs to one goroutine.
type Writer interface {
	// Write appends. The bytes may be used again when it returns.
	// Exhausted: no room, and the object must be aborted.
	io.Writer

	// Finish ends the object and returns its Ref at once; durable blocks until
	// the object is on disk, together with whatever else waits for the disk.
	// Only a nil from durable is an acknowledgement. When ctx ends before, the
	// object may be kept or not.
	Finish(ctx context.Context) (r Ref, durable func(ctx context.Context) error, err error)

	// Abort gives up the object and its room. After Finish it does nothing, so
	// it may be deferred.
	Abort() error
}

// An Object is one object's bytes. ReadAt may be called concurrently.
type Object interface {
	io.ReaderAt
	io.Closer
	// Size is the object's length in bytes.
	Size() int64
}
