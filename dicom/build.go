package dicom

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"radagora/dicom/charset"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// A Builder makes a Dataset. It is strict: what the standard does not allow is
// refused, and Dataset returns the first such error. Elements may be set in any
// order, and setting one again replaces it. Text is written in UTF-8, and
// Specific Character Set says so where that makes a difference, unless the
// builder has been given another one.
type Builder struct {
	fields []field
	err    error
}

// A field is one element being built: bytes in explicit VR little endian, text
// to be encoded, or items.
type field struct {
	tag   tag.Tag
	vr    vr.VR
	bytes []byte
	texts []string
	items []*Builder
	seq   bool
}

// NewBuilder returns an empty Builder.
func NewBuilder() *Builder { return &Builder{} }

// Edit returns a Builder with the elements of d, to be changed. Encapsulated
// pixel data and values that are no longer there make it fail with Unsupported
// or Unavailable.
func Edit(d *Dataset) *Builder {
	b := NewBuilder()
	for e := range d.All() {
		b.Copy(e)
	}
	return b
}

// set adds or replaces a field.
func (b *Builder) set(f field) *Builder {
	i, found := slices.BinarySearchFunc(b.fields, f.tag, func(g field, t tag.Tag) int {
		return int(int64(g.tag) - int64(t))
	})
	if found {
		b.fields[i] = f
	} else {
		b.fields = slices.Insert(b.fields, i, f)
	}
	return b
}

// refuse remembers the first error.
func (b *Builder) refuse(t tag.Tag, format string, args ...any) *Builder {
	if b.err == nil {
		b.err = fault.Errorf(fault.Invalid, "%v: "+format, append([]any{t}, args...)...)
	}
	return b
}

// Delete removes the element t if it is there.
func (b *Builder) Delete(t tag.Tag) *Builder {
	b.fields = slices.DeleteFunc(b.fields, func(f field) bool { return f.tag == t })
	return b
}

// Text sets t to text values. The VR is that of the dictionary. No values make
// the element empty.
func (b *Builder) Text(t tag.Tag, values ...string) *Builder {
	v := tag.VROf(t)
	if t.Private() && !t.Creator() {
		v = vr.LO
	}
	return b.TextAs(t, v, values...)
}

// TextAs is Text with the VR given, for private elements.
func (b *Builder) TextAs(t tag.Tag, v vr.VR, values ...string) *Builder {
	if !v.Textual() {
		return b.refuse(t, "text for VR %v", v)
	}
	for _, s := range values {
		if reason := unfit(v, s); reason != "" {
			return b.refuse(t, "a value of VR %v %s (PS3.5 6.2)", v, reason)
		}
	}
	if len(values) > 1 && v.Single() {
		return b.refuse(t, "several values of VR %v", v)
	}
	return b.set(field{tag: t, vr: v, texts: values})
}

// unfit says why s cannot be a value of v, or "" if it can.
func unfit(v vr.VR, s string) string {
	if n := v.MaxLength(); n > 0 && utf8.RuneCountInString(s) > n {
		return "is longer than " + strconv.Itoa(n)
	}
	for _, r := range s {
		switch {
		case r == '\\' && !v.Single():
			return "holds a backslash"
		case r < ' ' && (!v.Single() && r != 0x1B || v.Single() && !strings.ContainsRune("\t\n\f\r\x1b", r)):
			return "holds a control character"
		case r > '~' && !v.Text() && v != vr.UR:
			return "holds a character outside of the default repertoire"
		}
	}
	switch v {
	case vr.UI:
		if u, err := uid.Parse(s); s != "" && (err != nil || !u.Strict()) {
			return "is no unique identifier"
		}
	case vr.DS:
		if _, err := strconv.ParseFloat(strings.TrimSpace(s), 64); s != "" && (err != nil || strings.ContainsAny(s, "xXpPnN_")) {
			return "is no decimal string"
		}
	case vr.IS:
		if _, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32); s != "" && err != nil {
			return "is no integer string"
		}
	}
	return ""
}

// UID sets t to unique identifiers.
func (b *Builder) UID(t tag.Tag, values ...uid.UID) *Builder {
	texts := make([]string, len(values))
	for i, u := range values {
		texts[i] = u.String()
	}
	return b.Text(t, texts...)
}

// Int sets t to whole numbers, binary or as an integer or decimal string as the
// dictionary has it. Numbers that the VR cannot hold are refused.
func (b *Builder) Int(t tag.Tag, values ...int64) *Builder {
	v := tag.VROf(t)
	if v == vr.IS || v == vr.DS {
		texts := make([]string, len(values))
		for i, n := range values {
			texts[i] = strconv.FormatInt(n, 10)
		}
		return b.TextAs(t, v, texts...)
	}
	var raw []byte
	for _, n := range values {
		switch {
		case v == vr.US && n >= 0 && n <= math.MaxUint16, v == vr.SS && int64(int16(n)) == n: //nolint:gosec // the comparison is the check
			raw = binary.LittleEndian.AppendUint16(raw, uint16(n)) //nolint:gosec // checked
		case v == vr.UL && n >= 0 && n <= math.MaxUint32, v == vr.SL && int64(int32(n)) == n: //nolint:gosec // the comparison is the check
			raw = binary.LittleEndian.AppendUint32(raw, uint32(n)) //nolint:gosec // checked
		case v == vr.UV && n >= 0, v == vr.SV:
			raw = binary.LittleEndian.AppendUint64(raw, uint64(n)) //nolint:gosec // two's complement
		default:
			return b.refuse(t, "a number that VR %v cannot hold", v)
		}
	}
	return b.set(field{tag: t, vr: v, bytes: raw})
}

// Float sets t to numbers, binary or as a decimal string as the dictionary has it.
func (b *Builder) Float(t tag.Tag, values ...float64) *Builder {
	v := tag.VROf(t)
	if v == vr.DS {
		texts := make([]string, len(values))
		for i, f := range values {
			texts[i] = decimalString(f)
		}
		return b.TextAs(t, v, texts...)
	}
	var raw []byte
	for _, f := range values {
		switch v {
		case vr.FL:
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(f)))
		case vr.FD:
			raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(f))
		default:
			return b.refuse(t, "a number with a fraction for VR %v", v)
		}
	}
	return b.set(field{tag: t, vr: v, bytes: raw})
}

// decimalString writes f within the 16 characters of a DS, as exactly as they allow.
func decimalString(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	for digits := 16; len(s) > 16 && digits > 0; digits-- {
		s = strconv.FormatFloat(f, 'g', digits, 64)
	}
	return s
}

// Tags sets t, of VR AT, to tags.
func (b *Builder) Tags(t tag.Tag, values ...tag.Tag) *Builder {
	var raw []byte
	for _, x := range values {
		raw = binary.LittleEndian.AppendUint16(raw, x.Group())
		raw = binary.LittleEndian.AppendUint16(raw, x.Element())
	}
	return b.set(field{tag: t, vr: vr.AT, bytes: raw})
}

// Bytes sets t to the bytes of a value in little endian order. The Builder keeps raw.
func (b *Builder) Bytes(t tag.Tag, v vr.VR, raw []byte) *Builder {
	if v == vr.SQ || !v.Known() || len(raw)%v.WordSize() != 0 {
		return b.refuse(t, "%d bytes for VR %v", len(raw), v)
	}
	return b.set(field{tag: t, vr: v, bytes: raw})
}

// Sequence sets t to items. No items make it an empty sequence.
func (b *Builder) Sequence(t tag.Tag, items ...*Builder) *Builder {
	return b.set(field{tag: t, vr: vr.SQ, items: items, seq: true})
}

// Copy sets the element to what e holds in its data set. Text is decoded there
// and encoded anew here.
func (b *Builder) Copy(e Element) *Builder {
	v, _ := e.meaning()
	switch {
	case e.Tag().Element() == 0:
		return b // a group length, which is stale as soon as anything changes
	case e.Tag() == tag.SpecificCharacterSet:
		return b // what is built is UTF-8 unless somebody says otherwise
	case e.Sequence():
		var items []*Builder
		for _, d := range e.Items() {
			items = append(items, Edit(d))
		}
		return b.Sequence(e.Tag(), items...)
	case v.Text():
		return b.set(field{tag: e.Tag(), vr: v, texts: e.Texts()})
	}
	raw, err := e.Bytes()
	if err != nil {
		if b.err == nil {
			b.err = err
		}
		return b
	}
	if e.BigEndian() {
		raw = swap(bytes.Clone(raw), e.VR().WordSize())
	}
	return b.set(field{tag: e.Tag(), vr: e.VR(), bytes: raw})
}

// swap turns the byte order of words of n bytes round, in place.
func swap(b []byte, n int) []byte {
	for i := 0; n > 1 && i+n <= len(b); i += n {
		slices.Reverse(b[i : i+n])
	}
	return b
}

// Dataset returns what was built, encoded in explicit VR little endian, or the
// first error. The Builder may be used on.
func (b *Builder) Dataset() (*Dataset, error) {
	set, err := b.characterSet()
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if err := b.encode(&buf, set); err != nil {
		return nil, err
	}
	o := (&Options{}).or()
	s := &source{at: bytes.NewReader(buf.Bytes()), size: int64(buf.Len()), window: o.Window, buf: buf.Bytes()}
	f := &File{Meta: empty(), TransferSyntax: uid.ExplicitVRLittleEndian}
	if err := readBody(f, s, o); err != nil {
		return nil, err
	}
	return f.Dataset, nil
}

// characterSet returns the set to encode text in, and declares UTF-8 if some
// text needs more than ASCII and nobody declared anything.
func (b *Builder) characterSet() (charset.Set, error) {
	i := slices.IndexFunc(b.fields, func(f field) bool { return f.tag == tag.SpecificCharacterSet })
	if i >= 0 {
		set, problems := charset.Parse(b.fields[i].texts)
		if len(problems) > 0 {
			return set, fault.Errorf(fault.Invalid, "%v: not a defined term (PS3.3 C.12.1.1.2)", tag.SpecificCharacterSet)
		}
		return set, nil
	}
	if b.ascii() {
		return charset.Set{}, nil
	}
	b.Text(tag.SpecificCharacterSet, "ISO_IR 192")
	set, _ := charset.Parse([]string{"ISO_IR 192"})
	return set, nil
}

// ascii reports whether all text, in items too, is ASCII.
func (b *Builder) ascii() bool {
	for _, f := range b.fields {
		for _, s := range f.texts {
			for i := range len(s) {
				if s[i] >= 0x80 {
					return false
				}
			}
		}
		for _, item := range f.items {
			if !item.ascii() {
				return false
			}
		}
	}
	return true
}

// encode writes the elements in explicit VR little endian.
func (b *Builder) encode(w *bytes.Buffer, set charset.Set) error {
	if b.err != nil {
		return b.err
	}
	for _, f := range b.fields {
		raw, err := f.encode(set)
		if err != nil {
			return err
		}
		if len(raw)&1 != 0 {
			raw = append(raw, f.vr.Padding())
		}
		head, err := appendHeader(nil, f.tag, f.vr, int64(len(raw)), coding{})
		if err != nil {
			return err
		}
		w.Write(head)
		w.Write(raw)
	}
	return nil
}

// encode returns the value of f.
func (f field) encode(set charset.Set) ([]byte, error) {
	switch {
	case f.seq:
		var buf, one bytes.Buffer
		for _, item := range f.items {
			one.Reset()
			if err := item.encode(&one, set); err != nil {
				return nil, err
			}
			head, err := appendItem(nil, int64(one.Len()), coding{})
			if err != nil {
				return nil, err
			}
			buf.Write(head)
			buf.Write(one.Bytes())
		}
		return buf.Bytes(), nil
	case f.bytes != nil:
		return bytes.Clone(f.bytes), nil
	}
	s := strings.Join(f.texts, `\`)
	if !f.vr.Text() {
		return []byte(s), nil
	}
	raw, err := set.Encode(s)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "%v: %w", f.tag, err)
	}
	return raw, nil
}
