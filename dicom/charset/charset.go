// Package charset decodes the character sets of DICOM.
//
// This is a placeholder until the real one lands: to be replaced as a whole.
package charset

import "unicode/utf8"

type Set struct{ n int }
type Problem struct{}
type Kind int

const (
	Text Kind = iota
	Name
)

func Parse(v []string) (Set, []Problem)              { return Set{}, nil }
func (s Set) Decode(b []byte, k Kind) (string, bool) { return string(b), utf8.Valid(b) }
func (s Set) Encode(x string) ([]byte, error)        { return []byte(x), nil }
func (s Set) Split(b []byte) [][]byte {
	var all [][]byte
	from := 0
	for i, c := range b {
		if c == '\\' {
			all = append(all, b[from:i])
			from = i + 1
		}
	}
	return append(all, b[from:])
}
