package token

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// CacheLife is how long a process goes on accepting a token that was revoked, or an
// account that was changed, by another process.
const CacheLife = 5 * time.Second

// maxCached bounds how many tokens are remembered.
const maxCached = 4096

// errRefused says no more than that a token is not accepted.
var errRefused = fault.Errorf(fault.Forbidden, "token: unknown, expired or revoked")

// Verify returns who carries an API token or access token. Forbidden: it is unknown,
// expired or revoked, or its account may act no more; which of these is not told.
func (r *Register) Verify(ctx context.Context, secret string) (access.Who, error) {
	if !wellFormed(prefixAPI, secret) && !wellFormed(prefixBearer, secret) && !wellFormed(prefixPass, secret) {
		return access.Who{}, errRefused
	}
	h := hash(secret)
	who, gen, ok := r.cache.get(h, r.o.Now())
	if !ok {
		found, err := r.find(ctx, secret, h)
		if err != nil {
			return access.Who{}, err
		}
		r.cache.put(h, found, gen, r.o.Now())
		who = found.who
	}
	r.used.note(strings.HasPrefix(secret, prefixAPI), who.Session, r.o.Now())
	return who, nil
}

// VerifyFrom is Verify for whoever calls from an address. Exhausted: too many tokens
// that are not valid came from there; one that was accepted a moment ago still is.
func (r *Register) VerifyFrom(ctx context.Context, from netip.Addr, secret string) (access.Who, error) {
	if r.fails.Slow(from, r.o.Now()) && !r.Known(secret) {
		return access.Who{}, fault.Errorf(fault.Exhausted, "too many tokens that are not valid came from this address: wait a minute")
	}
	who, err := r.Verify(ctx, secret)
	if err != nil && fault.Of(err) == fault.Forbidden {
		r.fails.Failed(from, r.o.Now())
	}
	return who, err
}

// Known reports whether Verify would answer without asking the database.
func (r *Register) Known(secret string) bool {
	_, _, ok := r.cache.get(hash(secret), r.o.Now())
	return ok
}

// A carried is what was found for a token.
type carried struct {
	who   access.Who
	until time.Time
}

// find asks the database.
func (r *Register) find(ctx context.Context, secret, h string) (carried, error) {
	var (
		c                                    carried
		id, site, account, words, person, by string
		until, ended                         int64
	)
	query := `select token_id, site_id, user_id, scopes, '', until, ended_at, hash from access_token where hash = $1`
	switch {
	case strings.HasPrefix(secret, prefixBearer):
		query = `select b.bearer_id, b.site_id, c.user_id, b.scopes, '', b.until, b.ended_at + c.ended_at, b.hash
			from access_bearer b join access_client c on c.client_id = b.client_id where b.hash = $1`
	case strings.HasPrefix(secret, prefixPass):
		query = `select p.pass_id, p.site_id, p.user_id, p.scopes, p.person, p.until, p.ended_at + a.ended_at + a.blocked_at, p.hash
			from access_pass p join access_app a on a.app_id = p.app_id where p.hash = $1`
	}
	err := r.o.DB.QueryRow(ctx, query, h).Scan(&id, &site, &account, &words, &person, &until, &ended, &by)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return c, errRefused
	case err != nil:
		return c, fmt.Errorf("token: %w", err)
	case subtle.ConstantTimeCompare([]byte(by), []byte(h)) != 1, ended != 0, db.Millis(r.o.Now()) >= until:
		return c, errRefused
	}
	who, err := r.o.Users.Who(ctx, account)
	switch {
	case err != nil && (fault.Of(err) == fault.NotFound || fault.Of(err) == fault.Forbidden):
		return c, errRefused
	case err != nil:
		return c, fmt.Errorf("token: %w", err)
	}
	scopes := strings.Fields(words)
	if !strings.HasPrefix(secret, prefixAPI) {
		scopes = ActsOf(lenient(words))
	}
	who = limited(who, id, site, scopes)
	if !strings.HasPrefix(secret, prefixAPI) {
		who.Resources = append([]string{}, strings.Fields(texts(lenient(words)))...) // not nil, which would mean no limit
	}
	if slices.ContainsFunc(lenient(words), func(s Scope) bool { return s.Level == LevelPatient }) {
		if who.Only = person; person == "" {
			return c, errRefused // of no patient it would be of all
		}
	}
	return carried{who: who, until: db.FromMillis(until)}, nil
}

// limited returns who as a token lets them act: never more than they may.
func limited(who access.Who, id, site string, scopes []string) access.Who {
	who.Session, who.Door, who.SignedAt = id, "api", time.Time{}
	who.Scopes = append([]string{}, scopes...) // not nil, which would mean no limit
	if site == "" {
		return who
	}
	grants := []access.Grant{}
	for _, g := range who.Grants {
		if g.Site == "" || g.Site == site {
			grants = append(grants, access.Grant{Role: g.Role, Site: site})
		}
	}
	who.Grants = grants
	return who
}

// A cache remembers for a short while who carries which token.
type cache struct {
	mu  *sync.Mutex
	all map[string]entry
	gen *uint64 // grows when something is revoked
}

type entry struct {
	carried
	at time.Time
}

func newCache() cache { return cache{mu: new(sync.Mutex), all: map[string]entry{}, gen: new(uint64)} }

// get returns who carries the token with this hash, if that is known, and the
// generation of what is known.
func (c *cache) get(h string, now time.Time) (access.Who, uint64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.all[h]
	age := now.Sub(e.at)
	return e.who, *c.gen, ok && age >= 0 && age < CacheLife && now.Before(e.until)
}

// put remembers what was found, unless something was revoked since gen was read: the
// answer may be older than that.
func (c *cache) put(h string, found carried, gen uint64, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gen != *c.gen {
		return
	}
	if len(c.all) >= maxCached {
		clear(c.all) // a few lookups more, now and then
	}
	c.all[h] = entry{found, now}
}

// clear forgets everything.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.all)
	*c.gen++
}

// A usage gathers which tokens were used in which minute.
type usage struct {
	mu  sync.Mutex
	api map[string]time.Time // by id of the token
}

func (u *usage) note(api bool, id string, now time.Time) {
	if !api {
		return // access tokens live for minutes; their client has its own note
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.api == nil {
		u.api = map[string]time.Time{}
	}
	if len(u.api) < maxCached || !u.api[id].IsZero() {
		u.api[id] = now.Truncate(time.Minute)
	}
}

func (u *usage) take() map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := u.api
	u.api = nil
	return all
}

// Flush notes when tokens were last used.
func (r *Register) Flush(ctx context.Context) error {
	all := r.used.take()
	if len(all) == 0 {
		return nil
	}
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		for id, at := range all {
			if _, err := tx.Exec(ctx, `update access_token set used_at = $2 where token_id = $1 and used_at < $2`, id, db.Millis(at)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Sweep forgets access tokens and assertions that are over.
func (r *Register) Sweep(ctx context.Context) error {
	now := db.Millis(r.o.Now())
	return r.o.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `delete from access_assertion where until < $1`, now); err != nil {
			return err
		}
		for _, s := range []string{
			`delete from access_bearer where until < $1`, `delete from access_pass where until < $1`,
			`delete from access_refresh where until < $1`, `delete from access_launch where until < $1`,
			`delete from access_consent where until < $1 and not exists (select 1 from access_pass p where p.consent_id = access_consent.consent_id)
				and not exists (select 1 from access_refresh f where f.consent_id = access_consent.consent_id)`,
		} {
			if _, err := tx.Exec(ctx, s, now); err != nil {
				return err
			}
		}
		return nil
	})
}
