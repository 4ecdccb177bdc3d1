package worklist_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/site"
	"radagora/worklist"
)

var (
	explicit = uid.ExplicitVRLittleEndian
	step1    = uid.Must("1.2.3.4.1")
	step2    = uid.Must("1.2.3.4.2")
)

// begun makes the data set of an N-CREATE for an order.
func begun(o *worklist.Order) *dicom.Builder {
	item := dicom.NewBuilder().Text(tag.StudyInstanceUID, o.Study).Text(tag.AccessionNumber, o.Accession).
		Text(tag.RequestedProcedureID, o.ProcedureID).Sequence(tag.ReferencedStudySequence)
	if len(o.Steps) > 0 {
		item.Text(tag.ScheduledProcedureStepID, o.Steps[0].ID)
	}
	return dicom.NewBuilder().Sequence(tag.ScheduledStepAttributesSequence, item).
		Text(tag.PatientName, o.Patient.Name).Text(tag.PatientID, o.Patient.ID).Text(tag.PatientBirthDate).Text(tag.PatientSex).
		Text(tag.PerformedProcedureStepID, "P1").Text(tag.PerformedStationAETitle, "CT1").Text(tag.Modality, "CT").
		Text(tag.PerformedProcedureStepStartDate, "20261122").Text(tag.PerformedProcedureStepStartTime, "093512.5").
		Text(tag.PerformedProcedureStepStatus, "IN PROGRESS").Sequence(tag.PerformedSeriesSequence)
}

// ended makes the data set of the last N-SET, with references to instances.
func ended(status string, instances ...string) *dicom.Builder {
	var refs []*dicom.Builder
	for _, u := range instances {
		refs = append(refs, dicom.NewBuilder().Text(tag.ReferencedSOPClassUID, "1.2.840.10008.5.1.4.1.1.2").Text(tag.ReferencedSOPInstanceUID, u))
	}
	series := dicom.NewBuilder().Text(tag.ProtocolName, "Thorax").Text(tag.SeriesInstanceUID, "1.2.3.9").Sequence(tag.ReferencedImageSequence, refs...)
	return dicom.NewBuilder().Text(tag.PerformedProcedureStepStatus, status).Text(tag.PerformedProcedureStepEndDate, "20261122").
		Text(tag.PerformedProcedureStepEndTime, "094000").Sequence(tag.PerformedSeriesSequence, series)
}

func (k *desk) begin(sop uid.UID, b *dicom.Builder) (worklist.PerformedStep, error) {
	k.t.Helper()
	ds, err := b.Dataset()
	k.check(err)
	return k.Begin(k.peer("CT1"), site.Default, worklist.Message{SOPInstance: sop, Caller: "CT1", Dataset: ds})
}

func (k *desk) set(sop uid.UID, b *dicom.Builder) (worklist.PerformedStep, error) {
	k.t.Helper()
	ds, err := b.Dataset()
	k.check(err)
	return k.Set(k.peer("CT1"), site.Default, worklist.Message{SOPInstance: sop, Caller: "CT1", Dataset: ds})
}

// state returns the state of the first step of an order.
func (k *desk) state(o worklist.Order) worklist.State {
	k.t.Helper()
	now, err := k.Get(k.ctx, site.Default, o.ID)
	k.check(err)
	return now.Steps[0].State
}

func TestPerformed(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.create()
		p, err := k.begin(step1, begun(&o))
		k.check(err)
		want := worklist.PerformedStep{
			SOPInstance: "1.2.3.4.1", State: worklist.InProgress, Study: o.Study, Station: "CT1", Modality: "CT", CallingAE: "CT1",
			Start: "2026-11-22T09:35:12", Steps: []string{o.Steps[0].Key}, Person: "|4711", CreatedAt: k.now(), ChangedAt: k.now(),
		}
		if diff := cmp.Diff(want, p); diff != "" {
			t.Errorf("begun (-want +got):\n%s", diff)
		}
		if s := k.state(o); s != worklist.InProgress {
			t.Errorf("step %s; want in progress", s)
		}
		p, err = k.set(step1, dicom.NewBuilder().Text(tag.PerformedProcedureStepDescription, "Thorax").Text(tag.PatientName, "Other^One"))
		k.check(err)
		if len(p.Problems) != 1 || p.Problems[0] != worklist.ProblemFixed {
			t.Errorf("problems %v; want that what is fixed was left out", p.Problems)
		}
		p, err = k.set(step1, ended("COMPLETED", "1.2.3.9.1", "1.2.3.9.2", "1.2.3.9.1"))
		k.check(err)
		if p.State != worklist.Completed || p.References != 2 || p.End != "2026-11-22T09:40:00" || k.state(o) != worklist.Completed {
			t.Errorf("%s with %d references until %s, step %s", p.State, p.References, p.End, k.state(o))
		}
		ds, err := k.Attributes(k.peer("CT1"), site.Default, step1, tag.PatientName, tag.PerformedProcedureStepDescription)
		k.check(err)
		if ds.Text(tag.PatientName) != o.Patient.Name || ds.Text(tag.PerformedProcedureStepDescription) != "Thorax" || ds.Has(tag.Modality) {
			t.Error("N-GET does not return what was asked for, as it was set")
		}
		var messages int
		k.check(d.QueryRow(t.Context(), `select count(*) from worklist_performed_message where sop_uid = '1.2.3.4.1'`).Scan(&messages))
		if messages != 3 {
			t.Errorf("%d messages are kept; want 3", messages)
		}
	})
}

func TestPerformedRefuses(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	o := k.create()
	if _, err := k.begin(step1, begun(&o)); err != nil {
		t.Fatal(err)
	}
	if _, err := k.begin(step2, begun(&o)); err != nil {
		t.Fatal(err)
	}
	if _, err := k.set(step2, ended("DISCONTINUED")); err != nil {
		t.Fatal(err)
	}
	fresh := uid.Must("1.2.3.4.3")
	create := func(change func(*dicom.Builder)) func() error {
		return func() error {
			b := begun(&o)
			change(b)
			_, err := k.begin(fresh, b)
			return err
		}
	}
	set := func(sop uid.UID, b *dicom.Builder) func() error {
		return func() error { _, err := k.set(sop, b); return err }
	}
	for _, c := range []struct {
		name string
		do   func() error
		want worklist.RefusedError
	}{
		{"the same instance again", func() error { _, err := k.begin(step1, begun(&o)); return err }, worklist.RefusedError{Refusal: worklist.RefusedDuplicate}},
		{"no modality", create(func(b *dicom.Builder) { b.Delete(tag.Modality) }), worklist.RefusedError{Refusal: worklist.RefusedMissing, Tags: []tag.Tag{tag.Modality}}},
		{"an empty id", create(func(b *dicom.Builder) { b.Text(tag.PerformedProcedureStepID, " ") }), worklist.RefusedError{Refusal: worklist.RefusedEmpty, Tags: []tag.Tag{tag.PerformedProcedureStepID}}},
		{"no item", create(func(b *dicom.Builder) { b.Sequence(tag.ScheduledStepAttributesSequence) }), worklist.RefusedError{Refusal: worklist.RefusedEmpty, Tags: []tag.Tag{tag.ScheduledStepAttributesSequence}}},
		{"an item without study", create(func(b *dicom.Builder) {
			b.Sequence(tag.ScheduledStepAttributesSequence, dicom.NewBuilder().Text(tag.AccessionNumber, "A"))
		}), worklist.RefusedError{Refusal: worklist.RefusedMissing, Tags: []tag.Tag{tag.StudyInstanceUID}}},
		{"begun at the end", create(func(b *dicom.Builder) { b.Text(tag.PerformedProcedureStepStatus, "COMPLETED") }), worklist.RefusedError{Refusal: worklist.RefusedValue, Tags: []tag.Tag{tag.PerformedProcedureStepStatus}}},
		{"a day that is none", create(func(b *dicom.Builder) { b.Text(tag.PerformedProcedureStepStartDate, "20261340") }), worklist.RefusedError{Refusal: worklist.RefusedValue, Tags: []tag.Tag{tag.PerformedProcedureStepStartDate, tag.PerformedProcedureStepStartTime}}},
		{"one nobody began", set(fresh, ended("COMPLETED")), worklist.RefusedError{Refusal: worklist.RefusedUnknown}},
		{"a state there is not", set(step1, dicom.NewBuilder().Text(tag.PerformedProcedureStepStatus, "DONE")), worklist.RefusedError{Refusal: worklist.RefusedValue, Tags: []tag.Tag{tag.PerformedProcedureStepStatus}}},
		{"what is final", set(step2, ended("COMPLETED")), worklist.RefusedError{Refusal: worklist.RefusedFinal}},
		{"what is final, without a state", set(step2, dicom.NewBuilder().Text(tag.PerformedProcedureStepDescription, "x")), worklist.RefusedError{Refusal: worklist.RefusedFinal}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.do()
			got, ok := worklist.Refused(err)
			if !ok {
				t.Fatalf("%v; want a refusal", err)
			}
			if diff := cmp.Diff(c.want, *got); diff != "" {
				t.Errorf("refusal (-want +got):\n%s", diff)
			}
		})
	}
	if p, err := k.begin(uid.UID{}, begun(&o)); err != nil || !strings.HasPrefix(p.SOPInstance, "2.25.") {
		t.Errorf("without an instance: %q, %v; want one of our own", p.SOPInstance, err)
	}
}

// The states of a step follow those of what was performed of it.
func TestPerformedStates(t *testing.T) {
	wrong := ended("DISCONTINUED").Sequence(tag.PerformedProcedureStepDiscontinuationReasonCodeSequence,
		dicom.NewBuilder().Text(tag.CodeValue, "110514").Text(tag.CodingSchemeDesignator, "DCM").Text(tag.CodeMeaning, "Incorrect worklist entry selected"))
	for _, c := range []struct {
		name string
		ends []*dicom.Builder // one performed step each; nil goes on
		want worklist.State
	}{
		{"discontinued", []*dicom.Builder{ended("DISCONTINUED")}, worklist.Discontinued},
		{"begun again after it was discontinued", []*dicom.Builder{ended("DISCONTINUED"), nil}, worklist.InProgress},
		{"completed at the second try", []*dicom.Builder{ended("DISCONTINUED"), ended("COMPLETED")}, worklist.Completed},
		{"one of two is still on", []*dicom.Builder{nil, ended("COMPLETED")}, worklist.InProgress},
		{"the wrong entry was taken", []*dicom.Builder{wrong}, worklist.Scheduled},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
			o := k.create()
			for i, end := range c.ends {
				sop := uid.Must("1.2.3.4." + string(rune('1'+i)))
				if _, err := k.begin(sop, begun(&o)); err != nil {
					t.Fatal(err)
				}
				if end != nil {
					if _, err := k.set(sop, end); err != nil {
						t.Fatal(err)
					}
				}
			}
			if s := k.state(o); s != c.want {
				t.Errorf("step %s; want %s", s, c.want)
			}
		})
	}
}

func TestUnscheduled(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		bare := worklist.Order{Study: "1.2.3.77", Accession: "LATE", Patient: worklist.Patient{ID: "9", Name: "Nobody^Known"}}
		p, err := k.begin(step1, begun(&bare))
		k.check(err)
		if len(p.Problems) != 1 || p.Problems[0] != worklist.ProblemUnplanned {
			t.Errorf("problems %v; want unscheduled", p.Problems)
		}
		list, err := k.Performed(k.ctx, site.Default, worklist.PerformedFilter{Unscheduled: true})
		if err != nil || len(list) != 1 {
			t.Fatalf("%d unscheduled, %v; want 1", len(list), err)
		}
		// the order arrives behind the machine
		late := k.create(func(o *worklist.Order) { o.Accession, o.Patient.ID, o.Patient.Issuer = "LATE", "9", "" })
		if late.Steps[0].State != worklist.InProgress {
			t.Errorf("step %s; want the performed step linked to it", late.Steps[0].State)
		}
		if list, err = k.Performed(k.ctx, site.Default, worklist.PerformedFilter{Unscheduled: true}); err != nil || len(list) != 0 {
			t.Errorf("%d unscheduled, %v; want none", len(list), err)
		}
		// somebody says what another is about
		o := k.create()
		if _, err := k.begin(step2, begun(&worklist.Order{Study: "1.2.3.78", Patient: o.Patient})); err != nil {
			t.Fatal(err)
		}
		k.check(k.Assign(k.ctx, site.Default, step2.String(), o.ID, o.Steps[0].Key))
		if k.state(o) != worklist.InProgress {
			t.Errorf("step %s; want in progress", k.state(o))
		}
		if err := k.Assign(k.ctx, site.Default, step2.String(), o.ID, o.Steps[0].Key); err == nil {
			t.Error("assigned twice; want conflict")
		}
		if list, err = k.Performed(k.ctx, site.Default, worklist.PerformedFilter{Steps: []string{o.Steps[0].Key}}); err != nil || len(list) != 1 || len(list[0].Problems) != 0 {
			t.Errorf("of the step: %d, %v; want one without a problem", len(list), err)
		}
	})
}

func TestPerformedOfAnother(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	o := k.create()
	other := o
	other.Patient.ID = "0815"
	p, err := k.begin(step1, begun(&other))
	k.check(err)
	if len(p.Problems) != 1 || p.Problems[0] != worklist.ProblemPatient || len(p.Steps) != 1 {
		t.Errorf("problems %v, %d steps; want it linked, and the patient noted", p.Problems, len(p.Steps))
	}
	if _, err := k.Attributes(as(t, access.Learner), site.Default, step1); err == nil {
		t.Error("a learner reads a performed step; want forbidden")
	}
}
