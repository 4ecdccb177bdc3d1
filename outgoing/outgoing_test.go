package outgoing_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"radagora/fault"
	"radagora/outgoing"
)

// A target is a real server on loopback that counts who came.
type target struct {
	*httptest.Server
	hits atomic.Int64
}

func (s *target) address() string { return s.Listener.Addr().String() }

func serve(t *testing.T, secure bool, h http.HandlerFunc) *target {
	t.Helper()
	s := &target{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.hits.Add(1)
		h(w, r)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if secure {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func ok(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }

// trust is a pool that trusts the certificate httptest uses.
func trust(s *target) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

func client(t *testing.T, o outgoing.Options) *outgoing.Client {
	t.Helper()
	c, err := outgoing.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// get asks for address and returns the body.
func get(t *testing.T, c *outgoing.Client, address string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := outgoing.Read(resp.Body, 1<<10)
	return string(b), err
}

// wantRefused checks that err is a refusal for reason and tells no secret.
func wantRefused(t *testing.T, err error, reason string) {
	t.Helper()
	r, ok := errors.AsType[*outgoing.RefusedError](err)
	if !ok || fault.Of(err) != fault.Forbidden || r.Reason != reason {
		t.Fatalf("err = %v; want refused: %s", err, reason)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error tells the secret: %v", err)
	}
}

func TestCall(t *testing.T) {
	s := serve(t, true, ok)
	closed := client(t, outgoing.Options{RootCAs: trust(s)})
	_, err := get(t, closed, s.URL+"/secret?token=secret")
	wantRefused(t, err, "loopback")
	if !strings.Contains(err.Error(), s.address()) || !strings.Contains(err.Error(), "under reach") {
		t.Errorf("err = %v; want the target and the way out", err)
	}
	if n := s.hits.Load(); n != 0 {
		t.Fatalf("%d requests reached a refused target", n)
	}
	for _, rule := range []string{"127.0.0.0/8", "127.0.0.1", s.address()} {
		open := client(t, outgoing.Options{Allow: []string{rule}, RootCAs: trust(s)})
		if got, err := get(t, open, s.URL); got != "ok" || err != nil {
			t.Errorf("allow %s: %q, %v; want ok", rule, got, err)
		}
	}
}

func TestPlain(t *testing.T) {
	s := serve(t, false, ok)
	_, err := get(t, client(t, outgoing.Options{}), s.URL)
	wantRefused(t, err, "loopback")
	if got, err := get(t, client(t, outgoing.Options{Allow: []string{s.address()}}), s.URL); got != "ok" || err != nil {
		t.Errorf("plain to an allowed target: %q, %v; want ok", got, err)
	}
	// A public target must not be spoken to in plain; nothing is sent there.
	_, err = get(t, client(t, outgoing.Options{}), "http://8.8.8.8/?token=secret")
	wantRefused(t, err, "not https")
	_, err = get(t, client(t, outgoing.Options{Allow: []string{"127.0.0.1"}}), "https://name:secret@127.0.0.1/")
	wantRefused(t, err, "name or password in the address")
	_, err = get(t, client(t, outgoing.Options{Allow: []string{"127.0.0.1"}}), "ftp://127.0.0.1/")
	wantRefused(t, err, "not https")
}

func TestRedirect(t *testing.T) {
	inside := serve(t, true, ok)
	for _, c := range []struct {
		name, to, want string
	}{
		{"to a private target", inside.URL + "/secret", "loopback"},
		{"to the same by name", strings.Replace(inside.URL, "127.0.0.1", "localhost", 1), "loopback"},
		{"to metadata", "http://169.254.169.254/latest/meta-data", "link-local, where metadata services are"},
		{"to another scheme", "gopher://127.0.0.1/", "not https"},
	} {
		t.Run(c.name, func(t *testing.T) {
			door := serve(t, true, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, c.to, http.StatusFound) })
			_, err := get(t, client(t, outgoing.Options{Allow: []string{door.address()}, RootCAs: trust(door)}), door.URL)
			wantRefused(t, err, c.want)
		})
	}
	if n := inside.hits.Load(); n != 0 {
		t.Errorf("%d requests came in by redirect", n)
	}
}

func TestRedirectsEnd(t *testing.T) {
	s := serve(t, true, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Referer") != "" {
			t.Error("the last address was told to the next")
		}
		http.Redirect(w, r, r.URL.Path+"x?token=secret", http.StatusFound)
	})
	_, err := get(t, client(t, outgoing.Options{Allow: []string{s.address()}, RootCAs: trust(s)}), s.URL+"/")
	wantRefused(t, err, "too many redirects")
	if n := s.hits.Load(); n != 6 {
		t.Errorf("%d requests; want the first and five redirects", n)
	}
}

// names is a DNS server that answers each question for an address of version 4
// with the next of its answers, and the last one from then on.
func names(t *testing.T, answers ...[4]byte) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: answers[0]},
				}}
				if len(answers) > 1 {
					answers = answers[1:]
				}
			}
			if b, err := m.Pack(); err == nil {
				_, _ = socket.WriteTo(b, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

func TestRebinding(t *testing.T) {
	s := serve(t, true, ok)
	_, port, _ := net.SplitHostPort(s.address())
	resolver := names(t, [4]byte{8, 8, 8, 8}, [4]byte{127, 0, 0, 1})
	first, err := resolver.LookupHost(t.Context(), "hook.example.com")
	if err != nil || len(first) != 1 || first[0] != "8.8.8.8" {
		t.Fatalf("the name is public for whoever looks first: %v, %v", first, err)
	}
	c := client(t, outgoing.Options{Resolver: resolver, RootCAs: trust(s)})
	_, err = get(t, c, "https://hook.example.com:"+port+"/")
	wantRefused(t, err, "loopback")
	_, err = c.Dial(t.Context(), "tcp", "hook.example.com:"+port)
	wantRefused(t, err, "loopback")
	if n := s.hits.Load(); n != 0 {
		t.Errorf("%d requests came in by rebinding", n)
	}
	named := client(t, outgoing.Options{Resolver: resolver, RootCAs: trust(s), Allow: []string{"example.com"}})
	if got, err := get(t, named, "https://example.com:"+port+"/"); got != "ok" || err != nil {
		t.Errorf("a name that is configured: %q, %v; want ok", got, err)
	}
}

func TestDial(t *testing.T) {
	s := serve(t, true, ok)
	closed := client(t, outgoing.Options{})
	_, err := closed.Dial(t.Context(), "tcp", s.address())
	wantRefused(t, err, "loopback")
	if _, err := closed.Dial(t.Context(), "unix", "/run/docker.sock"); fault.Of(err) != fault.Unsupported {
		t.Errorf("Dial(unix) = %v; want unsupported", err)
	}
	if _, err := closed.Dial(t.Context(), "tcp", "nowhere"); fault.Of(err) != fault.Invalid {
		t.Errorf("Dial without port = %v; want invalid", err)
	}
	open := client(t, outgoing.Options{Allow: []string{"127.0.0.1"}, RootCAs: trust(s)})
	conn, err := open.Dial(t.Context(), "tcp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := tls.Client(conn, open.TLS("example.com")).HandshakeContext(t.Context()); err != nil {
		t.Errorf("handshake = %v; want the certificate of example.com accepted", err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent.Close()
	if _, err := open.Dial(t.Context(), "tcp", silent.Addr().String()); fault.Of(err) != fault.Unavailable {
		t.Errorf("Dial to nobody = %v; want unavailable", err)
	}
}

func TestBadTargets(t *testing.T) {
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
		tune func(s *target, o *outgoing.Options)
		want string
	}{
		{"a certificate nobody vouches for", ok, func(_ *target, o *outgoing.Options) { o.RootCAs = x509.NewCertPool() }, "certificate"},
		{"an old TLS", ok, func(s *target, _ *outgoing.Options) { s.TLS.MaxVersion = tls.VersionTLS11 }, "tls"},
		{"a header without end", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("a", 100<<10))
		}, nil, "call 127.0.0.1:"},
		{
			"an answer that never comes", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			func(_ *target, o *outgoing.Options) { o.Timeout = 50 * time.Millisecond }, "call 127.0.0.1:",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, true, c.h)
			o := outgoing.Options{Allow: []string{"127.0.0.1"}, RootCAs: trust(s)}
			if c.tune != nil {
				c.tune(s, &o)
			}
			_, err := get(t, client(t, o), s.URL+"/path-secret?token=secret")
			if err == nil || fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("err = %v; want unavailable, %q, and no secret", err, c.want)
			}
		})
	}
}

func TestBodyIsBounded(t *testing.T) {
	s := serve(t, true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, io.LimitReader(zeros{}, 1<<20)) })
	_, err := get(t, client(t, outgoing.Options{Allow: []string{"127.0.0.1"}, RootCAs: trust(s)}), s.URL)
	if fault.Of(err) != fault.Invalid {
		t.Errorf("err = %v; want invalid: longer than the limit", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// proxy is an HTTP proxy that connects every name to one server.
func proxy(t *testing.T, to string) *target {
	return serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "only CONNECT", http.StatusBadRequest)
			return
		}
		far, err := new(net.Dialer).DialContext(r.Context(), "tcp", to)
		if err != nil {
			http.Error(w, "far", http.StatusBadGateway)
			return
		}
		near, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		fmt.Fprint(near, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { defer far.Close(); _, _ = io.Copy(far, buffered) }()
		_, _ = io.Copy(near, far)
		near.Close()
	})
}

func TestProxy(t *testing.T) {
	s := serve(t, true, ok)
	p := proxy(t, s.address())
	resolver := names(t, [4]byte{10, 0, 0, 1})
	public := names(t, [4]byte{8, 8, 8, 8})
	o := outgoing.Options{Proxy: p.URL, RootCAs: trust(s), Resolver: public}
	if got, err := get(t, client(t, o), "https://example.com/"); got != "ok" || err != nil || p.hits.Load() != 1 {
		t.Errorf("through the proxy: %q, %v, %d calls of it; want ok", got, err, p.hits.Load())
	}
	o.Resolver = resolver
	_, err := get(t, client(t, o), "https://example.com/")
	wantRefused(t, err, "private network")
	_, err = get(t, client(t, o), "https://169.254.169.254/")
	wantRefused(t, err, "link-local, where metadata services are")
	_, err = get(t, client(t, o), "http://example.com/")
	wantRefused(t, err, "not https")
	if n := p.hits.Load(); n != 1 {
		t.Errorf("the proxy was called %d times; want once", n)
	}
	o.Allow = []string{s.address()}
	if got, err := get(t, client(t, o), s.URL); got != "ok" || err != nil || p.hits.Load() != 1 {
		t.Errorf("an allowed target: %q, %v, proxy %d; want ok, without the proxy", got, err, p.hits.Load())
	}
	for _, bad := range []string{"socks5://127.0.0.1", "127.0.0.1:3128", "http://", "http://u:secret@[::1"} {
		if _, err := outgoing.New(outgoing.Options{Proxy: bad}); fault.Of(err) != fault.Invalid || strings.Contains(err.Error(), "secret") {
			t.Errorf("proxy %s: %v; want invalid, without the password", bad, err)
		}
	}
}

func TestRefusalIsNoted(t *testing.T) {
	var out bytes.Buffer
	c := client(t, outgoing.Options{Log: slog.New(slog.NewTextHandler(&out, nil))})
	_, err := get(t, c, "https://127.0.0.1:1/secret?token=secret")
	wantRefused(t, err, "loopback")
	if got := out.String(); !strings.Contains(got, "target=127.0.0.1:1") || strings.Contains(got, "secret") {
		t.Errorf("log = %s; want the target and no secret", got)
	}
}

func TestQuiet(t *testing.T) {
	if err := outgoing.Quiet(nil); err != nil {
		t.Errorf("Quiet(nil) = %v", err)
	}
	if got := outgoing.Target("a\nb", "1"); strings.Contains(got, "\n") {
		t.Errorf("Target = %q; want no new line", got)
	}
	c := client(t, outgoing.Options{})
	_, err := c.HTTP().Get("https://127.0.0.1:1/?token=secret") //nolint:bodyclose // there is none
	wantRefused(t, outgoing.Quiet(fmt.Errorf("read key set: %w", err)), "loopback")
}

func Example() {
	c, _ := outgoing.New(outgoing.Options{Allow: []string{"10.1.0.0/16"}})
	r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://127.0.0.1/hook?token=x", nil)
	_, err := c.Do(r) //nolint:bodyclose // there is none
	fmt.Println(err)
	// Output: call 127.0.0.1:443: refused (loopback): if this target is meant, list it under reach in the settings
}
