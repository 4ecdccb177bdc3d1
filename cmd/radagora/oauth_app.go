package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"radagora/access"
	"radagora/access/account"
	"radagora/access/token"
	"radagora/fault"
	"radagora/web"
)

// allowed lets the pages of sites that the settings name read an answer (Fetch
// Standard, CORS protocol). No cookie counts at these addresses.
func allowed(origins []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		from := r.Header.Get("Origin")
		if from != "" && slices.ContainsFunc(origins, func(o string) bool { return strings.TrimRight(o, "/") == from }) {
			w.Header().Set("Access-Control-Allow-Origin", from)
		}
		next.ServeHTTP(w, r)
	})
}

// oauthRedeem turns the code of an app into an access token.
func (h *house) oauthRedeem(ctx context.Context, form url.Values, q token.Request) (any, error) {
	p, err := h.Tokens.Redeem(ctx, token.Redemption{
		Request: q, Code: form.Get("code"), ReturnTo: form.Get("redirect_uri"), Verifier: form.Get("code_verifier"),
	})
	if err != nil {
		return nil, err
	}
	return h.passed(p), nil
}

// passed words an access token of an app (SMART App Launch 2.2.0 §Obtain access token).
func (h *house) passed(p token.Pass) map[string]any {
	answer := map[string]any{
		"access_token": p.Token, "token_type": "Bearer", "expires_in": int(p.Lasts.Seconds()), "scope": p.Scope(),
	}
	if p.Refresh != "" {
		answer["refresh_token"] = p.Refresh
	}
	if p.ID != "" {
		answer["id_token"] = p.ID
	}
	h.inContext(answer, p.Patient, p.Study)
	return answer
}

// inContext adds whom and which study an app is about, as FHIR names them.
func (h *house) inContext(answer map[string]any, patient, study string) {
	if patient != "" {
		answer["patient"] = h.Persons.ResourceID(at, patient)
		answer["need_patient_banner"] = true
	}
	if study != "" {
		answer["fhirContext"] = []any{map[string]any{
			"reference": "ImagingStudy/" + study, "type": "ImagingStudy", "identifier": map[string]string{"system": "urn:dicom:uid", "value": "urn:oid:" + study},
		}}
	}
}

// openid answers with what a client needs to know of sign-on (OpenID Connect Discovery
// 1.0 §3).
func openid(s settings) http.Handler {
	base := s.base()
	return fixed(map[string]any{
		"issuer":                                           base,
		"authorization_endpoint":                           base + oauthAuthorize,
		"token_endpoint":                                   base + oauthToken,
		"jwks_uri":                                         base + oauthKeys,
		"introspection_endpoint":                           base + oauthIntrospect,
		"revocation_endpoint":                              base + oauthRevoke,
		"response_types_supported":                         []string{"code"},
		"response_modes_supported":                         []string{"query"},
		"grant_types_supported":                            []string{token.CodeGrant, token.RefreshGrant},
		"subject_types_supported":                          []string{"public"},
		"id_token_signing_alg_values_supported":            token.SigningAlgorithms(),
		"token_endpoint_auth_methods_supported":            appMethods(),
		"token_endpoint_auth_signing_alg_values_supported": token.Algorithms(),
		"code_challenge_methods_supported":                 []string{"S256"},
		"scopes_supported":                                 token.SupportedForApps(),
		"claims_supported":                                 []string{"iss", "sub", "aud", "iat", "exp", "auth_time", "nonce", "fhirUser"},
		"claims_parameter_supported":                       false,
		"request_parameter_supported":                      false,
		"request_uri_parameter_supported":                  false,
		"authorization_response_iss_parameter_supported":   true,
	})
}

// oauthKeySet answers with the keys by which ID tokens are checked.
func (h *house) oauthKeySet(w http.ResponseWriter, r *http.Request) {
	set, err := h.Tokens.JWKS(r.Context())
	if err != nil {
		h.Log.ErrorContext(r.Context(), "keys of ID tokens", slog.Any("error", err))
		answerJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "temporarily_unavailable"})
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	answerJSON(w, http.StatusOK, set)
}

// fhirUser answers with the resource that stands for whoever asks, at the address that
// an ID token names. Nobody sees anybody else's.
func (h *house) fhirUser(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	who := access.From(r.Context())
	if who.ID == "" {
		w.Header().Set("WWW-Authenticate", "Bearer")
		fhirOutcome(w, http.StatusUnauthorized, "login")
		return
	}
	if r.PathValue("id") != who.ID || r.PathValue("type") != token.ResourceOf(who) {
		fhirOutcome(w, http.StatusNotFound, "not-found")
		return
	}
	w.Header().Set("Content-Type", "application/fhir+json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"resourceType": token.ResourceOf(who), "id": who.ID, "active": true, "name": []any{map[string]string{"text": who.Name}},
	})
}

// fhirOutcome refuses as FHIR does.
func fhirOutcome(w http.ResponseWriter, code int, issue string) {
	w.Header().Set("Content-Type", "application/fhir+json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"resourceType": "OperationOutcome", "issue": []any{map[string]string{"severity": "error", "code": issue}},
	})
}

// live reports whether a session holds, for apps that may act while people are signed in.
func (h *house) live(ctx context.Context, user, session string) (bool, error) {
	all, err := h.Accounts.SessionsOf(ctx, user)
	return slices.ContainsFunc(all, func(s account.Session) bool { return s.ID == session }), err
}

// An appsView lets people let apps act for them.
type appsView struct{ *view }

// audiences are the addresses that an app may say it wants to talk to.
func (s settings) audiences() []string {
	return []string{s.base(), s.base() + fhirRoot, s.base() + dicomwebRoot}
}

// asking reads the parameters of an app.
func asking(q url.Values) token.Asking {
	return token.Asking{
		ClientID: q.Get("client_id"), ReturnTo: q.Get("redirect_uri"), Type: q.Get("response_type"), Scope: q.Get("scope"),
		State: q.Get("state"), Audience: q.Get("aud"), Challenge: q.Get("code_challenge"), Method: q.Get("code_challenge_method"),
		Launch: q.Get("launch"), Nonce: q.Get("nonce"),
	}
}

// Ask implements web.Apps.
func (v appsView) Ask(ctx context.Context, q url.Values) (web.AppRequest, error) {
	for name, values := range q {
		if len(values) > 1 {
			return web.AppRequest{}, fault.Errorf(fault.Invalid, "app: %.40q stands twice", name)
		}
	}
	p, err := v.Tokens.Propose(ctx, asking(q), v.settings.audiences())
	if err != nil {
		refused, ok := token.RefusalOf(err)
		if !ok {
			return web.AppRequest{}, err
		}
		return web.AppRequest{Back: v.returnTo(asking(q), "error", refused.Code, "error_description", refused.Reason)}, nil
	}
	returns, err := url.Parse(p.Asking.ReturnTo)
	if err != nil {
		return web.AppRequest{}, fault.As(fault.Internal, err) // not reached: it is one of those registered
	}
	who := access.From(ctx)
	opened := p.From != (token.Context{})
	a := web.AppRequest{
		Name: p.App.Name, Host: returns.Host, Origin: returns.Scheme + "://" + returns.Host, Public: p.App.Public(),
		Patient: p.Launch && who.Patient == "" && !opened, Own: p.Launch && who.Patient != "", Opened: opened && who.Patient == "",
		SignsOn: p.Has(token.OpenID), Away: p.Has(token.OfflineAccess), While: p.Has(token.OnlineAccess), Scopes: p.Words,
	}
	for _, s := range p.Scopes {
		a.Scopes = append(a.Scopes, s.String())
	}
	a.May = mayOf(token.ActsOf(p.Scopes))
	return a, nil
}

// Decide implements web.Apps.
func (v appsView) Decide(ctx context.Context, q url.Values, allow bool, issuer, patientID string) (string, error) {
	p, err := v.Tokens.Propose(ctx, asking(q), v.settings.audiences())
	switch refused, ok := token.RefusalOf(err); {
	case ok:
		return v.returnTo(asking(q), "error", refused.Code, "error_description", refused.Reason), nil
	case err != nil:
		return "", err
	case !allow:
		return v.returnTo(p.Asking, "error", "access_denied", "error_description", "the person said no"), nil
	}
	person := ""
	if p.Launch && p.From == (token.Context{}) {
		if person = access.From(ctx).Patient; person == "" {
			person = v.Archive.Key(issuer, patientID)
		}
		known, err := v.Archive.Patient(ctx, at, person)
		if err != nil {
			return "", err
		}
		if len(known) == 0 || access.Check(ctx, access.ObjectRead, access.Subject{Site: at, Person: person}) != nil {
			return "", web.Refuse(map[string]string{"person": "app.no_patient"}) // which of both is not told
		}
	}
	code, err := v.Tokens.Consent(ctx, p, person)
	if err != nil {
		return "", err
	}
	return v.returnTo(p.Asking, "code", code), nil
}

// returnTo returns where to send the browser: back to the app, with what it wanted to
// have back, and who answers (RFC 9207).
func (v appsView) returnTo(a token.Asking, pairs ...string) string {
	u, err := url.Parse(a.ReturnTo)
	if err != nil {
		return "/" // not reached: it is one of those registered
	}
	q := u.Query()
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	if a.State != "" {
		q.Set("state", a.State)
	}
	q.Set("iss", v.settings.base())
	u.RawQuery = q.Encode()
	return u.String()
}
