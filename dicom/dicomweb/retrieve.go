package dicomweb

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"sync"

	"radagora/dicom"
	"radagora/dicom/uid"
	"radagora/fault"
)

// retrievals returns the resources of WADO-RS that are no pictures (PS3.18 Table
// 10.4.1-1).
func (h *Handler) retrievals() []resource {
	files := []string{typeDICOM, typeZip, typeJSON, typeXML}
	all := []resource{
		{"GET", pathStudy, Retrieve, h.retrieve, files},
		{"GET", pathSeries, Retrieve, h.retrieve, files},
		{"GET", pathInstance, Retrieve, h.retrieve, files},
		{"GET", pathInstance + "/bulkdata/{path...}", Retrieve, h.bulkdata, []string{typeOctets}},
		{"GET", pathInstance + "/bulkdata", Retrieve, h.bulkdata, []string{typeOctets}},
	}
	for _, p := range []string{pathStudy, pathSeries, pathInstance} {
		all = append(all, resource{"GET", p + "/metadata", Retrieve, h.metadata, []string{typeJSON, typeXML}})
	}
	if h.Framer != nil {
		types := append([]string{typeOctets}, compressedTypes()...)
		all = append(all,
			resource{"GET", pathInstance + "/frames/{list}", Retrieve, h.frames, types},
			resource{"GET", pathInstance + "/pixeldata", Retrieve, h.frames, types})
	}
	return all
}

// selected returns the instances of a scope: the first one, and those behind it one
// by one. NotFound: there are none. stop must be called.
func (h *Handler) selected(ctx context.Context, at Scope) (first Instance, rest func() (Instance, bool, error), stop func(), err error) {
	next, stop := iter.Pull2(h.Objects.Select(ctx, at))
	rest = func() (Instance, bool, error) {
		i, err, more := next()
		return i, more && err == nil, err
	}
	first, more, err := rest()
	if err == nil && !more {
		err = fault.Errorf(fault.NotFound, "no such %s", at.what())
	}
	if err != nil {
		stop()
		return first, nil, nil, err
	}
	return first, rest, stop, nil
}

// what names what a scope names.
func (s Scope) what() string {
	switch {
	case !s.Instance.IsZero():
		return "instance in this series and study"
	case !s.Series.IsZero():
		return "series in this study"
	}
	return "study"
}

// A delivery is how one instance goes out.
type delivery struct {
	Instance
	to uid.UID // transfer syntax of what goes out; as it is stored if that is the same
}

// asStored reports whether the bytes go out as they are.
func (d delivery) asStored() bool { return d.to == d.TransferSyntax }

// retrieve answers with whole objects (PS3.18 10.4.1.1.1).
func (h *Handler) retrieve(w http.ResponseWriter, r *http.Request) error {
	at, err := scope(r)
	if err != nil {
		return err
	}
	offered := []string{typeDICOM, typeZip, typeJSON, typeXML}
	ws := wants(r)
	media, how, ok := choose(ws, offered...)
	switch {
	case !ok:
		return notAcceptable(offered...)
	case media == typeJSON || media == typeXML:
		return h.metadata(w, r)
	}
	first, rest, stop, err := h.selected(r.Context(), at)
	if err != nil {
		return err
	}
	defer stop()
	ds, left, err := h.deliveries(ws, media, first, rest)
	if err != nil {
		return err
	}
	switch single := !how.multipart && !how.any; {
	case media == typeZip:
		return h.zip(w, r, at, ds)
	case single && len(ds) == 1 && left == 0:
		return h.single(w, r, ds[0])
	case single && how.kind != "*":
		return &statusError{http.StatusNotAcceptable, fault.Errorf(fault.Unsupported,
			`several objects do not fit into one %s: accept multipart/related; type="%s", or application/zip (PS3.18 8.7.3)`, typeDICOM, typeDICOM)}
	}
	return h.multipart(w, r, ds, left)
}

// maxInstances bounds how many objects one answer holds.
const maxInstances = 1 << 20

// deliveries decides for each instance how it goes out, and how many cannot.
func (h *Handler) deliveries(ws []want, media string, first Instance, rest func() (Instance, bool, error)) (all []delivery, left int, err error) {
	for i, more := first, true; more; {
		if to, ok := h.syntaxFor(ws, media, i.TransferSyntax); ok {
			all = append(all, delivery{i, to})
		} else {
			left++
		}
		if i, more, err = rest(); err != nil {
			return nil, 0, err
		}
		if len(all) > maxInstances {
			return nil, 0, fault.Errorf(fault.Exhausted, "more than %d objects: ask series by series", maxInstances)
		}
	}
	if len(all) == 0 {
		return nil, 0, &statusError{http.StatusNotAcceptable, fault.Errorf(fault.Unsupported,
			"none of these objects can be given in the transfer syntaxes asked for: accept transfer-syntax=* for what is stored (PS3.18 8.7.3.5)")}
	}
	return all, left, nil
}

// syntaxFor returns the transfer syntax in which an object goes out. Who names none
// gets explicit VR little endian, the default (PS3.18 8.7.3.5.2), and what is stored
// where that cannot be made.
func (h *Handler) syntaxFor(ws []want, media string, stored uid.UID) (uid.UID, bool) {
	for _, w := range ws {
		if !w.takes(media) {
			continue
		}
		switch w.syntax {
		case "*":
			return stored, true
		case "":
			if media == typeDICOM && !w.any && h.can(stored, uid.ExplicitVRLittleEndian) {
				return uid.ExplicitVRLittleEndian, true
			}
			return stored, true
		}
		to, err := uid.Parse(w.syntax)
		if err == nil && h.can(stored, to) {
			return to, true
		}
	}
	return uid.UID{}, false
}

// can reports whether an object can be given in another transfer syntax.
func (h *Handler) can(from, to uid.UID) bool {
	return from == to || plain(from) && plain(to) || h.Transcode != nil && h.Transcode.Can(from, to)
}

// plain reports whether a data set is written in a syntax without touching pixels.
func plain(u uid.UID) bool {
	switch u {
	case uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian:
		return true
	}
	return false
}

// reading returns how to read objects: what a deflated one inflates to goes into a
// spool if there is one. done must be called when the object has been read.
func (h *Handler) reading() (o *dicom.Options, done func()) {
	if h.Spool == nil {
		return nil, func() {}
	}
	var open []io.Closer
	o = &dicom.Options{Spool: func() (dicom.Spool, error) {
		s, err := h.Spool()
		if err == nil {
			open = append(open, s)
		}
		return s, err
	}}
	return o, func() {
		for _, s := range open {
			_ = s.Close() // it was ours alone
		}
	}
}

// write writes an object as it goes out.
func (h *Handler) write(ctx context.Context, w io.Writer, d delivery) error {
	o, err := h.Objects.Open(ctx, d.Instance)
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }() // it was only read
	switch {
	case d.asStored():
		return pump(w, o, 0, o.Size())
	case plain(d.TransferSyntax) && plain(d.to):
		options, done := h.reading()
		defer done()
		f, err := dicom.Open(o, o.Size(), options)
		if err != nil {
			return err
		}
		return dicom.WriteFile(w, f.Dataset, d.to)
	}
	return h.Transcode.Transcode(ctx, w, d.Instance, o, d.to)
}

// buffers are for copying: long reads and long writes.
var buffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// pump copies n bytes from an offset on.
func pump(w io.Writer, r io.ReaderAt, at, n int64) error {
	p, _ := buffers.Get().(*[]byte)
	defer buffers.Put(p)
	for b := *p; n > 0; {
		m, err := r.ReadAt(b[:min(n, int64(len(b)))], at)
		if m > 0 {
			if _, err := w.Write(b[:m]); err != nil {
				return err
			}
		}
		at, n = at+int64(m), n-int64(m)
		if err != nil && n > 0 {
			return fmt.Errorf("at byte %d: %w", at, err)
		}
	}
	return nil
}

// single answers with one object as a file. Ranges and conditions are answered where
// the bytes are those that are stored (RFC 9110 13, 14).
func (h *Handler) single(w http.ResponseWriter, r *http.Request, d delivery) error {
	w.Header().Set("Content-Type", typeDICOM+"; transfer-syntax="+d.to.String())
	w.Header().Set("Content-Location", h.base(r)+d.scope().path())
	w.Header().Set("Content-Disposition", `attachment; filename="`+d.SOP.String()+`.dcm"`)
	if !d.asStored() {
		return h.converted(w, r, d)
	}
	o, err := h.Objects.Open(r.Context(), d.Instance)
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }() // it was only read
	tagged(w, d.Digest)
	serve(w, r, o, o.Size(), d.Instance)
	return nil
}

// tagged sets the entity tag.
func tagged(w http.ResponseWriter, digest string) {
	if digest != "" {
		w.Header().Set("ETag", `"`+digest+`"`)
	}
}

// serve answers with n bytes, or with the part or the nothing that the conditions of
// the request ask for.
func serve(w http.ResponseWriter, r *http.Request, o io.ReaderAt, n int64, i Instance) {
	http.ServeContent(wide{w}, r, "", i.Received, io.NewSectionReader(o, 0, n))
}

// wide copies with long buffers what http.ServeContent hands it.
type wide struct{ http.ResponseWriter }

// ReadFrom implements io.ReaderFrom.
func (w wide) ReadFrom(r io.Reader) (int64, error) {
	p, _ := buffers.Get().(*[]byte)
	defer buffers.Put(p)
	return io.CopyBuffer(struct{ io.Writer }{w.ResponseWriter}, r, *p)
}

// Unwrap implements what http.ResponseController looks for.
func (w wide) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// converted answers with one object in another syntax. Its beginning is held back,
// so that an object that cannot be converted is still an error that can be told.
func (h *Handler) converted(w http.ResponseWriter, r *http.Request, d delivery) error {
	if r.Method == http.MethodHead {
		return nil
	}
	late := &lateWriter{w: w}
	if err := h.write(r.Context(), late, d); err != nil {
		if !late.begun {
			return err
		}
		h.cut(r, err)
	}
	return late.flush()
}

// A lateWriter holds back the beginning of an answer.
type lateWriter struct {
	w     io.Writer
	b     bytes.Buffer
	begun bool
}

func (l *lateWriter) Write(p []byte) (int, error) {
	if l.begun {
		return l.w.Write(p)
	}
	l.b.Write(p)
	if l.b.Len() < 64<<10 {
		return len(p), nil
	}
	return len(p), l.flush()
}

func (l *lateWriter) flush() error {
	l.begun = true
	_, err := l.b.WriteTo(l.w)
	return err
}

// multipart answers with a part for each object (PS3.18 8.7.3.2). If some cannot be
// given as asked, the others go out and the status says so.
func (h *Handler) multipart(w http.ResponseWriter, r *http.Request, ds []delivery, left int) error {
	base, boundary := h.base(r), h.boundary()
	header := w.Header()
	header.Set("Content-Type", related(typeDICOM, boundary))
	if n, ok := multipartLength(ds, base, boundary); ok {
		header.Set("Content-Length", strconv.FormatInt(n, 10))
	}
	code := http.StatusOK
	if left > 0 {
		code = http.StatusPartialContent
		header.Add("Warning", h.warning(base, strconv.Itoa(left)+" objects cannot be given in a transfer syntax asked for"))
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(code)
		return nil
	}
	late := &lateWriter{w: w}
	for _, d := range ds {
		d.head(late, base, boundary)
		if code != http.StatusOK {
			w.WriteHeader(code)
			code = http.StatusOK
		}
		err := h.write(r.Context(), late, d)
		switch {
		case err != nil && !late.begun && left == 0:
			return err
		case err != nil:
			h.cut(r, err)
		}
		if _, err := io.WriteString(late, "\r\n"); err != nil {
			return nobody(err)
		}
	}
	partEnd(late, boundary)
	_ = late.flush() // nobody takes it
	return nil
}

// head writes what stands before an object.
func (d delivery) head(w io.Writer, base, boundary string) {
	partHead(w, boundary, typeDICOM+"; transfer-syntax="+d.to.String(), base+d.scope().path())
}

// multipartLength returns how long an answer is whose objects go out as they are.
func multipartLength(ds []delivery, base, boundary string) (int64, bool) {
	var n counter
	for _, d := range ds {
		if !d.asStored() || d.Length <= 0 {
			return 0, false
		}
		d.head(&n, base, boundary)
		n += counter(d.Length) + 2
	}
	partEnd(&n, boundary)
	return int64(n), true
}

// A counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// zip answers with a ZIP file of the objects. They are not compressed: pixels hardly
// shrink, and a click should begin to save at once.
func (h *Handler) zip(w http.ResponseWriter, r *http.Request, at Scope, ds []delivery) error {
	w.Header().Set("Content-Type", typeZip)
	name := at.Study
	if !at.Series.IsZero() {
		name = at.Series
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+name.String()+`.zip"`)
	if r.Method == http.MethodHead {
		return nil
	}
	z := zip.NewWriter(w)
	for _, d := range ds {
		f, err := z.CreateHeader(&zip.FileHeader{
			Name: d.Series.String() + "/" + d.SOP.String() + ".dcm", Method: zip.Store, Modified: d.Received,
		})
		if err == nil {
			err = h.write(r.Context(), f, d)
		}
		if err != nil {
			h.cut(r, err)
		}
	}
	if err := z.Close(); err != nil {
		h.cut(r, err)
	}
	return nil
}
