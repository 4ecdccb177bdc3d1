package jpeg

// A scanHeader is what stands before entropy-coded data (T.81 B.2.3).
type scanHeader struct {
	comps          []*component
	ss, se, ah, al int
}

// peekScan notes predictor and point transform of a lossless image.
func (d *decoder) peekScan(seg []byte) {
	if n := len(seg); d.Lossless && n >= 3 {
		d.Predictor, d.PointTransform = int(seg[n-3]), int(seg[n-1]&15)
	}
}

// scan decodes the scan whose header is seg.
func (d *decoder) scan(seg []byte) error {
	if !d.frame {
		return invalid("a scan before the frame header")
	}
	if d.scans++; d.scans > maxScans {
		return invalid("more than %d scans", maxScans)
	}
	s, err := d.readScan(seg)
	if err != nil {
		return err
	}
	if d.scans == 1 {
		d.peekScan(seg)
	}
	d.bits = bitReader{b: d.b, pos: d.pos}
	switch {
	case d.Lossless:
		err = d.lossless(s)
	case d.Progressive:
		err = d.progressive(s)
	default:
		err = d.sequential(s)
	}
	d.pos = d.bits.pos
	return err
}

// readScan reads a scan header.
func (d *decoder) readScan(seg []byte) (scanHeader, error) {
	var s scanHeader
	if len(seg) < 1 {
		return s, invalid("short scan header")
	}
	n := int(seg[0])
	if n < 1 || n > 4 || len(seg) < 4+2*n {
		return s, invalid("scan of %d components", n)
	}
	for k := range n {
		c := d.byID(seg[1+2*k], s.comps)
		dc, ac := seg[2+2*k]>>4, seg[2+2*k]&15
		if c == nil || dc > 3 || ac > 3 {
			return s, invalid("component %d of a scan", k+1)
		}
		c.dcTable, c.acTable = d.dc[dc], d.ac[ac]
		s.comps = append(s.comps, c)
	}
	p := seg[1+2*n:]
	s.ss, s.se, s.ah, s.al = int(p[0]), int(p[1]), int(p[2]>>4), int(p[2]&15)
	return s, nil
}

// byID returns the component of that name which is not in used already.
func (d *decoder) byID(id byte, used []*component) *component {
next:
	for _, c := range d.comps {
		if c.id != id {
			continue
		}
		for _, u := range used {
			if u == c {
				continue next
			}
		}
		return c
	}
	return nil
}

// mcus returns how many MCUs a scan has in a row and in a column, and how many
// blocks there are in all (T.81 A.2).
func (d *decoder) mcus(s scanHeader) (x, y, blocks int) {
	if len(s.comps) == 1 {
		c := s.comps[0]
		x, y = (c.width+7)/8, (c.height+7)/8
		return x, y, x * y
	}
	x, y = (d.Width+8*d.hmax-1)/(8*d.hmax), (d.Height+8*d.vmax-1)/(8*d.vmax)
	for _, c := range s.comps {
		blocks += x * y * c.h * c.v
	}
	return x, y, blocks
}

// sequential decodes a scan of a baseline or extended sequential image (T.81 F.2).
func (d *decoder) sequential(s scanHeader) error {
	mx, my, blocks := d.mcus(s)
	if err := d.room(2 * blocks); err != nil { // a DC code and an end of block each
		return err
	}
	for _, c := range s.comps {
		if c.dcTable == nil || c.acTable == nil || !d.hasQuant[c.tq] {
			return invalid("a scan without its tables")
		}
		if c.samples != nil {
			return invalid("two scans of one component")
		}
		c.samples = make([]uint16, c.stride*c.blockRows)
		c.dc = 0
	}
	t := newTransform(d.Precision)
	var block [64]int32
	return d.eachMCU(mx, my, s, func(x, y int) error {
		for _, c := range s.comps {
			h, v := c.h, c.v
			if len(s.comps) == 1 {
				h, v = 1, 1
			}
			for k := range h * v {
				last := d.block(c, &block)
				at := (y*v+k/h)*8*c.stride + (x*h+k%h)*8
				t.inverse(&block, last, c.samples[at:], c.stride)
			}
		}
		return nil
	})
}

// eachMCU calls do for each MCU and sees to restart intervals.
func (d *decoder) eachMCU(mx, my int, s scanHeader, do func(x, y int) error) error {
	left := d.interval
	for y := range my {
		for x := range mx {
			if d.interval > 0 && left == 0 {
				if d.bits.over() || !d.bits.restart() {
					return invalid("no restart marker in row %d", y)
				}
				for _, c := range s.comps {
					c.dc = 0
				}
				d.eobrun, left = 0, d.interval
			}
			if err := do(x, y); err != nil {
				return err
			}
			left--
		}
		if d.bits.over() {
			return invalid("the coded data end in row %d of blocks", y)
		}
	}
	return nil
}

// block decodes one block of coefficients, times their quantization, and returns
// the last place that is not zero.
func (d *decoder) block(c *component, out *[64]int32) int {
	*out = [64]int32{}
	r, q := &d.bits, &d.quant[c.tq]
	r.fill()
	if n := int(r.symbol(c.dcTable) & 15); n > 0 {
		c.dc += r.extend(n)
	}
	out[0] = c.dc * int32(q[0])
	last := 0
	for k := 1; k < 64; k++ {
		r.fill()
		rs := r.symbol(c.acTable)
		n := int(rs & 15)
		if n == 0 {
			if rs != 0xF0 {
				break
			}
			k += 15
			continue
		}
		if k += int(rs >> 4); k > 63 {
			r.extra = 1 << 30
			break
		}
		z := int(natural[k])
		out[z] = r.extend(n) * int32(q[z])
		last = max(last, z)
	}
	return last
}
