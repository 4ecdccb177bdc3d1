package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/access/token"
	"radagora/dose/dosetest"
	"radagora/site"
)

// Pages of other sites may ask if they are configured, and then without cookies.
func TestOrigins(t *testing.T) {
	guard := newOrigins([]string{"https://viewer.example/"}).guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "answered")
	}))
	for _, c := range []struct {
		name, method string
		header       map[string]string
		code         int
		origin       string
	}{
		{"no page at all", "GET", nil, 200, ""},
		{"a configured site", "GET", map[string]string{"Origin": "https://viewer.example"}, 200, "https://viewer.example"},
		{"another site", "GET", map[string]string{"Origin": "https://evil.example"}, 200, ""},
		{"a configured site asks first", "OPTIONS", map[string]string{"Origin": "https://viewer.example", "Access-Control-Request-Method": "POST"}, 204, "https://viewer.example"},
		{"another site asks first", "OPTIONS", map[string]string{"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}, 200, ""},
		{"a change by another site's page", "POST", map[string]string{"Origin": "https://evil.example"}, 403, ""},
		{"and as browsers tell it", "POST", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403, ""},
		{"a change by a configured site without a token", "POST", map[string]string{"Origin": "https://viewer.example", "Sec-Fetch-Site": "cross-site"}, 403, "https://viewer.example"},
		{"a change by a configured site with a token", "POST", map[string]string{"Origin": "https://viewer.example", "Authorization": "Bearer x"}, 200, "https://viewer.example"},
		{"a change by our own page", "POST", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200, ""},
		{"a change by a program", "POST", nil, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "/dicom-web/studies", nil)
			for name, value := range c.header {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			guard.ServeHTTP(w, r)
			h := w.Result().Header
			if w.Code != c.code || h.Get("Access-Control-Allow-Origin") != c.origin || h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%d, %v; want %d for %q", w.Code, h, c.code, c.origin)
			}
		})
	}
}

// Who is signed in, or has a token, stores what their role may, and others do not.
// What they read stands in the journal.
func TestDICOMwebDoor(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it opens an installation with an account for each role: left out with -short")
	}
	w := newWalk(t)
	report := func(name string) []byte {
		m := reportMaker{patient: "DOOR^DORA", id: "D-1", day: "20260302"}
		b, err := m.file("study "+name, name, "100", []string{name + ":10:100"})
		check(t, err)
		return b
	}
	post := func(role access.Role, secret, from, name string) int {
		var b bytes.Buffer
		fmt.Fprintf(&b, "--b\r\nContent-Type: application/dicom\r\n\r\n%s\r\n--b--", report(name))
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+"/dicom-web/studies", &b)
		check(t, err)
		q.Header.Set("Content-Type", `multipart/related; type="application/dicom"; boundary=b`)
		if secret != "" {
			q.Header.Set("Authorization", "Bearer "+secret)
		}
		if from != "" {
			q.Header.Set("Origin", from)
		}
		r := w.do(t, role, q)
		check(t, r.Body.Close())
		return r.StatusCode
	}
	secret := w.token(t, access.Radiographer, access.ObjectStore)
	for _, c := range []struct {
		name   string
		role   access.Role
		secret string
		from   string
		want   int
	}{
		{"nobody", "", "", "", 401},
		{"a radiographer's session", access.Radiographer, "", w.server.URL, 200},
		{"the same from another site's page", access.Radiographer, "", "https://evil.example", 403},
		{"a learner's session", access.Learner, "", w.server.URL, 403},
		{"a token", "", secret, "", 200},
		{"a token that is none", "", "rad_nonsense", "", 401},
	} {
		if got := post(c.role, c.secret, c.from, "door "+c.name); got != c.want {
			t.Errorf("%s: %d; want %d", c.name, got, c.want)
		}
	}
	study := dosetest.UID("study door a token").String()
	s := searcher{w, access.Radiologist}
	if code, _ := s.ask("/dicom-web/studies/"+study+"/metadata", "*/*"); code != http.StatusOK {
		t.Fatalf("metadata: %d", code)
	}
	check(t, w.h.Reads.Flush(t.Context()))
	who, err := w.h.Users.ByLogin(t.Context(), "demo-radiologist")
	check(t, err)
	var found int
	check(t, w.h.DB.QueryRow(t.Context(), `select count(*) from journal_entry where kind = $1 and actor = $2 and subject = $3`,
		string(access.ObjectRead), who.ID, study).Scan(&found))
	if found == 0 {
		t.Error("who read the study does not stand in the journal")
	}
	if code, body := s.ask("/dicom-web/studies?PatientName=LEAKY%zz", "*/*"); code != http.StatusBadRequest || strings.Contains(body, "LEAKY") {
		t.Errorf("an error quotes a value: %d %s", code, body)
	}
}

// What is deleted with a reason is no longer found, and nothing is without.
func TestDICOMwebDeletes(t *testing.T) {
	s := serve(t, t.TempDir())
	m := reportMaker{patient: "DOOR^DORA", id: "D-1", day: "20260302"}
	raw, err := m.file("study gone", "gone", "100", []string{"gone:10:100"})
	check(t, err)
	if code, body := stow(t, s, raw); code != http.StatusOK {
		t.Fatalf("store: %d %s", code, body)
	}
	study := "http://" + s.http + "/dicom-web/studies/" + dosetest.UID("study gone").String()
	for _, c := range []struct {
		method, query string
		want          int
	}{
		{"DELETE", "", 400},
		{"GET", "/metadata", 200},
		{"DELETE", "?reason=sent%20by%20mistake", 204},
		{"GET", "/metadata", 404},
		{"DELETE", "?reason=again", 404},
	} {
		q, err := http.NewRequestWithContext(t.Context(), c.method, study+c.query, nil)
		check(t, err)
		r, err := http.DefaultClient.Do(q)
		check(t, err)
		check(t, r.Body.Close())
		if r.StatusCode != c.want {
			t.Errorf("%s %s: %d; want %d", c.method, c.query, r.StatusCode, c.want)
		}
	}
}

// What others have sent, and the same spoilt, is stored and can be had again, or is
// refused with a reason; nothing is found that cannot be read.
func TestStowSpoilt(t *testing.T) {
	if testing.Short() {
		t.Skip("some hundred objects by HTTP: left out with -short")
	}
	files, _ := filepath.Glob("/usr/lib/python3/dist-packages/pydicom/data/test_files/*.dcm")
	if len(files) == 0 {
		t.Skip("python3-pydicom with its files is not installed")
	}
	s := serve(t, t.TempDir())
	random := rand.New(rand.NewPCG(4, 4))
	counts := map[int]int{}
	for k := range 400 {
		whole, err := os.ReadFile(files[k%len(files)])
		check(t, err)
		if len(whole) > 300_000 {
			continue
		}
		first := k < len(files) // later ones may be the same but for what stands before the data set
		raw := spoilt(random, whole, k/len(files))
		code, body := stow(t, s, raw)
		counts[code]++
		if code >= 500 || !json.Valid(body) {
			t.Errorf("%s, spoilt %d times: %d %s", filepath.Base(files[k%len(files)]), k/len(files), code, body)
		}
		for _, url := range retrieveURL.FindAllSubmatch(body, -1) {
			r, err := http.Get(string(url[1]))
			check(t, err)
			got, err := io.ReadAll(r.Body)
			check(t, errors.Join(err, r.Body.Close()))
			if r.StatusCode != http.StatusOK || first && !bytes.Contains(got, raw) {
				t.Errorf("%s: %d, %d bytes; it was stored with %d", url[1], r.StatusCode, len(got), len(raw))
			}
		}
	}
	if counts[200] == 0 || counts[400] == 0 {
		t.Errorf("statuses: %v", counts)
	}
	rows, err := http.Get("http://" + s.http + "/dicom-web/instances")
	check(t, err)
	found, err := io.ReadAll(rows.Body)
	check(t, errors.Join(err, rows.Body.Close()))
	for _, url := range retrieveURL.FindAllSubmatch(found, -1) {
		for _, what := range []string{"", "/metadata"} {
			r, err := http.Get(string(url[1]) + what)
			check(t, err)
			_, err = io.Copy(io.Discard, r.Body)
			if check(t, errors.Join(err, r.Body.Close())); r.StatusCode != http.StatusOK {
				t.Errorf("%s%s: found, and then %d", url[1], what, r.StatusCode)
			}
		}
	}
}

// retrieveURL finds where an instance can be had.
var retrieveURL = regexp.MustCompile(`"00081190":\{"vr":"UR","Value":\["([^"]+/instances/[^"]+)"\]`)

// spoilt returns a file with some bytes changed, left out or cut off.
func spoilt(random *rand.Rand, whole []byte, times int) []byte {
	raw := bytes.Clone(whole)
	for range times {
		switch at := random.IntN(min(len(raw), 4096)); random.IntN(8) {
		case 0:
			raw = raw[:len(raw)-random.IntN(len(raw)/2+1)]
		case 1:
			raw = append(raw[:at:at], raw[min(len(raw), at+1+random.IntN(8)):]...)
		default:
			raw[at] = byte(random.Uint32())
		}
		if len(raw) == 0 {
			return []byte{0}
		}
	}
	return raw
}

// stow stores an object.
func stow(t *testing.T, s *server, raw []byte) (int, []byte) {
	t.Helper()
	r, err := http.Post("http://"+s.http+"/dicom-web/studies", "application/dicom", bytes.NewReader(raw))
	check(t, err)
	body, err := io.ReadAll(r.Body)
	check(t, errors.Join(err, r.Body.Close()))
	return r.StatusCode, body
}

// token makes an API token of somebody of a role for one act.
func (w *walk) token(t *testing.T, role access.Role, act access.Act) string {
	t.Helper()
	u, err := w.h.Users.ByLogin(t.Context(), "demo-"+string(role))
	check(t, err)
	who, err := w.h.Users.Who(t.Context(), access.Local)
	check(t, err)
	secret, _, err := w.h.Tokens.Add(openly(access.With(t.Context(), who), w.h), token.Wish{
		Account: u.ID, Site: site.Default, Name: "test", Scopes: []string{string(act)}, Lasts: time.Hour,
	})
	check(t, err)
	return secret
}
