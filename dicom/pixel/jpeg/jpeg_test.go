package jpeg_test

import (
	"bytes"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	"math/rand/v2"
	"testing"

	"radagora/dicom/pixel/jpeg"
	"radagora/fault"
)

// noise returns samples of so many bits.
func noise(n, precision int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b []byte
	for k := range n {
		v := (k*37 + r.IntN(50)) & (1<<precision - 1)
		b = append(b, byte(v))
		if precision > 8 {
			b = append(b, byte(v>>8))
		}
	}
	return b
}

// TestLossless writes and reads images of every precision.
func TestLossless(t *testing.T) {
	for precision := 2; precision <= 16; precision++ {
		for components := 1; components <= 4; components++ {
			want := noise(31*17*components, precision)
			b, err := jpeg.EncodeLossless(want, 31, 17, components, precision)
			if err != nil {
				t.Fatal(err)
			}
			m, err := jpeg.Decode(b, jpeg.Bounds{Width: 31, Height: 17, Components: 4})
			if err != nil {
				t.Fatalf("%d bits, %d components: %v", precision, components, err)
			}
			if !bytes.Equal(m.Pix, want) {
				t.Errorf("%d bits, %d components: other samples", precision, components)
			}
			if !m.Lossless || m.Precision != precision || m.Components != components || m.Predictor != 1 {
				t.Errorf("%d bits, %d components: header %+v", precision, components, m.Header)
			}
		}
	}
}

// TestLosslessExtremes encodes differences of all sizes, 32768 among them, and
// frequencies that would give codes of more than 16 bits.
func TestLosslessExtremes(t *testing.T) {
	var want []byte
	put := func(v int) { want = append(want, byte(v), byte(v>>8)) }
	for k := range 256 { // jumps of 32768
		put(k & 1 * 32768)
	}
	count := 1
	for bits := 16; bits >= 0; bits-- { // each category twice as often as the one before
		for range count {
			put(1<<bits - 1)
			put(0)
		}
		count *= 2
	}
	width := 256
	for len(want)%(2*width) != 0 {
		put(0)
	}
	height := len(want) / 2 / width
	b, err := jpeg.EncodeLossless(want, width, height, 1, 16)
	if err != nil {
		t.Fatal(err)
	}
	m, err := jpeg.Decode(b, jpeg.Bounds{Width: width, Height: height, Components: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Pix, want) {
		t.Error("other samples")
	}
}

// baseline returns an image that the standard library wrote, and what it reads.
func baseline(t testing.TB) ([]byte, *image.Gray) {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 40, 30))
	for y := range 30 {
		for x := range 40 {
			m.SetGray(x, y, color.Gray{Y: uint8(x*y + y)})
		}
	}
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), m
}

// TestDamaged cuts and spoils images: each is refused, none is taken for whole.
func TestDamaged(t *testing.T) {
	lossy, _ := baseline(t)
	lossless, err := jpeg.EncodeLossless(noise(50*40, 12), 50, 40, 1, 12)
	if err != nil {
		t.Fatal(err)
	}
	bounds := jpeg.Bounds{Width: 50, Height: 40, Components: 1}
	for name, b := range map[string][]byte{"lossy": lossy, "lossless": lossless} {
		for n := range len(b) - 4 {
			if _, err := jpeg.Decode(b[:n], bounds); err == nil {
				t.Fatalf("%s: cut after %d of %d bytes and not refused", name, n, len(b))
			} else if k := fault.Of(err); k != fault.Invalid && k != fault.Unsupported {
				t.Fatalf("%s: cut after %d bytes: %v", name, n, err)
			}
		}
		if _, err := jpeg.Decode(b, jpeg.Bounds{Width: 10, Height: 10, Components: 1}); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: beyond the bounds: %v", name, err)
		}
	}
}

// TestHugeClaim asks for no memory that the coded data could not fill.
func TestHugeClaim(t *testing.T) {
	b, err := jpeg.EncodeLossless(noise(16, 8), 4, 4, 1, 8)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte{0xFF, 0xC3})
	copy(b[at+5:], []byte{0xFF, 0xFF, 0xFF, 0xFF}) // 65535 rows and columns
	allocated := testing.AllocsPerRun(1, func() {
		if _, err := jpeg.Decode(b, jpeg.Bounds{Width: 65535, Height: 65535, Components: 1}); fault.Of(err) != fault.Invalid {
			t.Error("not refused:", err)
		}
	})
	if allocated > 100 {
		t.Errorf("%v allocations", allocated)
	}
}

// FuzzDecode decodes anything: no panic, and no image without its samples.
func FuzzDecode(f *testing.F) {
	lossy, _ := baseline(f)
	f.Add(lossy)
	for _, precision := range []int{2, 8, 12, 16} {
		b, err := jpeg.EncodeLossless(noise(20*10*3, precision), 20, 10, 3, precision)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := jpeg.Decode(b, jpeg.Bounds{Width: 512, Height: 512, Components: 4})
		if err != nil {
			return
		}
		if n := m.Width * m.Height * m.Components * ((m.Precision + 7) / 8); len(m.Pix) != n {
			t.Errorf("%d bytes; want %d", len(m.Pix), n)
		}
		if _, err := jpeg.DecodeHeader(b); err != nil {
			t.Errorf("decoded, but its header not: %v", err)
		}
	})
}

// TestMutated spoils bytes of good images: no panic, and no image without its
// samples.
func TestMutated(t *testing.T) {
	lossy, _ := baseline(t)
	all := [][]byte{lossy}
	for _, precision := range []int{2, 8, 12, 16} {
		b, err := jpeg.EncodeLossless(noise(20*10*3, precision), 20, 10, 3, precision)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for _, seed := range all {
		for range 5000 {
			b := bytes.Clone(seed)
			for range 1 + r.IntN(3) {
				b[r.IntN(len(b))] = byte(r.Uint32())
			}
			m, err := jpeg.Decode(b, jpeg.Bounds{Width: 512, Height: 512, Components: 4})
			if err == nil && len(m.Pix) != m.Width*m.Height*m.Components*((m.Precision+7)/8) {
				t.Fatalf("%d bytes in %+v", len(m.Pix), m.Header)
			}
		}
	}
}

// coded returns the coded data of an image, behind its only scan header.
func coded(b []byte) (head, data []byte) {
	at := bytes.Index(b, []byte{0xFF, 0xDA})
	at += 2 + int(b[at+2])<<8 + int(b[at+3])
	end := bytes.LastIndex(b, []byte{0xFF, 0xD9})
	for b[end-1] == 0xFF {
		end--
	}
	return b[:at], b[at:end]
}

// twice returns an image whose two halves are each what b is, apart by a restart
// marker; interval is that of one half.
func twice(b []byte, sof byte, interval int) []byte {
	head, data := coded(b)
	out := append([]byte{0xFF, 0xD8, 0xFF, 0xDD, 0, 4, byte(interval >> 8), byte(interval)}, head[2:]...)
	at := bytes.Index(out, []byte{0xFF, sof})
	height := 2 * (int(out[at+5])<<8 | int(out[at+6]))
	out[at+5], out[at+6] = byte(height>>8), byte(height)
	return append(append(append(append(out, data...), 0xFF, 0xD0), data...), 0xFF, 0xD9)
}

// TestRestart decodes intervals that each begin anew.
func TestRestart(t *testing.T) {
	half := noise(30*16, 12)
	lossless, err := jpeg.EncodeLossless(half, 30, 16, 1, 12)
	if err != nil {
		t.Fatal(err)
	}
	m, err := jpeg.Decode(twice(lossless, 0xC3, 30*16), jpeg.Bounds{Width: 30, Height: 32, Components: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Pix, append(bytes.Clone(half), half...)) {
		t.Error("lossless: other samples")
	}

	var b bytes.Buffer
	g := image.NewGray(image.Rect(0, 0, 40, 16))
	copy(g.Pix, noise(40*16, 8))
	if err := stdjpeg.Encode(&b, g, nil); err != nil {
		t.Fatal(err)
	}
	one, err := jpeg.Decode(b.Bytes(), jpeg.Bounds{Width: 40, Height: 16, Components: 1})
	if err != nil {
		t.Fatal(err)
	}
	two, err := jpeg.Decode(twice(b.Bytes(), 0xC0, 10), jpeg.Bounds{Width: 40, Height: 32, Components: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(two.Pix, append(bytes.Clone(one.Pix), one.Pix...)) {
		t.Error("baseline: other samples")
	}
}

// TestPlanes decodes a lossless image whose components have a scan each.
func TestPlanes(t *testing.T) {
	want := noise(30*16, 8)
	b, err := jpeg.EncodeLossless(want, 30, 16, 1, 8)
	if err != nil {
		t.Fatal(err)
	}
	head, data := coded(b)
	at, scan := bytes.Index(head, []byte{0xFF, 0xC3}), bytes.Index(head, []byte{0xFF, 0xDA})
	out := append(bytes.Clone(head[:at]), 0xFF, 0xC3, 0, 17, 8, 0, 16, 0, 30, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0)
	out = append(out, head[at+13:scan]...)
	for k := range byte(3) {
		out = append(append(out, 0xFF, 0xDA, 0, 8, 1, k+1, 0, 1, 0, 0), data...)
	}
	m, err := jpeg.Decode(append(out, 0xFF, 0xD9), jpeg.Bounds{Width: 30, Height: 16, Components: 3})
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range m.Pix {
		if v != want[k/3] {
			t.Fatalf("sample %d: %d; want %d", k, v, want[k/3])
		}
	}
}
