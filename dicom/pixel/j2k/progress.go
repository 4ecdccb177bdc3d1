package j2k

import (
	"cmp"
	"slices"
)

// Progression orders, T.800 §B.12.

// A walk asks for the packets of a tile in the order they stand in the stream.
type walk struct {
	t         *tile
	p         *packets
	steps     *int // left to take without coming to a packet, in all tiles
	keep      int  // highest resolution level left out, counted from above
	interrupt func() error
	count     int
}

// maxSteps bounds the steps that lead to no packet: through empty components,
// and to packets that progression order changes name again.
const maxSteps = 1 << 26

// run reads all packets. It stops early where the stream does.
func (w *walk) run(changes []change) error {
	if len(changes) == 0 {
		changes = []change{{0, maxLevels + 1, 0, len(w.t.components), w.t.params.coding.layers, w.t.params.coding.order}}
	}
	for _, c := range changes {
		c.layers = min(c.layers, w.t.params.coding.layers)
		ok, err := w.volume(c)
		if !ok || err != nil {
			return err
		}
	}
	return nil
}

// volume reads the packets of one progression order volume.
func (w *walk) volume(c change) (bool, error) {
	c.r1 = min(c.r1, w.levels(c)+1)
	switch c.order {
	case LRCP:
		for l := range c.layers {
			for r := c.r0; r < c.r1; r++ {
				if ok, err := w.line(c, r, l); !ok || err != nil {
					return ok, err
				}
			}
		}
		return true, nil
	case RLCP:
		for r := c.r0; r < c.r1; r++ {
			for l := range c.layers {
				if ok, err := w.line(c, r, l); !ok || err != nil {
					return ok, err
				}
			}
		}
		return true, nil
	default:
		return w.positions(c)
	}
}

// levels is the highest resolution level of the components of c.
func (w *walk) levels(c change) (n int) {
	for i := c.c0; i < c.c1; i++ {
		n = max(n, w.t.components[i].style.levels)
	}
	return n
}

// line reads the packets of one layer and one resolution level.
func (w *walk) line(c change, r, l int) (bool, error) {
	if !w.step(max(1, c.c1-c.c0)) {
		return false, nil
	}
	for i := c.c0; i < c.c1; i++ {
		k := &w.t.components[i]
		if r >= len(k.resolutions) {
			continue
		}
		for n := range k.resolutions[r].precincts {
			if ok, err := w.packet(k, r, n, l); !ok || err != nil {
				return ok, err
			}
		}
	}
	return true, nil
}

// packet reads one packet unless it was read before.
func (w *walk) packet(k *tileComponent, r, number, layer int) (bool, error) {
	if w.count++; w.count&1023 == 0 && w.interrupt != nil {
		if err := w.interrupt(); err != nil {
			return false, err
		}
	}
	res := &k.resolutions[r]
	if res.precincts[number].layers != layer {
		return w.step(1), nil
	}
	return w.p.read(res, number, layer, k.style.block, r <= k.style.levels-w.keep)
}

func (w *walk) step(n int) bool {
	if *w.steps -= n; *w.steps < 0 {
		w.p.problem = Damaged
		return false
	}
	return true
}

// A place is a precinct with its upper left corner on the reference grid.
type place struct {
	x, y   int
	c, r   int
	number int
}

// positions reads the packets of a volume whose order goes by position.
func (w *walk) positions(c change) (bool, error) {
	places, ok := w.places(c)
	if !ok {
		return false, nil
	}
	slices.SortFunc(places, placeOrder(c.order))
	for _, p := range places {
		k := &w.t.components[p.c]
		for l := k.resolutions[p.r].precincts[p.number].layers; l < c.layers; l++ {
			if ok, err := w.packet(k, p.r, p.number, l); !ok || err != nil {
				return ok, err
			}
		}
	}
	return true, nil
}

// places lists the precincts of a volume.
func (w *walk) places(c change) (all []place, ok bool) {
	for i := c.c0; i < c.c1; i++ {
		k := &w.t.components[i]
		for r := c.r0; r < min(c.r1, len(k.resolutions)); r++ {
			res := &k.resolutions[r]
			if !w.step(8 * len(res.precincts)) {
				return nil, false
			}
			shift := k.style.levels - r
			for n := range res.precincts {
				px, py := res.x0>>res.px+n%res.wide, res.y0>>res.py+n/res.wide
				all = append(all, place{
					x: max(w.t.x0, px<<(res.px+shift)*k.dx), y: max(w.t.y0, py<<(res.py+shift)*k.dy),
					c: i, r: r, number: n,
				})
			}
		}
	}
	return all, true
}

// placeOrder compares places by the letters of the order.
func placeOrder(o Progression) func(a, b place) int {
	return func(a, b place) int {
		position := cmp.Or(cmp.Compare(a.y, b.y), cmp.Compare(a.x, b.x))
		c, r := cmp.Compare(a.c, b.c), cmp.Compare(a.r, b.r)
		n := cmp.Compare(a.number, b.number)
		switch o {
		case RPCL:
			return cmp.Or(r, position, c, n)
		case PCRL:
			return cmp.Or(position, c, r, n)
		default:
			return cmp.Or(c, position, r, n)
		}
	}
}
