package pixel

import (
	"image"
	"math"

	"radagora/fault"
)

// square is how far from 1 an aspect may be and still count as 1.
const square = 0.001

// fit returns the size of the picture of region.
func (v *view) fit(region image.Rectangle) (image.Point, error) {
	w, h := float64(region.Dx()), float64(region.Dy())
	switch a := v.aspect(); {
	case math.Abs(a-1) < square:
	case a > 1:
		h *= a
	default:
		w /= a
	}
	scale := 1.0
	switch {
	case v.o.Width < 0 || v.o.Height < 0:
		return image.Point{}, fault.Errorf(fault.Invalid, "a viewport of %d and %d", v.o.Width, v.o.Height)
	case v.o.Width > 0 && v.o.Height > 0:
		scale = min(float64(v.o.Width)/w, float64(v.o.Height)/h)
	case v.o.Width > 0:
		scale = float64(v.o.Width) / w
	case v.o.Height > 0:
		scale = float64(v.o.Height) / h
	}
	w, h = max(1, math.Round(w*scale)), max(1, math.Round(h*scale))
	if w*h > MaxFrame/4 || w > 1<<16 || h > 1<<16 {
		return image.Point{}, fault.Errorf(fault.Exhausted, "a picture of %.0f by %.0f", w, h)
	}
	return image.Pt(int(w), int(h)), nil
}

// scaled returns m in another size: each pixel is the mean of those it covers,
// weighted by a triangle, which interpolates where it is enlarged.
func scaled(m image.Image, size image.Point) image.Image {
	if m.Bounds().Size() == size {
		return m
	}
	to := image.Rectangle{Max: size}
	switch m := m.(type) {
	case *image.Gray:
		return &image.Gray{Pix: resample(m.Pix, m.Rect.Size(), size, 1), Stride: size.X, Rect: to}
	case *image.RGBA:
		return &image.RGBA{Pix: resample(m.Pix, m.Rect.Size(), size, 4), Stride: 4 * size.X, Rect: to}
	}
	return m
}

// A tap is where a sample of the result comes from: weights of the samples from
// on, which add up to one.
type tap struct {
	from    int
	weights []int32 // times 2^15
}

// taps returns the taps for a row of n samples to become one of m.
func taps(n, m int) []tap {
	ratio := float64(n) / float64(m)
	reach := max(1, ratio)
	all := make([]tap, m)
	for k := range all {
		centre := (float64(k)+0.5)*ratio - 0.5
		lo := max(0, int(math.Ceil(centre-reach)))
		hi := min(n-1, int(math.Floor(centre+reach)))
		var sum float64
		raw := make([]float64, 0, hi-lo+1)
		for j := lo; j <= hi; j++ {
			w := max(0, 1-math.Abs(float64(j)-centre)/reach)
			raw, sum = append(raw, w), sum+w
		}
		t := tap{from: lo, weights: make([]int32, len(raw))}
		left, most := int32(1<<15), 0
		for j, w := range raw {
			t.weights[j] = int32(math.Round(w / sum * (1 << 15)))
			left -= t.weights[j]
			if w > raw[most] {
				most = j
			}
		}
		t.weights[most] += left
		all[k] = t
	}
	return all
}

// resample scales rows, and then columns, of pixels with so many samples.
func resample(in []byte, from, to image.Point, samples int) []byte {
	wide := make([]byte, to.X*from.Y*samples)
	across := taps(from.X, to.X)
	for y := range from.Y {
		row := in[y*from.X*samples : (y+1)*from.X*samples]
		out := wide[y*to.X*samples : (y+1)*to.X*samples]
		for x, t := range across {
			for s := range samples {
				sum, at := int32(1<<14), t.from*samples+s
				for _, w := range t.weights {
					sum += w * int32(row[at])
					at += samples
				}
				out[x*samples+s] = byte(sum >> 15)
			}
		}
	}
	n := to.X * samples
	out := make([]byte, n*to.Y)
	sums := make([]int32, n)
	for y, t := range taps(from.Y, to.Y) {
		for x := range sums {
			sums[x] = 1 << 14
		}
		for k, w := range t.weights {
			for x, c := range wide[(t.from+k)*n : (t.from+k+1)*n] {
				sums[x] += w * int32(c)
			}
		}
		for x, sum := range sums {
			out[y*n+x] = byte(sum >> 15) //nolint:gosec // a mean of bytes
		}
	}
	return out
}
