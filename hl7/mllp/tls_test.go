package mllp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"radagora/fault"
	"radagora/hl7/mllp"
)

// certificate makes one that vouches for itself.
func certificate(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
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

func TestTLS(t *testing.T) {
	own, vouches := certificate(t, "server")
	client, knows := certificate(t, "client")
	stranger, _ := certificate(t, "stranger")
	seen := make(chan string, 10)
	s := &mllp.Server{
		TLS: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: knows},
		Accept: func(_ context.Context, p mllp.Peer) error {
			seen <- p.Certificate.Subject.CommonName
			return nil
		},
	}
	addr, _ := serve(t, s, &kept{})
	for _, c := range []struct {
		name string
		with []tls.Certificate
		fine bool
	}{
		{"nobody", nil, false},
		{"a stranger", []tls.Certificate{stranger}, false},
		{"a client", []tls.Certificate{client}, true},
	} {
		line := &mllp.Client{
			Address: addr, Retry: mllp.Retry{Attempts: 1},
			TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: vouches, Certificates: c.with},
		}
		_, err := line.Send(t.Context(), []byte(message("1")))
		if (err == nil) != c.fine || err != nil && fault.Of(err) != fault.Unavailable {
			t.Errorf("%s: %v", c.name, err)
		}
		_ = line.Close()
	}
	if name := <-seen; name != "client" || len(seen) > 0 {
		t.Errorf("let in %s and %d more; want client alone", name, len(seen))
	}
	plain := &mllp.Client{Address: addr, Retry: mllp.Retry{Attempts: 1}}
	defer plain.Close()
	if _, err := plain.Send(t.Context(), []byte(message("1"))); fault.Of(err) != fault.Unavailable {
		t.Errorf("without TLS: %v; want unavailable", err)
	}
}
