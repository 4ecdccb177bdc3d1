package idp_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"radagora/access"
	"radagora/access/idp"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// base is where the pages are in these tests.
const base = "https://radagora.example"

// A stage is what a test has.
type stage struct {
	t     *testing.T
	db    *db.DB
	users *access.Users
	idp   *idp.Providers
	mu    sync.Mutex
	ahead time.Duration
	at    time.Time // the zero time: the system's
}

func (s *stage) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() {
		return time.Now().Add(s.ahead)
	}
	return s.at.Add(s.ahead)
}

func (s *stage) wait(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

func newStage(t *testing.T, d *db.DB, client *http.Client, secret string, providers ...idp.Config) *stage {
	t.Helper()
	s := &stage{t: t, db: d}
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Now: s.now})
	if err != nil {
		t.Fatal(err)
	}
	if s.users, err = access.Open(t.Context(), d, s.now); err != nil {
		t.Fatal(err)
	}
	s.idp, err = idp.Open(t.Context(), idp.Options{
		DB: d, Users: s.users, Journal: j, HTTP: client, Now: s.now, Key: [32]byte{2}, Base: base, Providers: providers,
		Secret: func(string) (string, error) { return secret, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// who returns what the roles of an account are.
func (s *stage) who(id string) access.Who {
	s.t.Helper()
	who, err := s.users.Who(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return who
}

// pass returns what lets an account be linked.
func (s *stage) pass(account string) string {
	s.t.Helper()
	pass, err := s.idp.LinkPass(account)
	if err != nil {
		s.t.Fatal(err)
	}
	return pass
}

// user makes an account and a context in which it asks.
func (s *stage) user(name, mail string, roles ...access.Role) (string, context.Context) {
	s.t.Helper()
	var id string
	err := s.db.Write(s.t.Context(), func(tx *db.Tx) (err error) {
		id, err = s.users.Add(s.t.Context(), tx, access.User{Name: name, Mail: mail, Grants: access.Everywhere(roles...)})
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return id, access.With(s.t.Context(), s.who(id))
}

func rules() []idp.Rule {
	return []idp.Rule{
		{Claim: "groups", Value: "medical-physics", Role: access.Physicist},
		{Claim: "realm_access.roles", Value: "radiologist", Role: access.Radiologist, Site: "north"},
	}
}

func TestLocal(t *testing.T) {
	for path, want := range map[string]string{
		"/dose/ct?site=a#b":                "/dose/ct?site=a#b",
		"/":                                "/",
		"":                                 "/",
		"dose":                             "/",
		"//evil.example":                   "/",
		"///evil.example":                  "/",
		"/\\evil.example":                  "/",
		"\\\\evil.example":                 "/",
		"https://evil.example":             "/",
		"javascript:alert(1)":              "/",
		"/%2f%2fevil.example":              "/",
		"/%5cevil.example":                 "/",
		"/\t/evil.example":                 "/",
		"/a\r\nSet-Cookie: x=y":            "/",
		"https:evil.example":               "/",
		"/" + strings.Repeat("a", 3000):    "/",
		"/dose?next=https://evil.example/": "/dose?next=https://evil.example/",
	} {
		if got := idp.Local(path); got != want {
			t.Errorf("Local(%.40q) = %q; want %q", path, got, want)
		}
	}
}

func FuzzLocal(f *testing.F) {
	for _, s := range []string{"/a", "//a", "/\\a", "http://a", "/a?b#c", "/%2f/a"} {
		f.Add(s)
	}
	home, err := url.Parse(base + "/sign-in")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := home.Parse(idp.Local(path))
		if err != nil || u.Host != "radagora.example" || u.Scheme != "https" {
			t.Errorf("%q leads to %v, %v", path, u, err)
		}
	})
}

func TestParse(t *testing.T) {
	good := `
providers:
  - name: hospital
    title: Hospital sign-in
    issuer: https://id.hospital.example
    client_id: radagora
    create: true
    rules:
      - {claim: groups, value: physics, role: physicist}
      - {claim: groups, value: "*", role: learner, site: north}
`
	all, err := idp.Parse([]byte(good))
	if err != nil || len(all) != 1 || all[0].Title != "Hospital sign-in" || len(all[0].Rules) != 2 || all[0].Algorithms[0] != "RS256" {
		t.Errorf("Parse = %+v, %v", all, err)
	}
	for name, text := range map[string]string{
		"a secret in the file":       strings.Replace(good, "client_id: radagora", "client_id: radagora\n    client_secret: x", 1),
		"an unknown role":            strings.Replace(good, "physicist", "wizard", 1),
		"the role of machines":       strings.Replace(good, "physicist", "peer", 1),
		"no client":                  strings.Replace(good, "    client_id: radagora\n", "", 1),
		"an issuer that is a file":   strings.Replace(good, "https://id.hospital.example", "file:///etc/passwd", 1),
		"a name with a slash":        strings.Replace(good, "name: hospital", "name: ../x", 1),
		"the algorithm none":         good + "    algorithms: [none]\n",
		"a shared secret":            good + "    algorithms: [HS256]\n",
		"accounts without any rules": "providers: [{name: a, issuer: 'https://a.example', client_id: b, create: true}]",
		"no YAML":                    "{{{",
	} {
		if all, err := idp.Parse([]byte(text)); err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v, %v; want it refused", name, all, err)
		}
	}
	if all, err := idp.Parse(nil); err != nil || len(all) != 0 {
		t.Errorf("an empty file: %v, %v; want no providers", all, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("providers: [{name: a, issuer: 'https://a.example', client_id: b}]"))
	f.Add([]byte("providers:\n  - &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := idp.Parse(text); err != nil && fault.Of(err) != fault.Invalid {
			t.Error(err)
		}
	})
}
