package archive_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/archive"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// rows returns everything that the index and what is prepared of it say.
func (b *bench) rows() []string {
	b.t.Helper()
	var all []string
	for table, columns := range map[string]string{
		"study": `study_uid || patient_id || '|' || issuer_of_patient_id || '|' || patient_name || '|' || patient_birth_date || '|' || patient_sex || '|' ||
			patient_differs || '|' || patient_name_folded || '|' || patient_name_other || '|' || accession_number || '|' || person || '|' || corrected || '|' ||
			study_date || study_description || modalities || series_count || '|' || instance_count || '|' || size_bytes || '|' || received_at || '|' || updated_at`,
		"series":          `series_uid || '|' || series_description || instance_count || '|' || size_bytes || '|' || received_at`,
		"instance":        `sop_uid || '|' || pack_offset || '|' || length`,
		"study_person":    `person || '|' || study`,
		"search_study":    `study || '|' || words`,
		"search_word":     `field || word || study`,
		"search_gram":     `gram || field || word`,
		"series_prepared": `series || '|' || instances || '|' || etag`,
	} {
		list, err := db.List(b.t.Context(), b.db, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) }, `select `+columns+` from `+table+` order by 1`)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, s := range list {
			all = append(all, table+": "+s)
		}
	}
	return sorted(all)
}

func sorted(list []string) []string {
	out := append([]string(nil), list...)
	for i := range out {
		for j := i; j > 0 && out[j] < out[j-1]; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}

func to(values ...string) []archive.Value {
	var all []archive.Value
	for _, v := range values {
		keyword, text, _ := strings.Cut(v, "=")
		t, _ := tag.ByKeyword(keyword)
		all = append(all, archive.Value{Tag: t, Text: archive.Conceal(text)})
	}
	return all
}

// opened returns an instance as it is given out.
func (b *bench) opened(sop uid.UID) (*dicom.File, []byte) {
	b.t.Helper()
	o, err := b.Open(b.t.Context(), site, sop)
	if err != nil {
		b.t.Fatal(err)
	}
	defer o.Close()
	all, err := io.ReadAll(o.Reader())
	if err != nil || int64(len(all)) != o.Size() {
		b.t.Fatalf("%d bytes of %d: %v", len(all), o.Size(), err)
	}
	f, err := dicom.Open(bytes.NewReader(all), int64(len(all)), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return f, all
}

func TestCorrect(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		first := thing{study: 1, series: 1, instance: 1, patient: "WRONG-1", name: "FALSCH^ANNA", pixels: 3000, set: func(b *dicom.Builder) {
			b.Text(tag.OtherPatientNames, "MEIER^ANNA").Sequence(tag.OriginalAttributesSequence, dicom.NewBuilder().Text(tag.ModifyingSystem, "OLD"))
		}}
		second, other := first, thing{study: 2, series: 1, instance: 1, patient: "OTHER-1", name: "ANDERS^BERTA"}
		second.series = 2
		for _, x := range []thing{first, second, other} {
			b.mustStore(x.arrival(t), archive.Added)
		}
		if err := b.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		study, series, _ := first.uids()
		if _, err := b.Metadata(t.Context(), site, study, series); err != nil {
			t.Fatal(err)
		}
		before, received := b.rows(), b.content(first.sop())
		target := archive.Target{Study: study}
		for name, bad := range map[string][]archive.Value{
			"nothing": nil, "a date that is none": to("PatientBirthDate=19701399"), "an attribute that is none of the patient": to("StudyDate=20200101"),
			"too long": to("AccessionNumber=12345678901234567"), "one twice": to("PatientID=1", "PatientID=2"),
		} {
			if _, err := b.Correct(t.Context(), site, target, bad, "why"); fault.Of(err) != fault.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		c, err := b.Correct(t.Context(), site, target, to("PatientID=RIGHT-1", "IssuerOfPatientID=HOSPITAL", "PatientName=RÏCHTIG^BERTA", "PatientSex=F"), "wrong worklist entry")
		if err != nil {
			t.Fatal(err)
		}
		s, err := b.Study(t.Context(), site, study)
		if err != nil || s.PatientID.Reveal() != "RIGHT-1" || s.Person.Reveal() != "HOSPITAL|RIGHT-1" || s.PatientName.Reveal() != "RÏCHTIG^BERTA" || s.PatientsDiffer {
			t.Errorf("the index: %v %v", s.Person.Reveal(), err)
		}
		if got := b.found(archive.Query{Level: archive.ImageLevel, Reach: everybody, Keys: ask(t, "PatientID=RIGHT-1", "PatientName=richtig*", "SOPInstanceUID=", "OtherPatientNames=")}, tag.PatientName); got != "RÏCHTIG^BERTA RÏCHTIG^BERTA" {
			t.Errorf("found: %q", got)
		}
		if list, err := b.Studies(t.Context(), site, archive.Filter{Reach: everybody, PatientID: "WRONG-1"}, archive.Cursor{}, 10); err != nil || len(list) != 0 {
			t.Errorf("found under the wrong identity: %v %v", list, err)
		}
		m, err := b.Metadata(t.Context(), site, study, series)
		if err != nil {
			t.Fatal(err)
		}
		d := instances(t, m)[0]
		if value(d, tag.PatientName) != "map[Alphabetic:RÏCHTIG^BERTA]" || value(d, tag.OtherPatientNames) != "" {
			t.Errorf("metadata: %v", d)
		}
		f, _ := b.opened(first.sop())
		told := f.Items(tag.OriginalAttributesSequence)
		if f.Text(tag.PatientID) != "RIGHT-1" || f.Text(tag.PatientName) != "RÏCHTIG^BERTA" || f.Has(tag.OtherPatientNames) || f.Text(tag.StudyDescription) != "Schädel nativ" || len(told) != 2 {
			t.Fatalf("given out: %s, %d told", f.Text(tag.PatientID), len(told))
		}
		was := told[1].Item(tag.ModifiedAttributesSequence)
		if told[0].Text(tag.ModifyingSystem) != "OLD" || was.Text(tag.PatientID) != "WRONG-1" || was.Text(tag.OtherPatientNames) != "MEIER^ANNA" ||
			told[1].Text(tag.ReasonForTheAttributeModification) != "CORRECT" || told[1].Text(tag.SourceOfPreviousValues) != "MODALITY" {
			t.Errorf("told: %v", was.Text(tag.PatientID))
		}
		e, _ := f.Element(tag.PixelData)
		if px, err := e.Bytes(); err != nil || len(px) != 3000 || px[1] != 7 {
			t.Errorf("pixels: %v", err)
		}
		i, _ := b.Instance(t.Context(), site, first.sop())
		o, err := b.OpenReceived(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		if raw, _ := io.ReadAll(o.Reader()); !bytes.Equal(raw, received) {
			t.Error("what was received is no longer what was received")
		}
		_ = o.Close()
		b.corrected(c, "HOSPITAL|RIGHT-1")

		if err := b.Uncorrect(t.Context(), site, c.ID, "it was right"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, b.rows()); diff != "" {
			t.Errorf("undone (-before +after):\n%s", diff)
		}
		if _, raw := b.opened(first.sop()); !bytes.Equal(raw, received) {
			t.Error("given out after undoing")
		}
		if err := b.Uncorrect(t.Context(), site, c.ID, "again"); fault.Of(err) != fault.Conflict {
			t.Errorf("undone twice: %v", err)
		}
	})
}

// corrected looks at the journal.
func (b *bench) corrected(c archive.Correction, person string) {
	b.t.Helper()
	n := 0
	for _, e := range b.entries() {
		if e.kind == "archive.identity.corrected" {
			n++
			if strings.Contains(e.data, "WRONG") || strings.Contains(e.data, "RIGHT") {
				b.t.Error("the journal's data name somebody")
			}
		}
	}
	if n != 2 || c.Person.Reveal() != person || c.Received[0].Text.Reveal() == "" {
		b.t.Errorf("%d entries; want one for whom it was about and one for whom it is about", n)
	}
}

// TestCorrectLater sees that what arrives later under the wrong identity is corrected,
// what arrives under a third is not, and that the order makes no difference.
func TestCorrectLater(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		x := thing{study: 1, series: 1, instance: 1, patient: "WRONG-1", name: "FALSCH^ANNA"}
		late, third := x, x
		late.instance, third.instance, third.series, third.patient, third.name = 2, 3, 2, "THIRD-1", "DRITTE^CAROLA"
		b.mustStore(x.arrival(t), archive.Added)
		study, _, _ := x.uids()
		c, err := b.Correct(t.Context(), site, archive.Target{Study: study}, to("PatientID=RIGHT-1", "PatientName=RICHTIG^BERTA"), "why")
		if err != nil {
			t.Fatal(err)
		}
		b.mustStore(late.arrival(t), archive.Added)
		if s, err := b.Study(t.Context(), site, study); err != nil || s.Person.Reveal() != "|RIGHT-1" || s.PatientsDiffer || s.InstanceCount != 2 {
			t.Errorf("with a late image: %s %v", s.Person.Reveal(), s.PatientsDiffer)
		}
		if f, _ := b.opened(late.sop()); f.Text(tag.PatientID) != "RIGHT-1" {
			t.Error("the late image is given out under the wrong identity")
		}
		b.mustStore(third.arrival(t), archive.Added)
		if s, _ := b.Study(t.Context(), site, study); !s.PatientsDiffer {
			t.Error("a third identity is covered up")
		}
		if f, _ := b.opened(third.sop()); f.Text(tag.PatientID) != "THIRD-1" {
			t.Error("a third identity was corrected")
		}
		corrected := b.rows()
		if err := b.Uncorrect(t.Context(), site, c.ID, "no"); err != nil {
			t.Fatal(err)
		}
		if s, _ := b.Study(t.Context(), site, study); s.InstanceCount != 3 || !s.PatientsDiffer {
			t.Error("undone with late images")
		}
		if _, err := b.Correct(t.Context(), site, archive.Target{Study: study}, to("PatientID=RIGHT-1", "PatientName=RICHTIG^BERTA"), "all of it"); err != nil {
			t.Fatal(err)
		}
		if s, _ := b.Study(t.Context(), site, study); s.PatientsDiffer || s.Person.Reveal() != "|RIGHT-1" {
			t.Error("all identities of the study corrected at once")
		}
		if len(corrected) == 0 {
			t.Error("no rows")
		}
	})
}

// TestCorrectPart is two patients in one study.
func TestCorrectPart(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		x := thing{study: 1, series: 1, instance: 1, patient: "FIRST-1", name: "ERSTE^ANNA"}
		y := x
		y.series, y.instance = 2, 2
		b.mustStore(x.arrival(t), archive.Added)
		b.mustStore(y.arrival(t), archive.Added)
		study, series, _ := y.uids()
		if _, err := b.Correct(t.Context(), site, archive.Target{Study: study, Series: series}, to("PatientID=SECOND-2", "PatientName=ZWEITE^BERTA"), "the second patient"); err != nil {
			t.Fatal(err)
		}
		if s, _ := b.Study(t.Context(), site, study); !s.PatientsDiffer {
			t.Error("the study does not say that it is of two patients")
		}
		if f, _ := b.opened(x.sop()); f.Text(tag.PatientID) != "FIRST-1" || f.Has(tag.OriginalAttributesSequence) {
			t.Error("the first patient's series")
		}
		if f, _ := b.opened(y.sop()); f.Text(tag.PatientID) != "SECOND-2" {
			t.Error("the second patient's series")
		}
		if n := b.erase(of("SECOND-2")); n != 2 {
			t.Errorf("erased %d records of the second patient; want a series and an instance", n)
		}
		if f, _ := b.opened(x.sop()); f.Text(tag.PatientID) != "FIRST-1" {
			t.Error("the first patient's series is gone too")
		}
		if n := b.count(`select count(*) from correction`); n != 0 {
			t.Errorf("%d corrections name who was erased", n)
		}
		var persons []access.Person
		persons, err := b.Persons(t.Context(), b.db)
		if err != nil || len(persons) != 1 {
			t.Errorf("persons: %v %v", persons, err)
		}
	})
}

// TestCorrectSyntaxes corrects what is encoded in other ways, and holds what is given
// out against dciodvfy.
func TestCorrectFiles(t *testing.T) {
	files, _ := filepath.Glob("/usr/lib/python3/dist-packages/pydicom/data/test_files/*.dcm")
	if len(files) == 0 {
		t.Skip("pydicom's files not found: python3-pydicom")
	}
	each(t, func(t *testing.T, b *bench) {
		verify, _ := exec.LookPath("dciodvfy")
		seen := map[uid.UID]bool{}
		corrected := 0
		for n, name := range files {
			raw, err := os.ReadFile(name)
			if err != nil || len(raw) > 5<<20 {
				continue
			}
			r, err := b.Receive(t.Context(), archive.Arrival{Site: site, Actor: "system:test", Door: "import", Part10: true, Data: bytes.NewReader(raw)})
			if err != nil {
				continue
			}
			s, err := r.Wait(t.Context())
			if err != nil || s.Outcome != archive.Added {
				continue
			}
			if !seen[s.Study] {
				seen[s.Study] = true
			}
			c, err := b.Correct(t.Context(), site, archive.Target{Study: s.Study, Series: s.Series, SOP: s.SOP}, to(fmt.Sprintf("PatientID=NEW-%d", n), "PatientName=NEW^PATIENT"), "a test")
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(name), err)
				continue
			}
			f, now := b.opened(s.SOP)
			if f.Text(tag.PatientID) != fmt.Sprintf("NEW-%d", n) || len(f.Items(tag.OriginalAttributesSequence)) == 0 {
				t.Errorf("%s: not corrected", filepath.Base(name))
			}
			corrected++
			if verify != "" {
				for e := range verified(t, verify, now) {
					if !verified(t, verify, raw)[e] {
						t.Errorf("%s: a new error: %s", filepath.Base(name), e)
					}
				}
			}
			if err := b.Uncorrect(t.Context(), site, c.ID, "enough"); err != nil {
				t.Errorf("%s: %v", filepath.Base(name), err)
			}
			if _, again := b.opened(s.SOP); !bytes.Equal(again, raw) {
				t.Errorf("%s: not as it was", filepath.Base(name))
			}
			beside := thing{study: 900, series: n, instance: 1}
			beside.set = func(b *dicom.Builder) { b.UID(tag.StudyInstanceUID, s.Study) }
			b.mustStore(beside.arrival(t), archive.Added)
			apart, err := b.Split(t.Context(), site, archive.Target{Study: s.Study, Series: s.Series}, to("PatientID=NEXT"), "a test")
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(name), err)
				continue
			}
			f, now = b.opened(s.SOP)
			if f.UID(tag.StudyInstanceUID) != apart.Split {
				t.Errorf("%s: not split off", filepath.Base(name))
			}
			if verify != "" {
				was := verified(t, verify, raw)
				for e := range verified(t, verify, now) {
					if !was[e] {
						t.Errorf("%s: a new error after it was split off: %s", filepath.Base(name), e)
					}
				}
			}
			if err := b.Uncorrect(t.Context(), site, apart.ID, "enough"); err != nil {
				t.Errorf("%s: %v", filepath.Base(name), err)
			}
		}
		if corrected < 20 {
			t.Errorf("only %d files", corrected)
		}
	})
}

// verified returns the errors that dciodvfy finds in a file.
func verified(t *testing.T, command string, file []byte) map[string]bool {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.dcm")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.CommandContext(t.Context(), command, name).CombinedOutput() // it says what it finds, and fails then
	all := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "Error") {
			all[strings.TrimSpace(line)] = true
		}
	}
	return all
}
