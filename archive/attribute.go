package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/journal"
)

// A column is an attribute that the index keeps: the name of the column and
// where it is read.
type column struct {
	name string
	tag  tag.Tag
	read func(*dicom.Dataset, tag.Tag) string
}

// The attributes that QIDO-RS and C-FIND match on, at their level (PS3.4 C.6,
// PS3.18 10.6), and those that tell machines apart.
var (
	patientColumns = []column{
		{"patient_id", tag.PatientID, text},
		{"issuer_of_patient_id", tag.IssuerOfPatientID, text},
		{"patient_name", tag.PatientName, text},
		{"patient_birth_date", tag.PatientBirthDate, date},
		{"patient_sex", tag.PatientSex, text},
	}
	studyColumns = []column{
		{"study_date", tag.StudyDate, date},
		{"study_time", tag.StudyTime, clock},
		{"timezone_offset", tag.TimezoneOffsetFromUTC, text},
		{"accession_number", tag.AccessionNumber, text},
		{"referring_physician_name", tag.ReferringPhysicianName, text},
		{"study_id", tag.StudyID, text},
		{"study_description", tag.StudyDescription, text},
	}
	seriesColumns = []column{
		{"modality", tag.Modality, text},
		{"series_description", tag.SeriesDescription, text},
		{"body_part_examined", tag.BodyPartExamined, text},
		{"laterality", tag.Laterality, text},
		{"series_date", tag.SeriesDate, date},
		{"series_time", tag.SeriesTime, clock},
		{"performed_step_start_date", tag.PerformedProcedureStepStartDate, date},
		{"performed_step_start_time", tag.PerformedProcedureStepStartTime, clock},
		{"performed_step_id", tag.PerformedProcedureStepID, text},
		{"performed_step_description", tag.PerformedProcedureStepDescription, text},
		{"scheduled_step_id", tag.ScheduledProcedureStepID, request},
		{"requested_procedure_id", tag.RequestedProcedureID, request},
		{"protocol_name", tag.ProtocolName, text},
		{"performing_physician_name", tag.PerformingPhysicianName, text},
		{"institution_name", tag.InstitutionName, text},
		{"department_name", tag.InstitutionalDepartmentName, text},
		{"station_name", tag.StationName, text},
		{"manufacturer", tag.Manufacturer, text},
		{"model_name", tag.ManufacturerModelName, text},
		{"device_serial_number", tag.DeviceSerialNumber, text},
		{"software_versions", tag.SoftwareVersions, all},
	}
	instanceColumns = []column{
		{"content_date", tag.ContentDate, date},
		{"content_time", tag.ContentTime, clock},
	}
	instanceNumbers = []struct {
		name string
		tag  tag.Tag
	}{
		{"instance_number", tag.InstanceNumber},
		{"acquisition_number", tag.AcquisitionNumber},
		{"number_of_frames", tag.NumberOfFrames},
		{"pixel_rows", tag.Rows},
		{"pixel_columns", tag.Columns},
		{"bits_allocated", tag.BitsAllocated},
	}
)

// Places in the tables above.
const (
	patientID, patientIssuer, patientName = 0, 1, 2
	studyReferring, studyDescription      = 4, 6
	seriesModality                        = 0
)

// A header is what the index takes of an instance.
type header struct {
	study, series, sop, class uid.UID
	patient, ofStudy          []string
	ofSeries                  []string
	ofInstance                []string
	seriesNumber              *int64
	numbers                   []*int64
	events                    []uid.UID
}

// readHeader takes what the index keeps out of a data set.
func readHeader(d *dicom.Dataset) header {
	h := header{
		study: d.UID(tag.StudyInstanceUID), series: d.UID(tag.SeriesInstanceUID),
		sop: d.UID(tag.SOPInstanceUID), class: d.UID(tag.SOPClassUID),
		patient: values(d, patientColumns), ofStudy: values(d, studyColumns),
		ofSeries: values(d, seriesColumns), ofInstance: values(d, instanceColumns),
		seriesNumber: number(d, tag.SeriesNumber),
	}
	for _, c := range instanceNumbers {
		h.numbers = append(h.numbers, number(d, c.tag))
	}
	seen := map[uid.UID]bool{}
	for _, u := range d.UIDs(tag.IrradiationEventUID) {
		if !seen[u] && len(seen) < maxEvents {
			h.events, seen[u] = append(h.events, u), true
		}
	}
	return h
}

const (
	maxEvents = 500 // irradiation events named in one header; a journal entry holds them
	maxText   = 256 // characters kept of a text; the object has them all
)

func values(d *dicom.Dataset, columns []column) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.read(d, c.tag)
	}
	return all
}

// text reads the first value.
func text(d *dicom.Dataset, t tag.Tag) string { return clean(d.Text(t)) }

// all reads all values, with a backslash between them.
func all(d *dicom.Dataset, t tag.Tag) string { return clean(strings.Join(d.Texts(t), `\`)) }

// request reads from the first item of Request Attributes.
func request(d *dicom.Dataset, t tag.Tag) string {
	return text(d.Item(tag.RequestAttributesSequence), t)
}

// clean makes s a text that databases take and people can read.
func clean(s string) string {
	if len(s) <= maxText && plain(s) && strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s
	}
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	return clip(s)
}

// clip cuts s after maxText characters: indexes have bounds.
func clip(s string) string {
	n := 0
	for i := range s {
		if n++; n > maxText {
			return s[:i]
		}
	}
	return s
}

// date reads a date as YYYYMMDD, also from the form with points of ACR-NEMA and
// from one with hyphens; "" if it is none.
func date(d *dicom.Dataset, t tag.Tag) string { return parseDate(d.Text(t)) }

func parseDate(s string) string {
	if len(s) == 10 && (s[4] == '.' && s[7] == '.' || s[4] == '-' && s[7] == '-') {
		s = s[:4] + s[5:7] + s[8:]
	}
	if len(s) != 8 || !digits(s) || s[:4] == "0000" ||
		s[4:6] < "01" || s[4:6] > "12" || s[6:] < "01" || s[6:] > "31" {
		return ""
	}
	return s
}

// clock reads a time as HHMMSS.FFFFFF as far as it is given; "" if it is none.
func clock(d *dicom.Dataset, t tag.Tag) string { return parseTime(d.Text(t)) }

func parseTime(s string) string {
	if len(s) >= 8 && s[2] == ':' && s[5] == ':' {
		s = s[:2] + s[3:5] + s[6:]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	ok := len(whole) >= 2 && len(whole) <= 6 && len(whole)%2 == 0 && digits(whole) && digits(fraction) && len(fraction) <= 6 &&
		whole[:2] < "24" && (len(whole) < 4 || whole[2:4] < "60") && (len(whole) < 6 || whole[4:] <= "60")
	switch {
	case !ok:
		return ""
	case fraction == "" || len(whole) < 6:
		return whole
	}
	return whole + "." + fraction
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// number reads a whole number; nil if there is none.
func number(d *dicom.Dataset, t tag.Tag) *int64 {
	if n, ok := d.Int(t); ok {
		return &n
	}
	return nil
}

// merge puts what two instances say about the same thing together: the one that
// says something, or else the smaller. So it does not matter which came first.
func merge(have, more []string) []string {
	out := make([]string, len(have))
	for i := range have {
		switch a, b := have[i], more[i]; {
		case a == "", b != "" && b < a:
			out[i] = b
		default:
			out[i] = a
		}
	}
	return out
}

// mergePatient does the same with patients. What is said of different patient IDs
// is not mixed, because a name of one and a number of another make a third: the
// smaller ID is kept with what was said of it, and one without goes after all.
func mergePatient(have, more []string) []string {
	a, b := have[patientID], more[patientID]
	switch {
	case a == b:
		return merge(have, more)
	case a == "", b != "" && b < a:
		return more
	}
	return have
}

// disagree reports whether two instances of a study name different patients.
func disagree(a, b []string) bool {
	if a[patientID] != b[patientID] {
		return a[patientID] != "" && b[patientID] != ""
	}
	return a[patientIssuer] != b[patientIssuer] && a[patientIssuer] != "" && b[patientIssuer] != ""
}

// Person returns how the journal names the person of a patient ID: with the
// issuer before it, which may be "". It is "" without a patient ID.
func Person(issuer, patientID string) string {
	issuer, patientID = clean(issuer), clean(patientID)
	if patientID == "" {
		return ""
	}
	whom := issuer + "|" + patientID
	if len(whom) > journal.MaxName {
		sum := sha256.Sum256([]byte(whom))
		return "sha256:" + hex.EncodeToString(sum[:])
	}
	return whom
}
