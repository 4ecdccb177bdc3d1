package main

import (
	"context"
	"strconv"
	"strings"

	"radagora/access"
	"radagora/fault"
	"radagora/site"
	"radagora/web"
)

// A placeView shows and changes what the site is called and where it is.
type placeView struct{ *view }

// Place implements web.Places.
func (v placeView) Place(ctx context.Context) (web.Place, error) {
	s, err := v.Sites.Site(ctx, at)
	return web.Place{Name: s.Name, Country: s.Country, Zone: s.Timezone, Version: strconv.FormatInt(s.Version, 10)}, err
}

// SetPlace implements web.Places.
func (v placeView) SetPlace(ctx context.Context, p web.Place) error {
	if err := may(ctx, access.SiteChange); err != nil {
		return err
	}
	version, err := strconv.ParseInt(p.Version, 10, 64)
	if err != nil {
		return fault.Errorf(fault.Invalid, "the form does not say which version it is about: load the page again")
	}
	err = v.Sites.Change(ctx, access.From(ctx).ID, site.Site{ID: at, Name: p.Name, Country: p.Country, Timezone: p.Zone, Version: version})
	if err == nil || fault.Of(err) != fault.Invalid {
		return err
	}
	switch field, _, _ := strings.Cut(err.Error(), ":"); field {
	case "name":
		return web.Refuse(map[string]string{"name": "place.wrong_name"})
	case "country":
		return web.Refuse(map[string]string{"country": "place.wrong_country"})
	}
	return web.Refuse(map[string]string{"zone": "place.wrong_zone"})
}
