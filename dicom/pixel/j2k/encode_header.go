package j2k

import "math/bits"

// A headerWriter writes the bits of a packet header, T.800 §B.10.
type headerWriter struct {
	b    []byte
	free uint // bits free in the last byte
}

func (w *headerWriter) bit(v uint32) {
	if w.free == 0 {
		w.free = 8
		if n := len(w.b); n > 0 && w.b[n-1] == 0xFF {
			w.free = 7
		}
		w.b = append(w.b, 0)
	}
	w.free--
	w.b[len(w.b)-1] |= byte(v&1) << w.free
}

// put writes the low n bits of v, the highest first.
func (w *headerWriter) put(v uint32, n int) {
	for n--; n >= 0; n-- {
		w.bit(v >> n)
	}
}

// bytes ends the header.
func (w *headerWriter) bytes() []byte {
	if n := len(w.b); n > 0 && w.b[n-1] == 0xFF {
		w.b = append(w.b, 0)
	}
	return w.b
}

// blocks writes what the header says of the blocks of one band.
func (w *headerWriter) blocks(p *precinctBand, blocks []blockCode) {
	n := len(blocks)
	if n == 0 {
		return
	}
	excluded, zero := make([]int32, n), make([]int32, n)
	for i, b := range blocks {
		zero[i] = int32(b.zero) //nolint:gosec // up to 40
		if b.passes == 0 {
			excluded[i] = 1
		}
	}
	incl := newTreeWriter(&p.incl, excluded)
	zeros := newTreeWriter(&p.zeros, zero)
	for i, b := range blocks {
		incl.below(i, 1, w)
		if b.passes == 0 {
			continue
		}
		for v := int32(1); v <= zero[i]+1; v++ {
			zeros.below(i, v, w)
		}
		w.passes(b.passes)
		w.length(len(b.data), b.passes)
	}
}

// passes writes the number of coding passes, T.800 Table B.4.
func (w *headerWriter) passes(n int) {
	v := uint32(n) //nolint:gosec // 1 to 164
	switch {
	case n == 1:
		w.put(0, 1)
	case n == 2:
		w.put(0b10, 2)
	case n <= 5:
		w.put(0b1100|(v-3), 4)
	case n <= 36:
		w.put(0b1111<<5|(v-6), 9)
	default:
		w.put(0b111111111<<7|(v-37), 16)
	}
}

// length writes the length of a codeword segment, T.800 §B.10.7.1.
func (w *headerWriter) length(n, passes int) {
	have := 3 + log2(passes)
	for need := bits.Len32(uint32(n)); have < need; have++ { //nolint:gosec // some thousand bytes
		w.bit(1)
	}
	w.bit(0)
	w.put(uint32(n), have) //nolint:gosec // some thousand bytes
}

// A treeWriter codes the values of a tag tree.
type treeWriter struct {
	t      *tagTree
	values []int32
}

// newTreeWriter takes the values of the leaves; each node above has the least
// of those below it.
func newTreeWriter(t *tagTree, leaves []int32) *treeWriter {
	w := &treeWriter{t, make([]int32, len(t.nodes))}
	for i := range w.values {
		w.values[i] = 1 << 30
	}
	copy(w.values, leaves)
	for i, n := range t.nodes { // parents come after their children
		if n.parent >= 0 {
			w.values[n.parent] = min(w.values[n.parent], w.values[i])
		}
	}
	return w
}

// below codes whether the value of a leaf is less than limit, as far as the
// stream does not tell yet.
func (w *treeWriter) below(leaf int, limit int32, out *headerWriter) {
	var path [32]int32
	n := 0
	for i := int32(leaf); i >= 0 && n < len(path); i = w.t.nodes[i].parent { //nolint:gosec // index of a leaf
		path[n] = i
		n++
	}
	low := int32(0)
	for n--; n >= 0; n-- {
		k, v := &w.t.nodes[path[n]], w.values[path[n]]
		k.low = max(k.low, low)
		for k.low < limit && !k.known {
			if k.low >= v {
				out.bit(1)
				k.known = true
			} else {
				out.bit(0)
				k.low++
			}
		}
		low = k.low
	}
}
