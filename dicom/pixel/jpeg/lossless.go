package jpeg

// lossless decodes a scan of a lossless image (T.81 Annex H).
func (d *decoder) lossless(s scanHeader) error {
	predictor, pt := s.ss, s.al
	if predictor < 1 || predictor > 7 || pt >= d.Precision {
		return invalid("predictor %d, point transform %d", predictor, pt)
	}
	if d.interval%d.Width != 0 {
		return unsupported("a restart interval of %d samples in rows of %d", d.interval, d.Width)
	}
	if err := d.room(d.Width * d.Height * len(s.comps)); err != nil {
		return err
	}
	for _, c := range s.comps {
		if c.dcTable == nil {
			return invalid("a scan without its table")
		}
	}
	if err := d.image(); err != nil {
		return err
	}
	p := &predicting{d: d, s: s, predictor: predictor, pt: pt}
	return p.run()
}

// image makes room for the samples.
func (d *decoder) image() error {
	if d.img != nil {
		return nil
	}
	cell := 1
	if d.Precision > 8 {
		cell = 2
	}
	d.img = &Image{Pix: make([]byte, d.Width*d.Height*d.Components*cell)}
	return nil
}

// predicting is the work on one lossless scan.
type predicting struct {
	d             *decoder
	s             scanHeader
	predictor, pt int
}

// run decodes row by row. The row above and the one being made are kept for
// each component, with one place before the first.
func (p *predicting) run() error {
	d, n := p.d, len(p.s.comps)
	above, row := make([][]uint16, n), make([][]uint16, n)
	for k := range n {
		above[k], row[k] = make([]uint16, d.Width+1), make([]uint16, d.Width+1)
	}
	rows, first := d.interval/d.Width, true
	for y := range d.Height {
		if rows > 0 && y > 0 && y%rows == 0 {
			if d.bits.over() || !d.bits.restart() {
				return invalid("no restart marker in row %d", y)
			}
			first = true
		}
		if n == 1 && !first && p.predictor == 1 {
			p.leftRow(p.s.comps[0].dcTable, above[0], row[0])
		} else {
			p.row(above, row, first)
		}
		if d.bits.over() {
			return invalid("the coded data end in row %d", y)
		}
		for k, c := range p.s.comps {
			d.store(c, row[k][1:], y, p.pt)
		}
		above, row, first = row, above, false
	}
	return nil
}

// leftRow decodes a row of a single component with predictor 1.
func (p *predicting) leftRow(t *table, above, row []uint16) {
	r := &p.d.bits
	v := above[1]
	for x := 1; x < len(row); x++ {
		r.fill()
		v += difference(r, t)
		row[x] = v
	}
}

// difference decodes one difference, modulo 2^16 (T.81 H.1.2.2).
func difference(r *bitReader, t *table) uint16 {
	if w := t.whole[r.acc>>(r.n-lookBits)&(1<<lookBits-1)]; w != 0 {
		r.n -= int(w & 0xFF)
		return uint16(w >> 8) //nolint:gosec // modulo 2^16
	}
	n := int(r.symbol(t))
	switch {
	case n == 0:
		return 0
	case n < 16:
		return uint16(r.extend(n)) //nolint:gosec // modulo 2^16
	}
	return 32768
}

// row decodes a row of all components. The first one after a start has no row
// above it.
func (p *predicting) row(above, row [][]uint16, first bool) {
	r := &p.d.bits
	for x := 1; x <= p.d.Width; x++ {
		for k, c := range p.s.comps {
			r.fill()
			diff := difference(r, c.dcTable)
			up, cur := above[k], row[k]
			var pred uint16
			switch {
			case first && x == 1:
				pred = 1 << (p.d.Precision - p.pt - 1)
			case first:
				pred = cur[x-1]
			case x == 1:
				pred = up[1]
			default:
				pred = predict(p.predictor, int32(cur[x-1]), int32(up[x]), int32(up[x-1]))
			}
			cur[x] = pred + diff
		}
	}
}

// predict returns the prediction from the samples to the left, above, and left
// above (T.81 Table H.1).
func predict(predictor int, a, b, c int32) uint16 {
	switch predictor {
	case 1:
		return uint16(a) //nolint:gosec // a sample
	case 2:
		return uint16(b) //nolint:gosec // a sample
	case 3:
		return uint16(c) //nolint:gosec // a sample
	case 4:
		return uint16(a + b - c) //nolint:gosec // modulo 2^16
	case 5:
		return uint16(a + (b-c)>>1) //nolint:gosec // modulo 2^16
	case 6:
		return uint16(b + (a-c)>>1) //nolint:gosec // modulo 2^16
	}
	return uint16((a + b) >> 1) //nolint:gosec // at most 16 bits
}

// store puts a row of component c into the image.
func (d *decoder) store(c *component, row []uint16, y, pt int) {
	k := 0
	for d.comps[k] != c {
		k++
	}
	n := d.Components
	if d.Precision <= 8 {
		out := d.img.Pix[y*d.Width*n+k:]
		for x, v := range row {
			out[x*n] = byte(v << pt) //nolint:gosec // at most 8 bits
		}
		return
	}
	out := d.img.Pix[2*(y*d.Width*n+k):]
	for x, v := range row {
		v <<= pt
		out[2*x*n], out[2*x*n+1] = byte(v), byte(v>>8) //nolint:gosec // its two bytes
	}
}
