package sr_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/dicom"
	"radagora/dicom/sr"
	"radagora/dicom/tag"
	"radagora/dicom/vr"
	"radagora/fault"
)

var (
	title = sr.Code{Value: "113701", Scheme: "DCM", Meaning: "X-Ray Radiation Dose Report"}
	event = sr.Code{Value: "113819", Scheme: "DCM", Meaning: "CT Acquisition"}
	dlp   = sr.Code{Value: "113838", Scheme: "DCM", Meaning: "DLP"}
	unit  = sr.Code{Value: "mGy.cm", Scheme: "UCUM", Meaning: "mGy.cm"}
)

// build returns the data set of a report with this tree.
func build(t *testing.T, root *sr.Item, template string) *dicom.Dataset {
	t.Helper()
	b := dicom.NewBuilder()
	sr.Append(b, root, template)
	d, err := b.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// parse reads the tree of d.
func parse(t *testing.T, d *dicom.Dataset) *sr.Document {
	t.Helper()
	doc, err := sr.Parse(d)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// number numbers the items of a tree as Parse does.
func number(i *sr.Item, path string) *sr.Item {
	i.Path = path
	for n, c := range i.Children {
		number(c, path+"."+string(rune('1'+n)))
	}
	return i
}

func TestParseReadsWhatAppendWrites(t *testing.T) {
	root := sr.NewContainer("", title,
		sr.NewCode(sr.HasConceptMod, sr.Code{Value: "121058", Scheme: "DCM", Meaning: "Procedure reported"},
			sr.Code{Value: "77477000", Scheme: "SCT", Meaning: "CT"}),
		sr.NewText(sr.HasObsContext, "UIDREF", sr.Code{Value: "121012", Scheme: "DCM"}, "1.2.3"),
		sr.NewText(sr.HasObsContext, "DATETIME", sr.Code{Value: "113809", Scheme: "DCM"}, "20260301101112"),
		sr.NewText(sr.Contains, "PNAME", sr.Code{Value: "113870", Scheme: "DCM"}, "LEAK^CANARY"),
		sr.NewText(sr.Contains, "TEXT", sr.Code{Value: "125203", Scheme: "DCM"}, "Schädel"),
		sr.NewContainer(sr.Contains, event,
			sr.NewNum(sr.Contains, dlp, "251.20", unit),
			sr.NewNum(sr.Contains, dlp, "", sr.Code{}),
			&sr.Item{
				Relationship: sr.Contains, ValueType: "IMAGE",
				References: []sr.Reference{{SOPClass: "1.2.840.10008.5.1.4.1.1.2", SOPInstance: "1.2.3.4"}},
			},
			&sr.Item{Relationship: sr.InferredFrom, Target: "1.6.1"},
			sr.NewCode(sr.Contains, sr.Code{Value: "a-code-of-more-than-16-letters", Scheme: "99X"}, sr.Code{}),
		))
	got := parse(t, build(t, root, "10011"))
	if diff := cmp.Diff(number(root, "1"), got.Root); diff != "" {
		t.Error(diff)
	}
	if got.TemplateID != "10011" {
		t.Errorf("TemplateID = %q", got.TemplateID)
	}
	if len(got.Warnings) > 0 {
		t.Errorf("Warnings = %v", got.Warnings)
	}
}

// An item that no Append would write.
func odd(edit func(b *dicom.Builder)) *dicom.Builder {
	item := dicom.NewBuilder().Text(tag.RelationshipType, "CONTAINS").
		Sequence(tag.ConceptNameCodeSequence, dicom.NewBuilder().
			Text(tag.CodeValue, "113838").Text(tag.CodingSchemeDesignator, "DCM"))
	edit(item)
	return dicom.NewBuilder().Text(tag.ValueType, "CONTAINER").Sequence(tag.ContentSequence, item)
}

// measured returns the item of a measured value sequence.
func measured(raw, unit string) *dicom.Builder {
	return dicom.NewBuilder().Bytes(tag.NumericValue, vr.DS, []byte(raw)).
		Sequence(tag.MeasurementUnitsCodeSequence, dicom.NewBuilder().Text(tag.CodeValue, unit))
}

func TestParseIsTolerant(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(b *dicom.Builder)
		want sr.Item // of the only child
		warn []string
	}{
		{
			name: "a value type nobody knows keeps its text",
			edit: func(b *dicom.Builder) { b.Text(tag.ValueType, "PERSON NAME").Text(tag.PersonName, "A^B") },
			want: sr.Item{ValueType: "PERSON NAME", Text: "A^B"},
			warn: []string{sr.WarnValueType},
		},
		{
			name: "a UID sent as TEXT",
			edit: func(b *dicom.Builder) { b.Text(tag.ValueType, "TEXT").Text(tag.TextValue, "1.2.3") },
			want: sr.Item{ValueType: "TEXT", Text: "1.2.3"},
		},
		{
			name: "a concept name without a code",
			edit: func(b *dicom.Builder) {
				b.Text(tag.ValueType, "TEXT").Sequence(tag.ConceptNameCodeSequence)
			},
			want: sr.Item{ValueType: "TEXT"},
			warn: []string{sr.WarnNoConcept},
		},
		{
			name: "no measured value sequence",
			edit: func(b *dicom.Builder) { b.Text(tag.ValueType, "NUM") },
			want: sr.Item{ValueType: "NUM", Num: &sr.Num{}},
		},
		{
			name: "an empty measured value sequence is no zero",
			edit: func(b *dicom.Builder) { b.Text(tag.ValueType, "NUM").Sequence(tag.MeasuredValueSequence) },
			want: sr.Item{ValueType: "NUM", Num: &sr.Num{}},
		},
		{
			name: "an empty number is no zero",
			edit: func(b *dicom.Builder) {
				b.Text(tag.ValueType, "NUM").Sequence(tag.MeasuredValueSequence, measured("", "mGy"))
			},
			want: sr.Item{ValueType: "NUM", Num: &sr.Num{Unit: sr.Code{Value: "mGy"}}},
		},
		{
			name: "blanks around a number",
			edit: func(b *dicom.Builder) {
				b.Text(tag.ValueType, "NUM").Sequence(tag.MeasuredValueSequence, measured(" 0.0", "mGy"))
			},
			want: sr.Item{ValueType: "NUM", Num: &sr.Num{Raw: "0.0", Values: []string{"0.0"}, Unit: sr.Code{Value: "mGy"}}},
		},
		{
			name: "several values divided by a slash",
			edit: func(b *dicom.Builder) {
				b.Text(tag.ValueType, "NUM").Sequence(tag.MeasuredValueSequence, measured("80/120", "kV"))
			},
			want: sr.Item{ValueType: "NUM", Num: &sr.Num{Raw: `80\120`, Values: []string{"80", "120"}, Unit: sr.Code{Value: "kV"}}},
		},
		{
			name: "several measured values in one unit",
			edit: func(b *dicom.Builder) {
				b.Text(tag.ValueType, "NUM").Sequence(tag.MeasuredValueSequence, measured("80", "kV"), measured("120", "kV"))
			},
			want: sr.Item{ValueType: "NUM", Num: &sr.Num{Raw: `80\120`, Values: []string{"80", "120"}, Unit: sr.Code{Value: "kV"}}},
		},
		{
			name: "several measured values in different units: the first counts",
			edit: func(b *dicom.Builder) {
				b.Text(tag.ValueType, "NUM").Sequence(tag.MeasuredValueSequence, measured("1", "mGy"), measured("1", "Gy"))
			},
			want: sr.Item{ValueType: "NUM", Num: &sr.Num{Raw: "1", Values: []string{"1"}, Unit: sr.Code{Value: "mGy"}}},
			warn: []string{sr.WarnValues},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := odd(c.edit).Dataset()
			if err != nil {
				t.Fatal(err)
			}
			doc := parse(t, d)
			got := doc.Root.Children[0]
			if c.want.Concept = dlpOf(c.warn); got.Concept.Value != c.want.Concept.Value {
				t.Errorf("Concept = %v", got.Concept)
			}
			c.want.Path, c.want.Relationship, c.want.Concept = "1.1", "CONTAINS", got.Concept
			if diff := cmp.Diff(&c.want, got); diff != "" {
				t.Error(diff)
			}
			var warned []string
			for _, w := range doc.Warnings {
				if w.Path != "1.1" {
					t.Errorf("warning at %q", w.Path)
				}
				warned = append(warned, w.Code)
			}
			if !slices.Equal(warned, c.warn) {
				t.Errorf("Warnings = %v; want %v", warned, c.warn)
			}
		})
	}
}

// dlpOf returns the concept that an odd item has, none where the warning says so.
func dlpOf(warn []string) sr.Code {
	if slices.Contains(warn, sr.WarnNoConcept) {
		return sr.Code{}
	}
	return dlp
}

func TestParseRefusesWhatHasNoContent(t *testing.T) {
	d, err := dicom.NewBuilder().Text(tag.Modality, "CT").Dataset()
	if err != nil {
		t.Fatal(err)
	}
	if doc, err := sr.Parse(d); fault.Of(err) != fault.Unsupported {
		t.Errorf("Parse = %v, %v; want fault.Unsupported", doc, err)
	}
}

func TestRootMayLackAName(t *testing.T) {
	d, err := dicom.NewBuilder().Sequence(tag.ContentSequence, dicom.NewBuilder().Text(tag.ValueType, "TEXT")).Dataset()
	if err != nil {
		t.Fatal(err)
	}
	if got := parse(t, d); !got.Root.Concept.IsZero() || len(got.Root.Children) != 1 {
		t.Errorf("Root = %+v", got.Root)
	}
}

func TestText(t *testing.T) {
	root := sr.NewContainer("", title,
		sr.NewContainer(sr.Contains, event,
			sr.NewNum(sr.Contains, dlp, "251.20", unit),
			sr.NewText(sr.Contains, "TEXT", sr.Code{Value: "125203", Scheme: "DCM", Meaning: "Acquisition Protocol"}, "a\r\nb"),
			sr.NewCode(sr.Contains, sr.Code{Value: "123014", Scheme: "DCM", Meaning: "Target Region"},
				sr.Code{Value: "T-D3000", Scheme: "SRT", Meaning: "Chest"}),
			sr.NewNum(sr.Contains, sr.Code{Value: "113768", Scheme: "DCM", Meaning: "Number of Pulses"}, "3", sr.Code{Value: "1", Scheme: "UCUM"}),
		))
	want := strings.Join([]string{
		`CONTAINER X-Ray Radiation Dose Report (113701, DCM)`,
		`  contains CONTAINER CT Acquisition (113819, DCM)`,
		`    contains NUM DLP (113838, DCM) = 251.20 mGy.cm`,
		`    contains TEXT Acquisition Protocol (125203, DCM) = a b`,
		`    contains CODE Target Region (123014, DCM) = Chest (T-D3000, SRT)`,
		`    contains NUM Number of Pulses (113768, DCM) = 3`,
		``,
	}, "\n")
	var got bytes.Buffer
	if err := parse(t, build(t, root, "")).Text(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestNothingInALineMovesTheCursor(t *testing.T) {
	doc := &sr.Document{Root: &sr.Item{Path: "1", ValueType: "TEXT", Text: "red\x1b[31m\u202eder"}}
	for line := range doc.Lines() {
		if got, want := line.String(), "TEXT = red [31m der"; got != want {
			t.Errorf("String = %q; want %q", got, want)
		}
	}
}

func TestFindAsksForCodeAndScheme(t *testing.T) {
	i := sr.NewContainer("", title, sr.NewContainer("", event), sr.NewNum("", dlp, "1", unit))
	if got := i.Find(sr.Code{Value: "113838", Scheme: "DCM", Meaning: "anything"}); got != i.Children[1] {
		t.Errorf("Find = %+v", got)
	}
	if got := i.Find(sr.Code{Value: "113838", Scheme: "SRT"}); got != nil {
		t.Errorf("Find in another scheme = %+v", got)
	}
}

// shared returns the folder of the samples, which are for tests alone.
func shared(t *testing.T) string {
	t.Helper()
	root := os.Getenv("RADAGORA_SHARED")
	if root == "" {
		root = "../../../shared"
	}
	dir := filepath.Join(root, "samples", "rdsr")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("shared samples not found: " + err.Error())
	}
	return dir
}

func TestSamplesPrint(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t), "*RDSR*.dcm"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f, err := dicom.Read(bytes.NewReader(b), nil)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := parse(t, f.Dataset).Text(&out); err != nil {
				t.Fatal(err)
			}
			if lines := strings.Count(out.String(), "\n"); lines < 20 {
				t.Errorf("%d lines:\n%s", lines, out.String())
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	b := dicom.NewBuilder()
	sr.Append(b, sr.NewContainer("", title, sr.NewContainer(sr.Contains, event, sr.NewNum(sr.Contains, dlp, "1", unit))), "10011")
	d, err := b.Dataset()
	if err != nil {
		f.Fatal(err)
	}
	var buf bytes.Buffer
	if err := dicom.Write(&buf, d, dicomExplicit); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		file, _ := dicom.ReadDataset(bytes.NewReader(b), dicomExplicit, nil)
		if file == nil {
			return
		}
		doc, err := sr.Parse(file.Dataset)
		if err != nil {
			return
		}
		var one, two bytes.Buffer
		if err := doc.Text(&one); err != nil {
			t.Fatal(err)
		}
		if err := doc.Text(&two); err != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
			t.Error("the same tree printed twice differs")
		}
		for line := range doc.Lines() {
			if strings.ContainsAny(line.String(), "\n\r\x1b") {
				t.Errorf("line with a control character: %q", line.String())
			}
		}
	})
}
