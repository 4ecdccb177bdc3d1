package j2k

import "math/bits"

// A blockEncoder codes code blocks, T.800 Annexes C and D. It shares flags and
// contexts with the decoder.
type blockEncoder struct {
	coder
	out mqEncoder
}

// encode codes the w by h coefficients at data. The bytes are its own.
func (t *blockEncoder) encode(data []int32, stride, w, h int, b *band) blockCode {
	t.prepare(w, h)
	t.zero = &zeroContext[b.kind]
	t.mq.reset()
	var all uint32
	for y := range h {
		to := t.samples[y*w : y*w+w]
		for x, v := range data[y*stride:][:w] {
			to[x] = uint32(max(v, -v)) | uint32(v)&(1<<31) //nolint:gosec // magnitude and sign
			all |= to[x]
		}
	}
	n := bits.Len32(all &^ (1 << 31))
	if n == 0 {
		return blockCode{}
	}
	t.out.start(&t.mq)
	for p := n - 1; p >= 0; p-- {
		if p < n-1 {
			t.encodeSignificance(p)
			t.encodeRefinement(p)
		}
		t.encodeCleanup(p)
	}
	return blockCode{data: t.out.flush(), zero: b.planes - n, passes: 3*n - 2}
}

// encodeSignificance is the significance propagation pass.
func (t *blockEncoder) encodeSignificance(p int) {
	for y := 0; y < t.h; y += 4 {
		base, rows := (y/4+1)*t.stride+1, t.rows(y)
		line := t.flags[base : base+t.w]
		for x := range line {
			if line[x]&flagAny == 0 {
				continue
			}
			for r := range rows {
				n := line[x] >> (3 * r)
				if n&flagOwn != 0 || n&flagAround == 0 {
					continue
				}
				v := t.samples[(y+int(r))*t.w+x]
				t.out.encode(t.zero[n&511], v>>p&1)
				if v>>p&1 != 0 {
					t.encodeSign(base+x, r, v>>31)
				}
				line[x] |= flagVisited << r
			}
		}
	}
}

// encodeSign codes a sign and notes the significance.
func (t *blockEncoder) encodeSign(i int, r uint, negative uint32) {
	e := signContext[t.signIndex(i, r)&255]
	t.out.encode(e&31, negative^uint32(e>>7))
	t.significant(i, r, negative)
}

// encodeRefinement is the magnitude refinement pass.
func (t *blockEncoder) encodeRefinement(p int) {
	for y := 0; y < t.h; y += 4 {
		base, rows := (y/4+1)*t.stride+1, t.rows(y)
		line := t.flags[base : base+t.w]
		for x := range line {
			w := line[x]
			for r := range rows {
				n := w >> (3 * r)
				if n&flagOwn == 0 || w>>r&flagVisited != 0 {
					continue
				}
				t.out.encode(refineContext(w, n, r), t.samples[(y+int(r))*t.w+x]>>p&1)
				w |= flagRefined << r
			}
			line[x] = w
		}
	}
}

// encodeCleanup is the cleanup pass.
func (t *blockEncoder) encodeCleanup(p int) {
	for y := 0; y < t.h; y += 4 {
		base, rows := (y/4+1)*t.stride+1, t.rows(y)
		line := t.flags[base : base+t.w]
		for x := range line {
			r := uint(0)
			if line[x]&flagAny == 0 && rows == 4 {
				if r = t.encodeRun(y, x, p); r == 4 {
					continue
				}
				t.encodeSign(base+x, r, t.samples[(y+int(r))*t.w+x]>>31)
				r++
			}
			for ; r < rows; r++ {
				w := line[x]
				n := w >> (3 * r)
				if n&flagOwn != 0 || w>>r&flagVisited != 0 {
					continue
				}
				v := t.samples[(y+int(r))*t.w+x]
				t.out.encode(t.zero[n&511], v>>p&1)
				if v>>p&1 != 0 {
					t.encodeSign(base+x, r, v>>31)
				}
			}
			line[x] &^= flagVisitedAll
		}
	}
}

// encodeRun codes how many of four samples stay insignificant.
func (t *blockEncoder) encodeRun(y, x, p int) uint {
	for r := range uint32(4) {
		if t.samples[(y+int(r))*t.w+x]>>p&1 != 0 {
			t.out.encode(ctxRun, 1)
			t.out.encode(ctxUniform, r>>1)
			t.out.encode(ctxUniform, r&1)
			return uint(r)
		}
	}
	t.out.encode(ctxRun, 0)
	return 4
}

// An mqEncoder is the arithmetic encoder, T.800 §C.2.
type mqEncoder struct {
	m    *mq // whose contexts serve
	a, c uint32
	ct   uint
	b    []byte // the first byte is not of the segment
}

func (e *mqEncoder) start(m *mq) {
	*e = mqEncoder{m: m, a: 0x8000, ct: 12, b: append(e.b[:0], 0)}
}

// encode codes one decision.
func (e *mqEncoder) encode(cx uint8, d uint32) {
	s := e.m.cx[cx&31] & 127
	q := uint32(mqProbability[s] >> 16) //nolint:gosec // 16 bits
	e.a -= q
	more := d == uint32(s&1)
	if more && e.a&0x8000 != 0 {
		e.c += q
		return
	}
	if (e.a < q) == more {
		e.a = q
	} else {
		e.c += q
	}
	if more {
		e.m.cx[cx&31] = mqMore[s]
	} else {
		e.m.cx[cx&31] = mqLess[s]
	}
	for {
		e.a <<= 1
		e.c <<= 1
		if e.ct--; e.ct == 0 {
			e.byte()
		}
		if e.a&0x8000 != 0 {
			return
		}
	}
}

// byte puts out a byte, T.800 §C.2.8.
func (e *mqEncoder) byte() {
	last := &e.b[len(e.b)-1]
	if *last != 0xFF && e.c >= 1<<27 {
		*last++
		e.c &= 1<<27 - 1
	}
	if *last == 0xFF {
		e.b = append(e.b, byte(e.c>>20)) //nolint:gosec // eight bits
		e.c &= 1<<20 - 1
		e.ct = 7
		return
	}
	e.b = append(e.b, byte(e.c>>19)) //nolint:gosec // eight bits
	e.c &= 1<<19 - 1
	e.ct = 8
}

// flush ends the segment and returns its bytes, T.800 §C.2.9.
func (e *mqEncoder) flush() []byte {
	top := e.c + e.a
	if e.c |= 0xFFFF; e.c >= top {
		e.c -= 0x8000
	}
	e.c <<= e.ct
	e.byte()
	e.c <<= e.ct
	e.byte()
	out := e.b[1:]
	if n := len(out); n > 0 && out[n-1] == 0xFF {
		out = out[:n-1]
	}
	return append([]byte(nil), out...)
}
