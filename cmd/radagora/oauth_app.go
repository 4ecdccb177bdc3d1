package main

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"radagora/access"
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
	words := make([]string, len(p.Scopes))
	for i, s := range p.Scopes {
		words[i] = s.String()
	}
	answer := map[string]any{
		"access_token": p.Token, "token_type": "Bearer", "expires_in": int(p.Lasts.Seconds()),
	}
	if p.Patient != "" {
		_, answer["patient"], _ = strings.Cut(p.Patient, "|") // the patient ID, by which DICOMweb finds
		words = append(words, token.LaunchPatient)
	}
	answer["scope"] = strings.Join(words, " ")
	return answer, nil
}

// An appsView lets people let apps act for them.
type appsView struct{ *view }

// audiences are the addresses that an app may say it wants to talk to.
func (s settings) audiences() []string { return []string{s.base(), s.base() + dicomwebRoot} }

// asking reads the parameters of an app.
func asking(q url.Values) token.Asking {
	return token.Asking{
		ClientID: q.Get("client_id"), ReturnTo: q.Get("redirect_uri"), Type: q.Get("response_type"), Scope: q.Get("scope"),
		State: q.Get("state"), Audience: q.Get("aud"), Challenge: q.Get("code_challenge"), Method: q.Get("code_challenge_method"),
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
	a := web.AppRequest{Name: p.App.Name, Host: returns.Host, Origin: returns.Scheme + "://" + returns.Host, Patient: p.Launch && who.Patient == "", Own: p.Launch && who.Patient != ""}
	a.Public = p.App.Public()
	for _, s := range p.Scopes {
		a.Scopes = append(a.Scopes, s.String())
	}
	for _, b := range token.Bundles() {
		acts := token.ActsOf(p.Scopes)
		if slices.ContainsFunc(b.Acts, func(act access.Act) bool { return slices.Contains(acts, string(act)) }) && b.Name != "studies" {
			a.May = append(a.May, b.Name)
		}
	}
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
	if p.Launch {
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
