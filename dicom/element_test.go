package dicom_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
)

// build returns what b builds.
func build(t *testing.T, b *dicom.Builder) *dicom.Dataset {
	t.Helper()
	d, err := b.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func sample() *dicom.Builder {
	return dicom.NewBuilder().
		UID(tag.SOPClassUID, uid.CTImageStorage).
		UID(tag.SOPInstanceUID, uid.Must("1.2.840.1")).
		Text(tag.PatientName, "Äneas^Rüdiger").
		Text(tag.PatientID, "4711").
		Text(tag.ImageType, "ORIGINAL", "PRIMARY", "AXIAL").
		Text(tag.PatientSize, "1.86").
		Int(tag.SeriesNumber, 12).
		Int(tag.Rows, 512).
		Float(tag.SliceThickness, 1.25).
		Float(tag.RealWorldValueSlope, 0.1).
		Tags(tag.FrameIncrementPointer, tag.FrameTime).
		Text(tag.PatientComments, `one\two `).
		Sequence(tag.ReferencedStudySequence,
			dicom.NewBuilder().UID(tag.ReferencedSOPInstanceUID, uid.Must("1.2.3")).Text(tag.PatientName, "Œuvre"),
			dicom.NewBuilder()).
		Sequence(tag.ReferencedSeriesSequence).
		Text(tag.Manufacturer).
		Bytes(tag.PixelData, vr.OW, []byte{1, 2, 3, 4})
}

func TestAccessors(t *testing.T) {
	d := build(t, sample())
	if got := d.Text(tag.PatientName); got != "Äneas^Rüdiger" {
		t.Errorf("Patient's Name = %q", got)
	}
	if got := d.Texts(tag.ImageType); !cmp.Equal(got, []string{"ORIGINAL", "PRIMARY", "AXIAL"}) {
		t.Errorf("Image Type = %q", got)
	}
	if n, ok := d.Int(tag.SeriesNumber); n != 12 || !ok {
		t.Errorf("Series Number = %v, %v", n, ok)
	}
	if n, ok := d.Int(tag.Rows); n != 512 || !ok || d.Text(tag.Rows) != "512" {
		t.Errorf("Rows = %v, %v, %q", n, ok, d.Text(tag.Rows))
	}
	if x, ok := d.Float(tag.SliceThickness); x != 1.25 || !ok {
		t.Errorf("Slice Thickness = %v, %v", x, ok)
	}
	if x, ok := d.Float(tag.RealWorldValueSlope); x != 0.1 || !ok {
		t.Errorf("Real World Value Slope = %v, %v", x, ok)
	}
	if x, ok := d.Float(tag.PatientSize); x != 1.86 || !ok {
		t.Errorf("Patient's Size = %v, %v", x, ok)
	}
	if got := d.Text(tag.FrameIncrementPointer); got != tag.FrameTime.String() {
		t.Errorf("Frame Increment Pointer = %q", got)
	}
	if got := d.Text(tag.PatientComments); got != `one\two` {
		t.Errorf("Patient Comments = %q; want running text with its backslash", got)
	}
	if got := d.UID(tag.SOPClassUID); got != uid.CTImageStorage {
		t.Errorf("SOP Class UID = %v", got)
	}
	items := d.Items(tag.ReferencedStudySequence)
	if len(items) != 2 || items[0].Text(tag.PatientName) != "Œuvre" || items[1].Len() != 0 {
		t.Errorf("items = %v; want two, the first in the character set of the whole", items)
	}
	if d.Has(tag.StudyDate) || d.Text(tag.StudyDate) != "" || d.Items(tag.StudyDate) != nil || d.Item(tag.StudyDate).Len() != 0 {
		t.Error("what is absent is not empty")
	}
	if e, ok := d.Element(tag.Manufacturer); !ok || !e.Empty() || e.Texts() != nil {
		t.Error("Manufacturer is not there and empty")
	}
	if e, ok := d.Element(tag.ReferencedSeriesSequence); !ok || !e.Empty() || !e.Sequence() {
		t.Error("Referenced Series Sequence is not there and empty")
	}
}

func TestWriteIsReadBack(t *testing.T) {
	want := build(t, sample())
	for _, syntax := range []uid.UID{
		uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian,
	} {
		t.Run(uid.Name(syntax), func(t *testing.T) {
			var b bytes.Buffer
			if err := dicom.WriteFile(&b, want, syntax); err != nil {
				t.Fatal(err)
			}
			f, err := open(b.String())
			if err != nil || len(f.Warnings) > 0 {
				t.Fatal(err, f.Warnings)
			}
			if f.TransferSyntax != syntax {
				t.Errorf("transfer syntax %v; want %v", f.TransferSyntax, syntax)
			}
			if diff := cmp.Diff(content(t, want), content(t, f.Dataset)); diff != "" {
				t.Errorf("written and read (-want +got):\n%s", diff)
			}
		})
	}
}

// content returns what a data set says, whatever its encoding.
func content(t *testing.T, d *dicom.Dataset) string {
	t.Helper()
	var b bytes.Buffer
	if err := dicom.Write(&b, d, uid.ExplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEditKeepsTheRest(t *testing.T) {
	d := build(t, sample())
	e := build(t, dicom.Edit(d).Text(tag.PatientID, "4712").Delete(tag.PatientName))
	if e.Text(tag.PatientID) != "4712" || e.Has(tag.PatientName) || e.Text(tag.PatientSize) != "1.86" ||
		e.Items(tag.ReferencedStudySequence)[0].Text(tag.PatientName) != "Œuvre" {
		t.Errorf("edited: %q %q", e.Text(tag.PatientID), e.Texts(tag.ImageType))
	}
}

func TestBuilderRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		b    *dicom.Builder
	}{
		{"a code string that is too long", dicom.NewBuilder().Text(tag.Modality, "LONGER THAN SIXTEEN")},
		{"a backslash inside a value", dicom.NewBuilder().Text(tag.PatientID, `a\b`)},
		{"a control character", dicom.NewBuilder().Text(tag.PatientName, "a\x01b")},
		{"a UID with a letter", dicom.NewBuilder().Text(tag.SOPInstanceUID, "1.2.x")},
		{"a UID with a leading zero", dicom.NewBuilder().Text(tag.SOPInstanceUID, "1.02.3")},
		{"a decimal string that is none", dicom.NewBuilder().Text(tag.PatientSize, "1,86")},
		{"not a number", dicom.NewBuilder().Text(tag.PatientSize, "NaN")},
		{"an umlaut in a code string", dicom.NewBuilder().Text(tag.Modality, "Ä")},
		{"a number beyond US", dicom.NewBuilder().Int(tag.Rows, 70000)},
		{"a negative number for US", dicom.NewBuilder().Int(tag.Rows, -1)},
		{"text for a sequence", dicom.NewBuilder().Text(tag.ReferencedStudySequence, "x")},
		{"half a word", dicom.NewBuilder().Bytes(tag.PixelData, vr.OW, []byte{1})},
		{"two values of running text", dicom.NewBuilder().Text(tag.PatientComments, "a", "b")},
		{"something wrong inside an item", dicom.NewBuilder().Sequence(tag.ReferencedStudySequence, dicom.NewBuilder().Text(tag.Modality, "é"))},
		{"text beyond the declared set", dicom.NewBuilder().Text(tag.SpecificCharacterSet, "ISO_IR 100").Text(tag.PatientName, "Люк")},
		{"a set that does not exist", dicom.NewBuilder().Text(tag.SpecificCharacterSet, "ISO_IR 999").Text(tag.PatientName, "x")},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d, err := c.b.Dataset(); err == nil {
				t.Errorf("accepted, %d elements", d.Len())
			}
		})
	}
}

func TestShortLengthBecomesUN(t *testing.T) {
	long := strings.Repeat("1.25\\", 20000)
	f, err := open(file(t, uid.ImplicitVRLittleEndian, implicit(tag.PatientSize, long)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, f.Dataset, uid.ExplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	g, err := dicom.ReadDataset(&b, uid.ExplicitVRLittleEndian, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := g.Element(tag.PatientSize)
	if e.VR() != vr.UN || e.Length() != int64(len(long)) {
		t.Errorf("VR %v, length %d; want UN, %d", e.VR(), e.Length(), len(long))
	}
}

func TestSignedPixelsInImplicitVR(t *testing.T) {
	f, err := open(file(t, uid.ImplicitVRLittleEndian,
		implicit(tag.PixelRepresentation, "\x01\x00")+implicit(tag.SmallestImagePixelValue, "\x00\xfc")))
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := f.Int(tag.SmallestImagePixelValue); n != -1024 {
		t.Errorf("Smallest Image Pixel Value = %d; want -1024", n)
	}
}

func TestEncapsulated(t *testing.T) {
	pixels := endless(tag.PixelData, "OB") + delimiter(itemTag, 4) + "\x00\x00\x00\x00" + delimiter(itemTag, 6) + "jpeg01" + delimiter(seqEnd, 0)
	f, err := open(file(t, uid.JPEGBaseline8Bit, patient+pixels))
	if err != nil || len(f.Warnings) > 0 {
		t.Fatal(err, f.Warnings)
	}
	e, _ := f.Element(tag.PixelData)
	parts := e.Fragments()
	if !e.Encapsulated() || len(parts) != 2 || parts[1].Length != 6 {
		t.Fatalf("fragments = %v; want an offset table and one of 6 bytes", parts)
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, f.Dataset, uid.JPEGBaseline8Bit); err != nil || b.String() != patient+pixels {
		t.Errorf("written again: %q, %v; want the same bytes", b.String(), err)
	}
	if err := dicom.Write(&b, f.Dataset, uid.ExplicitVRLittleEndian); err == nil {
		t.Error("compressed pixels were written into a native syntax")
	}
}
