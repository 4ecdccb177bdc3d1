package web_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"radagora/fault"
	"radagora/web"
	"radagora/web/webtest"
)

// apps is a room in which one app asks.
type apps struct {
	told
	request web.AppRequest
}

func (a *apps) Ask(_ context.Context, q url.Values) (web.AppRequest, error) {
	if q.Get("client_id") != "a1" {
		return web.AppRequest{}, fault.Errorf(fault.NotFound, "no app")
	}
	return a.request, nil
}

func (a *apps) Decide(_ context.Context, q url.Values, allow bool, issuer, id string) (string, error) {
	if allow && id == "NOBODY" {
		return "", web.Refuse(map[string]string{"person": "app.no_patient"})
	}
	return "https://viewer.example/cb?code=c", a.note(q.Get("scope"), map[bool]string{true: "yes", false: "no"}[allow], issuer, id)
}

// signs is a door that people sign in at; nothing of it is asked here.
type signs struct{ web.Sign }

func TestAppPage(t *testing.T) {
	a := &apps{request: web.AppRequest{
		Name: "Example <viewer>", Host: "viewer.example", Origin: "https://viewer.example", Public: true, Patient: true,
		Scopes: []string{"patient/ImagingStudy.rs"}, May: []string{"images"},
	}}
	d := newDesk(t, func(c *web.Config, _ *webtest.World) { c.Apps, c.Sign = a, signs{} })
	w := d.do(http.MethodGet, "/oauth/authorize?client_id=a1&scope=s+1", nil, nil)
	wants(t, w.Body.String(), []string{"Example &lt;viewer&gt; asks to act for you", "viewer.example", "Person One", `name="person"`, "patient/ImagingStudy.rs", `value="client_id=a1&amp;scope=s+1"`, "cannot prove who it is"}, []string{"your own record"})
	if csp := w.Header().Get("Content-Security-Policy"); w.Code != 200 || !strings.Contains(csp, "form-action 'self' https://viewer.example;") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("%d, %v", w.Code, w.Header())
	}
	form := func(do, id string) url.Values {
		return url.Values{"ask": {"client_id=a1&scope=s+1"}, "do": {do}, "person": {id}, "issuer": {"HOSPITAL"}}
	}
	to, _ := d.post("/oauth/authorize", form("allow", "4711"), 303)
	if want := "s 1 yes HOSPITAL 4711"; to != "https://viewer.example/cb?code=c" || len(a.told) != 1 || a.told[0] != want {
		t.Errorf("to %q, told %q; want %q", to, a.told, want)
	}
	d.post("/oauth/authorize", form("deny", ""), 303)
	if last := a.told[max(0, len(a.told)-1):]; !slices.Equal(last, []string{"s 1 no HOSPITAL "}) {
		t.Errorf("told %q", a.told)
	}
	_, body := d.post("/oauth/authorize", form("allow", "NOBODY"), 400)
	wants(t, body, []string{"There is nobody with this ID, or you may not see them."}, nil)
	d.get("/oauth/authorize?client_id=x", 404)
	w = d.do(http.MethodPost, "/oauth/authorize", strings.NewReader(form("allow", "4711").Encode()), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
	if w.Code != http.StatusForbidden {
		t.Errorf("from another site: %d; want 403", w.Code)
	}
	a.request.Own, a.request.Patient, a.request.Public = true, false, false
	wants(t, d.get("/oauth/authorize?client_id=a1", 200), []string{"your own record"}, []string{`name="person"`, "cannot prove"})
	a.request = web.AppRequest{Back: "https://viewer.example/cb?error=invalid_scope"}
	if w := d.do(http.MethodGet, "/oauth/authorize?client_id=a1", nil, nil); w.Code != 303 || w.Header().Get("Location") != a.request.Back {
		t.Errorf("what cannot be asked: %d to %q", w.Code, w.Header().Get("Location"))
	}
	if missing := d.catalogue.Missing(); len(missing) > 0 {
		t.Errorf("missing from the catalogue: %q", missing)
	}
}
