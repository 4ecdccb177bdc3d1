package pixel_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"radagora/dicom"
	"radagora/dicom/pixel"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
)

// A made is an image that a test draws: a slope, noise, edges, and flat parts.
type made struct {
	rows, columns, samples    int
	allocated, stored, signed int
	frames                    int
	photometric               string
	noise                     int
}

func (m made) String() string {
	return fmt.Sprintf("%dx%dx%d %d of %d bits, signed %d, %d frames, noise %d",
		m.columns, m.rows, m.samples, m.stored, m.allocated, m.signed, max(1, m.frames), m.noise)
}

// draw returns native samples, little endian.
func (m made) draw() []byte {
	r := rand.New(rand.NewPCG(1, uint64(m.stored)))
	var out []byte
	top := 1<<m.stored - 1
	for f := range max(1, m.frames) {
		for y := range m.rows {
			for x := range m.columns {
				for s := range m.samples {
					v := (x*top/m.columns + y*top/m.rows/2 + s*top/5 + f*top/7) % (top + 1)
					switch {
					case x > m.columns/2 && y > m.rows/2: // flat
						v = top / 3
					case (x-m.columns/4)*(x-m.columns/4)+(y-m.rows/4)*(y-m.rows/4) < m.rows*m.rows/64: // an edge
						v = top - s
					default:
						if m.noise > 0 {
							v += r.IntN(2*m.noise+1) - m.noise
						}
					}
					v = min(max(v, 0), top)
					if m.signed == 1 {
						v -= (top + 1) / 2
					}
					for n := range m.allocated / 8 {
						out = append(out, byte(v>>(8*n)))
					}
				}
			}
		}
	}
	return out
}

// builder returns the data set of m, with pixels.
func (m made) builder() *dicom.Builder {
	b := dicom.NewBuilder().
		UID(tag.SOPClassUID, uid.SecondaryCaptureImageStorage).
		UID(tag.SOPInstanceUID, uid.Must("1.2.3.4.5")).
		UID(tag.StudyInstanceUID, uid.Must("1.2.3.4.6")).
		UID(tag.SeriesInstanceUID, uid.Must("1.2.3.4.7")).
		Int(tag.Rows, int64(m.rows)).Int(tag.Columns, int64(m.columns)).
		Int(tag.SamplesPerPixel, int64(m.samples)).
		Int(tag.BitsAllocated, int64(m.allocated)).Int(tag.BitsStored, int64(m.stored)).
		Int(tag.HighBit, int64(m.stored-1)).Int(tag.PixelRepresentation, int64(m.signed)).
		Text(tag.Modality, "OT").Text(tag.ImageType, "ORIGINAL", "PRIMARY")
	photometric := m.photometric
	if photometric == "" {
		photometric = pixel.Monochrome2
		if m.samples == 3 {
			photometric = pixel.RGB
		}
	}
	b.Text(tag.PhotometricInterpretation, photometric)
	if m.samples > 1 {
		b.Int(tag.PlanarConfiguration, 0)
	}
	if m.frames > 1 {
		b.Int(tag.NumberOfFrames, int64(m.frames))
	}
	v := vr.OW
	if m.allocated == 8 {
		v = vr.OB
	}
	return b.Bytes(tag.PixelData, v, m.draw())
}

// bytes returns a file of m in explicit VR little endian.
func (m made) bytes(t testing.TB, change ...func(*dicom.Builder)) []byte {
	t.Helper()
	b := m.builder()
	for _, c := range change {
		c(b)
	}
	ds, err := b.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := dicom.WriteFile(&out, ds, uid.ExplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// file writes that to a file and returns its path.
func (m made) file(t testing.TB, change ...func(*dicom.Builder)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made.dcm")
	if err := os.WriteFile(path, m.bytes(t, change...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// kinds are images that codecs must manage.
var kinds = map[string]made{
	"8 bits":             {rows: 61, columns: 47, samples: 1, allocated: 8, stored: 8, noise: 3},
	"8 bits, flat":       {rows: 64, columns: 64, samples: 1, allocated: 8, stored: 8},
	"12 bits":            {rows: 90, columns: 121, samples: 1, allocated: 16, stored: 12, noise: 20},
	"16 bits":            {rows: 77, columns: 50, samples: 1, allocated: 16, stored: 16, noise: 400},
	"16 bits signed":     {rows: 77, columns: 50, samples: 1, allocated: 16, stored: 16, signed: 1, noise: 30},
	"12 bits signed":     {rows: 33, columns: 130, samples: 1, allocated: 16, stored: 12, signed: 1, noise: 5},
	"10 bits, frames":    {rows: 40, columns: 40, samples: 1, allocated: 16, stored: 10, frames: 3, noise: 2},
	"colour":             {rows: 51, columns: 64, samples: 3, allocated: 8, stored: 8, noise: 4},
	"colour, odd, 2":     {rows: 35, columns: 35, samples: 3, allocated: 8, stored: 8, frames: 2, noise: 1},
	"all noise, 16 bits": {rows: 40, columns: 60, samples: 1, allocated: 16, stored: 16, noise: 70000},
	"a single pixel":     {rows: 1, columns: 1, samples: 1, allocated: 16, stored: 12},
	"one row":            {rows: 1, columns: 300, samples: 1, allocated: 8, stored: 8, noise: 9},
	"one column":         {rows: 300, columns: 1, samples: 1, allocated: 16, stored: 16, noise: 9},
}

// encoded has another program compress m and returns the file.
func (m made) encoded(t *testing.T, program []string, change ...func(*dicom.Builder)) string {
	t.Helper()
	path, err := exec.LookPath(program[0])
	if err != nil {
		t.Skipf("not there: %s", program[0])
	}
	out := filepath.Join(t.TempDir(), "encoded.dcm")
	args := append(append([]string{}, program[1:]...), m.file(t, change...), out)
	if err := exec.CommandContext(t.Context(), path, args...).Run(); err != nil {
		t.Skipf("%s itself fails on this image: %v", program[0], err)
	}
	return out
}

// TestMadeLossless has others compress images that are known, and compares every
// sample.
func TestMadeLossless(t *testing.T) {
	programs := map[string][]string{
		"RLE by dcmtk":                 {"dcmcrle"},
		"RLE by gdcm":                  {"gdcmconv", "--rle"},
		"JPEG lossless SV1 by dcmtk":   {"dcmcjpeg", "+e1"},
		"JPEG lossless by gdcm":        {"gdcmconv", "--jpeg"},
		"JPEG-LS by line":              {"dcmcjpls", "+il"},
		"JPEG-LS by sample":            {"dcmcjpls", "+is"},
		"JPEG-LS by plane":             {"dcmcjpls", "+in"},
		"JPEG-LS with thresholds":      {"dcmcjpls", "+t1", "5", "+t2", "9", "+t3", "30", "+rs", "32"},
		"JPEG-LS cooked":               {"dcmcjpls", "+pc"},
		"JPEG-LS by gdcm":              {"gdcmconv", "--jpegls"},
		"JPEG 2000 by gdcm":            {"gdcmconv", "--j2k"},
		"several fragments, no offset": {"dcmcjpeg", "+e1", "+fs", "1", "-ot"},
		"several fragments, offsets":   {"dcmcjpls", "+fs", "1", "+ot"},
	}
	for v := 1; v <= 7; v++ {
		programs[fmt.Sprintf("JPEG lossless, predictor %d", v)] = []string{"dcmcjpeg", "+el", "+sv", fmt.Sprint(v)}
	}
	for how, program := range programs {
		for what, m := range kinds {
			if testing.Short() && what != "12 bits signed" && what != "colour, odd, 2" {
				continue
			}
			t.Run(how+"/"+what, func(t *testing.T) {
				want := parse(t, m.bytes(t))
				same(t, open(t, m.encoded(t, program)), want, 0)
			})
		}
	}
}

// TestMadeLossy has others compress with loss and decompress, and compares: the
// inverse transform is integer arithmetic that all agree on, so the bound is 0.
func TestMadeLossy(t *testing.T) {
	for _, c := range []struct {
		name    string
		program []string
		back    string
		kinds   []string
	}{
		{"baseline", []string{"dcmcjpeg", "+eb"}, "dcmdjpeg", []string{"8 bits", "8 bits, flat", "colour", "colour, odd, 2", "one row"}},
		{"baseline, low quality", []string{"dcmcjpeg", "+eb", "+q", "20"}, "dcmdjpeg", []string{"8 bits", "colour"}},
		{"baseline, colours unsampled", []string{"dcmcjpeg", "+eb", "+s4"}, "dcmdjpeg", []string{"colour", "colour, odd, 2"}},
		{"baseline, 4:1:1", []string{"dcmcjpeg", "+eb", "+np"}, "dcmdjpeg", []string{"colour", "colour, odd, 2"}},
		{"baseline, RGB", []string{"dcmcjpeg", "+eb", "+cr"}, "dcmdjpeg", []string{"colour"}},
		{"extended", []string{"dcmcjpeg", "+ee"}, "dcmdjpeg", []string{"8 bits", "12 bits", "10 bits, frames", "12 bits signed", "colour"}},
		{"extended, low quality", []string{"dcmcjpeg", "+ee", "+q", "10"}, "dcmdjpeg", []string{"12 bits"}},
		{"spectral selection", []string{"dcmcjpeg", "+es"}, "dcmdjpeg", []string{"8 bits", "12 bits", "colour"}},
		{"progressive", []string{"dcmcjpeg", "+ep"}, "dcmdjpeg", []string{"8 bits", "12 bits", "colour"}},
		{"lossless, point transform", []string{"dcmcjpeg", "+el", "+sv", "6", "+pt", "2"}, "dcmdjpeg", []string{"8 bits", "12 bits", "16 bits", "colour"}},
		{"near-lossless", []string{"dcmcjpls", "+en"}, "dcmdjpls", []string{"8 bits", "12 bits", "16 bits", "16 bits signed", "colour"}},
		{"near-lossless, 10, by sample", []string{"dcmcjpls", "+en", "+md", "10", "+is"}, "dcmdjpls", []string{"colour", "8 bits"}},
		{"near-lossless, 5, by plane", []string{"dcmcjpls", "+en", "+md", "5", "+in"}, "dcmdjpls", []string{"colour", "12 bits"}},
	} {
		for _, kind := range c.kinds {
			t.Run(c.name+"/"+kind, func(t *testing.T) {
				path := kinds[kind].encoded(t, c.program)
				same(t, open(t, path), by(t, path, c.back), 0)
			})
		}
	}
}
