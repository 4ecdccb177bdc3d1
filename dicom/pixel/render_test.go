package pixel_test

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"radagora/dicom"
	"radagora/dicom/pixel"
	"radagora/dicom/tag"
	"radagora/dicom/vr"
)

// render renders frame n of f.
func render(t testing.TB, f *dicom.File, o pixel.Options) image.Image {
	t.Helper()
	o.Dataset = f.Dataset
	all, err := pixel.FramesOf(f.Dataset, f.TransferSyntax)
	if err != nil {
		t.Fatal(err)
	}
	frame, err := all.Frame(o.Frame)
	if err != nil {
		t.Fatal(err)
	}
	m, err := pixel.Render(frame, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// dcmtk has dcmtk render the file at path to PGM or PPM and returns its bytes
// and size.
func dcmtk(t *testing.T, path string, args ...string) ([]byte, image.Point) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "picture.pnm")
	tool(t, "dcmj2pnm", append(args, "+op", path, out)...)
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(bytes.NewReader(b))
	var kind string
	var w, h, top int
	word := func() string {
		var s []byte
		for {
			c, err := r.ReadByte()
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case c == '#':
				if _, err := r.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			case c <= ' ' && len(s) > 0:
				return string(s)
			case c > ' ':
				s = append(s, c)
			}
		}
	}
	kind = word()
	w, _ = strconv.Atoi(word())
	h, _ = strconv.Atoi(word())
	top, _ = strconv.Atoi(word())
	if top != 255 || kind != "P5" && kind != "P6" {
		t.Fatalf("%s of %d", kind, top)
	}
	pix, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return pix, image.Pt(w, h)
}

// looks compares a picture with dcmtk's.
func looks(t *testing.T, m image.Image, want []byte, size image.Point, bound int) {
	t.Helper()
	if m.Bounds().Size() != size {
		t.Fatalf("size %v; want %v", m.Bounds().Size(), size)
	}
	got := flat(m)
	if len(got) != len(want) {
		t.Fatalf("%d bytes; want %d", len(got), len(want))
	}
	count, greatest, first := 0, 0, -1
	for k := range got {
		if d := int(got[k]) - int(want[k]); d != 0 {
			count++
			greatest = max(greatest, d, -d)
			if first < 0 || max(d, -d) > bound && first < 0 {
				first = k
			}
		}
	}
	if greatest > bound {
		t.Errorf("%d of %d differ, by %d at most; want at most %d (first at %d: %d, want %d)",
			count, len(got), greatest, bound, first, got[first], want[first])
	}
}

// flat returns the bytes of a picture without alpha.
func flat(m image.Image) []byte {
	switch m := m.(type) {
	case *image.Gray:
		return m.Pix
	case *image.RGBA:
		out := make([]byte, 0, len(m.Pix)/4*3)
		for k := 0; k < len(m.Pix); k += 4 {
			out = append(out, m.Pix[k:k+3]...)
		}
		return out
	}
	return nil
}

// window returns options with a window.
func window(c, w float64, f pixel.Function) pixel.Options {
	return pixel.Options{Window: &pixel.Window{Center: c, Width: w, Function: f}}
}

// TestRenderLikeDcmtk compares pictures of pydicom's files with dcmtk's, level
// by level.
func TestRenderLikeDcmtk(t *testing.T) {
	for _, c := range []struct {
		file  string
		o     pixel.Options
		args  []string
		bound int
	}{
		{"CT_small.dcm", window(40, 400, ""), []string{"+Ww", "40", "400"}, 1},
		{"CT_small.dcm", window(-600, 1500, ""), []string{"+Ww", "-600", "1500"}, 1},
		{"CT_small.dcm", window(300, 2000, pixel.Sigmoid), []string{"+Ww", "300", "2000", "+Wfs"}, 1},
		{"CT_small.dcm", pixel.Options{}, []string{"+Wm"}, 1},
		{"MR_small.dcm", pixel.Options{}, []string{"+Wi", "1"}, 1},
		{"MR_small_bigendian.dcm", pixel.Options{}, []string{"+Wi", "1"}, 1},
		{"JPEG-lossy.dcm", pixel.Options{}, []string{"+Wm"}, 1},
		{"SC_rgb_rle.dcm", pixel.Options{}, nil, 0},
		{"SC_rgb_jpeg_dcmtk.dcm", pixel.Options{}, nil, 0},
		{"SC_rgb_dcmtk_+eb+cy+np.dcm", pixel.Options{}, nil, 0},
		{"SC_ybr_full_422_uncompressed.dcm", pixel.Options{}, nil, 1},
		{"ExplVR_BigEnd.dcm", pixel.Options{}, nil, 0},
		{"SC_rgb_rle_16bit.dcm", pixel.Options{}, nil, 1},
		{"image_dfl.dcm", pixel.Options{}, nil, 1},
		{"rtdose_1frame.dcm", pixel.Options{}, []string{"+Wm"}, 1},
		{"CT_small.dcm", pixel.Options{Window: &pixel.Window{Center: 40, Width: 400}, Region: image.Rect(10, 20, 60, 50)}, []string{"+Ww", "40", "400", "+C", "10", "20", "50", "30"}, 1},
	} {
		t.Run(c.file+fmt.Sprint(c.args), func(t *testing.T) {
			path := filepath.Join(samples, c.file)
			f := open(t, path)
			want, size := dcmtk(t, path, c.args...)
			looks(t, render(t, f, c.o), want, size, c.bound)
		})
	}
}

// table returns words as the data of a lookup table.
func table(n int, f func(k int) int) []byte {
	var b []byte
	for k := range n {
		v := f(k)
		b = append(b, byte(v), byte(v>>8))
	}
	return b
}

// words returns numbers as a LUT descriptor.
func words(n ...int) []byte {
	return table(len(n), func(k int) int { return n[k] })
}

// TestRenderMade draws images with each attribute that changes how they look, and
// compares with dcmtk.
func TestRenderMade(t *testing.T) {
	grey := kinds["12 bits"]
	signed := kinds["12 bits signed"]
	byteful := kinds["8 bits"]
	for _, c := range []struct {
		name  string
		m     made
		set   func(*dicom.Builder)
		o     pixel.Options
		args  []string
		bound int
	}{
		{name: "a window", m: grey, o: window(2000, 1000, ""), args: []string{"+Ww", "2000", "1000"}, bound: 1},
		{name: "the narrowest window", m: grey, o: window(2000, 1, ""), args: []string{"+Ww", "2000", "1"}},
		{name: "MONOCHROME1", m: grey, set: func(b *dicom.Builder) {
			b.Text(tag.PhotometricInterpretation, pixel.Monochrome1)
		}, o: window(2000, 1000, ""), args: []string{"+Ww", "2000", "1000"}, bound: 1},
		{
			name: "inverted", m: grey, o: pixel.Options{Window: &pixel.Window{Center: 2000, Width: 1000}, Invert: true},
			args: []string{"+Ww", "2000", "1000", "+P"}, bound: 1,
		},
		{name: "rescaled", m: grey, set: func(b *dicom.Builder) {
			b.Float(tag.RescaleSlope, 0.5).Float(tag.RescaleIntercept, -1000).Text(tag.RescaleType, "HU")
		}, o: window(40, 400, ""), args: []string{"+Ww", "40", "400"}, bound: 1},
		{name: "signed", m: signed, o: window(-100, 800, ""), args: []string{"+Ww", "-100", "800"}, bound: 1},
		{name: "the second window", m: grey, set: func(b *dicom.Builder) {
			b.Float(tag.WindowCenter, 100, 3000).Float(tag.WindowWidth, 50, 900)
		}, o: pixel.Options{WindowIndex: 1}, args: []string{"+Wi", "2"}, bound: 1},
		{name: "sigmoid in the data set", m: grey, set: func(b *dicom.Builder) {
			b.Float(tag.WindowCenter, 2000).Float(tag.WindowWidth, 1500).Text(tag.VOILUTFunction, "SIGMOID")
		}, args: []string{"+Wi", "1"}, bound: 1},
		{name: "8 bits, no window", m: byteful},
		{name: "8 bits signed, no window", m: made{rows: 20, columns: 30, samples: 1, allocated: 8, stored: 8, signed: 1}, args: []string{"-W"}},
		{name: "no window", m: grey, args: []string{"+Wm"}, bound: 1},
		{name: "a VOI LUT", m: grey, set: func(b *dicom.Builder) {
			b.Sequence(tag.VOILUTSequence, dicom.NewBuilder().
				Bytes(tag.LUTDescriptor, vr.US, words(1024, 1000, 12)).
				Bytes(tag.LUTData, vr.US, table(1024, func(k int) int { return k * k / 256 })))
		}, args: []string{"+Wl", "1"}, bound: 1},
		{name: "a modality LUT", m: byteful, set: func(b *dicom.Builder) {
			b.Sequence(tag.ModalityLUTSequence, dicom.NewBuilder().
				Bytes(tag.LUTDescriptor, vr.US, words(256, 0, 16)).Text(tag.ModalityLUTType, "US").
				Bytes(tag.LUTData, vr.US, table(256, func(k int) int { return k * k })))
		}, o: window(30000, 40000, ""), args: []string{"+Ww", "30000", "40000"}, bound: 1},
		{name: "palette of 16 bits", m: byteful, set: func(b *dicom.Builder) { palette(b, 256, 16) }},
		{name: "palette of 8 bits", m: byteful, set: func(b *dicom.Builder) { palette(b, 256, 8) }},
		{name: "a short palette", m: byteful, set: func(b *dicom.Builder) { palette(b, 100, 16) }},
		{
			name: "an overlay", m: grey, set: overlay, o: window(2000, 1000, ""),
			args: []string{"+Ww", "2000", "1000", "+O", "1"}, bound: 1,
		},
		{
			name: "an overlay not asked for", m: grey, set: overlay,
			o:    pixel.Options{Window: &pixel.Window{Center: 2000, Width: 1000}, NoOverlays: true},
			args: []string{"+Ww", "2000", "1000", "-O"}, bound: 1,
		},
		{
			name: "the third frame", m: kinds["10 bits, frames"], o: pixel.Options{Frame: 2, Window: &pixel.Window{Center: 500, Width: 700}},
			args: []string{"+F", "3", "+Ww", "500", "700"}, bound: 1,
		},
		{name: "planes of colour", m: kinds["colour"], set: func(b *dicom.Builder) {
			b.Int(tag.PlanarConfiguration, 1)
		}},
		{name: "YBR_FULL", m: kinds["colour"], set: func(b *dicom.Builder) {
			b.Text(tag.PhotometricInterpretation, pixel.YBRFull)
		}, bound: 2}, // dcmtk rounds down here, and elsewhere as this package does
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.set == nil {
				c.set = func(*dicom.Builder) {}
			}
			path := c.m.file(t, c.set)
			want, size := dcmtk(t, path, c.args...)
			looks(t, render(t, open(t, path), c.o), want, size, c.bound)
		})
	}
}

// palette sets a palette of n colours.
func palette(b *dicom.Builder, n, bits int) {
	b.Text(tag.PhotometricInterpretation, pixel.PaletteColor)
	for c, t := range [][2]tag.Tag{
		{tag.RedPaletteColorLookupTableDescriptor, tag.RedPaletteColorLookupTableData},
		{tag.GreenPaletteColorLookupTableDescriptor, tag.GreenPaletteColorLookupTableData},
		{tag.BluePaletteColorLookupTableDescriptor, tag.BluePaletteColorLookupTableData},
	} {
		b.Bytes(t[0], vr.US, words(n, 0, bits))
		value := func(k int) int { return (k*(c+1)*7 + 30*c) & 0xFF }
		if bits == 8 {
			var data []byte
			for k := range n {
				data = append(data, byte(value(k)))
			}
			b.Bytes(t[1], vr.OW, data)
			continue
		}
		b.Bytes(t[1], vr.OW, table(n, func(k int) int { return value(k) * 257 }))
	}
}

// overlay sets an overlay with a frame and a diagonal.
func overlay(b *dicom.Builder) {
	const rows, columns = 40, 50
	bits := make([]byte, rows*columns/8)
	for y := range rows {
		for x := range columns {
			if k := y*columns + x; x == y || y == 0 || x == 0 || y == rows-1 || x == columns-1 {
				bits[k/8] |= 1 << (k % 8)
			}
		}
	}
	b.Int(tag.OverlayRows, rows).Int(tag.OverlayColumns, columns).Text(tag.OverlayType, "G").
		Int(tag.OverlayOrigin, 11, 21).Int(tag.OverlayBitsAllocated, 1).Int(tag.OverlayBitPosition, 0).
		Bytes(tag.OverlayData, vr.OW, bits)
}

// TestPNG reads back what EncodePNG writes.
func TestPNG(t *testing.T) {
	for _, file := range []string{"CT_small.dcm", "SC_rgb_rle.dcm"} {
		m := render(t, open(t, filepath.Join(samples, file)), pixel.Options{})
		var b bytes.Buffer
		if err := pixel.EncodePNG(&b, m); err != nil {
			t.Fatal(err)
		}
		got, err := png.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		for y := range m.Bounds().Dy() {
			for x := range m.Bounds().Dx() {
				r, g, bl, _ := m.At(x, y).RGBA()
				r2, g2, b2, _ := got.At(x, y).RGBA()
				if r != r2 || g != g2 || bl != b2 {
					t.Fatalf("%s: pixel %d, %d differs", file, x, y)
				}
			}
		}
	}
}

// TestViewport scales with square pixels.
func TestViewport(t *testing.T) {
	m := made{rows: 100, columns: 200, samples: 1, allocated: 8, stored: 8}
	for _, c := range []struct {
		name          string
		spacing       []float64
		width, height int
		want          image.Point
	}{
		{"its own size", nil, 0, 0, image.Pt(200, 100)},
		{"by width", nil, 100, 0, image.Pt(100, 50)},
		{"by height", nil, 0, 300, image.Pt(600, 300)},
		{"into a box", nil, 100, 100, image.Pt(100, 50)},
		{"tall pixels", []float64{2, 1}, 0, 0, image.Pt(200, 200)},
		{"wide pixels", []float64{0.5, 1}, 0, 0, image.Pt(400, 100)},
		{"wide pixels into a box", []float64{0.5, 1}, 100, 100, image.Pt(100, 25)},
		{"to a single pixel", nil, 1, 1, image.Pt(1, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := parse(t, m.bytes(t, func(b *dicom.Builder) {
				if c.spacing != nil {
					b.Float(tag.PixelSpacing, c.spacing...)
				}
			}))
			got := render(t, f, pixel.Options{Width: c.width, Height: c.height})
			if got.Bounds().Size() != c.want {
				t.Errorf("%v; want %v", got.Bounds().Size(), c.want)
			}
			if mean(got) == 0 || math.Abs(mean(got)-mean(render(t, f, pixel.Options{}))) > 6 {
				t.Errorf("mean brightness %.1f", mean(got))
			}
		})
	}
}

// mean returns the mean brightness.
func mean(m image.Image) float64 {
	sum := 0.0
	for _, v := range flat(m) {
		sum += float64(v)
	}
	return sum / float64(len(flat(m)))
}
