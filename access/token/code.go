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

// An Asking is what an app asks a person for (RFC 6749 §4.1.1, RFC 7636 §4.3, SMART App
// Launch 2.2.0 §Obtain authorization code, OpenID Connect Core §3.1.2.1).
type Asking struct {
	ClientID, ReturnTo, Type, Scope, State, Audience, Challenge, Method string

	Launch string // what the app was opened with, if it was opened from a study
	Nonce  string // to stand in the ID token
}

// A Proposal is an asking that can be put to a person.
type Proposal struct {
	App    App
	Scopes []Scope  // of those asked for, what the app may have at all
	Words  []string // likewise, of those that name no resource
	Launch bool     // there is a patient in context: one is to be chosen, or From says whom
	From   Context  // from where it was opened; the zero Context if it came by itself
	Asking Asking
}

// Has reports whether a word is among what may be granted.
func (p Proposal) Has(word string) bool { return slices.Contains(p.Words, word) }

// Bounds of what an app wants to have back.
const (
	maxState = 2000
	maxNonce = 500
)

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
	asked, rest := cutWords(a.Scope)
	may, allowed := cutWords(strings.Join(app.Scopes, " "))
	own, err := ParseScopes(allowed)
	if err != nil {
		return p, fault.Errorf(fault.Internal, "app %s: %w", app.ID, err)
	}
	switch {
	case len(a.State) > maxState || len(a.Scope) > maxRequest || len(a.Nonce) > maxNonce:
		return p, refuse(fault.Invalid, "invalid_request", "too long")
	case a.Type != "code":
		return p, refuse(fault.Unsupported, "unsupported_response_type", "the response type is code")
	case a.Method != "S256" || !challengeRule.MatchString(a.Challenge):
		return p, refuse(fault.Invalid, "invalid_request", "code_challenge with the method S256 is needed (RFC 7636)")
	case !slices.Contains(audiences, strings.TrimSuffix(a.Audience, "/")):
		return p, refuse(fault.Invalid, "invalid_request", "aud is the address of this installation")
	}
	p.Scopes, p.Words = Granted(lenient(rest), own), both(asked, may)
	if !r.signs() {
		p.Words = slices.DeleteFunc(p.Words, func(w string) bool { return w == OpenID || w == FHIRUser })
	}
	if p.Has(OfflineAccess) { // which says more
		p.Words = slices.DeleteFunc(p.Words, func(w string) bool { return w == OnlineAccess })
	}
	if err := r.opened(ctx, &p); err != nil {
		return p, err
	}
	if !p.Launch {
		p.Scopes = slices.DeleteFunc(p.Scopes, func(s Scope) bool { return s.Level == LevelPatient })
	}
	if len(p.Scopes) == 0 && !p.Has(OpenID) {
		return p, refuse(fault.Forbidden, "invalid_scope", "none of what was asked for is allowed to this app")
	}
	return p, nil
}

// opened finds out which patient is in context: of the study the app was opened from,
// or one to be chosen.
func (r *Register) opened(ctx context.Context, p *Proposal) error {
	p.Launch = p.Has(LaunchPatient)
	switch {
	case p.Asking.Launch == "" && p.Has(Launch):
		return refuse(fault.Invalid, "invalid_request", "the scope launch goes with the launch it was opened with")
	case p.Asking.Launch == "":
		return nil
	case !p.Has(Launch):
		return refuse(fault.Invalid, "invalid_scope", "an app that was opened from here asks for the scope launch")
	}
	from, err := r.launched(ctx, p.App.ID, p.Asking.Launch)
	if err != nil {
		return err
	}
	p.From, p.Launch = from, true
	return nil
}

// Consent notes that whoever asks lets an app do what it proposed, for a patient if one
// was to be chosen, and returns the code the app gets.
func (r *Register) Consent(ctx context.Context, p Proposal, person string) (code string, err error) {
	who := access.From(ctx)
	if err := access.Check(ctx, access.OwnChange, access.Subject{Site: r.siteOf(ctx, p.App.Site)}); err != nil {
		return "", err
	}
	if p.From != (Context{}) {
		person = p.From.Person
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
		if p.From != (Context{}) {
			n, err := tx.Exec(ctx, `update access_launch set used_at = $2 where hash = $1 and used_at = 0`, hash(p.Asking.Launch), db.Millis(now))
			if err != nil || n == 0 {
				return cmpErr(err, errLaunch())
			}
		}
		_, err := tx.Exec(ctx, `insert into access_consent (consent_id, site_id, app_id, user_id, hash, challenge, return_to, scopes, person, made_at, until,
				words, nonce, session, signed_at, study)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`, id, p.App.Site, p.App.ID, who.ID, hash(code), p.Asking.Challenge, p.Asking.ReturnTo,
			texts(p.Scopes), person, db.Millis(now), db.Millis(now.Add(codeLife)),
			strings.Join(p.Words, " "), p.Asking.Nonce, who.Session, db.Millis(who.SignedAt), p.From.Study)
		if err != nil {
			return err
		}
		return r.record(ctx, tx, p.App.Site, "access.app.allowed", p.App.ID, map[string]any{"consent": id, "scope": whole(p.Words, p.Scopes), "patient": person != ""})
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
	Words   []string // scopes that name no resource
	Patient string   // whom it is about, as the rooms name them; "" without one in context
	Study   string   // from whose page the app was opened; "" if it came by itself
	Lasts   time.Duration
	Refresh string // brings the next one; "" if the app may not
	ID      string // ID token (OpenID Connect); "" if the app did not ask who the person is
}

// Scope writes what was granted.
func (p Pass) Scope() string { return whole(p.Words, p.Scopes) }

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
	again := false
	var p Pass
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		again = false
		c, err := r.consentOf(ctx, tx, `hash = $1 and app_id = $2`, hash(q.Code), app.ID)
		now := db.Millis(r.o.Now())
		switch {
		case err != nil && fault.Of(err) == fault.NotFound:
			return errGrant()
		case err != nil:
			return err
		case c.used != 0:
			again = true
			return r.endConsent(ctx, tx, c, "code used twice")
		case c.ended != 0, now >= c.until, c.to != q.ReturnTo, subtle.ConstantTimeCompare([]byte(challengeOf(q.Verifier)), []byte(c.challenge)) != 1:
			return errGrant()
		}
		n, err := tx.Exec(ctx, `update access_consent set used_at = $2 where consent_id = $1 and used_at = 0`, c.id, now)
		if err != nil || n == 0 {
			return cmpErr(err, errGrant())
		}
		p, err = r.carry(ctx, tx, app, c, c.scopes)
		return err
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
	return r.identified(ctx, app, p)
}

// A consent is what somebody let an app do.
type consent struct {
	id, site, app, user, challenge, to, person, nonce, session, study string
	scopes                                                            []Scope
	words                                                             []string
	made, until, used, ended, signed                                  int64
}

// consentOf reads one. NotFound: there is none.
func (*Register) consentOf(ctx context.Context, q db.Querier, where string, args ...any) (c consent, err error) {
	var scopes, words string
	err = q.QueryRow(ctx, `select consent_id, site_id, app_id, user_id, challenge, return_to, person, nonce, session, study, scopes, words, made_at, until, used_at, ended_at, signed_at
		from access_consent where `+where, args...).
		Scan(&c.id, &c.site, &c.app, &c.user, &c.challenge, &c.to, &c.person, &c.nonce, &c.session, &c.study, &scopes, &words, &c.made, &c.until, &c.used, &c.ended, &c.signed)
	c.scopes, c.words = lenient(scopes), strings.Fields(words)
	return c, err
}

// cmpErr returns err, or what stands for it if it is nil.
func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// carry makes and notes an access token for what of a consent still holds, and what
// refreshes it if the app may.
func (r *Register) carry(ctx context.Context, tx *db.Tx, app App, c consent, scopes []Scope) (Pass, error) {
	p := Pass{Lasts: passLife, Scopes: scopes, Words: c.words, Patient: c.person, Study: c.study}
	var err error
	if p.Token, err = newSecret(prefixPass, r.o.Rand); err != nil {
		return p, err
	}
	now, id := r.o.Now(), db.NewID()
	_, err = tx.Exec(ctx, `insert into access_pass (hash, pass_id, site_id, consent_id, app_id, user_id, scopes, person, made_at, until)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, hash(p.Token), id, c.site, c.id, app.ID, c.user, texts(p.Scopes), p.Patient,
		db.Millis(now), db.Millis(now.Add(p.Lasts)))
	if err != nil {
		return p, err
	}
	if p.Refresh, err = r.prolong(ctx, tx, app, c); err != nil {
		return p, err
	}
	if _, err := tx.Exec(ctx, `update access_app set used_at = $2 where app_id = $1`, app.ID, db.Millis(now)); err != nil {
		return p, err
	}
	ctx = access.With(ctx, access.Who{ID: c.user})
	return p, r.record(ctx, tx, c.site, "access.token.granted", app.ID, map[string]any{"token": id, "scope": p.Scope(), "consent": c.id, "refreshed": p.Refresh != ""})
}

// endConsent ends all that came of a consent.
func (r *Register) endConsent(ctx context.Context, tx *db.Tx, c consent, why string) error {
	for _, s := range []string{
		`update access_pass set ended_at = $2 where consent_id = $1 and ended_at = 0`,
		`update access_refresh set ended_at = $2 where consent_id = $1 and ended_at = 0`,
		`update access_consent set ended_at = $2 where consent_id = $1 and ended_at = 0`,
	} {
		if _, err := tx.Exec(ctx, s, c.id, db.Millis(r.o.Now())); err != nil {
			return err
		}
	}
	if access.From(ctx).ID == "" {
		ctx = access.With(ctx, access.Who{ID: c.user})
	}
	return r.record(ctx, tx, c.site, "access.app.ended", c.app, map[string]any{"consent": c.id, "account": c.user, "why": why})
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
	case app.Public() && q.Assertion == "" && q.Secret == "":
		return app, nil
	case app.Secret && q.Assertion == "":
		if subtle.ConstantTimeCompare([]byte(hash(q.Secret)), []byte(app.secret)) != 1 {
			return App{}, errClient("not known, or not its secret")
		}
		return app, nil
	case app.Public() || app.Secret || q.AssertionType != AssertionType || q.Assertion == "":
		return App{}, errClient("a confidential client proves who it is as it was registered, by client_assertion (RFC 7523) or its secret, a public one with nothing")
	}
	return app, r.signed(ctx, Client{ID: app.ID, Site: app.Site, Keys: app.Keys, KeysAt: app.KeysAt}, q.Assertion)
}
