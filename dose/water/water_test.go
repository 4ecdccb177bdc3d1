package water_test

import (
	"math"
	"os"
	"testing"

	"radagora/content"
	"radagora/dicom"
	"radagora/dose"
	"radagora/dose/water"
	"radagora/fault"
)

// method loads what the program comes with.
func method(t testing.TB) (*water.Method, *dose.Physics) {
	t.Helper()
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	m, err := water.Load(library, "")
	if err != nil {
		t.Fatal(err)
	}
	p, err := dose.LoadPhysics(library, "")
	if err != nil {
		t.Fatal(err)
	}
	return m, p
}

// A shape gives a place in mm from the centre a CT number, or leaves it.
type shape func(x, y float64) (hu float64, in bool)

// disc is a cylinder seen from its end.
func disc(cx, cy, radius, hu float64) shape {
	return func(x, y float64) (float64, bool) { return hu, math.Hypot(x-cx, y-cy) <= radius }
}

// box is a bar.
func box(x0, y0, x1, y1, hu float64) shape {
	return func(x, y float64) (float64, bool) { return hu, x >= x0 && x <= x1 && y >= y0 && y <= y1 }
}

// slice draws shapes over air on n by n pixels of a spacing in mm; each later shape
// covers those before it.
func slice(n int, spacing float64, shapes ...shape) water.Grid {
	g := water.Grid{Rows: n, Columns: n, Row: spacing, Column: spacing, HU: make([]float64, n*n)}
	for i := range g.HU {
		g.HU[i] = -1000
		x, y := (float64(i%n)+0.5-float64(n)/2)*spacing, (float64(i/n)+0.5-float64(n)/2)*spacing
		for _, s := range shapes {
			if hu, in := s(x, y); in {
				g.HU[i] = hu
			}
		}
	}
	return g
}

// TestDiameter holds cylinders of which the diameter is known exactly.
func TestDiameter(t *testing.T) {
	table := box(-220, 150, 220, 158, 100)
	for _, c := range []struct {
		name   string
		slice  water.Grid
		dw     float64 // cm
		within float64
	}{
		{"30 cm of water", slice(512, 0.98, disc(0, 0, 150, 0)), 30, 0.05},
		{"16 cm of water, smaller pixels", slice(512, 0.4, disc(0, 0, 80, 0)), 16, 0.03},
		{"larger pixels", slice(128, 3.9, disc(0, 0, 150, 0)), 30, 0.2},
		{"32 cm at 120 HU, as PMMA is", slice(512, 0.98, disc(0, 0, 160, 120)), 32 * math.Sqrt(1.12), 0.05},
		{"lungs count with their own number", slice(512, 0.98, disc(0, 0, 150, 0), disc(-70, 0, 50, -850), disc(70, 0, 50, -850)), 2 * math.Sqrt(225-0.85*50), 0.05},
		{"gas within is no outside", slice(512, 0.98, disc(0, 0, 150, 0), disc(0, 0, 30, -1000)), 2 * math.Sqrt(225-9), 0.05},
		{"a table that touches does not count", slice(512, 0.98, disc(0, 0, 150, 0), table), 30, 0.1},
		{"nor one below", slice(512, 0.98, disc(0, 0, 150, 0), box(-220, 170, 220, 176, 300)), 30, 0.05},
		{"nor a cable", slice(512, 0.98, disc(0, 0, 150, 0), disc(180, 0, 5, 500)), 30, 0.05},
		{"arms do", slice(512, 0.98, disc(0, 0, 120, 0), disc(-170, 0, 40, 0), disc(170, 0, 40, 0)), 2 * math.Sqrt(144+2*16), 0.05},
		{"two legs", slice(512, 0.98, disc(-80, 0, 70, 0), disc(80, 0, 70, 0)), 2 * math.Sqrt(2*49), 0.05},
		{"off the centre", slice(512, 0.98, disc(60, -40, 100, 0)), 20, 0.05},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, _ := method(t)
			got, err := m.Slice(c.slice, "")
			if err != nil || got.Refusal != "" {
				t.Fatal(got, err)
			}
			if math.Abs(got.Diameter-c.dw) > c.within {
				t.Errorf("%.3f cm; want %.3f within %.2f", got.Diameter, c.dw, c.within)
			}
			t.Logf("%.3f cm; exactly %.3f", got.Diameter, c.dw)
		})
	}
}

// TestBrief holds the arithmetic of the dose brief: mean -100 HU over 700 cm².
func TestBrief(t *testing.T) {
	m, _ := method(t)
	got, err := m.Slice(slice(700, 0.5, disc(0, 0, 10*math.Sqrt(700/math.Pi), -100)), "")
	if err != nil || math.Abs(got.Diameter-28.32) > 0.01 || math.Abs(got.Mean+100) > 1e-9 || math.Abs(got.Area-700) > 0.5 {
		t.Errorf("%+v %v; want 28.32 cm", got, err)
	}
}

// TestTruncation holds that what the field of view cuts off is seen by how much of
// the outline it is, refused, and corrected only by name.
func TestTruncation(t *testing.T) {
	m, _ := method(t)
	round := slice(512, 0.8, disc(60, 0, 160, 0)) // a circle of 204.8 mm that the body leaves
	for i := range round.HU {
		x, y := (float64(i%512)+0.5-256)*0.8, (float64(i/512)+0.5-256)*0.8
		if math.Hypot(x, y) > 204.8 {
			round.HU[i] = math.NaN()
		}
	}
	flat := slice(512, 0.8, disc(60, 0, 160, 0))
	for i := range flat.HU {
		if math.IsNaN(round.HU[i]) {
			flat.HU[i] = -1024
		}
	}
	for _, c := range []struct {
		name   string
		slice  water.Grid
		lo, hi float64
	}{
		{"at the edge of the image", slice(512, 0.6, disc(0, 0, 200, 0)), 0.3, 1},
		{"by padding", round, 0.05, 0.4},
		{"by a circle of one number", flat, 0.05, 0.4},
		{"nothing is cut", slice(512, 0.98, disc(0, 0, 150, 0)), 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := m.Slice(c.slice, "")
			if err != nil || got.Cut < c.lo || got.Cut > c.hi {
				t.Fatalf("%.3f of the outline cut (%v); want %v to %v", got.Cut, err, c.lo, c.hi)
			}
			if (got.Refusal == water.Truncated) != (c.hi > 0) || (got.Diameter == 0) != (c.hi > 0) {
				t.Errorf("%+v", got)
			}
			if c.hi == 0 {
				return
			}
			corrected, err := m.Slice(c.slice, water.Anam2017)
			raw := 2 * math.Sqrt(corrected.Area*(1+corrected.Mean/1000)/math.Pi)
			if want := raw * math.Exp(1.15*got.Cut*got.Cut*got.Cut); err != nil || math.Abs(corrected.Diameter-want) > 1e-9 || corrected.Correction != water.Anam2017 {
				t.Errorf("%+v %v; want %.3f", corrected, err, want)
			}
		})
	}
}

// TestRefused holds what is no slice.
func TestRefused(t *testing.T) {
	m, _ := method(t)
	if got, err := m.Slice(slice(256, 1), ""); err != nil || got.Refusal != water.NoBody {
		t.Errorf("air: %+v %v", got, err)
	}
	for name, g := range map[string]water.Grid{
		"no pixels": {}, "too few": {Rows: 2, Columns: 2, Row: 1, Column: 1, HU: []float64{1}},
		"no spacing": {Rows: 1, Columns: 1, Row: math.NaN(), Column: 1, HU: []float64{0}},
	} {
		if _, err := m.Slice(g, ""); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := m.Slice(slice(8, 1), "mine"); fault.Of(err) != fault.Invalid {
		t.Errorf("a correction nobody knows: %v", err)
	}
}

// TestImage measures a real CT image, of pydicom, which shows a small part of a body.
func TestImage(t *testing.T) {
	m, physics := method(t)
	f, err := os.Open("/usr/lib/python3/dist-packages/pydicom/data/test_files/CT_small.dcm")
	if err != nil {
		t.Skip("test files of pydicom not found: ", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	d, err := dicom.Open(f, info.Size(), nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := m.Image(d, physics, "")
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	t.Logf("%+v", all[0])
	if all[0].Refusal != water.Truncated || all[0].SSDE != 0 || all[0].NoSSDE != "truncated" {
		t.Errorf("%+v; want it refused as cut off", all[0])
	}
}

// FuzzSlice proves that no grid stops the method, and that a diameter is one.
func FuzzSlice(f *testing.F) {
	f.Add(8, 1.0, 1.0, []byte{0, 200, 100, 255, 1, 2, 3})
	f.Fuzz(func(t *testing.T, n int, row, column float64, data []byte) {
		if n <= 0 || n > 64 {
			return
		}
		m, _ := method(t)
		g := water.Grid{Rows: n, Columns: n, Row: row, Column: column, HU: make([]float64, n*n)}
		for i := range g.HU {
			if len(data) > 0 {
				g.HU[i] = float64(data[i%len(data)])*20 - 2000
			}
		}
		got, err := m.Slice(g, water.Anam2017)
		if err == nil && (math.IsNaN(got.Cut) || got.Cut < 0 || got.Cut > 1) {
			t.Errorf("%+v", got)
		}
	})
}

// BenchmarkSlice measures one slice of 512 by 512 pixels.
func BenchmarkSlice(b *testing.B) {
	m, _ := method(b)
	g := slice(512, 0.98, disc(0, 0, 150, 0), disc(-70, 0, 50, -850), box(-220, 150, 220, 158, 100))
	for b.Loop() {
		_, _ = m.Slice(g, "")
	}
}
