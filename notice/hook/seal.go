package hook

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"io"

	"radagora/fault"
)

// A seal encrypts what has to be read again and must not stand in the database as
// it is: AES-256-GCM under a key made of the installation key (RFC 5869).
type seal struct{ aead cipher.AEAD }

func newSeal(master [32]byte) (seal, error) {
	if master == [32]byte{} {
		return seal{}, fault.Errorf(fault.Invalid, "open webhooks: no installation key")
	}
	key, err := hkdf.Key(sha256.New, master[:], nil, "radagora notice webhook", 32)
	if err != nil {
		return seal{}, fault.As(fault.Internal, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return seal{}, fault.As(fault.Internal, err)
	}
	aead, err := cipher.NewGCM(block)
	return seal{aead}, fault.As(fault.Internal, err)
}

// close encrypts v for the row with this id: nonce, then ciphertext.
func (s seal) close(rand io.Reader, id string, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	nonce := make([]byte, s.aead.NonceSize())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	return s.aead.Seal(nonce, nonce, text, []byte(id)), nil
}

// open decrypts into v what close made for the same row.
func (s seal) open(id string, sealed []byte, v any) error {
	if len(sealed) < s.aead.NonceSize() {
		return fault.Errorf(fault.Internal, "sealed row %s is too short", id)
	}
	text, err := s.aead.Open(nil, sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():], []byte(id))
	if err != nil {
		return fault.Errorf(fault.Internal, "sealed row %s was not made with this installation key", id)
	}
	return fault.As(fault.Internal, json.Unmarshal(text, v))
}
