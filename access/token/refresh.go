package token

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

// RefreshGrant is the grant by which an app receives the next access token (RFC 6749
// §6).
const RefreshGrant = "refresh_token"

// How long an app may be away before a person has to let it in again.
const (
	offlineLife = 30 * 24 * time.Hour
	onlineLife  = 12 * time.Hour // at most: it ends with the session
)

// prolong makes what refreshes an access token, "" if the consent has none. However
// often it is refreshed, a consent serves no longer than a token may.
func (r *Register) prolong(ctx context.Context, tx *db.Tx, app App, c consent) (string, error) {
	life := time.Duration(0)
	for _, w := range c.words {
		switch w {
		case OfflineAccess:
			life = offlineLife
		case OnlineAccess:
			life = onlineLife
		}
	}
	now := r.o.Now()
	until := now.Add(life)
	if last := db.FromMillis(c.made).Add(r.o.Longest); until.After(last) {
		until = last
	}
	if life == 0 || !until.After(now) {
		return "", nil
	}
	secret, err := newSecret(prefixFresh, r.o.Rand)
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, `insert into access_refresh (hash, refresh_id, site_id, consent_id, app_id, user_id, made_at, until)
		values ($1, $2, $3, $4, $5, $6, $7, $8)`, hash(secret), db.NewID(), c.site, c.id, app.ID, c.user, db.Millis(now), db.Millis(until))
	return secret, err
}

// errFresh says no more than that a refresh token does not serve.
func errFresh() error {
	return refuse(fault.Invalid, "invalid_grant", "the refresh token is unknown, over, used, or of another app")
}

// Refresh turns a refresh token into an access token and the next refresh token. It
// serves once: one that comes twice was stolen, from the app or by it, and ends all
// that came of the consent (RFC 9700 §4.14.2). The scope of the request may narrow what
// the access token is for, and never widens it.
func (r *Register) Refresh(ctx context.Context, q Request, secret string) (Pass, error) {
	if r.fails.Slow(q.From, r.o.Now()) {
		return Pass{}, refuse(fault.Exhausted, "invalid_client", "too many failures from this address: wait a minute")
	}
	p, err := r.refresh(ctx, q, secret)
	if _, refused := RefusalOf(err); refused {
		r.fails.Failed(q.From, r.o.Now())
	}
	return p, err
}

func (r *Register) refresh(ctx context.Context, q Request, secret string) (Pass, error) {
	app, err := r.authenticateApp(ctx, q)
	if err != nil {
		return Pass{}, err
	}
	if !wellFormed(prefixFresh, secret) {
		return Pass{}, errFresh()
	}
	c, err := r.refreshable(ctx, app, secret)
	if err != nil {
		return Pass{}, err
	}
	scopes, err := narrowed(app, c, q.Scope)
	if err != nil {
		return Pass{}, err
	}
	again := false
	var p Pass
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		again = false
		n, err := tx.Exec(ctx, `update access_refresh set used_at = $2 where hash = $1 and used_at = 0 and ended_at = 0`, hash(secret), db.Millis(r.o.Now()))
		if err != nil {
			return err
		}
		if n == 0 { // somebody was faster with the same one, or it ended meanwhile
			again = true
			return r.endConsent(ctx, tx, c, "refresh token used twice")
		}
		p, err = r.carry(ctx, tx, app, c, scopes)
		return err
	})
	if again {
		r.cache.clear()
		return Pass{}, errFresh()
	}
	if err != nil {
		return Pass{}, fmt.Errorf("refresh: %w", err)
	}
	return r.identified(ctx, app, p)
}

// refreshable returns the consent that a refresh token is of, if it still holds.
func (r *Register) refreshable(ctx context.Context, app App, secret string) (consent, error) {
	var id string
	var until, used, ended int64
	err := r.o.DB.QueryRow(ctx, `select consent_id, until, used_at, ended_at from access_refresh where hash = $1 and app_id = $2`, hash(secret), app.ID).
		Scan(&id, &until, &used, &ended)
	var c consent
	if err == nil {
		c, err = r.consentOf(ctx, r.o.DB, `consent_id = $1`, id)
	}
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return c, errFresh()
	case err != nil:
		return c, err
	case used != 0 && c.ended == 0:
		err := r.o.DB.Write(ctx, func(tx *db.Tx) error { return r.endConsent(ctx, tx, c, "refresh token used twice") })
		r.cache.clear()
		return c, cmpErr(err, errFresh())
	case used != 0, ended != 0, c.ended != 0, db.Millis(r.o.Now()) >= until:
		return c, errFresh()
	}
	may, _ := cutWords(strings.Join(app.Scopes, " "))
	if c.words = both(c.words, may); !slices.Contains(c.words, OfflineAccess) && !slices.Contains(c.words, OnlineAccess) {
		return c, errFresh() // an administrator took that from the app
	}
	_, err = r.o.Users.Who(ctx, c.user)
	if err == nil {
		err = r.stillThere(ctx, c)
	}
	if err != nil && (fault.Of(err) == fault.NotFound || fault.Of(err) == fault.Forbidden) {
		err = errFresh()
	}
	return c, err
}

// stillThere refuses unless the session holds in which somebody let an app in while
// they are signed in.
func (r *Register) stillThere(ctx context.Context, c consent) error {
	if slices.Contains(c.words, OfflineAccess) {
		return nil
	}
	if r.o.Live == nil {
		return errFresh()
	}
	live, err := r.o.Live(ctx, c.user, c.session)
	if err == nil && !live {
		err = errFresh()
	}
	return err
}

// narrowed returns the scopes of the next access token: those of the consent, as far as
// the app may still have them, and no more than were asked for now.
func narrowed(app App, c consent, asked string) ([]Scope, error) {
	if len(asked) > maxRequest {
		return nil, refuse(fault.Invalid, "invalid_scope", "too long")
	}
	scopes := Granted(c.scopes, lenient(strings.Join(app.Scopes, " ")))
	if len(scopes) == 0 && len(c.scopes) > 0 {
		return nil, refuse(fault.Forbidden, "invalid_scope", "this app may have nothing of what it was let any more")
	}
	words, rest := cutWords(asked)
	wanted := lenient(rest)
	if len(words) == 0 && len(wanted) == 0 {
		return scopes, nil
	}
	scopes = Granted(wanted, scopes)
	if len(scopes) == 0 && len(wanted) > 0 {
		return nil, refuse(fault.Forbidden, "invalid_scope", "the person did not let it do that")
	}
	return scopes, nil
}
