package keyset_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"radagora/access/keyset"
	"radagora/fault"
)

// sign returns a token signed by key.
func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, kid string) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	if kid != "" {
		options = options.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign([]byte(`{"sub":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// set writes keys as a key set.
func set(t testing.TB, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestVerify(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	keys, err := keyset.Parse(set(t,
		jose.JSONWebKey{Key: rsaKey.Public(), KeyID: "r", Use: "sig"},
		jose.JSONWebKey{Key: p384.Public(), KeyID: "e", Algorithm: "ES384"},
		jose.JSONWebKey{Key: p256.Public(), KeyID: "small"},
		jose.JSONWebKey{Key: other.Public(), KeyID: "crypt", Use: "enc"}))
	if err != nil {
		t.Fatal(err)
	}
	der := rsaKey.N.Bytes()
	good := sign(t, jose.RS384, rsaKey, "r")
	part := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"r"}`)) + "." + part[1] + "."
	for _, c := range []struct {
		name  string
		token string
		want  fault.Kind // Internal means that it is good
	}{
		{"signed with the key", good, fault.Internal},
		{"no key named: all are tried", sign(t, jose.RS384, rsaKey, ""), fault.Internal},
		{"an elliptic curve", sign(t, jose.ES384, p384, "e"), fault.Internal},
		{"somebody else's key", sign(t, jose.RS384, other, "r"), fault.Forbidden},
		{"a key meant for encryption", sign(t, jose.RS384, other, "crypt"), fault.Forbidden},
		{"an unknown key", sign(t, jose.RS384, rsaKey, "zzz"), fault.Forbidden},
		{"an algorithm that is not allowed", sign(t, jose.RS256, rsaKey, "r"), fault.Invalid},
		{"the public key as the secret of an HMAC", sign(t, jose.HS384, der, "r"), fault.Invalid},
		{"no signature at all", none, fault.Invalid},
		{"the signature cut off", part[0] + "." + part[1] + ".", fault.Forbidden},
		{"another payload under the signature", part[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"y"}`)) + "." + part[2], fault.Forbidden},
		{"truncated", good[:len(good)-7], fault.Forbidden},
		{"nothing", "", fault.Invalid},
		{"too long", strings.Repeat("a", keyset.MaxToken+1), fault.Invalid},
	} {
		payload, err := keyset.Verify(t.Context(), keys, []string{"RS384", "ES384"}, c.token)
		switch {
		case c.want == fault.Internal && err != nil:
			t.Errorf("%s: %v; want it accepted", c.name, err)
		case c.want == fault.Internal && string(payload) != `{"sub":"x"}`:
			t.Errorf("%s: payload %s", c.name, payload)
		case c.want != fault.Internal && (err == nil || fault.Of(err) != c.want):
			t.Errorf("%s: %v; want %v", c.name, err, c.want)
		}
	}
}

func TestVerifyIgnoresKeysInTheToken(t *testing.T) {
	mine, _ := rsa.GenerateKey(rand.Reader, 2048)
	theirs, _ := rsa.GenerateKey(rand.Reader, 2048)
	keys, err := keyset.Parse(set(t, jose.JSONWebKey{Key: theirs.Public(), KeyID: "r"}))
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS384, Key: mine}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	signed, _ := s.Sign([]byte(`{}`))
	text, _ := signed.CompactSerialize()
	if _, err := keyset.Verify(t.Context(), keys, []string{"RS384"}, text); fault.Of(err) != fault.Forbidden {
		t.Errorf("a token that brings its own key: %v; want forbidden", err)
	}
}

func TestParse(t *testing.T) {
	weak := `{"keys":[{"kty":"RSA","n":"` + strings.Repeat("w", 171) + `","e":"AQAB"}]}`
	key, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	for _, c := range []struct{ name, text string }{
		{"a secret key", string(set(t, jose.JSONWebKey{Key: key}))},
		{"a shared secret", `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`},
		{"a weak key", weak},
		{"no keys", `{"keys":[]}`},
		{"no set", `[]`},
		{"too many", `{"keys":[` + strings.Repeat(`{},`, 100) + `{}]}`},
		{"too long", strings.Repeat(" ", keyset.MaxSet+1)},
		{"a point that is not on the curve", `{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]}`},
	} {
		if k, err := keyset.Parse([]byte(c.text)); err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v, %v; want it refused", c.name, k, err)
		}
	}
}

func TestRemoteIsNotHammered(t *testing.T) {
	key, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	var fetched atomic.Int64
	broken := atomic.Bool{}
	current := atomic.Pointer[[]byte]{}
	first := set(t, jose.JSONWebKey{Key: key.Public(), KeyID: "one"})
	current.Store(&first)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		if broken.Load() {
			http.Error(w, "gone", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(*current.Load())
	}))
	defer server.Close()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r := &keyset.Remote{URL: server.URL, HTTP: server.Client(), Now: func() time.Time { return now }}
	ctx := t.Context()
	for i := range 1000 {
		if keys, err := r.Find(ctx, fmt.Sprintf("unknown-%d", i)); err != nil || len(keys) != 0 {
			t.Fatalf("Find(unknown) = %v, %v", keys, err)
		}
	}
	if n := fetched.Load(); n != 1 {
		t.Errorf("a thousand unknown keys made %d fetches; want 1", n)
	}
	second := set(t, jose.JSONWebKey{Key: key.Public(), KeyID: "two"})
	current.Store(&second)
	now = now.Add(2 * time.Minute)
	if keys, err := r.Find(ctx, "two"); err != nil || len(keys) != 1 {
		t.Errorf("a new key two minutes later: %v, %v; want it found", keys, err)
	}
	broken.Store(true)
	now = now.Add(2 * time.Hour)
	for range 100 {
		if keys, err := r.Find(ctx, "two"); err != nil || len(keys) != 1 {
			t.Fatalf("while the sender is down: %v, %v; want the keys that were there", keys, err)
		}
	}
	if n := fetched.Load(); n != 3 {
		t.Errorf("%d fetches; want 3", n)
	}
	now = now.Add(25 * time.Hour)
	if _, err := r.Find(ctx, "two"); fault.Of(err) != fault.Unavailable {
		t.Errorf("a day later: %v; want unavailable", err)
	}
}

func FuzzVerify(f *testing.F) {
	key, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	keys, err := keyset.Parse(set(f, jose.JSONWebKey{Key: key.Public(), KeyID: "e"}))
	if err != nil {
		f.Fatal(err)
	}
	good := sign(f, jose.ES384, key, "e")
	f.Add(good)
	f.Add("..")
	f.Add(good[:20])
	f.Fuzz(func(t *testing.T, token string) {
		if payload, err := keyset.Verify(t.Context(), keys, []string{"ES384"}, token); err == nil && string(payload) != `{"sub":"x"}` {
			t.Errorf("forged: %s", payload)
		}
	})
}

func FuzzParse(f *testing.F) {
	key, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	f.Add(set(f, jose.JSONWebKey{Key: key.Public(), KeyID: "e"}))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if keys, err := keyset.Parse(text); err == nil && len(keys) == 0 {
			t.Error("neither keys nor an error")
		}
	})
}
