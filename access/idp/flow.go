package idp

import (
	"context"
	"crypto/subtle"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// clockSkew is how far a provider's clock may be ahead of ours.
const clockSkew = time.Minute

// maxSubject bounds a subject (OpenID Connect Core 1.0 §2: 255 characters).
const maxSubject = 255

// An Ask is what a sign-in is for.
type Ask struct {
	Return string // path of ours to go to afterwards; anything else means "/"
	Fresh  bool   // the provider shall ask for the password again (prompt=login)
	Link   string // what LinkPass gave the account that is signed in and to be linked; "" to sign in
}

// Begin returns where to send the browser, and a ticket for its cookie, which Finish
// wants back. Cookie returns the cookie's name.
func (p *Providers) Begin(ctx context.Context, name string, a Ask) (address, sealed string, err error) {
	o, err := p.provider(name)
	if err != nil {
		return "", "", err
	}
	d, err := o.discover(ctx)
	if err != nil {
		return "", "", err
	}
	t := ticket{Provider: name, Return: Local(a.Return), Fresh: a.Fresh || a.Link != "", At: p.o.Now().UnixMilli()}
	if a.Link != "" {
		if t.Account, err = p.passed("link", a.Link); err != nil {
			return "", "", err
		}
	}
	for _, field := range []*string{&t.State, &t.Nonce, &t.Verifier} {
		if *field, err = p.secret(32); err != nil {
			return "", "", err
		}
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)}
	if t.Fresh {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	sealed, err = p.write(t)
	return o.oauth(d, p.redirect(name)).AuthCodeURL(t.State, options...), sealed, err
}

// Cookie returns the name of the cookie that holds the ticket of an answer or of an
// address that Begin returned, so that two tabs do not disturb each other. "" if
// there is no state.
func Cookie(query url.Values) string {
	state := query.Get("state")
	if len(state) != 43 || strings.ContainsFunc(state, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) {
		return ""
	}
	return "signin-" + state[:8]
}

// Local returns a path of ours to return to: "/" for whatever might lead elsewhere.
func Local(path string) string {
	u, err := url.Parse(path)
	bad := strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f })
	if err != nil || bad || u.Scheme != "" || u.Host != "" || u.Opaque != "" || u.User != nil || len(path) > 2000 ||
		!strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, "\\") {
		return "/"
	}
	return path
}

// A Signed is who came back from a provider.
type Signed struct {
	Account  string
	Provider string
	Return   string    // where to go
	At       time.Time // when they proved who they are; the zero time if the provider does not tell
	Made     bool      // the account was made now
	Linked   bool      // an account was linked, and nobody signed in

	issuer, subject, sid, token string
}

// Finish takes the query the browser comes back with, and the ticket from its cookie,
// which must be taken back. Forbidden: the answer is not one to what this browser
// asked, not by this provider, or not for somebody who may come in. Unavailable: the
// provider does not answer.
func (p *Providers) Finish(ctx context.Context, name string, query url.Values, sealed string) (Signed, error) {
	o, err := p.provider(name)
	if err != nil {
		return Signed{}, err
	}
	t, err := p.ours(ctx, o, query, sealed)
	if err != nil {
		return Signed{}, err
	}
	d, err := o.discover(ctx)
	if err != nil {
		return Signed{}, err
	}
	if err := o.answered(d, query); err != nil {
		return Signed{}, err
	}
	id, said, raw, err := p.exchange(ctx, o, d, t, query.Get("code"))
	if err != nil {
		return Signed{}, err
	}
	s := Signed{Provider: name, Return: t.Return, issuer: o.c.Issuer, subject: id.Subject, sid: said.text("sid"), token: raw}
	if s.At, err = p.proved(o, t, said); err != nil {
		return Signed{}, err
	}
	if t.Account != "" {
		s.Account, s.Linked = t.Account, true
		return s, p.link(ctx, s, t.Account)
	}
	s.Account, s.Made, err = p.account(ctx, o.c, s, said)
	return s, err
}

// ours returns the ticket of an answer, and sees that it serves once.
func (p *Providers) ours(ctx context.Context, o *provider, query url.Values, sealed string) (ticket, error) {
	t, err := p.read(sealed)
	if err != nil {
		return t, err
	}
	state := query.Get("state")
	if len(query["state"]) != 1 || t.Provider != o.c.Name || subtle.ConstantTimeCompare([]byte(state), []byte(t.State)) != 1 {
		return t, errTicket
	}
	return t, p.once(ctx, time.UnixMilli(t.At).Add(ticketLife+clockSkew), "state", t.State)
}

// once refuses what was used before; what is used is kept until it would be refused
// anyway.
func (p *Providers) once(ctx context.Context, until time.Time, parts ...string) error {
	return p.o.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `delete from access_idp_used where until < $1`, db.Millis(p.o.Now())); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `insert into access_idp_used (hash, site_id, until) values ($1, '', $2) on conflict do nothing`,
			digest(parts...), db.Millis(until))
		if err == nil && n == 0 {
			err = refuse(WhyTicket, "this answer was used before: begin again")
		}
		return err
	})
}

// answered refuses the answer of somebody else, and errors (RFC 9207 §2.4, RFC 6749
// §4.1.2.1).
func (o *provider) answered(d *discovery, query url.Values) error {
	from := query["iss"]
	switch {
	case len(from) > 1, len(from) == 1 && from[0] != o.c.Issuer, len(from) == 0 && d.more.Issuer:
		return refuse(WhyProvider, "the answer is not by identity provider %s", o.c.Name)
	case len(query["error"]) > 0:
		return refuse(WhyDenied, "identity provider %s refused: %s", o.c.Name, word(query.Get("error")))
	case len(query["code"]) != 1 || query.Get("code") == "":
		return refuse(WhyProvider, "the answer of identity provider %s holds no code", o.c.Name)
	}
	return nil
}

// word returns s if it is a code of an error, and nothing otherwise: it comes from
// outside and is shown and logged.
func word(s string) string {
	if len(s) > 60 || strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }) {
		return "for a reason it words badly"
	}
	return s
}

// exchange gives the code for an ID token and returns what it says.
func (p *Providers) exchange(ctx context.Context, o *provider, d *discovery, t ticket, code string) (*oidc.IDToken, claims, string, error) {
	ctx, cancel := context.WithTimeout(o.context(ctx), 20*time.Second)
	defer cancel()
	bad := func(why string, err error) (*oidc.IDToken, claims, string, error) {
		p.o.Log.WarnContext(ctx, "sign-in refused", "provider", o.c.Name, "reason", why)
		if err != nil && fault.Of(err) == fault.Unavailable {
			return nil, nil, "", fault.Errorf(fault.Unavailable, "sign-in: identity provider %s: %s", o.c.Name, why)
		}
		return nil, nil, "", refuse(WhyProvider, "identity provider %s: %s", o.c.Name, why)
	}
	tok, err := o.oauth(d, p.redirect(o.c.Name)).Exchange(ctx, code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return bad("it gives no token for this code", nil)
	}
	raw, ok := tok.Extra("id_token").(string)
	if !ok {
		return bad("its answer holds no ID token", nil)
	}
	id, err := o.verifier(d).Verify(ctx, raw)
	if err != nil {
		return bad("its ID token is not accepted", err)
	}
	var said claims
	if err := id.Claims(&said); err != nil {
		return bad("its ID token cannot be read", nil)
	}
	if why := o.check(id, said, t, p.o.Now()); why != "" {
		return bad(why, nil)
	}
	if id.AccessTokenHash != "" && id.VerifyAccessToken(tok.AccessToken) != nil {
		return bad("ID token and access token do not belong together", nil)
	}
	if !o.c.UserInfo {
		return id, said, raw, nil
	}
	info, err := d.oidc.UserInfo(ctx, oauth2.StaticTokenSource(tok))
	if err != nil {
		return bad("its user info endpoint does not answer", nil)
	}
	if info.Subject != id.Subject {
		return bad("its user info is about somebody else", nil)
	}
	var more claims
	if err := info.Claims(&more); err != nil {
		return bad("its user info cannot be read", nil)
	}
	for name, value := range more {
		if _, has := said[name]; !has {
			said[name] = value // what is signed counts more
		}
	}
	return id, said, raw, nil
}

// check finds what go-oidc does not look at (OpenID Connect Core 1.0 §3.1.3.7).
func (o *provider) check(id *oidc.IDToken, said claims, t ticket, now time.Time) string {
	authorized := said.text("azp")
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(t.Nonce)) != 1:
		return "its ID token answers another question"
	case id.Subject == "" || len(id.Subject) > maxSubject:
		return "its ID token is about nobody"
	case len(id.Audience) > 1 && authorized != o.c.ClientID, authorized != "" && authorized != o.c.ClientID:
		return "its ID token was made for somebody else"
	case id.IssuedAt.After(now.Add(clockSkew)):
		return "its ID token is from the future: compare the clocks"
	}
	return ""
}

// proved returns when they proved who they are. Whoever was to prove it again must
// have done so after this sign-in began.
func (p *Providers) proved(o *provider, t ticket, said claims) (time.Time, error) {
	var at time.Time
	if seconds, ok := said["auth_time"].(float64); ok && seconds > 0 && seconds < 1<<40 {
		at = time.Unix(int64(seconds), 0).UTC()
	}
	now := p.o.Now()
	if at.After(now.Add(clockSkew)) {
		return time.Time{}, refuse(WhyProvider, "identity provider %s: auth_time is in the future: compare the clocks", o.c.Name)
	}
	switch {
	case !t.Fresh, !at.IsZero() && at.After(time.UnixMilli(t.At).Add(-clockSkew)):
		return at, nil
	case at.IsZero() && o.c.TrustPrompt:
		return now, nil
	}
	return time.Time{}, refuse(WhyStale, "identity provider %s did not ask who it is again", o.c.Name)
}

// who asks, as the journal names them.
func actor(ctx context.Context) string {
	if id := access.From(ctx).ID; id != "" {
		return id
	}
	return "system:idp"
}
