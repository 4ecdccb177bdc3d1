package j2k

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"radagora/fault"
)

// TestTruncated cuts streams off. Whatever is left of the body must give an
// image of the full size that says that it is not whole.
func TestTruncated(t *testing.T) {
	p := paint(150, 120, 12, false, whole(1)...)
	for _, args := range []string{"", "-I -r 10", "-t 64,64", "-r 20,10,1", "-M 63", "-p RPCL -SOP -EPH"} {
		b := compress(t, p, strings.Fields(args)...)
		head := bytes.Index(b, []byte{0xFF, 0x90, 0, 10})
		for n := head + 12; n < len(b)-2; n += 1 + (len(b)-head)/97 {
			m, err := Decode(b[:n], Options{})
			if err != nil {
				t.Fatalf("%q cut to %d of %d: %v", args, n, len(b), err)
			}
			if !m.Truncated || len(m.Components[0].Samples) != 150*120 {
				t.Fatalf("%q cut to %d of %d: Truncated = %v, %d samples", args, n, len(b), m.Truncated, len(m.Components[0].Samples))
			}
		}
		for n := range head {
			if _, err := Decode(b[:n], Options{}); fault.Of(err) != fault.Invalid {
				t.Fatalf("%q cut to %d of %d: %v; want Invalid", args, n, len(b), err)
			}
		}
		m, err := Decode(b[:len(b)-2], Options{})
		if err != nil || m.Truncated || !slices.ContainsFunc(m.Warnings, func(w Warning) bool { return w.Code == Unended }) {
			t.Errorf("%q without the end marker: %v, %+v; want a whole image with a warning", args, err, m)
		}
	}
}

// TestTruncatedImproves checks that what is there is used: more bytes, less error.
func TestTruncatedImproves(t *testing.T) {
	p := paint(150, 120, 12, false, whole(1)...)
	b := compress(t, p, "-r", "80,40,20,10,5,1")
	last := 1e18
	for _, n := range []int{4, 8, 16, 32, 64, 99} {
		m, err := Decode(b[:len(b)*n/100], Options{})
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i, v := range m.Components[0].Samples {
			e := float64(v - p.samples[0][i])
			sum += e * e
		}
		if sum > last {
			t.Errorf("%d %% of the bytes: squared error %g; it was %g with less", n, sum, last)
		}
		last = sum
	}
}

func TestHeader(t *testing.T) {
	b := compress(t, paint(200, 150, 12, true, [2]int{1, 1}, [2]int{2, 2}), "-mct", "0", "-n", "4", "-p", "RPCL", "-r", "5,1", "-t", "64,32")
	h, err := Config(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Components) != 2 {
		t.Fatalf("%d components; want 2", len(h.Components))
	}
	if got, want := h.Components[1], (ComponentHeader{12, true, 2, 2, 100, 75}); got != want {
		t.Errorf("component 1 = %+v; want %+v", got, want)
	}
	got := fmt.Sprint(h.Width, h.Height, h.TileWidth, h.TileHeight, h.Tiles, h.Levels, h.Layers, h.Progression, h.Reversible, h.Transform, h.Boxes)
	if want := "200 150 64 32 20 3 2 RPCL true false false"; got != want {
		t.Errorf("header = %s; want %s", got, want)
	}
}

// TestOdd decodes what is not quite as the standard wants it.
func TestOdd(t *testing.T) {
	p := paint(50, 40, 8, false, whole(1)...)
	b := compress(t, p)
	sot := bytes.Index(b, []byte{0xFF, 0x90, 0, 10})
	change := func(f func(b []byte) []byte) []byte { return f(append([]byte(nil), b...)) }
	for _, c := range []struct {
		name string
		b    []byte
		want []WarningCode
	}{
		{"padded to even length", append(change(func(b []byte) []byte { return b }), 0, 0), nil},
		{"bytes before it", append([]byte("vendor"), b...), []WarningCode{Prefix}},
		{"length of the tile-part left open", change(func(b []byte) []byte {
			binary.BigEndian.PutUint32(b[sot+6:], 0)
			return b
		}), nil},
		{"length left open, and padded", change(func(b []byte) []byte {
			binary.BigEndian.PutUint32(b[sot+6:], 0)
			return append(b, 0)
		}), nil},
		{"an unknown marker segment", change(func(b []byte) []byte {
			return slices.Concat(b[:sot], []byte{0xFF, 0x30, 0, 2}, b[sot:])
		}), []WarningCode{Unused}},
		{"junk behind the tile-part", change(func(b []byte) []byte {
			return append(b[:len(b)-2], make([]byte, 20)...)
		}), []WarningCode{Damaged}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Decode(c.b, Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []WarningCode
			for _, w := range m.Warnings {
				got = append(got, w.Code)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("warnings %v; want %v", got, c.want)
			}
			differ(t, samples(m), p.samples, 0)
		})
	}
}

// TestRefused changes single bytes of a header for the worse.
func TestRefused(t *testing.T) {
	b := compress(t, paint(50, 40, 8, false, whole(3)...))
	siz, cod, qcd := bytes.Index(b, []byte{0xFF, 0x51}), bytes.Index(b, []byte{0xFF, 0x52}), bytes.Index(b, []byte{0xFF, 0x5C})
	for _, c := range []struct {
		name   string
		at     int
		value  []byte
		limits Limits
		want   fault.Kind
	}{
		{"no columns", siz + 6, []byte{0, 0, 0, 0}, Limits{}, fault.Invalid},
		{"too many samples", siz + 6, []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, Limits{}, fault.Exhausted},
		{"the caller's limit of samples", siz, []byte{0xFF}, Limits{Samples: 5999}, fault.Exhausted},
		{"the caller's limit of components", siz, []byte{0xFF}, Limits{Components: 2}, fault.Exhausted},
		{"the caller's limit of bits", siz, []byte{0xFF}, Limits{Bits: 7}, fault.Exhausted},
		{"38 bits", siz + 40, []byte{37}, Limits{}, fault.Exhausted},
		{"no components", siz + 38, []byte{0, 0}, Limits{}, fault.Invalid},
		{"tiles without width", siz + 22, []byte{0, 0, 0, 0}, Limits{}, fault.Invalid},
		{"subsampling of nothing", siz + 41, []byte{0}, Limits{}, fault.Invalid},
		{"an order that does not exist", cod + 5, []byte{5}, Limits{}, fault.Invalid},
		{"no layers", cod + 6, []byte{0, 0}, Limits{}, fault.Invalid},
		{"40 levels", cod + 9, []byte{40}, Limits{}, fault.Invalid},
		{"code blocks too wide", cod + 10, []byte{15}, Limits{}, fault.Invalid},
		{"a component transform of Part 2", cod + 8, []byte{4}, Limits{}, fault.Unsupported},
		{"a marker of Part 2", cod + 1, []byte{0x70}, Limits{}, fault.Unsupported},
		{"a wavelet of Part 2", cod + 13, []byte{2}, Limits{}, fault.Unsupported},
		{"quantisation for fewer bands", qcd + 3, []byte{4}, Limits{}, fault.Invalid},
		{"an unknown quantisation", qcd + 4, []byte{31}, Limits{}, fault.Invalid},
		{"no codestream", 0, []byte{0}, Limits{}, fault.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := append([]byte(nil), b...)
			copy(changed[c.at:], c.value)
			if _, err := Decode(changed, Options{Limits: c.limits}); fault.Of(err) != c.want {
				t.Errorf("Decode = %v; want %v", err, c.want)
			}
		})
	}
}

// TestBoxes decodes a JP2 file.
func TestBoxes(t *testing.T) {
	p := paint(60, 50, 8, false, whole(3)...)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.rawl"), filepath.Join(dir, "out.jp2")
	if err := os.WriteFile(in, p.raw(), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "opj_compress", "-i", in, "-o", out, "-F", "60,50,3,8,u")
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	m := decode(t, b, Options{})
	differ(t, samples(m), p.samples, 0)
	if !m.Header.Boxes || m.Header.ColourSpace != 16 {
		t.Errorf("boxes %v, colour space %d; want true, 16", m.Header.Boxes, m.Header.ColourSpace)
	}
	for n := 0; n < len(b); n += 1 + n/50 {
		_, _ = Decode(b[:n], Options{}) // must not panic
	}
}

// FuzzDecode decodes anything. Seeds come from OpenJPEG where it is installed.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(signatureBox)
	if _, err := exec.LookPath("opj_compress"); err == nil {
		for _, args := range []string{
			"", "-I", "-M 63", "-M 1 -r 4,1", "-t 9,7 -p PCRL -c [8,8] -d 3,2", "-SOP -EPH -TLM -PLT", "-ROI c=0,U=3 -mct 0",
			"-n 3 -POC T1=0,0,1,2,3,CPRL/T1=2,0,1,3,3,CPRL", "-I -r 10 -p RPCL -TP R", "-p CPRL -b 4,4",
		} {
			f.Add(compress(f, paint(21, 17, 8, false, whole(3)...), append(strings.Fields(args), "-n", "3")...))
		}
		f.Add(compress(f, paint(21, 17, 16, true, whole(1)...), "-n", "2", "-mct", "0"))
	}
	if _, err := exec.LookPath("ojph_compress"); err == nil {
		for _, args := range []string{"-reversible true", "-qstep 0.01", "-reversible true -block_size {4,4} -tile_size {9,7}"} {
			f.Add(compressHT(f, paint(21, 17, 8, false, whole(1)...), strings.Fields(args+" -num_decomps 1")...))
		}
	}
	cleanup := cleanupSegment(nil, melBits([]int{0, 1}), []int{0, 1, 1, 0, 1, 1, 1, 1, 0})
	f.Add(handmade([]codedBlock{{cleanup, []byte{1, 2, 3}, 3, 4}}, 1, 2, 2, 8, styleHT, rect{0, 0, 4, 4}))
	limits := Limits{Samples: 1 << 16, Components: 8}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Config(b)
		for _, o := range []Options{{Limits: limits}, {Limits: limits, Reduce: 1, Layers: 1, Workers: 2}} {
			m, errDecode := Decode(b, o)
			if errDecode != nil {
				continue
			}
			if err != nil {
				t.Fatalf("Decode succeeds, but Config says %v", err)
			}
			if o.Reduce == 0 && (m.Width != h.Width || m.Height != h.Height) {
				t.Fatalf("the image is %d by %d; the header says %d by %d", m.Width, m.Height, h.Width, h.Height)
			}
			for _, c := range m.Components {
				checkRange(t, c)
			}
		}
	})
}

func checkRange(t *testing.T, c Component) {
	t.Helper()
	if len(c.Samples) != c.Width*c.Height {
		t.Fatalf("%d samples of %d by %d", len(c.Samples), c.Width, c.Height)
	}
	low, high := int32(0), int32(1)<<c.Bits-1
	if c.Signed {
		low, high = -1<<(c.Bits-1), 1<<(c.Bits-1)-1
	}
	for _, v := range c.Samples {
		if v < low || v > high {
			t.Fatalf("sample %d outside of %d to %d", v, low, high)
		}
	}
}
