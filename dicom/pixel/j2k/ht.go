package j2k

import "math/bits"

// High throughput block decoding, T.814 Clause 7.

// An htCoder is the memory of the high throughput passes.
type htCoder struct {
	mel    mel
	vlc    backwardBits
	magsgn forwardBits
	rho    []uint8  // significance of the quads of the row above, with a border
	below  []uint32 // magnitudes of the lowest samples of the row above, with a border
	sigma  []uint8  // significance by sample, with a border, for the later passes
	fresh  []int32  // samples that became significant, until their signs are read
}

// decodeHT decodes the passes of b into t.samples.
func (t *coder) decodeHT(b *block, chunks []chunk, style uint8, planes int) {
	t.prepare(b.width(), b.height())
	next, passes := t.gather(chunks, b.first)
	plane := planes - 1 - int(b.zero) - (passes-1)/3
	if plane < 0 || !t.cleanupHT(t.segment[:len(t.segment)-2], uint(plane), uint(planes)) {
		t.damaged = true
		return
	}
	if next < 0 {
		return
	}
	next, passes = t.gather(chunks, next)
	if plane == 0 || next >= 0 {
		t.damaged = true // more than one set of passes is not decoded
		return
	}
	data := t.segment[:len(t.segment)-2]
	if len(data) == 0 {
		return
	}
	t.mark()
	if passes > 1 {
		t.refinementHT(data, plane-1)
	}
	t.significanceHT(data, uint32(3)<<(plane-1), style&styleCausal != 0)
}

// cleanupHT is the cleanup pass, T.814 §7.3. It reports false if the segment
// makes no sense.
func (t *coder) cleanupHT(data []byte, plane, planes uint) bool {
	if len(data) < 2 {
		return false
	}
	suffix := int(data[len(data)-1])<<4 | int(data[len(data)-2]&15)
	if suffix < 2 || suffix > len(data) || suffix > 4079 {
		return false
	}
	h := &t.ht
	h.magsgn = forwardBits{data: data[:len(data)-suffix], fill: 0xFF}
	h.vlc.startVLC(data[len(data)-suffix:])
	data[len(data)-1] = 0xFF // of t.segment, which is ours
	data[len(data)-2] |= 0xF
	h.mel = mel{data: data[len(data)-suffix:]}
	wide := (t.w + 1) / 2
	h.rho = resized(h.rho, wide+3)
	h.below = zeroed(h.below, 2*wide+5)
	for y := 0; y < t.h; y += 2 {
		if !t.quadRow(y, wide, plane, planes) {
			return false
		}
	}
	return true
}

func resized(s []uint8, n int) []uint8 {
	if cap(s) < n {
		return make([]uint8, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// quadRow decodes a row of quads, two at a time.
func (t *coder) quadRow(y, wide int, plane, planes uint) bool {
	h := &t.ht
	table, most := &htTable[min(y, 1)], planes-plane+1
	var left, corner uint8 // significance of the quad to the left, and of that above it
	var edge uint32        // below[2q], before it was overwritten
	for q := 0; q < wide; q += 2 {
		var e [2]uint16
		var above [2]uint8
		h.vlc.ready()
		for i := range min(2, wide-q) {
			context := left&1 | left>>1
			if y > 0 {
				above[i] = h.rho[q+i+1]
				right := h.rho[q+i+2]
				context = (corner>>3|above[i]>>1)&1 | (left>>1|left>>2)&2 | (above[i]>>1|right<<1)&4
				corner = above[i]
			}
			if context != 0 || h.mel.event() {
				e[i] = table[int(context)<<7|int(h.vlc.acc&127)]
				h.vlc.drop(uint(e[i] & 7))
			}
			left = uint8(e[i] >> 4 & 15)
			h.rho[q+i+1] = left
		}
		u := h.exponents(e, y == 0)
		for i := range min(2, wide-q) {
			rho := uint(e[i] >> 4 & 15)
			x := 2 * (q + i)
			kappa := uint(1)
			around := edge | h.below[x+1] | h.below[x+2] | h.below[x+3]
			edge = h.below[x+2]
			if rho&(rho-1) != 0 {
				kappa = uint(bits.Len32(around|2)) - 1
			}
			if rho == 0 {
				h.below[x+1], h.below[x+2] = 0, 0
				continue
			}
			if u[i] += kappa; u[i] > most {
				return false
			}
			t.quad(x, y, e[i], u[i], plane)
		}
	}
	return true
}

// exponents decodes how much the exponent bounds of two quads exceed their
// predictions, T.814 §7.3.6.
func (h *htCoder) exponents(e [2]uint16, first bool) (u [2]uint) {
	a, b := e[0]&8 != 0, e[1]&8 != 0
	switch {
	case a && b && first:
		if h.mel.event() {
			u = h.both()
			return [2]uint{u[0] + 2, u[1] + 2}
		}
		p := h.prefix()
		if p <= 2 {
			return [2]uint{p, h.one(h.prefix())}
		}
		u[1] = uint(h.vlc.take(1)) + 1
		u[0] = h.one(p)
		return u
	case a && b:
		return h.both()
	case a:
		u[0] = h.one(h.prefix())
	case b:
		u[1] = h.one(h.prefix())
	}
	return u
}

// both decodes two exponents whose parts are interleaved.
func (h *htCoder) both() (u [2]uint) {
	h.vlc.ready()
	u[0] = h.prefix()
	u[1] = h.prefix()
	u[0] += h.suffix(u[0])
	u[1] += h.suffix(u[1])
	u[0] += h.extension(u[0])
	u[1] += h.extension(u[1])
	return u
}

// one decodes the rest of an exponent that begins with the prefix p.
func (h *htCoder) one(p uint) uint {
	u := p + h.suffix(p)
	return u + h.extension(u)
}

// prefix, suffix and extension are the parts of T.814 Table 3.
func (h *htCoder) prefix() uint {
	v := &h.vlc
	switch b := v.acc & 7; {
	case b&1 != 0:
		v.drop(1)
		return 1
	case b&2 != 0:
		v.drop(2)
		return 2
	case b&4 != 0:
		v.drop(3)
		return 3
	}
	v.drop(3)
	return 5
}

func (h *htCoder) suffix(prefix uint) uint {
	switch prefix {
	case 3:
		return uint(h.vlc.take(1))
	case 5:
		return uint(h.vlc.take(5))
	}
	return 0
}

func (h *htCoder) extension(u uint) uint {
	if u < 5+28 {
		return 0
	}
	return 4 * uint(h.vlc.take(4))
}

// quad decodes magnitudes and signs of four samples, T.814 §7.3.8.
func (t *coder) quad(x, y int, e uint16, u, plane uint) {
	h := &t.ht
	h.below[x+1], h.below[x+2] = 0, 0
	for n := range uint(4) {
		if e>>(4+n)&1 == 0 {
			continue
		}
		m := u - uint(e>>(8+n)&1)
		v := h.magsgn.take(m) | uint32(e>>(12+n)&1)<<m
		sx, sy := x+int(n>>1), y+int(n&1)
		if n&1 != 0 {
			h.below[sx+1] = v | 1
		}
		if sx < t.w && sy < t.h {
			t.samples[sy*t.w+sx] = (v|1+2)<<plane | v<<31
		}
	}
}

// mark notes which samples the cleanup pass made significant.
func (t *coder) mark() {
	t.ht.sigma = resized(t.ht.sigma, (t.w+2)*(t.h+2))
	for y := range t.h {
		for x, v := range t.samples[y*t.w : y*t.w+t.w] {
			if v != 0 {
				t.ht.sigma[(y+1)*(t.w+2)+x+1] = 1
			}
		}
	}
}

// refinementHT is the magnitude refinement pass, T.814 §7.5.
func (t *coder) refinementHT(data []byte, plane int) {
	var r backwardBits
	r.start(data)
	for y := 0; y < t.h; y += 4 {
		for x := range t.w {
			for sy := y; sy < min(y+4, t.h); sy++ {
				if v := &t.samples[sy*t.w+x]; *v != 0 {
					r.ready()
					*v ^= (r.take(1)<<1 ^ 3) << plane
				}
			}
		}
	}
}

// significanceHT is the significance propagation pass, T.814 §7.4: the signs of
// four columns follow the bits of their significance.
func (t *coder) significanceHT(data []byte, value uint32, causal bool) {
	r := forwardBits{data: data}
	for y := 0; y < t.h; y += 4 {
		for x := 0; x < t.w; x += 4 {
			t.ht.fresh = t.ht.fresh[:0]
			for sx := x; sx < min(x+4, t.w); sx++ {
				for sy := y; sy < min(y+4, t.h); sy++ {
					i := (sy+1)*(t.w+2) + sx + 1
					if t.ht.sigma[i] == 0 && t.near(i, causal && sy&3 == 3) && r.take(1) != 0 {
						t.ht.sigma[i] = 1
						t.ht.fresh = append(t.ht.fresh, int32(sy*t.w+sx)) //nolint:gosec // up to 4096
					}
				}
			}
			for _, i := range t.ht.fresh {
				t.samples[i] = value | r.take(1)<<31
			}
		}
	}
}

// near reports whether a neighbour of a sample is significant. If it is at the
// lower edge of its stripe and contexts are vertically causal, those below it
// do not count.
func (t *coder) near(i int, edge bool) bool {
	s, w := t.ht.sigma, t.w+2
	n := s[i-w-1] | s[i-w] | s[i-w+1] | s[i-1] | s[i+1]
	if !edge {
		n |= s[i+w-1] | s[i+w] | s[i+w+1]
	}
	return n != 0
}
