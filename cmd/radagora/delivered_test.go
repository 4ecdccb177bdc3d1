package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// TestDeliveredHeadersAreThoseReceived compares the headers of files of many kinds, element
// by element, with what WADO-RS gives out: as received, in the syntax that it falls back
// to, and after a correction, which changes what it says and nothing else.
func TestDeliveredHeadersAreThoseReceived(t *testing.T) {
	slow(t)
	files, err := filepath.Glob("/usr/lib/python3/dist-packages/pydicom/data/test_files/*.dcm")
	if err != nil || len(files) == 0 {
		t.Skip("no samples: python3-pydicom is not installed")
	}
	w := openWard(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	handler, _, err := w.h.handler(w.ctx, settings{Data: t.TempDir(), AE: "RADAGORA", HTTP: l.Addr().String(), NoAuth: true}, &watch{}, newMetrics(w.h), l)
	check(t, err)
	s := httptest.NewServer(handler)
	defer s.Close()
	compared, fallen, studies := 0, 0, map[uid.UID]bool{}
	received := map[string]*dicom.File{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		check(t, err)
		f, err := dicom.Read(bytes.NewReader(b), nil)
		if err != nil {
			continue // it is refused
		}
		r, err := w.h.Archive.Receive(w.ctx, archive.Arrival{Site: at, Actor: "system", Door: "import", Part10: true, Data: bytes.NewReader(b)})
		if err != nil {
			continue
		}
		if done, err := r.Wait(w.ctx); err != nil || done.Outcome != archive.Added {
			continue
		}
		path := fmt.Sprintf("/dicom-web/studies/%s/series/%s/instances/%s", f.UID(tag.StudyInstanceUID), f.UID(tag.SeriesInstanceUID), f.UID(tag.SOPInstanceUID))
		base := filepath.Base(name)
		if got := wado(t, s.URL+path, `; transfer-syntax=*`); got != nil {
			compared++
			differ(t, base, headerLines(f.Dataset, true), headerLines(got.Dataset, true))
			received[path], studies[f.UID(tag.StudyInstanceUID)] = f, true
		} else {
			t.Errorf("%s: not given out as it came", base)
		}
		if known, ok := uid.SyntaxOf(f.TransferSyntax); !ok || known.Encapsulated || known.BigEndian {
			continue
		}
		if got := wado(t, s.URL+path, ""); got != nil {
			fallen++
			differ(t, base+" in explicit VR", headerLines(f.Dataset, false), headerLines(got.Dataset, false))
		}
	}
	if compared < 20 || fallen < 5 {
		t.Fatalf("%d compared as received, %d in explicit VR: the test tests little", compared, fallen)
	}
	for study := range studies {
		_, err := w.h.Archive.Correct(w.ctx, at, archive.Target{Study: study}, []archive.Value{{Tag: tag.AccessionNumber, Text: archive.Conceal("A-RIGHT")}}, "typed wrong")
		check(t, err)
	}
	changed := []tag.Tag{tag.AccessionNumber, tag.OriginalAttributesSequence, tag.SpecificCharacterSet}
	for path, f := range received {
		got := wado(t, s.URL+path, `; transfer-syntax=*`)
		if got == nil || got.Text(tag.AccessionNumber) != "A-RIGHT" {
			t.Errorf("%s: not given out corrected", path)
			continue
		}
		without := func(lines []string) []string {
			return slices.DeleteFunc(lines, func(s string) bool {
				return slices.ContainsFunc(changed, func(t tag.Tag) bool { return strings.HasPrefix(s, t.String()) })
			})
		}
		differ(t, path+" corrected", without(headerLines(f.Dataset, true)), without(headerLines(got.Dataset, true)))
	}
	t.Logf("%d files compared as received and corrected, %d in explicit VR", compared, fallen)
}

// differ reports lines of which only one header has.
func differ(t *testing.T, name string, want, got []string) {
	t.Helper()
	n := 0
	for _, line := range want {
		if !slices.Contains(got, line) && n < 5 {
			n++
			t.Errorf("%s: missing or changed: %s", name, line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) && n < 5 {
			n++
			t.Errorf("%s: new: %s", name, line)
		}
	}
}

// headerLines returns a line for each element before the pixels, also of items: its path,
// perhaps its VR, its length and the beginning of its digest, so that no value is shown.
func headerLines(d *dicom.Dataset, kinds bool) (all []string) {
	var walk func(d *dicom.Dataset, path string)
	walk = func(d *dicom.Dataset, path string) {
		for e := range d.All() {
			if e.Tag() >= tag.PixelData || e.Tag().Element() == 0 {
				continue
			}
			line := path + e.Tag().String()
			if kinds {
				line += " " + e.VR().String()
			}
			if e.Sequence() {
				for i, item := range e.Items() {
					walk(item, fmt.Sprintf("%s[%d]", line, i))
				}
				all = append(all, fmt.Sprintf("%s of %d items", line, len(e.Items())))
				continue
			}
			b, err := e.Bytes()
			sum, size := sha256.Sum256(bytes.TrimRight(b, " \x00")), "" // one more or less makes it even
			if err != nil {                                             // it was too long to be kept
				size = fmt.Sprintf(" unread %d bytes", e.Length())
			}
			all = append(all, line+" "+hex.EncodeToString(sum[:6])+size)
		}
	}
	walk(d, "")
	return all
}

// wado gets an instance by WADO-RS, nil if it is not given out so.
func wado(t *testing.T, address, syntax string) *dicom.File {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	check(t, err)
	q.Header.Set("Accept", `multipart/related; type="application/dicom"`+syntax)
	r, err := http.DefaultClient.Do(q)
	check(t, err)
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return nil
	}
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	check(t, err)
	part, err := multipart.NewReader(r.Body, params["boundary"]).NextPart()
	check(t, err)
	b, err := io.ReadAll(part)
	check(t, err)
	f, err := dicom.Read(bytes.NewReader(b), nil)
	check(t, err)
	return f
}
