package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"radagora/access"
	"radagora/access/token"
)

// An app is a program that people let act for them, as it would be written elsewhere.
type app struct {
	*walk
	id, to   string
	verifier string
}

// newApp registers one.
func newApp(t *testing.T, w *walk, scopes string) *app {
	t.Helper()
	who, err := w.h.Users.Who(t.Context(), access.Local)
	check(t, err)
	made, _, err := w.h.Tokens.AddApp(openly(access.With(t.Context(), who), w.h), token.Program{
		Name: "Example viewer", Site: at, Returns: []string{"https://viewer.example/callback?kept=1"}, Scopes: scopes,
	})
	check(t, err)
	return &app{walk: w, id: made.ID, to: "https://viewer.example/callback?kept=1", verifier: strings.Repeat("verifier-1234567", 4)}
}

// asks returns what the app sends a browser with; more changes single parameters.
func (a *app) asks(scope string, more ...string) url.Values {
	sum := sha256.Sum256([]byte(a.verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {a.id}, "redirect_uri": {a.to}, "scope": {scope}, "state": {"st 1&2"}, "aud": {"http://127.0.0.1:8080"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return q
}

// page opens the page as a role.
func (a *app) page(t *testing.T, role access.Role, q url.Values) (status int, body string, to *url.URL) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.server.URL+"/oauth/authorize?"+q.Encode(), nil)
	check(t, err)
	answer := a.do(t, role, r)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	check(t, err)
	to, err = url.Parse(answer.Header.Get("Location"))
	check(t, err)
	return answer.StatusCode, string(b), to
}

// decides sends the form as a role.
func (a *app) decides(t *testing.T, role access.Role, q url.Values, do, person string) (status int, to *url.URL) {
	t.Helper()
	form := url.Values{"ask": {q.Encode()}, "do": {do}, "person": {person}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.server.URL+"/oauth/authorize", strings.NewReader(form.Encode()))
	check(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := a.do(t, role, r)
	defer answer.Body.Close()
	to, err = url.Parse(answer.Header.Get("Location"))
	check(t, err)
	return answer.StatusCode, to
}

// redeems sends a code to the token endpoint; more changes single fields.
func (a *app) redeems(t *testing.T, code string, more ...string) (int, map[string]any) {
	t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.to}, "client_id": {a.id}, "code_verifier": {a.verifier}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	r, err := http.PostForm(a.server.URL+"/oauth/token", form)
	check(t, err)
	defer r.Body.Close()
	var answer map[string]any
	check(t, json.NewDecoder(r.Body).Decode(&answer))
	if r.Header.Get("Cache-Control") != "no-store" {
		t.Error("the answer may be kept")
	}
	return r.StatusCode, answer
}

// sees returns which patients a token finds over DICOMweb, or the status.
func (a *app) sees(t *testing.T, secret string) []string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.server.URL+"/dicom-web/studies?includefield=00100020", nil)
	check(t, err)
	r.Header.Set("Authorization", "Bearer "+secret)
	r.Header.Set("Accept", "application/dicom+json")
	answer, err := http.DefaultClient.Do(r)
	check(t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	check(t, err)
	if answer.StatusCode != http.StatusOK {
		return []string{answer.Status}
	}
	var all []string
	for _, m := range regexp.MustCompile(`"00100020":\{[^}]*"Value":\["([^"]*)"`).FindAllStringSubmatch(string(b), -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestAppsActForPeople goes the whole way of SMART App Launch as an app, with people of
// several roles, and tries what must not work.
func TestAppsActForPeople(t *testing.T) {
	if testing.Short() {
		t.Skip("it opens an installation with an account for each role: left out with -short")
	}
	w := newWalk(t)
	related(t, w)
	a := newApp(t, w, "launch/patient patient/ImagingStudy.rs patient/Patient.rs user/ImagingStudy.rs user/Patient.rs")

	t.Run("the page says who asks for what", func(t *testing.T) {
		status, body, _ := a.page(t, access.Radiologist, a.asks("launch/patient patient/ImagingStudy.rs openid"))
		for _, want := range []string{"Example viewer asks to act for you", "viewer.example", "patient/ImagingStudy.rs", `name="person"`, "cannot prove who it is"} {
			if status != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("%d, the page lacks %q", status, want)
			}
		}
		if _, body, _ := a.page(t, access.Patient, a.asks("launch/patient patient/ImagingStudy.rs")); strings.Contains(body, `name="person"`) || !strings.Contains(body, "your own record") {
			t.Error("a patient is asked for a patient")
		}
		if status, _, to := a.page(t, "", a.asks("user/ImagingStudy.rs")); status != http.StatusSeeOther || to.Path != "/sign-in" || !strings.Contains(to.Query().Get("to"), "/oauth/authorize?") {
			t.Errorf("nobody signed in: %d to %v", status, to)
		}
	})

	for _, c := range []struct {
		name  string
		more  []string
		scope string
		error string // to the app; "" for a page that refuses
	}{
		{"an app nobody registered", []string{"client_id", "x"}, "user/ImagingStudy.rs", ""},
		{"another address", []string{"redirect_uri", "https://viewer.example/callback"}, "user/ImagingStudy.rs", ""},
		{"an address of somebody else", []string{"redirect_uri", "https://evil.example/"}, "user/ImagingStudy.rs", ""},
		{"without PKCE", []string{"code_challenge", ""}, "user/ImagingStudy.rs", "invalid_request"},
		{"PKCE in the plain", []string{"code_challenge_method", "plain"}, "user/ImagingStudy.rs", "invalid_request"},
		{"a token at once", []string{"response_type", "token"}, "user/ImagingStudy.rs", "unsupported_response_type"},
		{"meant for somebody else", []string{"aud", "https://other.example/fhir"}, "user/ImagingStudy.rs", "invalid_request"},
		{"scopes of machines", nil, "system/*.rs", "invalid_scope"},
		{"of a patient, whom nobody chooses", nil, "patient/ImagingStudy.rs", "invalid_scope"},
		{"nothing", nil, "", "invalid_scope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, to := a.page(t, access.Radiologist, a.asks(c.scope, c.more...))
			switch {
			case c.error == "" && (status == http.StatusOK || status == http.StatusSeeOther):
				t.Errorf("%d to %v; want a page that refuses", status, to)
			case c.error != "" && (status != http.StatusSeeOther || to.Host != "viewer.example" || to.Query().Get("error") != c.error || to.Query().Get("state") != "st 1&2" || to.Query().Get("kept") != "1"):
				t.Errorf("%d to %v; want %s", status, to, c.error)
			}
			if status, to := a.decides(t, access.Radiologist, a.asks(c.scope, c.more...), "allow", "RA-1"); to.Query().Get("code") != "" {
				t.Errorf("the form gives a code: %d to %v", status, to)
			}
		})
	}

	for _, c := range []struct {
		name    string
		role    access.Role
		scope   string
		person  string
		refused bool
		patient string
		sees    []string
	}{
		{"a radiologist, as the person may", access.Radiologist, "user/ImagingStudy.rs user/Patient.rs", "", false, "", []string{"RA-1", "RA-2", "RB", "RC"}},
		{"a radiologist, of one patient", access.Radiologist, "launch/patient patient/ImagingStudy.rs patient/Patient.rs", "RC", false, "RC", []string{"RC"}},
		{"one patient under two numbers", access.Radiologist, "launch/patient patient/ImagingStudy.rs patient/Patient.rs", "RA-1", false, "RA-1", []string{"RA-1", "RA-2"}},
		{"of a patient who is not here", access.Radiologist, "launch/patient patient/ImagingStudy.rs", "NOBODY", true, "", nil},
		{"a referrer, of a patient of theirs", access.Referrer, "launch/patient patient/ImagingStudy.rs patient/Patient.rs", "RA-2", false, "RA-2", []string{"RA-1", "RA-2"}},
		{"a referrer, of somebody else's", access.Referrer, "launch/patient patient/ImagingStudy.rs", "RC", true, "", nil},
		{"a referrer, as the person may", access.Referrer, "user/ImagingStudy.rs user/Patient.rs", "", false, "", []string{"RA-1", "RA-2"}},
		{"a patient, of their own record", access.Patient, "launch/patient patient/ImagingStudy.rs patient/Patient.rs", "", false, "RB", []string{"RB"}},
		{"a learner, who may nothing of the kind", access.Learner, "user/ImagingStudy.rs", "", false, "", []string{"403 Forbidden"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, to := a.decides(t, c.role, a.asks(c.scope), "allow", c.person)
			if c.refused {
				if status != http.StatusBadRequest {
					t.Errorf("%d to %v; want the form again", status, to)
				}
				return
			}
			code := to.Query().Get("code")
			if status != http.StatusSeeOther || code == "" || to.Host != "viewer.example" || to.Query().Get("state") != "st 1&2" || to.Query().Get("iss") != "http://127.0.0.1:8080" {
				t.Fatalf("%d to %v; want a code", status, to)
			}
			status, answer := a.redeems(t, code)
			secret, _ := answer["access_token"].(string)
			want := ""
			if c.patient != "" {
				want = w.h.Persons.ResourceID(at, "|"+c.patient)
			}
			if patient, _ := answer["patient"].(string); status != http.StatusOK || secret == "" || patient != want || answer["token_type"] != "Bearer" {
				t.Fatalf("%d %v; want a token of patient %q", status, answer, c.patient)
			}
			if got := a.sees(t, secret); !slices.Equal(got, c.sees) {
				t.Errorf("sees %v; want %v", got, c.sees)
			}
			fhirSees(t, w, secret, c.sees)
		})
	}

	t.Run("whoever says no", func(t *testing.T) {
		if status, to := a.decides(t, access.Radiologist, a.asks("user/ImagingStudy.rs"), "deny", ""); status != http.StatusSeeOther || to.Query().Get("error") != "access_denied" {
			t.Errorf("%d to %v", status, to)
		}
	})
	t.Run("a code serves once, for whom it is", func(t *testing.T) {
		code := func() string {
			_, to := a.decides(t, access.Radiologist, a.asks("user/ImagingStudy.rs user/Patient.rs"), "allow", "")
			return to.Query().Get("code")
		}
		other := newApp(t, w, "user/ImagingStudy.rs user/Patient.rs")
		for name, more := range map[string][]string{
			"another verifier":    {"code_verifier", strings.Repeat("v", 43)},
			"no verifier":         {"code_verifier", ""},
			"another address":     {"redirect_uri", "https://viewer.example/callback"},
			"another app":         {"client_id", other.id},
			"an app nobody knows": {"client_id", "x"},
			"a code that is none": {"code", "rac_x"},
		} {
			if status, answer := a.redeems(t, code(), more...); status == http.StatusOK || answer["access_token"] != nil {
				t.Errorf("%s: %d %v", name, status, answer)
			}
		}
		c := code()
		_, answer := a.redeems(t, c)
		secret, _ := answer["access_token"].(string)
		if got := a.sees(t, secret); len(got) == 0 {
			t.Fatalf("the first time: %v", got)
		}
		if status, answer := a.redeems(t, c); status != http.StatusBadRequest || answer["error"] != "invalid_grant" {
			t.Errorf("the second time: %d %v", status, answer)
		}
		if got := a.sees(t, secret); !slices.Equal(got, []string{"401 Unauthorized"}) {
			t.Errorf("a code that came twice leaves its token: %v", got)
		}
	})
	t.Run("an administrator sees who lets it act, and withdraws it", func(t *testing.T) {
		_, to := a.decides(t, access.Radiologist, a.asks("user/ImagingStudy.rs user/Patient.rs"), "allow", "")
		_, answer := a.redeems(t, to.Query().Get("code"))
		secret, _ := answer["access_token"].(string)
		ask := func(role access.Role, method, path string, form url.Values) (int, string) {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), method, a.server.URL+path, strings.NewReader(form.Encode()))
			check(t, err)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			got := a.do(t, role, r)
			defer got.Body.Close()
			b, err := io.ReadAll(got.Body)
			check(t, err)
			return got.StatusCode, string(b)
		}
		status, body := ask(access.Administrator, http.MethodGet, "/settings/apps/"+a.id, nil)
		_, rest, _ := strings.Cut(body, `/withdraw"`)
		account := regexp.MustCompile(`name="account" value="([^"]+)"`).FindAllStringSubmatch(rest, -1)
		if status != http.StatusOK || len(account) == 0 || len(a.sees(t, secret)) != 4 {
			t.Fatalf("%d, the page names %d accounts", status, len(account))
		}
		for _, one := range account {
			form := url.Values{"account": {one[1]}}
			if status, _ := ask(access.Radiologist, http.MethodPost, "/settings/apps/"+a.id+"/withdraw", form); status != http.StatusForbidden {
				t.Errorf("withdrawn by a radiologist: %d", status)
			}
			if status, _ := ask(access.Administrator, http.MethodPost, "/settings/apps/"+a.id+"/withdraw", form); status != http.StatusSeeOther {
				t.Errorf("withdrawn: %d", status)
			}
		}
		if got := a.sees(t, secret); !slices.Equal(got, []string{"401 Unauthorized"}) {
			t.Errorf("after it was withdrawn: %v", got)
		}
		if _, body := ask(access.Administrator, http.MethodGet, "/settings/apps/"+a.id, nil); strings.Contains(body, `name="account"`) || !strings.Contains(body, "Nobody lets it act for them now") {
			t.Error("the page still names somebody")
		}
	})
	t.Run("ended with the app", func(t *testing.T) {
		_, to := a.decides(t, access.Radiologist, a.asks("user/ImagingStudy.rs user/Patient.rs"), "allow", "")
		_, answer := a.redeems(t, to.Query().Get("code"))
		secret, _ := answer["access_token"].(string)
		if got := a.sees(t, secret); len(got) != 4 {
			t.Fatalf("before: %v", got)
		}
		for path, form := range map[string]url.Values{"/oauth/revoke": {"token": {secret}, "client_id": {a.id}}} {
			r, err := http.PostForm(w.server.URL+path, form)
			check(t, err)
			check(t, r.Body.Close())
			if r.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", path, r.Status)
			}
		}
		if got := a.sees(t, secret); !slices.Equal(got, []string{"401 Unauthorized"}) {
			t.Errorf("after it was revoked: %v", got)
		}
		who, err := w.h.Users.Who(t.Context(), access.Local)
		check(t, err)
		check(t, w.h.Tokens.EndApp(openly(access.With(t.Context(), who), w.h), a.id))
		if status, _, _ := a.page(t, access.Radiologist, a.asks("user/ImagingStudy.rs")); status == http.StatusOK {
			t.Error("an app that was removed still asks")
		}
	})
	t.Run("announced as it works", func(t *testing.T) {
		r, err := http.Get(w.server.URL + smartDocument)
		check(t, err)
		defer r.Body.Close()
		var d struct {
			Authorize    string   `json:"authorization_endpoint"`
			Grants       []string `json:"grant_types_supported"`
			Capabilities []string
			Scopes       []string `json:"scopes_supported"`
		}
		check(t, json.NewDecoder(r.Body).Decode(&d))
		if !strings.HasSuffix(d.Authorize, "/oauth/authorize") || !slices.Contains(d.Grants, "authorization_code") || !slices.Contains(d.Capabilities, "client-public") ||
			!slices.Contains(d.Capabilities, "sso-openid-connect") || !slices.Contains(d.Capabilities, "permission-offline") || !slices.Contains(d.Capabilities, "launch-ehr") || !slices.Contains(d.Scopes, "patient/ImagingStudy.r") {
			t.Errorf("%+v", d)
		}
	})
}
