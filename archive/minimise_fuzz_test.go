package archive

import (
	"bytes"
	"io"
	"testing"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// FuzzMinimise minimises what is no DICOM, or a damaged one: it never panics nor
// hangs, refuses by kind, and what it gives reads as the same kind of thing.
func FuzzMinimise(f *testing.F) {
	sop := uid.Must("1.2.3.4")
	d, err := dicom.NewBuilder().UID(tag.SOPClassUID, uid.CTImageStorage).UID(tag.SOPInstanceUID, sop).
		Text(tag.PatientName, "Müller^Änn").Text(tag.PatientID, "4711").Text(tag.PatientBirthDate, "19700101").
		Text(tag.StudyDate, "20240101").Text(tag.StudyDescription, "of Müller").
		Sequence(tag.RequestAttributesSequence, dicom.NewBuilder().Text(tag.AccessionNumber, "A1")).
		Bytes(tag.PixelData, vr.OW, []byte{1, 2, 3, 4}).Dataset()
	if err != nil {
		f.Fatal(err)
	}
	for _, syntax := range []uid.UID{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian} {
		var out, file bytes.Buffer
		if err := dicom.Write(&out, d, syntax); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes(), syntax.String(), false)
		if err := dicom.WriteFile(&file, d, syntax); err != nil {
			f.Fatal(err)
		}
		f.Add(file.Bytes(), "", true)
	}
	f.Add([]byte("\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\x04\x00\x00\x00abcd\xfe\xff\xdd\xe0\x00\x00\x00\x00"), uid.JPEGBaseline8Bit.String(), false)
	m := &Minimiser{Key: [32]byte{1}, Header: 1 << 20}
	f.Fuzz(func(t *testing.T, data []byte, syntax string, part10 bool) {
		u, _ := uid.Parse(syntax)
		in, err := m.arrival(Arrival{Part10: part10, SOPClass: uid.CTImageStorage, SOPInstance: sop, TransferSyntax: u, Data: bytes.NewReader(data)})
		if err == nil {
			_, err = io.Copy(io.Discard, in.Data)
		}
		if err != nil && fault.Of(err) == fault.Internal {
			t.Errorf("%v", err)
		}
	})
}
