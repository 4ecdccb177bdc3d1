package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"radagora/access"
)

// TestPlace changes what the site is called and where it is, and gives back what cannot
// be.
func TestPlace(t *testing.T) {
	slow(t)
	w := newWalk(t)
	before, err := w.h.Sites.Site(t.Context(), at)
	check(t, err)
	send := func(form url.Values) (int, string) {
		r, body := w.send(t, access.Administrator, http.MethodPost, "/settings/site", form, nil)
		return r.StatusCode, body
	}
	form := func(name, country, zone, version string) url.Values {
		return url.Values{"name": {name}, "country": {country}, "zone": {zone}, "version": {version}}
	}
	for _, c := range []struct {
		form url.Values
		want string
	}{
		{form(strings.Repeat("x", 121), "IE", "Europe/Dublin", "1"), "at most 120"},
		{form("St. Example", "XYZ", "Europe/Dublin", "1"), "Choose a country"},
		{form("St. Example", "IE", "Europe/Nowhere", "1"), "Nobody knows this time zone"},
		{form("St. Example", "IE", "Local", "1"), "Nobody knows this time zone"},
	} {
		if code, body := send(c.form); code != http.StatusBadRequest || !strings.Contains(body, c.want) || !strings.Contains(body, `value="IE"`) {
			t.Errorf("%v: %d, without %q", c.form, code, c.want)
		}
	}
	_, page := w.send(t, access.Administrator, http.MethodGet, "/settings/site", nil, nil)
	version := between(page, `name="version" value="`, `"`)
	if code, body := send(form("St. Example", "IE", "Europe/Dublin", version)); code != http.StatusSeeOther {
		t.Fatalf("%d: %s", code, body)
	}
	if code, _ := send(form("Another", "FR", "Europe/Paris", version)); code != http.StatusConflict {
		t.Errorf("what somebody else changed meanwhile is overwritten: %d", code)
	}
	s, err := w.h.Sites.Site(t.Context(), at)
	check(t, err)
	if s.Name != "St. Example" || s.Country != "IE" || s.Timezone != "Europe/Dublin" || s.Version != before.Version+1 {
		t.Errorf("%+v", s)
	}
	if _, body := w.send(t, access.Administrator, http.MethodGet, "/settings/site", nil, nil); strings.Count(between(body, `name="country"`, "</select>"), "<option") != 250 {
		t.Errorf("there are %d choices, want the 249 countries of ISO 3166-1 and none", strings.Count(between(body, `name="country"`, "</select>"), "<option"))
	}
	if r, body := w.send(t, access.Radiographer, http.MethodGet, "/settings/site", nil, nil); r.StatusCode == http.StatusOK && strings.Contains(body, `name="zone"`) {
		t.Error("who may not change the site is offered a form")
	}
}
