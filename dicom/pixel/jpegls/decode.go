package jpegls

import (
	"encoding/binary"
	"math/bits"
)

// A reader reads bits of coded data, where a byte FF is followed by one of seven
// bits (T.87 A.1). Behind the end it yields zeros and counts them.
type reader struct {
	b     []byte
	pos   int
	acc   uint64 // unused bits from the top
	n     int
	ff    bool // the last byte was FF
	extra int
}

// fill makes sure that there are at least 32 bits.
func (r *reader) fill() {
	if r.n >= 32 {
		return
	}
	if !r.ff && r.pos+4 <= len(r.b) {
		v := binary.BigEndian.Uint32(r.b[r.pos:])
		if (^v-0x01010101)&v&0x80808080 == 0 { // no byte is FF
			r.acc |= uint64(v) << (32 - r.n)
			r.n += 32
			r.pos += 4
			return
		}
	}
	for r.n <= 56 {
		r.byte()
	}
}

// byte takes in one byte.
func (r *reader) byte() {
	if r.pos >= len(r.b) || r.ff && r.b[r.pos] >= 0x80 {
		r.n += 8
		r.extra += 8
		return
	}
	c := r.b[r.pos]
	r.pos++
	if r.ff {
		r.acc |= uint64(c) << (57 - r.n)
		r.n += 7
	} else {
		r.acc |= uint64(c) << (56 - r.n)
		r.n += 8
	}
	r.ff = c == 0xFF
}

// over reports whether bits were used that are not there.
func (r *reader) over() bool { return r.extra > r.n }

// take returns n bits, at most 24. fill must have been called.
func (r *reader) take(n int) int32 {
	v := int32(r.acc >> 1 >> (63 - n)) //nolint:gosec // at most 24 bits
	r.acc <<= n
	r.n -= n
	return v
}

// number decodes one number with Golomb parameter k (T.87 A.5.3).
func (r *reader) number(k, limit, qbpp int) int32 {
	r.fill()
	zeros := bits.LeadingZeros64(r.acc)
	if zeros >= r.n || zeros >= 32 {
		zeros = r.zeros(limit)
	} else {
		r.acc <<= zeros + 1
		r.n -= zeros + 1
	}
	if r.n < 24 {
		r.fill()
	}
	if zeros < limit-qbpp-1 {
		return int32(zeros)<<k | r.take(k) //nolint:gosec // at most 64
	}
	return r.take(qbpp) + 1
}

// zeros counts zeros up to a one, across more bits than are there.
func (r *reader) zeros(limit int) int {
	zeros := 0
	for {
		r.fill()
		one := r.acc>>63 == 1
		r.acc <<= 1
		r.n--
		if one {
			return zeros
		}
		if zeros++; zeros > limit {
			r.extra = 1 << 30
			return zeros
		}
	}
}

// end finds the marker behind the coded data.
func (r *reader) end() int {
	pos := r.pos
	if r.ff { // its second byte may be the marker's
		pos--
	}
	for pos+1 < len(r.b) && (r.b[pos] != 0xFF || r.b[pos+1] < 0x80) {
		pos++
	}
	return pos
}

// A scanning is the work on one scan.
type scanning struct {
	*model
	r      reader
	width  int
	places [4]int // the place in order, of each component
}

// scan decodes a scan (T.87 Annex A).
func (d *decoder) scan(s scan) error {
	p, ok := d.preset.or(d.Precision, s.near)
	if !ok {
		return invalid("preset parameters")
	}
	w := &scanning{model: newModel(p, s.near), r: reader{b: d.b, pos: d.pos}, width: d.Width}
	n := len(s.comps)
	// Lines have a place before the first and one behind the last sample.
	above, cur := make([][]int32, n), make([][]int32, n)
	for k := range n {
		above[k], cur[k] = make([]int32, d.Width+2), make([]int32, d.Width+2)
	}
	d.reserve(n)
	for y := range d.Height {
		if d.interval > 0 && y > 0 && y%d.interval == 0 {
			if !w.restart(above) {
				return invalid("no restart marker in line %d", y)
			}
		}
		if s.ilv == bySample {
			w.pixels(above, cur)
		} else {
			for k := range n {
				w.line(above[k], cur[k], k)
			}
		}
		if w.r.over() {
			return invalid("the coded data end in line %d", y)
		}
		d.store(s, cur)
		above, cur = cur, above
	}
	d.pos = w.r.end()
	return nil
}

// restart begins anew behind a restart marker and reports whether there is one.
func (w *scanning) restart(above [][]int32) bool {
	pos := w.r.end()
	if pos+1 >= len(w.r.b) || w.r.b[pos+1] < rst0 || w.r.b[pos+1] > rst7 {
		return false
	}
	w.r = reader{b: w.r.b, pos: pos + 2}
	w.model.restart()
	w.places = [4]int{}
	for _, line := range above {
		clear(line)
	}
	return true
}

// reserve makes room for samples: all of them if the bytes are likely to make so
// many, and else what comes.
func (d *decoder) reserve(n int) {
	total := d.Width * d.Height * d.Components * ((d.Precision + 7) / 8)
	if n == d.Components {
		d.pix = make([]byte, 0, min(total, 1<<20+64*len(d.b)))
		return
	}
	if d.planes == nil {
		d.planes = make([][]uint16, d.Components)
	}
}

// store keeps a decoded line of each component of the scan.
func (d *decoder) store(s scan, lines [][]int32) {
	switch {
	case d.planes != nil:
		k := s.comps[0]
		for _, v := range lines[0][1 : d.Width+1] {
			d.planes[k] = append(d.planes[k], uint16(v<<s.shift)) //nolint:gosec // a sample
		}
	case len(lines) == 1 && d.Precision <= 8:
		for _, v := range lines[0][1 : d.Width+1] {
			d.pix = append(d.pix, byte(v<<s.shift)) //nolint:gosec // a sample
		}
	case len(lines) == 1:
		for _, v := range lines[0][1 : d.Width+1] {
			v <<= s.shift
			d.pix = append(d.pix, byte(v), byte(v>>8)) //nolint:gosec // a sample
		}
	default:
		at := make([]int, len(lines)) // the scan may name them in another order
		for j, k := range s.comps {
			at[k] = j
		}
		for x := 1; x <= d.Width; x++ {
			for _, j := range at {
				d.append(uint16(lines[j][x] << s.shift)) //nolint:gosec // a sample
			}
		}
	}
}

// frame sets the places around a line (T.87 A.2.1): to the left of the first
// sample counts the one above it, to the right above the last one itself.
func frame(above, cur []int32) {
	above[len(above)-1] = above[len(above)-2]
	cur[0] = above[1]
}

// line decodes a line of component k.
func (w *scanning) line(above, cur []int32, k int) {
	frame(above, cur)
	n := w.width
	above, cur = above[:n+2], cur[:n+2]
	for x := 1; x <= n; {
		ra, rb, rc, rd := cur[x-1], above[x], above[x-1], above[x+1]
		q, negative := w.gradients(ra, rb, rc, rd)
		if q != 0 {
			cur[x] = w.regular(q, negative, predict(ra, rb, rc))
			x++
			continue
		}
		run, broken := w.run(n-x+1, &w.places[k])
		for range run {
			cur[x] = ra
			x++
		}
		if broken {
			cur[x] = w.interrupted(ra, above[x], w.places[k])
			w.places[k] = max(0, w.places[k]-1)
			x++
		}
	}
}

// pixels decodes a line of pixels, all components of one before the next.
func (w *scanning) pixels(above, cur [][]int32) {
	for k := range cur {
		frame(above[k], cur[k])
	}
	var q [4]int
	var negative [4]bool
	for x := 1; x <= w.width; {
		flat := true
		for k := range cur {
			q[k], negative[k] = w.gradients(cur[k][x-1], above[k][x], above[k][x-1], above[k][x+1])
			flat = flat && q[k] == 0
		}
		if !flat {
			for k := range cur {
				cur[k][x] = w.regular(q[k], negative[k], predict(cur[k][x-1], above[k][x], above[k][x-1]))
			}
			x++
			continue
		}
		run, broken := w.run(w.width-x+1, &w.places[0])
		for k := range cur {
			for j := range run {
				cur[k][x+j] = cur[k][x-1]
			}
		}
		x += run
		if broken {
			for k := range cur {
				ra, rb := cur[k][x-1], above[k][x]
				cur[k][x] = w.broken(0, ra, rb, w.places[0])
			}
			w.places[0] = max(0, w.places[0]-1)
			x++
		}
	}
}

// regular decodes a sample in context q (T.87 A.4 to A.6).
func (w *scanning) regular(q int, negative bool, px int32) int32 {
	c := &w.contexts[q]
	k := golomb(c.n, c.a)
	correction := c.c
	if negative {
		correction = -correction
	}
	px = w.clamp(px + correction)
	v := w.r.number(k, w.limit, w.qbpp)
	err := v>>1 ^ -(v & 1)
	if w.near == 0 && k == 0 && 2*c.b <= -c.n {
		err = ^err
	}
	c.update(w.model, err)
	if negative {
		err = -err
	}
	return w.rebuild(px, err)
}

// run decodes the length of a run of at most left pixels and whether it was
// broken before the end of the line (T.87 A.7.1).
func (w *scanning) run(left int, index *int) (n int, broken bool) {
	for {
		w.r.fill()
		if w.r.take(1) == 0 {
			break
		}
		grow := 1 << order[*index]
		if grow > left-n {
			return left, false
		}
		n += grow
		*index = min(*index+1, 31)
		if n == left || w.r.over() {
			return n, false
		}
	}
	n += int(w.r.take(order[*index]))
	if n >= left { // damaged: a run that was broken ends before the line does
		w.r.extra = 1 << 30
		return left, false
	}
	return n, true
}

// interrupted decodes the sample that breaks a run.
func (w *scanning) interrupted(ra, rb int32, index int) int32 {
	if d := ra - rb; max(d, -d) <= w.near {
		return w.broken(1, ra, rb, index)
	}
	return w.broken(0, ra, rb, index)
}

// broken decodes such a sample: of kind 1 if left and above are alike (T.87 A.7.2).
func (w *scanning) broken(kind, ra, rb int32, index int) int32 {
	c := &w.runs[kind]
	k := golomb(c.n, c.a+kind*(c.n>>1))
	mapped := w.r.number(k, w.limit-order[index]-1, w.qbpp)
	v := mapped + kind
	err := (v + v&1) >> 1
	if (k != 0 || 2*c.nn >= c.n) == (v&1 == 1) {
		err = -err
	}
	c.update(w.model, err, mapped, kind)
	switch {
	case kind == 1:
		return w.rebuild(ra, err)
	case ra > rb:
		return w.rebuild(rb, -err)
	}
	return w.rebuild(rb, err)
}
