package disk

import (
	"crypto/sha256"
	"hash/crc32"
	"io"
)

// A scan is what is known of the records of a pack after looking at it.
type scan struct {
	head    head
	sealed  bool
	records []record // one after the other without a gap
	end     int64    // where the next record may begin; what lies behind is not a record
}

// scanPack reads the headers of a pack of the given size. It is false if the
// pack has no valid head. A sealed pack is read by its index, and by its records
// if the index is damaged; an open one by its records, and those that were not
// yet known to be durable when a later one was written are read and compared
// with their digest. It allocates no more than the pack's size justifies.
func scanPack(r io.ReaderAt, size int64) (scan, bool) {
	h, ok := parseHead(readBlock(r, 0))
	if !ok {
		return scan{}, false
	}
	if s, ok := h.parseSeal(readBlock(r, size-unit), size); ok {
		if records, ok := h.index(r, s); ok {
			return scan{head: h, sealed: true, records: records, end: s.index}, true
		}
		records, end := h.walk(r, s.index)
		if end < s.index { // all of it was durable once
			records = append(records, record{offset: end, kind: lost, length: s.index - end - unit})
		}
		return scan{head: h, sealed: true, records: records, end: s.index}, true
	}
	records, end := h.walk(r, size)
	records, end = h.trust(r, records, end)
	return scan{head: h, records: records, end: end}, true
}

// index reads the copies of the record headers at the end of a sealed pack.
func (h head) index(r io.ReaderAt, s seal) ([]record, bool) {
	in := io.NewSectionReader(r, s.index, s.count*unit)
	block, offset := make([]byte, unit), int64(unit)
	var records []record
	for range s.count {
		if _, err := io.ReadFull(in, block); err != nil {
			return nil, false
		}
		rec, ok := h.record(block, offset, s.index)
		if !ok {
			return nil, false
		}
		records, offset = append(records, rec), rec.next()
	}
	return records, offset == s.index
}

// walk goes from record to record. Where there is none it looks whether it is
// the end, or whether later records prove that one was there and was damaged:
// then it puts a lost record in its place.
func (h head) walk(r io.ReaderAt, limit int64) (records []record, end int64) {
	for offset := int64(unit); ; {
		rec, ok := h.record(readBlock(r, offset), offset, limit)
		if !ok {
			later, found := h.proof(r, offset, limit)
			if !found {
				return records, offset
			}
			rec = record{offset: offset, kind: lost, length: later - offset - unit}
		}
		records, offset = append(records, rec), rec.next()
	}
}

// proof looks behind offset for a record that was written when the one at
// offset was durable already. It returns where the first record behind offset
// begins.
func (h head) proof(r io.ReaderAt, offset, limit int64) (first int64, found bool) {
	buf := make([]byte, min(1<<20, max(0, aligned(limit-offset))))
	for at := offset + unit; at <= limit-unit; at += int64(len(buf)) {
		n, _ := r.ReadAt(buf, at)
		for i := 0; i+unit <= n; i += unit {
			rec, ok := h.record(buf[i:i+unit], at+int64(i), limit)
			switch {
			case !ok:
			case first == 0 && rec.synced > offset:
				return rec.offset, true
			case first == 0:
				first = rec.offset
			case rec.synced > offset:
				return first, true
			}
		}
		if n < len(buf) {
			break
		}
	}
	return 0, false
}

// trust drops the records at the end that never became whole. Those before the
// last known sync are whole.
func (h head) trust(r io.ReaderAt, records []record, end int64) ([]record, int64) {
	var synced int64
	for _, rec := range records {
		synced = max(synced, rec.synced)
	}
	for i, rec := range records {
		if rec.next() > synced && rec.kind == object && !rec.whole(r) {
			return records[:i], rec.offset
		}
	}
	return records, end
}

// whole reads the object of r and compares it with its digest.
func (r record) whole(from io.ReaderAt) bool {
	sum, crc := sha256.New(), crc32.New(castagnoli)
	n, err := io.Copy(io.MultiWriter(sum, crc), io.NewSectionReader(from, r.offset+unit, r.length))
	return err == nil && n == r.length && [32]byte(sum.Sum(nil)) == r.sha256 && crc.Sum32() == r.crc
}

// of returns r with the length and the digests of b.
func (r record) of(b []byte) record {
	r.length, r.sha256, r.crc = int64(len(b)), sha256.Sum256(b), crc32.Checksum(b, castagnoli)
	return r
}
