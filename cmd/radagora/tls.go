package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"radagora/fault"
)

// A certificate is a certificate with its key in two files, read again when one of
// them changes: whoever renews it need not stop the program.
type certificate struct {
	cert, key string // names of the files
	log       *slog.Logger
	now       func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	stamp   [2]time.Time // of the files when they were read
	looked  time.Time
}

// lookEvery is how often the files are looked at, at most.
const lookEvery = 10 * time.Second

// newCertificate reads a certificate. Invalid: it cannot be used.
func newCertificate(cert, key string, log *slog.Logger, now func() time.Time) (*certificate, error) {
	c := &certificate{cert: cert, key: key, log: log, now: now}
	if err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// read reads the files; mu is held, or nobody else has c yet.
func (c *certificate) read() error {
	stamp, err := c.stamps()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fault.Errorf(fault.Invalid, "certificate %s with key %s: %w", c.cert, c.key, err)
	}
	c.current, c.stamp = &pair, stamp
	return nil
}

// stamps returns when the files were changed last.
func (c *certificate) stamps() (stamp [2]time.Time, err error) {
	for i, name := range []string{c.cert, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return stamp, fault.Errorf(fault.Invalid, "certificate: %w", err)
		}
		stamp[i] = info.ModTime()
	}
	return stamp, nil
}

// get implements tls.Config.GetCertificate. If what is new cannot be used, the one
// before it serves on, and the log says so.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if age := now.Sub(c.looked); age >= 0 && age < lookEvery {
		return c.current, nil
	}
	c.looked = now
	stamp, err := c.stamps()
	if err == nil && stamp != c.stamp {
		if err = c.read(); err == nil {
			c.log.Info("certificate read again", "file", c.cert, "until", c.until())
		}
	}
	if err != nil {
		c.log.Error("certificate not read again: the one before it serves on", "file", c.cert, "error", err)
	}
	return c.current, nil
}

// until returns when the certificate expires; mu is held.
func (c *certificate) until() time.Time {
	leaf := c.current.Leaf
	if leaf == nil {
		return time.Time{}
	}
	return leaf.NotAfter
}

// Expires returns when the certificate in use expires.
func (c *certificate) Expires() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.until()
}

// suites are those of the DICOM BCP 195 TLS profile (PS3.15 B.9) below TLS 1.3: keys
// that are agreed anew each time, and authenticated encryption.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// config returns how the doors speak TLS; authorities may be nil, and then nobody is
// asked for a certificate.
func (c *certificate) config(authorities *x509.CertPool, demand bool) *tls.Config {
	t := &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites, GetCertificate: c.get}
	if authorities != nil {
		t.ClientCAs, t.ClientAuth = authorities, tls.VerifyClientCertIfGiven
		if demand {
			t.ClientAuth = tls.RequireAndVerifyClientCert
		}
	}
	return t
}

// authorities reads the certificates that vouch for those of peers.
func authorities(name string) (*x509.CertPool, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // nobody vouches
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "certificate authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fault.Errorf(fault.Invalid, "certificate authorities %s: there is no certificate in it (PEM)", name)
	}
	return pool, nil
}

// tlsDoors are the settings of TLS, read once.
type tlsDoors struct {
	own         *certificate // nil: there is none
	authorities *x509.CertPool
	expired     []string // titles of peers that are called although their certificate has expired
}

// tls reads what the settings name.
func (s settings) tls(ctx context.Context, sys *system) (tlsDoors, error) {
	var d tlsDoors
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return d, wrong("--tls-cert and --tls-key belong together: give both, or neither")
	}
	pool, err := authorities(s.TLSClientCA)
	if err != nil {
		return d, err
	}
	d.authorities, d.expired = pool, s.ExpiredPeer
	if s.TLSCert == "" {
		if s.DICOMTLS != "" {
			return d, wrong("--dicom-tls needs a certificate: give --tls-cert and --tls-key")
		}
		if s.MLLPTLS != "" {
			return d, wrong("--mllp-tls needs a certificate: give --tls-cert and --tls-key")
		}
		return d, nil
	}
	if d.own, err = newCertificate(s.TLSCert, s.TLSKey, sys.Log, sys.Now); err != nil {
		return d, err
	}
	if left := d.own.Expires().Sub(sys.Now()); left < 0 {
		sys.Log.WarnContext(ctx, "the certificate has expired", "file", s.TLSCert, "expired", fmt.Sprint(d.own.Expires().UTC()))
	}
	return d, nil
}
