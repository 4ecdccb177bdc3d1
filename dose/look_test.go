package dose_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dose"
	"radagora/dose/dosetest"
)

// TestNames lists what devices call their protocols, the unmapped first.
func TestNames(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		var all []dosetest.Report
		for _, s := range []series{
			{name: "seldom", dlp: []float64{1}},
			{name: "often", dlp: []float64{1, 2, 3}},
			{name: "OFTEN", day: "20260401", dlp: []float64{4}, edit: func(r *dosetest.Report) { r.Serial = "R64-0002" }},
			{name: "mapped", dlp: []float64{1, 2, 3, 4, 5}},
			{name: "long ago", day: "20200101", dlp: []float64{1}},
		} {
			all = append(all, s.reports()...)
		}
		described := series{name: "described", protocol: "seldom", dlp: []float64{9}}.reports()[0]
		described.Header = func(b *dicom.Builder) { b.Text(tag.StudyDescription, "CT by order") }
		k.receive(append(all, described)...)
		k.approve("mapped", "CT_CHEST", "", "")
		names, err := k.Names(t.Context(), house, "2026-01-01")
		check(t, err)
		var got []string
		for _, n := range names {
			got = append(got, fmt.Sprintf("%s %s: %d, %d unmapped, %d machines, last %s", n.Source, n.Folded, n.Examinations, n.Unmapped, len(n.Machines), n.LastDay))
		}
		want := []string{
			"protocol often: 4, 4 unmapped, 2 machines, last 2026-04-01",
			"protocol seldom: 2, 2 unmapped, 1 machines, last 2026-03-02",
			"procedure ct by order: 1, 1 unmapped, 1 machines, last 2026-03-02",
			"protocol mapped: 5, 0 unmapped, 1 machines, last 2026-03-02",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		volumes, err := k.Volumes(t.Context(), house)
		check(t, err)
		if n := volumes[names[1].Machines[0]]; n != 11 || len(volumes) != 2 {
			t.Errorf("volumes = %v; want 11 of the first machine", volumes)
		}
		months, err := k.Monthly(t.Context(), house, dose.Period{From: "2026-03-02", To: "2026-03-31"})
		check(t, err)
		if n := months["2026-03"]; len(months) != 1 || n != 10 { // 1 seldom, 3 often, 5 mapped, 1 described
			t.Errorf("months = %v; want what March has", months)
		}
	})
}
