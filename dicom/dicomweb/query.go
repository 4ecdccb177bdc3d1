package dicomweb

import (
	"encoding/binary"
	"math"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/vr"
	"radagora/fault"
)

// Bounds of a search.
const (
	maxQuery    = 32 << 10 // bytes of the query string
	maxKeys     = 512      // attributes asked for and wanted
	maxPath     = 8        // levels of sequences
	maxOffset   = math.MaxInt32
	charsetUTF8 = "ISO_IR 192"
)

// An asked is what the query string of a search says (PS3.18 8.3.4).
type asked struct {
	keys          *dicom.Builder
	count         int
	all, fuzzy    bool
	total         bool // how many match is to be told
	offset, limit int  // limit is -1 if not said
	ignored       []string
	literal       map[string]*dicom.Builder // items of sequences by path
}

// parseQuery reads the query string of a search. Errors are Invalid and quote names
// of parameters at most, never values.
func parseQuery(raw string) (*asked, error) {
	if len(raw) > maxQuery {
		return nil, fault.Errorf(fault.Invalid, "the query is longer than %d bytes: ask for less", maxQuery)
	}
	a := &asked{keys: dicom.NewBuilder(), limit: -1, literal: map[string]*dicom.Builder{}}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "the name of a parameter is not percent-encoded as RFC 3986 says")
		}
		if err := a.parameter(name, value); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// parameter takes one parameter; value is still encoded.
func (a *asked) parameter(name, value string) error {
	path, isAttribute := parseAttribute(name)
	text, err := url.QueryUnescape(value)
	if isAttribute && path[len(path)-1].vr() == vr.DT { // the plus of a time zone
		text, err = url.PathUnescape(value)
	}
	switch {
	case err != nil || !utf8.ValidString(text):
		return fault.Errorf(fault.Invalid, "%s: the value is not percent-encoded UTF-8", label(name))
	case strings.ContainsRune(text, 0):
		return fault.Errorf(fault.Invalid, "%s: the value holds a NUL", label(name))
	case isAttribute:
		return a.match(path, text)
	}
	switch name {
	case "includefield":
		return a.include(text)
	case "fuzzymatching":
		return flag(name, text, &a.fuzzy)
	case "count": // ours: PS3.18 has no way to ask how many there are
		return flag(name, text, &a.total)
	case "limit":
		return number(name, text, &a.limit)
	case "offset":
		return number(name, text, &a.offset)
	case "accept", "charset":
		return nil // of every request: PS3.18 8.3.3
	case "emptyvaluematching", "multiplevaluematching":
		var ignored bool
		if err := flag(name, text, &ignored); err != nil || !ignored {
			return err
		}
		a.ignored = append(a.ignored, name)
		return nil
	}
	if looksLikeAttribute(name) {
		return fault.Errorf(fault.Invalid, "%s is no attribute of the data dictionary: write a keyword such as PatientID or eight digits such as 00100020 (PS3.18 8.3.4.1)", label(name))
	}
	a.ignored = append(a.ignored, label(name))
	return nil
}

// label returns a name that may be told back.
func label(name string) string {
	if len(name) > 64 || strings.IndexFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' }) >= 0 {
		return "a parameter"
	}
	return name
}

// looksLikeAttribute reports whether a name was meant for an attribute: a search
// that leaves such a one out finds what nobody asked for.
func looksLikeAttribute(name string) bool {
	return name != "" && (name[0] >= 'A' && name[0] <= 'Z' || name[0] >= '0' && name[0] <= '9' || strings.Contains(name, "."))
}

// flag reads true or false.
func flag(name, text string, to *bool) error {
	switch strings.ToLower(text) {
	case "true":
		*to = true
	case "false":
		*to = false
	default:
		return fault.Errorf(fault.Invalid, "%s is true or false", name)
	}
	return nil
}

// number reads a count.
func number(name, text string, to *int) error {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n > maxOffset {
		return fault.Errorf(fault.Invalid, "%s is a whole number from 0", name)
	}
	*to = int(n)
	return nil
}

// An attr is one step of an attribute's path.
type attr tag.Tag

func (a attr) vr() vr.VR { return tag.VROf(tag.Tag(a)) }

// keywords holds the tags of the dictionary by keyword.
var keywords = func() map[string]tag.Tag {
	all := map[string]tag.Tag{}
	for e := range tag.All() {
		if e.Keyword != "" {
			all[e.Keyword] = e.Tag
		}
	}
	return all
}()

// parseAttribute reads the path of an attribute: keywords or tags, the sequences
// before it divided by dots (PS3.18 8.3.4.1).
func parseAttribute(name string) ([]attr, bool) {
	steps := strings.Split(name, ".")
	if len(steps) > maxPath {
		return nil, false
	}
	path := make([]attr, len(steps))
	for i, s := range steps {
		t, ok := parseTag(s)
		if !ok || t.Group() <= 2 || t.Element() == 0 {
			return nil, false
		}
		path[i] = attr(t)
		if last := i == len(steps)-1; !last && path[i].vr() != vr.SQ {
			return nil, false
		}
	}
	return path, true
}

// parseTag reads a keyword or eight hexadecimal digits.
func parseTag(s string) (tag.Tag, bool) {
	if t, ok := keywords[s]; ok {
		return t, true
	}
	if len(s) != 8 {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil {
		return 0, false
	}
	return tag.Tag(n), true
}

// include takes the value of includefield: attributes divided by commas, or all.
func (a *asked) include(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if name == "all" {
			a.all = true
			continue
		}
		path, ok := parseAttribute(name)
		if !ok {
			return fault.Errorf(fault.Invalid, "includefield: %s is no attribute of the data dictionary, nor all (PS3.18 8.3.4.3)", label(name))
		}
		if err := a.want(path); err != nil {
			return err
		}
	}
	return nil
}

// more counts an attribute.
func (a *asked) more() error {
	if a.count++; a.count > maxKeys {
		return fault.Errorf(fault.Invalid, "more than %d attributes: ask for less, or for includefield=all", maxKeys)
	}
	return nil
}

// want puts an attribute among the keys that return, unless it asks already.
func (a *asked) want(path []attr) error {
	if _, there := a.literal[key(path)]; there {
		return nil
	}
	return a.set(path, nil)
}

// match puts an attribute with a value among the keys that ask.
func (a *asked) match(path []attr, text string) error {
	last := path[len(path)-1]
	if text == "" { // universal matching: it only returns
		return a.want(path)
	}
	raw, err := last.encode(text)
	if err != nil {
		return err
	}
	return a.set(path, raw)
}

// key returns a path as a text.
func key(path []attr) string {
	var b strings.Builder
	for _, p := range path {
		b.WriteString(strconv.FormatUint(uint64(p), 16))
		b.WriteByte('.')
	}
	return b.String()
}

// set puts raw at path, with the sequences around it.
func (a *asked) set(path []attr, raw []byte) error {
	if err := a.more(); err != nil {
		return err
	}
	within := a.keys
	for i := range path[:len(path)-1] {
		at := key(path[:i+1])
		item := a.literal[at]
		if item == nil {
			item = dicom.NewBuilder()
			a.literal[at] = item
			within.Sequence(tag.Tag(path[i]), item)
		}
		within = item
	}
	last := path[len(path)-1]
	v := last.vr()
	switch {
	case v == vr.SQ && raw != nil:
		return fault.Errorf(fault.Invalid, "%v is a sequence: name the attribute inside it behind a dot", tag.Tag(last))
	case v == vr.SQ:
		within.Sequence(tag.Tag(last))
	default:
		within.Bytes(tag.Tag(last), v, raw)
	}
	if raw != nil || v != vr.SQ {
		a.literal[key(path)] = within
	}
	return nil
}

// encode returns a value to be matched as bytes. Several unique identifiers may be
// divided by commas (PS3.18 8.3.4.2), several values of anything by backslashes.
func (a attr) encode(text string) ([]byte, error) {
	v, t := a.vr(), tag.Tag(a)
	switch {
	case v == vr.UI:
		text = strings.ReplaceAll(text, ",", `\`)
		if strings.IndexFunc(text, func(r rune) bool { return r != '.' && r != '\\' && r != '*' && r != '?' && (r < '0' || r > '9') }) >= 0 {
			return nil, fault.Errorf(fault.Invalid, "%v: not a list of unique identifiers", t)
		}
		return []byte(text), nil
	case v.Textual():
		return []byte(text), a.wellFormed(text)
	case v.Opaque() || v == vr.SQ:
		return nil, fault.Errorf(fault.Invalid, "%v has a value of VR %v, which cannot be searched for", t, v)
	}
	return a.binary(strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\\' }))
}

// wellFormed refuses dates and times that are none, and ranges that are.
func (a attr) wellFormed(text string) error {
	var digits string
	switch a.vr() {
	case vr.DA:
		digits = "0123456789-*?.\\"
	case vr.TM:
		digits = "0123456789-*?.:\\"
	case vr.DT:
		digits = "0123456789-+*?.\\"
	default:
		return nil
	}
	if strings.Trim(text, digits) != "" || text == "-" {
		return fault.Errorf(fault.Invalid, "%v: write a date or time, or a range with a hyphen, such as 20240101-20240131 (PS3.4 C.2.2.2.5)", tag.Tag(a))
	}
	return nil
}

// binary encodes numbers.
func (a attr) binary(texts []string) ([]byte, error) {
	var raw []byte
	wrong := fault.Errorf(fault.Invalid, "%v: not a number that VR %v can hold", tag.Tag(a), a.vr())
	le := binary.LittleEndian
	for _, s := range texts {
		s = strings.TrimSpace(s)
		switch v := a.vr(); v {
		case vr.US, vr.UL, vr.UV:
			bits := map[vr.VR]int{vr.US: 16, vr.UL: 32, vr.UV: 64}[v]
			n, err := strconv.ParseUint(s, 10, bits)
			if err != nil {
				return nil, wrong
			}
			raw = append(raw, le.AppendUint64(nil, n)[:bits/8]...)
		case vr.SS, vr.SL, vr.SV:
			bits := map[vr.VR]int{vr.SS: 16, vr.SL: 32, vr.SV: 64}[v]
			n, err := strconv.ParseInt(s, 10, bits)
			if err != nil {
				return nil, wrong
			}
			raw = append(raw, le.AppendUint64(nil, uint64(n))[:bits/8]...) //nolint:gosec // two's complement
		case vr.FL:
			n, err := strconv.ParseFloat(s, 32)
			if err != nil {
				return nil, wrong
			}
			raw = le.AppendUint32(raw, math.Float32bits(float32(n)))
		case vr.FD:
			n, err := strconv.ParseFloat(s, 64)
			if err != nil {
				return nil, wrong
			}
			raw = le.AppendUint64(raw, math.Float64bits(n))
		case vr.AT:
			t, ok := parseTag(s)
			if !ok {
				return nil, wrong
			}
			raw = le.AppendUint16(le.AppendUint16(raw, t.Group()), t.Element())
		default:
			return nil, wrong
		}
	}
	return raw, nil
}

// dataset adds what the path says and what each row must have, and returns the keys.
func (a *asked) dataset(at Scope, wanted []tag.Tag) (*dicom.Dataset, error) {
	for _, t := range wanted {
		if err := a.want([]attr{attr(t)}); err != nil {
			return nil, err
		}
	}
	if !at.Study.IsZero() {
		a.keys.UID(tag.StudyInstanceUID, at.Study)
	}
	if !at.Series.IsZero() {
		a.keys.UID(tag.SeriesInstanceUID, at.Series)
	}
	a.keys.Text(tag.SpecificCharacterSet, charsetUTF8)
	return a.keys.Dataset()
}
