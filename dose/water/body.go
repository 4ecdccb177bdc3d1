package water

import "math"

// view returns which pixels were reconstructed: all that have a CT number matter can
// have, and where the corners outside of the circle in the slice are all alike, those
// within it.
func (m *Method) view(g Grid) []bool {
	in := make([]bool, len(g.HU))
	round, corner, first := true, 0.0, true
	for i, hu := range g.HU {
		in[i] = hu >= m.outside // false for NaN
		if in[i] && !g.inCircle(i) {
			if first {
				corner, first = hu, false
			}
			round = round && hu == corner
		}
	}
	if round {
		for i := range in {
			in[i] = in[i] && g.inCircle(i)
		}
	}
	return in
}

// inCircle reports whether a pixel lies within the largest circle in the slice.
func (g Grid) inCircle(i int) bool {
	y := (float64(i/g.Columns) + 0.5 - float64(g.Rows)/2) * g.Row
	x := (float64(i%g.Columns) + 0.5 - float64(g.Columns)/2) * g.Column
	r := min(float64(g.Rows)*g.Row, float64(g.Columns)*g.Column) / 2
	return x*x+y*y <= r*r
}

// body returns the pixels of the body: what is above the threshold with all that it
// encloses, less what is thinner than something can be that belongs to it, and of the
// parts that are left those that are large enough.
func (m *Method) body(g Grid, view []bool) []bool {
	mask := make([]bool, len(g.HU))
	for i, hu := range g.HU {
		mask[i] = view[i] && hu > m.threshold
	}
	g.fill(mask, view)
	return g.large(g.open(mask, view, m.opening), m.part)
}

// neighbours are the steps to the four pixels beside one.
var neighbours = [4][2]int{{-1, 0}, {1, 0}, {0, -1}, {0, 1}}

// flood marks to all that can be reached from the pixels of queue through what is
// open, and returns how many it marked. Pixels of queue must be marked already.
func (g Grid) flood(queue []int, to []bool, open func(int) bool) int {
	n := len(queue)
	for len(queue) > 0 {
		i := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, step := range neighbours {
			y, x := i/g.Columns+step[0], i%g.Columns+step[1]
			if y < 0 || x < 0 || y >= g.Rows || x >= g.Columns {
				continue
			}
			if j := y*g.Columns + x; !to[j] && open(j) {
				to[j] = true
				n++
				queue = append(queue, j)
			}
		}
	}
	return n
}

// fill adds to mask what it encloses. Air that reaches the edge of what was
// reconstructed is outside.
func (g Grid) fill(mask, view []bool) {
	outside := make([]bool, len(mask))
	var queue []int
	for i := range mask {
		if !mask[i] && g.atEdge(i, view) {
			outside[i] = true
			queue = append(queue, i)
		}
	}
	g.flood(queue, outside, func(i int) bool { return !mask[i] })
	for i := range mask {
		mask[i] = view[i] && !outside[i]
	}
}

// atEdge reports whether a pixel lies outside of what was reconstructed, or beside it.
func (g Grid) atEdge(i int, view []bool) bool {
	if !view[i] {
		return true
	}
	for _, step := range neighbours {
		y, x := i/g.Columns+step[0], i%g.Columns+step[1]
		if y < 0 || x < 0 || y >= g.Rows || x >= g.Columns || !view[y*g.Columns+x] {
			return true
		}
	}
	return false
}

// open returns the pixels of mask that a disc of a radius in mm covers somewhere
// within mask. Where the field of view ends, mask is taken to go on.
func (g Grid) open(mask, view []bool, radius float64) []bool {
	away := g.distance(func(i int) bool { return view[i] && !mask[i] })
	core := make([]bool, len(mask))
	limit := radius * radius
	for i := range mask {
		core[i] = mask[i] && away[i] > limit
	}
	near := g.distance(func(i int) bool { return core[i] })
	for i := range core {
		core[i] = mask[i] && near[i] <= limit
	}
	return core
}

// large returns the connected parts of mask that have at least a share of the area of
// the largest.
func (g Grid) large(mask []bool, share float64) []bool {
	part, size := make([]int, len(mask)), []int{0}
	seen := make([]bool, len(mask))
	for i := range mask {
		if !mask[i] || seen[i] {
			continue
		}
		id := len(size)
		seen[i], part[i] = true, id
		n := g.flood([]int{i}, seen, func(j int) bool {
			if mask[j] {
				part[j] = id
			}
			return mask[j]
		})
		size = append(size, n)
	}
	most := 0
	for _, n := range size {
		most = max(most, n)
	}
	out := make([]bool, len(mask))
	for i, id := range part {
		out[i] = id > 0 && float64(size[id]) >= share*float64(most)
	}
	return out
}

// cut returns the share of the outline of a body that lies where the field of view
// ends.
func cut(g Grid, body, view []bool) float64 {
	var all, ends float64
	for i, in := range body {
		if !in {
			continue
		}
		for k, step := range neighbours {
			length := g.Column
			if k >= 2 {
				length = g.Row
			}
			y, x := i/g.Columns+step[0], i%g.Columns+step[1]
			switch j := y*g.Columns + x; {
			case y < 0 || x < 0 || y >= g.Rows || x >= g.Columns || !view[j]:
				all, ends = all+length, ends+length
			case !body[j]:
				all += length
			}
		}
	}
	if all == 0 {
		return 0
	}
	return ends / all
}

// distance returns for every pixel the square of the distance in mm to the nearest
// one that is in, between centres (Felzenszwalb and Huttenlocher 2012); infinite if
// there is none.
func (g Grid) distance(in func(int) bool) []float64 {
	d := make([]float64, len(g.HU))
	for i := range d {
		if !in(i) {
			d[i] = math.Inf(1)
		}
	}
	line := newEnvelope(max(g.Rows, g.Columns))
	for x := range g.Columns {
		line.apply(d[x:], g.Columns, g.Rows, g.Row)
	}
	for y := range g.Rows {
		line.apply(d[y*g.Columns:], 1, g.Columns, g.Column)
	}
	return d
}

// An envelope is the lower envelope of parabolas along one line.
type envelope struct {
	f, bound []float64
	at       []int
}

func newEnvelope(n int) *envelope {
	return &envelope{make([]float64, n), make([]float64, n+1), make([]int, n)}
}

// apply replaces the n values of d that lie step apart by the least of value plus
// square of distance, pixels being spacing mm apart.
func (e *envelope) apply(d []float64, step, n int, spacing float64) {
	k := -1
	for q := range n {
		e.f[q] = d[q*step]
		if math.IsInf(e.f[q], 1) {
			continue
		}
		x := float64(q) * spacing
		s := math.Inf(-1)
		for k >= 0 {
			p := float64(e.at[k]) * spacing
			if s = (e.f[q] + x*x - e.f[e.at[k]] - p*p) / (2 * (x - p)); s > e.bound[k] {
				break
			}
			k--
			s = math.Inf(-1)
		}
		k++
		e.at[k], e.bound[k], e.bound[k+1] = q, s, math.Inf(1)
	}
	if k < 0 {
		return
	}
	for q, i := 0, 0; q < n; q++ {
		x := float64(q) * spacing
		for e.bound[i+1] < x {
			i++
		}
		away := x - float64(e.at[i])*spacing
		d[q*step] = away*away + e.f[e.at[i]]
	}
}
