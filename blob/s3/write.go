package s3

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // G501: what S3 compares a body with on its way
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"hash/crc32"
	"time"

	"github.com/minio/minio-go/v7"

	"radagora/blob"
	"radagora/blob/disk"
	"radagora/fault"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// room is what stands before the bytes of the first object of a pack.
const room = 2 * disk.Block

// A batch is a pack that waits for objects.
type batch struct {
	image *disk.Image
	buf   []byte
	timer *time.Timer
	done  chan struct{} // closed when it is written, or was not
	err   error         // then
}

// add puts an object at the end of the batch that waits, or of a new one.
func (s *Store) add(b []byte, sum [sha256.Size]byte, crc uint32) (blob.Ref, *batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return blob.Ref{}, nil, errClosed()
	}
	if c := s.current; c != nil && int64(len(c.buf)+len(b)) > s.o.Batch {
		s.send(c)
	}
	if s.current == nil {
		image, err := disk.NewImage()
		if err != nil {
			return blob.Ref{}, nil, err
		}
		c := &batch{image: image, buf: append(make([]byte, 0, room+len(b)+disk.Block), image.Head()...), done: make(chan struct{})}
		c.timer = time.AfterFunc(s.o.Gather, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.current == c {
				s.send(c)
			}
		})
		s.current = c
	}
	c := s.current
	ref, header, zeros := c.image.Add(int64(len(b)), sum, crc)
	c.buf = append(append(append(c.buf, header...), b...), make([]byte, zeros)...)
	if int64(len(c.buf)) >= s.o.Batch {
		s.send(c)
	}
	return ref, c, nil
}

// send has a batch written. mu is held.
func (s *Store) send(c *batch) {
	s.current = nil
	c.timer.Stop()
	s.flight.Go(func() {
		s.busy <- struct{}{}
		c.buf = append(c.buf, c.image.Tail()...)
		c.err = s.put(context.Background(), c.image.Name(), c.buf)
		c.buf = nil
		<-s.busy
		close(c.done)
	})
}

// wait blocks until the batch is written.
func (c *batch) wait(ctx context.Context) error {
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// put writes a pack that is in memory. The store compares it with its digest.
func (s *Store) put(ctx context.Context, pack string, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	_, err := s.core.PutObject(ctx, s.place.Bucket, s.key(pack), bytes.NewReader(b), int64(len(b)), digest(b), "", minio.PutObjectOptions{})
	if err != nil {
		return fmt.Errorf("write pack %s: %w", pack, classify(err))
	}
	return nil
}

func digest(b []byte) string {
	sum := md5.Sum(b) //nolint:gosec // G401: as above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// A writer takes one object: into memory, and when it becomes large into the parts
// of a pack of its own, the first of which comes last because its header says how
// long the object is and what its digest is.
type writer struct {
	s   *Store
	sum hash.Hash
	crc uint32
	n   int64

	buf   []byte // of the object; in a pack of its own, with room before
	first []byte // part 1, once there is a part 2
	up    *upload
	err   error // sticky
	done  bool
}

// Create begins a new object.
func (s *Store) Create(ctx context.Context) (blob.Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed()
	}
	return &writer{s: s, sum: sha256.New(), buf: make([]byte, room, 64<<10)}, nil
}

// Write appends to the object.
func (w *writer) Write(b []byte) (int, error) {
	if w.done {
		return 0, fault.Errorf(fault.Internal, "write to an object that was ended")
	}
	total := 0
	for len(b) > 0 && w.err == nil {
		n := min(len(b), max(1, int(w.s.o.Batch)-len(w.buf)))
		_, _ = w.sum.Write(b[:n])
		w.crc = crc32.Update(w.crc, castagnoli, b[:n])
		w.buf, w.n, total, b = append(w.buf, b[:n]...), w.n+int64(n), total+n, b[n:]
		if len(w.buf) >= int(w.s.o.Batch) {
			w.err = w.part()
		}
	}
	return total, w.err
}

// part sends what was gathered as a part of a pack of its own.
func (w *writer) part() (err error) {
	ctx := context.Background()
	if w.up == nil {
		if w.up, err = w.s.begin(ctx); err != nil {
			return err
		}
		w.first, w.buf = w.buf, make([]byte, 0, w.s.o.Batch)
		return nil
	}
	err = w.up.part(ctx, w.buf)
	w.buf = w.buf[:0]
	return err
}

// Finish ends the object.
func (w *writer) Finish(ctx context.Context) (blob.Ref, func(context.Context) error, error) {
	if w.done {
		return blob.Ref{}, nil, fault.Errorf(fault.Internal, "finish an object that was ended")
	}
	if w.err == nil {
		w.err = ctx.Err()
	}
	if w.err != nil {
		return blob.Ref{}, nil, w.err
	}
	if w.up != nil {
		return w.finishAlone()
	}
	ref, c, err := w.s.add(w.buf[room:], [sha256.Size]byte(w.sum.Sum(nil)), w.crc)
	if w.err = err; err != nil {
		return ref, nil, err
	}
	w.done, w.buf = true, nil
	return ref, c.wait, nil
}

// finishAlone ends an object that has a pack to itself, in the background.
func (w *writer) finishAlone() (blob.Ref, func(context.Context) error, error) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if w.s.closed {
		w.err = errClosed()
		return blob.Ref{}, nil, w.err
	}
	image := w.up.image
	ref, header, zeros := image.Add(w.n, [sha256.Size]byte(w.sum.Sum(nil)), w.crc)
	copy(w.first, image.Head())
	copy(w.first[disk.Block:], header)
	last := append(append(w.buf, make([]byte, zeros)...), image.Tail()...)
	first, up := w.first, w.up
	w.done, w.buf, w.first, w.up = true, nil, nil, nil
	c := &batch{done: make(chan struct{})}
	w.s.flight.Go(func() {
		defer close(c.done)
		ctx := context.Background()
		if c.err = up.part(ctx, last); c.err == nil {
			c.err = up.complete(ctx, first)
		}
		if c.err != nil {
			up.abort(ctx)
		}
	})
	return ref, c.wait, nil
}

// Abort gives up the object.
func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	w.done, w.buf, w.first = true, nil, nil
	if w.up != nil {
		w.up.abort(context.Background())
	}
	return nil
}

// An upload is a pack that is written in parts.
type upload struct {
	s     *Store
	image *disk.Image
	id    string
	parts []minio.CompletePart
}

// begin begins a pack in parts; part 1 is kept for the end.
func (s *Store) begin(ctx context.Context) (*upload, error) {
	image, err := disk.NewImage()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	id, err := s.core.NewMultipartUpload(ctx, s.place.Bucket, s.key(image.Name()), minio.PutObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("begin pack %s: %w", image.Name(), classify(err))
	}
	return &upload{s: s, image: image, id: id, parts: make([]minio.CompletePart, 1)}, nil
}

// part sends the next part.
func (u *upload) part(ctx context.Context, b []byte) error {
	u.parts = append(u.parts, minio.CompletePart{})
	return u.send(ctx, len(u.parts), b)
}

func (u *upload) send(ctx context.Context, n int, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, u.s.o.Timeout)
	defer cancel()
	p, err := u.s.core.PutObjectPart(ctx, u.s.place.Bucket, u.s.key(u.image.Name()), u.id, n, bytes.NewReader(b), int64(len(b)),
		minio.PutObjectPartOptions{Md5Base64: digest(b)})
	if err != nil {
		return fmt.Errorf("write part %d of pack %s: %w", n, u.image.Name(), classify(err))
	}
	u.parts[n-1] = minio.CompletePart{PartNumber: n, ETag: p.ETag}
	return nil
}

// complete sends part 1 and makes the parts a pack.
func (u *upload) complete(ctx context.Context, first []byte) error {
	if err := u.send(ctx, 1, first); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, u.s.o.Timeout)
	defer cancel()
	_, err := u.s.core.CompleteMultipartUpload(ctx, u.s.place.Bucket, u.s.key(u.image.Name()), u.id, u.parts, minio.PutObjectOptions{})
	if err != nil {
		return fmt.Errorf("end pack %s: %w", u.image.Name(), classify(err))
	}
	return nil
}

// abort gives the parts back. What cannot be given back now is for Tidy.
func (u *upload) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, u.s.o.Timeout)
	defer cancel()
	if err := u.s.core.AbortMultipartUpload(ctx, u.s.place.Bucket, u.s.key(u.image.Name()), u.id); err != nil {
		u.s.o.Log.WarnContext(ctx, "parts of an unfinished pack stay for now", "pack", u.image.Name(), "error", classify(err))
	}
}
