package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"radagora/access/idp"
	"radagora/access/token"
	"radagora/fault"
	"radagora/web"
)

// What the doors of machines are called.
const (
	oauthAuthorize  = "/oauth/authorize"
	oauthToken      = "/oauth/token"
	oauthIntrospect = "/oauth/introspect"
	oauthRevoke     = "/oauth/revoke"
	oauthKeys       = "/oauth/keys"
	smartDocument   = "/.well-known/smart-configuration"
	openidDocument  = "/.well-known/openid-configuration"
	fhirRoot        = "/fhir"
)

// maxOAuth bounds what a machine sends.
const maxOAuth = 64 << 10

// machineRoutes are the addresses at which machines prove who they are. They ask for
// no act: what they are sent is the proof.
func (h *house) machineRoutes(s settings) []route {
	all := []route{
		{"GET " + smartDocument, web.Anybody, allowed(s.AllowOrigin, h.smart(s))},
		{"POST " + oauthToken, web.Anybody, allowed(s.AllowOrigin, h.oauth(h.oauthGrant))},
		{"GET " + fhirRoot + smartDocument, web.Anybody, allowed(s.AllowOrigin, h.smart(s))},
		{"POST " + oauthIntrospect, web.Anybody, h.oauth(h.oauthTell)},
		{"POST " + oauthRevoke, web.Anybody, allowed(s.AllowOrigin, h.oauth(h.oauthEnd))},
	}
	if !s.NoAuth {
		all = append(all,
			route{"GET " + openidDocument, web.Anybody, allowed(s.AllowOrigin, openid(s))},
			route{"GET " + oauthKeys, web.Anybody, allowed(s.AllowOrigin, http.HandlerFunc(h.oauthKeySet))})
	}
	if len(h.Providers.List()) > 0 {
		all = append(all, route{"POST /sign-in/idp/{name}/logout", web.Anybody, http.HandlerFunc(h.backChannel)})
	}
	return all
}

// smart answers with what a client needs to know (SMART App Launch 2.2.0
// §Conformance).
func (*house) smart(s settings) http.Handler {
	base := s.base()
	document := map[string]any{
		"issuer":                                base,
		"jwks_uri":                              base + oauthKeys,
		"authorization_endpoint":                base + oauthAuthorize,
		"token_endpoint":                        base + oauthToken,
		"response_types_supported":              []string{"code"},
		"introspection_endpoint":                base + oauthIntrospect,
		"revocation_endpoint":                   base + oauthRevoke,
		"grant_types_supported":                 []string{token.CodeGrant, token.RefreshGrant, token.GrantType},
		"token_endpoint_auth_methods_supported": appMethods(),
		"token_endpoint_auth_signing_alg_values_supported": token.Algorithms(),
		"scopes_supported":                 append(token.SupportedForApps(), token.Supported()...),
		"code_challenge_methods_supported": []string{"S256"},
		"capabilities": []string{
			"launch-standalone", "launch-ehr", "client-public", "client-confidential-asymmetric", "client-confidential-symmetric",
			"sso-openid-connect", "context-standalone-patient", "context-ehr-patient",
			"permission-offline", "permission-online", "permission-patient", "permission-user", "permission-v1", "permission-v2",
		},
	}
	if s.NoAuth { // nobody signs in, and so nobody can let an app do anything
		for _, of := range []string{"issuer", "jwks_uri", "authorization_endpoint", "response_types_supported"} {
			delete(document, of)
		}
		document["grant_types_supported"] = []string{token.GrantType}
		document["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"}
		document["scopes_supported"] = token.Supported()
		document["capabilities"] = []string{"client-confidential-asymmetric", "permission-v1", "permission-v2"}
	}
	return fixed(document)
}

// appMethods are the ways in which apps prove who they are at the token endpoint.
func appMethods() []string {
	return []string{"private_key_jwt", "client_secret_basic", "client_secret_post", "none"}
}

// fixed answers with a document that changes with the settings alone.
func fixed(document map[string]any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=300")
		answerJSON(w, http.StatusOK, document)
	})
}

// answerJSON writes a value.
func answerJSON(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(value) // whoever hung up learns nothing
}

// oauth reads a form of a machine and words errors as RFC 6749 §5.2 does.
func (h *house) oauth(answer func(ctx context.Context, form url.Values, q token.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Pragma", "no-cache")
		form, err := oauthForm(w, r)
		if err != nil {
			answerJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": err.Error()})
			return
		}
		q := token.Request{
			GrantType: form.Get("grant_type"), Scope: form.Get("scope"), AssertionType: form.Get("client_assertion_type"),
			Assertion: form.Get("client_assertion"), ClientID: form.Get("client_id"), Secret: form.Get("client_secret"), From: remoteOf(r),
		}
		if err := basic(r, &q); err != nil {
			w.Header().Set("WWW-Authenticate", `Basic realm="radagora"`)
			answerJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client", "error_description": err.Error()})
			return
		}
		value, err := answer(r.Context(), form, q)
		if err != nil {
			h.oauthRefused(w, r, err)
			return
		}
		answerJSON(w, http.StatusOK, value)
	})
}

// basic takes name and secret of an app from the header (RFC 6749 §2.3.1).
func basic(r *http.Request, q *token.Request) error {
	name, secret, ok := r.BasicAuth()
	if !ok {
		return nil
	}
	name, err := url.QueryUnescape(name)
	if err == nil {
		secret, err = url.QueryUnescape(secret)
	}
	if err != nil || q.Secret != "" || q.Assertion != "" || q.ClientID != "" && q.ClientID != name {
		return errors.New("prove who you are in one way")
	}
	q.ClientID, q.Secret = name, secret
	return nil
}

// oauthForm reads a form in which nothing stands twice (RFC 6749 §3.2).
func oauthForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, errors.New("send a form: application/x-www-form-urlencoded")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxOAuth)
	if err := r.ParseForm(); err != nil {
		return nil, errors.New("the form cannot be read, or is too long")
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return nil, errors.New("a field stands twice")
		}
		if strings.ContainsRune(name, 0) {
			return nil, errors.New("a field has no name")
		}
	}
	return r.PostForm, nil
}

// remoteOf returns the address a request comes from.
func remoteOf(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr()
}

// oauthStatus is the table from refusals to statuses; what is not here is 400.
var oauthStatus = map[fault.Kind]int{
	fault.Exhausted: http.StatusTooManyRequests, fault.Unavailable: http.StatusServiceUnavailable, fault.Internal: http.StatusInternalServerError,
}

// oauthRefused answers with an error.
func (h *house) oauthRefused(w http.ResponseWriter, r *http.Request, err error) {
	refusal, ok := token.RefusalOf(err)
	code := oauthStatus[fault.Of(err)]
	switch {
	case !ok:
		h.Log.ErrorContext(r.Context(), "token endpoint", slog.Any("error", err))
		if code == 0 {
			code = http.StatusInternalServerError
		}
		answerJSON(w, code, map[string]string{"error": "server_error"})
		return
	case code != 0:
		w.Header().Set("Retry-After", "60")
	case refusal.Code == "invalid_client":
		code = http.StatusUnauthorized
	default:
		code = http.StatusBadRequest
	}
	h.Log.InfoContext(r.Context(), "token endpoint refused", slog.String("code", refusal.Code), slog.String("reason", refusal.Reason))
	answerJSON(w, code, map[string]string{"error": refusal.Code, "error_description": refusal.Reason})
}

// oauthGrant gives an access token.
func (h *house) oauthGrant(ctx context.Context, form url.Values, q token.Request) (any, error) {
	switch q.GrantType {
	case token.CodeGrant:
		return h.oauthRedeem(ctx, form, q)
	case token.RefreshGrant:
		p, err := h.Tokens.Refresh(ctx, q, form.Get("refresh_token"))
		if err != nil {
			return nil, err
		}
		return h.passed(p), nil
	}
	b, err := h.Tokens.Grant(ctx, q)
	if err != nil {
		return nil, err
	}
	words := make([]string, len(b.Scopes))
	for i, s := range b.Scopes {
		words[i] = s.String()
	}
	return map[string]any{
		"access_token": b.Token, "token_type": "bearer", "expires_in": int(b.Lasts.Seconds()), "scope": strings.Join(words, " "),
	}, nil
}

// oauthTell tells a machine or an app of a token (RFC 7662).
func (h *house) oauthTell(ctx context.Context, form url.Values, q token.Request) (any, error) {
	i, err := h.Tokens.Tell(ctx, q, form.Get("token"))
	if err != nil || !i.Active {
		return map[string]bool{"active": false}, err
	}
	answer := map[string]any{
		"active": true, "client_id": i.Client, "sub": i.Subject, "scope": i.Scope, "iat": i.Issued.Unix(), "exp": i.Expires.Unix(),
	}
	if i.Type == "access_token" {
		answer["token_type"] = "bearer"
	}
	if i.User != "" {
		answer["fhirUser"] = i.User
	}
	h.inContext(answer, i.Patient, i.Study)
	return answer, nil
}

// oauthEnd ends a token (RFC 7009).
func (h *house) oauthEnd(ctx context.Context, form url.Values, q token.Request) (any, error) {
	return struct{}{}, h.Tokens.End(ctx, q, form.Get("token"))
}

// backChannel takes an identity provider's word that sessions are over (OpenID
// Connect Back-Channel Logout 1.0 §2.5).
func (h *house) backChannel(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	form, err := oauthForm(w, r)
	if err != nil {
		answerJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return
	}
	name := r.PathValue("name")
	err = h.Providers.BackChannel(r.Context(), name, form.Get("logout_token"), h.Accounts.Revoke)
	switch {
	case err == nil:
		w.WriteHeader(http.StatusOK)
	case fault.Of(err) == fault.NotFound:
		http.NotFound(w, r)
	case fault.Of(err) == fault.Unavailable || fault.Of(err) == fault.Internal:
		h.Log.ErrorContext(r.Context(), "sign-out by identity provider", slog.String("provider", name), slog.Any("error", err))
		answerJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "temporarily_unavailable"})
	default:
		h.Log.InfoContext(r.Context(), "sign-out by identity provider refused", slog.String("provider", name), slog.Any("error", err))
		answerJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
	}
}

// openProviders opens the identity providers of the settings.
func (h *house) openProviders(ctx context.Context, s settings, key [32]byte) error {
	var all []idp.Config
	if s.IDP != "" {
		text, err := os.ReadFile(s.IDP)
		if err != nil {
			return usageError{fault.Errorf(fault.Invalid, "--idp: %w", trimPath(err, s.IDP))}
		}
		if all, err = idp.Parse(text); err != nil {
			return usageError{fault.Errorf(fault.Invalid, "--idp %s: %w", s.IDP, err)}
		}
	}
	var err error
	h.Providers, err = idp.Open(ctx, idp.Options{
		DB: h.DB, Users: h.Users, Journal: h.Journal, HTTP: h.Out.HTTP(), Now: h.Now, Key: key, Base: s.base(), Log: h.Log,
		Providers: all, Secret: providerSecret,
	})
	return err
}

// providerSecret reads a client secret from RADAGORA_IDP_NAME_SECRET, or from the
// file that RADAGORA_IDP_NAME_SECRET_FILE names; "" if there is neither.
func providerSecret(name string) (string, error) {
	variable := envName("idp-" + name + "-secret")
	if secret := os.Getenv(variable); secret != "" {
		return secret, nil
	}
	file := os.Getenv(variable + "_FILE")
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fault.Errorf(fault.Invalid, "%s_FILE: %w", variable, trimPath(err, file))
	}
	if len(text) > 4096 {
		return "", fault.Errorf(fault.Invalid, "%s_FILE: %s is no secret, it is too long", variable, file)
	}
	return strings.TrimSpace(string(text)), nil
}

// sessionLife is how long what a provider knows of a session is kept.
const sessionLife = 30 * 24 * time.Hour

// tendTokens notes last uses and forgets what is over, until ctx ends.
func (h *house) tendTokens(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	ended := make(chan error, 1)
	go func() { ended <- h.Tokens.Run(ctx) }()
	for {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
			if err := h.Providers.Sweep(ctx, sessionLife); err != nil && ctx.Err() == nil {
				h.Log.WarnContext(ctx, "identity providers: forget what is over", slog.Any("error", err))
			}
		}
	}
}
