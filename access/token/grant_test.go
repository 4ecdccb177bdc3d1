package token_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"radagora/access"
	"radagora/access/token"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
)

// rsaKey is made once: it takes a while.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func jwks(t *testing.T, key any, kid string) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key, KeyID: kid, Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// assertion signs claims.
func assertion(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", kid))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var jtis atomic.Int64

// claims returns good ones, changed by pairs of name and value; nil removes.
func (s *stage) claims(client string, change ...any) map[string]any {
	c := map[string]any{
		"iss": client, "sub": client, "aud": audience, "exp": s.now().Add(4 * time.Minute).Unix(),
		"jti": fmt.Sprintf("jti-%d", jtis.Add(1)),
	}
	for i := 0; i < len(change); i += 2 {
		if change[i+1] == nil {
			delete(c, change[i].(string))
		} else {
			c[change[i].(string)] = change[i+1]
		}
	}
	return c
}

func request(scope, assertion string) token.Request {
	from := netip.AddrFrom4([4]byte{10, 0, byte(jtis.Add(1) >> 8), byte(jtis.Add(1))}) // each from elsewhere: nobody is slowed
	return token.Request{GrantType: token.GrantType, Scope: scope, AssertionType: token.AssertionType, Assertion: assertion, From: from}
}

// enrol makes a client with the test's RSA key.
func (s *stage) enrol(admin context.Context, scopes string) token.Client {
	s.t.Helper()
	c, err := s.reg.AddClient(admin, token.Enrolment{
		Name: "registry", Site: "north", Scopes: scopes, Roles: []access.Role{access.Physicist}, Keys: jwks(s.t, rsaKey().Public(), "k"),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *stage) admin() context.Context {
	return s.as(s.user("Admin", access.Everywhere(access.Administrator)...))
}

func TestGrant(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newStage(t, d, nil)
		admin := s.admin()
		c := s.enrol(admin, "system/Observation.rs system/ImagingStudy.read")
		ctx := t.Context()
		b, err := s.reg.Grant(ctx, request("system/*.read openid", assertion(t, jose.RS384, rsaKey(), "k", s.claims(c.ID))))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(b.Scopes); got != "[system/Observation.rs system/ImagingStudy.rs]" {
			t.Errorf("granted %s", got)
		}
		who, err := s.reg.Verify(ctx, b.Token)
		if err != nil {
			t.Fatal(err)
		}
		may := s.judged(access.With(ctx, who))
		for act, want := range map[access.Act]bool{access.ExaminationRead: true, access.AggregateRead: false, access.TokenChange: false} {
			if got := access.Can(may, act, access.Subject{Site: "north"}); got != want {
				t.Errorf("the machine may %s: %v; want %v", act, got, want)
			}
		}
		if access.Can(may, access.ExaminationRead, access.Subject{Site: "south"}) {
			t.Error("a machine of north reads in south")
		}
		i, err := s.reg.Introspect(ctx, c, b.Token)
		if err != nil || !i.Active || i.Scope != "system/Observation.rs system/ImagingStudy.rs" {
			t.Errorf("Introspect = %+v, %v", i, err)
		}
		other := s.enrol(admin, "system/*.rs")
		if i, err := s.reg.Introspect(ctx, other, b.Token); err != nil || i.Active {
			t.Errorf("another client learns of it: %+v, %v", i, err)
		}
		if err := s.reg.Withdraw(ctx, other, b.Token); err != nil {
			t.Fatal(err)
		}
		if _, err := s.reg.Verify(ctx, b.Token); err != nil {
			t.Errorf("another client withdrew it: %v", err)
		}
		if err := s.reg.Withdraw(ctx, c, b.Token); err != nil {
			t.Fatal(err)
		}
		if _, err := s.reg.Verify(ctx, b.Token); fault.Of(err) != fault.Forbidden {
			t.Errorf("withdrawn: %v; want forbidden", err)
		}
		b, err = s.reg.Grant(ctx, request("system/*.rs", assertion(t, jose.RS384, rsaKey(), "k", s.claims(c.ID))))
		if err != nil {
			t.Fatal(err)
		}
		s.wait(5 * time.Minute)
		if _, err := s.reg.Verify(ctx, b.Token); fault.Of(err) != fault.Forbidden {
			t.Errorf("after five minutes: %v; want forbidden", err)
		}
		b, err = s.reg.Grant(ctx, request("system/*.rs", assertion(t, jose.RS384, rsaKey(), "k", s.claims(c.ID))))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.reg.EndClient(s.admin(), c.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.reg.Verify(ctx, b.Token); fault.Of(err) != fault.Forbidden {
			t.Errorf("the client was removed: %v; want forbidden", err)
		}
		if _, err := s.reg.Grant(ctx, request("system/*.rs", assertion(t, jose.RS384, rsaKey(), "k", s.claims(c.ID)))); fault.Of(err) != fault.Forbidden {
			t.Errorf("a removed client asks: %v; want forbidden", err)
		}
		if err := s.reg.Sweep(ctx); err != nil {
			t.Error(err)
		}
	})
}

// TestReplay shows that an assertion serves once, whoever restarts.
func TestReplay(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newStage(t, d, nil)
		c := s.enrol(s.admin(), "system/*.rs")
		once := request("system/*.rs", assertion(t, jose.RS384, rsaKey(), "k", s.claims(c.ID)))
		if _, err := s.reg.Grant(t.Context(), once); err != nil {
			t.Fatal(err)
		}
		j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Now: s.now})
		if err != nil {
			t.Fatal(err)
		}
		for name, r := range map[string]*token.Register{"the same process": s.reg, "after a restart": s.open(j, nil)} {
			s.wait(time.Minute)
			if err := r.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, err := r.Grant(t.Context(), once)
			if refusal, ok := token.RefusalOf(err); !ok || refusal.Code != "invalid_client" {
				t.Errorf("%s: %v; want invalid_client", name, err)
			}
		}
		many := request("system/*.rs", assertion(t, jose.RS384, rsaKey(), "k", s.claims(c.ID)))
		var good atomic.Int64
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				if _, err := s.reg.Grant(context.WithoutCancel(t.Context()), many); err == nil {
					good.Add(1)
				}
			})
		}
		group.Wait()
		if good.Load() != 1 {
			t.Errorf("sixteen at once: %d succeed; want 1", good.Load())
		}
	})
}

func TestForgedAssertions(t *testing.T) {
	s := newStage(t, dbtest.Open(t, dbtest.SQLite(t)), nil)
	admin := s.admin()
	c := s.enrol(admin, "system/*.rs")
	second := s.enrol(admin, "system/*.rs") // shares the key: only the claims tell them apart
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	signed := func(change ...any) string { return assertion(t, jose.RS384, rsaKey(), "k", s.claims(c.ID, change...)) }
	good := signed()
	part := strings.Split(good, ".")
	none := func(header string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + part[1] + "."
	}
	der, err := x509.MarshalPKIXPublicKey(rsaKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	nested := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	for _, x := range []struct {
		name, assertion string
	}{
		{"somebody else's key", assertion(t, jose.RS384, stranger, "k", s.claims(c.ID))},
		{"a key nobody has", assertion(t, jose.RS384, rsaKey(), "zzz", s.claims(c.ID))},
		{"alg none", none(`{"alg":"none"}`)},
		{"alg None", none(`{"alg":"None","kid":"k"}`)},
		{"alg absent", none(`{"kid":"k"}`)},
		{"the public key as a shared secret", assertion(t, jose.HS384, public, "k", s.claims(c.ID))},
		{"the public key's bytes as a shared secret", assertion(t, jose.HS256, der, "k", s.claims(c.ID))},
		{"a weaker algorithm", assertion(t, jose.RS256, rsaKey(), "k", s.claims(c.ID))},
		{"another curve", assertion(t, jose.ES256, p256, "k", s.claims(c.ID))},
		{"truncated", good[:len(good)-10]},
		{"without a signature", part[0] + "." + part[1] + "."},
		{"other claims under the signature", part[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+c.ID+`"}`)) + "." + part[2]},
		{"no token", "hello"},
		{"empty", ""},
		{"five parts, as encrypted ones have", good + ".a.b"},
		{"very long", part[0] + "." + strings.Repeat("A", 1<<20) + "." + part[2]},
		{"a bomb of brackets", part[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(nested)) + "." + part[2]},
		{"expired", signed("exp", s.now().Add(-time.Second).Unix())},
		{"never expires", signed("exp", nil)},
		{"expires in a year", signed("exp", s.now().Add(365*24*time.Hour).Unix())},
		{"expires in six minutes", signed("exp", s.now().Add(6*time.Minute).Unix())},
		{"expires at the end of time", signed("exp", 1e300)},
		{"expires before time", signed("exp", -1)},
		{"not valid yet", signed("nbf", s.now().Add(time.Minute).Unix())},
		{"issued tomorrow", signed("iat", s.now().Add(24*time.Hour).Unix())},
		{"meant for somebody else", signed("aud", "https://other.example/token")},
		{"meant for nobody", signed("aud", nil)},
		{"meant for an address that begins alike", signed("aud", audience+"/x")},
		{"a subject that is another client", signed("sub", second.ID)},
		{"no subject", signed("sub", nil)},
		{"an issuer nobody enrolled", signed("iss", "evil", "sub", "evil")},
		{"no jti", signed("jti", nil)},
		{"a jti that is very long", signed("jti", strings.Repeat("j", 1000))},
		{"metacharacters as issuer", signed("iss", "' or 1=1 --", "sub", "' or 1=1 --")},
	} {
		b, err := s.reg.Grant(t.Context(), request("system/*.rs", x.assertion))
		if refusal, ok := token.RefusalOf(err); !ok || refusal.Code != "invalid_client" || b.Token != "" {
			t.Errorf("%s: %v; want invalid_client", x.name, err)
		}
	}
	for name, q := range map[string]token.Request{
		"a password":          {GrantType: "password", Scope: "system/*.rs", AssertionType: token.AssertionType, Assertion: good},
		"another assertion":   {GrantType: token.GrantType, Scope: "system/*.rs", AssertionType: "saml", Assertion: good},
		"another client_id":   {GrantType: token.GrantType, Scope: "system/*.rs", AssertionType: token.AssertionType, Assertion: good, ClientID: second.ID},
		"scopes of a person":  request("user/*.rs patient/*.rs", signed()),
		"no scopes":           request("", signed()),
		"scopes without end":  request(strings.Repeat("system/A.r ", 10_000), signed()),
		"scopes not allowed":  request("system/ImagingStudy.cud", signed()),
		"scopes that are bad": request("system/ImagingStudy.sr ../../etc", signed()),
	} {
		if b, err := s.reg.Grant(t.Context(), q); err == nil || b.Token != "" {
			t.Errorf("%s: accepted", name)
		} else if _, ok := token.RefusalOf(err); !ok {
			t.Errorf("%s: %v; want a refusal", name, err)
		}
	}
	if _, err := s.reg.Grant(t.Context(), request("system/*.rs", good)); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// TestUnknownKeysAreNotFetchedAgain shows that naming keys that do not exist does
// not make us call the client's key server again and again.
func TestUnknownKeysAreNotFetchedAgain(t *testing.T) {
	var calls atomic.Int64
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set := jwks(t, key.Public(), "e")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		_, _ = w.Write([]byte(set))
	}))
	defer server.Close()
	s := newStage(t, dbtest.Open(t, dbtest.SQLite(t)), server.Client())
	c, err := s.reg.AddClient(s.admin(), token.Enrolment{Name: "modality", Scopes: "system/ImagingStudy.c", KeysAt: server.URL + "/jwks.json"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.reg.Grant(t.Context(), request("system/ImagingStudy.c", assertion(t, jose.ES384, key, "e", s.claims(c.ID))))
	if err != nil || len(b.Scopes) != 1 {
		t.Fatalf("Grant = %v, %v", b.Scopes, err)
	}
	for i := range 50 {
		bad := assertion(t, jose.ES384, key, fmt.Sprint("guess-", i), s.claims(c.ID))
		if _, err := s.reg.Grant(t.Context(), request("system/ImagingStudy.c", bad)); err == nil {
			t.Fatal("an unknown key was accepted")
		}
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls to the key server; want 1", n)
	}
}

func TestAddClientRefuses(t *testing.T) {
	s := newStage(t, dbtest.Open(t, dbtest.SQLite(t)), http.DefaultClient)
	admin := s.admin()
	keys := jwks(t, rsaKey().Public(), "k")
	for name, e := range map[string]token.Enrolment{
		"no name":              {Scopes: "system/*.rs", Keys: keys},
		"no scopes":            {Name: "x", Keys: keys},
		"scopes of a person":   {Name: "x", Scopes: "user/*.rs", Keys: keys},
		"no keys":              {Name: "x", Scopes: "system/*.rs"},
		"keys twice":           {Name: "x", Scopes: "system/*.rs", Keys: keys, KeysAt: "https://a.example/jwks"},
		"its private key":      {Name: "x", Scopes: "system/*.rs", Keys: jwks(t, rsaKey(), "k")},
		"a shared secret":      {Name: "x", Scopes: "system/*.rs", Keys: `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`},
		"a file as address":    {Name: "x", Scopes: "system/*.rs", KeysAt: "file:///etc/passwd"},
		"a password in it":     {Name: "x", Scopes: "system/*.rs", KeysAt: "https://u:p@a.example/jwks"},
		"an administrator":     {Name: "x", Scopes: "system/*.rs", Keys: keys, Roles: []access.Role{access.Administrator}},
		"a role that is none":  {Name: "x", Scopes: "system/*.rs", Keys: keys, Roles: []access.Role{"wizard"}},
		"a query in its scope": {Name: "x", Scopes: "system/*.rs?%zz", Keys: keys},
	} {
		if _, err := s.reg.AddClient(admin, e); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v; want invalid", name, err)
		}
	}
	physicist := s.as(s.user("Physicist", access.Everywhere(access.Physicist)...))
	if _, err := s.reg.AddClient(physicist, token.Enrolment{Name: "x", Scopes: "system/*.rs", Keys: keys}); fault.Of(err) != fault.Forbidden {
		t.Errorf("a physicist: %v; want forbidden", err)
	}
}

func FuzzAuthenticate(f *testing.F) {
	d := dbtest.Open(f, dbtest.SQLite(f))
	now := func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
	users, err := access.Open(f.Context(), d, now)
	if err != nil {
		f.Fatal(err)
	}
	j, err := journal.Open(f.Context(), d, journal.Options{MasterKey: [32]byte{1}, Now: now})
	if err != nil {
		f.Fatal(err)
	}
	r, err := token.Open(f.Context(), token.Options{DB: d, Users: users, Journal: j, Now: now, Audience: []string{audience}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("eyJhbGciOiJSUzM4NCJ9.eyJpc3MiOiJ4In0.AAAA")
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := r.Authenticate(t.Context(), request("", text)); err == nil {
			t.Error("accepted without any client")
		}
	})
}

// TestGuessingIsSlowedDown shows that an address that fails again and again is not
// listened to, others are, and whoever has a good token goes on.
func TestGuessingIsSlowedDown(t *testing.T) {
	s := newStage(t, dbtest.Open(t, dbtest.SQLite(t)), nil)
	owner := s.user("Owner", access.Everywhere(access.Physicist)...)
	good, _, err := s.reg.Add(s.as(owner), wish(owner))
	if err != nil {
		t.Fatal(err)
	}
	c := s.enrol(s.admin(), "system/*.rs")
	villain, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	if _, err := s.reg.VerifyFrom(t.Context(), villain, good); err != nil {
		t.Fatal(err)
	}
	slowed := 0
	for range 100 {
		if _, err := s.reg.VerifyFrom(t.Context(), villain, "rad_guess"); fault.Of(err) == fault.Exhausted {
			slowed++
		}
	}
	if slowed != 80 {
		t.Errorf("%d of 100 guesses were not listened to; want 80", slowed)
	}
	if _, err := s.reg.VerifyFrom(t.Context(), villain, good); err != nil {
		t.Errorf("a good token from the same address: %v", err)
	}
	if _, err := s.reg.VerifyFrom(t.Context(), other, good); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	q := request("system/*.rs", assertion(t, jose.RS384, rsaKey(), "k", s.claims(c.ID)))
	q.From = villain
	if _, err := s.reg.Grant(t.Context(), q); fault.Of(err) != fault.Exhausted {
		t.Errorf("an assertion from there: %v; want exhausted", err)
	}
	s.wait(time.Minute)
	if _, err := s.reg.Grant(t.Context(), q); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}
