package pixel_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"radagora/dicom"
	"radagora/dicom/pixel"
)

// samples is where Debian's python3-pydicom has its test files.
const samples = "/usr/lib/python3/dist-packages/pydicom/data/test_files"

// open reads a DICOM file into memory.
func open(t testing.TB, path string) *dicom.File {
	t.Helper()
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		t.Skipf("not there: %s (Debian's python3-pydicom)", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, b)
}

// parse reads a DICOM file.
func parse(t testing.TB, b []byte) *dicom.File {
	t.Helper()
	f, err := dicom.Open(bytes.NewReader(b), int64(len(b)), &dicom.Options{Spool: func() (dicom.Spool, error) {
		return os.CreateTemp(t.TempDir(), "spool")
	}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// tool runs a program of dcmtk or gdcm, or skips the test if it is not there.
func tool(t testing.TB, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("not there: %s", name)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// by has a program turn the file at path to native samples and reads them.
func by(t testing.TB, path, name string, args ...string) *dicom.File {
	t.Helper()
	out := filepath.Join(t.TempDir(), "native.dcm")
	tool(t, name, append(args, path, out)...)
	return open(t, out)
}

// frames returns all frames of f, decoded.
func frames(t testing.TB, f *dicom.File) []*pixel.Frame {
	t.Helper()
	all, err := pixel.FramesOf(f.Dataset, f.TransferSyntax)
	if err != nil {
		t.Fatal(err)
	}
	var out []*pixel.Frame
	for n := range all.Len() {
		frame, err := all.Frame(n)
		if err != nil {
			t.Fatalf("frame %d: %v", n+1, err)
		}
		out = append(out, frame)
	}
	return out
}

// differ returns the greatest difference between samples of a and b and how many
// differ, or an error if they cannot be compared.
func differ(a, b *pixel.Frame) (greatest, count int, err error) {
	if a.Rows != b.Rows || a.Columns != b.Columns || a.SamplesPerPixel != b.SamplesPerPixel ||
		a.BitsAllocated != b.BitsAllocated || len(a.Data) != len(b.Data) {
		return 0, 0, fmt.Errorf("%dx%dx%d of %d bits in %d bytes against %dx%dx%d of %d bits in %d bytes",
			a.Rows, a.Columns, a.SamplesPerPixel, a.BitsAllocated, len(a.Data),
			b.Rows, b.Columns, b.SamplesPerPixel, b.BitsAllocated, len(b.Data))
	}
	mask := 1<<a.BitsStored - 1
	for k := range a.Data {
		if a.BitsAllocated == 16 {
			if k%2 == 1 {
				continue
			}
			x := (int(a.Data[k]) | int(a.Data[k+1])<<8) & mask
			y := (int(b.Data[k]) | int(b.Data[k+1])<<8) & mask
			if a.Signed() {
				shift := 64 - a.BitsStored
				x, y = x<<shift>>shift, y<<shift>>shift
			}
			if x != y {
				count++
				greatest = max(greatest, x-y, y-x)
			}
			continue
		}
		x, y := int(a.Data[k]), int(b.Data[k])
		if x != y {
			count++
			greatest = max(greatest, x-y, y-x)
		}
	}
	return greatest, count, nil
}

// same fails unless both have the same frames within bound.
func same(t testing.TB, got, want *dicom.File, bound int) {
	t.Helper()
	a, b := frames(t, got), frames(t, want)
	if len(a) != len(b) {
		t.Fatalf("%d frames; want %d", len(a), len(b))
	}
	for n := range a {
		greatest, count, err := differ(a[n], b[n])
		if err != nil {
			t.Fatalf("frame %d: %v", n+1, err)
		}
		if greatest > bound {
			t.Errorf("frame %d: %d samples differ, by %d at most; want at most %d", n+1, count, greatest, bound)
		}
	}
}

// TestSamplesAgainstOthers decodes pydicom's files and compares every sample
// with what dcmtk and gdcm make of them.
func TestSamplesAgainstOthers(t *testing.T) {
	for _, c := range []struct {
		file  string
		with  []string
		bound int
	}{
		{"MR_small_RLE.dcm", []string{"dcmdrle"}, 0},
		{"SC_rgb_rle.dcm", []string{"dcmdrle"}, 0},
		{"SC_rgb_rle_2frame.dcm", []string{"dcmdrle"}, 0},
		{"SC_rgb_rle_16bit.dcm", []string{"dcmdrle"}, 0},
		{"SC_rgb_rle_16bit_2frame.dcm", []string{"dcmdrle"}, 0},
		{"SC_rgb_rle_32bit.dcm", []string{"dcmdrle"}, 0},
		{"SC_rgb_rle_32bit_2frame.dcm", []string{"dcmdrle"}, 0},
		{"rtdose_rle.dcm", []string{"dcmdrle"}, 0},
		{"rtdose_rle_1frame.dcm", []string{"dcmdrle"}, 0},
		{"JPEG-lossy.dcm", []string{"dcmdjpeg"}, 0},
		{"JPGExtended.dcm", []string{"dcmdjpeg"}, 0},
		{"SC_jpeg_no_color_transform.dcm", []string{"gdcmconv", "--raw"}, 0},
		{"SC_jpeg_no_color_transform_2.dcm", []string{"gdcmconv", "--raw"}, 0},
		{"SC_rgb_dcmtk_+eb+cr.dcm", []string{"dcmdjpeg"}, 0},
		{"SC_rgb_dcmtk_+eb+cy+n1.dcm", []string{"dcmdjpeg"}, 0},
		{"SC_rgb_dcmtk_+eb+cy+n2.dcm", []string{"dcmdjpeg"}, 0},
		{"SC_rgb_dcmtk_+eb+cy+np.dcm", []string{"dcmdjpeg"}, 0},
		{"SC_rgb_dcmtk_+eb+cy+s2.dcm", []string{"dcmdjpeg"}, 0},
		{"SC_rgb_dcmtk_+eb+cy+s4.dcm", []string{"dcmdjpeg"}, 0},
		{"SC_rgb_jpeg_dcmtk.dcm", []string{"dcmdjpeg"}, 0},
		{"SC_rgb_small_odd_jpeg.dcm", []string{"dcmdjpeg"}, 0},
		{"SC_rgb_jpeg_app14_dcmd.dcm", []string{"dcmdjpeg"}, 0},
		{"SC_rgb_jpeg_gdcm.dcm", []string{"dcmdjpeg"}, 0},
		{"MR_small_jpeg_ls_lossless.dcm", []string{"dcmdjpls"}, 0},
		{"MR_small_RLE.dcm", []string{"gdcmconv", "--raw"}, 0},
		{"rtdose_rle.dcm", []string{"gdcmconv", "--raw"}, 0},
		{"MR_small_jpeg_ls_lossless.dcm", []string{"gdcmconv", "--raw"}, 0},
		{"SC_rgb_jpeg_gdcm.dcm", []string{"gdcmconv", "--raw"}, 0},
		{"JPEG-lossy.dcm", []string{"gdcmconv", "--raw"}, 0},
		{"JPEG2000.dcm", []string{"gdcmconv", "--raw"}, 1},
		{"693_J2KI.dcm", []string{"gdcmconv", "--raw"}, 1},
		{"MR_small_jp2klossless.dcm", []string{"gdcmconv", "--raw"}, 0},
		{"GDCMJ2K_TextGBR.dcm", []string{"gdcmconv", "--raw"}, 0},
		{"J2K_pixelrep_mismatch.dcm", []string{"gdcmconv", "--raw"}, 0},
		{"SC_rgb_gdcm_KY.dcm", []string{"gdcmconv", "--raw"}, 1},
		{"image_dfl.dcm", []string{"dcmconv", "+te"}, 0},
		{"MR_small_bigendian.dcm", []string{"dcmconv", "+te"}, 0},
		{"ExplVR_BigEnd.dcm", []string{"dcmconv", "+te"}, 0},
	} {
		t.Run(c.file+" by "+c.with[0], func(t *testing.T) {
			path := filepath.Join(samples, c.file)
			same(t, open(t, path), by(t, path, c.with[0], c.with[1:]...), c.bound)
		})
	}
}

// TestSameImageInOtherSyntaxes compares files of pydicom that hold one image
// each in several transfer syntaxes.
func TestSameImageInOtherSyntaxes(t *testing.T) {
	for _, c := range []struct{ name, a, b string }{
		{"big endian words of 32 bits", "rtdose_expb.dcm", "rtdose.dcm"},
		{"single bits in big endian words", "liver_expb_1frame.dcm", "liver_1frame.dcm"},
		{"run length of 32 bits", "rtdose_rle.dcm", "rtdose.dcm"},
		{"implicit VR", "MR_small_implicit.dcm", "MR_small.dcm"},
		{"padding behind the samples", "MR_small_padded.dcm", "MR_small.dcm"},
		{"big endian words of 16 bits", "MR_small_bigendian.dcm", "MR_small.dcm"},
		{"run length of 16 bits", "MR_small_RLE.dcm", "MR_small.dcm"},
		{"JPEG-LS", "MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm"},
		{"JPEG 2000", "MR_small_jp2klossless.dcm", "MR_small.dcm"},
	} {
		t.Run(c.name, func(t *testing.T) {
			same(t, open(t, filepath.Join(samples, c.a)), open(t, filepath.Join(samples, c.b)), 0)
		})
	}
}
