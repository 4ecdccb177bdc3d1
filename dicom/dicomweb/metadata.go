package dicomweb

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// metadata answers with the metadata of a study, series or instance (PS3.18
// 10.4.1.1.2): everything but bulk data, which it says where to find.
func (h *Handler) metadata(w http.ResponseWriter, r *http.Request) error {
	offered := []string{typeJSON, typePlainJSON, typeXML}
	media, _, ok := choose(wants(r), offered...)
	if !ok {
		return notAcceptable(offered...)
	}
	at, err := scope(r)
	if err != nil {
		return err
	}
	first, rest, stop, err := h.selected(r.Context(), at)
	if err != nil {
		return err
	}
	defer stop()
	switch {
	case media == typeXML:
		return h.metadataXML(w, r, first, rest)
	case h.Metadata != nil && at.Instance.IsZero():
		return h.prepared(w, r, at, media)
	}
	return h.metadataJSON(w, r, media, first, rest)
}

// bulkInline is how many bytes a value may have that stands in the metadata itself.
// Pixels never do.
const bulkInline = 1 << 10

// bulkAt says where bulk data of an instance are: below prefix.
func bulkAt(prefix string) dicom.JSONOptions {
	return dicom.JSONOptions{BulkDataURI: func(path string, e dicom.Element) string {
		if e.Length() <= bulkInline && !e.Encapsulated() && !pixels(e.Tag()) {
			return ""
		}
		return prefix + "/bulkdata/" + path
	}}
}

// pixels reports whether t holds the pixels of an image.
func pixels(t tag.Tag) bool {
	return t == tag.PixelData || t == tag.FloatPixelData || t == tag.DoubleFloatPixelData
}

// header opens an instance and hands its data set to fn.
func (h *Handler) header(ctx context.Context, i Instance, fn func(*dicom.File) error) error {
	o, err := h.Objects.Open(ctx, i)
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }() // it was only read
	options, done := h.reading()
	defer done()
	f, err := dicom.Open(o, o.Size(), options)
	if err != nil {
		return fault.Errorf(fault.Internal, "instance %s: %w", i.SOP, err)
	}
	return fn(f)
}

// metadataJSON makes metadata from the objects themselves.
func (h *Handler) metadataJSON(w http.ResponseWriter, r *http.Request, media string, first Instance, rest func() (Instance, bool, error)) error {
	base := h.base(r)
	var b bytes.Buffer
	one := func(i Instance) error {
		return h.header(r.Context(), i, func(f *dicom.File) error {
			return dicom.WriteJSON(&b, f.Dataset, bulkAt(base+i.scope().path()))
		})
	}
	if err := one(first); err != nil {
		return err
	}
	w.Header().Set("Content-Type", media)
	out, end := encoded(w, r)
	sep := "["
	for more := true; more; {
		_, _ = io.WriteString(out, sep)
		if _, err := b.WriteTo(out); err != nil {
			return nobody(err)
		}
		var i Instance
		var err error
		if i, more, err = rest(); err == nil && more {
			err = one(i)
		}
		if err != nil {
			h.cut(r, err)
		}
		sep = ","
	}
	_, _ = io.WriteString(out, "]")
	return end()
}

// metadataXML answers with a document for each instance.
func (h *Handler) metadataXML(w http.ResponseWriter, r *http.Request, first Instance, rest func() (Instance, bool, error)) error {
	base, boundary := h.base(r), h.boundary()
	var b bytes.Buffer
	one := func(i Instance) error {
		partHead(&b, boundary, typeXML, "")
		err := h.header(r.Context(), i, func(f *dicom.File) error {
			return WriteXML(&b, f.Dataset, bulkAt(base+i.scope().path()))
		})
		b.WriteString("\r\n")
		return err
	}
	if err := one(first); err != nil {
		return err
	}
	w.Header().Set("Content-Type", related(typeXML, boundary))
	out, end := encoded(w, r)
	for {
		if _, err := b.WriteTo(out); err != nil {
			return nobody(err)
		}
		i, more, err := rest()
		if err == nil && more {
			err = one(i)
		}
		if err != nil {
			h.cut(r, err)
		}
		if !more {
			break
		}
	}
	partEnd(out, boundary)
	return end()
}

// encoded returns where to write an answer of unknown length, compressed if that is
// wanted. end must be called if it became whole.
func encoded(w http.ResponseWriter, r *http.Request) (out io.Writer, end func() error) {
	switch {
	case r.Method == http.MethodHead:
		return io.Discard, func() error { return nil }
	case !gzipped(r):
		return w, func() error { return nil }
	}
	w.Header().Set("Content-Encoding", "gzip")
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is one there is
	return z, func() error { _ = z.Close(); return nil }
}

// prepared answers with the blocks that are ready.
func (h *Handler) prepared(w http.ResponseWriter, r *http.Request, at Scope, media string) error {
	series := []uid.UID{at.Series}
	var err error
	if at.Series.IsZero() {
		if series, err = h.Metadata.Series(r.Context(), at.Study); err != nil {
			return err
		}
	}
	var parts []part
	digest := sha256.New()
	base := h.base(r)
	_, _ = io.WriteString(digest, base)
	for _, s := range series {
		b, err := h.Metadata.Metadata(r.Context(), at.Study, s)
		if fault.Of(err) == fault.NotFound && err != nil && at.Series.IsZero() {
			continue // it went away meanwhile
		}
		if err != nil {
			return err
		}
		_, _ = io.WriteString(digest, "\n"+s.String()+" "+b.ETag)
		parts = append(parts, part{b.Gzip, base + Scope{Study: at.Study, Series: s}.path() + "/"})
	}
	if len(parts) == 0 {
		return fault.Errorf(fault.NotFound, "no such study or series")
	}
	key := hex.EncodeToString(digest.Sum(nil)[:16])
	w.Header().Set("ETag", `W/"`+key+`"`)
	if strings.Contains(r.Header.Get("If-None-Match"), key) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.Header().Set("Content-Type", media)
	if gzipped(r) {
		return h.preparedGzip(w, r, key, parts)
	}
	if r.Method == http.MethodHead {
		return nil
	}
	if err := joined(w, parts); err != nil {
		h.cut(r, err)
	}
	return nil
}

// preparedGzip answers compressed, and remembers what it compressed.
func (h *Handler) preparedGzip(w http.ResponseWriter, r *http.Request, key string, parts []part) error {
	w.Header().Set("Content-Encoding", "gzip")
	ready, ok := h.blocks.get(key)
	if !ok {
		kept := &keeping{w: w, left: maxBlock}
		if r.Method == http.MethodHead {
			kept.w = io.Discard
		}
		z, err := gzip.NewWriterLevel(kept, gzip.BestSpeed)
		if err == nil {
			err = joined(z, parts)
		}
		if err == nil {
			err = z.Close()
		}
		if err != nil {
			h.cut(r, err)
		}
		if kept.left >= 0 {
			h.blocks.put(key, kept.b.Bytes())
		}
		return nil
	}
	return writeReady(w, r, ready)
}
