package idp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"radagora/access/keyset"
	"radagora/fault"
)

// How long a discovery document holds, and how soon one that failed is asked for again.
const (
	discoveryLife  = time.Hour
	discoveryAgain = 10 * time.Second
	maxAnswer      = 1 << 20 // bytes of any answer of a provider
)

// A provider is one identity provider.
type provider struct {
	c      Config
	secret string
	http   *http.Client
	now    func() time.Time

	mu    sync.Mutex
	found *discovery
	tried time.Time
	err   error
}

// A discovery is what a provider says of itself.
type discovery struct {
	oidc *oidc.Provider
	keys *keyset.Remote
	at   time.Time
	more document
}

// document is what go-oidc does not keep of a discovery document.
type document struct {
	Keys       string   `json:"jwks_uri"`
	EndSession string   `json:"end_session_endpoint"`
	Issuer     bool     `json:"authorization_response_iss_parameter_supported"`
	Algorithms []string `json:"id_token_signing_alg_values_supported"`
	Methods    []string `json:"code_challenge_methods_supported"`
	BackOut    bool     `json:"backchannel_logout_supported"`
	Proofs     []string `json:"token_endpoint_auth_methods_supported"`
}

// open makes a provider from its description.
func (p *Providers) open(c Config) (*provider, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	one := &provider{c: c, now: p.o.Now, http: bounded(p.o.HTTP)}
	if p.o.Secret == nil {
		return one, nil
	}
	secret, err := p.o.Secret(c.Name)
	if err != nil {
		return nil, fault.Errorf(fault.Of(err), "identity provider %s: client secret: %w", c.Name, err)
	}
	one.secret = secret
	return one, nil
}

// bounded returns a client whose answers end after maxAnswer bytes and which follows
// no redirects: no endpoint of a provider redirects us.
func bounded(c *http.Client) *http.Client {
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	return &http.Client{
		Transport: limit{next}, Timeout: max(c.Timeout, 10*time.Second),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type limit struct{ next http.RoundTripper }

// RoundTrip bounds the body of an answer.
func (l limit) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}

// context returns a context in which go-oidc and oauth2 use our client.
func (o *provider) context(ctx context.Context) context.Context {
	return context.WithValue(oidc.ClientContext(ctx, o.http), oauth2.HTTPClient, o.http)
}

// discover returns what the provider says of itself. While it does not answer, what
// it said before goes on serving.
func (o *provider) discover(ctx context.Context) (*discovery, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	since := o.now().Sub(o.tried)
	fresh := o.found != nil && since < discoveryLife && since >= 0
	waits := o.err != nil && since < discoveryAgain && since >= 0
	if (!fresh || o.err != nil) && !waits {
		o.tried = o.now()
		var d *discovery
		if d, o.err = o.ask(ctx); o.err == nil {
			if o.found != nil && o.found.keys.URL == d.keys.URL {
				d.keys = o.found.keys // what was fetched, and when, stays known
			}
			o.found = d
		}
	}
	if o.found == nil {
		return nil, o.err
	}
	return o.found, nil
}

// ask fetches the discovery document.
func (o *provider) ask(ctx context.Context) (*discovery, error) {
	ctx, cancel := context.WithTimeout(o.context(context.WithoutCancel(ctx)), 10*time.Second)
	defer cancel()
	found, err := oidc.NewProvider(ctx, o.c.Issuer)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "identity provider %s: its discovery document: %w", o.c.Name, quiet(err))
	}
	d := &discovery{oidc: found, at: o.tried}
	if err := found.Claims(&d.more); err != nil {
		return nil, fault.Errorf(fault.Unavailable, "identity provider %s: its discovery document cannot be read", o.c.Name)
	}
	endpoint := found.Endpoint()
	secure := strings.HasPrefix(o.c.Issuer, "https://")
	for _, address := range []string{endpoint.AuthURL, endpoint.TokenURL, d.more.Keys} {
		if !proper(address, secure) {
			return nil, fault.Errorf(fault.Unavailable, "identity provider %s: an endpoint in its discovery document is no address it may have", o.c.Name)
		}
	}
	if d.more.EndSession != "" && !proper(d.more.EndSession, secure) {
		d.more.EndSession = ""
	}
	d.keys = &keyset.Remote{URL: d.more.Keys, HTTP: o.http, Now: o.now}
	return d, nil
}

// proper reports whether an address may be an endpoint.
func proper(address string, secure bool) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http" && !secure)
}

// quiet takes the address, which net/http quotes, out of an error.
func quiet(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// signature checks with the provider's keys; go-oidc asks it.
type signature struct {
	keys       keyset.Keys
	algorithms []string
}

// VerifySignature implements oidc.KeySet.
func (s signature) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	return keyset.Verify(ctx, s.keys, s.algorithms, token)
}

// algorithms are those we take and the provider says it uses.
func (o *provider) algorithms(d *discovery) []string {
	if len(d.more.Algorithms) == 0 {
		return o.c.Algorithms
	}
	return slices.DeleteFunc(slices.Clone(o.c.Algorithms), func(a string) bool { return !slices.Contains(d.more.Algorithms, a) })
}

// verifier checks tokens of the provider.
func (o *provider) verifier(d *discovery) *oidc.IDTokenVerifier {
	algorithms := o.algorithms(d)
	if len(algorithms) == 0 {
		algorithms = o.c.Algorithms // none in common: nothing will fit
	}
	return oidc.NewVerifier(o.c.Issuer, signature{d.keys, algorithms}, &oidc.Config{
		ClientID: o.c.ClientID, SupportedSigningAlgs: algorithms, Now: o.now,
	})
}

// oauth returns what golang.org/x/oauth2 needs.
func (o *provider) oauth(d *discovery, redirect string) *oauth2.Config {
	endpoint := d.oidc.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader // one way only: a code that is tried twice is withdrawn
	if o.secret == "" || len(d.more.Proofs) > 0 && !slices.Contains(d.more.Proofs, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: o.c.ClientID, ClientSecret: o.secret, Endpoint: endpoint, RedirectURL: redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, o.c.Scopes...),
	}
}

// A State is how a provider is, for people who look after it.
type State struct {
	Config
	Reached    bool
	Why        string // it was not reached
	At         time.Time
	Keys       int
	Algorithms []string // in which its tokens may be signed
	PKCE       bool     // it says that it checks S256
	SignOut    bool     // it can be told that somebody signs out
	BackOut    bool     // it tells us
	HasSecret  bool
}

// Try asks a provider anew, at most every ten seconds, and tells what came.
func (p *Providers) Try(ctx context.Context, name string) (State, error) {
	o, err := p.provider(name)
	if err != nil {
		return State{}, err
	}
	o.mu.Lock()
	if since := o.now().Sub(o.tried); since > discoveryAgain || since < 0 {
		o.tried = time.Time{}
	}
	o.mu.Unlock()
	return p.State(ctx, name)
}

// State asks a provider for its discovery document and keys, and tells what came.
func (p *Providers) State(ctx context.Context, name string) (State, error) {
	o, err := p.provider(name)
	if err != nil {
		return State{}, err
	}
	s := State{Config: o.c, HasSecret: o.secret != ""}
	d, err := o.discover(ctx)
	if err != nil {
		s.Why = err.Error()
		return s, nil
	}
	s.At, s.Algorithms = d.at, o.algorithms(d)
	s.PKCE, s.SignOut, s.BackOut = slices.Contains(d.more.Methods, "S256"), d.more.EndSession != "", d.more.BackOut
	keys, err := d.keys.Find(ctx, "")
	if err != nil {
		s.Why = err.Error()
		return s, nil
	}
	s.Keys, s.Reached = len(keys), true
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		s.Reached, s.Why = false, o.err.Error()
	}
	return s, nil
}
