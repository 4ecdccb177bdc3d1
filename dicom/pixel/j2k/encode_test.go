package j2k

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"radagora/fault"
)

// components makes what Encode takes of a picture.
func components(p *picture) (all []Component) {
	for i, s := range p.samples {
		all = append(all, Component{
			Bits: p.bits, Signed: p.signed, Dx: p.sub[i][0], Dy: p.sub[i][1],
			Width: ceilDiv(p.w, p.sub[i][0]), Height: ceilDiv(p.h, p.sub[i][1]), Samples: s,
		})
	}
	return all
}

// TestEncode checks that what we code comes back from us and from OpenJPEG.
func TestEncode(t *testing.T) {
	for _, c := range []struct {
		name      string
		p         *picture
		transform bool
	}{
		{"8 bits", paint(200, 150, 8, false, whole(1)...), false},
		{"1 bit", paint(200, 150, 1, false, whole(1)...), false},
		{"12 bits", paint(131, 97, 12, false, whole(1)...), false},
		{"16 bits", paint(131, 97, 16, false, whole(1)...), false},
		{"16 bits signed", paint(131, 97, 16, true, whole(1)...), false},
		{"colour", paint(200, 150, 8, false, whole(3)...), true},
		{"colour of 16 bits", paint(200, 150, 16, false, whole(3)...), true},
		{"colour without transform", paint(200, 150, 8, false, whole(3)...), false},
		{"four components", paint(200, 150, 8, false, whole(4)...), true},
		{"one sample", paint(1, 1, 8, false, whole(1)...), false},
		{"one row", paint(300, 1, 8, false, whole(1)...), false},
		{"one column", paint(1, 300, 8, false, whole(1)...), false},
		{"many blocks", paint(1000, 700, 12, false, whole(1)...), false},
		{"flat", &picture{w: 100, h: 90, bits: 8, sub: whole(1), samples: [][]int32{make([]int32, 9000)}}, false},
		{"noise", noise(150, 140, 16, 1), false},
		{"noise in colour", noise(150, 140, 8, 3), true},
		{"noise in colour of 16 bits", noise(90, 80, 16, 3), true},
		{"steps from end to end", checker(128, 128, 16), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Encode(components(c.p), EncodeOptions{Transform: c.transform})
			if err != nil {
				t.Fatal(err)
			}
			m := decode(t, b, Options{})
			if m.Header.Transform != c.transform {
				t.Errorf("Transform = %v; want %v", m.Header.Transform, c.transform)
			}
			differ(t, samples(m), c.p.samples, 0)
			differ(t, reference(t, b, m), c.p.samples, 0)
		})
	}
}

func noise(w, h, bits, n int) *picture {
	rnd := rand.New(rand.NewPCG(3, 4))
	p := &picture{w: w, h: h, bits: bits, sub: whole(n)}
	for range n {
		s := make([]int32, w*h)
		for i := range s {
			s[i] = int32(rnd.IntN(1 << bits))
		}
		p.samples = append(p.samples, s)
	}
	return p
}

func checker(w, h, bits int) *picture {
	s := make([]int32, w*h)
	for i := range s {
		s[i] = int32((i%w + i/w) % 2 * (1<<bits - 1))
	}
	return &picture{w: w, h: h, bits: bits, sub: whole(1), samples: [][]int32{s}}
}

// TestEncodeSize holds the size of our streams against OpenJPEG's: coding is
// deterministic, so they differ by headers only.
func TestEncodeSize(t *testing.T) {
	p := paint(512, 512, 12, false, whole(1)...)
	theirs := compress(t, p)
	ours, err := Encode(components(p), EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(ours) > len(theirs)+len(theirs)/200 {
		t.Errorf("%d bytes; OpenJPEG needs %d", len(ours), len(theirs))
	}
}

func TestEncodeRefused(t *testing.T) {
	good := func() []Component { return components(paint(20, 20, 8, false, whole(3)...)) }
	for _, c := range []struct {
		name  string
		spoil func(c []Component) []Component
		want  fault.Kind
	}{
		{"no components", func([]Component) []Component { return nil }, fault.Invalid},
		{"two components to transform", func(c []Component) []Component { return c[:2] }, fault.Invalid},
		{"components that differ in size", func(c []Component) []Component { c[1].Width = 10; return c }, fault.Unsupported},
		{"a sample out of range", func(c []Component) []Component { c[1].Samples[5] = 256; return c }, fault.Invalid},
		{"a negative sample", func(c []Component) []Component { c[1].Samples[5] = -1; return c }, fault.Invalid},
		{"a sample short", func(c []Component) []Component { c[2].Samples = c[2].Samples[1:]; return c }, fault.Invalid},
		{"30 bits", func(c []Component) []Component {
			for i := range c {
				c[i].Bits = 30
			}
			return c
		}, fault.Unsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Encode(c.spoil(good()), EncodeOptions{Transform: true}); fault.Of(err) != c.want {
				t.Errorf("Encode = %v; want %v", err, c.want)
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, n := range []int{1, 3} {
		p := components(paint(1024, 1024, 12, false, whole(n)...))
		b.Run(fmt.Sprintf("%d components", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := Encode(p, EncodeOptions{Transform: n == 3}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n<<20), "ns/sample")
		})
	}
}

// FuzzEncode decodes what Encode made of anything.
func FuzzEncode(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6}, uint8(2), uint8(8), false, false)
	f.Add([]byte{0xFF, 0, 0xFF, 0, 0xFF, 0xFF, 7, 7, 7}, uint8(3), uint8(16), true, true)
	f.Fuzz(func(t *testing.T, b []byte, width, bits uint8, signed, transform bool) {
		n := 1
		if transform {
			n = 3
		}
		p := &picture{w: int(width), bits: int(bits), signed: signed, sub: whole(n)}
		if width > 0 {
			p.h = len(b) / n / p.w
		}
		for i := range n {
			s := make([]int32, p.w*p.h)
			for k := range s {
				v := int32(b[i*len(s)+k]) * 257
				if s[k] = v & (1<<(bits&31) - 1); signed {
					s[k] -= 1 << ((bits - 1) & 31)
				}
			}
			p.samples = append(p.samples, s)
		}
		out, err := Encode(components(p), EncodeOptions{Transform: transform})
		if err != nil {
			return
		}
		m, err := Decode(out, Options{})
		if err != nil || len(m.Warnings) > 0 {
			t.Fatal(err, m)
		}
		differ(t, samples(m), p.samples, 0)
	})
}

// TestEncodeMixed codes components of different depth.
func TestEncodeMixed(t *testing.T) {
	a, b := paint(60, 50, 8, false, whole(1)...), paint(60, 50, 12, true, whole(1)...)
	out, err := Encode(append(components(a), components(b)...), EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m := decode(t, out, Options{})
	want := [][]int32{a.samples[0], b.samples[0]}
	differ(t, samples(m), want, 0)
	for i, w := range want { // OpenJPEG's raw files hold one depth only
		differ(t, pgx(t, out, i), [][]int32{w}, 0)
	}
}

// pgx decodes one component with OpenJPEG.
func pgx(t *testing.T, b []byte, component int) [][]int32 {
	t.Helper()
	dir := t.TempDir()
	in := filepath.Join(dir, "in.j2k")
	if err := os.WriteFile(in, b, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "opj_decompress", "-i", in, "-o", filepath.Join(dir, "out.pgx"))
	raw, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("out_%d.pgx", component)))
	if err != nil {
		t.Fatal(err)
	}
	head, raw, _ := bytes.Cut(raw, []byte("\n"))
	var sign string
	var bits, w, h int
	if _, err := fmt.Sscanf(string(head), "PG ML %1s %d %d %d", &sign, &bits, &w, &h); err != nil {
		t.Fatalf("%s: %v", head, err)
	}
	plane := make([]int32, w*h)
	for i := range plane {
		switch {
		case bits <= 8:
			plane[i] = int32(raw[i])
		case sign == "-":
			plane[i] = int32(int16(binary.BigEndian.Uint16(raw[2*i:])))
		default:
			plane[i] = int32(binary.BigEndian.Uint16(raw[2*i:]))
		}
	}
	return [][]int32{plane}
}

// TestEncodeMany codes so many components that their numbers take two bytes.
func TestEncodeMany(t *testing.T) {
	var all []Component
	var want [][]int32
	for i := range 300 {
		c := components(paint(5, 4, 8+i%2, false, whole(1)...))[0]
		all, want = append(all, c), append(want, c.Samples)
	}
	out, err := Encode(all, EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m := decode(t, out, Options{Limits: Limits{Components: 300}})
	differ(t, samples(m), want, 0)
	for _, i := range []int{0, 1, 255, 256, 257, 299} {
		differ(t, pgx(t, out, i), want[i:i+1], 0)
	}
	if _, err := Decode(out, Options{}); fault.Of(err) != fault.Exhausted {
		t.Errorf("Decode with the default limits = %v; want Exhausted", err)
	}
}
