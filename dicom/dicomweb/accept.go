package dicomweb

import (
	"cmp"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"radagora/dicom/uid"
	"radagora/fault"
)

// The media types of PS3.18.
const (
	typeDICOM     = "application/dicom"
	typeJSON      = "application/dicom+json"
	typePlainJSON = "application/json"
	typeXML       = "application/dicom+xml"
	typeOctets    = "application/octet-stream"
	typeZip       = "application/zip"
	typeRelated   = "multipart/related"
	typeJPEG      = "image/jpeg"
	typePNG       = "image/png"
	typeGIF       = "image/gif"
	typePDF       = "application/pdf"
)

// A media is a media type with parameters; of ranges, parts may be "*".
type media struct {
	kind, sub string // in lower case
	params    map[string]string
	q         float64
}

// String returns the type without parameters.
func (m media) String() string { return m.kind + "/" + m.sub }

// maxAccept bounds how many media types somebody may name.
const maxAccept = 64

// parseAccept reads an Accept header (RFC 9110 12.5.1). It is tolerant: a type
// without quotes, as in type=application/dicom, is what many clients send. What
// cannot be read at all is passed over.
func parseAccept(s string) []media {
	var all []media
	for _, field := range split(s, ',') {
		if m, ok := parseMedia(field); ok && len(all) < maxAccept {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b media) int { return cmp.Compare(b.q, a.q) })
	return slices.DeleteFunc(all, func(m media) bool { return m.q <= 0 })
}

// parseMedia reads a media type and its parameters.
func parseMedia(s string) (media, bool) {
	fields := split(s, ';')
	kind, sub, ok := strings.Cut(strings.ToLower(strings.TrimSpace(fields[0])), "/")
	m := media{kind: strings.TrimSpace(kind), sub: strings.TrimSpace(sub), params: map[string]string{}, q: 1}
	if !ok || m.kind == "" || m.sub == "" || strings.ContainsAny(m.kind+m.sub, " \t\"/<>@,;:\\()[]?={}") {
		return m, false
	}
	for _, f := range fields[1:] {
		name, value, ok := strings.Cut(f, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || name == "" {
			continue
		}
		if _, twice := m.params[name]; !twice {
			m.params[name] = unquote(strings.TrimSpace(value))
		}
	}
	if q, given := m.params["q"]; given {
		n, err := strconv.ParseFloat(q, 64)
		if err != nil || !(n >= 0) {
			return m, false
		}
		m.q = min(n, 1)
	}
	return m, true
}

// split cuts s at each sep that stands outside of a quoted string.
func split(s string, sep byte) []string {
	var all []string
	from, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == sep && !quoted:
			all = append(all, s[from:i])
			from = i + 1
		}
	}
	return append(all, s[from:])
}

// unquote returns what a quoted string holds, and anything else as it is.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return strings.Trim(s, `"`)
	}
	if s = s[1 : len(s)-1]; !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// A want is one thing that a client takes.
type want struct {
	kind, sub string // of a part, if it is to be multipart; may be "*"
	multipart bool
	any       bool   // nothing was asked for: */*
	syntax    string // "" not said, "*" as it is stored, or a UID
}

// wants returns what the client takes, the most wanted first. The query parameter
// accept counts in place of the header (PS3.18 8.3.3.1). Nobody who says nothing
// is refused.
func wants(r *http.Request) []want {
	text := strings.Join(r.Header.Values("Accept"), ",")
	if q := queryParam(r, "accept"); q != "" {
		text = strings.ReplaceAll(q, " ", "+") // dicom+json whose plus was not encoded
		text = strings.ReplaceAll(text, ";+", ";")
	}
	if strings.TrimSpace(text) == "" {
		return []want{{kind: "*", sub: "*", any: true, syntax: "*"}}
	}
	var all []want
	for _, m := range parseAccept(text) {
		if w, ok := m.want(); ok {
			all = append(all, w)
		}
	}
	return all
}

// want returns what a media range asks for.
func (m media) want() (want, bool) {
	w := want{kind: m.kind, sub: m.sub, syntax: m.params["transfer-syntax"]}
	switch {
	case m.kind == "*":
		w.any = true
		if w.syntax == "" {
			w.syntax = "*"
		}
	case m.kind == "multipart" && (m.sub == "related" || m.sub == "*"):
		w.multipart, w.kind, w.sub = true, "*", "*"
		if t := m.params["type"]; t != "" {
			part, ok := parseMedia(t)
			if !ok {
				return w, false
			}
			w.kind, w.sub = part.kind, part.sub
			if s := part.params["transfer-syntax"]; w.syntax == "" {
				w.syntax = s
			}
		}
		if w.kind == "*" && w.syntax == "" {
			w.syntax = "*"
		}
	}
	if w.syntax != "" && w.syntax != "*" {
		if _, err := uid.Parse(w.syntax); err != nil {
			return w, false
		}
	}
	return w, true
}

// takes reports whether w covers a media type.
func (w want) takes(media string) bool {
	kind, sub, _ := strings.Cut(media, "/")
	return (w.kind == "*" || w.kind == kind) && (w.sub == "*" || w.sub == sub)
}

// choose returns the first of the offered media types that somebody wants, in the
// order of their wishes, and how they want it.
func choose(ws []want, offered ...string) (string, want, bool) {
	for _, w := range ws {
		for _, o := range offered {
			if w.takes(o) {
				return o, w, true
			}
		}
	}
	return "", want{}, false
}

// notAcceptable is the error for whoever takes nothing that can be given.
func notAcceptable(offered ...string) error {
	return &statusError{http.StatusNotAcceptable, fault.Errorf(fault.Unsupported,
		"none of the media types in Accept can be given here; there are: %s (PS3.18 8.7)", strings.Join(offered, ", "))}
}

// queryParam returns a parameter of the query, "" if it is absent or unreadable.
func queryParam(r *http.Request, name string) string {
	if !strings.Contains(r.URL.RawQuery, name+"=") {
		return ""
	}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if key == name {
			if v, err := url.QueryUnescape(value); err == nil {
				return v
			}
		}
	}
	return ""
}

// related returns the Content-Type of a multipart answer.
func related(part, boundary string) string {
	return mime.FormatMediaType(typeRelated, map[string]string{"type": part, "boundary": boundary})
}

// gzipped reports whether the client takes gzip.
func gzipped(r *http.Request) bool {
	for field := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, params, _ := strings.Cut(field, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "gzip" && name != "*" {
			continue
		}
		_, q, _ := strings.Cut(strings.ReplaceAll(params, " ", ""), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		return q == "" || err == nil && weight > 0
	}
	return false
}
