package worklist

import (
	"strings"

	"radagora/dicom"
	"radagora/dicom/charset"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A text says where a text of an order or step stands in a worklist entry. The same
// table serves to check what is written (the VR bounds it) and to answer.
type text[T any] struct {
	field string // as JSON and pages name it
	tag   tag.Tag
	of    func(*T) []string
}

// one makes a text of a single value, none where it is empty.
func one[T any](field string, t tag.Tag, of func(*T) string) text[T] {
	return text[T]{field, t, func(v *T) []string {
		if s := of(v); s != "" {
			return []string{s}
		}
		return nil
	}}
}

// orderTexts are the attributes of patient, visit, imaging service request and
// requested procedure (PS3.4 Table K.6-1).
var orderTexts = []text[Order]{
	one("patient.name", tag.PatientName, func(o *Order) string { return o.Patient.Name }),
	one("patient.id", tag.PatientID, func(o *Order) string { return o.Patient.ID }),
	one("patient.issuer", tag.IssuerOfPatientID, func(o *Order) string { return o.Patient.Issuer }),
	one("patient.birth_date", tag.PatientBirthDate, func(o *Order) string { return strings.ReplaceAll(o.Patient.BirthDate, "-", "") }),
	one("patient.sex", tag.PatientSex, func(o *Order) string { return o.Patient.Sex }),
	{"patient.allergies", tag.Allergies, func(o *Order) []string { return o.Patient.Allergies }},
	{"patient.alerts", tag.MedicalAlerts, func(o *Order) []string { return o.Patient.Alerts }},
	one("patient.special_needs", tag.SpecialNeeds, func(o *Order) string { return o.Patient.SpecialNeeds }),
	one("patient.condition", tag.PatientState, func(o *Order) string { return o.Patient.Condition }),
	one("patient.confidentiality", tag.ConfidentialityConstraintOnPatientDataDescription, func(o *Order) string { return o.Patient.Confidentiality }),
	one("patient.admission", tag.AdmissionID, func(o *Order) string { return o.Patient.Admission }),
	one("patient.location", tag.CurrentPatientLocation, func(o *Order) string { return o.Patient.Location }),
	one("accession", tag.AccessionNumber, func(o *Order) string { return o.Accession }),
	one("placer", tag.PlacerOrderNumberImagingServiceRequest, func(o *Order) string { return o.Placer }),
	one("filler", tag.FillerOrderNumberImagingServiceRequest, func(o *Order) string { return o.Filler }),
	one("procedure_id", tag.RequestedProcedureID, func(o *Order) string { return o.ProcedureID }),
	one("study_uid", tag.StudyInstanceUID, func(o *Order) string { return o.Study }),
	one("description", tag.RequestedProcedureDescription, func(o *Order) string { return o.Description }),
	one("reason", tag.ReasonForTheRequestedProcedure, func(o *Order) string { return o.Reason }),
	one("requesting_physician", tag.RequestingPhysician, func(o *Order) string { return o.RequestingPhysician }),
	one("requesting_service", tag.RequestingService, func(o *Order) string { return o.RequestingService }),
	one("referring_physician", tag.ReferringPhysicianName, func(o *Order) string { return o.ReferringPhysician }),
	{"recipients", tag.NamesOfIntendedRecipientsOfResults, func(o *Order) []string { return o.Recipients }},
	one("priority", tag.RequestedProcedurePriority, func(o *Order) string { return o.Priority }),
	one("transport", tag.PatientTransportArrangements, func(o *Order) string { return o.Transport }),
	one("comments", tag.RequestedProcedureComments, func(o *Order) string { return o.Comments }),
}

// stepTexts are the attributes of an item of Scheduled Procedure Step Sequence.
var stepTexts = []text[Step]{
	one("id", tag.ScheduledProcedureStepID, func(s *Step) string { return s.ID }),
	{"stations", tag.ScheduledStationAETitle, func(s *Step) []string { return s.Stations }},
	{"station_names", tag.ScheduledStationName, func(s *Step) []string { return s.StationNames }},
	one("location", tag.ScheduledProcedureStepLocation, func(s *Step) string { return s.Location }),
	one("modality", tag.Modality, func(s *Step) string { return s.Modality }),
	one("start", tag.ScheduledProcedureStepStartDate, func(s *Step) string { d, _ := dicomTime(s.Start); return d }),
	one("start", tag.ScheduledProcedureStepStartTime, func(s *Step) string { _, t := dicomTime(s.Start); return t }),
	one("end", tag.ScheduledProcedureStepEndDate, func(s *Step) string { d, _ := dicomTime(s.End); return d }),
	one("end", tag.ScheduledProcedureStepEndTime, func(s *Step) string { _, t := dicomTime(s.End); return t }),
	one("description", tag.ScheduledProcedureStepDescription, func(s *Step) string { return s.Description }),
	one("performing_physician", tag.ScheduledPerformingPhysicianName, func(s *Step) string { return s.PerformingPhysician }),
	one("contrast", tag.RequestedContrastAgent, func(s *Step) string { return s.Contrast }),
	one("premedication", tag.PreMedication, func(s *Step) string { return s.Premedication }),
	one("comments", tag.CommentsOnTheScheduledProcedureStep, func(s *Step) string { return s.Comments }),
}

// statuses are the values of Scheduled Procedure Step Status (0040,0020) that PS3.3
// C.4.10 defines.
var statuses = map[State]string{Scheduled: "SCHEDULED", Arrived: "ARRIVED", InProgress: "STARTED"}

// dicomTime splits a local time into DA and TM.
func dicomTime(s string) (date, clock string) {
	d, c, _ := strings.Cut(s, "T")
	return strings.ReplaceAll(d, "-", ""), strings.ReplaceAll(c, ":", "")
}

// dataset returns an order with one of its steps as an entry of the worklist. It has
// every attribute this program knows, empty where nothing is known, so that one that
// is absent is one that is not supported.
func dataset(o *Order, s *Step) (*dicom.Dataset, error) {
	b := dicom.NewBuilder()
	for _, t := range orderTexts {
		b.Text(t.tag, t.of(o)...)
	}
	number(b, tag.PatientWeight, o.Patient.WeightKG)
	number(b, tag.PatientSize, o.Patient.HeightM)
	b.Int(tag.PregnancyStatus)
	if n, ok := pregnancies[o.Patient.Pregnancy]; ok {
		b.Int(tag.PregnancyStatus, n)
	}
	b.Text(tag.ImagingServiceRequestComments)
	b.Sequence(tag.IssuerOfAccessionNumberSequence)
	if o.AccessionIssuer != "" {
		b.Sequence(tag.IssuerOfAccessionNumberSequence, dicom.NewBuilder().Text(tag.LocalNamespaceEntityID, o.AccessionIssuer))
	}
	b.Sequence(tag.ReferencedStudySequence).Sequence(tag.ReferencedPatientSequence)
	var procedure []Code
	if o.Code != nil {
		procedure = []Code{*o.Code}
	}
	b.Sequence(tag.RequestedProcedureCodeSequence, codes(procedure)...)
	b.Sequence(tag.ReasonForRequestedProcedureCodeSequence, codes(o.ReasonCodes)...)
	b.Sequence(tag.ScheduledProcedureStepSequence, s.item())
	return b.Dataset()
}

// item returns the step as an item of Scheduled Procedure Step Sequence.
func (s *Step) item() *dicom.Builder {
	b := dicom.NewBuilder()
	for _, t := range stepTexts {
		b.Text(t.tag, t.of(s)...)
	}
	b.Sequence(tag.ScheduledProtocolCodeSequence, codes(s.Protocol)...)
	b.Text(tag.ScheduledProcedureStepStatus)
	if status, ok := statuses[s.State]; ok {
		b.Text(tag.ScheduledProcedureStepStatus, status)
	}
	return b
}

// number sets a decimal string, empty where nothing is known.
func number(b *dicom.Builder, t tag.Tag, v float64) {
	if v == 0 {
		b.Text(t)
		return
	}
	b.Float(t, v)
}

// codes returns items of a code sequence.
func codes(list []Code) []*dicom.Builder {
	items := make([]*dicom.Builder, len(list))
	for i, c := range list {
		items[i] = dicom.NewBuilder().Text(tag.CodeValue, c.Value).Text(tag.CodingSchemeDesignator, c.Scheme).Text(tag.CodeMeaning, c.Meaning)
		if c.Version != "" {
			items[i].Text(tag.CodingSchemeVersion, c.Version)
		}
	}
	return items
}

// fallbacks are the sets tried after the one a requestor declared. Who declares none
// and gets a letter that ASCII lacks most likely reads Latin-1.
var fallbacks = []string{"ISO_IR 100", "ISO_IR 192"}

// spoken encodes an answer in the character set that whoever asked declared, if that
// has all its letters, and otherwise in one that does. The builder is not to be used
// any more.
func spoken(b *dicom.Builder, asked *dicom.Dataset) (*dicom.Dataset, error) {
	terms := fallbacks
	if declared := asked.Texts(tag.SpecificCharacterSet); len(declared) > 0 && declared[0] != "" {
		terms = append([]string{plainTerm(declared[0])}, fallbacks...)
	} else if _, err := b.Text(tag.SpecificCharacterSet).Dataset(); err == nil {
		ds, err := b.Delete(tag.SpecificCharacterSet).Dataset() // nothing but ASCII
		if err == nil && ds.Len() == 0 {
			return b.Text(tag.SpecificCharacterSet, "ISO_IR 192").Dataset() // an answer is never nothing at all
		}
		return ds, err
	}
	var last error
	for _, term := range terms {
		if _, problems := charset.Parse([]string{term}); len(problems) > 0 {
			continue
		}
		ds, err := b.Text(tag.SpecificCharacterSet, term).Dataset()
		if err == nil {
			return ds, nil
		}
		last = err // it lacks a letter
	}
	return nil, fault.Errorf(fault.Internal, "answer: %w", last)
}

// plainTerm returns the set that needs no escape sequences for one that does.
func plainTerm(term string) string {
	if n, ok := strings.CutPrefix(strings.TrimSpace(term), "ISO 2022 IR "); ok {
		return "ISO_IR " + n
	}
	return strings.TrimSpace(term)
}

// newUID makes a UID of our own.
func (r *Register) newUID() (string, error) {
	u, err := uid.New(r.Random)
	return u.String(), err
}
