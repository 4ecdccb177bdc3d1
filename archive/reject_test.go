package archive_test

import (
	"os/exec"
	"testing"

	"radagora/archive"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// titles are those of the tests.
var titles = []archive.Title{
	{Code: "113001", Scheme: "DCM", Meaning: "Rejected for Quality Reasons", Kept: true},
	{Code: "113037", Scheme: "DCM", Meaning: "Rejected for Patient Safety Reasons", Hides: true, Kept: true},
	{Code: "113039", Scheme: "DCM", Meaning: "Data Retention Policy Expired", Hides: true, Again: true},
}

func TestReject(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b := newBench(t, d, t.TempDir(), func(c *archive.Config) { c.Titles = titles })
		x := thing{study: 1, series: 1, instance: 1, patient: "FIRST-1", name: "ERSTE^ANNA", pixels: 1000}
		y := x
		y.instance = 2
		other := thing{study: 2, series: 1, instance: 1, patient: "OTHER-1", name: "ANDERS^BERTA"}
		for _, one := range []thing{x, y, other} {
			b.mustStore(one.arrival(t), archive.Added)
		}
		if err := b.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		study, _, _ := x.uids()
		before := b.rows()
		target := archive.Target{Study: study, SOP: y.sop()}
		if _, err := b.Reject(t.Context(), site, target, "113000", "not a title of rejection"); fault.Of(err) != fault.Invalid {
			t.Errorf("a title that rejects nothing: %v", err)
		}
		j, err := b.Reject(t.Context(), site, target, "113037", "left and right are exchanged")
		if err != nil || j.Objects != 1 || j.Reason != "left and right are exchanged" {
			t.Fatalf("%+v %v", j, err)
		}
		if b.there(y) || !b.there(x) {
			t.Error("the rejected instance is shown, or the other is not")
		}
		if s := b.study(x); s.InstanceCount != 1 {
			t.Errorf("%d instances; want the one that is left, without the note", s.InstanceCount)
		}
		if n := b.kinds()["archive.instance.rejected"]; n != 1 {
			t.Errorf("%d entries", n)
		}
		notes, err := b.Notes(t.Context(), site, study)
		if err != nil || len(notes) != 1 || notes[0].SOP.String() != j.Note || len(notes[0].Names) != 1 || !notes[0].Names[y.sop().String()] {
			t.Fatalf("notes %+v %v", notes, err)
		}
		o, err := b.OpenInstance(t.Context(), notes[0].Instance)
		if err != nil {
			t.Fatal(err)
		}
		f, err := o.Read(nil)
		if err != nil || f.Text(tag.Modality) != "KO" || f.UID(tag.SOPInstanceUID).String() != j.Note {
			t.Errorf("a hidden note cannot be passed on: %v", err)
		}
		o.Close()
		b.mustStore(y.arrival(t), archive.Added)
		if b.there(y) {
			t.Error("what was rejected is shown when it comes again")
		}
		list, err := b.Deletions(t.Context(), site, 10)
		if err != nil || len(list) != 2 {
			t.Fatalf("%v %v", list, err)
		}
		if err := b.Undo(t.Context(), site, list[0].ID); fault.Of(err) != fault.Conflict {
			t.Errorf("undone as a deletion: %v", err)
		}
		if err := b.Unreject(t.Context(), site, j.ID, "it was right after all"); err != nil {
			t.Fatal(err)
		}
		if !b.there(y) {
			t.Error("not there after undoing")
		}
		if s := b.study(x); s.InstanceCount != 2 {
			t.Errorf("%d instances; want both, and not the note, which says what no longer holds", s.InstanceCount)
		}
		if n, err := b.Notes(t.Context(), site, study); err != nil || len(n) != 0 {
			t.Errorf("notes that hold: %v %v", n, err)
		}
		if _, err := b.Note(t.Context(), site, uid.Must(j.Note)); err != nil {
			t.Errorf("the note is kept: %v", err)
		}
		if err := b.Unreject(t.Context(), site, j.ID, "once more"); fault.Of(err) != fault.Conflict {
			t.Errorf("undone twice: %v", err)
		}
		if err := b.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		if now := b.rows(); len(now) != len(before) {
			t.Errorf("%d rows; want the %d from before", len(now), len(before))
		}
	})
}

// TestRejectNotes follows notes of others: before the instances, of several titles, of
// other studies.
func TestRejectNotes(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b := newBench(t, d, t.TempDir(), func(c *archive.Config) { c.Titles = titles })
		x := thing{study: 1, series: 1, instance: 1, patient: "FIRST-1", name: "ERSTE^ANNA"}
		quality := thing{study: 3, series: 1, instance: 1, patient: "FIRST-1", name: "ERSTE^ANNA"}
		foreign := thing{study: 2, series: 1, instance: 1, patient: "OTHER-1", name: "ANDERS^BERTA"}
		b.mustStore(foreign.arrival(t), archive.Added)
		b.mustStore(quality.arrival(t), archive.Added)
		b.mustStore(note(t, x, "113037", 90, x, foreign), archive.Added)
		b.mustStore(note(t, quality, "113001", 91, quality), archive.Added)
		if !b.there(foreign) {
			t.Error("a note hides an instance of another study")
		}
		if !b.there(quality) {
			t.Error("a title that hides nothing hides")
		}
		b.mustStore(x.arrival(t), archive.Added)
		if b.there(x) {
			t.Error("an instance is shown that was rejected before it came")
		}
		list, err := b.Rejections(t.Context(), site, uid.UID{}, 10)
		if err != nil || len(list) != 2 {
			t.Errorf("%d rejections, %v", len(list), err)
		}
		retained := thing{study: 4, series: 1, instance: 1, patient: "FIRST-1", name: "ERSTE^ANNA"}
		b.mustStore(retained.arrival(t), archive.Added)
		b.mustStore(note(t, retained, "113039", 92, retained), archive.Added)
		if b.there(retained) {
			t.Error("what nobody has to keep any more is shown")
		}
		b.mustStore(retained.arrival(t), archive.Added)
		if !b.there(retained) {
			t.Error("what comes again after its retention ended is not taken as new")
		}
	})
}

// note is a rejection note in the study of x about others.
func note(t *testing.T, x thing, title string, number int, about ...thing) archive.Arrival {
	t.Helper()
	study, _, _ := x.uids()
	of := map[uid.UID][]*dicom.Builder{}
	for _, a := range about {
		s, _, sop := a.uids()
		of[s] = append(of[s], dicom.NewBuilder().UID(tag.ReferencedSOPClassUID, uid.CTImageStorage).UID(tag.ReferencedSOPInstanceUID, sop))
	}
	var studies []*dicom.Builder
	for s, refs := range of {
		studies = append(studies, dicom.NewBuilder().UID(tag.StudyInstanceUID, s).Sequence(tag.ReferencedSeriesSequence, dicom.NewBuilder().Sequence(tag.ReferencedSOPSequence, refs...)))
	}
	x.series, x.instance, x.modality = number, number, "KO"
	x.set = func(b *dicom.Builder) {
		b.UID(tag.SOPClassUID, uid.KeyObjectSelectionDocumentStorage).UID(tag.StudyInstanceUID, study).
			Sequence(tag.ConceptNameCodeSequence, dicom.NewBuilder().Text(tag.CodeValue, title).Text(tag.CodingSchemeDesignator, "DCM").Text(tag.CodeMeaning, "x")).
			Sequence(tag.CurrentRequestedProcedureEvidenceSequence, studies...)
	}
	in := x.arrival(t)
	in.SOPClass = uid.KeyObjectSelectionDocumentStorage
	return in
}

// TestRejectWritten holds a note of ours against dciodvfy.
func TestRejectWritten(t *testing.T) {
	verify, err := exec.LookPath("dciodvfy")
	if err != nil {
		t.Skip("dciodvfy not found: dicom3tools")
	}
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b := newBench(t, d, t.TempDir(), func(c *archive.Config) { c.Titles = titles })
		x := thing{study: 1, series: 1, instance: 1, patient: "FIRST-1", name: "ERSTE^ANNA"}
		b.mustStore(x.arrival(t), archive.Added)
		study, _, _ := x.uids()
		j, err := b.Reject(t.Context(), site, archive.Target{Study: study}, "113001", "moved")
		if err != nil {
			t.Fatal(err)
		}
		_, file := b.opened(uid.Must(j.Note))
		for e := range verified(t, verify, file) {
			t.Errorf("dciodvfy: %s", e)
		}
	})
}
