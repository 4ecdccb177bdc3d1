package idp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"time"

	"radagora/fault"
)

// ticketLife is how long somebody may take at the provider.
const ticketLife = 10 * time.Minute

// A ticket binds an answer to the browser that asked. It travels in a cookie, sealed.
type ticket struct {
	Provider string `json:"p"`
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Return   string `json:"r"`
	Account  string `json:"a,omitempty"` // whom to link
	Fresh    bool   `json:"f,omitempty"`
	At       int64  `json:"t"` // milliseconds
}

// box returns the cipher for one use.
func (p *Providers) box(use string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, p.o.Key[:], nil, "radagora idp "+use, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal encrypts text for one use.
func (p *Providers) seal(use string, text []byte) ([]byte, error) {
	box, err := p.box(use)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, box.NonceSize())
	if _, err := io.ReadFull(p.o.Rand, nonce); err != nil {
		return nil, fault.Errorf(fault.Unavailable, "no randomness: %w", err)
	}
	return box.Seal(nonce, nonce, text, nil), nil
}

// unseal decrypts what seal made for the same use.
func (p *Providers) unseal(use string, sealed []byte) ([]byte, error) {
	box, err := p.box(use)
	if err != nil {
		return nil, err
	}
	if len(sealed) < box.NonceSize() {
		return nil, fault.Errorf(fault.Invalid, "not sealed here")
	}
	text, err := box.Open(nil, sealed[:box.NonceSize()], sealed[box.NonceSize():], nil)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "not sealed here")
	}
	return text, nil
}

// write seals a ticket for a cookie.
func (p *Providers) write(t ticket) (string, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	sealed, err := p.seal("ticket", text)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// read opens a ticket. Forbidden: it is not ours, or too old.
func (p *Providers) read(cookie string) (ticket, error) {
	var t ticket
	sealed, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil || len(cookie) > 4096 {
		return t, errTicket
	}
	text, err := p.unseal("ticket", sealed)
	if err != nil || json.Unmarshal(text, &t) != nil {
		return t, errTicket
	}
	if age := p.o.Now().Sub(time.UnixMilli(t.At)); age > ticketLife || age < -time.Minute {
		return t, errTicket
	}
	return t, nil
}

var errTicket = refuse(WhyTicket, "it was not begun in this browser, or too long ago: begin again")

// passLife is how long a pass serves.
const passLife = 10 * time.Minute

// pass seals a text for one use and for a short while; it may stand in an address.
func (p *Providers) pass(use, text string) (string, error) {
	body, err := json.Marshal(ticket{Account: text, At: p.o.Now().UnixMilli()})
	if err != nil {
		return "", err
	}
	sealed, err := p.seal(use, body)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// passed returns what pass sealed for the same use.
func (p *Providers) passed(use, pass string) (string, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(pass)
	if err != nil || len(pass) > 1000 {
		return "", errTicket
	}
	text, err := p.unseal(use, sealed)
	var t ticket
	if err != nil || json.Unmarshal(text, &t) != nil {
		return "", errTicket
	}
	if age := p.o.Now().Sub(time.UnixMilli(t.At)); age > passLife || age < -time.Minute {
		return "", errTicket
	}
	return t.Account, nil
}

// LinkPass returns what Ask.Link takes: only a page that was shown to this account
// has it, so no other site can have a link made.
func (p *Providers) LinkPass(account string) (string, error) { return p.pass("link", account) }

// secret returns n random bytes as text.
func (p *Providers) secret(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(p.o.Rand, b); err != nil {
		return "", fault.Errorf(fault.Unavailable, "no randomness: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// digest is what is kept of what serves once.
func digest(parts ...string) string {
	h := sha256.New()
	for _, s := range parts {
		_, _ = io.WriteString(h, s+"\n") // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}
