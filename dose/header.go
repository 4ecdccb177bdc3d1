package dose

import (
	"radagora/dicom"
	"radagora/dicom/tag"
)

// header reads what stands outside of the content tree.
func (r *Report) header(d *dicom.Dataset, t Thresholds, w *warnings) {
	zone := d.Text(tag.TimezoneOffsetFromUTC)
	r.SOPClass, r.SOPInstance = d.UID(tag.SOPClassUID), d.UID(tag.SOPInstanceUID)
	r.Study, r.Series = d.UID(tag.StudyInstanceUID), d.UID(tag.SeriesInstanceUID)
	r.Patient = t.patient(d, w)
	r.Order = order(d)
	r.StudyDate = parseDateTime(d.Text(tag.StudyDate), d.Text(tag.StudyTime), zone)
	r.Content = parseDateTime(d.Text(tag.ContentDate), d.Text(tag.ContentTime), zone)
	r.StudyDescription = d.Text(tag.StudyDescription)
	r.Procedures = procedures(d)
	r.Device = Device{
		Name:         d.Text(tag.StationName),
		Manufacturer: d.Text(tag.Manufacturer),
		Model:        d.Text(tag.ManufacturerModelName),
		Serial:       d.Text(tag.DeviceSerialNumber),
		Software:     d.Texts(tag.SoftwareVersions),
		Institution:  d.Text(tag.InstitutionName),
		Department:   d.Text(tag.InstitutionalDepartmentName),
	}
}

// order reads the request a report belongs to (PS3.3 C.17.2, Referenced Request
// Sequence, and the study).
func order(d *dicom.Dataset) Order {
	o := Order{Accession: Hide(d.Text(tag.AccessionNumber))}
	for _, r := range d.Items(tag.ReferencedRequestSequence) {
		if n := Hide(r.Text(tag.AccessionNumber)); !n.IsZero() {
			o.Numbers = append(o.Numbers, n)
		}
		if n := Hide(r.Text(tag.RequestedProcedureID)); !n.IsZero() {
			o.Requests = append(o.Requests, n)
		}
	}
	if o.Accession.IsZero() && len(o.Numbers) == 1 {
		o.Accession = o.Numbers[0]
	}
	return o
}

// procedures returns how the procedure is described, requested first.
func procedures(d *dicom.Dataset) []string {
	var all []string
	add := func(s string) {
		if s != "" {
			all = append(all, s)
		}
	}
	for _, r := range d.Items(tag.ReferencedRequestSequence) {
		add(r.Text(tag.RequestedProcedureDescription))
		for _, c := range r.Items(tag.RequestedProcedureCodeSequence) {
			add(c.Text(tag.CodeMeaning))
		}
	}
	add(d.Text(tag.RequestedProcedureDescription))
	add(d.Text(tag.PerformedProcedureStepDescription))
	for _, t := range []tag.Tag{tag.PerformedProcedureCodeSequence, tag.ProcedureCodeSequence} {
		for _, c := range d.Items(t) {
			add(c.Text(tag.CodeMeaning))
		}
	}
	return all
}
