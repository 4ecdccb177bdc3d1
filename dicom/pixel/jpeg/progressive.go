package jpeg

// progressive decodes a scan of a progressive image (T.81 Annex G).
func (d *decoder) progressive(s scanHeader) error {
	if s.ss > s.se || s.se > 63 || s.ss > 0 && len(s.comps) > 1 || s.ah > 13 || s.al > 13 ||
		s.ss == 0 && s.se != 0 {
		return invalid("spectral selection or approximation of a scan")
	}
	mx, my, blocks := d.mcus(s)
	for _, c := range s.comps {
		switch {
		case c.coef == nil && (s.ss > 0 || s.ah > 0):
			return invalid("a refinement before its first scan")
		case s.ss == 0 && s.ah == 0 && c.dcTable == nil, s.ss > 0 && c.acTable == nil:
			return invalid("a scan without its tables")
		}
		c.dc = 0
	}
	if s.comps[0].coef == nil {
		if err := d.room(blocks); err != nil {
			return err
		}
	}
	for _, c := range s.comps {
		if c.coef == nil {
			c.coef = make([]int16, c.stride*c.blockRows)
		}
	}
	d.eobrun = 0
	return d.eachMCU(mx, my, s, func(x, y int) error {
		for _, c := range s.comps {
			h, v := c.h, c.v
			if len(s.comps) == 1 {
				h, v = 1, 1
			}
			for k := range h * v {
				at := ((y*v+k/h)*(c.stride/8) + x*h + k%h) * 64
				d.refine(s, c, (*[64]int16)(c.coef[at:]))
			}
		}
		return nil
	})
}

// refine decodes what one scan says of one block.
func (d *decoder) refine(s scanHeader, c *component, b *[64]int16) {
	r := &d.bits
	r.fill()
	switch {
	case s.ss == 0 && s.ah == 0:
		if n := int(r.symbol(c.dcTable) & 15); n > 0 {
			c.dc += r.extend(n)
		}
		b[0] = int16(c.dc << s.al) //nolint:gosec // 12 bits and sign
	case s.ss == 0:
		b[0] |= int16(r.take(1) << s.al) //nolint:gosec // one bit
	case s.ah == 0:
		d.firstAC(s, c, b)
	default:
		d.nextAC(s, c, b)
	}
}

// firstAC decodes the first scan of a band of coefficients (T.81 G.1.2.2).
func (d *decoder) firstAC(s scanHeader, c *component, b *[64]int16) {
	r := &d.bits
	if d.eobrun > 0 {
		d.eobrun--
		return
	}
	for k := s.ss; k <= s.se; k++ {
		r.fill()
		rs := r.symbol(c.acTable)
		run, n := int(rs>>4), int(rs&15)
		switch {
		case n == 0 && run < 15:
			d.eobrun = 1<<run - 1
			if run > 0 {
				d.eobrun += r.take(run)
			}
			return
		case n == 0:
			k += 15
		default:
			if k += run; k > 63 {
				r.extra = 1 << 30
				return
			}
			b[natural[k]] = int16(r.extend(n) << s.al) //nolint:gosec // 12 bits and sign
		}
	}
}

// nextAC decodes a further bit of a band of coefficients (T.81 G.1.2.3).
func (d *decoder) nextAC(s scanHeader, c *component, b *[64]int16) {
	r := &d.bits
	one := int16(1) << s.al
	k := s.ss
	if d.eobrun == 0 {
		for ; k <= s.se; k++ {
			r.fill()
			rs := r.symbol(c.acTable)
			run, n := int(rs>>4), int(rs&15)
			var v int16
			if n > 0 {
				if v = -one; r.take(1) == 1 {
					v = one
				}
			} else if run < 15 {
				d.eobrun = 1 << run
				if run > 0 {
					d.eobrun += r.take(run)
				}
				break
			}
			k = d.skipZeros(s, b, k, run, one)
			if v != 0 && k <= s.se {
				b[natural[k]] = v
			}
		}
	}
	if d.eobrun > 0 {
		d.eobrun--
		d.skipZeros(s, b, k, 64, one)
	}
}

// skipZeros corrects the coefficients from k on that are not zero, and returns
// where the zero behind run others is, or s.se+1.
func (d *decoder) skipZeros(s scanHeader, b *[64]int16, k, run int, one int16) int {
	r := &d.bits
	for ; k <= s.se; k++ {
		p := &b[natural[k]]
		if *p == 0 {
			if run == 0 {
				break
			}
			run--
			continue
		}
		r.fill()
		if r.take(1) == 1 && *p&one == 0 {
			if *p > 0 {
				*p += one
			} else {
				*p -= one
			}
		}
	}
	return k
}

// transformAll makes samples of the coefficients.
func (d *decoder) transformAll() error {
	t := newTransform(d.Precision)
	var block [64]int32
	for n, c := range d.comps {
		if c.coef == nil || !d.hasQuant[c.tq] {
			return invalid("component %d has no scan or no table", n+1)
		}
		c.samples = make([]uint16, c.stride*c.blockRows)
		q := &d.quant[c.tq]
		for at := 0; at < len(c.coef); at += 64 {
			last := 0
			for k, v := range c.coef[at : at+64] {
				if block[k] = int32(v) * int32(q[k]); v != 0 {
					last = k
				}
			}
			x, y := at/64%(c.stride/8), at/64/(c.stride/8)
			t.inverse(&block, last, c.samples[y*8*c.stride+x*8:], c.stride)
		}
	}
	return nil
}
