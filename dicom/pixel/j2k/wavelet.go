package j2k

// Inverse wavelet transforms, T.800 Annex F. A plane holds the subbands of each
// level side by side, LL in the upper left corner, and is transformed in place.

// strip is how many columns the vertical transform takes at a time.
const strip = 16

// A wavelet53 is the reversible transform with its memory.
type wavelet53 struct {
	row    []int32
	column [][strip]int32
}

// level undoes one decomposition of the upper left part of plane that r
// describes: its size is that of the result, its corner tells odd from even.
func (t *wavelet53) level(plane []int32, stride int, r rect) {
	w, h := r.w(), r.h()
	if len(t.row) < w {
		t.row = make([]int32, w)
	}
	if len(t.column) < h {
		t.column = make([][strip]int32, h)
	}
	for y := range h {
		line := plane[y*stride : y*stride+w]
		if r.x0&1 == 0 {
			t.even(line)
		} else {
			t.odd(line)
		}
	}
	for x := 0; x < w; x += strip {
		t.vertical(plane[x:], stride, min(strip, w-x), h, r.y0&1)
	}
}

// even undoes a row whose first sample is low-pass, T.800 Equations F-5 and F-6.
func (t *wavelet53) even(line []int32) {
	n := len(line)
	if n < 2 {
		return
	}
	low, high := line[:(n+1)/2], line[(n+1)/2:]
	out := t.row[:n]
	s := low[0] - (2*high[0]+2)>>2
	out[0] = s
	for i := 1; i < len(high); i++ {
		next := low[i] - (high[i-1]+high[i]+2)>>2
		out[2*i-1] = high[i-1] + (s+next)>>1
		out[2*i] = next
		s = next
	}
	last := high[len(high)-1]
	if n&1 == 0 {
		out[n-1] = last + s
	} else {
		next := low[len(low)-1] - (2*last+2)>>2
		out[n-2] = last + (s+next)>>1
		out[n-1] = next
	}
	copy(line, out)
}

// odd undoes a row whose first sample is high-pass.
func (t *wavelet53) odd(line []int32) {
	n := len(line)
	if n == 1 {
		line[0] >>= 1
		return
	}
	low, high := line[:n/2], line[n/2:]
	out := t.row[:n]
	s := low[0] - (high[0]+high[min(1, len(high)-1)]+2)>>2
	out[0], out[1] = high[0]+s, s
	for i := 1; i < len(low); i++ {
		next := low[i] - (high[i]+high[min(i+1, len(high)-1)]+2)>>2
		out[2*i] = high[i] + (s+next)>>1
		out[2*i+1] = next
		s = next
	}
	if n&1 != 0 {
		out[n-1] = high[len(high)-1] + s
	}
	copy(line, out)
}

// vertical undoes up to strip columns.
func (t *wavelet53) vertical(plane []int32, stride, w, h, parity int) {
	if h == 1 {
		if parity == 1 {
			for x := range w {
				plane[x] >>= 1
			}
		}
		return
	}
	c := t.column[:h]
	low := (h + 1 - parity) / 2
	for i := range low {
		loadStrip(&c[2*i+parity], plane[i*stride:], w)
	}
	for i := range h - low {
		loadStrip(&c[2*i+1-parity], plane[(low+i)*stride:], w)
	}
	for i := parity; i < h; i += 2 {
		a, b, x := &c[mirror(i-1, h)], &c[mirror(i+1, h)], &c[i]
		for k := range x {
			x[k] -= (a[k] + b[k] + 2) >> 2
		}
	}
	for i := 1 - parity; i < h; i += 2 {
		a, b, x := &c[mirror(i-1, h)], &c[mirror(i+1, h)], &c[i]
		for k := range x {
			x[k] += (a[k] + b[k]) >> 1
		}
	}
	for i := range c {
		storeStrip(plane[i*stride:], &c[i], w)
	}
}

// loadStrip and storeStrip copy w samples of a row.
func loadStrip[T int32 | float32](to *[strip]T, from []T, w int) {
	if w == strip {
		*to = [strip]T(from)
		return
	}
	copy(to[:w], from)
}

func storeStrip[T int32 | float32](to []T, from *[strip]T, w int) {
	if w == strip {
		*(*[strip]T)(to) = *from
		return
	}
	copy(to[:w], from[:])
}

// mirror extends a signal of n > 1 samples by one on either side, T.800 §F.3.7.
func mirror(i, n int) int {
	if i < 0 {
		return 1
	}
	if i >= n {
		return n - 2
	}
	return i
}

// Coefficients of the irreversible transform, T.800 Table F.4.
const (
	alpha = -1.586134342059924
	beta  = -0.052980118572961
	gamma = 0.882911075530934
	delta = 0.443506852043971
	kappa = 1.230174104914001
)

// A wavelet97 is the irreversible transform with its memory. The scaling of
// T.800 §F.3.8.2 is not done here: it is part of the factor that scale returns.
type wavelet97 struct {
	row    []float32
	column [][strip]float32
}

// level undoes one decomposition, as wavelet53.level does.
func (t *wavelet97) level(plane []float32, stride int, r rect) {
	w, h := r.w(), r.h()
	if len(t.row) < w {
		t.row = make([]float32, w)
	}
	if len(t.column) < h {
		t.column = make([][strip]float32, h)
	}
	if w > 1 {
		for y := range h {
			t.horizontal(plane[y*stride:y*stride+w], r.x0&1)
		}
	}
	if h > 1 {
		for x := 0; x < w; x += strip {
			t.vertical(plane[x:], stride, min(strip, w-x), h, r.y0&1)
		}
	}
}

func (t *wavelet97) horizontal(line []float32, parity int) {
	n := len(line)
	out := t.row[:n]
	low := (n + 1 - parity) / 2
	for i, v := range line[:low] {
		out[2*i+parity] = v
	}
	for i, v := range line[low:] {
		out[2*i+1-parity] = v
	}
	liftRow(out, parity, delta)
	liftRow(out, 1-parity, gamma)
	liftRow(out, parity, beta)
	liftRow(out, 1-parity, alpha)
	copy(line, out)
}

// liftRow takes f times its neighbours off every second sample.
func liftRow(s []float32, first int, f float32) {
	n := len(s)
	if first == 0 {
		s[0] -= f * 2 * s[1]
		first = 2
	}
	i := first
	for ; i+1 < n; i += 2 {
		s[i] -= f * (s[i-1] + s[i+1])
	}
	if i < n {
		s[i] -= f * 2 * s[i-1]
	}
}

func (t *wavelet97) vertical(plane []float32, stride, w, h, parity int) {
	c := t.column[:h]
	low := (h + 1 - parity) / 2
	for i := range low {
		loadStrip(&c[2*i+parity], plane[i*stride:], w)
	}
	for i := range h - low {
		loadStrip(&c[2*i+1-parity], plane[(low+i)*stride:], w)
	}
	liftColumns(c, parity, delta)
	liftColumns(c, 1-parity, gamma)
	liftColumns(c, parity, beta)
	liftColumns(c, 1-parity, alpha)
	for i := range c {
		storeStrip(plane[i*stride:], &c[i], w)
	}
}

// liftColumns is liftRow for a strip of columns.
func liftColumns(c [][strip]float32, first int, f float32) {
	n := len(c)
	for i := first; i < n; i += 2 {
		a, b, x := &c[mirror(i-1, n)], &c[mirror(i+1, n)], &c[i]
		for k := range x {
			x[k] -= f * (a[k] + b[k])
		}
	}
}

// scale is the factor that the coefficients of a band of resolution level r
// take on until the transform arrives at level top.
func scale(resolutions []resolution, r, top int, kind bandKind) float64 {
	f := 1.0
	for i := max(r, 1); i <= top; i++ {
		highX, highY := false, false
		if i == r {
			highX, highY = kind == bandHL || kind == bandHH, kind == bandLH || kind == bandHH
		}
		f *= scale1(resolutions[i].w(), highX) * scale1(resolutions[i].h(), highY)
	}
	return f
}

func scale1(n int, high bool) float64 {
	switch {
	case n > 1 && high:
		return 1 / kappa
	case n > 1:
		return kappa
	case high:
		return 0.5
	}
	return 1
}
