package idp_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/access/idp"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
)

// issuer starts a real identity provider and returns its address.
func issuer(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "issuer")
	build := exec.CommandContext(t.Context(), "go", "-C", filepath.Join(root, "tools", "issuer"), "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("the identity provider of tools/issuer cannot be built: %v: %.300s", err, out)
	}
	run := exec.CommandContext(context.WithoutCancel(t.Context()), program, "-return", base+"/sign-in/idp/hospital/return", "-out", base+"/")
	run.Stderr = io.Discard
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = run.Process.Kill()
		_ = run.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

var hidden = regexp.MustCompile(`name="id" value="([^"]*)"`)

// A browser goes where it is sent until it is sent to us.
type browser struct{ *http.Client }

var errOurs = errors.New("back at our pages")

func newBrowser(t *testing.T) browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return browser{&http.Client{Jar: jar, Timeout: 10 * time.Second, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), base) {
			return errOurs
		}
		return nil
	}}}
}

// get follows an address and returns the page, or the query with which we were called.
func (b browser) do(t *testing.T, resp *http.Response, err error) (page string, query url.Values) {
	t.Helper()
	var wrapped *url.Error
	if errors.As(err, &wrapped) && errors.Is(wrapped.Err, errOurs) {
		u, err := url.Parse(wrapped.URL)
		if err != nil {
			t.Fatal(err)
		}
		return "", u.Query()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), nil
}

// signIn fills in the provider's form and returns what comes back to us.
func (b browser) signIn(t *testing.T, address, user, password string) url.Values {
	t.Helper()
	resp, err := b.Get(address)
	page, query := b.do(t, resp, err)
	if query != nil {
		return query
	}
	id := hidden.FindStringSubmatch(page)
	if id == nil {
		t.Fatalf("no form to sign in with: %.500s", page)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Path, u.RawQuery = "/login/username", ""
	resp, err = b.PostForm(u.String(), url.Values{"id": {id[1]}, "username": {user}, "password": {password}})
	page, query = b.do(t, resp, err)
	if query == nil {
		t.Logf("the provider says: %.200s", page)
	}
	return query
}

// TestRealIssuer goes the whole way with a real provider: discovery, form, code,
// token, user info, roles, second visit, proof anew, signing out.
func TestRealIssuer(t *testing.T) {
	address := issuer(t)
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		c := idp.Config{
			Name: "hospital", Issuer: address, ClientID: "radagora", Create: true, UserInfo: true, Rules: rules(),
		}
		s := newStage(t, d, http.DefaultClient, "secret", c)
		state, err := s.idp.State(t.Context(), "hospital")
		if err != nil || !state.Reached || state.Keys == 0 || !state.PKCE || !state.SignOut {
			t.Fatalf("State = %+v, %v", state, err)
		}
		visit := func(ask idp.Ask, ctx context.Context, user string) (idp.Signed, error) {
			t.Helper()
			to, ticket, err := s.idp.Begin(ctx, "hospital", ask)
			if err != nil {
				t.Fatal(err)
			}
			query := newBrowser(t).signIn(t, to, user, "verysecure")
			if idp.Cookie(query) == "" {
				t.Fatalf("no state in %v", query)
			}
			return s.idp.Finish(ctx, "hospital", query, ticket)
		}
		physicist := "test-user@127.0.0.1"
		first, err := visit(idp.Ask{Return: "/dose/ct"}, t.Context(), physicist)
		if err != nil {
			t.Fatal(err)
		}
		if !first.Made || first.Return != "/dose/ct" || first.At.IsZero() || s.now().Sub(first.At) > time.Minute {
			t.Errorf("Finish = %+v", first)
		}
		want := access.Who{ID: first.Account, Name: "Test User", Grants: access.Everywhere(access.Physicist)}
		if diff := cmp.Diff(want, s.who(first.Account)); diff != "" {
			t.Errorf("account (-want +got):\n%s", diff)
		}
		again, err := visit(idp.Ask{Fresh: true}, t.Context(), physicist)
		if err != nil || again.Account != first.Account || again.Made {
			t.Errorf("the second time: %+v, %v", again, err)
		}
		if _, err := visit(idp.Ask{}, t.Context(), "test-user2"); fault.Of(err) != fault.Forbidden {
			t.Errorf("somebody without a role: %v; want forbidden", err)
		}
		local, ctx := s.user("Local physicist", "", access.Physicist)
		if _, err := visit(idp.Ask{Link: s.pass(local)}, ctx, "test-user2"); err != nil {
			t.Fatal(err)
		}
		if linked, err := visit(idp.Ask{}, t.Context(), "test-user2"); err != nil || linked.Account != local || linked.Made {
			t.Errorf("after linking: %+v, %v", linked, err)
		}
		if err := s.idp.Began(t.Context(), "session-1", again); err != nil {
			t.Fatal(err)
		}
		name, pass, err := s.idp.Leave(t.Context(), "session-1")
		if err != nil || name != "hospital" {
			t.Fatalf("Leave = %q, %v", name, err)
		}
		to, err := s.idp.Out(t.Context(), pass)
		if err != nil || !strings.HasPrefix(to, address) {
			t.Fatalf("Out = %q, %v", to, err)
		}
		b := newBrowser(t)
		resp, err := b.Get(to)
		if page, query := b.do(t, resp, err); query == nil {
			t.Errorf("the provider does not send the browser back after signing out: %.200s", page)
		}
		if to, err := s.idp.Logout(t.Context(), "session-1"); err != nil || to != "" {
			t.Errorf("Logout again = %q, %v; want nothing", to, err)
		}
	})
}

// TestRealIssuerRefuses shows that a real provider holds us to PKCE and to our secret.
func TestRealIssuerRefuses(t *testing.T) {
	address := issuer(t)
	s := newStage(t, dbtest.Open(t, dbtest.SQLite(t)), http.DefaultClient, "not the secret", idp.Config{
		Name: "hospital", Issuer: address, ClientID: "radagora", Create: true, UserInfo: true, Rules: rules(),
	})
	to, ticket, err := s.idp.Begin(t.Context(), "hospital", idp.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	query := newBrowser(t).signIn(t, to, "test-user@127.0.0.1", "verysecure")
	if _, err := s.idp.Finish(t.Context(), "hospital", query, ticket); fault.Of(err) != fault.Forbidden {
		t.Errorf("with a wrong client secret: %v; want forbidden", err)
	}
	if query := newBrowser(t).signIn(t, to, "test-user@127.0.0.1", "wrong"); query != nil {
		t.Errorf("with a wrong password: %v", query)
	}
}
