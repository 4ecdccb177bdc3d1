package main

import (
	"context"
	"slices"
	"time"

	"radagora/access"
	"radagora/access/token"
	"radagora/fault"
	"radagora/site"
	"radagora/web"
)

// A tokensView shows and changes what machines and people carry.
type tokensView struct{ *view }

// OwnTokens implements web.Tokens.
func (v tokensView) OwnTokens(ctx context.Context) (web.TokensPage, error) {
	all, err := v.Tokens.List(ctx, access.From(ctx).ID)
	if err != nil {
		return web.TokensPage{}, err
	}
	err = access.Check(ctx, access.TokenOwn, access.Subject{Site: at})
	pg := web.TokensPage{
		May: err == nil || access.Need(err) == access.NeedFresh, Fresh: err == nil,
		Longest: int(v.Tokens.Longest() / (24 * time.Hour)), Tokens: v.tokens(all, nil, nil),
	}
	for _, b := range token.Bundles() {
		if slices.ContainsFunc(b.Acts, func(a access.Act) bool { return mayEver(ctx, a) }) {
			pg.Bundles = append(pg.Bundles, b.Name)
		}
	}
	return pg, nil
}

// mayEver reports whether whoever asks may do an act at all, if need be after they
// proved who they are again, or to some patients.
func mayEver(ctx context.Context, act access.Act) bool {
	reach, err := access.ReachOf(ctx, act, at)
	if err == nil && reach != (access.Reach{}) {
		return true
	}
	err = access.Check(ctx, act, access.Subject{Site: at})
	return err == nil || access.Need(err) == access.NeedFresh
}

// tokens returns tokens as pages show them, with the names of their owners if names
// are given, and which of them act no more.
func (v tokensView) tokens(all []token.Token, names map[string]string, ended map[string]bool) []web.Token {
	var out []web.Token
	for _, t := range all {
		one := web.Token{
			ID: t.ID, Hint: t.Hint, Name: t.Name, Owner: names[t.Account], Made: t.Made, Expires: t.Expires, Used: t.Used,
			State: tokenState(t, ended, v.Now()),
		}
		one.Bundles, one.Acts = inBundles(t.Scopes)
		out = append(out, one)
	}
	return out
}

// inBundles says acts in the words people chose them by, as far as possible.
func inBundles(scopes []string) (bundles, rest []string) {
	covered := map[string]bool{}
	for _, b := range token.Bundles() {
		if slices.ContainsFunc(b.Acts, func(a access.Act) bool { return !slices.Contains(scopes, string(a)) }) {
			continue
		}
		bundles = append(bundles, b.Name)
		for _, a := range b.Acts {
			covered[string(a)] = true
		}
	}
	if slices.Contains(bundles, "images") { // they include the list
		bundles = slices.DeleteFunc(bundles, func(b string) bool { return b == "studies" })
	}
	return bundles, slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return covered[s] })
}

// AddToken implements web.Tokens.
func (v tokensView) AddToken(ctx context.Context, w web.TokenWish) (string, error) {
	acts, unknown := token.Named(w.Bundles)
	if unknown != "" {
		return "", fault.Errorf(fault.Invalid, "token: there is no choice %.40q", unknown)
	}
	secret, _, err := v.Tokens.Add(ctx, token.Wish{
		Account: access.From(ctx).ID, Name: w.Name, Scopes: acts, Lasts: time.Duration(w.Days) * 24 * time.Hour,
	})
	return secret, err
}

// RevokeToken implements web.Tokens.
func (v tokensView) RevokeToken(ctx context.Context, id string) error {
	return v.Tokens.Revoke(ctx, id)
}

// AllTokens implements web.Tokens.
func (v tokensView) AllTokens(ctx context.Context) (web.AllTokens, error) {
	pg := web.AllTokens{Endpoint: v.settings.base() + oauthToken, Scopes: token.Supported()}
	err := access.Check(ctx, access.TokenChange, access.Subject{Site: at})
	pg.May = err == nil || access.Need(err) == access.NeedFresh
	accounts, err := v.Users.Accounts(ctx)
	if err != nil {
		return pg, err
	}
	names, grants, ended := map[string]string{}, map[string][]access.Grant{}, map[string]bool{}
	for _, a := range accounts {
		ended[a.ID] = !a.Ended.IsZero()
		names[a.ID], grants[a.ID] = a.Name, a.Grants
	}
	all, err := v.Tokens.List(ctx, "")
	if err != nil {
		return pg, err
	}
	pg.Tokens = v.tokens(all, names, ended)
	clients, err := v.Tokens.Clients(ctx)
	for _, c := range clients {
		one := web.Client{ID: c.ID, Name: c.Name, KeysAt: c.KeysAt, Scopes: c.Scopes, Made: c.Made, Used: c.Used, Removed: !c.Ended.IsZero()}
		for _, g := range grants[c.Account] {
			if g.Role != access.Peer {
				one.Roles = append(one.Roles, g.Role)
			}
		}
		pg.Clients = append(pg.Clients, one)
	}
	return pg, err
}

// AddClient implements web.Tokens.
func (v tokensView) AddClient(ctx context.Context, c web.ClientWish) (string, error) {
	e := token.Enrolment{Name: c.Name, Site: site.Default, Scopes: c.Scopes, Keys: c.Keys, KeysAt: c.KeysAt}
	if c.Role != "" {
		e.Roles = []access.Role{c.Role}
	}
	made, err := v.Tokens.AddClient(ctx, e)
	return made.ID, err
}

// RemoveClient implements web.Tokens.
func (v tokensView) RemoveClient(ctx context.Context, id string) error {
	return v.Tokens.EndClient(ctx, id)
}

// A providersView tells how identity providers are.
type providersView struct{ *view }

// Providers implements web.Providers.
func (v providersView) Providers(ctx context.Context) ([]web.ProviderState, error) {
	var all []web.ProviderState
	for _, c := range v.house.Providers.List() {
		s, err := v.house.Providers.State(ctx, c.Name)
		if err != nil {
			return nil, err
		}
		one := web.ProviderState{
			Name: c.Name, Title: c.Title, Issuer: c.Issuer, Client: c.ClientID, Reached: s.Reached, Why: s.Why, At: s.At, Keys: s.Keys,
			Algorithms: s.Algorithms, PKCE: s.PKCE, SignOut: s.SignOut, BackOut: s.BackOut, HasSecret: s.HasSecret,
			Create: c.Create, UserInfo: c.UserInfo,
		}
		one.Back, one.Out, one.Channel = v.house.Providers.Redirect(c.Name)
		for _, r := range c.Rules {
			one.Rules = append(one.Rules, web.ProviderRule{Claim: r.Claim, Value: r.Value, Site: r.Site, Role: r.Role})
		}
		all = append(all, one)
	}
	return all, nil
}

// TryProvider implements web.Providers.
func (v providersView) TryProvider(ctx context.Context, name string) error {
	if err := may(ctx, access.SiteChange); err != nil {
		return err
	}
	_, err := v.house.Providers.Try(ctx, name)
	return err
}
