// Package dose turns irradiation events into exposure knowledge.
//
// It reads dose reports (PS3.16 TID 10001, 10011, 10021) from structured reports
// of any SOP class, decides by irradiation event which reports of a study count,
// and keeps for every number where it came from. Concepts are found by code and
// scheme, never by meaning; which concept means what is in the tables of
// concept.go, with the row of the template beside it. Numbers are exact decimals
// in one unit per quantity; an empty value is unknown, never 0; declared totals
// stand beside the sums of events, and what does not hold together is a warning
// with a stable code. Headers of images stand in where there is no report.
package dose

import (
	"radagora/dicom/sr"
	"radagora/dicom/uid"
	"radagora/ucum"
)

// A Kind is the kind of a dose report.
type Kind string

// The kinds of dose report.
const (
	CT          Kind = "ct"          // TID 10011
	Projection  Kind = "projection"  // TID 10001: radiography and fluoroscopy
	Mammography Kind = "mammography" // TID 10001 with procedure mammography
	Nuclear     Kind = "nuclear"     // TID 10021: radiopharmaceuticals
)

// A Report is one dose report as its object tells it.
type Report struct {
	SOPClass, SOPInstance, Study, Series uid.UID

	Class    Class // "" is FromReport
	Kind     Kind
	Title    sr.Code
	Template string // "10011", or "" if the object does not say

	Patient Patient
	Order   Order
	Device  Device   // of the header
	Devices []Device // observers and participants of the tree
	Persons []Person

	StudyDate        Moment // study date and time
	Content          Moment // when the report was made
	StudyDescription string
	Procedures       []string // descriptions of the requested and of the performed procedure

	Values   Values   // of the report as a whole
	Totals   []*Total // one, or one for each plane
	Events   []*Event // in document order
	Warnings []Warning

	Images []uid.UID // of class FromImage, when joined: the images that tell of its events
	Entry  string    // of class FromManual or FromImport: the id of what somebody entered
	Exam   string    // the same: what the examination is, a code in dose/exam; "" if it was not said

	image pictured // of class FromImage: what ties it to an event
	held  scope    // what kind of totals or events it holds
}

// An Event is one irradiation event, or one administration of a
// radiopharmaceutical: the unit by which dose is identified.
type Event struct {
	Path string
	UID  uid.UID // zero if the report gives none that is one
	Key  string  // what it is known by when reports are joined; never ""

	Started    Moment
	Type       string // "spiral", "constant_angle", "fluoroscopy"…; "" if unknown
	Protocol   string // acquisition protocol, as written
	Region     Coded  // target region; zero if none, with its meaning if that is all there is
	Phantom    string // "head16", "body32" or "" if unknown
	Plane      string // "A", "B", "single" or ""
	Laterality string // "left", "right", "both" or ""
	Repeated   string // "yes", "no" or "" if the report does not say

	Alert, Notification *Check // nil: not recorded
	Devices             []Device
	Persons             []Person
	Values              Values // every value read, in document order
}

// Number returns the number of a field in its stored unit, and whether one is
// known.
func (e *Event) Number(f Field) (ucum.Decimal, bool) { return e.Values.Number(f) }

// Localizer reports whether the event is a constant angle acquisition of a CT,
// which no CTDIvol of an examination counts.
func (e *Event) Localizer() bool { return e.Type == "constant_angle" }

// A Total is what a report declares for the whole, or for one plane.
type Total struct {
	Path         string
	Plane        string // "A", "B", "single" or ""
	Values       Values
	Calibrations []Calibration
}

// A Calibration is what a report says of the calibration of its dose meter. Its
// factor counts as already applied.
type Calibration struct {
	Path   string
	Values Values
}

// A Device is what a header or a tree says of a device. Fields are "" if unknown.
type Device struct {
	Path         string // of the content item, "" from the header
	Role         Coded  // in the procedure; zero from the header
	UID          string // device observer UID, as written
	Name         string // device name, or station name
	Manufacturer string
	Model        string
	Serial       string
	Software     []string
	Institution  string // or physical location
	Department   string
}

// A Person is somebody a report names: who authorised or administered. The name
// hides itself.
type Person struct {
	Path         string
	Name         Private
	Role         Coded // in the procedure
	Position     Coded // in the organisation
	Organization string
}

// An Order is what a report says of the request it belongs to. The numbers lead
// to a person and hide themselves.
type Order struct {
	Accession Private // of the study
	Numbers   []Private
	Requests  []Private // requested procedure IDs
}

// Modality returns the modality of the study that r tells of: CT, MG, NM, RF if
// there was any fluoroscopy, and else DX.
func (r *Report) Modality() string {
	switch r.Kind {
	case CT:
		return "CT"
	case Mammography:
		return "MG"
	case Nuclear:
		return "NM"
	case Projection:
		if r.fluoroscopy() {
			return "RF"
		}
	}
	return "DX"
}

// fluoroscopy reports whether an event or a total tells of fluoroscopy.
func (r *Report) fluoroscopy() bool {
	for _, e := range r.Events {
		if e.Type == "fluoroscopy" {
			return true
		}
	}
	for _, t := range r.Totals {
		for _, f := range []Field{FieldFluoroTime, FieldFluoroDAP} {
			if n, ok := t.Values.Number(f); ok && n.Sign() > 0 {
				return true
			}
		}
	}
	return false
}

// Declared returns how many events the report says it has, and whether it does.
func (r *Report) Declared() (int64, bool) {
	for _, t := range r.Totals {
		if n, ok := t.Values.Number(FieldEventCount); ok {
			return int64(n.Float()), true
		}
	}
	return 0, false
}

// Started returns when irradiation began: as the report says, or its first event.
func (r *Report) Started() Moment {
	if v, ok := r.Values.Find(FieldStarted); ok && !v.Moment.IsZero() {
		return v.Moment
	}
	for _, e := range r.Events {
		if !e.Started.IsZero() {
			return e.Started
		}
	}
	return Moment{}
}

// Ended returns when irradiation ended, as the report says.
func (r *Report) Ended() Moment {
	v, _ := r.Values.Find(FieldEnded)
	return v.Moment
}
