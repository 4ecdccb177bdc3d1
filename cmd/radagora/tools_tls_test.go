package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"radagora/access"
	"radagora/site"
)

// tunnel listens, and passes on what comes over TLS: for programs that do not speak it.
func tunnel(t *testing.T, to string, c *tls.Config) (port string) {
	t.Helper()
	address := standIn(t, "127.0.0.1", func(ctx context.Context, l net.Listener) error {
		for {
			plain, err := l.Accept()
			if err != nil {
				return err
			}
			go func() {
				defer plain.Close()
				far, err := (&tls.Dialer{Config: c}).DialContext(ctx, "tcp", to)
				if err != nil {
					t.Log(err)
					return
				}
				defer far.Close()
				go func() {
					_, _ = io.Copy(far, plain) // ends with the connection
					_ = far.Close()
				}()
				_, _ = io.Copy(plain, far) // likewise
			}()
		}
	})
	_, port, err := net.SplitHostPort(address)
	check(t, err)
	return port
}

// TestToolsOverTLS has dcmtk's tools try the line, store, find and fetch over TLS: without
// a certificate of their own, and with one on both sides. Those that speak no TLS go
// through a tunnel, as they do in practice; what is moved goes over TLS to storescp.
func TestToolsOverTLS(t *testing.T) {
	slow(t)
	t.Parallel()
	echoscu, storescu, findscu, getscu, movescu := dcmtk(t, "echoscu"), dcmtk(t, "storescu"), dcmtk(t, "findscu"), dcmtk(t, "getscu"), dcmtk(t, "movescu")
	for _, mutual := range []bool{false, true} {
		name := map[bool]string{false: "without certificates of peers", true: "with certificates on both sides"}[mutual]
		t.Run(name, func(t *testing.T) {
			a := newAuthority(t)
			var s settings
			s.TLSCert, s.TLSKey, _ = a.issue("us")
			peerCert, peerKey, digest := a.issue("peer")
			there, thereKey, thereDigest := a.issue("there")
			_, _, other := a.issue("other")
			ca := filepath.Join(a.folder, "ca.pem")
			with, takes := []string{"+tla", "+cf", ca}, []string{"+tls", thereKey, there, "-ic"}
			if mutual {
				s.TLSClientCA = ca
				with, takes = []string{"+tls", peerKey, peerCert, "+cf", ca}, []string{"+tls", thereKey, there, "+cf", ca, "-rc"}
			}
			b := openLibraryWith(t, s)
			far := startReceiver(t, "FAR", takes...)
			port, err := strconv.Atoi(far.port)
			check(t, err)
			known := site.Peer{AETitle: "SAFE", Addresses: []string{"127.0.0.1"}, TLS: true}
			if mutual {
				known.Certificate = digest
				check(t, b.h.Sites.SetPeer(b.ctx, access.Local, site.Peer{AETitle: "FORGED", Addresses: []string{"127.0.0.1"}, TLS: true, Certificate: other}))
			}
			check(t, b.h.Sites.SetPeer(b.ctx, access.Local, known))
			check(t, b.h.Sites.SetPeer(b.ctx, access.Local, site.Peer{AETitle: "FAR", Host: "127.0.0.1", Port: port, TLS: true, Certificate: thereDigest}))
			host, door, err := net.SplitHostPort(b.addr)
			check(t, err)
			roots, err := authorities(ca)
			check(t, err)
			through := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
			if mutual {
				pair, err := tls.LoadX509KeyPair(peerCert, peerKey)
				check(t, err)
				through.Certificates = []tls.Certificate{pair}
			}
			by := tunnel(t, b.addr, through)
			if _, err := os.Stat(ctSample); err != nil {
				t.Skip("no image to send: python3-pydicom is not installed")
			}
			image := twin(t, ctSample, "1.2.3", "1.2.3.1", "1.2.3.1.1", "20261121")
			study := []string{"-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3"}
			folder := t.TempDir()
			as := func(title string, more ...string) []string {
				return append([]string{"-aet", title, "-aec", "RADAGORA"}, more...)
			}
			for _, c := range []struct {
				name, program string
				args          []string
				want          bool
				says          string
				skip          bool
			}{
				{"echoscu", echoscu, slices.Concat(with, as("SAFE", host, door)), true, "", false},
				{"storescu", storescu, slices.Concat(with, as("SAFE", host, door, image)), true, "", false},
				{"findscu", findscu, slices.Concat(with, []string{"-v"}, study, []string{"-k", "PatientName"}, as("SAFE", host, door)), true, "1.2.3", false},
				{"getscu", getscu, slices.Concat(study, as("SAFE", "-od", folder, host, by)), true, "", false},
				{"movescu", movescu, slices.Concat(study, as("SAFE", "-aem", "FAR", host, by)), true, "", false},
				{"storescu with the certificate of another peer", storescu, slices.Concat(with, as("FORGED", host, door, image)), false, "", !mutual},
				{"storescu without a certificate", storescu, slices.Concat([]string{"+tla", "+cf", ca}, as("SAFE", host, door, image)), false, "", !mutual},
				{"storescu in plain", storescu, as("SAFE", host, door, image), false, "", false},
			} {
				if c.skip {
					continue
				}
				if out, ok := runs(t, c.program, c.args...); ok != c.want || !strings.Contains(out, c.says) {
					t.Errorf("%s: done %v; want %v and %q\n%s", c.name, ok, c.want, c.says, out)
				}
			}
			far.until(t, 1)
			if got, err := os.ReadDir(folder); err != nil || len(got) != 1 {
				t.Errorf("getscu brought %d objects, %v", len(got), err)
			}
		})
	}
}
