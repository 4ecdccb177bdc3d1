package web

import (
	"context"
	"time"

	"radagora/access"
	"radagora/fault"
)

// Providers tells how the identity providers of the settings are.
type Providers interface {
	Providers(ctx context.Context) ([]ProviderState, error)
	// TryProvider asks a provider anew.
	TryProvider(ctx context.Context, name string) error
}

// A ProviderState is how an identity provider is. It holds no secret.
type ProviderState struct {
	Name, Title, Issuer, Client string
	Back, Out, Channel          string // what must be entered there
	Reached                     bool
	Why                         string // it was not reached
	At                          time.Time
	Keys                        int
	Algorithms                  []string
	PKCE, SignOut, BackOut      bool
	HasSecret, Create, UserInfo bool
	Rules                       []ProviderRule
}

// A ProviderRule gives a role to whom a claim names.
type ProviderRule struct {
	Claim, Value, Site string
	Role               access.Role
}

// providerRoutes registers the page of identity providers.
func (s *server) providerRoutes(g registrar) {
	if s.Providers == nil {
		return
	}
	g.get("/settings/sign-in", access.UserRead, s.providersPage)
	g.post("/settings/sign-in/try", access.SiteChange, s.providerTry)
}

// providersPage shows identity providers.
func (s *server) providersPage(v *visit) error {
	all, err := s.Providers.Providers(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("nav.providers"), lead: v.p.T("provider.lead"), section: "/settings/sign-in"}, providersBody(v, all))
}

// providerTry asks a provider anew.
func (s *server) providerTry(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.Providers.TryProvider(v.r.Context(), v.r.PostForm.Get("name")); err != nil {
		return err
	}
	return v.back("/settings/sign-in", "provider_tried")
}

// yes returns yes or no in words.
func (v *visit) yes(b bool) string {
	if b {
		return v.p.T("provider.yes")
	}
	return v.p.T("provider.no")
}
