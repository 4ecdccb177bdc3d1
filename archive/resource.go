package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/fhir"
)

// Studies are ImagingStudies for other systems: projections of the index, made when they
// are asked for.

// Bounds of one ImagingStudy.
const (
	maxSeriesShown   = 1000 // series that are listed
	maxInstanceShown = 500  // a study with more instances lists its series without them
)

// EndpointID is the id of the Endpoint at which DICOMweb answers.
const EndpointID = "dicomweb"

// A Projection is what the archive says as a resource.
type Projection struct {
	Resource      fhir.Resource
	Version       string // changes with what the resource says
	Updated       time.Time
	Study, Person string // whom it is about
}

func projected(r fhir.Resource, updated time.Time) Projection {
	sum := sha256.Sum256(r.JSON())
	return Projection{Resource: r, Version: hex.EncodeToString(sum[:6]), Updated: updated}
}

// A Naming names for a resource what other rooms know.
type Naming struct {
	Subject func(person string) fhir.Value // reference to whom it is about
	Order   string                         // id of the order the study belongs to, "" if none is known
	Zone    *time.Location                 // of times that say none
}

// Imaging returns a study as an ImagingStudy, with its series; those with their instances
// if they are given, by Series Instance UID.
func (s Study) Imaging(n Naming, series []Series, instances map[string][]Instance) (Projection, error) {
	identity := s.UID.String()
	identifiers := []any{fhir.Object(fhir.F("system", dicomUID), fhir.F("value", "urn:oid:"+identity))}
	if a := s.AccessionNumber.Reveal(); a != "" {
		identifiers = append(identifiers, fhir.Object(
			fhir.F("type", concept("http://terminology.hl7.org/CodeSystem/v2-0203", "ACSN")), fhir.F("value", a)))
	}
	subject := n.Subject(s.Person.Reveal())
	if !subject.Exists() { // nobody is named, or whoever asks may not know it
		reason := "unknown"
		if s.Person == (Personal{}) {
			reason = "masked"
		}
		subject = fhir.Object(fhir.F("extension", fhir.List(fhir.Object(
			fhir.F("url", "http://hl7.org/fhir/StructureDefinition/data-absent-reason"), fhir.F("valueCode", reason)))))
	}
	var order any
	if n.Order != "" {
		order = fhir.List(fhir.Object(fhir.F("reference", "ServiceRequest/"+n.Order)))
	}
	var modalities []any
	for _, m := range s.Modalities {
		modalities = append(modalities, coding(dcm, m))
	}
	var shown []any
	for _, one := range series[:min(len(series), maxSeriesShown)] {
		shown = append(shown, one.imaging(n.Zone, instances[one.UID.String()]))
	}
	r, err := fhir.New("ImagingStudy",
		fhir.F("id", identity),
		fhir.F("identifier", fhir.List(identifiers...)),
		fhir.F("status", "available"),
		fhir.F("modality", fhir.List(modalities...)),
		fhir.F("subject", subject),
		fhir.F("started", stamp(s.Date, s.Time, s.TimezoneOffset, n.Zone)),
		fhir.F("basedOn", order),
		fhir.F("referrer", fhir.Object(fhir.F("display", plainName(s.ReferringPhysician.Reveal())))),
		fhir.F("endpoint", fhir.List(fhir.Object(fhir.F("reference", "Endpoint/"+EndpointID)))),
		fhir.F("numberOfSeries", s.SeriesCount),
		fhir.F("numberOfInstances", s.InstanceCount),
		fhir.F("description", s.Description),
		fhir.F("series", fhir.List(shown...)),
	)
	p := projected(r, s.UpdatedAt)
	p.Study, p.Person = identity, s.Person.Reveal()
	return p, err
}

// Names of code systems.
const (
	dicomUID = "urn:dicom:uid"
	dcm      = "http://dicom.nema.org/resources/ontology/DCM"
)

func coding(system, code string) fhir.Value {
	return fhir.Object(fhir.F("system", system), fhir.F("code", code))
}

func concept(system, code string) fhir.Value {
	return fhir.Object(fhir.F("coding", fhir.List(coding(system, code))))
}

// imaging returns a series as a part of an ImagingStudy.
func (s Series) imaging(zone *time.Location, instances []Instance) fhir.Value {
	modality := s.Modality
	if modality == "" {
		modality = "OT"
	}
	var number any
	if s.Number != nil && *s.Number >= 0 && *s.Number <= 1<<31-1 {
		number = *s.Number
	}
	var shown []any
	for _, i := range instances {
		var own any
		if i.Number != nil && *i.Number >= 0 && *i.Number <= 1<<31-1 {
			own = *i.Number
		}
		shown = append(shown, fhir.Object(
			fhir.F("uid", i.SOP.String()), fhir.F("sopClass", coding("urn:ietf:rfc:3986", "urn:oid:"+i.SOPClass.String())), fhir.F("number", own)))
	}
	var body any
	if s.BodyPart != "" {
		body = fhir.Object(fhir.F("display", s.BodyPart))
	}
	date, clock := s.PerformedStepStartDate, s.PerformedStepStartTime
	if date == "" {
		date, clock = s.Date, s.Time
	}
	return fhir.Object(
		fhir.F("uid", s.UID.String()), fhir.F("number", number), fhir.F("modality", coding(dcm, modality)), fhir.F("description", s.Description),
		fhir.F("numberOfInstances", s.InstanceCount), fhir.F("bodySite", body), fhir.F("started", stamp(date, clock, "", zone)),
		fhir.F("instance", fhir.List(shown...)),
	)
}

// stamp returns a date and time of DICOM as a dateTime, "" if there is no date. A time
// without an offset is that of the zone.
func stamp(date, clock, offset string, zone *time.Location) string {
	day, err := time.ParseInLocation("20060102", date, zone)
	if err != nil {
		return ""
	}
	if o, err := time.Parse("-0700", offset); err == nil {
		_, seconds := o.Zone()
		zone = time.FixedZone("", seconds)
	}
	clock, fraction, _ := strings.Cut(clock, ".")
	if len(clock) < 4 {
		return day.Format(time.DateOnly)
	}
	if len(clock) == 4 {
		clock += "00"
	}
	at, err := time.ParseInLocation("20060102150405", date+clock, zone)
	if err != nil {
		return day.Format(time.DateOnly)
	}
	form := "2006-01-02T15:04:05-07:00"
	if f := strings.TrimRight(fraction, "0"); f != "" && strings.Trim(f, "0123456789") == "" {
		form = "2006-01-02T15:04:05." + f + "-07:00"
	}
	return strings.Replace(at.Format(form), "+00:00", "Z", 1)
}

// plainName writes a name of DICOM as people do.
func plainName(pn string) string {
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

// Endpoint returns the Endpoint at which the objects of every study are had; address is
// that of DICOMweb.
func Endpoint(address, name string, since time.Time) (Projection, error) {
	r, err := fhir.New("Endpoint",
		fhir.F("id", EndpointID),
		fhir.F("status", "active"),
		fhir.F("connectionType", coding("http://terminology.hl7.org/CodeSystem/endpoint-connection-type", "dicom-wado-rs")),
		fhir.F("name", name),
		fhir.F("payloadType", fhir.List(fhir.Object(fhir.F("text", "DICOM")))),
		fhir.F("payloadMimeType", fhir.List("application/dicom")),
		fhir.F("address", address),
	)
	return projected(r, since), err
}

// ListInstances returns the instances of a study by Series Instance UID, nil if it has
// more than an ImagingStudy lists.
func (a *Archive) ListInstances(ctx context.Context, site string, s Study) (map[string][]Instance, error) {
	if s.InstanceCount > maxInstanceShown {
		return nil, nil
	}
	list, err := db.List(ctx, a.DB, scanInstance, fromInstance+`where study.site_id = $1 and study_uid = $2
		order by coalesce(instance_number, 9223372036854775807), instance.id limit $3`, site, s.UID.String(), maxInstanceShown)
	if err != nil {
		return nil, err
	}
	of := map[string][]Instance{}
	for _, i := range list {
		of[i.Series.String()] = append(of[i.Series.String()], i)
	}
	return of, nil
}

// Conceal takes away from a study what says who it is.
func (s *Study) Conceal() { s.conceal() }

// Named returns within q how the studies of a person name them, as the latest does.
func (*Archive) Named(ctx context.Context, q db.Querier, site, person string) (name, birthDate, sex Personal, err error) {
	list, err := db.List(ctx, q, scanPatient, `select person, patient_name, patient_birth_date, patient_sex, 1 from study
		where site_id = $1 and person <> '' and person = $2 order by study_date desc, study_time desc, id desc limit 5`, site, person)
	for _, p := range slices.Backward(list) {
		for to, from := range map[*Personal]Personal{&name: p.Name, &birthDate: p.BirthDate, &sex: p.Sex} {
			if from != (Personal{}) {
				*to = from
			}
		}
	}
	return name, birthDate, sex, err
}
