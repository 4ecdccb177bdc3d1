package main

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"radagora/access"
)

// TestDocumentsOverHTTP brings a document as one person, puts it in force as another, reads
// it as a third, and tries what is wrong.
func TestDocumentsOverHTTP(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newWalk(t)
	send := func(role access.Role, path, media string, body []byte) (int, string, http.Header) {
		t.Helper()
		method := http.MethodPost
		if media == "" {
			method = http.MethodGet
		}
		q, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+path, bytes.NewReader(body))
		check(t, err)
		q.Header.Set("Content-Type", media)
		r := w.do(t, role, q)
		raw, err := io.ReadAll(r.Body)
		check(t, err)
		check(t, r.Body.Close())
		return r.StatusCode, string(raw), r.Header
	}
	post := func(role access.Role, path string, status int, says string, form url.Values) http.Header {
		t.Helper()
		code, body, h := send(role, path, "application/x-www-form-urlencoded", []byte(form.Encode()))
		if code != status || !strings.Contains(body, says) {
			t.Errorf("%s %s: %d, want %d with %q", role, path, code, status, says)
		}
		return h
	}
	get := func(role access.Role, path string, status int, says string) {
		t.Helper()
		if code, body, _ := send(role, path, "", nil); code != status || !strings.Contains(body, says) {
			t.Errorf("%s %s: %d, want %d with %q", role, path, code, status, says)
		}
	}
	upload := func(path, name string, raw []byte, status int, says string) {
		t.Helper()
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		check(t, m.WriteField("label", "1.0"))
		part, err := m.CreateFormFile("file", name)
		check(t, err)
		_, err = part.Write(raw)
		check(t, err)
		check(t, m.Close())
		if code, body, _ := send(access.Manager, path, m.FormDataContentType(), b.Bytes()); code != status || !strings.Contains(body, says) {
			t.Errorf("upload %s: %d, want %d with %q", name, code, status, says)
		}
	}
	get(access.Radiographer, "/quality/documents", 200, "No documents yet")
	post(access.Manager, "/quality/documents", 400, "title: say in", url.Values{"kind": {"protocol"}, "owner": {"Head of CT"}})
	post(access.Manager, "/quality/documents", 400, "no room", url.Values{"title": {"Head"}, "kind": {"protocol"}, "owner": {"Head of CT"}, "room": {"nowhere"}})
	post(access.Auditor, "/quality/documents", 403, "", url.Values{"title": {"Head"}, "kind": {"protocol"}, "owner": {"Head of CT"}})
	head := url.Values{"title": {`Head <b>"CT"</b>`}, "kind": {"protocol"}, "owner": {"Head of CT"}, "reader": {"radiographer"}, "exam": {"CT_HEAD"}}
	at, _, _ := strings.Cut(post(access.Manager, "/quality/documents", 303, "", head).Get("Location"), "?")
	upload(at+"/version", "a.exe", []byte("MZ\x90\x00"), 400, "none of PDF")
	upload(at+"/version", "a.pdf", append([]byte("%PDF-"), make([]byte, 12<<20)...), 400, "10 MiB")
	upload(at+"/version", "a.pdf", append([]byte("%PDF-"), make([]byte, 2<<20)...), 303, "")
	get(access.Manager, at, 200, "Head &lt;b&gt;")
	get(access.Manager, "/", 200, "")
	next := url.Values{"version": {"1"}, "next": {time.Now().AddDate(1, 0, 0).Format(time.DateOnly)}}
	post(access.Manager, at+"/approve", 400, "a second person does", next)
	post(access.Radiographer, at+"/approve", 403, "", next)
	post(access.Radiologist, at+"/approve", 400, "YYYY-MM-DD", url.Values{"version": {"1"}, "next": {"soon"}})
	post(access.Radiographer, at+"/read", 400, "not in force", url.Values{"version": {"1"}})
	post(access.Radiologist, at+"/approve", 303, "", next)
	get(access.Radiographer, "/quality/documents", 200, "For you to read")
	get(access.Radiographer, at, 200, "not yet")
	post(access.Radiographer, at+"/read", 303, "", url.Values{"version": {"1"}})
	if _, body, _ := send(access.Manager, at, "", nil); strings.Contains(body, "not yet") {
		t.Error("it was read, and somebody is still asked")
	}
	code, body, h := send(access.Radiographer, at+"/versions/1/export", "", nil)
	if code != 200 || h.Get("Content-Type") != "application/pdf" || h.Get("Content-Disposition") != `attachment; filename="a.pdf"` || len(body) != 5+2<<20 {
		t.Errorf("file: %d, %v, %d bytes", code, h, len(body))
	}
	get(access.Radiographer, at+"/versions/2/export", 404, "")
	get(access.Radiographer, at+"/versions/x/export", 404, "")

	get(access.Radiographer, "/quality/people", 403, "")
	person := url.Values{"name": {"Radiologist 7"}, "kind": {"protection_training"}, "from": {"2020-01-01"}, "until": {"2020-12-31"}}
	post(access.Manager, "/quality/people", 400, "person:", url.Values{"kind": {"practitioner"}, "from": {"2020-01-01"}})
	post(access.Manager, "/quality/people", 303, "", person)
	post(access.Manager, "/quality/people", 400, "there already", person)
	post(access.Manager, "/quality/people/training", 400, "whole number", url.Values{"day": {"2020-01-01"}, "subject": {"Dose"}, "attended": {"many"}, "invited": {"2"}})
	post(access.Manager, "/quality/people/training", 303, "", url.Values{"day": {"2020-01-01"}, "subject": {"Dose"}, "attended": {"1"}, "invited": {"2"}})
	post(access.Manager, "/quality/people/end", 404, "", url.Values{"id": {"nobody"}})
	get(access.Auditor, "/quality/people", 200, "Radiologist 7")
	manager := access.Who{ID: "somebody", Grants: access.Everywhere(access.Manager), Purpose: access.Treatment}
	papers, err := (&view{house: w.h}).paperTasks(access.With(openly(t.Context(), w.h), manager))
	check(t, err)
	if len(papers) != 1 || papers[0].What.Key != "task.qualification_expired" {
		t.Errorf("today says %+v", papers)
	}
}
