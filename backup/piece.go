package backup

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"

	"filippo.io/age"

	"radagora/fault"
)

// A Piece is a stretch of bytes in the repository.
type Piece struct {
	Name   []byte `json:"name"`   // HMAC-SHA256 of the bytes under the naming key
	Length int64  `json:"length"` // of the bytes
	Size   int64  `json:"size"`   // as it is kept: compressed and encrypted
	SHA256 []byte `json:"sha256"` // as it is kept
}

// file returns where the piece is kept.
func (p Piece) file() string {
	name := hex.EncodeToString(p.Name)
	return piecesPrefix + name[:2] + "/" + name
}

// valid reports whether a manifest may name such a piece.
func (p Piece) valid() bool {
	return len(p.Name) == sha256.Size && len(p.SHA256) == sha256.Size && p.Length >= 0 && p.Length <= maxPiece && p.Size > 0 && p.Size <= maxPiece+maxPiece/64+4096
}

const (
	piecesPrefix = "pieces/"
	maxPiece     = 64 << 20 // the most bytes of a piece, before compression
)

// What the first byte of a decrypted piece says of the rest.
const (
	asIs     = 'R'
	deflated = 'D'
)

// A store puts pieces into a target: what is known to be there is not written again.
type store struct {
	target Target
	to     []age.Recipient
	naming []byte

	mu     sync.Mutex
	known  map[string]Piece // by name
	fresh  map[string]Piece // of them put by this store
	added  int64            // bytes
	failed error

	work  chan struct{} // a token for each piece on its way
	going sync.WaitGroup
}

func newStore(t Target, to []age.Recipient, naming []byte, known map[string]Piece) *store {
	return &store{target: t, to: to, naming: naming, known: known, fresh: map[string]Piece{}, work: make(chan struct{}, 4)}
}

// put keeps b, which the caller gives away, and fills in p. p is whole once wait
// returned nil.
func (s *store) put(ctx context.Context, p *Piece, b []byte, done func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	err := s.failed
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.work <- struct{}{}
	s.going.Go(func() {
		defer func() { <-s.work }()
		piece, err := s.keep(ctx, b)
		if done != nil {
			done()
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil && s.failed == nil {
			s.failed = err
		}
		*p = piece
	})
	return nil
}

// wait blocks until everything put is kept, and returns why something is not.
func (s *store) wait() error {
	s.going.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *store) keep(ctx context.Context, b []byte) (Piece, error) {
	name := mac(s.naming, b)
	s.mu.Lock()
	p, known := s.known[string(name)]
	s.mu.Unlock()
	if known {
		return p, nil
	}
	kept, err := s.wrap(b)
	if err != nil {
		return p, fmt.Errorf("encrypt a piece: %w", err)
	}
	sum := sha256.Sum256(kept)
	p = Piece{Name: name, Length: int64(len(b)), Size: int64(len(kept)), SHA256: sum[:]}
	if err := s.target.Put(ctx, p.file(), bytes.NewReader(kept)); err != nil {
		return p, fmt.Errorf("write to %s: %w", s.target, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other, twice := s.known[string(name)]; twice { // two at once: the last one written counts
		s.added -= other.Size
	}
	s.known[string(name)], s.fresh[string(name)] = p, p
	s.added += p.Size
	return p, nil
}

// wrap compresses and encrypts.
func (s *store) wrap(b []byte) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(len(b)/2 + 1024)
	w, err := age.Encrypt(&out, s.to...)
	if err != nil {
		return nil, err
	}
	if squeezed := squeeze(b); squeezed != nil {
		_, err = w.Write(squeezed)
	} else if _, err = w.Write([]byte{asIs}); err == nil {
		_, err = w.Write(b)
	}
	err = errors.Join(err, w.Close()) // before the bytes are taken
	return out.Bytes(), err
}

// squeeze returns b deflated behind its first byte, or nil if that is not worth it.
// A look at the beginning spares the work on pictures that are compressed already.
func squeeze(b []byte) []byte {
	const sample = 64 << 10
	if len(b) > 2*sample {
		if probe := deflate(b[len(b)/2:][:sample]); len(probe) > sample*19/20 {
			return nil
		}
	}
	if out := deflate(b); len(out) < len(b)*19/20 {
		return out
	}
	return nil
}

// deflaters are costly to make.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(io.Discard, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

func deflate(b []byte) []byte {
	var out bytes.Buffer
	out.WriteByte(deflated)
	w, _ := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&out)
	_, _ = w.Write(b) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

// errDamaged is in the chain of errors about a piece that is not what it was.
var errDamaged = errors.New("damaged")

// raw reads a piece as it is kept and compares its digest.
func raw(ctx context.Context, t Target, p Piece) ([]byte, error) {
	if !p.valid() {
		return nil, fault.Errorf(fault.Invalid, "a piece of %d bytes cannot be", p.Length)
	}
	r, err := t.Get(ctx, p.file())
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			err = fault.Errorf(fault.NotFound, "piece %s is missing", p.file())
		}
		return nil, err
	}
	defer r.Close()
	b := make([]byte, p.Size)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fault.Errorf(fault.Internal, "piece %s is shorter than %d bytes: %w", p.file(), p.Size, errDamaged)
	}
	if sum := sha256.Sum256(b); !bytes.Equal(sum[:], p.SHA256) {
		return nil, fault.Errorf(fault.Internal, "piece %s: digest differs: %w", p.file(), errDamaged)
	}
	return b, nil
}

// An opener reads pieces back.
type opener struct {
	target Target
	ids    []age.Identity
	naming []byte
}

// read returns the bytes of a piece, compared with its name.
func (o *opener) read(ctx context.Context, p Piece) ([]byte, error) {
	kept, err := raw(ctx, o.target, p)
	if err != nil {
		return nil, err
	}
	r, err := age.Decrypt(bytes.NewReader(kept), o.ids...)
	if err != nil {
		return nil, fault.Errorf(fault.Forbidden, "piece %s cannot be decrypted with this identity", p.file())
	}
	b, err := unwrap(r, p.Length)
	if err != nil {
		return nil, fmt.Errorf("piece %s: %w", p.file(), err)
	}
	if !bytes.Equal(mac(o.naming, b), p.Name) {
		return nil, fault.Errorf(fault.Internal, "piece %s holds something else than its name says: %w", p.file(), errDamaged)
	}
	return b, nil
}

// unwrap reads length bytes that wrap wrote.
func unwrap(r io.Reader, length int64) ([]byte, error) {
	first := make([]byte, 1)
	if _, err := io.ReadFull(r, first); err != nil {
		return nil, fault.Errorf(fault.Internal, "empty: %w", errDamaged)
	}
	switch first[0] {
	case asIs:
	case deflated:
		r = flate.NewReader(r)
	default:
		return nil, fault.Errorf(fault.Unsupported, "kept in a way this program does not know")
	}
	b := make([]byte, length)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fault.Errorf(fault.Internal, "shorter than %d bytes: %w", length, errDamaged)
	}
	if n, _ := r.Read(first); n != 0 {
		return nil, fault.Errorf(fault.Internal, "longer than %d bytes: %w", length, errDamaged)
	}
	return b, nil
}
