package pixel_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"radagora/dicom"
	"radagora/dicom/pixel"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// TestDescribe refuses what cannot be an image, with the attribute and a kind.
func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		name    string
		set     func(*dicom.Builder)
		tag     tag.Tag
		missing bool
		kind    fault.Kind
	}{
		{"no rows", func(b *dicom.Builder) { b.Delete(tag.Rows) }, tag.Rows, true, fault.Invalid},
		{"no columns", func(b *dicom.Builder) { b.Int(tag.Columns) }, tag.Columns, true, fault.Invalid},
		{"no bits allocated", func(b *dicom.Builder) { b.Delete(tag.BitsAllocated) }, tag.BitsAllocated, true, fault.Invalid},
		{"zero rows", func(b *dicom.Builder) { b.Int(tag.Rows, 0) }, tag.Rows, false, fault.Invalid},
		{"more stored than allocated", func(b *dicom.Builder) { b.Int(tag.BitsStored, 17) }, tag.BitsStored, false, fault.Invalid},
		{"a high bit outside", func(b *dicom.Builder) { b.Int(tag.HighBit, 16) }, tag.HighBit, false, fault.Invalid},
		{"a high bit below the bits stored", func(b *dicom.Builder) { b.Int(tag.HighBit, 3) }, tag.HighBit, false, fault.Invalid},
		{"two samples", func(b *dicom.Builder) { b.Int(tag.SamplesPerPixel, 2) }, tag.SamplesPerPixel, false, fault.Invalid},
		{"grey of three samples", func(b *dicom.Builder) { b.Int(tag.SamplesPerPixel, 3) }, tag.PhotometricInterpretation, false, fault.Invalid},
		{"negative frames", func(b *dicom.Builder) { b.Int(tag.NumberOfFrames, -1) }, tag.NumberOfFrames, false, fault.Invalid},
		{"cells of 12 bits", func(b *dicom.Builder) { b.Int(tag.BitsAllocated, 12) }, 0, false, fault.Unsupported},
		{"a frame too large", func(b *dicom.Builder) { b.Int(tag.Rows, 65535).Int(tag.Columns, 65535) }, 0, false, fault.Exhausted},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := kinds["12 bits"].builder()
			c.set(b)
			ds, err := b.Dataset()
			if err != nil {
				t.Fatal(err)
			}
			_, err = pixel.Describe(ds, uid.ExplicitVRLittleEndian)
			if fault.Of(err) != c.kind {
				t.Errorf("error %v; want %v", err, c.kind)
			}
			var a *pixel.AttributeError
			if errors.As(err, &a) != (c.tag != 0) || a != nil && (a.Tag != c.tag || a.Missing != c.missing) {
				t.Errorf("error %#v; want %v, missing %v", a, c.tag, c.missing)
			}
		})
	}
}

// TestDescribeAssumes takes the value most images have for what is absent.
func TestDescribeAssumes(t *testing.T) {
	ds, err := dicom.NewBuilder().Int(tag.Rows, 2).Int(tag.Columns, 3).Int(tag.BitsAllocated, 16).Dataset()
	if err != nil {
		t.Fatal(err)
	}
	got, err := pixel.Describe(ds, uid.ExplicitVRLittleEndian)
	want := pixel.Info{
		Rows: 2, Columns: 3, SamplesPerPixel: 1, BitsAllocated: 16, BitsStored: 16, HighBit: 15,
		NumberOfFrames: 1, PhotometricInterpretation: pixel.Monochrome2, TransferSyntax: uid.ExplicitVRLittleEndian,
	}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// encapsulated returns a file of images in fragments behind an offset table.
func encapsulated(t *testing.T, frames int, table []uint32, fragments ...[]byte) *dicom.File {
	t.Helper()
	m := made{rows: 1, columns: 2, samples: 1, allocated: 8, stored: 8}
	b := m.builder().Delete(tag.PixelData)
	b.Int(tag.NumberOfFrames, int64(frames))
	ds, err := b.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := dicom.WriteFile(&out, ds, uid.JPEGLSLossless); err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	raw := append(out.Bytes(), 0xE0, 0x7F, 0x10, 0, 'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF)
	item := func(data []byte) {
		raw = append(raw, 0xFE, 0xFF, 0, 0xE0)
		raw = append(le.AppendUint32(raw, uint32(len(data))), data...)
	}
	var offsets []byte
	for _, o := range table {
		offsets = le.AppendUint32(offsets, o)
	}
	item(offsets)
	for _, f := range fragments {
		item(f)
	}
	return parse(t, append(raw, 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0))
}

// TestFragments shares fragments out among frames (PS3.5 A.4).
func TestFragments(t *testing.T) {
	a, b, c, d := []byte("\xFF\xD8\xFFa"), []byte("bb"), []byte("\xFF\xD8\xFFc"), []byte("dddd")
	for _, x := range []struct {
		name      string
		frames    int
		table     []uint32
		fragments [][]byte
		want      []string
	}{
		{"one frame, one fragment", 1, nil, [][]byte{a}, []string{string(a)}},
		{"one frame, several fragments", 1, nil, [][]byte{a, b, d}, []string{string(a) + "bbdddd"}},
		{"a fragment a frame", 2, nil, [][]byte{a, b}, []string{string(a), "bb"}},
		{"by the table", 2, []uint32{0, 22}, [][]byte{a, b, d}, []string{string(a) + "bb", "dddd"}},
		{"by the images, the table being empty", 2, nil, [][]byte{a, b, c, d}, []string{string(a) + "bb", string(c) + "dddd"}},
		{"by the images, the table being wrong", 2, []uint32{0, 5}, [][]byte{a, b, c, d}, []string{string(a) + "bb", string(c) + "dddd"}},
		{"too few fragments", 3, nil, [][]byte{a, b}, nil},
		{"nothing tells them apart", 2, nil, [][]byte{b, b, b}, nil},
		{"no fragment", 1, nil, nil, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			f := encapsulated(t, x.frames, x.table, x.fragments...)
			all, err := pixel.FramesOf(f.Dataset, f.TransferSyntax)
			if x.want == nil {
				if err == nil {
					t.Fatal("no error")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for n := range all.Len() {
				b, err := all.Bytes(n)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(b))
			}
			if !slices.Equal(got, x.want) {
				t.Errorf("%q; want %q", got, x.want)
			}
		})
	}
}

// TestExtendedOffsets believes the extended offset table.
func TestExtendedOffsets(t *testing.T) {
	f := parse(t, kinds["10 bits, frames"].bytes(t))
	packed := parse(t, transcoded(t, f, uid.RLELossless))
	all, err := pixel.FramesOf(packed.Dataset, packed.TransferSyntax)
	if err != nil {
		t.Fatal(err)
	}
	first := all.Fragments(0)[0].Offset - 8
	var starts []byte
	for n := range all.Len() {
		starts = binary.LittleEndian.AppendUint64(starts, uint64(all.Fragments(n)[0].Offset-8-first))
	}
	set, err := dicom.NewBuilder().Bytes(tag.ExtendedOffsetTable, vr.OV, starts).Dataset()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := dicom.WriteChanged(&out, packed.Dataset, uid.RLELossless, dicom.Changes{Set: set}); err != nil {
		t.Fatal(err)
	}
	got, err := dicom.ReadDataset(bytes.NewReader(out.Bytes()), uid.RLELossless, nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, f, 0)
	native := parse(t, transcoded(t, got, uid.ExplicitVRLittleEndian))
	if native.Has(tag.ExtendedOffsetTable) {
		t.Error("native pixels with an extended offset table")
	}
}

// TestNativeLayouts reads frames that begin inside of a byte or a word.
func TestNativeLayouts(t *testing.T) {
	t.Run("single bits, frames of three", func(t *testing.T) {
		m := made{rows: 1, columns: 3, samples: 1, allocated: 8, stored: 1, frames: 3}
		f := parse(t, m.bytes(t, func(b *dicom.Builder) {
			b.Int(tag.BitsAllocated, 1).Int(tag.HighBit, 0).
				Bytes(tag.PixelData, vr.OB, []byte{0b11_101_011, 0b1}) // 110, 101, 111 from the lowest bit
		}))
		for n, want := range []string{"\x01\x01\x00", "\x01\x00\x01", "\x01\x01\x01"} {
			if got := frames(t, f)[n].Data; string(got) != want {
				t.Errorf("frame %d: %v; want %v", n+1, got, []byte(want))
			}
		}
		same(t, parse(t, transcoded(t, f, uid.DeflatedImageFrameCompression)), f, 0)
	})
	t.Run("bytes in big endian words, odd frames", func(t *testing.T) {
		m := made{rows: 1, columns: 3, samples: 1, allocated: 8, stored: 8, frames: 2}
		ds, err := m.builder().Bytes(tag.PixelData, vr.OW, []byte{1, 2, 3, 4, 5, 6}).Dataset()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := dicom.WriteFile(&out, ds, uid.ExplicitVRBigEndian); err != nil {
			t.Fatal(err)
		}
		f := parse(t, out.Bytes())
		for n, want := range []string{"\x01\x02\x03", "\x04\x05\x06"} {
			if got := frames(t, f)[n].Data; string(got) != want {
				t.Errorf("frame %d: %v; want %v", n+1, got, []byte(want))
			}
		}
		same(t, parse(t, transcoded(t, f, uid.ImplicitVRLittleEndian)), f, 0)
		same(t, parse(t, transcoded(t, f, uid.RLELossless)), f, 0)
	})
	t.Run("too short", func(t *testing.T) {
		f := parse(t, kinds["12 bits"].bytes(t, func(b *dicom.Builder) {
			b.Bytes(tag.PixelData, vr.OW, make([]byte, 100))
		}))
		if _, err := pixel.FramesOf(f.Dataset, f.TransferSyntax); fault.Of(err) != fault.Invalid {
			t.Errorf("error %v; want invalid", err)
		}
	})
	t.Run("floating point", func(t *testing.T) {
		m := made{rows: 2, columns: 2, samples: 1, allocated: 8, stored: 8}
		f := parse(t, m.bytes(t, func(b *dicom.Builder) {
			b.Delete(tag.PixelData).Delete(tag.BitsStored).Delete(tag.HighBit).Delete(tag.PixelRepresentation)
			b.Int(tag.BitsAllocated, 32).Bytes(tag.FloatPixelData, vr.OF, []byte{0, 0, 0, 0, 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40, 0, 0, 0xC0, 0x7F})
		}))
		got := flat(render(t, f, pixel.Options{}))
		if want := []byte{0, 128, 255, 0}; !bytes.Equal(got, want) {
			t.Errorf("%v; want %v", got, want)
		}
		same(t, parse(t, transcoded(t, f, uid.ExplicitVRBigEndian)), f, 0)
	})
}

// TestFunctionalGroups takes rescale and window of the frame, then what is shared.
func TestFunctionalGroups(t *testing.T) {
	rescale := func(slope float64) *dicom.Builder {
		return dicom.NewBuilder().Sequence(tag.PixelValueTransformationSequence,
			dicom.NewBuilder().Float(tag.RescaleSlope, slope).Float(tag.RescaleIntercept, 0))
	}
	m := made{rows: 1, columns: 1, samples: 1, allocated: 8, stored: 8, frames: 2}
	f := parse(t, m.bytes(t, func(b *dicom.Builder) {
		b.Bytes(tag.PixelData, vr.OB, []byte{100, 100})
		b.Sequence(tag.SharedFunctionalGroupsSequence, rescale(1).Sequence(tag.FrameVOILUTSequence,
			dicom.NewBuilder().Float(tag.WindowCenter, 128).Float(tag.WindowWidth, 256)))
		b.Sequence(tag.PerFrameFunctionalGroupsSequence, dicom.NewBuilder(), rescale(2))
	}))
	for n, want := range []byte{100, 200} {
		if got := flat(render(t, f, pixel.Options{Frame: n}))[0]; got != want {
			t.Errorf("frame %d: %d; want %d", n+1, got, want)
		}
	}
	if w := pixel.Windows(f.Dataset, 1); len(w) != 1 || w[0].Width != 256 {
		t.Errorf("windows %v", w)
	}
}

// TestSegmentedPalette expands segments of each kind (PS3.3 C.7.9.2).
func TestSegmentedPalette(t *testing.T) {
	m := made{rows: 1, columns: 10, samples: 1, allocated: 8, stored: 8}
	segments := words(
		0, 2, 0x1000, 0x2000, // two values
		1, 4, 0x6000, // a line of four
		2, 1, 4, 0, // the line again, from where it is now
	)
	f := parse(t, m.bytes(t, func(b *dicom.Builder) {
		b.Bytes(tag.PixelData, vr.OB, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
		b.Text(tag.PhotometricInterpretation, pixel.PaletteColor)
		for _, p := range [][2]tag.Tag{
			{tag.RedPaletteColorLookupTableDescriptor, tag.SegmentedRedPaletteColorLookupTableData},
			{tag.GreenPaletteColorLookupTableDescriptor, tag.SegmentedGreenPaletteColorLookupTableData},
			{tag.BluePaletteColorLookupTableDescriptor, tag.SegmentedBluePaletteColorLookupTableData},
		} {
			b.Bytes(p[0], vr.US, words(10, 0, 16)).Bytes(p[1], vr.OW, segments)
		}
	}))
	bytewise := parse(t, m.bytes(t, func(b *dicom.Builder) {
		b.Bytes(tag.PixelData, vr.OB, []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
		b.Text(tag.PhotometricInterpretation, pixel.PaletteColor)
		for _, p := range [][2]tag.Tag{
			{tag.RedPaletteColorLookupTableDescriptor, tag.SegmentedRedPaletteColorLookupTableData},
			{tag.GreenPaletteColorLookupTableDescriptor, tag.SegmentedGreenPaletteColorLookupTableData},
			{tag.BluePaletteColorLookupTableDescriptor, tag.SegmentedBluePaletteColorLookupTableData},
		} {
			b.Bytes(p[0], vr.US, words(10, 0, 8)).
				Bytes(p[1], vr.OW, []byte{0, 2, 0x10, 0x20, 1, 4, 0x60, 2, 1, 4, 0, 0, 0, 0})
		}
	}))
	for name, f := range map[string]*dicom.File{"words": f, "bytes": bytewise} {
		got := flat(render(t, f, pixel.Options{}))
		for k, want := range []byte{0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x60, 0x60, 0x60, 0x60} {
			if got[3*k] != want {
				t.Errorf("%s, entry %d: %#x; want %#x", name, k, got[3*k], want)
			}
		}
	}
}

// TestEmbeddedOverlay draws an overlay that lies in a bit no sample uses.
func TestEmbeddedOverlay(t *testing.T) {
	m := made{rows: 1, columns: 3, samples: 1, allocated: 16, stored: 12}
	f := parse(t, m.bytes(t, func(b *dicom.Builder) {
		b.Bytes(tag.PixelData, vr.OW, words(0, 0x8000, 0x0800))
		b.Int(tag.OverlayRows, 1).Int(tag.OverlayColumns, 3).Text(tag.OverlayType, "G").
			Int(tag.OverlayOrigin, 1, 1).Int(tag.OverlayBitsAllocated, 16).Int(tag.OverlayBitPosition, 15)
	}))
	o := pixel.Options{Window: &pixel.Window{Center: 2048, Width: 4096}}
	if got, want := flat(render(t, f, o)), []byte{0, 255, 128}; !bytes.Equal(got, want) {
		t.Errorf("%v; want %v", got, want)
	}
	for _, to := range []uid.UID{uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.RLELossless, uid.JPEG2000Lossless} {
		same16(t, parse(t, transcoded(t, f, to)), f)
	}
}

// same16 compares whole cells, bits that are not stored included.
func same16(t *testing.T, got, want *dicom.File) {
	t.Helper()
	if a, b := frames(t, got)[0].Data, frames(t, want)[0].Data; !bytes.Equal(a, b) {
		t.Errorf("%v: %v; want %v", got.TransferSyntax, a, b)
	}
}

// TestPadding leaves padding out of an automatic window, and shows it black.
func TestPadding(t *testing.T) {
	m := made{rows: 1, columns: 4, samples: 1, allocated: 16, stored: 16, signed: 1}
	for name, value := range map[string]int64{"signed": -2000, "written as if not signed": 63536} {
		f := parse(t, m.bytes(t, func(b *dicom.Builder) {
			b.Bytes(tag.PixelData, vr.OW, words(-2000, 0, 50, 100)).Text(tag.PhotometricInterpretation, pixel.Monochrome1)
			raw := binary.LittleEndian.AppendUint16(nil, uint16(value))
			b.Bytes(tag.PixelPaddingValue, vr.US, raw)
		}))
		if got, want := flat(render(t, f, pixel.Options{})), []byte{0, 255, 128, 0}; !bytes.Equal(got, want) {
			t.Errorf("%s: %v; want %v", name, got, want)
		}
	}
}

// TestLyingColours decodes an image that says RGB, has no marker, and is YCbCr
// all the same, as its sampling shows.
func TestLyingColours(t *testing.T) {
	got := frames(t, open(t, filepath.Join(samples, "SC_rgb_jpeg_lossy_gdcm.dcm")))[0]
	if r, g, b := got.Data[0], got.Data[1], got.Data[2]; r < 250 || g > 5 || b > 5 {
		t.Errorf("first pixel %d, %d, %d; want red", r, g, b)
	}
}

// TestLyingSyntax decodes what a codestream says that it is.
func TestLyingSyntax(t *testing.T) {
	from := parse(t, kinds["12 bits"].bytes(t))
	want := frames(t, from)[0]
	for _, is := range []uid.UID{uid.JPEGLosslessSV1, uid.JPEGLSLossless} {
		f := parse(t, transcoded(t, from, is))
		all, err := pixel.FramesOf(f.Dataset, f.TransferSyntax)
		if err != nil {
			t.Fatal(err)
		}
		b, err := all.Bytes(0)
		if err != nil {
			t.Fatal(err)
		}
		for _, said := range []uid.UID{uid.JPEGBaseline8Bit, uid.JPEGLossless, uid.JPEGLSNearLossless, uid.JPEG2000} {
			i := all.Info
			i.TransferSyntax = said
			got, err := pixel.Decode(i, b)
			if err != nil {
				t.Fatalf("%v said to be %v: %v", is, said, err)
			}
			if !bytes.Equal(got.Data, want.Data) {
				t.Errorf("%v said to be %v: other samples", is, said)
			}
		}
	}
}

// encodings returns what another program makes of m, nothing if it is not there or fails.
func encodings(t testing.TB, m made, program []string) [][]byte {
	t.Helper()
	path, err := exec.LookPath(program[0])
	if err != nil {
		return nil
	}
	out := filepath.Join(t.TempDir(), "encoded.dcm")
	args := append(append([]string{}, program[1:]...), m.file(t), out)
	if exec.CommandContext(t.Context(), path, args...).Run() != nil {
		return nil
	}
	b, err := os.ReadFile(out)
	if err != nil {
		return nil
	}
	return [][]byte{b}
}

// seeds returns small objects in many transfer syntaxes.
func seeds(t testing.TB) [][]byte {
	t.Helper()
	var all [][]byte
	grey := made{rows: 9, columns: 11, samples: 1, allocated: 16, stored: 12, frames: 2, noise: 3}
	colour := made{rows: 8, columns: 6, samples: 3, allocated: 8, stored: 8}
	indexed := made{rows: 5, columns: 5, samples: 1, allocated: 8, stored: 8}
	for _, b := range [][]byte{
		grey.bytes(t, overlay), colour.bytes(t), indexed.bytes(t, func(b *dicom.Builder) { palette(b, 20, 16) }),
	} {
		all = append(all, b)
		f := parse(t, b)
		for _, c := range targets {
			all = append(all, transcoded(t, f, c.ts))
		}
	}
	for _, program := range [][]string{
		{"dcmcjpeg", "+eb"},
		{"dcmcjpeg", "+ep"},
		{"dcmcjpeg", "+es"},
		{"dcmcjpeg", "+el", "+sv", "7"},
		{"dcmcjpls", "+en", "+is"},
		{"dcmcjpls", "+in"},
		{"gdcmconv", "--j2k"},
		{"gdcmconv", "--j2k", "--lossy"},
	} {
		for _, m := range []made{grey, colour} {
			all = append(all, encodings(t, m, program)...)
		}
	}
	small, _ := filepath.Glob(filepath.Join(samples, "*.dcm"))
	for _, path := range small {
		if b, err := os.ReadFile(path); err == nil && len(b) < 5000 {
			all = append(all, b)
		}
	}
	return all
}

// tryAll does everything with an object: no panic, and frames as long as they say.
func tryAll(t *testing.T, b []byte) {
	t.Helper()
	o, err := dicom.Open(bytes.NewReader(b), int64(len(b)), &dicom.Options{Inflated: 1 << 20})
	if err != nil {
		return
	}
	all, err := pixel.FramesOf(o.Dataset, o.TransferSyntax)
	if err != nil || all.Info.Pixels()*all.Info.SamplesPerPixel > 1<<20 || all.Len() > 100 {
		return
	}
	frame, err := all.Frame(all.Len() - 1)
	if err != nil {
		if fault.Of(err) == fault.Internal {
			t.Error(err)
		}
		return
	}
	if n := frame.FrameLength(); int64(len(frame.Data)) != n {
		t.Errorf("%d bytes in a frame of %d: %+v", len(frame.Data), n, frame.Info)
	}
	for _, opt := range []pixel.Options{{}, {Width: 10, WindowIndex: 1}, {Region: image.Rect(1, 1, 3, 3), Invert: true}} {
		opt.Dataset, opt.Frame = o.Dataset, all.Len()-1
		if m, err := pixel.Render(frame, opt); err == nil {
			if err := pixel.EncodePNG(io.Discard, m); err != nil {
				t.Error(err)
			}
		}
	}
	for _, to := range []uid.UID{uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.RLELossless, uid.JPEGLSLossless} {
		r, err := pixel.Transcode(t.Context(), o, to)
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, r) // errors come late in damaged objects
		r.Close()
	}
}

// TestMutated spoils a byte or two of good objects, mostly where the pixels are.
func TestMutated(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, seed := range seeds(t) {
		for range 20 {
			b := bytes.Clone(seed)
			for range 1 + r.IntN(3) {
				at := r.IntN(len(b))
				if r.IntN(3) > 0 {
					at = len(b) - 1 - r.IntN(len(b)/2+1)
				}
				b[max(0, at)] = byte(r.Uint32())
			}
			tryAll(t, b)
		}
	}
}

// TestSubsampledJ2K decodes components of other sizes than the image, and a
// header that was changed to claim them.
func TestSubsampledJ2K(t *testing.T) {
	m := made{rows: 9, columns: 11, samples: 3, allocated: 8, stored: 8}
	for _, b := range encodings(t, m, []string{"gdcmconv", "--j2k"}) {
		at := bytes.Index(b, []byte{0xFF, 0x51}) // SIZ: sampling of the components follows 38 bytes
		for k := range 3 {
			c := bytes.Clone(b)
			c[at+40+3*k+1] = 2
			tryAll(t, c)
		}
	}
}

// TestPreview decodes a lower resolution where that is enough.
func TestPreview(t *testing.T) {
	m := made{rows: 128, columns: 256, samples: 1, allocated: 8, stored: 8}
	for _, c := range []struct {
		name          string
		program       []string
		width, height int
		want          image.Point
	}{
		{"JPEG 2000, a quarter", []string{"gdcmconv", "--j2k"}, 64, 64, image.Pt(64, 32)},
		{"JPEG 2000, nearly a quarter", []string{"gdcmconv", "--j2k"}, 65, 0, image.Pt(128, 64)},
		{"JPEG 2000, all", []string{"gdcmconv", "--j2k"}, 0, 0, image.Pt(256, 128)},
		{"JPEG 2000, larger", []string{"gdcmconv", "--j2k"}, 1000, 1000, image.Pt(256, 128)},
		{"run lengths have one resolution", []string{"dcmcrle"}, 64, 64, image.Pt(256, 128)},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := open(t, m.encoded(t, c.program))
			all, err := pixel.FramesOf(f.Dataset, f.TransferSyntax)
			if err != nil {
				t.Fatal(err)
			}
			frame, err := all.Preview(0, c.width, c.height)
			if err != nil {
				t.Fatal(err)
			}
			if got := image.Pt(frame.Columns, frame.Rows); got != c.want {
				t.Errorf("%v; want %v", got, c.want)
			}
			o := pixel.Options{Dataset: f.Dataset, Width: 32, NoOverlays: true}
			got, err := pixel.Render(frame, o)
			if err != nil {
				t.Fatal(err)
			}
			want := render(t, f, o)
			if d := mean(got) - mean(want); got.Bounds() != want.Bounds() || math.Abs(d) > 4 {
				t.Errorf("%v, brighter by %.1f; want %v", got.Bounds(), d, want.Bounds())
			}
		})
	}
}

// FuzzObject does everything with anything.
func FuzzObject(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) <= 1<<16 {
			tryAll(t, b)
		}
	})
}
