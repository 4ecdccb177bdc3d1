package dicom

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"radagora/dicom/tag"
	"radagora/dicom/vr"
)

// field makes the field of e; nil if it is to be left out.
func (j *jsonReader) field(t tag.Tag, e jsonElement) (*field, error) {
	f := &field{tag: t, vr: e.vr}
	if b2i(e.values != nil)+b2i(e.inline != nil)+b2i(e.uri != nil) > 1 {
		return nil, j.wrong("more than one of Value, InlineBinary and BulkDataURI")
	}
	var err error
	switch {
	case e.vr == 0:
		return nil, j.wrong("no value representation")
	case e.uri != nil:
		if j.l.Bulk == nil {
			return nil, nil
		}
		f.bytes, err = j.l.Bulk(*e.uri)
		return f, cmp.Or(err, j.fits(f))
	case e.inline != nil:
		if f.bytes, err = base64.StdEncoding.DecodeString(*e.inline); err != nil {
			return nil, j.wrong("no base64")
		}
		return f, j.fits(f)
	case e.vr == vr.SQ:
		f.seq = true
		f.items, err = j.items(e.values)
	case e.vr.Textual():
		f.texts, err = j.texts(t, e)
	case e.vr.Binary():
		f.bytes, err = j.numbers(e)
	case len(e.values) > 0:
		err = j.wrong("a value of VR %v is InlineBinary", e.vr)
	}
	return f, err
}

// b2i counts.
func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// fits sees that bytes can be a value of the VR of f. Those of text become text.
func (j *jsonReader) fits(f *field) error {
	text := f.vr.Textual()
	if f.vr == vr.SQ || len(f.bytes)%f.vr.WordSize() != 0 || text && (!utf8.Valid(f.bytes) || bytes.IndexByte(f.bytes, 0x1B) >= 0) {
		return j.wrong("%d bytes that are no value of VR %v", len(f.bytes), f.vr)
	}
	if text {
		f.texts, f.bytes = []string{string(f.bytes)}, nil
	}
	return nil
}

// items returns the items of a sequence; null is an empty one.
func (j *jsonReader) items(values []jsonValue) ([]*Builder, error) {
	var all []*Builder
	for _, v := range values {
		switch v.kind {
		case itemValue:
			all = append(all, v.item)
		case nullValue:
			all = append(all, NewBuilder())
		default:
			return nil, j.wrong("an item expected")
		}
	}
	return all, nil
}

// texts returns the values of a VR of characters.
func (j *jsonReader) texts(t tag.Tag, e jsonElement) ([]string, error) {
	if t == tag.SpecificCharacterSet && len(e.values) > 0 {
		return []string{"ISO_IR 192"}, nil
	}
	if e.vr.Single() && len(e.values) > 1 {
		return nil, j.wrong("several values of VR %v", e.vr)
	}
	all := make([]string, 0, len(e.values))
	for _, v := range e.values {
		s, ok := v.characters(e.vr)
		if !ok || strings.ContainsRune(s, 0x1B) || !e.vr.Single() && strings.Contains(s, `\`) {
			return nil, j.wrong("no value of VR %v", e.vr)
		}
		all = append(all, s)
	}
	return all, nil
}

// characters returns v as a value of a VR of characters.
func (v jsonValue) characters(r vr.VR) (string, bool) {
	switch {
	case v.kind == nullValue:
		return "", true
	case v.kind == itemValue:
		return "", r == vr.PN && len(v.item.fields) == 0
	case v.kind == nameValue:
		return v.text, r == vr.PN
	case v.kind == numberValue && r == vr.DS:
		if len(v.text) <= r.MaxLength() {
			return v.text, true
		}
		f, err := strconv.ParseFloat(v.text, 64)
		return decimalString(f), err == nil
	case v.kind == numberValue && r == vr.IS:
		if _, err := strconv.ParseInt(v.text, 10, 64); err == nil {
			return v.text, true
		}
		f, err := strconv.ParseFloat(v.text, 64)
		return strconv.FormatFloat(f, 'f', 0, 64), err == nil && f == math.Trunc(f) && math.Abs(f) <= safe
	}
	return v.text, true
}

// numbers returns the bytes of binary values.
func (j *jsonReader) numbers(e jsonElement) ([]byte, error) {
	b := make([]byte, 0, len(e.values)*e.vr.WordSize())
	for _, v := range e.values {
		var ok bool
		if v.kind == stringValue || v.kind == numberValue {
			b, ok = appendBinary(b, e.vr, v.text)
		}
		if !ok {
			return nil, j.wrong("no value of VR %v", e.vr)
		}
	}
	return b, nil
}

// appendBinary appends the number s, or the tag, in little endian order and tells
// whether the VR can hold it.
func appendBinary(b []byte, v vr.VR, s string) ([]byte, bool) {
	order := binary.LittleEndian
	switch v {
	case vr.AT:
		n, err := strconv.ParseUint(s, 16, 32)
		t := tag.Tag(n)
		return order.AppendUint16(order.AppendUint16(b, t.Group()), t.Element()), err == nil && len(s) == 8
	case vr.FL:
		f, err := strconv.ParseFloat(s, 32)
		return order.AppendUint32(b, math.Float32bits(float32(f))), err == nil
	case vr.FD:
		f, err := strconv.ParseFloat(s, 64)
		return order.AppendUint64(b, math.Float64bits(f)), err == nil
	case vr.UV, vr.UL, vr.US:
		n, err := strconv.ParseUint(integral(s), 10, 8*v.WordSize())
		return appendWord(b, v.WordSize(), n), err == nil
	default:
		n, err := strconv.ParseInt(integral(s), 10, 8*v.WordSize())
		return appendWord(b, v.WordSize(), uint64(n)), err == nil //nolint:gosec // two's complement
	}
}

// integral returns a number such as 1.0 or 1e2, which some write for 1 and 100,
// without point and exponent where that loses nothing.
func integral(s string) string {
	if !strings.ContainsAny(s, ".eE") {
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > safe {
		return s
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}

// appendWord appends the low bytes of n.
func appendWord(b []byte, size int, n uint64) []byte {
	return append(b, binary.LittleEndian.AppendUint64(nil, n)[:size]...)
}
