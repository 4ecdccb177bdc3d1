package fhir

import "strings"

// A form says how a primitive type is written (R4, primitive types).
type form struct {
	kind kind
	fits func(string) bool
}

// instantLayout writes an instant.
const instantLayout = "2006-01-02T15:04:05.000Z07:00"

// maxString is the longest string, in bytes; R4 says 1024*1024 characters.
const maxString = 1 << 20

// forms are the primitive types of R4.
var forms = map[string]form{
	"boolean":      {boolKind, anything},
	"integer":      {numberKind, isInteger},
	"unsignedInt":  {numberKind, func(s string) bool { return isInteger(s) && s[0] != '-' }},
	"positiveInt":  {numberKind, func(s string) bool { return isInteger(s) && s[0] != '-' && s != "0" }},
	"decimal":      {numberKind, anything},
	"string":       {stringKind, isString},
	"markdown":     {stringKind, isString},
	"code":         {stringKind, isCode},
	"id":           {stringKind, isID},
	"uri":          {stringKind, isURI},
	"url":          {stringKind, isURI},
	"canonical":    {stringKind, isURI},
	"oid":          {stringKind, isOID},
	"uuid":         {stringKind, isUUID},
	"base64Binary": {stringKind, isBase64},
	"date":         {stringKind, isDate},
	"dateTime":     {stringKind, isDateTime},
	"instant":      {stringKind, isInstant},
	"time":         {stringKind, isTime},
	"xhtml":        {stringKind, isXHTML},
}

func anything(string) bool { return true }

// isInteger: without leading zeros, within 32 bits.
func isInteger(s string) bool {
	bare := strings.TrimPrefix(s, "-")
	if bare == "" || digits(bare) != len(bare) || len(bare) > 10 || len(bare) > 1 && bare[0] == '0' {
		return false
	}
	n := 0
	for _, c := range []byte(bare) {
		n = n*10 + int(c-'0')
	}
	return n < 1<<31 || n == 1<<31 && s[0] == '-'
}

func isString(s string) bool { return len(s) <= maxString }

// isCode: no blank at either end, and single blanks between.
func isCode(s string) bool {
	blank := true
	for i := range len(s) {
		now := isBlank(s[i])
		if now && blank {
			return false
		}
		blank = now
	}
	return !blank
}

func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isID(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// isURI: without blanks.
func isURI(s string) bool {
	for i := range len(s) {
		if isBlank(s[i]) {
			return false
		}
	}
	return true
}

// isOID: urn:oid:[0-2](\.(0|[1-9][0-9]*))+.
func isOID(s string) bool {
	s, ok := strings.CutPrefix(s, "urn:oid:")
	root, rest, more := strings.Cut(s, ".")
	if !ok || !more || len(root) != 1 || root[0] < '0' || root[0] > '2' {
		return false
	}
	for arc := range strings.SplitSeq(rest, ".") {
		if arc == "" || digits(arc) != len(arc) || len(arc) > 1 && arc[0] == '0' {
			return false
		}
	}
	return true
}

// isUUID: in small letters, as R4 writes it.
func isUUID(s string) bool {
	s, ok := strings.CutPrefix(s, "urn:uuid:")
	if !ok || len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && strings.IndexByte(hex, c) < 0 {
			return false
		}
	}
	return true
}

// isBase64 takes white space between the characters, as R4 does.
func isBase64(s string) bool {
	count, pad := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case isBlank(c):
		case c == '=':
			pad++
			count++
		case pad > 0 || !isBase64Digit(c):
			return false
		default:
			count++
		}
	}
	return count > 0 && count%4 == 0 && pad <= 2
}

func isBase64Digit(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/'
}

// isXHTML looks at both ends only: whoever shows a narrative cleans it anyway.
func isXHTML(s string) bool {
	s = strings.Trim(s, " \t\r\n")
	head, _, ok := strings.Cut(s, ">")
	return ok && strings.HasPrefix(head, "<div") && strings.Contains(head, "http://www.w3.org/1999/xhtml") &&
		(strings.HasSuffix(s, "</div>") || head+">" == s && strings.HasSuffix(head, "/"))
}
