package archive

import (
	"context"

	"radagora/dicom/tag"
)

// ofLevel are attributes of prepared metadata that are the same for a whole study or
// series: what All returns of levels above that of instances besides the index.
var ofLevel = map[tag.Tag]int{
	tag.AdmittingDiagnosesDescription: 1, tag.AdmittingDiagnosesCodeSequence: 1, tag.PhysiciansOfRecord: 1,
	tag.NameOfPhysiciansReadingStudy: 1, tag.ConsultingPhysicianName: 1, tag.ProcedureCodeSequence: 1,
	tag.RequestedProcedureDescription: 1, tag.RequestedProcedureCodeSequence: 1, tag.ReasonForStudy: 1,
	tag.ReasonForPerformedProcedureCodeSequence: 1, tag.IssuerOfAccessionNumberSequence: 1, tag.ReferencedStudySequence: 1,
	tag.RequestingPhysician: 1, tag.RequestingService: 1, tag.AdmissionID: 1,

	tag.OperatorsName: 2, tag.InstitutionAddress: 2, tag.PatientPosition: 2, tag.FrameOfReferenceUID: 2,
	tag.PositionReferenceIndicator: 2, tag.PerformedProtocolCodeSequence: 2, tag.PerformedProcedureStepEndDate: 2,
	tag.PerformedProcedureStepEndTime: 2, tag.SpatialResolution: 2, tag.DateOfLastCalibration: 2, tag.TimeOfLastCalibration: 2,
	tag.ContrastBolusAgent: 2, tag.BodyPartThickness: 2, tag.ReferencedPerformedProcedureStepSequence: 2,
}

// patientAges are the attributes of group 0010 that belong to the study.
var patientAges = map[tag.Tag]bool{tag.PatientAge: true, tag.PatientSize: true, tag.PatientWeight: true, tag.PregnancyStatus: true}

// common reports whether an attribute is one of a level or of one above.
func common(t tag.Tag, rank int) bool {
	if t.Group() == patientGroup {
		return rank >= 1 || !patientAges[t]
	}
	level, ok := ofLevel[t]
	return ok && level <= rank
}

// header returns the header that the keys beyond the index are matched against and
// answered from, nil if none matches: that of an instance, or the first one of the
// first series that does.
func (p *plan) header(ctx context.Context, r row) (members, error) {
	if p.rank == 3 {
		m, err := p.headOf(ctx, r)
		if err != nil {
			return nil, err
		}
		return p.matching(m)
	}
	list, err := p.a.firsts(ctx, r, p.site, r.text("study.id"), r.text("series.id"))
	for _, m := range list {
		if m, err := p.matching(m); err != nil || m != nil {
			return m, err
		}
	}
	return nil, err
}

// matching returns m if the keys beyond the index match it.
func (p *plan) matching(m members) (members, error) {
	if m == nil || len(p.headers) == 0 {
		return m, nil
	}
	d, err := m.only(p.headers).dataset()
	if err != nil {
		return nil, err
	}
	for _, k := range p.headers {
		if !k.in(d, p.q.Fuzzy) {
			return nil, nil
		}
	}
	return m, nil
}
