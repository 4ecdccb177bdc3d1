package dimse

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"radagora/fault"
)

// certificate makes one that speaks for 127.0.0.1 and itself.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

func TestMutualTLS(t *testing.T) {
	cert, pool := certificate(t)
	var s shelf
	server := &Server{
		Store:  &s,
		Limits: Limits{ARTIM: 2 * time.Second},
		TLS:    &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS12},
		Accept: func(_ context.Context, p *Peer) error {
			if p.TLS == nil || len(p.TLS.PeerCertificates) != 1 {
				return ErrCalling
			}
			return nil
		},
	}
	addr := serve(t, server)
	a := dial(t, addr, Config{TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}}})
	b, o := object(1, 3<<20)
	if st, err := a.Store(t.Context(), o); err != nil || st != Success || s.got[o.SOPInstance] != sha256.Sum256(b) {
		t.Errorf("store: %v, %v", st, err)
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]Config{
		"without a certificate": {TLS: &tls.Config{RootCAs: pool}},
		"who does not trust us": {TLS: &tls.Config{Certificates: []tls.Certificate{cert}}},
		"without TLS":           {},
	} {
		if _, err := Dial(t.Context(), addr, filled(c)); fault.Of(err) != fault.Unavailable {
			t.Errorf("a peer %s: %v; want kind unavailable", name, err)
		}
	}
	conn := raw(t, addr) // says nothing at all
	began := time.Now()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); time.Since(began) > 30*time.Second {
		t.Errorf("a peer that does not shake hands was cut after %s: %v", time.Since(began), err)
	}
}

func TestEchoscuTLS(t *testing.T) {
	cert, pool := certificate(t)
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"key.pem": {Type: "PRIVATE KEY", Bytes: key}, "cert.pem": {Type: "CERTIFICATE", Bytes: cert.Certificate[0]},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addr := serve(t, &Server{TLS: &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}})
	k, c := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	out, err := tool(t, "echoscu", append([]string{"+tls", k, c, "+cf", c}, host(t, addr)...)...)
	if strings.Contains(out, "unknown option") {
		t.Skip("this echoscu has no TLS")
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
