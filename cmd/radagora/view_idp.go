package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"

	"radagora/access"
	"radagora/access/account"
	"radagora/access/idp"
	"radagora/fault"
	"radagora/web"
)

// An identityView lets people in through the identity providers of the settings.
type identityView struct{ *view }

// ticketCookie returns the cookie in which a browser keeps its ticket.
func (v identityView) ticketCookie(name, value string, age int) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: age}
	if v.settings.secure() {
		c.Name, c.Secure = "__Host-"+name, true
	}
	return c
}

// Begin implements web.Identity.
func (v identityView) Begin(ctx context.Context, name, to, link string) (string, *http.Cookie, error) {
	address, ticket, err := v.Providers.Begin(ctx, name, idp.Ask{Return: to, Link: link, Fresh: access.From(ctx).ID != ""})
	if err != nil {
		return "", nil, err
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", nil, err
	}
	return address, v.ticketCookie(idp.Cookie(u.Query()), ticket, 600), nil
}

// Return implements web.Identity.
func (v identityView) Return(ctx context.Context, name string, query url.Values, cookie func(string) string) (to, why string, spent *http.Cookie, err error) {
	kept := idp.Cookie(query)
	if kept == "" {
		return "", idp.WhyTicket, nil, nil
	}
	spent = v.ticketCookie(kept, "", -1)
	signed, err := v.Providers.Finish(ctx, name, query, cookie(spent.Name))
	if why := idp.Why(err); why != "" {
		v.Log.InfoContext(ctx, "sign-in refused", slog.String("provider", name), slog.Any("error", err))
		return "", why, spent, nil
	}
	if err != nil || signed.Linked {
		return signed.Return, "", spent, err
	}
	who, err := v.Accounts.Begin(ctx, signed.Account, account.ByProvider, signed.At)
	if err != nil {
		return "", "", spent, err
	}
	return signed.Return, "", spent, v.Providers.Began(ctx, who.Session, signed)
}

// Leave implements web.Identity.
func (v identityView) Leave(ctx context.Context) (provider, path string, err error) {
	name, pass, err := v.Providers.Leave(ctx, access.From(ctx).Session)
	if err != nil || name == "" {
		return "", "", err
	}
	for _, c := range v.Providers.List() {
		if c.Name == name {
			provider = c.Title
		}
	}
	return provider, idp.Path(name) + "/out?pass=" + url.QueryEscape(pass), nil
}

// Out implements web.Identity.
func (v identityView) Out(ctx context.Context, pass string) (string, error) {
	return v.Providers.Out(ctx, pass)
}

// Own implements web.Identity.
func (v identityView) Own(ctx context.Context) ([]web.OwnProvider, error) {
	who := access.From(ctx).ID
	links, err := v.Providers.Links(ctx, who)
	if err != nil {
		return nil, err
	}
	pass, err := v.Providers.LinkPass(who)
	if err != nil {
		return nil, err
	}
	var all []web.OwnProvider
	for _, c := range v.Providers.List() {
		one := web.OwnProvider{Name: c.Name, Title: c.Title, Path: idp.Path(c.Name) + "?to=%2Faccount&link=" + url.QueryEscape(pass)}
		for _, l := range links {
			if l.Issuer == c.Issuer {
				one.Linked, one.Made, one.Since, one.Seen, one.Path = true, l.Made, l.Linked, l.Seen, ""
			}
		}
		all = append(all, one)
	}
	return all, nil
}

// Unlink implements web.Identity.
func (v identityView) Unlink(ctx context.Context, name string) error {
	links, err := v.Providers.Links(ctx, access.From(ctx).ID)
	if err != nil {
		return err
	}
	for _, c := range v.Providers.List() {
		for _, l := range links {
			if c.Name != name || l.Issuer != c.Issuer {
				continue
			}
			if l.Made {
				return fault.Errorf(fault.Conflict, "this account was made by identity provider %s: without it nobody could come in", name)
			}
			return v.Providers.Unlink(ctx, l.Issuer, l.Subject)
		}
	}
	return fault.Errorf(fault.NotFound, "no link with identity provider %.40q", name)
}

// identity returns the way in through identity providers, nil if there are none.
func (v *view) identity() web.Identity {
	if len(v.Providers.List()) == 0 {
		return nil
	}
	return identityView{v}
}

// providers returns the identity providers as the way in shows them.
func (v *view) providers() []web.Provider {
	var all []web.Provider
	for _, c := range v.Providers.List() {
		all = append(all, web.Provider{Name: c.Title, Path: idp.Path(c.Name)})
	}
	return all
}
