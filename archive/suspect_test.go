package archive_test

import (
	"testing"
	"time"

	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

func TestSuspects(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		born := func(day string) func(*dicom.Builder) {
			return func(b *dicom.Builder) { b.Text(tag.PatientBirthDate, day) }
		}
		mixed := thing{study: 1, series: 1, instance: 1, patient: "A", name: "ERSTE^ANNA"}
		more := thing{study: 1, series: 2, instance: 2, patient: "B", name: "ZWEITE^BERTA"}
		early := thing{study: 2, series: 1, instance: 1, patient: "C", name: "DRITTE^CAROLA", set: born("19700101")}
		odd := thing{study: 3, series: 1, instance: 1, patient: "C", name: "DRITTE^CAROLA", set: born("19700110")}
		for _, x := range []thing{mixed, more, early, odd, {study: 4, series: 1, instance: 1, patient: "D", name: "VIERTE^DORA"}} {
			b.mustStore(x.arrival(t), archive.Added)
		}
		list, err := b.Suspects(t.Context(), site, time.Time{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[string]int{}
		for _, s := range list {
			kinds[s.Kind]++
		}
		if kinds[archive.TwoPatients] != 1 || kinds[archive.Contradicts] != 2 || len(list) != 3 {
			t.Errorf("suspects: %v", kinds)
		}
		study, _, _ := mixed.uids()
		parts, err := b.Parts(t.Context(), site, study)
		if err != nil || len(parts) != 2 || parts[1].PatientID.Reveal() != "B" || parts[0].Instances != 1 {
			t.Errorf("parts: %d %v", len(parts), err)
		}
		if err := b.Dismiss(t.Context(), site, study, archive.TwoPatients, ""); fault.Of(err) != fault.Invalid {
			t.Errorf("without a reason: %v", err)
		}
		if err := b.Dismiss(t.Context(), site, study, archive.TwoPatients, "mother and child"); err != nil {
			t.Fatal(err)
		}
		if list, _ := b.Suspects(t.Context(), site, time.Time{}, 10); len(list) != 2 {
			t.Errorf("%d suspects after dismissing one", len(list))
		}
		if done, err := b.Dismissed(t.Context(), site, archive.TwoPatients); err != nil || !done[study.String()] {
			t.Errorf("dismissed: %v %v", done, err)
		}
		later := more
		later.instance = 3
		time.Sleep(2 * time.Millisecond)
		b.mustStore(later.arrival(t), archive.Added)
		if list, _ := b.Suspects(t.Context(), site, time.Time{}, 10); len(list) != 3 {
			t.Errorf("%d suspects after more came", len(list))
		}
	})
}
