package dose_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"radagora/content"
	"radagora/dose"
	"radagora/ucum"
)

// physics loads the coefficients that the program comes with.
func physics(t *testing.T) *dose.Physics {
	t.Helper()
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	p, err := dose.LoadPhysics(library, "")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// scanned is an event of a CT with numbers.
func scanned(phantom string, numbers map[dose.Field]string) *dose.Event {
	e := &dose.Event{Phantom: phantom, Type: "spiral"}
	for f, n := range numbers {
		d := ucum.MustDecimal(n)
		e.Values = append(e.Values, dose.Value{Field: f, Number: &d})
	}
	return e
}

// TestSizeSpecific holds the published arithmetic (dose brief 12.3).
func TestSizeSpecific(t *testing.T) {
	p := physics(t)
	for _, c := range []struct {
		name    string
		phantom string
		head    bool
		numbers map[dose.Field]string
		years   float64
		want    string
	}{
		{"32 cm phantom, 30 cm", "body32", false, map[dose.Field]string{dose.FieldCTDIvol: "1", "water_diameter_mm": "300"}, -1, "1.2311 1.23 water"},
		{"32 cm phantom, 20 cm", "body32", false, map[dose.Field]string{dose.FieldCTDIvol: "1", "water_diameter_mm": "200"}, -1, "1.7774 1.78 water"},
		{"16 cm phantom, 20 cm", "head16", false, map[dose.Field]string{dose.FieldCTDIvol: "1", "water_diameter_mm": "200"}, -1, "0.8644 0.86 water"},
		{"head, 18 cm", "head16", true, map[dose.Field]string{dose.FieldCTDIvol: "1", "water_diameter_mm": "180"}, -1, "0.8277 0.83 water"},
		{"9.91 mGy at 28 cm", "body32", false, map[dose.Field]string{dose.FieldCTDIvol: "9.91", "water_diameter_mm": "280"}, -1, "1.3249 13.13 water"},
		{"two dimensions", "body32", false, map[dose.Field]string{dose.FieldCTDIvol: "1", "ap_mm": "225", "lateral_mm": "400"}, -1, "1.2311 1.23 ap_lateral"},
		{"a derived diameter before dimensions", "body32", false, map[dose.Field]string{dose.FieldCTDIvol: "1", "effective_diameter_mm": "300", "ap_mm": "100"}, -1, "1.2311 1.23 effective"},
		{"no phantom", "", false, map[dose.Field]string{dose.FieldCTDIvol: "1", "water_diameter_mm": "300"}, -1, "no_phantom"},
		{"no size", "body32", false, map[dose.Field]string{dose.FieldCTDIvol: "1"}, -1, "no_size"},
		{"no CTDIvol", "body32", false, map[dose.Field]string{"water_diameter_mm": "300"}, -1, "no_value"},
		{"no body is as large", "body32", false, map[dose.Field]string{dose.FieldCTDIvol: "1", "water_diameter_mm": "460"}, -1, "out_of_domain"},
		{"none is as small", "body32", false, map[dose.Field]string{dose.FieldCTDIvol: "1", "water_diameter_mm": "79"}, -1, "out_of_domain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, why := p.SizeSpecific(scanned(c.phantom, c.numbers), c.head, c.years)
			got := string(why)
			if why == "" {
				got = fmt.Sprintf("%.4f %.2f %s", e.Factor, e.Value, e.Diameter.From)
			}
			if got != c.want {
				t.Errorf("%s; want %s", got, c.want)
			}
		})
	}
	localizer := scanned("body32", map[dose.Field]string{dose.FieldCTDIvol: "1", "water_diameter_mm": "300"})
	localizer.Type = "constant_angle"
	if _, why := p.SizeSpecific(localizer, false, -1); why != dose.NotAPatient {
		t.Errorf("a localizer: %q", why)
	}
}

// TestDiameterOfAge holds the fit against the printed table of AAPM 204, which it is
// within 0.05 cm of.
func TestDiameterOfAge(t *testing.T) {
	for years, want := range map[float64]float64{0: 11.2, 0.2: 12.1, 0.4: 13.1, 0.6: 13.9, 0.8: 14.6, 1: 15.1, 1.2: 15.6} {
		d, ok := physics(t).Diameter(scanned("body32", nil), years)
		if !ok || d.From != "age" || math.Abs(d.Centimetres-want) > 0.05 {
			t.Errorf("%v years: %v %v; want %v cm", years, d, ok, want)
		}
	}
}

// TestEffective holds the arithmetic of the dose brief, and what is refused.
func TestEffective(t *testing.T) {
	p := physics(t)
	trunk := dose.Scan{DLP: 724.52, Phantom: "body32", KVP: 120, Regions: []string{"chest", "abdomen", "pelvis"}, Years: 60}
	for _, c := range []struct {
		name   string
		change func(*dose.Scan)
		want   string // set, weights, value, age; or the reason of each set
	}{
		{"chest, abdomen and pelvis", func(*dose.Scan) {}, "lee2012 ICRP103 13.04 30; lee2012 ICRP60 12.68 30; eur16262 ICRP60 no_factor"},
		{"trunk", func(s *dose.Scan) { s.Regions = []string{"trunk"} }, "eur16262 ICRP60 10.87 18; lee2012 ICRP103 no_factor; lee2012 ICRP60 no_factor"},
		{"no phantom", func(s *dose.Scan) { s.Phantom = "" }, "eur16262 ICRP60 no_phantom; lee2012 ICRP103 no_phantom; lee2012 ICRP60 no_phantom"},
		{"no region", func(s *dose.Scan) { s.Regions = nil }, "eur16262 ICRP60 no_region; lee2012 ICRP103 no_region; lee2012 ICRP60 no_region"},
		{"no age", func(s *dose.Scan) { s.Regions, s.Years = []string{"chest"}, -1 }, "eur16262 ICRP60 no_age; lee2012 ICRP103 no_age; lee2012 ICRP60 no_age"},
		{"the other phantom", func(s *dose.Scan) { s.Regions, s.Phantom = []string{"trunk"}, "head16" }, "eur16262 ICRP60 other_phantom; lee2012 ICRP103 no_factor; lee2012 ICRP60 no_factor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := trunk
			c.change(&s)
			all, refused := p.Effective(s)
			var said []string
			for _, e := range all {
				said = append(said, fmt.Sprintf("%s %s %.2f %.0f", strings.TrimPrefix(e.Set, "dose/factor/"), e.Weights, e.Value, e.Age))
			}
			for _, name := range []string{"dose/factor/eur16262 ICRP60", "dose/factor/lee2012 ICRP103", "dose/factor/lee2012 ICRP60"} {
				if why, ok := refused[name]; ok {
					said = append(said, strings.TrimPrefix(name, "dose/factor/")+" "+string(why))
				}
			}
			if got := strings.Join(said, "; "); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
	for _, e := range func() []dose.Estimate { all, _ := p.Effective(trunk); return all }() {
		if !e.Assumed {
			t.Errorf("%s: the phantom of the set is not stated, and the estimate does not say so", e)
		}
	}
}

// TestAdministered holds the effective dose that a scanner computed itself against
// the coefficient.
func TestAdministered(t *testing.T) {
	p := physics(t)
	r, _ := sample(t, "NM-RRDSR-Siemens.dcm")
	activity, _ := r.Events[0].Number(dose.FieldActivity)
	stated, _ := r.Events[0].Number(dose.FieldEffective)
	e, why := p.Administered("[18F] FDG", activity.Float())
	if why != "" || math.Abs(e.Value-stated.Float()) > 0.001 {
		t.Errorf("%v %q; the scanner says %v mSv", e, why, stated)
	}
	if _, why := p.Administered("water", 1); why != dose.UnknownTracer {
		t.Errorf("an unknown tracer: %q", why)
	}
}
