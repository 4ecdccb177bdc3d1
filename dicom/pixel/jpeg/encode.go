package jpeg

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// EncodeLossless writes an image of process 14 with the first predictor
// (selection value 1), as transfer syntax JPEG Lossless, Non-Hierarchical,
// First-Order Prediction wants it. pix holds samples of a pixel side by side, a
// byte each if precision is at most 8 and else two, little endian; bits above
// the precision are left out. Codes are made for the image. Errors are
// Unsupported (a size or precision that JPEG does not have) and Invalid (pix is
// too short).
func EncodeLossless(pix []byte, width, height, components, precision int) ([]byte, error) {
	cell := (precision + 7) / 8
	switch {
	case width < 1 || height < 1 || width > 65535 || height > 65535 || components < 1 || components > 4,
		precision < 2 || precision > 16:
		return nil, unsupported("%d columns, %d rows, %d components, %d bits", width, height, components, precision)
	case len(pix) < width*height*components*cell:
		return nil, invalid("%d bytes for %d samples", len(pix), width*height*components)
	}
	e := &encoder{pix: pix, width: width, height: height, n: components, precision: precision}
	var freq [17]int
	e.each(func(diff int16) { freq[category(diff)]++ })
	t := newCodes(freq)
	e.out = make([]byte, 0, len(pix)/2+1024)
	e.head(t)
	e.each(func(diff int16) { e.put(t, diff) })
	e.flush()
	if len(e.out)&1 != 0 { // fragments are even; markers may be preceded by FF
		e.out = append(e.out, 0xFF)
	}
	return append(e.out, 0xFF, eoi), nil
}

// An encoder writes one lossless image.
type encoder struct {
	pix                         []byte
	width, height, n, precision int
	out                         []byte
	acc                         uint64
	bits                        int
}

// each calls do with the difference of every sample, in the order of the scan.
func (e *encoder) each(do func(int16)) {
	mask := uint16(1<<e.precision - 1)
	row := e.width * e.n
	cur, above := make([]uint16, row), make([]uint16, row)
	for y := range e.height {
		e.load(cur, y*row, mask)
		for x, v := range cur {
			var pred uint16
			switch {
			case x >= e.n:
				pred = cur[x-e.n]
			case y > 0:
				pred = above[x]
			default:
				pred = 1 << (e.precision - 1)
			}
			do(int16(v - pred)) //nolint:gosec // modulo 2^16
		}
		cur, above = above, cur
	}
}

// load reads samples from place at on.
func (e *encoder) load(row []uint16, at int, mask uint16) {
	if e.precision <= 8 {
		for x, v := range e.pix[at : at+len(row)] {
			row[x] = uint16(v) & mask
		}
		return
	}
	in := e.pix[2*at:]
	for x := range row {
		row[x] = binary.LittleEndian.Uint16(in[2*x:]) & mask
	}
}

// category returns how many bits the difference takes (T.81 Table H.2).
func category(diff int16) int {
	if diff < 0 {
		return bits.Len16(uint16(-int32(diff))) //nolint:gosec // at most 32768
	}
	return bits.Len16(uint16(diff))
}

// put writes the code and the bits of one difference.
func (e *encoder) put(t *codes, diff int16) {
	n := category(diff)
	v := uint64(uint16(diff)) //nolint:gosec // its bits
	if diff < 0 {
		v = uint64(uint16(diff - 1)) //nolint:gosec // its bits
	}
	e.acc = e.acc<<t.length[n] | uint64(t.code[n])
	e.bits += int(t.length[n])
	if n > 0 && n < 16 {
		e.acc = e.acc<<n | v&(1<<n-1)
		e.bits += n
	}
	for e.bits >= 8 {
		e.bits -= 8
		c := byte(e.acc >> e.bits) //nolint:gosec // eight bits
		e.out = append(e.out, c)
		if c == 0xFF {
			e.out = append(e.out, 0)
		}
	}
}

// flush fills the last byte with ones.
func (e *encoder) flush() {
	if e.bits > 0 {
		c := byte(e.acc<<(8-e.bits)) | byte(1<<(8-e.bits)-1) //nolint:gosec // eight bits
		e.out = append(e.out, c)
		if c == 0xFF {
			e.out = append(e.out, 0)
		}
	}
}

// head writes everything up to the coded data.
func (e *encoder) head(t *codes) {
	be := binary.BigEndian
	b := append(e.out, 0xFF, soi, 0xFF, sof3)
	b = be.AppendUint16(b, uint16(8+3*e.n))  //nolint:gosec // at most 20
	b = append(b, byte(e.precision))         //nolint:gosec // at most 16
	b = be.AppendUint16(b, uint16(e.height)) //nolint:gosec // checked
	b = be.AppendUint16(b, uint16(e.width))  //nolint:gosec // checked
	b = append(b, byte(e.n))                 //nolint:gosec // at most 4
	for k := range e.n {
		b = append(b, byte(k+1), 0x11, 0)
	}
	b = append(b, 0xFF, dht)
	b = be.AppendUint16(b, uint16(19+len(t.values))) //nolint:gosec // at most 36
	b = append(append(append(b, 0), t.counts[:]...), t.values...)
	b = append(b, 0xFF, sos)
	b = be.AppendUint16(b, uint16(6+2*e.n)) //nolint:gosec // at most 14
	b = append(b, byte(e.n))                //nolint:gosec // at most 4
	for k := range e.n {
		b = append(b, byte(k+1), 0)
	}
	e.out = append(b, 1, 0, 0)
}

// codes is a Huffman code for the categories of differences.
type codes struct {
	counts [16]byte
	values []byte
	code   [17]uint16
	length [17]uint8
}

// newCodes makes a code for symbols of those frequencies in which no word has
// more than 16 bits or consists of ones alone (T.81 K.2): one more symbol, the
// rarest of all, takes that word and is then left out. With at most 18 symbols
// no word is longer than 17, and lengths beyond 16 are brought back as K.3 does.
func newCodes(freq [17]int) *codes {
	type node struct {
		weight  int
		symbols []int
	}
	var nodes []node
	for s, f := range freq {
		if f > 0 {
			nodes = append(nodes, node{f, []int{s}})
		}
	}
	const reserved = 17
	nodes = append(nodes, node{0, []int{reserved}})
	var size [18]int
	for len(nodes) > 1 {
		slices.SortStableFunc(nodes, func(a, b node) int { return a.weight - b.weight })
		joined := node{nodes[0].weight + nodes[1].weight, slices.Concat(nodes[0].symbols, nodes[1].symbols)}
		for _, s := range joined.symbols {
			size[s]++
		}
		nodes = append([]node{joined}, nodes[2:]...)
	}
	var count [20]int
	for _, n := range size {
		if n > 0 {
			count[n]++
		}
	}
	for n := 18; n > 16; n-- { // T.81 Figure K.3
		for count[n] > 0 {
			j := n - 2
			for count[j] == 0 {
				j--
			}
			count[n] -= 2
			count[n-1]++
			count[j+1] += 2
			count[j]--
		}
	}
	longest := 16
	for count[longest] == 0 {
		longest--
	}
	count[longest]-- // the reserved symbol has the last word
	return assign(size, count)
}

// assign gives words to the symbols, those with shorter ones first.
func assign(size [18]int, count [20]int) *codes {
	t := &codes{}
	order := make([]int, 0, 17)
	for s := range 17 {
		if size[s] > 0 {
			order = append(order, s)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return size[a] - size[b] })
	code, k := uint16(0), 0
	for length := 1; length <= 16; length++ {
		t.counts[length-1] = byte(count[length]) //nolint:gosec // at most 17
		for range count[length] {
			s := order[k]
			t.values = append(t.values, byte(s)) //nolint:gosec // at most 16
			t.code[s], t.length[s] = code, uint8(length)
			code++
			k++
		}
		code <<= 1
	}
	return t
}
