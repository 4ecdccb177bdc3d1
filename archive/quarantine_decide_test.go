package archive_test

import (
	"bytes"
	"testing"
	"time"

	"radagora/archive"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// TestQuarantineDecided: what is set aside is compared, takes the place of the first, or
// goes, and both come back.
func TestQuarantineDecided(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b := newBench(t, d, t.TempDir(), func(c *archive.Config) { c.Grace = time.Hour })
		x := thing{study: 1, series: 1, instance: 1, pixels: 1000, patient: "FIRST-1", name: "ERSTE^ANNA"}
		b.mustStore(x.arrival(t), archive.Added)
		first := b.content(x.sop())
		y := x
		y.pixels, y.name = 2000, "ERSTE^ANNE"
		z := x
		z.set = func(b *dicom.Builder) { b.Text(tag.StudyInstanceUID, "1.2.3.99") } // even in another study
		for _, one := range []thing{y, z} {
			b.mustStore(one.arrival(t), archive.Quarantined)
		}
		aside := func(want int) []archive.Quarantine {
			t.Helper()
			list, err := b.Quarantined(t.Context(), site, "", 10)
			if err != nil || len(list) != want {
				t.Fatalf("%d set aside, %v; want %d", len(list), err, want)
			}
			return list
		}
		list := aside(2)
		diff, complete, err := b.Compare(t.Context(), list[0])
		if err != nil || !complete || len(diff) != 2 {
			t.Fatalf("%d differences, %v, %v; want the name and the pixels", len(diff), complete, err)
		}
		if n := diff[0]; n.Tag != tag.PatientName || n.First.Reveal() != "ERSTE^ANNA" || n.Last.Reveal() != "ERSTE^ANNE" || n.Opaque {
			t.Errorf("the first difference is of %v", n.Tag)
		}
		if n := diff[1]; n.Tag != tag.PixelData || !n.Opaque || n.First == n.Last {
			t.Errorf("the second difference is of %v", n.Tag)
		}
		if err := b.Replace(t.Context(), site, list[0].ID, " "); fault.Of(err) != fault.Invalid {
			t.Errorf("without a reason: %v", err)
		}

		if err := b.Replace(t.Context(), site, list[0].ID, "the name was spelt wrongly"); err != nil {
			t.Fatal(err)
		}
		if now := b.content(x.sop()); !bytes.HasSuffix(now, y.bytes(t)) {
			t.Error("what took its place is not there")
		}
		if s := b.study(x); s.PatientName.Reveal() != "ERSTE^ANNE" || s.InstanceCount != 1 {
			t.Errorf("the study has %d instances, or says what the first said", s.InstanceCount)
		}
		if err := b.Replace(t.Context(), site, list[0].ID, "twice"); fault.Of(err) != fault.NotFound {
			t.Errorf("decided twice: %v", err)
		}
		aside(1)
		gone, err := b.Deletions(t.Context(), site, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range gone {
			if g.Cause == archive.ByReplacement {
				if err := b.Undo(t.Context(), site, g.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		list = aside(2) // the first is set aside in its turn
		back := list[1]
		if back.Study != x.studyUID() {
			back = list[0]
		}
		if err := b.Replace(t.Context(), site, back.ID, "it was right after all"); err != nil {
			t.Fatal(err)
		}
		if now := b.content(x.sop()); !bytes.Equal(now, first) {
			t.Error("the first did not come back as it was")
		}

		for _, q := range aside(1) {
			if q.Study != uid.Must("1.2.3.99") {
				t.Fatalf("study %s is set aside", q.Study)
			}
			gone, err := b.Discard(t.Context(), site, q.ID, "a test object")
			if err != nil {
				t.Fatal(err)
			}
			aside(0)
			if err := b.Undo(t.Context(), site, gone.ID); err != nil {
				t.Fatal(err)
			}
		}
		q := aside(1)[0]
		hold, err := b.Hold(t.Context(), site, x.studyUID().String(), "", "court")
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Replace(t.Context(), site, q.ID, "what would go is held"); fault.Of(err) != fault.Conflict {
			t.Errorf("of a held study: %v", err)
		}
		aside(1)
		if err := b.Lift(t.Context(), site, hold, "over"); err != nil {
			t.Fatal(err)
		}
		if err := b.Replace(t.Context(), site, q.ID, "to the other study"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Study(t.Context(), site, x.studyUID()); fault.Of(err) != fault.NotFound {
			t.Errorf("the study of the first: %v", err)
		}
		if i, err := b.Instance(t.Context(), site, x.sop()); err != nil || i.Study != uid.Must("1.2.3.99") {
			t.Errorf("the instance is in study %s, %v", i.Study, err)
		}
		b.check(0)
	})
}

func (x thing) studyUID() uid.UID { u, _, _ := x.uids(); return u }
