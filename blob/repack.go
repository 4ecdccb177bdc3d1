package blob

import (
	"context"
	"time"
)

// A Mover replaces a reference durably by that of a copy. It returns false if nobody
// has the reference any more.
type Mover func(ctx context.Context, from, to Ref) (bool, error)

// Repacked says what Repack did.
type Repacked struct {
	Packs   int   // that were rewritten and deleted
	Objects int   // that moved
	Freed   int64 // bytes
}

// A Repacker is a Store that has room to win: from what was removed, or from many small
// packs. Repack does not disturb who writes; who reads may find an object NotFound
// that moved, and asks again where it is. One process at a time may repack.
type Repacker interface {
	Repack(ctx context.Context, now time.Time, move Mover) (Repacked, error)
}

// A Fleeting object may become NotFound while it is read, because it moved.
type Fleeting interface{ Fleeting() }
