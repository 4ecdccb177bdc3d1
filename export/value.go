package export

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"radagora/fault"
	"radagora/ucum"
)

// maxText is the length of the longest text a cell of a spreadsheet holds, in
// UTF-16 units, and so that of the longest text in either format.
const maxText = 32767

// ellipsis stands at the end of a text that was cut.
const ellipsis = "…"

// value returns v as the one Go type that its kind is written from: nil if it is
// unknown, else string (clean), float64 or ucum.Decimal, int64, bool, or time.Time
// in UTC (the wall clock of a Date or a Local as if it were UTC). Another type is
// fault.Internal; the error names the type, not the value.
func (c *Column) value(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	out, ok := any(nil), false
	switch c.Kind {
	case Text:
		out, ok = text(v)
	case Number:
		out, ok = number(v)
	case Integer:
		out, ok = integer(v)
	case Boolean:
		out, ok = v.(bool)
	default:
		out, ok = moment(v, c.Kind)
	}
	if !ok {
		return nil, fault.Errorf(fault.Internal, "column %s: a %T is no %s", c.Name, v, c.Kind)
	}
	return out, nil
}

func text(v any) (any, bool) {
	s, ok := v.(string)
	if s = clean(s); s == "" {
		return nil, ok
	}
	return s, ok
}

func number(v any) (any, bool) {
	switch v := v.(type) {
	case float64:
		return finite(v), true
	case *float64:
		if v == nil {
			return nil, true
		}
		return finite(*v), true
	case ucum.Decimal:
		return v, true
	case *ucum.Decimal:
		if v == nil {
			return nil, true
		}
		return *v, true
	}
	return integer(v)
}

// finite returns v, 0 for -0, and nil for what is no number or infinite.
func finite(v float64) any {
	switch {
	case math.IsNaN(v), math.IsInf(v, 0):
		return nil
	case v == 0:
		return 0.0
	}
	return v
}

func integer(v any) (any, bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	}
	return nil, false
}

func moment(v any, k Kind) (any, bool) {
	t, ok := v.(time.Time)
	if !ok || t.IsZero() {
		return nil, ok
	}
	y, m, d := t.Date()
	switch k {
	case Date:
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC), true
	case Local:
		return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC), true
	default:
		return t.UTC(), true
	}
}

// timeFormat holds the form of ISO 8601 for each kind that is a time.
var timeFormat = [...]string{Date: time.DateOnly, Instant: time.RFC3339Nano, Local: "2006-01-02T15:04:05.999999999"}

// plain writes what value returned: a point, no groups, all digits; ISO 8601.
func plain(v any, k Kind) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return decimal(v)
	case ucum.Decimal:
		return v.String()
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.Format(timeFormat[k])
	}
	return ""
}

// decimal writes the shortest decimal that reads back as v, with an exponent only
// where the number would be a row of zeros.
func decimal(v float64) string {
	if a := math.Abs(v); a != 0 && (a < 1e-7 || a >= 1e21) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// clean makes s fit for a cell: what is no UTF-8 becomes U+FFFD, control and other
// characters that XML 1.0 does not know go, line ends become LF, and a text that
// is too long is cut.
func clean(s string) string {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	if strings.IndexFunc(s, strange) >= 0 {
		s = strings.ReplaceAll(s, "\r\n", "\n")
		s = strings.Map(func(r rune) rune {
			switch {
			case r == '\r':
				return '\n'
			case strange(r):
				return -1
			}
			return r
		}, s)
	}
	return cut(s, maxText)
}

// strange reports whether r has no place in a cell: what is no Char of XML 1.0,
// the second block of control characters, and CR, which stands for LF.
func strange(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff
}

// cut returns s, or the beginning of it and an ellipsis if it is longer than most
// UTF-16 units.
func cut(s string, most int) string {
	if len(s) <= most { // no character has more units than bytes
		return s
	}
	units, last := 0, 0
	for i, r := range s {
		if units < most {
			last = i // whatever fits up to here leaves room for the ellipsis
		}
		if units += utf16.RuneLen(r); units > most {
			return s[:last] + ellipsis
		}
	}
	return s
}
