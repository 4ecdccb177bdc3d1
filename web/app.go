package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"radagora/access"
	"radagora/fault"
)

// Apps lets people let programs act for them (SMART App Launch 2.2.0).
type Apps interface {
	// Ask reads what an app asks for. An error is for the person: nobody knows who asked.
	Ask(ctx context.Context, q url.Values) (AppRequest, error)
	// Decide notes what whoever asks decided, for one patient if the app wants one, and
	// returns where to send the browser. A RefusalError: there is no such patient.
	Decide(ctx context.Context, q url.Values, allow bool, issuer, patientID string) (to string, err error)
}

// An AppRequest is what an app asks a person for.
type AppRequest struct {
	Back    string // where to send the browser at once, because it cannot be asked; else ""
	Name    string
	Host    string   // where it is
	Origin  string   // likewise, with the scheme
	Public  bool     // it proves nothing of itself
	Scopes  []string // as it words them
	May     []string // what they stand for: the words of tokens
	Patient bool     // a patient is to be chosen
	Own     bool     // it is about whoever asks
	Opened  bool     // it was opened from a study, and is about its patient
	SignsOn bool     // it wants to know who the person is
	Away    bool     // it wants to go on when the person is away
	While   bool     // it wants to go on while the person is signed in
}

func (s *server) appRoutes(g registrar) {
	if s.Apps == nil || s.Sign == nil {
		return
	}
	g.get("/oauth/authorize", access.OwnChange, s.appPage)
	g.post("/oauth/authorize", access.OwnChange, s.appDecide)
}

// appPage asks whether an app may do what it wants.
func (s *server) appPage(v *visit) error { return v.showApp(v.r.URL.Query(), nil) }

// showApp shows the page; wrong is what cannot be of the form.
func (v *visit) showApp(q url.Values, wrong map[string]string) error {
	a, err := v.Apps.Ask(v.r.Context(), q)
	if err != nil {
		return err
	}
	if a.Back != "" {
		http.Redirect(v.w, v.r, a.Back, http.StatusSeeOther)
		return nil
	}
	// The answer to the form leads to the app, which browsers count as a part of it.
	v.w.Header().Set("Content-Security-Policy", strings.Replace(policy, "form-action 'self'", "form-action 'self' "+a.Origin, 1))
	pg := page{title: v.p.T("app.title"), bare: true, section: "-"}
	if wrong != nil {
		pg.status = http.StatusBadRequest
	}
	return v.show(pg, appBody(v, a, q, wrong))
}

// appDecide takes the decision.
func (s *server) appDecide(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	q, err := url.ParseQuery(v.r.PostForm.Get("ask"))
	if err != nil {
		return fault.As(fault.Invalid, err)
	}
	form := v.r.PostForm
	to, err := s.Apps.Decide(v.r.Context(), q, form.Get("do") == "allow", strings.TrimSpace(form.Get("issuer")), strings.TrimSpace(form.Get("person")))
	if wrong := v.refused(err); wrong != nil {
		return v.showApp(q, wrong)
	}
	if err != nil {
		return err
	}
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}
