package j2k

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

// samplesFolder is where Debian's python3-pydicom keeps its test files.
const samplesFolder = "/usr/lib/python3/dist-packages/pydicom/data/test_files"

// fragmentsOf returns the fragments of a DICOM file, joined.
func fragmentsOf(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Skipf("sample not found (Debian: python3-pydicom): %v", err)
	}
	f, err := dicom.Open(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	e, ok := f.Element(tag.PixelData)
	if !ok || !e.Encapsulated() {
		t.Fatal("no encapsulated pixel data")
	}
	var all []byte
	for _, p := range e.Fragments()[1:] {
		all = append(all, b[p.Offset:p.Offset+p.Length]...)
	}
	return all
}

// TestSamples decodes the JPEG 2000 objects that come with pydicom: written by
// several vendors, one in a JP2 file.
func TestSamples(t *testing.T) {
	for _, c := range []struct {
		name  string
		bound int32
	}{
		{"693_J2KI.dcm", 1},
		{"GDCMJ2K_TextGBR.dcm", 0},
		{"J2K_pixelrep_mismatch.dcm", 0},
		{"JPEG2000.dcm", 1},
		{"MR_small_jp2klossless.dcm", 0},
		{"SC_rgb_gdcm_KY.dcm", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := fragmentsOf(t, filepath.Join(samplesFolder, c.name))
			m, err := Decode(b, Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v %v", m.Header, m.Warnings)
			if m.Truncated {
				t.Errorf("truncated: %v", m.Warnings)
			}
			differ(t, samples(m), reference(t, b, m), c.bound)
		})
	}
}

// TestImpossible decodes a sample made to confuse parsers of DICOM: its image size
// was overwritten with a delimiter and stands for more than anybody has.
func TestImpossible(t *testing.T) {
	b := fragmentsOf(t, filepath.Join(samplesFolder, "JPEG2000-embedded-sequence-delimiter.dcm"))
	if _, err := Decode(b, Options{}); fault.Of(err) != fault.Exhausted {
		t.Errorf("Decode = %v; want Exhausted", err)
	}
}

// TestUncompressed compares a lossless object with the same one that was never
// compressed.
func TestUncompressed(t *testing.T) {
	if _, err := exec.LookPath("gdcmconv"); err != nil {
		t.Skip("gdcmconv is not installed (Debian: libgdcm-tools)")
	}
	for _, c := range []struct{ name, options string }{
		{"CT_small.dcm", "--j2k"},
		{"MR_small.dcm", "--j2k"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := filepath.Join(samplesFolder, c.name)
			b, err := os.ReadFile(in)
			if err != nil {
				t.Skipf("sample not found (Debian: python3-pydicom): %v", err)
			}
			out := filepath.Join(t.TempDir(), "out.dcm")
			run(t, "gdcmconv", c.options, in, out)
			m := decode(t, fragmentsOf(t, out), Options{})
			f, err := dicom.Open(bytes.NewReader(b), int64(len(b)), nil)
			if err != nil {
				t.Fatal(err)
			}
			e, _ := f.Element(tag.PixelData)
			r, err := e.Open()
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			want := make([]int32, len(raw)/2)
			for i := range want {
				want[i] = int32(int16(uint16(raw[2*i]) | uint16(raw[2*i+1])<<8))
			}
			differ(t, samples(m), [][]int32{want}, 0)
		})
	}
}
