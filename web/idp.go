package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"radagora/access"
	"radagora/fault"
)

// Identity is the way in through the identity provider of the hospital.
type Identity interface {
	// Begin returns where to send the browser and a cookie for it. Whoever is signed in
	// already proves it anew.
	Begin(ctx context.Context, name, to, link string) (address string, keep *http.Cookie, err error)
	// Return takes what the browser comes back with, begins a session and returns where
	// to go; why says in a word of the catalogue (idp.why_…) why nobody is let in.
	Return(ctx context.Context, name string, query url.Values, cookie func(name string) string) (to, why string, spent *http.Cookie, err error)
	// Leave returns the provider at which a session that ends now goes on, and the
	// address here that ends it there too; "" if there is none.
	Leave(ctx context.Context) (provider, path string, err error)
	// Own returns the providers with which whoever asks is linked, or may be.
	Own(ctx context.Context) ([]OwnProvider, error)
	// Unlink takes such a link away, unless the account was made by the provider.
	Unlink(ctx context.Context, name string) error
	// Out returns where to send the browser for that.
	Out(ctx context.Context, pass string) (string, error)
}

// An OwnProvider is a provider as somebody with an account sees it.
type OwnProvider struct {
	Name, Title string
	Path        string // where linking begins; "" if linked
	Linked      bool
	Made        bool // the account was made by it: without it nobody could come in
	Since, Seen time.Time
}

// identityRoutes registers the way there and back.
func (s *server) identityRoutes(g registrar) {
	if s.Identity == nil {
		return
	}
	g.get("/sign-in/idp/{name}", Anybody, s.idpBegin)
	g.get("/sign-in/idp/{name}/return", Anybody, s.idpReturn)
	g.get("/sign-in/idp/{name}/out", Anybody, s.idpOut)
	g.post("/account/providers/unlink", access.OwnChange, s.idpUnlink)
}

// idpBegin sends the browser to the provider.
func (s *server) idpBegin(v *visit) error {
	q := v.r.URL.Query()
	if q.Get("link") != "" {
		if err := v.may(access.OwnChange); err != nil {
			return err
		}
	}
	address, keep, err := s.Identity.Begin(v.r.Context(), v.r.PathValue("name"), localPath(orElse(q.Get("to"), "/")), q.Get("link"))
	if err != nil {
		return err
	}
	http.SetCookie(v.w, keep)
	return v.elsewhere(address)
}

// elsewhere sends the browser to an address that is not ours.
func (v *visit) elsewhere(address string) error {
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(v.w, v.r, address, http.StatusSeeOther)
	return nil
}

// idpReturn takes the browser back.
func (s *server) idpReturn(v *visit) error {
	to, why, spent, err := s.Identity.Return(v.r.Context(), v.r.PathValue("name"), v.r.URL.Query(), func(name string) string { return cookie(v.r, name) })
	if spent != nil {
		http.SetCookie(v.w, spent)
	}
	if err != nil {
		return err
	}
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.Header().Set("Referrer-Policy", "no-referrer") // the address holds a code
	if why != "" {
		return v.show(page{title: v.p.T("idp.refused"), status: http.StatusForbidden, bare: true, section: "-"}, idpRefusedBody(v, why))
	}
	http.Redirect(v.w, v.r, localPath(to), http.StatusSeeOther)
	return nil
}

// ownProviders returns what linkWay shows: nothing if it cannot be had, for the rest of
// the page does not hang on it.
func (v *visit) ownProviders() []OwnProvider {
	if v.Identity == nil {
		return nil
	}
	all, err := v.Identity.Own(v.r.Context())
	if err != nil {
		v.Log.WarnContext(v.r.Context(), "links with identity providers", "error", err)
	}
	return all
}

// idpUnlink takes a link away.
func (s *server) idpUnlink(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.Identity.Unlink(v.r.Context(), v.r.PostForm.Get("name")); err != nil {
		return err
	}
	return v.back("/account", "unlinked")
}

// leave returns the page to show after signing out: the way in, which offers to end the
// provider's session too if there is one.
func (v *visit) leave() (string, error) {
	if v.Identity == nil {
		return "/sign-in", nil
	}
	provider, path, err := v.Identity.Leave(v.r.Context())
	if err != nil || path == "" {
		return "/sign-in", err
	}
	return parseAddress("/sign-in").with("left", provider).with("out", path).String(), nil
}

// goesOn returns the provider whose session goes on after signing out here, and where
// to end it; "" if none does.
func (v *visit) goesOn() (provider, path string) {
	q := v.r.URL.Query()
	if path = localPath(q.Get("out")); v.Identity == nil || !strings.HasPrefix(path, "/sign-in/idp/") {
		return "", ""
	}
	return q.Get("left"), path
}

// idpOut ends the provider's session too.
func (s *server) idpOut(v *visit) error {
	to, err := s.Identity.Out(v.r.Context(), v.r.URL.Query().Get("pass"))
	if err != nil || to == "" {
		return v.back("/sign-in", "signed_out")
	}
	return v.elsewhere(to)
}
