package jpeg

import "encoding/binary"

// lookBits is how long a code may be to be found by one look into the table.
const lookBits = 10

// A table is a Huffman table (T.81 Annex C and F.2.2.3).
type table struct {
	look    [1 << lookBits]uint16 // length<<8 | symbol; 0 if the code is longer
	maxCode [18]int32             // greatest code of each length; -1 if there is none
	delta   [17]int32             // what makes of a code of each length an index of values
	values  []byte
	// whole holds, where a code and the bits behind it fit into one look, the
	// number they stand for <<8 | how many bits that are; 0 where they do not.
	whole [1 << lookBits]int32
}

// readHuffman reads Huffman tables (T.81 B.2.4.2).
func (d *decoder) readHuffman(seg []byte) error {
	for len(seg) > 0 {
		if len(seg) < 17 || seg[0]>>4 > 1 || seg[0]&15 > 3 {
			return invalid("Huffman table")
		}
		n := 0
		for _, c := range seg[1:17] {
			n += int(c)
		}
		if n > 256 || len(seg) < 17+n {
			return invalid("Huffman table of %d codes", n)
		}
		t, err := newTable([16]byte(seg[1:17]), seg[17:17+n])
		if err != nil {
			return err
		}
		if seg[0]>>4 == 0 {
			d.dc[seg[0]&15] = t
		} else {
			d.ac[seg[0]&15] = t
		}
		seg = seg[17+n:]
	}
	return nil
}

// newTable makes a table of the number of codes of each length and their values.
func newTable(counts [16]byte, values []byte) (*table, error) {
	t := &table{values: values}
	code, k := int32(0), 0
	for length := 1; length <= 16; length++ {
		t.maxCode[length] = -1
		t.delta[length] = int32(k) - code
		for range counts[length-1] {
			if code >= 1<<length {
				return nil, invalid("Huffman table with too many codes of %d bits", length)
			}
			if length <= lookBits {
				from := code << (lookBits - length)
				for j := range int32(1) << (lookBits - length) {
					t.look[from+j] = uint16(length)<<8 | uint16(values[k])
				}
			}
			t.maxCode[length] = code
			code++
			k++
		}
		code <<= 1
	}
	t.fill()
	return t, nil
}

// fill makes the table of whole numbers.
func (t *table) fill() {
	for k, e := range t.look {
		length, n := int(e>>8), int(e&0xFF)
		if e == 0 || n > 15 || length+n > lookBits {
			continue
		}
		v := int32(0)
		if n > 0 {
			r := bitReader{acc: uint64(k), n: lookBits - length}
			v = r.extend(n)
		}
		t.whole[k] = v<<8 | int32(length+n)
	}
}

// A bitReader reads the bits of an entropy-coded segment. Behind its end it yields
// zeros and counts them.
type bitReader struct {
	b     []byte
	pos   int
	acc   uint64 // bits not used yet are the lowest n
	n     int
	extra int // bits made up behind the end
}

// fill makes sure that there are at least 32 bits.
func (r *bitReader) fill() {
	if r.n >= 32 {
		return
	}
	if r.pos+4 <= len(r.b) {
		v := binary.BigEndian.Uint32(r.b[r.pos:])
		if (^v-0x01010101)&v&0x80808080 == 0 { // no byte is FF
			r.acc = r.acc<<32 | uint64(v)
			r.n += 32
			r.pos += 4
			return
		}
	}
	for r.n <= 48 {
		r.acc = r.acc<<8 | uint64(r.next())
		r.n += 8
	}
}

// next returns the next byte, without the zero that follows FF.
func (r *bitReader) next() byte {
	if r.pos >= len(r.b) {
		r.extra += 8
		return 0
	}
	c := r.b[r.pos]
	if c != 0xFF {
		r.pos++
		return c
	}
	k := r.pos + 1
	for k < len(r.b) && r.b[k] == 0xFF {
		k++
	}
	if k < len(r.b) && r.b[k] == 0 {
		r.pos = k + 1
		return 0xFF
	}
	r.extra += 8 // a marker
	return 0
}

// over reports whether bits were used that are not there.
func (r *bitReader) over() bool { return r.extra > r.n }

// symbol decodes one symbol. fill must have been called.
func (r *bitReader) symbol(t *table) byte {
	if e := t.look[r.acc>>(r.n-lookBits)&(1<<lookBits-1)]; e != 0 {
		r.n -= int(e >> 8)
		return byte(e & 0xFF)
	}
	return r.long(t)
}

// long decodes a symbol of more than lookBits bits. A code that is none yields 0
// and takes away all bits, so that over tells it in the end.
func (r *bitReader) long(t *table) byte {
	for length := lookBits + 1; length <= 16; length++ {
		code := int32(r.acc >> (r.n - length) & (1<<length - 1)) //nolint:gosec // at most 16 bits
		if code <= t.maxCode[length] {
			r.n -= length
			return t.values[code+t.delta[length]]
		}
	}
	r.extra = 1 << 30
	return 0
}

// take returns the next n bits, at most 16.
func (r *bitReader) take(n int) int32 {
	r.n -= n
	return int32(r.acc >> r.n & (1<<n - 1)) //nolint:gosec // at most 16 bits
}

// extend returns the number that n bits stand for (T.81 Table F.1): those whose
// first bit is 0 are negative.
func (r *bitReader) extend(n int) int32 {
	v := r.take(n)
	if v < 1<<(n-1) {
		v += -1<<n + 1
	}
	return v
}

// restart begins anew behind the next restart marker and reports whether there
// was one.
func (r *bitReader) restart() bool {
	r.acc, r.n, r.extra = 0, 0, 0
	for k := r.pos; k+1 < len(r.b); k++ {
		if r.b[k] == 0xFF && r.b[k+1] != 0 && r.b[k+1] != 0xFF {
			if m := r.b[k+1]; m < rst0 || m > rst7 {
				return false
			}
			r.pos = k + 2
			return true
		}
	}
	return false
}
