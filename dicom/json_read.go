package dicom

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"radagora/dicom/tag"
	"radagora/dicom/vr"
	"radagora/fault"
)

// defaultJSON is how many bytes of JSON are read where nobody says otherwise.
const defaultJSON = 256 << 20

// JSONLimits bound what reading JSON may cost and say where bulk data come from.
// The zero value means the defaults.
type JSONLimits struct {
	Bytes    int64 // of JSON text (256 MB)
	Elements int   // elements and items of one data set (1,048,576)
	Depth    int   // how deeply sequences may be nested (64)
	// Bulk returns the value behind a BulkDataURI, in little endian order. Nil
	// leaves such elements out.
	Bulk func(uri string) ([]byte, error)
}

// ReadJSON reads one data set of the DICOM JSON model (PS3.18 Annex F), after
// which r must hold nothing else. Text may be longer or of another form than its
// VR allows, as in a file, but must not change the number of values. Specific
// Character Set becomes ISO_IR 192. Group lengths are passed over. Errors are
// Invalid (no DICOM JSON), Exhausted (a limit is reached) or what r or Bulk returned;
// they quote no values.
func ReadJSON(r io.Reader, l JSONLimits) (*Builder, error) {
	j := newJSONReader(r, l)
	b, err := j.first()
	if err != nil {
		return nil, err
	}
	if _, err := j.d.Token(); !errors.Is(err, io.EOF) {
		return nil, j.wrong("something follows the data set")
	}
	return b, nil
}

// ReadJSONArray reads an array of data sets, or one alone, and yields them one by
// one. The limits count for each but that of bytes, which counts for all. After
// an error it ends. See ReadJSON for the rest.
func ReadJSONArray(r io.Reader, l JSONLimits) iter.Seq2[*Builder, error] {
	return func(yield func(*Builder, error) bool) {
		j := newJSONReader(r, l)
		if err := j.each(func(b *Builder) bool { return yield(b, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

// A jsonReader reads data sets token by token.
type jsonReader struct {
	d     *json.Decoder
	in    *io.LimitedReader
	l     JSONLimits
	left  int // elements and items that may still come
	depth int // of sequences
	tag   tag.Tag
}

// newJSONReader returns a reader with the defaults filled in.
func newJSONReader(r io.Reader, l JSONLimits) *jsonReader {
	l.Bytes = cmp.Or(max(l.Bytes, 0), defaultJSON)
	l.Elements = cmp.Or(max(l.Elements, 0), defaultElements)
	l.Depth = cmp.Or(max(l.Depth, 0), defaultDepth)
	in := &io.LimitedReader{R: r, N: l.Bytes + 1}
	j := &jsonReader{d: json.NewDecoder(in), in: in, l: l}
	j.d.UseNumber()
	return j
}

// wrong returns an error of kind Invalid that tells where the reader is.
func (j *jsonReader) wrong(format string, args ...any) error {
	err := fault.Errorf(fault.Invalid, format, args...)
	if j.tag == 0 {
		return fault.Errorf(fault.Invalid, "read JSON at byte %d: %w", j.d.InputOffset(), err)
	}
	return fault.Errorf(fault.Invalid, "read JSON at byte %d, %v: %w", j.d.InputOffset(), j.tag, err)
}

// token returns the next token. Errors of JSON itself are not passed on, since
// they quote the input.
func (j *jsonReader) token() (json.Token, error) {
	t, err := j.d.Token()
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return t, nil
	case j.in.N <= 0:
		return nil, fault.Errorf(fault.Exhausted, "read JSON: more than %d bytes", j.l.Bytes)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, j.wrong("the text ends too early")
	case errors.As(err, &syntax):
		return nil, j.wrong("no JSON")
	}
	return nil, failed(j.d.InputOffset(), err)
}

// delim reads a token that must be this bracket.
func (j *jsonReader) delim(want json.Delim) error {
	t, err := j.token()
	if err == nil && t != want {
		err = j.wrong("%q expected", want.String())
	}
	return err
}

// key reads a name of a member.
func (j *jsonReader) key() (string, error) {
	t, err := j.token()
	if err != nil {
		return "", err
	}
	s, _ := t.(string)
	return s, nil
}

// text reads a token that must be a string.
func (j *jsonReader) text() (string, error) {
	t, err := j.token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", j.wrong("a string expected")
	}
	return s, nil
}

// first reads one data set.
func (j *jsonReader) first() (*Builder, error) {
	if err := j.delim('{'); err != nil {
		return nil, err
	}
	j.left = j.l.Elements
	return j.members()
}

// each calls fn with every data set until it returns false.
func (j *jsonReader) each(fn func(*Builder) bool) error {
	t, err := j.token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		j.left = j.l.Elements
		b, err := j.members()
		if err == nil {
			fn(b)
		}
		return err
	case json.Delim('['):
	default:
		return j.wrong("an array or an object expected")
	}
	for j.d.More() {
		b, err := j.first()
		if err != nil || !fn(b) {
			return err
		}
	}
	return j.delim(']')
}

// members reads the members of a data set whose bracket is open.
func (j *jsonReader) members() (*Builder, error) {
	b := NewBuilder()
	for j.d.More() {
		key, err := j.key()
		if err != nil {
			return nil, err
		}
		if err := j.member(b, key); err != nil {
			return nil, err
		}
	}
	if err := j.delim('}'); err != nil {
		return nil, err
	}
	return b, j.sort(b)
}

// member reads the member with that key into b.
func (j *jsonReader) member(b *Builder, key string) error {
	outer := j.tag
	defer func() { j.tag = outer }()
	t, ok := parseTag(key)
	if !ok {
		return j.wrong("a tag of eight hexadecimal digits expected")
	}
	j.tag = t
	if err := j.count(); err != nil {
		return err
	}
	f, err := j.element(t)
	if err == nil && f != nil && t.Element() != 0 {
		b.fields = append(b.fields, *f)
	}
	return err
}

// count notes one more element or item.
func (j *jsonReader) count() error {
	if j.left--; j.left < 0 {
		return fault.Errorf(fault.Exhausted, "read JSON: more than %d elements", j.l.Elements)
	}
	return nil
}

// sort puts the fields of b in order and sees that no tag occurs twice.
func (j *jsonReader) sort(b *Builder) error {
	slices.SortFunc(b.fields, func(x, y field) int { return cmp.Compare(x.tag, y.tag) })
	for i := range b.fields {
		if i > 0 && b.fields[i].tag == b.fields[i-1].tag {
			return j.wrong("%v occurs twice", b.fields[i].tag)
		}
	}
	return nil
}

// parseTag parses eight hexadecimal digits.
func parseTag(s string) (tag.Tag, bool) {
	n, err := strconv.ParseUint(s, 16, 32)
	return tag.Tag(n), err == nil && len(s) == 8 && n>>16 != 0xFFFE
}

// A jsonElement is what stands in the text for one element, in whatever order.
type jsonElement struct {
	vr     vr.VR
	values []jsonValue
	inline *string
	uri    *string
}

// A jsonValue is one entry of Value.
type jsonValue struct {
	kind valueKind
	text string   // of a string or a number
	item *Builder // of an object
}

// What a jsonValue is.
type valueKind uint8

const (
	nullValue valueKind = iota
	stringValue
	numberValue
	nameValue
	itemValue
)

// element reads an element; nil if it is to be left out.
func (j *jsonReader) element(t tag.Tag) (*field, error) {
	e := jsonElement{vr: tag.VROf(t)}
	if err := j.delim('{'); err != nil {
		return nil, err
	}
	for j.d.More() {
		key, err := j.key()
		if err != nil {
			return nil, err
		}
		if err := j.part(&e, key); err != nil {
			return nil, err
		}
	}
	if err := j.delim('}'); err != nil {
		return nil, err
	}
	return j.field(t, e)
}

// part reads one member of an element.
func (j *jsonReader) part(e *jsonElement, key string) error {
	switch key {
	case "vr":
		s, err := j.text()
		if err != nil {
			return err
		}
		v, ok := vr.Parse(s)
		if !ok {
			return j.wrong("no value representation")
		}
		e.vr = v
		return nil
	case "Value":
		return j.values(e)
	case "InlineBinary":
		s, err := j.text()
		e.inline = &s
		return err
	case "BulkDataURI":
		s, err := j.text()
		e.uri = &s
		return err
	}
	return j.wrong("vr, Value, InlineBinary or BulkDataURI expected")
}

// values reads the array Value.
func (j *jsonReader) values(e *jsonElement) error {
	if err := j.delim('['); err != nil {
		return err
	}
	e.values = []jsonValue{}
	for j.d.More() {
		v, err := j.value()
		if err != nil {
			return err
		}
		e.values = append(e.values, v)
	}
	return j.delim(']')
}

// value reads one entry of the array Value.
func (j *jsonReader) value() (jsonValue, error) {
	t, err := j.token()
	if err != nil {
		return jsonValue{}, err
	}
	switch t := t.(type) {
	case nil:
		return jsonValue{}, nil
	case string:
		return jsonValue{kind: stringValue, text: t}, nil
	case json.Number:
		return jsonValue{kind: numberValue, text: t.String()}, nil
	case json.Delim:
		if t == '{' {
			return j.object()
		}
	}
	return jsonValue{}, j.wrong("no value")
}

// object reads an item or a person name, whose bracket is open. One without
// members is an item, and null where a name should be.
func (j *jsonReader) object() (jsonValue, error) {
	if err := j.count(); err != nil {
		return jsonValue{}, err
	}
	j.depth++
	defer func() { j.depth-- }()
	b := NewBuilder()
	var name [len(groups)]string
	named := false
	for j.d.More() {
		key, err := j.key()
		if err != nil {
			return jsonValue{}, err
		}
		switch i := slices.Index(groups[:], key); {
		case i >= 0:
			named = true
			name[i], err = j.group()
		case j.depth > j.l.Depth:
			err = fault.Errorf(fault.Exhausted, "read JSON: sequences nested deeper than %d", j.l.Depth)
		default:
			err = j.member(b, key)
		}
		if err != nil {
			return jsonValue{}, err
		}
	}
	switch err := j.delim('}'); {
	case err != nil:
		return jsonValue{}, err
	case !named:
		return jsonValue{kind: itemValue, item: b}, j.sort(b)
	case len(b.fields) > 0:
		return jsonValue{}, j.wrong("an item that is a person name too")
	}
	return jsonValue{kind: nameValue, text: strings.TrimRight(strings.Join(name[:], "="), "=")}, nil
}

// group reads a component group of a person name, which may be null.
func (j *jsonReader) group() (string, error) {
	t, err := j.token()
	if err != nil || t == nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok || strings.Contains(s, "=") {
		return "", j.wrong("no component group of a person name")
	}
	return s, nil
}
