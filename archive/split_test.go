package archive_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/archive"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

func TestSplit(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		one := thing{study: 1, series: 1, instance: 1, patient: "P1", name: "EINS^ANNA", pixels: 1000}
		two, again := one, one
		two.series, two.modality = 2, "SR"
		again.instance = 2
		for _, x := range []thing{one, two, again} {
			b.mustStore(x.arrival(t), archive.Added)
		}
		if err := b.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		study, series, _ := two.uids()
		if _, err := b.Metadata(t.Context(), site, study, uid.UID{}); err != nil {
			t.Fatal(err)
		}
		before, received := b.rows(), b.content(two.sop())
		target := archive.Target{Study: study, Series: series}
		for name, bad := range map[string]struct {
			t    archive.Target
			to   []archive.Value
			kind fault.Kind
		}{
			"the whole study":  {archive.Target{Study: study}, to("PatientID=P2"), fault.Invalid},
			"the same patient": {target, to("PatientName=ZWEI^BERTA"), fault.Invalid},
			"nobody":           {target, to("PatientID="), fault.Invalid},
		} {
			if _, err := b.Split(t.Context(), site, bad.t, bad.to, "why"); fault.Of(err) != bad.kind || err == nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		c, err := b.Split(t.Context(), site, target, to("PatientID=P2", "PatientName=ZWEI^BERTA"), "next patient on the table")
		if err != nil {
			t.Fatal(err)
		}
		if c.Split.IsZero() || c.Split == study || !strings.HasPrefix(c.Split.String(), "2.25.") {
			t.Fatalf("its study: %s", c.Split)
		}
		for u, want := range map[uid.UID]string{study: "|P1 CT 2 false", c.Split: "|P2 SR 1 false"} {
			s, err := b.Study(t.Context(), site, u)
			if got := s.Person.Reveal() + " " + strings.Join(s.Modalities, " ") + " " + string(rune('0'+s.InstanceCount)) + " " + map[bool]string{true: "true", false: "false"}[s.PatientsDiffer]; err != nil || got != want {
				t.Errorf("%s: %q, %v; want %q", u, got, err, want)
			}
		}
		for _, level := range []archive.Level{archive.SeriesLevel, archive.ImageLevel} {
			if got := b.found(archive.Query{Level: level, Reach: everybody, All: true, Keys: ask(t, "StudyInstanceUID="+c.Split.String(), "SeriesInstanceUID=", "PatientName=")}, tag.PatientName); got != "ZWEI^BERTA" {
				t.Errorf("found: %q", got)
			}
		}
		if got := b.found(archive.Query{Level: archive.SeriesLevel, Reach: everybody, Keys: ask(t, "StudyInstanceUID="+study.String(), "SeriesInstanceUID=", "PatientName=")}, tag.PatientName); got != "EINS^ANNA" {
			t.Errorf("left: %q", got)
		}
		f, _ := b.opened(two.sop())
		told := f.Items(tag.OriginalAttributesSequence)
		if f.UID(tag.StudyInstanceUID) != c.Split || f.Text(tag.PatientID) != "P2" || len(told) != 1 || told[0].Item(tag.ModifiedAttributesSequence).UID(tag.StudyInstanceUID) != study {
			t.Errorf("given out: %s, %d", f.UID(tag.StudyInstanceUID), len(told))
		}
		m, err := b.Metadata(t.Context(), site, c.Split, uid.UID{})
		if err != nil {
			t.Fatal(err)
		}
		if d := instances(t, m); len(d) != 1 || value(d[0], tag.StudyInstanceUID) != c.Split.String() || value(d[0], tag.PatientID) != "P2" {
			t.Errorf("metadata: %v", d)
		}
		// What comes later to the series goes with it, and what was split for the same
		// patient stands together; the rest of the study can be corrected apart.
		late := two
		late.instance = 2
		b.mustStore(late.arrival(t), archive.Added)
		if s, err := b.Study(t.Context(), site, c.Split); err != nil || s.InstanceCount != 2 {
			t.Errorf("a late one: %d %v", s.InstanceCount, err)
		}
		rest, err := b.Correct(t.Context(), site, archive.Target{Study: study}, to("PatientSex=F"), "forgotten")
		if err != nil {
			t.Fatal(err)
		}
		if f, _ := b.opened(two.sop()); f.Text(tag.PatientSex) != "" {
			t.Error("a correction of the rest is about what was split off")
		}
		if err := b.Uncorrect(t.Context(), site, rest.ID, "no"); err != nil {
			t.Fatal(err)
		}
		own, err := b.Correct(t.Context(), site, archive.Target{Study: c.Split}, to("PatientBirthDate=19800101"), "her own")
		if err != nil {
			t.Fatal(err)
		}
		if f, _ := b.opened(late.sop()); f.Text(tag.PatientBirthDate) != "19800101" || len(f.Items(tag.OriginalAttributesSequence)) != 2 {
			t.Errorf("a correction of what was split off: %s", f.Text(tag.PatientBirthDate))
		}
		if err := b.Uncorrect(t.Context(), site, c.ID, "no"); fault.Of(err) != fault.Conflict {
			t.Errorf("undone under a correction of it: %v", err)
		}
		if err := b.Uncorrect(t.Context(), site, own.ID, "no"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Delete(t.Context(), site, archive.Target{Study: c.Split, Series: series, SOP: late.sop()}, archive.ByPerson, "only for the test"); err != nil {
			t.Fatal(err)
		}
		if err := b.Uncorrect(t.Context(), site, c.ID, "no"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Study(t.Context(), site, c.Split); fault.Of(err) != fault.NotFound {
			t.Errorf("its study is still there: %v", err)
		}
		if _, got := b.opened(two.sop()); !cmp.Equal(got, received) {
			t.Error("after undo it is given out otherwise than received")
		}
		if err := b.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Metadata(t.Context(), site, study, uid.UID{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(timeless(before), timeless(b.rows())); diff != "" {
			t.Errorf("after undo: %s", diff)
		}
	})
}

// timeless leaves out when studies were added to.
func timeless(rows []string) []string {
	var all []string
	for _, r := range rows {
		if i := strings.LastIndex(r, "|"); strings.HasPrefix(r, "study: ") && i > 0 {
			r = r[:i]
		}
		all = append(all, r)
	}
	return all
}

// TestCorrectedSeriesAnswers asks for series of a study of which one was corrected and
// stays in it.
func TestCorrectedSeriesAnswers(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		one := thing{study: 1, series: 1, instance: 1, patient: "P1", name: "EINS^ANNA"}
		two := one
		two.series = 2
		for _, x := range []thing{one, two} {
			b.mustStore(x.arrival(t), archive.Added)
		}
		study, series, _ := two.uids()
		if _, err := b.Correct(t.Context(), site, archive.Target{Study: study, Series: series}, to("PatientID=P2", "PatientName=ZWËI^BERTA"), "why"); err != nil {
			t.Fatal(err)
		}
		for level, keys := range map[archive.Level][]string{
			archive.SeriesLevel: {"StudyInstanceUID=" + study.String(), "SeriesInstanceUID=" + series.String(), "PatientName="},
			archive.ImageLevel:  {"StudyInstanceUID=" + study.String(), "SeriesInstanceUID=" + series.String(), "SOPInstanceUID=", "PatientName="},
		} {
			if got := b.found(archive.Query{Level: level, Reach: everybody, Keys: ask(t, keys...)}, tag.PatientName); got != "ZWËI^BERTA" {
				t.Errorf("%v: %q", level, got)
			}
		}
	})
}
