package jpeg

// finish puts the planes together to an image.
func (d *decoder) finish() (*Image, error) {
	if d.Lossless {
		d.img.Header = d.Header
		return d.img, nil
	}
	if d.Progressive {
		if err := d.transformAll(); err != nil {
			return nil, err
		}
	}
	for k, c := range d.comps {
		if c.samples == nil {
			return nil, invalid("component %d has no scan", k+1)
		}
	}
	if err := d.image(); err != nil {
		return nil, err
	}
	d.img.Header = d.Header
	row := make([]uint16, d.Width+2*d.hmax)
	sums := make([]int32, d.Width+2)
	for _, c := range d.comps {
		for y := range d.Height {
			d.store(c, c.line(d, y, row, sums)[:d.Width], y, 0)
		}
	}
	return d.img, nil
}

// line returns row y of the image from plane c, interpolated where the plane has
// fewer samples.
func (c *component) line(d *decoder, y int, row []uint16, sums []int32) []uint16 {
	h, v := d.hmax/c.h, d.vmax/c.v
	in := c.samples[y/v*c.stride:]
	switch {
	case h == 1 && v == 1:
		return in
	case h == 2 && v == 1 && c.width > 2:
		smoothRow(in[:c.width], row)
	case h == 2 && v == 2 && c.width > 2:
		near := y / 2
		far := near - 1 + 2*(y&1)
		far = min(max(far, 0), c.height-1)
		for x := range c.width {
			sums[x] = 3*int32(c.samples[near*c.stride+x]) + int32(c.samples[far*c.stride+x])
		}
		smoothSums(sums[:c.width], row)
	default:
		for x := range d.Width {
			row[x] = in[x/h]
		}
	}
	return row
}

// smoothRow doubles a row: each sample is three parts of the nearer and one of
// the farther neighbour, rounded up and down by turns.
func smoothRow(in, out []uint16) {
	n := len(in)
	out[0], out[2*n-1] = in[0], in[n-1]
	for x := range n - 1 {
		out[2*x+1] = (3*in[x] + in[x+1] + 2) >> 2
		out[2*x+2] = (3*in[x+1] + in[x] + 1) >> 2
	}
}

// smoothSums does the same with columns that have been weighted already.
func smoothSums(in []int32, out []uint16) {
	n := len(in)
	out[0], out[2*n-1] = uint16((4*in[0]+8)>>4), uint16((4*in[n-1]+7)>>4) //nolint:gosec // samples
	for x := range n - 1 {
		out[2*x+1] = uint16((3*in[x] + in[x+1] + 7) >> 4) //nolint:gosec // a sample
		out[2*x+2] = uint16((3*in[x+1] + in[x] + 8) >> 4) //nolint:gosec // a sample
	}
}
