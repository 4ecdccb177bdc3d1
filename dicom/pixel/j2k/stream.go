package j2k

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// A stream is a codestream cut into headers and the bodies of its tile-parts.
type stream struct {
	b        []byte // the whole input
	at       int    // where reading goes on
	end      int    // of the codestream
	limits   Limits
	size     *size
	main     *parameters
	ht       bool
	jp2      jp2
	ppm      [][]byte // segments of PPM by their number
	tiles    map[int]*tileData
	warnings []Warning
}

// A tileData is what the stream says of one tile.
type tileData struct {
	params *parameters
	body   []byte   // of all tile-parts together
	bodies int      // how many there were
	ppt    [][]byte // segments of PPT by their number
	packed []byte   // packet headers from PPM
	hasPPM bool
}

// warn notes an oddity.
func (s *stream) warn(code WarningCode, offset int, text string) {
	if len(s.warnings) < maxWarnings {
		s.warnings = append(s.warnings, Warning{code, offset, "jpeg 2000: " + text})
	}
}

// parseMain reads the main header, T.800 §A.3.
func parseMain(b []byte, l Limits) (*stream, error) {
	s := &stream{b: b, limits: l.withDefaults(), tiles: map[int]*tileData{}}
	if err := s.find(); err != nil {
		return nil, err
	}
	for {
		code, body, ok := s.segment()
		if code == markerSOT {
			break
		}
		if !ok {
			return nil, invalid("the main header ends early")
		}
		if err := s.mainSegment(code, body); err != nil {
			return nil, err
		}
	}
	if s.size == nil {
		return nil, invalid("no image and tile size (SIZ)")
	}
	return s, s.main.check()
}

// find looks for the codestream: at the beginning, in a JP2 file, or, because
// some writers put bytes before it, a little later.
func (s *stream) find() error {
	start := []byte{0xFF, 0x4F, 0xFF, 0x51}
	s.end = len(s.b)
	switch {
	case bytes.HasPrefix(s.b, start):
	case isJP2(s.b):
		if err := s.parseBoxes(); err != nil {
			return err
		}
		if !bytes.HasPrefix(s.b[s.at:s.end], start) {
			return invalid("the JP2 file holds no codestream")
		}
	default:
		i := bytes.Index(s.b[:min(len(s.b), 4096)], start)
		if i < 0 {
			return invalid("no codestream begins here")
		}
		s.at = i
		s.warn(Prefix, 0, "bytes before the codestream")
	}
	s.at += 2
	return nil
}

// segment reads the next marker and its segment. SOT is left for parseTilePart,
// and a marker that cannot be read for whoever asked.
func (s *stream) segment() (code int, body []byte, ok bool) {
	if s.at+4 > s.end {
		return 0, nil, false
	}
	code = int(binary.BigEndian.Uint16(s.b[s.at:]))
	if code == markerSOT || code == markerSOD || code == markerEOC || code < 0xFF00 {
		return code, nil, false
	}
	n := int(binary.BigEndian.Uint16(s.b[s.at+2:]))
	if n < 2 || s.at+2+n > s.end {
		return code, nil, false
	}
	body = s.b[s.at+4 : s.at+2+n]
	s.at += 2 + n
	return code, body, true
}

// mainSegment takes one marker segment of the main header.
func (s *stream) mainSegment(code int, body []byte) (err error) {
	if code == markerSIZ {
		if s.size != nil {
			return invalid("two image and tile sizes (SIZ)")
		}
		if s.size, err = parseSIZ(body, s.limits); err != nil {
			return err
		}
		n := len(s.size.components)
		s.main = &parameters{style: make([]style, n), quant: make([]quantisation, n), roi: make([]uint8, n)}
		return nil
	}
	if s.size == nil {
		return invalid("marker %#04x before the image and tile size (SIZ)", code)
	}
	if known, err := s.main.set(code, body); known {
		return err
	}
	switch code {
	case markerCAP:
		s.ht = len(body) >= 4 && binary.BigEndian.Uint32(body)&(1<<17) != 0
	case markerPPM:
		s.ppm = numbered(s.ppm, body)
	case markerTLM, markerPLM, markerCRG, markerCOM, markerCPF:
	default:
		return s.unknown(code)
	}
	return nil
}

// unknown notes a marker segment that nothing here reads, and refuses those of
// ISO/IEC 15444-2, without which samples would come out wrong.
func (s *stream) unknown(code int) error {
	if code >= 0xFF70 && code <= 0xFF7F {
		return unsupported("marker %#04x of Part 2", code)
	}
	s.warn(Unused, s.at, "unknown marker segment "+hex(code))
	return nil
}

func hex(code int) string {
	const digits = "0123456789ABCDEF"
	return string([]byte{digits[code>>12&15], digits[code>>8&15], digits[code>>4&15], digits[code&15]})
}

// numbered puts a segment of packed packet headers in its place.
func numbered(all [][]byte, body []byte) [][]byte {
	if len(body) == 0 {
		return all
	}
	for len(all) <= int(body[0]) {
		all = append(all, nil)
	}
	all[body[0]] = body[1:]
	return all
}

// parseTileParts reads everything behind the main header.
func (s *stream) parseTileParts() error {
	packed := bytes.Join(s.ppm, nil)
	for {
		if s.at+2 <= s.end && binary.BigEndian.Uint16(s.b[s.at:]) == markerEOC {
			return nil
		}
		if s.at+12 > s.end {
			s.warn(Unended, s.at, "the stream ends before its end marker")
			return nil
		}
		if binary.BigEndian.Uint16(s.b[s.at:]) != markerSOT {
			s.warn(Damaged, s.at, "no tile-part where one should begin")
			return nil
		}
		more, err := s.parseTilePart(&packed)
		if err != nil || !more {
			return err
		}
	}
}

// parseTilePart reads one tile-part, T.800 §A.4.2. It reports whether another
// may follow.
func (s *stream) parseTilePart(packed *[]byte) (more bool, err error) {
	h := s.b[s.at:]
	index, length, part := int(binary.BigEndian.Uint16(h[4:])), int(binary.BigEndian.Uint32(h[6:])), h[10]
	end := s.at + length
	switch {
	case index >= s.size.tilesWide*s.size.tilesUp:
		s.warn(Damaged, s.at, "a tile-part of a tile that does not exist")
		return false, nil
	case length == 0: // up to the end of the codestream
		end = s.bodyEnd()
	case length < 14 || end > s.end:
		s.warn(Unended, s.at, "a tile-part is shorter than it says")
		end = s.end
	}
	t := s.tiles[index]
	if t == nil {
		t = &tileData{params: s.main.clone()}
		t.params.inherit()
		s.tiles[index] = t
	}
	s.at += 12
	if ok, err := s.tileHeader(t, end, part == 0); !ok || err != nil {
		return false, err
	}
	if len(s.ppm) > 0 {
		t.hasPPM = true
		t.packed = append(t.packed, nextPacked(packed)...)
	}
	t.add(s.b[s.at:end])
	s.at = end
	return true, nil
}

// bodyEnd is where the end marker stands, or the end of the stream without it.
// DICOM pads fragments to even length.
func (s *stream) bodyEnd() int {
	for n := 2; n <= 4 && s.at+12+n <= s.end; n++ {
		if bytes.HasPrefix(s.b[s.end-n:s.end], []byte{0xFF, 0xD9}) {
			return s.end - n
		}
	}
	return s.end
}

// add appends the body of a tile-part without copying if it is the only one.
func (t *tileData) add(body []byte) {
	if t.bodies++; t.bodies == 1 {
		t.body = slices.Clip(body)
		return
	}
	t.body = append(t.body, body...)
}

// tileHeader reads the marker segments of a tile-part up to and with SOD. It
// reports whether it came so far.
func (s *stream) tileHeader(t *tileData, end int, first bool) (bool, error) {
	for {
		code, body, ok := s.segment()
		if code == markerSOD && s.at+2 <= end {
			s.at += 2
			return true, nil
		}
		if !ok || s.at > end {
			s.warn(Truncated, s.at, "a tile-part's header ends early")
			return false, nil
		}
		if !first && (code == markerCOD || code == markerCOC || code == markerQCD || code == markerQCC) {
			s.warn(Unused, s.at, "coding style in a later tile-part")
			continue
		}
		if known, err := t.params.set(code, body); known {
			if err != nil {
				return false, err
			}
			continue
		}
		switch code {
		case markerPPT:
			t.ppt = numbered(t.ppt, body)
		case markerPLT, markerCOM:
		default:
			if err := s.unknown(code); err != nil {
				return false, err
			}
		}
	}
}

// nextPacked takes the packet headers of the next tile-part out of the main
// header's, T.800 §A.7.4.
func nextPacked(packed *[]byte) []byte {
	p := *packed
	if len(p) < 4 {
		*packed = nil
		return nil
	}
	n := min(int(binary.BigEndian.Uint32(p)), len(p)-4)
	*packed = p[4+n:]
	return p[4 : 4+n]
}

// header is what Config tells of the stream.
func (s *stream) header() Header {
	z := s.size
	h := Header{
		Width: z.x1 - z.x0, Height: z.y1 - z.y0,
		TileWidth: z.tw, TileHeight: z.th, Tiles: z.tilesWide * z.tilesUp,
		Levels: maxLevels, Layers: s.main.coding.layers, Progression: s.main.coding.order,
		Reversible: true, Transform: s.main.coding.transform, HighThroughput: s.ht,
		Boxes: s.jp2.found, ColourSpace: s.jp2.colourSpace,
	}
	for i, c := range z.components {
		h.Components = append(h.Components, ComponentHeader{
			Bits: c.bits, Signed: c.signed, Dx: c.dx, Dy: c.dy,
			Width: ceilDiv(z.x1, c.dx) - ceilDiv(z.x0, c.dx), Height: ceilDiv(z.y1, c.dy) - ceilDiv(z.y0, c.dy),
		})
		st := &s.main.style[i]
		h.Levels = min(h.Levels, st.levels)
		h.Reversible = h.Reversible && st.reversible
		h.HighThroughput = h.HighThroughput || st.block&styleHT != 0
	}
	return h
}
