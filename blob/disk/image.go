package disk

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"iter"

	"github.com/google/uuid"

	"radagora/blob"
	"radagora/fault"
)

// Extension is that of a sealed pack's name, wherever it is kept.
const Extension = sealedExt

// Block is the size of a header in bytes, and what records are aligned to.
const Block = unit

// An Image makes the bytes of a sealed pack for whoever keeps packs elsewhere: the
// head, for each object a header before and zeros behind, and the tail. It belongs
// to one goroutine.
type Image struct {
	head    head
	records []record
	end     int64
}

// NewImage begins a pack with a new name.
func NewImage() (*Image, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("name a pack: %w", err)
	}
	h := head{id: id}
	if _, err := rand.Read(h.salt[:]); err != nil {
		return nil, fmt.Errorf("salt a pack: %w", err)
	}
	return &Image{head: h, end: unit}, nil
}

// Name returns the name of the pack, as references have it.
func (m *Image) Name() string { return m.head.id.String() }

// Head returns the bytes at 0.
func (m *Image) Head() []byte { return m.head.bytes() }

// Size returns how many bytes there are before the tail.
func (m *Image) Size() int64 { return m.end }

// Objects returns how many objects were added.
func (m *Image) Objects() int { return len(m.records) }

// Add puts an object at the end. It returns its reference, the header that stands
// before its bytes, and how many zeros stand behind them. crc is the CRC-32C of the
// bytes, as Sum makes it.
func (m *Image) Add(length int64, sha256 [32]byte, crc uint32) (r blob.Ref, header []byte, zeros int64) {
	rec := record{offset: m.end, kind: object, length: length, synced: m.end, sha256: sha256, crc: crc}
	header = make([]byte, unit)
	m.head.put(header, rec)
	m.records = append(m.records, rec)
	m.end = rec.next()
	return blob.Ref{Pack: m.Name(), Offset: rec.offset, Length: length, SHA256: sha256}, header, aligned(length) - length
}

// Tail returns the bytes behind the last record.
func (m *Image) Tail() []byte {
	b := make([]byte, (len(m.records)+1)*unit)
	for i, r := range m.records {
		m.head.put(b[i*unit:], r)
	}
	copy(b[len(m.records)*unit:], m.head.seal(seal{index: m.end, count: int64(len(m.records))}))
	return b
}

// Contents are the headers of a sealed pack.
type Contents struct {
	sc   scan
	name string
}

// ReadContents reads the headers of a sealed pack of the given name and size, and
// nothing else unless they are damaged. Internal with blob.ErrDamaged: it is none.
func ReadContents(r io.ReaderAt, name string, size int64) (*Contents, error) {
	sc, ok := scanPack(r, size)
	if !ok || sc.head.id.String() != name || !sc.sealed {
		return nil, fault.Errorf(fault.Internal, "pack %s: head or seal cannot be read: %w", name, blob.ErrDamaged)
	}
	return &Contents{sc: sc, name: name}, nil
}

// All yields every object; one whose header was lost comes with an error.
func (c *Contents) All() iter.Seq2[blob.Ref, error] {
	return func(yield func(blob.Ref, error) bool) { yieldPack(c.name, c.sc.records, yield) }
}

// Verify reads every object from where the pack is and compares it with its digest,
// and each header with its copy.
func (c *Contents) Verify(ctx context.Context, from io.ReaderAt) error {
	for _, r := range c.sc.records {
		if err := ctx.Err(); err != nil {
			return err
		}
		if head, ok := c.sc.head.record(readBlock(from, r.offset), r.offset, c.sc.end); !ok || head != r || r.kind == object && !r.whole(from) {
			return blob.Damaged(blob.Ref{Pack: c.name, Offset: r.offset, Length: r.length, SHA256: r.sha256}, "digest differs")
		}
	}
	return nil
}

// CRC returns the CRC-32C of the object at an offset, as its header has it.
func (c *Contents) CRC(offset int64) uint32 {
	for _, r := range c.sc.records {
		if r.offset == offset {
			return r.crc
		}
	}
	return 0
}

// Dead returns how many bytes removed and kept objects take, headers included, and
// whether something is damaged.
func (c *Contents) Dead() (dead, alive int64, damaged bool) {
	for _, r := range c.sc.records {
		switch r.kind {
		case removed:
			dead += r.next() - r.offset
		case lost:
			damaged = true
		default:
			alive += r.next() - r.offset
		}
	}
	return dead, alive, damaged
}

// Find tells what stands at the place of r, as Store.Open does: nil for the object,
// NotFound if it was removed or another one stands there.
func (c *Contents) Find(r blob.Ref) error {
	rec, ok := c.at(r.Offset)
	if !ok {
		return fault.Errorf(fault.NotFound, "no object %s", r)
	}
	return judge(rec, r)
}

func (c *Contents) at(offset int64) (record, bool) {
	for _, rec := range c.sc.records {
		if rec.offset == offset {
			return rec, true
		}
	}
	return record{}, false
}

// A Patch replaces bytes of a pack: with Bytes, or with Zeros zeros.
type Patch struct {
	Offset int64
	Bytes  []byte
	Zeros  int64
}

// Without returns what is to be replaced so that the objects are removed, in the
// order of offsets, and whether anything is kept then. NotFound: one of them is
// not in the pack. What is removed already needs no patch.
func (c *Contents) Without(refs []blob.Ref) (patches []Patch, kept bool, err error) {
	gone := map[int64]bool{}
	for _, r := range refs {
		rec, ok := c.at(r.Offset)
		if !ok || !names(rec, r) {
			return nil, false, fault.Errorf(fault.NotFound, "no object %s", r)
		}
		gone[r.Offset] = rec.kind != removed
	}
	var copies []Patch
	for i, rec := range c.sc.records {
		if !gone[rec.offset] {
			kept = kept || rec.kind != removed
			continue
		}
		rec.kind, rec.sha256, rec.crc = removed, [32]byte{}, 0
		block := make([]byte, unit)
		c.sc.head.put(block, rec)
		patches = append(patches, Patch{Offset: rec.offset, Bytes: block}, Patch{Offset: rec.offset + unit, Zeros: rec.length})
		copies = append(copies, Patch{Offset: c.sc.end + int64(i)*unit, Bytes: block})
	}
	return append(patches, copies...), kept, nil
}

// Heads reports whether b begins with the header of the object r, which is kept.
// It does not look at the header's own check, which takes the pack's salt: a digest
// that is that of r cannot be there by accident.
func Heads(b []byte, r blob.Ref) bool {
	return len(b) >= unit && string(b[:4]) == recordMagic && b[4] == object &&
		binary.LittleEndian.Uint64(b[8:]) == uint64(r.Length) && [32]byte(b[24:56]) == r.SHA256 //nolint:gosec // G115: not negative where it matters
}
