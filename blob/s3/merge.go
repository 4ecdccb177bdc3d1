package s3

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/minio/minio-go/v7"

	"radagora/blob"
	"radagora/blob/disk"
	"radagora/fault"
)

// MergeOptions say what Merge does. The zero value is a good choice.
type MergeOptions struct {
	Small int64         // packs that are smaller are merged. 0: 64 MiB
	Size  int64         // up to which they are merged. 0: 256 MiB
	Part  float64       // a pack of which that part is removed is written anew, however large. 0: a half
	Least int           // so many small packs must be there, or it is not worth while. 0: 8
	Quiet time.Duration // packs younger than that are left alone. 0: 1 minute
	Now   func() time.Time
}

func (o MergeOptions) withDefaults() MergeOptions {
	if o.Small <= 0 {
		o.Small = 64 << 20
	}
	if o.Size <= 0 {
		o.Size = 256 << 20
	}
	if o.Part <= 0 {
		o.Part = 0.5
	}
	if o.Least <= 0 {
		o.Least = 8
	}
	if o.Quiet <= 0 {
		o.Quiet = time.Minute
	}
	return o
}

// A Merging says what Merge did.
type Merging struct {
	Packs   int // that were merged and deleted
	Into    int // packs
	Objects int // that moved
	Freed   int64
}

// Merge writes the objects of small packs, and of packs that are mostly removed ones,
// together into few, calls move for each when it is durable, as disk.Store.Compact
// does, and deletes the old packs. One process at a time may merge; others go on
// reading and writing. Whoever reads an object that moved finds it NotFound and looks
// up where it is now. Packs in which something is damaged are left alone. An error
// leaves the packs that were not yet done as they were.
func (s *Store) Merge(ctx context.Context, o MergeOptions, move func(ctx context.Context, from, to blob.Ref) (bool, error)) (Merging, error) {
	o = o.withDefaults()
	var sum Merging
	groups, err := s.groups(ctx, o)
	for _, g := range groups {
		if err != nil {
			break
		}
		var did Merging
		did, err = s.merge(ctx, g, move)
		sum.Packs, sum.Into, sum.Objects, sum.Freed = sum.Packs+did.Packs, sum.Into+did.Into, sum.Objects+did.Objects, sum.Freed+did.Freed
	}
	return sum, err
}

// A candidate is a pack that may be merged.
type candidate struct {
	blob.Pack
	dead, alive int64
}

// groups chooses what is merged with what.
func (s *Store) groups(ctx context.Context, o MergeOptions) ([][]candidate, error) {
	var small, worn []candidate
	for p, err := range s.Packs(ctx) {
		if err != nil {
			return nil, err
		}
		if o.Now != nil && o.Now().Sub(p.Modified) < o.Quiet {
			continue
		}
		c, err := s.contentsOf(ctx, p.Name, p.Size, "")
		if fault.Of(err) == fault.Unavailable && err != nil {
			return nil, err
		}
		if err != nil {
			continue // gone meanwhile, or for a scrub to report
		}
		dead, alive, damaged := c.Dead()
		switch one := (candidate{p, dead, alive}); {
		case damaged:
		case float64(dead) >= o.Part*float64(dead+alive) && dead > 0:
			worn = append(worn, one)
		case p.Size < o.Small:
			small = append(small, one)
		}
	}
	if len(small) < o.Least {
		small = nil
	}
	var groups [][]candidate
	var size int64
	for _, c := range append(small, worn...) {
		if len(groups) == 0 || size+c.alive > o.Size {
			groups, size = append(groups, nil), 0
		}
		groups[len(groups)-1], size = append(groups[len(groups)-1], c), size+c.alive
	}
	var useful [][]candidate
	for _, g := range groups {
		if len(g) > 1 || g[0].dead > 0 {
			useful = append(useful, g)
		}
	}
	return useful, nil
}

// merge makes one pack of several. It is written to a file first, so that its bytes
// are compared with their digests before they are anywhere else.
func (s *Store) merge(ctx context.Context, group []candidate, move func(context.Context, blob.Ref, blob.Ref) (bool, error)) (Merging, error) {
	var sum Merging
	f, err := os.CreateTemp(s.o.Temp, ".pack-*")
	if err != nil {
		return sum, fault.As(fault.Unavailable, err)
	}
	defer func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }()
	image, err := disk.NewImage()
	if err != nil {
		return sum, err
	}
	var pairs [][2]blob.Ref
	var old int64
	for _, c := range group {
		old += c.Size
		if pairs, err = s.gatherPack(ctx, f, image, c, pairs); err != nil {
			return sum, fmt.Errorf("merge pack %s: %w", c.Name, err)
		}
	}
	if len(pairs) > 0 {
		if err := s.write(ctx, f, image); err != nil {
			return sum, err
		}
		sum.Into = 1
	}
	var unused []blob.Ref
	for _, p := range pairs {
		used, err := move(ctx, p[0], p[1])
		if err != nil {
			return sum, err
		}
		if !used {
			unused = append(unused, p[1])
			continue
		}
		sum.Objects++
	}
	if len(unused) > 0 {
		if _, err := s.RemoveAll(ctx, unused); err != nil {
			return sum, err
		}
	}
	for _, c := range group {
		if err := s.drop(ctx, c.Name); err != nil {
			return sum, err
		}
		sum.Packs++
	}
	sum.Freed = old - image.Size()
	return sum, nil
}

// write ends an image that stands in a file and sends it.
func (s *Store) write(ctx context.Context, f *os.File, image *disk.Image) error {
	if _, err := f.WriteAt(image.Head(), 0); err != nil {
		return fault.As(fault.Exhausted, err)
	}
	tail := image.Tail()
	if _, err := f.WriteAt(tail, image.Size()); err != nil {
		return fault.As(fault.Exhausted, err)
	}
	if err := s.upload(ctx, image.Name(), f, image.Size()+int64(len(tail)), minio.PutObjectOptions{}); err != nil {
		return fmt.Errorf("write pack %s: %w", image.Name(), err)
	}
	return nil
}

// gatherPack appends the objects of a pack to the file of an image.
func (s *Store) gatherPack(ctx context.Context, f *os.File, image *disk.Image, c candidate, pairs [][2]blob.Ref) ([][2]blob.Ref, error) {
	info, err := s.stat(ctx, c.Name)
	if err != nil {
		return pairs, err
	}
	r := &window{s: s, ctx: ctx, key: s.key(c.Name), etag: info.ETag, end: info.Size, step: farAhead}
	contents, err := disk.ReadContents(r, c.Name, info.Size)
	if failed := r.failure(); failed != nil {
		err = failed
	}
	if err != nil {
		return pairs, err
	}
	for ref, err := range contents.All() {
		if err != nil {
			return pairs, err
		}
		to, header, zeros := image.Add(ref.Length, ref.SHA256, contents.CRC(ref.Offset))
		sum := sha256.New()
		body := io.TeeReader(io.NewSectionReader(r, ref.Offset+disk.Block, ref.Length), sum)
		w := io.NewOffsetWriter(f, to.Offset)
		if _, err := w.Write(header); err != nil {
			return pairs, fault.As(fault.Exhausted, err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{w}, body, make([]byte, 256<<10)); err != nil {
			return pairs, err
		}
		if [sha256.Size]byte(sum.Sum(nil)) != ref.SHA256 {
			return pairs, blob.Damaged(ref, "digest differs")
		}
		if _, err := w.Write(make([]byte, zeros)); err != nil {
			return pairs, fault.As(fault.Exhausted, err)
		}
		pairs = append(pairs, [2]blob.Ref{ref, to})
	}
	return pairs, nil
}

// unfinished is how old the parts of a pack are that nobody will finish.
const unfinished = 24 * time.Hour

// Repack implements blob.Repacker.
func (s *Store) Repack(ctx context.Context, now time.Time, move blob.Mover) (blob.Repacked, error) {
	did, err := s.Merge(ctx, MergeOptions{Now: func() time.Time { return now }}, move)
	if err == nil {
		_, err = s.Tidy(ctx, now, unfinished)
	}
	return blob.Repacked{Packs: did.Packs, Objects: did.Objects, Freed: did.Freed}, err
}

// Tidy gives back the parts of packs that a process left unfinished longer ago than
// age. It returns how many packs that were.
func (s *Store) Tidy(ctx context.Context, now time.Time, age time.Duration) (int, error) {
	n := 0
	for u, err := range unfinishedUploads(ctx, s.core, s.place.Bucket, s.prefix(), s.o.Timeout) {
		if err != nil {
			return n, classify(err)
		}
		if now.Sub(u.Initiated) < age {
			continue
		}
		if err := within(ctx, s.o.Timeout, 0, func(ctx context.Context) error {
			return s.core.AbortMultipartUpload(ctx, s.place.Bucket, u.Key, u.UploadID)
		}); err != nil {
			return n, classify(err)
		}
		n++
	}
	return n, nil
}
