package j2k

// split does one decomposition: the opposite of level, T.800 §F.4.8.1. The
// corner of r is even.
func (t *wavelet53) split(plane []int32, stride int, r rect) {
	w, h := r.w(), r.h()
	if len(t.row) < w {
		t.row = make([]int32, w)
	}
	if len(t.column) < h {
		t.column = make([][strip]int32, h)
	}
	if h > 1 {
		for x := 0; x < w; x += strip {
			t.splitColumns(plane[x:], stride, min(strip, w-x), h)
		}
	}
	if w > 1 {
		for y := range h {
			t.splitRow(plane[y*stride : y*stride+w])
		}
	}
}

func (t *wavelet53) splitColumns(plane []int32, stride, w, h int) {
	c := t.column[:h]
	for i := range c {
		loadStrip(&c[i], plane[i*stride:], w)
	}
	for i := 1; i < h; i += 2 {
		a, b, x := &c[i-1], &c[mirror(i+1, h)], &c[i]
		for k := range x {
			x[k] -= (a[k] + b[k]) >> 1
		}
	}
	for i := 0; i < h; i += 2 {
		a, b, x := &c[mirror(i-1, h)], &c[mirror(i+1, h)], &c[i]
		for k := range x {
			x[k] += (a[k] + b[k] + 2) >> 2
		}
	}
	low := (h + 1) / 2
	for i := range c {
		storeStrip(plane[(i/2+i%2*low)*stride:], &c[i], w)
	}
}

func (t *wavelet53) splitRow(line []int32) {
	n := len(line)
	row := t.row[:n]
	copy(row, line)
	for i := 1; i < n; i += 2 {
		row[i] -= (row[i-1] + row[mirror(i+1, n)]) >> 1
	}
	for i := 0; i < n; i += 2 {
		row[i] += (row[mirror(i-1, n)] + row[mirror(i+1, n)] + 2) >> 2
	}
	low := (n + 1) / 2
	for i, v := range row {
		line[i/2+i%2*low] = v
	}
}
