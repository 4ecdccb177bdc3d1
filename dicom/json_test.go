package dicom_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// toJSON returns d as JSON with everything in it.
func toJSON(t *testing.T, d *dicom.Dataset) string {
	t.Helper()
	var b strings.Builder
	if err := dicom.WriteJSON(&b, d, dicom.JSONOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWriteJSON(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct {
		name string
		fill func(*dicom.Builder)
		want string
	}{
		{"nothing", func(*dicom.Builder) {}, `{}`},
		{"text", func(b *dicom.Builder) { b.Text(tag.PatientID, "a") }, `{"00100020":{"vr":"LO","Value":["a"]}}`},
		{"an empty element has no value", func(b *dicom.Builder) { b.Text(tag.PatientID) }, `{"00100020":{"vr":"LO"}}`},
		{
			"an empty value among others is null", func(b *dicom.Builder) { b.Text(tag.ImageType, "A", "", "B") },
			`{"00080008":{"vr":"CS","Value":["A",null,"B"]}}`,
		},
		{
			"escapes", func(b *dicom.Builder) { b.Text(tag.PatientComments, "\"\\\t\r\n\f") },
			`{"00104000":{"vr":"LT","Value":["\"\\\t\r\n\u000c"]}}`,
		},
		{
			"component groups of names; text is UTF-8 and says so",
			func(b *dicom.Builder) { b.Text(tag.PatientName, "Yamada^Tarou=山田^太郎=やまだ^たろう") },
			`{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"Yamada^Tarou","Ideographic":"山田^太郎","Phonetic":"やまだ^たろう"}]}}`,
		},
		{
			"a name without its first group", func(b *dicom.Builder) { b.Text(tag.PatientName, "==a") },
			`{"00100010":{"vr":"PN","Value":[{"Phonetic":"a"}]}}`,
		},
		{"a name without any group", func(b *dicom.Builder) { b.Text(tag.PatientName, "==") }, `{"00100010":{"vr":"PN","Value":[null]}}`},
		{
			"decimal strings keep their digits where JSON has them so",
			func(b *dicom.Builder) {
				b.Text(tag.ImagePositionPatient, "1.50", "+1.5", ".5", "1.", "007", "-0", "1E5", "-.5e-3")
			},
			`{"00200032":{"vr":"DS","Value":[1.50,1.5,0.5,1,7,-0,1E5,-0.0005]}}`,
		},
		{
			"integer strings", func(b *dicom.Builder) { b.Text(tag.InstanceNumber, "+7", "007", "12") },
			`{"00200013":{"vr":"IS","Value":[7,7,12]}}`,
		},
		{
			"floats, of which some are no numbers", func(b *dicom.Builder) {
				b.Float(tag.RealWorldValueIntercept, 0.1, nan, math.Inf(1), math.Inf(-1), 1e21)
			},
			`{"00409224":{"vr":"FD","Value":[0.1,"NaN","inf","-inf",1e+21]}}`,
		},
		{
			"short floats have few digits", func(b *dicom.Builder) { b.Float(tag.ExaminedBodyThickness, 0.1) },
			`{"00109431":{"vr":"FL","Value":[0.1]}}`,
		},
		{"tags", func(b *dicom.Builder) { b.Tags(tag.FrameIncrementPointer, tag.FrameTime) }, `{"00280009":{"vr":"AT","Value":["00181063"]}}`},
		{
			"64 bits that not every reader can hold are text", func(b *dicom.Builder) {
				b.Bytes(0x00091001, vr.UV, []byte{255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0})
				b.Bytes(0x00091002, vr.SV, []byte{255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 128})
			},
			`{"00091001":{"vr":"UV","Value":["18446744073709551615",1]},"00091002":{"vr":"SV","Value":[-1,"-9223372036854775808"]}}`,
		},
		{"bytes", func(b *dicom.Builder) { b.Bytes(tag.EncapsulatedDocument, vr.OB, []byte{1, 2, 3, 4}) }, `{"00420011":{"vr":"OB","InlineBinary":"AQIDBA=="}}`},
		{"no bytes", func(b *dicom.Builder) { b.Bytes(tag.EncapsulatedDocument, vr.OB, nil) }, `{"00420011":{"vr":"OB"}}`},
		{
			"sequences, items and nothing in them", func(b *dicom.Builder) {
				b.Sequence(tag.ReferencedStudySequence)
				b.Sequence(tag.ReferencedSeriesSequence, dicom.NewBuilder(), dicom.NewBuilder().Int(tag.Rows, 1))
			},
			`{"00081110":{"vr":"SQ"},"00081115":{"vr":"SQ","Value":[{},{"00280010":{"vr":"US","Value":[1]}}]}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := dicom.NewBuilder()
			tt.fill(b)
			got := toJSON(t, build(t, b))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Fatalf("-want +got:\n%s", diff)
			}
			again, err := dicom.ReadJSON(strings.NewReader(got), dicom.JSONLimits{})
			if err != nil {
				t.Fatal(err)
			}
			if back := toJSON(t, build(t, again)); back != got && tt.name != "a name without any group" {
				t.Errorf("read and written again:\n%s\nwant\n%s", back, got)
			}
		})
	}
}

// TestWriteJSONOddities writes what only a stream can hold: tags in disorder and
// twice, big endian, group lengths, UN and text that is no number.
func TestWriteJSONOddities(t *testing.T) {
	for _, tt := range []struct {
		name   string
		syntax uid.UID
		in     string
		want   string
	}{
		{
			"tags in disorder and twice", uid.ExplicitVRLittleEndian,
			"\x10\x00\x20\x00LO\x02\x00b \x08\x00\x60\x00CS\x02\x00CT\x10\x00\x20\x00LO\x02\x00c ",
			`{"00080060":{"vr":"CS","Value":["CT"]},"00100020":{"vr":"LO","Value":["b"]}}`,
		},
		{
			"group length", uid.ExplicitVRLittleEndian,
			"\x08\x00\x00\x00UL\x04\x00\x0A\x00\x00\x00\x08\x00\x60\x00CS\x02\x00CT", `{"00080060":{"vr":"CS","Value":["CT"]}}`,
		},
		{
			"big endian words become little endian", uid.ExplicitVRBigEndian,
			"\x00\x28\x00\x10US\x00\x02\x01\x02\x00\x28\x12\x01OW\x00\x00\x00\x00\x00\x02\x01\x02",
			`{"00280010":{"vr":"US","Value":[258]},"00281201":{"vr":"OW","InlineBinary":"AgE="}}`,
		},
		{
			"UN that the dictionary knows", uid.ExplicitVRLittleEndian,
			"\x08\x00\x60\x00UN\x00\x00\x02\x00\x00\x00CT\x09\x00\x01\x10UN\x00\x00\x02\x00\x00\x00ab",
			`{"00080060":{"vr":"CS","Value":["CT"]},"00091001":{"vr":"UN","InlineBinary":"YWI="}}`,
		},
		{
			"a VR that nobody knows", uid.ExplicitVRLittleEndian, "\x09\x00\x01\x10AA\x00\x00\x01\x00\x00\x00a",
			`{"00091001":{"vr":"UN","InlineBinary":"YQ=="}}`,
		},
		{
			"text that is no number", uid.ExplicitVRLittleEndian,
			"\x20\x00\x13\x00IS\x0a\x00a\\1.5\\1e2 \x20\x00\x32\x00DS\x0e\x00x\\nan\\0x1p\\1_0",
			`{"00200013":{"vr":"IS","Value":["a","1.5","1e2"]},"00200032":{"vr":"DS","Value":["x","nan","0x1p","1_0"]}}`,
		},
		{
			"half a number", uid.ExplicitVRLittleEndian, "\x28\x00\x10\x00US\x03\x00\x01\x00\x02", `{"00280010":{"vr":"US","Value":[1]}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := dicom.ReadDataset(strings.NewReader(tt.in), tt.syntax, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, toJSON(t, f.Dataset)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestBulkData(t *testing.T) {
	item := dicom.NewBuilder().Bytes(tag.WaveformData, vr.OW, make([]byte, 6))
	d := build(t, dicom.NewBuilder().
		Bytes(tag.EncapsulatedDocument, vr.OB, []byte{1, 2}).
		Bytes(tag.RedPaletteColorLookupTableData, vr.OW, make([]byte, 6)).
		Sequence(tag.WaveformSequence, dicom.NewBuilder(), item))
	var b strings.Builder
	err := dicom.WriteJSON(&b, d, dicom.JSONOptions{InlineLimit: 4, BulkDataURI: func(path string, e dicom.Element) string {
		if e.Tag() == tag.RedPaletteColorLookupTableData {
			return "" // nowhere, so it is inline
		}
		return "bulk/" + path
	}})
	want := `{"00281201":{"vr":"OW","InlineBinary":"AAAAAAAA"},"00420011":{"vr":"OB","InlineBinary":"AQI="},` +
		`"54000100":{"vr":"SQ","Value":[{},{"54001010":{"vr":"OW","BulkDataURI":"bulk/54000100/2/54001010"}}]}}`
	if diff := cmp.Diff(want, b.String()); diff != "" || err != nil {
		t.Fatalf("%v, -want +got:\n%s", err, diff)
	}
	fetched := ""
	read, err := dicom.ReadJSON(strings.NewReader(b.String()), dicom.JSONLimits{Bulk: func(uri string) ([]byte, error) {
		fetched = uri
		return make([]byte, 6), nil
	}})
	if err != nil || fetched != "bulk/54000100/2/54001010" {
		t.Fatalf("ReadJSON fetched %q, %v", fetched, err)
	}
	if got := toJSON(t, build(t, read)); got != toJSON(t, d) {
		t.Errorf("with what was fetched: %s", got)
	}
	left, err := dicom.ReadJSON(strings.NewReader(b.String()), dicom.JSONLimits{})
	if err != nil || build(t, left).Items(tag.WaveformSequence)[1].Len() != 0 {
		t.Errorf("an element whose value nobody fetches is not left out: %v", err)
	}
}

func TestReadJSONErrors(t *testing.T) {
	deep := strings.Repeat(`{"00081115":{"vr":"SQ","Value":[`, 70) + strings.Repeat(`]}}`, 70)
	for _, tt := range []struct {
		name, in string
		l        dicom.JSONLimits
		want     fault.Kind
	}{
		{"nothing", ``, dicom.JSONLimits{}, fault.Invalid},
		{"no object", `[]`, dicom.JSONLimits{}, fault.Invalid},
		{"cut", `{"00100020":{"vr":"LO","Val`, dicom.JSONLimits{}, fault.Invalid},
		{"something behind", `{}{}`, dicom.JSONLimits{}, fault.Invalid},
		{"a keyword for a tag", `{"LEAK":{"vr":"LO"}}`, dicom.JSONLimits{}, fault.Invalid},
		{"an item tag", `{"FFFEE000":{"vr":"LO"}}`, dicom.JSONLimits{}, fault.Invalid},
		{"an unknown VR", `{"00100020":{"vr":"XX"}}`, dicom.JSONLimits{}, fault.Invalid},
		{"an unknown member", `{"00100020":{"vr":"LO","LEAK":1}}`, dicom.JSONLimits{}, fault.Invalid},
		{"twice the same", `{"00100020":{"vr":"LO"},"00100020":{"vr":"LO"}}`, dicom.JSONLimits{}, fault.Invalid},
		{"value and bytes", `{"00100020":{"vr":"OB","Value":[],"InlineBinary":""}}`, dicom.JSONLimits{}, fault.Invalid},
		{"a backslash that would make two values", `{"00100020":{"vr":"LO","Value":["LEAK\\b"]}}`, dicom.JSONLimits{}, fault.Invalid},
		{"an escape sequence", `{"00100020":{"vr":"LO","Value":["\u001b(BLEAK"]}}`, dicom.JSONLimits{}, fault.Invalid},
		{"a number too large", `{"00280010":{"vr":"US","Value":[65536]}}`, dicom.JSONLimits{}, fault.Invalid},
		{"a fraction", `{"00280010":{"vr":"US","Value":[1.5]}}`, dicom.JSONLimits{}, fault.Invalid},
		{"null among numbers", `{"00280010":{"vr":"US","Value":[null]}}`, dicom.JSONLimits{}, fault.Invalid},
		{"true", `{"00280010":{"vr":"US","Value":[true]}}`, dicom.JSONLimits{}, fault.Invalid},
		{"an array in an array", `{"00280010":{"vr":"US","Value":[[1]]}}`, dicom.JSONLimits{}, fault.Invalid},
		{"a name that is an item too", `{"00100010":{"vr":"PN","Value":[{"Alphabetic":"LEAK","00100020":{"vr":"LO"}}]}}`, dicom.JSONLimits{}, fault.Invalid},
		{"an item for text", `{"00100020":{"vr":"LO","Value":[{}]}}`, dicom.JSONLimits{}, fault.Invalid},
		{"text for an item", `{"00081115":{"vr":"SQ","Value":["LEAK"]}}`, dicom.JSONLimits{}, fault.Invalid},
		{"no base64", `{"00420011":{"vr":"OB","InlineBinary":"LEAK!"}}`, dicom.JSONLimits{}, fault.Invalid},
		{"odd words", `{"00281201":{"vr":"OW","InlineBinary":"AA=="}}`, dicom.JSONLimits{}, fault.Invalid},
		{"deep", deep, dicom.JSONLimits{}, fault.Exhausted},
		{"many", `{"00100020":{"vr":"LO"},"00100021":{"vr":"LO"}}`, dicom.JSONLimits{Elements: 1}, fault.Exhausted},
		{"long", `{"00100020":{"vr":"LO","Value":["` + strings.Repeat("a", 100) + `"]}}`, dicom.JSONLimits{Bytes: 50}, fault.Exhausted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := dicom.ReadJSON(strings.NewReader(tt.in), tt.l)
			if err == nil || fault.Of(err) != tt.want || strings.Contains(err.Error(), "LEAK") {
				t.Errorf("error %v (%v); want one of kind %v that quotes nothing", err, fault.Of(err), tt.want)
			}
		})
	}
}

func TestReadJSONTolerance(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"members in any order", `{"00280010":{"Value":[1],"vr":"US"}}`, `{"00280010":{"vr":"US","Value":[1]}}`},
		{"no VR", `{"00280010":{"Value":[1]}}`, `{"00280010":{"vr":"US","Value":[1]}}`},
		{"small letters in a tag", `{"0040a730":{"vr":"SQ"}}`, `{"0040A730":{"vr":"SQ"}}`},
		{"tags in disorder", `{"00280010":{"vr":"US"},"00080060":{"vr":"CS"}}`, `{"00080060":{"vr":"CS"},"00280010":{"vr":"US"}}`},
		{"a number written as a float", `{"00280010":{"vr":"US","Value":[1.0]},"00200013":{"vr":"IS","Value":[2e0]}}`, `{"00200013":{"vr":"IS","Value":[2]},"00280010":{"vr":"US","Value":[1]}}`},
		{"a number as text", `{"00280010":{"vr":"US","Value":["1"]}}`, `{"00280010":{"vr":"US","Value":[1]}}`},
		{"a decimal with too many digits", `{"00200032":{"vr":"DS","Value":[0.30000000000000004]}}`, `{"00200032":{"vr":"DS","Value":[0.3]}}`},
		{"a name as text", `{"00100010":{"vr":"PN","Value":["A^B=C"]}}`, `{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B","Ideographic":"C"}]}}`},
		{"a name with null", `{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A","Phonetic":null}]}}`, `{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A"}]}}`},
		{"a name with nothing in it", `{"00100010":{"vr":"PN","Value":[{}]}}`, `{"00100010":{"vr":"PN"}}`},
		{"null for an item", `{"00081115":{"vr":"SQ","Value":[null]}}`, `{"00081115":{"vr":"SQ","Value":[{}]}}`},
		{"another character set", `{"00080005":{"vr":"CS","Value":["ISO_IR 100"]},"00100020":{"vr":"LO","Value":["é"]}}`, `{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00100020":{"vr":"LO","Value":["é"]}}`},
		{"too long for its VR", `{"00080060":{"vr":"CS","Value":["abcdefghijklmnopqrs"]}}`, `{"00080060":{"vr":"CS","Value":["abcdefghijklmnopqrs"]}}`},
		{"text as bytes", `{"0040A160":{"vr":"UT","InlineBinary":"w6k="}}`, `{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"0040A160":{"vr":"UT","Value":["é"]}}`},
		{"group length", `{"00080000":{"vr":"UL","Value":[1]}}`, `{}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := dicom.ReadJSON(strings.NewReader(tt.in), dicom.JSONLimits{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, toJSON(t, build(t, b))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestReadJSONArray(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     int
		fails    bool
	}{
		{"none", `[]`, 0, false},
		{"two", `[{},{"00100020":{"vr":"LO"}}]`, 2, false},
		{"one without an array", `{}`, 1, false},
		{"cut after one", `[{},`, 1, true},
		{"no array", `1`, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, failed := 0, false
			for b, err := range dicom.ReadJSONArray(strings.NewReader(tt.in), dicom.JSONLimits{}) {
				if err != nil {
					failed = true
				} else if b != nil {
					n++
				}
			}
			if n != tt.want || failed != tt.fails {
				t.Errorf("%d data sets, failed %v; want %d, %v", n, failed, tt.want, tt.fails)
			}
		})
	}
}

// pydicomFiles returns the paths of the DICOM files that come with pydicom.
func pydicomFiles(t *testing.T) []string {
	t.Helper()
	data := "/usr/lib/python3/dist-packages/pydicom/data/"
	var all []string
	for _, pattern := range []string{"test_files/*.dcm", "charset_files/*.dcm", "test_files/dicomdirtests/DICOMDIR*"} {
		found, err := filepath.Glob(data + pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		t.Skip("pydicom's files not found: python3-pydicom is not installed")
	}
	return all
}

// inMemory keeps inflated bytes.
func inMemory() (dicom.Spool, error) { return new(memory), nil }

// TestJSONRoundTrip writes real files as JSON, reads that and writes it again.
func TestJSONRoundTrip(t *testing.T) {
	compared := 0
	for _, name := range pydicomFiles(t) {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := dicom.Open(bytes.NewReader(raw), int64(len(raw)), &dicom.Options{Spool: inMemory})
		if f == nil || err != nil {
			continue // broken on purpose
		}
		first := toJSON(t, f.Dataset)
		if !json.Valid([]byte(first)) {
			t.Errorf("%s: no valid JSON", filepath.Base(name))
			continue
		}
		b, err := dicom.ReadJSON(strings.NewReader(first), dicom.JSONLimits{})
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		d, err := b.Dataset()
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		odd := slices.ContainsFunc(f.Warnings, func(w dicom.Warning) bool { return w.Code == dicom.WarnOddLength })
		if second := toJSON(t, d); second != first && !odd { // what is odd was padded
			t.Errorf("%s: -first +second:\n%s", filepath.Base(name), cmp.Diff(shortened(first), shortened(second)))
		}
		compared++
	}
	if compared < 60 {
		t.Errorf("compared %d files; want at least 60", compared)
	}
}

// shortened splits JSON into lines of bearable length.
func shortened(s string) []string {
	lines := strings.Split(s, `},`)
	for i, l := range lines {
		lines[i] = l[:min(len(l), 200)]
	}
	return lines
}

func FuzzReadJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, `[{}]`, `{"00080005":{"vr":"CS","Value":["ISO_IR 100"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"é","Phonetic":null},null]}}`,
		`{"00081115":{"vr":"SQ","Value":[{"00280010":{"vr":"US","Value":[1]}},{},null]}}`,
		`{"00200032":{"vr":"DS","Value":[1.5e3,"x",null]},"00409224":{"vr":"FD","Value":["NaN",1]}}`,
		`{"00091001":{"vr":"UV","Value":["18446744073709551615"]},"00420011":{"vr":"OB","InlineBinary":"AQI="}}`,
		`{"00280009":{"vr":"AT","Value":["00181063"]},"7FE00010":{"vr":"OW","BulkDataURI":"a"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := dicom.ReadJSON(bytes.NewReader(in), dicom.JSONLimits{Elements: 1000, Depth: 10, Bytes: 1 << 16})
		if err != nil {
			if k := fault.Of(err); k != fault.Invalid && k != fault.Exhausted {
				t.Errorf("error of kind %v: %v", k, err)
			}
			return
		}
		d, err := b.Dataset()
		if err != nil {
			return // the Builder is stricter
		}
		first := toJSON(t, d)
		if !json.Valid([]byte(first)) {
			t.Fatalf("no valid JSON: %q", first)
		}
		b, err = dicom.ReadJSON(strings.NewReader(first), dicom.JSONLimits{})
		if err != nil {
			t.Fatalf("%q: %v", first, err)
		}
		if d, err = b.Dataset(); err != nil {
			t.Fatalf("%q: %v", first, err)
		}
		if second := toJSON(t, d); second != first {
			t.Errorf("%q becomes %q", first, second)
		}
	})
}

func BenchmarkWriteJSON(b *testing.B) {
	raw, err := os.ReadFile("/usr/lib/python3/dist-packages/pydicom/data/test_files/CT_small.dcm")
	if err != nil {
		b.Skip("pydicom's files not found")
	}
	f, err := dicom.Open(bytes.NewReader(raw), int64(len(raw)), &dicom.Options{StopAt: tag.PixelData})
	if err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := dicom.WriteJSON(&out, f.Dataset, dicom.JSONOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(out.Len()))
}

// FuzzWriteJSON writes whatever a damaged file leaves of a data set.
func FuzzWriteJSON(f *testing.F) {
	f.Add([]byte(explicit(tag.PatientName, "PN", "\xe4=\x1b$B;3ED") + explicit(tag.InstanceNumber, "IS", "1\\x\\1e5") + explicit(privateTag, "UN", "ab")))
	f.Add([]byte(endless(tag.ReferencedSeriesSequence, "SQ") + delimiter(itemTag, unlimited) + explicit(tag.Rows, "US", "\x01\x02") +
		delimiter(itemEnd, 0) + delimiter(seqEnd, 0) + endless(tag.PixelData, "OB") + delimiter(itemTag, 0) + delimiter(seqEnd, 0)))
	f.Fuzz(func(t *testing.T, in []byte) {
		d, err := dicom.Read(bytes.NewReader(in), &dicom.Options{Elements: 1000})
		if d == nil {
			return
		}
		var b bytes.Buffer
		if werr := dicom.WriteJSON(&b, d.Dataset, dicom.JSONOptions{}); werr != nil {
			if err == nil && fault.Of(werr) == fault.Internal {
				t.Errorf("error of kind %v: %v", fault.Of(werr), werr)
			}
			return
		}
		if !json.Valid(b.Bytes()) {
			t.Errorf("no valid JSON: %q", b.String())
		}
		if !utf8.Valid(b.Bytes()) {
			t.Errorf("no UTF-8: %q", b.String())
		}
	})
}
