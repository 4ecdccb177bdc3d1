package dicom_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
)

func TestCompare(t *testing.T) {
	base := func() *dicom.Builder {
		return dicom.NewBuilder().Text(tag.Modality, "CT").Text(tag.PatientID, "1").
			Bytes(0x00091001, vr.LO, []byte("a ")).Bytes(0x00090010, vr.LO, []byte("NOBODY"))
	}
	long := func(end string) string { return fmt.Sprintf("%090d%s", 0, end) }
	built := func(b *dicom.Builder) *dicom.Dataset {
		t.Helper()
		d, err := b.Dataset()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	a := built(base().Text(tag.ImageComments, long("a")).Text(tag.AccessionNumber, "A").
		Sequence(tag.RequestAttributesSequence, dicom.NewBuilder().Text(tag.ScheduledProcedureStepID, "S1")))
	b := built(base().Text(tag.ImageComments, long("b")).Text(tag.StudyID, "7").Bytes(0x00091001, vr.LO, []byte("b ")).
		Sequence(tag.RequestAttributesSequence, dicom.NewBuilder().Text(tag.ScheduledProcedureStepID, "S1"), dicom.NewBuilder().Text(tag.ScheduledProcedureStepID, "S2")))
	var got []string
	for _, d := range dicom.Compare(a, b) {
		if d.Same {
			continue
		}
		got = append(got, fmt.Sprintf("%d %s %v %v %s", d.Depth, d.Tag, d.HasA, d.HasB, d.Creator))
	}
	want := []string{
		"0 (0008,0050) true false ", "0 (0009,1001) true true NOBODY", "0 (0020,0010) false true ", "0 (0020,4000) true true ",
		"0 (0040,0275) true true ", "1 (FFFE,E000) false true ", "2 (0040,0009) false true ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, d := range dicom.Compare(a, a) {
		if !d.Same {
			t.Errorf("%s differs from itself", d.Tag)
		}
	}
}

// FuzzCompare: whatever two data sets hold, they can be held side by side.
func FuzzCompare(f *testing.F) {
	f.Add([]byte("\x08\x00\x60\x00CS\x02\x00CT"), []byte("\x09\x00\x10\x00LO\x02\x00X \x09\x00\x01\x10LO\x02\x00Y "))
	read := func(b []byte) *dicom.Dataset {
		file, _ := dicom.ReadDataset(bytes.NewReader(b), uid.ExplicitVRLittleEndian, &dicom.Options{Elements: 2000})
		if file == nil {
			return nil
		}
		return file.Dataset
	}
	f.Fuzz(func(t *testing.T, x, y []byte) {
		for _, d := range dicom.Compare(read(x), read(y)) {
			if !d.HasA && !d.HasB {
				t.Errorf("%s is in neither", d.Tag)
			}
		}
	})
}
