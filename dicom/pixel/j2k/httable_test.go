package j2k

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// askBlocks decodes code blocks of 4 by 4 with OpenJPEG and returns the 16
// samples of each.
func askBlocks(t *testing.T, blocks []codedBlock) [][16]int32 {
	t.Helper()
	wide := 64
	for len(blocks)%wide != 0 {
		blocks = append(blocks, blocks[0])
	}
	const bits = 24
	high := len(blocks) / wide
	for i := range blocks {
		blocks[i].zero = bits - 1
		blocks[i].passes = max(1, blocks[i].passes)
	}
	b := handmade(blocks, wide, 2, 2, bits, styleHT, rect{0, 0, 4 * wide, 4 * high})
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.j2k"), filepath.Join(dir, "out.pgx")
	if err := os.WriteFile(in, b, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "opj_decompress", "-i", in, "-o", out)
	m, _ := filepath.Glob(filepath.Join(dir, "*.pgx"))
	raw, err := os.ReadFile(m[0])
	if err != nil {
		t.Fatal(err)
	}
	head, raw, _ := bytes.Cut(raw, []byte("\n"))
	if len(raw) != 4*16*len(blocks) {
		t.Fatalf("%s: %d bytes", head, len(raw))
	}
	var order binary.ByteOrder = binary.LittleEndian
	if bytes.HasPrefix(head, []byte("PG ML")) {
		order = binary.BigEndian
	}
	all := make([][16]int32, len(blocks))
	for i := range all {
		for y := range 4 {
			for x := range 4 {
				at := (i/wide*4+y)*4*wide + i%wide*4 + x
				all[i][y*4+x] = int32(order.Uint32(raw[4*at:]))
			}
		}
	}
	return all
}

func bitsOf(v, n int) (b []int) {
	for i := range n {
		b = append(b, v>>i&1)
	}
	return b
}

type derived struct {
	rho, uoff, ek, e1 int
	code, length      int
}

// deriveTables learns the two tables of T.814 Annex C from a decoder.
func deriveTables(t *testing.T) (tables [2][8][]derived) {
	t.Helper()
	known := func(table, context, rho int) []int { // a codeword without u
		for _, d := range tables[table][context] {
			if d.rho == rho && d.uoff == 0 {
				return bitsOf(d.code, d.length)
			}
		}
		t.Fatalf("table %d has no word for %d in context %d", table, rho, context)
		return nil
	}
	learn := func(table, context int, mel, before []int) {
		var blocks []codedBlock
		for p := range 128 {
			vlc := append(append([]int(nil), before...), bitsOf(p, 7)...)
			vlc = append(vlc, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
			blocks = append(blocks,
				codedBlock{cleanup: cleanupSegment(nil, melBits(mel), vlc)},
				codedBlock{cleanup: cleanupSegment(make([]byte, 40), melBits(mel), vlc)})
		}
		got := askBlocks(t, blocks)
		groups := map[[4]int][]int{}
		for p := range 128 {
			k := observe(quadAt(got[2*p], 2, 2*table), quadAt(got[2*p+1], 2, 2*table))
			groups[k] = append(groups[k], p)
		}
		for k, ps := range groups {
			length := 7 - log2(len(ps))
			code := ps[0] & (1<<length - 1)
			for _, p := range ps {
				if p&(1<<length-1) != code || len(ps) != 1<<(7-length) {
					t.Fatalf("table %d context %d: %v are no codeword: %07b", table, context, k, ps)
				}
			}
			tables[table][context] = append(tables[table][context], derived{k[0], k[1], k[2], k[3], code, length})
		}
	}
	learn(0, 0, []int{0, 1}, nil)
	for c := 1; c < 8; c++ {
		rho := c << 1 // gives the context c to the right neighbour
		learn(0, c, append([]int{1}, 0, 0, 0), known(0, 0, rho))
	}
	// In the second row the first quad stands below q0 and beside q1.
	row := func(q1 int) (mel, vlc []int) { // q0 zero
		if q1 == 0 {
			return []int{0, 0}, nil
		}
		return []int{0, 1}, known(0, 0, q1)
	}
	for _, c := range []int{0, 4, 1, 5, 2, 6, 3, 7} {
		q1 := 0
		if c&4 != 0 {
			q1 |= 8
		}
		if c&1 != 0 {
			q1 |= 2
		}
		mel, vlc := row(q1)
		left := 0
		if c&2 != 0 {
			left = 4
		}
		leftContext := 0
		if q1&2 != 0 {
			leftContext = 4
		}
		switch {
		case leftContext != 0:
			vlc = append(vlc, known(1, leftContext, left)...)
		case left == 0:
			mel = append(mel, 0)
		default:
			mel = append(mel, 1)
			vlc = append(vlc, known(1, 0, left)...)
		}
		if c == 0 {
			mel = append(mel, 1)
		}
		learn(1, c, mel, vlc)
	}
	return tables
}

// quadAt returns a quad of a block: upper left, lower left, upper right, lower right.
func quadAt(b [16]int32, x, y int) [4]int32 {
	return [4]int32{b[y*4+x], b[y*4+4+x], b[y*4+x+1], b[y*4+5+x]}
}

// observe finds what a codeword means from how a quad comes out with magnitude
// bits that are all one and all zero.
func observe(ones, zeros [4]int32) [4]int {
	rho, e1 := 0, 0
	var m [4]int
	most, least := 0, 99
	for n := range 4 {
		if ones[n] == 0 {
			continue
		}
		rho |= 1 << n
		if zeros[n] > 1 || zeros[n] < 0 {
			e1 |= 1 << n
		}
	}
	for n := range 4 {
		if rho>>n&1 == 0 {
			continue
		}
		// All ones give the magnitude 2^(m-1), or 2^m if a one is implied.
		v := int(-ones[n])
		m[n] = log2(max(v, 1)) + 1
		if v < 0 {
			m[n] = 0
		}
		if e1>>n&1 != 0 {
			m[n]--
		}
		most, least = max(most, m[n]), min(least, m[n])
	}
	if rho == 0 {
		return [4]int{}
	}
	ek := 0
	for n := range 4 {
		if rho>>n&1 != 0 && (m[n] < most || most == least && e1 != 0) {
			ek |= 1 << n
		}
	}
	uoff := 0
	if most > 1 || e1 != 0 {
		uoff = 1
	}
	return [4]int{rho, uoff, ek, e1}
}

// TestWords learns the tables from OpenJPEG and compares them with ours. The
// standard's tables have 444 and 358 rows.
func TestWords(t *testing.T) {
	tables := deriveTables(t)
	n := [2]int{}
	for i, table := range tables {
		for context, rows := range table {
			var want []word
			for _, d := range rows {
				want = append(want, word{uint8(d.code), uint8(d.length), uint8(d.rho), uint8(d.uoff), uint8(d.ek), uint8(d.e1)})
			}
			slices.SortFunc(want, func(a, b word) int {
				return cmp.Or(cmp.Compare(a.length, b.length), cmp.Compare(a.code, b.code))
			})
			if !slices.Equal(words[i][context], want) {
				t.Errorf("table %d, context %d: %v; want %v", i, context, words[i][context], want)
			}
			n[i] += len(words[i][context])
		}
	}
	if n != [2]int{444, 358} {
		t.Errorf("%v rows; want 444 and 358", n)
	}
}
