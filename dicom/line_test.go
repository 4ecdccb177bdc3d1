package dicom_test

import (
	"fmt"
	"strings"
	"testing"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/vr"
)

func ExampleLines() {
	d, err := dicom.NewBuilder().
		Text(tag.Modality, "CT").
		Text(tag.PatientComments, "two\nlines").
		Text(tag.Manufacturer).
		Int(tag.Rows, 2).
		Sequence(tag.ReferencedStudySequence, dicom.NewBuilder().Text(tag.PatientID, "4711")).
		Bytes(tag.PixelData, vr.OW, []byte{1, 2, 3, 4}).
		Dataset()
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range dicom.Lines(d) {
		fmt.Println(line)
	}
	// Output:
	// (0008,0060) CS Modality: CT
	// (0008,0070) LO Manufacturer: empty
	// (0008,1110) SQ Referenced Study Sequence: 1 item
	//   Item 1
	//     (0010,0020) LO Patient ID: 4711
	// (0010,4000) LT Patient Comments: two lines
	// (0028,0010) US Rows: 2
	// (7FE0,0010) OW Pixel Data: 4 bytes
}

func TestLinesAreCut(t *testing.T) {
	d := build(t, dicom.NewBuilder().Text(tag.PatientComments, strings.Repeat("ä", 500)))
	for line := range dicom.Lines(d) {
		if line.Tag == tag.PatientComments && (!line.Cut || len([]rune(line.Value)) != 80) {
			t.Errorf("a value of 500 characters: %v; want 80 of them", line)
		}
	}
}
