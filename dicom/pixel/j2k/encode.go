package j2k

import (
	"encoding/binary"
	"math/bits"
)

// EncodeOptions say how to encode.
type EncodeOptions struct {
	// Transform codes the first three components together (RCT), which suits
	// red, green and blue. The caller says so in the data set (YBR_RCT).
	Transform bool
	// Interrupt is as that of Options.
	Interrupt func() error
}

// encodeLevels is how many decomposition levels Encode uses if the image is
// large enough.
const encodeLevels = 5

// Encode codes components without loss: 5/3 wavelet, one tile, one layer, bare
// codestream. The components have one size and no subsampling, or it is
// Unsupported; samples outside the range of Bits are Invalid.
func Encode(components []Component, o EncodeOptions) ([]byte, error) {
	if err := checkComponents(components, o.Transform); err != nil {
		return nil, err
	}
	c := components[0]
	e := &encoder{o: o, size: &size{x1: c.Width, y1: c.Height, tw: c.Width, th: c.Height, tilesWide: 1, tilesUp: 1}}
	for _, c := range components {
		e.size.components = append(e.size.components, sizeComponent{c.Bits, c.Signed, 1, 1})
	}
	levels := 0
	for levels < encodeLevels && min(c.Width, c.Height)>>(levels+1) >= 16 {
		levels++
	}
	planes, err := e.transform(components, levels)
	if err != nil {
		return nil, err
	}
	if err := e.layOut(planes, levels); err != nil {
		return nil, err
	}
	body, err := e.packets(planes)
	if err != nil {
		return nil, err
	}
	return e.stream(body), nil
}

// checkComponents refuses what Encode cannot code.
func checkComponents(components []Component, transform bool) error {
	if n := len(components); n == 0 || n > 16384 || transform && n < 3 {
		return invalid("%d components", n)
	}
	first := components[0]
	if first.Width <= 0 || first.Height <= 0 || first.Height > (1<<28)/first.Width {
		return invalid("%d columns and %d rows", first.Width, first.Height)
	}
	for _, c := range components {
		switch {
		case c.Width != first.Width || c.Height != first.Height || c.Dx > 1 || c.Dy > 1 || transform && c.Bits != first.Bits:
			return unsupported("components that differ")
		case c.Bits < 1 || c.Bits > 24:
			return unsupported("%d bits", c.Bits)
		case len(c.Samples) != c.Width*c.Height:
			return invalid("%d samples for %d columns and %d rows", len(c.Samples), c.Width, c.Height)
		}
		low, high := int32(0), int32(1)<<c.Bits-1
		if c.Signed {
			low, high = -1<<(c.Bits-1), 1<<(c.Bits-1)-1
		}
		for _, v := range c.Samples {
			if v < low || v > high {
				return invalid("a sample has more than %d bits", c.Bits)
			}
		}
	}
	return nil
}

// An encoder makes one codestream.
type encoder struct {
	o      EncodeOptions
	size   *size
	params *parameters
	tile   *tile
	guard  int
	levels int
	coder  blockEncoder
}

// transform shifts, mixes and decomposes copies of the samples.
func (e *encoder) transform(components []Component, levels int) ([]plane, error) {
	planes := make([]plane, len(components))
	area := rect{0, 0, e.size.x1, e.size.y1}
	for i, c := range components {
		planes[i] = plane{rect: area, i: make([]int32, len(c.Samples))}
		shift := int32(1) << (c.Bits - 1)
		if c.Signed {
			shift = 0
		}
		for k, v := range c.Samples {
			planes[i].i[k] = v - shift
		}
	}
	if e.o.Transform {
		tangleRCT(planes[0].i, planes[1].i, planes[2].i)
	}
	var w wavelet53
	for i := range planes {
		for n := range levels {
			if err := interrupted(e.o.Interrupt); err != nil {
				return nil, err
			}
			w.split(planes[i].i, area.w(), area.ceilShift(n))
		}
	}
	return planes, nil
}

// tangleRCT is the forward reversible transform, T.800 §G.2.1.
func tangleRCT(a, b, c []int32) {
	b, c = b[:len(a)], c[:len(a)]
	for i, red := range a {
		green, blue := b[i], c[i]
		a[i], b[i], c[i] = (red+2*green+blue)>>2, blue-green, red-green
	}
}

// layOut makes the tile, with guard bits enough for the largest coefficient.
func (e *encoder) layOut(planes []plane, levels int) error {
	n := len(planes)
	e.levels, e.guard = levels, 2
	st := style{levels: levels, xcb: 6, ycb: 6, reversible: true, valid: true}
	for r := range levels + 1 {
		st.px[r], st.py[r] = 15, 15
	}
	for {
		e.params = &parameters{
			coding: coding{layers: 1, transform: e.o.Transform, valid: true},
			style:  make([]style, n), quant: make([]quantisation, n), roi: make([]uint8, n),
		}
		for i, c := range e.size.components {
			e.params.style[i] = st
			e.params.quant[i] = quantisation{guard: e.guard, n: 3*levels + 1, valid: true}
			for b := range e.params.quant[i].n {
				e.params.quant[i].exponent[b] = uint8(c.bits + gain[bandOf(b)]) //nolint:gosec // up to 26
			}
		}
		var err error
		if e.tile, err = newTile(e.size, 0, e.params); err != nil {
			return err
		}
		if e.fits(planes) {
			return nil
		}
		if e.guard++; e.guard > 7 {
			return unsupported("coefficients larger than their bands allow")
		}
	}
}

// bandOf is the kind of band number n, as quantisation counts them.
func bandOf(n int) bandKind {
	if n == 0 {
		return bandLL
	}
	return bandHL + bandKind((n-1)%3) //nolint:gosec // 0 to 2
}

// fits reports whether all coefficients have bit-planes enough.
func (e *encoder) fits(planes []plane) bool {
	for i := range e.tile.components {
		k := &e.tile.components[i]
		for r := range k.resolutions {
			for b := range k.resolutions[r].bands {
				band := &k.resolutions[r].bands[b]
				at := bandAt(k, r, band.kind, planes[i].w())
				var all uint32
				for y := range band.h() {
					for _, v := range planes[i].i[at+y*planes[i].w():][:band.w()] {
						all |= uint32(max(v, -v)) //nolint:gosec // not negative
					}
				}
				if bits.Len32(all) > band.planes {
					return false
				}
			}
		}
	}
	return true
}

// bandAt is where a band begins in a plane of that width.
func bandAt(k *tileComponent, r int, kind bandKind, width int) (at int) {
	if kind == bandHL || kind == bandHH {
		at += k.resolutions[r-1].w()
	}
	if kind == bandLH || kind == bandHH {
		at += k.resolutions[r-1].h() * width
	}
	return at
}

// packets codes all blocks, resolution by resolution (LRCP with one layer).
func (e *encoder) packets(planes []plane) (body []byte, err error) {
	for r := range e.levels + 1 {
		for i := range e.tile.components {
			k := &e.tile.components[i]
			res := &k.resolutions[r]
			for n := range res.precincts {
				p, err := e.tile.open(res, n)
				if err != nil {
					return nil, err
				}
				if body, err = e.packet(body, k, r, p, &planes[i]); err != nil {
					return nil, err
				}
			}
		}
	}
	return body, nil
}

// A blockCode is a code block that was coded.
type blockCode struct {
	data         []byte
	zero, passes int
}

// packet codes the blocks of a precinct and appends its packet.
func (e *encoder) packet(body []byte, k *tileComponent, r int, p *precinct, pl *plane) ([]byte, error) {
	var head headerWriter
	head.put(1, 1)
	var data []byte
	for i := range p.parts {
		band, part := &k.resolutions[r].bands[i], &p.parts[i]
		at := bandAt(k, r, band.kind, pl.w())
		blocks := make([]blockCode, len(part.blocks))
		for n := range part.blocks {
			if err := interrupted(e.o.Interrupt); err != nil {
				return nil, err
			}
			b := &part.blocks[n]
			blocks[n] = e.coder.encode(pl.i[at+int(b.y0)*pl.w()+int(b.x0):], pl.w(), b.width(), b.height(), band)
		}
		head.blocks(part, blocks)
		for n := range blocks {
			data = append(data, blocks[n].data...)
		}
	}
	body = append(body, head.bytes()...)
	return append(body, data...), nil
}

// stream puts markers around the packets, T.800 Annex A.
func (e *encoder) stream(body []byte) []byte {
	z := e.size
	out := []byte{0xFF, 0x4F}
	siz := make([]byte, 2, 64)
	for _, v := range []int{z.x1, z.y1, 0, 0, z.x1, z.y1, 0, 0} {
		siz = binary.BigEndian.AppendUint32(siz, uint32(v)) //nolint:gosec // up to 2^28
	}
	siz = binary.BigEndian.AppendUint16(siz, uint16(len(z.components))) //nolint:gosec // up to 16384
	for _, c := range z.components {
		b := byte(c.bits - 1) //nolint:gosec // up to 23
		if c.signed {
			b |= 0x80
		}
		siz = append(siz, b, 1, 1)
	}
	out = appendSegment(out, markerSIZ, siz)
	transform := byte(0)
	if e.o.Transform {
		transform = 1
	}
	out = appendSegment(out, markerCOD, []byte{0, byte(LRCP), 0, 1, transform, byte(e.levels), 4, 4, 0, 1}) //nolint:gosec // up to 5
	for i, q := range e.params.quant {
		s := []byte{byte(q.guard << 5)} //nolint:gosec // up to 7
		for b := range q.n {
			s = append(s, q.exponent[b]<<3)
		}
		switch {
		case i == 0:
			out = appendSegment(out, markerQCD, s)
		case z.components[i].bits == z.components[0].bits:
		case len(e.params.quant) < 257:
			out = appendSegment(out, markerQCC, append([]byte{byte(i)}, s...))
		default:
			out = appendSegment(out, markerQCC, append(binary.BigEndian.AppendUint16(nil, uint16(i)), s...))
		}
	}
	out = append(out, 0xFF, 0x90, 0, 10, 0, 0)
	out = binary.BigEndian.AppendUint32(out, uint32(len(body)+14)) //nolint:gosec // 2^28 samples of 3 bytes at most
	out = append(out, 0, 1, 0xFF, 0x93)
	out = append(out, body...)
	return append(out, 0xFF, 0xD9)
}

// appendSegment appends a marker segment.
func appendSegment(out []byte, code uint16, body []byte) []byte {
	out = binary.BigEndian.AppendUint16(out, code)
	out = binary.BigEndian.AppendUint16(out, uint16(len(body)+2)) //nolint:gosec // bounded by 16384 components
	return append(out, body...)
}
