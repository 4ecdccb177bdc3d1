package j2k

// A tagTree codes a small table of numbers in packet headers, T.800 §B.10.2.
type tagTree struct {
	nodes []tagNode // leaves first, row by row, then each level above them
}

type tagNode struct {
	parent int32 // -1 for the root
	low    int32 // the value is at least this
	known  bool  // and is this
}

// tagNodes is how many nodes a tree of w by h leaves has.
func tagNodes(w, h int) int {
	n := w * h
	for w > 1 || h > 1 {
		w, h = (w+1)/2, (h+1)/2
		n += w * h
	}
	return n
}

// newTagTree lays a tree of w by h leaves into nodes and returns what is left.
func newTagTree(w, h int, nodes []tagNode) (tagTree, []tagNode) {
	n := tagNodes(w, h)
	t := tagTree{nodes[:n:n]}
	for base := 0; w*h > 1; {
		above := base + w*h
		pw := (w + 1) / 2
		for y := range h {
			for x := range w {
				t.nodes[base+y*w+x].parent = int32(above + y/2*pw + x/2) //nolint:gosec // bounded by maxBlocks
			}
		}
		base, w, h = above, pw, (h+1)/2
	}
	if n > 0 {
		t.nodes[n-1].parent = -1
	}
	return t, nodes[n:]
}

// below decodes whether the value of a leaf is less than limit, as far as the
// stream tells.
func (t *tagTree) below(leaf int, limit int32, r *headerBits) bool {
	var path [32]int32
	n := 0
	for i := int32(leaf); i >= 0 && n < len(path); i = t.nodes[i].parent { //nolint:gosec // index of a leaf
		path[n] = i
		n++
	}
	low := int32(0)
	var k *tagNode
	for n--; n >= 0; n-- {
		k = &t.nodes[path[n]]
		k.low = max(k.low, low)
		for k.low < limit && !k.known {
			if r.bit() == 1 {
				k.known = true
			} else {
				k.low++
			}
		}
		low = k.low
	}
	return k.known && k.low < limit
}

// value decodes the value of a leaf that is at most limit.
func (t *tagTree) value(leaf int, limit int32, r *headerBits) (int32, bool) {
	for v := int32(1); v <= limit+1; v++ {
		if t.below(leaf, v, r) {
			return v - 1, true
		}
		if r.short {
			break
		}
	}
	return 0, false
}
