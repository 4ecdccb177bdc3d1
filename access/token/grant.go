package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/access/keyset"
	"radagora/db"
	"radagora/fault"
)

// Bounds of what a client shows and receives (SMART App Launch 2.2.0, Backend
// Services and Asymmetric Client Authentication).
const (
	bearerLife    = 5 * time.Minute
	assertionLife = 5 * time.Minute // exp is no more than five minutes in the future
	leeway        = 10 * time.Second
	maxID         = 200 // bytes of jti and kid
)

// AssertionType is what client_assertion_type must be (RFC 7523 §2.2).
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// GrantType is the grant for machines, which act for nobody but themselves.
const GrantType = "client_credentials"

// Algorithms are those in which assertions are signed.
func Algorithms() []string { return []string{"RS384", "ES384"} }

// An OAuthError is an error as OAuth 2 words it (RFC 6749 §5.2). It is in the chain of
// what Grant, Introspect and Withdraw return; its text holds nothing of the request.
type OAuthError struct {
	Code   string // invalid_client, invalid_request, invalid_scope, unsupported_grant_type
	Reason string
}

// Error returns code and reason.
func (e *OAuthError) Error() string { return "oauth: " + e.Code + ": " + e.Reason }

func refuse(kind fault.Kind, code, reason string) error {
	return fault.As(kind, &OAuthError{Code: code, Reason: reason})
}

// RefusalOf returns the refusal in err, if it is one.
func RefusalOf(err error) (OAuthError, bool) {
	if e, ok := errors.AsType[*OAuthError](err); ok {
		return *e, true
	}
	return OAuthError{}, false
}

// A Request is what a client sends to the token endpoint.
type Request struct {
	GrantType     string
	Scope         string
	AssertionType string
	Assertion     string
	ClientID      string // may be left out; else the assertion must say the same
	Secret        string // of an app that has one, by form or HTTP Basic
	From          netip.Addr
}

// A Bearer is an access token.
type Bearer struct {
	Token  string
	Scopes []Scope // what was granted, which may be less than was asked for
	Lasts  time.Duration
}

// Grant answers a request for an access token. An error that is no OAuthError is ours.
func (r *Register) Grant(ctx context.Context, q Request) (Bearer, error) {
	if q.GrantType != GrantType {
		return Bearer{}, refuse(fault.Unsupported, "unsupported_grant_type", "the grant type is client_credentials")
	}
	if len(q.Scope) > maxRequest {
		return Bearer{}, refuse(fault.Invalid, "invalid_scope", "too long")
	}
	c, err := r.Authenticate(ctx, q)
	if err != nil {
		return Bearer{}, err
	}
	allowed, err := ParseScopes(strings.Join(c.Scopes, " "))
	if err != nil {
		return Bearer{}, fault.Errorf(fault.Internal, "client %s: %w", c.ID, err)
	}
	b := Bearer{Scopes: Granted(lenient(q.Scope), allowed), Lasts: bearerLife}
	if len(b.Scopes) == 0 {
		return Bearer{}, refuse(fault.Forbidden, "invalid_scope", "none of what was asked for is allowed to this client")
	}
	if b.Token, err = newSecret(prefixBearer, r.o.Rand); err != nil {
		return Bearer{}, err
	}
	return b, r.keep(ctx, c, b)
}

// keep notes an access token.
func (r *Register) keep(ctx context.Context, c Client, b Bearer) error {
	now := r.o.Now()
	ctx = access.With(ctx, access.Who{ID: c.Account, Name: c.Name})
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		id := db.NewID()
		_, err := tx.Exec(ctx, `insert into access_bearer (hash, bearer_id, site_id, client_id, scopes, made_at, until)
			values ($1, $2, $3, $4, $5, $6, $7)`, hash(b.Token), id, c.Site, c.ID, texts(b.Scopes), db.Millis(now), db.Millis(now.Add(b.Lasts)))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update access_client set used_at = $2 where client_id = $1`, c.ID, db.Millis(now)); err != nil {
			return err
		}
		return r.record(ctx, tx, c.Site, "access.token.granted", c.ID, map[string]any{"token": id, "scope": texts(b.Scopes)})
	})
	if err != nil {
		return fmt.Errorf("grant access token: %w", err)
	}
	return nil
}

// claims are what an assertion says (RFC 7523 §3).
type claims struct {
	Issuer    string  `json:"iss"`
	Subject   string  `json:"sub"`
	Audience  strs    `json:"aud"`
	Expires   seconds `json:"exp"`
	NotBefore seconds `json:"nbf"`
	Issued    seconds `json:"iat"`
	ID        string  `json:"jti"`
}

// strs is a text, or a list of them.
type strs []string

// UnmarshalJSON reads either.
func (s *strs) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*s = strs{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(s))
}

// seconds is a NumericDate (RFC 7519 §2); 0 is none.
type seconds float64

func (s seconds) time() time.Time {
	if s < 0 || s > 1<<40 {
		return time.Time{}
	}
	return time.UnixMilli(int64(float64(s) * 1000))
}

// errClient says no more than that the client is not known by what it showed.
func errClient(why string) error { return refuse(fault.Forbidden, "invalid_client", why) }

// Authenticate returns the client that signed an assertion. Each assertion serves
// once, also after a restart. Exhausted: too many that were refused came from the
// same address.
func (r *Register) Authenticate(ctx context.Context, q Request) (Client, error) {
	if r.fails.Slow(q.From, r.o.Now()) {
		return Client{}, refuse(fault.Exhausted, "invalid_client", "too many failures from this address: wait a minute")
	}
	c, err := r.authenticate(ctx, q)
	if _, refused := RefusalOf(err); refused {
		r.fails.Failed(q.From, r.o.Now())
	}
	return c, err
}

func (r *Register) authenticate(ctx context.Context, q Request) (Client, error) {
	if q.AssertionType != AssertionType || q.Assertion == "" {
		return Client{}, errClient("prove who you are with client_assertion (RFC 7523)")
	}
	claimed, err := unverified(q.Assertion)
	if err != nil {
		return Client{}, errClient("the assertion is no signed token")
	}
	if claimed == "" || q.ClientID != "" && q.ClientID != claimed {
		return Client{}, errClient("iss, sub and client_id are the same")
	}
	c, err := r.client(ctx, claimed)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return Client{}, errClient("not known, or not signed with its key")
	case err != nil:
		return Client{}, err
	}
	return c, r.signed(ctx, c, q.Assertion)
}

// signed refuses an assertion that a client did not sign, or that serves no more.
func (r *Register) signed(ctx context.Context, c Client, assertion string) error {
	keys, err := r.keys(c)
	if err != nil {
		return err
	}
	payload, err := keyset.Verify(ctx, keys, Algorithms(), assertion)
	switch {
	case err != nil && fault.Of(err) == fault.Unavailable:
		r.o.Log.WarnContext(ctx, "key set of a client", "client", c.ID, "error", err)
		return errClient("its keys cannot be fetched now")
	case err != nil && fault.Of(err) == fault.Invalid:
		return errClient("an assertion is signed by RS384 or ES384")
	case err != nil:
		return errClient("not known, or not signed with its key")
	}
	return r.accept(ctx, c, payload)
}

// unverified returns who an assertion says it is from, to know whose keys to take.
func unverified(assertion string) (string, error) {
	part := strings.Split(assertion, ".")
	if len(part) != 3 || len(assertion) > keyset.MaxToken {
		return "", fault.Errorf(fault.Invalid, "not a signed token")
	}
	payload, err := decode(part[1])
	if err != nil {
		return "", err
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(payload, &c); err != nil || len(c.Issuer) > maxID {
		return "", fault.Errorf(fault.Invalid, "not a signed token")
	}
	return c.Issuer, nil
}

// accept refuses an assertion that is not meant for us now, or was used.
func (r *Register) accept(ctx context.Context, c Client, payload []byte) error {
	var a claims
	if err := json.Unmarshal(payload, &a); err != nil {
		return errClient("the claims of the assertion cannot be read")
	}
	now := r.o.Now()
	switch exp := a.Expires.time(); {
	case a.Issuer != c.ID || a.Subject != c.ID:
		return errClient("iss, sub and client_id are the same")
	case !slices.ContainsFunc(a.Audience, func(s string) bool { return slices.Contains(r.o.Audience, s) }):
		return errClient("aud is the address of this token endpoint")
	case a.Expires == 0 || !now.Before(exp):
		return errClient("expired")
	case exp.After(now.Add(assertionLife + leeway)):
		return errClient("exp is at most five minutes ahead")
	case a.NotBefore != 0 && a.NotBefore.time().After(now.Add(leeway)), a.Issued != 0 && a.Issued.time().After(now.Add(leeway)):
		return errClient("not valid yet")
	case a.ID == "" || len(a.ID) > maxID:
		return errClient("jti is there, and short")
	}
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `insert into access_assertion (client_id, site_id, jti, until) values ($1, $2, $3, $4) on conflict do nothing`,
			c.ID, c.Site, hash(a.ID), db.Millis(a.Expires.time().Add(time.Second)))
		if err == nil && n == 0 {
			err = errClient("jti was used")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("client assertion: %w", err)
	}
	return nil
}

// Withdraw ends an access token of a client. What is none of its own is left alone,
// without telling (RFC 7009 §2.2).
func (r *Register) Withdraw(ctx context.Context, c Client, secret string) error {
	if !wellFormed(prefixBearer, secret) {
		return nil
	}
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `update access_bearer set ended_at = $3 where hash = $1 and client_id = $2 and ended_at = 0`,
			hash(secret), c.ID, db.Millis(r.o.Now()))
		return err
	})
	r.cache.clear()
	return err
}
