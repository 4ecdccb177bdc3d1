package dose_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/dicom"
	"radagora/dicom/sr"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/dose/dosetest"
)

// committed reads a report of testdata.
func committed(t *testing.T, name string) *dose.Report {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "pyskindose", name))
	if err != nil {
		t.Fatal(err)
	}
	r, err := dose.ReadFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFluoroscopyOnePlane(t *testing.T) {
	r := committed(t, "siemens_axiom_artis.dcm")
	got := []string{
		r.Modality(), fmt.Sprint(len(r.Events)), total(r, dose.FieldDAP), total(r, dose.FieldRP),
		total(r, dose.FieldFluoroTime), fmt.Sprint(r.Patient.Age.Number), r.Patient.Age.Raw,
	}
	want := []string{"RF", "21", "0.00000937", "0.00136", "18", "<nil>", "162Y"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c := r.Totals[0].Calibrations; len(c) != 1 || c[0].Values[0].Path == "" {
		t.Fatalf("calibrations %+v", c)
	} else if f, ok := c[0].Values.Number(dose.FieldFactor); !ok || f.String() != "1" {
		t.Errorf("calibration factor %v", f)
	}
}

func TestFluoroscopyTwoPlanes(t *testing.T) {
	r := committed(t, "philips_allura_clarity_u104.dcm")
	var got []string
	for _, p := range r.Parts() {
		got = append(got, fmt.Sprintf("%s %v %v", p.Plane, p.Totals[dose.FieldDAP], p.Totals[dose.FieldRP]))
	}
	want := []string{"A 0.0000078391324289 0.00070936639118", "B 0 0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	mismatch := 0
	for _, w := range r.Warnings {
		if w.Code == dose.WarnTotalMismatch {
			mismatch++
		}
	}
	if len(r.Events) != 25 || mismatch != 1 || r.Patient.Weight.Number != nil {
		t.Errorf("%d events, %d mismatches, weight %v", len(r.Events), mismatch, r.Patient.Weight.Number)
	}
}

// document makes a report from a tree and reads it.
func document(t *testing.T, title sr.Code, items ...*sr.Item) *dose.Report {
	t.Helper()
	b := dicom.NewBuilder().UID(tag.SOPClassUID, uid.XRayRadiationDoseSRStorage).UID(tag.SOPInstanceUID, dosetest.UID("1"))
	sr.Append(b, sr.NewContainer("", title, items...), "")
	d, err := b.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	r, err := dose.Read(d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// num returns a number of a concept of DCM.
func num(code, raw, unit string, children ...*sr.Item) *sr.Item {
	return sr.NewNum(sr.Contains, dosetest.Concept(code, ""), raw, sr.Code{Value: unit, Scheme: "UCUM"}, children...)
}

// srt returns a code of SNOMED-RT.
func srt(value string) sr.Code { return sr.Code{Value: value, Scheme: "SRT"} }

func TestMammographySides(t *testing.T) {
	side := func(code string) *sr.Item { return sr.NewCode(sr.HasConceptMod, srt("G-C171"), srt(code)) }
	event := func(name, agd string, under sr.Code, code string) *sr.Item {
		return sr.NewContainer(sr.Contains, dosetest.Concept("113706", ""),
			sr.NewText(sr.Contains, "UIDREF", dosetest.Concept("113769", ""), dosetest.UID(name).String()),
			sr.NewCode(sr.Contains, under, srt("T-04000"), side(code)),
			num("111631", agd, "mGy"), num("113736", "50000", "uAs"))
	}
	r := document(t, dosetest.Concept("113701", ""),
		sr.NewCode(sr.HasConceptMod, dosetest.Concept("121058", ""), srt("P5-40010")),
		sr.NewContainer(sr.Contains, dosetest.Concept("113702", ""),
			num("111637", "1.30", "mGy", side("T-04030")), num("111637", "2.56", "mGy", side("T-04020"))),
		event("a", "1.30", dosetest.Concept("123014", ""), "G-A101"), // below Target Region, as newer devices have it
		event("b", "1.28", srt("T-D0005"), "G-A100"),                 // below Anatomical structure, as older ones have it
		event("c", "1.28", srt("T-D0005"), "G-A100"))
	var got []string
	for _, e := range r.Events {
		got = append(got, e.Laterality+" "+number(e, dose.FieldAGD))
	}
	for _, p := range r.Parts() {
		got = append(got, fmt.Sprintf("total %s %v", p.Laterality, p.Totals[dose.FieldAGD]))
	}
	got = append(got, r.Modality(), "all "+total(r, dose.FieldAGD))
	want := []string{"left 1.3", "right 1.28", "right 1.28", "total left 1.3", "total right 2.56", "MG", "all 3.86"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if j := dose.NewFileJSON("", r, nil); j.Events[0].ExposureMAs.String() != "50" {
		t.Errorf("exposure = %v mAs; want 50", j.Events[0].ExposureMAs)
	}
}

func TestSeveralPulses(t *testing.T) {
	pulses := func(width string) *dose.Report {
		return document(t, dosetest.Concept("113701", ""),
			sr.NewContainer(sr.Contains, dosetest.Concept("113706", ""),
				num("113733", "30", "kV"), num("113733", "34", "kV"),
				num("113793", "100", "ms"), num("113793", width, "ms")))
	}
	for _, c := range []struct{ name, width, want string }{
		{"weighted by their widths", "300", "33"},
		{"alike if a width is unknown", "", "32"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := number(pulses(c.width).Events[0], dose.FieldKVP); got != c.want {
				t.Errorf("kVp = %s; want %s", got, c.want)
			}
		})
	}
}

func TestDetectorDataUnderTheWrongCode(t *testing.T) {
	yes := sr.NewCode(sr.Contains, dosetest.Concept("113745", "X-Ray Detector Data Available"), srt("R-0038D"))
	table := sr.NewCode(sr.Contains, dosetest.Concept("113745", "Patient Table Relationship"), srt("F-10470"))
	r := document(t, dosetest.Concept("113701", ""), sr.NewContainer(sr.Contains, dosetest.Concept("113706", ""), yes, table))
	for f, want := range map[dose.Field]string{"detector_data": "yes", "table_relationship": "102540008"} {
		if v, ok := r.Events[0].Values.Find(f); !ok || v.String() != want {
			t.Errorf("%s = %q; want %s", f, v, want)
		}
	}
}

func TestRadiopharmaceutical(t *testing.T) {
	r := document(t, dosetest.Concept("113500", ""),
		sr.NewContainer(sr.Contains, dosetest.Concept("113502", ""),
			sr.NewCode(sr.Contains, srt("F-61FDB"), srt("C-B1031"),
				sr.NewCode(sr.HasProperties, srt("C-10072"), srt("C-111A1"))),
			sr.NewText(sr.Contains, "UIDREF", dosetest.Concept("113503", ""), dosetest.UID("administration").String()),
			sr.NewText(sr.Contains, "DATETIME", dosetest.Concept("123003", ""), "20260302104030"),
			num("113507", "394000", "kBq")),
		sr.NewContainer(sr.Contains, dosetest.Concept("121118", ""),
			sr.NewNum(sr.Contains, sr.Code{Value: "8302-2", Scheme: "LN"}, "1.86", sr.Code{Value: "m", Scheme: "UCUM"}),
			sr.NewNum(sr.Contains, sr.Code{Value: "29463-7", Scheme: "LN"}, "87", sr.Code{Value: "kg", Scheme: "UCUM"})))
	e := r.Events[0]
	got := []string{
		r.Modality(), number(e, dose.FieldActivity), e.Started.String(), e.UID.String(),
		r.Patient.Height.Number.String(), r.Patient.Weight.Number.String(), total(r, dose.FieldActivity),
	}
	want := []string{"NM", "394", "2026-03-02T10:40:30", dosetest.UID("administration").String(), "1.86", "87", "394"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for f, want := range map[dose.Field]string{"agent": "35321007", "nuclide": "77004003"} {
		if v, ok := e.Values.Find(f); !ok || v.String() != want {
			t.Errorf("%s = %q; want %s", f, v, want)
		}
	}
}
