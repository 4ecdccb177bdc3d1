package web

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"radagora/access"
	"radagora/fault"
	"radagora/web/face"
)

// Places knows what the site is called, in which country it is and in which time zone.
type Places interface {
	Place(ctx context.Context) (Place, error)
	// SetPlace changes all of it; a RefusalError for what cannot be, and Conflict if
	// somebody else changed it since p was read.
	SetPlace(ctx context.Context, p Place) error
}

// A Place is where the site is.
type Place struct {
	Name    string
	Country string // ISO 3166-1 alpha-2, "" if nobody said
	Zone    string // IANA name
	Version string // of what was read
}

const placeAt = "/settings/site"

func (s *server) placeRoutes(g registrar) {
	if s.Places == nil {
		return
	}
	g.get(placeAt, access.SiteRead, s.placePage)
	g.post(placeAt, access.SiteChange, s.placeSet)
}

func (s *server) placePage(v *visit) error {
	p, err := s.Places.Place(v.r.Context())
	if err != nil {
		return err
	}
	return v.showPlace(p, nil)
}

func (v *visit) showPlace(p Place, wrong map[string]string) error {
	pg := page{title: v.p.T("place.title"), lead: v.p.T("place.lead"), section: placeAt}
	if wrong != nil {
		pg.status = 400
	}
	return v.show(pg, placeBody(v, p, wrong))
}

func (s *server) placeSet(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	p := Place{Name: strings.TrimSpace(f.Get("name")), Country: f.Get("country"), Zone: strings.TrimSpace(f.Get("zone")), Version: f.Get("version")}
	err := s.Places.SetPlace(v.r.Context(), p)
	if wrong := v.refused(err); wrong != nil {
		return v.showPlace(p, wrong)
	}
	if err != nil {
		return err
	}
	return v.back(placeAt, "place_set")
}

// country is the name of a country in the language of the page, "" for none.
func (v *visit) country(code string) string {
	for _, c := range v.countries() {
		if c.Code == code {
			return c.Label
		}
	}
	return code
}

// reserved are codes with a name in CLDR that ISO 3166-1 does not give to a country.
var reserved = []string{"AC", "CP", "DG", "EA", "EU", "EZ", "IC", "TA", "UN"}

// countries are those of ISO 3166-1, in the order of their names in the language of the
// page. Two have changed their names since the edition of CLDR that the library has.
func (v *visit) countries() []face.Choice {
	tag, err := language.Parse(v.p.Tag())
	if err != nil {
		tag = language.English
	}
	names := display.Regions(tag)
	var all []face.Choice
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			r, err := language.ParseRegion(string(a) + string(b))
			if err != nil || !r.IsCountry() || r.IsPrivateUse() || r.String() != string(a)+string(b) || r.Canonicalize() != r || slices.Contains(reserved, r.String()) {
				continue
			}
			name := names.Name(r)
			switch r.String() {
			case "MK":
				name = v.p.T("place.country_mk")
			case "SZ":
				name = v.p.T("place.country_sz")
			}
			if name != "" && name != r.String() {
				all = append(all, face.Choice{Code: r.String(), Label: name})
			}
		}
	}
	order := collate.New(tag)
	slices.SortFunc(all, func(a, b face.Choice) int { return order.CompareString(a.Label, b.Label) })
	return all
}

// zones are the IANA names of time zones in and around Europe, to choose from while
// typing; others can be written.
func zones() (all []face.Choice) {
	for name := range strings.FieldsSeq(`Africa/Algiers Africa/Cairo Africa/Casablanca Africa/Tunis America/Cayenne America/Guadeloupe America/Martinique
		America/Nuuk America/Toronto Asia/Baku Asia/Jerusalem Asia/Nicosia Asia/Tbilisi Asia/Yerevan Atlantic/Azores Atlantic/Canary Atlantic/Faroe
		Atlantic/Madeira Atlantic/Reykjavik Europe/Amsterdam Europe/Andorra Europe/Athens Europe/Belgrade Europe/Berlin Europe/Bratislava
		Europe/Brussels Europe/Bucharest Europe/Budapest Europe/Chisinau Europe/Copenhagen Europe/Dublin Europe/Gibraltar Europe/Helsinki
		Europe/Istanbul Europe/Kyiv Europe/Lisbon Europe/Ljubljana Europe/London Europe/Luxembourg Europe/Madrid Europe/Malta Europe/Minsk
		Europe/Monaco Europe/Oslo Europe/Paris Europe/Podgorica Europe/Prague Europe/Riga Europe/Rome Europe/San_Marino Europe/Sarajevo
		Europe/Skopje Europe/Sofia Europe/Stockholm Europe/Tallinn Europe/Tirane Europe/Vaduz Europe/Vatican Europe/Vienna Europe/Vilnius
		Europe/Warsaw Europe/Zagreb Europe/Zurich Indian/Mayotte Indian/Reunion UTC`) {
		all = append(all, face.Choice{Code: name, Label: name})
	}
	return all
}
