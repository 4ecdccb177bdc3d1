package dicomweb

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

// storeTypes are what may be sent to be stored.
var storeTypes = []string{
	`multipart/related; type="application/dicom"`, `multipart/related; type="application/dicom+json"`, typeDICOM,
}

// store takes objects (PS3.18 10.5): as parts, as metadata with bulk data, or one by
// itself.
func (h *Handler) store(w http.ResponseWriter, r *http.Request) error {
	offered := []string{typeJSON, typePlainJSON, typeXML}
	media, _, ok := choose(wants(r), offered...)
	if !ok {
		return notAcceptable(offered...)
	}
	at, err := scope(r)
	if err != nil {
		return err
	}
	kind, ok := parseMedia(r.Header.Get("Content-Type"))
	if !ok {
		return unsupportedType()
	}
	b := &batch{h: h, study: at.Study, slots: make(chan struct{}, inFlight)}
	switch kind.String() {
	case typeDICOM:
		b.take(r.Context(), &body{r: r.Body, b: b})
	case typeRelated:
		err = b.parts(r.Context(), r.Body, kind)
	default:
		err = unsupportedType()
	}
	b.finish()
	if err != nil {
		return err
	}
	if len(b.all) == 0 && b.cut == nil {
		return malformed("has no part")
	}
	return b.answer(w, r, media)
}

// unsupportedType is the error for what nobody can store.
func unsupportedType() error {
	return &statusError{http.StatusUnsupportedMediaType, fault.Errorf(fault.Unsupported,
		"what is to be stored is sent as one of: %s (PS3.18 10.5.1)", strings.Join(storeTypes, " | "))}
}

// A body is that of a request. It remembers that it was cut off.
type body struct {
	r io.Reader
	b *batch
}

func (d *body) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		d.b.cut = err
	}
	return n, err
}

// parts takes the parts of a multipart body.
func (b *batch) parts(ctx context.Context, from io.Reader, kind media) error {
	boundary := kind.params["boundary"]
	if boundary == "" || len(boundary) > 200 {
		return malformed("has no boundary in its Content-Type")
	}
	root, _ := parseMedia(kind.params["type"])
	p := newPartReader(&body{r: from, b: b}, boundary)
	defer p.close()
	switch root.String() {
	case typeJSON:
		return b.metadata(ctx, p)
	case typeDICOM, "/":
	default:
		return unsupportedType()
	}
	for {
		part, err := p.next()
		if err != nil {
			return b.ended(err)
		}
		if part.typed && part.kind.String() != typeDICOM && part.kind.String() != typeOctets {
			b.all = append(b.all, &outcome{err: fault.Errorf(fault.Unsupported, "a part is not application/dicom (PS3.18 10.5.1.2)")})
			continue
		}
		b.take(ctx, part)
		if part.err != nil {
			b.all = b.all[:len(b.all)-1] // it is none: it never came to its end
			return b.ended(part.err)
		}
	}
}

// ended notes how the request ended. What was stored before is still told.
func (b *batch) ended(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case len(b.all) == 0:
		return b.bodyError(err)
	}
	b.cut = b.bodyError(err)
	return nil
}

// bodyError gives what went wrong with the body a kind: it is the sender's affair.
func (*batch) bodyError(err error) error {
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return fault.Errorf(fault.Exhausted, "the body is longer than %d bytes: store in several requests", tooLong.Limit)
	case fault.Of(err) == fault.Internal:
		return cutOff()
	}
	return err
}

// answer says what became of each object (PS3.18 10.5.3).
func (b *batch) answer(w http.ResponseWriter, r *http.Request, media string) error {
	base := b.h.base(r)
	ds, err := b.response(base)
	if err != nil {
		return err
	}
	told := 0
	for k, o := range b.all {
		if o.failure() == 0 {
			continue
		}
		if why := b.why(r.Context(), o); told < 10 {
			w.Header().Add("Warning", b.h.warning(base, "object "+strconv.Itoa(k+1)+" was not stored: "+printable(why)))
		}
		told++
	}
	if b.cut != nil {
		w.Header().Add("Warning", b.h.warning(base, printable(b.bodyError(b.cut).Error())))
	}
	var out bytes.Buffer
	if media == typeXML {
		err = WriteXML(&out, ds, dicom.JSONOptions{})
	} else {
		err = dicom.WriteJSON(&out, ds, dicom.JSONOptions{})
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(out.Len()))
	status := b.status()
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "60")
	}
	w.WriteHeader(status)
	_, _ = out.WriteTo(w) // whoever hung up learns nothing
	return nil
}

// printable returns what may stand in a header.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, s)
	return s[:min(len(s), 300)]
}

// status returns the status for all objects together (PS3.18 Table 10.5.3-1).
func (b *batch) status() int {
	failed, kinds := 0, map[fault.Kind]bool{}
	for _, o := range b.all {
		if o.failure() != 0 {
			failed++
			kinds[o.kind()] = true
		}
	}
	switch {
	case b.cut != nil:
		return statusFor(b.bodyError(b.cut))
	case failed == 0:
		return http.StatusOK
	case failed < len(b.all):
		return http.StatusAccepted
	case len(kinds) > 1:
		return http.StatusConflict
	}
	for k := range kinds {
		if k == fault.Unsupported {
			return http.StatusUnsupportedMediaType
		}
		return statusOf[k]
	}
	return http.StatusConflict
}

// response returns the Store Instances Response (PS3.18 Table 10.5.3-2).
func (b *batch) response(base string) (*dicom.Dataset, error) {
	all := dicom.NewBuilder()
	var stored, failed, other []*dicom.Builder
	study := Scope{Study: b.study}
	for _, o := range b.all {
		item := dicom.NewBuilder()
		reason := o.failure()
		if !o.SOP.IsZero() {
			item.Bytes(tag.ReferencedSOPClassUID, tag.VROf(tag.ReferencedSOPClassUID), []byte(o.SOPClass.String()))
			item.Bytes(tag.ReferencedSOPInstanceUID, tag.VROf(tag.ReferencedSOPInstanceUID), []byte(o.SOP.String()))
		}
		switch {
		case reason == 0:
			item.Text(tag.RetrieveURL, base+Scope{o.Study, o.Series, o.SOP}.path())
			stored = append(stored, item)
			if study.Study.IsZero() {
				study.Study = o.Study
			}
			if study.Study != o.Study {
				study.Instance = o.SOP // several studies have no address together
			}
		case o.SOP.IsZero():
			other = append(other, item.Int(tag.FailureReason, reason))
		default:
			failed = append(failed, item.Int(tag.FailureReason, reason))
		}
	}
	if len(stored) > 0 && study.Instance.IsZero() {
		all.Text(tag.RetrieveURL, base+study.path())
	} else {
		all.Text(tag.RetrieveURL)
	}
	for t, items := range map[tag.Tag][]*dicom.Builder{
		tag.ReferencedSOPSequence: stored, tag.FailedSOPSequence: failed, tag.OtherFailuresSequence: other,
	} {
		if len(items) > 0 {
			all.Sequence(t, items...)
		}
	}
	return all.Dataset()
}
