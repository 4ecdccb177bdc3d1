package person

import (
	"context"
	"net/url"
	"slices"

	"radagora/db"
	"radagora/fault"
	"radagora/fhir"
	"radagora/ucum"
)

// Names of code systems.
const (
	loinc            = "http://loinc.org"
	snomed           = "http://snomed.info/sct"
	categories       = "http://terminology.hl7.org/CodeSystem/observation-category"
	absent           = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
	vitalSigns       = "vital-signs"
	socialHistory    = "social-history"
	statusFinal      = "final"
	statusCancelled  = "cancelled"
	absentUnknown    = "unknown"
	absentError      = "error"
	elementValue     = "Observation.value[x]"
	elementCode      = "Observation.code"
	elementEffective = "Observation.effective[x]"
)

// A body says how a fact about the body is an Observation.
type body struct {
	kind     FactKind
	code     string   // LOINC, as it is written
	also     []string // LOINC, as it is read as well
	display  string
	category string
	unit     string // UCUM, as it is written; "" of what is a code
	kept     string // UCUM, as the fact has it
}

// bodies are the facts that are Observations.
var bodies = []body{
	{Height, "8302-2", []string{"3137-7"}, "Body height", vitalSigns, "cm", "m"},
	{Weight, "29463-7", []string{"3141-9"}, "Body weight", vitalSigns, "kg", "kg"},
	{Pregnancy, "82810-3", nil, "Pregnancy status", socialHistory, "", ""},
}

func bodyOf(kind FactKind) body {
	return bodies[slices.IndexFunc(bodies, func(b body) bool { return b.kind == kind })]
}

// A concept is a code of a pregnancy.
type concept struct{ system, code, display, value string }

// pregnancies are the answers to 82810-3; the first of a value is written.
var pregnancies = []concept{
	{loinc, "LA15173-0", "Pregnant", "yes"},
	{loinc, "LA26683-5", "Not pregnant", "no"},
	{loinc, "LA4489-6", "Unknown", "unknown"},
	{snomed, "102874004", "Possible pregnancy", "possible"},
	{snomed, "77386006", "Pregnant", "yes"},
	{snomed, "60001007", "Not pregnant", "no"},
	{snomed, "152231000119106", "Pregnancy not yet confirmed", "possible"},
	{"http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK", "unknown", "unknown"},
}

// PregnancyConcept returns the code of what is known of a pregnancy, absent if there is
// none.
func PregnancyConcept(value string) fhir.Value {
	i := slices.IndexFunc(pregnancies, func(c concept) bool { return c.value == value })
	if i < 0 {
		return fhir.Value{}
	}
	c := pregnancies[i]
	return fhir.Object(fhir.F("coding", fhir.List(fhir.Object(fhir.F("system", c.system), fhir.F("code", c.code), fhir.F("display", c.display)))))
}

// BodyFact returns the fact about a body that other systems call by an id. NotFound:
// there is none.
func (*Register) BodyFact(ctx context.Context, q db.Querier, site, id string) (Fact, error) {
	list, err := db.List(ctx, q, scanFact, fromFact+`where fact_id = $2 and site_id = $1 and kind in ('height', 'weight', 'pregnancy')`, site, id)
	if err == nil && len(list) == 0 {
		err = fault.Errorf(fault.NotFound, "there is no such Observation")
	}
	if err != nil {
		return Fact{}, err
	}
	return list[0], nil
}

// Observation returns a fact about a body. One that is in doubt says so: an impossible
// size has no value but what was received in a note, one that the site does not trust
// keeps its value beside a note.
func (r *Register) Observation(f Fact) (Projection, error) {
	b := bodyOf(f.Kind)
	status, value, missing, note := statusFinal, fhir.F("valueQuantity", nil), "", ""
	switch {
	case f.Value == "":
		status, missing, note = statusCancelled, absentUnknown, "Withdrawn: whoever said it takes it back."
	case f.Doubt == Impossible:
		missing, note = absentError, "Not used: nobody has this size. Received: "+f.Received
	case b.unit == "":
		value = fhir.F("valueCodeableConcept", PregnancyConcept(f.Value))
	default:
		d, err := ucum.ParseDecimal(f.Value)
		if err == nil {
			d, err = ucum.Convert(d, ucum.Must(b.kept), ucum.Must(b.unit))
		}
		if err != nil {
			return Projection{}, fault.As(fault.Internal, err)
		}
		value = fhir.F("valueQuantity", fhir.Object(fhir.F("value", d), fhir.F("unit", b.unit), fhir.F("system", fhir.UCUM), fhir.F("code", b.unit)))
	}
	if f.Doubt == Untrusted {
		note = "Not used: this site does not use what this origin says of it."
	}
	reason := fhir.Value{}
	if missing != "" {
		reason = conceptOf(absent, missing, "")
	}
	o, err := fhir.New("Observation",
		fhir.F("id", f.ID),
		fhir.F("meta", fhir.Object(fhir.F("source", "urn:radagora:source:"+string(f.Source)+":"+url.PathEscape(f.Origin)))),
		fhir.F("status", status),
		fhir.F("category", fhir.List(conceptOf(categories, b.category, ""))),
		fhir.F("code", conceptOf(loinc, b.code, b.display)),
		fhir.F("subject", r.Reference(f.Site, f.Key)),
		fhir.F("effectiveDateTime", f.At.UTC().Format("2006-01-02T15:04:05Z07:00")),
		fhir.F("issued", f.Noted.UTC()),
		value,
		fhir.F("dataAbsentReason", reason),
		fhir.F("note", fhir.List(textOf(note))),
	)
	return Projection{o, versionOf(o), f.Noted, f.Key}, err
}

func textOf(s string) fhir.Value { return fhir.Object(fhir.F("text", s)) }

// conceptOf returns a concept with one code.
func conceptOf(system, code, display string) fhir.Value {
	return fhir.Object(fhir.F("coding", fhir.List(fhir.Object(fhir.F("system", system), fhir.F("code", code), fhir.F("display", display)))))
}

// PregnancyOf returns what a code says of a pregnancy, "" if it says nothing of one.
func PregnancyOf(system, code string) string {
	for _, c := range pregnancies {
		if c.system == system && c.code == code {
			return c.value
		}
	}
	return ""
}
