package archive_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/archive"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// TestEraseCorrectedAway erases a person whom objects named by mistake.
func TestEraseCorrectedAway(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		packs := t.TempDir()
		b := newBench(t, d, packs, nil)
		x := thing{study: 1, series: 1, instance: 1, patient: "FALSCH-77", name: "FALSCHE^ANNA", pixels: 3000, set: func(b *dicom.Builder) {
			b.Text(tag.ImageComments, "Frau Falsche liegt gut").Sequence(tag.RequestAttributesSequence, dicom.NewBuilder().Text(tag.RequestedProcedureID, "FALSCH-77"))
		}}
		b.mustStore(x.arrival(t), archive.Added)
		if err := b.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		study, series, sop := x.uids()
		c, err := b.Correct(t.Context(), site, archive.Target{Study: study}, to("PatientID=RECHT-1", "PatientName=RECHTE^BERTA"), "it was not Falsche")
		if err != nil {
			t.Fatal(err)
		}
		people, err := b.Persons(t.Context(), b.db)
		if err != nil || !cmp.Equal(people, []access.Person{of("FALSCH-77"), of("RECHT-1")}) {
			t.Errorf("persons: %d %v", len(people), err)
		}
		kinds := ""
		for r, err := range b.Export(t.Context(), of("FALSCH-77")) {
			if err != nil {
				t.Fatal(err)
			}
			kinds += r.Kind + " "
		}
		if kinds != "corrected_away " {
			t.Errorf("exported: %s", kinds)
		}
		if n := b.erase(of("FALSCH-77")); n != 2 {
			t.Errorf("erased %d records; want an object and a correction", n)
		}
		b.removeErased(1)
		f, given := b.opened(sop)
		if f.Text(tag.PatientID) != "RECHT-1" || f.Text(tag.PatientName) != "RECHTE^BERTA" || f.Has(tag.OriginalAttributesSequence) || f.Text(tag.AccessionNumber) != "LEAK-ACC" {
			t.Errorf("given out: %s", f.Text(tag.PatientID))
		}
		if e, _ := f.Element(tag.PixelData); e.Length() != 3000 {
			t.Errorf("pixels: %d bytes", e.Length())
		}
		for _, name := range []string{"FALSCH", "alsche"} {
			if bytes.Contains(given, []byte(name)) {
				t.Errorf("%s is given out", name)
			}
		}
		if s, err := b.Study(t.Context(), site, study); err != nil || s.Person.Reveal() != "|RECHT-1" {
			t.Errorf("the study: %v", err)
		}
		if m, err := b.Metadata(t.Context(), site, study, uid.UID{}); err != nil || value(instances(t, m)[0], tag.PatientID) != "RECHT-1" {
			t.Errorf("metadata: %v", err)
		}
		if _, err := b.Metadata(t.Context(), site, study, series); err != nil {
			t.Fatal(err)
		}
		// Nothing of it is in a table or in a pack any more.
		for _, table := range []string{"correction", "correction_received", "study", "study_person", "search_word"} {
			list, err := db.List(t.Context(), b.db, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) }, map[string]string{
				"correction": `select received || reason || person || corrected from correction`, "correction_received": `select person from correction_received`,
				"study": `select person || patient_name || patient_name_folded from study`, "study_person": `select person from study_person`, "search_word": `select word from search_word`,
			}[table])
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range list {
				if bytes.Contains(bytes.ToLower([]byte(s)), []byte("falsch")) {
					t.Errorf("%s still says so", table)
				}
			}
		}
		err = filepath.WalkDir(packs, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			if bytes.Contains(bytes.ToLower(raw), []byte("falsch")) {
				t.Errorf("%s still says so", d.Name())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if sum, err := b.Check(t.Context(), archive.CheckOptions{}); err != nil || len(sum.Troubles) != 0 {
			t.Errorf("check: %+v %v", sum, err)
		}
		if err := b.Uncorrect(t.Context(), site, c.ID, "whatever"); err != nil {
			t.Fatal(err)
		}
		if s, err := b.Study(t.Context(), site, study); err != nil || s.Person.Reveal() != "|RECHT-1" {
			t.Errorf("undone: %v", err)
		}
	})
}
