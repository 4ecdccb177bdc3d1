package review

import (
	"fmt"
	"maps"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"radagora/content"
	"radagora/dose"
	"radagora/fault"
)

// TestIntended: what was intended is the level that governs, by weight where it is
// stated so, and nothing where no level says.
func TestIntended(t *testing.T) {
	all, _ := rules(t)
	level := func(set string, m dose.Measure, v float64, g dose.Group) dose.Level {
		return dose.Level{Set: content.Ref{ID: set}, Exam: "NM_X", Measure: m, Value: v, Group: g}
	}
	child := dose.Group{Name: "15-<30 kg", Kind: "weight_kg", Min: 15, Max: 30, HasMax: true}
	s := scale{
		adult: 216, governs: []dose.Governing{{Set: "governs"}},
		levels: []dose.Level{
			level("governs", dose.MeasureActivity, 400, dose.Group{}), level("governs", dose.MeasureActivityPerKg, 3, child),
			level("other", dose.MeasureActivity, 100, dose.Group{}),
		},
	}
	of := func(months int, kg, mbq, msv float64) Facts {
		f := Facts{Modality: "NM", Exam: "NM_X", Day: "2026-03-10", Intervention: "no", Amounts: map[dose.Quantity]Number{dose.QuantityActivity: {Value: mbq}}}
		if months > 0 {
			f.Months = &months
		}
		if kg > 0 {
			f.Weight = &kg
		}
		if msv > 0 {
			f.Amounts[dose.QuantityEffectiveEstimated] = Number{Value: msv}
		}
		return f
	}
	for _, c := range []struct {
		name    string
		facts   Facts
		over    float64 // 0: not computed
		above   float64 // mSv
		crosses bool
	}{
		{"an adult at the level", of(600, 70, 400, 8), 1, 0, false},
		{"an adult at ten times the level", of(600, 70, 4000, 30), 10, 27, true},
		{"an adult of unknown age and weight", of(0, 0, 1600, 24), 4, 18, false},
		{"a child by weight", of(60, 20, 120, 40), 2, 20, false},
		{"a child whose weight is not known has no level", of(60, 0, 400, 40), 0, 0, false},
		{"no effective dose is told", of(600, 70, 4000, 0), 10, -1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := c.facts
			s.administered(&f)
			if got := f.Amounts[QuantityOverIntended].Value; fmt.Sprintf("%.4f", got) != fmt.Sprintf("%.4f", c.over) {
				t.Errorf("activity over intended = %v; want %v", got, c.over)
			}
			r, about := Judge(f, ruleOf(all, "DE_A14_I2a_nm_E"))
			if want := c.over > 0 && c.above >= 0; about != want {
				t.Fatalf("judged: %v; want %v", about, want)
			}
			if about && (fmt.Sprintf("%.4f", r.Value) != fmt.Sprintf("%.4f", c.above) || r.Opens != c.crosses || !cmp.Equal(r.Marks, []string{MarkIntended})) {
				t.Errorf("%+v; want %v mSv above intended, case %v, marked", r, c.above, c.crosses)
			}
		})
	}
	f := of(600, 70, 4000, 30)
	f.Exam = "NM_Y"
	if s.administered(&f); len(f.Amounts) != 2 {
		t.Errorf("without a level: %v; want nothing added", f.Amounts)
	}
}

// own opens the content of the program and the rules and scopes of a site.
func own(t *testing.T, rules, bands string) ([]Rule, error) {
	t.Helper()
	head := "title: t\npublisher: p\nedition: e\nlicence: Apache-2.0\nsource: s\nstatus: draft\ntranscribed_by: a\n"
	files := fstest.MapFS{
		"my/scope/set.yaml":   {Data: []byte("id: my/scope\nkind: alert_scopes\n" + head)},
		"my/scope/scopes.tsv": {Data: []byte("by\tcode\tregion\tintervention\tsource\n")},
		"my/scope/bands.tsv":  {Data: []byte("rule_id\tsize_kind\tsize_min\tsize_max\tvalue\tsource\n" + bands)},
	}
	maps.Copy(files, fstest.MapFS{
		"my/rules/set.yaml": {Data: []byte("id: my/rules\nkind: alert_rules\n" + head)},
		"my/rules/rules.tsv": {Data: []byte("rule_id\trule_set\tper\tscope\tquantity\taggregation\tacquisition_types\toperator\tvalue\tunit\twindow\tmeaning\tstatus\tsource\ttraits\tcountry\n" +
			rules)},
	})
	library, err := content.Open(content.Source{Origin: content.Installation, FS: files})
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := LoadRules(library, "")
	return all, err
}

// ownRule is a row of alert rules with a scope and a window.
func ownRule(scope, quantity, aggregation, value, unit, window, traits string) string {
	return "MINE\tOURS\tperson\t" + scope + "\t" + quantity + "\t" + aggregation + "\tall\t>=\t" + value + "\t" + unit + "\t" + window + "\tours\tready\tours\t" + traits + "\t\n"
}

// TestRuleOfSize: a rule may be about patients of a weight or diameter alone. One whose
// size is not known is not left out.
func TestRuleOfSize(t *testing.T) {
	for _, kind := range []string{"weight_kg", "dw_cm"} {
		all, err := own(t, ownRule("devices=CT; "+kind+"=20-30; "+kind+"=90-", "DLP", "sum_events", "700", "mGy.cm", "", ""), "")
		if err != nil {
			t.Fatal(err)
		}
		r := ruleOf(all, "MINE")
		for size, about := range map[float64]bool{19.9: false, 20: true, 30: false, 89: false, 90: true, 140: true} {
			f := Facts{Modality: "CT", Amounts: map[dose.Quantity]Number{dose.QuantityDLP: {Value: 800}}}
			if kind == "weight_kg" {
				f.Weight = &size
			} else {
				f.Diameter = &size
			}
			if got, is := Judge(f, r); is != about || about && (!got.Opens || len(got.Marks) > 0) {
				t.Errorf("%s %v: %+v, %v; want %v", kind, size, got, is, about)
			}
		}
		f := Facts{Modality: "CT", Amounts: map[dose.Quantity]Number{dose.QuantityDLP: {Value: 800}}}
		if got, is := Judge(f, r); !is || !cmp.Equal(got.Marks, []string{MarkSizeUnknown}) {
			t.Errorf("%s unknown: %+v, %v; want it judged and marked", kind, got, is)
		}
	}
}

// TestRefusedRules: a rule or band that cannot be as it is written is refused, and the
// error names it.
func TestRefusedRules(t *testing.T) {
	good := ownRule("devices=CT", "DLP", "sum_events", "700", "mGy.cm", "", "")
	for name, c := range map[string]struct{ rules, bands string }{
		"a size that is no range":           {ownRule("devices=CT; weight_kg=large", "DLP", "sum_events", "700", "mGy.cm", "", ""), ""},
		"a size that ends before it begins": {ownRule("devices=CT; dw_cm=30-20", "DLP", "sum_events", "700", "mGy.cm", "", ""), ""},
		"law for one size alone":            {ownRule("devices=CT; weight_kg=90-", "DLP", "sum_events", "700", "mGy.cm", "", "legal"), ""},
		"cumulative without years":          {ownRule("devices=CT", "cumulative effective dose", "sum_examinations", "100", "mSv", "a while", ""), ""},
		"cumulative of any device":          {ownRule("intervention=no", "cumulative effective dose", "sum_examinations", "100", "mSv", "5 years", ""), ""},
		"cumulative in another unit":        {ownRule("devices=CT", "cumulative effective dose", "sum_examinations", "100", "MBq", "5 years", ""), ""},
		"a band that ends before it begins": {good, "MINE\tweight_kg\t90\t50\t800\tours\n"},
		"two bands for one weight":          {good, "MINE\tweight_kg\t50\t90\t800\tours\nMINE\tweight_kg\t80\t\t900\tours\n"},
	} {
		if _, err := own(t, c.rules, c.bands); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%s: %v; want it refused", name, err)
		} else {
			t.Log(err)
		}
	}
	if _, err := own(t, good, "MINE\tweight_kg\t50\t90\t800\tours\nMINE\tweight_kg\t90\t\t900\tours\nMINE\tdw_cm\t30\t\t900\tours\n"); err != nil {
		t.Errorf("bands side by side: %v", err)
	}
}
