package dicomweb

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"radagora/dicom/uid"
	"radagora/fault"
)

// A coded is a media type for compressed pixels and the transfer syntaxes that it
// may stand for, the default first (PS3.18 Tables 8.7.3-3 to 8.7.3-5).
type coded struct {
	media    string
	syntaxes []uid.UID
}

var codeds = []coded{
	{typeJPEG, []uid.UID{uid.JPEGLosslessSV1, uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless}},
	{"image/dicom-rle", []uid.UID{uid.RLELossless}},
	{"image/x-dicom-rle", []uid.UID{uid.RLELossless}},
	{"image/jls", []uid.UID{uid.JPEGLSLossless, uid.JPEGLSNearLossless}},
	{"image/x-jls", []uid.UID{uid.JPEGLSLossless, uid.JPEGLSNearLossless}},
	{"image/jp2", []uid.UID{uid.JPEG2000Lossless, uid.JPEG2000}},
	{"image/jpx", []uid.UID{uid.JPEG2000MCLossless, uid.JPEG2000MC}},
	{"image/jphc", []uid.UID{uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K}},
	{"image/jxl", []uid.UID{uid.JPEGXLLossless, uid.JPEGXLJPEGRecompression, uid.JPEGXL}},
	{"video/mpeg", []uid.UID{uid.MPEG2MPML, uid.MPEG2MPHL}},
	{"video/mp4", []uid.UID{uid.MPEG4HP41, uid.MPEG4HP41BD, uid.MPEG4HP422D, uid.MPEG4HP423D, uid.MPEG4HP42STEREO}},
	{"video/h265", []uid.UID{uid.HEVCMP51, uid.HEVCM10P51}},
}

// compressedTypes returns the media types of compressed pixels.
func compressedTypes() []string {
	var all []string
	for _, c := range codeds {
		if !strings.Contains(c.media, "/x-") {
			all = append(all, c.media)
		}
	}
	return all
}

// mediaOf returns the media type for pixels in a transfer syntax.
func mediaOf(syntax uid.UID) string {
	for _, c := range codeds {
		if slices.Contains(c.syntaxes, syntax) {
			return c.media
		}
	}
	return typeOctets
}

// A choice is how frames go out.
type choice struct {
	media  string
	to     uid.UID
	how    want
	stored bool
}

// chooseFrames decides how the frames of an instance go out. As octets they are
// uncompressed unless a transfer syntax is named; who takes anything gets what is
// stored.
func (h *Handler) chooseFrames(ws []want, stored uid.UID) (choice, error) {
	native := plain(stored)
	for _, w := range ws {
		if w.syntax == "*" && (w.kind == "*" || w.takes(typeOctets)) {
			media := typeOctets
			if w.kind == "*" && !native {
				media = mediaOf(stored)
			}
			return choice{media, stored, w, true}, nil
		}
		if w.takes(typeOctets) {
			to := uid.ExplicitVRLittleEndian
			if w.syntax != "" {
				to, _ = uid.Parse(w.syntax) // it was read before
			}
			if c, ok := h.framesIn(to, stored, typeOctets, w); ok {
				return c, nil
			}
			continue
		}
		for _, c := range codeds {
			if !w.takes(c.media) {
				continue
			}
			for _, to := range c.syntaxes {
				if w.syntax != "" && w.syntax != "*" && w.syntax != to.String() || w.syntax == "*" && to != stored {
					continue
				}
				if c, ok := h.framesIn(to, stored, c.media, w); ok {
					return c, nil
				}
			}
		}
	}
	return choice{}, &statusError{http.StatusNotAcceptable, fault.Errorf(fault.Unsupported,
		"the pixels are stored as %s (%s) and cannot be given as Accept asks: accept multipart/related; type=\"%s\"; transfer-syntax=* (PS3.18 8.7.3.4)",
		uid.Name(stored), stored, typeOctets)}
}

// framesIn returns the choice of a transfer syntax, if frames can be given in it.
func (h *Handler) framesIn(to, stored uid.UID, media string, w want) (choice, bool) {
	switch {
	case to == stored, plain(to) && plain(stored):
		return choice{media, to, w, to == stored}, true
	case h.Transcode != nil && h.Transcode.Can(stored, to):
		return choice{media, to, w, false}, true
	}
	return choice{}, false
}

// maxFrames bounds how many frames one request may name.
const maxFrames = 1 << 16

// parseFrames reads a list of frame numbers, from 1.
func parseFrames(text string) ([]int, error) {
	var all []int
	for s := range strings.SplitSeq(text, ",") {
		n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 31)
		if err != nil || n == 0 {
			return nil, fault.Errorf(fault.Invalid, "frames are numbers from 1, divided by commas (PS3.18 10.4.1.1.6)")
		}
		if len(all) == maxFrames {
			return nil, fault.Errorf(fault.Invalid, "more than %d frames in one request", maxFrames)
		}
		all = append(all, int(n))
	}
	return all, nil
}

// frames answers with frames (PS3.18 10.4.1.1.6).
func (h *Handler) frames(w http.ResponseWriter, r *http.Request) error {
	at, err := scope(r)
	if err != nil {
		return err
	}
	var list []int
	if text := r.PathValue("list"); text != "" {
		if list, err = parseFrames(text); err != nil {
			return err
		}
	}
	first, _, stop, err := h.selected(r.Context(), at)
	if err != nil {
		return err
	}
	defer stop()
	return h.orGone(r.Context(), first, h.someFrames(w, r, wants(r), first, list))
}

// allFrames answers with every frame.
func (h *Handler) allFrames(w http.ResponseWriter, r *http.Request, ws []want, i Instance) error {
	return h.someFrames(w, r, ws, i, nil)
}

// someFrames answers with frames, all of them if none is named.
func (h *Handler) someFrames(w http.ResponseWriter, r *http.Request, ws []want, i Instance, list []int) error {
	c, err := h.chooseFrames(ws, i.TransferSyntax)
	if err != nil {
		return err
	}
	fs, err := h.Framer.Frames(r.Context(), i)
	if err != nil {
		return err
	}
	defer func() { _ = fs.Close() }() // it was only read
	if list == nil {
		for n := range fs.N() {
			list = append(list, n+1)
		}
	}
	for _, n := range list {
		if n > fs.N() {
			return fault.Errorf(fault.NotFound, "no frame %d: the instance has %d", n, fs.N())
		}
	}
	if len(list) == 0 {
		return fault.Errorf(fault.NotFound, "this instance has no pixels")
	}
	f := &framing{h: h, r: r, i: i, fs: fs, choice: c}
	defer f.close()
	if !c.how.multipart && len(list) == 1 && (!c.how.any || singlePart(r)) {
		return f.single(w, list[0])
	}
	return f.multipart(w, list)
}

// A framing hands out frames.
type framing struct {
	choice
	h  *Handler
	r  *http.Request
	i  Instance
	fs Frames
	o  Object // opened when it is needed
}

func (f *framing) close() {
	if f.o != nil {
		_ = f.o.Close() // it was only read
	}
}

// open returns a frame as it goes out.
func (f *framing) open(n int) (io.ReadCloser, int64, error) {
	stored, length, err := f.fs.Open(f.r.Context(), n)
	if err != nil || f.stored {
		return stored, length, err
	}
	if plain(f.i.TransferSyntax) && plain(f.to) && f.to != uid.ExplicitVRBigEndian && f.i.TransferSyntax != uid.ExplicitVRBigEndian {
		return stored, length, nil // pixels are the same in all of them
	}
	if f.h.Transcode == nil {
		_ = stored.Close() // it was not read
		return nil, 0, fault.Errorf(fault.Unsupported, "pixels stored as %s cannot be given in another transfer syntax", uid.Name(f.i.TransferSyntax))
	}
	if length > maxFrameBytes {
		_ = stored.Close() // it was not read
		return nil, 0, fault.Errorf(fault.Exhausted, "a frame of %d bytes cannot be transcoded: accept transfer-syntax=*", length)
	}
	raw := make([]byte, length)
	_, err = io.ReadFull(stored, raw)
	if err = errors.Join(err, stored.Close()); err != nil {
		return nil, 0, err
	}
	if f.o == nil {
		if f.o, err = f.h.Objects.Open(f.r.Context(), f.i); err != nil {
			return nil, 0, err
		}
	}
	b, err := f.h.Transcode.Frame(f.r.Context(), f.i, f.o, n, raw, f.to)
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), err
}

// maxFrameBytes bounds a frame that has to be held.
const maxFrameBytes = 512 << 20

// media returns the media type of a part, with its transfer syntax.
func (f *framing) mediaType() string { return f.media + "; transfer-syntax=" + f.to.String() }

func (f *framing) location(n int) string {
	return f.h.base(f.r) + f.i.scope().path() + "/frames/" + strconv.Itoa(n)
}

// single answers with one frame as a body of its own, which may be asked for in parts.
func (f *framing) single(w http.ResponseWriter, n int) error {
	b, length, err := f.open(n)
	if err != nil {
		return err
	}
	defer func() { _ = b.Close() }() // it was only read
	w.Header().Set("Content-Type", f.mediaType())
	w.Header().Set("Content-Location", f.location(n))
	if f.i.Digest != "" {
		tagged(w, f.i.Digest+"-"+strconv.Itoa(n)+"-"+f.to.String())
	}
	return f.h.body(w, f.r, b, length, f.i)
}

// body answers with length bytes of b, or with the range of them that is asked for.
func (h *Handler) body(w http.ResponseWriter, r *http.Request, b io.Reader, length int64, i Instance) error {
	s, seeks := b.(io.ReadSeeker)
	if ranged := r.Header.Get("Range") != ""; !seeks && ranged && length <= maxFrameBytes {
		raw := make([]byte, length)
		if _, err := io.ReadFull(b, raw); err != nil {
			return err
		}
		s, seeks = bytes.NewReader(raw), true
	}
	if etag := w.Header().Get("ETag"); seeks || etag != "" && strings.Contains(r.Header.Get("If-None-Match"), etag) {
		if !seeks {
			s = bytes.NewReader(nil) // nothing of it goes out
		}
		http.ServeContent(wide{w}, r, "", i.Received, s)
		return nil
	}
	w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	if r.Method == http.MethodHead {
		return nil
	}
	if err := stream(w, io.LimitReader(b, length)); err != nil {
		h.cut(r, err)
	}
	return nil
}

// multipart answers with a part for each frame. What is one frame has a length.
func (f *framing) multipart(w http.ResponseWriter, list []int) error {
	boundary := f.h.boundary()
	var tail bytes.Buffer
	tail.WriteString("\r\n")
	partEnd(&tail, boundary)
	for k, n := range list {
		b, length, err := f.open(n)
		if err != nil && k == 0 {
			return err
		}
		var head bytes.Buffer
		partHead(&head, boundary, f.mediaType(), f.location(n))
		if k == 0 {
			w.Header().Set("Content-Type", related(f.media, boundary)+"; transfer-syntax="+f.to.String())
			if len(list) == 1 {
				w.Header().Set("Content-Length", strconv.FormatInt(int64(head.Len())+length+int64(tail.Len()), 10))
			}
			if f.r.Method == http.MethodHead {
				return b.Close()
			}
		} else {
			_, _ = io.WriteString(w, "\r\n")
		}
		_, _ = head.WriteTo(w)
		if err == nil {
			err = errors.Join(stream(w, io.LimitReader(b, length)), b.Close())
		}
		if err != nil {
			f.h.cut(f.r, err)
		}
	}
	_, _ = tail.WriteTo(w) // whoever hung up learns nothing
	return nil
}
