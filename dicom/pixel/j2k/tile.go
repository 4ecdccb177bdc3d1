package j2k

// Geometry of a tile, T.800 Annex B.

// maxBlocks bounds the code blocks and precincts of one tile.
const maxBlocks = 1 << 21

// maxChunks bounds the chunks of one tile: with code blocks of the usual size
// that is more than a hundred layers of the largest image.
const maxChunks = 1 << 22

// A rect is a part of some grid; x1 and y1 are just outside.
type rect struct{ x0, y0, x1, y1 int }

func (r rect) w() int      { return r.x1 - r.x0 }
func (r rect) h() int      { return r.y1 - r.y0 }
func (r rect) empty() bool { return r.x1 <= r.x0 || r.y1 <= r.y0 }

func (r rect) intersect(s rect) rect {
	return rect{max(r.x0, s.x0), max(r.y0, s.y0), min(r.x1, s.x1), min(r.y1, s.y1)}
}

func (r rect) ceilDiv(dx, dy int) rect {
	return rect{ceilDiv(r.x0, dx), ceilDiv(r.y0, dy), ceilDiv(r.x1, dx), ceilDiv(r.y1, dy)}
}

func (r rect) ceilShift(n int) rect {
	return rect{ceilShift(r.x0, n), ceilShift(r.y0, n), ceilShift(r.x1, n), ceilShift(r.y1, n)}
}

// A tile is one tile while it is decoded.
type tile struct {
	rect
	params     *parameters
	components []tileComponent
	chunks     []chunk
	blocks     int // made so far
}

// A tileComponent is one component of a tile.
type tileComponent struct {
	rect
	index       int
	dx, dy      int // subsampling
	style       *style
	resolutions []resolution
}

// A resolution is one resolution level with the bands that lead to it from the
// level below.
type resolution struct {
	rect
	wide, high int // in precincts
	px, py     int // exponents of a precinct's size
	bands      []band
	precincts  []precinct
}

// A band is one subband.
type band struct {
	rect
	kind     bandKind
	planes   int // Mb of T.800 Equation E-2
	exponent int
	mantissa uint16
	xcb, ycb int
}

// A precinct holds the code blocks of one packet per layer. Its parts, one for
// each band, are made when the first packet is read.
type precinct struct {
	layers int // read so far
	parts  []precinctBand
}

// A precinctBand holds the code blocks of one band in a precinct.
type precinctBand struct {
	wide, high  int
	blocks      []block
	incl, zeros tagTree
}

// A block is one code block.
type block struct {
	x0, y0, x1, y1 int32 // counted from the band's upper left corner
	first, last    int32 // chunks, -1 for none
	passes         int16
	segment        int16 // number of the segment the next pass belongs to
	left           int16 // passes that segment still takes
	zero           uint8 // bit-planes that are all zero
	lblock         uint8
	included       bool
}

func (b *block) width() int  { return int(b.x1 - b.x0) }
func (b *block) height() int { return int(b.y1 - b.y0) }

// A chunk is what one packet adds to one codeword segment of a code block.
type chunk struct {
	data   []byte
	passes uint8
	more   bool  // it continues the segment of the chunk before
	next   int32 // of the same block, -1 for none
}

// newTile lays out tile number index.
func newTile(z *size, index int, p *parameters) (*tile, error) {
	px, py := index%z.tilesWide, index/z.tilesWide
	t := &tile{params: p}
	t.rect = rect{
		max(z.tx0+px*z.tw, z.x0), max(z.ty0+py*z.th, z.y0),
		min(z.tx0+(px+1)*z.tw, z.x1), min(z.ty0+(py+1)*z.th, z.y1),
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	for i, c := range z.components {
		k := tileComponent{rect: t.ceilDiv(c.dx, c.dy), index: i, dx: c.dx, dy: c.dy, style: &p.style[i]}
		if err := t.layOut(&k, c.bits, p); err != nil {
			return nil, err
		}
		t.components = append(t.components, k)
	}
	return t, nil
}

// layOut makes the resolutions and bands of a component.
func (t *tile) layOut(k *tileComponent, bits int, p *parameters) error {
	s, q := k.style, &p.quant[k.index]
	for r := range s.levels + 1 {
		res := resolution{rect: k.ceilShift(s.levels - r), px: int(s.px[r]), py: int(s.py[r])}
		if !res.empty() {
			res.wide = ceilShift(res.x1, res.px) - res.x0>>res.px
			res.high = ceilShift(res.y1, res.py) - res.y0>>res.py
		}
		if res.wide > 0 && res.high > (maxBlocks-t.blocks)/res.wide {
			return exhausted("more than %d precincts", maxBlocks)
		}
		t.blocks += res.wide * res.high
		if err := res.layOut(k, r, bits, q); err != nil {
			return err
		}
		res.precincts = make([]precinct, res.wide*res.high)
		k.resolutions = append(k.resolutions, res)
	}
	return nil
}

// layOut makes the bands of resolution r, T.800 Equations B-15 and E-3 to E-5.
func (res *resolution) layOut(k *tileComponent, r, bits int, q *quantisation) error {
	s := k.style
	level, kinds, number := s.levels-r+1, []bandKind{bandHL, bandLH, bandHH}, 3*r-2
	px, py := res.px-1, res.py-1
	if r == 0 {
		level, kinds, number = s.levels, []bandKind{bandLL}, 0
		px, py = res.px, res.py
	}
	for i, kind := range kinds {
		b := band{kind: kind, xcb: min(s.xcb, px), ycb: min(s.ycb, py)}
		b.rect = k.bandRect(kind, level)
		var ok bool
		b.exponent, b.mantissa, ok = q.step(number+i, s.levels, level)
		if !ok {
			return invalid("no quantisation for a band of component %d", k.index)
		}
		b.planes = q.guard + b.exponent - 1
		b.exponent = bits + gain[kind] - b.exponent
		res.bands = append(res.bands, b)
	}
	return nil
}

// gain is log2 of a band's nominal gain, T.800 Table E.1.
var gain = [4]int{bandLL: 0, bandHL: 1, bandLH: 1, bandHH: 2}

// bandRect is where a band of decomposition level n lies, T.800 Equation B-15.
func (k *tileComponent) bandRect(kind bandKind, n int) rect {
	if kind == bandLL {
		return k.ceilShift(n)
	}
	var ox, oy int
	if kind != bandLH {
		ox = 1 << (n - 1)
	}
	if kind != bandHL {
		oy = 1 << (n - 1)
	}
	return rect{k.x0 - ox, k.y0 - oy, k.x1 - ox, k.y1 - oy}.ceilShift(n)
}

// open makes the code blocks of a precinct, T.800 §B.7.
func (t *tile) open(res *resolution, number int) (*precinct, error) {
	p := &res.precincts[number]
	if p.parts != nil {
		return p, nil
	}
	p.parts = make([]precinctBand, len(res.bands))
	cx, cy := res.x0>>res.px+number%res.wide, res.y0>>res.py+number/res.wide
	for i := range res.bands {
		b := &res.bands[i]
		px, py := res.px, res.py
		if b.kind != bandLL {
			px, py = px-1, py-1
		}
		area := rect{cx << px, cy << py, (cx + 1) << px, (cy + 1) << py}.intersect(b.rect)
		if area.empty() {
			continue
		}
		if err := t.cut(&p.parts[i], area, b); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// cut cuts area into the code blocks of b.
func (t *tile) cut(p *precinctBand, area rect, b *band) error {
	x0, y0 := area.x0>>b.xcb, area.y0>>b.ycb
	p.wide, p.high = ceilShift(area.x1, b.xcb)-x0, ceilShift(area.y1, b.ycb)-y0
	if p.high > (maxBlocks-t.blocks)/p.wide {
		return exhausted("more than %d code blocks", maxBlocks)
	}
	t.blocks += p.wide * p.high
	p.blocks = make([]block, 0, p.wide*p.high)
	for y := range p.high {
		for x := range p.wide {
			r := rect{(x0 + x) << b.xcb, (y0 + y) << b.ycb, (x0 + x + 1) << b.xcb, (y0 + y + 1) << b.ycb}.intersect(area)
			p.blocks = append(p.blocks, block{
				x0: int32(r.x0 - b.x0), y0: int32(r.y0 - b.y0), //nolint:gosec // bounded by Limits.Samples
				x1: int32(r.x1 - b.x0), y1: int32(r.y1 - b.y0), //nolint:gosec // bounded by Limits.Samples
				first: -1, last: -1, segment: -1, lblock: 3,
			})
		}
	}
	nodes := make([]tagNode, 2*tagNodes(p.wide, p.high))
	p.incl, nodes = newTagTree(p.wide, p.high, nodes)
	p.zeros, _ = newTagTree(p.wide, p.high, nodes)
	return nil
}
