// Package hook keeps addresses and secrets of webhooks sealed, and calls them with signed messages.
//
// docs/format/webhook.md says how a message is signed and what an answer means. The
// rooms that tell others keep the sealed text with their own rows; nothing here knows
// what a message says.
package hook

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"radagora/fault"
	"radagora/outgoing"
)

// Options are the settings of New.
type Options struct {
	Outgoing *outgoing.Client // judges each address at each call
	Now      func() time.Time // nil means the system clock
	Rand     io.Reader        // for secrets; nil means crypto/rand
}

// A Caller calls webhooks. It is safe for concurrent use.
type Caller struct {
	o    Options
	seal seal
}

// New returns a caller that seals under the key of the installation. It is Invalid
// without one.
func New(master [32]byte, o Options) (*Caller, error) {
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the one default of the field
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	s, err := newSeal(master)
	return &Caller{o, s}, err
}

// An Address is where a webhook is, sealed, and what may be shown of it.
type Address struct {
	Sealed []byte // address and secrets, encrypted
	Host   string // of the address, with the port; the rest may hold a secret
	KeyID  string // which secret signs

	Former      string    // the secret before it, "" if there is none
	FormerUntil time.Time // how long it signs beside the present one
}

// hidden is what of a webhook is encrypted.
type hidden struct {
	URL    string   `json:"url"`
	Secret []byte   `json:"secret"`
	Header []string `json:"header,omitempty"` // Name: value, sent along

	Former      []byte    `json:"former,omitempty"` // the secret before, which signs beside it
	FormerUntil time.Time `json:"former_until,omitzero"`
}

// secrets returns what signs at a time, the present secret first.
func (h hidden) secrets(now time.Time) [][]byte {
	if len(h.Former) > 0 && now.Before(h.FormerUntil) {
		return [][]byte{h.Secret, h.Former}
	}
	return [][]byte{h.Secret}
}

// bothSign is how long a message is signed with the former secret too after a change:
// whoever receives it has that long to take the new one up.
const bothSign = 7 * 24 * time.Hour

// The bounds of a webhook.
const (
	maxURL     = 2000
	maxAnswer  = 4 << 10 // of an answer, which nobody reads
	secretSize = 32
)

// secretPrefix is how a secret begins when it is shown.
const secretPrefix = "whsec_"

// New makes the secret of a webhook, whose row is called id, and returns it as it is
// shown, once. It is Invalid if the address is not an absolute one, by https or http;
// whether it may be called is decided by outgoing at each call.
//
// Each of header is sent along as it is: "Authorization: Bearer x". Those that the
// message itself has, or that HTTP needs, are Invalid.
func (c *Caller) New(id, address string, header ...string) (Address, string, error) {
	u, err := parse(address)
	if err == nil {
		err = refuse(header)
	}
	if err != nil {
		return Address{}, "", err
	}
	secret, err := c.newSecret()
	if err != nil {
		return Address{}, "", err
	}
	a := Address{Host: strings.ToLower(u.Host), KeyID: keyID(secret)}
	a.Sealed, err = c.seal.close(c.o.Rand, id, hidden{URL: address, Secret: secret, Header: header})
	return a, shown(secret), err
}

// Move gives a webhook another address and other headers; its secrets stay. It is
// Invalid as for New.
func (c *Caller) Move(id string, sealed []byte, address string, header ...string) (Address, error) {
	u, err := parse(address)
	if err == nil {
		err = refuse(header)
	}
	if err != nil {
		return Address{}, err
	}
	var to hidden
	if err := c.seal.open(id, sealed, &to); err != nil {
		return Address{}, err
	}
	to.URL, to.Header = address, header
	a := Address{Host: strings.ToLower(u.Host), KeyID: keyID(to.Secret), FormerUntil: to.FormerUntil}
	if len(to.Former) > 0 {
		a.Former = keyID(to.Former)
	}
	a.Sealed, err = c.seal.close(c.o.Rand, id, to)
	return a, err
}

// parse reads an address.
func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxURL || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return nil, fault.Errorf(fault.Invalid, "webhook: write an address that begins with https://, without name and password")
	}
	return u, nil
}

// Plain reports whether an address is spoken to without TLS although it is not on
// this machine.
func Plain(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback())
}

// Rotate gives a webhook another secret and returns it as it is shown, once. The
// present one signs beside it for a week; one that was former already signs no more.
func (c *Caller) Rotate(id string, sealed []byte) (Address, string, error) {
	secret, err := c.newSecret()
	if err != nil {
		return Address{}, "", err
	}
	var to hidden
	if err := c.seal.open(id, sealed, &to); err != nil {
		return Address{}, "", err
	}
	to.Former, to.FormerUntil, to.Secret = to.Secret, c.o.Now().Add(bothSign).UTC(), secret
	a := Address{KeyID: keyID(secret), Former: keyID(to.Former), FormerUntil: to.FormerUntil}
	if u, err := url.Parse(to.URL); err == nil {
		a.Host = strings.ToLower(u.Host)
	}
	a.Sealed, err = c.seal.close(c.o.Rand, id, to)
	return a, shown(secret), err
}

// newSecret makes a secret.
func (c *Caller) newSecret() ([]byte, error) {
	secret := make([]byte, secretSize)
	_, err := io.ReadFull(c.o.Rand, secret)
	return secret, fault.As(fault.Internal, err)
}

// shown returns a secret as it is shown, once.
func shown(secret []byte) string { return secretPrefix + base64.StdEncoding.EncodeToString(secret) }

// A Message is what a webhook gets.
type Message struct {
	ID   string // the same in each attempt
	Type string // of its content; "" is application/json
	Text []byte
}

// Call sends a signed message and returns the status of the answer, 0 if there was none.
// Invalid: the answer says that repeating is of no use. Forbidden: the address may not
// be called. Unavailable: later, perhaps.
func (c *Caller) Call(ctx context.Context, id string, sealed []byte, m Message) (int, error) {
	var to hidden
	if err := c.seal.open(id, sealed, &to); err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(m.Text))
	if err != nil {
		return 0, fault.Errorf(fault.Invalid, "webhook: the address cannot be called")
	}
	now := c.o.Now()
	for _, line := range to.Header {
		name, value, _ := strings.Cut(line, ":")
		r.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	sign(r.Header, to.secrets(now), m, now)
	h := *c.o.Outgoing.HTTP()
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := h.Do(r)
	if err != nil {
		return 0, outgoing.Quiet(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // so that the connection can be used again
	return resp.StatusCode, judge(resp.StatusCode)
}

// judge says what an answer means: 2xx is good, 410 ends it, 3xx is a mistake in the
// address, all else is tried again.
func judge(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return fault.Errorf(fault.Invalid, "the webhook answered %d: give the address it redirects to", status)
	case status == http.StatusGone:
		return fault.Errorf(fault.Invalid, "the webhook answered 410: it wants no more: remove it")
	}
	return fault.Errorf(fault.Unavailable, "the webhook answered %d", status)
}

// keyID names a secret without telling it: the first four bytes of its SHA-256.
func keyID(secret []byte) string {
	sum := sha256.Sum256(secret)
	return hex.EncodeToString(sum[:4])
}

// sign adds the headers of a signed message: HMAC-SHA256 over id, time and body,
// with a dot between them, for each secret, the present one first.
func sign(h http.Header, secrets [][]byte, m Message, at time.Time) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	var keys, signatures []string
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		fmt.Fprintf(mac, "%s.%s.", m.ID, stamp)
		mac.Write(m.Text)
		keys, signatures = append(keys, keyID(secret)), append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	h.Set("Content-Type", cmp.Or(m.Type, "application/json"))
	h.Set("User-Agent", "Radagora")
	h.Set("Webhook-Id", m.ID)
	h.Set("Webhook-Timestamp", stamp)
	h.Set("Webhook-Key-Id", strings.Join(keys, " "))
	h.Set("Webhook-Signature", strings.Join(signatures, " "))
}
