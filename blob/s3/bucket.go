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
		ctx, cancel := context.WithTimeout(ctx, allowed(b.timeout, int64(len(head))))
		defer cancel()
		_, err = b.core.PutObject(ctx, b.place.Bucket, b.prefix()+name, bytes.NewReader(head), int64(len(head)), digest(head), "", minio.PutObjectOptions{})
		size = int64(len(head))
	} else {
		size, err = b.putParts(ctx, b.prefix()+name, io.MultiReader(bytes.NewReader(head), r))
	}
	if err != nil {
		return 0, sum, fmt.Errorf("write %s: %w", name, classify(err))
	}
	return size, [sha256.Size]byte(digests.Sum(nil)), nil
}

// slowest is the line, in bytes a second, that a request is given time for.
const slowest = 64 << 10

// allowed returns how long a request may take that carries so many bytes: as long as one
// that carries none, and what they need on a slow line.
func allowed(timeout time.Duration, size int64) time.Duration {
	return timeout + time.Duration(size/slowest)*time.Second
}

// within does a request that carries so many bytes, within its time.
func within(ctx context.Context, timeout time.Duration, size int64, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, allowed(timeout, size))
	defer cancel()
	return do(ctx)
}

// putParts writes what r gives in parts, each within its time, and returns how long it is.
func (b *Bucket) putParts(ctx context.Context, key string, r io.Reader) (size int64, err error) {
	var id string
	err = within(ctx, b.timeout, 0, func(ctx context.Context) error {
		id, err = b.core.NewMultipartUpload(ctx, b.place.Bucket, key, minio.PutObjectOptions{})
		return err
	})
	if err != nil {
		return 0, err
	}
	defer func() {
		if err == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.timeout)
		defer cancel()
		_ = b.core.AbortMultipartUpload(ctx, b.place.Bucket, key, id) // what stays is for Tidy
	}()
	var parts []minio.CompletePart
	for buf := make([]byte, whole); ; {
		n, short := io.ReadFull(r, buf)
		if short != nil && !errors.Is(short, io.EOF) && !errors.Is(short, io.ErrUnexpectedEOF) {
			return 0, short
		}
		if n > 0 {
			err := within(ctx, b.timeout, int64(n), func(ctx context.Context) error {
				p, err := b.core.PutObjectPart(ctx, b.place.Bucket, key, id, len(parts)+1, bytes.NewReader(buf[:n]), int64(n), minio.PutObjectPartOptions{Md5Base64: digest(buf[:n])})
				parts = append(parts, minio.CompletePart{PartNumber: len(parts) + 1, ETag: p.ETag})
				return err
			})
			if err != nil {
				return 0, err
			}
			size += int64(n)
		}
		if short != nil {
			break
		}
	}
	return size, within(ctx, b.timeout, size, func(ctx context.Context) error { // the store may copy all of it
		_, err := b.core.CompleteMultipartUpload(ctx, b.place.Bucket, key, id, parts, minio.PutObjectOptions{})
		return err
	})
}

// A reading ends its request when it is closed.
type reading struct {
	io.ReadCloser
	end func()
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
	ctx, cancel := context.WithCancel(ctx)
	late := time.AfterFunc(b.timeout, cancel)
	body, info, _, err := b.core.GetObject(ctx, b.place.Bucket, b.prefix()+name, minio.GetObjectOptions{})
	if err != nil {
		late.Stop()
		cancel()
		return nil, fmt.Errorf("read %s: %w", name, classify(err))
	}
	late.Reset(max(10*b.timeout, allowed(b.timeout, info.Size))) // of all of it, however slow the line
	return reading{body, func() { late.Stop(); cancel() }}, nil
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
		for o, err := range listed(ctx, b.core, b.place.Bucket, b.timeout, minio.ListObjectsOptions{Prefix: b.prefix() + prefix, Recursive: true}) {
			if err != nil {
				yield(Item{}, fmt.Errorf("list: %w", classify(err)))
				return
			}
			if !yield(Item{strings.TrimPrefix(o.Key, b.prefix()), o.Size}, nil) {
				return
			}
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
	abort := func(key, id string) error {
		ctx, cancel := context.WithTimeout(ctx, b.timeout)
		defer cancel()
		return classify(b.core.AbortMultipartUpload(ctx, b.place.Bucket, key, id))
	}
	for u, err := range unfinishedUploads(ctx, b.core, b.place.Bucket, b.prefix(), b.timeout) {
		if err != nil {
			return errors.Join(append(all, classify(err))...)
		}
		all = append(all, abort(u.Key, u.UploadID))
	}
	return errors.Join(all...)
}
