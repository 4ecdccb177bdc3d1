package token

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/access/keyset"
	"radagora/db"
	"radagora/fault"
)

// An App is a program that acts for people who let it (SMART App Launch 2.2.0).
type App struct {
	ID      string // client_id
	Site    string // where it acts; "" means every site of whoever lets it
	Name    string
	Returns []string // redirect URIs, one of which it gives as it stands here
	Scopes  []string // SMART scopes it may ask for: words, and those of patient/ and user/
	Keys    string   // its key set, or
	KeysAt  string   // its address, or
	Secret  bool     // it has a secret; nothing of these for a public client
	Opens   string   // where it is opened from a study; "" if it cannot be
	MadeBy  string
	Made    time.Time
	Used    time.Time // when it last received an access token
	Blocked time.Time // the zero time unless it is kept out for now
	Ended   time.Time

	secret string // hash
}

// Public reports whether the app proves nothing of itself: PKCE alone shows that who
// began is who goes on.
func (a App) Public() bool { return a.Keys == "" && a.KeysAt == "" && !a.Secret }

// A Program is what an administrator says of an app.
type Program struct {
	Name    string
	Site    string
	Returns []string
	Scopes  string // between spaces
	Keys    string // JSON Web Key Set, or
	KeysAt  string // its address, or
	Secret  bool   // a secret is made for it; nothing of these for a public client
	Opens   string // where it is opened from a study; "" if it cannot be
}

// AddApp registers an app. Its secret, if it is to have one, is returned once and kept
// nowhere. Invalid: something of it cannot be.
func (r *Register) AddApp(ctx context.Context, p Program) (a App, secret string, err error) {
	if err := access.Check(ctx, access.TokenChange, access.Subject{Site: p.Site}); err != nil {
		return App{}, "", err
	}
	scopes, err := r.validProgram(p)
	if err != nil {
		return App{}, "", err
	}
	kept := ""
	if p.Secret {
		if secret, err = newSecret(prefixSecret, r.o.Rand); err != nil {
			return App{}, "", err
		}
		kept = hash(secret)
	}
	a = App{
		ID: db.NewID(), Site: p.Site, Name: strings.TrimSpace(p.Name), Returns: p.Returns, Scopes: scopes, Keys: p.Keys, KeysAt: p.KeysAt, Secret: p.Secret, Opens: p.Opens,
		MadeBy: access.From(ctx).ID, Made: r.o.Now(),
	}
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into access_app (app_id, site_id, name, returns, scopes, jwks_url, jwks, made_by, made_at, secret_hash, launch_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, a.ID, a.Site, a.Name, strings.Join(a.Returns, " "), strings.Join(a.Scopes, " "),
			a.KeysAt, a.Keys, a.MadeBy, db.Millis(a.Made), kept, a.Opens)
		if err != nil {
			return err
		}
		return r.record(ctx, tx, a.Site, "access.client.made", a.ID, map[string]any{"app": true, "scopes": a.Scopes, "returns": a.Returns, "public": a.Public()})
	})
	if err != nil {
		return App{}, "", fmt.Errorf("add app: %w", err)
	}
	return a, secret, nil
}

// validProgram reports what is wrong with an app, and returns its scopes.
func (r *Register) validProgram(p Program) ([]string, error) {
	if name := strings.TrimSpace(p.Name); name == "" || len(name) > maxName {
		return nil, fault.Errorf(fault.Invalid, "app: a name has 1 to %d bytes", maxName)
	}
	if len(p.Returns) == 0 || len(p.Returns) > 10 {
		return nil, fault.Errorf(fault.Invalid, "app: it needs 1 to 10 addresses to return to")
	}
	for _, to := range p.Returns {
		if err := validReturn(to); err != nil {
			return nil, err
		}
	}
	if p.Opens != "" {
		if err := validReturn(p.Opens); err != nil {
			return nil, err
		}
	}
	known, rest := cutWords(p.Scopes)
	scopes, err := ParseScopes(rest)
	if err != nil {
		return nil, err
	}
	if len(known)+len(scopes) == 0 || len(scopes) > maxScopes {
		return nil, fault.Errorf(fault.Invalid, "app: it needs 1 to %d scopes", maxScopes)
	}
	launched := slices.Contains(known, LaunchPatient) || slices.Contains(known, Launch)
	all := known
	for _, s := range scopes {
		switch {
		case s.Level == LevelSystem:
			return nil, fault.Errorf(fault.Invalid, "app: an app has scopes that begin with patient/ or user/")
		case s.Level == LevelPatient && !launched:
			return nil, fault.Errorf(fault.Invalid, "app: with patient/ goes launch/patient or launch: somebody has to say which patient")
		}
		all = append(all, s.String())
	}
	switch {
	case len(scopes) == 0 && !slices.Contains(known, OpenID):
		return nil, fault.Errorf(fault.Invalid, "app: these scopes stand for nothing by themselves: add openid, or one of patient/ or user/")
	case slices.Contains(known, FHIRUser) && !slices.Contains(known, OpenID):
		return nil, fault.Errorf(fault.Invalid, "app: fhirUser stands in what openid asks for")
	case slices.Contains(known, Launch) != (p.Opens != ""):
		return nil, fault.Errorf(fault.Invalid, "app: the scope launch and the address at which it is opened go together")
	}
	return all, r.validProof(p)
}

// validProof refuses more than one way in which an app could prove who it is, and keys
// that are none.
func (r *Register) validProof(p Program) error {
	switch {
	case p.Secret && (p.Keys != "" || p.KeysAt != ""):
		return fault.Errorf(fault.Invalid, "app: a secret, or keys, and not both")
	case p.Keys != "" && p.KeysAt != "":
		return fault.Errorf(fault.Invalid, "app: give its key set, or the address of it, and not both")
	case p.Keys != "":
		_, err := keyset.Parse([]byte(p.Keys))
		return err
	case p.KeysAt != "":
		return validKeysAt(p.KeysAt, r.o.HTTP != nil)
	}
	return nil
}

// validReturn refuses a redirect URI that is not exact, or leads over an open line to
// another machine (RFC 9700 §2.1, RFC 8252 §7.3).
func validReturn(to string) error {
	u, err := url.Parse(to)
	if err != nil || len(to) > 500 || strings.ContainsAny(to, " \t\r\n*") || u.Host == "" || u.User != nil || u.Fragment != "" || strings.Contains(to, "#") {
		return fault.Errorf(fault.Invalid, "app: an address to return to is absolute, without name, password and fragment")
	}
	local := u.Hostname() == "127.0.0.1" || u.Hostname() == "::1" || u.Hostname() == "localhost"
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fault.Errorf(fault.Invalid, "app: an address to return to begins with https://, or with http:// on the same machine")
	}
	return nil
}

// Apps returns all apps, the latest first, ended ones too.
func (r *Register) Apps(ctx context.Context) ([]App, error) {
	if err := access.Check(ctx, access.UserRead, access.Subject{}); err != nil {
		return nil, err
	}
	return r.apps(ctx, r.o.DB, `order by made_at desc, app_id desc`)
}

func (*Register) apps(ctx context.Context, q db.Querier, where string, args ...any) ([]App, error) {
	return db.List(ctx, q, func(rows *db.Rows) (a App, err error) {
		var returns, scopes string
		var made, used, blocked, ended int64
		err = rows.Scan(&a.ID, &a.Site, &a.Name, &returns, &scopes, &a.KeysAt, &a.Keys, &a.secret, &a.Opens, &a.MadeBy, &made, &used, &blocked, &ended)
		a.Returns, a.Scopes, a.Secret = strings.Fields(returns), strings.Fields(scopes), a.secret != ""
		a.Made, a.Used, a.Blocked, a.Ended = db.FromMillis(made), db.FromMillis(used), db.FromMillis(blocked), db.FromMillis(ended)
		return a, err
	}, `select app_id, site_id, name, returns, scopes, jwks_url, jwks, secret_hash, launch_at, made_by, made_at, used_at, blocked_at, ended_at
		from access_app `+where, args...)
}

// app returns an app that may act. NotFound: there is none.
func (r *Register) app(ctx context.Context, id string) (App, error) {
	found, err := r.apps(ctx, r.o.DB, `where app_id = $1 and ended_at = 0 and blocked_at = 0`, id)
	if err == nil && len(found) == 0 {
		err = fault.Errorf(fault.NotFound, "no app %.40q", id)
	}
	if err != nil {
		return App{}, err
	}
	return found[0], nil
}

// EndApp lets an app act no more: what it carries ends with it.
func (r *Register) EndApp(ctx context.Context, id string) error {
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		found, err := r.apps(ctx, tx, `where app_id = $1`, id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fault.Errorf(fault.NotFound, "no app %.40q", id)
		}
		a := found[0]
		err = access.Check(ctx, access.TokenChange, access.Subject{Site: a.Site})
		switch {
		case err != nil && access.Need(err) != access.NeedFresh: // to end something waits for nothing
			return err
		case !a.Ended.IsZero():
			return nil
		}
		now := db.Millis(r.o.Now())
		for _, s := range []string{
			`update access_app set ended_at = $2 where app_id = $1`,
			`update access_consent set ended_at = $2 where app_id = $1 and ended_at = 0`,
			`update access_pass set ended_at = $2 where app_id = $1 and ended_at = 0`,
			`update access_refresh set ended_at = $2 where app_id = $1 and ended_at = 0`,
		} {
			if _, err := tx.Exec(ctx, s, id, now); err != nil {
				return err
			}
		}
		return r.record(ctx, tx, a.Site, "access.client.ended", a.ID, map[string]any{"app": true})
	})
	r.cache.clear()
	if err != nil {
		return fmt.Errorf("end app: %w", err)
	}
	return nil
}
