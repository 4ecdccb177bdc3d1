package web

import (
	"net/http"
	"slices"

	"radagora/fault"
)

// themes are the choices of light and dark; auto follows the device.
var themes = []string{"auto", "light", "dark"}

// setPreference keeps a person's language, theme or unit in a cookie and goes back.
func (v *visit) setPreference(name, value string) {
	http.SetCookie(v.w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: 365 * 24 * 60 * 60,
		HttpOnly: true, Secure: v.r.TLS != nil, SameSite: http.SameSiteLaxMode,
	})
}

// setPreferences answers the forms in the head of each page.
func (s *server) setPreferences(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	form := v.r.PostForm
	if language := form.Get("language"); language != "" {
		if !s.Catalogue.Has(language) {
			return fault.Errorf(fault.Invalid, "no language %q", language)
		}
		v.setPreference("language", language)
	}
	if theme := form.Get("theme"); theme != "" {
		if !slices.Contains(themes, theme) {
			return fault.Errorf(fault.Invalid, "no theme %q", theme)
		}
		v.setPreference("theme", theme)
	}
	switch dap := form.Get("dap"); {
	case dap == "":
	case dap == "usual", slices.Contains(dapUnits, dap):
		v.setPreference("dap", dap)
	default:
		return fault.Errorf(fault.Invalid, "no unit of dose-area products %q", dap)
	}
	return v.back(form.Get("back"), "")
}

// theme returns the theme a person chose, auto by default.
func (v *visit) theme() string {
	if t := cookie(v.r, "theme"); slices.Contains(themes, t) {
		return t
	}
	return themes[0]
}

// languageName returns the name of the language the page is in.
func (v *visit) languageName() string {
	for _, l := range v.p.Languages() {
		if l.Tag == v.p.Tag() {
			return l.Name
		}
	}
	return v.p.Tag()
}
