package dicomweb_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"radagora/dicom/dicomweb"
	"radagora/dicom/uid"
)

// A clerk writes everything down in one media type.
type clerk struct{ media string }

func (c clerk) MediaTypes(uid.UID) []string {
	if c.media == "" {
		return nil
	}
	return []string{c.media}
}

func (c clerk) Document(_ context.Context, i dicomweb.Instance, _ dicomweb.Object, _ string) ([]byte, error) {
	return []byte("document " + i.SOP.String()), nil
}

// TestDocuments: what is no picture is rendered as a document that can do nothing.
func TestDocuments(t *testing.T) {
	_, h := door(t)
	h.Render = painter{}
	const instance = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"
	for _, c := range []struct {
		name, media, path, accept string
		status                    int
		want                      string
	}{
		{"the default", "text/html", instance + "/rendered", "", 200, "text/html; charset=utf-8"},
		{"what a browser asks for", "text/html", instance + "/rendered", "text/html,application/xhtml+xml,*/*;q=0.8", 200, "text/html; charset=utf-8"},
		{"a file", "application/pdf", instance + "/rendered", "text/html,*/*;q=0.8", 200, "application/pdf"},
		{"as a picture", "text/html", instance + "/rendered", "image/jpeg", 406, ""},
		{"a picture", "", instance + "/rendered", "", 200, "image/jpeg"},
		{"a picture as a page", "", instance + "/rendered", "text/html", 406, ""},
		{"not there", "text/html", "/studies/1.2.1/series/1.2.1.1/instances/9.9/rendered", "", 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.Documents = clerk{c.media}
			var fields []string
			if c.accept != "" {
				fields = append(fields, "Accept: "+c.accept)
			}
			r := ask(t, h, "GET", c.path, nil, fields...)
			body := text(t, r)
			if r.StatusCode != c.status || c.status == http.StatusOK && r.Header.Get("Content-Type") != c.want {
				t.Fatalf("%d %q; want %d %q", r.StatusCode, r.Header.Get("Content-Type"), c.status, c.want)
			}
			if c.media == "" || c.status != http.StatusOK {
				return
			}
			policy := r.Header.Get("Content-Security-Policy")
			if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "script-src") || r.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers: %v", r.Header)
			}
			if !strings.Contains(policy, "sandbox") || body != "document 1.2.1.1.1" {
				t.Errorf("%s: %q", policy, body)
			}
			if how := r.Header.Get("Content-Disposition"); c.media == "application/pdf" && how != `attachment; filename="1.2.1.1.1.pdf"` || c.media == "text/html" && how != "inline" {
				t.Errorf("%s: %s", c.media, how)
			}
			again := ask(t, h, "GET", c.path, nil, append(fields, "If-None-Match: "+r.Header.Get("ETag"))...)
			if again.StatusCode != http.StatusNotModified {
				t.Errorf("again: %d", again.StatusCode)
			}
		})
	}
}
