package dicom_test

import (
	"bytes"
	"testing"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

func FuzzRead(f *testing.F) {
	for _, syntax := range []uid.UID{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian} {
		d, err := sample().Dataset()
		if err != nil {
			f.Fatal(err)
		}
		var b bytes.Buffer
		if err := dicom.WriteFile(&b, d, syntax); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
		f.Add(b.Bytes()[132:])
	}
	f.Add([]byte(endless(tag.PixelData, "OB") + delimiter(itemTag, 4) + "\x00\x00\x00\x00" + delimiter(seqEnd, 0)))
	o := &dicom.Options{Window: 64 << 10, Elements: 5000, Inflated: 1 << 20}
	f.Fuzz(func(t *testing.T, b []byte) {
		at, err := dicom.Open(bytes.NewReader(b), int64(len(b)), o)
		if at == nil {
			return
		}
		walk(at.Meta)
		walk(at.Dataset)
		stream, err2 := dicom.Read(bytes.NewReader(b), o)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("Open: %v; Read: %v", err, err2)
		}
		walk(stream.Dataset)
		if err != nil {
			return
		}
		// What was read without an error can be written, and reads the same.
		var once, twice bytes.Buffer
		if dicom.Write(&once, at.Dataset, uid.ExplicitVRLittleEndian) != nil {
			return
		}
		again, err := dicom.ReadDataset(bytes.NewReader(once.Bytes()), uid.ExplicitVRLittleEndian, o)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if err := dicom.Write(&twice, again.Dataset, uid.ExplicitVRLittleEndian); err != nil || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Fatalf("written twice, it differs: %v\n%x\n%x", err, once.Bytes(), twice.Bytes())
		}
	})
}

// walk asks everything of every element.
func walk(d *dicom.Dataset) {
	for e := range d.All() {
		_, _ = e.Bytes()
		e.Texts()
		e.Text()
		e.Ints()
		e.Floats()
		e.Fragments()
		for _, item := range e.Items() {
			walk(item)
		}
	}
}
