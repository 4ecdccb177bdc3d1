package history

import (
	"time"

	"radagora/fhir"
)

// Names of a document (Radiation Summary Report of the guide).
const (
	pregnancyStatus = "82810-3" // LOINC
	indications     = "121109"  // DCM
	author          = "program"
)

// A Report is what a Radiation Summary Report says beside the dose.
type Report struct {
	Subject    fhir.Value // reference to whom it is about
	Pregnancy  string     // id of the Observation of what was known of a pregnancy on that day, "" if nothing was
	Indication string     // in words, "" if nobody says it
	At         time.Time  // when irradiation began
	Updated    time.Time  // when the dose was told last
}

// Composition returns the Radiation Summary Report of a study: a document with the dose,
// and as far as they are known pregnancy and indication. It is made by this program from
// what was reported; nobody attests it, and it says so by its status.
func Composition(study string, rep Report) (Resource, error) {
	sections := []any{fhir.Object(
		fhir.F("title", "Radiation dose"),
		fhir.F("code", concept(loinc, summary, summaryIs)),
		fhir.F("entry", fhir.List(fhir.Object(fhir.F("reference", "Observation/"+study)))),
	)}
	contained := []any{fhir.Object(
		fhir.F("resourceType", "Device"), fhir.F("id", author),
		fhir.F("deviceName", fhir.List(fhir.Object(fhir.F("name", "Radagora"), fhir.F("type", "user-friendly-name")))),
	)}
	if rep.Pregnancy != "" {
		sections = append(sections, fhir.Object(
			fhir.F("title", "Pregnancy status"),
			fhir.F("code", concept(loinc, pregnancyStatus, "Pregnancy status")),
			fhir.F("entry", fhir.List(fhir.Object(fhir.F("reference", "Observation/"+rep.Pregnancy)))),
		))
	}
	if rep.Indication != "" {
		code := concept(dcm, indications, "Indications for Procedure")
		contained = append(contained, fhir.Object(
			fhir.F("resourceType", "Observation"), fhir.F("id", "indication"), fhir.F("status", "final"), fhir.F("code", code),
			fhir.F("subject", rep.Subject), fhir.F("valueString", rep.Indication),
		))
		sections = append(sections, fhir.Object(
			fhir.F("title", "Indications for procedure"), fhir.F("code", code),
			fhir.F("entry", fhir.List(fhir.Object(fhir.F("reference", "#indication")))),
		))
	}
	date := rep.At
	if rep.Updated.After(date) {
		date = rep.Updated
	}
	r, err := fhir.New("Composition",
		fhir.F("id", study),
		fhir.F("meta", fhir.Object(fhir.F("profile", fhir.List(guide+"/StructureDefinition/radiation-summary-report")))),
		fhir.F("contained", fhir.List(contained...)),
		fhir.F("identifier", fhir.Object(fhir.F("system", dicomUID), fhir.F("value", "urn:oid:"+study))),
		fhir.F("status", "preliminary"),
		fhir.F("type", concept(loinc, summary, summaryIs)),
		fhir.F("subject", rep.Subject),
		fhir.F("date", date.UTC()),
		fhir.F("author", fhir.List(fhir.Object(fhir.F("reference", "#"+author), fhir.F("display", "Radagora")))),
		fhir.F("title", "Radiation exposure and protection information"),
		fhir.F("section", fhir.List(sections...)),
	)
	return resource(r, rep.Updated, err)
}

// Document returns a Bundle of a Composition with what it refers to, at the addresses
// under base (R4, Documents).
func Document(base string, at time.Time, composition fhir.Resource, others ...fhir.Resource) (fhir.Resource, error) {
	var entries []any
	for _, r := range append([]fhir.Resource{composition}, others...) {
		entries = append(entries, fhir.Object(fhir.F("fullUrl", base+"/"+r.Type()+"/"+r.ID()), fhir.F("resource", r)))
	}
	return fhir.New("Bundle",
		fhir.F("identifier", composition.Get("identifier")),
		fhir.F("type", "document"),
		fhir.F("timestamp", at.UTC()),
		fhir.F("entry", fhir.List(entries...)),
	)
}
