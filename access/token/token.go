// Package token knows machines and people by what they carry: API tokens, SMART scopes, signed client assertions.
//
// An API token belongs to an account and may never do more than its account may:
// Verify returns the account's grants, limited to the token's site and acts. It is
// shown once and kept only as a hash. A machine may instead prove who it is with a
// signed assertion (SMART Backend Services, RFC 7523) and receive an access token
// for a few minutes; its rights are SMART scopes, which scope.go parses and act.go
// translates into acts.
//
// Whoever carries a token never counts as somebody who proved who they are a moment
// ago: dangerous acts stay with people.
package token

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"radagora/access"
	"radagora/access/keyset"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
	where "radagora/site"
)

//go:embed migration/*.sql
var files embed.FS

// Bounds of what people may ask for.
const (
	maxName   = 100
	maxScopes = 50
	longest   = 366 * 24 * time.Hour // unless the settings say otherwise
)

// Options are the settings of Open. DB, Users, Journal and Now must be given.
type Options struct {
	DB      *db.DB
	Users   *access.Users
	Journal access.Journal
	HTTP    *http.Client // fetches key sets of clients; nil: only keys that were handed over serve
	Now     func() time.Time
	Log     *slog.Logger  // nil discards
	Rand    io.Reader     // nil means crypto/rand
	Longest time.Duration // how long a token may serve; 0 means 366 days
	// Audience are the addresses of the token endpoint as clients know it: what an
	// assertion must be meant for. Without any, no assertion is accepted.
	Audience []string
	// Issuer is the address by which apps know who signed ID tokens, and Key, that of the
	// installation, keeps the keys that sign them. Without both nobody signs on by us.
	Issuer string
	Key    [32]byte
	// Live reports whether a session of an account holds: online_access ends with it. nil:
	// none does.
	Live func(ctx context.Context, account, session string) (bool, error)
}

// A Register keeps tokens and clients. It is safe for concurrent use.
type Register struct {
	o       Options
	cache   cache
	used    usage
	fails   Failures
	mu      sync.Mutex
	remotes map[string]*keyset.Remote // by address
}

// Migrations returns the files of this room's tables, for db.Pending.
func Migrations() fs.FS {
	f, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the name is a constant
	}
	return f
}

// Open migrates the tables.
func Open(ctx context.Context, o Options) (*Register, error) {
	if err := o.DB.Migrate(ctx, "token", Migrations()); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Longest <= 0 {
		o.Longest = longest
	}
	return &Register{o: o, remotes: map[string]*keyset.Remote{}, cache: newCache()}, nil
}

// Longest returns how long a token may serve at most.
func (r *Register) Longest() time.Duration { return r.o.Longest }

// A Token is an API token without its secret.
type Token struct {
	ID      string
	Site    string // "" means every site of its account
	Account string
	Name    string   // what for, in the words of whoever made it
	Hint    string   // its first letters
	Scopes  []string // acts, "room.*" for all of a room
	MadeBy  string
	Made    time.Time
	Expires time.Time
	Used    time.Time // to the minute; the zero time if never
	Ended   time.Time // the zero time unless it was revoked
}

// Valid reports whether the token serves at t.
func (t Token) Valid(at time.Time) bool { return t.Ended.IsZero() && at.Before(t.Expires) }

// A Wish is what somebody wants a token for.
type Wish struct {
	Account string // whose it will be
	Site    string // "" means every site of the account
	Name    string
	Scopes  []string
	Lasts   time.Duration
}

// Add makes a token for whoever asks, or for another account if they may change
// tokens. The secret is returned once and kept nowhere. Invalid: the name is empty,
// there is no act, or an unknown one, or it would serve longer than it may.
func (r *Register) Add(ctx context.Context, w Wish) (secret string, t Token, err error) {
	if err := r.mayFor(ctx, w.Account, w.Site); err != nil {
		return "", t, err
	}
	if err := r.valid(w); err != nil {
		return "", t, err
	}
	if _, err := r.o.Users.Who(ctx, w.Account); err != nil {
		return "", t, err
	}
	if secret, err = newSecret(prefixAPI, r.o.Rand); err != nil {
		return "", t, err
	}
	now := r.o.Now()
	t = Token{
		ID: db.NewID(), Site: w.Site, Account: w.Account, Name: strings.TrimSpace(w.Name), Hint: hint(secret),
		Scopes: tidy(w.Scopes), MadeBy: access.From(ctx).ID, Made: now, Expires: now.Add(w.Lasts),
	}
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into access_token (token_id, site_id, user_id, name, hash, hint, scopes, made_by, made_at, until)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			t.ID, t.Site, t.Account, t.Name, hash(secret), t.Hint, strings.Join(t.Scopes, " "), t.MadeBy, db.Millis(t.Made), db.Millis(t.Expires))
		if err != nil {
			return err
		}
		return r.record(ctx, tx, t.Site, "access.token.made", t.ID, map[string]any{
			"account": t.Account, "scopes": t.Scopes, "until": stamp(t.Expires),
		})
	})
	if err != nil {
		return "", Token{}, fmt.Errorf("make token: %w", err)
	}
	return secret, t, nil
}

// valid reports what is wrong with a wish.
func (r *Register) valid(w Wish) error {
	name := strings.TrimSpace(w.Name)
	switch {
	case name == "" || len(name) > maxName:
		return fault.Errorf(fault.Invalid, "token: say in 1 to %d bytes what it is for", maxName)
	case w.Lasts < time.Minute || w.Lasts > r.o.Longest:
		return fault.Errorf(fault.Invalid, "token: it may serve from a minute to %d days", int(r.o.Longest.Hours()/24))
	case len(w.Scopes) == 0 || len(w.Scopes) > maxScopes:
		return fault.Errorf(fault.Invalid, "token: it needs 1 to %d acts", maxScopes)
	}
	for _, s := range w.Scopes {
		if !ValidScope(s) {
			return fault.Errorf(fault.Invalid, "token: there is no act %.60q", s)
		}
	}
	return nil
}

// ValidScope reports whether s limits a token: an act, or the beginning of some up
// to a dot and a star. A star alone limits nothing and is refused.
func ValidScope(s string) bool {
	room, all := strings.CutSuffix(s, "*")
	return slices.ContainsFunc(access.Acts(), func(a access.Act) bool {
		return s == string(a) || all && strings.HasSuffix(room, ".") && strings.HasPrefix(string(a), room)
	})
}

// tidy returns scopes sorted and once each.
func tidy(scopes []string) []string { return slices.Compact(slices.Sorted(slices.Values(scopes))) }

// mayFor refuses unless whoever asks may make or end tokens of an account.
func (r *Register) mayFor(ctx context.Context, account, site string) error {
	if account != "" && account == access.From(ctx).ID {
		err := access.Check(ctx, access.TokenOwn, access.Subject{Site: r.siteOf(ctx, site)})
		if err == nil || access.Need(err) != "" {
			return err
		}
	}
	return access.Check(ctx, access.TokenChange, access.Subject{Site: site})
}

// siteOf returns the site at which to ask about a token for every site: where
// whoever asks has a role, which they may have at one site only.
func (*Register) siteOf(ctx context.Context, site string) string {
	if grants := access.From(ctx).Grants; site == "" && len(grants) > 0 {
		if slices.ContainsFunc(grants, func(g access.Grant) bool { return g.Site == "" }) {
			return ""
		}
		return grants[0].Site
	}
	return site
}

// List returns the tokens of an account, the latest first. "" means those of all
// accounts, for who may change tokens.
func (r *Register) List(ctx context.Context, account string) ([]Token, error) {
	if account == "" {
		if err := access.Check(ctx, access.UserRead, access.Subject{}); err != nil {
			return nil, err
		}
	} else if account != access.From(ctx).ID {
		if err := access.Check(ctx, access.UserRead, access.Subject{}); err != nil {
			return nil, err
		}
	}
	return r.list(ctx, r.o.DB, `where user_id = $1 or $1 = '' order by made_at desc, token_id desc`, account)
}

// list returns tokens.
func (*Register) list(ctx context.Context, q db.Querier, where string, args ...any) ([]Token, error) {
	return db.List(ctx, q, func(rows *db.Rows) (t Token, err error) {
		var scopes string
		var made, until, used, ended int64
		err = rows.Scan(&t.ID, &t.Site, &t.Account, &t.Name, &t.Hint, &scopes, &t.MadeBy, &made, &until, &used, &ended)
		t.Scopes = strings.Fields(scopes)
		t.Made, t.Expires, t.Used, t.Ended = db.FromMillis(made), db.FromMillis(until), db.FromMillis(used), db.FromMillis(ended)
		return t, err
	}, `select token_id, site_id, user_id, name, hint, scopes, made_by, made_at, until, used_at, ended_at from access_token `+where, args...)
}

// Revoke ends a token: on this process at once, on others within CacheLife. It needs
// no fresh proof of who asks, so that nothing stands in the way. NotFound: there is
// none, or none of theirs.
func (r *Register) Revoke(ctx context.Context, id string) error {
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		found, err := r.list(ctx, tx, `where token_id = $1`, id)
		if err != nil {
			return err
		}
		if len(found) == 0 || r.mayEnd(ctx, found[0]) != nil {
			return fault.Errorf(fault.NotFound, "no token %.40q", id)
		}
		t := found[0]
		if !t.Ended.IsZero() {
			return nil
		}
		by := access.From(ctx).ID
		if _, err := tx.Exec(ctx, `update access_token set ended_at = $2, ended_by = $3 where token_id = $1`, id, db.Millis(r.o.Now()), by); err != nil {
			return err
		}
		return r.record(ctx, tx, t.Site, "access.token.ended", t.ID, map[string]any{"account": t.Account})
	})
	r.cache.clear()
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}

// mayEnd refuses unless the token is theirs, or they may change tokens: then a proof
// of a moment ago is not asked for.
func (*Register) mayEnd(ctx context.Context, t Token) error {
	if t.Account == access.From(ctx).ID {
		return nil
	}
	err := access.Check(ctx, access.TokenChange, access.Subject{Site: t.Site})
	if access.Need(err) == access.NeedFresh {
		return nil
	}
	return err
}

// record writes an entry in the name of whoever asks.
func (r *Register) record(ctx context.Context, tx *db.Tx, site, kind, subject string, data map[string]any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	actor := access.From(ctx).ID
	if actor == "" {
		actor = "system:token"
	}
	if site == "" {
		site = where.Default // the journal has no entries of nowhere
	}
	return r.o.Journal.Append(ctx, tx, journal.Entry{Site: site, At: r.o.Now(), Actor: actor, Kind: kind, Subject: subject, Data: text})
}

// stamp returns an instant as text.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Run notes once a minute when tokens were last used and forgets what is over, until
// ctx ends.
func (r *Register) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return r.Flush(context.WithoutCancel(ctx))
		case <-tick.C:
			if err := errors.Join(r.Flush(ctx), r.Sweep(ctx)); err != nil && ctx.Err() == nil {
				r.o.Log.WarnContext(ctx, "tokens: note last use", "error", err)
			}
		}
	}
}
