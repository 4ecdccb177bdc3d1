package main

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"radagora/access"
	"radagora/access/token"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/site"
)

// A viewerLink is a viewer of others that can be opened from a study: its name, and its
// address with holes.
type viewerLink struct{ name, address string }

// viewerAddress is an address of a program or page, viewerHole a hole in it.
var (
	viewerAddress = regexp.MustCompile(`\A([a-z][a-z0-9+.-]*)://[\x21-\x7e]*\z`)
	viewerHole    = regexp.MustCompile(`\{[^}]*\}`)
)

// viewerHoles are what an address may have in it, each percent-encoded.
var viewerHoles = []string{"{study}", "{token}", "{dicomweb}", "{zip}"}

// parseViewer reads NAME=ADDRESS. An address that would run in our own page is refused.
func parseViewer(text string) (viewerLink, error) {
	name, address, ok := strings.Cut(text, "=")
	v := viewerLink{strings.TrimSpace(name), strings.TrimSpace(address)}
	scheme := viewerAddress.FindStringSubmatch(v.address)
	switch {
	case !ok || v.name == "" || len(v.name) > 40:
		return v, wrong("--open-in: NAME=ADDRESS, with a name of 1 to 40 letters, not %q", text)
	case scheme == nil:
		return v, wrong("--open-in %s: the address begins with a scheme such as weasis:// or https:// and has no spaces: write them as %%20", v.name)
	case slices.Contains([]string{"javascript", "data", "vbscript", "blob", "file", "about"}, scheme[1]):
		return v, wrong("--open-in %s: %s:// opens no viewer", v.name, scheme[1])
	}
	for _, hole := range viewerHole.FindAllString(v.address, -1) {
		if !slices.Contains(viewerHoles, hole) {
			return v, wrong("--open-in %s: %s is none of %s", v.name, hole, strings.Join(viewerHoles, ", "))
		}
	}
	return v, nil
}

// viewers returns the viewers that the settings name.
func (s settings) viewers() ([]viewerLink, error) {
	all := make([]viewerLink, 0, len(s.OpenIn))
	for _, text := range s.OpenIn {
		v, err := parseViewer(text)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// needsTicket reports whether the viewer asks us for the images.
func (v viewerLink) needsTicket() bool {
	return strings.Contains(v.address, "{token}") || strings.Contains(v.address, "{zip}")
}

// at returns the address at which the viewer shows a study.
func (v viewerLink) at(base, study, secret string) string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	return strings.NewReplacer(
		"{study}", escape(study), "{token}", escape(secret),
		"{dicomweb}", escape(base+dicomwebRoot), "{zip}", escape(base+ticketRoot+secret+"/study.zip"),
	).Replace(v.address)
}

// ticketRoot is where viewers that send no header fetch: the ticket stands in the path.
const ticketRoot = "/open/"

// ticketIn returns the ticket that a request carries, "" if none.
func ticketIn(r *http.Request) string {
	if rest, ok := strings.CutPrefix(r.URL.Path, ticketRoot); ok {
		secret, _, _ := strings.Cut(rest, "/")
		return secret
	}
	if secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && token.IsTicket(secret) {
		return secret
	}
	return ""
}

// ticketed returns who carries a ticket, limited to its study and to whose it is now.
func (h *house) ticketed(ctx context.Context, from netip.Addr, secret string) (access.Who, error) {
	who, err := h.Tokens.Admit(ctx, from, secret)
	if err != nil {
		return who, err
	}
	study, err := uid.Parse(who.Study)
	if err != nil {
		return access.Who{}, err
	}
	s, err := h.Archive.Study(ctx, site.Default, study)
	if err != nil && fault.Of(err) != fault.NotFound {
		return access.Who{}, err
	}
	who.Only = s.Person.Reveal()
	return who, nil
}

// ticketRoute is where viewers that fetch a file get the study of their ticket.
func (h *house) ticketRoute(s settings) route {
	studies := studiesView{&view{house: h, settings: s}}
	return route{"GET " + ticketRoot + "{ticket}/study.zip", access.StudyFind, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		write, err := studies.Medium(r.Context(), access.From(r.Context()).Study)
		if err != nil {
			http.Error(w, "the study of this address is not here, or not any more", http.StatusNotFound)
			return
		}
		header.Set("Content-Type", "application/zip")
		header.Set("Content-Disposition", `attachment; filename="study.zip"`)
		if err := write(w); err != nil {
			h.Log.WarnContext(r.Context(), "study not sent whole", "error", err)
			panic(http.ErrAbortHandler) // so that the viewer knows
		}
	})}
}
