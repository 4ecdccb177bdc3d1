package web

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Accounts knows everybody's accounts, and lets each look after their own.
type Accounts interface {
	OwnAccount
	Everybody
	Stations
}

// Everybody is what an administrator does about accounts.
type Everybody interface {
	Accounts(ctx context.Context) (AccountsPage, error)
	Account(ctx context.Context, id string) (Account, error)
	// PutAccount adds an account, or changes the one with the id, and returns the id.
	PutAccount(ctx context.Context, a Account) (string, error)
	EndAccount(ctx context.Context, id string, ended bool) error
	// KnowAccount replaces by which names orders and images know who holds an account, and
	// to which patient it belongs; a TakenError for what cannot be.
	KnowAccount(ctx context.Context, id string, k KnownAccount) error
	// PasswordLink returns the address at which somebody sets their password.
	PasswordLink(ctx context.Context, id string) (string, error)
	// EndSessions ends one session of an account, or with "" all.
	EndSessions(ctx context.Context, id, session string) error
}

// Stations are the workstations that people share.
type Stations interface {
	PutStation(ctx context.Context, name, room string) error
	EndStation(ctx context.Context, id string) error
}

// An AccountsPage lists accounts and workstations.
type AccountsPage struct {
	Accounts []Account
	Sites    []face.Choice
	Stations []Station
	Rooms    []face.Choice
	Here     string // id of the workstation the page is looked at on, "" if it is none
}

// A KnownAccount says who holds an account: as a physician, and as a patient.
type KnownAccount struct {
	Names             []string // as orders and images name them
	PatientID, Issuer string   // the patient; "" leaves it as it is
	Unlink            bool     // the account is no patient's any more
}

// A Station is a workstation that people share.
type Station struct {
	ID, Name, Room string // Room is a name
	RoomID         string
	This           bool
}

// accountsRoutes registers the pages of everybody's accounts.
func (s *server) accountsRoutes(g registrar) {
	if s.Accounts == nil {
		return
	}
	g.get("/settings/accounts", access.UserRead, s.accountsPage)
	g.post("/settings/accounts", access.UserChange, s.accountsPut)
	g.get("/settings/accounts/{id}", access.UserRead, s.accountsOne)
	g.post("/settings/accounts/{id}/end", access.UserChange, s.accountsEnd)
	g.post("/settings/accounts/{id}/link", access.UserChange, s.accountsLink)
	g.post("/settings/accounts/{id}/known", access.UserChange, s.accountsKnown)
	g.post("/settings/accounts/{id}/sessions", access.UserChange, s.accountsSessions)
	g.post("/settings/stations", access.UserChange, s.stationPut)
	g.post("/settings/stations/end", access.UserChange, s.stationEnd)
}

// accountsPage lists everybody.
func (s *server) accountsPage(v *visit) error { return v.showAccounts(Account{}, nil) }

func (v *visit) showAccounts(a Account, wrong map[string]string) error {
	pg, err := v.Accounts.Accounts(v.r.Context())
	if err != nil {
		return err
	}
	frame := page{title: v.p.T("nav.accounts"), lead: v.p.T("accounts.lead"), section: "/settings/accounts"}
	if wrong != nil {
		frame.status = http.StatusBadRequest
	}
	return v.show(frame, accountsBody(v, pg, a, wrong))
}

// accountsOne shows one account.
func (s *server) accountsOne(v *visit) error {
	a, err := s.Accounts.Account(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	return v.showOne(a, nil, "")
}

func (v *visit) showOne(a Account, wrong map[string]string, link string) error {
	pg, err := v.Accounts.Accounts(v.r.Context())
	if err != nil {
		return err
	}
	frame := page{
		title: a.Name, section: "/settings/accounts", crumbs: []crumb{{v.p.T("nav.accounts"), "/settings/accounts"}},
	}
	if wrong != nil {
		frame.status = http.StatusBadRequest
	}
	if link != "" {
		v.w.Header().Set("Cache-Control", "no-store")
	}
	return v.show(frame, oneAccountBody(v, pg, a, wrong, link))
}

// accountsPut adds or changes an account.
func (s *server) accountsPut(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	f := v.r.PostForm
	a := Account{ID: f.Get("id"), Name: strings.TrimSpace(f.Get("name")), Login: strings.TrimSpace(f.Get("login")), Mail: strings.TrimSpace(f.Get("mail"))}
	for _, text := range f["grant"] {
		role, at, ok := strings.Cut(text, "@")
		if !ok || !slices.Contains(access.People(), access.Role(role)) {
			return fault.Errorf(fault.Invalid, "no role %q", role)
		}
		a.Grants = append(a.Grants, access.Grant{Role: access.Role(role), Site: at})
	}
	id, err := s.Accounts.PutAccount(v.r.Context(), a)
	if wrong := v.notTaken(err); wrong != nil {
		if a.ID == "" {
			return v.showAccounts(a, wrong)
		}
		old, err := s.Accounts.Account(v.r.Context(), a.ID)
		if err != nil {
			return err
		}
		old.Name, old.Login, old.Mail, old.Grants = a.Name, a.Login, a.Mail, a.Grants
		return v.showOne(old, wrong, "")
	}
	if err != nil {
		return err
	}
	return v.back("/settings/accounts/"+id, "account")
}

// accountsEnd ends an account, or lets it act again.
func (s *server) accountsEnd(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	id, done := v.r.PathValue("id"), "account_ended"
	ended := v.r.PostForm.Get("ended") == "yes"
	if !ended {
		done = "account_back"
	}
	err := s.Accounts.EndAccount(v.r.Context(), id, ended)
	if wrong := v.notTaken(err); wrong != nil {
		a, err := s.Accounts.Account(v.r.Context(), id)
		if err != nil {
			return err
		}
		return v.showOne(a, wrong, "")
	}
	if err != nil {
		return err
	}
	return v.back("/settings/accounts/"+id, done)
}

// accountsLink makes a link for a password and shows it, this once.
func (s *server) accountsLink(v *visit) error {
	id := v.r.PathValue("id")
	link, err := s.Accounts.PasswordLink(v.r.Context(), id)
	if err != nil {
		return err
	}
	a, err := s.Accounts.Account(v.r.Context(), id)
	if err != nil {
		return err
	}
	return v.showOne(a, nil, link)
}

// accountsKnown takes by which names an account is known, and whose it is.
func (s *server) accountsKnown(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	f, id := v.r.PostForm, v.r.PathValue("id")
	k := KnownAccount{
		Names: strings.FieldsFunc(f.Get("known"), func(r rune) bool { return r == '\n' || r == '\r' }), Unlink: f.Get("unlink") != "",
		PatientID: strings.TrimSpace(f.Get("patient_id")), Issuer: strings.TrimSpace(f.Get("issuer")),
	}
	err := s.Accounts.KnowAccount(v.r.Context(), id, k)
	if wrong := v.notTaken(err); wrong != nil {
		a, err := s.Accounts.Account(v.r.Context(), id)
		if err != nil {
			return err
		}
		a.Known = k.Names
		return v.showOne(a, wrong, "")
	}
	if err != nil {
		return err
	}
	return v.back("/settings/accounts/"+id, "account")
}

// accountsSessions ends sessions of an account.
func (s *server) accountsSessions(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	id := v.r.PathValue("id")
	if err := s.Accounts.EndSessions(v.r.Context(), id, v.r.PostForm.Get("session")); err != nil {
		return err
	}
	return v.back("/settings/accounts/"+id, "session")
}

// stationPut makes this browser a workstation that people share.
func (s *server) stationPut(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	err := s.Accounts.PutStation(v.r.Context(), v.r.PostForm.Get("station"), v.r.PostForm.Get("room"))
	if wrong := v.notTaken(err); wrong != nil {
		return v.showAccounts(Account{}, wrong)
	}
	if err != nil {
		return err
	}
	return v.back("/settings/accounts", "station")
}

// stationEnd makes one a browser like others.
func (s *server) stationEnd(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	if err := s.Accounts.EndStation(v.r.Context(), v.r.PostForm.Get("id")); err != nil {
		return err
	}
	return v.back("/settings/accounts", "station_gone")
}

// has reports whether an account has a role at a site, "" for every site.
func (a Account) has(r access.Role, at string) bool {
	return slices.Contains(a.Grants, access.Grant{Role: r, Site: at})
}

// scopes are the columns of the table of roles: every site, and each by itself if
// there are several or somebody has a role at one alone.
func (pg AccountsPage) scopes(v *visit, a Account) []face.Choice {
	all := []face.Choice{{Code: "", Label: v.p.T("accounts.everywhere")}}
	if len(pg.Sites) > 1 || slices.ContainsFunc(a.Grants, func(g access.Grant) bool { return g.Site != "" }) {
		all = append(all, pg.Sites...)
	}
	return all
}

// accountTable lists accounts.
func (v *visit) accountTable(pg AccountsPage) face.Table {
	t := face.Table{
		ID: "accounts", Caption: v.p.T("nav.accounts"),
		Columns: []face.Column{
			{Label: v.p.T("account.name"), Phone: face.Name},
			{Label: v.p.T("sign.login"), Phone: face.Beside},
			{Label: v.p.T("accounts.roles")},
			{Label: v.p.T("accounts.last")},
		},
		Empty: face.Nothing(v.p.T("accounts.none"), v.p.T("accounts.none_text")),
	}
	for _, a := range pg.Accounts {
		t.Rows = append(t.Rows, face.Row{
			ID: "a-" + a.ID, Href: "/settings/accounts/" + a.ID,
			Cells: []templ.Component{face.Words(a.Name, v.accountState(a)), face.Words(orElse(a.Login, "–"), ""), roleTags(v, pg, a), face.Words(v.since(a.LastSeen), "")},
		})
	}
	return t
}

// accountState says what is special about an account, "" for nothing.
func (v *visit) accountState(a Account) string {
	switch {
	case !a.Ended.IsZero():
		return v.p.T("accounts.ended", lang.Args{"when": v.since(a.Ended)})
	case a.Local:
		return v.p.T("accounts.local")
	case a.Ready:
		return v.p.T("accounts.ready")
	case a.Login != "" && !a.HasPassword && len(a.Passkeys) == 0 && a.LastSeen.IsZero():
		return v.p.T("accounts.waiting")
	}
	return ""
}

// browser names a browser as people know it, from what it says of itself.
func (v *visit) browser(agent string) string {
	name := ""
	for _, b := range [][2]string{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}} {
		if strings.Contains(agent, b[0]) {
			name = b[1]
			break
		}
	}
	for _, s := range [][2]string{{"Windows", "Windows"}, {"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Mac OS", "macOS"}, {"Linux", "Linux"}} {
		if strings.Contains(agent, s[0]) && name != "" {
			return v.p.T("account.browser_on", lang.Args{"browser": name, "system": s[1]})
		}
	}
	return orElse(name, v.p.T("account.browser_other"))
}

// pinLabel is what the field of a PIN is called.
func (v *visit) pinLabel(a Account) string {
	if a.HasPIN {
		return v.p.T("account.pin_new")
	}
	return v.p.T("account.pin_first")
}

// yesNo returns the word for a truth.
func (v *visit) yesNo(yes bool) string {
	if yes {
		return v.p.T("word.yes")
	}
	return v.p.T("word.no")
}
