package demo

import (
	"bytes"
	"strconv"
	"time"

	"radagora/dicom"
	"radagora/dicom/sr"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// The times of a dose report, in DICOM.
const (
	dateLayout = "20060102"
	timeLayout = "150405"
	momentForm = dateLayout + timeLayout
)

// A report is one dose report, decided in all but its bytes.
type report struct {
	m         *maker
	visit     *visit
	what      *procedure // that was ordered
	patient   patient
	sized     bool   // the report tells height and weight
	instance  string // name the SOP Instance UID is derived from
	number    int    // of the instance in its series
	accession string
	started   time.Time
	ended     time.Time
	made      time.Time // as the report says
	sent      time.Time
	template  string
	procedure sr.Code
	intent    term
	body      func(*report) []*sr.Item // totals and events
}

// reports decides what a visit sends. A room that is silent sends nothing.
func (m *maker) reports(v *visit) []*report {
	if m.silent(v.room, v.start) {
		return nil
	}
	base := m.begin(v)
	var all []*report
	switch v.room.kind {
	case "ct":
		all = m.tomographies(base)
	case "mg":
		all = m.mammographies(base)
	case "nm":
		all = m.nuclear(base)
	case "xa":
		all = m.interventions(base)
	default:
		all = m.radiographs(base)
	}
	kept := all[:0]
	for _, r := range all {
		if r.sent.Before(m.span.until) { // what ends after the last day is not of this year
			kept = append(kept, r)
		}
	}
	return kept
}

// begin returns what all reports of a visit have in common.
func (m *maker) begin(v *visit) report {
	p := m.patient(v)
	base := report{m: m, visit: v, what: v.what, patient: p, number: 1, started: v.start, accession: accession(v, 1)}
	base.sized = p.weight > 0 && m.dice("size", v.name).chance(v.room.sizeKnown)
	base.intent = termDiagnostic
	return base
}

// finish lets the report be made, and sent at once, some time after the last event.
func (r *report) finish(later time.Duration) {
	r.made = r.ended.Add(later)
	r.sent = r.made
}

// accession returns the number of an order.
func accession(v *visit, part int) string {
	return v.room.station + "-" + strconv.Itoa(100000+v.count) + "-" + strconv.Itoa(part)
}

// study returns the Study Instance UID.
func (r *report) study() uid.UID { return r.m.uid("study", r.visit.name) }

// sopClass returns the SOP class the room sends: some use a general one.
func (r *report) sopClass() uid.UID {
	if r.template == templateNuclear {
		return uid.RadiopharmaceuticalRadiationDoseSRStorage
	}
	if r.visit.room.enhanced {
		return uid.EnhancedSRStorage
	}
	return uid.XRayRadiationDoseSRStorage
}

// object encodes the report.
func (r *report) object() (Object, error) {
	o := Object{
		SOPClass: r.sopClass(), SOPInstance: r.m.uid("report", r.instance), Study: r.study(),
		TransferSyntax: uid.ExplicitVRLittleEndian, Room: r.visit.room.name, AETitle: r.visit.room.ae,
	}
	d, err := r.builder(o).Dataset()
	if err != nil {
		return Object{}, err
	}
	var buf bytes.Buffer
	if err := dicom.Write(&buf, d, o.TransferSyntax); err != nil {
		return Object{}, err
	}
	o.Data = buf.Bytes()
	return o, nil
}

// builder returns the data set (PS3.3 A.35.8).
func (r *report) builder(o Object) *dicom.Builder {
	room := r.visit.room
	b := dicom.NewBuilder().
		UID(tag.SOPClassUID, o.SOPClass).UID(tag.SOPInstanceUID, o.SOPInstance).
		UID(tag.StudyInstanceUID, o.Study).UID(tag.SeriesInstanceUID, r.m.uid("series", r.visit.name, r.accession)).
		Text(tag.Modality, "SR").Int(tag.SeriesNumber, 990).Text(tag.SeriesDescription, "Dose Report").
		Int(tag.InstanceNumber, int64(r.number)).
		Text(tag.StudyDate, r.visit.start.Format(dateLayout)).Text(tag.StudyTime, r.visit.start.Format(timeLayout)).
		Text(tag.ContentDate, r.made.Format(dateLayout)).Text(tag.ContentTime, r.made.Format(timeLayout)).
		Text(tag.StudyID, strconv.Itoa(r.visit.count)).Text(tag.AccessionNumber, r.accession).
		Text(tag.ReferringPhysicianName).Text(tag.StudyDescription, r.visit.what.description).
		Text(tag.Manufacturer, room.manufacturer).Text(tag.ManufacturerModelName, room.model).
		Text(tag.DeviceSerialNumber, room.serial).Text(tag.StationName, room.station).
		Text(tag.SoftwareVersions, r.software()).Text(tag.InstitutionName, "Demonstration Hospital").
		Text(tag.InstitutionalDepartmentName, room.area).
		Text(tag.CompletionFlag, "COMPLETE").Text(tag.VerificationFlag, "UNVERIFIED").
		Sequence(tag.ReferencedPerformedProcedureStepSequence).Sequence(tag.PerformedProcedureCodeSequence).
		Sequence(tag.ProcedureCodeSequence, codeItem(r.visit.what)).
		Sequence(tag.ReferencedRequestSequence, r.request(o))
	r.person(b)
	sr.Append(b, r.tree(), r.template)
	return b
}

// person writes the patient modules.
func (r *report) person(b *dicom.Builder) {
	p := r.patient
	b.Text(tag.PatientName, p.name).Text(tag.PatientID, p.id).Text(tag.PatientSex, p.sex).Text(tag.PatientBirthDate)
	if !p.born.IsZero() {
		b.Text(tag.PatientBirthDate, p.born.Format(dateLayout)).Text(tag.PatientAge, p.age(r.visit.start))
	}
	if r.sized {
		b.Text(tag.PatientSize, strconv.FormatFloat(p.height, 'f', 2, 64)).
			Text(tag.PatientWeight, strconv.FormatFloat(p.weight, 'f', 0, 64))
	}
}

// software returns the version the room runs on the day.
func (r *report) software() string {
	room := r.visit.room
	if room.later != "" && r.m.span.share(r.visit.start) >= room.laterAfter {
		return room.later
	}
	return room.software
}

// request returns the item of the request the report answers (PS3.3 C.17.2).
func (r *report) request(o Object) *dicom.Builder {
	return dicom.NewBuilder().
		UID(tag.StudyInstanceUID, o.Study).Sequence(tag.ReferencedStudySequence).
		Text(tag.AccessionNumber, r.accession).
		Text(tag.PlacerOrderNumberImagingServiceRequest).Text(tag.FillerOrderNumberImagingServiceRequest).
		Text(tag.RequestedProcedureID, r.accession).Text(tag.RequestedProcedureDescription, r.what.description).
		Sequence(tag.RequestedProcedureCodeSequence, codeItem(r.what))
}

// codeItem returns the local code of a procedure.
func codeItem(p *procedure) *dicom.Builder {
	return dicom.NewBuilder().Text(tag.CodeValue, p.id).Text(tag.CodingSchemeDesignator, "99DEMO").Text(tag.CodeMeaning, p.description)
}

// tree returns the content: what all templates begin and end with, and the body.
func (r *report) tree() *sr.Item {
	if r.template == templateNuclear {
		return r.nuclearTree()
	}
	room := r.visit.room
	l := list{sr.NewCode(sr.HasConceptMod, dcm("121058", "Procedure reported"), r.procedure,
		sr.NewCode(sr.HasConceptMod, room.code(termIntent), room.code(r.intent)))}
	l.code(sr.HasObsContext, dcm("121005", "Observer Type"), dcm("121007", "Device"))
	// A machine stays the same from year to year, and so does its UID.
	l.text(sr.HasObsContext, "UIDREF", dcm("121012", "Device Observer UID"), uid.Derive(root, "device|"+room.serial).String())
	l.text(sr.HasObsContext, "TEXT", dcm("121013", "Device Observer Name"), room.station)
	l.text(sr.HasObsContext, "TEXT", dcm("121014", "Device Observer Manufacturer"), room.manufacturer)
	l.text(sr.HasObsContext, "TEXT", dcm("121015", "Device Observer Model Name"), room.model)
	l.text(sr.HasObsContext, "TEXT", dcm("121016", "Device Observer Serial Number"), room.serial)
	l.text(sr.HasObsContext, "DATETIME", dcm("113809", "Start of X-Ray Irradiation"), r.started.Format(momentForm))
	l.text(sr.HasObsContext, "DATETIME", dcm("113810", "End of X-Ray Irradiation"), r.ended.Format(momentForm))
	l = append(l, sr.NewCode(sr.HasObsContext, dcm("113705", "Scope of Accumulation"), dcm("113014", "Study"),
		sr.NewText(sr.HasProperties, "UIDREF", dcm("110180", "Study Instance UID"), r.study().String())))
	l = append(l, r.body(r)...)
	l.code(sr.Contains, dcm("113854", "Source of Dose Information"), dcm("113856", "Automated Data Collection"))
	return sr.NewContainer("", dcm("113701", "X-Ray Radiation Dose Report"), l...)
}

// A list collects content items.
type list []*sr.Item

// num adds a number of the given decimal digits: value counts the last of them.
func (l *list) num(concept sr.Code, value int64, digits int, u sr.Code) {
	*l = append(*l, sr.NewNum(sr.Contains, concept, fixed(value, digits), u))
}

// text adds a text of the given value type.
func (l *list) text(relationship, valueType string, concept sr.Code, s string) {
	*l = append(*l, sr.NewText(relationship, valueType, concept, s))
}

// code adds a coded value; none is left out.
func (l *list) code(relationship string, concept, value sr.Code) {
	if value != (sr.Code{}) {
		*l = append(*l, sr.NewCode(relationship, concept, value))
	}
}

// fixed writes a whole number of steps of the last of some decimal digits:
// fixed(1234, 2) is 12.34. Doses are kept so, and sums of them are exact.
func fixed(value int64, digits int) string {
	s := strconv.FormatInt(value, 10)
	if digits == 0 {
		return s
	}
	for len(s) <= digits {
		s = "0" + s
	}
	return s[:len(s)-digits] + "." + s[len(s)-digits:]
}
