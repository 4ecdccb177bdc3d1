package dose

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/content"
)

// settings loads what the program comes with.
func settings(t *testing.T) Settings {
	t.Helper()
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	s, err := LoadSettings(library, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The cases are the acceptance values of the dose brief: 20 values 10 to 200,
// median 105, interval 60 to 150.
func TestCompare(t *testing.T) {
	s := settings(t)
	for _, c := range []struct {
		name string
		q    Question
		want Answer
	}{
		{"far above", Question{HasLevel: true, Level: 50}, Answer{State: AboveCertain, Above: true}},
		{"the lower limit equals the level", Question{HasLevel: true, Level: 60}, Answer{State: AboveNotCertain, Above: true}},
		{"above within the interval", Question{HasLevel: true, Level: 100}, Answer{State: AboveNotCertain, Above: true}},
		{"the median equals the level", Question{HasLevel: true, Level: 105}, Answer{State: AtOrBelow}},
		{"below though the interval is not", Question{HasLevel: true, Level: 140}, Answer{State: AtOrBelow}},
		{"below", Question{HasLevel: true, Level: 160}, Answer{State: AtOrBelow}},
		{"below a guide value", Question{HasLevel: true, Level: 200, Guide: 110}, Answer{State: AtOrBelow, Notes: []Note{LowInformation}}},
		{"below half the level", Question{HasLevel: true, Level: 320}, Answer{State: AtOrBelow, Notes: []Note{LowCheck}}},
		{"below a guide value with bad images", Question{HasLevel: true, Level: 200, Guide: 110, ImageQuality: true}, Answer{State: AtOrBelow, Notes: []Note{LowCheck}}},
		{"no level", Question{}, Answer{State: NoLevel}},
		{"the level asks for more examinations", Question{HasLevel: true, Level: 50, MinN: 30}, Answer{State: TooFew, Above: true, Wanted: 30}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.q.Statistic, c.q.Comparable = Describe(decade(20), 0.95), true
			if c.want.Wanted == 0 {
				c.want.Wanted = 20
			}
			if c.q.HasLevel {
				c.want.Ratio = 105 / c.q.Level
			}
			if diff := cmp.Diff(c.want, s.Compare(c.q)); diff != "" {
				t.Errorf("Compare (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompareFew(t *testing.T) {
	s := settings(t)
	got := s.Compare(Question{Statistic: Describe(decade(8), 0.95), Comparable: true, HasLevel: true, Level: 40})
	if got.State != TooFew || !got.Above || got.Wanted != 20 {
		t.Errorf("8 values, median 45, level 40: %+v; want above the level, but too few of 20", got)
	}
	got = s.Compare(Question{Statistic: Describe(decade(30), 0.95), HasLevel: true, Level: 40})
	if got.State != NotCompared {
		t.Errorf("an assumed indication: %+v; want not compared", got)
	}
}

func TestCompareIgnoresFloatRounding(t *testing.T) {
	s := settings(t)
	got := s.Compare(Question{Statistic: Statistic{N: 20, Median: 0.1 + 0.2, Low: 0.1 + 0.2, High: 1, Interval: true}, Comparable: true, HasLevel: true, Level: 0.3})
	if got.State != AtOrBelow {
		t.Errorf("0.1 + 0.2 beside 0.3: %v; want at or below", got.State)
	}
}

func TestConsistentlyAbove(t *testing.T) {
	s := settings(t)
	for _, c := range []struct {
		name    string
		periods []State
		want    bool
	}{
		{"no period", nil, false},
		{"one period", []State{AboveCertain}, false},
		{"two, not certain", []State{AboveNotCertain, AboveNotCertain}, true},
		{"certain, then not certain", []State{AboveCertain, AboveNotCertain}, true},
		{"interrupted", []State{AboveCertain, AtOrBelow, AboveCertain}, false},
		{"too few counts as not above", []State{AboveCertain, TooFew, AboveCertain}, false},
		{"over since", []State{AboveCertain, AboveCertain, AtOrBelow}, false},
		{"three of the last four", []State{AboveCertain, AtOrBelow, AboveCertain, AboveCertain}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := s.ConsistentlyAbove(c.periods); got != c.want {
				t.Errorf("ConsistentlyAbove(%v) = %v; want %v", c.periods, got, c.want)
			}
		})
	}
}

func TestThreeOfFourAcrossALongerRun(t *testing.T) {
	s := settings(t)
	s.Consecutive = 3 // a country that lengthens the first arm
	if !s.ConsistentlyAbove([]State{AboveCertain, AboveNotCertain, AtOrBelow, AboveCertain}) {
		t.Error("three of the last four are not consistent; want consistent")
	}
	if s.ConsistentlyAbove([]State{AtOrBelow, AboveCertain, AboveCertain}) {
		t.Error("two in a row are consistent; want three")
	}
}

// Every state and note that the program knows has its words, and the other way round.
func TestStatesHaveWords(t *testing.T) {
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	table, err := library.Table("", "dose/state", "states")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for row := range table.All() {
		got[row.Text("state")] = row.Text("kind")
	}
	want := map[string]string{string(LowInformation): "note", string(LowCheck): "note"}
	for _, s := range []State{NoLevel, NotCompared, TooFew, AtOrBelow, AboveNotCertain, AboveCertain} {
		want[string(s)] = "state"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states in content (-program +content):\n%s", diff)
	}
}
