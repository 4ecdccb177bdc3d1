package review_test

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"radagora/content"
	"radagora/dose"
	"radagora/dose/review"
)

// own lets a site have a rule of its own: DLP above 1000 mGy.cm.
func (d *desk) own() {
	d.Helper()
	library, err := content.Open(content.Source{Origin: content.Installation, FS: fstest.MapFS{
		"my/alert/set.yaml": {Data: []byte("id: my/alert\nkind: alert_rules\ntitle: t\npublisher: p\nedition: e\n" +
			"licence: Apache-2.0\nsource: s\nstatus: draft\ntranscribed_by: a\n")},
		"my/alert/rules.tsv": {Data: []byte("rule_id\trule_set\tper\tscope\tquantity\taggregation\tacquisition_types\toperator\tvalue\tunit\twindow\tmeaning\tstatus\tsource\ttraits\n" +
			"OWN_DLP\tOWN\tperson\tdevices=CT\tDLP\tsum_events\tall\t>\t1000\tmGy.cm\tone examination\tours\tready\tours\t\n")},
	}})
	d.must(err)
	d.Content = library
}

// TestFatigue: the cap of a day, one-tap reasons, justification of several with undo,
// putting off, and the rule that asks too often.
func TestFatigue(t *testing.T) {
	run(t, func(d *desk) {
		d.own()
		for i := range 13 {
			d.examined(fmt.Sprintf("1.2.%d", i), "CT", "CT_HEAD", "2026-03-10", dose.QuantityDLP, 1100+float64(i))
		}
		d.examined("1.3", "CT", "CT_HEAD", "2026-03-10", dose.QuantityCTDIvolMax, 130)
		d.must(d.Turn(d.ctx, at))
		kinds := map[string]int{}
		for _, m := range d.post.sent {
			kinds[m.Kind]++
		}
		if diff := cmp.Diff(map[string]int{"dose.case.opened": 11, "dose.case.more": 1}, kinds); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		all := d.cases()
		if len(all) != 14 || !all[0].Legal || all[1].Ratio < all[2].Ratio {
			t.Fatalf("%d cases, first %+v; want 14, law first, then by ratio", len(all), all[0])
		}
		numbers := []int64{}
		for _, c := range all[1:9] {
			numbers = append(numbers, c.Number)
		}
		if _, err := d.JustifyAll(d.ctx, at, append(numbers, all[0].Number), "large patient"); err == nil {
			t.Error("a case of law was justified with others")
		}
		batch, err := d.JustifyAll(d.ctx, at, numbers, "large patient")
		d.must(err)
		n, err := d.Undo(d.ctx, at, batch)
		d.must(err)
		if n != 8 || d.get(numbers[0]).State != review.Open {
			t.Errorf("undone %d, %+v; want 8, open again", n, d.get(numbers[0]).Case)
		}
		_, err = d.JustifyAll(d.ctx, at, numbers, "large patient")
		d.must(err)
		usual, err := d.Usual(d.ctx, at, "OWN_DLP", []string{"m1"})
		d.must(err)
		if diff := cmp.Diff([]string{"large patient"}, usual); diff != "" {
			t.Errorf("usual reasons (-want +got):\n%s", diff)
		}
		report, err := d.Report(d.ctx, at, 0)
		d.must(err)
		if r := report[1]; r.Rule != "OWN_DLP" || !r.TooOften || r.Proposed < 1.1 {
			t.Errorf("report = %+v; want OWN_DLP to ask too often", report)
		}
		last := all[12].Number
		d.must(d.Snooze(d.ctx, at, last, "2026-03-20", "holidays"))
		live, err := d.Count(d.ctx, at, review.Filter{Live: true, Today: "2026-03-10"})
		d.must(err)
		later, err := d.Count(d.ctx, at, review.Filter{Live: true, Today: "2026-03-20"})
		d.must(err)
		if live != 5 || later != 6 {
			t.Errorf("live %d, on the day %d; want 5, 6", live, later)
		}
	})
}

// TestOldIsTold: cases of examinations of long ago, as a migration brings them, are
// listed and told to nobody.
func TestOldIsTold(t *testing.T) {
	run(t, func(d *desk) {
		d.examined("1.2.3", "CT", "CT_HEAD", "2024-03-10", dose.QuantityCTDIvolMax, 130)
		d.must(d.Turn(d.ctx, at))
		if len(d.cases()) != 1 || len(d.post.sent) != 0 {
			t.Errorf("%d cases, told %d; want 1, 0", len(d.cases()), len(d.post.sent))
		}
	})
}
