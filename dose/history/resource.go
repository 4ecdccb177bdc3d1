package history

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"radagora/dose"
	"radagora/fhir"
	"radagora/site"
	"radagora/ucum"
)

// Studies are Radiation Dose Summaries for other systems (HL7 Radiation Dose Summary IG
// 1.0.0, FHIR R4): projections of the ledger, made when they are asked for.

// Names of profiles and code systems.
const (
	guide     = "http://hl7.org/fhir/uv/radiation-dose-summary"
	idTypes   = guide + "/CodeSystem/dicom-identifier-type"
	hl7Types  = "http://terminology.hl7.org/CodeSystem/v2-0203"
	loinc     = "http://loinc.org"
	dcm       = "http://dicom.nema.org/resources/ontology/DCM"
	snomed    = "http://snomed.info/sct"
	dicomUID  = "urn:dicom:uid"
	summary   = "73569-6" // LOINC
	summaryIs = "Radiation exposure and protection information [Description] Document Diagnostic imaging"
	unknown   = "unknown"
)

// A Resource is what the room says as a resource.
type Resource struct {
	fhir.Resource
	Version string // changes with what it says
	Updated time.Time
}

func resource(r fhir.Resource, updated time.Time, err error) (Resource, error) {
	sum := sha256.Sum256(r.JSON())
	return Resource{r, hex.EncodeToString(sum[:6]), updated}, err
}

// A Naming names for a summary what other rooms know.
type Naming struct {
	Subject   fhir.Value // reference to whom it is about
	Order     string     // id of the order the study belongs to, "" if none is known
	Accession string
	Sentence  string    // the dose in words
	Started   time.Time // when irradiation began
}

// A component is a quantity of a summary, with the field of a study's totals.
type component struct {
	field         dose.Field
	code, display string
	unit          string // UCUM
	factor        string // from the unit that is kept; "" is 1
}

// components are those of ComponentRadiationDoseSummaryVS that are numbers.
var components = []component{
	{dose.FieldDLP, "113813", "CT Dose Length Product Total", "mGy.cm", ""},
	{dose.FieldDAP, "113722", "Dose Area Product Total", "Gy.m2", ""},
	{dose.FieldFluoroDAP, "113726", "Fluoro Dose Area Product Total", "Gy.m2", ""},
	{dose.FieldAcquisDAP, "113727", "Acquisition Dose Area Product Total", "Gy.m2", ""},
	{dose.FieldRP, "113725", "Dose (RP) Total", "Gy", ""},
	{dose.FieldFluoroTime, "113730", "Total Fluoro Time", "s", ""},
	{dose.FieldFrames, "113731", "Total Number of Radiographic Frames", "1", ""},
	{dose.FieldAGD, "111637", "Accumulated Average Glandular Dose", "mGy", ""},
	{dose.FieldActivity, "113507", "Administered activity", "MBq", ""},
	// Beyond that set, which may be extended: as a report states it itself, in the unit
	// that the imaging guides of HL7 Europe ask for.
	{dose.FieldEffective, "113839", "Effective Dose", "Sv", "0.001"},
}

// codedComponents are those that are codes, of administrations.
var codedComponents = []struct {
	field         dose.Field
	code, display string
}{
	{"agent", "349358000", "Radiopharmaceuticals"}, {"nuclide", "89457008", "Radioisotope"}, {"route", "410675002", "Route of administration"},
}

// Observation returns the Radiation Dose Summary of a study. Whoever authorised is not
// known: the performer is an unknown Practitioner, as the guide wants one.
func Observation(s *dose.StoredStudy, n Naming) (Resource, error) {
	var identifiers []any
	updated := time.Time{}
	for _, r := range s.Reports {
		if r.Counted {
			identifiers = append(identifiers, identifier(idTypes, "sop-instance-uid", "SOP Instance UID", dicomUID, "urn:oid:"+r.SOPInstance))
		}
		if at := time.UnixMilli(r.ReceivedAt); at.After(updated) {
			updated = at.UTC()
		}
	}
	whole := identifier(idTypes, "study-instance-uid", "Study Instance UID", dicomUID, "urn:oid:"+s.UID)
	imaging := "ImagingStudy/" + s.UID
	var order any
	if n.Order != "" || n.Accession != "" {
		var known, to any
		if n.Accession != "" {
			known = identifier(hl7Types, "ACSN", "", "", n.Accession)
		}
		if n.Order != "" {
			to = "ServiceRequest/" + n.Order
		}
		order = fhir.List(fhir.Object(fhir.F("reference", to), fhir.F("identifier", known)))
	}
	var device any
	if s.Machine != "" {
		device = fhir.Object(fhir.F("reference", "Device/"+s.Machine))
	}
	var effective any = n.Started.UTC()
	if n.Started.IsZero() {
		effective = nil
	}
	r, err := fhir.New("Observation",
		fhir.F("id", s.UID),
		fhir.F("meta", fhir.Object(fhir.F("profile", fhir.List(guide+"/StructureDefinition/radiation-dose-summary")))),
		fhir.F("contained", fhir.List(practitioner())),
		fhir.F("identifier", fhir.List(identifiers...)),
		fhir.F("basedOn", order),
		fhir.F("partOf", fhir.List(fhir.Object(fhir.F("reference", imaging), fhir.F("identifier", whole)))),
		fhir.F("status", "final"),
		fhir.F("category", fhir.List(concept("http://terminology.hl7.org/CodeSystem/observation-category", "imaging", "Imaging"))),
		fhir.F("code", concept(loinc, summary, summaryIs)),
		fhir.F("subject", n.Subject),
		fhir.F("focus", fhir.List(fhir.Object(fhir.F("reference", imaging)))),
		fhir.F("effectiveDateTime", effective),
		fhir.F("performer", fhir.List(fhir.Object(fhir.F("reference", "#"+unknown), fhir.F("display", "Unknown")))),
		fhir.F("valueString", n.Sentence),
		fhir.F("device", device),
		fhir.F("component", fhir.List(parts(s)...)),
	)
	return resource(r, updated, err)
}

// practitioner is who authorised the irradiation where nobody says who.
func practitioner() fhir.Value {
	return fhir.Object(fhir.F("resourceType", "Practitioner"), fhir.F("id", unknown), fhir.F("name", fhir.List(fhir.Object(fhir.F("text", "Unknown")))))
}

// parts returns the components of a summary.
func parts(s *dose.StoredStudy) (all []any) {
	for _, c := range components {
		i := slices.IndexFunc(s.Totals, func(t dose.StoredTotal) bool { return t.Quantity == c.field && t.Part == "" && t.Total != nil })
		if i < 0 {
			continue
		}
		n, err := ucum.ParseDecimal(*s.Totals[i].Total)
		if err != nil || n.Sign() == 0 && c.field != dose.FieldDLP { // a zero of what was never measured
			continue
		}
		if c.factor != "" {
			n = n.Mul(ucum.MustDecimal(c.factor))
		}
		if c.field == dose.FieldEffective && s.Modality == "CT" {
			c.code, c.display = "113814", "CT Effective Dose Total"
		}
		all = append(all, fhir.Object(
			fhir.F("code", concept(dcm, c.code, c.display)),
			fhir.F("valueQuantity", fhir.Object(fhir.F("value", n), fhir.F("unit", c.unit), fhir.F("system", fhir.UCUM), fhir.F("code", c.unit)))))
	}
	for _, c := range codedComponents {
		if code := codeOf(s, c.field); code != "" {
			all = append(all, fhir.Object(fhir.F("code", concept(snomed, c.code, c.display)), fhir.F("valueCodeableConcept", concept(snomed, code, ""))))
		}
	}
	return all
}

// codeOf returns the SNOMED CT code of a field of an administration, "" if there is none.
func codeOf(s *dose.StoredStudy, f dose.Field) string {
	for _, e := range s.Events {
		for _, v := range e.Values {
			if code, ok := v.Value.(string); ok && v.Field == f && code != "" && strings.Trim(code, "0123456789") == "" {
				return code
			}
		}
	}
	return ""
}

// Device returns a machine as the ModalityDevice of the guide: with its AE title, where
// it is known, and the main type of what it makes (CID 33).
func Device(m site.Machine) (Resource, error) {
	ae := m.Station
	if len(m.AETitles) > 0 {
		ae = m.AETitles[0].Value
	}
	if ae == "" {
		ae = unknown
	}
	all := []any{identifier(idTypes, "application-entity", "Application Entity", "", ae)}
	if m.Serial != "" {
		all = append(all, identifier(hl7Types, "SNO", "Serial Number", "", m.Serial))
	}
	if m.DeviceUID != "" {
		all = append(all, identifier(idTypes, "device-uid", "Device UID", dicomUID, "urn:oid:"+m.DeviceUID))
	}
	modality := m.Modality
	if modality == "" || modality == "SR" {
		modality = "OT"
	}
	var names, versions []any
	for _, one := range [][2]string{{m.Manufacturer, "manufacturer-name"}, {m.Model, "model-name"}} {
		if one[0] != "" {
			names = append(names, fhir.Object(fhir.F("name", one[0]), fhir.F("type", one[1])))
		}
	}
	for _, s := range m.Software[:min(1, len(m.Software))] {
		versions = append(versions, fhir.Object(fhir.F("value", s.Value)))
	}
	r, err := fhir.New("Device",
		fhir.F("id", m.ID),
		fhir.F("meta", fhir.Object(fhir.F("profile", fhir.List(guide+"/StructureDefinition/modality-device")))),
		fhir.F("identifier", fhir.List(all...)),
		fhir.F("status", "active"),
		fhir.F("manufacturer", m.Manufacturer),
		fhir.F("serialNumber", m.Serial),
		fhir.F("deviceName", fhir.List(names...)),
		fhir.F("type", concept(dcm, modality, "")),
		fhir.F("version", fhir.List(versions...)),
	)
	updated, _ := time.Parse(time.DateOnly, m.LastDay) // the zero time if it was never seen
	return resource(r, updated, err)
}

func concept(system, code, display string) fhir.Value {
	return fhir.Object(fhir.F("coding", fhir.List(fhir.Object(fhir.F("system", system), fhir.F("code", code), fhir.F("display", display)))))
}

func identifier(types, typ, display, system, value string) fhir.Value {
	return fhir.Object(fhir.F("type", concept(types, typ, display)), fhir.F("system", system), fhir.F("value", value))
}
