package dose

import (
	"testing"

	"radagora/content"
	"radagora/fault"
)

// levels loads what the program comes with.
func levels(t *testing.T) []Level {
	t.Helper()
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	all, err := Levels(library, "")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

const (
	ukSet  = "dose/level/uk_ndrl_2024"
	dslSet = "dose/level/eu_euclid"
)

func adultStroke() Subject {
	return Subject{Exam: "CT_HEAD", Indication: "STROKE_ACUTE", Group: Group{Name: "adult"}, Measure: MeasureDLP, Day: "2026-06-30"}
}

func TestLevelsCarryTheirSource(t *testing.T) {
	for _, l := range levels(t) {
		if l.Value <= 0 || l.Unit == "" || l.Stated == "" || l.Source == "" || l.Set.Digest == "" {
			t.Fatalf("level without value, unit or source: %+v", l)
		}
	}
	r := Refer(levels(t), []Governing{{Set: ukSet, From: "2026-01-01"}}, adultStroke())
	if r.Governing == nil {
		t.Fatal("no governing level for adult stroke head CT")
	}
	if g := r.Governing; g.Stated != "790 mGy.cm" || g.Value != 790 || !g.Official || g.Set.ID != ukSet || g.Per != "examination" {
		t.Errorf("governing level %+v; want 790 mGy.cm, official, per examination", g)
	}
}

func TestNoSetGovernsByItself(t *testing.T) {
	r := Refer(levels(t), nil, adultStroke())
	if r.Governing != nil || len(r.Ticks) == 0 {
		t.Errorf("without a decision: governing %v, %d ticks; want none, some", r.Governing, len(r.Ticks))
	}
}

func TestAnIndicationMustFit(t *testing.T) {
	uk := []Governing{{Set: ukSet, From: "2026-01-01"}}
	s := adultStroke()
	s.Indication = ""
	if r := Refer(levels(t), uk, s); r.Governing != nil || !r.Other {
		t.Errorf("a generic head CT: governing %v, other %v; want none, and that one exists for an indication", r.Governing, r.Other)
	}
	s.Indication = "LUNG_CANCER"
	if r := Refer(levels(t), uk, s); r.Governing != nil || !r.Other {
		t.Errorf("another indication: governing %v, other %v; want none", r.Governing, r.Other)
	}
}

func TestALevelHasItsTime(t *testing.T) {
	for _, c := range []struct {
		name, day string
		g         Governing
		want      bool
	}{
		{"before the set", "2024-11-19", Governing{Set: ukSet, From: "2020-01-01"}, false},
		{"from its first day", "2024-11-20", Governing{Set: ukSet, From: "2020-01-01"}, true},
		{"before the decision", "2026-01-01", Governing{Set: ukSet, From: "2026-01-02"}, false},
		{"after the decision ended", "2026-07-01", Governing{Set: ukSet, From: "2026-01-02", To: "2026-06-30"}, false},
		{"for another examination", "2026-06-30", Governing{Set: ukSet, Exam: "CT_CHEST", From: "2026-01-01"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := adultStroke()
			s.Day = c.day
			if r := Refer(levels(t), []Governing{c.g}, s); (r.Governing != nil) != c.want {
				t.Errorf("governs: %v; want %v", r.Governing != nil, c.want)
			}
		})
	}
}

func TestTwoSetsDoNotGovernAtOnce(t *testing.T) {
	all := levels(t)
	uk := Governing{Set: ukSet, From: "2026-01-01"}
	for _, c := range []struct {
		name  string
		other Governing
		want  bool
	}{
		{"the same levels", Governing{Set: dslSet, From: "2026-06-01"}, true},
		{"one examination of them", Governing{Set: dslSet, Exam: "CT_HEAD", From: "2026-06-01"}, true},
		{"children beside adults", Governing{Set: "dose/level/eu_pidrl", From: "2026-06-01"}, false},
		{"another modality", Governing{Set: "dose/level/fr_nrd_2019", From: "2026-06-01"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Overlapping(all, []Governing{uk, c.other})
			if (err != nil) != c.want {
				t.Fatalf("Overlapping = %v; want conflict %v", err, c.want)
			}
			if err != nil && fault.Of(err) != fault.Conflict {
				t.Errorf("kind %v; want conflict", fault.Of(err))
			}
		})
	}
	ended := uk
	ended.To = "2026-05-31"
	if err := Overlapping(all, []Governing{ended, {Set: dslSet, From: "2026-06-01"}}); err != nil {
		t.Errorf("one after the other: %v; want no conflict", err)
	}
}

func TestMappings(t *testing.T) {
	m := NewMappings([]Mapping{
		{ID: "all", Name: "Head Routine", Source: FromProtocol, Exam: "CT_HEAD", ValidFrom: "2026-01-01"},
		{ID: "ct1", Name: "head  routine ", Source: FromProtocol, Machine: "ct1", Exam: "CT_SINUS", ValidFrom: "2026-01-01"},
		{ID: "new", Name: "Head Routine", Source: FromProtocol, Exam: "CT_HEAD", ValidFrom: "2026-06-01"},
		{ID: "gone", Name: "Chest", Source: FromProtocol, Exam: "CT_CHEST", RevokedAt: 1},
	})
	for _, c := range []struct {
		reason, name string
		source       NameSource
		machine, day string
		want         string
	}{
		{"case and spaces do not count", "HEAD ROUTINE", FromProtocol, "ct2", "2026-02-01", "all"},
		{"the machine's own goes first", "Head Routine", FromProtocol, "ct1", "2026-07-01", "ct1"},
		{"the newest that is valid", "Head Routine", FromProtocol, "ct2", "2026-07-01", "new"},
		{"not before it is valid", "Head Routine", FromProtocol, "ct2", "2025-12-31", ""},
		{"a procedure is no protocol", "Head Routine", FromProcedure, "ct2", "2026-07-01", ""},
		{"revoked", "Chest", FromProtocol, "ct2", "2026-07-01", ""},
		{"alike is not the same", "Head Routine 2", FromProtocol, "ct2", "2026-07-01", ""},
	} {
		t.Run(c.reason, func(t *testing.T) {
			got, ok := m.Find(c.name, c.source, c.machine, c.day)
			if ok != (c.want != "") || got.ID != c.want {
				t.Errorf("Find = %q, %v; want %q", got.ID, ok, c.want)
			}
		})
	}
}
