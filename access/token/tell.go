package token

import (
	"context"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

// An Introspection is what is told of a token (RFC 7662 §2.2).
type Introspection struct {
	Active  bool
	Client  string
	Subject string // account in whose name it is
	Scope   string
	Type    string // access_token or refresh_token
	Patient string // in context
	Study   string // likewise
	User    string // address of the resource that stands for the account, if the app asked for it
	Issued  time.Time
	Expires time.Time
}

// Tell tells whoever proves who they are, a machine or a confidential app, of a token of
// their own; of all others, and of what is no token, only that it is not active.
func (r *Register) Tell(ctx context.Context, q Request, secret string) (Introspection, error) {
	app, isApp, err := r.asker(ctx, q)
	if err != nil {
		return Introspection{}, err
	}
	if isApp {
		return r.tellApp(ctx, app, secret)
	}
	c, err := r.Authenticate(ctx, q)
	if err != nil {
		return Introspection{}, err
	}
	return r.Introspect(ctx, c, secret)
}

// asker returns the app that asks, if it is one. A public app is refused: it proves
// nothing, and what it carries is its own to know.
func (r *Register) asker(ctx context.Context, q Request) (App, bool, error) {
	id := q.ClientID
	if q.Assertion != "" {
		id, _ = unverified(q.Assertion) // what is none is refused below
	}
	app, err := r.app(ctx, id)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return App{}, false, nil
	case err != nil:
		return App{}, false, err
	case app.Public():
		return App{}, false, errClient("a public client cannot prove that it may ask")
	}
	if r.fails.Slow(q.From, r.o.Now()) {
		return App{}, false, refuse(fault.Exhausted, "invalid_client", "too many failures from this address: wait a minute")
	}
	app, err = r.authenticateApp(ctx, q)
	if _, refused := RefusalOf(err); refused {
		r.fails.Failed(q.From, r.o.Now())
	}
	return app, true, err
}

// tellApp tells an app of a token of its own.
func (r *Register) tellApp(ctx context.Context, app App, secret string) (Introspection, error) {
	i := Introspection{Type: "access_token"}
	query := `select consent_id, scopes, made_at, until, ended_at from access_pass where hash = $1 and app_id = $2`
	switch {
	case wellFormed(prefixFresh, secret):
		i.Type = RefreshGrant
		query = `select consent_id, '', made_at, until, ended_at + used_at from access_refresh where hash = $1 and app_id = $2`
	case !wellFormed(prefixPass, secret):
		return Introspection{}, nil
	}
	var id, scopes string
	var made, until, ended int64
	err := r.o.DB.QueryRow(ctx, query, hash(secret), app.ID).Scan(&id, &scopes, &made, &until, &ended)
	var c consent
	if err == nil {
		c, err = r.consentOf(ctx, r.o.DB, `consent_id = $1`, id)
	}
	if err == nil {
		_, err = r.o.Users.Who(ctx, c.user)
	}
	switch kind := fault.Of(err); {
	case err != nil && (kind == fault.NotFound || kind == fault.Forbidden):
		return Introspection{}, nil
	case err != nil:
		return Introspection{}, err
	case ended != 0, c.ended != 0, db.Millis(r.o.Now()) >= until:
		return Introspection{}, nil
	}
	if i.Type == RefreshGrant {
		scopes = texts(c.scopes)
	}
	if slices.Contains(c.words, FHIRUser) {
		if i.User, err = r.FHIRUser(ctx, c.user); err != nil {
			return Introspection{}, err
		}
	}
	i.Active, i.Client, i.Subject, i.Patient, i.Study = true, app.ID, c.user, c.person, c.study
	i.Scope = strings.TrimSpace(strings.Join(c.words, " ") + " " + scopes)
	i.Issued, i.Expires = db.FromMillis(made), db.FromMillis(until)
	return i, nil
}

// Introspect tells a machine of an access token of its own; of all others, and of what
// is no token, only that it is not active.
func (r *Register) Introspect(ctx context.Context, c Client, secret string) (Introspection, error) {
	if !wellFormed(prefixBearer, secret) {
		return Introspection{}, nil
	}
	i := Introspection{Type: "access_token"}
	var made, until, ended int64
	err := r.o.DB.QueryRow(ctx, `select client_id, scopes, made_at, until, ended_at from access_bearer where hash = $1`, hash(secret)).
		Scan(&i.Client, &i.Scope, &made, &until, &ended)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return Introspection{}, nil
	case err != nil:
		return Introspection{}, err
	case i.Client != c.ID || ended != 0 || db.Millis(r.o.Now()) >= until:
		return Introspection{}, nil
	}
	i.Active, i.Subject, i.Issued, i.Expires = true, i.Client, db.FromMillis(made), db.FromMillis(until)
	return i, nil
}

// End ends a token of whoever asks (RFC 7009): of an app an access token alone, and with
// a refresh token all that came of the consent. What is none of theirs is left alone,
// without telling (§2.2).
func (r *Register) End(ctx context.Context, q Request, secret string) error {
	if wellFormed(prefixBearer, secret) {
		c, err := r.Authenticate(ctx, q)
		if err != nil {
			return err
		}
		return r.Withdraw(ctx, c, secret)
	}
	app, err := r.authenticateApp(ctx, q)
	if err != nil && q.Assertion != "" && !wellFormed(prefixPass, secret) && !wellFormed(prefixFresh, secret) {
		_, err = r.Authenticate(ctx, q) // a machine that hands in what is no token
		return err
	}
	if err != nil {
		return err
	}
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if wellFormed(prefixPass, secret) {
			_, err := tx.Exec(ctx, `update access_pass set ended_at = $3 where hash = $1 and app_id = $2 and ended_at = 0`, hash(secret), app.ID, db.Millis(r.o.Now()))
			return err
		}
		c, err := r.consentOf(ctx, tx, `consent_id in (select consent_id from access_refresh where hash = $1 and app_id = $2)`, hash(secret), app.ID)
		switch {
		case err != nil && fault.Of(err) == fault.NotFound:
			return nil
		case err != nil || c.ended != 0:
			return err
		}
		return r.endConsent(ctx, tx, c, "handed back by the app")
	})
	r.cache.clear()
	return err
}
