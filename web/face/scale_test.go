package face

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		name string
		s    scale
		n    int
		want []float64
	}{
		{"linear, round steps", scale{min: 0, max: 2300}, 5, []float64{0, 500, 1000, 1500, 2000}},
		{"linear, small", scale{min: 0, max: 0.07}, 4, []float64{0, 0.02, 0.04, 0.06}},
		{"logarithmic, a decade and more", scale{min: 90, max: 1100, log: true}, 3, []float64{100, 300, 1000}},
		{"logarithmic, narrow", scale{min: 450, max: 2200, log: true}, 3, []float64{500, 1000, 2000}},
		{"no extent", scale{min: 1, max: 1}, 3, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.s.ticks(tt.n)
			for i := range got {
				got[i] = clean(got[i])
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ticks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAt(t *testing.T) {
	linear := scale{min: 0, max: 10, from: 100, to: 200}
	log := scale{min: 1, max: 100, from: 0, to: 100, log: true}
	for _, tt := range []struct {
		name    string
		s       scale
		v, want float64
		off     int
	}{
		{"inside", linear, 5, 150, 0},
		{"below stops at the end", linear, -5, 100, -1},
		{"beyond stops at the end", linear, 50, 200, 1},
		{"a decade is half of two", log, 10, 50, 0},
		{"zero has no logarithm", log, 0, 0, -1},
	} {
		if got, off := tt.s.at(tt.v); got != tt.want || off != tt.off {
			t.Errorf("%s: at(%v) = %v, %d; want %v, %d", tt.name, tt.v, got, off, tt.want, tt.off)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		name     string
		at, want []float64
	}{
		{"far apart stay", []float64{10, 90}, []float64{10, 90}},
		{"close ones part", []float64{50, 52}, []float64{50, 70}},
		{"order is kept", []float64{52, 50}, []float64{70, 50}},
		{"the end holds", []float64{95, 99}, []float64{80, 100}},
	} {
		at := append([]float64(nil), tt.at...)
		spread(at, 20, 0, 100)
		if diff := cmp.Diff(tt.want, at); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestFit(t *testing.T) {
	if got := fit("CT 3 Annex building", 13, 80); got != "CT 3 Anne…" {
		t.Errorf("fit = %q; want it shortened to its width", got)
	}
	if got := fit("CT 1", 13, 80); got != "CT 1" {
		t.Errorf("fit = %q; want it whole", got)
	}
}
