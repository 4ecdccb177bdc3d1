package dose_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"radagora/dicom"
	"radagora/dicom/sr"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/ucum"
)

// file makes the file of a report.
func file(t testing.TB, r dosetest.Report) []byte {
	t.Helper()
	b, err := r.File()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read makes a report and reads it.
func read(t testing.TB, r dosetest.Report) *dose.Report {
	t.Helper()
	b := file(t, r)
	got, err := dose.ReadFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// warned returns the codes of warnings, each once, in order of the alphabet.
func warned(ws []dose.Warning) []string {
	var all []string
	for _, w := range ws {
		if !slices.Contains(all, w.Code) {
			all = append(all, w.Code)
		}
	}
	slices.Sort(all)
	return all
}

// plain is a report of which nothing is odd: two scans and a localizer.
func plain() dosetest.Report {
	return dosetest.New("study", "report", "502.40",
		dosetest.Localizer("e0"), dosetest.Scan("e1", "6.28", "251.20"), dosetest.Scan("e2", "6.28", "251.20"))
}

// item edits the items with a code in the tree of a report.
func item(code string, edit func(i *sr.Item)) func(*sr.Item) {
	return func(root *sr.Item) {
		for _, i := range dosetest.Find(root, code) {
			edit(i)
		}
	}
}

// number returns an event's number as text, "" if it is unknown.
func number(e *dose.Event, f dose.Field) string {
	if n, ok := e.Number(f); ok {
		return n.String()
	}
	return ""
}

// total returns a declared total as text, "" if there is none.
func total(r *dose.Report, f dose.Field) string {
	if n, ok := r.DeclaredTotals()[f]; ok {
		return n.String()
	}
	return ""
}

// A quirk is a row of rdsr_quirks.tsv that concerns CT: what a vendor does, and
// what the reader must make of it. Where nothing is said, the report reads like
// the plain one.
type quirk struct {
	name  string // the column quirk
	edit  func(r *dosetest.Report)
	dlp   string // of the second event, 251.2 if not given
	total string // 502.4 if not given
	warn  []string
	check func(t *testing.T, r *dose.Report)
}

var quirks = []quirk{
	{
		name: "DLP unit coded mGycm instead of UCUM mGy.cm",
		edit: func(r *dosetest.Report) { r.DLPUnit = "mGycm" },
		warn: []string{dose.WarnUnitNonstandard},
		check: func(t *testing.T, r *dose.Report) {
			v, _ := r.Events[1].Values.Find(dose.FieldDLP)
			if v.Raw != "251.20" || v.RawUnit != "mGycm" || v.Unit != "mGy.cm" || !v.Has(dose.WarnUnitNonstandard) {
				t.Errorf("provenance of DLP: %+v", v)
			}
		},
	},
	{
		name: "Unit missing",
		edit: func(r *dosetest.Report) { r.Tree = item("113838", func(i *sr.Item) { i.Num.Unit = sr.Code{} }) },
		warn: []string{dose.WarnUnitAssumed},
	},
	{
		name: "Exposure Time 113824 in s for CT and in ms for projection; 113735 used instead by some vendors (deprecated code)",
		edit: func(r *dosetest.Report) {
			r.Tree = item("113824", func(i *sr.Item) {
				i.Concept.Value, i.Num = "113735", &sr.Num{Raw: "5500", Values: []string{"5500"}, Unit: sr.Code{Value: "ms", Scheme: "UCUM"}}
			})
		},
		warn: []string{dose.WarnUnitNonstandard},
		check: func(t *testing.T, r *dose.Report) {
			if got := number(r.Events[1], dose.FieldExposureTime); got != "5.5" {
				t.Errorf("exposure time = %s s; want 5.5", got)
			}
		},
	},
	{
		name: "Pulse rate unit pulse/s vs {pulse}/s; source count unit X-ray sources / {X-ray sources} / {X-Ray sources}",
		edit: func(r *dosetest.Report) {
			r.Tree = item("113823", func(i *sr.Item) { i.Num.Unit.Value = "X-ray sources" })
		},
		check: func(t *testing.T, r *dose.Report) {
			if got := number(r.Events[1], "sources"); got != "1" {
				t.Errorf("sources = %q; want 1", got)
			}
		},
	},
	{
		name: "Exponent written 1.6e-005",
		edit: func(r *dosetest.Report) {
			r.Tree = item("113838", func(i *sr.Item) { i.Num.Raw = "2.512e+002" })
		},
		check: func(t *testing.T, r *dose.Report) {
			if v, _ := r.Events[1].Values.Find(dose.FieldDLP); v.Raw != "2.512e+002" {
				t.Errorf("raw = %q", v.Raw)
			}
		},
	},
	{
		name: "Code meaning differs in case or wording (X-ray Radiation Dose Report, Fluoro Dose(RP) Total, Procedure reported, Calibration Date)",
		edit: func(r *dosetest.Report) {
			r.Tree = func(root *sr.Item) {
				for i := range root.All() {
					i.Concept.Meaning = "something else"
				}
			}
		},
	},
	{
		name: "DCM codes labelled as SRT (111642 Focused grid, 121006 Person, 122265 BMI)",
		edit: func(r *dosetest.Report) {
			r.Tree = func(root *sr.Item) {
				for i := range root.All() {
					if i.Concept.Scheme == "DCM" {
						i.Concept.Scheme = "SRT"
					}
					if i.Code.Value == "113691" {
						i.Code.Scheme = "SRT"
					}
				}
			}
		},
		check: func(t *testing.T, r *dose.Report) {
			v, _ := r.Events[1].Values.Find(dose.FieldPhantom)
			if r.Events[1].Phantom != "body32" || v.Coded.Written.Scheme != "SRT" {
				t.Errorf("phantom = %q, written %v", r.Events[1].Phantom, v.Coded.Written)
			}
		},
	},
	{
		name: "Device Observer UID or Performed Procedure Step UID sent as TEXT instead of UIDREF",
		edit: func(r *dosetest.Report) { r.Tree = item("121012", func(i *sr.Item) { i.ValueType = "TEXT" }) },
		check: func(t *testing.T, r *dose.Report) {
			if got := r.Devices[0].UID; got != dosetest.UID("R64-0001").String() {
				t.Errorf("device observer UID = %q", got)
			}
		},
	},
	{
		name: "Unknown string in ValueType (PERSON NAME, HAS CONCEPT MOD)",
		edit: func(r *dosetest.Report) {
			r.Tree = item("125203", func(i *sr.Item) { i.ValueType = "HAS CONCEPT MOD" })
		},
		warn: []string{dose.WarnValueType},
		check: func(t *testing.T, r *dose.Report) {
			if got := r.Events[1].Protocol; got != "Abdomen Routine" {
				t.Errorf("protocol = %q", got)
			}
		},
	},
	{
		name: "Anatomy, procedure and intent coded with SNOMED-RT (SRT, SNM3); SCT is rare even in recent files",
		edit: func(r *dosetest.Report) {
			r.Procedure = sr.Code{Value: "77477000", Scheme: "SCT"}
			r.Template = ""
			r.Events[1].Region.Scheme = "SNM3"
			r.Events[2].Region = sr.Code{Value: "113345001", Scheme: "SCT", Meaning: "Abdomen"}
		},
		check: func(t *testing.T, r *dose.Report) {
			for _, e := range r.Events {
				if e.Region.SCT.Value != "113345001" {
					t.Errorf("region %v is %v in SNOMED CT", e.Region.Written, e.Region.SCT)
				}
			}
			if r.Events[1].Region.Written.Scheme != "SNM3" {
				t.Errorf("the scheme written is gone: %v", r.Events[1].Region.Written)
			}
		},
	},
	{
		name: "Target Region missing, empty code, Other without code, Topography unknown",
		edit: func(r *dosetest.Report) {
			r.Events[0].Region = sr.Code{}
			r.Events[1].Region = sr.Code{Meaning: "Other"}
			r.Events[2].Region = sr.Code{Value: "T-D0001", Scheme: "SRT", Meaning: "Topography unknown"}
		},
		check: func(t *testing.T, r *dose.Report) {
			for i, want := range []string{"", "Other", "Topography unknown"} {
				if e := r.Events[i]; e.Region.SCT.Value != "" || e.Region.Written.Meaning != want {
					t.Errorf("region of event %d = %+v; want no code and the text %q", i+1, e.Region, want)
				}
			}
			if !r.Events[1].Region.IsZero() {
				t.Error("a meaning without a code counts as a code")
			}
		},
	},
	{
		name: "No Content Template Sequence (0040,A504)",
		edit: func(r *dosetest.Report) { r.Template = "" },
	},
	{
		name: "RDSR stored as Enhanced SR (1.2.840.10008.5.1.4.1.1.88.22) instead of X-Ray Radiation Dose SR (...88.67)",
		edit: func(r *dosetest.Report) { r.SOPClass = uid.EnhancedSRStorage },
	},
	{
		name: "Multi-value NumericValue with / as separator",
		edit: func(r *dosetest.Report) { r.Tree = item("113733", func(i *sr.Item) { i.Num.Raw = "80/140" }) },
		warn: []string{dose.WarnSeveral},
		check: func(t *testing.T, r *dose.Report) {
			v, _ := r.Events[1].Values.Find(dose.FieldKVP)
			if v.Raw != `80\140` || number(r.Events[1], dose.FieldKVP) != "80" {
				t.Errorf("kVp = %v of %q; want the first, and both kept", v.Number, v.Raw)
			}
		},
	},
	{
		name:  "Empty NumericValue or empty MeasuredValueSequence",
		edit:  func(r *dosetest.Report) { r.Tree = item("113838", func(i *sr.Item) { i.Num = &sr.Num{} }) },
		dlp:   "-",
		total: "502.4",
		warn:  []string{dose.WarnMissing},
	},
	{
		name: "Missing Has Intent, calibration date or device participant",
		edit: func(r *dosetest.Report) { r.Tree = func(root *sr.Item) { dosetest.Drop(root, "G-C0E8") } },
	},
	{
		name: "Station renamed or software changed: one scanner appears as several",
		edit: func(r *dosetest.Report) { r.Station, r.Software = "CT1-NEW", "2.0" },
		check: func(t *testing.T, r *dose.Report) {
			if r.Device.Serial != "R64-0001" || r.Device.Name != "CT1-NEW" || r.Devices[0].Serial != "R64-0001" ||
				!slices.Equal(r.Device.Software, []string{"2.0"}) {
				t.Errorf("device %+v, observers %+v", r.Device, r.Devices)
			}
		},
	},
	{
		name:  "Sum of events differs from the declared total: rounding steps, or a real gap up to a third of the value, or a total of 0 with non-zero events",
		edit:  func(r *dosetest.Report) { r.Total = "400.00" },
		total: "400",
		warn:  []string{dose.WarnTotalMismatch},
		check: func(t *testing.T, r *dose.Report) {
			if sum := r.Summed()[dose.FieldDLP]; sum.String() != "502.4" {
				t.Errorf("sum = %v; want 502.4", sum)
			}
		},
	},
	{
		name:  "Total DLP missing",
		edit:  func(r *dosetest.Report) { r.Total = "-" },
		total: "-",
		warn:  []string{dose.WarnTotalMissing},
		check: func(t *testing.T, r *dose.Report) {
			s := dose.Join([]*dose.Report{r})[0]
			if got := s.Totals[dose.FieldDLP]; got.String() != "502.4" || !slices.Contains(s.Computed, dose.FieldDLP) {
				t.Errorf("total of the study = %v, computed %v", got, s.Computed)
			}
		},
	},
	{
		name: "Localizer (constant angle) events without CT Dose container",
		edit: func(*dosetest.Report) {},
		check: func(t *testing.T, r *dose.Report) {
			e := r.Events[0]
			if len(r.Events) != 3 || !e.Localizer() || number(e, dose.FieldDLP) != "" || number(e, dose.FieldCTDIvol) != "" {
				t.Errorf("%d events, the first %+v", len(r.Events), e)
			}
		},
	},
	{
		name: "Character sets: ISO 2022 IR 87 as second value, several alphabets, none declared but 8-bit bytes present",
		edit: func(r *dosetest.Report) {
			r.Header = func(b *dicom.Builder) {
				b.Bytes(tag.StudyDescription, vr.LO, []byte("CT \x1b$B;3ED\x1b(B"))
				b.Bytes(tag.SpecificCharacterSet, vr.CS, []byte(`\ISO 2022 IR 87`))
			}
		},
		check: func(t *testing.T, r *dose.Report) {
			if r.StudyDescription != "CT 山田" {
				t.Errorf("study description = %q", r.StudyDescription)
			}
		},
	},
	{
		name: "Text in PatientSize, decimals in IS fields, several filters in one CS value with a comma, trailing NUL",
		edit: func(r *dosetest.Report) {
			r.Size, r.Weight = "", ""
			r.Header = func(b *dicom.Builder) {
				b.Bytes(tag.PatientSize, vr.DS, []byte("tall")).Bytes(tag.PatientWeight, vr.DS, []byte("72.5\x00"))
			}
		},
		warn: []string{dose.WarnDemography},
		check: func(t *testing.T, r *dose.Report) {
			if p := r.Patient; p.Height.Number != nil || p.Height.Raw != "tall" || p.Weight.Number.String() != "72.5" {
				t.Errorf("height %+v, weight %+v", p.Height, p.Weight)
			}
		},
	},
	{
		name: "Missing study date",
		edit: func(r *dosetest.Report) {
			r.Header = func(b *dicom.Builder) { b.Delete(tag.StudyDate).Delete(tag.StudyTime) }
		},
		check: func(t *testing.T, r *dose.Report) {
			if !r.StudyDate.IsZero() || r.Content.Date() != "2026-03-02" {
				t.Errorf("study date %v, content date %v", r.StudyDate, r.Content)
			}
		},
	},
	{
		name: "Placeholder demography: age 001D in mammography, 100Y, 162Y, weight 0, birth date 1899-12-30",
		edit: func(r *dosetest.Report) { r.Age, r.Weight, r.Size, r.BirthDate = "162Y", "0.0", "0", "18991230" },
		warn: []string{dose.WarnDemography},
		check: func(t *testing.T, r *dose.Report) {
			p := r.Patient
			if p.Age.Number != nil || p.Weight.Number != nil || p.Height.Number != nil || !p.BirthDate.IsZero() {
				t.Errorf("taken for true: age %v, weight %v, height %v", p.Age.Number, p.Weight.Number, p.Height.Number)
			}
			if p.Age.Raw != "162Y" || p.Weight.Raw != "0.0" {
				t.Errorf("raw values are gone: %q %q", p.Age.Raw, p.Weight.Raw)
			}
		},
	},
}

func TestQuirks(t *testing.T) {
	for _, q := range quirks {
		t.Run(q.name, func(t *testing.T) {
			made := plain()
			q.edit(&made)
			r := read(t, made)
			if r.Kind != dose.CT || len(r.Events) != 3 {
				t.Fatalf("a report of kind %q with %d events", r.Kind, len(r.Events))
			}
			if want := or(q.dlp, "251.2"); number(r.Events[1], dose.FieldDLP) != strings.Trim(want, "-") {
				t.Errorf("DLP = %q; want %s", number(r.Events[1], dose.FieldDLP), want)
			}
			if want := or(q.total, "502.4"); total(r, dose.FieldDLP) != strings.Trim(want, "-") {
				t.Errorf("total = %q; want %s", total(r, dose.FieldDLP), want)
			}
			if got := warned(r.Warnings); !slices.Equal(got, q.warn) {
				t.Errorf("warnings %v; want %v", got, q.warn)
			}
			if q.check != nil {
				q.check(t, r)
			}
		})
	}
}

// or returns s, or what stands for it.
func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// elsewhere are the rows of rdsr_quirks.tsv that concern CT and are tested in
// other functions, and elsewhere alone.
var elsewhere = map[string]string{
	"Enhanced SR that is not a dose report": "TestReadRefuses",
	"Cumulative RDSR: a new RDSR after each exposure with the same Study Instance UID and a growing set of events": "TestJoin",
	"Continued study: same Study Instance UID, different events":                                                   "TestJoin",
	"Arrival order is arbitrary (third before first)":                                                              "TestJoinDoesNotDependOnOrder",
	"Odd-length or truncated elements, file ends inside an element":                                                "TestTruncated",
	"Phantom, QA and test studies inside clinical data":                                                            "patterns are content of the comparison",
}

// TestQuirkNames holds the names above against the list of facts, so that no row
// is tested under a name that is not there.
func TestQuirkNames(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(samples(t), "..", "..", "facts", "dose", "rdsr_quirks.tsv"))
	if err != nil {
		t.Skip("shared facts not found: " + err.Error())
	}
	names := map[string]bool{}
	for line := range strings.SplitSeq(string(b), "\n") {
		if c := strings.Split(line, "\t"); len(c) > 1 {
			names[c[1]] = true
		}
	}
	for _, q := range quirks {
		if !names[q.name] {
			t.Errorf("no such row: %q", q.name)
		}
	}
	for name := range elsewhere {
		if !names[name] {
			t.Errorf("no such row: %q", name)
		}
	}
}

func TestAPlainReportHasNoWarning(t *testing.T) {
	r := read(t, plain())
	if len(r.Warnings) > 0 {
		t.Errorf("warnings %v", r.Warnings)
	}
	if r.Modality() != "CT" || r.Template != "10011" || r.Started().String() != "2026-03-02T10:00:00" ||
		r.Ended().String() != "2026-03-02T10:10:00" {
		t.Errorf("modality %s, template %s, %v to %v", r.Modality(), r.Template, r.Started(), r.Ended())
	}
	e := r.Events[1]
	if e.Type != "spiral" || e.Phantom != "body32" || e.Protocol != "Abdomen Routine" || e.UID != dosetest.UID("e1") {
		t.Errorf("event %+v", e)
	}
	for f, want := range map[dose.Field]string{
		dose.FieldCTDIvol: "6.28", dose.FieldKVP: "120", dose.FieldCurrent: "150", dose.FieldExposureTime: "5.5",
		dose.FieldScanLength: "400", dose.FieldPitch: "0.9", dose.FieldCollimation: "38.4",
	} {
		if got := number(e, f); got != want {
			t.Errorf("%s = %q; want %s", f, got, want)
		}
	}
	if years, ok := r.Patient.Years(); !ok || !years.Equal(ucum.Int(45)) {
		t.Errorf("age = %v, %v", years, ok)
	}
}
