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
	smartDocument   = "/.well-known/smart-configuration"
)

// maxOAuth bounds what a machine sends.
const maxOAuth = 64 << 10

// machineRoutes are the addresses at which machines prove who they are. They ask for
// no act: what they are sent is the proof.
func (h *house) machineRoutes(s settings) []route {
	all := []route{
		{"GET " + smartDocument, web.Anybody, allowed(s.AllowOrigin, h.smart(s))},
		{"POST " + oauthToken, web.Anybody, allowed(s.AllowOrigin, h.oauth(h.oauthGrant))},
		{"POST " + oauthIntrospect, web.Anybody, h.oauth(h.oauthTell)},
		{"POST " + oauthRevoke, web.Anybody, allowed(s.AllowOrigin, h.oauth(h.oauthEnd))},
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
		"authorization_endpoint":                           base + oauthAuthorize,
		"token_endpoint":                                   base + oauthToken,
		"response_types_supported":                         []string{"code"},
		"introspection_endpoint":                           base + oauthIntrospect,
		"revocation_endpoint":                              base + oauthRevoke,
		"grant_types_supported":                            []string{token.CodeGrant, token.GrantType},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt", "none"},
		"token_endpoint_auth_signing_alg_values_supported": token.Algorithms(),
		"scopes_supported":                                 append(token.SupportedForApps(), token.Supported()...),
		"code_challenge_methods_supported":                 []string{"S256"},
		"capabilities": []string{
			"launch-standalone", "client-public", "client-confidential-asymmetric", "context-standalone-patient",
			"permission-patient", "permission-user", "permission-v1", "permission-v2",
		},
	}
	if s.NoAuth { // nobody signs in, and so nobody can let an app do anything
		delete(document, "authorization_endpoint")
		delete(document, "response_types_supported")
		document["grant_types_supported"] = []string{token.GrantType}
		document["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"}
		document["scopes_supported"] = token.Supported()
		document["capabilities"] = []string{"client-confidential-asymmetric", "permission-v1", "permission-v2"}
	}
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
		value, err := answer(r.Context(), form, token.Request{
			GrantType: form.Get("grant_type"), Scope: form.Get("scope"), AssertionType: form.Get("client_assertion_type"),
			Assertion: form.Get("client_assertion"), ClientID: form.Get("client_id"), From: remoteOf(r),
		})
		if err != nil {
			h.oauthRefused(w, r, err)
			return
		}
		answerJSON(w, http.StatusOK, value)
	})
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
	if q.GrantType == token.CodeGrant {
		return h.oauthRedeem(ctx, form, q)
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

// oauthTell tells a client of an access token (RFC 7662).
func (h *house) oauthTell(ctx context.Context, form url.Values, q token.Request) (any, error) {
	c, err := h.Tokens.Authenticate(ctx, q)
	if err != nil {
		return nil, err
	}
	i, err := h.Tokens.Introspect(ctx, c, form.Get("token"))
	if err != nil || !i.Active {
		return map[string]bool{"active": false}, err
	}
	return map[string]any{
		"active": true, "client_id": i.Client, "sub": i.Client, "scope": i.Scope, "token_type": "bearer", "iat": i.Issued.Unix(), "exp": i.Expires.Unix(),
	}, nil
}

// oauthEnd ends an access token (RFC 7009).
func (h *house) oauthEnd(ctx context.Context, form url.Values, q token.Request) (any, error) {
	if token.OfApp(form.Get("token")) {
		return struct{}{}, h.Tokens.WithdrawApp(ctx, q, form.Get("token"))
	}
	c, err := h.Tokens.Authenticate(ctx, q)
	if err != nil {
		return nil, err
	}
	return struct{}{}, h.Tokens.Withdraw(ctx, c, form.Get("token"))
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
