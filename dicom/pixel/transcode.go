package pixel

import (
	"context"
	"encoding/binary"
	"io"
	"math"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// Lossy allows a transcoding that changes samples.
type Lossy struct {
	// Quality is that of JPEG, from 1 to 100; 0 is 90.
	Quality int
	// Instance becomes the SOP Instance UID: the result is another object
	// (PS3.3 C.7.6.1.1.5).
	Instance uid.UID
}

// CanTranscode reports whether Transcode can turn transfer syntax from into to
// without loss, as far as that depends on the two alone. Samples that were
// compressed with loss before stay as they are.
func CanTranscode(from, to uid.UID) bool {
	if from == to {
		_, known := uid.SyntaxOf(to)
		return known
	}
	return CanDecode(from) && (native(to) || encoders[to] != nil)
}

// native reports whether pixels in the transfer syntax are not encapsulated and
// this package writes it.
func native(ts uid.UID) bool {
	switch ts {
	case uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian:
		return true
	}
	return false
}

// Transcode returns the data set of f, without meta information, in transfer
// syntax to, and never changes a sample's value. It is made while it is read,
// frame by frame, with no more than a few frames in memory. The first frame is
// made before Transcode returns, so that most errors come at once; later ones
// come from Read. The source of f must stay usable until the reader is closed,
// which the caller must do. When ctx ends, so does reading.
//
// SOP Instance UID stays. The photometric interpretation and how samples lie are
// those of the result. Where the codestream is lossy, the result says so even if
// the object did not. Colours that JPEG
// has subsampled or JPEG 2000 transformed come out as RGB. Offset tables are
// left out, and an icon that would have to be decoded too.
//
// Errors are Unsupported (no way without loss) and those of FramesOf and Decode.
func Transcode(ctx context.Context, f *dicom.File, to uid.UID) (io.ReadCloser, error) {
	return transcode(ctx, f, to, nil)
}

// TranscodeLossy is Transcode for who has asked for loss: to may be JPEG
// Baseline, for samples of 8 bits. The result is a new object that refers to the
// old one.
func TranscodeLossy(ctx context.Context, f *dicom.File, to uid.UID, l Lossy) (io.ReadCloser, error) {
	return transcode(ctx, f, to, &l)
}

// transcode plans and begins.
func transcode(ctx context.Context, f *dicom.File, to uid.UID, l *Lossy) (io.ReadCloser, error) {
	p, err := newPlan(ctx, f, to, l)
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	go func() {
		stop := context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
		defer stop()
		w.CloseWithError(p.write(w))
	}()
	return r, nil
}

// A plan is a transcoding that can be done.
type plan struct {
	ctx    context.Context //nolint:containedctx // that of the one call this value is made for
	f      *dicom.File
	to     uid.UID
	lossy  *Lossy
	frames *Frames // nil if there is nothing to do with pixels
	first  []byte  // the first frame, made already
	method string  // how the object was compressed with loss; "" if it was not
	ratio  float64 // and how far
	info   Info    // of what is written
	raw    bool    // native samples are written as they lie
	set    *dicom.Builder
}

// newPlan looks at everything that can be known before writing.
func newPlan(ctx context.Context, f *dicom.File, to uid.UID, l *Lossy) (*plan, error) {
	p := &plan{ctx: ctx, f: f, to: to, lossy: l, set: dicom.NewBuilder()}
	e, pixels := f.Element(tag.PixelData)
	switch {
	case f.TransferSyntax == to:
		return p, nil
	case !native(to) && encoders[to] == nil && (l == nil || to != uid.JPEGBaseline8Bit):
		return nil, fault.Errorf(fault.Unsupported, "pixels are not turned into transfer syntax %v", to)
	case !pixels && native(to):
		return p, nil
	case !pixels:
		return nil, fault.Errorf(fault.Unsupported, "no pixels that could be in transfer syntax %v", to)
	case e.Empty():
		return nil, fault.Errorf(fault.Unsupported, "empty pixel data")
	}
	var err error
	if p.frames, err = FramesOf(f.Dataset, f.TransferSyntax); err != nil {
		return nil, err
	}
	p.info = p.frames.Info
	p.raw = !p.frames.encapsulated && (native(to) || rawEncoders[to])
	if p.raw {
		return p, nil
	}
	if p.first, err = p.frame(0); err != nil {
		return nil, err
	}
	return p, p.change()
}

// frame makes frame n in the new transfer syntax. The first one settles what
// all of them are.
func (p *plan) frame(n int) ([]byte, error) {
	if n == 0 && p.first != nil {
		b := p.first
		p.first = nil
		return b, nil
	}
	if p.raw {
		b, err := p.frames.Bytes(n)
		if err != nil || native(p.to) {
			return b, err
		}
		return encoders[p.to](&Frame{Info: p.info, Data: b})
	}
	b, err := p.frames.Bytes(n)
	if err != nil {
		return nil, err
	}
	f, err := Decode(p.frames.Info, b)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		p.method = lossMethod(p.frames.Info.TransferSyntax, b)
		p.ratio = float64(f.FrameLength()) / float64(max(1, len(b)))
	}
	if p.frames.Info.BitsAllocated == 1 {
		f.BitsAllocated = 1
		f.Data = packBits(f.Data)
	}
	f.NumberOfFrames = p.frames.Info.NumberOfFrames
	if n == 0 {
		p.info = f.Info
	} else if f.Info != p.info {
		return nil, fault.Errorf(fault.Invalid, "frame %d is encoded in another way than the first", n+1)
	}
	switch {
	case p.lossy != nil && p.to == uid.JPEGBaseline8Bit:
		return encodeBaseline(f, p.lossy.Quality)
	case !native(p.to):
		return encoders[p.to](f)
	case p.to == uid.ExplicitVRBigEndian && f.BitsAllocated > 8:
		return swapped(f.Data, f.BitsAllocated/8), nil
	}
	return f.Data, nil
}

// change notes which attributes differ from those of the data set.
func (p *plan) change() error {
	was, is := p.frames.Info, p.info
	if is.PhotometricInterpretation == ybrPartial {
		return fault.Errorf(fault.Unsupported, "%s cannot be named any more", YBRPartial422)
	}
	if is.BitsAllocated == 1 && native(p.to) && is.NumberOfFrames > 1 && is.FrameBits()%8 != 0 {
		return fault.Errorf(fault.Unsupported, "frames of single bits that do not fill whole bytes")
	}
	if is.PhotometricInterpretation != was.PhotometricInterpretation {
		p.set.Text(tag.PhotometricInterpretation, is.PhotometricInterpretation)
	}
	if is.SamplesPerPixel > 1 {
		p.set.Int(tag.PlanarConfiguration, 0)
	}
	if is.BitsAllocated != was.BitsAllocated {
		p.set.Int(tag.BitsAllocated, int64(is.BitsAllocated))
		p.set.Int(tag.BitsStored, int64(is.BitsStored)).Int(tag.HighBit, int64(is.HighBit))
	}
	if p.lossy != nil && p.to == uid.JPEGBaseline8Bit {
		return p.derive()
	}
	if p.method != "" && p.f.Text(tag.LossyImageCompression) != "01" {
		p.loss(p.method, p.ratio)
	}
	return nil
}

// loss notes that samples have been compressed with loss (PS3.3 C.7.6.1.1.5),
// after what is there already.
func (p *plan) loss(method string, ratio float64) {
	p.set.Text(tag.LossyImageCompression, "01")
	p.set.Text(tag.LossyImageCompressionMethod, append(p.f.Texts(tag.LossyImageCompressionMethod), method)...)
	ratios := append(p.f.Floats(tag.LossyImageCompressionRatio), math.Round(ratio*100)/100)
	p.set.Float(tag.LossyImageCompressionRatio, ratios...)
}

// derive makes the object another one, with loss (PS3.3 C.7.6.1.1.5, C.12.4).
func (p *plan) derive() error {
	if p.lossy.Instance.IsZero() {
		return fault.Errorf(fault.Invalid, "a lossy object needs a SOP Instance UID of its own")
	}
	if p.info.SamplesPerPixel == 3 {
		p.set.Text(tag.PhotometricInterpretation, YBRFull422)
	}
	ratio := float64(p.info.FrameLength()) / float64(max(1, len(p.first)))
	p.set.UID(tag.SOPInstanceUID, p.lossy.Instance)
	p.loss(lossJPEG, ratio)
	kind := p.f.Texts(tag.ImageType)
	if len(kind) == 0 {
		kind = []string{"", "PRIMARY"}
	}
	kind[0] = "DERIVED"
	p.set.Text(tag.ImageType, kind...)
	p.set.Sequence(tag.SourceImageSequence, dicom.NewBuilder().
		UID(tag.ReferencedSOPClassUID, p.f.UID(tag.SOPClassUID)).
		UID(tag.ReferencedSOPInstanceUID, p.f.UID(tag.SOPInstanceUID)))
	return nil
}

// write writes the data set.
func (p *plan) write(w io.Writer) error {
	set, err := p.set.Dataset()
	if err != nil {
		return err
	}
	c := dicom.Changes{Set: set, Drop: p.drop}
	if p.frames != nil {
		c.Pixels = p.pixels
	}
	return dicom.WriteChanged(w, p.f.Dataset, p.to, c)
}

// drop tells which elements do not outlive the change.
func (p *plan) drop(e dicom.Element) bool {
	switch e.Tag() {
	case tag.ExtendedOffsetTable, tag.ExtendedOffsetTableLengths, tag.EncapsulatedPixelDataValueTotalLength:
		return p.frames != nil
	case tag.IconImageSequence:
		for _, icon := range e.Items() {
			if data, ok := icon.Element(tag.PixelData); ok && data.Encapsulated() && native(p.to) {
				return true
			}
		}
	}
	return false
}

// pixels writes the element Pixel Data.
func (p *plan) pixels(w io.Writer) error {
	if native(p.to) {
		return p.nativePixels(w)
	}
	// An empty offset table: how long frames will be is not known yet.
	head := []byte{0xE0, 0x7F, 0x10, 0, 'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0, 0xE0, 0, 0, 0, 0}
	if _, err := w.Write(head); err != nil {
		return err
	}
	for n := range p.frames.Len() {
		b, err := p.next(n)
		if err != nil {
			return err
		}
		if int64(len(b)) >= math.MaxUint32-1 {
			return fault.Errorf(fault.Unsupported, "a fragment of %d bytes", len(b))
		}
		item := binary.LittleEndian.AppendUint32([]byte{0xFE, 0xFF, 0, 0xE0}, uint32(len(b)+len(b)&1)) //nolint:gosec // checked
		if _, err := w.Write(item); err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		if len(b)&1 != 0 {
			if _, err := w.Write([]byte{0}); err != nil {
				return err
			}
		}
	}
	_, err := w.Write([]byte{0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0})
	return err
}

// next is frame unless the context has ended.
func (p *plan) next(n int) ([]byte, error) {
	if err := p.ctx.Err(); err != nil {
		return nil, err
	}
	return p.frame(n)
}

// nativePixels writes Pixel Data of defined length.
func (p *plan) nativePixels(w io.Writer) error {
	size := (p.info.FrameBits()*int64(p.frames.Len()) + 7) / 8
	if p.raw {
		size = p.frames.data.Length()
	}
	if err := p.nativeHead(w, size+size&1); err != nil {
		return err
	}
	if p.raw {
		if err := p.copyRaw(w); err != nil {
			return err
		}
	} else {
		for n := range p.frames.Len() {
			b, err := p.next(n)
			if err != nil {
				return err
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
	}
	if size&1 != 0 {
		_, err := w.Write([]byte{0})
		return err
	}
	return nil
}

// nativeHead writes what stands before size bytes of native Pixel Data.
func (p *plan) nativeHead(w io.Writer, size int64) error {
	if size >= math.MaxUint32 {
		return fault.Errorf(fault.Unsupported, "%d bytes of native pixel data", size)
	}
	letters := "OB"
	if p.info.BitsAllocated > 8 {
		letters = "OW"
	}
	b := []byte{0xE0, 0x7F, 0x10, 0}
	switch p.to {
	case uid.ImplicitVRLittleEndian:
		b = binary.LittleEndian.AppendUint32(b, uint32(size)) //nolint:gosec // checked
	case uid.ExplicitVRBigEndian:
		b = append([]byte{0x7F, 0xE0, 0, 0x10}, letters+"\x00\x00"...)
		b = binary.BigEndian.AppendUint32(b, uint32(size)) //nolint:gosec // checked
	default:
		b = binary.LittleEndian.AppendUint32(append(b, letters+"\x00\x00"...), uint32(size)) //nolint:gosec // checked
	}
	_, err := w.Write(b)
	return err
}

// copyRaw copies native samples, turned round where the byte order changes.
func (p *plan) copyRaw(w io.Writer) error {
	const piece = 256 << 10 // a multiple of every word
	from, to := p.info.wordSize(), 1
	if !p.frames.big {
		from = 1
	}
	if p.to == uid.ExplicitVRBigEndian && p.info.BitsAllocated > 8 {
		to = p.info.BitsAllocated / 8
	}
	if from == to {
		from, to = 1, 1
	}
	for at, size := int64(0), p.frames.data.Length(); at < size; at += piece {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		b, err := p.frames.data.Load(at, min(piece, size-at))
		if err != nil {
			return err
		}
		if word := from * to; word > 1 {
			b = swapped(b, word)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}
