package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"radagora/access"
	"radagora/access/token"
)

// A detour sends what is meant for the address that the settings name to where the
// server of a test listens.
type detour struct{ to string }

func (e detour) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if r.URL.Host == "127.0.0.1:8080" {
		r.URL.Host = e.to
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestSignOnWithARealClient is an app made of golang.org/x/oauth2 and go-oidc: it
// discovers, signs a person on, refreshes, hands in what was used, and is opened from a
// study.
func TestSignOnWithARealClient(t *testing.T) {
	slow(t)
	w := newWalk(t)
	related(t, w)
	who, err := w.h.Users.Who(t.Context(), access.Local)
	check(t, err)
	admin := openly(access.With(t.Context(), who), w.h)
	scopes := []string{"openid", "fhirUser", "offline_access", "launch", "launch/patient", "patient/ImagingStudy.rs", "patient/Patient.rs"}
	reader, secret, err := w.h.Tokens.AddApp(admin, token.Program{
		Name: "Reader", Site: at, Returns: []string{"https://reader.example/cb"}, Scopes: strings.Join(scopes, " "), Secret: true, Opens: "https://reader.example/launch",
	})
	check(t, err)
	client := &http.Client{Transport: detour{strings.TrimPrefix(w.server.URL, "http://")}}
	ctx := oidc.ClientContext(t.Context(), client)
	provider, err := oidc.NewProvider(ctx, "http://127.0.0.1:8080")
	check(t, err)
	user := access.Radiologist
	account, err := w.h.Users.ByLogin(t.Context(), "demo-"+string(user))
	check(t, err)

	// signsOn goes the way of the browser and of the app.
	signsOn := func(t *testing.T, style oauth2.AuthStyle, wanted []string, person string, more ...oauth2.AuthCodeOption) *oauth2.Token {
		t.Helper()
		c := &oauth2.Config{ClientID: reader.ID, ClientSecret: secret, Endpoint: provider.Endpoint(), RedirectURL: "https://reader.example/cb", Scopes: wanted}
		c.Endpoint.AuthStyle = style
		verifier := oauth2.GenerateVerifier()
		more = append(more, oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("aud", "http://127.0.0.1:8080/fhir"), oidc.Nonce("once"))
		u, err := url.Parse(c.AuthCodeURL("state", more...))
		check(t, err)
		a := &app{walk: w}
		status, to := a.decides(t, user, u.Query(), "allow", person)
		if status != http.StatusSeeOther || to.Query().Get("code") == "" || to.Query().Get("state") != "state" {
			t.Fatalf("%d to %v", status, to)
		}
		got, err := c.Exchange(ctx, to.Query().Get("code"), oauth2.VerifierOption(verifier))
		check(t, err)
		return got
	}

	t.Run("signs on and is refreshed", func(t *testing.T) {
		for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams} {
			got := signsOn(t, style, slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return s == "launch" }), "RC")
			raw, _ := got.Extra("id_token").(string)
			id, err := provider.Verifier(&oidc.Config{ClientID: reader.ID}).Verify(ctx, raw)
			check(t, err)
			var claims struct {
				User string `json:"fhirUser"`
			}
			check(t, id.Claims(&claims))
			if id.Nonce != "once" || id.Subject != account.ID || got.Extra("patient") != w.h.Persons.ResourceID(at, "|RC") {
				t.Errorf("%+v, patient %v", id, got.Extra("patient"))
			}
			resource := fetch(t, client, claims.User, got.AccessToken)
			if resource["resourceType"] != "Practitioner" || resource["id"] != account.ID {
				t.Errorf("%s is %v", claims.User, resource)
			}
			a := &app{walk: w}
			if sees := a.sees(t, got.AccessToken); !slices.Equal(sees, []string{"RC"}) {
				t.Errorf("sees %v", sees)
			}
			c := &oauth2.Config{ClientID: reader.ID, ClientSecret: secret, Endpoint: provider.Endpoint()}
			c.Endpoint.AuthStyle = style
			next, err := c.TokenSource(ctx, &oauth2.Token{RefreshToken: got.RefreshToken}).Token()
			check(t, err)
			if next.RefreshToken == got.RefreshToken || next.RefreshToken == "" || !slices.Equal(a.sees(t, next.AccessToken), []string{"RC"}) {
				t.Errorf("refreshed to %v", a.sees(t, next.AccessToken))
			}
			if _, err := c.TokenSource(ctx, &oauth2.Token{RefreshToken: got.RefreshToken}).Token(); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
				t.Errorf("the used refresh token: %v", err)
			}
			if sees := a.sees(t, next.AccessToken); !slices.Equal(sees, []string{"401 Unauthorized"}) {
				t.Errorf("after a refresh token came twice it sees %v", sees)
			}
		}
	})

	t.Run("opened from a study", func(t *testing.T) {
		study := studyOf(t, w, "RB")
		form := url.Values{"app": {reader.ID}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+"/images/studies/"+study+"/apps", strings.NewReader(form.Encode()))
		check(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer := w.do(t, user, r)
		check(t, answer.Body.Close())
		to, err := url.Parse(answer.Header.Get("Location"))
		check(t, err)
		if answer.StatusCode != http.StatusSeeOther || to.Host != "reader.example" || to.Query().Get("iss") != "http://127.0.0.1:8080/fhir" || to.Query().Get("launch") == "" {
			t.Fatalf("%s to %v", answer.Status, to)
		}
		document := fetch(t, client, to.Query().Get("iss")+smartDocument, "")
		if document["authorization_endpoint"] != provider.Endpoint().AuthURL {
			t.Errorf("discovered %v", document)
		}
		got := signsOn(t, oauth2.AuthStyleInHeader, []string{"launch", "openid", "patient/ImagingStudy.rs", "patient/Patient.rs"}, "", oauth2.SetAuthURLParam("launch", to.Query().Get("launch")))
		inContext, _ := json.Marshal(got.Extra("fhirContext"))
		if got.Extra("patient") != w.h.Persons.ResourceID(at, "|RB") || !strings.Contains(string(inContext), "urn:oid:"+study) || got.RefreshToken != "" {
			t.Errorf("patient %v, context %s, refresh %q", got.Extra("patient"), inContext, got.RefreshToken)
		}
		if sees := (&app{walk: w}).sees(t, got.AccessToken); !slices.Equal(sees, []string{"RB"}) {
			t.Errorf("sees %v", sees)
		}
	})

	t.Run("nobody sees anybody else", func(t *testing.T) {
		got := signsOn(t, oauth2.AuthStyleInHeader, []string{"openid"}, "")
		for _, path := range []string{"/fhir/Practitioner/" + access.Local, "/fhir/Person/" + account.ID} {
			if answer := fetch(t, client, "http://127.0.0.1:8080"+path, got.AccessToken); answer["resourceType"] != "OperationOutcome" {
				t.Errorf("%s is %v", path, answer)
			}
		}
	})
}

// fetch reads JSON as the carrier of a token.
func fetch(t *testing.T, c *http.Client, address, bearer string) map[string]any {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, address, nil)
	check(t, err)
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	answer, err := c.Do(r)
	check(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	check(t, err)
	var value map[string]any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%s answers %s %s", address, answer.Status, text)
	}
	return value
}

// studyOf returns a study of a patient.
func studyOf(t *testing.T, w *walk, patient string) string {
	t.Helper()
	all, err := w.h.Archive.StudyUIDs(t.Context(), w.h.DB, at, "|"+patient)
	check(t, err)
	if len(all) == 0 {
		t.Fatalf("no study of %s", patient)
	}
	return all[0]
}
