package account_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"radagora/access"
	"radagora/access/account"
	"radagora/fault"
)

// An authenticator is a small one in software: ES256, no attestation (Web
// Authentication §6).
type authenticator struct {
	key          *ecdsa.PrivateKey
	id, handle   []byte
	origin, rp   string
	counter      uint32
	noUser       bool // does not verify its user
	forChallenge string
}

var b64 = base64.RawURLEncoding

// options are the parts of what a browser is asked that the authenticator reads.
type options struct {
	PublicKey struct {
		Challenge string
		RP        struct{ ID string }
		RPID      string
		User      struct{ ID string }
	}
}

func read(t *testing.T, o account.Offer) (v options) {
	t.Helper()
	if err := json.Unmarshal(o.Options, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// data returns the authenticator data (§6.1).
func (a *authenticator) data(attested bool) []byte {
	rp := sha256.Sum256([]byte(a.rp))
	flags := byte(0x01)
	if !a.noUser {
		flags |= 0x04
	}
	if attested {
		flags |= 0x40
	}
	b := append(rp[:], flags)
	return binary.BigEndian.AppendUint32(b, a.counter)
}

func (a *authenticator) client(t *testing.T, kind, challenge string) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// make makes a key pair and returns the answer of the browser.
func (a *authenticator) make(t *testing.T, o account.Offer) []byte {
	t.Helper()
	v := read(t, o)
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	a.id = []byte("credential of " + a.origin)
	if a.handle, err = b64.DecodeString(v.PublicKey.User.ID); err != nil {
		t.Fatal(err)
	}
	size := func(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }
	public, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: size(a.key.X), -3: size(a.key.Y)})
	if err != nil {
		t.Fatal(err)
	}
	data := append(a.data(true), make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.id)))
	data = append(append(data, a.id...), public...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		t.Fatal(err)
	}
	return a.answer(t, map[string]any{
		"clientDataJSON": b64.EncodeToString(a.client(t, "webauthn.create", v.PublicKey.Challenge)), "attestationObject": b64.EncodeToString(object),
	})
}

// sign answers a challenge.
func (a *authenticator) sign(t *testing.T, o account.Offer) []byte {
	t.Helper()
	a.counter++
	challenge := read(t, o).PublicKey.Challenge
	if a.forChallenge != "" {
		challenge = a.forChallenge
	}
	client, data := a.client(t, "webauthn.get", challenge), a.data(false)
	sum := sha256.Sum256(client)
	hash := sha256.Sum256(append(append([]byte{}, data...), sum[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	return a.answer(t, map[string]any{
		"clientDataJSON": b64.EncodeToString(client), "authenticatorData": b64.EncodeToString(data),
		"signature": b64.EncodeToString(signature), "userHandle": b64.EncodeToString(a.handle),
	})
}

func (a *authenticator) answer(t *testing.T, response map[string]any) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{
		"id": b64.EncodeToString(a.id), "rawId": b64.EncodeToString(a.id), "type": "public-key",
		"response": response, "clientExtensionResults": map[string]any{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// keyed returns a browser whose account has a passkey, and the authenticator.
func keyed(t *testing.T, h *house) (*browser, *authenticator, string) {
	t.Helper()
	id := h.add(t, "ada")
	b := h.browser(t)
	b.signIn("ada", good)
	a := &authenticator{rp: "localhost"}
	kind := b.ask(func(ctx context.Context) error {
		offer, err := h.OfferPasskey(ctx)
		if err != nil {
			return err
		}
		a.origin = "http://" + hostOf(b)
		return h.AddPasskey(ctx, offer.State, "  my key ", a.make(t, offer))
	})
	if kind != "" {
		t.Fatalf("register: %s", kind)
	}
	b.ask(h.SignOut)
	return b, a, id
}

// hostOf returns the host of a browser's pages.
func hostOf(b *browser) string { return "localhost" + b.server.URL[len("http://127.0.0.1"):] }

func TestPasskey(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		b, a, id := keyed(t, h)
		var offer account.Offer
		var answer []byte
		kind := b.ask(func(ctx context.Context) (err error) {
			if offer, err = h.AskPasskey(ctx); err != nil {
				return err
			}
			answer = a.sign(t, offer)
			_, err = h.ByPasskey(ctx, offer.State, answer)
			return err
		})
		if kind != "" || b.who().ID != id {
			t.Fatalf("sign in: %q, %+v", kind, b.who())
		}
		if kind := b.ask(func(ctx context.Context) error { _, err := h.ByPasskey(ctx, offer.State, answer); return err }); kind != "forbidden" {
			t.Errorf("the same answer again: %q; want forbidden", kind)
		}
		all, err := h.PasskeysOf(t.Context(), id)
		if err != nil || len(all) != 1 || all[0].Name != "my key" || all[0].Used.IsZero() {
			t.Fatalf("%+v, %v", all, err)
		}
		h.pass(20 * time.Minute)
		if kind := b.ask(func(ctx context.Context) error {
			offer, err := h.AskPasskey(ctx)
			if err != nil {
				return err
			}
			_, err = h.ByPasskey(ctx, offer.State, a.sign(t, offer))
			return err
		}); kind != "" || !b.who().SignedAt.Equal(h.now()) {
			t.Errorf("prove it again: %q, signed at %s", kind, b.who().SignedAt)
		}
		other := h.add(t, "other")
		if err := h.RemovePasskey(t.Context(), other, all[0].ID); fault.Of(err) != fault.NotFound {
			t.Errorf("remove somebody else's: %v", err)
		}
		if err := h.NamePasskey(t.Context(), id, all[0].ID, "blue key"); err != nil {
			t.Error(err)
		}
		if err := h.RemovePasskey(t.Context(), id, all[0].ID); err != nil {
			t.Error(err)
		}
		if kind := b.ask(func(ctx context.Context) error {
			offer, err := h.AskPasskey(ctx)
			if err != nil {
				return err
			}
			_, err = h.ByPasskey(ctx, offer.State, a.sign(t, offer))
			return err
		}); kind != "forbidden" {
			t.Errorf("a passkey that was removed: %q", kind)
		}
	})
}

func TestPasskeysThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		name string
		bend func(t *testing.T, h *house, a *authenticator)
	}{
		{"its user was not verified", func(_ *testing.T, _ *house, a *authenticator) { a.noUser = true }},
		{"of a page elsewhere", func(_ *testing.T, _ *house, a *authenticator) { a.origin = "https://evil.example" }},
		{"of another relying party", func(_ *testing.T, _ *house, a *authenticator) { a.rp = "evil.example" }},
		{"to another challenge", func(_ *testing.T, _ *house, a *authenticator) {
			a.forChallenge = b64.EncodeToString(make([]byte, 32))
		}},
		{"with another key", func(t *testing.T, _ *house, a *authenticator) {
			t.Helper()
			var err error
			if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
				t.Fatal(err)
			}
		}},
		{"a counter that went back", func(_ *testing.T, _ *house, a *authenticator) { a.counter = 0 }},
		{"of nobody", func(_ *testing.T, _ *house, a *authenticator) { a.handle = []byte("nobody") }},
		{"of an account that ended", func(t *testing.T, h *house, _ *authenticator) {
			t.Helper()
			u, err := h.users.ByLogin(t.Context(), "ada")
			if err == nil {
				err = h.End(t.Context(), u.ID, true)
			}
			if err != nil {
				t.Fatal(err)
			}
		}},
		{"too late", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(t *testing.T, h *house) {
				b, a, _ := keyed(t, h)
				try := func() string {
					return b.ask(func(ctx context.Context) error {
						offer, err := h.AskPasskey(ctx)
						if err != nil {
							return err
						}
						if c.bend == nil && a.counter > 5 {
							h.pass(5 * time.Minute)
						}
						_, err = h.ByPasskey(ctx, offer.State, a.sign(t, offer))
						return err
					})
				}
				a.counter = 5
				if kind := try(); kind != "" {
					t.Fatalf("before: %q", kind)
				}
				b.ask(h.SignOut)
				if c.bend != nil {
					c.bend(t, h, a)
				}
				if kind := try(); kind != "forbidden" {
					t.Errorf("%q; want forbidden", kind)
				}
				if b.who().ID != "" {
					t.Error("signed in")
				}
			})
		})
	}
}

// TestPasskeyOfAnother takes what one account was asked and answers as another.
func TestPasskeyOfAnother(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		h.add(t, "ada")
		h.add(t, "eve")
		ada, eve := h.browser(t), h.browser(t)
		ada.signIn("ada", good)
		eve.signIn("eve", good)
		var offer account.Offer
		ada.ask(func(ctx context.Context) (err error) { offer, err = h.OfferPasskey(ctx); return err })
		a := &authenticator{rp: "localhost", origin: "http://" + hostOf(eve)}
		if kind := eve.ask(func(ctx context.Context) error { return h.AddPasskey(ctx, offer.State, "", a.make(t, offer)) }); kind != "forbidden" {
			t.Errorf("%q; want forbidden", kind)
		}
	})
}

func TestWherePasskeysWork(t *testing.T) {
	for _, c := range []struct {
		name, origin string
		origins      []string
		want         bool
	}{
		{"this machine by name", "http://localhost:8080", nil, true},
		{"this machine by address", "http://127.0.0.1:8080", nil, false},
		{"without TLS", "http://radagora.example", nil, false},
		{"with TLS and a name", "https://radagora.example", nil, true},
		{"with TLS and an address", "https://192.0.2.1", nil, false},
		{"an address of the settings", "https://radagora.example", []string{"https://radagora.example"}, true},
		{"none of the settings", "https://evil.example", []string{"https://radagora.example"}, false},
		{"a port that is not in the settings", "https://radagora.example:8443", []string{"https://radagora.example"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(t *testing.T, h *house) {
				r := open(t, h.db, func(o *account.Options) { o.Origins = c.origins })
				ctx := account.At(access.With(t.Context(), access.Who{}), account.Place{Origin: c.origin})
				if got := r.Passkeys(ctx); got != c.want {
					t.Errorf("%v; want %v", got, c.want)
				}
			})
		})
	}
}
