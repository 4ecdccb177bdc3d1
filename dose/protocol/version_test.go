package protocol

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/content"
)

// rulesOf loads the rules that come with the program.
func rulesOf(t *testing.T) Rules {
	t.Helper()
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	r, err := LoadRules(library, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// series makes one sample for each word: "120" or, with a second setting, "120/0.9".
// "-" is a study that does not tell it.
func series(words string) (all []sample) {
	for i, w := range strings.Fields(words) {
		kvp, pitch, _ := strings.Cut(w, "/")
		s := sample{day: "2026-01-" + strconv.Itoa(10+i), settings: map[string]string{}}
		if kvp != "-" {
			s.settings["kvp"] = kvp
		}
		if pitch != "" {
			s.settings["pitch"] = pitch
		}
		all = append(all, s)
	}
	return all
}

func TestVersions(t *testing.T) {
	rules := rulesOf(t)
	for _, c := range []struct {
		reason, words string
		want          []int // where versions begin
	}{
		{"one alone", "120", []int{0}},
		{"the same throughout", "120 120 120 120 120 120 120 120", []int{0}},
		{"a single deviation begins none", "120 120 120 120 80 120 120 120 120 120", []int{0}},
		{"two in a row begin none", "120 120 120 120 80 80 120 120 120 120 120", []int{0}},
		{"a lasting change", "120 120 120 120 100 100 100 100 100", []int{0, 4}},
		{"a lasting change with one deviation after it", "120 120 120 120 100 100 120 100 100 100", []int{0, 4}},
		{"four are not yet lasting", "120 120 120 120 100 100 100 100", []int{0}},
		{"there and back", "120 120 120 120 100 100 100 100 100 120 120 120 120 120", []int{0, 4, 9}},
		{"a machine that chooses for each patient", "100 120 100 120 120 100 120 100 100 100 100 100 120 120 120 120 120 100", []int{0}},
		{"no more choice", "100 120 100 120" + strings.Repeat(" 100", 20), []int{0, 4}},
		{"studies that do not tell it are passed over", "120 - 120 - 120 - 100 - 100 100 - 100 100", []int{0, 6}},
		{"two settings at once are one version", "120/1 120/1 120/1 100/0.9 100/0.9 100/0.9 100/0.9 100/0.9", []int{0, 3}},
		{"a deviation before there is a version", "80 120 120 120 120 120 120", []int{0}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			all := series(c.words)
			var got []int
			at := 0
			for _, v := range rules.versions(all) {
				got = append(got, at)
				at += v.N
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("versions begin (-want +got):\n%s", diff)
			}
			if at != len(all) {
				t.Errorf("versions hold %d of %d studies", at, len(all))
			}
		})
	}
}

func TestVersionSaysWhatBeganIt(t *testing.T) {
	all := rulesOf(t).versions(series("120/1 120/1 120/1 120/1 100/0.9 100/0.9 100/0.9 100/0.9 100/0.9"))
	want := []Changed{{"kvp", "120", "100"}, {"pitch", "1", "0.9"}}
	if len(all) != 2 || all[0].Changed != nil {
		t.Fatalf("got %d versions, the first begun by %v; want 2, the first by nothing", len(all), all[0].Changed)
	}
	if diff := cmp.Diff(want, all[1].Changed); diff != "" {
		t.Errorf("began by (-want +got):\n%s", diff)
	}
	if all[1].First != "2026-01-14" || all[1].Last != "2026-01-18" {
		t.Errorf("from %s to %s; want 2026-01-14 to 2026-01-18", all[1].First, all[1].Last)
	}
}

func TestRatio(t *testing.T) {
	var a []float64
	for i := 1; i <= 20; i++ {
		a = append(a, float64(10*i))
	}
	half := slices.Clone(a)
	for i := range half {
		half[i] /= 2
	}
	same := Ratio(a, a, 0.95, 6)
	if same.Ratio != 1 || same.Certain() || same.Low >= 1 || same.High <= 1 {
		t.Errorf("the same on both sides: %+v; want 1 with an interval around it", same)
	}
	// Each median from its 5th to its 16th of 20 values: 97.5 % each, by exact binomial.
	e := Ratio(a, half, 0.95, 6)
	if e.Ratio != 0.5 || e.Low != 25.0/160 || e.High != 80.0/50 {
		t.Errorf("half: %v from %v to %v; want 0.5 from 0.15625 to 1.6", e.Ratio, e.Low, e.High)
	}
	if few := Ratio(a, half[:5], 0.95, 6); few.Interval || few.Ratio == 0 {
		t.Errorf("five on one side: %+v; want a ratio without interval", few)
	}
	if none := Ratio(nil, a, 0.95, 6); none.Ratio != 0 {
		t.Errorf("nothing on one side: %v; want no ratio", none.Ratio)
	}
	if zero := Ratio([]float64{0, 0, 0}, a, 0.95, 6); zero.Ratio != 0 {
		t.Errorf("a median of 0: %v; want no ratio", zero.Ratio)
	}
}

func TestCommented(t *testing.T) {
	const siemens = "Internal technical scan parameters: Organ Characteristic = Abdomen, Body Size = Adult, X-ray Modulation Type = XYZ_EC"
	for _, c := range []struct{ reason, comment, name, want string }{
		{"of several", siemens, "X-ray Modulation Type", "XYZ_EC"},
		{"the first", siemens, "Organ Characteristic", "Abdomen"},
		{"not there", siemens, "Slice Width", ""},
		{"without a beginning", "Slice Width = 5", "slice width", "5"},
		{"of people", "patient moved, repeat", "Body Size", ""},
	} {
		if got := commented(c.comment, c.name); got != c.want {
			t.Errorf("%s: %q; want %q", c.reason, got, c.want)
		}
	}
}

func FuzzCommented(f *testing.F) {
	f.Add("a: b = c, d = e", "d")
	f.Add("=,=:", "")
	f.Fuzz(func(t *testing.T, comment, name string) {
		if got := commented(comment, name); !strings.Contains(comment, got) {
			t.Errorf("%q is not of the comment", got)
		}
	})
}

func TestOdd(t *testing.T) {
	room := func(name, state string, values ...CheckValue) CheckRoom {
		return CheckRoom{Machine: name, Whole: []CheckGroup{{Kind: "alert", Quantity: "ctdivol", State: state, Values: values}}}
	}
	usual := []CheckRoom{room("a", Configured, CheckValue{50, 3}), room("b", Configured, CheckValue{60, 3})}
	for _, c := range []struct {
		reason string
		room   CheckRoom
		want   int
	}{
		{"as the others", room("c", Configured, CheckValue{55, 1}), 0},
		{"twice their median is not more than twice", room("c", Configured, CheckValue{110, 1}), 0},
		{"more than twice", room("c", Configured, CheckValue{111, 1}), 1},
		{"not configured", room("c", NotConfigured), 1},
		{"nobody knows", room("c", NotRecorded), 0},
		{"configured, and the value not sent", room("c", NotSent), 0},
	} {
		if got := Odd(append(slices.Clone(usual), c.room), 2); len(got) != c.want {
			t.Errorf("%s: %v; want %d", c.reason, got, c.want)
		}
	}
	if got := Odd([]CheckRoom{room("a", NotConfigured), room("b", NotConfigured)}, 2); len(got) != 0 {
		t.Errorf("nobody has one: %v; want none, there is nothing to compare", got)
	}
}
