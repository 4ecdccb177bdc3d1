package dose_test

import (
	"testing"

	"radagora/dicom/sr"
	"radagora/dose"
	"radagora/ucum"
)

// covering returns a scan; low and high are "" if the report does not say.
func covering(kind, region, phantom, ctdi, low, high string) *dose.Event {
	e := &dose.Event{Type: kind, Phantom: phantom, Region: dose.Coded{Written: sr.Code{Value: region, Scheme: "99TEST"}}}
	add := func(f dose.Field, raw string) {
		if raw != "" {
			n := ucum.MustDecimal(raw)
			e.Values = append(e.Values, dose.Value{Field: f, Number: &n})
		}
	}
	add(dose.FieldCTDIvol, ctdi)
	add(dose.FieldZTop, high)
	add(dose.FieldZBottom, low)
	return e
}

func TestOverlapping(t *testing.T) {
	type scans []*dose.Event
	framed := func(e *dose.Event, frame string) *dose.Event {
		e.Values = append(e.Values, dose.Value{Field: "frame_of_reference_uid", Text: frame})
		return e
	}
	for _, c := range []struct {
		name    string
		scans   scans
		want    string // "" where nothing is summed
		events  int
		assumed bool
	}{
		{name: "no scan"},
		{name: "localizers are never in it", scans: scans{covering("constant_angle", "chest", "body32", "0.2", "", "")}},
		{"one scan, whatever it is of", scans{covering("spiral", "", "", "8", "", "")}, "8", 1, false},
		{"ranges apart", scans{covering("spiral", "chest", "body32", "8", "0", "300"), covering("spiral", "chest", "body32", "9", "400", "500")}, "9", 1, false},
		{"ranges that touch", scans{covering("spiral", "chest", "body32", "8", "0", "300"), covering("spiral", "chest", "body32", "9", "300", "500")}, "9", 1, false},
		{
			"ranges that overlap in turn are highest at one place",
			scans{
				covering("spiral", "chest", "body32", "8", "0", "300"), covering("spiral", "abdomen", "body32", "9", "250", "500"),
				covering("spiral", "pelvis", "body32", "4", "450", "700"),
			},
			"17", 2, false,
		},
		{"top and bottom the other way round", scans{covering("spiral", "chest", "body32", "8", "300", "0"), covering("spiral", "chest", "body32", "9", "500", "100")}, "17", 2, false},
		{"a short scan within a long one", scans{covering("spiral", "chest", "body32", "8", "0", "300"), covering("stationary", "", "body32", "40", "100", "110")}, "48", 2, false},
		{
			"two frames of reference cannot be laid side by side",
			scans{framed(covering("spiral", "chest", "body32", "8", "0", "300"), "1.2"), framed(covering("spiral", "chest", "body32", "9", "400", "500"), "1.3")},
			"17", 2, true,
		},
		{"no ranges, same region", scans{covering("spiral", "chest", "body32", "8", "", ""), covering("spiral", "chest", "body32", "9", "", "")}, "17", 2, true},
		{"one range alone", scans{covering("spiral", "chest", "body32", "8", "0", "300"), covering("spiral", "chest", "body32", "9", "", "")}, "17", 2, true},
		{"a range of no length is none", scans{covering("spiral", "chest", "body32", "8", "0", "300"), covering("stationary", "chest", "body32", "9", "500", "500")}, "17", 2, true},
		{"no ranges, other regions", scans{covering("spiral", "chest", "body32", "8", "", ""), covering("spiral", "abdomen", "body32", "9", "", "")}, "9", 1, false},
		{"phantoms are never added", scans{covering("spiral", "neck", "body32", "8", "", ""), covering("spiral", "neck", "head16", "9", "", "")}, "9", 1, false},
		{name: "phantom unknown", scans: scans{covering("spiral", "chest", "", "8", "", ""), covering("spiral", "chest", "", "9", "", "")}},
		{name: "one region unknown", scans: scans{covering("spiral", "chest", "body32", "8", "", ""), covering("spiral", "", "body32", "9", "", "")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := dose.Examination{Events: c.scans}
			got, ok := x.Overlapping()
			if ok != (c.want != "") {
				t.Fatalf("summed: %v", ok)
			}
			if ok && (got.CTDIvol.String() != c.want || got.Events != c.events || got.Assumed != c.assumed) {
				t.Errorf("%v of %d, assumed %v; want %s of %d, assumed %v", got.CTDIvol, got.Events, got.Assumed, c.want, c.events, c.assumed)
			}
		})
	}
}

// TestOverlappingSamples holds the samples against the table of the brief.
func TestOverlappingSamples(t *testing.T) {
	for _, c := range []struct {
		file, want string
		assumed    bool
	}{
		{"CT-RDSR-Siemens_Flash-TAP-SS", "14.72", true},
		{"CT-ESR-GE_Optima", "8.53", true},
		{"CT-RDSR-Toshiba_DoseCheck", "10.60", true},
		{"CT-RDSR-ToshibaPixelMed", "50.10", true},
		{"CT-RDSR-Philips_BigBore4DCT", "23.70", false},
		{"CT-RDSR-GEPixelMed", "", false},
	} {
		t.Run(c.file, func(t *testing.T) {
			r, err := dose.Read(sampleData(t, c.file+".dcm"))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range r.Events {
				n, _ := e.Number(dose.FieldCTDIvol)
				top, _ := e.Number(dose.FieldZTop)
				t.Log(e.Type, e.Region, e.Phantom, n, top)
			}
			x := dose.Examination{Events: r.Events}
			got, ok := x.Overlapping()
			if ok != (c.want != "") {
				t.Fatalf("summed: %v", ok)
			}
			if ok && (got.CTDIvol.Fixed(2) != c.want || got.Assumed != c.assumed) {
				t.Errorf("%v, assumed %v; want %s", got.CTDIvol, got.Assumed, c.want)
			}
		})
	}
}
