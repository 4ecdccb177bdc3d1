package web

import (
	"context"
	"net/http"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// OwnAccount is what somebody does about their own account.
type OwnAccount interface {
	Own(ctx context.Context) (Account, error)
	ChangeOwn(ctx context.Context, name, mail, language string) error
	ChangePassword(ctx context.Context, old, password string) error
	SetPIN(ctx context.Context, pin string) error
	// NewCodes makes recovery codes, to be shown this once.
	NewCodes(ctx context.Context) ([]string, error)
	// EndOwnSession ends one session, or with "" all but this one.
	EndOwnSession(ctx context.Context, id string) error
	OwnPasskeys
}

// OwnPasskeys makes, names and removes passkeys.
type OwnPasskeys interface {
	OfferPasskey(ctx context.Context) (Challenge, error)
	AddPasskey(ctx context.Context, state, name string, response []byte) error
	NamePasskey(ctx context.Context, id, name string) error
	RemovePasskey(ctx context.Context, id string) error
}

// An Account is an account as its owner or an administrator sees it.
type Account struct {
	ID, Name, Login, Mail, Language string
	Grants                          []access.Grant
	Created, Ended, LastSeen        time.Time
	HasPassword, HasPIN, Local      bool
	Ready                           bool // one of the demonstration's, entered without proof
	Codes                           int  // recovery codes left
	Passkeys                        []Passkey
	Sessions                        []Session
	PasskeysWork                    bool     // where the page is looked at
	Least                           int      // characters of a password
	Known                           []string // names by which orders and images know who holds it
	Patient                         bool     // it belongs to a patient
}

// A Passkey as its owner knows it.
type Passkey struct {
	ID, Name   string
	Made, Used time.Time
	Synced     bool
}

// A Session is a place where somebody is signed in.
type Session struct {
	ID, How, Address, Agent, Station string
	Begun, Seen                      time.Time
	This                             bool
}

// accountRoutes registers the page of one's own account.
func (s *server) accountRoutes(g registrar) {
	if s.Accounts == nil {
		return
	}
	g.get("/account", access.OwnChange, s.accountPage)
	g.post("/account", access.OwnChange, s.accountChange)
	g.post("/account/password", access.OwnChange, s.accountPassword)
	g.post("/account/pin", access.OwnChange, s.accountPIN)
	g.post("/account/codes", access.OwnChange, s.accountCodes)
	g.post("/account/sessions", access.OwnChange, s.accountSessions)
	g.post("/account/passkeys", access.OwnChange, s.accountPasskey)
	g.post("/account/passkeys/ask", access.OwnChange, s.accountAsk)
	g.post("/account/passkeys/answer", access.OwnChange, s.accountAnswer)
}

// accountPage shows one's own account.
func (s *server) accountPage(v *visit) error { return v.showAccount(nil) }

func (v *visit) showAccount(wrong map[string]string) error {
	a, err := v.Accounts.Own(v.r.Context())
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("account.title"), lead: v.p.T("account.lead"), section: "/account"}
	if wrong != nil {
		pg.status = http.StatusBadRequest
	}
	return v.show(pg, accountBody(v, a, wrong))
}

// own ends a form of one's own account: back to the page with what was done, or the
// page with what was wrong.
func (v *visit) own(err error, done string) error {
	if wrong := v.notTaken(err); wrong != nil {
		return v.showAccount(wrong)
	}
	if err != nil {
		return err
	}
	return v.back("/account", done)
}

// fields reads a form.
func (v *visit) fields() error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	return nil
}

// accountChange takes name, address and language.
func (s *server) accountChange(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	f := v.r.PostForm
	language := f.Get("language")
	if language != "" && !s.Catalogue.Has(language) {
		return fault.Errorf(fault.Invalid, "no language %q", language)
	}
	err := s.Accounts.ChangeOwn(v.r.Context(), f.Get("name"), f.Get("mail"), language)
	if err == nil && language != "" {
		v.setPreference("language", language)
	}
	return v.own(err, "account")
}

// accountPassword changes the password.
func (s *server) accountPassword(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	password, err := v.newPassword()
	if err == nil {
		err = s.Accounts.ChangePassword(v.r.Context(), v.r.PostForm.Get("old"), password)
	}
	return v.own(err, "password")
}

// accountPIN sets or removes the PIN.
func (s *server) accountPIN(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	pin, done := v.r.PostForm.Get("pin"), "pin"
	if v.r.PostForm.Get("remove") != "" {
		pin, done = "", "pin_gone"
	} else if pin == "" {
		return v.own(NotTaken("pin", "account.weak_pin"), "")
	}
	return v.own(s.Accounts.SetPIN(v.r.Context(), pin), done)
}

// accountCodes makes recovery codes and shows them, this once.
func (s *server) accountCodes(v *visit) error {
	codes, err := s.Accounts.NewCodes(v.r.Context())
	if err != nil {
		return err
	}
	v.w.Header().Set("Cache-Control", "no-store")
	return v.show(page{
		title: v.p.T("account.codes"), lead: v.p.T("account.codes_once"), section: "/account",
		crumbs: []crumb{{v.p.T("account.title"), "/account"}},
	}, codesBody(v, codes))
}

// accountSessions ends sessions.
func (s *server) accountSessions(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	return v.own(s.Accounts.EndOwnSession(v.r.Context(), v.r.PostForm.Get("session")), "session")
}

// accountPasskey names or removes a passkey.
func (s *server) accountPasskey(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	f := v.r.PostForm
	if f.Get("remove") != "" {
		return v.own(s.Accounts.RemovePasskey(v.r.Context(), f.Get("passkey")), "passkey_gone")
	}
	return v.own(s.Accounts.NamePasskey(v.r.Context(), f.Get("passkey"), f.Get("name")), "passkey_named")
}

// accountAsk asks the browser to make a passkey.
func (s *server) accountAsk(v *visit) error {
	c, err := s.Accounts.OfferPasskey(v.r.Context())
	return v.json(c, err)
}

// accountAnswer takes the passkey it made.
func (s *server) accountAnswer(v *visit) error {
	a, err := v.answered()
	if err == nil {
		err = s.Accounts.AddPasskey(v.r.Context(), a.State, a.Name, a.Response)
	}
	return v.json(map[string]string{"to": "/account?done=passkey"}, err)
}

// role returns the word for a role.
func (v *visit) role(r access.Role) string { return v.p.T("role." + string(r)) }

// granted returns the word for a grant, with the site where it does not hold
// everywhere.
func (v *visit) granted(g access.Grant, sites []face.Choice) string {
	if g.Site == "" {
		return v.role(g.Role)
	}
	name := g.Site
	for _, s := range sites {
		if s.Code == g.Site {
			name = s.Label
		}
	}
	return v.p.T("accounts.role_at", lang.Args{"role": v.role(g.Role), "site": name})
}

// languages are those a person may choose from.
func (v *visit) languages() []face.Choice {
	var all []face.Choice
	for _, l := range v.p.Languages() {
		all = append(all, face.Choice{Code: l.Tag, Label: l.Name})
	}
	return all
}

// since returns an instant in words, a dash for none.
func (v *visit) since(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return v.p.DateTime(v.local(t))
}
