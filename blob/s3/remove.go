package s3

import (
	"context"
	"crypto/md5" //nolint:gosec // G501: what S3 compares a body with on its way
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/minio/minio-go/v7"

	"radagora/blob"
	"radagora/blob/disk"
	"radagora/fault"
)

// rewrites is how often a pack is tried to be rewritten that others rewrite too.
const rewrites = 10

// Remove takes an object away for good.
func (s *Store) Remove(ctx context.Context, r blob.Ref) error {
	return s.removeFrom(ctx, r.Pack, []blob.Ref{r})
}

// RemoveAll implements blob.Remover: it rewrites each pack once.
func (s *Store) RemoveAll(ctx context.Context, refs []blob.Ref) (gone []blob.Ref, err error) {
	of := map[string][]blob.Ref{}
	var order []string
	for _, r := range refs {
		if of[r.Pack] == nil {
			order = append(order, r.Pack)
		}
		of[r.Pack] = append(of[r.Pack], r)
	}
	for _, pack := range order {
		switch failed := s.removeFrom(ctx, pack, of[pack]); {
		case failed == nil:
			gone = append(gone, of[pack]...)
		case len(of[pack]) > 1 && fault.Of(failed) == fault.NotFound: // one of them; the others are still to go
			for _, r := range of[pack] {
				if failed := s.removeFrom(ctx, pack, []blob.Ref{r}); failed == nil || fault.Of(failed) == fault.NotFound {
					gone = append(gone, r)
				} else {
					err = errors.Join(err, failed)
				}
			}
		case fault.Of(failed) == fault.NotFound:
			gone = append(gone, of[pack]...)
		default:
			err = errors.Join(err, failed)
		}
	}
	return gone, err
}

// removeFrom removes objects of one pack.
func (s *Store) removeFrom(ctx context.Context, pack string, refs []blob.Ref) error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return errClosed()
	}
	s.inward.Lock()
	defer s.inward.Unlock()
	for range rewrites {
		err := s.rewrite(ctx, pack, refs)
		if !errors.Is(err, errStale) {
			if err != nil {
				return fmt.Errorf("remove from pack %s: %w", pack, err)
			}
			return nil
		}
	}
	return fault.Errorf(fault.Unavailable, "remove from pack %s: others rewrite it all the time", pack)
}

// rewrite writes a pack without objects, unless it is another one by then.
func (s *Store) rewrite(ctx context.Context, pack string, refs []blob.Ref) error {
	info, err := s.stat(ctx, pack)
	if err != nil {
		return err
	}
	c, err := s.contentsOf(ctx, pack, info.Size, info.ETag)
	if err != nil {
		return err
	}
	patches, kept, err := c.Without(refs)
	if err != nil || len(patches) == 0 {
		return err
	}
	if !kept {
		return s.drop(ctx, pack)
	}
	f, err := os.CreateTemp(s.o.Temp, ".pack-*")
	if err != nil {
		return fault.As(fault.Unavailable, err)
	}
	defer func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }()
	if err := s.download(ctx, f, info, patches); err != nil {
		return err
	}
	o := minio.PutObjectOptions{}
	o.SetMatchETag(info.ETag)
	if err := s.upload(ctx, pack, f, info.Size, o); err != nil {
		return err
	}
	if err := s.dropVersions(ctx, pack); err != nil {
		return err
	}
	return s.gone(ctx, pack, refs)
}

// gone looks whether objects are gone, for a store that does not keep to the condition
// under which a pack is rewritten: errStale if one came back.
func (s *Store) gone(ctx context.Context, pack string, refs []blob.Ref) error {
	c, err := s.contents(ctx, pack)
	if err != nil && fault.Of(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if patches, _, err := c.Without(refs); err != nil || len(patches) > 0 {
		return errStale
	}
	return nil
}

// download writes a pack to a file, patched.
func (s *Store) download(ctx context.Context, f *os.File, info minio.ObjectInfo, patches []disk.Patch) error {
	var o minio.GetObjectOptions
	if err := o.SetMatchETag(info.ETag); err != nil {
		return fault.As(fault.Internal, err)
	}
	ctx, cancel := context.WithTimeout(ctx, allowed(s.o.Timeout, info.Size))
	defer cancel()
	body, _, _, err := s.core.GetObject(ctx, s.place.Bucket, info.Key, o)
	if err != nil {
		return classify(err)
	}
	defer body.Close()
	if n, err := io.Copy(f, body); err != nil || n != info.Size {
		return fault.Errorf(fault.Unavailable, "%d of %d bytes came: %w", n, info.Size, err)
	}
	for _, p := range patches {
		if _, err := f.WriteAt(p.Bytes, p.Offset); err != nil {
			return fault.As(fault.Exhausted, err)
		}
		for at, left := p.Offset, p.Zeros; left > 0; {
			n := min(left, int64(len(zeros)))
			if _, err := f.WriteAt(zeros[:n], at); err != nil {
				return fault.As(fault.Exhausted, err)
			}
			at, left = at+n, left-n
		}
	}
	return nil
}

var zeros [64 << 10]byte

// atOnce is how large a pack may be that is written in one request.
const atOnce = 1 << 30

// upload writes a pack from where its bytes are.
func (s *Store) upload(ctx context.Context, pack string, from io.ReaderAt, size int64, o minio.PutObjectOptions) error {
	if size > atOnce {
		return s.uploadParts(ctx, pack, from, size, o)
	}
	sum := md5.New() //nolint:gosec // G401: as above
	if _, err := io.Copy(sum, io.NewSectionReader(from, 0, size)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, allowed(s.o.Timeout, size))
	defer cancel()
	_, err := s.core.PutObject(ctx, s.place.Bucket, s.key(pack), io.NewSectionReader(from, 0, size), size,
		base64.StdEncoding.EncodeToString(sum.Sum(nil)), "", o)
	return classify(err)
}

// uploadParts writes a large pack.
func (s *Store) uploadParts(ctx context.Context, pack string, from io.ReaderAt, size int64, o minio.PutObjectOptions) error {
	key, part := s.key(pack), max(64<<20, size/9000)
	var id string
	err := within(ctx, s.o.Timeout, 0, func(ctx context.Context) (err error) {
		id, err = s.core.NewMultipartUpload(ctx, s.place.Bucket, key, minio.PutObjectOptions{})
		return err
	})
	if err != nil {
		return classify(err)
	}
	var parts []minio.CompletePart
	for at := int64(0); at < size; at += part {
		n := min(part, size-at)
		sum := md5.New() //nolint:gosec // G401: as above
		if _, err = io.Copy(sum, io.NewSectionReader(from, at, n)); err != nil {
			break
		}
		var p minio.ObjectPart
		err = within(ctx, s.o.Timeout, n, func(ctx context.Context) (err error) {
			p, err = s.core.PutObjectPart(ctx, s.place.Bucket, key, id, len(parts)+1, io.NewSectionReader(from, at, n), n,
				minio.PutObjectPartOptions{Md5Base64: base64.StdEncoding.EncodeToString(sum.Sum(nil))})
			return err
		})
		if err != nil {
			break
		}
		parts = append(parts, minio.CompletePart{PartNumber: len(parts) + 1, ETag: p.ETag})
	}
	if err == nil {
		err = within(ctx, s.o.Timeout, size, func(ctx context.Context) error { // the store may copy all of it
			_, err := s.core.CompleteMultipartUpload(ctx, s.place.Bucket, key, id, parts, o)
			return err
		})
	}
	if err != nil {
		return errors.Join(classify(err), classify(within(context.WithoutCancel(ctx), s.o.Timeout, 0, func(ctx context.Context) error {
			return s.core.AbortMultipartUpload(ctx, s.place.Bucket, key, id)
		})))
	}
	return nil
}

// drop deletes a pack and what the store kept of it.
func (s *Store) drop(ctx context.Context, pack string) error {
	if err := within(ctx, s.o.Timeout, 0, func(ctx context.Context) error {
		return s.core.RemoveObject(ctx, s.place.Bucket, s.key(pack), minio.RemoveObjectOptions{})
	}); err != nil {
		return classify(err)
	}
	return s.dropVersions(ctx, pack)
}

// dropVersions deletes the versions of a pack that are not the latest one, where the
// bucket keeps versions. A bucket that does not says so or lists none.
func (s *Store) dropVersions(ctx context.Context, pack string) error {
	o := minio.ListObjectsOptions{Prefix: s.key(pack), WithVersions: true, Recursive: true}
	for v, err := range listed(ctx, s.core, s.place.Bucket, s.o.Timeout, o) {
		if err != nil {
			code := minio.ToErrorResponse(err).Code
			if slices.Contains([]string{"NotImplemented", "MethodNotAllowed", "AccessDenied"}, code) {
				return nil // no versions there, or none for us to see
			}
			return classify(err)
		}
		if v.Key != s.key(pack) || v.IsLatest || v.VersionID == "" || v.VersionID == "null" {
			continue
		}
		if err := within(ctx, s.o.Timeout, 0, func(ctx context.Context) error {
			return s.core.RemoveObject(ctx, s.place.Bucket, v.Key, minio.RemoveObjectOptions{VersionID: v.VersionID})
		}); err != nil {
			return classify(err)
		}
	}
	return nil
}
