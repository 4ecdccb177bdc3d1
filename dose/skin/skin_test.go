package skin_test

import (
	"bytes"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/content"
	"radagora/dose"
	"radagora/dose/skin"
)

// method loads what the program comes with.
func method(t testing.TB) *skin.Method {
	t.Helper()
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	m, err := skin.Load(library, "")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// sample reads a dose report of the shared samples as a study.
func sample(t testing.TB, name string) *dose.Study {
	t.Helper()
	shared := os.Getenv("RADAGORA_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(shared, "samples", "rdsr", name))
	if err != nil {
		t.Skip("shared samples not found: ", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	r, err := dose.ReadFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return dose.Join([]*dose.Report{r})[0]
}

// exposure is a beam from below on the standard patient's trunk.
func exposure() skin.Exposure {
	u := skin.Unknown()
	return skin.Exposure{
		Plane: "single", RP: 1, DAP: 0.01, KVP: 80, Copper: 0.3, Aluminium: u, FieldArea: u,
		SourceToIsocentre: 785, SourceToDetector: 1200, SourceToReference: u, ReferencePoint: "113860",
		PrimaryEnd: u, SecondaryEnd: u, TableLateral: 600, TableHeight: 150, Turn: u, Tilt: u, Cradle: u,
	}
}

// examination is one of exposures, of which nothing is unknown.
func examination(all ...skin.Exposure) skin.Examination {
	return skin.Examination{Manufacturer: "Siemens", Model: "AXIOM-Artis", Orientation: "HFS", Height: 1.786, Mass: 73.2, Exposures: all}
}

// codes are kind and code of items.
func codes(r *skin.Result) (all []string) {
	for _, i := range r.Items {
		all = append(all, i.Kind+" "+i.Code)
	}
	return all
}

// TestPublished holds the map of a report against what openSkin publishes for it:
// 1.717 mGy, 20 % to either side, the model's size, and that the whole beam meets it.
func TestPublished(t *testing.T) {
	r := method(t).Estimate(skin.Of(sample(t, "RF-RDSR-Siemens-Zee.dcm")))
	if r.Whole == nil {
		t.Fatalf("no map: %v", r.Items)
	}
	t.Logf("peak %.4f mGy (published 1.717), %s, %.0f mm from the vertex, %.3f of the beam met, %v", 1000*r.Whole.Peak.Dose, r.Whole.Peak.Side, r.Whole.Peak.Along, r.Whole.Caught, r.Items)
	if got := 1000 * r.Whole.Peak.Dose; math.Abs(got-1.717) > 0.2*1.717 {
		t.Errorf("peak %.3f mGy; want 1.717 within 20 %%", got)
	}
	if r.Whole.Peak.Side != "posterior" || r.Whole.Caught < 0.98 || r.Whole.Events != 8 || len(r.Planes) != 1 {
		t.Errorf("peak on the %s side, %.3f of the beam met, %d events, %d planes", r.Whole.Peak.Side, r.Whole.Caught, r.Whole.Events, len(r.Planes))
	}
	want := []string{"assumed height", "assumed weight", "limit head_end", "limit square_field"}
	if diff := cmp.Diff(want, codes(r)); diff != "" || r.Validity != skin.Indicative {
		t.Errorf("%s; items (-want +got):\n%s", r.Validity, diff)
	}
}

// TestModel holds the size of the model against what openSkin publishes of two
// patients, which counts in whole centimetres around the body.
func TestModel(t *testing.T) {
	for _, c := range []struct{ height, mass, width, depth float64 }{{1.786, 73.2, 337.35, 197.35}, {1.79, 77, 353.72, 203.72}} {
		x := examination(exposure())
		x.Height, x.Mass = c.height, c.mass
		b := method(t).Estimate(x).Body
		if math.Abs(b.Width-c.width) > 10 || math.Abs(b.Depth-c.depth) > 10/math.Pi {
			t.Errorf("%v m, %v kg: %.1f x %.1f mm; published %.1f x %.1f", c.height, c.mass, b.Width, b.Depth, c.width, c.depth)
		}
	}
}

// TestOneBeam holds the middle of one beam from below against the rule worked by hand.
func TestOneBeam(t *testing.T) {
	r := method(t).Estimate(examination(exposure()))
	if r.Validity != skin.Validated {
		t.Fatalf("%s: %v", r.Validity, r.Items)
	}
	// The back is 110 mm below the isocentre, 675 mm above the source; the reference
	// point 635 mm; the field is 100 mm wide there and 106 mm at the skin.
	// Backscatter, medium and table as the tables have them at 80 kV and 0.3 mm Cu.
	inverse := 635.0 / 675 * 635 / 675
	low, high := inverse*1.38*1.02*0.7319, inverse*1.46*1.05*0.7319
	if p := r.Whole.Peak.Dose; p < low || p > high {
		t.Errorf("peak %.4f Gy; want %.4f to %.4f", p, low, high)
	}
	if along := r.Whole.Peak.Along; math.Abs(along-600) > 60 {
		t.Errorf("peak %.0f mm from the vertex; want within the field about 600", along)
	}
	// The field of 106 mm wide at the skin.
	if area := float64(r.Whole.Cells) * r.Whole.Width * r.Whole.Height; math.Abs(area/(106.3*106.3)-1) > 0.12 {
		t.Errorf("%.0f mm² of skin irradiated; want about %.0f", area, 106.3*106.3)
	}
}

// TestSides holds where beams from all directions meet the body, and that only those
// from below lose something to the table.
func TestSides(t *testing.T) {
	for _, c := range []struct {
		name               string
		primary, secondary float64
		side               string
	}{
		{"from below", 0, 0, "posterior"},
		{"from above", 180, 0, "anterior"},
		{"detector to the left: source to the right", 90, 0, "right"},
		{"detector to the right", -90, 0, "left"},
		{"cranial", 0, 30, "posterior"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := exposure()
			e.Primary, e.Secondary = c.primary, c.secondary
			r := method(t).Estimate(examination(e))
			if r.Whole == nil || r.Whole.Peak.Side != c.side {
				t.Fatalf("%+v; want %s", r.Items, c.side)
			}
		})
	}
	e := exposure()
	e.Secondary = 30 // detector to the head: source to the feet, which the beam enters further down
	straight, tilted := method(t).Estimate(examination(exposure())).Whole, method(t).Estimate(examination(e)).Whole
	if centre(tilted) <= centre(straight)+40 {
		t.Errorf("a cranial beam enters %.0f mm from the vertex, a straight one %.0f", centre(tilted), centre(straight))
	}
}

// centre returns the mean row of a map.
func centre(p *skin.Map) float64 {
	var sum, all float64
	for i, d := range p.Dose {
		sum, all = sum+d*float64(i/p.Columns)*p.Height, all+d
	}
	return sum / all
}

// some returns n exposures that differ.
func some(n int) []skin.Exposure {
	rnd := rand.New(rand.NewPCG(1, 2))
	all := make([]skin.Exposure, n)
	for i := range all {
		e := exposure()
		e.RP, e.DAP = 0.001*rnd.Float64(), 0.00001*rnd.Float64()
		e.DAP = e.RP * (0.004 + 0.012*rnd.Float64())
		e.KVP, e.Copper = 60+50*rnd.Float64(), 0.1*float64(rnd.IntN(9))
		e.Primary, e.Secondary = 90*rnd.Float64()-45, 40*rnd.Float64()-20
		e.TableLateral, e.TableHeight, e.TableLongitudinal = 500+200*rnd.Float64(), 100+100*rnd.Float64(), 60*rnd.Float64()-30
		all[i] = e
	}
	return all
}

// TestProperties holds what must be so whatever the numbers are.
func TestProperties(t *testing.T) {
	m, all := method(t), some(40)
	whole := m.Estimate(examination(all...)).Whole
	t.Run("order does not matter", func(t *testing.T) {
		other := slices.Clone(all)
		slices.Reverse(other)
		if diff := cmp.Diff(whole, m.Estimate(examination(other...)).Whole); diff != "" {
			t.Errorf("reversed:\n%s", diff)
		}
	})
	t.Run("halves sum to the whole", func(t *testing.T) {
		a, b := m.Estimate(examination(all[:20]...)).Whole, m.Estimate(examination(all[20:]...)).Whole
		for i := range whole.Dose {
			if math.Abs(a.Dose[i]+b.Dose[i]-whole.Dose[i]) > 1e-12 {
				t.Fatalf("cell %d: %v and %v; together %v", i, a.Dose[i], b.Dose[i], whole.Dose[i])
			}
		}
	})
	t.Run("twice the dose doubles every cell", func(t *testing.T) {
		twice := slices.Clone(all)
		for i := range twice {
			twice[i].RP, twice[i].DAP = 2*twice[i].RP, 2*twice[i].DAP
		}
		double := m.Estimate(examination(twice...)).Whole
		for i := range whole.Dose {
			if math.Abs(double.Dose[i]-2*whole.Dose[i]) > 1e-12 {
				t.Fatalf("cell %d: %v; want %v", i, double.Dose[i], 2*whole.Dose[i])
			}
		}
	})
	t.Run("planes apart sum to the whole", func(t *testing.T) {
		two := slices.Clone(all)
		for i := range two {
			two[i].Plane = string("AB"[i%2])
		}
		r := m.Estimate(examination(two...))
		if len(r.Planes) != 2 || r.Planes[0].Plane != "A" || r.Planes[0].Events != 20 {
			t.Fatalf("%d planes", len(r.Planes))
		}
		for i := range r.Whole.Dose {
			if math.Abs(r.Planes[0].Dose[i]+r.Planes[1].Dose[i]-whole.Dose[i]) > 1e-12 {
				t.Fatalf("cell %d of two planes", i)
			}
		}
	})
	t.Run("a turn without a way is a still beam", func(t *testing.T) {
		still := slices.Clone(all)
		for i := range still {
			still[i].PrimaryEnd, still[i].SecondaryEnd = still[i].Primary, still[i].Secondary
		}
		if got := m.Estimate(examination(still...)).Whole.Peak; math.Abs(got.Dose-whole.Peak.Dose) > 1e-12 {
			t.Errorf("peak %v; want %v", got, whole.Peak)
		}
	})
	t.Run("a turn spreads the dose", func(t *testing.T) {
		e := exposure()
		e.Primary, e.PrimaryEnd = -90, 90
		if turned, one := m.Estimate(examination(e)).Whole.Peak.Dose, m.Estimate(examination(exposure())).Whole.Peak.Dose; turned >= one/2 {
			t.Errorf("peak %v Gy of a turn, %v of a still beam", turned, one)
		}
	})
}

// TestRefused holds that nothing is estimated from what is not known.
func TestRefused(t *testing.T) {
	u := skin.Unknown()
	for _, c := range []struct {
		name   string
		change func(*skin.Examination)
		want   string
	}{
		{"no angle", func(x *skin.Examination) { x.Exposures[0].Primary = u }, "missing angles"},
		{"no table position", func(x *skin.Examination) { x.Exposures[0].TableHeight = u }, "missing table_position"},
		{"a reference point nobody knows", func(x *skin.Examination) { x.Exposures[0].ReferencePoint = "26.0 cm Chamber Patient Distance" }, "missing reference_distance"},
		{"no distance to the isocentre", func(x *skin.Examination) {
			x.Exposures[0].SourceToIsocentre, x.Exposures[0].SourceToReference = u, 635
		}, "missing source_to_isocentre"},
		{"no size of the field", func(x *skin.Examination) { x.Exposures[0].DAP = u }, "missing field_size"},
		{"no tube voltage", func(x *skin.Examination) { x.Exposures[0].KVP = u }, "missing tube_voltage"},
		{"no dose at the reference point", func(x *skin.Examination) { x.Exposures[0].RP = u }, "missing reference_dose"},
		{"no orientation", func(x *skin.Examination) { x.Orientation = "" }, "missing orientation"},
		{"feet first", func(x *skin.Examination) { x.Orientation = "FFS" }, "missing other_orientation"},
		{"another system", func(x *skin.Examination) { x.Model = "Ultimax" }, "missing device"},
		{"a weight that is none", func(x *skin.Examination) { x.Mass = 4000 }, "missing patient_size"},
		{"nothing happened", func(x *skin.Examination) { x.Exposures[0].RP = 0 }, "missing events"},
		{"a head examined", func(x *skin.Examination) { x.Exposures[0].TableLateral = 50 }, "missing beam_beside"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := examination(exposure())
			c.change(&x)
			r := method(t).Estimate(x)
			if r.Validity != skin.NotPossible || r.Whole != nil || !slices.Contains(codes(r), c.want) {
				t.Errorf("%s, %v; want %s and no map", r.Validity, codes(r), c.want)
			}
		})
	}
}

// TestAssumed holds that what was assumed is said and weakens the badge.
func TestAssumed(t *testing.T) {
	u := skin.Unknown()
	for _, c := range []struct {
		name   string
		change func(*skin.Examination)
		want   string
	}{
		{"no filter", func(x *skin.Examination) { x.Exposures[0].Copper = u }, "assumed filter"},
		{"aluminium", func(x *skin.Examination) { x.Exposures[0].Aluminium = 1 }, "assumed aluminium_filter"},
		{"no weight", func(x *skin.Examination) { x.Mass = u }, "assumed weight"},
		{"no height", func(x *skin.Examination) { x.Height = u }, "assumed height"},
		{"a tilted table", func(x *skin.Examination) { x.Exposures[0].Tilt = 10 }, "assumed table_turned"},
		{"a field over the edge of the trunk", func(x *skin.Examination) { x.Exposures[0].TableLateral = 250 }, "limit part_beside"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := examination(exposure())
			c.change(&x)
			r := method(t).Estimate(x)
			if r.Validity != skin.Indicative || r.Whole == nil || !slices.Contains(codes(r), c.want) {
				t.Errorf("%s, %v; want %s", r.Validity, codes(r), c.want)
			}
		})
	}
}

// TestSamples holds which reports of several vendors a map can be made of.
func TestSamples(t *testing.T) {
	for name, want := range map[string][]string{
		"RF-RDSR-GE.dcm":                         {"missing angles", "missing device"},
		"RF-RDSR-Canon-Ultimaxi-mGyDoseAtRP.dcm": {"missing angles", "missing device"},
		"RF-RDSR-Philips_Allura.dcm":             {},
		"philips_allura_clarity_u104.dcm":        {},
		"siemens_axiom_artis.dcm":                {},
	} {
		t.Run(name, func(t *testing.T) {
			r := method(t).Estimate(skin.Of(sample(t, name)))
			t.Log(r.Validity, r.Items)
			if r.Validity != skin.NotPossible || r.Whole != nil {
				t.Errorf("%s: a map of a report that does not say enough", r.Validity)
			}
			for _, w := range want {
				if !slices.Contains(codes(r), w) {
					t.Errorf("%v; want %s", codes(r), w)
				}
			}
		})
	}
}

// TestPicture draws a map.
func TestPicture(t *testing.T) {
	r := method(t).Estimate(examination(some(20)...))
	var b bytes.Buffer
	if err := png.Encode(&b, r.Whole.Picture(r.Body)); err != nil {
		t.Fatal(err)
	}
	if to := os.Getenv("RADAGORA_PICTURE"); to != "" {
		if err := os.WriteFile(to, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkEstimate measures an examination of 500 events.
func BenchmarkEstimate(b *testing.B) {
	m, x := method(b), examination(some(500)...)
	for b.Loop() {
		m.Estimate(x)
	}
}
