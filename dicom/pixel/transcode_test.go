package pixel_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"radagora/dicom"
	"radagora/dicom/pixel"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// transcoded returns f in transfer syntax to, as a file.
func transcoded(t testing.TB, f *dicom.File, to uid.UID) []byte {
	t.Helper()
	r, err := pixel.Transcode(t.Context(), f, to)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out bytes.Buffer
	m := dicom.Meta{SOPClass: f.UID(tag.SOPClassUID), SOPInstance: f.UID(tag.SOPInstanceUID), TransferSyntax: to}
	if err := dicom.WriteMeta(&out, m); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// targets are the transfer syntaxes that Transcode writes, and who else reads them.
var targets = map[string]struct {
	ts   uid.UID
	back []string
}{
	"implicit":           {uid.ImplicitVRLittleEndian, []string{"dcmconv", "+te"}},
	"explicit":           {uid.ExplicitVRLittleEndian, []string{"dcmconv", "+te"}},
	"big endian":         {uid.ExplicitVRBigEndian, []string{"dcmconv", "+te"}},
	"deflated":           {uid.DeflatedExplicitVRLittleEndian, []string{"dcmconv", "+te"}},
	"RLE":                {uid.RLELossless, []string{"dcmdrle"}},
	"RLE, gdcm":          {uid.RLELossless, []string{"gdcmconv", "--raw"}},
	"JPEG lossless":      {uid.JPEGLosslessSV1, []string{"dcmdjpeg"}},
	"JPEG lossless, .57": {uid.JPEGLossless, []string{"gdcmconv", "--raw"}},
	"JPEG-LS":            {uid.JPEGLSLossless, []string{"dcmdjpls"}},
	"JPEG-LS, gdcm":      {uid.JPEGLSLossless, []string{"gdcmconv", "--raw"}},
	"JPEG 2000":          {uid.JPEG2000Lossless, []string{"gdcmconv", "--raw"}},
	"deflated frames":    {uid.DeflatedImageFrameCompression, nil},
	"encapsulated":       {uid.EncapsulatedUncompressedExplicitVRLittleEndian, nil},
}

// TestTranscode turns made images into every transfer syntax; this program and
// others must read the same samples from it.
func TestTranscode(t *testing.T) {
	for how, c := range targets {
		for what, m := range kinds {
			if testing.Short() && what != "12 bits signed" && what != "colour, odd, 2" {
				continue
			}
			t.Run(how+"/"+what, func(t *testing.T) {
				from := parse(t, m.bytes(t))
				b := transcoded(t, from, c.ts)
				got := parse(t, b)
				if len(got.Warnings) > 0 {
					t.Errorf("warnings: %v", got.Warnings)
				}
				same(t, got, from, 0)
				back := parse(t, transcoded(t, got, uid.ExplicitVRLittleEndian))
				same(t, back, from, 0)
				if c.back == nil {
					return
				}
				path := filepath.Join(t.TempDir(), "transcoded.dcm")
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
				same(t, by(t, path, c.back[0], c.back[1:]...), from, 0)
			})
		}
	}
}

// TestTranscodeSamples turns the files of pydicom to native samples and to
// run lengths and back.
func TestTranscodeSamples(t *testing.T) {
	all, _ := filepath.Glob(filepath.Join(samples, "*.dcm"))
	if len(all) == 0 {
		t.Skip("not there: " + samples)
	}
	for _, path := range all {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := dicom.Open(bytes.NewReader(b), int64(len(b)), &dicom.Options{Window: 1 << 20})
			if err != nil {
				t.Skip("no whole object: ", err)
			}
			frames, err := pixel.FramesOf(f.Dataset, f.TransferSyntax)
			if err != nil {
				t.Skip("no image: ", err)
			}
			if _, err := frames.Frame(0); err != nil {
				t.Skip("not decoded: ", err)
			}
			for _, to := range []uid.UID{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.RLELossless, uid.ExplicitVRBigEndian} {
				if frames.Info.BitsAllocated == 1 && to == uid.RLELossless {
					continue
				}
				got := parse(t, transcoded(t, f, to))
				same(t, got, f, 0)
				if got.UID(tag.SOPInstanceUID) != f.UID(tag.SOPInstanceUID) {
					t.Error("another SOP Instance UID")
				}
				want := f.Text(tag.LossyImageCompression)
				if f.TransferSyntax == uid.JPEGBaseline8Bit || f.TransferSyntax == uid.JPEGExtended12Bit {
					want = "01"
				}
				if s := got.Text(tag.LossyImageCompression); s != want && f.TransferSyntax != uid.JPEG2000 {
					t.Errorf("LossyImageCompression %q; want %q", s, want)
				}
			}
		})
	}
}

// complaints returns what dciodvfy finds wrong with a file, without repetitions.
func complaints(t *testing.T, path string) map[string]bool {
	t.Helper()
	program, err := exec.LookPath("dciodvfy")
	if err != nil {
		t.Skip("not there: dciodvfy")
	}
	out, _ := exec.CommandContext(t.Context(), program, path).CombinedOutput() // it fails where it finds something
	all := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "Error") {
			all[line] = true
		}
	}
	return all
}

// TestTranscodeIsValid finds no error in what is written that was not in what
// was read.
func TestTranscodeIsValid(t *testing.T) {
	for _, file := range []string{
		"CT_small.dcm", "MR_small.dcm", "SC_rgb_jpeg_dcmtk.dcm", "JPEG-lossy.dcm", "MR_small_RLE.dcm", "GDCMJ2K_TextGBR.dcm",
	} {
		path := filepath.Join(samples, file)
		f := open(t, path)
		before := complaints(t, path)
		for name, c := range targets {
			if c.back == nil || f.TransferSyntax == c.ts || c.ts == uid.DeflatedExplicitVRLittleEndian {
				continue // the program does not read it
			}
			out := filepath.Join(t.TempDir(), "transcoded.dcm")
			if err := os.WriteFile(out, transcoded(t, f, c.ts), 0o600); err != nil {
				t.Fatal(err)
			}
			for line := range complaints(t, out) {
				if !before[line] {
					t.Errorf("%s as %s: %s", file, name, line)
				}
			}
		}
	}
}

// TestTranscodeLossy asks for loss: the result is another object that says so.
func TestTranscodeLossy(t *testing.T) {
	from := parse(t, kinds["colour"].bytes(t))
	if _, err := pixel.Transcode(t.Context(), from, uid.JPEGBaseline8Bit); fault.Of(err) != fault.Unsupported {
		t.Errorf("loss that nobody asked for: %v; want unsupported", err)
	}
	r, err := pixel.TranscodeLossy(t.Context(), from, uid.JPEGBaseline8Bit, pixel.Lossy{Quality: 95, Instance: uid.Must("1.2.3")})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := dicom.ReadDataset(r, uid.JPEGBaseline8Bit, nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, from, 160) // colours are subsampled; what counts is below
	for _, c := range []struct {
		tag  tag.Tag
		want string
	}{
		{tag.LossyImageCompression, "01"},
		{tag.LossyImageCompressionMethod, "ISO_10918_1"},
		{tag.SOPInstanceUID, "1.2.3"},
		{tag.ImageType, "DERIVED"},
		{tag.PhotometricInterpretation, pixel.YBRFull422},
	} {
		if s := got.Text(c.tag); s != c.want {
			t.Errorf("%v = %q; want %q", c.tag, s, c.want)
		}
	}
}

// TestTranscodeStops ends when nobody reads any more, or the context does.
func TestTranscodeStops(t *testing.T) {
	m := kinds["10 bits, frames"]
	m.frames = 200
	r, err := pixel.Transcode(t.Context(), parse(t, m.bytes(t)), uid.RLELossless)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, r, 1000); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Read(make([]byte, 10)); err == nil {
		t.Error("read after Close: no error")
	}

	ctx, cancel := context.WithCancel(t.Context())
	r, err = pixel.Transcode(ctx, parse(t, m.bytes(t)), uid.RLELossless)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
		t.Errorf("the context ended, and reading with %v", err)
	}
}
