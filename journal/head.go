package journal

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"radagora/db"
	"radagora/fault"
)

// A SignedHead says that at some time the journal ended with this seal. Copied to
// where nobody who can change the database can reach it, it shows that the end was
// cut off or everything written anew.
type SignedHead struct {
	Seal      int64     `json:"seal"`
	Seq       int64     `json:"seq"`    // the last entry of the seal
	At        time.Time `json:"at"`     // when it was signed, to the millisecond
	Digest    []byte    `json:"digest"` // of the seal, SHA-256
	PublicKey []byte    `json:"public_key"`
	Signature []byte    `json:"signature"` // Ed25519 over the canonical encoding, docs/format/journal.md
}

// Fingerprint returns the SHA-256 of a public key in hexadecimal, "" for no key.
func Fingerprint(publicKey []byte) string {
	if len(publicKey) == 0 {
		return ""
	}
	s := sha256.Sum256(publicKey)
	return hex.EncodeToString(s[:])
}

// Signed reports whether the signature of h is good and by this key.
func (h *SignedHead) Signed() bool {
	return len(h.PublicKey) == ed25519.PublicKeySize && ed25519.Verify(h.PublicKey, h.encode(), h.Signature)
}

// PublicKey returns the key that checks what is signed here, nil if nothing is.
func (j *Journal) PublicKey() ed25519.PublicKey {
	if len(j.o.SigningKey) != ed25519.PrivateKeySize {
		return nil
	}
	public, _ := j.o.SigningKey.Public().(ed25519.PublicKey)
	return public
}

// Heads returns the signed heads, newest first, at most limit; 0 means all.
func (j *Journal) Heads(ctx context.Context, limit int) ([]SignedHead, error) {
	if limit <= 0 {
		limit = 1 << 31
	}
	all, err := db.List(ctx, j.db, scanHead, "select "+headColumns+" from journal_head order by number desc limit $1", limit)
	if err != nil {
		return nil, fmt.Errorf("heads of the journal: %w", err)
	}
	return all, nil
}

const headColumns = "number, seq, at_ms, digest, public_key, signature"

func scanHead(r *db.Rows) (h SignedHead, err error) {
	var at int64
	err = r.Scan(&h.Seal, &h.Seq, &at, &h.Digest, &h.PublicKey, &h.Signature)
	h.At = db.FromMillis(at)
	return h, err
}

// Sign signs the head as it stands and returns it; if it is signed already, that
// one. It is Unsupported without a signing key and NotFound if nothing is sealed.
func (j *Journal) Sign(ctx context.Context) (SignedHead, error) {
	h, err := j.sign(ctx, nil)
	if err != nil {
		return h, fmt.Errorf("sign journal: %w", err)
	}
	return h, nil
}

// sign signs the head, under a lease if there is one.
func (j *Journal) sign(ctx context.Context, l *db.Lease) (SignedHead, error) {
	public := j.PublicKey()
	if public == nil {
		return SignedHead{}, fault.Errorf(fault.Unsupported, "no signing key is configured")
	}
	h, fresh := SignedHead{}, false
	err := j.db.Write(ctx, func(tx *db.Tx) error {
		fresh = false
		if l != nil {
			if err := l.Check(ctx, tx); err != nil {
				return err
			}
		}
		s, err := next(ctx, tx)
		if err != nil {
			return err
		}
		if s.number == 1 {
			return fault.Errorf(fault.NotFound, "nothing is sealed yet")
		}
		found, err := db.List(ctx, tx, scanHead, "select "+headColumns+" from journal_head where number = $1", s.number-1)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			h = found[0]
			return nil
		}
		fresh = true
		h = SignedHead{Seal: s.number - 1, Seq: s.first - 1, At: j.o.Now().UTC().Truncate(time.Millisecond), Digest: s.previous, PublicKey: public}
		h.Signature = ed25519.Sign(j.o.SigningKey, h.encode())
		n, err := tx.Exec(ctx, "insert into journal_head ("+headColumns+") values ($1, $2, $3, $4, $5, $6) on conflict (number) do nothing",
			h.Seal, h.Seq, h.At.UnixMilli(), h.Digest, h.PublicKey, h.Signature)
		if err != nil || n == 1 {
			return err
		}
		// Somebody else has just signed it.
		if found, err = db.List(ctx, tx, scanHead, "select "+headColumns+" from journal_head where number = $1", h.Seal); err != nil {
			return err
		}
		if len(found) == 0 {
			return fault.Errorf(fault.Unavailable, "the head of seal %d is being signed by somebody else: try again", h.Seal)
		}
		h, fresh = found[0], false
		return nil
	})
	if err == nil && fresh && j.o.Witness != nil {
		j.o.Witness(h)
	}
	return h, err
}

// A signer signs heads for as long as it has the sealer's lease.
type signer struct {
	j     *Journal
	l     *db.Lease
	known bool
	at    time.Time // when the last head was signed
	seq   int64     // its last entry
}

// due signs the head if enough was sealed since the last or enough time passed.
func (s *signer) due(ctx context.Context) error {
	if s.j.PublicKey() == nil {
		return nil
	}
	if !s.known {
		heads, err := s.j.Heads(ctx, 1)
		if err != nil {
			return err
		}
		if s.known = true; len(heads) > 0 {
			s.at, s.seq = heads[0].At, heads[0].Seq
		}
	}
	now := s.j.o.Now()
	since := now.Sub(s.at)
	if sealed := s.j.tail.sealed(); sealed <= s.seq || sealed-s.seq < s.j.o.SignAfter && since >= 0 && since < s.j.o.SignEvery {
		return nil
	}
	return s.sign(ctx)
}

func (s *signer) sign(ctx context.Context) error {
	h, err := s.j.sign(ctx, s.l)
	if err != nil {
		return fmt.Errorf("sign journal: %w", err)
	}
	s.at, s.seq = s.j.o.Now(), h.Seq
	return nil
}

// last seals what is left and signs the head, if the program was asked to stop
// rather than lost the lease: what happens in its absence then shows.
func (s *signer) last(ctx context.Context) {
	if s.j.PublicKey() == nil || ctx.Err() == nil || errors.Is(context.Cause(ctx), db.ErrLeaseLost) {
		return
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.j.o.LeaseTTL)
	defer cancel()
	n, err := perSeal, error(nil)
	for n == perSeal && err == nil {
		n, err = s.j.seal(late, s.l)
	}
	if err == nil && s.j.tail.sealed() > s.seq {
		err = s.sign(late)
	}
	if err != nil {
		s.j.o.Log.WarnContext(late, "journal ends without a signed head", "kind", fault.Of(err).String(), "reason", quiet(err))
	}
}
