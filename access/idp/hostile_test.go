package idp_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"radagora/access"
	"radagora/access/idp"
	"radagora/db/dbtest"
	"radagora/fault"
)

var keys = sync.OnceValues(func() (mine, other *rsa.PrivateKey) {
	mine, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	if other, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err)
	}
	return mine, other
})

// A villain is an identity provider that answers as a test wants it to.
type villain struct {
	*httptest.Server
	t *testing.T

	mu        sync.Mutex
	discovery map[string]any // changes of the discovery document; nil removes
	claims    map[string]any // changes of the ID token
	info      map[string]any // of the user info endpoint
	forge     func(claims map[string]any) string
	nonce     string
	codes     atomic.Int64 // asked for at the token endpoint
	fetched   atomic.Int64 // key sets
	verifier  string
}

func newVillain(t *testing.T) *villain {
	t.Helper()
	v := &villain{t: t}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, value any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value)
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, v.changed(map[string]any{
			"issuer": v.URL, "authorization_endpoint": v.URL + "/auth", "token_endpoint": v.URL + "/token",
			"jwks_uri": v.URL + "/keys", "userinfo_endpoint": v.URL + "/info", "end_session_endpoint": v.URL + "/end",
			"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
		}, &v.discovery))
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		v.fetched.Add(1)
		mine, _ := keys()
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: mine.Public(), KeyID: "k", Use: "sig"}}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		v.codes.Add(1)
		v.mu.Lock()
		v.verifier = r.PostFormValue("code_verifier")
		forge, nonce := v.forge, v.nonce
		v.mu.Unlock()
		said := v.changed(v.usual(nonce), &v.claims)
		if forge == nil {
			forge = v.sign
		}
		answer(w, map[string]any{"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": forge(said)})
	})
	mux.HandleFunc("/info", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, v.changed(map[string]any{"sub": "s-1", "groups": []string{"medical-physics"}}, &v.info))
	})
	v.Server = httptest.NewServer(mux)
	t.Cleanup(v.Close)
	return v
}

func (v *villain) usual(nonce string) map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": v.URL, "sub": "s-1", "aud": "radagora", "exp": now.Add(5 * time.Minute).Unix(), "iat": now.Unix(),
		"auth_time": now.Unix(), "nonce": nonce, "name": "Somebody", "sid": "sid-1", "groups": []string{"medical-physics"},
	}
}

// changed returns m with what a test wants otherwise.
func (v *villain) changed(m map[string]any, change *map[string]any) map[string]any {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name, value := range *change {
		if value == nil {
			delete(m, name)
		} else {
			m[name] = value
		}
	}
	return m
}

func (v *villain) sign(claims map[string]any) string {
	mine, _ := keys()
	return sign(v.t, jose.RS256, mine, claims)
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
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

// attempt begins a sign-in, lets the villain answer and finishes.
func (v *villain) attempt(ctx context.Context, s *stage, ask idp.Ask, change func(q url.Values)) (idp.Signed, error) {
	v.t.Helper()
	to, ticket, err := s.idp.Begin(ctx, "hospital", ask)
	if err != nil {
		return idp.Signed{}, err
	}
	u, err := url.Parse(to)
	if err != nil {
		v.t.Fatal(err)
	}
	v.mu.Lock()
	v.nonce = u.Query().Get("nonce")
	v.mu.Unlock()
	q := url.Values{"state": {u.Query().Get("state")}, "code": {"c"}}
	if change != nil {
		change(q)
	}
	return s.idp.Finish(ctx, "hospital", q, ticket)
}

func (v *villain) config() idp.Config {
	return idp.Config{Name: "hospital", Issuer: v.URL, ClientID: "radagora", Create: true, Rules: rules()}
}

func TestHostileTokens(t *testing.T) {
	mine, other := keys()
	der, err := x509.MarshalPKIXPublicKey(mine.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	encode := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	now := time.Now()
	for _, c := range []struct {
		name   string
		forge  func(map[string]any) string
		claims map[string]any
		good   bool
	}{
		{name: "as it should be", good: true},
		{name: "another key", forge: func(m map[string]any) string { return sign(t, jose.RS256, other, m) }},
		{name: "alg none", forge: func(m map[string]any) string { return encode(map[string]string{"alg": "none"}) + "." + encode(m) + "." }},
		{name: "alg nOnE", forge: func(m map[string]any) string { return encode(map[string]string{"alg": "nOnE"}) + "." + encode(m) + "." }},
		{name: "the public key as a shared secret", forge: func(m map[string]any) string { return sign(t, jose.HS256, public, m) }},
		{name: "the client secret as a shared secret", forge: func(m map[string]any) string {
			return sign(t, jose.HS256, []byte("secretsecretsecretsecretsecretse"), m)
		}},
		{name: "an algorithm it did not announce", forge: func(m map[string]any) string { return sign(t, jose.RS512, mine, m) }},
		{name: "no token", forge: func(map[string]any) string { return "" }},
		{name: "a very long token", forge: func(map[string]any) string { return strings.Repeat("a", 2<<20) }},
		{name: "the signature of other claims", forge: func(m map[string]any) string {
			part := strings.Split(sign(t, jose.RS256, mine, map[string]any{"a": 1}), ".")
			return part[0] + "." + encode(m) + "." + part[2]
		}},
		{name: "another audience", claims: map[string]any{"aud": "somebody-else"}},
		{name: "no audience", claims: map[string]any{"aud": nil}},
		{name: "two audiences and no authorized party", claims: map[string]any{"aud": []string{"radagora", "evil"}}},
		{name: "another authorized party", claims: map[string]any{"azp": "evil"}},
		{name: "two audiences and we are authorized", claims: map[string]any{"aud": []string{"radagora", "friend"}, "azp": "radagora"}, good: true},
		{name: "another issuer", claims: map[string]any{"iss": "https://evil.example"}},
		{name: "no issuer", claims: map[string]any{"iss": nil}},
		{name: "another nonce", claims: map[string]any{"nonce": "guess"}},
		{name: "no nonce", claims: map[string]any{"nonce": nil}},
		{name: "expired", claims: map[string]any{"exp": now.Add(-time.Second).Unix()}},
		{name: "without end", claims: map[string]any{"exp": nil}},
		{name: "from the future", claims: map[string]any{"iat": now.Add(time.Hour).Unix()}},
		{name: "not valid yet", claims: map[string]any{"nbf": now.Add(time.Hour).Unix()}},
		{name: "signed in tomorrow", claims: map[string]any{"auth_time": now.Add(24 * time.Hour).Unix()}},
		{name: "about nobody", claims: map[string]any{"sub": nil}},
		{name: "about a very long somebody", claims: map[string]any{"sub": strings.Repeat("s", 300)}},
		{name: "an access token that is not its own", claims: map[string]any{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
		{name: "without a role", claims: map[string]any{"groups": []string{"kitchen"}}},
		{name: "a role as a bare text", claims: map[string]any{"groups": "medical-physics"}, good: true},
		{name: "a role deeper down", claims: map[string]any{"groups": nil, "realm_access": map[string]any{"roles": []string{"radiologist"}}}, good: true},
		{name: "a role in a list of lists", claims: map[string]any{"groups": []any{[]string{"medical-physics"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newVillain(t)
			v.forge, v.claims = c.forge, c.claims
			s := newStage(t, dbtest.Open(t, dbtest.SQLite(t)), v.Client(), "secretsecretsecretsecretsecretse", v.config())
			signed, err := v.attempt(t.Context(), s, idp.Ask{}, nil)
			switch {
			case c.good && (err != nil || signed.Account == ""):
				t.Errorf("%v; want it accepted", err)
			case !c.good && (err == nil || fault.Of(err) != fault.Forbidden || signed.Account != ""):
				t.Errorf("%+v, %v; want forbidden", signed, err)
			}
			all, err := s.users.All(t.Context())
			if want := map[bool]int{true: 2, false: 1}[c.good]; err != nil || len(all) != want {
				t.Errorf("%d accounts, %v; want %d", len(all), err, want)
			}
		})
	}
}

func TestHostileAnswers(t *testing.T) {
	v := newVillain(t)
	s := newStage(t, dbtest.Open(t, dbtest.SQLite(t)), v.Client(), "", v.config(), idp.Config{Name: "other", Issuer: "https://other.example", ClientID: "x"})
	ctx := t.Context()
	for name, change := range map[string]func(q url.Values){
		"no state":                  func(q url.Values) { q.Del("state") },
		"another state":             func(q url.Values) { q.Set("state", strings.Repeat("A", 43)) },
		"two states":                func(q url.Values) { q.Add("state", "x") },
		"no code":                   func(q url.Values) { q.Del("code") },
		"two codes":                 func(q url.Values) { q.Add("code", "x") },
		"an error":                  func(q url.Values) { q.Set("error", "access_denied") },
		"an error that is a script": func(q url.Values) { q.Set("error", "<script>") },
		"the word of another":       func(q url.Values) { q.Set("iss", "https://other.example") },
		"two issuers":               func(q url.Values) { q["iss"] = []string{v.URL, "https://other.example"} },
	} {
		before := v.codes.Load()
		_, err := v.attempt(ctx, s, idp.Ask{}, change)
		if fault.Of(err) != fault.Forbidden || err == nil {
			t.Errorf("%s: %v; want forbidden", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "<") {
			t.Errorf("%s: the error repeats what came: %v", name, err)
		}
		if v.codes.Load() != before {
			t.Errorf("%s: the code was sent on", name)
		}
	}
	to, ticket, err := s.idp.Begin(ctx, "hospital", idp.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(to)
	v.nonce = u.Query().Get("nonce")
	q := url.Values{"state": {u.Query().Get("state")}, "code": {"c"}}
	if u.Query().Get("code_challenge_method") != "S256" || strings.Contains(to, "code_verifier") {
		t.Errorf("no PKCE in %s", to)
	}
	for name, try := range map[string]func() (idp.Signed, error){
		"without the ticket":         func() (idp.Signed, error) { return s.idp.Finish(ctx, "hospital", q, "") },
		"with a ticket of one's own": func() (idp.Signed, error) { return s.idp.Finish(ctx, "hospital", q, "bm90IHNlYWxlZA") },
		"with another's ticket": func() (idp.Signed, error) {
			_, other, err := s.idp.Begin(ctx, "hospital", idp.Ask{})
			if err != nil {
				return idp.Signed{}, err
			}
			return s.idp.Finish(ctx, "hospital", q, other)
		},
		"with one bit another": func() (idp.Signed, error) {
			b := []byte(ticket)
			b[30] ^= 1
			return s.idp.Finish(ctx, "hospital", q, string(b))
		},
		"at another provider's address": func() (idp.Signed, error) { return s.idp.Finish(ctx, "other", q, ticket) },
	} {
		if _, err := try(); fault.Of(err) != fault.Forbidden || err == nil {
			t.Errorf("%s: %v; want forbidden", name, err)
		}
	}
	if _, err := s.idp.Finish(ctx, "hospital", q, ticket); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	if v.verifier == "" || strings.Contains(to, v.verifier) {
		t.Error("the verifier was not sent to the token endpoint, or was shown before")
	}
	if _, err := s.idp.Finish(ctx, "hospital", q, ticket); fault.Of(err) != fault.Forbidden {
		t.Errorf("the same answer again: %v; want forbidden", err)
	}
	_, err = v.attempt(ctx, s, idp.Ask{}, func(url.Values) { s.wait(11 * time.Minute) })
	if fault.Of(err) != fault.Forbidden {
		t.Errorf("eleven minutes later: %v; want forbidden", err)
	}
}

// TestHostileDiscovery changes the discovery document.
func TestHostileDiscovery(t *testing.T) {
	for name, change := range map[string]map[string]any{
		"another issuer":               {"issuer": "https://evil.example"},
		"no issuer":                    {"issuer": nil},
		"a script to sign in at":       {"authorization_endpoint": "javascript:alert(1)"},
		"no token endpoint":            {"token_endpoint": nil},
		"a file as key set":            {"jwks_uri": "file:///etc/passwd"},
		"a password in an address":     {"token_endpoint": "http://u:p@127.0.0.1/"},
		"longer than it may be":        {"x": strings.Repeat("x", 2<<20)},
		"a number where a text stands": {"issuer": 7},
	} {
		v := newVillain(t)
		v.discovery = change
		s := newStage(t, dbtest.Open(t, dbtest.SQLite(t)), v.Client(), "", v.config())
		if to, _, err := s.idp.Begin(t.Context(), "hospital", idp.Ask{}); fault.Of(err) != fault.Unavailable {
			t.Errorf("%s: %s, %v; want unavailable", name, to, err)
		}
		state, err := s.idp.State(t.Context(), "hospital")
		if err != nil || state.Reached || state.Why == "" {
			t.Errorf("%s: state %+v, %v", name, state, err)
		}
	}
	v := newVillain(t)
	v.discovery = map[string]any{"authorization_response_iss_parameter_supported": true}
	s := newStage(t, dbtest.Open(t, dbtest.SQLite(t)), v.Client(), "", v.config())
	if _, err := v.attempt(t.Context(), s, idp.Ask{}, nil); fault.Of(err) != fault.Forbidden {
		t.Errorf("it names itself, and the answer names nobody: %v; want forbidden", err)
	}
	if _, err := v.attempt(t.Context(), s, idp.Ask{}, func(q url.Values) { q.Set("iss", v.URL) }); err != nil {
		t.Errorf("the answer names it: %v", err)
	}
}

func TestAccounts(t *testing.T) {
	v := newVillain(t)
	s := newStage(t, dbtest.Open(t, dbtest.SQLite(t)), v.Client(), "", v.config())
	ctx := t.Context()
	v.claims = map[string]any{"email": "chief@hospital.example", "email_verified": true, "preferred_username": "chief"}
	chief, _ := s.user("Chief", "chief@hospital.example", access.Administrator)
	signed, err := v.attempt(ctx, s, idp.Ask{}, nil)
	if err != nil || signed.Account == chief || !signed.Made {
		t.Fatalf("the same mail address: %+v, %v; want another account", signed, err)
	}
	if who := s.who(signed.Account); who.Is(access.Administrator) {
		t.Errorf("%+v became an administrator", who)
	}
	v.claims["groups"], v.claims["realm_access"] = nil, map[string]any{"roles": []string{"radiologist"}}
	if again, err := v.attempt(ctx, s, idp.Ask{}, nil); err != nil || again.Account != signed.Account {
		t.Fatalf("%+v, %v", again, err)
	}
	if who := s.who(signed.Account); who.Is(access.Physicist) || !who.Is(access.Radiologist) {
		t.Errorf("roles do not follow the provider: %+v", who.Grants)
	}
	v.claims["realm_access"] = nil
	if _, err := v.attempt(ctx, s, idp.Ask{}, nil); fault.Of(err) != fault.Forbidden {
		t.Errorf("all roles were taken away: %v; want forbidden", err)
	}
	if who := s.who(signed.Account); len(who.Grants) != 0 {
		t.Errorf("roles that were taken away remain: %+v", who.Grants)
	}
	local, mine := s.user("Local", "", access.Radiologist)
	for name, pass := range map[string]string{"an account's id": local, "nothing sealed": "bm90IHNlYWxlZA", "no text": "%"} {
		if to, _, err := s.idp.Begin(mine, "hospital", idp.Ask{Link: pass}); fault.Of(err) != fault.Forbidden {
			t.Errorf("a pass that is %s: %s, %v; want forbidden", name, to, err)
		}
	}
	v.claims = map[string]any{"sub": "s-2", "groups": nil}
	if _, err := v.attempt(ctx, s, idp.Ask{Link: s.pass(local)}, nil); fault.Of(err) != fault.Forbidden {
		t.Errorf("linked while nobody is signed in: %v; want forbidden", err)
	}
	if _, err := v.attempt(mine, s, idp.Ask{Link: s.pass(local)}, nil); err != nil {
		t.Fatal(err)
	}
	if in, err := v.attempt(ctx, s, idp.Ask{}, nil); err != nil || in.Account != local {
		t.Errorf("after linking: %+v, %v", in, err)
	}
	if who := s.who(local); !who.Is(access.Radiologist) {
		t.Error("linking took away the roles of a local account")
	}
	v.claims = nil
	if _, err := v.attempt(mine, s, idp.Ask{Link: s.pass(local)}, nil); fault.Of(err) != fault.Conflict {
		t.Errorf("to link what belongs to another: %v; want conflict", err)
	}
	v.claims = map[string]any{"auth_time": time.Now().Add(-time.Hour).Unix()}
	if old, err := v.attempt(ctx, s, idp.Ask{}, nil); err != nil || time.Since(old.At) < 50*time.Minute {
		t.Errorf("signed in at the provider an hour ago: %+v, %v; want that time", old, err)
	}
	if _, err := v.attempt(ctx, s, idp.Ask{Fresh: true}, nil); fault.Of(err) != fault.Forbidden {
		t.Errorf("asked anew, and the provider did not: %v; want forbidden", err)
	}
	v.claims = map[string]any{"auth_time": nil}
	if in, err := v.attempt(ctx, s, idp.Ask{}, nil); err != nil || !in.At.IsZero() {
		t.Errorf("the provider tells no time: %+v, %v; want none", in, err)
	}
	if _, err := v.attempt(ctx, s, idp.Ask{Fresh: true}, nil); fault.Of(err) != fault.Forbidden {
		t.Errorf("asked anew, and the provider tells no time: %v; want forbidden", err)
	}
}

func TestUserInfoOfSomebodyElse(t *testing.T) {
	v := newVillain(t)
	c := v.config()
	c.UserInfo = true
	s := newStage(t, dbtest.Open(t, dbtest.SQLite(t)), v.Client(), "", c)
	v.claims, v.info = map[string]any{"groups": nil}, map[string]any{"sub": "s-9"}
	if _, err := v.attempt(t.Context(), s, idp.Ask{}, nil); fault.Of(err) != fault.Forbidden {
		t.Errorf("%v; want forbidden", err)
	}
	v.info = nil
	if _, err := v.attempt(t.Context(), s, idp.Ask{}, nil); err != nil {
		t.Error(err)
	}
}

func TestBackChannel(t *testing.T) {
	mine, other := keys()
	v := newVillain(t)
	s := newStage(t, dbtest.Open(t, dbtest.SQLite(t)), v.Client(), "", v.config())
	ctx := t.Context()
	signed, err := v.attempt(ctx, s, idp.Ask{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	begin := func(id string) {
		if err := s.idp.Began(ctx, id, signed); err != nil {
			t.Fatal(err)
		}
	}
	begin("one")
	events := map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	jti := 0
	logout := func(change map[string]any) map[string]any {
		jti++
		m := map[string]any{
			"iss": v.URL, "aud": "radagora", "iat": time.Now().Unix(), "exp": time.Now().Add(2 * time.Minute).Unix(),
			"jti": "j" + string(rune('0'+jti)), "sid": "sid-1", "sub": "s-1", "events": events,
		}
		for k, x := range change {
			if x == nil {
				delete(m, k)
			} else {
				m[k] = x
			}
		}
		return m
	}
	var ended []string
	end := func(_ context.Context, account, id string) error {
		if account != signed.Account {
			t.Errorf("ended for account %s", account)
		}
		ended = append(ended, id)
		return nil
	}
	for name, token := range map[string]string{
		"another key":        sign(t, jose.RS256, other, logout(nil)),
		"a shared secret":    sign(t, jose.HS256, []byte(strings.Repeat("x", 32)), logout(nil)),
		"another audience":   sign(t, jose.RS256, mine, logout(map[string]any{"aud": "evil"})),
		"another issuer":     sign(t, jose.RS256, mine, logout(map[string]any{"iss": "https://evil.example"})),
		"an ID token":        sign(t, jose.RS256, mine, logout(map[string]any{"events": nil, "nonce": "n"})),
		"with a nonce":       sign(t, jose.RS256, mine, logout(map[string]any{"nonce": "n"})),
		"no event":           sign(t, jose.RS256, mine, logout(map[string]any{"events": map[string]any{}})),
		"about nobody":       sign(t, jose.RS256, mine, logout(map[string]any{"sid": nil, "sub": nil})),
		"expired":            sign(t, jose.RS256, mine, logout(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()})),
		"good for a year":    sign(t, jose.RS256, mine, logout(map[string]any{"exp": time.Now().Add(365 * 24 * time.Hour).Unix()})),
		"issued a week ago":  sign(t, jose.RS256, mine, logout(map[string]any{"iat": time.Now().Add(-7 * 24 * time.Hour).Unix()})),
		"without a jti":      sign(t, jose.RS256, mine, logout(map[string]any{"jti": nil})),
		"rubbish":            "a.b.c",
		"nothing":            "",
		"longer than it may": strings.Repeat("a", 1<<20),
	} {
		if err := s.idp.BackChannel(ctx, "hospital", token, end); fault.Of(err) != fault.Invalid || err == nil || len(ended) > 0 {
			t.Errorf("%s: %v, ended %v; want invalid", name, err, ended)
		}
	}
	good := sign(t, jose.RS256, mine, logout(nil))
	failing := func(context.Context, string, string) error { return fault.Errorf(fault.Unavailable, "database away") }
	if err := s.idp.BackChannel(ctx, "hospital", good, failing); fault.Of(err) != fault.Unavailable {
		t.Errorf("the session cannot be ended: %v; want unavailable", err)
	}
	if err := s.idp.BackChannel(ctx, "hospital", good, end); err != nil || len(ended) != 1 || ended[0] != "one" {
		t.Errorf("tried again: %v, ended %v", err, ended)
	}
	begin("two")
	if err := s.idp.BackChannel(ctx, "hospital", good, end); fault.Of(err) != fault.Invalid || len(ended) != 1 {
		t.Errorf("replayed: %v, ended %v; want invalid", err, ended)
	}
	begin("three")
	bySubject := sign(t, jose.RS256, mine, logout(map[string]any{"sid": nil}))
	if err := s.idp.BackChannel(ctx, "hospital", bySubject, end); err != nil || len(ended) != 3 {
		t.Errorf("everywhere: %v, ended %v", err, ended)
	}
	before := v.fetched.Load()
	for range 100 {
		forged := sign(t, jose.RS256, other, logout(nil))
		if err := s.idp.BackChannel(ctx, "hospital", forged, end); err == nil {
			t.Fatal("accepted")
		}
	}
	if n := v.fetched.Load() - before; n > 0 {
		t.Errorf("%d more fetches of the key set for forged tokens", n)
	}
}
