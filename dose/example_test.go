package dose_test

import (
	"fmt"

	"radagora/dose"
	"radagora/dose/dosetest"
)

// Two reports of one study arrive: the second holds what the first one held and
// one scan more. It alone counts.
func ExampleJoin() {
	var reports []*dose.Report
	for _, made := range []dosetest.Report{
		dosetest.New("study", "first", "180.00", dosetest.Scan("scan 1", "4.50", "180.00")),
		dosetest.New("study", "second", "420.00", dosetest.Scan("scan 1", "4.50", "180.00"), dosetest.Scan("scan 2", "6.00", "240.00")),
	} {
		d, _ := made.Dataset()
		r, _ := dose.Read(d)
		reports = append(reports, r)
	}
	for _, s := range dose.Join(reports) {
		fmt.Println(len(s.Events), "events,", s.Totals[dose.FieldDLP], "mGy.cm,", len(s.Ignored), "report ignored:", s.Ignored[0].Reason)
	}
	// Output: 2 events, 420 mGy.cm, 1 report ignored: superseded
}
