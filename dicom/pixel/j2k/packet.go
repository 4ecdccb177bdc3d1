package j2k

import "encoding/binary"

// Packets, T.800 §B.9 and §B.10.

// A headerBits reads the bits of packet headers, T.800 §B.10.1: a byte 0xFF is
// followed by a bit that says nothing.
type headerBits struct {
	b     []byte
	pos   int
	buf   uint32
	n     uint
	short bool
}

func (r *headerBits) bit() uint32 {
	if r.n == 0 {
		if r.pos >= len(r.b) {
			r.short = true
			return 0
		}
		r.n = 8
		if r.buf == 0xFF {
			r.n = 7
		}
		r.buf = uint32(r.b[r.pos])
		r.pos++
	}
	r.n--
	return r.buf >> r.n & 1
}

func (r *headerBits) bits(n int) int {
	v := 0
	for range n {
		v = v<<1 | int(r.bit())
	}
	return v
}

// align ends a packet header.
func (r *headerBits) align() {
	if r.buf == 0xFF && r.pos < len(r.b) {
		r.pos++
	}
	r.buf, r.n = 0, 0
}

// passes reads the number of coding passes, T.800 Table B.4.
func (r *headerBits) passes() int {
	if r.bit() == 0 {
		return 1
	}
	if r.bit() == 0 {
		return 2
	}
	if v := r.bits(2); v < 3 {
		return 3 + v
	}
	if v := r.bits(5); v < 31 {
		return 6 + v
	}
	return 37 + r.bits(7)
}

// A packets reads the packets of a tile in the order they are asked for.
type packets struct {
	t        *tile
	body     []byte
	pos      int
	packed   []byte // packet headers, if they stand apart
	apart    bool
	adds     []addition
	layers   int // to keep
	problem  WarningCode
	observer func(header, body, end int) // for tests
}

// An addition is what a packet header says of one code block.
type addition struct {
	block  *block
	passes int
	length int
	more   bool
}

// read reads the next packet, which is that of the precinct and layer. It
// reports false if there is none or none that makes sense, and says so in
// p.problem. Nothing of it is kept if keep is false.
func (p *packets) read(res *resolution, number, layer int, style uint8, keep bool) (bool, error) {
	c := &p.t.params.coding
	if c.sop && p.marker(markerSOP) && len(p.body)-p.pos >= 6 {
		p.pos += 6
	}
	start := p.pos
	r := headerBits{b: p.body, pos: p.pos}
	if p.apart {
		r = headerBits{b: p.packed}
	}
	if r.pos >= len(r.b) {
		p.problem = Truncated
		return false, nil
	}
	pr, err := p.t.open(res, number)
	if err != nil {
		return false, err
	}
	p.adds = p.adds[:0]
	if r.bit() == 1 {
		for i := range pr.parts {
			if !p.part(&pr.parts[i], &r, layer, style) {
				return false, nil
			}
		}
	}
	r.align()
	p.after(&r)
	if p.observer != nil {
		p.observer(start, p.pos, p.length())
	}
	pr.layers = layer + 1
	if len(p.adds)+len(p.t.chunks) > maxChunks {
		return false, exhausted("more than %d pieces of code blocks in a tile", maxChunks)
	}
	return p.take(keep && layer < p.layers), nil
}

func (p *packets) length() (n int) {
	for _, a := range p.adds {
		n += a.length
	}
	return n
}

// marker reports whether the body goes on with a marker.
func (p *packets) marker(code uint16) bool {
	return len(p.body)-p.pos >= 2 && binary.BigEndian.Uint16(p.body[p.pos:]) == code
}

// after steps behind the packet header r has read.
func (p *packets) after(r *headerBits) {
	rest := r.b[min(r.pos, len(r.b)):]
	if p.t.params.coding.eph && len(rest) >= 2 && binary.BigEndian.Uint16(rest) == markerEPH {
		rest = rest[2:]
	}
	if p.apart {
		p.packed = rest
		return
	}
	p.pos = len(p.body) - len(rest)
}

// part reads the header of the blocks of one band.
func (p *packets) part(pb *precinctBand, r *headerBits, layer int, style uint8) bool {
	for i := range pb.blocks {
		b := &pb.blocks[i]
		switch {
		case b.included:
			if r.bit() == 0 {
				continue
			}
		case !pb.incl.below(i, int32(layer+1), r): //nolint:gosec // up to 65535
			continue
		default:
			zero, ok := pb.zeros.value(i, 80, r)
			if !ok {
				return p.fail(r)
			}
			b.zero, b.included = uint8(zero), true //nolint:gosec // up to 80
		}
		if !p.block(b, r, style) {
			return false
		}
	}
	if r.short {
		return p.fail(r)
	}
	return true
}

func (p *packets) fail(r *headerBits) bool {
	p.problem = Damaged
	if r.short {
		p.problem = Truncated
	}
	return false
}

// block reads what a packet header says of one code block, T.800 §B.10.6 and
// §B.10.7.
func (p *packets) block(b *block, r *headerBits, style uint8) bool {
	n := r.passes()
	for r.bit() == 1 {
		b.lblock++
		if b.lblock > 32 {
			return p.fail(r)
		}
	}
	if int(b.passes)+n > maxPasses || r.short || len(p.adds) > maxChunks {
		return p.fail(r)
	}
	for n > 0 {
		more := b.left > 0
		if !more {
			b.segment++
			b.left = segmentPasses(b.segment, style, n)
		}
		take := min(n, int(b.left))
		length := r.bits(int(b.lblock) + log2(take))
		if r.short {
			return p.fail(r)
		}
		p.adds = append(p.adds, addition{b, take, length, more})
		b.passes += int16(take) //nolint:gosec // up to maxPasses
		b.left -= int16(take)   //nolint:gosec // up to maxPasses
		n -= take
	}
	return true
}

// segmentPasses is how many passes segment number seg of a code block takes,
// T.800 Tables D.8 and D.9. Of a high throughput block n passes remain: the
// first segment has the placeholders and the cleanup, the second the other two.
func segmentPasses(seg int16, style uint8, n int) int16 {
	switch {
	case style&styleHT != 0 && seg == 0:
		return int16((n-1)/3*3 + 1) //nolint:gosec // up to maxPasses
	case style&styleHT != 0:
		return 2 - (seg+1)%2
	case style&styleTermAll != 0:
		return 1
	case style&styleBypass != 0 && seg == 0:
		return 10
	case style&styleBypass != 0:
		return 1 + seg%2
	}
	return maxPasses + 1
}

// take cuts the body of a packet into chunks. A block whose bytes are not all
// there gets none of them.
func (p *packets) take(keep bool) bool {
	for _, a := range p.adds {
		if a.length > len(p.body)-p.pos {
			p.problem = Truncated
			p.pos = len(p.body)
			return false
		}
		if keep {
			p.t.add(a, p.body[p.pos:p.pos+a.length])
		}
		p.pos += a.length
	}
	return true
}

// add appends a chunk to a block.
func (t *tile) add(a addition, data []byte) {
	i := int32(len(t.chunks))                                                                       //nolint:gosec // every chunk took bits of the stream
	t.chunks = append(t.chunks, chunk{data: data, passes: uint8(a.passes), more: a.more, next: -1}) //nolint:gosec // up to maxPasses
	if a.block.last < 0 {
		a.block.first = i
	} else {
		t.chunks[a.block.last].next = i
	}
	a.block.last = i
}
