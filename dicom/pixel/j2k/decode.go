package j2k

import (
	"image"
	"math"
	"sync"
	"sync/atomic"
)

// A decoder turns a stream into an image, one tile after another.
type decoder struct {
	s      *stream
	o      Options
	img    *Image
	region rect   // on the reference grid
	out    []rect // what each component shows of itself, at the resolution asked for
	coders []coder
	steps  int // of walk
	w53    wavelet53
	w97    wavelet97
}

// A plane is one component of one tile while it is transformed: its samples are
// whole numbers or not, by the wavelet.
type plane struct {
	rect
	i []int32
	f []float32
}

// newDecoder makes room for the image.
func newDecoder(s *stream, o Options) (*decoder, error) {
	z := s.size
	d := &decoder{s: s, o: o, img: &Image{Header: s.header()}, steps: maxSteps}
	if o.Reduce < 0 || o.Reduce > d.img.Header.Levels {
		return nil, unsupported("%d resolution levels to leave out; the stream has %d", o.Reduce, d.img.Header.Levels)
	}
	d.region = rect{z.x0, z.y0, z.x1, z.y1}
	if !o.Region.Empty() {
		r := o.Region.Intersect(image.Rect(0, 0, z.x1-z.x0, z.y1-z.y0))
		d.region = rect{r.Min.X + z.x0, r.Min.Y + z.y0, r.Max.X + z.x0, r.Max.Y + z.y0}
		if r.Empty() {
			return nil, invalid("the region lies outside the image")
		}
	}
	whole := d.region.ceilShift(o.Reduce)
	d.img.Width, d.img.Height = whole.w(), whole.h()
	for _, c := range z.components {
		r := d.region.ceilDiv(c.dx, c.dy).ceilShift(o.Reduce)
		d.out = append(d.out, r)
		d.img.Components = append(d.img.Components, Component{
			Bits: c.bits, Signed: c.signed, Dx: c.dx, Dy: c.dy,
			Width: r.w(), Height: r.h(), Samples: make([]int32, r.w()*r.h()),
		})
	}
	d.coders = make([]coder, max(1, o.Workers))
	return d, nil
}

func (d *decoder) interrupted() error { return interrupted(d.o.Interrupt) }

// interrupted asks f, if there is one.
func interrupted(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

// run decodes all tiles.
func (d *decoder) run() error {
	z := d.s.size
	for index := range z.tilesWide * z.tilesUp {
		if err := d.interrupted(); err != nil {
			return err
		}
		x, y := z.tx0+index%z.tilesWide*z.tw, z.ty0+index/z.tilesWide*z.th
		if (rect{x, y, x + z.tw, y + z.th}).intersect(d.region).empty() {
			continue
		}
		data := d.s.tiles[index]
		if data == nil {
			d.s.warn(TileMissing, -1, "a tile is missing")
			continue
		}
		if err := d.tile(index, data); err != nil {
			return err
		}
	}
	return nil
}

// tile decodes one tile into the image.
func (d *decoder) tile(index int, data *tileData) error {
	t, err := newTile(d.s.size, index, data.params)
	if err != nil {
		return err
	}
	if err := d.packets(t, data); err != nil {
		return err
	}
	planes := make([]plane, len(t.components))
	var jobs []job
	for i := range t.components {
		k := &t.components[i]
		top := k.style.levels - d.o.Reduce
		if top < 0 {
			return unsupported("a tile has fewer resolution levels than are to be left out")
		}
		planes[i] = d.newPlane(i, k, top)
		if jobs, err = d.jobs(jobs, t, k, &planes[i], top); err != nil {
			return err
		}
	}
	if err := d.blocks(t, jobs); err != nil {
		return err
	}
	for i := range t.components {
		if err := d.transform(&t.components[i], &planes[i]); err != nil {
			return err
		}
	}
	if t.params.coding.transform {
		d.untangle(planes)
	}
	for i := range planes {
		d.finish(i, &planes[i])
	}
	return nil
}

// packets reads the packets of a tile.
func (d *decoder) packets(t *tile, data *tileData) error {
	p := &packets{t: t, body: data.body, layers: t.params.coding.layers}
	if d.o.Layers > 0 {
		p.layers = d.o.Layers
	}
	switch {
	case len(data.ppt) > 0:
		p.apart = true
		for _, s := range data.ppt {
			p.packed = append(p.packed, s...)
		}
	case data.hasPPM:
		p.apart, p.packed = true, data.packed
	}
	changes := t.params.changes
	if len(changes) == 0 {
		changes = d.s.main.changes
	}
	w := &walk{t: t, p: p, keep: d.o.Reduce, steps: &d.steps, interrupt: d.o.Interrupt}
	if err := w.run(changes); err != nil {
		return err
	}
	if p.problem != "" {
		d.s.warn(p.problem, -1, "the packets of a tile end early")
	}
	return nil
}

// newPlane makes room for a component of a tile. If the tile is the whole image
// the image's own samples serve.
func (d *decoder) newPlane(i int, k *tileComponent, top int) plane {
	p := plane{rect: k.resolutions[top].rect}
	n := p.w() * p.h()
	switch {
	case !k.style.reversible:
		p.f = make([]float32, n)
	case p.rect == d.out[i]:
		p.i = d.img.Components[i].Samples
	default:
		p.i = make([]int32, n)
	}
	return p
}

// A job is one code block to decode.
type job struct {
	b      *block
	band   *band
	plane  *plane
	at     int // of the block in the plane
	style  uint8
	planes int
	shift  uint8   // of the region of interest
	step   float32 // half a quantisation step
}

// jobs appends the blocks of a component that the region needs.
func (d *decoder) jobs(jobs []job, t *tile, k *tileComponent, p *plane, top int) ([]job, error) {
	need := d.region.ceilDiv(k.dx, k.dy).ceilShift(d.o.Reduce)
	for r := top; r >= 0; r-- {
		res := &k.resolutions[r]
		if r > 0 { // the wavelets reach four samples far
			need = rect{(need.x0 - 5) >> 1, (need.y0 - 5) >> 1, (need.x1 + 6) >> 1, (need.y1 + 6) >> 1}
		}
		for i := range res.bands {
			b := &res.bands[i]
			j := job{band: b, plane: p, style: k.style.block, shift: t.params.roi[k.index], planes: b.planes}
			j.planes += int(j.shift)
			if !k.style.reversible {
				f := scale(k.resolutions, r, top, b.kind) * (1 + float64(b.mantissa)/2048)
				j.step = float32(math.Ldexp(f, b.exponent-1))
			}
			if b.kind == bandHL || b.kind == bandHH {
				j.at += k.resolutions[r-1].w()
			}
			if b.kind == bandLH || b.kind == bandHH {
				j.at += k.resolutions[r-1].h() * p.w()
			}
			for n := range res.precincts {
				if res.precincts[n].parts != nil {
					jobs = j.each(jobs, &res.precincts[n].parts[i], need)
				}
			}
			if len(jobs) > 0 && jobs[len(jobs)-1].band == b && (j.planes > maxPlanes || j.planes < 0) {
				return nil, unsupported("%d bit-planes", j.planes)
			}
		}
	}
	return jobs, nil
}

// maxPlanes is how many bit-planes fit beside a sign and half of the lowest.
const maxPlanes = 30

// each appends a job like j for each block with data that meets need.
func (j job) each(jobs []job, p *precinctBand, need rect) []job {
	base := j.at
	for i := range p.blocks {
		b := &p.blocks[i]
		r := rect{int(b.x0) + j.band.x0, int(b.y0) + j.band.y0, int(b.x1) + j.band.x0, int(b.y1) + j.band.y0}
		if b.first < 0 || r.intersect(need).empty() {
			continue
		}
		j.b, j.at = b, base+int(b.y0)*j.plane.w()+int(b.x0)
		jobs = append(jobs, j)
	}
	return jobs
}

// blocks decodes code blocks, by as many goroutines as there are coders.
func (d *decoder) blocks(t *tile, jobs []job) error {
	var next atomic.Int64
	var damaged atomic.Bool
	work := func(c *coder) error {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(jobs) {
				return nil
			}
			if i&15 == 0 {
				if err := d.interrupted(); err != nil {
					return err
				}
			}
			if !c.run(&jobs[i], t.chunks) {
				damaged.Store(true)
			}
		}
	}
	errs := make([]error, len(d.coders))
	var wait sync.WaitGroup
	for i := range d.coders[1:] {
		wait.Go(func() { errs[i+1] = work(&d.coders[i+1]) })
	}
	errs[0] = work(&d.coders[0])
	wait.Wait()
	if damaged.Load() {
		d.s.warn(Damaged, -1, "a code block is damaged")
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// run decodes one block into its plane. It reports false if it is damaged.
func (t *coder) run(j *job, chunks []chunk) bool {
	if j.style&styleHT != 0 {
		t.decodeHT(j.b, chunks, j.style, j.planes)
	} else {
		t.decode(j.b, chunks, j.band.kind, j.style, j.planes)
	}
	if j.shift > 0 {
		t.unshift(j.shift)
	}
	w, stride := t.w, j.plane.w()
	for y := range t.h {
		from := t.samples[y*w : y*w+w]
		if j.plane.i != nil {
			to := j.plane.i[j.at+y*stride:][:len(from)]
			for x, v := range from {
				n := int32(v &^ (1 << 31) >> 1)
				s := int32(v) >> 31 //nolint:gosec // the sign, spread out
				to[x] = n ^ s - s
			}
			continue
		}
		to := j.plane.f[j.at+y*stride:][:len(from)]
		for x, v := range from {
			f := float32(int32(v&^(1<<31))) * j.step //nolint:gosec // 31 bits
			to[x] = math.Float32frombits(math.Float32bits(f) | v&(1<<31))
		}
	}
	return !t.damaged
}

// unshift takes the region of interest back to its place, T.800 §H.1.
func (t *coder) unshift(shift uint8) {
	for i, v := range t.samples {
		if m := v &^ (1 << 31); m>>1 >= 1<<shift {
			t.samples[i] = v&(1<<31) | m>>shift
		}
	}
}

// transform undoes the wavelet transform of a plane.
func (d *decoder) transform(k *tileComponent, p *plane) error {
	for r := 1; r <= k.style.levels-d.o.Reduce; r++ {
		if err := d.interrupted(); err != nil {
			return err
		}
		switch part := k.resolutions[r].rect; {
		case part.empty():
		case p.i != nil:
			d.w53.level(p.i, p.w(), part)
		default:
			d.w97.level(p.f, p.w(), part)
		}
	}
	return nil
}
