package account

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"time"

	"radagora/db"
	"radagora/fault"
)

// text64 is how bytes are written into addresses and cookies.
var text64 = base64.RawURLEncoding.Strict()

// A sealed value is what a browser keeps for us and can neither read nor change:
// AES-256-GCM under our key, with what it is for and until when.
type sealed struct {
	Until int64           `json:"u"` // milliseconds; 0 means no end
	Value json.RawMessage `json:"v"`
}

// seal closes a value for one use.
func (r *Register) seal(use string, life time.Duration, value any) (string, error) {
	inner, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	s := sealed{Value: inner}
	if life > 0 {
		s.Until = db.Millis(r.o.Now().Add(life))
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	box, err := r.box()
	if err != nil {
		return "", err
	}
	nonce, err := r.random(box.NonceSize())
	if err != nil {
		return "", err
	}
	return text64.EncodeToString(box.Seal(nonce, nonce, plain, []byte(use))), nil
}

// unseal opens what seal closed for the same use. Forbidden: it is not ours, for
// something else, or too old.
func (r *Register) unseal(use, text string, value any) error {
	refused := fault.Errorf(fault.Forbidden, "%s: not sealed here, or too old", use)
	if len(text) > 16<<10 {
		return refused
	}
	b, err := text64.DecodeString(text)
	if err != nil {
		return refused
	}
	box, err := r.box()
	if err != nil {
		return err
	}
	if len(b) < box.NonceSize() {
		return refused
	}
	plain, err := box.Open(nil, b[:box.NonceSize()], b[box.NonceSize():], []byte(use))
	if err != nil {
		return refused
	}
	var s sealed
	if err := json.Unmarshal(plain, &s); err != nil {
		return refused
	}
	if s.Until != 0 && s.Until <= r.now() {
		return refused
	}
	return json.Unmarshal(s.Value, value)
}

// box returns the cipher of sealed values.
func (r *Register) box() (cipher.AEAD, error) {
	block, err := aes.NewCipher(r.keys.seal)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// keyed returns a hash of parts that nobody can make without our key, for what is
// looked up or compared but never shown again.
func (r *Register) keyed(use string, parts ...string) string {
	h := hmac.New(sha256.New, r.keys.hash)
	for _, p := range append([]string{use}, parts...) {
		sum := sha256.Sum256([]byte(p)) // of one length, so that parts cannot run into each other
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
