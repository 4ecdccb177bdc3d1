package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/minio/minio-go/v7"

	"radagora/blob"
	"radagora/blob/disk"
	"radagora/fault"
)

// How much is fetched beyond what is asked for.
const (
	ahead    = 256 << 10 // at first
	farAhead = 4 << 20   // of whoever reads on and on
)

// fetch reads bytes of a pack: fewer than asked for where it ends.
func (s *Store) fetch(ctx context.Context, key, etag string, b []byte, offset int64) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	var o minio.GetObjectOptions
	if err := o.SetRange(offset, offset+int64(len(b))-1); err != nil {
		return 0, fault.As(fault.Internal, err)
	}
	if etag != "" {
		if err := o.SetMatchETag(etag); err != nil {
			return 0, fault.As(fault.Internal, err)
		}
	}
	body, _, _, err := s.core.GetObject(ctx, s.place.Bucket, key, o)
	if err != nil {
		return 0, classify(err)
	}
	defer body.Close()
	n, err = io.ReadFull(body, b)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return n, io.EOF
	}
	if err != nil {
		return n, fault.As(fault.Unavailable, err)
	}
	return n, nil
}

// Open gives access to an object. It reads the record's header and, in the same
// request, the beginning of the object.
func (s *Store) Open(ctx context.Context, r blob.Ref) (blob.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return nil, errClosed()
	}
	if !disk.IsPack(r.Pack) || r.Offset < disk.Block || r.Offset%disk.Block != 0 || r.Length < 0 {
		return nil, fault.Errorf(fault.NotFound, "no object %s", r)
	}
	b := make([]byte, disk.Block+min(r.Length, ahead))
	n, err := s.fetch(ctx, s.key(r.Pack), "", b, r.Offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("open object %s: %w", r, err)
	}
	if b = b[:n]; !disk.Heads(b, r) {
		return nil, s.why(ctx, r)
	}
	w := &window{s: s, ctx: context.WithoutCancel(ctx), key: s.key(r.Pack), buf: b[disk.Block:], at: r.Offset + disk.Block, end: r.Offset + disk.Block + r.Length, step: ahead}
	return &object{SectionReader: io.NewSectionReader(w, r.Offset+disk.Block, r.Length)}, nil
}

// why tells why there is no object r.
func (s *Store) why(ctx context.Context, r blob.Ref) error {
	c, err := s.contents(ctx, r.Pack)
	if err == nil {
		err = c.Find(r)
	}
	if err == nil {
		err = blob.Damaged(r, "header cannot be read")
	}
	return err
}

// An object is an open one.
type object struct{ *io.SectionReader }

// Close implements io.Closer.
func (object) Close() error { return nil }

// Fleeting implements blob.Fleeting.
func (object) Fleeting() {}

// A window reads from a pack in pieces that are larger than what is asked for, the
// larger the longer somebody reads on.
type window struct {
	s    *Store
	ctx  context.Context //nolint:containedctx // io.ReaderAt has none
	key  string
	etag string
	end  int64 // of what may be read

	mu     sync.Mutex
	buf    []byte
	at     int64
	step   int64
	failed error // the first one, for whoever asks those that take errors for damage
}

// failure returns the first error of reading, nil if there was none.
func (w *window) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// ReadAt implements io.ReaderAt.
func (w *window) ReadAt(b []byte, offset int64) (n int, err error) {
	for n < len(b) {
		if offset+int64(n) >= w.end {
			return n, io.EOF
		}
		k, err := w.some(b[n:], offset+int64(n))
		n += k
		if err != nil {
			w.mu.Lock()
			if w.failed == nil && !errors.Is(err, blob.ErrDamaged) {
				w.failed = err
			}
			w.mu.Unlock()
			return n, err
		}
	}
	return n, nil
}

// some reads at least one byte.
func (w *window) some(b []byte, offset int64) (int, error) {
	w.mu.Lock()
	if offset >= w.at && offset < w.at+int64(len(w.buf)) {
		defer w.mu.Unlock()
		return copy(b, w.buf[offset-w.at:]), nil
	}
	if offset == w.at+int64(len(w.buf)) && len(w.buf) > 0 {
		w.step = min(2*w.step, farAhead)
	} else {
		w.step = ahead
	}
	step := w.step
	w.mu.Unlock()
	if int64(len(b)) >= step { // nothing would be gained
		n, err := w.s.fetch(w.ctx, w.key, w.etag, b[:min(int64(len(b)), w.end-offset)], offset)
		return w.got(n, err)
	}
	buf := make([]byte, min(step, w.end-offset))
	n, err := w.s.fetch(w.ctx, w.key, w.etag, buf, offset)
	if n, err = w.got(n, err); err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf, w.at = buf[:n], offset
	return copy(b, w.buf), nil
}

// got judges what was fetched: a pack that ends too early is damaged.
func (w *window) got(n int, err error) (int, error) {
	if n > 0 && errors.Is(err, io.EOF) {
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		return 0, fault.Errorf(fault.Internal, "pack ends too early: %w", blob.ErrDamaged)
	}
	return n, err
}

// Packs implements blob.Packs. All are sealed.
func (s *Store) Packs(ctx context.Context) iter.Seq2[blob.Pack, error] {
	return func(yield func(blob.Pack, error) bool) {
		for o, err := range listed(ctx, s.core, s.place.Bucket, s.o.Timeout, minio.ListObjectsOptions{Prefix: s.prefix()}) {
			if err != nil {
				yield(blob.Pack{}, fmt.Errorf("list packs: %w", classify(err)))
				return
			}
			name, ok := s.packOf(o.Key)
			if ok && !yield(blob.Pack{Name: name, Size: o.Size, Sealed: true, Modified: o.LastModified}, nil) {
				return
			}
		}
	}
}

// stat returns what the store knows of a pack.
func (s *Store) stat(ctx context.Context, pack string) (minio.ObjectInfo, error) {
	if !disk.IsPack(pack) {
		return minio.ObjectInfo{}, fault.Errorf(fault.NotFound, "no pack of that name")
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	info, err := s.core.StatObject(ctx, s.place.Bucket, s.key(pack), minio.StatObjectOptions{})
	if err != nil {
		return info, fmt.Errorf("pack %s: %w", pack, classify(err))
	}
	return info, nil
}

// contents reads the headers of a pack.
func (s *Store) contents(ctx context.Context, pack string) (*disk.Contents, error) {
	info, err := s.stat(ctx, pack)
	if err != nil {
		return nil, err
	}
	return s.contentsOf(ctx, pack, info.Size, info.ETag)
}

func (s *Store) contentsOf(ctx context.Context, pack string, size int64, etag string) (*disk.Contents, error) {
	w := &window{s: s, ctx: ctx, key: s.key(pack), etag: etag, end: size, step: ahead}
	c, err := disk.ReadContents(w, pack, size)
	if failed := w.failure(); failed != nil {
		return nil, fmt.Errorf("read pack %s: %w", pack, failed)
	}
	return c, err
}

// List yields every object, pack by pack.
func (s *Store) List(ctx context.Context) iter.Seq2[blob.Ref, error] {
	return func(yield func(blob.Ref, error) bool) {
		for p, err := range s.Packs(ctx) {
			if err != nil {
				yield(blob.Ref{}, err)
				return
			}
			for r, err := range s.Objects(ctx, p.Name) {
				if !yield(r, err) {
					return
				}
			}
		}
	}
}

// Objects implements blob.Packs.
func (s *Store) Objects(ctx context.Context, pack string) iter.Seq2[blob.Ref, error] {
	return func(yield func(blob.Ref, error) bool) {
		c, err := s.contents(ctx, pack)
		if err != nil {
			if fault.Of(err) != fault.NotFound {
				yield(blob.Ref{}, err)
			}
			return
		}
		for r, err := range c.All() {
			if !yield(r, err) {
				return
			}
		}
	}
}

// OpenPack implements blob.Packs.
func (s *Store) OpenPack(ctx context.Context, pack string) (blob.Object, error) {
	info, err := s.stat(ctx, pack)
	if err != nil {
		return nil, err
	}
	w := &window{s: s, ctx: context.WithoutCancel(ctx), key: info.Key, etag: info.ETag, end: info.Size, step: farAhead}
	return &object{SectionReader: io.NewSectionReader(w, 0, info.Size)}, nil
}

// PutPack implements blob.Packs. The store compares what it wrote with its digest.
func (s *Store) PutPack(ctx context.Context, pack string, from io.ReaderAt, size int64) error {
	if !disk.IsPack(pack) {
		return fault.Errorf(fault.Invalid, "no name of a pack")
	}
	c, err := disk.ReadContents(from, pack, size)
	if err != nil {
		return err
	}
	if err := c.Verify(ctx, from); err != nil {
		return err
	}
	if err := s.upload(ctx, pack, from, size, minio.PutObjectOptions{}); err != nil {
		return err
	}
	info, err := s.stat(ctx, pack)
	if err == nil && info.Size != size {
		err = fault.Errorf(fault.Internal, "%d of %d bytes are there: %w", info.Size, size, blob.ErrDamaged)
	}
	return err
}

// DropPack implements blob.Packs.
func (s *Store) DropPack(ctx context.Context, pack string) error {
	if !disk.IsPack(pack) {
		return nil
	}
	err := s.drop(ctx, pack)
	if err != nil && fault.Of(err) == fault.NotFound {
		return nil
	}
	return err
}
