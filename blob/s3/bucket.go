package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"radagora/fault"
)

// whole is up to which size a thing is written in one request.
const whole = 16 << 20

// A Bucket keeps named bytes under a prefix, for what is no pack. It is safe for
// concurrent use.
type Bucket struct {
	place   Place
	core    minio.Core
	timeout time.Duration
}

// An Item is a name in a Bucket.
type Item struct {
	Name string
	Size int64
}

// OpenBucket returns the bucket without asking the store: what is put there serves for
// the day of need, and the rest of the program goes on while it does not answer.
// Invalid: something of the options is missing.
func OpenBucket(p Place, o Options) (*Bucket, error) {
	s, err := newStore(p, o)
	if err != nil {
		return nil, err
	}
	return &Bucket{place: s.place, core: s.core, timeout: s.o.Timeout}, nil
}

// Place returns where the things are.
func (b *Bucket) Place() Place { return b.place }

func (b *Bucket) prefix() string {
	if b.place.Prefix == "" {
		return ""
	}
	return b.place.Prefix + "/"
}

// Put keeps what r gives under a name, whole or not at all, in the place of what was
// there, and returns how long it is and its digest. The store compares each part with
// a digest of its own on the way. Exhausted: no room.
func (b *Bucket) Put(ctx context.Context, name string, r io.Reader) (size int64, sum [sha256.Size]byte, err error) {
	digests := sha256.New()
	r = io.TeeReader(r, digests)
	head, err := io.ReadAll(io.LimitReader(r, whole+1))
	if err != nil {
		return 0, sum, err
	}
	if len(head) <= whole {
		ctx, cancel := context.WithTimeout(ctx, b.timeout)
		defer cancel()
		_, err = b.core.PutObject(ctx, b.place.Bucket, b.prefix()+name, bytes.NewReader(head), int64(len(head)), digest(head), "", minio.PutObjectOptions{})
		size = int64(len(head))
	} else {
		var info minio.UploadInfo
		info, err = b.core.Client.PutObject(ctx, b.place.Bucket, b.prefix()+name, io.MultiReader(bytes.NewReader(head), r), -1,
			minio.PutObjectOptions{PartSize: whole, SendContentMd5: true, NumThreads: 1})
		size = info.Size
	}
	if err != nil {
		return 0, sum, fmt.Errorf("write %s: %w", name, classify(err))
	}
	return size, [sha256.Size]byte(digests.Sum(nil)), nil
}

// A reading ends its request when it is closed.
type reading struct {
	io.ReadCloser
	end context.CancelFunc
}

// Read words errors as the rest does.
func (r reading) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	return n, classify(err)
}

// Close ends the request.
func (r reading) Close() error {
	defer r.end()
	return r.ReadCloser.Close()
}

// Get opens what is kept under a name; the caller closes it. NotFound: nothing is.
func (b *Bucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*b.timeout) // of all of it, however slow the line
	body, _, _, err := b.core.GetObject(ctx, b.place.Bucket, b.prefix()+name, minio.GetObjectOptions{})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("read %s: %w", name, classify(err))
	}
	return reading{body, cancel}, nil
}

// Stat returns how long what is kept under a name is. NotFound: nothing is.
func (b *Bucket) Stat(ctx context.Context, name string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	info, err := b.core.StatObject(ctx, b.place.Bucket, b.prefix()+name, minio.StatObjectOptions{})
	if err != nil {
		return 0, fmt.Errorf("look for %s: %w", name, classify(err))
	}
	return info.Size, nil
}

// List yields what is kept under names that begin with prefix, in no order.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		ctx, cancel := context.WithCancel(ctx) // what is not taken is not fetched
		defer cancel()
		for o := range b.core.Client.ListObjects(ctx, b.place.Bucket, minio.ListObjectsOptions{Prefix: b.prefix() + prefix, Recursive: true}) {
			if o.Err != nil {
				yield(Item{}, fmt.Errorf("list: %w", classify(o.Err)))
				return
			}
			if !yield(Item{strings.TrimPrefix(o.Key, b.prefix()), o.Size}, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(Item{}, err)
		}
	}
}

// Delete takes a name away. What is not there is no error.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	err := classify(b.core.RemoveObject(ctx, b.place.Bucket, b.prefix()+name, minio.RemoveObjectOptions{}))
	if err != nil && fault.Of(err) != fault.NotFound {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}

// Tidy gives back the parts of what was never written whole.
func (b *Bucket) Tidy(ctx context.Context) error {
	var all []error
	for u := range b.core.ListIncompleteUploads(ctx, b.place.Bucket, b.prefix(), true) {
		if u.Err != nil {
			return classify(u.Err)
		}
		all = append(all, classify(b.core.AbortMultipartUpload(ctx, b.place.Bucket, u.Key, u.UploadID)))
	}
	return errors.Join(all...)
}
