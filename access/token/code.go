package token

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// CodeGrant is the grant by which an app turns a code into an access token (RFC 6749
// §4.1.3).
const CodeGrant = "authorization_code"

// How long a code and what it is turned into serve.
const (
	codeLife = time.Minute
	passLife = time.Hour
)

const (
	prefixCode = "rac_"
	prefixPass = "rap_"
)

// An Asking is what an app asks a person for (RFC 6749 §4.1.1, RFC 7636 §4.3, SMART App
// Launch 2.2.0 §Obtain authorization code).
type Asking struct {
	ClientID, ReturnTo, Type, Scope, State, Audience, Challenge, Method string
}

// A Proposal is an asking that can be put to a person.
type Proposal struct {
	App    App
	Scopes []Scope // of those asked for, what the app may have at all
	Launch bool    // a patient is to be chosen
	Asking Asking
}

// maxState bounds what an app wants to have back.
const maxState = 2000

// challengeRule is what S256 makes of a verifier (RFC 7636 §4.2).
var challengeRule = regexp.MustCompile(`\A[A-Za-z0-9_-]{43}\z`)

// verifierRule is RFC 7636 §4.1.
var verifierRule = regexp.MustCompile(`\A[A-Za-z0-9._~-]{43,128}\z`)

// Propose reads an asking; audiences are the addresses of what is here. An error that
// is no OAuthError must be shown to the person and not sent to the app: nobody knows
// who asked. An OAuthError goes back to ReturnTo.
func (r *Register) Propose(ctx context.Context, a Asking, audiences []string) (Proposal, error) {
	app, err := r.app(ctx, a.ClientID)
	if err != nil {
		return Proposal{}, err
	}
	if !slices.Contains(app.Returns, a.ReturnTo) {
		return Proposal{}, fault.Errorf(fault.Invalid, "the address to return to is none of this app")
	}
	p := Proposal{App: app, Asking: a}
	launch, rest := cutLaunch(a.Scope)
	allowed := strings.Join(app.Scopes, " ")
	mayLaunch, allowed := cutLaunch(allowed)
	own, err := ParseScopes(allowed)
	if err != nil {
		return p, fault.Errorf(fault.Internal, "app %s: %w", app.ID, err)
	}
	switch {
	case len(a.State) > maxState || len(a.Scope) > maxRequest:
		return p, refuse(fault.Invalid, "invalid_request", "too long")
	case a.Type != "code":
		return p, refuse(fault.Unsupported, "unsupported_response_type", "the response type is code")
	case a.Method != "S256" || !challengeRule.MatchString(a.Challenge):
		return p, refuse(fault.Invalid, "invalid_request", "code_challenge with the method S256 is needed (RFC 7636)")
	case !slices.Contains(audiences, strings.TrimSuffix(a.Audience, "/")):
		return p, refuse(fault.Invalid, "invalid_request", "aud is the address of this installation")
	}
	p.Scopes = Granted(lenient(rest), own)
	p.Launch = launch && mayLaunch
	if !p.Launch {
		p.Scopes = slices.DeleteFunc(p.Scopes, func(s Scope) bool { return s.Level == LevelPatient })
	}
	if len(p.Scopes) == 0 {
		return p, refuse(fault.Forbidden, "invalid_scope", "none of what was asked for is allowed to this app")
	}
	return p, nil
}

// Consent notes that whoever asks lets an app do what it proposed, for a patient if one
// was to be chosen, and returns the code the app gets.
func (r *Register) Consent(ctx context.Context, p Proposal, person string) (code string, err error) {
	who := access.From(ctx)
	if err := access.Check(ctx, access.OwnChange, access.Subject{Site: r.siteOf(ctx, p.App.Site)}); err != nil {
		return "", err
	}
	if p.Launch == (person == "") {
		return "", fault.Errorf(fault.Invalid, "app: a patient is chosen if and only if one was asked for")
	}
	if person != "" {
		if err := access.Check(ctx, access.ObjectRead, access.Subject{Site: r.siteOf(ctx, p.App.Site), Person: person}); err != nil {
			return "", err
		}
	}
	if code, err = newSecret(prefixCode, r.o.Rand); err != nil {
		return "", err
	}
	now, id := r.o.Now(), db.NewID()
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into access_consent (consent_id, site_id, app_id, user_id, hash, challenge, return_to, scopes, person, made_at, until)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, id, p.App.Site, p.App.ID, who.ID, hash(code), p.Asking.Challenge, p.Asking.ReturnTo,
			texts(p.Scopes), person, db.Millis(now), db.Millis(now.Add(codeLife)))
		if err != nil {
			return err
		}
		return r.record(ctx, tx, p.App.Site, "access.app.allowed", p.App.ID, map[string]any{"consent": id, "scope": texts(p.Scopes), "patient": person != ""})
	})
	if err != nil {
		return "", fmt.Errorf("let an app: %w", err)
	}
	return code, nil
}

// A Pass is an access token of an app.
type Pass struct {
	Token   string
	Scopes  []Scope
	Patient string // whom it is about, as the rooms name them; "" without one in context
	Lasts   time.Duration
}

// A Redemption is what an app sends for a code.
type Redemption struct {
	Request
	Code, ReturnTo, Verifier string
}

// errGrant says no more than that a code does not serve.
func errGrant() error {
	return refuse(fault.Invalid, "invalid_grant", "the code is unknown, over, used, or of another app")
}

// Redeem turns a code into an access token. A code that comes twice ends what it was
// turned into the first time (RFC 6749 §4.1.2).
func (r *Register) Redeem(ctx context.Context, q Redemption) (Pass, error) {
	if r.fails.Slow(q.From, r.o.Now()) {
		return Pass{}, refuse(fault.Exhausted, "invalid_client", "too many failures from this address: wait a minute")
	}
	p, err := r.redeem(ctx, q)
	if _, refused := RefusalOf(err); refused {
		r.fails.Failed(q.From, r.o.Now())
	}
	return p, err
}

func (r *Register) redeem(ctx context.Context, q Redemption) (Pass, error) {
	app, err := r.authenticateApp(ctx, q.Request)
	if err != nil {
		return Pass{}, err
	}
	if !wellFormed(prefixCode, q.Code) || !verifierRule.MatchString(q.Verifier) {
		return Pass{}, errGrant()
	}
	p := Pass{Lasts: passLife}
	if p.Token, err = newSecret(prefixPass, r.o.Rand); err != nil {
		return Pass{}, err
	}
	again := false
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		again = false
		var id, site, user, challenge, to, words string
		var until, used, ended int64
		err := tx.QueryRow(ctx, `select consent_id, site_id, user_id, challenge, return_to, scopes, person, until, used_at, ended_at
			from access_consent where hash = $1 and app_id = $2`, hash(q.Code), app.ID).
			Scan(&id, &site, &user, &challenge, &to, &words, &p.Patient, &until, &used, &ended)
		now := db.Millis(r.o.Now())
		switch {
		case err != nil && fault.Of(err) == fault.NotFound:
			return errGrant()
		case err != nil:
			return err
		case used != 0:
			again = true
			return r.endConsent(ctx, tx, site, id, user)
		case ended != 0, now >= until, to != q.ReturnTo, subtle.ConstantTimeCompare([]byte(challengeOf(q.Verifier)), []byte(challenge)) != 1:
			return errGrant()
		}
		n, err := tx.Exec(ctx, `update access_consent set used_at = $2 where consent_id = $1 and used_at = 0`, id, now)
		if err != nil || n == 0 {
			return cmpErr(err, errGrant())
		}
		p.Scopes = lenient(words)
		return r.carry(ctx, tx, app, p, id, site, user)
	})
	if again {
		r.cache.clear()
		return Pass{}, errGrant()
	}
	if err != nil {
		if _, refused := RefusalOf(err); !refused {
			err = fmt.Errorf("redeem code: %w", err)
		}
		return Pass{}, err
	}
	return p, nil
}

// cmpErr returns err, or what stands for it if it is nil.
func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// carry notes an access token.
func (r *Register) carry(ctx context.Context, tx *db.Tx, app App, p Pass, consent, site, user string) error {
	now, id := r.o.Now(), db.NewID()
	_, err := tx.Exec(ctx, `insert into access_pass (hash, pass_id, site_id, consent_id, app_id, user_id, scopes, person, made_at, until)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, hash(p.Token), id, site, consent, app.ID, user, texts(p.Scopes), p.Patient,
		db.Millis(now), db.Millis(now.Add(p.Lasts)))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `update access_app set used_at = $2 where app_id = $1`, app.ID, db.Millis(now)); err != nil {
		return err
	}
	ctx = access.With(ctx, access.Who{ID: user})
	return r.record(ctx, tx, site, "access.token.granted", app.ID, map[string]any{"token": id, "scope": texts(p.Scopes), "consent": consent})
}

// endConsent ends what a code was turned into: somebody else has the code too.
func (r *Register) endConsent(ctx context.Context, tx *db.Tx, site, id, user string) error {
	now := db.Millis(r.o.Now())
	if _, err := tx.Exec(ctx, `update access_pass set ended_at = $2 where consent_id = $1 and ended_at = 0`, id, now); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `update access_consent set ended_at = $2 where consent_id = $1 and ended_at = 0`, id, now); err != nil {
		return err
	}
	return r.record(access.With(ctx, access.Who{ID: user}), tx, site, "access.app.ended", id, map[string]any{"why": "code used twice"})
}

// challengeOf is S256 (RFC 7636 §4.2).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// authenticateApp returns the app that asks: a confidential one by its signature, a
// public one by its name alone.
func (r *Register) authenticateApp(ctx context.Context, q Request) (App, error) {
	id := q.ClientID
	if q.Assertion != "" {
		claimed, err := unverified(q.Assertion)
		if err != nil || claimed == "" || id != "" && id != claimed {
			return App{}, errClient("iss, sub and client_id are the same")
		}
		id = claimed
	}
	app, err := r.app(ctx, id)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return App{}, errClient("not known, or not signed with its key")
	case err != nil:
		return App{}, err
	case app.Public() && q.Assertion == "":
		return app, nil
	case app.Public() || q.AssertionType != AssertionType || q.Assertion == "":
		return App{}, errClient("a confidential client proves who it is with client_assertion (RFC 7523), a public one with nothing")
	}
	return app, r.signed(ctx, Client{ID: app.ID, Site: app.Site, Keys: app.Keys, KeysAt: app.KeysAt}, q.Assertion)
}

// WithdrawApp ends an access token of an app (RFC 7009).
func (r *Register) WithdrawApp(ctx context.Context, q Request, secret string) error {
	app, err := r.authenticateApp(ctx, q)
	if err != nil || !wellFormed(prefixPass, secret) {
		return err
	}
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `update access_pass set ended_at = $3 where hash = $1 and app_id = $2 and ended_at = 0`, hash(secret), app.ID, db.Millis(r.o.Now()))
		return err
	})
	r.cache.clear()
	return err
}

// OfApp reports whether an access token looks like one of an app.
func OfApp(secret string) bool { return wellFormed(prefixPass, secret) }
