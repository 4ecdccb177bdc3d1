package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Tokens knows what machines and people carry instead of signing in.
type Tokens interface {
	// OwnTokens returns the tokens of whoever asks, and what one of theirs could do.
	OwnTokens(ctx context.Context) (TokensPage, error)
	// AddToken makes a token for whoever asks and returns it, to be shown this once.
	AddToken(ctx context.Context, w TokenWish) (secret string, err error)
	// RevokeToken ends a token: one's own, or any for who may change tokens.
	RevokeToken(ctx context.Context, id string) error
	// AllTokens returns the tokens of all accounts, and the machines that sign.
	AllTokens(ctx context.Context) (AllTokens, error)
	AddClient(ctx context.Context, c ClientWish) (id string, err error)
	RemoveClient(ctx context.Context, id string) error
}

// A TokensPage is what the page of one's own tokens shows.
type TokensPage struct {
	Tokens  []Token
	Bundles []string // names of what can be chosen: token.may_…
	May     bool     // the role may have tokens
	Fresh   bool     // they proved who they are a short while ago
	Longest int      // days
}

// A Token is an API token without its secret.
type Token struct {
	ID, Hint, Name, Owner string
	Bundles               []string // names, as far as its acts are whole bundles
	Acts                  []string // the others
	Made, Expires, Used   time.Time
	State                 string // valid, expired, revoked
}

// A TokenWish is what somebody wants a token for.
type TokenWish struct {
	Name    string
	Bundles []string
	Days    int
}

// AllTokens is what an administrator sees.
type AllTokens struct {
	Tokens   []Token
	Clients  []Client
	Endpoint string // where machines ask for access tokens
	Scopes   []string
	May      bool
}

// A Client is a machine that signs.
type Client struct {
	ID, Name, KeysAt string
	Scopes           []string
	Roles            []access.Role
	Made, Used       time.Time
	Removed          bool
}

// A ClientWish registers a machine.
type ClientWish struct {
	Name, Scopes, Keys, KeysAt string
	Role                       access.Role
}

// tokenRoutes registers the pages of tokens.
func (s *server) tokenRoutes(g registrar) {
	if s.Tokens == nil {
		return
	}
	g.get("/account/tokens", access.OwnChange, s.ownTokens)
	g.post("/account/tokens", access.TokenOwn, s.addToken)
	g.post("/account/tokens/revoke", access.OwnChange, s.revokeOwn)
	g.get("/settings/tokens", access.UserRead, s.allTokens)
	g.post("/settings/tokens/revoke", access.TokenChange, s.revokeAny)
	g.post("/settings/tokens/client", access.TokenChange, s.addClient)
	g.post("/settings/tokens/client/remove", access.TokenChange, s.removeClient)
}

// tokenDays are how long a token can be chosen to serve.
var tokenDays = []int{30, 90, 180, 365}

// ownTokens shows one's own tokens.
func (s *server) ownTokens(v *visit) error { return v.showTokens(TokenWish{}, nil) }

func (v *visit) showTokens(w TokenWish, wrong map[string]string) error {
	pg, err := v.Tokens.OwnTokens(v.r.Context())
	if err != nil {
		return err
	}
	show := page{
		title: v.p.T("token.own"), lead: v.p.T("token.own_lead"), section: "/account",
		crumbs: []crumb{{v.p.T("account.title"), "/account"}},
	}
	if wrong != nil {
		show.status = http.StatusBadRequest
	}
	return v.show(show, tokensBody(v, pg, w, wrong))
}

// addToken makes a token and shows it this once.
func (s *server) addToken(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	w := TokenWish{Name: strings.TrimSpace(f.Get("name")), Bundles: f["may"]}
	w.Days, _ = strconv.Atoi(f.Get("days")) // 0 is refused below
	wrong := map[string]string{}
	if w.Name == "" || len(w.Name) > 100 {
		wrong["name"] = v.p.T("token.wrong_name")
	}
	if len(w.Bundles) == 0 {
		wrong["may"] = v.p.T("token.wrong_may")
	}
	if !slices.Contains(tokenDays, w.Days) {
		wrong["days"] = v.p.T("token.wrong_days")
	}
	if len(wrong) > 0 {
		return v.showTokens(w, wrong)
	}
	secret, err := s.Tokens.AddToken(v.r.Context(), w)
	if err != nil {
		return err
	}
	v.w.Header().Set("Cache-Control", "no-store")
	return v.show(page{
		title: v.p.T("token.made"), lead: v.p.T("token.made_lead"), section: "/account",
		crumbs: []crumb{{v.p.T("account.title"), "/account"}, {v.p.T("token.own"), "/account/tokens"}},
	}, tokenOnce(v, w, secret))
}

// revokeOwn ends a token of one's own.
func (s *server) revokeOwn(v *visit) error { return v.revoke("/account/tokens") }

// revokeAny ends a token of anybody.
func (s *server) revokeAny(v *visit) error { return v.revoke("/settings/tokens") }

func (v *visit) revoke(to string) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := v.Tokens.RevokeToken(v.r.Context(), v.r.PostForm.Get("id")); err != nil {
		return err
	}
	return v.back(to, "token_revoked")
}

// allTokens shows what every account carries, and the machines that sign.
func (s *server) allTokens(v *visit) error { return v.showAllTokens(ClientWish{}, nil) }

func (v *visit) showAllTokens(c ClientWish, wrong map[string]string) error {
	pg, err := v.Tokens.AllTokens(v.r.Context())
	if err != nil {
		return err
	}
	show := page{title: v.p.T("nav.tokens"), lead: v.p.T("token.all_lead"), section: "/settings/tokens"}
	if wrong != nil {
		show.status = http.StatusBadRequest
	}
	return v.show(show, allTokensBody(v, pg, c, wrong))
}

// addClient registers a machine.
func (s *server) addClient(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	c := ClientWish{
		Name: strings.TrimSpace(f.Get("name")), Scopes: f.Get("scopes"), Keys: strings.TrimSpace(f.Get("keys")),
		KeysAt: strings.TrimSpace(f.Get("keys_at")), Role: access.Role(f.Get("role")),
	}
	id, err := s.Tokens.AddClient(v.r.Context(), c)
	if fault.Of(err) == fault.Invalid && err != nil {
		return v.showAllTokens(c, map[string]string{"": err.Error()})
	}
	if err != nil {
		return err
	}
	return redirectTo(parseAddress("/settings/tokens").with("made", id).String())(v)
}

// removeClient lets a machine act no more.
func (s *server) removeClient(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.Tokens.RemoveClient(v.r.Context(), v.r.PostForm.Get("id")); err != nil {
		return err
	}
	return v.back("/settings/tokens", "client_removed")
}

// dayChoices returns how long a token can serve.
func (v *visit) dayChoices(longest int) []face.Choice {
	var all []face.Choice
	for _, d := range tokenDays {
		if d <= longest {
			all = append(all, face.Choice{Code: strconv.Itoa(d), Label: v.p.T("token.days_n", lang.Args{"n": d})})
		}
	}
	return all
}

// clientRoles are what a machine's account may be beside a machine.
func (v *visit) clientRoles() []face.Choice {
	var all []face.Choice
	for _, r := range access.People() {
		if r != access.Administrator && r != access.Patient {
			all = append(all, face.Choice{Code: string(r), Label: v.role(r)})
		}
	}
	return all
}

// mayWords returns in words what a token may.
func (v *visit) mayWords(t Token) []string {
	var all []string
	for _, b := range t.Bundles {
		all = append(all, v.p.T("token.may_"+b))
	}
	return append(all, t.Acts...)
}

// tokenWhen says how long a token serves, or since when not.
func (v *visit) tokenWhen(t Token) string {
	return v.p.T("token.when", lang.Args{"made": v.since(t.Made), "until": v.since(t.Expires), "used": v.since(t.Used)})
}

// chosenDays returns what is chosen at first.
func chosenDays(w TokenWish) string {
	if w.Days == 0 {
		return strconv.Itoa(tokenDays[1])
	}
	return strconv.Itoa(w.Days)
}

// mayDescribed returns the id of what is wrong with the choice of acts.
func mayDescribed(wrong map[string]string) string {
	if wrong["may"] != "" {
		return "may-error"
	}
	return ""
}

// scopeChoices are suggestions while typing.
func scopeChoices(scopes []string) []face.Choice {
	var all []face.Choice
	for _, s := range scopes {
		all = append(all, face.Choice{Code: s, Label: s})
	}
	return all
}
