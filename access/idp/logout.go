package idp

import (
	"context"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"radagora/db"
	"radagora/fault"
)

// maxHint bounds the ID token that is kept for signing out.
const maxHint = 8 << 10

// Began notes that a session began with a sign-in, so that the provider can end it.
func (p *Providers) Began(ctx context.Context, session string, s Signed) error {
	var hint []byte
	if len(s.token) <= maxHint {
		sealed, err := p.seal("hint", []byte(s.token))
		if err != nil {
			return err
		}
		hint = sealed
	}
	return p.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into access_idp_session (session_id, site_id, provider, issuer, subject, sid, hint, begun_at, user_id)
			values ($1, '', $2, $3, $4, $5, $6, $7, $8) on conflict (session_id) do nothing`,
			session, s.Provider, s.issuer, s.subject, s.sid, hint, db.Millis(p.o.Now()), s.Account)
		return err
	})
}

// Leave is called when a session ends here. If it began at a provider that can be told,
// it returns the provider's name and a pass with which Out goes there.
func (p *Providers) Leave(ctx context.Context, session string) (name, pass string, err error) {
	err = p.o.DB.QueryRow(ctx, `select provider from access_idp_session where session_id = $1`, session).Scan(&name)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return "", "", nil
	case err != nil:
		return "", "", err
	}
	o, err := p.provider(name)
	if err != nil {
		return "", "", nil //nolint:nilerr // it was taken out of the settings
	}
	if d, err := o.discover(ctx); err != nil || d.more.EndSession == "" {
		return "", "", nil //nolint:nilerr // signing out here does not wait for it
	}
	pass, err = p.pass("out", session)
	return name, pass, err
}

// Out returns where to send the browser with a pass of Leave; "" if the session is
// forgotten.
func (p *Providers) Out(ctx context.Context, pass string) (string, error) {
	session, err := p.passed("out", pass)
	if err != nil {
		return "", err
	}
	return p.Logout(ctx, session)
}

// Logout forgets a session that ends here and returns where to send the browser so
// that it ends at the provider too; "" if the session did not begin at one, or its
// provider has no such address.
func (p *Providers) Logout(ctx context.Context, session string) (string, error) {
	var name string
	var hint []byte
	err := p.o.DB.QueryRow(ctx, `select provider, hint from access_idp_session where session_id = $1`, session).Scan(&name, &hint)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return "", nil
	case err != nil:
		return "", err
	}
	if err := p.forget(ctx, `session_id = $1`, session); err != nil {
		return "", err
	}
	o, err := p.provider(name)
	if err != nil {
		return "", nil //nolint:nilerr // it was taken out of the settings: the session ends here alone
	}
	d, err := o.discover(ctx)
	if err != nil || d.more.EndSession == "" {
		return "", nil //nolint:nilerr // signing out here does not wait for a provider that is down
	}
	u, err := url.Parse(d.more.EndSession)
	if err != nil {
		return "", nil //nolint:nilerr // seen to by discover
	}
	q := u.Query()
	q.Set("client_id", o.c.ClientID)
	q.Set("post_logout_redirect_uri", p.o.Base+"/")
	if token, err := p.unseal("hint", hint); err == nil {
		q.Set("id_token_hint", string(token))
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// An End ends a session of an account.
type End func(ctx context.Context, account, session string) error

// BackChannel takes a provider's word that sessions are over and has end end each of
// ours. Invalid: it is no logout token of this provider for us, or was used.
func (p *Providers) BackChannel(ctx context.Context, name, token string, end End) error {
	o, err := p.provider(name)
	if err != nil {
		return err
	}
	out, err := p.logoutToken(ctx, o, token)
	if err != nil {
		return err
	}
	where, args := `issuer = $1 and subject = $2 and sid = $3`, []any{o.c.Issuer, out.Subject, out.SessionID}
	switch {
	case out.SessionID == "":
		where, args = `issuer = $1 and subject = $2`, args[:2]
	case out.Subject == "":
		where, args = `issuer = $1 and sid = $2`, []any{o.c.Issuer, out.SessionID}
	}
	over, err := db.List(ctx, p.o.DB, func(r *db.Rows) (s [2]string, err error) { return s, r.Scan(&s[0], &s[1]) },
		`select user_id, session_id from access_idp_session where `+where, args...)
	if err != nil {
		return err
	}
	for _, s := range over {
		if err := end(ctx, s[0], s[1]); err != nil && fault.Of(err) != fault.NotFound {
			return err // the provider tries again: the token was not used up
		}
	}
	if err := p.once(ctx, out.Expiry.Add(clockSkew), "logout", o.c.Issuer, out.TokenID); err != nil {
		return err
	}
	return p.forget(ctx, where, args...)
}

// logoutToken checks a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6).
func (p *Providers) logoutToken(ctx context.Context, o *provider, token string) (*oidc.LogoutToken, error) {
	d, err := o.discover(ctx)
	if err != nil {
		return nil, err
	}
	out, err := o.verifier(d).VerifyLogout(ctx, token)
	if err != nil && fault.Of(err) == fault.Unavailable {
		return nil, err
	}
	now := p.o.Now()
	if err != nil || out.Expiry.After(now.Add(time.Hour)) || out.IssuedAt.After(now.Add(clockSkew)) || now.Sub(out.IssuedAt) > time.Hour {
		return nil, fault.Errorf(fault.Invalid, "logout token: not one of identity provider %s for us", o.c.Name)
	}
	var n int
	err = p.o.DB.QueryRow(ctx, `select count(*) from access_idp_used where hash = $1`, digest("logout", o.c.Issuer, out.TokenID)).Scan(&n)
	if err == nil && n > 0 {
		err = fault.Errorf(fault.Invalid, "logout token: it was used")
	}
	return out, err
}

// forget removes sessions.
func (p *Providers) forget(ctx context.Context, where string, args ...any) error {
	return p.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `delete from access_idp_session where `+where, args...)
		return err
	})
}

// Sweep forgets what is over: what was used, and sessions older than life.
func (p *Providers) Sweep(ctx context.Context, life time.Duration) error {
	return p.o.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `delete from access_idp_used where until < $1`, db.Millis(p.o.Now())); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `delete from access_idp_session where begun_at < $1`, db.Millis(p.o.Now().Add(-life)))
		return err
	})
}
