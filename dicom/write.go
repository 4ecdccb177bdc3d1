package dicom

import (
	"bufio"
	"bytes"
	"compress/flate"
	"io"
	"math"

	"radagora/dicom/charset"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// ImplementationClassUID names this program in file meta information and in
// association negotiation (PS3.7 D.3.3.2).
var ImplementationClassUID = uid.Must("2.25.188934046205829447138405129934762215481")

// ImplementationVersionName goes with it.
const ImplementationVersionName = "RADAGORA"

// Meta is the file meta information (PS3.10 7.1).
type Meta struct {
	SOPClass       uid.UID
	SOPInstance    uid.UID
	TransferSyntax uid.UID
	SourceAE       string // Source Application Entity Title; "" leaves it out
}

// WriteMeta writes preamble, prefix and file meta information, behind which the
// data set belongs in m.TransferSyntax.
func WriteMeta(w io.Writer, m Meta) error {
	b := NewBuilder().
		Bytes(tag.FileMetaInformationVersion, vr.OB, []byte{0, 1}).
		exact(tag.MediaStorageSOPClassUID, m.SOPClass).
		exact(tag.MediaStorageSOPInstanceUID, m.SOPInstance).
		exact(tag.TransferSyntaxUID, m.TransferSyntax).
		UID(tag.ImplementationClassUID, ImplementationClassUID).
		Text(tag.ImplementationVersionName, ImplementationVersionName)
	if m.SourceAE != "" {
		b.Text(tag.SourceApplicationEntityTitle, m.SourceAE)
	}
	var group bytes.Buffer
	if err := b.encode(&group, charset.Set{}); err != nil {
		return err
	}
	if group.Len() > math.MaxUint16 {
		return fault.Errorf(fault.Invalid, "file meta information of %d bytes", group.Len())
	}
	head := NewBuilder().Int(tag.FileMetaInformationGroupLength, int64(group.Len()))
	out := bytes.NewBuffer(append(make([]byte, 128, 512), "DICM"...))
	if err := head.encode(out, charset.Set{}); err != nil {
		return err
	}
	out.Write(group.Bytes())
	_, err := w.Write(out.Bytes())
	return err
}

// exact sets t to u without asking whether it is strict: what a tolerant reader
// let pass names the data set that follows, and must name it as it does itself.
func (b *Builder) exact(t tag.Tag, u uid.UID) *Builder {
	return b.set(field{tag: t, vr: vr.UI, texts: []string{u.String()}})
}

// WriteFile writes d as a DICOM file in the given transfer syntax. The SOP class
// and instance are those of d.
func WriteFile(w io.Writer, d *Dataset, syntax uid.UID) error {
	m := Meta{SOPClass: d.UID(tag.SOPClassUID), SOPInstance: d.UID(tag.SOPInstanceUID), TransferSyntax: syntax}
	if m.SOPClass.IsZero() || m.SOPInstance.IsZero() {
		return fault.Errorf(fault.Invalid, "no %v or no %v: a file must name what it holds (PS3.10 7.1)",
			tag.SOPClassUID, tag.SOPInstanceUID)
	}
	if err := WriteMeta(w, m); err != nil {
		return err
	}
	return Write(w, d, syntax)
}

// Write writes the elements of d, without meta information, in the given
// transfer syntax. Group lengths are left out, odd values padded, text stays in
// the character set it is in. It fails with Unsupported where pixels would have
// to be compressed or decompressed.
func Write(w io.Writer, d *Dataset, syntax uid.UID) error {
	s, known := uid.SyntaxOf(syntax)
	if !known {
		return fault.Errorf(fault.Unsupported, "transfer syntax %v is not known", syntax)
	}
	if s.Deflated {
		z, err := flate.NewWriter(w, flate.DefaultCompression)
		if err != nil {
			return err
		}
		if err := writeTo(z, d, s); err != nil {
			return err
		}
		return z.Close()
	}
	return writeTo(w, d, s)
}

// writeTo writes d as s says, whether what w gets is deflated or not.
func writeTo(w io.Writer, d *Dataset, s uid.Syntax) error {
	b := bufio.NewWriterSize(w, 64<<10)
	x := newWriter(b, d, s)
	if err := x.run(d.lo, d.hi); err != nil {
		return err
	}
	return b.Flush()
}

// A writer encodes part of an index anew.
type writer struct {
	w      *bufio.Writer
	x      *index
	c      coding
	packed bool
	from   uint32  // the first entry that sizes speaks of
	sizes  []int64 // encoded length of what containers enclose
}

// measure computes the lengths of all sequences and items, innermost first.
func (w *writer) measure(d *Dataset) {
	w.from = d.lo
	w.sizes = make([]int64, d.hi-d.lo)
	for i := int64(d.hi) - 1; i >= int64(d.lo); i-- {
		e := &w.x.entries[i]
		if e.kind != sequence && e.kind != item {
			continue
		}
		var n int64
		for j := uint32(i) + 1; j < e.next; j = w.x.entries[j].next { //nolint:gosec // i is an index
			n += w.length(j)
		}
		w.sizes[uint32(i)-w.from] = n //nolint:gosec // i is an index
	}
}

// length returns the encoded length of entry i with its header; 0 if it is left out.
func (w *writer) length(i uint32) int64 {
	e := &w.x.entries[i]
	switch {
	case e.kind == item:
		return 8 + w.sizes[i-w.from]
	case e.tag.Element() == 0:
		return 0
	case e.kind == sequence:
		return w.head(vr.SQ, 0) + w.sizes[i-w.from]
	case e.kind == fragments:
		n := w.head(vr.OB, 0) + 8
		for j := i + 1; j < e.next; j++ {
			n += 8 + even(w.x.entries[j].size)
		}
		return n
	}
	return w.head(e.vr, e.size) + even(e.size)
}

// head returns the length of an element's header.
func (w *writer) head(v vr.VR, size int64) int64 {
	if w.c.implicit || !v.Long() && even(size) <= math.MaxUint16 {
		return 8
	}
	return 12
}

// even rounds up to an even number.
func even(n int64) int64 { return n + n&1 }

// run writes the siblings in [lo, hi).
func (w *writer) run(lo, hi uint32) error {
	for i := lo; i < hi; i = w.x.entries[i].next {
		if err := w.entry(i); err != nil {
			return err
		}
	}
	return nil
}

// entry writes entry i and what it encloses.
func (w *writer) entry(i uint32) error {
	e := &w.x.entries[i]
	switch {
	case e.kind != item && e.tag.Element() == 0:
		return nil
	case e.kind == item:
		if err := w.put(appendItem(nil, w.sizes[i-w.from], w.c)); err != nil {
			return err
		}
		return w.run(i+1, e.next)
	case e.kind == sequence:
		if err := w.put(appendHeader(nil, e.tag, vr.SQ, w.sizes[i-w.from], w.c)); err != nil {
			return err
		}
		return w.run(i+1, e.next)
	case e.kind == fragments:
		return w.fragments(i)
	}
	return w.element(i)
}

// put writes b unless there is an error.
func (w *writer) put(b []byte, err error) error {
	if err != nil {
		return err
	}
	_, err = w.w.Write(b)
	return err
}

// fragments writes encapsulated pixel data, with the lengths as they are.
func (w *writer) fragments(i uint32) error {
	e := &w.x.entries[i]
	if !w.packed {
		return fault.Errorf(fault.Unsupported, "%v is compressed and would have to be decoded", e.tag)
	}
	if err := w.put(appendHeader(nil, e.tag, vr.OB, -1, w.c)); err != nil {
		return err
	}
	for j := i + 1; j < e.next; j++ {
		size := w.x.entries[j].size
		if err := w.put(appendItem(nil, even(size), w.c)); err != nil {
			return err
		}
		if err := w.value(j, 1, 0); err != nil {
			return err
		}
	}
	return w.put(appendTag(nil, tagSeqEnd, w.c, 0), nil)
}

// element writes one element with a value.
func (w *writer) element(i uint32) error {
	e := &w.x.entries[i]
	if w.packed && e.tag == tag.PixelData && i == w.top(i) {
		return fault.Errorf(fault.Unsupported, "%v is not compressed and would have to be encoded", e.tag)
	}
	v := e.vr
	if !w.c.implicit && !v.Long() && even(e.size) > math.MaxUint16 {
		v = vr.UN // PS3.5 6.2.2 note 4: the length field would be too short
	}
	if err := w.put(appendHeader(nil, e.tag, v, even(e.size), w.c)); err != nil {
		return err
	}
	word := 1
	if e.big != w.c.big {
		word = e.vr.WordSize()
	}
	return w.value(i, word, e.vr.Padding())
}

// top returns i if it is an element of the data set itself.
func (w *writer) top(i uint32) uint32 {
	for j := w.from; j <= i; j = w.x.entries[j].next {
		if j == i {
			return i
		}
	}
	return i + 1
}

// value copies the value of entry i, turning words of so many bytes round.
func (w *writer) value(i uint32, word int, pad byte) error {
	e := &w.x.entries[i]
	buf := make([]byte, min(max(e.size, 1), 64<<10))
	for done := int64(0); done < e.size; {
		n := min(e.size-done, int64(len(buf)))
		b, err := w.x.src.load(e.off+done, n)
		if err != nil {
			return fault.Errorf(fault.Of(err), "value of %v: %w", e.tag, err)
		}
		if word > 1 {
			b = swap(append(buf[:0], b...), word)
		}
		if _, err := w.w.Write(b); err != nil {
			return err
		}
		done += n
	}
	if e.size&1 != 0 {
		return w.w.WriteByte(pad)
	}
	return nil
}

// appendTag appends a tag and a 32-bit length.
func appendTag(b []byte, t tag.Tag, c coding, length uint32) []byte {
	order := c.append()
	b = order.AppendUint16(b, t.Group())
	b = order.AppendUint16(b, t.Element())
	return order.AppendUint32(b, length)
}

// appendItem appends the head of an item of n bytes.
func appendItem(b []byte, n int64, c coding) ([]byte, error) {
	if n >= undefined {
		return nil, fault.Errorf(fault.Unsupported, "an item of %d bytes", n)
	}
	return appendTag(b, tagItem, c, uint32(n)), nil //nolint:gosec // checked
}

// appendHeader appends the head of an element; a size of -1 is undefined length.
func appendHeader(b []byte, t tag.Tag, v vr.VR, size int64, c coding) ([]byte, error) {
	length := uint32(undefined)
	if size >= undefined {
		return nil, fault.Errorf(fault.Unsupported, "%v: a value of %d bytes", t, size)
	}
	if size >= 0 {
		length = uint32(size)
	}
	if c.implicit {
		return appendTag(b, t, c, length), nil
	}
	order := c.append()
	b = order.AppendUint16(b, t.Group())
	b = order.AppendUint16(b, t.Element())
	b = append(b, byte(v>>8), byte(v)) //nolint:gosec // its two letters
	if v.Long() {
		return order.AppendUint32(append(b, 0, 0), length), nil
	}
	if length > math.MaxUint16 {
		return nil, fault.Errorf(fault.Invalid, "%v: %d bytes for VR %v", t, length, v)
	}
	return order.AppendUint16(b, uint16(length)), nil
}
