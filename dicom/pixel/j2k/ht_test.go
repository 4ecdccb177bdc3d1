package j2k

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radagora/fault"
)

// compressHT makes a high throughput codestream with OpenJPH.
func compressHT(t testing.TB, p *picture, args ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	out := filepath.Join(dir, "out.j2c")
	if len(p.sub) == 3 { // OpenJPH takes colour from PPM files only
		in := filepath.Join(dir, "in.ppm")
		b := fmt.Appendf(nil, "P6\n%d %d\n255\n", p.w, p.h)
		for i := range p.samples[0] {
			b = append(b, byte(p.samples[0][i]), byte(p.samples[1][i]), byte(p.samples[2][i]))
		}
		if err := os.WriteFile(in, b, 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, "ojph_compress", append([]string{"-i", in, "-o", out}, args...)...)
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	in := filepath.Join(dir, "in.yuv")
	if err := os.WriteFile(in, p.raw(), 0o600); err != nil {
		t.Fatal(err)
	}
	var signs, bits, sub []string
	for _, s := range p.sub {
		signs = append(signs, fmt.Sprint(p.signed))
		bits = append(bits, fmt.Sprint(p.bits))
		sub = append(sub, fmt.Sprintf("{%d,%d}", s[0], s[1]))
	}
	run(t, "ojph_compress", append([]string{
		"-i", in, "-o", out, "-dims", fmt.Sprintf("{%d,%d}", p.w, p.h), "-num_comps", fmt.Sprint(len(p.sub)),
		"-signed", strings.Join(signs, ","), "-bit_depth", strings.Join(bits, ","), "-downsamp", strings.Join(sub, ","),
	}, args...)...)
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOpenJPH decodes what OpenJPH made: exactly if it is lossless, and else as
// OpenJPEG does, within 1.
func TestOpenJPH(t *testing.T) {
	gray, colour := whole(1), whole(3)
	for _, c := range []struct {
		name  string
		p     *picture
		args  string
		lossy bool
	}{
		{"8 bits", paint(200, 150, 8, false, gray...), "", false},
		{"12 bits", paint(203, 151, 12, false, gray...), "", false},
		{"16 bits", paint(131, 97, 16, false, gray...), "", false},
		{"colour", paint(200, 150, 8, false, colour...), "-colour_trans true", false},
		{"colour without transform", paint(200, 150, 8, false, colour...), "-colour_trans false", false},
		{"no decomposition", paint(200, 150, 8, false, gray...), "-num_decomps 0", false},
		{"one sample", paint(1, 1, 8, false, gray...), "-num_decomps 0", false},
		{"one column", paint(1, 77, 12, false, gray...), "-num_decomps 0", false},
		{"one row", paint(77, 1, 12, false, gray...), "-num_decomps 0", false},
		{"small blocks", paint(203, 151, 12, false, gray...), "-block_size {4,4}", false},
		{"wide blocks", paint(1100, 51, 12, false, gray...), "-block_size {1024,4}", false},
		{"high blocks", paint(51, 1100, 12, false, gray...), "-block_size {4,1024}", false},
		{"precincts and LRCP", paint(203, 151, 8, false, colour...), "-precincts {32,32},{64,64} -prog_order LRCP -colour_trans true", false},
		{"tiles", paint(203, 151, 12, false, gray...), "-tile_size {70,60}", false},
		{"offset", paint(203, 151, 12, false, gray...), "-tile_size {70,60} -image_offset {13,11} -tile_offset {3,5}", false},
		{"16 bits signed", paint(131, 97, 16, true, gray...), "-reversible true", true}, // OpenJPH reads the file as unsigned
		{"irreversible", paint(200, 150, 8, false, gray...), "-qstep 0.004", true},
		{"irreversible, coarse", paint(200, 150, 8, false, gray...), "-qstep 0.1", true},
		{"irreversible 12 bits", paint(200, 150, 12, false, gray...), "-qstep 0.001", true},
		{"irreversible 16 bits", paint(200, 150, 16, false, gray...), "-qstep 0.0001", true},
		{"irreversible colour", paint(200, 150, 8, false, colour...), "-qstep 0.01 -colour_trans true", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := strings.Fields(c.args)
			if !c.lossy {
				args = append(args, "-reversible", "true")
			}
			b := compressHT(t, c.p, args...)
			m := decode(t, b, Options{})
			if !m.Header.HighThroughput {
				t.Error("the header does not say that block coding is high throughput")
			}
			if !c.lossy {
				differ(t, samples(m), c.p.samples, 0)
				return
			}
			differ(t, samples(m), reference(t, b, m), int32(1+c.p.bits/16))
		})
	}
}

// TestLaterPasses appends significance propagation and magnitude refinement
// passes made of random bits to cleanup passes made by OpenJPH, since no encoder
// at hand makes any. OpenJPEG must make the same of them.
func TestLaterPasses(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, size := range [][2]int{{64, 64}, {32, 128}, {64, 61}, {33, 64}, {7, 5}, {4, 3}, {1, 1}} {
		p := paint(size[0], size[1], 8, true, whole(1)...)
		for i := range p.samples[0] { // sparse, so that there is something to propagate
			if p.samples[0][i] = p.samples[0][i] % 4; rnd.IntN(3) > 0 {
				p.samples[0][i] = 0
			}
		}
		x, y := 6, 6
		if size[1] > 64 {
			x, y = 5, 7
		}
		b := compressHT(t, p, "-reversible", "true", "-num_decomps", "0", "-block_size", fmt.Sprintf("{%d,%d}", 1<<x, 1<<y))
		cleanup := firstChunk(t, b)
		for _, passes := range []int{2, 3} {
			for _, style := range []int{styleHT, styleHT | styleCausal} {
				for _, n := range []int{0, 1, 2, 3, 50, 400} {
					t.Run(fmt.Sprintf("%v, %d passes, style %d, %d bytes", size, passes, style, n), func(t *testing.T) {
						const bits = 16
						s := handmade([]codedBlock{{cleanup: cleanup, refinement: stuffed(rnd, n), passes: passes, zero: bits - 4}}, 1, x, y, bits, style,
							rect{0, 0, size[0], size[1]})
						m := decode(t, s, Options{})
						differ(t, samples(m), reference(t, s, m), 0)
					})
				}
			}
		}
	}
}

// stuffed returns random bytes with many ones that keep the rules of stuffing
// from both ends: no byte after 0xFF is above 0x7F, and none before one above
// 0x8F is 0xFF.
func stuffed(rnd *rand.Rand, n int) []byte {
	b := make([]byte, n)
	after := byte(0xFF)
	for i := n - 1; i >= 0; i-- {
		b[i] = byte(rnd.Uint32())
		b[i] |= byte(rnd.Uint32())
		if b[i]&0x7F == 0x7F && after > 0x7F {
			b[i] = 0x7F
		}
		after = b[i]
	}
	return b
}

// firstChunk returns the cleanup segment of the first code block.
func firstChunk(t *testing.T, b []byte) []byte {
	t.Helper()
	s, err := parseMain(b, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.parseTileParts(); err != nil {
		t.Fatal(err)
	}
	data := s.tiles[0]
	tl, err := newTile(s.size, 0, data.params)
	if err != nil {
		t.Fatal(err)
	}
	p := &packets{t: tl, body: data.body, layers: 1}
	steps := maxSteps
	if err := (&walk{t: tl, p: p, steps: &steps}).run(nil); err != nil || len(tl.chunks) == 0 {
		t.Fatal("no code block", err)
	}
	return tl.chunks[0].data
}

func TestMixedRefused(t *testing.T) {
	b := handmade([]codedBlock{{cleanup: make([]byte, 4), passes: 1}}, 1, 6, 6, 8, styleHT|styleMixed, rect{0, 0, 8, 8})
	if _, err := Decode(b, Options{}); fault.Of(err) != fault.Unsupported {
		t.Errorf("Decode = %v; want Unsupported", err)
	}
}
