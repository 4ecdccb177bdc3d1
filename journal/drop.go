package journal

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"time"

	"radagora/db"
	"radagora/fault"
)

// A Checkpoint stands for the entries that were dropped: the chain begins anew at
// its digest.
type Checkpoint struct {
	Seal, Seq int64     // the last that were dropped
	Digest    []byte    // of that seal
	At        time.Time // when
	PublicKey []byte    // Ed25519
	Signature []byte    // over the canonical encoding, docs/format/journal.md
}

func (c *Checkpoint) number() int64 {
	if c == nil {
		return 0
	}
	return c.Seal
}

func (c *Checkpoint) seq() int64 {
	if c == nil {
		return 0
	}
	return c.Seq
}

// checkpoint returns the last checkpoint, nil if there is none.
func (j *Journal) checkpoint(ctx context.Context, q db.Querier) (*Checkpoint, error) {
	var c Checkpoint
	var at int64
	err := q.QueryRow(ctx, "select number, seq, digest, at_ms, public_key, signature from journal_checkpoint order by number desc limit 1").
		Scan(&c.Seal, &c.Seq, &c.Digest, &at, &c.PublicKey, &c.Signature)
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			return nil, nil
		}
		return nil, err
	}
	c.At = db.FromMillis(at)
	return &c, nil
}

// dropped returns the number of the last entry that was dropped.
func (j *Journal) dropped(ctx context.Context) (int64, error) {
	c, err := j.checkpoint(ctx, j.db)
	return c.seq(), err
}

// perDrop is how many seals one transaction drops.
const perDrop = 50

// Drop removes the entries before a number, as far as whole seals go and the last
// seal stays, and leaves a signed checkpoint. It returns the number of the last
// entry that is gone. by says who did it and why: it is appended for each stretch of
// entries, whose numbers become its Subject; its Kind, unless given, is
// journal.prefix.dropped.
//
// It is Unsupported without a signing key, and Conflict if the prefix does not
// verify or a consumer has not read it; then what was not dropped yet stays.
func (j *Journal) Drop(ctx context.Context, before int64, by Entry) (int64, error) {
	if len(j.o.SigningKey) != ed25519.PrivateKeySize {
		return 0, fault.Errorf(fault.Unsupported, "drop from journal: no signing key is configured, and without a signed checkpoint the rest could not be verified")
	}
	if by.Kind == "" {
		by.Kind = "journal.prefix.dropped"
	}
	end, err := j.dropped(ctx)
	for err == nil {
		var now int64
		if now, err = j.drop(ctx, before, by); err == nil && now == end {
			return end, nil
		}
		end = now
	}
	return 0, fmt.Errorf("drop from journal: %w", err)
}

// drop removes up to perDrop seals, writes that down in the same transaction, and
// returns the last entry that is gone.
func (j *Journal) drop(ctx context.Context, before int64, by Entry) (int64, error) {
	c, err := j.checkpoint(ctx, j.db)
	if err != nil {
		return 0, err
	}
	if c != nil && !j.trusts(c) {
		return 0, fault.Errorf(fault.Conflict, "the last checkpoint is not signed by a key this installation knows")
	}
	var upTo int64
	err = j.db.QueryRow(ctx, `select coalesce(max(number), 0) from journal_seal where number > $1 and number <= $2 and last_seq < $3
		and number < (select max(number) from journal_seal)`, c.number(), c.number()+perDrop, before).Scan(&upTo)
	if err != nil || upTo == 0 {
		return c.seq(), err
	}
	s, err := j.intact(ctx, c, upTo)
	if err != nil {
		return 0, err
	}
	by.Subject = fmt.Sprintf("%d-%d", c.seq()+1, s.last)
	return s.last, j.db.Write(ctx, func(tx *db.Tx) error {
		if err := j.cut(ctx, tx, c, s); err != nil {
			return err
		}
		return j.Append(ctx, tx, by)
	})
}

// cut puts a checkpoint in the place of everything up to s.
func (j *Journal) cut(ctx context.Context, tx *db.Tx, was *Checkpoint, s seal) error {
	now, err := j.checkpoint(ctx, tx)
	if err != nil {
		return err
	}
	if now.number() != was.number() {
		return fault.Errorf(fault.Conflict, "somebody else is dropping entries")
	}
	if err := allRead(ctx, tx, s.last); err != nil {
		return err
	}
	c := &Checkpoint{Seal: s.number, Seq: s.last, Digest: s.digest, At: j.o.Now()}
	c.Signature = ed25519.Sign(j.o.SigningKey, c.encode())
	public, _ := j.o.SigningKey.Public().(ed25519.PublicKey)
	_, err = tx.Exec(ctx, "insert into journal_checkpoint (number, seq, at_ms, digest, public_key, signature) values ($1, $2, $3, $4, $5, $6)",
		c.Seal, c.Seq, c.At.UnixMilli(), c.Digest, []byte(public), c.Signature)
	if err != nil {
		return err
	}
	return remove(ctx, tx, s)
}

// allRead refuses to drop what a consumer has yet to read.
func allRead(ctx context.Context, tx *db.Tx, last int64) error {
	var consumer string
	err := tx.QueryRow(ctx, "select consumer from journal_cursor where seq < $1 order by seq limit 1", last).Scan(&consumer)
	switch {
	case err == nil:
		return fault.Errorf(fault.Conflict, "consumer %s has not read up to entry %d", consumer, last)
	case fault.Of(err) == fault.NotFound:
		return nil
	}
	return err
}

// remove deletes everything up to s, and the keys that open nothing any more. The
// update locks those keys first, so that no entry is being written under one of them.
func remove(ctx context.Context, tx *db.Tx, s seal) error {
	const theirs = " where key_id in (select person_key_id from journal_entry where person_key_id <> '' and seq <= $1)"
	for _, c := range []struct {
		query string
		arg   int64
	}{
		{"update journal_person_key set destroyed_ms = destroyed_ms" + theirs, s.last},
		{"delete from journal_person_key" + theirs + ` and not exists
			(select 1 from journal_entry where person_key_id = key_id and person_key_id <> '' and (seq is null or seq > $1))`, s.last},
		{"delete from journal_entry where seq <= $1", s.last},
		{"delete from journal_seal where number <= $1", s.number},
		{"delete from journal_head where number < $1", s.number},
	} {
		if _, err := tx.Exec(ctx, c.query, c.arg); err != nil {
			return err
		}
	}
	return nil
}

// FirstSince returns the number of the first entry of the first seal with anything
// that happened at t or later, or the next number to be given if there is none: up to
// it Drop removes nothing that is younger.
func (j *Journal) FirstSince(ctx context.Context, t time.Time) (int64, error) {
	low, _, err := j.span(ctx, t, time.Time{})
	if err != nil {
		return 0, err
	}
	s, err := next(ctx, j.db)
	return min(low+1, s.first), err
}
