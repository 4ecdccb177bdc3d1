package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"radagora/archive"
	"radagora/dicom/dimse"
	"radagora/dicom/tag"
)

// TestReduced asks for what is kept without its pixels: over HTTP pixels are gone, and the
// rest is there; over associations it comes with a warning, which is told where not all of
// it is the whole (PS3.4 C.4.2.1.5).
func TestReduced(t *testing.T) {
	b := openLibraryWith(t, settings{NoAuth: true})
	check(t, b.h.Archive.KeepHeaders(b.ctx, archive.KeepRule{Site: at, CallingAE: "LIMITED", Reason: "images are elsewhere"}))
	b.fill()
	if n, _, err := b.h.Archive.Reduce(b.ctx); n != 9 || err != nil {
		t.Fatalf("Reduce = %d, %v", n, err)
	}
	check(t, b.h.Archive.KeepAll(b.ctx, at, "LIMITED", ""))
	if status := b.image("P1", 1, 4, imageClass); status != dimse.Success { // one that is whole
		t.Fatalf("store: %v", status)
	}
	t.Run("over HTTP", b.reducedHTTP)
	for _, c := range []struct {
		name, study string
		whole, less int
	}{
		{"a study of which one is whole", "1.2.3.1", 1, 3},
		{"a study of headers", "1.2.3.2", 0, 3},
	} {
		for how, ask := range map[string]func() (dimse.Progress, error){
			"C-MOVE": func() (dimse.Progress, error) {
				return b.as("KNOWN", nil, studyMove).Move(t.Context(), studyMove, "THERE", askFor(t, "STUDY", tag.StudyInstanceUID, c.study), nil)
			},
			"C-GET": func() (dimse.Progress, error) {
				return b.as("KNOWN", b.there, studyGet).Get(t.Context(), studyGet, askFor(t, "STUDY", tag.StudyInstanceUID, c.study), nil)
			},
		} {
			t.Run(how+" of "+c.name, func(t *testing.T) {
				p, err := ask()
				got := b.there.take()
				if p.Status != dimse.SomeFailed || p.Completed != c.whole || p.Warning != c.less || p.Failed != 0 || len(got) != c.whole+c.less {
					t.Errorf("%+v, %v; %d arrived; want %d whole, %d with a warning, %v", p, err, len(got), c.whole, c.less, dimse.SomeFailed)
				}
			})
		}
	}
}

// reducedHTTP asks for an instance without pixels.
func (b *library) reducedHTTP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	handler, _, err := b.h.handler(b.ctx, b.settings, &watch{}, newMetrics(b.h), l)
	check(t, err)
	s := httptest.NewServer(handler)
	defer s.Close()
	const study = "/dicom-web/studies/1.2.3.1"
	const one = study + "/series/1.2.3.1.1/instances/1.2.3.1.1.1"
	for _, c := range []struct {
		name, path, accept string
		want               int
	}{
		{"a frame", one + "/frames/1", "*/*", http.StatusGone},
		{"a picture", one + "/rendered", "image/jpeg", http.StatusGone},
		{"a picture of a frame", one + "/frames/1/rendered", "image/png", http.StatusGone},
		{"a small picture", one + "/thumbnail", "image/jpeg", http.StatusGone},
		{"the pixels as bulk data", one + "/bulkdata/7FE00010", "*/*", http.StatusGone},
		{"by WADO-URI as a picture", "/wado?requestType=WADO&studyUID=1.2.3.1&seriesUID=1.2.3.1.1&objectUID=1.2.3.1.1.1&contentType=image/jpeg", "*/*", http.StatusGone},
		{"the header as an object", one, `multipart/related; type="application/dicom"`, http.StatusOK},
		{"the metadata", one + "/metadata", "application/dicom+json", http.StatusOK},
		{"the study", study, `multipart/related; type="application/dicom"`, http.StatusOK},
		{"a frame of what is whole", study + "/series/1.2.3.1.1/instances/1.2.3.1.1.4/frames/1", "*/*", http.StatusOK},
		{"a picture of what is whole", study + "/series/1.2.3.1.1/instances/1.2.3.1.1.4/rendered", "image/jpeg", http.StatusOK},
		{"a frame of what never was", study + "/series/1.2.3.1.1/instances/1.2.3.1.1.9/frames/1", "*/*", http.StatusNotFound},
		{"a frame that it never had", one + "/frames/9", "*/*", http.StatusGone},
		{"a picture on the page of the object", "/images/objects/1.2.3.1.1.1", "text/html", http.StatusOK},
	} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+c.path, http.NoBody)
		check(t, err)
		q.Header.Set("Accept", c.accept)
		r, err := http.DefaultClient.Do(q)
		check(t, err)
		text, err := io.ReadAll(r.Body)
		check(t, err)
		check(t, r.Body.Close())
		if r.StatusCode != c.want {
			t.Errorf("%s: %s; want %d: %.200s", c.name, r.Status, c.want, text)
		}
		if c.want == http.StatusGone && !strings.Contains(string(text), "pixels were dropped on ") {
			t.Errorf("%s: nobody learns why: %.200s", c.name, text)
		}
	}
}
