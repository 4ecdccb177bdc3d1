package charset

import (
	"slices"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// side is how many rows and columns a set of two-byte characters has.
const side = 94

// A plane is the characters of a two-byte set by row and column; 0 where there
// is none.
type plane [side * side]uint16

// planes makes the table of each two-byte set when it is first needed.
var planes = map[graphic]func() *plane{
	jisX0208: sync.OnceValue(func() *plane { return jis(makePlane(japanese.EUCJP, nil)) }),
	jisX0212: sync.OnceValue(func() *plane { return makePlane(japanese.EUCJP, []byte{0x8F}) }),
	ksX1001:  sync.OnceValue(func() *plane { return makePlane(korean.EUCKR, nil) }),
	gb2312:   sync.OnceValue(func() *plane { return makePlane(simplifiedchinese.GBK, nil) }),
}

// makePlane reads a table off an encoding in which its characters are prefix and
// two bytes from A1 on.
func makePlane(e encoding.Encoding, prefix []byte) *plane {
	var p plane
	decoder := e.NewDecoder()
	for i := range p {
		text, err := decoder.Bytes(append(slices.Clip(prefix), byte(0xA1+i/side), byte(0xA1+i%side)))
		r, n := utf8.DecodeRune(text)
		if err == nil && n == len(text) && r != utf8.RuneError && r <= 0xFFFF {
			p[i] = uint16(r) //nolint:gosec // checked
		}
	}
	return &p
}

// jis puts the characters of JIS X 0208 right for which the encoding has those of
// one vendor: wave dash, double vertical line, minus, cent, pound, not.
func jis(p *plane) *plane {
	for at, r := range map[int]uint16{0x2141: 0x301C, 0x2142: 0x2016, 0x215D: 0x2212, 0x2171: 0xA2, 0x2172: 0xA3, 0x224C: 0xAC} {
		p[(at>>8-0x21)*side+at&0xFF-0x21] = r
	}
	return p
}

// pair returns the character of two bytes without their high bits, or 0.
func pair(g graphic, a, b byte) rune {
	if a < 0x21 || a > 0x7E || b < 0x21 || b > 0x7E {
		return 0
	}
	return rune(planes[g]()[int(a-0x21)*side+int(b-0x21)])
}
