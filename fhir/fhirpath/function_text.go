package fhirpath

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"

	"radagora/fault"
)

// maxPattern is the longest regular expression. Those of Go take time in proportion to
// the text, whatever they are.
const maxPattern = 1000

// text makes a function on one text.
func text(do func(c call, s string) ([]Value, error)) func(call, []Value) ([]Value, error) {
	return func(c call, in []Value) ([]Value, error) {
		v, ok, err := c.single(in)
		if err != nil || !ok {
			return nil, err
		}
		if v.kind != StringKind {
			return nil, c.wrong("the input is no String")
		}
		if err := c.m.step(len(v.text) / 64); err != nil {
			return nil, err
		}
		return do(c, v.text)
	}
}

// with makes a function on one text with a text as argument.
func with(do func(c call, s, arg string) ([]Value, error)) func(call, []Value) ([]Value, error) {
	return text(func(c call, s string) ([]Value, error) {
		arg, ok, err := c.argText(0)
		if err != nil || !ok {
			return nil, err
		}
		return do(c, s, arg)
	})
}

func (c call) text(s string) ([]Value, error) { return c.m.one(String(s)), nil }

func (c call) int(n int) ([]Value, error) { return c.m.one(Integer(int64(n))), nil }

// texts are the functions on texts (§5.6 and those that were added since).
var texts = map[string]function{
	"indexOf": {min: 1, max: 1, do: with(func(c call, s, sub string) ([]Value, error) {
		return c.int(runesBefore(s, strings.Index(s, sub)))
	})},
	"lastIndexOf": {min: 1, max: 1, do: with(func(c call, s, sub string) ([]Value, error) {
		return c.int(runesBefore(s, strings.LastIndex(s, sub)))
	})},
	"substring":  {min: 1, max: 2, do: text(substring)},
	"startsWith": {min: 1, max: 1, do: with(func(_ call, s, a string) ([]Value, error) { return boolean(strings.HasPrefix(s, a)), nil })},
	"endsWith":   {min: 1, max: 1, do: with(func(_ call, s, a string) ([]Value, error) { return boolean(strings.HasSuffix(s, a)), nil })},
	"contains":   {min: 1, max: 1, do: with(func(_ call, s, a string) ([]Value, error) { return boolean(strings.Contains(s, a)), nil })},
	"upper":      {do: text(func(c call, s string) ([]Value, error) { return c.text(strings.ToUpper(s)) })},
	"lower":      {do: text(func(c call, s string) ([]Value, error) { return c.text(strings.ToLower(s)) })},
	"trim":       {do: text(func(c call, s string) ([]Value, error) { return c.text(strings.TrimSpace(s)) })},
	"length":     {do: text(func(c call, s string) ([]Value, error) { return c.int(utf8.RuneCountInString(s)) })},
	"toChars": {do: text(func(c call, s string) ([]Value, error) {
		var all []Value
		for _, r := range s {
			all = append(all, String(string(r)))
		}
		return all, c.m.step(len(all))
	})},
	"replace": {min: 2, max: 2, do: with(func(c call, s, old string) ([]Value, error) {
		by, ok, err := c.argText(1)
		if err != nil || !ok {
			return nil, err
		}
		if err := c.m.step((len(s) + strings.Count(s, old)*len(by)) / 64); err != nil {
			return nil, err
		}
		return c.text(strings.ReplaceAll(s, old, by))
	})},
	"matches": {min: 1, max: 1, prepare: preparePattern, do: text(func(c call, s string) ([]Value, error) {
		re, ok, err := c.pattern()
		if err != nil || !ok {
			return nil, err
		}
		return boolean(re.MatchString(s)), nil
	})},
	"matchesFull": {min: 1, max: 1, prepare: preparePattern, do: text(func(c call, s string) ([]Value, error) {
		re, ok, err := c.pattern()
		if err != nil || !ok {
			return nil, err
		}
		return boolean(re.MatchString(s)), nil
	})},
	"replaceMatches": {min: 2, max: 2, prepare: preparePattern, do: text(func(c call, s string) ([]Value, error) {
		re, ok, err := c.pattern()
		if err != nil || !ok {
			return nil, err
		}
		by, ok, err := c.argText(1)
		if err != nil || !ok {
			return nil, err
		}
		if err := c.m.step((len(s) + 1) * (len(by) + 1) / 64); err != nil {
			return nil, err
		}
		return c.text(re.ReplaceAllString(s, groups.ReplaceAllString(by, "$${$1}")))
	})},
	"split": {min: 1, max: 1, do: with(func(c call, s, by string) ([]Value, error) {
		var all []Value
		for part := range strings.SplitSeq(s, by) {
			all = append(all, String(part))
		}
		return all, c.m.step(len(all))
	})},
	"join": {max: 1, do: join},
	"encode": {min: 1, max: 1, do: with(func(c call, s, how string) ([]Value, error) {
		switch how {
		case "hex":
			return c.text(hex.EncodeToString([]byte(s)))
		case "base64":
			return c.text(base64.StdEncoding.EncodeToString([]byte(s)))
		case "urlbase64":
			return c.text(base64.URLEncoding.EncodeToString([]byte(s)))
		}
		return nil, c.wrong("the encoding is hex, base64 or urlbase64")
	})},
	"decode": {min: 1, max: 1, do: with(decode)},
	"escape": {min: 1, max: 1, do: with(func(c call, s, how string) ([]Value, error) {
		switch how {
		case "html":
			return c.text(html.EscapeString(s))
		case "json":
			quoted, err := json.Marshal(s)
			return one(String(strings.Trim(string(quoted), `"`))), err
		}
		return nil, c.wrong("the escaping is html or json")
	})},
	"unescape": {min: 1, max: 1, do: with(func(c call, s, how string) ([]Value, error) {
		switch how {
		case "html":
			return c.text(html.UnescapeString(s))
		case "json":
			var plain string
			if json.Unmarshal([]byte(`"`+s+`"`), &plain) != nil {
				return nil, nil
			}
			return c.text(plain)
		}
		return nil, c.wrong("the escaping is html or json")
	})},
}

// groups finds $1 in a substitution; Go would read $1a as a group called 1a.
var groups = regexp.MustCompile(`\$(\d+)`)

// runesBefore returns how many characters stand before byte i, -1 if i is -1.
func runesBefore(s string, i int) int {
	if i < 0 {
		return i
	}
	return utf8.RuneCountInString(s[:i])
}

func substring(c call, s string) ([]Value, error) {
	start, ok, err := c.argInt(0)
	if err != nil || !ok {
		return nil, err
	}
	length, limited, err := c.argInt(1)
	if err != nil {
		return nil, err
	}
	if start < 0 || start >= int64(utf8.RuneCountInString(s)) {
		return nil, nil
	}
	s = s[byteOf(s, start):]
	if limited {
		s = s[:byteOf(s, max(0, length))]
	}
	return c.text(s)
}

// byteOf returns where the n-th character of s begins.
func byteOf(s string, n int64) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

func join(c call, in []Value) ([]Value, error) {
	separator, _, err := c.argText(0)
	if err != nil {
		return nil, err
	}
	if len(in) == 0 && !c.m.env.EmptyJoin {
		return nil, nil
	}
	var b strings.Builder
	for i := range in {
		s, ok := in[i].isText()
		if !ok {
			return nil, c.wrong("a value is no String")
		}
		if err := c.m.step((len(s) + len(separator)) / 64); err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(s)
	}
	return c.text(b.String())
}

func decode(c call, s, how string) ([]Value, error) {
	var plain []byte
	var err error
	switch how {
	case "hex":
		plain, err = hex.DecodeString(s)
	case "base64":
		plain, err = base64.StdEncoding.DecodeString(s)
	case "urlbase64":
		plain, err = base64.URLEncoding.DecodeString(s)
	default:
		return nil, c.wrong("the encoding is hex, base64 or urlbase64")
	}
	if err != nil || !utf8.Valid(plain) {
		return nil, nil //nolint:nilerr // what is not encoded so has no meaning: empty, no error
	}
	return c.text(string(plain))
}

// preparePattern compiles a regular expression that stands in the expression.
func preparePattern(s *site) error {
	if len(s.kids) == 0 || s.kids[0].form != literalForm || len(s.kids[0].value) != 1 || s.kids[0].value[0].kind != StringKind {
		return nil
	}
	re, err := pattern(s, s.kids[0].value[0].text)
	s.extra = re
	return err
}

// pattern compiles a regular expression; a point also stands for the end of a line.
func pattern(s *site, p string) (*regexp.Regexp, error) {
	if len(p) > maxPattern {
		return nil, fault.Errorf(fault.Exhausted, "expression, character %d: a regular expression of %d bytes; at most %d are read", s.pos+1, len(p), maxPattern)
	}
	if s.name == "matchesFull" {
		p = "^(?:" + p + ")$"
	}
	re, err := regexp.Compile("(?s)" + p)
	if err != nil {
		return nil, wrong(s.pos, "this is no regular expression of RE2")
	}
	return re, nil
}

// pattern returns the regular expression of the first argument.
func (c call) pattern() (re *regexp.Regexp, ok bool, err error) {
	if re, ok := c.s.extra.(*regexp.Regexp); ok {
		return re, true, nil
	}
	p, ok, err := c.argText(0)
	if err != nil || !ok {
		return nil, false, err
	}
	if re, err = pattern(c.s, p); err != nil {
		return nil, false, err
	}
	return re, true, c.m.step(len(p))
}
