package token_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"radagora/access"
	"radagora/access/token"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
)

const (
	issuer   = "https://radagora.example"
	home     = "https://app.example/cb"
	verifier = "verifier-1234567verifier-1234567verifier-1234567"
	ask      = "openid fhirUser offline_access user/ImagingStudy.rs user/Patient.rs"
)

// A smart stage is one on which apps are let act; sessions are those that hold.
type smart struct {
	*stage
	admin, person context.Context
	sessions      map[string]bool
}

func newSmart(t *testing.T, d *db.DB) *smart {
	t.Helper()
	s := &smart{stage: newStage(t, d, nil), sessions: map[string]bool{"s1": true}}
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Now: s.now})
	if err != nil {
		t.Fatal(err)
	}
	s.reg, err = token.Open(t.Context(), token.Options{
		DB: d, Users: s.users, Journal: j, Now: s.now, Audience: []string{audience}, Issuer: issuer, Key: [32]byte{7},
		Live: func(_ context.Context, _, session string) (bool, error) { return s.sessions[session], nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.admin, s.person = s.stage.admin(), s.as(s.user("Reader", access.Everywhere(access.Radiologist)...))
	who := access.From(s.person)
	who.Session = "s1"
	s.person = access.With(s.person, who)
	return s
}

// app registers one.
func (s *smart) app(change func(*token.Program)) (token.App, string) {
	s.t.Helper()
	p := token.Program{Name: "Viewer", Site: "north", Returns: []string{home}, Scopes: ask + " online_access user/Task.rs"}
	if change != nil {
		change(&p)
	}
	a, secret, err := s.reg.AddApp(s.admin, p)
	if err != nil {
		s.t.Fatal(err)
	}
	return a, secret
}

// asking is what an app asks with.
func asking(app, scope string) token.Asking {
	sum := sha256.Sum256([]byte(verifier))
	return token.Asking{
		ClientID: app, ReturnTo: home, Type: "code", Scope: scope, Audience: issuer, Method: "S256", Nonce: "n1",
		Challenge: base64.RawURLEncoding.EncodeToString(sum[:]),
	}
}

// lets has the person say yes and returns the code.
func (s *smart) lets(a token.Asking) string {
	s.t.Helper()
	p, err := s.reg.Propose(s.person, a, []string{issuer})
	if err != nil {
		s.t.Fatal(err)
	}
	code, err := s.reg.Consent(s.person, p, "")
	if err != nil {
		s.t.Fatal(err)
	}
	return code
}

// public is how a public app asks, each time from elsewhere.
func public(app string) token.Request {
	n := jtis.Add(1)
	return token.Request{ClientID: app, From: netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)})}
}

// redeems goes the whole way to a pass.
func (s *smart) redeems(q token.Request, scope string) token.Pass {
	s.t.Helper()
	p, err := s.reg.Redeem(s.t.Context(), token.Redemption{Request: q, Code: s.lets(asking(q.ClientID, scope)), ReturnTo: home, Verifier: verifier})
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// serves reports whether an access token is accepted.
func (s *smart) serves(p token.Pass) bool {
	s.t.Helper()
	_, err := s.reg.Verify(s.t.Context(), p.Token)
	if err != nil && fault.Of(err) != fault.Forbidden {
		s.t.Fatal(err)
	}
	return err == nil
}

// refusal returns the word of OAuth for an error, "" for none.
func refusal(t *testing.T, err error) string {
	t.Helper()
	r, ok := token.RefusalOf(err)
	if err != nil && !ok {
		t.Fatalf("%v is no refusal", err)
	}
	return r.Code
}

func TestRefresh(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newSmart(t, d)
		app, _ := s.app(nil)
		other, _ := s.app(nil)
		first := s.redeems(public(app.ID), ask)
		if first.Refresh == "" || first.Scope() != ask {
			t.Fatalf("%q, refresh %q", first.Scope(), first.Refresh)
		}
		if _, err := s.reg.Refresh(t.Context(), public(other.ID), first.Refresh); refusal(t, err) != "invalid_grant" {
			t.Errorf("by another app: %v", err)
		}
		s.wait(29 * 24 * time.Hour)
		if err := s.reg.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		second, err := s.reg.Refresh(t.Context(), public(app.ID), first.Refresh)
		if err != nil || second.Refresh == first.Refresh || second.Token == first.Token || second.Scope() != ask || !s.serves(second) {
			t.Fatalf("%+v, %v", second, err)
		}
		q := public(app.ID)
		q.Scope = "user/ImagingStudy.s"
		narrow, err := s.reg.Refresh(t.Context(), q, second.Refresh)
		if err != nil || len(narrow.Scopes) != 1 || narrow.Scopes[0].String() != "user/ImagingStudy.s" {
			t.Errorf("narrowed: %v, %v", narrow.Scopes, err)
		}
		q = public(app.ID)
		q.Scope = "user/Task.rs"
		if _, err := s.reg.Refresh(t.Context(), q, narrow.Refresh); refusal(t, err) != "invalid_scope" {
			t.Errorf("widened: %v", err)
		}
		wide, err := s.reg.Refresh(t.Context(), public(app.ID), narrow.Refresh)
		if err != nil || wide.Scope() != ask {
			t.Fatalf("what was narrowed once, and not for ever: %q, %v", wide.Scope(), err)
		}
		if _, err := s.reg.Refresh(t.Context(), public(app.ID), second.Refresh); refusal(t, err) != "invalid_grant" {
			t.Errorf("the second one again: %v", err)
		}
		for name, p := range map[string]token.Pass{"second": second, "narrowed": narrow, "last": wide} {
			if s.serves(p) {
				t.Errorf("a refresh token came twice, and the %s access token serves", name)
			}
		}
		if _, err := s.reg.Refresh(t.Context(), public(app.ID), wide.Refresh); refusal(t, err) != "invalid_grant" {
			t.Errorf("the last of a family that ended: %v", err)
		}
	})
}

func TestRefreshEnds(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newSmart(t, d)
		app, _ := s.app(nil)
		refreshed := func(p token.Pass) error {
			_, err := s.reg.Refresh(t.Context(), public(app.ID), p.Refresh)
			return err
		}
		if p := s.redeems(public(app.ID), "user/ImagingStudy.rs"); p.Refresh != "" || p.ID != "" {
			t.Errorf("who asked for neither has refresh %q, ID token %q", p.Refresh, p.ID)
		}
		online := s.redeems(public(app.ID), "online_access user/ImagingStudy.rs")
		next, err := s.reg.Refresh(t.Context(), public(app.ID), online.Refresh)
		if err != nil {
			t.Fatalf("while they are signed in: %v", err)
		}
		s.sessions["s1"] = false
		if err := refreshed(next); refusal(t, err) != "invalid_grant" {
			t.Errorf("after they signed out: %v", err)
		}
		offline := s.redeems(public(app.ID), ask)
		if next, err = s.reg.Refresh(t.Context(), public(app.ID), offline.Refresh); err != nil {
			t.Errorf("when they are away: %v", err)
		}
		s.wait(31 * 24 * time.Hour)
		if err := refreshed(next); refusal(t, err) != "invalid_grant" {
			t.Errorf("after a month without use: %v", err)
		}
		p := s.redeems(public(app.ID), ask)
		began := s.now()
		for s.now().Sub(began) < 400*24*time.Hour && p.Refresh != "" {
			s.wait(20 * 24 * time.Hour)
			if p, err = s.reg.Refresh(t.Context(), public(app.ID), p.Refresh); err != nil {
				break
			}
		}
		if lasted := s.now().Sub(began); lasted > 390*24*time.Hour || lasted < 300*24*time.Hour {
			t.Errorf("refreshed for %v; a consent serves for a year", lasted)
		}
		p = s.redeems(public(app.ID), ask)
		who := access.From(s.person).ID
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return s.users.End(t.Context(), tx, who, true) }); err != nil {
			t.Fatal(err)
		}
		if err := refreshed(p); refusal(t, err) != "invalid_grant" {
			t.Errorf("after the account ended: %v", err)
		}
	})
}

// fixedKeys are the keys that the register publishes, as a client of OpenID Connect
// takes them.
type fixedKeys struct{ set jose.JSONWebKeySet }

func (k fixedKeys) VerifySignature(_ context.Context, text string) ([]byte, error) {
	s, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, err
	}
	for _, key := range k.set.Key(s.Signatures[0].Header.KeyID) {
		return s.Verify(key)
	}
	return nil, fmt.Errorf("no key %q", s.Signatures[0].Header.KeyID)
}

func TestIDToken(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newSmart(t, d)
		app, _ := s.app(nil)
		p := s.redeems(public(app.ID), "openid fhirUser")
		verified := func(text string) *oidc.IDToken {
			t.Helper()
			set, err := s.reg.JWKS(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range set.Keys {
				if !k.IsPublic() {
					t.Fatal("a private key is published")
				}
			}
			id, err := oidc.NewVerifier(issuer, fixedKeys{set}, &oidc.Config{ClientID: app.ID, Now: s.now}).Verify(t.Context(), text)
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		id := verified(p.ID)
		who := access.From(s.person).ID
		var claims struct {
			User string `json:"fhirUser"`
			Auth int64  `json:"auth_time"`
		}
		if err := id.Claims(&claims); err != nil || id.Subject != who || id.Nonce != "n1" || claims.User != issuer+"/fhir/Practitioner/"+who || claims.Auth != s.now().Unix() {
			t.Errorf("%+v, %+v, %v", id, claims, err)
		}
		if got, err := s.reg.Verify(t.Context(), p.Token); err != nil || got.Scopes == nil || len(got.Scopes) != 0 {
			t.Errorf("signing on gives the acts %v, %v; want none", got.Scopes, err)
		}
		if err := s.reg.Renew(s.admin); err != nil {
			t.Fatal(err)
		}
		verified(p.ID) // with the key that was replaced
		again := s.redeems(public(app.ID), "openid")
		verified(again.ID)
		if strings.Split(again.ID, ".")[0] == strings.Split(p.ID, ".")[0] {
			t.Error("signed with the key that was replaced")
		}
		s.wait(25 * time.Hour)
		if set, err := s.reg.JWKS(t.Context()); err != nil || len(set.Keys) != 1 {
			t.Errorf("a day later %d keys are published, %v; want 1", len(set.Keys), err)
		}
		if err := s.reg.Renew(s.person); fault.Of(err) != fault.Forbidden {
			t.Errorf("by a reader: %v", err)
		}
	})
}

func TestConfidentialApps(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newSmart(t, d)
		signing, _ := s.app(func(p *token.Program) { p.Keys = jwks(t, rsaKey().Public(), "k") })
		sharing, secret := s.app(func(p *token.Program) { p.Secret = true })
		signed := func(change ...any) token.Request {
			q := request("", assertion(t, jose.RS384, rsaKey(), "k", s.claims(signing.ID, change...)))
			q.GrantType, q.ClientID = "", signing.ID
			return q
		}
		with := func(secret string) token.Request {
			q := public(sharing.ID)
			q.Secret = secret
			return q
		}
		for _, c := range []struct {
			name string
			q    token.Request
			want string
		}{
			{"signed", signed(), ""},
			{"signed for somebody else", signed("aud", "https://other.example"), "invalid_client"},
			{"not signed", public(signing.ID), "invalid_client"},
			{"the secret", with(secret), ""},
			{"another secret", with(secret + "x"), "invalid_client"},
			{"the hash of nothing", with(""), "invalid_client"},
		} {
			code := s.lets(asking(c.q.ClientID, ask))
			p, err := s.reg.Redeem(t.Context(), token.Redemption{Request: c.q, Code: code, ReturnTo: home, Verifier: verifier})
			if got := refusal(t, err); got != c.want {
				t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
			}
			if c.want != "" {
				continue
			}
			fresh := with(secret)
			if c.q.Assertion != "" {
				fresh = signed()
			}
			if _, err := s.reg.Refresh(t.Context(), public(c.q.ClientID), p.Refresh); refusal(t, err) != "invalid_client" {
				t.Errorf("%s: refreshed without proof: %v", c.name, err)
			}
			if i, err := s.reg.Tell(t.Context(), fresh, p.Token); err != nil || !i.Active || i.Scope != ask || i.Subject != access.From(s.person).ID || i.User == "" {
				t.Errorf("%s: told %+v, %v", c.name, i, err)
			}
		}
		p := s.redeems(with(secret), ask)
		another, err := s.reg.Rotate(s.admin, sharing.ID)
		if err != nil || another == secret {
			t.Fatalf("rotated: %v", err)
		}
		if _, err := s.reg.Refresh(t.Context(), with(secret), p.Refresh); refusal(t, err) != "invalid_client" {
			t.Errorf("with the old secret: %v", err)
		}
		if _, err := s.reg.Refresh(t.Context(), with(another), p.Refresh); err != nil {
			t.Errorf("with the new secret: %v", err)
		}
		if _, err := s.reg.Rotate(s.admin, signing.ID); fault.Of(err) != fault.Conflict {
			t.Errorf("of an app that signs: %v", err)
		}
	})
}

// TestTellAndEnd: RFC 7662 and RFC 7009, each for what is one's own.
func TestTellAndEnd(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newSmart(t, d)
		app, secret := s.app(func(p *token.Program) { p.Secret = true })
		other, theirs := s.app(func(p *token.Program) { p.Secret = true })
		open, _ := s.app(nil)
		with := func(id, secret string) token.Request {
			q := public(id)
			q.Secret = secret
			return q
		}
		p := s.redeems(with(app.ID, secret), ask)
		active := func(q token.Request, text string) bool {
			t.Helper()
			i, err := s.reg.Tell(t.Context(), q, text)
			if err != nil {
				t.Fatal(err)
			}
			return i.Active
		}
		if !active(with(app.ID, secret), p.Token) || !active(with(app.ID, secret), p.Refresh) || active(with(app.ID, secret), "rap_x") {
			t.Error("an app is told wrongly of its own")
		}
		if active(with(other.ID, theirs), p.Token) || active(with(other.ID, theirs), p.Refresh) {
			t.Error("another app is told")
		}
		if _, err := s.reg.Tell(t.Context(), public(open.ID), p.Token); refusal(t, err) != "invalid_client" {
			t.Errorf("a public app: %v", err)
		}
		for _, text := range []string{p.Token, p.Refresh, "nonsense"} {
			if err := s.reg.End(t.Context(), with(other.ID, theirs), text); err != nil || !s.serves(p) {
				t.Errorf("ended by another app: %v", err)
			}
		}
		if err := s.reg.End(t.Context(), with(app.ID, "wrong"), p.Token); refusal(t, err) != "invalid_client" || !s.serves(p) {
			t.Errorf("without the secret: %v", err)
		}
		if err := s.reg.End(t.Context(), with(app.ID, secret), p.Token); err != nil || s.serves(p) {
			t.Errorf("an access token: %v", err)
		}
		next, err := s.reg.Refresh(t.Context(), with(app.ID, secret), p.Refresh)
		if err != nil {
			t.Fatalf("its refresh token serves on: %v", err)
		}
		if err := s.reg.End(t.Context(), with(app.ID, secret), next.Refresh); err != nil || s.serves(next) {
			t.Errorf("a refresh token ends what it refreshes: %v", err)
		}
		if _, err := s.reg.Refresh(t.Context(), with(app.ID, secret), next.Refresh); refusal(t, err) != "invalid_grant" {
			t.Errorf("after it was handed back: %v", err)
		}
	})
}

func TestAppsAreManaged(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newSmart(t, d)
		app, _ := s.app(nil)
		p := s.redeems(public(app.ID), ask)
		if err := s.reg.Block(s.person, app.ID, true); fault.Of(err) != fault.Forbidden {
			t.Errorf("blocked by a reader: %v", err)
		}
		for _, out := range []bool{true, false} {
			if err := s.reg.Block(s.admin, app.ID, out); err != nil || s.serves(p) == out {
				t.Errorf("blocked %v: %v, serves %v", out, err, s.serves(p))
			}
			if _, err := s.reg.Propose(s.person, asking(app.ID, ask), []string{issuer}); (err != nil) != out {
				t.Errorf("blocked %v: asks %v", out, err)
			}
		}
		change := token.Program{Name: "Reader", Returns: []string{"https://app.example/new"}, Scopes: "openid offline_access user/ImagingStudy.s"}
		if err := s.reg.ChangeApp(s.person, app.ID, change); fault.Of(err) != fault.Forbidden {
			t.Errorf("changed by a reader: %v", err)
		}
		if err := s.reg.ChangeApp(s.admin, app.ID, token.Program{Name: "Reader", Returns: []string{"http://app.example"}, Scopes: ask}); fault.Of(err) != fault.Invalid {
			t.Errorf("changed to an open address: %v", err)
		}
		if err := s.reg.ChangeApp(s.admin, app.ID, change); err != nil || s.serves(p) {
			t.Errorf("with fewer scopes: %v, the old access token serves %v", err, s.serves(p))
		}
		next, err := s.reg.Refresh(t.Context(), public(app.ID), p.Refresh)
		if err != nil || len(next.Scopes) != 1 || next.Scopes[0].String() != "user/ImagingStudy.s" {
			t.Errorf("refreshed: %v, %v", next.Scopes, err)
		}
		if got, err := s.reg.App(s.admin, app.ID); err != nil || got.Name != "Reader" || !slices.Equal(got.Returns, change.Returns) || !got.Public() {
			t.Errorf("%+v, %v", got, err)
		}
		who := access.From(s.person).ID
		all, err := s.reg.Allows(s.person, who)
		if err != nil || len(all) != 1 || all[0].App.ID != app.ID || !all[0].Away || all[0].Patient || !all[0].Used.Equal(s.now()) {
			t.Errorf("allowed %+v, %v", all, err)
		}
		if _, err := s.reg.Allows(s.person, access.From(s.admin).ID); fault.Of(err) != fault.Forbidden {
			t.Errorf("somebody else's: %v", err)
		}
		if _, err := s.reg.AllowedTo(s.person, app.ID); err == nil || fault.Of(err) != fault.Forbidden {
			t.Errorf("a reader asks who lets an app act: %v", err)
		}
		if all, err := s.reg.AllowedTo(s.admin, app.ID); err != nil || len(all) != 1 || all[0].Account != who || all[0].App.ID != app.ID {
			t.Errorf("who lets the app act: %+v, %v", all, err)
		}
		if all, err := s.reg.AllowedTo(s.admin, "another"); err != nil || len(all) != 0 {
			t.Errorf("who lets another app act: %+v, %v", all, err)
		}
		if err := s.reg.Take(s.person, access.From(s.admin).ID, app.ID); fault.Of(err) != fault.Forbidden {
			t.Errorf("taken back for somebody else: %v", err)
		}
		if err := s.reg.Take(s.person, who, app.ID); err != nil || s.serves(next) {
			t.Errorf("taken back: %v", err)
		}
		if err := s.reg.Take(s.person, who, app.ID); fault.Of(err) != fault.NotFound {
			t.Errorf("taken back again: %v", err)
		}
		if all, err := s.reg.Allows(s.person, who); err != nil || len(all) != 0 {
			t.Errorf("still allowed %+v, %v", all, err)
		}
		if _, err := s.reg.Refresh(t.Context(), public(app.ID), next.Refresh); refusal(t, err) != "invalid_grant" {
			t.Errorf("after it was taken back: %v", err)
		}
	})
}

func TestLaunch(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newSmart(t, d)
		scope := "launch patient/ImagingStudy.rs patient/Patient.rs"
		app, _ := s.app(func(p *token.Program) { p.Scopes, p.Opens = scope, "https://app.example/launch" })
		other, _ := s.app(func(p *token.Program) { p.Scopes, p.Opens = scope, "https://app.example/launch" })
		plain, _ := s.app(nil)
		from := token.Context{Person: "|ID7", Study: "1.2.3"}
		if _, _, err := s.reg.Open(s.person, plain.ID, from); fault.Of(err) != fault.NotFound {
			t.Errorf("an app that cannot be opened: %v", err)
		}
		if _, _, err := s.reg.Open(s.as(s.user("Learner", access.Everywhere(access.Learner)...)), app.ID, from); fault.Of(err) != fault.Forbidden {
			t.Errorf("by somebody who may not see the study: %v", err)
		}
		open := func() token.Asking {
			t.Helper()
			at, launch, err := s.reg.Open(s.person, app.ID, from)
			if err != nil || at != app.Opens {
				t.Fatalf("%q, %v", at, err)
			}
			a := asking(app.ID, scope)
			a.Launch = launch
			return a
		}
		a := open()
		for name, wrong := range map[string]func() (context.Context, token.Asking){
			"without the launch":    func() (context.Context, token.Asking) { b := a; b.Launch = ""; return s.person, b },
			"without the scope":     func() (context.Context, token.Asking) { b := a; b.Scope = "patient/Patient.rs"; return s.person, b },
			"by another app":        func() (context.Context, token.Asking) { b := a; b.ClientID = other.ID; return s.person, b },
			"in somebody's name":    func() (context.Context, token.Asking) { return s.admin, a },
			"a launch that is none": func() (context.Context, token.Asking) { b := a; b.Launch = "ral_x"; return s.person, b },
		} {
			ctx, b := wrong()
			if _, err := s.reg.Propose(ctx, b, []string{issuer}); refusal(t, err) == "" {
				t.Errorf("%s: no refusal", name)
			}
		}
		p, err := s.reg.Redeem(t.Context(), token.Redemption{Request: public(app.ID), Code: s.lets(a), ReturnTo: home, Verifier: verifier})
		if err != nil || p.Patient != from.Person || p.Study != from.Study {
			t.Fatalf("%+v, %v", p, err)
		}
		if who, err := s.reg.Verify(t.Context(), p.Token); err != nil || who.Only != from.Person {
			t.Errorf("limited to %q, %v", who.Only, err)
		}
		if _, err := s.reg.Propose(s.person, a, []string{issuer}); refusal(t, err) != "invalid_request" {
			t.Errorf("the same launch again: %v", err)
		}
		late := open()
		s.wait(11 * time.Minute)
		if _, err := s.reg.Propose(s.person, late, []string{issuer}); refusal(t, err) != "invalid_request" {
			t.Errorf("eleven minutes later: %v", err)
		}
	})
}

// TestWordsAreTakenToo: what an administrator takes from an app, it has no more when it
// refreshes: to come while people are away, and to know who they are.
func TestWordsAreTakenToo(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newSmart(t, d)
		const ask = "openid fhirUser offline_access user/ImagingStudy.s"
		app, _ := s.app(func(p *token.Program) { p.Scopes = ask })
		change := func(scopes string) {
			t.Helper()
			if err := s.reg.ChangeApp(s.admin, app.ID, token.Program{Name: app.Name, Returns: app.Returns, Scopes: scopes}); err != nil {
				t.Fatal(err)
			}
		}
		p := s.redeems(public(app.ID), ask)
		change("offline_access user/ImagingStudy.s")
		next, err := s.reg.Refresh(t.Context(), public(app.ID), p.Refresh)
		if err != nil || next.ID != "" || next.Scope() != "offline_access user/ImagingStudy.s" {
			t.Errorf("without openid: %q, ID token %v, %v", next.Scope(), next.ID != "", err)
		}
		change("openid user/ImagingStudy.s")
		if _, err := s.reg.Refresh(t.Context(), public(app.ID), next.Refresh); refusal(t, err) != "invalid_grant" {
			t.Errorf("without offline_access: %v", err)
		}
	})
}
