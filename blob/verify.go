package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"time"
)

// chunk is how much Verify reads at a time.
const chunk = 256 << 10

// Verify reads the whole object and compares its digest with that of r. The
// error has ErrDamaged in its chain if they differ.
func Verify(ctx context.Context, s Store, r Ref) error {
	return verify(ctx, s, r, func(int) error { return ctx.Err() })
}

// verify calls pace with the size of each piece it has read.
func verify(ctx context.Context, s Store, r Ref, pace func(n int) error) error {
	o, err := s.Open(ctx, r)
	if err != nil {
		return err
	}
	defer o.Close()
	sum, buf := sha256.New(), make([]byte, min(chunk, o.Size()+1))
	for off := int64(0); off < o.Size(); {
		n, err := o.ReadAt(buf[:min(int64(len(buf)), o.Size()-off)], off)
		if err != nil && (!errors.Is(err, io.EOF) || n == 0) {
			return err
		}
		_, _ = sum.Write(buf[:n])
		off += int64(n)
		if err := pace(n); err != nil {
			return err
		}
	}
	if [sha256.Size]byte(sum.Sum(nil)) != r.SHA256 {
		return Damaged(r, "digest differs")
	}
	return nil
}

// Scrub verifies every object of s and calls report with each Ref and what was
// found, nil for an object in good order; a Ref without a pack comes with an
// error that concerns no single object. It reads at most rate bytes a second,
// or as fast as it can if rate is not positive. It ends when all are read, when
// ctx ends or when report returns an error, which it returns.
func Scrub(ctx context.Context, s Store, rate int64, report func(Ref, error) error) error {
	pace := pacer(ctx, rate)
	for r, err := range s.List(ctx) {
		if err == nil {
			err = verify(ctx, s, r, pace)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := report(r, err); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// pacer returns a function that waits as long as n bytes may take.
func pacer(ctx context.Context, rate int64) func(n int) error {
	if rate <= 0 {
		return func(int) error { return ctx.Err() }
	}
	return func(n int) error {
		t := time.NewTimer(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
