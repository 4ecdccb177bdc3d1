package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"radagora/dicom/dimse"
	"radagora/fault"
	"radagora/site"
)

// line returns how a peer of a site is called by its title, as from: the one way in which
// this program calls peers. NotFound: nobody is known by that title, or it cannot be
// called; Forbidden: it is blocked; Invalid: its certificate cannot be asked for.
func (h *house) line(ctx context.Context, siteID, title, from string) (address string, c dimse.Config, err error) {
	p, err := h.Sites.Peer(ctx, siteID, title)
	switch {
	case err != nil:
		return "", c, err
	case p.State == site.Blocked:
		return "", c, fault.Errorf(fault.Forbidden, "peer %s is blocked", title)
	case p.Host == "" || p.Port == 0:
		return "", c, fault.Errorf(fault.NotFound, "peer %s has no host and port to be called at: Settings, Peers", title)
	}
	c = dimse.Config{Calling: from, Called: p.AETitle, Now: h.Now, Log: h.Log}
	if p.TLS {
		c.TLS, err = h.lineTLS(p)
	}
	return p.Address(), c, err
}

// lineTLS returns how a peer is called over TLS: with our certificate, if we have one,
// and with proof of who it is: the certificate that is known of it, or one that the
// authorities vouch for.
func (h *house) lineTLS(p site.Peer) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites, RootCAs: h.secure.authorities}
	if own := h.secure.own; own != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own.get(nil) }
	}
	if p.Certificate == "" {
		return c, nil
	}
	pin, err := hex.DecodeString(p.Certificate)
	if err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	c.InsecureSkipVerify = true // the certificate itself is known: no name and no authority says more
	c.VerifyConnection = func(s tls.ConnectionState) error {
		now := h.Now()
		if slices.Contains(h.secure.expired, p.AETitle) {
			now = time.Time{}
		}
		return pinned(s.PeerCertificates, pin, now)
	}
	return c, nil
}

// pinned returns nil if the first of some certificates is the one whose SHA-256 is pin, and
// now is within its time: that it is known does not make it good for ever. With a zero now
// its time does not matter.
func pinned(chain []*x509.Certificate, pin []byte, now time.Time) error {
	if len(chain) == 0 {
		return errOtherCertificate
	}
	known := chain[0]
	if sum := sha256.Sum256(known.Raw); !bytes.Equal(sum[:], pin) {
		return errOtherCertificate
	}
	if !now.IsZero() && (now.After(known.NotAfter) || now.Before(known.NotBefore)) {
		return x509.CertificateInvalidError{Cert: known, Reason: x509.Expired, Detail: "the certificate that is known of the peer"}
	}
	return nil
}

// errOtherCertificate is that a peer is not who it is known to be.
var errOtherCertificate = errors.New("the peer shows another certificate than the one that is known of it")
