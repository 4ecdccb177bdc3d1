package j2k

// Bit-streams of high throughput code blocks, T.814 §7.1.

// A forwardBits reads a bit-stream from the front, the lowest bit first. A byte
// after 0xFF has seven bits. Behind the end come bytes of the value fill.
type forwardBits struct {
	data  []byte
	pos   int
	acc   uint64
	n     uint
	seven bool
	fill  byte
}

// need makes at least 32 bits ready in acc.
func (r *forwardBits) need() {
	for r.n <= 48 {
		b := r.fill
		if r.pos < len(r.data) {
			b = r.data[r.pos]
			r.pos++
		}
		n := uint(8)
		if r.seven {
			n, b = 7, b&0x7F
		}
		r.acc |= uint64(b) << r.n
		r.n += n
		r.seven = b == 0xFF
	}
}

// take reads n bits, up to 32.
func (r *forwardBits) take(n uint) uint32 {
	if r.n < n {
		r.need()
	}
	v := uint32(r.acc & (1<<n - 1)) //nolint:gosec // up to 32 bits
	r.acc >>= n
	r.n -= n
	return v
}

// A backwardBits reads a bit-stream from the back, the lowest bit first. A byte
// that follows one above 0x8F has seven bits if they are all ones. Before the
// beginning come zeros.
type backwardBits struct {
	data []byte
	pos  int // of the byte after the next one
	acc  uint64
	n    uint
	high bool // the last byte was above 0x8F
}

// startVLC begins the VLC bit-stream of a cleanup segment: it ends with the
// upper half of the last byte but one.
func (r *backwardBits) startVLC(data []byte) {
	b := data[len(data)-2]
	*r = backwardBits{data: data, pos: len(data) - 2, acc: uint64(b >> 4), n: 4, high: b|0xF > 0x8F}
	if b>>4&7 == 7 {
		r.n, r.acc = 3, 7
	}
}

// start begins a magnitude refinement bit-stream.
func (r *backwardBits) start(data []byte) {
	*r = backwardBits{data: data, pos: len(data), high: true}
}

func (r *backwardBits) need() {
	for r.n <= 48 {
		b := byte(0)
		if r.pos > 0 {
			r.pos--
			b = r.data[r.pos]
		}
		n := uint(8)
		if r.high && b&0x7F == 0x7F {
			n = 7
		}
		r.acc |= uint64(b) & (1<<n - 1) << r.n
		r.n += n
		r.high = b > 0x8F
	}
}

// ready makes at least 32 bits ready, for peek and drop.
func (r *backwardBits) ready() {
	if r.n < 32 {
		r.need()
	}
}

func (r *backwardBits) drop(n uint) {
	r.acc >>= n
	r.n -= n
}

func (r *backwardBits) take(n uint) uint32 {
	v := uint32(r.acc & (1<<n - 1)) //nolint:gosec // few bits
	r.drop(n)
	return v
}

// A mel is the adaptive run-length decoder, T.814 §7.3.3. Its bits come highest
// first; a byte after 0xFF has seven.
type mel struct {
	data []byte
	pos  int
	buf  uint32
	n    uint
	k    int
	run  int  // events 0 still to come
	one  bool // and then an event 1
}

// melExponent is T.814 Table 2.
var melExponent = [13]uint8{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5}

func (m *mel) bit() uint32 {
	if m.n == 0 {
		last := m.buf
		m.buf, m.n = 0xFF, 8
		if m.pos < len(m.data) {
			m.buf = uint32(m.data[m.pos])
			m.pos++
		}
		if last == 0xFF {
			m.n = 7
		}
	}
	m.n--
	return m.buf >> m.n & 1
}

// event decodes the next event.
func (m *mel) event() bool {
	if m.run == 0 && !m.one {
		m.next()
	}
	if m.run > 0 {
		m.run--
		return false
	}
	m.one = false
	return true
}

// next decodes the next run.
func (m *mel) next() {
	e := melExponent[m.k]
	if m.bit() == 1 {
		m.run = 1 << e
		m.k = min(m.k+1, len(melExponent)-1)
		return
	}
	for range e {
		m.run = m.run<<1 | int(m.bit())
	}
	m.one = true
	m.k = max(m.k-1, 0)
}
