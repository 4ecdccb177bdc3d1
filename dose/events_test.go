package dose_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
)

// Events of many studies come one by one: the latest study first, each in the order of
// time, those of other modalities and days not at all; whoever has enough stops.
func TestEvents(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.receive(series{name: "Head", day: "20260302", dlp: []float64{10, 20}}.reports()...)
		var got []string
		for e, err := range k.Events(t.Context(), house, "CT", dose.Period{From: "2026-01-01", To: "2026-12-31"}) {
			check(t, err)
			if e.Study == "" || e.Day == "" || len(e.Values) == 0 {
				t.Errorf("an event without its study, day or values: %+v", e)
			}
			got = append(got, fmt.Sprint(e.DLP, e.Examination))
		}
		if len(got) != 2 {
			t.Fatalf("events %v", got)
		}
		n := 0
		for range k.Events(t.Context(), house, "CT", dose.Period{From: "2026-01-01", To: "2026-12-31"}) {
			if n++; n == 1 {
				break
			}
		}
		for _, none := range []struct{ modality, from string }{{"RF", "2026-01-01"}, {"CT", "2026-12-01"}} {
			for e := range k.Events(t.Context(), house, none.modality, dose.Period{From: none.from, To: "2026-12-31"}) {
				t.Error("not asked for:", e.Study, none)
			}
		}
		if diff := cmp.Diff(1, n); diff != "" {
			t.Error(diff)
		}
	})
}
