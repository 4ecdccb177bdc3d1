package journal

import (
	"crypto/sha256"
	"encoding/binary"
)

// The canonical encodings, docs/format/journal.md. Integers are big-endian.
const (
	entryLabel      = "radagora journal entry 1\n"
	sealLabel       = "radagora journal seal 1\n"
	checkpointLabel = "radagora journal checkpoint 1\n"
	headLabel       = "radagora journal head 1\n"
)

// A record is a row of journal_entry.
type record struct {
	seq                                   int64
	id, site                              string
	at                                    int64
	actor, kind, subject, data, personKey string
	payload, payloadDigest, digest        []byte
}

// encode returns the canonical encoding of r: what its digest is made of.
func (r *record) encode() []byte {
	b := []byte(entryLabel)
	field := func(s string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s))) //nolint:gosec // Append bounds every field
		b = append(b, s...)
	}
	field(r.id)
	field(r.site)
	field(string(binary.BigEndian.AppendUint64(nil, uint64(r.at)))) //nolint:gosec // two's complement
	field(r.actor)
	field(r.kind)
	field(r.subject)
	field(r.data)
	field(r.personKey)
	field(string(r.payloadDigest))
	return b
}

func (r *record) sum() []byte { return sum(r.encode()) }

func sum(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:]
}

// A seal is a row of journal_seal.
type seal struct {
	number, first, last, at int64
	previous, digest        []byte
	hours                   // derived from the entries, and no part of the digest
}

// genesis is what the first seal names as the one before it.
var genesis = make([]byte, sha256.Size)

// sum returns the digest of s over the digests of its entries, in order.
func (s *seal) sum(entries [][]byte) []byte {
	h := sha256.New()
	h.Write([]byte(sealLabel))
	h.Write(numbers(s.number, s.first, s.last, s.at))
	h.Write(s.previous)
	for _, e := range entries {
		h.Write(e)
	}
	return h.Sum(nil)
}

// encode returns what the signature of c is made over.
func (c *Checkpoint) encode() []byte {
	b := append([]byte(checkpointLabel), numbers(c.Seal, c.Seq)...)
	b = append(b, c.Digest...)
	return append(b, numbers(c.At.UnixMilli())...)
}

// encode returns what the signature of h is made over.
func (h *SignedHead) encode() []byte {
	b := append([]byte(headLabel), numbers(h.Seal, h.Seq)...)
	b = append(b, h.Digest...)
	return append(b, numbers(h.At.UnixMilli())...)
}

func numbers(ns ...int64) []byte {
	var b []byte
	for _, n := range ns {
		b = binary.BigEndian.AppendUint64(b, uint64(n)) //nolint:gosec // two's complement
	}
	return b
}
