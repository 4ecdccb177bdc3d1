package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestCaller goes from the right of X-Forwarded-For to the first address that is no
// proxy of ours: what stands left of that anybody may have written.
func TestCaller(t *testing.T) {
	for name, c := range map[string]struct {
		trusted []string
		from    string
		header  []string
		want    string
	}{
		"no proxy":          {nil, "192.0.2.7:4711", nil, "192.0.2.7:4711"},
		"nobody is trusted": {nil, "127.0.0.1:4711", []string{"198.51.100.9"}, "127.0.0.1:4711"},
		"claimed":           {[]string{"127.0.0.1"}, "192.0.2.7:4711", []string{"198.51.100.9"}, "192.0.2.7:4711"},
		"one proxy":         {[]string{"127.0.0.1"}, "127.0.0.1:4711", []string{"198.51.100.9"}, "198.51.100.9:4711"},
		"mapped":            {[]string{"127.0.0.1"}, "[::ffff:127.0.0.1]:4711", []string{"::ffff:198.51.100.9"}, "198.51.100.9:4711"},
		"made up before":    {[]string{"127.0.0.1"}, "127.0.0.1:4711", []string{"10.1.1.1, 198.51.100.9"}, "198.51.100.9:4711"},
		"in two headers":    {[]string{"127.0.0.1"}, "127.0.0.1:4711", []string{"10.1.1.1", "198.51.100.9"}, "198.51.100.9:4711"},
		"two proxies":       {[]string{"127.0.0.1", "10.0.0.0/24"}, "127.0.0.1:4711", []string{"203.0.113.5, 198.51.100.9, 10.0.0.8"}, "198.51.100.9:4711"},
		"with port":         {[]string{"::1"}, "[::1]:4711", []string{"[2001:db8::9]:443"}, "[2001:db8::9]:4711"},
		"in brackets":       {[]string{"::1"}, "[::1]:4711", []string{"[2001:db8::9]"}, "[2001:db8::9]:4711"},
		"no address":        {[]string{"127.0.0.1"}, "127.0.0.1:4711", []string{"198.51.100.9, unknown"}, "127.0.0.1:4711"},
		"proxies alone":     {[]string{"127.0.0.1", "10.0.0.0/24"}, "127.0.0.1:4711", []string{"10.0.0.9"}, "10.0.0.9:4711"},
	} {
		t.Run(name, func(t *testing.T) {
			trusted, err := parseProxies(c.trusted)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.RemoteAddr = c.from
			for _, h := range c.header {
				r.Header.Add(forwardedFor, h)
			}
			var log bytes.Buffer
			got := ""
			h := trusted.through(slog.New(slog.NewTextHandler(&log, nil)), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
			for range 2 {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
			if got != c.want {
				t.Errorf("from %s through %q: %s, want %s", c.from, c.header, got, c.want)
			}
			want := 0
			if name == "nobody is trusted" {
				want = 1
			}
			if n := strings.Count(log.String(), "--trusted-proxy"); n != want {
				t.Errorf("told %d times of a proxy nobody named, want %d: %s", n, want, log.String())
			}
		})
	}
	for _, s := range []string{"proxy.example", "0.0.0.0/0", "::/0", "fe80::1%eth0", ""} {
		if _, err := parseProxies([]string{s}); err == nil {
			t.Errorf("%q is taken for a proxy", s)
		}
	}
}

// TestHereOnly opens the pages that let everybody in under names that others can point
// at this machine, and through a proxy.
func TestHereOnly(t *testing.T) {
	h := hereOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("in")) }))
	for _, c := range []struct {
		host, header string
		want         int
	}{
		{"localhost", "", 200},
		{"localhost:8080", "", 200},
		{"LOCALHOST.:8080", "", 200},
		{"dose.localhost:8080", "", 200},
		{"127.0.0.1:8080", "", 200},
		{"127.9.9.9", "", 200},
		{"[::1]:8080", "", 200},
		{"[::1]", "", 200},
		{"evil.example:8080", "", 421},
		{"localhost.evil.example", "", 421},
		{"notlocalhost", "", 421},
		{"192.168.1.4:8080", "", 421},
		{"0.0.0.0:8080", "", 421},
		{"127.0.0.1.nip.example", "", 421},
		{"", "", 421},
		{"localhost:8080", "X-Forwarded-For", 403},
		{"localhost:8080", "Forwarded", 403},
		{"localhost:8080", "Via", 403},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Host = c.host
		if c.header != "" {
			r.Header.Set(c.header, "198.51.100.9")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want || (w.Body.String() == "in") != (c.want == 200) {
			t.Errorf("host %q, %s: %d, want %d", c.host, c.header, w.Code, c.want)
		}
	}
}
