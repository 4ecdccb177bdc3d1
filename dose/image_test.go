package dose_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/ucum"
)

// image reads the header of a sample image, and its data set.
func image(t testing.TB, name string) (*dose.Report, *dicom.File) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(samples(t), name))
	if err != nil {
		t.Fatal(err)
	}
	f, _ := dicom.Open(bytes.NewReader(b), int64(len(b)), nil)
	if f == nil {
		t.Fatalf("%s cannot be opened", name)
	}
	r, err := dose.ReadImage(f.Dataset)
	if err != nil {
		t.Fatal(err)
	}
	return r, f
}

// written returns a value as EXPECTED.tsv writes it.
func written(v dose.Value) string {
	if c := v.Coded.Written; c.Value != "" {
		return c.Value + "|" + c.Scheme + "|" + c.Meaning
	}
	return strings.ReplaceAll(v.Raw, `\`, ",")
}

// headerTags are rows whose attribute EXPECTED.tsv names by keyword alone.
var headerTags = map[string]string{
	"ViewCodeSequence": "(0054,0220)", "RadionuclideCodeSequence": "(0054,0300)", "RadiopharmaceuticalCodeSequence": "(0054,0304)",
}

// TestExpectedImages compares every row of EXPECTED.tsv that is about the header of
// an image.
func TestExpectedImages(t *testing.T) {
	rows := 0
	for _, e := range expectations(t) {
		if !strings.Contains(e.file, "Im-") || e.scope == "group" {
			continue
		}
		rows++
		t.Run(e.file+" "+e.scope+" "+e.key, func(t *testing.T) {
			r, f := image(t, e.file)
			event := r.Events[0]
			switch {
			case e.scope == "study":
				if got := studyRow(t, r, f, e); got != e.inFile {
					t.Errorf("%q; want %q", got, e.inFile)
				}
				return
			case e.scope == "check":
				wrong := slices.ContainsFunc(r.Warnings, func(w dose.Warning) bool { return w.Code == dose.WarnDeviation })
				if wrong != !strings.HasPrefix(e.note, "OK") {
					t.Errorf("warned %v; want %s", wrong, e.note)
				}
				return
			case e.key == "SeriesInstanceUID":
				if r.Series.String() != e.inFile {
					t.Errorf("series %s", r.Series)
				}
				return
			case e.key == "IrradiationEventUID":
				if event.UID.String() != e.inFile {
					t.Errorf("event %s", event.UID)
				}
				return
			case e.key == "AcquisitionNumber":
				return // it ties images together and is shown nowhere
			}
			at := e.code
			if at == "" {
				at = headerTags[e.key]
			}
			i := slices.IndexFunc(event.Values, func(v dose.Value) bool { return v.Path == at })
			if i < 0 {
				t.Fatal("not read")
			}
			v := event.Values[i]
			switch e.unit {
			case "":
				if got := written(v); got != e.inFile && v.Number == nil {
					t.Errorf("%q; want %q", got, e.inFile)
				}
			case "vendor":
				if v.Number == nil || v.Number.String() != e.stored {
					t.Errorf("%v; want %s", v.Number, e.stored)
				}
			default:
				want, err := strconv.ParseFloat(e.stored, 64)
				if err != nil {
					t.Fatal(err)
				}
				if v.Number == nil || !near(v.Number.Float(), want) || !ucum.Must(e.unit).Same(ucum.Must(v.Unit)) || v.RawUnit != e.unitInFile {
					t.Errorf("%v %s of %s %s; want %s %s", v.Number, v.Unit, v.Raw, v.RawUnit, e.stored, e.unit)
				}
			}
		})
	}
	if rows < 250 {
		t.Errorf("%d rows about images", rows)
	}
}

// TestImagesJoin holds images, and images beside dose reports, against the rows of
// scope group, in every order.
func TestImagesJoin(t *testing.T) {
	for _, c := range []struct{ name, reports, images, want string }{
		{"two exposures", "", "DX-Im-Carestream_DR7500-1 DX-Im-Carestream_DR7500-2", "1 study, 2 events, dap_gym2 0.0002117, computed"},
		{"for processing and for presentation", "", "MG-Im-GE_Seno_1_ForProcessing MG-Im-GE_Seno_1_ForPresentation", "1 study, 1 events, agd_mgy 0.547, computed"},
		{
			"and another exposure", "", "MG-Im-GE_Seno_1_ForProcessing MG-Im-GE_Seno_1_ForPresentation MG-Im-GE_Seno_2_ForPresentation",
			"1 study, 2 events, agd_mgy 1.956, computed",
		},
		{"one series twice", "", "NM-PetIm-Siemens NM-PetIm-Siemens-2 NM-PetIm-Siemens-3 NM-PetIm-Siemens-3-sameseries", "1 study, 1 events, activity_mbq 394"},
		{
			"PET/CT with its reports", "NM-RRDSR-Siemens NM-CT-RDSR-Siemens",
			"NM-PetIm-Siemens NM-PetIm-Siemens-2 NM-PetIm-Siemens-3 NM-PetIm-Siemens-3-sameseries",
			"1 study, 3 events, dlp_mgycm 667.72, activity_mbq 394, start_differs",
		},
		{"NM, in MBq", "", "NM-NmIm-Siemens", "1 study, 1 events, activity_mbq 764"},
		{"dental", "", "PX-Im-NewTom_Go", "1 study, 1 events, dap_gym2 0.0000081, computed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []*dose.Report
			for name := range strings.FieldsSeq(c.reports) {
				r, _ := sample(t, name+".dcm")
				all = append(all, r)
			}
			for name := range strings.FieldsSeq(c.images) {
				r, _ := image(t, name+".dcm")
				all = append(all, r)
			}
			for order := range permutations(all) {
				if got := joined(dose.Join(order)); got != c.want {
					t.Fatalf("%s; want %s", got, c.want)
				}
			}
		})
	}
}

// joined says what a test wants to know of studies.
func joined(studies []*dose.Study) string {
	s := studies[0]
	said := []string{fmt.Sprintf("%d study", len(studies)), fmt.Sprintf("%d events", len(s.Events))}
	for _, f := range []dose.Field{dose.FieldDLP, dose.FieldDAP, dose.FieldAGD, dose.FieldActivity} {
		if n, ok := s.Totals[f]; ok {
			said = append(said, fmt.Sprintf("%s %s", f, n))
		}
	}
	if len(s.Computed) > 0 {
		said = append(said, "computed")
	}
	for _, w := range s.Warnings {
		if w.Code == dose.WarnStartDiffers || w.Code == dose.WarnEventDiffers || w.Code == dose.WarnImageApart {
			said = append(said, w.Code)
		}
	}
	return strings.Join(said, ", ")
}

// A shot is an image header made for a test.
type shot struct {
	class                 uid.UID
	sop, series, event    string
	sources, events       []string
	number                int64
	kvp, ctdi, dap, index string
	station, time, kind   string
}

// made makes the header.
func (s shot) made(t *testing.T) *dose.Report {
	t.Helper()
	u := func(name string) uid.UID { return uid.Derive(uid.CTImageStorage, name) }
	b := dicom.NewBuilder().UID(tag.SOPClassUID, s.class).UID(tag.SOPInstanceUID, u(s.sop)).UID(tag.StudyInstanceUID, u("study")).
		UID(tag.SeriesInstanceUID, u(s.series)).Text(tag.StudyDate, "20260301").Text(tag.AcquisitionDate, "20260301").
		Text(tag.AcquisitionTime, s.time).Text(tag.StationName, s.station).Int(tag.AcquisitionNumber, s.number)
	for _, e := range []struct {
		tag   tag.Tag
		value string
	}{{tag.KVP, s.kvp}, {tag.ImageAndFluoroscopyAreaDoseProduct, s.dap}, {tag.ExposureIndex, s.index}, {tag.Exposure, "10"}} {
		if e.value != "" {
			b.Text(e.tag, e.value)
		}
	}
	if s.ctdi != "" {
		n, err := strconv.ParseFloat(s.ctdi, 64)
		if err != nil {
			t.Fatal(err)
		}
		b.Float(tag.CTDIvol, n)
	}
	if s.kind != "" {
		b.Text(tag.ImageType, "ORIGINAL", "PRIMARY", s.kind)
	}
	var events []uid.UID
	for _, name := range append(slices.Clone(s.events), strings.Fields(s.event)...) {
		events = append(events, u(name))
	}
	if len(events) > 0 {
		b.UID(tag.IrradiationEventUID, events...)
	}
	var sources []*dicom.Builder
	for _, name := range s.sources {
		sources = append(sources, dicom.NewBuilder().UID(tag.ReferencedSOPInstanceUID, u(name)))
	}
	if len(sources) > 0 {
		b.Sequence(tag.SourceImageSequence, sources...)
	}
	d, err := b.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	r, err := dose.ReadImage(d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestOneIrradiationOnce holds what images are of one irradiation, in every order.
func TestOneIrradiationOnce(t *testing.T) {
	ct := func(sop, series string, number int64, ctdi string) shot {
		return shot{class: uid.CTImageStorage, sop: sop, series: series, number: number, ctdi: ctdi, kvp: "120", station: "CT1", time: "1011" + sop}
	}
	dx := func(sop, time, dap string) shot {
		return shot{class: uid.DigitalXRayImageStorageForPresentation, sop: sop, series: "s", number: 1, kvp: "70", dap: dap, station: "DX1", time: time}
	}
	with := func(s shot, change func(*shot)) shot { change(&s); return s }
	for _, c := range []struct {
		name  string
		shots []shot
		want  string
	}{
		{"the slices of an acquisition", []shot{ct("01", "a", 2, "10"), ct("02", "a", 2, "10"), ct("03", "a", 2, "10")}, "1 study, 1 events"},
		{"two acquisitions of a series", []shot{ct("01", "a", 2, "10"), ct("02", "a", 3, "4")}, "1 study, 2 events"},
		{"two reconstructions of an acquisition", []shot{ct("01", "a", 2, "10"), ct("02", "b", 2, "10")}, "1 study, 1 events"},
		{"two machines", []shot{ct("01", "a", 2, "10"), with(ct("02", "b", 2, "10"), func(s *shot) { s.station = "CT2" })}, "1 study, 2 events"},
		{"two exposures alike but for the time", []shot{dx("1", "101112", "1"), dx("2", "101155", "1")}, "1 study, 2 events, dap_gym2 0.00002, computed"},
		{"one exposure, shown in two ways", []shot{dx("1", "101112", "1"), dx("2", "101112", "1")}, "1 study, 1 events, dap_gym2 0.00001, computed"},
		{
			"a picture put together of two exposures",
			[]shot{dx("1", "101112", "1"), dx("2", "101155", "2"), with(dx("3", "101200", "3"), func(s *shot) { s.sources = []string{"1", "2"} })},
			"1 study, 2 events, dap_gym2 0.00003, computed",
		},
		{"the same, alone", []shot{with(dx("3", "101200", "3"), func(s *shot) { s.sources = []string{"1", "2"} })}, "1 study, 1 events, dap_gym2 0.00003, computed"},
		{
			"a picture of two irradiation events",
			[]shot{
				with(dx("1", "101112", "1"), func(s *shot) { s.event = "e1" }), with(dx("2", "101112", "2"), func(s *shot) { s.event = "e2" }),
				with(dx("3", "101112", "3"), func(s *shot) { s.events = []string{"e1", "e2"} }),
			},
			"1 study, 2 events, dap_gym2 0.00003, computed",
		},
		{"two images of one event that disagree", []shot{
			with(dx("1", "101112", "1"), func(s *shot) { s.event = "e1" }), with(dx("2", "101113", "2"), func(s *shot) { s.event = "e1" }),
		}, "1 study, 1 events, dap_gym2 0.00001, computed, event_differs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []*dose.Report
			for _, s := range c.shots {
				all = append(all, s.made(t))
			}
			for order := range permutations(all) {
				if got := joined(dose.Join(order)); got != c.want {
					t.Fatalf("%s; want %s", got, c.want)
				}
			}
		})
	}
}

// TestImagesBesideReport lets a dose report count and images fill what it lacks.
func TestImagesBesideReport(t *testing.T) {
	report, _ := sample(t, "DX-RDSR-Canon_CXDI.dcm")
	event := report.Events[0]
	knows := shot{class: uid.DigitalXRayImageStorageForPresentation, sop: "1", series: "s", number: 1, kvp: "70", dap: "99", index: "321", station: "?", time: "101112"}.made(t)
	knows.Study, knows.Events[0].UID = report.Study, event.UID
	stranger := shot{class: uid.DigitalXRayImageStorageForPresentation, sop: "2", series: "s", number: 2, kvp: "70", dap: "5", station: "DX9", time: "111112"}.made(t)
	stranger.Study = report.Study
	same := shot{class: uid.DigitalXRayImageStorageForPresentation, sop: "3", series: "s", number: 3, kvp: "70", dap: "7", time: "111212"}.made(t)
	same.Study, same.Device = report.Study, report.Device
	for order := range permutations([]*dose.Report{report, knows, stranger, same}) {
		s := dose.Join(order)[0]
		if len(s.Events) != 2 || len(s.Reports) != 2 || len(s.Ignored) != 2 {
			t.Fatalf("%d events, %d reports, %d ignored; want the report's and that of the other machine", len(s.Events), len(s.Reports), len(s.Ignored))
		}
		if !strings.Contains(joined([]*dose.Study{s}), dose.WarnImageApart) {
			t.Error("an image of the report's machine that it does not tell of was passed over in silence")
		}
		i := slices.IndexFunc(s.Events, func(e *dose.Event) bool { return e.Key == event.Key })
		index, ok := s.Events[i].Number("exposure_index")
		dap, _ := s.Events[i].Number(dose.FieldDAP)
		told, _ := event.Number(dose.FieldDAP)
		if !ok || index.String() != "321" || dap.Cmp(told) != 0 {
			t.Errorf("exposure index %v, DAP %v; want 321 of the image and %v of the report", index, dap, told)
		}
		if _, changed := event.Number("exposure_index"); changed {
			t.Error("the report itself was changed")
		}
	}
}

// TestSeveralCTDIvol takes the mean of what the images of one acquisition say.
func TestSeveralCTDIvol(t *testing.T) {
	var all []*dose.Report
	for i, ctdi := range []string{"8", "10", "12"} {
		all = append(all, shot{class: uid.CTImageStorage, sop: strconv.Itoa(i), series: "a", number: 2, ctdi: ctdi, kvp: "120", time: "101112"}.made(t))
	}
	e := dose.Join(all)[0].Events[0]
	v, _ := e.Values.Find(dose.FieldCTDIvol)
	if v.Number.String() != "10" || !v.Has(dose.WarnSeveral) {
		t.Errorf("CTDIvol %v %v; want the mean, marked", v.Number, v.Flags)
	}
}
