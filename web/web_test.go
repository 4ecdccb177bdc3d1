package web_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"radagora/lang"
	"radagora/web"
	"radagora/web/webtest"
)

// A desk is a handler of made-up pages and what it writes to the log.
type desk struct {
	t         *testing.T
	handler   http.Handler
	catalogue *lang.Catalogue
	world     *webtest.World
	log       *bytes.Buffer
	language  string
}

// newDesk returns the pages of a made-up installation; change may alter the
// configuration first.
func newDesk(t *testing.T, change func(*web.Config, *webtest.World)) *desk {
	t.Helper()
	catalogue, err := lang.Open()
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, catalogue: catalogue, world: webtest.NewWorld(), log: &bytes.Buffer{}, language: "en"}
	c := webtest.Config(catalogue, d.world)
	c.Log = slog.New(slog.NewTextHandler(d.log, nil))
	if change != nil {
		change(&c, d.world)
	}
	d.handler = webtest.SignedIn(web.New(c))
	return d
}

// do sends a request; set changes it first.
func (d *desk) do(method, address string, body io.Reader, set func(*http.Request)) *httptest.ResponseRecorder {
	d.t.Helper()
	r := httptest.NewRequestWithContext(d.t.Context(), method, address, body)
	r.AddCookie(&http.Cookie{Name: "language", Value: d.language})
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if set != nil {
		set(r)
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w
}

// get fetches a page and fails unless it has the status.
func (d *desk) get(address string, status int) string {
	d.t.Helper()
	w := d.do(http.MethodGet, address, nil, nil)
	if w.Code != status {
		d.t.Errorf("GET %s: status %d; want %d", address, w.Code, status)
	}
	return w.Body.String()
}

// post sends a form and returns where it leads.
func (d *desk) post(address string, form url.Values, status int) (location, body string) {
	d.t.Helper()
	w := d.do(http.MethodPost, address, strings.NewReader(form.Encode()), nil)
	if w.Code != status {
		d.t.Errorf("POST %s: status %d; want %d\n%s", address, w.Code, status, w.Body)
	}
	return w.Header().Get("Location"), w.Body.String()
}

// object is the one object of the made-up installation.
const object = "/images/objects/2.25.100000000000000000000000000000000001"

// pages are the addresses that show something.
var pages = []string{
	"/", "/dose/ct", "/dose/ct?open=r1", "/dose/ct?open=r3", "/dose/ct?open=r6", "/dose/ct?open=r10", "/dose/ct?sort=-ratio&density=dense&room=ct2", "/dose/ct?size=child", "/dose/ct?chart=g4",
	"/dose/ct/rows/r1", "/dose/ct/rows/r1?after=25", "/dose/examinations/e1-0", object, object + "?at=1.4.3",
	"/dose/mapping", "/dose/mapping?name=n2", "/dose/mapping/find?q=head", "/dose/mapping/progress", "/start", "/settings/rooms", "/settings/content", "/settings/content?open=example-levels-2030",
	"/search", "/search?q=dose", "/search?q=nothing+of+this+name", "/face", "/face?open=rabove",
}

// TestPages opens every page in every language with data, while data come, and
// with none. Nothing may be missing from the catalogue, nothing may be inline,
// nothing may come from elsewhere.
func TestPages(t *testing.T) {
	inline := regexp.MustCompile(`<script(?:>| [^>]*>[^<])|<style|\sstyle="|\son[a-z]+="|javascript:`)
	elsewhere := regexp.MustCompile(`(?:src|href|action)="(?:https?:)?//`)
	for _, tt := range []struct {
		name           string
		empty, loading bool
	}{{"a year of data", false, false}, {"data on their way", false, true}, {"nothing yet", true, false}} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, func(_ *web.Config, w *webtest.World) { w.Empty, w.Loading = tt.empty, tt.loading })
			for _, d.language = range []string{"en", "de", "fr", "qps", "qps-long"} {
				for _, address := range pages {
					w := d.do(http.MethodGet, address, nil, nil)
					if w.Code != http.StatusOK && (!tt.empty || w.Code != http.StatusNotFound) {
						t.Errorf("%s %s: status %d\n%s", d.language, address, w.Code, d.log)
					}
					body := w.Body.String()
					if s := inline.FindString(body); s != "" {
						t.Errorf("%s: inline %q, which the content policy refuses", address, s)
					}
					if s := elsewhere.FindString(body); s != "" {
						t.Errorf("%s: %q leads elsewhere", address, s)
					}
				}
			}
			if missing := d.catalogue.Missing(); len(missing) > 0 {
				t.Errorf("missing from the catalogue: %q", missing)
			}
		})
	}
}

func TestUnreviewedTranslationsSaySo(t *testing.T) {
	d := newDesk(t, nil)
	if strings.Contains(d.get("/", 200), "native speaker") {
		t.Error("English, the source, is called unreviewed")
	}
	d.language = "de"
	if !strings.Contains(d.get("/", 200), "Muttersprache") {
		t.Error("a page in unreviewed German does not say so")
	}
}

func TestErrorPages(t *testing.T) {
	for _, tt := range []struct {
		name, method, address string
		status                int
		want                  string
	}{
		{"nothing there", "GET", "/nope", 404, "There is nothing here"},
		{"nothing there either", "GET", "/dose/examinations/none", 404, "There is nothing here"},
		{"a method that is not taken", "POST", "/dose/ct", 405, "does not take that"},
		{"a method nobody takes", "DELETE", "/", 405, "does not take that"},
		{"our mistake", "GET", "/face/error/internal", 500, "Something broke"},
		{"a panic", "GET", "/face/error/panic", 500, "Something broke"},
		{"invalid", "GET", "/face/error/invalid", 400, "cannot be understood"},
		{"conflict", "GET", "/face/error/conflict", 409, "Someone else"},
		{"forbidden", "GET", "/face/error/forbidden", 403, "may not"},
		{"unsupported", "GET", "/face/error/unsupported", 501, "does not do that"},
		{"exhausted", "GET", "/face/error/exhausted", 429, "Too much"},
		{"unavailable", "GET", "/face/error/unavailable", 503, "Not available"},
		{"an export we do not write", "GET", "/dose/ct/export?part=table&format=doc", 400, "cannot be understood"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, nil)
			w := d.do(tt.method, tt.address, nil, nil)
			body, id := w.Body.String(), w.Header().Get("X-Request-Id")
			if w.Code != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("status %d; want %d and %q in\n%s", w.Code, tt.status, tt.want, body)
			}
			if id == "" || !strings.Contains(body, id) {
				t.Errorf("the page does not carry the request id %q", id)
			}
			if tt.status >= 500 && !strings.Contains(d.log.String(), id) {
				t.Errorf("the log does not carry the request id %q:\n%s", id, d.log)
			}
		})
	}
}

func TestInternalErrorsTellOutsidersNothing(t *testing.T) {
	d := newDesk(t, nil)
	if body := d.get("/face/error/internal", 500); strings.Contains(body, "shown on purpose") {
		t.Error("the text of an internal error stands on the page")
	}
	if !strings.Contains(d.log.String(), "shown on purpose") {
		t.Error("the text of an internal error does not stand in the log")
	}
}

func TestHeaders(t *testing.T) {
	d := newDesk(t, nil)
	for _, address := range []string{"/", "/nope", "/face/error/panic"} {
		h := d.do(http.MethodGet, address, nil, nil).Header()
		csp := h.Get("Content-Security-Policy")
		if strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: Content-Security-Policy is %q", address, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") == "" {
			t.Errorf("%s: headers are %v", address, h)
		}
	}
}

func TestChangesFromOtherSitesAreRefused(t *testing.T) {
	d := newDesk(t, nil)
	form := url.Values{"id": {"f1"}, "state": {"in_work"}, "back": {"/dose/ct"}}
	for _, tt := range []struct {
		name, header, value string
		want                int
	}{
		{"our own page", "Sec-Fetch-Site", "same-origin", 303},
		{"another site", "Sec-Fetch-Site", "cross-site", 403},
		{"an old browser on another site", "Origin", "https://evil.example", 403},
		{"an old browser on our page", "Origin", "http://example.com", 303},
		{"no browser at all", "User-Agent", "curl", 303},
	} {
		w := d.do(http.MethodPost, "/findings", strings.NewReader(form.Encode()), func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set(tt.header, tt.value)
		})
		if w.Code != tt.want {
			t.Errorf("%s: status %d; want %d", tt.name, w.Code, tt.want)
		}
	}
}

func TestPreferences(t *testing.T) {
	d := newDesk(t, nil)
	for _, tt := range []struct {
		name   string
		form   url.Values
		status int
		to     string
		cookie string
	}{
		{"a language", url.Values{"language": {"de"}, "back": {"/dose/ct?room=ct1"}}, 303, "/dose/ct?room=ct1", "language=de"},
		{"a theme", url.Values{"theme": {"dark"}, "back": {"/"}}, 303, "/", "theme=dark"},
		{"a language we do not speak", url.Values{"language": {"xx"}}, 400, "", ""},
		{"a theme we do not have", url.Values{"theme": {"pink"}}, 400, "", ""},
		{"back to another site", url.Values{"theme": {"dark"}, "back": {"//evil.example/"}}, 303, "/", "theme=dark"},
		{"back to another site, spelt out", url.Values{"theme": {"dark"}, "back": {"https://evil.example/"}}, 303, "/", "theme=dark"},
		{"back to another site, with a backslash", url.Values{"theme": {"dark"}, "back": {`/\evil.example/`}}, 303, "/", "theme=dark"},
	} {
		w := d.do(http.MethodPost, "/preferences", strings.NewReader(tt.form.Encode()), nil)
		if w.Code != tt.status || w.Header().Get("Location") != tt.to || !strings.HasPrefix(w.Header().Get("Set-Cookie"), tt.cookie) {
			t.Errorf("%s: %d to %q with %q", tt.name, w.Code, w.Header().Get("Location"), w.Header().Get("Set-Cookie"))
		}
	}
}

func TestCompressed(t *testing.T) {
	d := newDesk(t, nil)
	zip := func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip, br") }
	for _, address := range pages {
		w := d.do(http.MethodGet, address, nil, zip)
		size := w.Body.Len()
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if _, err := io.Copy(io.Discard, z); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		if size > 60<<10 {
			t.Errorf("%s weighs %d bytes; style and script come to it, and the whole is to stay under 100 KB", address, size)
		}
	}
	head := d.do(http.MethodHead, "/dose/ct", nil, zip)
	if head.Code != http.StatusOK || head.Header().Get("Content-Encoding") != "" {
		t.Errorf("HEAD: %d, %v", head.Code, head.Header())
	}
}

func TestAssets(t *testing.T) {
	d := newDesk(t, nil)
	found := regexp.MustCompile(`/assets/[0-9a-f]{12}/[a-z.]+`).FindAllString(d.get("/", 200), -1)
	if len(found) < 3 {
		t.Fatalf("the page names %q; want style, script and icon", found)
	}
	total := 0
	for _, address := range found {
		w := d.do(http.MethodGet, address, nil, nil)
		if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d, %v", address, w.Code, w.Header())
		}
		total += w.Body.Len()
		again := d.do(http.MethodGet, address, nil, func(r *http.Request) { r.Header.Set("If-None-Match", w.Header().Get("ETag")) })
		if again.Code != http.StatusNotModified {
			t.Errorf("%s again: %d; want 304", address, again.Code)
		}
	}
	old := d.do(http.MethodGet, "/assets/000000000000/style.css", nil, nil)
	if old.Code != http.StatusOK || strings.Contains(old.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("an asset by an old digest: %d, %v", old.Code, old.Header())
	}
	if code := d.do(http.MethodGet, "/assets/x/nope.js", nil, nil).Code; code != http.StatusNotFound {
		t.Errorf("no such asset: %d", code)
	}
}

// TestModulesAreServed follows the imports of the script modules: one that is
// missing would silently take the others with it.
func TestModulesAreServed(t *testing.T) {
	d := newDesk(t, nil)
	main := regexp.MustCompile(`/assets/[0-9a-f]{12}/main\.js`).FindString(d.get("/", 200))
	base, seen, todo := strings.TrimSuffix(main, "main.js"), map[string]bool{}, []string{"main.js"}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		for _, m := range regexp.MustCompile(`from "\./([a-z.]+)"`).FindAllStringSubmatch(d.get(base+name, 200), -1) {
			todo = append(todo, m[1])
		}
	}
	if len(seen) < 5 {
		t.Errorf("followed %v only", seen)
	}
}

func TestRoomsThatAreNotThere(t *testing.T) {
	d := newDesk(t, func(c *web.Config, _ *webtest.World) {
		c.Mapping, c.Content, c.Start, c.Developer = nil, nil, nil, false
	})
	_, body, _ := strings.Cut(d.get("/", 200), `<nav class="nav"`)
	body, _, _ = strings.Cut(body, "</nav>")
	for _, gone := range []string{"/dose/mapping", "/settings/content", "/start", "/face"} {
		if strings.Contains(body, `href="`+gone+`"`) {
			t.Errorf("the navigation names %s, which is not there", gone)
		}
		d.get(gone, 404)
	}
	if !strings.Contains(d.get("/search", 200), `href="/settings/rooms"`) {
		t.Error("what is there is not found")
	}
}

func TestNilFieldsAreFilled(t *testing.T) {
	catalogue, err := lang.Open()
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	webtest.SignedIn(web.New(web.Config{Catalogue: catalogue})).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if w.Code != http.StatusOK {
		t.Errorf("status %d; want 200", w.Code)
	}
}

func TestConnectionGoneWhileWriting(t *testing.T) {
	d := newDesk(t, nil)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	d.handler.ServeHTTP(&gone{header: http.Header{}}, r) // must not panic
}

// gone is the connection of someone who left.
type gone struct{ header http.Header }

func (g *gone) Header() http.Header     { return g.header }
func (*gone) WriteHeader(int)           {}
func (*gone) Write([]byte) (int, error) { return 0, errors.New("connection reset") }
