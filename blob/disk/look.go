package disk

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"radagora/blob"
	"radagora/fault"
)

// A Stand says how a pack file stands, without looking inside.
type Stand struct {
	Pack     string
	Sealed   bool
	Size     int64 // of the file
	Modified time.Time
}

// Stands lists the packs of a folder, oldest first. The store may be open, also in
// another process. A folder that is not there has no packs.
func Stands(dir string) ([]Stand, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, classify(err)
	}
	found := map[string]Stand{}
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		name := strings.TrimSuffix(e.Name(), ext)
		if ext != openExt && ext != sealedExt || !packName(name) {
			continue
		}
		fi, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue // renamed or compacted between two looks; whoever reads it will notice
		}
		if err != nil {
			return nil, classify(err)
		}
		found[name] = Stand{Pack: name, Sealed: ext == sealedExt || found[name].Sealed, Size: fi.Size(), Modified: fi.ModTime()}
	}
	all := make([]Stand, 0, len(found))
	for _, s := range found {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Stand) int { return strings.Compare(a.Pack, b.Pack) })
	return all, nil
}

// FileName returns the name of a pack's file.
func FileName(pack string, sealed bool) string {
	if sealed {
		return pack + sealedExt
	}
	return pack + openExt
}

// IsPack reports whether name is one that a store gives to a pack.
func IsPack(name string) bool { return packName(name) }

// packName reports whether name is one that a store gives.
func packName(name string) bool {
	id, err := uuid.Parse(name)
	return err == nil && id.String() == name
}

// A Pack is a pack opened to be copied: its bytes up to where it was whole when it
// was opened. What is removed reads as zeros from then on, whatever the disk holds.
type Pack struct {
	Stand
	Objects int64 // that are kept
	Removed int64 // that were removed
	Lost    int   // stretches that can no longer be read

	f  *os.File
	sc scan
}

// OpenPack opens the pack of that name in a folder, without taking the folder's
// lock. Size is up to where it is whole. NotFound: there is none, or no more.
func OpenPack(dir, name string) (*Pack, error) {
	if !packName(name) {
		return nil, fault.Errorf(fault.NotFound, "no pack of that name")
	}
	for _, ext := range []string{sealedExt, openExt, sealedExt} { // it may be renamed between two looks
		f, err := os.Open(filepath.Join(dir, name+ext))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, classify(err)
		}
		p, err := look(f, name)
		if err != nil {
			f.Close()
		}
		return p, err
	}
	return nil, fault.Errorf(fault.NotFound, "no pack %s", name)
}

func look(f *os.File, name string) (*Pack, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, classify(err)
	}
	p := &Pack{Stand: Stand{Pack: name, Modified: fi.ModTime()}, f: f}
	sc, ok := scanPack(f, fi.Size())
	if !ok || sc.head.id.String() != name {
		return nil, fault.Errorf(fault.Internal, "pack %s: head cannot be read: %w", name, blob.ErrDamaged)
	}
	p.sc, p.Sealed, p.Size = sc, sc.sealed, sc.end
	if sc.sealed {
		p.Size = fi.Size()
	}
	for _, r := range sc.records {
		switch r.kind {
		case object:
			p.Objects++
		case removed:
			p.Removed++
		default:
			p.Lost++
		}
	}
	return p, nil
}

// Close closes the file.
func (p *Pack) Close() error { return classify(p.f.Close()) }

// ReadAt fills b with what stands at offset. The bytes of removed objects are zeros.
func (p *Pack) ReadAt(b []byte, offset int64) error {
	if offset < 0 || offset > p.Size-int64(len(b)) {
		return fault.Errorf(fault.Internal, "pack %s: %d bytes at %d lie beyond %d", p.Pack, len(b), offset, p.Size)
	}
	if _, err := p.f.ReadAt(b, offset); err != nil {
		return fmt.Errorf("read pack %s: %w", p.Pack, classify(err))
	}
	end := offset + int64(len(b))
	for _, r := range p.within(offset, end) {
		if r.kind == removed {
			from, to := max(r.offset+unit, offset), min(r.next(), end)
			if from < to {
				clear(b[from-offset : to-offset])
			}
		}
	}
	return nil
}

// within returns the records that have bytes between from and to.
func (p *Pack) within(from, to int64) []record {
	i, _ := slices.BinarySearchFunc(p.sc.records, from, func(r record, at int64) int {
		if r.next() <= at {
			return -1
		}
		return 1
	})
	j := i
	for j < len(p.sc.records) && p.sc.records[j].offset < to {
		j++
	}
	return p.sc.records[i:j]
}

// Shape tells whether the bytes between two offsets are what they were: it differs
// once an object there was removed. It is a digest of what the headers say.
func (p *Pack) Shape(from, to int64) [sha256.Size]byte {
	records := p.within(from, to)
	if to > p.sc.end { // the index has a copy of every header
		records = p.sc.records
	}
	sum, b := sha256.New(), make([]byte, 0, 64)
	for _, r := range records {
		b = binary.LittleEndian.AppendUint64(b[:0], uint64(r.offset)) //nolint:gosec // G115: an offset is not negative
		b = binary.LittleEndian.AppendUint64(b, uint64(r.length))     //nolint:gosec // G115: nor is a length
		b = append(append(b, r.kind), r.sha256[:]...)
		_, _ = sum.Write(b)
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

// Verify reads every object of the pack, compares it with its digest, and calls
// found with each and what is wrong with it, nil for one in good order. Lost
// stretches come with an error too.
func (p *Pack) Verify(ctx context.Context, found func(blob.Ref, error) error) error {
	for _, r := range p.sc.records {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.kind == removed {
			continue
		}
		ref := blob.Ref{Pack: p.Pack, Offset: r.offset, Length: r.length, SHA256: r.sha256}
		var wrong error
		switch {
		case r.kind == lost:
			wrong = blob.Damaged(ref, "header cannot be read")
		case !r.whole(p.f):
			wrong = blob.Damaged(ref, "digest differs")
		}
		if err := found(ref, wrong); err != nil {
			return err
		}
	}
	return nil
}
