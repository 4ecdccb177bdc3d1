package journal

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"

	"radagora/db"
	"radagora/fault"
)

// What can be wrong with a journal, as Break.Reason.
const (
	EntryChanged      = "entry_changed"      // a column of the entry is not what was written
	EntryMissing      = "entry_missing"      // the number belongs to no entry
	EntryMoved        = "entry_moved"        // the seal covers other entries, or in another order
	EntryUnsealed     = "entry_unsealed"     // the number lies beyond the last seal
	PayloadChanged    = "payload_changed"    // the ciphertext is not what was written, or is gone
	SealChanged       = "seal_changed"       // the seal does not continue the one before it
	CheckpointInvalid = "checkpoint_invalid" // the signature is wrong, or its key is not trusted
	HeadInvalid       = "head_invalid"       // the signature of a signed head is wrong, or its key is not trusted
	Rewritten         = "rewritten"          // whole, and other than it was when a head was signed: from here on
	Truncated         = "truncated"          // a head was signed, or a consumer has read, further than the journal goes
)

// A Break is the first place where the journal is not as it was written.
type Break struct {
	Seq    int64 // the entry; for a seal, its first
	Seal   int64
	Reason string
}

// A Head is the last seal. Whoever writes it down elsewhere can tell later that the
// journal was not written anew as a whole.
type Head struct {
	Seal, Seq int64
	Digest    []byte // SHA-256
}

// A Report is what Verify found.
type Report struct {
	Seals, Entries int64 // verified
	Unsealed       int64 // committed and not numbered yet
	Head           Head
	Signed         int64       // signed heads that agree with the seals
	Since          int64       // entries after the last of them, which no signature protects yet
	Checkpoint     *Checkpoint // nil if nothing was ever dropped
	Break          *Break      // nil if all is well
}

// Verify recomputes every seal from the entries it covers, compares seals with the
// signed heads, those of the database and those the caller has kept elsewhere, and
// reports the first break. It returns an error only if it could not look.
func (j *Journal) Verify(ctx context.Context, kept ...SignedHead) (Report, error) {
	for {
		v := verifier{j: j, kept: kept}
		err := v.run(ctx)
		if err != nil {
			return v.r, fmt.Errorf("verify journal: %w", err)
		}
		again, err := j.checkpoint(ctx, j.db)
		if err != nil {
			return v.r, fmt.Errorf("verify journal: %w", err)
		}
		if again.number() == v.r.Checkpoint.number() {
			return v.r, nil
		}
		// A prefix was dropped meanwhile, which looks like a break.
	}
}

// A verifier goes through the journal once.
type verifier struct {
	j    *Journal
	r    Report
	last seal // the seal before the next one

	kept   []SignedHead // by the caller
	heads  []SignedHead // still to be met, in order of their seals
	agreed int64        // last entry of the last head that agreed
}

func (v *verifier) run(ctx context.Context) error {
	c, err := v.j.checkpoint(ctx, v.j.db)
	if err != nil {
		return err
	}
	v.last = seal{digest: genesis}
	if c != nil {
		v.r.Checkpoint = c
		v.last = seal{number: c.Seal, last: c.Seq, digest: c.Digest}
		if !v.j.trusts(c) {
			v.broken(c.Seq, c.Seal, CheckpointInvalid)
			return nil
		}
	}
	if err := v.collect(ctx, c); err != nil || v.r.Break != nil {
		return err
	}
	if err := v.chain(ctx, 0); err != nil || v.r.Break != nil {
		return err
	}
	return v.rest(ctx)
}

// chain verifies seals from v.last on, up to the number given, or all for 0.
func (v *verifier) chain(ctx context.Context, upTo int64) error {
	for {
		seals, err := db.List(ctx, v.j.db, scanSeal, `select number, first_seq, last_seq, at_ms, previous, digest, from_ms, upto_ms, late from journal_seal
			where number > $1 and (number <= $2 or $2 = 0) order by number limit 200`, v.last.number, upTo)
		if err != nil || len(seals) == 0 {
			return err
		}
		for _, s := range seals {
			if err := v.seal(ctx, s); err != nil || v.r.Break != nil {
				return err
			}
		}
	}
}

func scanSeal(r *db.Rows) (s seal, err error) {
	return s, r.Scan(&s.number, &s.first, &s.last, &s.at, &s.previous, &s.digest, &s.from, &s.upto, &s.late)
}

func (v *verifier) seal(ctx context.Context, s seal) error {
	if s.number != v.last.number+1 || s.first != v.last.last+1 || s.last < s.first || s.last-s.first >= perSeal ||
		!bytes.Equal(s.previous, v.last.digest) {
		v.broken(v.last.last+1, v.last.number+1, SealChanged)
		return nil
	}
	rows, err := v.j.db.Query(ctx, "select "+entryColumns+" from journal_entry where seq >= $1 and seq <= $2 order by seq", s.first, s.last)
	if err != nil {
		return err
	}
	defer rows.Close()
	var digests [][]byte
	var during hours
	for rows.Next() {
		r, err := scanRecord(rows)
		if err != nil {
			return err
		}
		if v.entry(r, s.first+int64(len(digests)), s.number); v.r.Break != nil {
			return nil
		}
		during = during.with(r.at, len(digests) == 0)
		digests = append(digests, r.digest)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	switch {
	case int64(len(digests)) <= s.last-s.first:
		v.broken(s.first+int64(len(digests)), s.number, EntryMissing)
	case !bytes.Equal(s.digest, s.sum(digests)):
		v.broken(s.first, s.number, EntryMoved)
	case v.last.upto != 0 && s.hours != v.last.then(during), s.from != during.from:
		v.broken(s.first, s.number, SealChanged)
	default:
		v.r.Seals++
		v.r.Entries += int64(len(digests))
		v.last = s
		v.r.Head = Head{s.number, s.last, s.digest}
		v.meet(s)
	}
	return nil
}

// entry checks one entry that should have the number seq.
func (v *verifier) entry(r record, seq, seal int64) {
	switch {
	case r.seq != seq:
		v.broken(seq, seal, EntryMissing)
	case !bytes.Equal(r.digest, r.sum()):
		v.broken(seq, seal, EntryChanged)
	case r.payloadDigest == nil && r.payload != nil,
		r.payloadDigest != nil && !bytes.Equal(r.payloadDigest, sum(r.payload)):
		v.broken(seq, seal, PayloadChanged)
	}
}

// rest looks at what lies outside the seals.
func (v *verifier) rest(ctx context.Context) error {
	return v.j.db.Read(ctx, func(tx *db.Tx) error {
		now, err := next(ctx, tx)
		if err != nil {
			return err
		}
		head := max(v.last.last, now.first-1) // it has grown since
		for _, c := range []struct {
			reason, query string
			bound         int64
		}{
			{EntryUnsealed, "select coalesce(min(seq), 0) from journal_entry where seq > $1", head},
			{EntryMoved, "select coalesce(min(seq), 0) from journal_entry where seq <= $1", v.r.Checkpoint.seq()},
			{Truncated, "select coalesce(max(seq), 0) from journal_cursor where seq > $1", head},
		} {
			var seq int64
			if err := tx.QueryRow(ctx, c.query, c.bound).Scan(&seq); err != nil {
				return err
			}
			if seq != 0 && c.reason == Truncated {
				seq = head + 1
			}
			if seq != 0 {
				v.broken(seq, 0, c.reason)
				return nil
			}
		}
		if len(v.heads) > 0 && v.heads[0].Seal > now.number-1 { // those between were signed since
			v.broken(head+1, 0, Truncated)
			return nil
		}
		v.r.Since = max(0, v.last.last-v.agreed)
		return tx.QueryRow(ctx, "select count(*) from journal_entry where seq is null").Scan(&v.r.Unsealed)
	})
}

func (v *verifier) broken(seq, seal int64, reason string) {
	v.r.Break = &Break{Seq: seq, Seal: seal, Reason: reason}
}

// collect gathers the signed heads of the database and of the caller that concern
// what is left of the journal, and checks their signatures.
func (v *verifier) collect(ctx context.Context, c *Checkpoint) error {
	own, err := v.j.Heads(ctx, 0)
	if err != nil {
		return err
	}
	v.heads = slices.Concat(own, v.kept)
	slices.SortStableFunc(v.heads, func(a, b SignedHead) int { return cmp.Compare(a.Seal, b.Seal) })
	for i := range v.heads {
		if h := &v.heads[i]; !v.j.trustsKey(h.PublicKey) || !h.Signed() {
			v.broken(max(h.Seq, c.seq()+1), h.Seal, HeadInvalid)
			return nil
		}
	}
	v.heads = slices.DeleteFunc(v.heads, func(h SignedHead) bool { return h.Seal < c.number() })
	v.agreed = c.seq()
	if c != nil {
		v.meet(v.last)
	}
	return nil
}

// meet compares a seal that verified with the heads that were signed over it.
func (v *verifier) meet(s seal) {
	for len(v.heads) > 0 && v.heads[0].Seal <= s.number {
		h := v.heads[0]
		v.heads = v.heads[1:]
		if h.Seal != s.number || h.Seq != s.last || !bytes.Equal(h.Digest, s.digest) {
			v.broken(v.agreed+1, s.number, Rewritten)
			return
		}
		v.agreed = s.last
		v.r.Signed++
	}
}

// trusts reports whether c is signed by a key this installation knows.
func (j *Journal) trusts(c *Checkpoint) bool {
	return j.trustsKey(c.PublicKey) && ed25519.Verify(c.PublicKey, c.encode(), c.Signature)
}

// trustsKey reports whether this installation knows a key. One without any key of
// its own takes the key that stands beside the signature.
func (j *Journal) trustsKey(public []byte) bool {
	keys := j.o.TrustedKeys
	if own := j.PublicKey(); own != nil {
		keys = append([]ed25519.PublicKey{own}, keys...)
	}
	known := len(keys) == 0
	for _, k := range keys {
		known = known || k.Equal(ed25519.PublicKey(public))
	}
	return known && len(public) == ed25519.PublicKeySize
}

// Head returns the last seal, the zero Head if there is none.
func (j *Journal) Head(ctx context.Context) (Head, error) {
	s, err := next(ctx, j.db)
	if err != nil || s.number == 1 {
		return Head{}, err
	}
	return Head{s.number - 1, s.first - 1, s.previous}, nil
}

// intact returns nil if the journal is whole from its checkpoint up to a seal.
func (j *Journal) intact(ctx context.Context, c *Checkpoint, upTo int64) (seal, error) {
	v := verifier{j: j, last: seal{digest: genesis}}
	if c != nil {
		v.last = seal{number: c.Seal, last: c.Seq, digest: c.Digest}
	}
	if err := v.chain(ctx, upTo); err != nil {
		return v.last, err
	}
	if b := v.r.Break; b != nil {
		return v.last, fault.Errorf(fault.Conflict, "entry %d: %s", b.Seq, b.Reason)
	}
	return v.last, nil
}
