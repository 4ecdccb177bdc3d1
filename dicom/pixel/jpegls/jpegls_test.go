package jpegls_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"radagora/dicom/pixel/jpegls"
	"radagora/fault"
)

// draw returns samples of so many bits: noise, slopes and flat runs.
func draw(width, height, components, precision int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b []byte
	for y := range height {
		for x := range width {
			for c := range components {
				v := (x*3 + y*5 + c*40 + r.IntN(4)) & (1<<precision - 1)
				if x > width/2 {
					v = y & (1<<precision - 1)
				}
				if y == height/2 {
					v = r.IntN(1 << precision)
				}
				b = append(b, byte(v))
				if precision > 8 {
					b = append(b, byte(v>>8))
				}
			}
		}
	}
	return b
}

// TestLossless writes and reads images of every precision.
func TestLossless(t *testing.T) {
	for precision := 2; precision <= 16; precision++ {
		for components := 1; components <= 4; components++ {
			want := draw(131, 40, components, precision)
			b, err := jpegls.Encode(want, 131, 40, components, precision)
			if err != nil {
				t.Fatal(err)
			}
			m, err := jpegls.Decode(b, jpegls.Bounds{Width: 131, Height: 40, Components: 4})
			if err != nil {
				t.Fatalf("%d bits, %d components: %v", precision, components, err)
			}
			if !bytes.Equal(m.Pix, want) {
				t.Errorf("%d bits, %d components: other samples", precision, components)
			}
		}
	}
}

// TestExample decodes the image of T.87 Annex H.3 that shows each step.
func TestExample(t *testing.T) {
	coded := []byte{
		0xFF, 0xD8, 0xFF, 0xF7, 0, 11, 8, 0, 4, 0, 4, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0,
		0xC0, 0x00, 0x00, 0x6C, 0x80, 0x20, 0x8E, 0x01, 0xC0, 0x00, 0x00, 0x57, 0x40, 0x00, 0x00, 0x6E,
		0xE6, 0x00, 0x00, 0x01, 0xBC, 0x18, 0x00, 0x00, 0x05, 0xD8, 0x00, 0x00, 0x91, 0x60, 0xFF, 0xD9,
	}
	want := []byte{0, 0, 90, 74, 68, 50, 43, 205, 64, 145, 145, 145, 100, 145, 145, 145}
	m, err := jpegls.Decode(coded, jpegls.Bounds{Width: 4, Height: 4, Components: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Pix, want) {
		t.Errorf("%v; want %v", m.Pix, want)
	}
}

// TestDamaged cuts images: each is refused.
func TestDamaged(t *testing.T) {
	b, err := jpegls.Encode(draw(60, 40, 1, 12), 60, 40, 1, 12)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(b) - 4 {
		if _, err := jpegls.Decode(b[:n], jpegls.Bounds{Width: 60, Height: 40, Components: 1}); fault.Of(err) != fault.Invalid {
			t.Fatalf("cut after %d of %d bytes: %v", n, len(b), err)
		}
	}
	if _, err := jpegls.Decode(b, jpegls.Bounds{Width: 10, Height: 10, Components: 1}); fault.Of(err) != fault.Invalid {
		t.Errorf("beyond the bounds: %v", err)
	}
}

// FuzzDecode decodes anything: no panic, and no image without its samples.
func FuzzDecode(f *testing.F) {
	for _, precision := range []int{2, 8, 12, 16} {
		for _, components := range []int{1, 3} {
			b, err := jpegls.Encode(draw(30, 20, components, precision), 30, 20, components, precision)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
			for mode := range 3 {
				other := bytes.Clone(b)
				at := bytes.Index(other, []byte{0xFF, 0xDA})
				other[at+4+2*components+2] = byte(mode) // interleave
				other[at+4+2*components+1] = byte(mode) // near
				f.Add(other)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := jpegls.Decode(b, jpegls.Bounds{Width: 512, Height: 512, Components: 4})
		if err != nil {
			return
		}
		if n := m.Width * m.Height * m.Components * ((m.Precision + 7) / 8); len(m.Pix) != n {
			t.Errorf("%d bytes; want %d", len(m.Pix), n)
		}
	})
}

// TestMutated spoils bytes of good images: no panic, and no image without its
// samples.
func TestMutated(t *testing.T) {
	var all [][]byte
	for _, precision := range []int{2, 8, 12, 16} {
		for _, components := range []int{1, 3} {
			b, err := jpegls.Encode(draw(30, 20, components, precision), 30, 20, components, precision)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for _, seed := range all {
		for range 1000 {
			b := bytes.Clone(seed)
			for range 1 + r.IntN(3) {
				b[r.IntN(len(b))] = byte(r.Uint32())
			}
			m, err := jpegls.Decode(b, jpegls.Bounds{Width: 512, Height: 512, Components: 4})
			if err == nil && len(m.Pix) != m.Width*m.Height*m.Components*((m.Precision+7)/8) {
				t.Fatalf("%d bytes in %+v", len(m.Pix), m.Header)
			}
		}
	}
}

// coded returns the coded data of an image, between its scan header and its end.
func coded(t *testing.T, b []byte, components int) (head, data []byte) {
	t.Helper()
	at := bytes.Index(b, []byte{0xFF, 0xDA}) + 8 + 2*components
	end := bytes.LastIndex(b, []byte{0xFF, 0xD9})
	for b[end-1] == 0xFF {
		end--
	}
	return b[:at], b[at:end]
}

// TestRestart decodes intervals that each begin anew: the two halves of the
// image are two images in one.
func TestRestart(t *testing.T) {
	for _, components := range []int{1, 3} {
		want := draw(50, 20, components, 8)
		half := len(want) / 2
		var parts [2][]byte
		var head []byte
		for k := range parts {
			b, err := jpegls.Encode(want[k*half:(k+1)*half], 50, 10, components, 8)
			if err != nil {
				t.Fatal(err)
			}
			head, parts[k] = coded(t, b, components)
		}
		for _, dri := range [][]byte{{0, 4, 0, 10}, {0, 5, 0, 0, 10}, {0, 6, 0, 0, 0, 10}} {
			b := append([]byte{0xFF, 0xD8, 0xFF, 0xDD}, dri...)
			b = append(b, head[2:]...)
			b[bytes.Index(b, []byte{0xFF, 0xF7})+6] = 20 // rows
			b = append(append(append(b, parts[0]...), 0xFF, 0xD0), parts[1]...)
			b = append(b, 0xFF, 0xD9)
			m, err := jpegls.Decode(b, jpegls.Bounds{Width: 50, Height: 20, Components: 3})
			if err != nil {
				t.Fatalf("%d components: %v", components, err)
			}
			if !bytes.Equal(m.Pix, want) {
				t.Errorf("%d components: other samples", components)
			}
		}
	}
}
