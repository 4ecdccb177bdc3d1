package dose_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"radagora/dicom"
	"radagora/dicom/sr"
	"radagora/dicom/tag"
	"radagora/dose"
	"radagora/ucum"
)

// An expectation is one row of EXPECTED.tsv beside the sample reports.
type expectation struct {
	file, scope, key, code, inFile, unitInFile, stored, unit, note string
}

// samples returns the folder of the sample reports, which are for tests alone
// and not part of the product.
func samples(t testing.TB) string {
	t.Helper()
	root := os.Getenv("RADAGORA_SHARED")
	if root == "" {
		root = "../../shared"
	}
	dir := filepath.Join(root, "samples", "rdsr")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("shared samples not found: " + err.Error())
	}
	return dir
}

// expectations reads EXPECTED.tsv.
func expectations(t testing.TB) []expectation {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(samples(t), "EXPECTED.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var all []expectation
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n")[1:] {
		c := strings.Split(line, "\t")
		if len(c) != 9 {
			t.Fatalf("EXPECTED.tsv has a row of %d fields", len(c))
		}
		all = append(all, expectation{c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8]})
	}
	return all
}

// sample reads one sample report and its data set.
func sample(t testing.TB, name string) (*dose.Report, *dicom.File) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(samples(t), name))
	if err != nil {
		t.Fatal(err)
	}
	f, err := dicom.Open(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := dose.ReadFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return r, f
}

// near reports whether got is want within a relative 1e-9.
func near(got, want float64) bool {
	return math.Abs(got-want) <= 1e-9*math.Max(math.Abs(got), math.Abs(want))
}

// headerKeys are the study rows that are elements of the header.
var headerKeys = map[string]tag.Tag{
	"SOPClassUID": tag.SOPClassUID, "SOPInstanceUID": tag.SOPInstanceUID, "StudyInstanceUID": tag.StudyInstanceUID,
	"Modality": tag.Modality, "Manufacturer": tag.Manufacturer, "ManufacturerModelName": tag.ManufacturerModelName,
	"SoftwareVersions": tag.SoftwareVersions, "StudyDate": tag.StudyDate, "StudyDescription": tag.StudyDescription,
	"PatientSex": tag.PatientSex, "SpecificCharacterSet": tag.SpecificCharacterSet,
}

// studyRow returns what the reader says for a row of scope study.
func studyRow(t *testing.T, r *dose.Report, f *dicom.File, e expectation) string {
	t.Helper()
	switch e.key {
	case "SOPClassUID":
		return r.SOPClass.String()
	case "SOPInstanceUID":
		return r.SOPInstance.String()
	case "StudyInstanceUID":
		return r.Study.String()
	case "Manufacturer":
		return r.Device.Manufacturer
	case "ManufacturerModelName":
		return r.Device.Model
	case "SoftwareVersions":
		return strings.Join(r.Device.Software, `\`)
	case "StudyDate":
		return strings.ReplaceAll(r.StudyDate.Date(), "-", "")
	case "StudyDescription":
		return r.StudyDescription
	case "PatientSex":
		return r.Patient.Sex
	case "PatientAge":
		return r.Patient.Age.Raw
	case "PatientSize":
		return r.Patient.Height.Raw
	case "PatientWeight":
		return r.Patient.Weight.Raw
	case "TemplateIdentifier":
		return r.Template
	case "DocumentTitle":
		return r.Title.Value + "|" + r.Title.Scheme + "|" + r.Title.Meaning
	case "number_of_events":
		return strconv.Itoa(len(r.Events))
	}
	if tg, ok := headerKeys[e.key]; ok {
		return strings.Join(f.Texts(tg), `\`)
	}
	t.Errorf("no comparison for row %q", e.key)
	return ""
}

// values returns the values that a row of scope accumulated or event is about.
func values(r *dose.Report, scope string) dose.Values {
	if n, ok := strings.CutPrefix(scope, "event "); ok {
		i, _ := strconv.Atoi(n)
		return r.Events[i-1].Values
	}
	plane := strings.TrimPrefix(scope, "accumulated ")
	for i, t := range r.Totals {
		p, _ := t.Values.Find(dose.FieldPlane)
		if len(r.Totals) == 1 || strings.HasPrefix(plane, p.Coded.Written.Value) {
			all := r.Totals[i].Values
			for _, c := range t.Calibrations {
				all = append(all, c.Values...)
			}
			return all
		}
	}
	return nil
}

// sideOf matches the laterality in brackets of mammography totals.
var sideOf = regexp.MustCompile(`\[(\S+) `)

// match returns the values of vs that a row is about.
func match(vs dose.Values, e expectation) dose.Values {
	var all dose.Values
	for _, v := range vs {
		if v.Code != e.code {
			continue
		}
		if side := sideOf.FindStringSubmatch(e.key); side != nil {
			want := map[string]string{"T-04020": "right", "T-04030": "left"}[side[1]]
			if v.Of != want {
				continue
			}
		}
		all = append(all, v)
	}
	return all
}

// compare holds the values found against a row.
func compare(t *testing.T, vs dose.Values, nth int, e expectation) {
	t.Helper()
	name := fmt.Sprintf("%s %s %s", e.scope, e.key, e.code)
	if len(vs) <= nth {
		t.Errorf("%s: not read", name)
		return
	}
	if e.stored == "" && e.unit == "" && e.unitInFile == "" { // a code or a text, perhaps several
		var have []string
		for _, v := range vs {
			switch c := v.Coded.Written; {
			case c != (sr.Code{}):
				have = append(have, c.Value+"|"+c.Scheme+"|"+c.Meaning)
			case v.Number == nil:
				have = append(have, v.Raw)
			}
		}
		for _, h := range have {
			if h == e.inFile || strings.Join(have, `\`) == e.inFile || h == "||" && strings.Trim(e.inFile, "|") == "" {
				return
			}
		}
		if e.inFile != "" || vs[nth].Number != nil {
			t.Errorf("%s = %q; want %q", name, have, e.inFile)
		}
		return
	}
	compareNumber(t, name, vs[nth], e)
}

// compareNumber holds a number against a row.
func compareNumber(t *testing.T, name string, v dose.Value, e expectation) {
	t.Helper()
	if e.stored == "" {
		if v.Number != nil {
			t.Errorf("%s = %v; want unknown", name, v.Number)
		}
		return
	}
	want, err := strconv.ParseFloat(e.stored, 64)
	if err != nil {
		t.Fatal(err)
	}
	if v.Number == nil || !near(v.Number.Float(), want) {
		t.Errorf("%s = %v; want %v", name, v.Number, want)
	}
	if !ucum.Must(e.unit).Same(ucum.Must(v.Unit)) {
		t.Errorf("%s in %s; want %s", name, v.Unit, e.unit)
	}
	if e.inFile != "" {
		raw, err := strconv.ParseFloat(e.inFile, 64)
		got, err2 := ucum.ParseDecimal(v.Raw)
		if err != nil || err2 != nil || !near(got.Float(), raw) || v.RawUnit != e.unitInFile {
			t.Errorf("%s: raw %s %s; want %s %s", name, v.Raw, v.RawUnit, e.inFile, e.unitInFile)
		}
	}
}

// checkRow matches the rows that compare CTDIvol, length and DLP of one event.
var checkRow = regexp.MustCompile(`^event (\d+): CTDIvol x Scanning Length vs DLP$`)

// compareCheck holds the sums of a report against a row of scope check.
func compareCheck(t *testing.T, r *dose.Report, e expectation) {
	t.Helper()
	var sum, total ucum.Decimal
	field := map[string]dose.Field{
		"sum of events vs total DLP": dose.FieldDLP, "sum of events vs total DAP": dose.FieldDAP,
		"sum of events vs total Dose(RP)": dose.FieldRP, "sum of events vs total AGD (both breasts)": dose.FieldAGD,
	}[e.key]
	switch m := checkRow.FindStringSubmatch(e.key); {
	case field != "":
		sum, total = r.Summed()[field], r.DeclaredTotals()[field]
		flagged := false
		for _, w := range r.Warnings {
			flagged = flagged || w.Code == dose.WarnTotalMismatch && w.Args[0] == field
		}
		if want := !strings.HasPrefix(e.note, "OK"); flagged != want {
			t.Errorf("%s: flagged %v; the note says %q", e.key, flagged, e.note)
		}
	case e.key == "number of events vs declared":
		n, _ := r.Declared()
		sum, total = ucum.Int(int64(len(r.Events))), ucum.Int(n)
	case m != nil:
		i, _ := strconv.Atoi(m[1])
		ctdi, _ := r.Events[i-1].Number(dose.FieldCTDIvol)
		length, _ := r.Events[i-1].Number(dose.FieldScanLength)
		sum = ctdi.Mul(length).Mul(ucum.MustDecimal("0.1"))
		total, _ = r.Events[i-1].Number(dose.FieldDLP)
	case strings.HasPrefix(e.key, "fluoro + acquisition DAP"):
		d := r.DeclaredTotals()
		sum, total = d[dose.FieldFluoroDAP].Add(d[dose.FieldAcquisDAP]), d[dose.FieldDAP]
	case strings.HasPrefix(e.key, "fluoro + acquisition Dose(RP)"):
		d := r.DeclaredTotals()
		sum, total = d[dose.FieldFluoroRP].Add(d[dose.FieldAcquisRP]), d[dose.FieldRP]
	default:
		return // of radiography images, or of exposure indices, which are no totals
	}
	for _, p := range []struct {
		what string
		got  ucum.Decimal
		want string
	}{{"recomputed", sum, e.inFile}, {"declared", total, e.stored}} {
		want, err := ucum.ParseDecimal(p.want)
		step, ok := ucum.Step(p.want) // the table rounds what it computed
		if err != nil || !ok || !near(p.got.Float(), want.Float()) && p.got.Sub(want).Abs().Cmp(step) > 0 {
			t.Errorf("%s, %s = %v; want %s", e.key, p.what, p.got, p.want)
		}
	}
}

// exclusions are rows that are not compared, with the reason.
var exclusions = map[string]string{
	"CT-RDSR-Siemens_Flash-TAP-SS.dcm event 1 Acquisition Protocol": "the text is UTF-8 although Latin-1 is declared; the table has it as Latin-1, dicom/charset reads what was meant",
}

// TestExpected compares every row of EXPECTED.tsv that is about a dose report.
func TestExpected(t *testing.T) {
	byFile, order := map[string][]expectation{}, []string{}
	for _, e := range expectations(t) {
		report := strings.Contains(e.file, "RDSR") || strings.Contains(e.file, "ESR-GE") ||
			strings.HasPrefix(e.file, "philips") || strings.HasPrefix(e.file, "siemens")
		if e.scope == "group" || !report {
			continue
		}
		if byFile[e.file] == nil {
			order = append(order, e.file)
		}
		byFile[e.file] = append(byFile[e.file], e)
	}
	if len(order) < 20 {
		t.Fatalf("%d dose reports among the samples", len(order))
	}
	for _, name := range order {
		t.Run(name, func(t *testing.T) {
			r, f := sample(t, name)
			seen := map[string]int{} // rows of one concept and scope stand in the order of the values
			for _, e := range byFile[name] {
				if exclusions[e.file+" "+e.scope+" "+e.key] != "" {
					continue
				}
				nth := seen[e.scope+e.key]
				seen[e.scope+e.key]++
				switch {
				case e.scope == "study":
					if got := studyRow(t, r, f, e); got != e.inFile {
						t.Errorf("study %s = %q; want %q", e.key, got, e.inFile)
					}
				case e.scope == "check":
					compareCheck(t, r, e)
				case strings.Contains(e.key, "(private"):
					// Private concepts stay in the content tree.
				case strings.HasPrefix(e.scope, "event "), strings.HasPrefix(e.scope, "accumulated"):
					compare(t, match(values(r, e.scope), e), nth, e)
				default:
					t.Errorf("row of scope %q is not compared", e.scope)
				}
			}
		})
	}
}

// TestSamplesAtLarge holds what the dose brief says of the samples beyond numbers.
func TestSamplesAtLarge(t *testing.T) {
	for _, c := range []struct {
		file     string
		kind     dose.Kind
		modality string
		warn     string // codes that tell of the dose, apart from units
	}{
		{"CT-ESR-GE_Optima", dose.CT, "CT", ""},
		{"NM-CT-RDSR-Siemens", dose.CT, "CT", ""},
		{"NM-RRDSR-Siemens", dose.Nuclear, "NM", ""},
		{"MG-RDSR-Hologic_2D", dose.Mammography, "MG", ""},
		{"MG-RDSR-GEPristina-2D", dose.Mammography, "MG", ""},
		{"DX-RDSR-Canon_CXDI", dose.Projection, "DX", ""},
		{"DX-RDSR-Carestream_DRXEvolution", dose.Projection, "DX", ""},
		{"RF-RDSR-GE", dose.Projection, "RF", ""},
		{"RF-RDSR-Siemens-Zee", dose.Projection, "RF", "demography_missing"},
		{"siemens_axiom_artis", dose.Projection, "RF", "demography_missing zero_dose"},              // age 162Y
		{"philips_allura_clarity_u104", dose.Projection, "RF", "demography_missing total_mismatch"}, // weight 0.0
	} {
		t.Run(c.file, func(t *testing.T) {
			r, _ := sample(t, c.file+".dcm")
			var warn []string
			for _, code := range warned(r.Warnings) {
				if code != dose.WarnUnitNonstandard {
					warn = append(warn, code)
				}
			}
			if r.Kind != c.kind || r.Modality() != c.modality || strings.Join(warn, " ") != c.warn {
				t.Errorf("kind %s, modality %s, warnings %v; want %s, %s, %s", r.Kind, r.Modality(), warn, c.kind, c.modality, c.warn)
			}
		})
	}
	if r, _ := sample(t, "siemens_axiom_artis.dcm"); r.Patient.Age.Number != nil || r.Patient.Age.Raw != "162Y" {
		t.Errorf("age %v of %q", r.Patient.Age.Number, r.Patient.Age.Raw)
	}
	if r, _ := sample(t, "philips_allura_clarity_u104.dcm"); r.Patient.Weight.Number != nil {
		t.Errorf("weight %v", r.Patient.Weight.Number)
	}
}

// TestEverySampleHasAnAnswer reads all samples: a report, or a reason why not.
func TestEverySampleHasAnAnswer(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(samples(t), "*.dcm"))
	if err != nil || len(files) < 39 {
		t.Fatal(len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		r, err := dose.ReadFile(bytes.NewReader(b), int64(len(b)))
		report := !strings.Contains(f, "non-dose")
		if (r != nil) != report || (err == nil) != report {
			t.Errorf("%s: report %v, error %v", filepath.Base(f), r != nil, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "no dose report: ") {
			t.Errorf("%s: %v", filepath.Base(f), err)
		}
		if r != nil && (r.Class == dose.FromImage) != strings.Contains(f, "Im-") {
			t.Errorf("%s: class %q", filepath.Base(f), r.Class)
		}
	}
}
