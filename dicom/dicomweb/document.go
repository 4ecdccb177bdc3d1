package dicomweb

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"radagora/dicom/uid"
)

// A Documenter renders what is no picture: structured reports and encapsulated
// documents (PS3.18 Table 8.7.4-1).
type Documenter interface {
	// MediaTypes returns in what instances of a class can be rendered, the preferred
	// first; none if they are pictures.
	MediaTypes(class uid.UID) []string
	// Document returns an instance in one of them. Unsupported: it holds nothing that
	// could be shown.
	Document(ctx context.Context, i Instance, o Object, mediaType string) ([]byte, error)
}

// documentPolicy keeps a document from doing anything but being read: no script, no
// form, nothing loaded, an origin of its own.
const documentPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-popups"

// pdfPolicy is that of a PDF, which has a language of its own with scripts and forms: it is
// saved and read with a program for that, and where a browser opens it all the same, it
// runs nothing and has no origin.
const pdfPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

// document answers with an instance that is no picture, and reports whether it is none.
func (h *Handler) document(w http.ResponseWriter, r *http.Request, at Scope) (done bool, err error) {
	if h.Documents == nil || at.Instance.IsZero() || r.PathValue("list") != "" {
		return false, nil
	}
	i, _, stop, err := h.selected(r.Context(), at)
	if err != nil {
		return true, err
	}
	defer stop()
	offered := h.Documents.MediaTypes(i.SOPClass)
	if len(offered) == 0 {
		return false, nil
	}
	media, _, ok := choose(wants(r), offered...)
	if !ok {
		return true, notAcceptable(offered...)
	}
	if i.Digest != "" {
		tag := i.Digest + "-" + strings.ReplaceAll(media, "/", ".")
		tagged(w, tag)
		if strings.Contains(r.Header.Get("If-None-Match"), `"`+tag+`"`) {
			w.WriteHeader(http.StatusNotModified)
			return true, nil
		}
	}
	o, err := h.Objects.Open(r.Context(), i)
	if err != nil {
		return true, err
	}
	defer func() { _ = o.Close() }() // it was only read
	body, err := h.Documents.Document(r.Context(), i, o, media)
	if err != nil {
		return true, err
	}
	header := w.Header()
	if media == typePDF {
		header.Set("Content-Security-Policy", pdfPolicy)
		header.Set("Content-Type", media)
		header.Set("Content-Disposition", `attachment; filename="`+i.SOP.String()+`.pdf"`)
	} else {
		header.Set("Content-Security-Policy", documentPolicy)
		header.Set("Content-Type", media+"; charset=utf-8")
		header.Set("Content-Disposition", "inline")
	}
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // whoever hung up learns nothing
	}
	return true, nil
}
