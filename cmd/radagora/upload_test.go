package main

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"radagora/access"
)

// TestUploadsFit sends two mebibytes to every address that takes files: none says that it
// is too much. A form without files takes one mebibyte, and says so.
func TestUploadsFit(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newWalk(t)
	send := func(role access.Role, path, mediaType string, body io.Reader) int {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+path, body)
		check(t, err)
		q.Header.Set("Content-Type", mediaType)
		r := w.do(t, role, q)
		check(t, r.Body.Close())
		return r.StatusCode
	}
	large, tried := strings.Repeat("x", 2<<20), 0
	for _, r := range w.pages {
		if r.Most <= 1<<20 {
			continue
		}
		tried++
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		part, err := m.CreateFormFile("other", "large.csv")
		check(t, err)
		_, err = io.WriteString(part, large)
		check(t, err)
		check(t, m.Close())
		path := regexp.MustCompile(`\{[^}]+\}`).ReplaceAllString(r.Path, "1")
		if code := send(access.Administrator, path, m.FormDataContentType(), &b); code == http.StatusRequestEntityTooLarge || code == http.StatusTooManyRequests || code >= 500 {
			t.Errorf("two mebibytes to %s, which takes %d bytes: %d", r.Path, r.Most, code)
		}
	}
	if tried < 9 {
		t.Errorf("%d addresses take files", tried)
	}
	const form = "application/x-www-form-urlencoded"
	if code := send(access.Manager, "/quality/forms/make", form, strings.NewReader(url.Values{"title": {large}}.Encode())); code != http.StatusRequestEntityTooLarge {
		t.Errorf("a form of two mebibytes: %d, want 413", code)
	}
	if code := send(access.Administrator, "/settings/messages/try", form, strings.NewReader(url.Values{"message": {large}}.Encode())); code == http.StatusRequestEntityTooLarge {
		t.Error("a message of two mebibytes is too large to be tried")
	}
}
