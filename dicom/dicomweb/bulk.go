package dicomweb

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/vr"
	"radagora/fault"
)

// bulkdata answers with the value of one element (PS3.18 10.4.1.1.5): the path is
// that of a BulkDataURI, tags and numbers of items from 1. Without a path it is the
// pixel data.
func (h *Handler) bulkdata(w http.ResponseWriter, r *http.Request) error {
	at, err := scope(r)
	if err != nil {
		return err
	}
	ws := wants(r)
	path := strings.Trim(r.PathValue("path"), "/")
	if path == "" {
		path = fmt.Sprintf("%08X", uint32(tag.PixelData))
	}
	first, _, stop, err := h.selected(r.Context(), at)
	if err != nil {
		return err
	}
	defer stop()
	return h.header(r.Context(), first, func(f *dicom.File) error {
		e, err := locate(f.Dataset, path)
		if err != nil && pixelPath(path) {
			return h.orGone(r.Context(), first, err)
		}
		if err != nil {
			return err
		}
		if e.Encapsulated() {
			if h.Framer == nil {
				return fault.Errorf(fault.Unsupported, "compressed pixel data: retrieve the instance instead")
			}
			return h.allFrames(w, r, ws, first)
		}
		_, how, ok := choose(ws, typeOctets)
		if !ok {
			return notAcceptable(typeOctets)
		}
		return h.value(w, r, how, first, e, path)
	})
}

// pixelPath reports whether a path names the pixels of the instance.
func pixelPath(path string) bool {
	n, err := strconv.ParseUint(path, 16, 32)
	t := tag.Tag(n)
	return err == nil && (t == tag.PixelData || t == tag.FloatPixelData || t == tag.DoubleFloatPixelData)
}

// locate finds the element at a path.
func locate(d *dicom.Dataset, path string) (dicom.Element, error) {
	steps := strings.Split(path, "/")
	wrong := fault.Errorf(fault.Invalid, "bulkdata: the path is tags of eight digits and numbers of items, such as 54000100/1/54001010 (PS3.18 10.4.1.1.5)")
	if len(steps)%2 == 0 || len(steps) > 2*maxPath {
		return dicom.Element{}, wrong
	}
	for i := 0; ; i += 2 {
		n, err := strconv.ParseUint(steps[i], 16, 32)
		if err != nil || len(steps[i]) != 8 {
			return dicom.Element{}, wrong
		}
		e, ok := d.Element(tag.Tag(n))
		if !ok {
			return e, fault.Errorf(fault.NotFound, "no element %v in this instance", tag.Tag(n))
		}
		if i == len(steps)-1 {
			if e.Sequence() {
				return e, fault.Errorf(fault.Invalid, "%v is a sequence: ask for the metadata", e.Tag())
			}
			return e, nil
		}
		k, err := strconv.Atoi(steps[i+1])
		if err != nil {
			return e, wrong
		}
		items := e.Items()
		if k < 1 || k > len(items) {
			return e, fault.Errorf(fault.NotFound, "%v has %d items", e.Tag(), len(items))
		}
		d = items[k-1]
	}
}

// value answers with the bytes of a value, in little endian order.
func (h *Handler) value(w http.ResponseWriter, r *http.Request, how want, i Instance, e dicom.Element, path string) error {
	v, err := e.Open()
	if err != nil {
		return err
	}
	if word := wordOf(e.VR()); e.BigEndian() && word > 1 {
		v = &swapping{r: v, word: word}
	}
	location := h.base(r) + i.scope().path() + "/bulkdata/" + path
	if how.multipart || how.any && !singlePart(r) {
		boundary := h.boundary()
		w.Header().Set("Content-Type", related(typeOctets, boundary))
		if r.Method == http.MethodHead {
			return nil
		}
		partHead(w, boundary, typeOctets, location)
		if err := stream(w, v); err != nil {
			h.cut(r, err)
		}
		_, _ = io.WriteString(w, "\r\n")
		partEnd(w, boundary)
		return nil
	}
	w.Header().Set("Content-Type", typeOctets)
	w.Header().Set("Content-Location", location)
	if i.Digest != "" {
		tagged(w, i.Digest+"-"+strings.ReplaceAll(path, "/", "."))
	}
	if s, ok := v.(io.ReadSeeker); ok {
		http.ServeContent(wide{w}, r, "", i.Received, s)
		return nil
	}
	w.Header().Set("Content-Length", strconv.FormatInt(e.Length(), 10))
	if r.Method == http.MethodHead {
		return nil
	}
	if err := stream(w, v); err != nil {
		h.cut(r, err)
	}
	return nil
}

// singlePart reports whether a range is asked for, which only one part can have.
func singlePart(r *http.Request) bool { return r.Header.Get("Range") != "" }

// stream copies r.
func stream(w io.Writer, r io.Reader) error {
	p, _ := buffers.Get().(*[]byte)
	defer buffers.Put(p)
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, *p)
	return err
}

// wordOf returns how many bytes belong together in a value.
func wordOf(v vr.VR) int { return max(1, v.WordSize()) }

// A swapping reader turns the bytes of words round.
type swapping struct {
	r    io.Reader
	word int
	out  bytes.Reader
	buf  [32 << 10]byte
}

// Read implements io.Reader.
func (s *swapping) Read(p []byte) (int, error) {
	if s.out.Len() == 0 {
		n, err := io.ReadFull(s.r, s.buf[:])
		if n == 0 {
			return 0, err
		}
		for i := 0; i+s.word <= n; i += s.word {
			for a, b := i, i+s.word-1; a < b; a, b = a+1, b-1 {
				s.buf[a], s.buf[b] = s.buf[b], s.buf[a]
			}
		}
		s.out.Reset(s.buf[:n])
	}
	return s.out.Read(p)
}
