package skin

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"radagora/content"
)

// loaded is the method that the program comes with.
func loaded(t *testing.T) *Method {
	t.Helper()
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(library, "")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestBackscatter holds the published arithmetic (dose brief 12.3).
func TestBackscatter(t *testing.T) {
	m := loaded(t)
	for _, c := range []struct{ kvp, hvl, side, want float64 }{{80, 5, 10, 1.4018}, {80, 5, 20, 1.4908}, {60, 3, 5, 1.2437}} {
		values := make([]float64, len(m.sides))
		for i := range m.sides {
			values[i] = m.scatter(i, c.kvp, c.hvl)
		}
		if got := newSpline(m.sides, values).at(c.side); math.Abs(got-c.want) > 0.00005 {
			t.Errorf("%v kV, HVL %v mm, %v cm: %.4f; want %.4f", c.kvp, c.hvl, c.side, got, c.want)
		}
	}
}

// TestSpline holds that it goes through its points, keeps a straight line straight
// and stays at the ends.
func TestSpline(t *testing.T) {
	x := []float64{5, 10, 20, 25, 35}
	line := newSpline(x, []float64{1, 2, 4, 5, 7})
	for at, want := range map[float64]float64{5: 1, 7.5: 1.5, 20: 4, 31: 6.2, 35: 7, 3: 1, 50: 7} {
		if got := line.at(at); math.Abs(got-want) > 1e-12 {
			t.Errorf("at %v: %v; want %v", at, got, want)
		}
	}
	bent := newSpline(x, []float64{1.2, 1.4, 1.49, 1.5, 1.51})
	for i, want := range []float64{1.2, 1.4, 1.49, 1.5, 1.51} {
		if got := bent.at(x[i]); math.Abs(got-want) > 1e-12 {
			t.Errorf("at %v: %v; want %v", x[i], got, want)
		}
	}
}

// TestTables reads values back that the tables have, and between them.
func TestTables(t *testing.T) {
	m := loaded(t)
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"transmission at 80 kV, 0.3 mm Cu", m.through("siemens_axiom_artis", 80, 0.3), 0.7319},
		{"between 0.6 and 0.9 mm Cu", m.through("siemens_axiom_artis", 80, 0.75), (0.7477 + 0.754) / 2},
		{"above the table", m.through("siemens_axiom_artis", 140, 2), 0.7727},
		{"estimated for the other system", m.through("philips_allura_clarity", 90, 0.4), 0.8},
		{"half-value layer at 50 kV, 3.1 mm Al, 0.1 mm Cu", m.hvl(50, 3.1, 0.1), 2.89},
		{"tissue at 120 kV, 0.2 mm Cu, 5 cm", quality{medium: m.qualities(120, 8.01)}.tissue(5), 1.047},
	} {
		if math.Abs(c.got-c.want) > 1e-9 {
			t.Errorf("%s: %v; want %v", c.name, c.got, c.want)
		}
	}
}

// TestTranscription compares the tables with the files they were made from.
func TestTranscription(t *testing.T) {
	shared := os.Getenv("RADAGORA_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	read := func(name string) [][]string {
		f, err := os.Open(filepath.Join(shared, "facts", "dose", "data", name))
		if err != nil {
			t.Skip("shared facts not found: ", err)
		}
		defer f.Close()
		all, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return all[1:]
	}
	m := loaded(t)
	n := func(s string) float64 {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	medium := map[[5]float64]float64{}
	for _, r := range m.medium {
		medium[[5]float64{r.kvp, r.inherent, r.copper, r.side, r.hvl}] = r.factor
	}
	for _, r := range read("kmed_pyskindose.csv") {
		if got := medium[[5]float64{n(r[0]), n(r[1]), n(r[2]), n(r[5]), n(r[3])}]; got != n(r[7]) {
			t.Errorf("medium %v: %v", r, got)
		}
	}
	for _, r := range read("table_attenuation_pyskindose.csv") {
		device := map[string]string{"AXIOM-Artis": "siemens_axiom_artis", "AlluraClarity": "philips_allura_clarity"}[r[3]]
		if r[4] == "Plane B" {
			continue // estimated as nothing at all, which cannot be: plane A counts
		}
		if got := m.through(device, n(r[0]), n(r[1])); math.Abs(got-n(r[5])) > 1e-12 {
			t.Errorf("transmission %v: %v", r, got)
		}
	}
}

// TestComment reads the posture that Siemens hides in a comment, and no more.
func TestComment(t *testing.T) {
	for text, want := range map[string]string{
		`<Root><PatientPosition><Position SRData="HFS "/></PatientPosition></Root>`:                                                      "HFS",
		`<Root><PatientPosition><Position SRData="FFP"/>`:                                                                                "FFP",
		`<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><Root><PatientPosition><Position SRData="&b;"/></PatientPosition></Root>`: "",
		`HFS`: "", ``: "",
	} {
		if got := commented(text); got != want {
			t.Errorf("%s: %q; want %q", text, got, want)
		}
	}
}

// FuzzComment proves that no comment stops the reader.
func FuzzComment(f *testing.F) {
	f.Add(`<Root><PatientPosition><Position SRData="HFS "/></PatientPosition></Root>`)
	f.Add(`<PatientPosition><Position`)
	f.Fuzz(func(_ *testing.T, text string) { commented(text) })
}
