package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/person"
)

// patients registers what programs may ask about what is known of persons.
func (d *apiDoor) patients() {
	a, group := patientAPI{d.house}, "Patients"
	operate(d, op{
		act: access.IdentityRead, call: "GET /patients/identifiers", id: "list-identifiers", group: group,
		summary: "All identifiers that mean the same person",
	}, a.identifiers)
	operate(d, op{
		act: access.IdentityRead, call: "GET /patients/facts", id: "list-facts", group: group, summary: "What is known of a person",
		text: "Of each kind the newest fact that is not in doubt, told under any of the person's identifiers; with at, what held then.",
	}, a.known)
	operate(d, op{
		act: access.IdentityRead, call: "GET /patients/facts/history", id: "list-fact-history", group: group,
		summary: "All that was said of a person, the latest first", text: "What is in doubt included.",
	}, a.said)
}

// patientAPI answers programs about persons.
type patientAPI struct{ *house }

// OnePatient names a person by an identifier.
type OnePatient struct {
	ID     string `query:"patient_id" required:"true" minLength:"1" maxLength:"64"`
	Issuer string `query:"issuer" maxLength:"64" doc:"assigning authority of the identifier"`
}

// who returns the key of a person for those who may see who somebody is, and notes that
// they did. NotFound: nobody is known by it.
func (a patientAPI) who(ctx context.Context, p OnePatient) (string, error) {
	key := a.Archive.Key(strings.TrimSpace(p.Issuer), strings.TrimSpace(p.ID))
	subject := access.Subject{Site: at, Person: key}
	if err := access.Check(ctx, access.IdentityRead, subject); err != nil {
		return "", err
	}
	return key, a.noteRead(ctx, access.IdentityRead, subject)
}

// An apiIdentifier is an identifier of a person.
type apiIdentifier struct {
	ID      string    `json:"id"`
	Issuer  string    `json:"issuer,omitempty"`
	First   time.Time `json:"first" doc:"when an object brought it first"`
	Last    time.Time `json:"last" doc:"when another study did"`
	Studies int       `json:"studies" doc:"that it came with"`
}

type listPatient struct {
	OnePatient
	Paging
}

func (a patientAPI) identifiers(ctx context.Context, in *listPatient) (*apiPage[apiIdentifier], error) {
	key, err := a.who(ctx, in.OnePatient)
	if err != nil {
		return nil, err
	}
	all, err := a.Persons.Identifiers(ctx, at, key)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, all, func(i person.Identifier) string { return short(i.Key) }, func(i person.Identifier) apiIdentifier {
		return apiIdentifier{i.Value, i.Issuer, i.First.UTC(), i.Last.UTC(), i.Studies}
	})
}

// An apiFact is what was said of a person at some time.
type apiFact struct {
	Kind     person.FactKind `json:"kind" enum:"name,birth_date,sex,deceased,height,weight,pregnancy"`
	Value    string          `json:"value" doc:"a decimal number in unit, a day YYYY-MM-DD, a code, or a name as in DICOM; empty: what was said before was withdrawn"`
	Unit     string          `json:"unit,omitempty" doc:"UCUM: m of a height, kg of a weight"`
	Received string          `json:"received,omitempty" doc:"as it came, with its unit"`
	At       time.Time       `json:"at" doc:"when it was so"`
	Last     *time.Time      `json:"last,omitempty" doc:"when the same was said last"`
	Noted    time.Time       `json:"noted" doc:"when it came here"`
	Source   person.Source   `json:"source" enum:"hl7,fhir,csv,dicom,person"`
	Origin   string          `json:"origin,omitempty" doc:"of that source: a channel, a peer, an account"`
	Doubt    string          `json:"doubt,omitempty" doc:"impossible or untrusted; left out: none"`
}

// factUnits are the units of facts that are numbers.
var factUnits = map[person.FactKind]string{person.Height: "m", person.Weight: "kg"}

func apiFactOf(f person.Fact) apiFact {
	return apiFact{f.Kind, f.Value, factUnits[f.Kind], f.Received, f.At.UTC(), timeOrNone(f.Last), f.Noted.UTC(), f.Source, f.Origin, f.Doubt}
}

type listFacts struct {
	OnePatient
	Paging
	At time.Time `query:"at" doc:"what held then, RFC 3339"`
}

func (a patientAPI) known(ctx context.Context, in *listFacts) (*apiPage[apiFact], error) {
	key, err := a.who(ctx, in.OnePatient)
	if err != nil {
		return nil, err
	}
	known, err := a.Persons.Known(ctx, a.DB, at, key, in.At)
	if err != nil {
		return nil, err
	}
	all := make([]person.Fact, 0, len(known))
	for _, kind := range slices.Sorted(maps.Keys(known)) {
		all = append(all, known[kind])
	}
	return pageWithin(ctx, in.Paging, all, func(f person.Fact) string { return f.ID }, apiFactOf)
}

func (a patientAPI) said(ctx context.Context, in *listPatient) (*apiPage[apiFact], error) {
	key, err := a.who(ctx, in.OnePatient)
	if err != nil {
		return nil, err
	}
	all, err := a.Persons.History(ctx, at, key)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, all, func(f person.Fact) string { return f.ID }, apiFactOf)
}
