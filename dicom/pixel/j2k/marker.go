package j2k

import (
	"encoding/binary"
	"math/bits"
)

// Marker codes, T.800 Table A.2 and T.814 §A.2.
const (
	markerSOC = 0xFF4F
	markerCAP = 0xFF50
	markerSIZ = 0xFF51
	markerCOD = 0xFF52
	markerCOC = 0xFF53
	markerTLM = 0xFF55
	markerPLM = 0xFF57
	markerPLT = 0xFF58
	markerCPF = 0xFF59
	markerQCD = 0xFF5C
	markerQCC = 0xFF5D
	markerRGN = 0xFF5E
	markerPOC = 0xFF5F
	markerPPM = 0xFF60
	markerPPT = 0xFF61
	markerCRG = 0xFF63
	markerCOM = 0xFF64
	markerSOT = 0xFF90
	markerSOP = 0xFF91
	markerEPH = 0xFF92
	markerSOD = 0xFF93
	markerEOC = 0xFFD9
)

// maxLevels is the most decomposition levels, T.800 Table A.15.
const maxLevels = 32

// A size is the SIZ marker segment, T.800 §A.5.1.
type size struct {
	x0, y0, x1, y1     int // image area on the reference grid
	tx0, ty0           int // origin of the tiles
	tw, th             int // of a tile
	tilesWide, tilesUp int
	components         []sizeComponent
}

type sizeComponent struct {
	bits   int
	signed bool
	dx, dy int
}

// A style says how the samples of one component of one tile are coded: the COD
// or COC marker segment, T.800 Table A.20.
type style struct {
	levels         int
	xcb, ycb       int // exponents of the code block's size
	block          uint8
	reversible     bool
	px, py         [maxLevels + 1]uint8 // exponents of the precincts' size
	fromCOC, valid bool
}

// A coding is the part of COD that holds for all components.
type coding struct {
	order     Progression
	layers    int
	transform bool
	sop, eph  bool
	valid     bool
}

// A quantisation is the QCD or QCC marker segment, T.800 §A.6.4.
type quantisation struct {
	kind           uint8 // 0 none, 1 derived, 2 expounded
	guard          int
	exponent       [3*maxLevels + 1]uint8
	mantissa       [3*maxLevels + 1]uint16
	n              int
	fromQCC, valid bool
}

// A change is one row of a POC marker segment, T.800 §A.6.6.
type change struct {
	r0, r1, c0, c1, layers int
	order                  Progression
}

// Parameters are what main and tile headers set.
type parameters struct {
	coding  coding
	style   []style        // by component
	quant   []quantisation // by component
	roi     []uint8        // by component: shift
	changes []change
}

// clone returns a copy that a tile may change.
func (p *parameters) clone() *parameters {
	q := *p
	q.style = append([]style(nil), p.style...)
	q.quant = append([]quantisation(nil), p.quant...)
	q.roi = append([]uint8(nil), p.roi...)
	q.changes = nil
	return &q
}

// inherit makes what came from COC and QCC in the main header give way to COD
// and QCD of a tile, T.800 §A.6.1.
func (p *parameters) inherit() {
	for i := range p.style {
		p.style[i].fromCOC, p.quant[i].fromQCC = false, false
	}
}

// A cursor reads big-endian numbers from a marker segment. Reading past the end
// yields zeros and sets short.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if len(c.b) < n {
		c.short, c.b = true, nil
		return nil
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) u8() int {
	if v := c.take(1); v != nil {
		return int(v[0])
	}
	return 0
}

func (c *cursor) u16() int {
	if v := c.take(2); v != nil {
		return int(binary.BigEndian.Uint16(v))
	}
	return 0
}

func (c *cursor) u32() int {
	if v := c.take(4); v != nil {
		return int(binary.BigEndian.Uint32(v))
	}
	return 0
}

// component reads a component's number, whose width depends on how many there are.
func (c *cursor) component(n int) int {
	if n < 257 {
		return c.u8()
	}
	return c.u16()
}

// parseSIZ reads and bounds the image's size.
func parseSIZ(b []byte, l Limits) (*size, error) {
	c := cursor{b: b}
	c.u16() // capabilities: what is needed shows itself in CAP and COD
	z := &size{}
	z.x1, z.y1, z.x0, z.y0 = c.u32(), c.u32(), c.u32(), c.u32()
	z.tw, z.th, z.tx0, z.ty0 = c.u32(), c.u32(), c.u32(), c.u32()
	n := c.u16()
	switch {
	case c.short || n == 0 || len(c.b) < 3*n:
		return nil, invalid("image and tile size (SIZ) is too short")
	case n > l.Components:
		return nil, exhausted("%d components; the limit is %d", n, l.Components)
	case z.x1 <= z.x0 || z.y1 <= z.y0:
		return nil, invalid("the image is empty")
	case z.tw == 0 || z.th == 0 || z.tx0 > z.x0 || z.ty0 > z.y0 || z.tx0+z.tw <= z.x0 || z.ty0+z.th <= z.y0:
		return nil, invalid("the tiles do not cover the image")
	}
	total := 0
	for range n {
		precision, dx, dy := c.u8(), c.u8(), c.u8()
		k := sizeComponent{precision&0x7F + 1, precision&0x80 != 0, dx, dy}
		if dx == 0 || dy == 0 {
			return nil, invalid("a component's subsampling is 0")
		}
		if k.bits > l.Bits {
			return nil, exhausted("%d bits; the limit is %d", k.bits, l.Bits)
		}
		w, h := ceilDiv(z.x1, dx)-ceilDiv(z.x0, dx), ceilDiv(z.y1, dy)-ceilDiv(z.y0, dy)
		if w > 0 && h > (l.Samples-total)/w {
			return nil, exhausted("more than %d samples", l.Samples)
		}
		total += w * h
		z.components = append(z.components, k)
	}
	if z.x1-z.x0 > l.Samples || z.y1-z.y0 > l.Samples {
		return nil, exhausted("more than %d columns or rows", l.Samples)
	}
	z.tilesWide, z.tilesUp = ceilDiv(z.x1-z.tx0, z.tw), ceilDiv(z.y1-z.ty0, z.th)
	if z.tilesWide > 65535 || z.tilesUp > 65535/z.tilesWide {
		return nil, invalid("more tiles than 65535")
	}
	return z, nil
}

// parseCOD reads the COD marker segment into p, T.800 §A.6.1.
func (p *parameters) parseCOD(b []byte) error {
	c := cursor{b: b}
	s := c.u8()
	k := coding{sop: s&2 != 0, eph: s&4 != 0, valid: true}
	k.order = Progression(c.u8()) //nolint:gosec // one byte
	k.layers = c.u16()
	transform := c.u8()
	k.transform = transform == 1
	st, err := parseStyle(&c, s&1 != 0)
	switch {
	case err != nil:
		return err
	case transform > 1:
		return unsupported("component transform %d", transform)
	case k.order > CPRL:
		return invalid("progression order %d does not exist", k.order)
	case k.layers == 0:
		return invalid("the stream has no layers")
	}
	p.coding = k
	for i := range p.style {
		if !p.style[i].fromCOC {
			p.style[i] = st
		}
	}
	return nil
}

// parseCOC reads the COC marker segment into p, T.800 §A.6.2.
func (p *parameters) parseCOC(b []byte) error {
	c := cursor{b: b}
	i := c.component(len(p.style))
	s := c.u8()
	st, err := parseStyle(&c, s&1 != 0)
	if err != nil {
		return err
	}
	if i >= len(p.style) {
		return invalid("coding style of component %d, which does not exist", i)
	}
	st.fromCOC = true
	p.style[i] = st
	return nil
}

// parseStyle reads SPcod or SPcoc, T.800 Table A.20.
func parseStyle(c *cursor, precincts bool) (style, error) {
	s := style{levels: c.u8(), xcb: c.u8()&15 + 2, ycb: c.u8()&15 + 2, valid: true}
	s.block = uint8(c.u8()) //nolint:gosec // one byte
	transform := c.u8()
	s.reversible = transform == 1
	switch {
	case c.short:
		return s, invalid("coding style is too short")
	case s.levels > maxLevels:
		return s, invalid("%d decomposition levels; at most %d exist", s.levels, maxLevels)
	case s.xcb > 10 || s.ycb > 10 || s.xcb+s.ycb > 12:
		return s, invalid("code blocks of 2^%d by 2^%d", s.xcb, s.ycb)
	case s.block&styleMixed != 0:
		return s, unsupported("code blocks of both kinds in one component")
	case transform > 1:
		return s, unsupported("wavelet %d", transform)
	}
	for r := range s.levels + 1 {
		s.px[r], s.py[r] = 15, 15
		if !precincts {
			continue
		}
		v := uint8(c.u8()) //nolint:gosec // one byte
		s.px[r], s.py[r] = v&15, v>>4
		if r > 0 && (s.px[r] == 0 || s.py[r] == 0) {
			return s, invalid("precincts of one sample above the lowest resolution")
		}
	}
	if c.short {
		return s, invalid("coding style is too short")
	}
	return s, nil
}

// parseQCD reads the QCD marker segment into p, T.800 §A.6.4.
func (p *parameters) parseQCD(b []byte) error {
	c := cursor{b: b}
	q, err := parseQuantisation(&c)
	if err != nil {
		return err
	}
	for i := range p.quant {
		if !p.quant[i].fromQCC {
			p.quant[i] = q
		}
	}
	return nil
}

// parseQCC reads the QCC marker segment into p, T.800 §A.6.5.
func (p *parameters) parseQCC(b []byte) error {
	c := cursor{b: b}
	i := c.component(len(p.quant))
	q, err := parseQuantisation(&c)
	if err != nil {
		return err
	}
	if i >= len(p.quant) {
		return invalid("quantisation of component %d, which does not exist", i)
	}
	q.fromQCC = true
	p.quant[i] = q
	return nil
}

// parseQuantisation reads Sqcd and SPqcd, T.800 Tables A.28 to A.30.
func parseQuantisation(c *cursor) (quantisation, error) {
	s := c.u8()
	q := quantisation{kind: uint8(s & 31), guard: s >> 5, valid: true}
	if c.short || q.kind > 2 {
		return q, invalid("quantisation style %d", q.kind)
	}
	for ; len(c.b) > 0 && q.n < len(q.exponent); q.n++ {
		if q.kind == 0 {
			q.exponent[q.n] = uint8(c.u8() >> 3) //nolint:gosec // five bits
			continue
		}
		v := c.u16()
		q.exponent[q.n] = uint8(v >> 11) //nolint:gosec // five bits
		q.mantissa[q.n] = uint16(v & 0x7FF)
	}
	if q.n == 0 || c.short {
		return q, invalid("quantisation is too short")
	}
	return q, nil
}

// step returns exponent and mantissa of a band: number 0 is LL, then HL, LH, HH
// from the lowest resolution on. level is nb of T.800 Equation E-5.
func (q *quantisation) step(band, levels, level int) (exponent int, mantissa uint16, ok bool) {
	if q.kind == 1 {
		return int(q.exponent[0]) - (levels - level), q.mantissa[0], true
	}
	if band >= q.n {
		return 0, 0, false
	}
	return int(q.exponent[band]), q.mantissa[band], true
}

// parseRGN reads the RGN marker segment into p, T.800 §A.6.3.
func (p *parameters) parseRGN(b []byte) error {
	c := cursor{b: b}
	i, kind, shift := c.component(len(p.roi)), c.u8(), c.u8()
	switch {
	case c.short || i >= len(p.roi):
		return invalid("region of interest (RGN) of component %d", i)
	case kind != 0:
		return unsupported("region of interest of style %d", kind)
	case shift > 37:
		return unsupported("region of interest shifted by %d", shift)
	}
	p.roi[i] = uint8(shift) //nolint:gosec // up to 37
	return nil
}

// maxChanges bounds the progression order changes of one tile.
const maxChanges = 4096

// parsePOC reads the POC marker segment into p, T.800 §A.6.6.
func (p *parameters) parsePOC(b []byte) error {
	c := cursor{b: b}
	n := len(p.style)
	for len(c.b) > 0 {
		k := change{r0: c.u8(), c0: c.component(n), layers: c.u16(), r1: c.u8(), c1: c.component(n)}
		k.order = Progression(c.u8()) //nolint:gosec // one byte
		if k.c1 == 0 || k.c1 > n {    // 0 stands for all, T.800 Table A.32
			k.c1 = n
		}
		switch {
		case c.short:
			return invalid("progression order change (POC) is too short")
		case k.order > CPRL:
			return invalid("progression order %d does not exist", k.order)
		case len(p.changes) >= maxChanges:
			return exhausted("more than %d progression order changes", maxChanges)
		}
		p.changes = append(p.changes, k)
	}
	return nil
}

// check reports what the headers left out.
func (p *parameters) check() error {
	for i := range p.style {
		if !p.style[i].valid || !p.quant[i].valid {
			return invalid("no coding style or quantisation for component %d", i)
		}
	}
	if !p.coding.valid {
		return invalid("no coding style")
	}
	return nil
}

// set reads the marker segments that may stand in both main and tile headers.
// It reports whether code is one of them.
func (p *parameters) set(code int, b []byte) (bool, error) {
	switch code {
	case markerCOD:
		return true, p.parseCOD(b)
	case markerCOC:
		return true, p.parseCOC(b)
	case markerQCD:
		return true, p.parseQCD(b)
	case markerQCC:
		return true, p.parseQCC(b)
	case markerRGN:
		return true, p.parseRGN(b)
	case markerPOC:
		return true, p.parsePOC(b)
	}
	return false, nil
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// ceilShift is a / 2^n, rounded up.
func ceilShift(a, n int) int { return (a + 1<<n - 1) >> n }

// log2 is the exponent of the highest power of two in n > 0.
func log2(n int) int { return bits.Len(uint(n)) - 1 }
