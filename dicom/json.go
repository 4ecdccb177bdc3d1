package dicom

import (
	"bufio"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"radagora/dicom/tag"
	"radagora/dicom/vr"
	"radagora/fault"
)

// JSONOptions say what WriteJSON does with bulk data. The zero value writes it
// all into the JSON text.
type JSONOptions struct {
	// BulkDataURI returns where the value of an element can be fetched that is
	// encapsulated or longer than InlineLimit; "" if nowhere. Its path is tags
	// and numbers of items from 1, such as 54000100/1/54001010. Nil is nowhere.
	BulkDataURI func(path string, e Element) string
	// InlineLimit is how many bytes a value of OB, OD, OF, OL, OV, OW or UN may
	// have that is written into the text although BulkDataURI is set.
	InlineLimit int64
}

// WriteJSON writes d as an object of the DICOM JSON model (PS3.18 Annex F). Text
// is UTF-8, and Specific Character Set, where present, says ISO_IR 192. Elements
// ascend; of two with the same tag the first is written. Group lengths are left
// out, and so is encapsulated pixel data that has no URI. An element sent as UN
// that the dictionary knows gets its VR, one with a VR that nobody knows is UN.
//
// A number that JSON cannot hold is a string: IEEE 754 not-a-number and
// infinities, decimal strings that are none, and whole numbers beyond 2^53.
// Errors are Unavailable (a value cannot be had any more), Exhausted (a value of
// text or numbers is longer than 16 MB) or what w returned.
func WriteJSON(w io.Writer, d *Dataset, o JSONOptions) error {
	j := &jsonWriter{b: bufio.NewWriterSize(w, 16<<10), o: o}
	if err := j.dataset(d); err != nil {
		return err
	}
	return j.b.Flush()
}

// A jsonWriter writes data sets. The bufio.Writer remembers the first error.
type jsonWriter struct {
	b    *bufio.Writer
	o    JSONOptions
	path []byte // of what is being written
}

// raw writes s as it is.
func (j *jsonWriter) raw(s string) { _, _ = j.b.WriteString(s) }

// dataset writes d as an object.
func (j *jsonWriter) dataset(d *Dataset) error {
	j.raw("{")
	sep := ""
	for _, e := range ascending(d) {
		if e.Tag().Element() == 0 || e.Encapsulated() && j.o.BulkDataURI == nil {
			continue
		}
		at := len(j.path)
		if at > 0 {
			j.path = append(j.path, '/')
		}
		j.path = appendHex(j.path, e.Tag())
		err := j.element(e, sep)
		j.path = j.path[:at]
		if err != nil {
			return err
		}
		sep = ","
	}
	j.raw("}")
	return nil
}

// ascending returns the elements of d in ascending order, each tag once.
func ascending(d *Dataset) []Element {
	all := slices.Collect(d.All())
	order := func(a, b Element) int { return cmp.Compare(a.Tag(), b.Tag()) }
	if !slices.IsSortedFunc(all, order) {
		slices.SortStableFunc(all, order)
	}
	return slices.CompactFunc(all, func(a, b Element) bool { return a.Tag() == b.Tag() })
}

// appendHex appends the eight digits of a tag.
func appendHex(b []byte, t tag.Tag) []byte {
	const digits = "0123456789ABCDEF"
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, digits[t>>shift&0xF])
	}
	return b
}

// element writes the member for e behind sep.
func (j *jsonWriter) element(e Element, sep string) error {
	v, order := e.meaning()
	if !v.Known() {
		v = vr.UN
	}
	buf := append(append(j.b.AvailableBuffer(), sep...), '"')
	buf = append(appendHex(buf, e.Tag()), `":{"vr":"`...)
	_, _ = j.b.Write(append(append(buf, v.String()...), '"'))
	err := j.content(e, v, order)
	j.raw("}")
	return err
}

// content writes what an element holds besides its VR.
func (j *jsonWriter) content(e Element, v vr.VR, order binary.ByteOrder) error {
	switch {
	case e.Empty():
		return nil
	case e.Sequence():
		return j.items(e)
	case e.Encapsulated() || v.Opaque() || v == vr.SQ: // SQ: UN that could not be read as items
		return j.bulk(e)
	case e.Length() > maxText:
		return fault.Errorf(fault.Exhausted, "%v: a value of %d bytes in JSON", e.Tag(), e.Length())
	}
	b, err := e.Bytes()
	if err != nil {
		return err
	}
	switch {
	case e.Tag() == tag.SpecificCharacterSet:
		j.raw(`,"Value":["ISO_IR 192"]`)
	case v.Textual():
		j.texts(e.Texts(), v)
	default:
		j.numbers(b, v, order)
	}
	return nil
}

// items writes the items of a sequence.
func (j *jsonWriter) items(e Element) error {
	at := len(j.path)
	defer func() { j.path = j.path[:at] }()
	for i, d := range e.Items() {
		j.raw([...]string{`,"Value":[`, ","}[min(i, 1)])
		j.path = strconv.AppendInt(append(j.path[:at], '/'), int64(i+1), 10)
		if err := j.dataset(d); err != nil {
			return err
		}
	}
	j.raw("]")
	return nil
}

// bulk writes a value of bytes, or where it is.
func (j *jsonWriter) bulk(e Element) error {
	if j.o.BulkDataURI != nil && (e.Encapsulated() || e.Length() > j.o.InlineLimit) {
		if uri := j.o.BulkDataURI(string(j.path), e); uri != "" {
			j.raw(`,"BulkDataURI":`)
			j.string(uri)
			return nil
		}
	}
	if e.Encapsulated() {
		return nil
	}
	r, err := e.Open()
	if err != nil {
		return err
	}
	j.raw(`,"InlineBinary":"`)
	if err := j.base64(r, e); err != nil {
		return fault.Errorf(fault.Unavailable, "value of %v: %w", e.Tag(), err)
	}
	j.raw(`"`)
	return nil
}

// base64 writes what r holds, in little endian order.
func (j *jsonWriter) base64(r io.Reader, e Element) error {
	word := 1
	if e.BigEndian() {
		word = e.VR().WordSize()
	}
	out := base64.NewEncoder(base64.StdEncoding, j.b)
	buf := make([]byte, min(e.Length(), 48<<10)) // a whole number of words of any size
	for done := int64(0); done < e.Length(); {
		n, err := io.ReadFull(r, buf[:min(e.Length()-done, int64(len(buf)))])
		if err != nil {
			return errors.Join(err, io.ErrUnexpectedEOF)
		}
		if _, err := out.Write(swap(buf[:n], word)); err != nil {
			return err
		}
		done += int64(n)
	}
	return out.Close()
}

// texts writes values of characters; none if there is only an empty one.
func (j *jsonWriter) texts(values []string, v vr.VR) {
	for i, s := range values {
		j.raw([...]string{`,"Value":[`, ","}[min(i, 1)])
		switch {
		case s == "":
			j.raw("null")
		case v == vr.PN:
			j.name(s)
		case v == vr.DS || v == vr.IS:
			j.decimal(s, v)
		default:
			j.string(s)
		}
	}
	if len(values) > 0 {
		j.raw("]")
	}
}

// groups holds the names of the component groups of a person name (PS3.18 F.2.2).
var groups = [...]string{"Alphabetic", "Ideographic", "Phonetic"}

// name writes a person name, of which there are at most three groups.
func (j *jsonWriter) name(s string) {
	sep := "{"
	for i, group := range strings.SplitN(s, "=", len(groups)+1) {
		group = strings.Trim(group, " ")
		if i == len(groups) || group == "" {
			continue
		}
		j.raw(sep + `"` + groups[i] + `":`)
		j.string(group)
		sep = ","
	}
	if sep == "{" {
		j.raw("null")
		return
	}
	j.raw("}")
}

// decimal writes a decimal or integer string as a number, with the digits it has
// as far as JSON allows, or as a string if it is none.
func (j *jsonWriter) decimal(s string, v vr.VR) {
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil, math.IsInf(f, 0), math.IsNaN(f), strings.ContainsAny(s, "xXpP_"),
		v == vr.IS && strings.ContainsAny(s, ".eE"):
		j.string(s)
	case jsonNumber(s):
		j.raw(s)
	case v == vr.IS:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			j.raw(strconv.FormatInt(n, 10))
			return
		}
		j.string(s)
	default:
		_, _ = j.b.Write(strconv.AppendFloat(j.b.AvailableBuffer(), f, 'g', -1, 64))
	}
}

// jsonNumber reports whether s, which is a decimal number, is also one of JSON:
// no plus before it, no zero before another digit, digits on both sides of a point.
func jsonNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	digit := func(i int) bool { return i >= 0 && i < len(s) && s[i] >= '0' && s[i] <= '9' }
	if !digit(0) || s[0] == '0' && digit(1) {
		return false
	}
	point := strings.IndexByte(s, '.')
	return point < 0 || digit(point+1)
}

// numbers writes binary values.
func (j *jsonWriter) numbers(b []byte, v vr.VR, order binary.ByteOrder) {
	size := v.WordSize()
	if v == vr.AT {
		size = 4
	}
	if len(b) < size {
		return
	}
	sep := `,"Value":[`
	for ; len(b) >= size; b = b[size:] {
		buf := append(j.b.AvailableBuffer(), sep...)
		_, _ = j.b.Write(appendNumber(buf, b, v, order))
		sep = ","
	}
	j.raw("]")
}

// safe is the largest whole number up to which every reader of JSON is exact.
const safe = 1 << 53

// appendNumber appends the value with which b begins.
func appendNumber(buf, b []byte, v vr.VR, order binary.ByteOrder) []byte {
	switch v {
	case vr.AT:
		return append(appendHex(append(buf, '"'), readTag(b, order)), '"')
	case vr.FL:
		return appendFloat(buf, float64(math.Float32frombits(order.Uint32(b))), 32)
	case vr.FD:
		return appendFloat(buf, math.Float64frombits(order.Uint64(b)), 64)
	case vr.UV:
		if n := order.Uint64(b); n > safe {
			return append(strconv.AppendUint(append(buf, '"'), n, 10), '"')
		}
	case vr.SV:
		if n := integer(v, b, order); n > safe || n < -safe {
			return append(strconv.AppendInt(append(buf, '"'), n, 10), '"')
		}
	default:
	}
	return strconv.AppendInt(buf, integer(v, b, order), 10)
}

// appendFloat appends f with the digits that a float of so many bits needs.
func appendFloat(buf []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(buf, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(buf, `"inf"`...)
	case math.IsInf(f, -1):
		return append(buf, `"-inf"`...)
	}
	return strconv.AppendFloat(buf, f, 'g', -1, bits)
}

// string writes s, which is UTF-8, as a JSON string.
func (j *jsonWriter) string(s string) {
	const digits = "0123456789abcdef"
	j.raw(`"`)
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		j.raw(s[from:i])
		switch c {
		case '"', '\\':
			_, _ = j.b.Write([]byte{'\\', c})
		case '\n':
			j.raw(`\n`)
		case '\r':
			j.raw(`\r`)
		case '\t':
			j.raw(`\t`)
		default:
			_, _ = j.b.Write([]byte{'\\', 'u', '0', '0', digits[c>>4], digits[c&0xF]})
		}
		from = i + 1
	}
	j.raw(s[from:])
	j.raw(`"`)
}
