package account

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"

	"radagora/fault"
)

// A Cost is how much work a password is (argon2id, RFC 9106 §4).
type Cost struct {
	Memory uint32 // KiB
	Passes uint32
	Lanes  uint8
}

// Usual is the second choice of RFC 9106 §4 with one lane: 64 MiB, three passes. A
// sign-in takes one processor for about a sixth of a second.
var Usual = Cost{Memory: 64 << 10, Passes: 3, Lanes: 1}

// What a stored hash may ask for: more was not made here.
const (
	mostMemory = 1 << 20 // KiB
	mostPasses = 16
	mostLanes  = 16
	saltBytes  = 16
	hashBytes  = 32
)

// A hasher makes and checks hashes, few at a time, so that a flood of sign-ins
// takes no more than its share of memory; whoever comes when too many wait is told
// to come again.
type hasher struct {
	cost    Cost
	rand    io.Reader
	slots   chan struct{}
	waiting atomic.Int64
	derived atomic.Int64 // how often a secret was hashed to be compared
}

// queue is how many may wait for each slot.
const queue = 16

// newHasher returns a hasher.
func newHasher(workers int, cost Cost, rand io.Reader) *hasher {
	return &hasher{cost: cost, rand: rand, slots: make(chan struct{}, workers)}
}

// enter waits for a slot: Exhausted if too many wait, or when ctx ends.
func (h *hasher) enter(ctx context.Context) error {
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > int64(cap(h.slots)*queue) {
		return fault.Errorf(fault.Exhausted, "too many people sign in at this moment: try again in a few seconds")
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.As(fault.Unavailable, context.Cause(ctx))
	}
}

// leave gives the slot back.
func (h *hasher) leave() { <-h.slots }

// hash returns the PHC string of a secret.
func (h *hasher) hash(ctx context.Context, secret []byte) (string, error) {
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(h.rand, salt); err != nil {
		return "", fmt.Errorf("randomness: %w", err)
	}
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	p := phc{Cost: h.cost, salt: salt}
	p.hash = p.derive(secret, hashBytes)
	return p.String(), nil
}

// check reports whether secret has this hash, and whether the hash was made with
// less work than is usual now.
func (h *hasher) check(ctx context.Context, secret []byte, text string) (ok, weak bool, err error) {
	p, err := parsePHC(text)
	if err != nil {
		return false, false, err
	}
	if err := h.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.leave()
	h.derived.Add(1)
	ok = subtle.ConstantTimeCompare(p.derive(secret, len(p.hash)), p.hash) == 1
	return ok, p.Memory < h.cost.Memory || p.Passes < h.cost.Passes, nil
}

// A phc is a hash with its parameters, in the string format of the Password
// Hashing Competition.
type phc struct {
	Cost
	salt, hash []byte
}

// derive does the work.
func (p phc) derive(secret []byte, n int) []byte {
	return argon2.IDKey(secret, p.salt, p.Passes, p.Memory, p.Lanes, uint32(n)) //nolint:gosec // n is at most 64
}

// String returns the hash as it is stored.
func (p phc) String() string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.Memory, p.Passes, p.Lanes,
		b.EncodeToString(p.salt), b.EncodeToString(p.hash))
}

// parsePHC reads a stored hash. Invalid: it is none, or asks for more work than
// any that was made here.
func parsePHC(text string) (p phc, err error) {
	wrong := fault.Errorf(fault.Invalid, "stored hash: not argon2id as it is written here")
	part := strings.Split(text, "$")
	if len(text) > 512 || len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, wrong
	}
	number := map[string]uint64{}
	for field := range strings.SplitSeq(part[3], ",") {
		name, value, _ := strings.Cut(field, "=")
		n, err := strconv.ParseUint(value, 10, 32)
		if _, twice := number[name]; err != nil || n == 0 || twice {
			return phc{}, wrong
		}
		number[name] = n
	}
	m, t, l := number["m"], number["t"], number["p"]
	if len(number) != 3 || m == 0 || t == 0 || l == 0 || m > mostMemory || t > mostPasses || l > mostLanes {
		return phc{}, wrong
	}
	p.Memory, p.Passes, p.Lanes = uint32(m), uint32(t), uint8(l)
	if p.salt, err = base64.RawStdEncoding.DecodeString(part[4]); err != nil || len(p.salt) < 8 || len(p.salt) > 64 {
		return phc{}, wrong
	}
	if p.hash, err = base64.RawStdEncoding.DecodeString(part[5]); err != nil || len(p.hash) < 16 || len(p.hash) > 64 {
		return phc{}, wrong
	}
	return p, nil
}
