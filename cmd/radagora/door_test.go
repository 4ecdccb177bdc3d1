package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/site"
)

// An authority vouches for certificates, for a test.
type authority struct {
	t      *testing.T
	folder string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial int64
}

// newAuthority makes one; its certificate stands in the file ca.pem.
func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, folder: t.TempDir()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	a.key, a.serial = key, 1
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, key.Public(), key)
	check(t, err)
	a.write("ca.pem", "CERTIFICATE", der)
	return a
}

// write writes a PEM file and returns its name.
func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	file := filepath.Join(a.folder, name)
	check(a.t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return file
}

// issue makes a certificate in NAME.pem and its key in NAME.key, and returns its
// SHA-256.
func (a *authority) issue(name string) (cert, key, digest string) {
	a.t.Helper()
	return a.until(name, time.Now().Add(12*time.Hour))
}

// until is issue of a certificate that is good until a time.
func (a *authority) until(name string, end time.Time) (cert, key, digest string) {
	a.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(a.t, err)
	a.serial++
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: end, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}, a.cert, k.Public(), a.key)
	check(a.t, err)
	text, err := x509.MarshalPKCS8PrivateKey(k)
	check(a.t, err)
	sum := sha256.Sum256(der)
	return a.write(name+".pem", "CERTIFICATE", der), a.write(name+".key", "PRIVATE KEY", text), hex.EncodeToString(sum[:])
}

// program returns the path of a program of another project, and skips without it.
func dcmtk(t *testing.T, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s not found: dcmtk is tried where it is installed", name)
	}
	return p
}

// runs runs a program and reports whether it succeeded.
func runs(t *testing.T, program string, args ...string) (string, bool) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	return string(out), err == nil
}

// TestDICOMDoor asks for associations with dcmtk: who is not known is not let in,
// stands in the knocking list, and comes in after somebody accepted it.
func TestDICOMDoor(t *testing.T) {
	echoscu, storescu := dcmtk(t, "echoscu"), dcmtk(t, "storescu")
	data := t.TempDir()
	inside(t, data, func(ctx context.Context, h *house) {
		check(t, h.Sites.SetPeer(ctx, "local", site.Peer{AETitle: "FAR", Host: "192.0.2.7", Port: 104}))
		check(t, h.Sites.SetPeer(ctx, "local", site.Peer{AETitle: "OLD", State: site.Blocked}))
	})
	s := serve(t, data, asked)
	for wait := 0; wait < 50 && !strings.Contains(s.log(), "/first?token="); wait++ { // it stands below the ready line
		time.Sleep(100 * time.Millisecond)
	}
	if !strings.Contains(s.log(), "/first?token=") {
		t.Errorf("the console says nothing of a first administrator:\n%s", s.log())
	}
	host, port, err := net.SplitHostPort(s.dicom)
	check(t, err)
	object := report(t)
	call := func(program, title string, more ...string) bool {
		out, ok := runs(t, program, append([]string{"-aet", title, "-aec", "RADAGORA", host, port}, more...)...)
		if !ok && !strings.Contains(out, "Calling AE Title Not Recognized") && !strings.Contains(out, "Rejected") {
			t.Errorf("%s as %s: %s", program, title, out)
		}
		return ok
	}
	for _, c := range []struct {
		name, program, title string
		object               bool
		want                 bool
	}{
		{"a stranger may try the line", echoscu, "STRANGER", false, true},
		{"and send nothing", storescu, "STRANGER", true, false},
		{"a forged title is not enough", storescu, "FAR", true, false},
		{"who is blocked may not even try the line", echoscu, "OLD", false, false},
	} {
		var more []string
		if c.object {
			more = []string{object}
		}
		if got := call(c.program, c.title, more...); got != c.want {
			t.Errorf("%s: let in %v; want %v", c.name, got, c.want)
		}
	}
	check(t, s.stop())
	inside(t, data, func(ctx context.Context, h *house) {
		knocks, err := h.Sites.Knocks(ctx, site.Default)
		check(t, err)
		var titles []string
		for _, k := range knocks {
			titles = append(titles, k.AETitle+" "+k.Reason)
		}
		slices.Sort(titles)
		if want := []string{"FAR address", "STRANGER unknown"}; !slices.Equal(titles, want) {
			t.Errorf("knocking list %q; want %q", titles, want)
		}
		check(t, h.Sites.SetPeer(ctx, "local", site.Peer{AETitle: "STRANGER", Addresses: []string{"127.0.0.1"}, State: site.Limited}))
	})
	s = serve(t, data, asked)
	_, port, err = net.SplitHostPort(s.dicom)
	check(t, err)
	if !call(storescu, "STRANGER", object) {
		t.Error("accepted, and still not let in")
	}
}

// report returns the name of a small DICOM file.
func report(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "report.dcm")
	out, ok := runs(t, "mkreport", name, "study", "report", "100", "Abdomen:10:100")
	if !ok {
		t.Fatalf("mkreport: %s", out)
	}
	return name
}

// TestDICOMOverTLS speaks TLS with dcmtk: with the right certificate, with none and
// with that of somebody else; and plain DICOM for a peer that must not.
func TestDICOMOverTLS(t *testing.T) {
	echoscu, storescu := dcmtk(t, "echoscu"), dcmtk(t, "storescu")
	a := newAuthority(t)
	cert, key, _ := a.issue("server")
	peerCert, peerKey, digest := a.issue("peer")
	otherCert, otherKey, _ := a.issue("other")
	data := t.TempDir()
	inside(t, data, func(ctx context.Context, h *house) {
		check(t, h.Sites.SetPeer(ctx, "local", site.Peer{AETitle: "SAFE", Addresses: []string{"127.0.0.1"}, TLS: true, Certificate: digest}))
	})
	s := serve(t, data, asked, "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", filepath.Join(a.folder, "ca.pem"), "--dicom-tls", "127.0.0.1:0")
	host, port, err := net.SplitHostPort(s.dicomTLS)
	check(t, err)
	object := report(t)
	ca := []string{"+cf", filepath.Join(a.folder, "ca.pem")}
	for _, c := range []struct {
		name string
		args []string
		want bool
	}{
		{"with its own certificate", append([]string{"+tls", peerKey, peerCert}, ca...), true},
		{"with that of somebody else", append([]string{"+tls", otherKey, otherCert}, ca...), false},
		{"with none", append([]string{"+tla"}, ca...), false},
	} {
		args := append(slices.Clone(c.args), "-aet", "SAFE", "-aec", "RADAGORA", host, port, object)
		if out, ok := runs(t, storescu, args...); ok != c.want {
			t.Errorf("%s: sent %v; want %v\n%s", c.name, ok, c.want, out)
		}
	}
	plainHost, plainPort, err := net.SplitHostPort(s.dicom)
	check(t, err)
	if out, ok := runs(t, storescu, "-aet", "SAFE", "-aec", "RADAGORA", plainHost, plainPort, object); ok {
		t.Errorf("plain, where TLS is asked for: sent\n%s", out)
	}
	if _, ok := runs(t, echoscu, "-aet", "SAFE", "-aec", "RADAGORA", plainHost, plainPort); !ok {
		t.Error("the line cannot be tried")
	}
	pages(t, s, a)
}

// pages asks for pages over TLS.
func pages(t *testing.T, s *server, a *authority) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(a.folder, "ca.pem"))
	check(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	for _, c := range []struct {
		name    string
		version uint16
		want    bool
	}{{"TLS 1.3", tls.VersionTLS13, true}, {"TLS 1.2", tls.VersionTLS12, true}, {"TLS 1.1", tls.VersionTLS11, false}} {
		client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
			RootCAs: pool, MinVersion: c.version, MaxVersion: c.version,
		}}, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		r, err := client.Get("https://" + s.http + "/")
		if (err == nil) != c.want {
			t.Errorf("%s: %v; want taken: %v", c.name, err, c.want)
		}
		if err != nil {
			continue
		}
		if r.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: no Strict-Transport-Security", c.name)
		}
		check(t, r.Body.Close())
	}
}

// TestCertificateIsReadAgain changes the files of a certificate: the new one serves
// after a while, and one that cannot be used does not take its place.
func TestCertificateIsReadAgain(t *testing.T) {
	a := newAuthority(t)
	cert, key, _ := a.issue("one")
	var said bytes.Buffer
	clock := time.Now()
	c, err := newCertificate(cert, key, logging{Format: "text"}.logger(&said), func() time.Time { return clock })
	check(t, err)
	name := func() string {
		now, err := c.get(nil)
		check(t, err)
		return now.Leaf.Subject.CommonName
	}
	put := func(from string, at time.Time) {
		for _, ext := range []string{".pem", ".key"} {
			b, err := os.ReadFile(filepath.Join(a.folder, from+ext))
			check(t, err)
			check(t, os.WriteFile(filepath.Join(a.folder, "one"+ext), b, 0o600))
			check(t, os.Chtimes(filepath.Join(a.folder, "one"+ext), at, at))
		}
		clock = clock.Add(lookEvery)
	}
	if got := name(); got != "one" {
		t.Fatalf("serves %s", got)
	}
	a.issue("two")
	put("two", clock.Add(time.Minute))
	if got := name(); got != "two" {
		t.Errorf("after the change %s serves; want two", got)
	}
	check(t, os.WriteFile(filepath.Join(a.folder, "three.pem"), []byte("not a certificate"), 0o600))
	check(t, os.WriteFile(filepath.Join(a.folder, "three.key"), nil, 0o600))
	put("three", clock.Add(2*time.Minute))
	if got := name(); got != "two" || !strings.Contains(said.String(), "the one before it serves on") {
		t.Errorf("a certificate that is none: %s serves; want two, and a line in the log:\n%s", got, said.String())
	}
}

// TestLimits asks too often, sends slowly and takes slowly.
func TestLimits(t *testing.T) {
	l := newLimits(time.Now)
	l.rate, l.burst, l.silence = 1, 3, 300*time.Millisecond
	clock := time.Now()
	l.now = func() time.Time { return clock }
	for i, want := range []bool{true, true, true, false} {
		if got := l.allow("192.0.2.1:1000", false); got != want {
			t.Errorf("request %d: allowed %v; want %v", i+1, got, want)
		}
	}
	if !l.allow("192.0.2.2:1000", false) {
		t.Error("one address shuts out another")
	}
	for i := range 4 { // addresses of one IPv6 network are one
		l.allow(net.JoinHostPort("2001:db8::"+string(rune('1'+i)), "1"), false)
	}
	if l.allow("[2001:db8::ffff]:1", false) {
		t.Error("a network of IPv6 addresses counts each of them")
	}
	if !l.allow("192.0.2.1:1000", true) {
		t.Error("who has asked for too many pages gets no images")
	}
	clock = clock.Add(time.Second)
	if !l.allow("192.0.2.1:1000", false) {
		t.Error("after a second nothing is allowed yet")
	}
	l.known = 100
	for i := range 5000 {
		l.allow(net.JoinHostPort(net.IPv4(10, 0, byte(i>>8), byte(i)).String(), "1"), false)
	}
	if len(l.from) > 201 {
		t.Errorf("%d addresses are remembered; want about 100", len(l.from))
	}
	slow := newLimits(time.Now)
	slow.silence = 200 * time.Millisecond
	ended := make(chan error, 1)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: slow.guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		ended <- err
	}))}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	check(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"))
	check(t, err)
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a body that stops coming was taken as whole")
		}
	case <-time.After(5 * time.Second):
		t.Error("a body that stops coming holds the request for ever")
	}
}
