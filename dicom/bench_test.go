package dicom_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
)

// BenchmarkOpen indexes the header of a file with a typical number of elements
// and 0.5 MB of pixels on disk, and reads one value of it.
func BenchmarkOpen(b *testing.B) {
	build := sample()
	for i := range 100 {
		build.Text(tag.New(0x0019, uint16(0x1000+i)), "a private value of some length")
	}
	build.Text(tag.New(0x0019, 0x10), "RADAGORA TEST")
	d, err := build.Bytes(tag.PixelData, vr.OW, make([]byte, 512<<10)).Dataset()
	if err != nil {
		b.Fatal(err)
	}
	var buf bytes.Buffer
	if err := dicom.WriteFile(&buf, d, uid.ExplicitVRLittleEndian); err != nil {
		b.Fatal(err)
	}
	name := filepath.Join(b.TempDir(), "ct.dcm")
	if err := os.WriteFile(name, buf.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		got, err := dicom.Open(f, int64(buf.Len()), nil)
		if err != nil || got.Text(tag.PatientID) != "4711" {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
