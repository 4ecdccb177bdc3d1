package main

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"radagora/access"
	"radagora/access/token"
	"radagora/fault"
	"radagora/site"
	"radagora/web"
)

// An appDesk shows and changes which programs act for people.
type appDesk struct{ studiesView }

// registered words an app as pages show it.
func registered(a token.App) web.RegisteredApp {
	one := web.RegisteredApp{
		ID: a.ID, Name: a.Name, Opens: a.Opens, KeysAt: a.KeysAt, Returns: a.Returns, Scopes: a.Scopes, Proof: "none", State: "valid", Made: a.Made, Used: a.Used,
	}
	switch {
	case a.Secret:
		one.Proof = "secret"
	case !a.Public():
		one.Proof = "keys"
	}
	switch {
	case !a.Ended.IsZero():
		one.State = "removed"
	case !a.Blocked.IsZero():
		one.State = "blocked"
	}
	return one
}

// Apps implements web.AppDesk.
func (v appDesk) Apps(ctx context.Context) (web.AppsPage, error) {
	base := v.settings.base()
	pg := web.AppsPage{
		Authorize: base + oauthAuthorize, Endpoint: base + oauthToken, Issuer: base, Launch: base + fhirRoot, Scopes: token.SupportedForApps(),
	}
	err := access.Check(ctx, access.TokenChange, access.Subject{Site: at})
	pg.May = err == nil || access.Need(err) == access.NeedFresh
	all, err := v.Tokens.Apps(ctx)
	for _, a := range all {
		pg.Apps = append(pg.Apps, registered(a))
	}
	return pg, err
}

// App implements web.AppDesk.
func (v appDesk) App(ctx context.Context, id string) (web.AppsPage, web.RegisteredApp, error) {
	pg, err := v.Apps(ctx)
	if err != nil {
		return pg, web.RegisteredApp{}, err
	}
	i := slices.IndexFunc(pg.Apps, func(a web.RegisteredApp) bool { return a.ID == id })
	if i < 0 {
		return pg, web.RegisteredApp{}, fault.Errorf(fault.NotFound, "no app %.40q", id)
	}
	return pg, pg.Apps[i], nil
}

// wished is what an administrator says of an app, as the room takes it.
func wished(w web.AppWish) token.Program {
	return token.Program{
		Name: w.Name, Site: site.Default, Returns: strings.Fields(w.Returns), Scopes: w.Scopes, Keys: w.Keys, KeysAt: w.KeysAt, Opens: w.Opens,
	}
}

// AddApp implements web.AppDesk.
func (v appDesk) AddApp(ctx context.Context, w web.AppWish) (id, secret string, err error) {
	p := wished(w)
	switch w.Proof {
	case "secret":
		p.Secret = true
	case "keys":
		if p.Keys == "" && p.KeysAt == "" {
			return "", "", fault.Errorf(fault.Invalid, "app: give its public keys, or the address of them")
		}
	case "none":
		if p.Keys != "" || p.KeysAt != "" {
			return "", "", fault.Errorf(fault.Invalid, "app: there are keys: then it proves who it is by them")
		}
	default:
		return "", "", fault.Errorf(fault.Invalid, "app: say how it proves who it is")
	}
	a, secret, err := v.Tokens.AddApp(ctx, p)
	return a.ID, secret, err
}

// ChangeApp implements web.AppDesk. An address of keys that stands as it was is none that
// is given anew.
func (v appDesk) ChangeApp(ctx context.Context, id string, w web.AppWish) error {
	return v.Tokens.ChangeApp(ctx, id, wished(w))
}

// RotateApp implements web.AppDesk.
func (v appDesk) RotateApp(ctx context.Context, id string) (string, error) {
	return v.Tokens.Rotate(ctx, id)
}

// BlockApp implements web.AppDesk.
func (v appDesk) BlockApp(ctx context.Context, id string, out bool) error {
	return v.Tokens.Block(ctx, id, out)
}

// RemoveApp implements web.AppDesk.
func (v appDesk) RemoveApp(ctx context.Context, id string) error { return v.Tokens.EndApp(ctx, id) }

// AllowedApps implements web.AppDesk.
func (v appDesk) AllowedApps(ctx context.Context) ([]web.AllowedApp, error) {
	all, err := v.Tokens.Allows(ctx, access.From(ctx).ID)
	var out []web.AllowedApp
	for _, a := range all {
		out = append(out, allowedApp(a))
	}
	return out, err
}

// allowedApp words what somebody let an app do.
func allowedApp(a token.Allowed) web.AllowedApp {
	return web.AllowedApp{
		ID: a.App.ID, Name: a.App.Name, Patient: a.Patient, Away: a.Away, Since: a.Since, Used: a.Used, Until: a.Until,
		SignsOn: slices.Contains(strings.Fields(a.Scope), token.OpenID), May: mayOf(token.ActsIn(a.Scope)),
	}
}

// Allowing implements web.AppDesk.
func (v appDesk) Allowing(ctx context.Context, app string) ([]web.AllowedApp, error) {
	all, err := v.Tokens.AllowedTo(ctx, app)
	if err != nil {
		return nil, err
	}
	names, err := v.accountNames(ctx)
	var out []web.AllowedApp
	for _, a := range all {
		one := allowedApp(a)
		one.Account, one.Person = a.Account, names[a.Account]
		out = append(out, one)
	}
	return out, err
}

// WithdrawOf implements web.AppDesk.
func (v appDesk) WithdrawOf(ctx context.Context, account, app string) error {
	return v.Tokens.Take(ctx, account, app)
}

// Withdraw implements web.AppDesk.
func (v appDesk) Withdraw(ctx context.Context, app string) error {
	return v.Tokens.Take(ctx, access.From(ctx).ID, app)
}

// Openable implements web.AppDesk.
func (v appDesk) Openable(ctx context.Context, study string) ([]web.RegisteredApp, error) {
	if _, err := v.study(ctx, study); err != nil {
		return nil, err
	}
	all, err := v.Tokens.Launchable(ctx, at)
	var out []web.RegisteredApp
	for _, a := range all {
		out = append(out, registered(a))
	}
	return out, err
}

// OpenApp implements web.AppDesk.
func (v appDesk) OpenApp(ctx context.Context, study, app string) (string, error) {
	s, err := v.study(ctx, study)
	if err != nil {
		return "", err
	}
	to, launch, err := v.Tokens.Open(ctx, app, token.Context{Person: s.Person.Reveal(), Study: s.UID.String()})
	if err != nil {
		return "", err
	}
	u, err := url.Parse(to)
	if err != nil {
		return "", fault.As(fault.Internal, err) // not reached: it was registered
	}
	q := u.Query()
	q.Set("iss", v.settings.base()+fhirRoot)
	q.Set("launch", launch)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// mayOf says acts in the words of tokens, as far as these words say anything of them.
func mayOf(acts []string) []string {
	var all []string
	for _, b := range token.Bundles() {
		if slices.ContainsFunc(b.Acts, func(act access.Act) bool { return slices.Contains(acts, string(act)) }) && b.Name != "studies" {
			all = append(all, b.Name)
		}
	}
	return all
}
