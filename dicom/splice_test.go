package dicom_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// TestWriteChanged replaces, adds, leaves out and makes elements on the way, in
// the order of tags, and leaves text in the character set it is in.
func TestWriteChanged(t *testing.T) {
	d, err := dicom.NewBuilder().
		Text(tag.SpecificCharacterSet, "ISO_IR 100").
		Text(tag.PatientName, "Müller").
		Text(tag.Modality, "CT").
		Int(tag.Rows, 3).
		Text(tag.StudyDescription, "x").
		Bytes(tag.PixelData, vr.OW, []byte{1, 2}).
		Dataset()
	if err != nil {
		t.Fatal(err)
	}
	set, err := dicom.NewBuilder().Text(tag.Modality, "MR").Text(tag.ImageType, "DERIVED").Int(tag.Columns, 4).
		Bytes(tag.DataSetTrailingPadding, vr.OB, nil).Dataset()
	if err != nil {
		t.Fatal(err)
	}
	for _, ts := range []uid.UID{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian} {
		var out bytes.Buffer
		err := dicom.WriteChanged(&out, d, ts, dicom.Changes{
			Set:  set,
			Drop: func(e dicom.Element) bool { return e.Tag() == tag.StudyDescription },
			Pixels: func(w io.Writer) error {
				_, err := io.WriteString(w, map[bool]string{true: implicit(tag.PixelData, "abcd"), false: explicit(tag.PixelData, "OB", "abcd")}[ts == uid.ImplicitVRLittleEndian])
				return err
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		f, err := dicom.ReadDataset(&out, ts, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for e := range f.All() {
			got = append(got, e.Tag().Keyword()+"="+e.Text())
		}
		want := "SpecificCharacterSet=ISO_IR 100 ImageType=DERIVED Modality=MR PatientName=Müller Rows=3 Columns=4 PixelData= DataSetTrailingPadding="
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%v: %s; want %s", ts, s, want)
		}
		if len(f.Warnings) > 0 {
			t.Errorf("%v: %v", ts, f.Warnings)
		}
	}
}

// TestLoad reads parts of values, and none outside.
func TestLoad(t *testing.T) {
	d, err := dicom.NewBuilder().Bytes(tag.PixelData, vr.OB, []byte("abcdef")).Dataset()
	if err != nil {
		t.Fatal(err)
	}
	e, _ := d.Element(tag.PixelData)
	if b, err := e.Load(2, 3); err != nil || string(b) != "cde" {
		t.Errorf("%q, %v; want cde", b, err)
	}
	for _, c := range []struct{ off, n int64 }{{-1, 1}, {0, 7}, {7, 0}, {6, 1}, {1, -1}, {1 << 62, 1 << 62}} {
		if _, err := e.Load(c.off, c.n); fault.Of(err) != fault.Invalid {
			t.Errorf("%d bytes at %d: %v; want invalid", c.n, c.off, err)
		}
	}
}
