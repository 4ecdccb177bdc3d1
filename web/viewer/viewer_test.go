package viewer_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"radagora/fault"
	"radagora/web/viewer"
)

func get(t *testing.T, v *viewer.Viewer, address string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	err := v.Serve(w, httptest.NewRequest(http.MethodGet, address, nil), viewer.Words{
		Language: "de", Title: "Betrachter", Notice: "Kein <Arbeitsplatz>", Back: "Zurück", NoScript: "Skripte",
	})
	if err != nil {
		t.Fatalf("%s: %v", address, err)
	}
	return w
}

func present(t *testing.T) *viewer.Viewer {
	t.Helper()
	v, err := viewer.New()
	if err != nil {
		t.Fatal(err)
	}
	if !v.Present() {
		t.Skip("built without the image viewer: go run ./tools/viewer")
	}
	return v
}

func TestWithoutTheViewer(t *testing.T) {
	err := new(viewer.Viewer).Serve(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/viewer/", nil), viewer.Words{})
	if fault.Of(err) != fault.NotFound || !strings.Contains(err.Error(), "npm") {
		t.Errorf("Serve says %v; want NotFound and the way out", err)
	}
}

func TestThePage(t *testing.T) {
	v := present(t)
	for _, address := range []string{"/viewer/", "/viewer/viewer?StudyInstanceUIDs=1.2", "/viewer/index.html", "/viewer/local"} {
		w := get(t, v, address)
		text := w.Body.String()
		for _, want := range []string{`lang="de"`, "Kein &lt;Arbeitsplatz&gt;", `src="/viewer/app.bundle.`, `href="/"`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %s in %s", address, want, text)
			}
		}
		if strings.Contains(text, "<script>") || w.Header().Get("Content-Security-Policy") != viewer.Policy {
			t.Errorf("%s: an inline script, or another policy", address)
		}
	}
}

func TestTheConfiguration(t *testing.T) {
	v := present(t)
	text := get(t, v, "/viewer/app-config.js").Body.String()
	for _, want := range []string{`"qidoRoot":"/dicom-web"`, `"wadoRoot":"/dicom-web"`, `"option":"always"`, `"routerBasename":"/viewer"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

// TestScripts reads the application as a browser would, and looks for addresses of
// others from which it would load.
func TestScripts(t *testing.T) {
	v := present(t)
	name := regexp.MustCompile(`app\.bundle\.[0-9a-f]+\.js`).FindString(get(t, v, "/viewer/").Body.String())
	w := get(t, v, "/viewer/"+name)
	if w.Header().Get("Content-Encoding") != "gzip" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") {
		t.Fatalf("%s: %v", name, w.Header())
	}
	if !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("%s: Cache-Control is %q", name, w.Header().Get("Cache-Control"))
	}
	g, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(g)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `__webpack_require__.p = "/viewer/"`) {
		t.Error("the application looks for its parts elsewhere")
	}
	if found := regexp.MustCompile(`https://(api\.locize|huggingface|unpkg|cdn\.)[a-z.]*`).FindString(string(text)); found != "" {
		t.Errorf("the application may ask %s", found)
	}
}

func TestNoSuchFile(t *testing.T) {
	v := present(t)
	for _, address := range []string{"/viewer/none.js", "/viewer/../web.go", "/viewer/sw.js", "/viewer/app.bundle.js.map"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = address
		if err := v.Serve(w, r, viewer.Words{}); fault.Of(err) != fault.NotFound || w.Body.Len() > 0 {
			t.Errorf("%s: %v; want NotFound", address, err)
		}
	}
}
