package archive_test

import (
	"testing"
	"time"

	"radagora/archive"
	"radagora/fault"
)

// TestSplitStaysHeld: what is split off a study that is held is held with it.
func TestSplitStaysHeld(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, _ *time.Time) {
		one := thing{study: 1, series: 1, instance: 1, patient: "P1", name: "EINS^ANNA"}
		two := one
		two.series = 2
		for _, x := range []thing{one, two} {
			b.mustStore(x.arrival(t), archive.Added)
		}
		study, series, _ := two.uids()
		id, err := b.Hold(t.Context(), site, study.String(), "", "court")
		if err != nil {
			t.Fatal(err)
		}
		c, err := b.Split(t.Context(), site, archive.Target{Study: study, Series: series}, to("PatientID=P2", "PatientName=ZWEI^BERTA"), "next patient on the table")
		if err != nil {
			t.Fatal(err)
		}
		off := archive.Target{Study: c.Split}
		_, err = b.Delete(t.Context(), site, off, archive.ByPerson, "why")
		b.kind("Delete what was split off", err, fault.Conflict)
		if err := b.Lift(t.Context(), site, id, "judged"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Delete(t.Context(), site, off, archive.ByPerson, "why"); err != nil {
			t.Errorf("after the hold was lifted: %v", err)
		}
	})
}
