package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"radagora/access"
)

// What is no operation, and what cannot be answered, is told in problem details with
// the id of the request.
func TestAPIProblems(t *testing.T) {
	d := openAPI(t)
	for _, c := range []struct {
		name, method, path string
		header             []string
		status             int
		kind, says         string
	}{
		{"no operation", "GET", "/api/v1/nothing", nil, 404, "not-found", "no such operation"},
		{"no version", "GET", "/api/worklist", nil, 404, "not-found", "/api/v1"},
		{"another method", "DELETE", "/api/v1/studies", nil, 405, "method", "GET"},
		{"HTML wanted", "GET", "/api/v1/worklist", []string{"Accept", "text/html"}, 406, "not-acceptable", "application/json"},
		{"JSON refused", "GET", "/api/v1/worklist", []string{"Accept", "application/json;q=0"}, 406, "not-acceptable", ""},
		{"an unknown parameter", "GET", "/api/v1/worklist?form=2026-11-22", nil, 422, "invalid", ""},
		{"a limit that is too large", "GET", "/api/v1/worklist?limit=501", nil, 422, "invalid", ""},
		{"a cursor of another list", "GET", "/api/v1/worklist?cursor=eHg", nil, 422, "invalid", "cursor"},
		{"a key that is too long", "POST", "/api/v1/orders", []string{"Idempotency-Key", strings.Repeat("k", 201)}, 422, "invalid", "1 to 200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, header, body := d.ask(c.method, c.path, "", append([]string{"X-Request-Id", "mine-1"}, c.header...)...)
			var p struct{ Type, Instance, Detail string }
			if err := json.Unmarshal([]byte(body), &p); err != nil || status != c.status || header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("%d %s %s", status, header, body)
			}
			if p.Type != "urn:radagora:problem:"+c.kind || p.Instance != "urn:radagora:request:mine-1" || header.Get("X-Request-Id") != "mine-1" || !strings.Contains(body, c.says) {
				t.Errorf("%+v", p)
			}
		})
	}
	if _, header, _ := d.ask("DELETE", "/api/v1/orders/x", ""); header.Get("Allow") != "GET, PUT" {
		t.Errorf("Allow: %q", header.Get("Allow"))
	}
	if _, header, _ := d.ask("GET", "/api/v1/worklist", "", "X-Request-Id", "a\nb"); header.Get("X-Request-Id") == "a\nb" || header.Get("X-Request-Id") == "" {
		t.Errorf("an id that is none: %q", header.Get("X-Request-Id"))
	}
}

// Whoever asks too often is told so in problem details, and how often they may.
func TestAPILimit(t *testing.T) {
	l := newLimits(func() time.Time { return time.Unix(1, 0) })
	l.rate, l.burst = 1, 2
	guard := l.guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for i, want := range []int{204, 204, 429} {
		w := httptest.NewRecorder()
		guard.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/studies", nil))
		if w.Code != want || w.Header().Get("RateLimit-Policy") != `"address";q=2;w=2` || w.Header().Get("RateLimit") != []string{`"address";r=1`, `"address";r=0`, `"address";r=0`}[i] {
			t.Errorf("%d: %d %v", i, w.Code, w.Header())
		}
		if want == 429 && (w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "problem:too-many")) {
			t.Errorf("%v %s", w.Header(), w.Body)
		}
	}
}

// Every list has pages that hold each thing once.
func TestAPIPages(t *testing.T) {
	d := openAPI(t)
	for _, name := range []string{"1", "2", "3"} {
		d.order("A"+name, "Muster^Anna", "P"+name, "CT", "CT1", "2026-11-22T0"+name+":00:00")
	}
	d.furnished()
	server := httptest.NewServer(d.as(everyone()))
	t.Cleanup(server.Close)
	for path, want := range map[string]int{
		"/worklist": 3, "/studies": 3, "/dose/examinations": 3, "/rooms": 1, "/journal?kind=worklist.order.*": 3, "/findings?rule=equipment": 1, "/matches": 3,
	} {
		t.Run(path, func(t *testing.T) {
			join := "?"
			if strings.Contains(path, "?") {
				join = "&"
			}
			seen, pages := map[string]bool{}, 0
			for next := apiBase + path + join + "limit=1"; next != ""; pages++ {
				r, err := http.Get(server.URL + next)
				check(t, err)
				var p apiList[json.RawMessage]
				check(t, json.NewDecoder(r.Body).Decode(&p))
				r.Body.Close()
				if len(p.Items) > 1 || r.StatusCode != http.StatusOK {
					t.Fatalf("%d, %d items", r.StatusCode, len(p.Items))
				}
				for _, one := range p.Items {
					seen[string(one)] = true
				}
				link := r.Header.Get("Link")
				if (link == "") != (p.Next == "") {
					t.Fatalf("next %q, Link %q", p.Next, link)
				}
				next = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
			}
			if len(seen) != want || pages > want+1 {
				t.Errorf("%d on %d pages; want %d", len(seen), pages, want)
			}
		})
	}
}

// A request that comes again is answered again; with another body it is refused, and
// one that was refused for want of a right has no effect and may come again.
func TestAPIRepeats(t *testing.T) {
	d := openAPI(t)
	d.role = access.Physicist
	if status, _, body := d.ask("POST", "/api/v1/orders", sampleOrder, "Idempotency-Key", "k"); status != 403 {
		t.Errorf("%d %s", status, body)
	}
	d.role = access.Steward
	status, first, body := d.ask("POST", "/api/v1/orders", sampleOrder, "Idempotency-Key", `"k"`)
	if status != 201 || first.Get("Idempotency-Replayed") != "" {
		t.Fatalf("%d %s", status, body)
	}
	again, header, text := d.ask("POST", "/api/v1/orders", sampleOrder, "Idempotency-Key", "k")
	if again != 201 || text != body || header.Get("Idempotency-Replayed") != "true" || header.Get("Location") != first.Get("Location") || header.Get("ETag") != `"1"` {
		t.Errorf("again: %d %v %s", again, header, text)
	}
	if status, _, text := d.ask("POST", "/api/v1/orders", strings.Replace(sampleOrder, "A1", "A2", 1), "Idempotency-Key", "k"); status != 422 || !strings.Contains(text, "another request") {
		t.Errorf("another body: %d %s", status, text)
	}
	if status, _, text := d.ask("POST", "/api/v1/orders", `{"x":`+strings.Repeat(" ", 1<<20)+`1}`, "Idempotency-Key", "long"); status != 413 {
		t.Errorf("a long body: %d %s", status, text)
	}
}
