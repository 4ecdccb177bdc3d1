package j2k

// Coefficient bit modelling, T.800 Annex D.

// Code block styles, T.800 Table A.19 and T.814 Table A.4.
const (
	styleBypass  = 1 << iota // raw segments from the fifth bit-plane on
	styleReset               // contexts begin anew with each pass
	styleTermAll             // each pass is a segment
	styleCausal              // contexts do not look into the next stripe
	styleErterm              // predictable termination
	styleSegsym              // a check at the end of each bit-plane
	styleHT                  // high throughput block coding
	styleMixed               // together with styleHT: both kinds occur
)

// maxPasses is the most coding passes a block can say it has, T.800 Table B.4.
const maxPasses = 164

// A coder decodes code blocks one after another and keeps its memory between
// them. Samples are magnitude with sign in bit 31; the magnitude has one
// fractional bit, so that a sample whose lower planes are missing stands in the
// middle of its interval.
type coder struct {
	w, h    int
	samples []uint32 // w*h
	flags   []uint32 // one word for four rows of one column, with a border
	stride  int      // of flags
	mq      mq
	raw     rawBits
	segment []byte // scratch: one codeword segment and the two bytes behind it
	zero    *[512]uint8
	causal  bool
	damaged bool // a segmentation symbol was wrong
	ht      htCoder
}

// A flag word describes four samples, one below the other, and their
// neighbours. Bits 3k, 3k+1 and 3k+2 say that the left neighbour, the sample
// and the right neighbour in row k-1 are significant, k = 0 being the row above
// the four. Row k's bits shifted away, the low nine bits are the
// neighbourhood of row k.
const (
	flagOwn        = 1 << 4    // sample of row 0; row r: << 3r
	flagAround     = 0x1EF     // neighbours of row 0
	flagAny        = 1<<18 - 1 // all significance
	flagNegative   = 1 << 19   // sign of row 0; bits 18 to 23 are rows -1 to 4
	flagVisited    = 1 << 24   // row 0 had its turn in this bit-plane
	flagVisitedAll = 0xF << 24
	flagRefined    = 1 << 28 // row 0 was refined before
	flagOwnAll     = flagOwn | flagOwn<<3 | flagOwn<<6 | flagOwn<<9
)

// prepare makes room for a block of w by h samples, all zero.
func (t *coder) prepare(w, h int) {
	t.w, t.h, t.damaged = w, h, false
	t.samples = zeroed(t.samples, w*h)
	t.stride = w + 2
	t.flags = zeroed(t.flags, t.stride*((h+3)/4+2))
}

// zeroed returns n zeros in s's memory if it is large enough.
func zeroed(s []uint32, n int) []uint32 {
	if cap(s) < n {
		return make([]uint32, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// A pass is one coding pass to run, from its segment.
const (
	passSignificance = iota
	passRefinement
	passCleanup
)

// decode decodes the passes of b into t.samples. planes is Mb of T.800 Equation
// E-2 plus the region of interest's shift.
func (t *coder) decode(b *block, chunks []chunk, kind bandKind, style uint8, planes int) {
	t.prepare(b.width(), b.height())
	t.zero = &zeroContext[kind]
	t.causal = style&styleCausal != 0
	t.mq.reset()
	plane, pass := planes-int(b.zero)-1, passCleanup
	for i, seg := b.first, 0; i >= 0 && plane >= 0; seg++ {
		var passes int
		i, passes = t.gather(chunks, i)
		raw := style&styleBypass != 0 && rawSegment(seg, style)
		d := t.begin(raw)
		for ; passes > 0 && plane >= 0; passes-- {
			d = t.pass(pass, plane, raw, style, d)
			if pass++; pass > passCleanup {
				pass = passSignificance
				plane--
			}
		}
	}
}

// gather joins the chunks of one codeword segment into t.segment, followed by
// what ends it, and returns the chunk after them.
func (t *coder) gather(chunks []chunk, i int32) (next int32, passes int) {
	t.segment = t.segment[:0]
	for first := true; i >= 0 && (first || chunks[i].more); first = false {
		t.segment = append(t.segment, chunks[i].data...)
		passes += int(chunks[i].passes)
		i = chunks[i].next
	}
	t.segment = append(t.segment, 0xFF, 0xFF)
	return i, passes
}

// rawSegment reports whether segment number seg of a block with the bypass is
// raw: the first ten passes are not, and later cleanup passes are not.
func rawSegment(seg int, style uint8) bool {
	if style&styleTermAll != 0 {
		return seg >= 10 && (seg-10)%3 != 2
	}
	return seg%2 == 1
}

func (t *coder) begin(raw bool) int64 {
	if raw {
		t.raw.start(t.segment[:len(t.segment)-2])
		return 0
	}
	return t.mq.start(t.segment)
}

// pass runs one coding pass.
func (t *coder) pass(pass, plane int, raw bool, style uint8, d int64) int64 {
	value := uint32(3) << plane // the bit, and half of it
	switch {
	case pass == passSignificance && raw:
		t.significanceRaw(value)
	case pass == passSignificance:
		d = t.significance(value, d)
	case pass == passRefinement && raw:
		t.refinementRaw(plane)
	case pass == passRefinement:
		d = t.refinement(plane, d)
	default:
		d = t.cleanup(value, d)
		if style&styleSegsym != 0 {
			d = t.symbol(d)
		}
	}
	if style&styleReset != 0 {
		t.mq.reset()
	}
	return d
}

// symbol reads the segmentation symbol, T.800 §D.5.
func (t *coder) symbol(d int64) int64 {
	var v, b uint32
	for range 4 {
		b, d = t.mq.decode(ctxUniform, d)
		v = v<<1 | b
	}
	if v != 0xA {
		t.damaged = true
	}
	return d
}

// significant notes that the sample of row r in the word at i is significant.
func (t *coder) significant(i int, r uint, negative uint32) {
	f, s := t.flags, t.stride
	k := 3*r + 3
	f[i-1] |= 4 << k
	f[i] |= 2<<k | negative<<(19+r)
	f[i+1] |= 1 << k
	switch {
	case r == 0 && !t.causal:
		f[i-s-1] |= 4 << 15
		f[i-s] |= 2<<15 | negative<<23
		f[i-s+1] |= 1 << 15
	case r == 3:
		f[i+s-1] |= 4
		f[i+s] |= 2 | negative<<18
		f[i+s+1] |= 1
	}
}

// signIndex gathers what the sign context of row r needs: significance of the
// upper, left, right and lower neighbour in bits 0 to 3, their signs in 4 to 7.
func (t *coder) signIndex(i int, r uint) uint32 {
	w := t.flags[i]
	n := w >> (3 * r)
	idx := n>>1&1 | n>>2&2 | n>>3&4 | n>>4&8
	own := w >> (18 + r)
	left := t.flags[i-1] >> (19 + r) & 1
	right := t.flags[i+1] >> (19 + r) & 1
	return idx | (own&1|own<<1&8|left<<1|right<<2)<<4
}

// sign decodes the sign of row r in the word at i.
func (t *coder) sign(i int, r uint, d int64) (uint32, int64) {
	e := signContext[t.signIndex(i, r)&255]
	b, d := t.mq.decode(e&31, d)
	return b ^ uint32(e>>7), d
}

// rows is how many rows the stripe beginning with row y has.
func (t *coder) rows(y int) uint {
	return uint(min(4, t.h-y))
}

// significance is the significance propagation pass, T.800 §D.3.1.
func (t *coder) significance(value uint32, d int64) int64 {
	m, zero := &t.mq, t.zero
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
				var b uint32
				cx := zero[n&511]
				if b, d = m.guess(cx, d); d < 0 {
					b, d = m.exchange(cx, d)
				}
				if b != 0 {
					b, d = t.sign(base+x, r, d)
					t.samples[(y+int(r))*t.w+x] = value | b<<31
					t.significant(base+x, r, b)
				}
				line[x] |= flagVisited << r
			}
		}
	}
	return d
}

// significanceRaw is significance without the arithmetic coder.
func (t *coder) significanceRaw(value uint32) {
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
				if t.raw.bit() != 0 {
					b := t.raw.bit()
					t.samples[(y+int(r))*t.w+x] = value | b<<31
					t.significant(base+x, r, b)
				}
				line[x] |= flagVisited << r
			}
		}
	}
}

// refinement is the magnitude refinement pass, T.800 §D.3.3. A sample has half
// of the plane above as its lowest set bit: a one leaves it and adds half of
// this plane, a zero takes it away and does the same.
func (t *coder) refinement(plane int, d int64) int64 {
	m := &t.mq
	for y := 0; y < t.h; y += 4 {
		base, rows := (y/4+1)*t.stride+1, t.rows(y)
		line := t.flags[base : base+t.w]
		for x := range line {
			w := line[x]
			if w&flagOwnAll == 0 {
				continue
			}
			for r := range rows {
				n := w >> (3 * r)
				if n&flagOwn == 0 || w>>r&flagVisited != 0 {
					continue
				}
				cx := refineContext(w, n, r)
				var b uint32
				if b, d = m.guess(cx, d); d < 0 {
					b, d = m.exchange(cx, d)
				}
				t.samples[(y+int(r))*t.w+x] ^= (b<<1 ^ 3) << plane
				w |= flagRefined << r
			}
			line[x] = w
		}
	}
	return d
}

// refineContext is T.800 Table D.4.
func refineContext(w, n uint32, r uint) uint8 {
	switch {
	case w>>r&flagRefined != 0:
		return ctxRefine + 2
	case n&flagAround != 0:
		return ctxRefine + 1
	}
	return ctxRefine
}

// refinementRaw is refinement without the arithmetic coder.
func (t *coder) refinementRaw(plane int) {
	for y := 0; y < t.h; y += 4 {
		base, rows := (y/4+1)*t.stride+1, t.rows(y)
		line := t.flags[base : base+t.w]
		for x := range line {
			w := line[x]
			if w&flagOwnAll == 0 {
				continue
			}
			for r := range rows {
				if w>>(3*r)&flagOwn == 0 || w>>r&flagVisited != 0 {
					continue
				}
				t.samples[(y+int(r))*t.w+x] ^= (t.raw.bit()<<1 ^ 3) << plane
				w |= flagRefined << r
			}
			line[x] = w
		}
	}
}

// cleanup is the cleanup pass, T.800 §D.3.4.
func (t *coder) cleanup(value uint32, d int64) int64 {
	m, zero := &t.mq, t.zero
	for y := 0; y < t.h; y += 4 {
		base, rows := (y/4+1)*t.stride+1, t.rows(y)
		line := t.flags[base : base+t.w]
		for x := range line {
			r, b := uint(0), uint32(0)
			if line[x]&flagAny == 0 && rows == 4 {
				if b, d = m.decode(ctxRun, d); b == 0 {
					continue
				}
				var low uint32
				b, d = m.decode(ctxUniform, d)
				low, d = m.decode(ctxUniform, d)
				r = uint(b<<1 | low)
				d = t.found(base+x, r, y, x, value, d)
				r++
			}
			for ; r < rows; r++ {
				w := line[x]
				n := w >> (3 * r)
				if n&flagOwn != 0 || w>>r&flagVisited != 0 {
					continue
				}
				cx := zero[n&511]
				if b, d = m.guess(cx, d); d < 0 {
					b, d = m.exchange(cx, d)
				}
				if b != 0 {
					d = t.found(base+x, r, y, x, value, d)
				}
			}
			line[x] &^= flagVisitedAll
		}
	}
	return d
}

// found decodes the sign of a sample that became significant.
func (t *coder) found(i int, r uint, y, x int, value uint32, d int64) int64 {
	b, d := t.sign(i, r, d)
	t.samples[(y+int(r))*t.w+x] = value | b<<31
	t.significant(i, r, b)
	return d
}
