package dicomweb_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"radagora/dicom/dicomweb"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// rows reads an answer of DICOM JSON.
func rows(t testing.TB, r reply) []map[string]struct {
	VR    string `json:"vr"`
	Value []any  `json:"Value"`
} {
	t.Helper()
	var all []map[string]struct {
		VR    string `json:"vr"`
		Value []any  `json:"Value"`
	}
	if b := text(t, r); b != "" {
		if err := json.Unmarshal([]byte(b), &all); err != nil {
			t.Fatalf("%v in %s", err, b)
		}
	}
	return all
}

func TestSearch(t *testing.T) {
	_, h := door(t)
	for _, c := range []struct {
		name, path string
		status, n  int
		level      string // tag that each row has
	}{
		{"all studies", "/studies", 200, 2, "0020000D"},
		{"one study", "/studies?StudyInstanceUID=1.2.2", 200, 1, "00100010"},
		{"none: no content", "/studies?StudyInstanceUID=1.9", 204, 0, ""},
		{"series of a study", "/studies/1.2.1/series", 200, 2, "0020000E"},
		{"all series", "/series", 200, 3, "0020000D"},
		{"instances of a study", "/studies/1.2.1/instances", 200, 3, "00080018"},
		{"instances of a series", "/studies/1.2.1/series/1.2.1.1/instances", 200, 2, "00080018"},
		{"all instances", "/instances", 200, 4, "00100020"},
		{"limit", "/instances?limit=3", 200, 3, "00081190"},
		{"offset", "/instances?limit=3&offset=3", 200, 1, "00081190"},
		{"offset behind the end", "/instances?offset=30", 204, 0, ""},
		{"limit 0", "/instances?limit=0", 204, 0, ""},
		{"no such path", "/patients", 404, 0, ""},
		{"a path that is no UID", "/studies/abc/series", 400, 0, ""},
		{"nonsense", "/studies?limit=-1", 400, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := ask(t, h, "GET", c.path, nil, "Accept: application/dicom+json")
			if r.StatusCode != c.status {
				t.Fatalf("status %d; want %d: %s", r.StatusCode, c.status, text(t, r))
			}
			if c.status >= 400 {
				return
			}
			all := rows(t, r)
			if len(all) != c.n {
				t.Errorf("%d rows; want %d", len(all), c.n)
			}
			for _, row := range all {
				if _, ok := row[c.level]; !ok {
					t.Errorf("a row has no %s: %v", c.level, row)
				}
			}
		})
	}
}

func TestSearchRow(t *testing.T) {
	_, h := door(t)
	r := ask(t, h, "GET", "/studies/1.2.1/series/1.2.1.1/instances?limit=1", nil)
	row := rows(t, r)[0]
	if got := row["00081190"].Value[0]; got != "http://example.com/dicom-web/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1" {
		t.Errorf("Retrieve URL = %v", got)
	}
	if got := row["00080056"].Value[0]; got != "ONLINE" {
		t.Errorf("Instance Availability = %v", got)
	}
	r = ask(t, h, "GET", "/studies?limit=1", nil)
	row = rows(t, r)[0]
	if _, ok := row["00080050"]; !ok {
		t.Error("a study without Accession Number does not say so")
	}
	name, _ := row["00100010"].Value[0].(map[string]any)
	if name["Alphabetic"] != "Müßig^Åsa" {
		t.Errorf("name = %v", name)
	}
}

func TestSearchSaysThatThereIsMore(t *testing.T) {
	s, h := door(t)
	r := ask(t, h, "GET", "/instances?limit=2", nil)
	if w := r.Header.Get("Warning"); !strings.HasPrefix(w, "299 http://example.com/dicom-web ") || !strings.Contains(w, "offset=2") {
		t.Errorf("Warning = %q", w)
	}
	if s.asked.Limit != 3 {
		t.Errorf("asked for %d rows; want one more than the limit", s.asked.Limit)
	}
	r = ask(t, h, "GET", "/instances?limit=4&offset=0", nil)
	if w := r.Header.Get("Warning"); w != "" || r.Header.Get("X-Total-Count") != "4" {
		t.Errorf("everything was told: Warning = %q, X-Total-Count = %q", w, r.Header.Get("X-Total-Count"))
	}
	if r = ask(t, h, "GET", "/instances?limit=2&count=true", nil); r.Header.Get("X-Total-Count") != "" || len(r.Header["Warning"]) != 1 {
		t.Errorf("counted by a finder that cannot: %v", r.Header)
	}
	h.Find = counting{s}
	for query, want := range map[string]string{"?limit=2&count=true": "4", "?limit=1&offset=1&count=true": "4", "?limit=2": "", "?limit=2&count=false": ""} {
		if r = ask(t, h, "GET", "/instances"+query, nil); r.Header.Get("X-Total-Count") != want {
			t.Errorf("%s: X-Total-Count = %q; want %q", query, r.Header.Get("X-Total-Count"), want)
		}
	}
	if r = ask(t, h, "GET", "/instances?count=many", nil); r.StatusCode != http.StatusBadRequest {
		t.Errorf("count=many: %d", r.StatusCode)
	}
	h.Find = s
	h.MaxRows = 2
	r = ask(t, h, "GET", "/instances", nil)
	if n := len(rows(t, r)); n != 2 || r.Header.Get("Warning") == "" {
		t.Errorf("%d rows beyond the maximum of 2, Warning %q", n, r.Header.Get("Warning"))
	}
	r = ask(t, h, "GET", "/instances?_=1&limit=1", nil)
	if w := r.Header["Warning"]; len(w) != 2 || !strings.Contains(w[1], "_") {
		t.Errorf("what was passed over is not told: %q", w)
	}
}

func TestSearchOptions(t *testing.T) {
	s, h := door(t)
	ask(t, h, "GET", "/studies/1.2.1/instances?includefield=all&fuzzymatching=true&offset=1&limit=5&PatientName=A*", nil)
	q := s.asked
	if !q.All || !q.Fuzzy || q.Offset != 1 || q.Limit != 6 || q.Level != dicomweb.Image {
		t.Errorf("query = %+v", q)
	}
	if q.Keys.UID(tag.StudyInstanceUID) != uid.Must("1.2.1") || q.Keys.Text(tag.PatientName) != "A*" {
		t.Error("keys of path or query are missing")
	}
	for _, want := range []tag.Tag{tag.SOPClassUID, tag.NumberOfFrames, tag.Modality} {
		if !q.Keys.Has(want) {
			t.Errorf("%v is not asked for", want)
		}
	}
	if q.Keys.Has(tag.PatientBirthDate) {
		t.Error("attributes of the study come although the path names it")
	}
}

func TestSearchAnswers(t *testing.T) {
	_, h := door(t)
	h.MaxRows = 100
	r := ask(t, h, "GET", "/instances", nil, "Accept: application/json", "Accept-Encoding: gzip")
	if r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("header = %v", r.Header)
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || !json.Valid(b) {
		t.Errorf("compressed answer: %v", err)
	}
	r = ask(t, h, "GET", "/studies", nil, `Accept: multipart/related; type="application/dicom+xml"`)
	if b := text(t, r); strings.Count(b, "<NativeDicomModel") != 2 || !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/related") {
		t.Errorf("XML = %s", b)
	}
	if r := ask(t, h, "GET", "/studies", nil, "Accept: text/html"); r.StatusCode != http.StatusNotAcceptable {
		t.Errorf("status %d for a type that cannot be given", r.StatusCode)
	}
	if r := ask(t, h, "POST", "/series", nil); r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("status %d for a method that is none", r.StatusCode)
	}
	if r := ask(t, h, "HEAD", "/studies", nil); r.StatusCode != http.StatusOK || r.Header.Get("Content-Length") == "" || text(t, r) != "" {
		t.Errorf("HEAD: %d, length %q", r.StatusCode, r.Header.Get("Content-Length"))
	}
}

// What goes wrong is told with the rule, and in JSON to who reads JSON.
func TestProblems(t *testing.T) {
	s, h := door(t)
	r := ask(t, h, "GET", "/studies?limit=x", nil, "Accept: application/dicom+json")
	var p struct{ Title, Kind, Detail string }
	if err := json.Unmarshal([]byte(text(t, r)), &p); err != nil || p.Kind != "invalid" || !strings.Contains(p.Detail, "limit") {
		t.Errorf("problem = %+v, %v", p, err)
	}
	if ct := r.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type = %s", ct)
	}
	s.forbid = true
	r = ask(t, h, "GET", "/studies/1.2.1", nil)
	if b := text(t, r); r.StatusCode != http.StatusForbidden || b != "not for you\n" {
		t.Errorf("%d %q", r.StatusCode, b)
	}
}

func ExampleHandler() {
	h := &dicomweb.Handler{Root: "/dicom-web", Find: &shelf{}}
	for _, r := range h.Routes()[:4] {
		fmt.Println(r.Pattern, r.Action)
	}
	// Output:
	// GET /dicom-web/{$} capabilities
	// OPTIONS /dicom-web/{path...} capabilities
	// GET /dicom-web/{path...} capabilities
	// GET /dicom-web/studies search
}

// counting is a shelf that counts.
type counting struct{ *shelf }

// Count implements dicomweb.Counter.
func (c counting) Count(ctx context.Context, q dicomweb.Query) (n int64, err error) {
	q.Offset, q.Limit = 0, 1<<30
	for range c.Find(ctx, q) {
		n++
	}
	return n, nil
}
