package jpegls

import "encoding/binary"

// Encode writes a lossless image, several components interleaved by line. pix
// holds samples of a pixel side by side, a byte each if precision is at most 8
// and else two, little endian; bits above the precision are left out. Errors are
// Unsupported (a size or precision that JPEG-LS does not have) and Invalid (pix
// is too short).
func Encode(pix []byte, width, height, components, precision int) ([]byte, error) {
	cell := (precision + 7) / 8
	switch {
	case width < 1 || height < 1 || width > 65535 || height > 65535 || components < 1 || components > 4,
		precision < 2 || precision > 16:
		return nil, unsupported("%d columns, %d rows, %d components, %d bits", width, height, components, precision)
	case len(pix) < width*height*components*cell:
		return nil, invalid("%d bytes for %d samples", len(pix), width*height*components)
	}
	p, _ := preset{}.or(precision, 0)
	e := &encoder{model: newModel(p, 0), width: width}
	e.out = head(width, height, components, precision, len(pix))
	above, cur := make([][]int32, components), make([][]int32, components)
	for k := range components {
		above[k], cur[k] = make([]int32, width+2), make([]int32, width+2)
	}
	row := width * components * cell
	for y := range height {
		split(cur, pix[y*row:(y+1)*row], precision)
		for k := range cur {
			e.line(above[k], cur[k], k)
		}
		above, cur = cur, above
	}
	e.flush()
	if len(e.out)&1 != 0 { // fragments are even; markers may be preceded by FF
		e.out = append(e.out, 0xFF)
	}
	return append(e.out, 0xFF, eoi), nil
}

// head returns everything up to the coded data.
func head(width, height, components, precision, size int) []byte {
	be := binary.BigEndian
	b := append(make([]byte, 0, size/2+1024), 0xFF, soi, 0xFF, sof55)
	b = be.AppendUint16(b, uint16(8+3*components)) //nolint:gosec // at most 20
	b = append(b, byte(precision))                 //nolint:gosec // at most 16
	b = be.AppendUint16(b, uint16(height))         //nolint:gosec // checked
	b = be.AppendUint16(b, uint16(width))          //nolint:gosec // checked
	b = append(b, byte(components))                //nolint:gosec // at most 4
	for k := range components {
		b = append(b, byte(k+1), 0x11, 0)
	}
	b = append(b, 0xFF, sos)
	b = be.AppendUint16(b, uint16(6+2*components)) //nolint:gosec // at most 14
	b = append(b, byte(components))                //nolint:gosec // at most 4
	for k := range components {
		b = append(b, byte(k+1), 0)
	}
	mode := byte(byPlane)
	if components > 1 {
		mode = byLine
	}
	return append(b, 0, mode, 0)
}

// split puts a row of pixels into a line for each component.
func split(lines [][]int32, row []byte, precision int) {
	mask, n := int32(1)<<precision-1, len(lines)
	for k, line := range lines {
		for x := range len(line) - 2 {
			at := x*n + k
			if precision <= 8 {
				line[x+1] = int32(row[at]) & mask
			} else {
				line[x+1] = int32(binary.LittleEndian.Uint16(row[2*at:])) & mask
			}
		}
	}
}

// An encoder writes one scan.
type encoder struct {
	*model
	width  int
	places [4]int
	out    []byte
	acc    uint64 // bits not written yet are the lowest n
	n      int
}

// line encodes a line of component k (T.87 Annex A).
func (e *encoder) line(above, cur []int32, k int) {
	frame(above, cur)
	for x := 1; x <= e.width; {
		ra, rb, rc, rd := cur[x-1], above[x], above[x-1], above[x+1]
		q, negative := e.gradients(ra, rb, rc, rd)
		if q != 0 {
			e.regular(q, negative, predict(ra, rb, rc), cur[x])
			x++
			continue
		}
		run := 0
		for x+run <= e.width && cur[x+run] == ra {
			run++
		}
		x += run
		e.run(run, x > e.width, &e.places[k])
		if x <= e.width {
			e.broken(ra, above[x], cur[x], e.places[k])
			e.places[k] = max(0, e.places[k]-1)
			x++
		}
	}
}

// fold returns err within the range that wraps round (T.87 A.4.5).
func (e *encoder) fold(err int32) int32 {
	if err < 0 {
		err += e.span
	}
	if err >= (e.span+1)/2 {
		err -= e.span
	}
	return err
}

// regular encodes sample v in context q.
func (e *encoder) regular(q int, negative bool, px, v int32) {
	c := &e.contexts[q]
	k := golomb(c.n, c.a)
	correction := c.c
	if negative {
		correction = -correction
	}
	err := v - e.clamp(px+correction)
	if negative {
		err = -err
	}
	err = e.fold(err)
	mapped := err<<1 ^ err>>31
	if k == 0 && 2*c.b <= -c.n {
		mapped = ^err<<1 ^ ^err>>31
	}
	e.number(mapped, k, e.limit)
	c.update(e.model, err)
}

// run encodes the length of a run, which the end of the line ended or a sample.
func (e *encoder) run(n int, ended bool, index *int) {
	for n >= 1<<order[*index] {
		e.put(1, 1)
		n -= 1 << order[*index]
		*index = min(*index+1, 31)
	}
	switch {
	case !ended:
		e.put(uint64(n), order[*index]+1) //nolint:gosec // at most 15 bits
	case n > 0:
		e.put(1, 1)
	}
}

// broken encodes the sample v that ends a run.
func (e *encoder) broken(ra, rb, v int32, index int) {
	kind, err := int32(0), v-rb
	switch {
	case ra == rb:
		kind = 1
	case ra > rb:
		err = -err
	}
	err = e.fold(err)
	c := &e.runs[kind]
	k := golomb(c.n, c.a+kind*(c.n>>1))
	mapped := 2*max(err, -err) - kind
	if k == 0 && err > 0 && 2*c.nn < c.n || err < 0 && (2*c.nn >= c.n || k != 0) {
		mapped--
	}
	e.number(mapped, k, e.limit-order[index]-1)
	c.update(e.model, err, mapped, kind)
}

// number encodes a mapped error with Golomb parameter k (T.87 A.5.3).
func (e *encoder) number(v int32, k, limit int) {
	zeros := int(v >> k)
	if zeros < limit-e.qbpp-1 {
		e.zeros(zeros)
		e.put(uint64(v)&(1<<k-1)|1<<k, k+1) //nolint:gosec // not negative
		return
	}
	e.zeros(limit - e.qbpp - 1)
	e.put(uint64(v-1)|1<<e.qbpp, e.qbpp+1) //nolint:gosec // not negative
}

// zeros writes n zeros.
func (e *encoder) zeros(n int) {
	for ; n > 24; n -= 24 {
		e.put(0, 24)
	}
	e.put(0, n)
}

// put writes the lowest n bits of v, at most 25.
func (e *encoder) put(v uint64, n int) {
	e.acc, e.n = e.acc<<n|v, e.n+n
	for e.n >= 8 {
		e.byte()
	}
}

// byte writes one byte: behind FF one that begins with a zero.
func (e *encoder) byte() {
	take := e.room()
	e.n -= take
	e.out = append(e.out, byte(e.acc>>e.n)&byte(1<<take-1)) //nolint:gosec // its bits
}

// room returns how many bits the next byte holds.
func (e *encoder) room() int {
	if len(e.out) > 0 && e.out[len(e.out)-1] == 0xFF {
		return 7
	}
	return 8
}

// flush fills the last byte with zeros, and no more: decoders look for the
// marker right behind it. Behind FF there must be one byte.
func (e *encoder) flush() {
	if take := e.room(); e.n > 0 {
		e.acc, e.n = e.acc<<(take-e.n), take
		e.byte()
	}
	if e.room() == 7 {
		e.out = append(e.out, 0)
	}
}
