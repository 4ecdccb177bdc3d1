package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// AppDesk keeps the programs that people let act for them, and knows who let which.
type AppDesk interface {
	// Apps returns all apps, those that were removed too.
	Apps(ctx context.Context) (AppsPage, error)
	// App returns one. NotFound: there is none.
	App(ctx context.Context, id string) (AppsPage, RegisteredApp, error)
	// AddApp registers one; its secret, if it was to have one, is to be shown this once.
	AddApp(ctx context.Context, w AppWish) (id, secret string, err error)
	ChangeApp(ctx context.Context, id string, w AppWish) error
	RotateApp(ctx context.Context, id string) (secret string, err error)
	BlockApp(ctx context.Context, id string, out bool) error
	RemoveApp(ctx context.Context, id string) error

	// Allowing returns who let an app act for them.
	Allowing(ctx context.Context, app string) ([]AllowedApp, error)
	// WithdrawOf takes back what somebody let an app do.
	WithdrawOf(ctx context.Context, account, app string) error

	// AllowedApps returns the apps that whoever asks let act.
	AllowedApps(ctx context.Context) ([]AllowedApp, error)
	// Withdraw takes back what whoever asks let an app do.
	Withdraw(ctx context.Context, app string) error

	// Openable returns the apps that can be opened from a study.
	Openable(ctx context.Context, study string) ([]RegisteredApp, error)
	// OpenApp returns the address that opens one.
	OpenApp(ctx context.Context, study, app string) (to string, err error)
}

// An AppsPage is what an administrator sees.
type AppsPage struct {
	Apps                                []RegisteredApp
	Authorize, Endpoint, Issuer, Launch string // addresses that apps need to know
	Scopes                              []string
	May                                 bool
}

// A RegisteredApp is a program that people can let act for them.
type RegisteredApp struct {
	ID, Name, Opens, KeysAt string
	Returns, Scopes         []string
	Proof                   string // none, secret or keys: how it proves who it is
	State                   string // valid, blocked or removed
	Made, Used              time.Time
}

// An AppWish is what an administrator says of an app.
type AppWish struct {
	Name, Returns, Scopes, Opens string
	Proof, Keys, KeysAt          string
}

// An AllowedApp is an app that somebody let act for them.
type AllowedApp struct {
	ID, Name           string
	Account, Person    string   // who let it: the account and its name; "" of one's own
	May                []string // the words of tokens
	Patient, Away      bool     // for single patients only; also while they are away
	SignsOn            bool
	Since, Used, Until time.Time
}

func (s *server) appDeskRoutes(g registrar) {
	if s.AppDesk == nil || s.Sign == nil {
		return
	}
	g.get("/settings/apps", access.UserRead, s.appsPage)
	g.post("/settings/apps", access.TokenChange, s.addApp)
	g.get("/settings/apps/{id}", access.UserRead, s.appOne)
	g.post("/settings/apps/{id}", access.TokenChange, s.changeApp)
	g.post("/settings/apps/{id}/secret", access.TokenChange, s.rotateApp)
	g.post("/settings/apps/{id}/state", access.TokenChange, s.stateApp)
	g.post("/settings/apps/{id}/withdraw", access.TokenChange, s.withdrawOf)
	g.get("/account/apps", access.OwnChange, s.ownApps)
	g.post("/account/apps/withdraw", access.OwnChange, s.withdrawApp)
	g.get("/images/studies/{uid}/apps", access.PageRead, s.studyApps) // the room asks about the patient
	g.post("/images/studies/{uid}/apps", access.PageRead, s.openApp)
}

// appsPage lists the apps.
func (s *server) appsPage(v *visit) error { return v.showApps(AppWish{}, "") }

// showApps shows the page; w and wrong are a form it has to give back.
func (v *visit) showApps(w AppWish, wrong string) error {
	pg, err := v.AppDesk.Apps(v.r.Context())
	if err != nil {
		return err
	}
	show := page{title: v.p.T("nav.apps"), lead: v.p.T("apps.lead"), section: "/settings/apps"}
	if wrong != "" {
		show.status = http.StatusBadRequest
	}
	return v.show(show, appsBody(v, pg, w, wrong))
}

// appForm reads what an administrator says of an app.
func (v *visit) appForm() (AppWish, error) {
	if err := v.r.ParseForm(); err != nil {
		return AppWish{}, fault.As(fault.Invalid, err)
	}
	get := func(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }
	return AppWish{
		Name: get("name"), Returns: get("returns"), Scopes: get("scopes"), Opens: get("opens"), Proof: get("proof"), Keys: get("keys"), KeysAt: get("keys_at"),
	}, nil
}

// addApp registers an app.
func (s *server) addApp(v *visit) error {
	w, err := v.appForm()
	if err != nil {
		return err
	}
	id, secret, err := s.AppDesk.AddApp(v.r.Context(), w)
	switch {
	case err != nil && fault.Of(err) == fault.Invalid:
		return v.showApps(w, err.Error())
	case err != nil:
		return err
	case secret == "":
		return redirectTo(parseAddress("/settings/apps/"+url.PathEscape(id)).with("made", "1").String())(v)
	}
	return v.showSecret(id, w.Name, secret)
}

// showSecret shows the secret of an app, this once.
func (v *visit) showSecret(id, name, secret string) error {
	v.w.Header().Set("Cache-Control", "no-store")
	return v.show(page{
		title: v.p.T("apps.secret_made"), lead: v.p.T("apps.secret_lead"), section: "/settings/apps", crumbs: []crumb{{v.p.T("nav.apps"), "/settings/apps"}},
	}, appSecret(v, id, name, secret))
}

// appOne shows an app.
func (s *server) appOne(v *visit) error { return v.showOneApp(AppWish{}, "") }

func (v *visit) showOneApp(w AppWish, wrong string) error {
	pg, a, err := v.AppDesk.App(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if wrong == "" {
		w = AppWish{Name: a.Name, Returns: strings.Join(a.Returns, "\n"), Scopes: strings.Join(a.Scopes, " "), Opens: a.Opens, Proof: a.Proof, KeysAt: a.KeysAt}
	}
	let, err := v.AppDesk.Allowing(v.r.Context(), a.ID)
	if err != nil {
		return err
	}
	show := page{title: a.Name, section: "/settings/apps", crumbs: []crumb{{v.p.T("nav.apps"), "/settings/apps"}}}
	if wrong != "" {
		show.status = http.StatusBadRequest
	}
	return v.show(show, appOneBody(v, pg, a, let, w, wrong))
}

// changeApp changes an app.
func (s *server) changeApp(v *visit) error {
	w, err := v.appForm()
	if err != nil {
		return err
	}
	err = s.AppDesk.ChangeApp(v.r.Context(), v.r.PathValue("id"), w)
	if err != nil && fault.Of(err) == fault.Invalid {
		return v.showOneApp(w, err.Error())
	}
	if err != nil {
		return err
	}
	return v.back("/settings/apps/"+url.PathEscape(v.r.PathValue("id")), "app_changed")
}

// rotateApp makes another secret.
func (s *server) rotateApp(v *visit) error {
	id := v.r.PathValue("id")
	secret, err := s.AppDesk.RotateApp(v.r.Context(), id)
	if err != nil {
		return err
	}
	_, a, err := s.AppDesk.App(v.r.Context(), id)
	if err != nil {
		return err
	}
	return v.showSecret(id, a.Name, secret)
}

// stateApp blocks an app, lets it in again, or removes it.
func (s *server) stateApp(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	id, do := v.r.PathValue("id"), v.r.PostForm.Get("do")
	var err error
	switch do {
	case "block", "let":
		err = s.AppDesk.BlockApp(v.r.Context(), id, do == "block")
	case "remove":
		err = s.AppDesk.RemoveApp(v.r.Context(), id)
	default:
		err = fault.Errorf(fault.Invalid, "app: block, let or remove")
	}
	if err != nil {
		return err
	}
	return v.back("/settings/apps", "app_"+do)
}

// withdrawOf takes back what somebody let an app do.
func (s *server) withdrawOf(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	id := v.r.PathValue("id")
	if err := s.AppDesk.WithdrawOf(v.r.Context(), v.r.PostForm.Get("account"), id); err != nil {
		return err
	}
	return v.back("/settings/apps/"+url.PathEscape(id), "app_withdrawn_of")
}

// ownApps shows the apps that whoever asks let act.
func (s *server) ownApps(v *visit) error {
	all, err := s.AppDesk.AllowedApps(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{
		title: v.p.T("apps.own"), lead: v.p.T("apps.own_lead"), section: "/account", crumbs: []crumb{{v.p.T("account.title"), "/account"}},
	}, ownAppsBody(v, all))
}

// withdrawApp takes back what they let an app do.
func (s *server) withdrawApp(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.AppDesk.Withdraw(v.r.Context(), v.r.PostForm.Get("app")); err != nil {
		return err
	}
	return v.back("/account/apps", "app_withdrawn")
}

// studyApps shows the apps that can be opened from a study.
func (s *server) studyApps(v *visit) error {
	uid := v.r.PathValue("uid")
	st, err := s.Studies.Study(v.r.Context(), uid)
	if err != nil {
		return err
	}
	all, err := s.AppDesk.Openable(v.r.Context(), uid)
	if err != nil {
		return err
	}
	// The answer to the form leads to the app, which browsers count as a part of it.
	var origins []string
	for _, a := range all {
		if u, err := url.Parse(a.Opens); err == nil && !slices.Contains(origins, u.Scheme+"://"+u.Host) {
			origins = append(origins, u.Scheme+"://"+u.Host)
		}
	}
	v.w.Header().Set("Content-Security-Policy", strings.Replace(policy, "form-action 'self'", strings.TrimSpace("form-action 'self' "+strings.Join(origins, " ")), 1))
	return v.show(page{
		title: v.p.T("apps.open_title"), lead: joined(orElse(st.Row.Patient, st.Row.ID), v.dicomDay(st.Row.Date)), section: "/images",
		crumbs: []crumb{{v.p.T("nav.studies"), "/images"}, {v.studyTitle(st.Row), studyAddress(uid)}},
	}, studyAppsBody(v, uid, all))
}

// openApp opens an app from a study.
func (s *server) openApp(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	to, err := s.AppDesk.OpenApp(v.r.Context(), v.r.PathValue("uid"), v.r.PostForm.Get("app"))
	if err != nil {
		return err
	}
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}

// appProofs are the ways in which an app can prove who it is.
func (v *visit) appProofs() []face.Choice {
	var all []face.Choice
	for _, p := range []string{"none", "keys", "secret"} {
		all = append(all, face.Choice{Code: p, Label: v.p.T("apps.proof_" + p)})
	}
	return all
}

// appFacts says what an app needs to know of us, and we of it.
func (v *visit) appFacts(pg AppsPage, a RegisteredApp) []face.Fact {
	facts := []face.Fact{
		{Label: "client_id", Value: a.ID, Code: true},
		{Label: v.p.T("apps.proof"), Value: v.p.T("apps.proof_" + a.Proof)},
		{Label: v.p.T("apps.issuer"), Value: pg.Issuer, Code: true},
		{Label: v.p.T("apps.authorize"), Value: pg.Authorize, Code: true},
		{Label: v.p.T("apps.endpoint"), Value: pg.Endpoint, Code: true},
	}
	if a.Opens != "" {
		facts = append(facts, face.Fact{Label: v.p.T("apps.iss"), Value: pg.Launch, Code: true})
	}
	return append(facts,
		face.Fact{Label: v.p.T("apps.made"), Value: v.since(a.Made)},
		face.Fact{Label: v.p.T("apps.used"), Value: v.since(a.Used)})
}

// allowedWords says what somebody let an app do.
func (v *visit) allowedWords(a AllowedApp) []string {
	var all []string
	if a.SignsOn {
		all = append(all, v.p.T("app.signs_on"))
	}
	for _, b := range a.May {
		all = append(all, v.p.T("token.may_"+b))
	}
	return all
}

// allowedWhen says since when, and how long.
func (v *visit) allowedWhen(a AllowedApp) string {
	return v.p.T("apps.when", lang.Args{"since": v.since(a.Since), "used": v.since(a.Used), "until": v.since(a.Until)})
}

// hostOf returns the machine of an address.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}
