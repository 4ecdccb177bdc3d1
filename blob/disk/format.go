package disk

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/google/uuid"
)

// The bytes of a pack are described in docs/format/pack.md, field by field.
// Everything is little-endian; a pack consists of blocks of unit bytes, so no
// block that is rewritten in place ever crosses a disk sector.
const (
	unit    = 64 // size of every header, and what records are aligned to
	version = 1

	packMagic   = "RADAPACK"
	recordMagic = "ROBJ"
	sealMagic   = "RADASEAL"
)

// The kinds of record.
const (
	object  = 1 // bytes that are kept
	removed = 2 // bytes that were erased: zeros now
	lost    = 3 // a stretch where recovery found no readable header
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A head is the block at the beginning of a pack.
type head struct {
	id   uuid.UUID
	salt [16]byte // makes it impossible to smuggle in a record header within an object
}

// A record is the block before an object's bytes.
type record struct {
	offset int64 // of this block in the pack
	kind   byte
	length int64    // of the object
	synced int64    // up to where the pack was durable when this was written
	sha256 [32]byte // of the object
	crc    uint32   // CRC-32C of the object
}

// next returns where the record after r begins.
func (r record) next() int64 { return r.offset + unit + aligned(r.length) }

func aligned(n int64) int64 { return (n + unit - 1) &^ (unit - 1) }

func (h head) bytes() []byte {
	b := make([]byte, unit)
	copy(b, packMagic)
	binary.LittleEndian.PutUint16(b[8:], version)
	copy(b[16:], h.id[:])
	copy(b[32:], h.salt[:])
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

func parseHead(b []byte) (head, bool) {
	var h head
	ok := len(b) >= unit && string(b[:8]) == packMagic &&
		binary.LittleEndian.Uint16(b[8:]) == version &&
		binary.LittleEndian.Uint32(b[60:]) == crc32.Checksum(b[:60], castagnoli)
	if ok {
		copy(h.id[:], b[16:])
		copy(h.salt[:], b[32:])
	}
	return h, ok
}

// sum is the check of a block that belongs at offset in the pack of h.
func (h head) sum(block []byte, offset int64) uint32 {
	var at [24]byte
	copy(at[:], h.salt[:])
	binary.LittleEndian.PutUint64(at[16:], uint64(offset)) //nolint:gosec // G115: an offset is not negative
	return crc32.Update(crc32.Checksum(at[:], castagnoli), castagnoli, block[:unit-4])
}

// put writes the block of r into b, which has room for it.
func (h head) put(b []byte, r record) {
	clear(b[:unit])
	copy(b, recordMagic)
	b[4] = r.kind
	binary.LittleEndian.PutUint64(b[8:], uint64(r.length))  //nolint:gosec // G115: not negative
	binary.LittleEndian.PutUint64(b[16:], uint64(r.synced)) //nolint:gosec // G115: not negative
	copy(b[24:], r.sha256[:])
	binary.LittleEndian.PutUint32(b[56:], r.crc)
	binary.LittleEndian.PutUint32(b[60:], h.sum(b, r.offset))
}

// record reads the block b that belongs at offset of a pack whose records end
// before limit. It is false for anything that put has not written there.
func (h head) record(b []byte, offset, limit int64) (record, bool) {
	if len(b) < unit || string(b[:4]) != recordMagic ||
		binary.LittleEndian.Uint32(b[60:]) != h.sum(b, offset) {
		return record{}, false
	}
	length, synced := binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	if b[4] < object || b[4] > lost || offset > limit-unit || length > uint64(limit-offset-unit) || synced > uint64(offset) { //nolint:gosec // G115: limit and offset are sizes
		return record{}, false
	}
	r := record{offset: offset, kind: b[4], length: int64(length), synced: int64(synced), crc: binary.LittleEndian.Uint32(b[56:])} //nolint:gosec // G115: bounded above
	copy(r.sha256[:], b[24:])
	return r, true
}

// A seal is the last block of a sealed pack.
type seal struct{ index, count int64 } // where the copies of the headers begin, and how many there are

func (h head) seal(s seal) []byte {
	b := make([]byte, unit)
	copy(b, sealMagic)
	binary.LittleEndian.PutUint64(b[8:], uint64(s.index))  //nolint:gosec // G115: not negative
	binary.LittleEndian.PutUint64(b[16:], uint64(s.count)) //nolint:gosec // G115: not negative
	binary.LittleEndian.PutUint32(b[60:], h.sum(b, s.index+s.count*unit))
	return b
}

// parseSeal reads the last block of a pack of the given size.
func (h head) parseSeal(b []byte, size int64) (seal, bool) {
	if len(b) < unit || string(b[:8]) != sealMagic || size%unit != 0 ||
		binary.LittleEndian.Uint32(b[60:]) != h.sum(b, size-unit) {
		return seal{}, false
	}
	index, count := binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	blocks := uint64(size) / unit //nolint:gosec // G115: a size is not negative
	if index < unit || index%unit != 0 || count > blocks || index/unit+count+1 != blocks {
		return seal{}, false
	}
	return seal{index: int64(index), count: int64(count)}, true //nolint:gosec // G115: bounded by size
}

// readBlock reads the block at offset; a block that is not there is nil.
func readBlock(r io.ReaderAt, offset int64) []byte {
	b := make([]byte, unit)
	if n, _ := r.ReadAt(b, offset); n < unit {
		return nil
	}
	return b
}
