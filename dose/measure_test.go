package dose

import "testing"

// A number in another unit reads as people would write it.
func TestScaled(t *testing.T) {
	for _, c := range []struct{ value, factor, want float64 }{
		{0.00019, 1e4, 1.9}, {7.5e-6, 1e7, 75}, {0.0281, 1e3, 28.1}, {0, 1e4, 0}, {1.23456789012e-4, 1e4, 1.23456789012},
	} {
		if got := scaled(c.value, c.factor); got != c.want {
			t.Errorf("%v times %v is %v; want %v", c.value, c.factor, got, c.want)
		}
	}
}
