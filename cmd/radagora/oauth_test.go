package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"radagora/access/token"
)

// publicURL is how machines know the server of these tests.
const publicURL = "https://radagora.example"

// A machine is a client with its key.
type machine struct {
	t    *testing.T
	id   string
	key  *ecdsa.PrivateKey
	http string
	jti  int
}

// newMachine registers a client in a data folder.
func newMachine(t *testing.T, data string, scopes ...string) *machine {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"client", "add", "--data", data, "--name", "registry", "--role", "physicist", "--jwks", file, "--json"}
	for _, s := range scopes {
		args = append(args, "--scope", s)
	}
	out, err := exec.Command("radagora", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		ID string `json:"client_id"`
	}
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatal(err)
	}
	return &machine{t: t, id: made.ID, key: key}
}

// proof signs that it is this machine that asks.
func (m *machine) proof() string {
	m.t.Helper()
	m.jti++
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: m.key}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
	if err != nil {
		m.t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{
		"iss": m.id, "sub": m.id, "aud": publicURL + oauthToken, "exp": time.Now().Add(4 * time.Minute).Unix(), "jti": fmt.Sprint("j", m.jti),
	})
	if err != nil {
		m.t.Fatal(err)
	}
	signed, err := s.Sign(text)
	if err != nil {
		m.t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

// ask posts a form with a proof and returns status and answer.
func (m *machine) ask(path, proof string, fields ...string) (int, map[string]any) {
	m.t.Helper()
	form := url.Values{"client_assertion_type": {token.AssertionType}, "client_assertion": {proof}}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return m.post(path, "application/x-www-form-urlencoded", form.Encode())
}

func (m *machine) post(path, kind, body string) (int, map[string]any) {
	m.t.Helper()
	resp, err := http.Post("http://"+m.http+path, kind, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		m.t.Fatalf("%s answers %d %s", path, resp.StatusCode, text)
	}
	if resp.Header.Get("Cache-Control") != "no-store" {
		m.t.Errorf("%s: the answer may be kept", path)
	}
	return resp.StatusCode, answer
}

// get asks for an address with an access token and returns the status.
func (m *machine) get(path, bearer string) int {
	m.t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+m.http+path, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// TestMachineSignsIn goes the way of a machine: registered, token, use, withdrawal,
// and a proof that serves once, also after a restart.
func TestMachineSignsIn(t *testing.T) {
	data := t.TempDir()
	m := newMachine(t, data, "system/MeasureReport.rs")
	s := serve(t, data, asked, "--public-url", publicURL)
	m.http = s.http
	var document map[string]any
	resp, err := http.Get("http://" + s.http + smartDocument)
	if err == nil {
		err = json.NewDecoder(resp.Body).Decode(&document)
		resp.Body.Close()
	}
	if err != nil || document["token_endpoint"] != publicURL+oauthToken {
		t.Fatalf("%s: %v, %v", smartDocument, document, err)
	}
	once := m.proof()
	code, answer := m.ask(oauthToken, once, "grant_type", "client_credentials", "scope", "system/*.rs")
	bearer, _ := answer["access_token"].(string)
	if code != http.StatusOK || bearer == "" || answer["scope"] != "system/MeasureReport.rs" || answer["expires_in"] != 300.0 {
		t.Fatalf("token endpoint: %d %v", code, answer)
	}
	for path, want := range map[string]int{"/dose/ct": http.StatusOK, "/settings/rooms": http.StatusForbidden, "/metrics": http.StatusForbidden} {
		if got := m.get(path, bearer); got != want {
			t.Errorf("%s with the token: %d; want %d", path, got, want)
		}
	}
	if got := m.get("/dose/ct", bearer[:len(bearer)-1]+"_"); got != http.StatusUnauthorized {
		t.Errorf("with a forged token: %d; want 401", got)
	}
	if code, answer := m.ask(oauthToken, once, "grant_type", "client_credentials", "scope", "system/*.rs"); code != http.StatusUnauthorized || answer["error"] != "invalid_client" {
		t.Errorf("the same proof again: %d %v", code, answer)
	}
	if code, answer := m.ask(oauthIntrospect, m.proof(), "token", bearer); code != http.StatusOK || answer["active"] != true {
		t.Errorf("introspection: %d %v", code, answer)
	}
	if code, answer := m.ask(oauthRevoke, m.proof(), "token", bearer); code != http.StatusOK || len(answer) != 0 {
		t.Errorf("revocation: %d %v", code, answer)
	}
	if got := m.get("/dose/ct", bearer); got != http.StatusUnauthorized {
		t.Errorf("with a withdrawn token: %d; want 401", got)
	}
	if code, answer := m.ask(oauthIntrospect, m.proof(), "token", bearer); code != http.StatusOK || answer["active"] != false {
		t.Errorf("introspection of a withdrawn token: %d %v", code, answer)
	}
	m.refused()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	again := serve(t, data, asked, "--public-url", publicURL)
	m.http = again.http
	if code, _ := m.ask(oauthToken, once, "grant_type", "client_credentials", "scope", "system/*.rs"); code != http.StatusUnauthorized {
		t.Errorf("the same proof after a restart: %d; want 401", code)
	}
}

// refused sends what is no request.
func (m *machine) refused() {
	form := "application/x-www-form-urlencoded"
	for name, c := range map[string]struct{ kind, body, want string }{
		"JSON":             {"application/json", `{"grant_type":"client_credentials"}`, "invalid_request"},
		"a field twice":    {form, "grant_type=client_credentials&grant_type=password", "invalid_request"},
		"very long":        {form, "scope=" + strings.Repeat("a", 1<<20), "invalid_request"},
		"another grant":    {form, "grant_type=password&username=a&password=b", "unsupported_grant_type"},
		"without a proof":  {form, "grant_type=client_credentials&scope=system/*.rs", "invalid_client"},
		"a client secret":  {form, "grant_type=client_credentials&client_id=a&client_secret=b", "invalid_client"},
		"nothing":          {form, "", "unsupported_grant_type"},
		"broken escapes":   {form, "grant_type=%zz", "invalid_request"},
		"a semicolon list": {form, "grant_type=client_credentials;scope=x", "invalid_request"},
	} {
		if code, answer := m.post(oauthToken, c.kind, c.body); code < 400 || code >= 500 || answer["error"] != c.want {
			m.t.Errorf("%s: %d %v; want %s", name, code, answer, c.want)
		}
	}
}
