package j2k

import "math/bits"

// The MQ arithmetic decoder, T.800 Annex C.
//
// Most decisions are the more probable symbol without renormalisation. Both the
// interval A and the code register C then shrink by the same amount, so that the
// decoder can watch the smaller of their distances to the next event alone. This
// distance is called d: it travels in a local variable of the passes, and a and
// c hold what is left of the registers when d is taken out of them.

// Contexts of the decoder, T.800 Table D.7.
const (
	ctxZero    = 0  // 0..8 significance
	ctxSign    = 9  // 9..13
	ctxRefine  = 14 // 14..16
	ctxRun     = 17
	ctxUniform = 18
	contexts   = 19
)

// An mq is one arithmetic decoder with its contexts. A context's state is the
// row of Table C.2 times two plus the more probable symbol.
type mq struct {
	a, c int64
	data []byte // ends with two bytes 0xFF that are not of the stream
	pos  int
	ct   uint
	cx   [32]uint8
	p    [32]int64 // mqProbability of cx
}

const mqHalf = 0x8000 << 16

// mqRow is one row of T.800 Table C.2.
type mqRow struct {
	qe         uint16
	nmps, nlps uint8
	swap       bool
}

var mqTable = [47]mqRow{
	{0x5601, 1, 1, true},
	{0x3401, 2, 6, false},
	{0x1801, 3, 9, false},
	{0x0AC1, 4, 12, false},
	{0x0521, 5, 29, false},
	{0x0221, 38, 33, false},
	{0x5601, 7, 6, true},
	{0x5401, 8, 14, false},
	{0x4801, 9, 14, false},
	{0x3801, 10, 14, false},
	{0x3001, 11, 17, false},
	{0x2401, 12, 18, false},
	{0x1C01, 13, 20, false},
	{0x1601, 29, 21, false},
	{0x5601, 15, 14, true},
	{0x5401, 16, 14, false},
	{0x5101, 17, 15, false},
	{0x4801, 18, 16, false},
	{0x3801, 19, 17, false},
	{0x3401, 20, 18, false},
	{0x3001, 21, 19, false},
	{0x2801, 22, 19, false},
	{0x2401, 23, 20, false},
	{0x2201, 24, 21, false},
	{0x1C01, 25, 22, false},
	{0x1801, 26, 23, false},
	{0x1601, 27, 24, false},
	{0x1401, 28, 25, false},
	{0x1201, 29, 26, false},
	{0x1101, 30, 27, false},
	{0x0AC1, 31, 28, false},
	{0x09C1, 32, 29, false},
	{0x08A1, 33, 30, false},
	{0x0521, 34, 31, false},
	{0x0441, 35, 32, false},
	{0x02A1, 36, 33, false},
	{0x0221, 37, 34, false},
	{0x0141, 38, 35, false},
	{0x0111, 39, 36, false},
	{0x0085, 40, 37, false},
	{0x0049, 41, 38, false},
	{0x0025, 42, 39, false},
	{0x0015, 43, 40, false},
	{0x0009, 44, 41, false},
	{0x0005, 45, 42, false},
	{0x0001, 45, 43, false},
	{0x5601, 46, 46, false},
}

// mqProbability, mqMore and mqLess are mqTable by state: the probability of the
// less probable symbol, and the next states.
var mqProbability, mqMore, mqLess = mqStates()

func mqStates() (p [128]int64, more, less [128]uint8) {
	for i, r := range mqTable {
		for mps := range uint8(2) {
			s := uint8(2*i) + mps
			p[s] = int64(r.qe) << 16
			more[s] = 2*r.nmps + mps
			less[s] = 2*r.nlps + mps
			if r.swap {
				less[s] ^= 1
			}
		}
	}
	return p, more, less
}

// reset puts the contexts into their first states, T.800 Table D.7.
func (m *mq) reset() {
	m.cx = [32]uint8{}
	m.cx[ctxZero] = 2 * 4
	m.cx[ctxRun] = 2 * 3
	m.cx[ctxUniform] = 2 * 46
	for i, s := range m.cx {
		m.p[i] = mqProbability[s&127]
	}
}

// start begins a codeword segment and returns d, T.800 §C.3.5. data ends with
// two bytes 0xFF behind the segment.
func (m *mq) start(data []byte) int64 {
	m.data, m.pos = data, 0
	c := int64(data[0]) << 16
	c = m.fill(c)
	c <<= 7
	m.ct -= 7
	return m.split(mqHalf, c)
}

// split takes d out of the registers.
func (m *mq) split(a, c int64) int64 {
	d := min(a-mqHalf, c)
	m.a, m.c = a-d, c-d
	return d
}

// fill takes the next byte into c, T.800 §C.3.4.
func (m *mq) fill(c int64) int64 {
	data, next := m.data, m.pos+1
	if next >= len(data) {
		m.ct = 8
		return c + 0xFF00
	}
	b := int64(data[next])
	if data[m.pos] != 0xFF {
		m.pos, m.ct = next, 8
		return c + b<<8
	}
	if b > 0x8F {
		m.ct = 8
		return c + 0xFF00
	}
	m.pos, m.ct = next, 7
	return c + b<<9
}

// guess returns the more probable symbol of the context cx and the new d. If d
// is negative the guess does not count, and exchange decodes the decision.
func (m *mq) guess(cx uint8, d int64) (uint32, int64) {
	return uint32(m.cx[cx&31] & 1), d - m.p[cx&31]
}

// decode decodes one decision in the context cx and returns it with the new d.
func (m *mq) decode(cx uint8, d int64) (uint32, int64) {
	b, d := m.guess(cx, d)
	if d < 0 {
		return m.exchange(cx, d)
	}
	return b, d
}

// exchange decodes the decision when the registers must be renormalised. d has
// had the probability taken off already.
func (m *mq) exchange(cx uint8, d int64) (uint32, int64) {
	s := m.cx[cx&31] & 127
	p := mqProbability[s]
	a, c := m.a+d, m.c+d
	less := a >= p
	if c >= 0 { // upper interval
		less = !less
	} else {
		c += p
		a = p
	}
	out := uint32(s & 1)
	if less {
		out ^= 1
		s = mqLess[s]
	} else {
		s = mqMore[s]
	}
	m.cx[cx&31], m.p[cx&31] = s, mqProbability[s&127]
	n := uint(bits.LeadingZeros32(uint32(a))) //nolint:gosec // a is 0 < a < 2^32
	a <<= n
	for n > m.ct {
		c <<= m.ct
		n -= m.ct
		c = m.fill(c)
	}
	c <<= n
	m.ct -= n
	return out, m.split(a, c)
}

// A rawBits reads the bits of a segment that bypasses the arithmetic coder,
// T.800 §D.6.
type rawBits struct {
	data []byte
	pos  int
	buf  uint32
	n    uint
}

func (r *rawBits) start(data []byte) { *r = rawBits{data: data} }

func (r *rawBits) bit() uint32 {
	if r.n == 0 {
		r.n = 8
		if r.buf == 0xFF {
			r.n = 7
		}
		r.buf = 0xFF
		if r.pos < len(r.data) {
			r.buf = uint32(r.data[r.pos])
			r.pos++
		}
	}
	r.n--
	return r.buf >> r.n & 1
}
