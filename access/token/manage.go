package token

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// changeApp does something to an app that has not ended.
func (r *Register) changeApp(ctx context.Context, id, kind string, ending bool, change func(tx *db.Tx, a App) (map[string]any, error)) error {
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		found, err := r.apps(ctx, tx, `where app_id = $1 and ended_at = 0`, id)
		if err == nil && len(found) == 0 {
			err = fault.Errorf(fault.NotFound, "no app %.40q", id)
		}
		if err != nil {
			return err
		}
		err = access.Check(ctx, access.TokenChange, access.Subject{Site: found[0].Site})
		if err != nil && (!ending || access.Need(err) != access.NeedFresh) { // to end something waits for nothing
			return err
		}
		data, err := change(tx, found[0])
		if err != nil {
			return err
		}
		return r.record(ctx, tx, found[0].Site, kind, id, data)
	})
	r.cache.clear()
	if err != nil {
		return fmt.Errorf("app: %w", err)
	}
	return nil
}

// App returns an app, also one that is kept out. NotFound: there is none.
func (r *Register) App(ctx context.Context, id string) (App, error) {
	all, err := r.Apps(ctx)
	if err != nil {
		return App{}, err
	}
	for _, a := range all {
		if a.ID == id {
			return a, nil
		}
	}
	return App{}, fault.Errorf(fault.NotFound, "no app %.40q", id)
}

// ChangeApp changes what an administrator said of an app. How it proves who it is stays,
// unless p has keys or their address: then these. Access tokens that were given under
// the old words end; what refreshes them serves for what is in both.
func (r *Register) ChangeApp(ctx context.Context, id string, p Program) error {
	return r.changeApp(ctx, id, "access.client.changed", false, func(tx *db.Tx, a App) (map[string]any, error) {
		p.Secret = a.Secret
		if p.Keys == "" && p.KeysAt == "" {
			p.Keys, p.KeysAt = a.Keys, a.KeysAt
		} else if p.Secret {
			p.Secret = false // keys take its place
		}
		scopes, err := r.validProgram(p)
		if err != nil {
			return nil, err
		}
		kept := a.secret
		if !p.Secret {
			kept = ""
		}
		_, err = tx.Exec(ctx, `update access_app set name = $2, returns = $3, scopes = $4, jwks = $5, jwks_url = $6, launch_at = $7, secret_hash = $8 where app_id = $1`,
			id, strings.TrimSpace(p.Name), strings.Join(p.Returns, " "), strings.Join(scopes, " "), p.Keys, p.KeysAt, p.Opens, kept)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(scopes, a.Scopes) {
			if _, err := tx.Exec(ctx, `update access_pass set ended_at = $2 where app_id = $1 and ended_at = 0`, id, db.Millis(r.o.Now())); err != nil {
				return nil, err
			}
		}
		return map[string]any{"app": true, "scopes": scopes, "returns": p.Returns, "scopes_before": a.Scopes, "returns_before": a.Returns}, nil
	})
}

// Rotate gives an app that has a secret another one, which is returned this once; the
// old one serves no more. Conflict: it has none.
func (r *Register) Rotate(ctx context.Context, id string) (secret string, err error) {
	err = r.changeApp(ctx, id, "access.client.rotated", false, func(tx *db.Tx, a App) (map[string]any, error) {
		if !a.Secret {
			return nil, fault.Errorf(fault.Conflict, "app %.40q has no secret: give it other keys instead", id)
		}
		var err error
		if secret, err = newSecret(prefixSecret, r.o.Rand); err != nil {
			return nil, err
		}
		_, err = tx.Exec(ctx, `update access_app set secret_hash = $2 where app_id = $1`, id, hash(secret))
		return map[string]any{"app": true}, err
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// Block keeps an app out, with all it carries, or lets it in again.
func (r *Register) Block(ctx context.Context, id string, out bool) error {
	kind, at := "access.client.let", int64(0)
	if out {
		kind, at = "access.client.blocked", db.Millis(r.o.Now())
	}
	return r.changeApp(ctx, id, kind, out, func(tx *db.Tx, _ App) (map[string]any, error) {
		_, err := tx.Exec(ctx, `update access_app set blocked_at = $2 where app_id = $1`, id, at)
		return map[string]any{"app": true}, err
	})
}

// An Allowed is an app that somebody let act for them, and that still may.
type Allowed struct {
	App     App
	Account string    // who let it
	Scope   string    // of all that they let it, once each
	Since   time.Time // when they first said so
	Until   time.Time // when it has to ask again at the latest
	Used    time.Time // when it last received an access token for them
	Patient bool      // for single patients only
	Away    bool      // also while they are away
}

// Allows returns the apps that an account let act for it, the latest first: one's own,
// or those of anybody for who may read accounts.
func (r *Register) Allows(ctx context.Context, account string) ([]Allowed, error) {
	if account != access.From(ctx).ID {
		if err := access.Check(ctx, access.UserRead, access.Subject{}); err != nil {
			return nil, err
		}
	}
	return r.allowed(ctx, `c.user_id`, account)
}

// AllowedTo returns who let an app act for them, the latest first, for who may read
// accounts.
func (r *Register) AllowedTo(ctx context.Context, app string) ([]Allowed, error) {
	if err := access.Check(ctx, access.UserRead, access.Subject{}); err != nil {
		return nil, err
	}
	return r.allowed(ctx, `c.app_id`, app)
}

// allowed returns what still holds of what people let apps do, where a column says so: one
// of each account and app.
func (r *Register) allowed(ctx context.Context, column, is string) ([]Allowed, error) {
	now := db.Millis(r.o.Now())
	type part struct {
		app, user, scopes, words, person string
		since, until, used               int64
	}
	parts, err := db.List(ctx, r.o.DB, func(rows *db.Rows) (p part, err error) {
		err = rows.Scan(&p.app, &p.user, &p.scopes, &p.words, &p.person, &p.since, &p.until, &p.used)
		return p, err
	}, `select c.app_id, c.user_id, c.scopes, c.words, c.person, c.made_at, t.until, t.used
		from access_consent c join (
			select consent_id, max(until) as until, max(made_at) as used from (
				select consent_id, until, made_at from access_pass where ended_at = 0 and until > $2
				union all select consent_id, until, made_at from access_refresh where ended_at = 0 and used_at = 0 and until > $2
			) b group by consent_id
		) t on t.consent_id = c.consent_id
		where `+column+` = $1 and c.ended_at = 0 order by c.made_at desc, c.consent_id`, is, now)
	if err != nil {
		return nil, err
	}
	apps, err := r.apps(ctx, r.o.DB, `where ended_at = 0`)
	if err != nil {
		return nil, err
	}
	var all []Allowed
	for _, p := range parts {
		i := slices.IndexFunc(all, func(a Allowed) bool { return a.App.ID == p.app && a.Account == p.user })
		if i < 0 {
			at := slices.IndexFunc(apps, func(a App) bool { return a.ID == p.app })
			if at < 0 {
				continue
			}
			all, i = append(all, Allowed{App: apps[at], Account: p.user, Since: db.FromMillis(p.since), Patient: true}), len(all)
		}
		a := &all[i]
		for w := range strings.FieldsSeq(p.words + " " + p.scopes) {
			if !slices.Contains(strings.Fields(a.Scope), w) {
				a.Scope = strings.TrimSpace(a.Scope + " " + w)
			}
		}
		a.Patient = a.Patient && p.person != ""
		a.Away = a.Away || slices.Contains(strings.Fields(p.words), OfflineAccess)
		a.Since = earlier(a.Since, db.FromMillis(p.since))
		a.Until, a.Used = later(a.Until, db.FromMillis(p.until)), later(a.Used, db.FromMillis(p.used))
	}
	return all, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Take takes back what an account let an app do: one's own, or anybody's for who may
// change tokens. NotFound: the account let it do nothing.
func (r *Register) Take(ctx context.Context, account, app string) error {
	if account != access.From(ctx).ID {
		if err := access.Check(ctx, access.TokenChange, access.Subject{}); err != nil && access.Need(err) != access.NeedFresh {
			return err
		}
	}
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		ids, err := db.List(ctx, tx, func(rows *db.Rows) (id string, err error) { return id, rows.Scan(&id) },
			`select consent_id from access_consent where user_id = $1 and app_id = $2 and ended_at = 0`, account, app)
		if err == nil && len(ids) == 0 {
			err = fault.Errorf(fault.NotFound, "this app was let do nothing")
		}
		if err != nil {
			return err
		}
		for _, id := range ids {
			c, err := r.consentOf(ctx, tx, `consent_id = $1`, id)
			if err == nil {
				err = r.endConsent(ctx, tx, c, "taken back")
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	r.cache.clear()
	if err != nil {
		return fmt.Errorf("take back: %w", err)
	}
	return nil
}
