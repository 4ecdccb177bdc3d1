package j2k

import (
	"bytes"
	"encoding/binary"
)

// Boxes of a JP2 file, T.800 Annex I. Only what leads to the codestream is read:
// in DICOM the data set says what the samples mean (PS3.5 §8.2.4).

// A jp2 is what the boxes say.
type jp2 struct {
	found       bool
	colourSpace int
}

var signatureBox = []byte{0, 0, 0, 12, 'j', 'P', ' ', ' ', '\r', '\n', 0x87, '\n'}

func isJP2(b []byte) bool { return bytes.HasPrefix(b, signatureBox) }

// parseBoxes sets the stream to the first contiguous codestream.
func (s *stream) parseBoxes() error {
	s.jp2.found = true
	for at := 0; at < len(s.b); {
		kind, body, next := box(s.b, at)
		if next <= at {
			break
		}
		switch kind {
		case "jp2h":
			s.parseHeaderBoxes(body)
		case "jp2c":
			s.at = at + next - at - len(body)
			s.end = next
			return nil
		}
		at = next
	}
	return invalid("the JP2 file holds no codestream")
}

// parseHeaderBoxes reads the JP2 header box.
func (s *stream) parseHeaderBoxes(b []byte) {
	for at := 0; at < len(b); {
		kind, body, next := box(b, at)
		if next <= at {
			return
		}
		switch {
		case kind == "colr" && len(body) >= 7 && body[0] == 1 && s.jp2.colourSpace == 0:
			s.jp2.colourSpace = int(binary.BigEndian.Uint32(body[3:]))
		case kind == "pclr":
			s.warn(Unused, -1, "the palette of the JP2 file is left aside")
		}
		at = next
	}
}

// box returns the box at b[at:] and where the next begins; a box that goes past
// the end is cut there. A next of 0 means that there is no box.
func box(b []byte, at int) (kind string, body []byte, next int) {
	if len(b)-at < 8 {
		return "", nil, 0
	}
	n, head := uint64(binary.BigEndian.Uint32(b[at:])), 8
	kind = string(b[at+4 : at+8])
	rest := uint64(len(b) - at) //nolint:gosec // at < len(b)
	switch n {
	case 0:
		n = rest
	case 1:
		if rest < 16 {
			return "", nil, 0
		}
		n, head = binary.BigEndian.Uint64(b[at+8:]), 16
	}
	n = min(n, rest)
	if n < uint64(head) {
		return "", nil, 0
	}
	next = at + int(n) //nolint:gosec // within b
	return kind, b[at+head : next], next
}
