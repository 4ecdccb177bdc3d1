package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// post sends a form to the page and expects it to be taken.
func post(t *testing.T, s *server, path string, form url.Values) {
	t.Helper()
	r, err := http.PostForm("http://"+s.http+path, form)
	check(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	check(t, err)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%s %v: %s %s", path, form, r.Status, b)
	}
}

// drop drops files on the page, and returns what it says.
func drop(t *testing.T, s *server, files ...string) string {
	t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for _, name := range files {
		b, err := os.ReadFile(name)
		check(t, err)
		w, err := m.CreateFormFile("files", filepath.Base(name))
		check(t, err)
		_, err = w.Write(b)
		check(t, err)
	}
	check(t, m.Close())
	r, err := http.Post("http://"+s.http+"/start/upload", m.FormDataContentType(), &body)
	check(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	check(t, err)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("upload: %s %s", r.Status, b)
	}
	return string(b)
}

// zipped puts files into a zip archive.
func zipped(t *testing.T, files ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "reports.zip")
	out, err := os.Create(name)
	check(t, err)
	z := zip.NewWriter(out)
	for _, f := range files {
		b, err := os.ReadFile(f)
		check(t, err)
		w, err := z.Create("reports/" + filepath.Base(f))
		check(t, err)
		_, err = w.Write(b)
		check(t, err)
	}
	check(t, z.Close())
	check(t, out.Close())
	return name
}

// TestByPage does by the page what a physicist does first: drop reports, say what
// a protocol means, name the room, let a set of levels govern.
func TestByPage(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := serve(t, data, "--log-level", "debug")
	letter := filepath.Join(t.TempDir(), "letter.txt")
	check(t, os.WriteFile(letter, []byte("Dear colleague,\n"), 0o600))
	said := drop(t, s, zipped(t, made(t)...), letter)
	if !strings.Contains(said, "letter.txt") {
		t.Error("the page does not say that the letter is no report")
	}
	exams, _ := tables(t, s, 2)

	name := base64.RawURLEncoding.EncodeToString([]byte("protocol\x00Chest Routine"))
	post(t, s, "/dose/mapping/alone", url.Values{"alone": {"yes"}, "why": {"nobody else is here"}})
	post(t, s, "/dose/mapping", url.Values{"id": {name}, "exam": {"CT_CHEST"}})
	post(t, s, "/settings/rooms", url.Values{"room": {exams[0]["room_id"]}, "name": {"Emergency CT"}})
	post(t, s, "/settings/content/govern", url.Values{"set": {"dose/level/demo_2024"}, "from": {"2000-01-01"}})
	s.until(t, "mapped and named", func() bool {
		now := csvOf(t, s, "examinations")
		return now[0]["exam_code"] == "CT_CHEST" && now[1]["exam_code"] == "CT_CHEST" && now[0]["room"] == "Emergency CT"
	})
	for _, row := range csvOf(t, s, "table") {
		if row["quantity"] == "dlp" && (row["level"] != "320" || row["state"] != "too_few" || row["level_official"] != "false" && row["level_official"] != "no") {
			t.Errorf("the row of the level table is %v", row)
		}
	}
	post(t, s, "/dose/mapping/undo", url.Values{})
	s.until(t, "unmapped again", func() bool { return csvOf(t, s, "examinations")[0]["exam_code"] == "" })
	noCanary(t, s.log())
	if left, err := filepath.Glob(filepath.Join(data, uploads)); err != nil || len(left) > 0 {
		t.Errorf("left of the upload: %v, %v", left, err)
	}
}

// until waits until the page says something.
func (s *server) until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
		if so() {
			return
		}
	}
	t.Fatalf("not within 20 s: %s; log: %s", what, s.log())
}
