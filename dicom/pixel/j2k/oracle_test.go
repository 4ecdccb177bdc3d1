package j2k

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A picture is what the tests compress: synthetic, with what is hard to code.
type picture struct {
	w, h    int
	bits    int
	signed  bool
	sub     [][2]int // subsampling by component
	samples [][]int32
}

// paint makes a picture: slopes, an edge, a circle, noise and a flat corner.
func paint(w, h, bits int, signed bool, sub ...[2]int) *picture {
	p := &picture{w: w, h: h, bits: bits, signed: signed, sub: sub}
	seed := uint32(12345)
	for c, s := range sub {
		cw, ch := ceilDiv(w, s[0]), ceilDiv(h, s[1])
		plane := make([]int32, cw*ch)
		top := float64(int(1)<<bits - 1)
		for y := range ch {
			for x := range cw {
				seed = seed*1664525 + 1013904223
				fx, fy := float64(x)/float64(cw), float64(y)/float64(ch)
				v := 0.5 + 0.25*math.Sin(7*fx+float64(c))*math.Cos(5*fy) + 0.05*float64(seed>>16)/65536
				if math.Hypot(fx-0.5, fy-0.4) < 0.2 {
					v = 0.9 - 0.3*float64(c)*fx
				}
				if fx > 0.8 && fy < 0.3 {
					v = 0
				}
				n := int32(v * top)
				if signed {
					n -= int32(1) << (bits - 1)
				}
				plane[y*cw+x] = n
			}
		}
		p.samples = append(p.samples, plane)
	}
	return p
}

// whole is the subsampling of n components that have none.
func whole(n int) [][2]int {
	s := make([][2]int, n)
	for i := range s {
		s[i] = [2]int{1, 1}
	}
	return s
}

// raw lays the samples out as OpenJPEG's raw files have them, plane after plane.
func (p *picture) raw() []byte {
	var b []byte
	for _, plane := range p.samples {
		for _, v := range plane {
			if p.bits <= 8 {
				b = append(b, byte(v))
			} else {
				b = binary.LittleEndian.AppendUint16(b, uint16(v))
			}
		}
	}
	return b
}

// tool skips the test if a program is missing.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed (Debian: libopenjp2-tools, openjph-tools)", name)
	}
	return path
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), tool(t, name), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// compress makes a codestream with OpenJPEG.
func compress(t testing.TB, p *picture, args ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.rawl"), filepath.Join(dir, "out.j2k")
	if err := os.WriteFile(in, p.raw(), 0o600); err != nil {
		t.Fatal(err)
	}
	sign := "u"
	if p.signed {
		sign = "s"
	}
	var sub []string
	for _, s := range p.sub {
		sub = append(sub, fmt.Sprintf("%dx%d", s[0], s[1]))
	}
	format := fmt.Sprintf("%d,%d,%d,%d,%s@%s", p.w, p.h, len(p.sub), p.bits, sign, strings.Join(sub, ":"))
	run(t, "opj_compress", append([]string{"-i", in, "-o", out, "-F", format}, args...)...)
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// reference decodes with OpenJPEG, whose answer has the shape of ours.
func reference(t testing.TB, b []byte, like *Image, args ...string) [][]int32 {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.j2k"), filepath.Join(dir, "out.rawl")
	if isJP2(b) {
		in = filepath.Join(dir, "in.jp2")
	}
	if err := os.WriteFile(in, b, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "opj_decompress", append([]string{"-i", in, "-o", out}, args...)...)
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]int32
	for _, c := range like.Components {
		plane := make([]int32, c.Width*c.Height)
		wide := 1
		if c.Bits > 8 {
			wide = 2
		}
		if len(raw) < len(plane)*wide {
			t.Fatalf("OpenJPEG gave %d bytes; want %d more", len(raw), len(plane)*wide)
		}
		for i := range plane {
			switch {
			case wide == 1 && c.Signed:
				plane[i] = int32(int8(raw[i]))
			case wide == 1:
				plane[i] = int32(raw[i])
			case c.Signed:
				plane[i] = int32(int16(binary.LittleEndian.Uint16(raw[2*i:])))
			default:
				plane[i] = int32(binary.LittleEndian.Uint16(raw[2*i:]))
			}
		}
		raw = raw[len(plane)*wide:]
		all = append(all, plane)
	}
	if len(raw) != 0 {
		t.Fatalf("OpenJPEG gave %d bytes more than wanted", len(raw))
	}
	return all
}

// samples are the planes of an image.
func samples(m *Image) (all [][]int32) {
	for _, c := range m.Components {
		all = append(all, c.Samples)
	}
	return all
}

// differ compares planes and reports the largest difference.
func differ(t testing.TB, got, want [][]int32, bound int32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d components; want %d", len(got), len(want))
	}
	for c := range got {
		if len(got[c]) != len(want[c]) {
			t.Fatalf("component %d has %d samples; want %d", c, len(got[c]), len(want[c]))
		}
		var worst int32
		n, first := 0, -1
		for i, v := range got[c] {
			e := v - want[c][i]
			worst = max(worst, e, -e)
			if e > bound || e < -bound {
				n++
				if first < 0 {
					first = i
				}
			}
		}
		if n > 0 {
			t.Errorf("component %d: %d of %d samples differ by more than %d, at most by %d; the first is %d: %d; want %d",
				c, n, len(got[c]), bound, worst, first, got[c][first], want[c][first])
		}
	}
}

// decode decodes without warnings.
func decode(t testing.TB, b []byte, o Options) *Image {
	t.Helper()
	m, err := Decode(b, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range m.Warnings {
		t.Errorf("unexpected warning %s at %d: %s", w.Code, w.Offset, w.Text)
	}
	return m
}
