package person

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/fhir"
)

// Names of code systems and extensions.
const (
	identifierTypes = "http://terminology.hl7.org/CodeSystem/v2-0203"
	absentReason    = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
	representation  = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
)

// issuerURN begins the system of an identifier whose issuer is known by a name alone.
const issuerURN = "urn:radagora:issuer"

// SystemOf returns the system of the identifiers that an issuer gives: its OID or URI,
// else a name that stays the same. ofHouse is that of identifiers without an issuer.
func SystemOf(issuer string) string {
	switch {
	case issuer == "":
		return issuerURN
	case isOID(issuer):
		return "urn:oid:" + issuer
	case strings.Contains(issuer, "://") || strings.HasPrefix(issuer, "urn:"):
		return issuer
	}
	return issuerURN + ":" + url.PathEscape(issuer)
}

// IssuerOf returns the issuer that a system stands for; no system is that of the house.
func IssuerOf(system string) string {
	if system == issuerURN {
		return ""
	}
	if name, ok := strings.CutPrefix(system, issuerURN+":"); ok {
		if plain, err := url.PathUnescape(name); err == nil {
			return plain
		}
	}
	if oid, ok := strings.CutPrefix(system, "urn:oid:"); ok && isOID(oid) {
		return oid
	}
	return system
}

// isOID reports whether s is a dotted number.
func isOID(s string) bool {
	if strings.Count(s, ".") < 2 || s[0] == '.' || s[len(s)-1] == '.' {
		return false
	}
	return strings.Trim(s, "0123456789.") == "" && !strings.Contains(s, "..")
}

// A Projection is what a room says as a resource.
type Projection struct {
	Resource fhir.Resource
	Version  string // changes with what the resource says
	Updated  time.Time
	Key      string // whom it is about
}

// versionOf returns a version that changes with a resource.
func versionOf(r fhir.Resource) string {
	sum := sha256.Sum256(r.JSON())
	return hex.EncodeToString(sum[:6])
}

// Reference returns the reference to a person: to the identifier that stays, where
// others were given up. It is absent for nobody.
func (r *Register) Reference(site, key string) fhir.Value {
	if key == "" {
		return fhir.Value{}
	}
	return fhir.Object(fhir.F("reference", "Patient/"+r.ResourceID(site, key)))
}

// Patient returns the Patient that other systems call by the id of a card: with all
// identifiers that are the same person's and, of each fact that Patients hold, what holds
// now.
func (r *Register) Patient(ctx context.Context, q db.Querier, c Card) (Projection, error) {
	keys, err := r.KeysIn(ctx, q, c.Site, c.Key)
	if err != nil {
		return Projection{}, err
	}
	known, err := r.Known(ctx, q, c.Site, c.Key, time.Time{})
	if err != nil {
		return Projection{}, err
	}
	merged, err := db.List(ctx, q, scanLink, fromLink+`where ended_at = 0 and kind = 'merge' and `+ofPerson+` order by link_id`, c.Site, c.Key)
	if err != nil {
		return Projection{}, err
	}
	var identifiers, links []any
	for _, key := range keys {
		one := c
		if key != c.Key {
			if one, err = r.card(ctx, q, c.Site, key); err != nil {
				return Projection{}, err
			}
		}
		old := slices.ContainsFunc(merged, func(l Link) bool { return l.A == key })
		identifiers = append(identifiers, one.identifier(old))
		if key == c.Key {
			continue
		}
		kind := "seealso"
		for _, l := range merged {
			switch {
			case l.A == c.Key && l.B == key:
				kind = "replaced-by"
			case l.B == c.Key && l.A == key:
				kind = "replaces"
			}
		}
		links = append(links, fhir.Object(fhir.F("other", r.Reference(c.Site, key)), fhir.F("type", kind)))
	}
	givenUp := slices.ContainsFunc(merged, func(l Link) bool { return l.A == c.Key })
	var dead any
	if f, ok := known[Deceased]; ok {
		dead = f.Value == "yes"
	}
	p, err := fhir.New("Patient",
		fhir.F("id", c.ID),
		fhir.F("identifier", fhir.List(identifiers...)),
		fhir.F("active", !givenUp),
		fhir.F("name", fhir.List(HumanNames(c.Name)...)),
		fhir.F("gender", genders[c.Sex]),
		fhir.F("birthDate", c.BirthDate),
		fhir.F("deceasedBoolean", dead),
		fhir.F("link", fhir.List(links...)),
	)
	return Projection{p, versionOf(p), c.Changed, c.Key}, err
}

// identifier returns the identifier of a card; old says that it was given up.
func (c Card) identifier(old bool) fhir.Value {
	if c.Identifier == "" {
		return fhir.Value{}
	}
	use := "usual"
	if old {
		use = "old"
	}
	kind := fhir.Object(fhir.F("coding", fhir.List(fhir.Object(fhir.F("system", identifierTypes), fhir.F("code", "MR")))))
	return fhir.Object(fhir.F("use", use), fhir.F("type", kind), fhir.F("system", SystemOf(c.Issuer)), fhir.F("value", c.Identifier))
}

// genders are the values of administrative-gender.
var genders = map[string]string{"M": "male", "F": "female", "O": "other"}

// HumanNames returns a name of DICOM: one HumanName for each group of components (PS3.5
// 6.2.1), ideographic and phonetic ones marked.
func HumanNames(pn string) (all []any) {
	groups := strings.Split(pn, "=")
	for i, group := range groups[:min(3, len(groups))] {
		part := strings.Split(group, "^")
		of := func(k int) string {
			if k < len(part) {
				return strings.TrimSpace(part[k])
			}
			return ""
		}
		fields := []fhir.Field{
			fhir.F("use", "official"), fhir.F("family", of(0)), fhir.F("given", fhir.List(of(1), of(2))),
			fhir.F("prefix", fhir.List(of(3))), fhir.F("suffix", fhir.List(of(4))),
		}
		if strings.Trim(group, "^ ") == "" {
			continue
		}
		if len(groups) > 1 {
			mark := fhir.Object(fhir.F("url", representation), fhir.F("valueCode", []string{"ABC", "IDE", "SYL"}[i]))
			fields = append([]fhir.Field{fhir.F("extension", fhir.List(mark))}, fields...)
		}
		all = append(all, fhir.Object(fields...))
	}
	return all
}

// Readable writes a name of DICOM as people do: prefix, given names, family name, suffix.
func Readable(pn string) string {
	group, _, _ := strings.Cut(pn, "=")
	part := append(strings.Split(group, "^"), "", "", "", "", "")
	var words []string
	for _, i := range []int{3, 1, 2, 0, 4} {
		if s := strings.TrimSpace(part[i]); s != "" {
			words = append(words, s)
		}
	}
	return strings.Join(words, " ")
}

// pathOf writes the path of an item of a list.
func pathOf(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }
