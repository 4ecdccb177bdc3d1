package review

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"radagora/content"
	"radagora/dose"
)

// rules loads the rules that the program comes with.
func rules(t *testing.T) ([]Rule, Scopes) {
	t.Helper()
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	all, scopes, err := LoadRules(library, "")
	if err != nil {
		t.Fatal(err)
	}
	return all, scopes
}

func TestLoadRules(t *testing.T) {
	all, _ := rules(t)
	got := map[string]string{}
	for _, r := range all {
		says := string(r.Status)
		if r.Opens() {
			says += " opens"
		}
		if r.Legal {
			says += " legal"
		}
		got[r.ID] = says
	}
	want := map[string]string{
		"DE_A14_I1": "set_incomplete opens legal", "DE_A14_I2a_head": "set_incomplete opens legal", "DE_A14_I2a_head_sum": "to_confirm legal",
		"DE_A14_I2a_body": "set_incomplete opens legal", "DE_A14_I2a_body_sum": "to_confirm legal", "DE_A14_I2a_fluoro": "set_incomplete opens legal",
		"DE_A14_I2a_nm_E": "set_incomplete opens legal", "DE_A14_I2a_nm_H": "set_incomplete opens legal",
		"DE_A14_I_other": "to_type_in legal", "DE_A14_II": "to_type_in legal",
		"SKIN_EARLY_DAP": "site_default", "SKIN_EARLY_RP": "site_default", "SKIN_EARLY_PSD": "site_default",
		"SKIN_SUBSTANTIAL_RP": "site_default opens", "SKIN_SUBSTANTIAL_DAP": "site_default opens",
		"SKIN_SUBSTANTIAL_PSD": "site_default opens", "SKIN_SUBSTANTIAL_TIME": "site_default opens",
		"OPENSKIN_BINS": "information", "IAEA_CED100": "information",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if r := ruleOf(all, "DE_A14_I1"); !r.Group || r.Value != 2 || r.Armed != 3 {
		t.Errorf("group criterion = %+v; want 2 x the level, armed by 3 x", r)
	}
}

// TestRuleOfLawIsNeverScaled: a site cannot give a rule of law triggers by size.
func TestRuleOfLawIsNeverScaled(t *testing.T) {
	for rule, ok := range map[string]bool{"DE_A14_I2a_body": false, "NO_SUCH_RULE": false, "SKIN_SUBSTANTIAL_DAP": true} {
		library, err := content.Open(content.Source{Origin: content.Installation, FS: fstest.MapFS{
			"my/scope/set.yaml": {Data: []byte("id: my/scope\nkind: alert_scopes\ntitle: t\npublisher: p\nedition: e\n" +
				"licence: Apache-2.0\nsource: s\nstatus: draft\ntranscribed_by: a\n")},
			"my/scope/scopes.tsv": {Data: []byte("by\tcode\tregion\tintervention\tsource\n")},
			"my/scope/bands.tsv":  {Data: []byte("rule_id\tsize_kind\tsize_min\tsize_max\tvalue\tsource\n" + rule + "\tweight_kg\t90\t\t70000\tours\n")},
		}})
		if err != nil {
			t.Fatal(err)
		}
		all, _, err := LoadRules(library, "")
		if (err == nil) != ok {
			t.Errorf("%s: %v; want accepted %v", rule, err, ok)
		}
		if ok {
			heavy, light := 100.0, 60.0
			f := Facts{Modality: "RF", Amounts: map[dose.Quantity]Number{dose.QuantityDAP: {Value: 0.06}}, Weight: &heavy}
			if r, _ := Judge(f, ruleOf(all, rule)); r.Over || r.Trigger != 70000 || !cmp.Equal(r.Marks, []string{MarkSize}) {
				t.Errorf("heavy: %+v; want 70000, not over", r)
			}
			f.Weight = &light
			if r, _ := Judge(f, ruleOf(all, rule)); !r.Over || r.Trigger != 50000 {
				t.Errorf("light: %+v; want 50000, over", r)
			}
			f.Weight = nil
			if r, _ := Judge(f, ruleOf(all, rule)); !r.Over || !cmp.Equal(r.Marks, []string{MarkSizeUnknown}) {
				t.Errorf("of unknown size: %+v; want the trigger without size, marked", r)
			}
		}
	}
}

func TestJudge(t *testing.T) {
	all, _ := rules(t)
	ct := func(highest, sum float64, region string) Facts {
		f := Facts{Modality: "CT", Intervention: "no", Region: region, Amounts: map[dose.Quantity]Number{dose.QuantityCTDIvolMax: {Value: highest}}}
		if sum > 0 {
			f.Amounts[dose.QuantityCTDIvolOverlap] = Number{sum, dose.MethodOverlapAssumed}
		}
		return f
	}
	rf := func(intervention string, q dose.Quantity, v float64) Facts {
		return Facts{Modality: "RF", Intervention: intervention, Amounts: map[dose.Quantity]Number{q: {Value: v}}}
	}
	for _, c := range []struct {
		name  string
		rule  string
		facts Facts
		about bool
		over  bool
		opens bool
		marks []string
	}{
		{"a brain at its value is not above it", "DE_A14_I2a_head", ct(120, 0, "brain"), true, false, false, nil},
		{"a brain above its value", "DE_A14_I2a_head", ct(120.1, 0, "brain"), true, true, true, nil},
		{"a brain is no other region", "DE_A14_I2a_body", ct(120.1, 0, "brain"), false, false, false, nil},
		{"unknown region, below the higher value", "DE_A14_I2a_head", ct(100, 0, ""), true, false, false, []string{MarkRegion}},
		{"unknown region: the lower value triggers", "DE_A14_I2a_body", ct(100, 0, ""), true, true, true, []string{MarkRegion}},
		{"the sum is a line and opens nothing", "DE_A14_I2a_body_sum", ct(50, 90, "other"), true, true, false, []string{MarkOverlapAssumed}},
		{"nothing was summed", "DE_A14_I2a_body_sum", ct(50, 0, "other"), false, false, false, nil},
		{"an intervention is never tested against part I", "DE_A14_I2a_fluoro", rf("yes", dose.QuantityDAP, 0.03), false, false, false, nil},
		{"fluoroscopy that is none", "DE_A14_I2a_fluoro", rf("no", dose.QuantityDAP, 0.0201), true, true, true, nil},
		{"nobody has said whether it is one", "DE_A14_I2a_fluoro", rf("", dose.QuantityDAP, 0.0201), true, true, true, []string{MarkIntervention}},
		{"early notice is reached at its value, and opens nothing", "SKIN_EARLY_DAP", rf("yes", dose.QuantityDAP, 0.02), true, true, false, nil},
		{"substantial dose at the reference point", "SKIN_SUBSTANTIAL_RP", rf("yes", dose.QuantityRP, 5), true, true, true, nil},
		{"an hour of fluoroscopy", "SKIN_SUBSTANTIAL_TIME", rf("", dose.QuantityFluoroTime, 3600), true, true, true, nil},
		{"a minute less", "SKIN_SUBSTANTIAL_TIME", rf("", dose.QuantityFluoroTime, 3540), true, false, false, nil},
		{"what is intended nobody tells, so it is not compared", "DE_A14_I2a_nm_E", Facts{Modality: "NM", Intervention: "no", Amounts: map[dose.Quantity]Number{dose.QuantityEffective: {Value: 50}}}, false, false, false, nil},
		{"a part that is missing never triggers", "DE_A14_II", rf("yes", dose.QuantityDAP, 9), false, false, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, about := Judge(c.facts, ruleOf(all, c.rule))
			if about != c.about || about && (got.Over != c.over || got.Opens != c.opens || !cmp.Equal(got.Marks, c.marks)) {
				t.Errorf("Judge = %+v, %v; want over %v, opens %v, marks %v, %v", got, about, c.over, c.opens, c.marks, c.about)
			}
		})
	}
}

// TestPlanes: of a biplane system each plane and the sum are tested, and of early
// notices also the weeks before.
func TestPlanes(t *testing.T) {
	all, _ := rules(t)
	f := Facts{Modality: "RF", Intervention: "yes", Amounts: map[dose.Quantity]Number{
		dose.QuantityRPPlaneA: {Value: 1.2}, dose.QuantityRPPlaneB: {Value: 0.7},
	}}
	if r, _ := Judge(f, ruleOf(all, "SKIN_EARLY_RP")); r.Part != PartPlaneA || r.Value != 1.2 || r.Over {
		t.Errorf("planes without sum = %+v; want plane A, not over", r)
	}
	f.Amounts[dose.QuantityRP] = Number{Value: 1.9}
	f.Window = map[dose.Quantity]float64{dose.QuantityRP: 2.4}
	if r, _ := Judge(f, ruleOf(all, "SKIN_EARLY_RP")); r.Part != PartWeeks || !r.Over {
		t.Errorf("with the weeks before = %+v; want over", r)
	}
	if r, _ := Judge(f, ruleOf(all, "SKIN_SUBSTANTIAL_RP")); r.Part != "" || r.Value != 1.9 {
		t.Errorf("substantial = %+v; want the procedure alone", r)
	}
}

func TestJudgeGroup(t *testing.T) {
	r := Rule{Value: 2, Armed: 3}
	repeat := func(n int, v float64, more ...float64) []float64 {
		var all []float64
		for range n {
			all = append(all, v)
		}
		return append(all, more...)
	}
	for _, c := range []struct {
		name   string
		values []float64
		level  float64
		want   GroupResult
	}{
		{"too few", repeat(19, 500), 100, GroupResult{N: 19}},
		{"no level", repeat(20, 500), 0, GroupResult{N: 20}},
		{"not armed", repeat(20, 250), 100, GroupResult{N: 20, Mean: 250}},
		{"armed by one", repeat(19, 250, 301), 100, GroupResult{N: 20, Mean: 252.55, Armed: true, Over: true}},
		{"armed long ago counts no more", append([]float64{900}, repeat(20, 250)...), 100, GroupResult{N: 20, Mean: 250}},
		{"armed, and the mean at the value", repeat(19, 189.4, 401.4), 100, GroupResult{N: 20, Mean: 200, Armed: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := JudgeGroup(c.values, c.level, r)
			if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })); diff != "" {
				t.Errorf("JudgeGroup (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRegion(t *testing.T) {
	_, s := rules(t)
	for _, c := range []struct {
		name   string
		exam   string
		of     []string
		events []string
		want   string
	}{
		{"a head by its code", "CT_HEAD", []string{"head"}, nil, "brain"},
		{"a face by its code", "CT_SINUS", []string{"face"}, []string{"12738006"}, "other"},
		{"unmapped, of the brain", "", nil, []string{"", "12738006"}, "brain"},
		{"unmapped, of the head: not known", "", nil, []string{"69536005"}, ""},
		{"unmapped, of the abdomen", "", nil, []string{"818983003"}, "other"},
		{"nothing is known", "", nil, []string{""}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := s.Region(c.exam, c.of, c.events); got != c.want {
				t.Errorf("Region = %q; want %q", got, c.want)
			}
		})
	}
}
