package hl7

import (
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// clip returns no more than n characters of s.
func clip(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}

// ascii replaces what is none.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r > 0x7E || r < ' ' {
			return '?'
		}
		return r
	}, s)
}
