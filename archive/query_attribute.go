package archive

import (
	"radagora/dicom/tag"
	"radagora/dicom/vr"
)

// An attribute is one that the index can match and return.
type attribute struct {
	tag  tag.Tag
	rank int    // of its level
	expr string // the column; of a name, as received
	// Of a name, its folded columns: the alphabetic group, and the others together.
	folded, other string
	within        tag.Tag // the sequence in whose first item it stands; 0 for none
	several       bool    // values with backslashes between
}

// vr returns how values are compared.
func (a attribute) vr() vr.VR { return tag.VROf(a.tag) }

// columned are the attributes with columns, by tag; those in sequences by theirs.
var columned = attributes()

func attributes() map[tag.Tag]attribute {
	all := map[tag.Tag]attribute{
		tag.StudyInstanceUID:           {rank: 1, expr: "study.study_uid"},
		tag.SeriesInstanceUID:          {rank: 2, expr: "series.series_uid"},
		tag.SeriesNumber:               {rank: 2, expr: "series.series_number"},
		tag.SOPInstanceUID:             {rank: 3, expr: "instance.sop_uid"},
		tag.SOPClassUID:                {rank: 3, expr: "instance.sop_class"},
		tag.AvailableTransferSyntaxUID: {rank: 3, expr: "instance.transfer_syntax"},
		tag.ModalitiesInStudy:          {rank: 1, expr: "study.modalities", several: true},
	}
	for rank, table := range map[int][]column{0: patientColumns, 1: studyColumns, 2: seriesColumns, 3: instanceColumns} {
		of := [...]string{"study.", "study.", "series.", "instance."}[rank]
		for _, c := range table {
			all[c.tag] = attribute{rank: rank, expr: of + c.name}
		}
	}
	for _, n := range instanceNumbers {
		all[n.tag] = attribute{rank: 3, expr: "instance." + n.name}
	}
	change := func(t tag.Tag, f func(*attribute)) {
		a := all[t]
		f(&a)
		all[t] = a
	}
	change(tag.PatientName, func(a *attribute) {
		a.folded, a.other = "study.patient_name_folded", "study.patient_name_other"
	})
	change(tag.ReferringPhysicianName, func(a *attribute) { a.folded = "study.referring_physician_folded" })
	change(tag.SoftwareVersions, func(a *attribute) { a.several = true })
	for _, t := range []tag.Tag{tag.ScheduledProcedureStepID, tag.RequestedProcedureID} {
		change(t, func(a *attribute) { a.within = tag.RequestAttributesSequence })
	}
	for t, a := range all {
		a.tag = t
		all[t] = a
	}
	return all
}

// counts are the attributes that count what is below (PS3.4 C.3), by the level they
// belong to and the expression at that level.
var counts = map[tag.Tag]attribute{
	tag.NumberOfPatientRelatedStudies:   {rank: 0, expr: "count(*)"},
	tag.NumberOfPatientRelatedSeries:    {rank: 0, expr: "cast(sum(study.series_count) as bigint)"},
	tag.NumberOfPatientRelatedInstances: {rank: 0, expr: "cast(sum(study.instance_count) as bigint)"},
	tag.NumberOfStudyRelatedSeries:      {rank: 1, expr: "study.series_count"},
	tag.NumberOfStudyRelatedInstances:   {rank: 1, expr: "study.instance_count"},
	tag.NumberOfSeriesRelatedInstances:  {rank: 2, expr: "series.instance_count"},
}

// uniques are the unique keys of the levels.
var uniques = [...]tag.Tag{tag.PatientID, tag.StudyInstanceUID, tag.SeriesInstanceUID, tag.SOPInstanceUID}

// identities are the indexed attributes that say who it is: for whoever may know.
var identities = map[tag.Tag]bool{
	tag.PatientID: true, tag.IssuerOfPatientID: true, tag.PatientName: true, tag.PatientBirthDate: true, tag.AccessionNumber: true,
}

// described are the attributes of prepared metadata that whoever may not see
// identities gets nonetheless: pixels, geometry and how it was made, all of them
// numbers and codes.
var described = map[tag.Tag]bool{
	tag.ImageType: true, tag.PatientSize: true, tag.PatientWeight: true, tag.SliceThickness: true, tag.KVP: true,
	tag.SpacingBetweenSlices: true, tag.PatientPosition: true, tag.ImagePositionPatient: true, tag.ImageOrientationPatient: true,
	tag.SliceLocation: true, tag.SamplesPerPixel: true, tag.PhotometricInterpretation: true, tag.PlanarConfiguration: true,
	tag.PixelSpacing: true, tag.ImagerPixelSpacing: true, tag.BitsStored: true, tag.HighBit: true, tag.PixelRepresentation: true,
	tag.WindowCenter: true, tag.WindowWidth: true, tag.RescaleIntercept: true, tag.RescaleSlope: true, tag.LossyImageCompression: true,
	tag.ConvolutionKernel: true, tag.FrameTime: true, tag.ExposureTime: true, tag.XRayTubeCurrent: true,
}

// Attributes returns what PS3.18 Tables 10.6.3-3 to 10.6.3-5 demand of a row of a
// level, and those that are in use above it: for doors that answer more than was
// asked for. It is nil for the level of patients, which the web does not know.
func Attributes(l Level) []tag.Tag {
	switch l {
	case PatientLevel:
	case StudyLevel:
		return []tag.Tag{
			tag.StudyDate, tag.StudyTime, tag.AccessionNumber, tag.ModalitiesInStudy, tag.ReferringPhysicianName,
			tag.TimezoneOffsetFromUTC, tag.PatientName, tag.PatientID, tag.PatientBirthDate, tag.PatientSex,
			tag.StudyInstanceUID, tag.StudyID, tag.NumberOfStudyRelatedSeries, tag.NumberOfStudyRelatedInstances,
		}
	case SeriesLevel:
		return []tag.Tag{
			tag.Modality, tag.TimezoneOffsetFromUTC, tag.SeriesDescription, tag.SeriesInstanceUID, tag.SeriesNumber,
			tag.NumberOfSeriesRelatedInstances, tag.PerformedProcedureStepStartDate, tag.PerformedProcedureStepStartTime,
			tag.RequestAttributesSequence,
		}
	case ImageLevel:
		return []tag.Tag{
			tag.SOPClassUID, tag.SOPInstanceUID, tag.TimezoneOffsetFromUTC, tag.InstanceNumber,
			tag.Rows, tag.Columns, tag.BitsAllocated, tag.NumberOfFrames,
		}
	}
	return nil
}

// ignored are elements of an identifier that ask nothing of the archive.
var ignored = map[tag.Tag]bool{
	tag.SpecificCharacterSet: true, tag.QueryRetrieveLevel: true, tag.RetrieveAETitle: true, tag.InstanceAvailability: true,
	tag.RetrieveURL: true, tag.StorageMediaFileSetID: true, tag.StorageMediaFileSetUID: true,
}

// rankOf returns the level of an attribute that the index has, or -1.
func rankOf(t tag.Tag) int {
	if a, ok := columned[t]; ok && a.within == 0 {
		return a.rank
	}
	if a, ok := counts[t]; ok {
		return a.rank
	}
	if t == tag.SOPClassesInStudy {
		return 1
	}
	return -1
}
