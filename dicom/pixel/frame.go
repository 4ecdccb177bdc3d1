package pixel

import (
	"bytes"
	"encoding/binary"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// Frames are the frames of one object, found but not read.
type Frames struct {
	// Info describes what Bytes returns: native samples are always little
	// endian, whatever the object has.
	Info         Info
	data         dicom.Element
	big          bool // native and big endian
	parts        [][]dicom.Fragment
	from         int64 // offset of the value in its source
	encapsulated bool
}

// FramesOf finds the frames of ds, which is in transfer syntax ts. Fragments are
// joined to frames by the extended or the basic offset table, or else by what
// there is: one frame, a fragment a frame, or fragments that end an image
// (PS3.5 A.4). Errors are those of Describe, NotFound (there is no Pixel Data)
// and Invalid (frames cannot be told apart). Long values of a deflated data set
// are there only if it was opened with a Spool.
func FramesOf(ds *dicom.Dataset, ts uid.UID) (*Frames, error) {
	i, err := Describe(ds, ts)
	if err != nil {
		return nil, err
	}
	e, ok := pixelData(ds)
	if !ok || e.Empty() {
		return nil, fault.Errorf(fault.NotFound, "no pixel data")
	}
	f := &Frames{Info: i, data: e, from: e.Offset(), encapsulated: e.Encapsulated()}
	if f.encapsulated {
		return f, f.join(ds)
	}
	f.big = e.BigEndian() || ts == uid.GEPrivateImplicitVRBigEndian
	// Pixel Data of defined length hold native samples even where the transfer
	// syntax compresses (PS3.5 A.4).
	f.Info.TransferSyntax = uid.ExplicitVRLittleEndian
	bits := f.Info.FrameBits()
	if whole := (bits*int64(i.NumberOfFrames) + 7) / 8; whole > e.Length() {
		return f, fault.Errorf(fault.Invalid, "%d bytes of pixel data for %d frames of %d bits", e.Length(), i.NumberOfFrames, bits)
	}
	return f, nil
}

// pixelData returns the element that holds the samples.
func pixelData(ds *dicom.Dataset) (dicom.Element, bool) {
	for _, t := range []tag.Tag{tag.PixelData, tag.FloatPixelData, tag.DoubleFloatPixelData} {
		if e, ok := ds.Element(t); ok {
			return e, true
		}
	}
	return dicom.Element{}, false
}

// Len returns the number of frames.
func (f *Frames) Len() int { return f.Info.NumberOfFrames }

// Bytes returns frame n, from 0, as f.Info says: fragments joined, native
// samples little endian, a single bit a pixel beginning with the first bit. The
// caller must not change it. Errors are NotFound (no such frame), Exhausted
// (longer than MaxFrame) and those of the source.
func (f *Frames) Bytes(n int) ([]byte, error) {
	if n < 0 || n >= f.Len() {
		return nil, fault.Errorf(fault.NotFound, "no frame %d of %d", n+1, f.Len())
	}
	if f.encapsulated {
		return f.joined(f.parts[n])
	}
	bits := f.Info.FrameBits()
	first := bits * int64(n)
	lo, hi := first/8, (first+bits+7)/8
	if word := int64(f.Info.wordSize()); f.big && word > 1 {
		return f.turned(lo, hi, word)
	}
	b, err := f.data.Load(lo, hi-lo)
	if err != nil || first%8 == 0 {
		return b, err
	}
	return shifted(b, int(first%8), int((bits+7)/8)), nil
}

// turned returns native bytes [lo, hi) in little endian. Words may lie across
// both ends, and at the end of an odd value there may be half of one.
func (f *Frames) turned(lo, hi, word int64) ([]byte, error) {
	from, to := lo/word*word, min((hi+word-1)/word*word, f.data.Length())
	b, err := f.data.Load(from, to-from)
	if err != nil {
		return nil, err
	}
	return swapped(b, int(word))[lo-from : hi-from], nil
}

// shifted returns n bytes of the bits of b from bit on, low bits first.
func shifted(b []byte, bit, n int) []byte {
	all := make([]byte, n)
	for k := range all {
		all[k] = b[k] >> bit
		if k+1 < len(b) {
			all[k] |= b[k+1] << (8 - bit)
		}
	}
	return all
}

// joined reads fragments and puts them together.
func (f *Frames) joined(parts []dicom.Fragment) ([]byte, error) {
	var n int64
	for _, p := range parts {
		n += p.Length
	}
	if n > MaxFrame {
		return nil, fault.Errorf(fault.Exhausted, "a frame of %d bytes; at most %d are read", n, MaxFrame)
	}
	if len(parts) == 1 {
		return f.data.Load(parts[0].Offset-f.from, n)
	}
	all := make([]byte, 0, n) // those bytes are there: the index has seen them
	for _, p := range parts {
		b, err := f.data.Load(p.Offset-f.from, p.Length)
		if err != nil {
			return nil, err
		}
		all = append(all, b...)
	}
	return all, nil
}

// Frame decodes frame n, from 0. See Bytes and Decode for errors.
func (f *Frames) Frame(n int) (*Frame, error) {
	b, err := f.Bytes(n)
	if err != nil {
		return nil, err
	}
	return Decode(f.Info, b)
}

// Fragments returns which fragments make up frame n, nil if the pixels are
// native or there is no such frame.
func (f *Frames) Fragments(n int) []dicom.Fragment {
	if n < 0 || n >= len(f.parts) {
		return nil
	}
	return f.parts[n]
}

// join shares the fragments out among the frames.
func (f *Frames) join(ds *dicom.Dataset) error {
	all := f.data.Fragments()
	if len(all) < 2 {
		return fault.Errorf(fault.NotFound, "no fragment of pixel data but the offset table")
	}
	table, all := all[0], all[1:]
	n := f.Info.NumberOfFrames
	switch {
	case n == 1:
		f.parts = [][]dicom.Fragment{all}
		return nil
	case len(all) == n:
		for k := range all {
			f.parts = append(f.parts, all[k:k+1])
		}
		return nil
	case len(all) < n:
		return fault.Errorf(fault.Invalid, "%d fragments for %d frames", len(all), n)
	}
	if starts := f.extended(ds, n); starts != nil && f.cut(all, starts) {
		return nil
	}
	if starts := f.basic(table, n); starts != nil && f.cut(all, starts) {
		return nil
	}
	return f.byContent(all, n)
}

// extended returns the Extended Offset Table (PS3.3 C.7.6.3.1.8), nil if there
// is none of n frames.
func (f *Frames) extended(ds *dicom.Dataset, n int) []int64 {
	e, ok := ds.Element(tag.ExtendedOffsetTable)
	if !ok || e.Length() != int64(n)*8 {
		return nil
	}
	b, err := e.Bytes()
	if err != nil {
		return nil
	}
	starts := make([]int64, n)
	for k := range starts {
		starts[k] = int64(min(binary.LittleEndian.Uint64(b[k*8:]), 1<<62))
	}
	return starts
}

// basic returns the Basic Offset Table (PS3.5 A.4), nil if it has no n entries.
func (f *Frames) basic(table dicom.Fragment, n int) []int64 {
	if table.Length != int64(n)*4 {
		return nil
	}
	b, err := f.data.Load(table.Offset-f.from, table.Length)
	if err != nil {
		return nil
	}
	starts := make([]int64, n)
	for k := range starts {
		starts[k] = int64(binary.LittleEndian.Uint32(b[k*4:]))
	}
	return starts
}

// cut makes frames begin at starts, counted from the first fragment's item on,
// and reports whether each start is the beginning of a fragment.
func (f *Frames) cut(all []dicom.Fragment, starts []int64) bool {
	zero := all[0].Offset - 8
	parts := make([][]dicom.Fragment, 0, len(starts))
	from := 0
	for k := range starts {
		if all[from].Offset-8-zero != starts[k] {
			return false
		}
		to := len(all)
		if k+1 < len(starts) {
			for to = from + 1; to < len(all) && all[to].Offset-8-zero < starts[k+1]; to++ {
			}
			if to == len(all) {
				return false
			}
		}
		parts = append(parts, all[from:to])
		from = to
	}
	f.parts = parts
	return true
}

// byContent lets a frame begin where a fragment begins with the first marker of
// a JPEG or JPEG 2000 codestream.
func (f *Frames) byContent(all []dicom.Fragment, n int) error {
	from := 0
	for k := range all {
		if k == 0 || !f.begins(all[k]) {
			continue
		}
		f.parts = append(f.parts, all[from:k])
		from = k
	}
	f.parts = append(f.parts, all[from:])
	if len(f.parts) != n {
		return fault.Errorf(fault.Invalid, "%d fragments that make no %d frames, and no offset table", len(all), n)
	}
	return nil
}

// begins reports whether fragment p begins an image.
func (f *Frames) begins(p dicom.Fragment) bool {
	b, err := f.data.Load(p.Offset-f.from, min(p.Length, 4))
	if err != nil {
		return false
	}
	return bytes.HasPrefix(b, []byte{0xFF, 0xD8, 0xFF}) || bytes.HasPrefix(b, []byte{0xFF, 0x4F, 0xFF, 0x51})
}
