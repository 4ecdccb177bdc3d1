package backup

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"iter"
	"sync"

	"radagora/blob/s3"
	"radagora/fault"
)

// A Bucket is a Target in an object store. What was put is read back and compared
// before it counts as durable: the digest a store answers with is its own word.
type Bucket struct {
	bucket *s3.Bucket
	turn   sync.Mutex // of Sync: whoever asks waits for what others read back for them
	mu     sync.Mutex
	fresh  map[string]written // not yet read back
}

// A written thing is what its bytes must be.
type written struct {
	size int64
	sum  [sha256.Size]byte
}

var _ Target = (*Bucket)(nil)

// OpenBucket returns the target in an object store, which has the bucket already. It
// does not ask the store.
func OpenBucket(p s3.Place, o s3.Options) (*Bucket, error) {
	b, err := s3.OpenBucket(p, o)
	if err != nil {
		return nil, err
	}
	return &Bucket{bucket: b, fresh: map[string]written{}}, nil
}

// String returns the place, which holds no key.
func (b *Bucket) String() string { return b.bucket.Place().String() }

// Put implements Target.
func (b *Bucket) Put(ctx context.Context, name string, r io.Reader) error {
	size, sum, err := b.bucket.Put(ctx, name, r)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fresh[name] = written{size, sum}
	return nil
}

// PutDurable puts one thing and reads it back: for whoever puts beside others and has to
// know of this one.
func (b *Bucket) PutDurable(ctx context.Context, name string, r io.Reader) error {
	size, sum, err := b.bucket.Put(ctx, name, r)
	if err != nil {
		return err
	}
	return b.compare(ctx, name, written{size, sum})
}

// readers is how many things are read back at once.
const readers = 4

// Sync implements Target: it reads back what was put.
func (b *Bucket) Sync(ctx context.Context) error {
	b.turn.Lock()
	defer b.turn.Unlock()
	b.mu.Lock()
	fresh := b.fresh
	b.fresh = map[string]written{}
	b.mu.Unlock()
	var (
		mu  sync.Mutex
		all []error
		wg  sync.WaitGroup
	)
	turn := make(chan struct{}, readers)
	for name, w := range fresh {
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			err := b.compare(ctx, name, w)
			if err == nil {
				return
			}
			mu.Lock()
			all = append(all, err)
			mu.Unlock()
			b.mu.Lock()
			defer b.mu.Unlock()
			if _, newer := b.fresh[name]; !newer && !errors.Is(err, errDamaged) && fault.Of(err) != fault.NotFound {
				b.fresh[name] = w // it is read again next time
			}
		})
	}
	wg.Wait()
	return errors.Join(all...)
}

// compare reads a thing back. One that differs is taken away, so that it is written
// again.
func (b *Bucket) compare(ctx context.Context, name string, w written) error {
	r, err := b.bucket.Get(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(r, w.size+1))
	if err != nil {
		return err
	}
	if n != w.size || [sha256.Size]byte(h.Sum(nil)) != w.sum {
		err := fault.Errorf(fault.Unavailable, "%s is not what was written there, read back: %w", name, errDamaged)
		return errors.Join(err, b.Delete(ctx, name))
	}
	return nil
}

// Get implements Target.
func (b *Bucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	return b.bucket.Get(ctx, name)
}

// Has implements Target.
func (b *Bucket) Has(ctx context.Context, name string) (bool, error) {
	_, err := b.bucket.Stat(ctx, name)
	if err != nil && fault.Of(err) == fault.NotFound {
		return false, nil
	}
	return err == nil, err
}

// List implements Target.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for i, err := range b.bucket.List(ctx, prefix) {
			if !yield(Item{i.Name, i.Size}, err) {
				return
			}
		}
	}
}

// Delete implements Target.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	b.mu.Lock()
	delete(b.fresh, name)
	b.mu.Unlock()
	return b.bucket.Delete(ctx, name)
}

// Tidy implements Target.
func (b *Bucket) Tidy(ctx context.Context) error { return b.bucket.Tidy(ctx) }
