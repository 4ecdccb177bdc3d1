// Package keyset holds the public keys of others and checks what they signed.
//
// An identity provider and a machine that signs its requests publish their keys as
// a JSON Web Key Set (RFC 7517). Remote fetches one by its address: seldom, bounded,
// and never because somebody outside names keys that do not exist. Fixed holds one
// that was handed over. Verify checks a signature (RFC 7515) with either: only by
// the algorithms it is given, only with a public key that fits the algorithm, and
// without ever looking at a key that the token itself brings.
package keyset

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"radagora/fault"
)

// Bounds of what is read.
const (
	MaxSet   = 256 << 10 // bytes of a key set
	MaxToken = 16 << 10  // bytes of a signed token
	maxKeys  = 100
	minRSA   = 2048 // bits (RFC 7518 §3.3)
	maxRSA   = 8192 // bits: a larger one costs more time than it is worth
)

// A Key is a public key with its name.
type Key struct {
	ID        string // "" if it has none
	Algorithm string // "" if it serves for every algorithm of its kind
	public    any    // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// Keys finds keys by name.
type Keys interface {
	// Find returns the keys with this id, or all keys for "". There may be none.
	Find(ctx context.Context, id string) ([]Key, error)
}

// Fixed is a key set that was handed over.
type Fixed []Key

// Find implements Keys.
func (f Fixed) Find(_ context.Context, id string) ([]Key, error) { return find(f, id), nil }

func find(all []Key, id string) []Key {
	if id == "" {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(k Key) bool { return k.ID != id })
}

// Parse reads a key set. Keys that are no use for signatures, or of a kind that is
// not known here, are left out. It is Invalid if no key is left, if one is secret (it
// must then be replaced: it was shown to us), or if one is too weak or too large.
func Parse(text []byte) (Fixed, error) {
	if len(text) > MaxSet {
		return nil, fault.Errorf(fault.Invalid, "key set: %d bytes are more than %d", len(text), MaxSet)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fault.Errorf(fault.Invalid, `key set: not a JSON object with a list "keys" (RFC 7517 §5)`)
	}
	if len(set.Keys) > maxKeys {
		return nil, fault.Errorf(fault.Invalid, "key set: %d keys are more than %d", len(set.Keys), maxKeys)
	}
	var all Fixed
	for i, raw := range set.Keys {
		k, err := parseKey(raw)
		switch {
		case err != nil:
			return nil, fault.Errorf(fault.Invalid, "key set: key %d: %w", i+1, err)
		case k.public != nil:
			all = append(all, k)
		}
	}
	if len(all) == 0 {
		return nil, fault.Errorf(fault.Invalid, "key set: no public key to check signatures with")
	}
	return all, nil
}

// parseKey reads one key. Its public part is nil if it is to be left out.
func parseKey(raw json.RawMessage) (Key, error) {
	var head struct {
		Kind    string          `json:"kty"`
		Use     string          `json:"use"`
		Private json.RawMessage `json:"d"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return Key{}, fault.Errorf(fault.Invalid, "not a key")
	}
	switch {
	case head.Private != nil:
		return Key{}, fault.Errorf(fault.Invalid, "it is secret: make a new pair and give only the public part")
	case head.Use != "" && head.Use != "sig", !slices.Contains([]string{"RSA", "EC", "OKP"}, head.Kind):
		return Key{}, nil
	}
	var j jose.JSONWebKey
	if err := j.UnmarshalJSON(raw); err != nil {
		return Key{}, nil //nolint:nilerr // a curve of tomorrow does not spoil the other keys
	}
	if r, ok := j.Key.(*rsa.PublicKey); ok && (r.N.BitLen() < minRSA || r.N.BitLen() > maxRSA || r.E < 3 || r.E&1 == 0) {
		return Key{}, fault.Errorf(fault.Invalid, "an RSA key has %d to %d bits, not %d", minRSA, maxRSA, r.N.BitLen())
	}
	return Key{ID: j.KeyID, Algorithm: j.Algorithm, public: j.Key}, nil
}

// fits reports whether a key may check a signature by an algorithm (RFC 7518 §3.1):
// never a public key as the secret of an HMAC.
func (k Key) fits(alg string) bool {
	if k.Algorithm != "" && k.Algorithm != alg {
		return false
	}
	switch p := k.public.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case *ecdsa.PublicKey:
		return alg == "ES256" && p.Curve == elliptic.P256() ||
			alg == "ES384" && p.Curve == elliptic.P384() || alg == "ES512" && p.Curve == elliptic.P521()
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}

// Verify returns the payload of a signed token in compact form if one of keys signed
// it by one of the algorithms. Forbidden: it is not signed so. Invalid: it is no
// signed token. Unavailable: the keys cannot be had now.
func Verify(ctx context.Context, keys Keys, algorithms []string, token string) ([]byte, error) {
	signed, alg, err := parse(algorithms, token)
	if err != nil {
		return nil, err
	}
	candidates, err := keys.Find(ctx, signed.Signatures[0].Protected.KeyID)
	if err != nil {
		return nil, err
	}
	for _, k := range candidates {
		if !k.fits(alg) {
			continue
		}
		if payload, err := signed.Verify(k.public); err == nil {
			return payload, nil
		}
	}
	return nil, fault.Errorf(fault.Forbidden, "signed token: not signed with a key of the sender")
}

// parse reads a signed token and returns its algorithm, which is one of those given.
func parse(algorithms []string, token string) (*jose.JSONWebSignature, string, error) {
	if len(token) > MaxToken {
		return nil, "", fault.Errorf(fault.Invalid, "signed token: %d bytes are more than %d", len(token), MaxToken)
	}
	allowed := make([]jose.SignatureAlgorithm, len(algorithms))
	for i, a := range algorithms {
		allowed[i] = jose.SignatureAlgorithm(a)
	}
	signed, err := jose.ParseSignedCompact(token, allowed)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, "", fault.Errorf(fault.Invalid, "signed token: not one in compact form, signed by %s", strings.Join(algorithms, ", "))
	}
	alg := signed.Signatures[0].Protected.Algorithm
	if !slices.Contains(algorithms, alg) || strings.HasPrefix(alg, "HS") || alg == "none" {
		return nil, "", fault.Errorf(fault.Invalid, "signed token: the algorithm is none of %s", strings.Join(algorithms, ", "))
	}
	return signed, alg, nil
}
