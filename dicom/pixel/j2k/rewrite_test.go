package j2k

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// A span is where a packet's header stands in the stream.
type span struct{ header, body, end int }

// dissect finds the packets of a stream with one tile-part a tile.
func dissect(t *testing.T, b []byte) (s *stream, spans map[int][]span) {
	t.Helper()
	s, err := parseMain(b, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.parseTileParts(); err != nil {
		t.Fatal(err)
	}
	spans = map[int][]span{}
	for index, data := range s.tiles {
		tl, err := newTile(s.size, index, data.params)
		if err != nil {
			t.Fatal(err)
		}
		p := &packets{t: tl, body: data.body, layers: data.params.coding.layers}
		p.observer = func(header, body, length int) {
			spans[index] = append(spans[index], span{header, body, body + length})
		}
		steps := maxSteps
		if err := (&walk{t: tl, p: p, steps: &steps}).run(data.params.changes); err != nil || p.problem != "" {
			t.Fatal(err, p.problem)
		}
	}
	return s, spans
}

// segmentOf makes a marker segment.
func segmentOf(code uint16, body ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, code)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)+2))
	return append(b, body...)
}

// tilePart makes a tile-part.
func tilePart(index, part, parts int, header, body []byte) []byte {
	b := []byte{0xFF, 0x90, 0, 10}
	b = binary.BigEndian.AppendUint16(b, uint16(index))
	b = binary.BigEndian.AppendUint32(b, uint32(14+len(header)+len(body)))
	b = append(b, byte(part), byte(parts))
	b = append(b, header...)
	b = append(b, 0xFF, 0x93)
	return append(b, body...)
}

// pack moves the packet headers of a stream into PPM or PPT marker segments, of
// no more than most bytes each.
func pack(t *testing.T, b []byte, main bool, most int) []byte {
	t.Helper()
	s, spans := dissect(t, b)
	out := append([]byte(nil), b[:bytes.Index(b, []byte{0xFF, 0x90, 0, 10})]...)
	var all, parts []byte
	for index := range len(s.tiles) {
		body := s.tiles[index].body
		var headers, rest []byte
		for _, p := range spans[index] {
			headers = append(headers, body[p.header:p.body]...)
			rest = append(rest, body[p.body:p.end]...)
		}
		if main {
			all = binary.BigEndian.AppendUint32(all, uint32(len(headers)))
			all = append(all, headers...)
			parts = append(parts, tilePart(index, 0, 1, nil, rest)...)
		} else {
			parts = append(parts, tilePart(index, 0, 1, numberedSegments(markerPPT, headers, most), rest)...)
		}
	}
	if main {
		out = append(out, numberedSegments(markerPPM, all, most)...)
	}
	return append(append(out, parts...), 0xFF, 0xD9)
}

func numberedSegments(code uint16, b []byte, most int) (out []byte) {
	for n := byte(0); len(b) > 0; n++ {
		k := min(most, len(b))
		out = append(out, segmentOf(code, append([]byte{n}, b[:k]...)...)...)
		b = b[k:]
	}
	return out
}

// TestPackedHeaders moves packet headers to where OpenJPEG reads but never
// writes them.
func TestPackedHeaders(t *testing.T) {
	p := paint(200, 150, 8, false, whole(3)...)
	for _, args := range []string{"-r 20,5,1", "-t 90,90 -p PCRL -c [32,32]", "-EPH -t 90,90", "-M 63 -r 4,1"} {
		b := compress(t, p, strings.Fields(args)...)
		for _, main := range []bool{false, true} {
			packed := pack(t, b, main, 900)
			m := decode(t, packed, Options{})
			differ(t, samples(m), p.samples, 0)
			differ(t, reference(t, packed, m), p.samples, 0)
		}
	}
}

// TestMainProgression moves a POC marker segment from the tile's header to the
// main header.
func TestMainProgression(t *testing.T) {
	p := paint(200, 150, 8, false, whole(3)...)
	b := compress(t, p, "-n", "6", "-POC", "T1=0,0,1,5,3,CPRL/T1=5,0,1,6,3,CPRL")
	sot := bytes.Index(b, []byte{0xFF, 0x90, 0, 10})
	poc := bytes.Index(b, []byte{0xFF, 0x5F})
	if sot < 0 || poc != sot+12 {
		t.Fatalf("POC at %d, SOT at %d", poc, sot)
	}
	n := 2 + int(binary.BigEndian.Uint16(b[poc+2:]))
	st, _ := dissect(t, b)
	body := st.tiles[0].body // of two tile-parts
	moved := append(append([]byte(nil), b[:sot]...), b[poc:poc+n]...)
	moved = append(append(moved, tilePart(0, 0, 1, nil, body)...), 0xFF, 0xD9)
	m := decode(t, moved, Options{})
	differ(t, samples(m), p.samples, 0)
	differ(t, reference(t, moved, m), p.samples, 0)
}

// TestOverlappingProgression names packets twice: they stand in the stream once,
// where they were named first (T.800 B.12.2).
func TestOverlappingProgression(t *testing.T) {
	p := paint(200, 150, 8, false, whole(3)...)
	b := compress(t, p, "-r", "8,1", "-n", "3", "-p", "LRCP")
	s, spans := dissect(t, b)
	body, head := s.tiles[0].body, b[:bytes.Index(b, []byte{0xFF, 0x90, 0, 10})]
	// LRCP has layer, resolution, component: 2*3*3 packets. First the lowest two
	// resolutions of the first layer, by resolution; then all the rest.
	var out []byte
	add := func(l, r, c int) {
		k := spans[0][(l*3+r)*3+c]
		out = append(out, body[k.header:k.end]...)
	}
	for r := range 2 {
		for c := range 3 {
			add(0, r, c)
		}
	}
	for c := range 3 {
		add(0, 2, c)
	}
	for r := range 3 {
		for c := range 3 {
			add(1, r, c)
		}
	}
	poc := segmentOf(markerPOC, 0, 0, 0, 1, 2, 3, 1, 0, 0, 0, 2, 3, 3, 0)
	changed := append(append([]byte(nil), head...), poc...)
	changed = append(append(changed, tilePart(0, 0, 1, nil, out)...), 0xFF, 0xD9)
	m := decode(t, changed, Options{})
	differ(t, samples(m), p.samples, 0)
	differ(t, reference(t, changed, m), p.samples, 0)
}

// TestInterleavedTileParts puts the halves of each tile's packets far apart.
func TestInterleavedTileParts(t *testing.T) {
	p := paint(200, 150, 8, false, whole(3)...)
	b := compress(t, p, "-t", "90,90")
	s, spans := dissect(t, b)
	out := append([]byte(nil), b[:bytes.Index(b, []byte{0xFF, 0x90, 0, 10})]...)
	for part := range 2 {
		for index := range len(s.tiles) {
			body := s.tiles[index].body
			half := spans[index][len(spans[index])/2].header
			if part == 0 {
				body = body[:half]
			} else {
				body = body[half:]
			}
			out = append(out, tilePart(index, part, 2, nil, body)...)
		}
	}
	out = append(out, 0xFF, 0xD9)
	m := decode(t, out, Options{})
	differ(t, samples(m), p.samples, 0)
	differ(t, reference(t, out, m), p.samples, 0)
}

// marked finds a marker segment in a main header and returns its body.
func marked(t *testing.T, b []byte, code uint16) (at int, body []byte) {
	t.Helper()
	at = bytes.Index(b, []byte{byte(code >> 8), byte(code)})
	if at < 0 {
		t.Fatalf("no marker %#04x", code)
	}
	n := int(binary.BigEndian.Uint16(b[at+2:]))
	return at, append([]byte(nil), b[at+4:at+2+n]...)
}

// TestPrecedence gives wrong styles where others come before them: COC and QCC
// before COD and QCD, and what stands in a tile's header before the main one
// (T.800 A.6.1).
func TestPrecedence(t *testing.T) {
	p := paint(100, 90, 8, false, whole(1)...)
	b := compress(t, p, "-n", "4")
	at, cod := marked(t, b, markerCOD)
	_, qcd := marked(t, b, markerQCD)
	body := b[bytes.Index(b, []byte{0xFF, 0x93})+2 : len(b)-2]
	coc := segmentOf(markerCOC, append([]byte{0, 0}, cod[5:]...)...)
	qcc := segmentOf(markerQCC, append([]byte{0}, qcd...)...)
	wrongCOD, wrongQCD := append([]byte(nil), cod...), append([]byte(nil), qcd...)
	wrongCOD[6], wrongCOD[8] = 1, 8 // code block, style
	for i := range wrongQCD[1:] {
		wrongQCD[1+i] += 8
	}
	wrongCOC := segmentOf(markerCOC, append([]byte{0, 0}, wrongCOD[5:]...)...)
	wrongQCC := segmentOf(markerQCC, append([]byte{0}, wrongQCD...)...)
	right := append(segmentOf(markerCOD, cod...), segmentOf(markerQCD, qcd...)...)
	wrong := append(segmentOf(markerCOD, wrongCOD...), segmentOf(markerQCD, wrongQCD...)...)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, c := range []struct {
		name       string
		main, tile []byte
	}{
		{"COC and QCC in the main header", join(wrong, coc, qcc), nil},
		{"COC and QCC first", join(coc, qcc, wrong), nil},
		{"COD and QCD of the tile", wrong, right},
		{"COD and QCD of the tile before COC and QCC of the main header", join(wrong, wrongCOC, wrongQCC), right},
		{"COC and QCC of the tile", join(wrong, wrongCOC, wrongQCC), join(coc, qcc)},
		{"COC and QCC of the tile before its COD and QCD", wrong, join(coc, qcc, wrong)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := join(b[:at], c.main, tilePart(0, 0, 1, c.tile, body), []byte{0xFF, 0xD9})
			m := decode(t, s, Options{})
			differ(t, samples(m), p.samples, 0)
			if !strings.Contains(c.name, "first") && !strings.Contains(c.name, "before its") { // OpenJPEG goes by order
				differ(t, reference(t, s, m), p.samples, 0)
			}
		})
	}
}

// TestDerivedQuantisation replaces the steps of the bands by one they all derive
// from.
func TestDerivedQuantisation(t *testing.T) {
	b := compress(t, paint(100, 90, 8, false, whole(1)...), "-I", "-n", "4")
	at, qcd := marked(t, b, markerQCD)
	end := at + 4 + len(qcd)
	derived := segmentOf(markerQCD, qcd[0]&0xE0|1, qcd[1], qcd[2])
	s := bytes.Join([][]byte{b[:at], derived, b[end:]}, nil)
	m, err := Decode(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	differ(t, samples(m), reference(t, s, m), 1)
}
