package archive_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/archive"
	"radagora/fault"
)

func TestEffects(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		one := thing{study: 1, series: 1, instance: 1, patient: "P1", name: "EINS^ANNA"}
		two := thing{study: 1, series: 2, instance: 1, patient: "P2", name: "ZWEI^BERTA"}
		for _, x := range []thing{one, two} {
			b.mustStore(x.arrival(t), archive.Added)
		}
		study, series, _ := two.uids()
		before := b.rows()
		list, err := b.Effects(t.Context(), site, archive.Target{Study: study}, to("PatientID=P1", "PatientName=EINS^ANNA"), false)
		if err != nil || len(list) != 1 || list[0].Series != series || list[0].Instances != 1 || list[0].Before[1].Text.Reveal() != "P2" || list[0].After[1].Text.Reveal() != "P1" {
			t.Fatalf("of the whole: %d %v", len(list), err)
		}
		list, err = b.Effects(t.Context(), site, archive.Target{Study: study, Series: series}, to("PatientID=P3"), true)
		if err != nil || len(list) != 1 || !list[0].Split {
			t.Errorf("of a series: %d %v", len(list), err)
		}
		if _, err := b.Effects(t.Context(), site, archive.Target{Study: study}, to("PatientID=P3"), true); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("a study is no series: %v", err)
		}
		if diff := cmp.Diff(before, b.rows()); diff != "" {
			t.Errorf("looking changes something: %s", diff)
		}
	})
}

func TestLateAfterCorrection(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		x := thing{study: 1, series: 1, instance: 1, patient: "P1", name: "EINS^ANNA"}
		b.mustStore(x.arrival(t), archive.Added)
		study, _, _ := x.uids()
		time.Sleep(2 * time.Millisecond)
		if _, err := b.Correct(t.Context(), site, archive.Target{Study: study}, to("PatientID=P2"), "why"); err != nil {
			t.Fatal(err)
		}
		if list, err := b.Suspects(t.Context(), site, time.Time{}, 10); err != nil || len(list) != 0 {
			t.Errorf("nothing came since: %d %v", len(list), err)
		}
		time.Sleep(2 * time.Millisecond)
		x.instance = 2
		b.mustStore(x.arrival(t), archive.Added)
		if list, err := b.Suspects(t.Context(), site, time.Time{}, 10); err != nil || len(list) != 1 || list[0].Kind != archive.Late {
			t.Errorf("something came since: %d %v", len(list), err)
		}
	})
}
