package maturity_test

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/content"
	"radagora/evidence"
	"radagora/maturity"
)

func library(t *testing.T) *content.Library {
	t.Helper()
	lib, err := content.Open()
	check(t, err)
	return lib
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func model(t *testing.T) *maturity.Model {
	t.Helper()
	m, err := maturity.Load(library(t), "default")
	check(t, err)
	return m
}

// A sample is a set of answers with the result that a person worked out.
type sample struct {
	Name     string
	Answers  map[string]any
	Expected struct {
		Level int
		Met   []string           `json:"gates_met"`
		Gates map[string]int     `json:"gate_attainment"`
		Means map[string]float64 `json:"gate_mean"`
		Areas map[string]int     `json:"focus_attainment"`
		Next  string             `json:"next_gate"`
		Gap   []struct {
			ID              string
			Answer, Missing int
		}
		Short        int      `json:"mean_points_short"`
		Candidates   []string `json:"optional_candidates"`
		Completeness int
	}
	Floor int `json:"expected_level_with_cds_floor"`
}

func samples(t *testing.T) []sample {
	t.Helper()
	raw, err := os.ReadFile("testdata/sample_assessments.json")
	check(t, err)
	var in struct{ Samples []sample }
	check(t, json.Unmarshal(raw, &in))
	if len(in.Samples) != 4 {
		t.Fatalf("%d samples; want 4", len(in.Samples))
	}
	return in.Samples
}

// TestScore holds the four acceptance samples.
func TestScore(t *testing.T) {
	m := model(t)
	for _, s := range samples(t) {
		t.Run(s.Name, func(t *testing.T) {
			answers := map[string]int{}
			for id, a := range s.Answers {
				answers[id] = maturity.NA
				if n, ok := a.(float64); ok {
					answers[id] = int(n)
				}
			}
			r := m.Score(answers, s.Name[0] == 's') // the stand-alone centre has one area
			w := s.Expected
			if r.Level != w.Level || r.FloorLevel != s.Floor || r.Next != w.Next || r.Short != w.Short || r.Completeness() != w.Completeness {
				t.Errorf("level %d, with floor %d, next %s, %d short, %d %% complete; want %d, %d, %s, %d, %d", r.Level, r.FloorLevel, r.Next, r.Short,
					r.Completeness(), w.Level, s.Floor, w.Next, w.Short, w.Completeness)
			}
			if diff := cmp.Diff(w.Met, r.Met); diff != "" {
				t.Errorf("gates met: %s", diff)
			}
			for _, g := range r.Gates {
				if g.Percent() != w.Gates[g.Code] || strconv.FormatFloat(g.Mean(), 'f', 4, 64) != strconv.FormatFloat(w.Means[g.Code], 'f', 4, 64) {
					t.Errorf("%s: %d %%, mean %.4f; want %d, %.4f", g.Code, g.Percent(), g.Mean(), w.Gates[g.Code], w.Means[g.Code])
				}
			}
			for _, a := range r.Areas {
				if a.Percent() != w.Areas[a.Code] {
					t.Errorf("%s: %d %%; want %d", a.Code, a.Percent(), w.Areas[a.Code])
				}
			}
			gap := []string{}
			for _, x := range r.Gap {
				gap = append(gap, x.ID+" "+strconv.Itoa(x.Answer)+" "+strconv.Itoa(x.Points))
			}
			want := []string{}
			for _, x := range w.Gap {
				want = append(want, x.ID+" "+strconv.Itoa(x.Answer)+" "+strconv.Itoa(x.Missing))
			}
			if diff := cmp.Diff(want, gap); diff != "" {
				t.Errorf("gap: %s", diff)
			}
			var candidates []string
			for _, x := range r.Candidates {
				candidates = append(candidates, x.ID)
			}
			if !slices.Equal(candidates, w.Candidates) {
				t.Errorf("candidates %v; want %v", candidates, w.Candidates)
			}
		})
	}
}

// TestModel holds the counts of the brief.
func TestModel(t *testing.T) {
	m := model(t)
	modes, gates, mandatory, withEvidence := map[maturity.Mode]int{}, map[string]int{}, 0, 0
	for _, x := range m.Indicators {
		modes[x.Mode]++
		gates[x.Gate]++
		if x.Mandatory {
			mandatory++
			if x.Evidence != "" {
				withEvidence++
			}
		}
	}
	if diff := cmp.Diff(map[maturity.Mode]int{maturity.Measured: 66, maturity.Supported: 18, maturity.Declared: 19}, modes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int{"L1": 10, "L2": 9, "L3": 17, "L4": 20, "B1": 16, "B2": 15, "B3": 16}, gates); diff != "" {
		t.Error(diff)
	}
	if _, linked := m.Linked(); mandatory != 49 || withEvidence != 44 || linked != 84 {
		t.Errorf("%d mandatory, %d of them with evidence, %d linked; want 49, 44, 84", mandatory, withEvidence, linked)
	}
	for _, x := range m.Indicators {
		if want := map[string]int{"PU01": 4, "PU03": 4}[x.ID]; x.Mandatory && x.Required != max(want, 3) {
			t.Errorf("%s requires %d", x.ID, x.Required)
		}
	}
}

// TestNotApplicable: allowed with a reason for optional ones, and for some where there is
// a single area; elsewhere it counts as 0.
func TestNotApplicable(t *testing.T) {
	m := model(t)
	all := map[string]int{}
	for _, x := range m.Indicators {
		all[x.ID] = 4
	}
	for _, c := range []struct {
		name, id string
		single   bool
		level    int
	}{
		{"optional", "SI05", false, 7},
		{"a single area", "SI06", true, 7},
		{"the same with several areas", "SI06", false, 1},
		{"mandatory", "SI01", true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			all[c.id] = maturity.NA
			defer func() { all[c.id] = 4 }()
			if r := m.Score(all, c.single); r.Level != c.level {
				t.Errorf("level %d; want %d", r.Level, c.level)
			}
		})
	}
}

func TestPropose(t *testing.T) {
	m := model(t)
	measured, supported := m.Indicator("SI01"), m.Indicator("QSM03")
	share := func(n, of float64) maturity.Measure {
		return maturity.Measure{ID: measured.Evidence, State: evidence.Known, Value: n / of, Numerator: n, Denominator: of}
	}
	state := func(s evidence.State) maturity.Measure { return maturity.Measure{ID: measured.Evidence, State: s} }
	for _, c := range []struct {
		name   string
		x      *maturity.Indicator
		kind   evidence.Kind
		v      maturity.Measure
		answer int
		small  bool
		none   bool
	}{
		{"none", measured, evidence.Share, share(0, 100), 0, false, false},
		{"below a tenth", measured, evidence.Share, share(9, 100), 1, false, false},
		{"a tenth", measured, evidence.Share, share(10, 100), 2, false, false},
		{"half", measured, evidence.Share, share(50, 100), 3, false, false},
		{"below nine tenths", measured, evidence.Share, share(899, 1000), 3, false, false},
		{"nine tenths", measured, evidence.Share, share(90, 100), 4, false, false},
		{"few", measured, evidence.Share, share(19, 19), 4, true, false},
		{"as many as are enough", measured, evidence.Share, share(20, 20), 4, false, false},
		{"nothing to count", measured, evidence.Share, state(evidence.NotApplicable), 0, false, true},
		{"not connected is not 0", measured, evidence.Share, state(evidence.NotConnected), 0, false, true},
		{"a count sets no answer", measured, evidence.Count, share(7, 1), 0, false, true},
		{"a fresh date", measured, evidence.Flag, state(evidence.Known), 4, false, false},
		{"an old date", measured, evidence.Flag, state(evidence.Stale), 2, false, false},
		{"no date", measured, evidence.Flag, state(evidence.Absent), 0, false, false},
		{"only beside the question", supported, evidence.Share, maturity.Measure{ID: supported.Evidence, State: evidence.Known, Value: 0.02, Denominator: 900}, 0, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, ok := m.Propose(c.x, c.kind, c.v)
			if ok == c.none || p.Answer != c.answer || p.Small != c.small {
				t.Errorf("%+v, %v", p, ok)
			}
		})
	}
}

// TestStars holds the eight acceptance cases.
func TestStars(t *testing.T) {
	s, err := maturity.LoadStars(library(t), "default")
	check(t, err)
	raw, err := os.ReadFile("testdata/sample_stars.json")
	check(t, err)
	var in struct {
		Samples []struct {
			Name        string
			Open, Plans []string
			Expected    int
		}
	}
	check(t, json.Unmarshal(raw, &in))
	if len(in.Samples) != 8 {
		t.Fatalf("%d cases; want 8", len(in.Samples))
	}
	for _, c := range in.Samples {
		t.Run(c.Name, func(t *testing.T) {
			answers := map[string]maturity.StarAnswer{}
			for _, x := range s.Criteria {
				a := maturity.StarAnswer{Met: !slices.Contains(c.Open, x.ID)}
				if slices.Contains(c.Plans, x.ID) {
					a.Due = "2027-11-22"
				}
				answers[x.ID] = a
			}
			if r := s.Score(answers, "2026-11-22", "2027-11-22"); r.Stars != c.Expected || r.Most != 5 {
				t.Errorf("%d of %d stars; want %d", r.Stars, r.Most, c.Expected)
			}
		})
	}
	late := map[string]maturity.StarAnswer{}
	for _, x := range s.Criteria {
		late[x.ID] = maturity.StarAnswer{Met: x.ID != "JU3"}
	}
	for due, want := range map[string]int{"2027-11-22": 5, "2027-11-23": 3, "2026-11-21": 3} {
		late["JU3"] = maturity.StarAnswer{Due: due}
		if r := s.Score(late, "2026-11-22", "2027-11-22"); r.Stars != want {
			t.Errorf("a plan due %s: %d stars; want %d", due, r.Stars, want)
		}
	}
}

func TestJudge(t *testing.T) {
	s, err := maturity.LoadStars(library(t), "default")
	check(t, err)
	known := func(v, of float64) maturity.Measure {
		return maturity.Measure{State: evidence.Known, Value: v, Denominator: of}
	}
	for _, c := range []struct {
		name, id   string
		of         map[string]maturity.Measure
		met, knows bool
	}{
		{"enough", "OP2", map[string]maturity.Measure{"dose.device_coverage": known(0.95, 20)}, true, true},
		{"too little", "OP2", map[string]maturity.Measure{"dose.device_coverage": known(0.94, 100)}, false, true},
		{"not connected", "OP2", map[string]maturity.Measure{"dose.device_coverage": {State: evidence.NotConnected}}, false, false},
		{"share and number", "OP3", map[string]maturity.Measure{"dose.local_levels": known(1, 9)}, false, true},
		{"one of two unknown", "OP4", map[string]maturity.Measure{"dose.paediatric_protocol": known(1, 30)}, false, false},
		{"both", "OP4", map[string]maturity.Measure{"dose.paediatric_protocol": known(1, 30), "dose.paediatric_levels": known(0.9, 30)}, true, true},
		{"a date", "JU1", map[string]maturity.Measure{"referral.guideline_pack": {State: evidence.Stale}}, false, true},
		{"left to a person", "QU4", map[string]maturity.Measure{"equipment.age_profile": known(1, 30)}, false, false},
		{"declared", "RE2", nil, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			met, _, knows := s.Judge(s.Criterion(c.id), c.of)
			if met != c.met || knows != c.knows {
				t.Errorf("met %v, known %v", met, knows)
			}
		})
	}
}
