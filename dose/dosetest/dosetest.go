// Package dosetest makes CT dose reports for tests.
//
// A Report describes a report by what it should say; Dataset and File encode it
// as a scanner would (PS3.16 TID 10011). What a vendor does differently is an
// edit of the content tree or of the header. Everything is made up.
package dosetest

import (
	"bytes"
	"strconv"

	"radagora/dicom"
	"radagora/dicom/sr"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// root is what the UIDs of made-up objects are derived from.
var root = uid.Must("2.25.1")

// UID returns the UID that belongs to name, always the same.
func UID(name string) uid.UID { return uid.Derive(root, name) }

// A Report is a CT dose report to be made. New fills in what a test does not care
// about.
type Report struct {
	SOPClass                uid.UID
	Study, Series, Instance string // names that UIDs are made from; "" leaves the study out

	PatientName, PatientID, Sex, Age, Size, Weight, BirthDate string

	Manufacturer, Model, Serial, Station, Software string
	StudyDate, ContentTime                         string
	Accession                                      string

	Template  string // "" leaves the template out
	Procedure sr.Code
	DLPUnit   string
	Total     string // declared DLP; "-" leaves the item out
	Declared  string // declared number of events; "" is the true one
	Events    []Event

	Tree   func(root *sr.Item)    // edits the content tree
	Header func(b *dicom.Builder) // edits the header, the content tree included
}

// An Event is a CT acquisition to be made. A field that is "" is left out.
type Event struct {
	UID                                  string // a name that the UID is made from
	Protocol                             string
	Type, Region, Phantom                sr.Code
	CTDIvol, DLP                         string
	KVP, Current, Time, Length, Pitch    string
	Alert, Notification                  *Check
	Repeated                             bool
	Comment, Serial, Authorised, Started string
}

// A Check is a dose check to be made. A value that is "" is not configured.
type Check struct{ DLP, CTDIvol, DLPEstimate, CTDIvolEstimate, Reason string }

// Codes of acquisition type, region and phantom as scanners write them.
var (
	Spiral        = sr.Code{Value: "P5-08001", Scheme: "SRT", Meaning: "Spiral Acquisition"}
	ConstantAngle = sr.Code{Value: "113805", Scheme: "DCM", Meaning: "Constant Angle Acquisition"}
	Abdomen       = sr.Code{Value: "T-D4000", Scheme: "SRT", Meaning: "Abdomen"}
	Head16        = sr.Code{Value: "113690", Scheme: "DCM", Meaning: "IEC Head Dosimetry Phantom"}
	Body32        = sr.Code{Value: "113691", Scheme: "DCM", Meaning: "IEC Body Dosimetry Phantom"}
)

// New returns a report of a made-up scanner with these events. The declared total
// is for the test to set.
func New(study, instance, total string, events ...Event) Report {
	return Report{
		SOPClass: uid.XRayRadiationDoseSRStorage,
		Study:    study, Series: study + " dose", Instance: instance,
		PatientName: "LEAK^CANARY", PatientID: "CANARY-1", Sex: "F", Age: "045Y", Size: "1.68", Weight: "70",
		Manufacturer: "Example Scanners", Model: "Ring 64", Serial: "R64-0001", Station: "CT1", Software: "1.0",
		StudyDate: "20260302", ContentTime: "101500",
		Template:  "10011",
		Procedure: sr.Code{Value: "P5-08000", Scheme: "SRT", Meaning: "Computed Tomography X-Ray"},
		DLPUnit:   "mGy.cm", Total: total, Events: events,
	}
}

// Scan returns a spiral acquisition.
func Scan(name, ctdi, dlp string) Event {
	return Event{
		UID: name, Protocol: "Abdomen Routine", Type: Spiral, Region: Abdomen, Phantom: Body32,
		CTDIvol: ctdi, DLP: dlp, KVP: "120", Current: "150", Time: "5.5", Length: "400", Pitch: "0.9",
	}
}

// Localizer returns a constant angle acquisition without dose.
func Localizer(name string) Event {
	return Event{
		UID: name, Protocol: "Topogram", Type: ConstantAngle, Region: Abdomen,
		KVP: "120", Current: "35", Time: "5.6", Length: "560",
	}
}

// Concept returns a code of DCM for a concept.
func Concept(value, meaning string) sr.Code {
	return sr.Code{Value: value, Scheme: "DCM", Meaning: meaning}
}

// unit returns a UCUM code.
func unit(code string) sr.Code { return sr.Code{Value: code, Scheme: "UCUM", Meaning: code} }

// list collects items and leaves out what has no value.
type list []*sr.Item

// num adds a number.
func (l *list) num(code, meaning, raw, u string) {
	if raw != "" {
		*l = append(*l, sr.NewNum(sr.Contains, Concept(code, meaning), raw, unit(u)))
	}
}

// text adds a text of the given value type.
func (l *list) text(relationship, valueType, code, meaning, s string) {
	if s != "" {
		*l = append(*l, sr.NewText(relationship, valueType, Concept(code, meaning), s))
	}
}

// code adds a coded value.
func (l *list) code(relationship, code, meaning string, value sr.Code) {
	if value != (sr.Code{}) {
		*l = append(*l, sr.NewCode(relationship, Concept(code, meaning), value))
	}
}

// Content returns the content tree.
func (r Report) Content() *sr.Item {
	var l list
	if r.Procedure != (sr.Code{}) {
		l = append(l, sr.NewCode(sr.HasConceptMod, Concept("121058", "Procedure reported"), r.Procedure,
			sr.NewCode(sr.HasConceptMod, sr.Code{Value: "G-C0E8", Scheme: "SRT", Meaning: "Has Intent"},
				sr.Code{Value: "R-408C3", Scheme: "SRT", Meaning: "Diagnostic Intent"})))
	}
	l.code(sr.HasObsContext, "121005", "Observer Type", Concept("121007", "Device"))
	l.text(sr.HasObsContext, "UIDREF", "121012", "Device Observer UID", UID(r.Serial).String())
	l.text(sr.HasObsContext, "TEXT", "121016", "Device Observer Serial Number", r.Serial)
	l.text(sr.HasObsContext, "DATETIME", "113809", "Start of X-Ray Irradiation", r.StudyDate+"100000")
	l.text(sr.HasObsContext, "DATETIME", "113810", "End of X-Ray Irradiation", r.StudyDate+"101000")
	l = append(l, sr.NewContainer(sr.Contains, Concept("113811", "CT Accumulated Dose Data"), r.totals()...))
	for _, e := range r.Events {
		l = append(l, e.item(r.DLPUnit))
	}
	l.code(sr.Contains, "113854", "Source of Dose Information", Concept("113856", "Automated Data Collection"))
	tree := sr.NewContainer("", Concept("113701", "X-Ray Radiation Dose Report"), l...)
	if r.Tree != nil {
		r.Tree(tree)
	}
	return tree
}

// totals returns the items of TID 10012.
func (r Report) totals() []*sr.Item {
	var l list
	declared := r.Declared
	if declared == "" {
		declared = strconv.Itoa(len(r.Events))
	}
	l.num("113812", "Total Number of Irradiation Events", declared, "{events}")
	switch r.Total {
	case "-":
	case "":
		l = append(l, sr.NewNum(sr.Contains, Concept("113813", "CT Dose Length Product Total"), "", sr.Code{}))
	default:
		l.num("113813", "CT Dose Length Product Total", r.Total, r.DLPUnit)
	}
	return l
}

// item returns the item of TID 10013.
func (e Event) item(dlpUnit string) *sr.Item {
	var l, parameters, source, dose list
	l.text(sr.Contains, "TEXT", "125203", "Acquisition Protocol", e.Protocol)
	l.code(sr.Contains, "123014", "Target Region", e.Region)
	l.code(sr.Contains, "113820", "CT Acquisition Type", e.Type)
	if e.UID != "" {
		l.text(sr.Contains, "UIDREF", "113769", "Irradiation Event UID", UID(e.UID).String())
	}
	l.text(sr.Contains, "DATETIME", "111526", "DateTime Started", e.Started)
	if e.Repeated {
		l.code(sr.Contains, "128551", "Is Repeated Acquisition", sr.Code{Value: "373066001", Scheme: "SCT", Meaning: "Yes"})
	}
	parameters.num("113824", "Exposure Time", e.Time, "s")
	parameters.num("113825", "Scanning Length", e.Length, "mm")
	parameters.num("113826", "Nominal Single Collimation Width", "0.6", "mm")
	parameters.num("113827", "Nominal Total Collimation Width", "38.4", "mm")
	parameters.num("113828", "Pitch Factor", e.Pitch, "{ratio}")
	parameters.num("113823", "Number of X-Ray Sources", "1", "{X-Ray sources}")
	source.text(sr.Contains, "TEXT", "113832", "Identification of the X-Ray Source", "A")
	source.num("113733", "KVP", e.KVP, "kV")
	source.num("113833", "Maximum X-Ray Tube Current", e.Current, "mA")
	source.num("113734", "X-Ray Tube Current", e.Current, "mA")
	parameters = append(parameters, sr.NewContainer(sr.Contains, Concept("113831", "CT X-Ray Source Parameters"), source...))
	l = append(l, sr.NewContainer(sr.Contains, Concept("113822", "CT Acquisition Parameters"), parameters...))
	dose.num("113830", "Mean CTDIvol", e.CTDIvol, "mGy")
	dose.code(sr.Contains, "113835", "CTDIw Phantom Type", e.Phantom)
	dose.num("113838", "DLP", e.DLP, dlpUnit)
	if e.Alert != nil {
		dose = append(dose, e.Alert.item(alert, e.Authorised))
	}
	if e.Notification != nil {
		dose = append(dose, e.Notification.item(notification, ""))
	}
	if len(dose) > 0 {
		l = append(l, sr.NewContainer(sr.Contains, Concept("113829", "CT Dose"), dose...))
	}
	l.text(sr.Contains, "TEXT", "121106", "Comment", e.Comment)
	if e.Serial != "" {
		l = append(l, sr.NewCode(sr.Contains, Concept("113876", "Device Role in Procedure"), Concept("113859", "Irradiating Device"),
			sr.NewText(sr.HasProperties, "TEXT", Concept("113880", "Device Serial Number"), e.Serial)))
	}
	return sr.NewContainer(sr.Contains, Concept("113819", "CT Acquisition"), l...)
}

// checkCodes are the concepts of one dose check (PS3.16 TID 10015).
type checkCodes struct{ container, dlpSet, ctdiSet, dlp, ctdi, dlpEstimate, ctdiEstimate string }

var (
	alert        = checkCodes{"113900", "113901", "113902", "113903", "113904", "113905", "113906"}
	notification = checkCodes{"113908", "113909", "113910", "113911", "113912", "113913", "113914"}
)

// item returns the item of a dose check.
func (c Check) item(codes checkCodes, authorised string) *sr.Item {
	var l list
	yesNo := func(configured bool) sr.Code {
		if configured {
			return sr.Code{Value: "R-0038D", Scheme: "SRT", Meaning: "Yes"}
		}
		return sr.Code{Value: "R-00339", Scheme: "SRT", Meaning: "No"}
	}
	l.code(sr.Contains, codes.dlpSet, "DLP Value Configured", yesNo(c.DLP != ""))
	l.code(sr.Contains, codes.ctdiSet, "CTDIvol Value Configured", yesNo(c.CTDIvol != ""))
	l.num(codes.dlp, "DLP Value", c.DLP, "mGy.cm")
	l.num(codes.ctdi, "CTDIvol Value", c.CTDIvol, "mGy")
	l.num(codes.dlpEstimate, "DLP Forward Estimate", c.DLPEstimate, "mGy.cm")
	l.num(codes.ctdiEstimate, "CTDIvol Forward Estimate", c.CTDIvolEstimate, "mGy")
	l.text(sr.Contains, "TEXT", "113907", "Reason for Proceeding", c.Reason)
	if authorised != "" {
		l = append(l, sr.NewText(sr.Contains, "PNAME", Concept("113870", "Person Name"), authorised,
			sr.NewCode(sr.HasProperties, Concept("113875", "Person Role in Procedure"), Concept("113850", "Irradiation Authorizing"))))
	}
	return sr.NewContainer(sr.Contains, Concept(codes.container, "Dose Check Details"), l...)
}

// Builder returns the data set of the report as a Builder.
func (r Report) Builder() *dicom.Builder {
	b := dicom.NewBuilder().
		UID(tag.SOPClassUID, r.SOPClass).UID(tag.SOPInstanceUID, UID(r.Instance)).
		UID(tag.SeriesInstanceUID, UID(r.Series)).
		Text(tag.Modality, "SR").Text(tag.StudyDate, r.StudyDate).Text(tag.StudyTime, "095500").
		Text(tag.ContentDate, r.StudyDate).Text(tag.ContentTime, r.ContentTime).
		Text(tag.AccessionNumber, r.Accession).
		Text(tag.Manufacturer, r.Manufacturer).Text(tag.ManufacturerModelName, r.Model).
		Text(tag.DeviceSerialNumber, r.Serial).Text(tag.StationName, r.Station).Text(tag.SoftwareVersions, r.Software).
		Text(tag.PatientName, r.PatientName).Text(tag.PatientID, r.PatientID).Text(tag.PatientSex, r.Sex).
		Text(tag.PatientAge, r.Age).Text(tag.PatientSize, r.Size).Text(tag.PatientWeight, r.Weight).
		Text(tag.PatientBirthDate, r.BirthDate)
	if r.Study != "" {
		b.UID(tag.StudyInstanceUID, UID(r.Study))
	}
	sr.Append(b, r.Content(), r.Template)
	if r.Header != nil {
		r.Header(b)
	}
	return b
}

// Dataset returns the data set of the report.
func (r Report) Dataset() (*dicom.Dataset, error) { return r.Builder().Dataset() }

// File returns the report as a DICOM file.
func (r Report) File() ([]byte, error) {
	d, err := r.Dataset()
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	err = dicom.WriteFile(&buf, d, uid.ExplicitVRLittleEndian)
	return buf.Bytes(), err
}

// Find returns the items below root whose concept has this code.
func Find(root *sr.Item, code string) []*sr.Item {
	var all []*sr.Item
	for i := range root.All() {
		if i.Concept.Value == code {
			all = append(all, i)
		}
	}
	return all
}

// Drop removes the items with this code from below root.
func Drop(root *sr.Item, code string) {
	for i := range root.All() {
		var kept []*sr.Item
		for _, c := range i.Children {
			if c.Concept.Value != code {
				kept = append(kept, c)
			}
		}
		i.Children = kept
	}
}
