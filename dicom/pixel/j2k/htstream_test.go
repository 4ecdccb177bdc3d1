package j2k

import (
	"encoding/binary"
	"slices"
)

// High throughput streams made by hand, to ask other decoders about single code
// blocks.

// A codedBlock is one code block of such a stream.
type codedBlock struct {
	cleanup    []byte
	refinement []byte
	passes     int // 1 to 3
	zero       int // missing bit-planes; the same in all blocks of a stream
}

// A bitPacker packs bits, the first one highest, and stuffs as packet headers do.
type bitPacker struct {
	b    []byte
	n    int // bits in the last byte
	room int
}

func (p *bitPacker) put(v, n int) {
	for n--; n >= 0; n-- {
		if p.n == p.room {
			p.room = 8
			if len(p.b) > 0 && p.b[len(p.b)-1] == 0xFF {
				p.room = 7
			}
			p.b, p.n = append(p.b, 0), 0
		}
		p.n++
		p.b[len(p.b)-1] |= byte(v>>n&1) << (p.room - p.n)
	}
}

func (p *bitPacker) bytes() []byte {
	if len(p.b) > 0 && p.b[len(p.b)-1] == 0xFF {
		p.b = append(p.b, 0)
	}
	return p.b
}

// handmade makes a stream of one component without decomposition from code
// blocks of 2^xcb by 2^ycb, wide in a row.
func handmade(blocks []codedBlock, wide, xcb, ycb, bits, style int, area rect) []byte {
	var out []byte
	out = append(out, 0xFF, 0x4F)
	var siz []byte
	siz = binary.BigEndian.AppendUint16(siz, 0x4000)
	for _, v := range []int{area.x1, area.y1, area.x0, area.y0, area.x1, area.y1, 0, 0} {
		siz = binary.BigEndian.AppendUint32(siz, uint32(v))
	}
	siz = append(siz, 0, 1, byte(bits-1)|0x80, 1, 1)
	out = append(out, segmentOf(markerSIZ, siz...)...)
	out = append(out, segmentOf(markerCAP, 0, 2, 0, 0, 0, 0x10)...)
	out = append(out, segmentOf(markerCOD, 0, 0, 0, 1, 0, 0, byte(xcb-2), byte(ycb-2), byte(style), 1)...)
	out = append(out, segmentOf(markerQCD, 1<<5, byte(bits)<<3)...)
	var head bitPacker
	head.put(1, 1)
	var body []byte
	high := len(blocks) / wide
	incl, zeros := map[[3]int]bool{}, map[[3]int]bool{}
	for i, b := range blocks {
		for _, n := range treePath(i%wide, i/wide, wide, high) {
			if !incl[n] {
				incl[n] = true
				head.put(1, 1)
			}
		}
		for k, n := range treePath(i%wide, i/wide, wide, high) {
			if zeros[n] {
				continue
			}
			zeros[n] = true
			if k == 0 {
				head.put(0, b.zero)
			}
			head.put(1, 1)
		}
		switch b.passes {
		case 1:
			head.put(0, 1)
		case 2:
			head.put(2, 2)
		default:
			head.put(0b1100+b.passes-3, 4)
		}
		head.put(0b1111111110, 10) // Lblock is 12
		head.put(len(b.cleanup), 12)
		body = append(body, b.cleanup...)
		if b.passes > 1 {
			head.put(len(b.refinement), 12+b.passes-2)
			body = append(body, b.refinement...)
		}
	}
	out = append(out, tilePart(0, 0, 1, nil, append(head.bytes(), body...))...)
	return append(out, 0xFF, 0xD9)
}

// treePath names the nodes of a tag tree from its root to a leaf.
func treePath(x, y, w, h int) (path [][3]int) {
	for level := 0; ; level++ {
		path = append([][3]int{{level, x, y}}, path...)
		if w == 1 && h == 1 {
			return path
		}
		x, y, w, h = x/2, y/2, (w+1)/2, (h+1)/2
	}
}

// melBits codes a series of events as T.814 §7.3.3 decodes them, highest bit first.
func melBits(events []int) (bits []int) {
	exponent := [13]int{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5}
	k, run := 0, 0
	for _, e := range events {
		if e == 0 {
			if run++; run == 1<<exponent[k] {
				bits = append(bits, 1)
				k, run = min(k+1, 12), 0
			}
			continue
		}
		bits = append(bits, 0)
		for i := exponent[k] - 1; i >= 0; i-- {
			bits = append(bits, run>>i&1)
		}
		k, run = max(k-1, 0), 0
	}
	if run > 0 {
		bits = append(bits, 1)
	}
	return bits
}

// cleanupSegment makes a cleanup segment from its three bit-streams. vlc is in
// the order of decoding; magsgn are bytes.
func cleanupSegment(magsgn []byte, mel, vlc []int) []byte {
	// The suffix is read from both ends. Enough of zero bits lie between them.
	var melBytes []byte
	room := 0
	for _, b := range append(mel, make([]int, 8)...) {
		if room == 0 {
			room = 8
			if n := len(melBytes); n > 0 && melBytes[n-1] == 0xFF {
				room = 7
			}
			melBytes = append(melBytes, 0)
		}
		room--
		melBytes[len(melBytes)-1] |= byte(b) << room
	}
	back := []byte{0} // from the last byte but one to the front
	at, last := 4, byte(0xFF)
	top := 8
	for _, b := range append(vlc, make([]int, 8)...) {
		n := len(back) - 1
		if at == top {
			last = back[n]
			if n == 0 {
				last |= 0xF
			}
			back = append(back, 0)
			n++
			at, top = 0, 8
		}
		back[n] |= byte(b) << at
		at++
		// A byte after one above 0x8F whose low seven bits are all ones has no eighth.
		if at == 7 && back[n]&0x7F == 0x7F && last > 0x8F {
			top = 7
		}
		if n == 0 && at == 7 && back[0]>>4 == 7 {
			top = 7
		}
	}
	out := append([]byte(nil), magsgn...)
	out = append(out, melBytes...)
	for _, b := range slices.Backward(back) {
		out = append(out, b)
	}
	scup := len(melBytes) + len(back) + 1
	out[len(out)-1] = out[len(out)-1]&0xF0 | byte(scup&15)
	return append(out, byte(scup>>4))
}
