package archive

import (
	"encoding/binary"
	"io"
	"math/bits"
	"slices"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A frameIndex says where frames are. Native frames lie behind one another; others are
// runs of bytes, one or more for each frame.
type frameIndex struct {
	count  int   // of native frames
	at     int64 // where the first begins
	bits   int64 // of one
	runs   []run
	starts []int // of each encapsulated frame, its first run
}

// A run is a fragment.
type run struct{ at, length int64 }

// maxFrames bounds what an object may be taken to have.
const maxFrames = 1 << 20

func (x frameIndex) frames() int {
	if len(x.runs) > 0 {
		return len(x.starts)
	}
	return x.count
}

// reader returns a reader over frame n, counted from 0, and its length.
func (x frameIndex) reader(o io.ReaderAt, n int) (io.Reader, int64) {
	if len(x.runs) == 0 {
		first := x.bits * int64(n)
		from, length := x.at+first/8, (x.bits+7)/8
		if shift := uint(first % 8); shift != 0 { //nolint:gosec // less than 8
			return &shifted{r: io.NewSectionReader(o, from, (first%8+x.bits+7)/8), by: shift, left: length}, length
		}
		return io.NewSectionReader(o, from, length), length
	}
	var all []io.Reader
	length := int64(0)
	for _, r := range x.fragments(n) {
		all = append(all, io.NewSectionReader(o, r.at, r.length))
		length += r.length
	}
	return io.MultiReader(all...), length
}

// fragments returns the runs of a frame.
func (x frameIndex) fragments(n int) []run {
	end := len(x.runs)
	if n+1 < len(x.starts) {
		end = x.starts[n+1]
	}
	return x.runs[x.starts[n]:end]
}

// shifted reads a frame of single bits that begins inside of a byte (PS3.5 8.1.1): the
// first pixel is the lowest bit.
type shifted struct {
	r    io.Reader
	by   uint
	left int64
	last byte
	some bool
}

// Read implements io.Reader.
func (s *shifted) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	if len(b) == 0 {
		return 0, nil
	}
	if !s.some {
		var first [1]byte
		if _, err := io.ReadFull(s.r, first[:]); err != nil {
			return 0, err
		}
		s.last, s.some = first[0], true
	}
	b = b[:min(int64(len(b)), s.left)]
	n, err := io.ReadFull(s.r, b)
	if err != nil && n < len(b) { // the last byte may have nothing behind it
		b[n] = 0
		n++
	}
	for i := range b[:n] {
		b[i], s.last = s.last>>s.by|b[i]<<(8-s.by), b[i]
	}
	s.left -= int64(n)
	return n, nil
}

// findFrames reads the header of an object, and of encapsulated pixels the heads of
// their items.
func findFrames(o Object) (frameIndex, error) {
	f, err := o.Read(nil)
	if err != nil {
		return frameIndex{}, unreadable(f, err)
	}
	frames := int64(1)
	if n, ok := f.Int(tag.NumberOfFrames); ok {
		frames = n
	}
	if frames < 1 || frames > maxFrames {
		return frameIndex{}, fault.Errorf(fault.Invalid, "%v: %d frames", tag.NumberOfFrames, frames)
	}
	for _, t := range []tag.Tag{tag.PixelData, tag.FloatPixelData, tag.DoubleFloatPixelData} {
		e, ok := f.Element(t)
		switch {
		case !ok:
		case e.Encapsulated():
			return encapsulatedFrames(o, f, e, int(frames))
		default:
			return nativeFrames(f, e, int(frames))
		}
	}
	return frameIndex{}, nil
}

// nativeFrames finds frames that lie behind one another.
func nativeFrames(f *dicom.File, e dicom.Element, frames int) (frameIndex, error) {
	samples := int64(1)
	for _, t := range []tag.Tag{tag.Rows, tag.Columns} {
		n, _ := f.Int(t)
		if n < 1 || n > 1<<16 {
			return frameIndex{}, fault.Errorf(fault.Invalid, "%v: pixels without a size", t)
		}
		samples *= n
	}
	per, ok := f.Int(tag.SamplesPerPixel)
	if !ok || per < 1 || per > 16 {
		per = 1
	}
	if strings.HasSuffix(f.Text(tag.PhotometricInterpretation), "_422") && per == 3 {
		per = 2 // every other pixel has no colour of its own (PS3.3 C.7.6.3.1.2)
	}
	size, _ := f.Int(tag.BitsAllocated)
	switch e.Tag() {
	case tag.FloatPixelData:
		size = 32
	case tag.DoubleFloatPixelData:
		size = 64
	}
	if size < 1 || size > 64 {
		return frameIndex{}, fault.Errorf(fault.Invalid, "%v: %d bits", tag.BitsAllocated, size)
	}
	x := frameIndex{count: frames, at: e.Offset(), bits: samples * per * size}
	if over, need := bits.Mul64(uint64(x.bits), uint64(frames)); over != 0 || (need+7)/8 > uint64(e.Length()) { //nolint:gosec // both positive
		return frameIndex{}, fault.Errorf(fault.Invalid, "%v: %d bytes are too few for %d frames", e.Tag(), e.Length(), frames)
	}
	return x, nil
}

// encapsulatedFrames finds which fragments make which frame: by the extended offset
// table, by the basic one, by their number, or by how each begins.
func encapsulatedFrames(o Object, f *dicom.File, e dicom.Element, frames int) (frameIndex, error) {
	all := e.Fragments()
	if len(all) < 2 {
		return frameIndex{}, fault.Errorf(fault.Invalid, "%v: no fragments", e.Tag())
	}
	if video(f.TransferSyntax) {
		return frameIndex{}, fault.Errorf(fault.Unsupported, "%v: frames of a video", e.Tag())
	}
	table, items := all[0], all[1:]
	x := frameIndex{runs: make([]run, len(items))}
	for i, p := range items {
		x.runs[i] = run{p.Offset, p.Length}
	}
	if len(items) == frames || frames == 1 {
		for i := range frames {
			x.starts = append(x.starts, i)
		}
		return x, nil
	}
	for _, offsets := range [][]int64{extendedTable(f, frames), basicTable(o, table, frames)} {
		if starts, ok := x.placed(offsets, frames); ok {
			x.starts = starts
			return x, nil
		}
	}
	for i, r := range x.runs {
		var head [2]byte
		if _, err := o.ReadAt(head[:], r.at); err == nil && begins(head) {
			x.starts = append(x.starts, i)
		}
	}
	if len(x.starts) != frames || x.starts[0] != 0 {
		return frameIndex{}, fault.Errorf(fault.Invalid, "%v: %d fragments, of which nothing tells which make up %d frames", e.Tag(), len(items), frames)
	}
	return x, nil
}

// placed returns the runs at which frames begin whose items are at offsets, counted from
// the first item; false if there is none at one of them.
func (x frameIndex) placed(offsets []int64, frames int) ([]int, bool) {
	if len(offsets) != frames {
		return nil, false
	}
	starts := make([]int, frames)
	for i, offset := range offsets {
		at, ok := slices.BinarySearchFunc(x.runs, offset+x.runs[0].at, func(r run, want int64) int {
			switch {
			case r.at < want:
				return -1
			case r.at > want:
				return 1
			}
			return 0
		})
		if !ok || i > 0 && at <= starts[i-1] || i == 0 && at != 0 {
			return nil, false
		}
		starts[i] = at
	}
	return starts, true
}

// extendedTable returns the Extended Offset Table (PS3.3 C.7.6.3.1.8), nil if there is none.
func extendedTable(f *dicom.File, frames int) []int64 {
	e, ok := f.Element(tag.ExtendedOffsetTable)
	if !ok || e.Length() != int64(frames)*8 {
		return nil
	}
	b, err := e.Bytes()
	if err != nil {
		return nil
	}
	all := make([]int64, frames)
	for i := range all {
		all[i] = int64(binary.LittleEndian.Uint64(b[8*i:])) //nolint:gosec // one beyond every object is found nowhere
	}
	return all
}

// basicTable returns the Basic Offset Table (PS3.5 A.4), nil if it is empty.
func basicTable(o io.ReaderAt, table dicom.Fragment, frames int) []int64 {
	if table.Length != int64(frames)*4 {
		return nil
	}
	b := make([]byte, table.Length)
	if _, err := o.ReadAt(b, table.Offset); err != nil {
		return nil
	}
	all := make([]int64, frames)
	for i := range all {
		all[i] = int64(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return all
}

// begins reports whether two bytes begin a compressed image: SOI of the JPEG family, or
// SOC of JPEG 2000.
func begins(head [2]byte) bool {
	return head == [2]byte{0xFF, 0xD8} || head == [2]byte{0xFF, 0x4F}
}

// video reports whether frames of a transfer syntax depend on each other.
func video(syntax uid.UID) bool {
	s := syntax.String()
	return strings.HasPrefix(s, "1.2.840.10008.1.2.4.10") && len(s) >= len("1.2.840.10008.1.2.4.100")
}

// bytes encodes the places of encapsulated frames: a version, how many frames, and for
// each how many runs, and for each of these the gap since the last and its length.
func (x frameIndex) bytes() []byte {
	b := binary.AppendUvarint([]byte{1}, uint64(len(x.starts)))
	end := int64(0)
	for n := range x.starts {
		runs := x.fragments(n)
		b = binary.AppendUvarint(b, uint64(len(runs)))
		for _, r := range runs {
			b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(r.at-end)), uint64(r.length)) //nolint:gosec // they ascend
			end = r.at + r.length
		}
	}
	return b
}

// parseIndex decodes what bytes encoded.
func parseIndex(b []byte) (x frameIndex, ok bool) {
	if len(b) == 0 || b[0] != 1 {
		return x, false
	}
	b = b[1:]
	next := func() (int64, bool) {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > 1<<62 {
			return 0, false
		}
		b = b[n:]
		return int64(v), true
	}
	frames, ok := next()
	if !ok || frames < 1 || frames > maxFrames || frames > int64(len(b)) {
		return x, false
	}
	end := int64(0)
	for range frames {
		n, ok := next()
		if !ok || n < 1 || n > int64(len(b)) {
			return x, false
		}
		x.starts = append(x.starts, len(x.runs))
		for range n {
			gap, ok1 := next()
			length, ok2 := next()
			if !ok1 || !ok2 || end+gap+length < 0 {
				return x, false
			}
			x.runs = append(x.runs, run{end + gap, length})
			end += gap + length
		}
	}
	return x, len(b) == 0
}
