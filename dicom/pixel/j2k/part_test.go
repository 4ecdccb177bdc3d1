package j2k

import (
	"context"
	"errors"
	"fmt"
	"image"
	"strings"
	"testing"

	"radagora/fault"
)

var coded = []struct{ name, args string }{
	{"reversible", "-c [64,64]"},
	{"irreversible", "-I -r 8"},
	{"tiles with offsets", "-t 60,50 -d 7,5 -T 3,2"},
	{"irreversible tiles with offsets", "-I -t 60,50 -d 7,5 -T 3,2"},
}

func TestReduce(t *testing.T) {
	for _, c := range coded {
		for _, components := range []int{1, 3} {
			b := compress(t, paint(203, 151, 8, false, whole(components)...), strings.Fields(c.args+" -n 5")...)
			for n := range 5 {
				t.Run(fmt.Sprintf("%s, %d components, %d levels less", c.name, components, n), func(t *testing.T) {
					m := decode(t, b, Options{Reduce: n})
					differ(t, samples(m), reference(t, b, m, "-r", fmt.Sprint(n)), 1)
				})
			}
			_, err := Decode(b, Options{Reduce: 5})
			if fault.Of(err) != fault.Unsupported {
				t.Errorf("%s: one level too many: %v; want Unsupported", c.name, err)
			}
		}
	}
}

func TestLayers(t *testing.T) {
	b := compress(t, paint(203, 151, 8, false, whole(3)...), "-r", "40,20,10,1")
	for n := 1; n <= 4; n++ {
		m := decode(t, b, Options{Layers: n})
		differ(t, samples(m), reference(t, b, m, "-l", fmt.Sprint(n)), 1)
	}
}

// TestRegion holds parts of an image against the same part of the whole: they
// must be the same to the bit.
func TestRegion(t *testing.T) {
	sub := [][2]int{{1, 1}, {2, 2}, {2, 1}}
	for _, c := range coded {
		b := compress(t, paint(203, 151, 8, false, sub...), strings.Fields(c.args+" -n 4 -mct 0 -b 16,16")...)
		for _, reduce := range []int{0, 1, 3} {
			all := decode(t, b, Options{Reduce: reduce})
			for _, r := range []image.Rectangle{
				image.Rect(0, 0, 203, 151), image.Rect(0, 0, 1, 1), image.Rect(202, 150, 203, 151),
				image.Rect(55, 44, 66, 60), image.Rect(-10, 100, 70, 500), image.Rect(120, 8, 180, 9),
			} {
				t.Run(fmt.Sprintf("%s, %v, %d levels less", c.name, r, reduce), func(t *testing.T) {
					part := decode(t, b, Options{Reduce: reduce, Region: r})
					compareRegion(t, all, part, b, r, reduce)
				})
			}
		}
		if _, err := Decode(b, Options{Region: image.Rect(203, 0, 210, 10)}); fault.Of(err) != fault.Invalid {
			t.Errorf("a region outside: %v; want Invalid", err)
		}
	}
}

// compareRegion finds each component of part in that of all.
func compareRegion(t *testing.T, all, part *Image, b []byte, r image.Rectangle, reduce int) {
	t.Helper()
	s, err := parseMain(b, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	z := s.size
	r = r.Intersect(image.Rect(0, 0, z.x1-z.x0, z.y1-z.y0))
	for i, c := range z.components {
		origin := rect{z.x0, z.y0, z.x1, z.y1}.ceilDiv(c.dx, c.dy).ceilShift(reduce)
		want := rect{r.Min.X + z.x0, r.Min.Y + z.y0, r.Max.X + z.x0, r.Max.Y + z.y0}.ceilDiv(c.dx, c.dy).ceilShift(reduce)
		p, a := part.Components[i], all.Components[i]
		if p.Width != want.w() || p.Height != want.h() {
			t.Fatalf("component %d is %d by %d; want %d by %d", i, p.Width, p.Height, want.w(), want.h())
		}
		for y := range p.Height {
			for x := range p.Width {
				at := (y+want.y0-origin.y0)*a.Width + x + want.x0 - origin.x0
				if p.Samples[y*p.Width+x] != a.Samples[at] {
					t.Fatalf("component %d at %d,%d: %d; want %d", i, x, y, p.Samples[y*p.Width+x], a.Samples[at])
				}
			}
		}
	}
}

func TestWorkers(t *testing.T) {
	p := paint(303, 251, 12, false, whole(3)...)
	b := compress(t, p, "-t", "100,100", "-n", "4")
	for _, n := range []int{0, 1, 2, 7} {
		differ(t, samples(decode(t, b, Options{Workers: n})), p.samples, 0)
	}
}

func TestInterrupt(t *testing.T) {
	b := compress(t, paint(303, 251, 12, false, whole(1)...))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Decode(b, Options{Interrupt: ctx.Err}); !errors.Is(err, context.Canceled) {
		t.Errorf("Decode = %v; want the interruption", err)
	}
}
