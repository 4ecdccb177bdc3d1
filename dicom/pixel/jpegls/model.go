package jpegls

import "math/bits"

// A preset holds the parameters that a scan may be coded with (T.87 C.2.4.1.1);
// zero means the default.
type preset struct{ maxVal, t1, t2, t3, reset int }

// or returns p with defaults filled in (T.87 C.2.4.1.1.1), and whether it is valid.
func (p preset) or(precision, near int) (preset, bool) {
	if p.maxVal == 0 {
		p.maxVal = 1<<precision - 1
	}
	var factor func(v int) int
	if p.maxVal >= 128 {
		f := (min(p.maxVal, 4095) + 128) >> 8
		factor = func(v int) int { return f*(v-base[v]) + base[v] }
	} else {
		f := 256 / (p.maxVal + 1)
		factor = func(v int) int { return max(base[v], v/f) }
	}
	clamp := func(v, lo int) int {
		if v > p.maxVal || v < lo {
			return lo
		}
		return v
	}
	if p.t1 == 0 {
		p.t1 = clamp(factor(3)+3*near, near+1)
	}
	if p.t2 == 0 {
		p.t2 = clamp(factor(7)+5*near, p.t1)
	}
	if p.t3 == 0 {
		p.t3 = clamp(factor(21)+7*near, p.t2)
	}
	if p.reset == 0 {
		p.reset = 64
	}
	ok := p.maxVal < 1<<precision && near <= min(255, p.maxVal/2) && p.t1 > near && p.t2 >= p.t1 &&
		p.t3 >= p.t2 && p.t3 <= p.maxVal && p.reset >= 3 && p.reset <= max(255, p.maxVal)
	return p, ok
}

// base is the least each basic threshold becomes.
var base = map[int]int{3: 2, 7: 3, 21: 4}

// A context is the state of T.87 A.2: sum of errors, bias, correction, count.
type context struct {
	a, b, c, n int32
}

// A runContext is the state for interrupted runs; nn counts negative errors.
type runContext struct {
	a, n, nn int32
}

// A model is what coder and decoder know alike.
type model struct {
	maxVal, near, quantum int32 // quantum is 2*near+1
	span                  int32 // RANGE
	wrap                  int32 // RANGE times quantum
	qbpp, limit           int
	reset                 int32
	contexts              [365]context
	runs                  [2]runContext
	quant                 []int8 // of gradients from -maxVal to maxVal
	zero                  int    // where gradient 0 is in quant
	start                 int32  // of sums of errors
}

// order is how many pixels a run grows by, as a power of two (T.87 A.2.1).
var order = [32]int{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// newModel returns the model for p.
func newModel(p preset, near int) *model {
	m := &model{maxVal: int32(p.maxVal), near: int32(near), quantum: int32(2*near + 1), reset: int32(p.reset)} //nolint:gosec // 16 bits
	m.span = (m.maxVal+2*m.near)/m.quantum + 1
	m.wrap = m.span * m.quantum
	m.qbpp = width(m.span)
	bpp := max(2, width(m.maxVal+1))
	m.limit = 2 * (bpp + max(8, bpp))
	m.start = max(2, (m.span+32)>>6)
	m.zero = p.maxVal
	m.quant = make([]int8, 2*p.maxVal+1)
	for k := range m.quant {
		m.quant[k] = level(k-m.zero, p, near)
	}
	m.restart()
	return m
}

// width returns the least number of bits for n values.
func width(n int32) int {
	k := 0
	for int64(1)<<k < int64(n) {
		k++
	}
	return k
}

// level quantizes a gradient (T.87 A.3.3).
func level(d int, p preset, near int) int8 {
	switch {
	case d <= -p.t3:
		return -4
	case d <= -p.t2:
		return -3
	case d <= -p.t1:
		return -2
	case d < -near:
		return -1
	case d <= near:
		return 0
	case d < p.t1:
		return 1
	case d < p.t2:
		return 2
	case d < p.t3:
		return 3
	}
	return 4
}

// restart sets the contexts to their beginning.
func (m *model) restart() {
	for k := range m.contexts {
		m.contexts[k] = context{a: m.start, n: 1}
	}
	m.runs = [2]runContext{{a: m.start, n: 1}, {a: m.start, n: 1}}
}

// gradients returns the context number and the sign of a place with neighbours
// left, above, above left and above right (T.87 A.3). Number 0 is a flat place.
func (m *model) gradients(ra, rb, rc, rd int32) (q int, negative bool) {
	z := m.zero
	q = 81*int(m.quant[int(rd-rb)+z]) + 9*int(m.quant[int(rb-rc)+z]) + int(m.quant[int(rc-ra)+z])
	if q < 0 {
		return -q, true
	}
	return q, false
}

// predict is the median edge detector (T.87 A.4.1).
func predict(ra, rb, rc int32) int32 {
	lo, hi := min(ra, rb), max(ra, rb)
	switch {
	case rc >= hi:
		return lo
	case rc <= lo:
		return hi
	}
	return ra + rb - rc
}

// golomb returns the parameter of the Golomb code (T.87 A.5.1).
func golomb(n, a int32) int {
	k := max(0, bits.Len32(uint32(a))-bits.Len32(uint32(n))) //nolint:gosec // neither is negative
	if n<<k < a {
		k++
	}
	return k
}

// update takes an error into account (T.87 A.6).
func (c *context) update(m *model, err int32) {
	c.b += err * m.quantum
	c.a += max(err, -err)
	if c.n == m.reset {
		c.a >>= 1
		c.b >>= 1
		c.n >>= 1
	}
	c.n++
	if c.b <= -c.n {
		c.b = max(c.b+c.n, 1-c.n)
		c.c = max(c.c-1, -128)
	} else if c.b > 0 {
		c.b = min(c.b-c.n, 0)
		c.c = min(c.c+1, 127)
	}
}

// update takes the error of an interrupted run into account (T.87 A.7.2).
func (c *runContext) update(m *model, err, mapped, kind int32) {
	if err < 0 {
		c.nn++
	}
	c.a += (mapped + 1 - kind) >> 1
	if c.n == m.reset {
		c.a >>= 1
		c.n >>= 1
		c.nn >>= 1
	}
	c.n++
}

// clamp returns v within the range of samples.
func (m *model) clamp(v int32) int32 { return min(max(v, 0), m.maxVal) }

// rebuild returns the sample of a prediction and an error (T.87 A.4.4).
func (m *model) rebuild(px, err int32) int32 {
	v := px + err*m.quantum
	if v < -m.near {
		v += m.wrap
	} else if v > m.maxVal+m.near {
		v -= m.wrap
	}
	return m.clamp(v)
}
