// Package vr names the value representations of DICOM data elements.
//
// They are those of PS3.5 section 6.2. A VR is the two letters as they stand in
// an explicit-VR stream, so reading one needs no table.
package vr

// A VR is a value representation: its two letters, first letter in the high
// byte. The zero value is no VR.
type VR uint16

// The value representations of PS3.5 Table 6.2-1.
const (
	AE VR = 'A'<<8 | 'E' // application entity
	AS VR = 'A'<<8 | 'S' // age string
	AT VR = 'A'<<8 | 'T' // attribute tag
	CS VR = 'C'<<8 | 'S' // code string
	DA VR = 'D'<<8 | 'A' // date
	DS VR = 'D'<<8 | 'S' // decimal string
	DT VR = 'D'<<8 | 'T' // date time
	FD VR = 'F'<<8 | 'D' // 64-bit float
	FL VR = 'F'<<8 | 'L' // 32-bit float
	IS VR = 'I'<<8 | 'S' // integer string
	LO VR = 'L'<<8 | 'O' // long string
	LT VR = 'L'<<8 | 'T' // long text
	OB VR = 'O'<<8 | 'B' // other bytes
	OD VR = 'O'<<8 | 'D' // other 64-bit floats
	OF VR = 'O'<<8 | 'F' // other 32-bit floats
	OL VR = 'O'<<8 | 'L' // other 32-bit words
	OV VR = 'O'<<8 | 'V' // other 64-bit words
	OW VR = 'O'<<8 | 'W' // other 16-bit words
	PN VR = 'P'<<8 | 'N' // person name
	SH VR = 'S'<<8 | 'H' // short string
	SL VR = 'S'<<8 | 'L' // signed 32-bit integer
	SQ VR = 'S'<<8 | 'Q' // sequence of items
	SS VR = 'S'<<8 | 'S' // signed 16-bit integer
	ST VR = 'S'<<8 | 'T' // short text
	SV VR = 'S'<<8 | 'V' // signed 64-bit integer
	TM VR = 'T'<<8 | 'M' // time
	UC VR = 'U'<<8 | 'C' // unlimited characters
	UI VR = 'U'<<8 | 'I' // unique identifier
	UL VR = 'U'<<8 | 'L' // unsigned 32-bit integer
	UN VR = 'U'<<8 | 'N' // unknown
	UR VR = 'U'<<8 | 'R' // universal resource identifier
	US VR = 'U'<<8 | 'S' // unsigned 16-bit integer
	UT VR = 'U'<<8 | 'T' // unlimited text
	UV VR = 'U'<<8 | 'V' // unsigned 64-bit integer
)

// A class tells what the bytes of a VR are.
type class uint8

const (
	unknown  class = iota
	text           // in the data set's character set
	ascii          // text in the default repertoire alone
	binary         // numbers, of size bytes each
	opaque         // bytes whose meaning the pixel or bulk data module gives, of size bytes each
	sequence       // items
)

// A row is what the standard says of one VR.
type row struct {
	class class
	size  uint8  // bytes a number; 1 for text
	pad   byte   // what makes an odd length even
	long  bool   // 32-bit length after two reserved bytes in explicit VR (PS3.5 Table 7.1-1)
	one   bool   // backslash is a character and not a separator
	max   uint32 // longest value in bytes or characters; 0 if only the length field bounds it
}

// rows holds what PS3.5 Table 6.2-1 and Table 7.1-1 say, by VR.
var rows = map[VR]row{
	AE: {ascii, 1, ' ', false, false, 16},
	AS: {ascii, 1, ' ', false, false, 4},
	AT: {binary, 2, 0, false, false, 4},
	CS: {ascii, 1, ' ', false, false, 16},
	DA: {ascii, 1, ' ', false, false, 8},
	DS: {ascii, 1, ' ', false, false, 16},
	DT: {ascii, 1, ' ', false, false, 26},
	FD: {binary, 8, 0, false, false, 8},
	FL: {binary, 4, 0, false, false, 4},
	IS: {ascii, 1, ' ', false, false, 12},
	LO: {text, 1, ' ', false, false, 64},
	LT: {text, 1, ' ', false, true, 10240},
	OB: {opaque, 1, 0, true, true, 0},
	OD: {opaque, 8, 0, true, true, 0},
	OF: {opaque, 4, 0, true, true, 0},
	OL: {opaque, 4, 0, true, true, 0},
	OV: {opaque, 8, 0, true, true, 0},
	OW: {opaque, 2, 0, true, true, 0},
	PN: {text, 1, ' ', false, false, 324},
	SH: {text, 1, ' ', false, false, 16},
	SL: {binary, 4, 0, false, false, 4},
	SQ: {sequence, 1, 0, true, true, 0},
	SS: {binary, 2, 0, false, false, 2},
	ST: {text, 1, ' ', false, true, 1024},
	SV: {binary, 8, 0, true, false, 8},
	TM: {ascii, 1, ' ', false, false, 14},
	UC: {text, 1, ' ', true, false, 0},
	UI: {ascii, 1, 0, false, false, 64},
	UL: {binary, 4, 0, false, false, 4},
	UN: {opaque, 1, 0, true, true, 0},
	UR: {ascii, 1, ' ', true, true, 0},
	US: {binary, 2, 0, false, false, 2},
	UT: {text, 1, ' ', true, true, 0},
	UV: {binary, 8, 0, true, false, 8},
}

// String returns the two letters, or "??" for the zero VR.
func (v VR) String() string {
	if v == 0 {
		return "??"
	}
	return string([]byte{byte(v >> 8), byte(v)}) //nolint:gosec // cut on purpose: a VR is two bytes
}

// Parse returns the VR of two letters and whether the standard knows it.
func Parse(s string) (VR, bool) {
	if len(s) != 2 {
		return 0, false
	}
	v := VR(s[0])<<8 | VR(s[1])
	return v, v.Known()
}

// Known reports whether the standard has this VR.
func (v VR) Known() bool { return rows[v].class != unknown }

// Long reports whether an explicit-VR element of v has two reserved bytes and a
// 32-bit length. A VR that the standard does not know is read so too, as
// PS3.5 section 6.2 says of VRs yet to come.
func (v VR) Long() bool { r, ok := rows[v]; return !ok || r.long }

// Text reports whether values are characters of the data set's character set.
func (v VR) Text() bool { return rows[v].class == text }

// Textual reports whether values are characters at all.
func (v VR) Textual() bool { c := rows[v].class; return c == text || c == ascii }

// Binary reports whether values are numbers in the byte order of the stream.
// AT counts as pairs of 16-bit numbers.
func (v VR) Binary() bool { return rows[v].class == binary }

// Opaque reports whether the value is bytes or words whose meaning lies elsewhere.
func (v VR) Opaque() bool { return rows[v].class == opaque }

// Single reports whether a backslash in the value is a character and does not
// separate values.
func (v VR) Single() bool { return rows[v].one }

// WordSize returns the number of bytes that change places when the byte order
// does; 1 where none do.
func (v VR) WordSize() int { return max(1, int(rows[v].size)) }

// Padding returns the byte that makes an odd length even.
func (v VR) Padding() byte { return rows[v].pad }

// MaxLength returns how long one value may be: characters for text, bytes for
// the rest, 0 if only the length field bounds it.
func (v VR) MaxLength() int { return int(rows[v].max) }
