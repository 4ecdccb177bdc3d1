package repeat

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"strings"

	"radagora/fault"
)

// box returns what seals the answer of a request: AES-256-GCM under a key made by
// HKDF-SHA256 (RFC 5869) of the installation's key and the client's.
func (r *Register) box(q Request) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, r.master[:], nil, strings.Join([]string{"radagora access/repeat", q.Site, q.Account, q.Key}, "\x00"), 32)
	if err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	box, err := cipher.NewGCMWithRandomNonce(block)
	return box, fault.As(fault.Internal, err)
}

func (r *Register) seal(q Request, a Answer) ([]byte, error) {
	box, err := r.box(q)
	if err != nil {
		return nil, err
	}
	text, err := pack(a)
	if err != nil {
		return nil, err
	}
	return box.Seal(nil, nil, text, q.Digest[:]), nil
}

// unseal opens a sealed answer. Forgotten if it cannot: the installation has another
// key than the one it was sealed under.
func (r *Register) unseal(q Request, sealed []byte) (*Answer, error) {
	box, err := r.box(q)
	if err != nil {
		return nil, err
	}
	text, err := box.Open(nil, nil, sealed, q.Digest[:])
	if err != nil {
		return nil, ErrForgotten
	}
	return unpack(text)
}
