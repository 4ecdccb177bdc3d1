package archive

import (
	"bytes"
	"testing"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// FuzzKeys sees that no identifier does harm: it is read or Invalid, and what is read can
// be made conditions of and compared with anything.
func FuzzKeys(f *testing.F) {
	for _, keys := range [][2]string{
		{"PatientName", "M*ller^?=\\\"\""},
		{"StudyDate", "20240101-"},
		{"StudyTime", "10-1015.5"},
		{"StudyInstanceUID", "1.2.3"},
		{"AcquisitionDateTime", "20240101101500.1+0100-"},
		{"SeriesNumber", "12"},
		{"StudyDescription", "***!_%"},
		{"TimezoneOffsetFromUTC", "+0100"},
	} {
		t, _ := tag.ByKeyword(keys[0])
		d, err := dicom.NewBuilder().Bytes(t, tag.VROf(t), []byte(keys[1])).Sequence(tag.ProcedureCodeSequence, dicom.NewBuilder().Text(tag.CodeValue, "a*")).Dataset()
		if err != nil {
			f.Fatal(err)
		}
		var b bytes.Buffer
		if err := dicom.Write(&b, d, uid.ExplicitVRLittleEndian); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes(), keys[1])
	}
	f.Fuzz(func(t *testing.T, raw []byte, value string) {
		file, err := dicom.ReadDataset(bytes.NewReader(raw), uid.ExplicitVRLittleEndian, nil)
		if err != nil {
			return
		}
		keys, err := parseKeys(file.Dataset)
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Fatalf("%v", err)
			}
			return
		}
		p := &plan{a: &Archive{}, rank: 1, keys: keys, q: Query{DateTime: true}}
		w := statement{args: []any{""}}
		for _, k := range p.combined() {
			if a, ok := columned[k.tag]; ok && k.asks() && k.tag != tag.ModalitiesInStudy {
				p.column(&w, a, k)
			}
			k.in(file.Dataset, true)
			k.matches([]string{value, ""}, false)
			k.matches([]string{value}, true)
		}
		dateTyped(value)
		wordsOf(Study{PatientName: Conceal(value), Description: value})
		if _, err := parsePath(value); err != nil && fault.Of(err) != fault.Invalid {
			t.Fatalf("%v", err)
		}
		if x, ok := parseIndex(raw); ok && len(x.bytes()) == 0 {
			t.Fatal("an index of nothing")
		}
	})
}

// FuzzFrames sees that no object does harm when its frames are looked for.
func FuzzFrames(f *testing.F) {
	d, err := dicom.NewBuilder().Int(tag.Rows, 2).Int(tag.Columns, 2).Int(tag.BitsAllocated, 8).Int(tag.NumberOfFrames, 2).
		Bytes(tag.PixelData, tag.VROf(tag.PixelData), make([]byte, 8)).Dataset()
	if err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, d, uid.ExplicitVRLittleEndian); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		x, err := findFrames(Object{Object: memory{bytes.NewReader(raw)}})
		if err != nil {
			return
		}
		for n := range min(x.frames(), 4) {
			r, length := x.reader(bytes.NewReader(raw), n)
			var out bytes.Buffer
			if _, err := out.ReadFrom(r); err == nil && int64(out.Len()) > length {
				t.Fatalf("%d bytes of %d", out.Len(), length)
			}
		}
	})
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }
