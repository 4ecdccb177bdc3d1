package j2k

// Component transforms and level shift, T.800 Annex G.

// untangle undoes the transform of the first three components.
func (d *decoder) untangle(p []plane) {
	switch {
	case len(p) < 3 || p[0].w() != p[1].w() || p[0].w() != p[2].w() ||
		p[0].h() != p[1].h() || p[0].h() != p[2].h():
		d.s.warn(Damaged, -1, "a component transform of components that differ in size")
	case p[0].i != nil && p[1].i != nil && p[2].i != nil:
		untangleRCT(p[0].i, p[1].i, p[2].i)
	case p[0].f != nil && p[1].f != nil && p[2].f != nil:
		untangleICT(p[0].f, p[1].f, p[2].f)
	case !p[0].empty():
		d.s.warn(Damaged, -1, "a component transform of components that differ in wavelet")
	}
}

// untangleRCT is the reversible transform, T.800 §G.2.2.
func untangleRCT(a, b, c []int32) {
	b, c = b[:len(a)], c[:len(a)]
	for i, y := range a {
		u, v := b[i], c[i]
		green := y - (u+v)>>2
		a[i], b[i], c[i] = v+green, green, u+green
	}
}

// untangleICT is the irreversible transform, T.800 §G.3.2.
func untangleICT(a, b, c []float32) {
	b, c = b[:len(a)], c[:len(a)]
	for i, y := range a {
		u, v := b[i], c[i]
		a[i] = y + 1.402*v
		b[i] = y - 0.344136*u - 0.714136*v
		c[i] = y + 1.772*u
	}
}

// finish shifts a plane to its range and puts the part that is wanted into the
// image, T.800 §G.1.2.
func (d *decoder) finish(i int, p *plane) {
	c := &d.img.Components[i]
	out := d.out[i]
	part := p.intersect(out)
	half := int32(1) << (c.Bits - 1)
	var offset int32 // of the samples' range from that of unsigned samples
	if c.Signed {
		offset = half
	}
	for y := part.y0; y < part.y1; y++ {
		to := c.Samples[(y-out.y0)*c.Width+part.x0-out.x0:][:part.w()]
		at := (y-p.y0)*p.w() + part.x0 - p.x0
		if p.i != nil {
			finishWhole(to, p.i[at:], half, offset)
		} else {
			finishReal(to, p.f[at:], half, offset)
		}
	}
}

func finishWhole(to, from []int32, half, offset int32) {
	top := 2*half - 1
	from = from[:len(to)]
	for x, v := range from {
		to[x] = min(max(v+half, 0), top) - offset
	}
}

func finishReal(to []int32, from []float32, half, offset int32) {
	top := float32(2*half - 1)
	bias := float32(half) + 0.5
	from = from[:len(to)]
	for x, v := range from {
		n := int32(0)
		switch v += bias; {
		case v >= top:
			n = 2*half - 1
		case v > 0: // false for what is no number
			n = int32(v)
		}
		to[x] = n - offset
	}
}
