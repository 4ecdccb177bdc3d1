package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/site"
)

// certified is a TLS door as serve opens it, with an address beside the others that
// says who asked and what they may.
type certified struct {
	*testing.T
	url   string
	roots *x509.CertPool
}

// newCertified opens it.
func newCertified(t *testing.T, h *house, a *authority) *certified {
	t.Helper()
	cert, key, _ := a.issue("server")
	s := settings{TLSCert: cert, TLSKey: key, TLSClientCA: filepath.Join(a.folder, "ca.pem"), AE: "RADAGORA", Data: t.TempDir()}
	d, err := s.tls(t.Context(), &system{Log: h.Log, Now: h.Now})
	check(t, err)
	associations, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	rest, _, err := h.handler(t.Context(), s, &watch{}, newMetrics(h), associations)
	check(t, err)
	mux := http.NewServeMux()
	mux.Handle("/", rest)
	mux.Handle("GET /probe", h.Accounts.Sessions()(h.identify(s, http.HandlerFunc(probe))))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, TLSConfig: d.own.config(d.authorities, false), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(tls.NewListener(listener, server.TLSConfig)) }()
	t.Cleanup(func() {
		check(t, errors.Join(server.Close(), associations.Close()))
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	roots, err := authorities(s.TLSClientCA) // the server's has the same
	check(t, err)
	return &certified{T: t, url: "https://" + listener.Addr().String(), roots: roots}
}

// probe writes who asks and which acts they may do.
func probe(w http.ResponseWriter, r *http.Request) {
	who := access.From(r.Context())
	answer := []string{who.ID}
	for _, act := range []access.Act{access.ObjectStore, access.StudyFind, access.ObjectRead, access.PageRead, access.PeerChange, access.PersonExport} {
		if access.Check(r.Context(), act, access.Subject{Site: site.Default}) == nil {
			answer = append(answer, string(act))
		}
	}
	_, _ = io.WriteString(w, strings.Join(answer, " "))
}

// ask sends a request with a certificate, "" for none, and returns status and text.
func (c *certified) ask(path, cert, key string) (int, string, error) {
	c.Helper()
	config := &tls.Config{RootCAs: c.roots, MinVersion: tls.VersionTLS12}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		check(c.T, err)
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil } // whoever is asked for
	}
	client := http.Client{
		Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	r, err := client.Get(c.url + path)
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return r.StatusCode, string(b), err
}

// TestCertifiedMachines asks at the HTTP door with certificates: of a peer, of one
// that may only send, of one that is blocked, one that was replaced, one that nobody
// knows, one that is over, and one of an authority that nobody trusts.
func TestCertifiedMachines(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	type pair struct{ cert, key string }
	pairs, digests := map[string]pair{}, map[string]string{}
	for _, name := range []string{"full", "limited", "blocked", "before", "after", "stranger"} {
		cert, key, digest := a.issue(name)
		pairs[name], digests[name] = pair{cert, key}, digest
	}
	over, overKey, overDigest := a.until("over", time.Now().Add(-time.Minute))
	forged, forgedKey, forgedDigest := other.issue("forged")
	pairs["over"], pairs["forged"], pairs["none"] = pair{over, overKey}, pair{forged, forgedKey}, pair{}
	inside(t, t.TempDir(), func(ctx context.Context, h *house) {
		for _, p := range []site.Peer{
			{AETitle: "FULL", Certificate: digests["full"], State: site.Accepted},
			{AETitle: "LIMITED", Certificate: digests["limited"], State: site.Limited},
			{AETitle: "BLOCKED", Certificate: digests["blocked"], State: site.Blocked},
			{AETitle: "CHANGED", Certificate: digests["after"], State: site.Accepted},
			{AETitle: "OVER", Certificate: overDigest, State: site.Accepted},
			{AETitle: "FORGED", Certificate: forgedDigest, State: site.Accepted},
			{AETitle: "ANY", State: site.Accepted}, // no certificate of its own: any will do over DICOM, none here
		} {
			p.Addresses = []string{"127.0.0.1"}
			check(t, h.Sites.SetPeer(ctx, "local", p))
		}
		bring(ctx, t, h, reportMaker{id: "SEEN", day: "20260302"}, "seen")
		door := newCertified(t, h, a)
		sends := " archive.object.store"
		for _, c := range []struct {
			name, who string
			want      string // what the probe says
			page      int    // of what asks for a person
			list      int    // of a search for studies
			refused   bool   // the handshake fails
		}{
			{"a peer stores, asks and fetches", "full", "ae:FULL" + sends + " archive.study.find archive.object.read", http.StatusForbidden, http.StatusOK, false},
			{"one that may only send", "limited", "ae:LIMITED" + sends, http.StatusForbidden, http.StatusForbidden, false},
			{"one that is blocked is nobody", "blocked", "", http.StatusSeeOther, http.StatusUnauthorized, false},
			{"the certificate it had before is nobody's", "before", "", http.StatusSeeOther, http.StatusUnauthorized, false},
			{"the one it has now", "after", "ae:CHANGED" + sends + " archive.study.find archive.object.read", http.StatusForbidden, http.StatusOK, false},
			{"trusted, and of nobody we know", "stranger", "", http.StatusSeeOther, http.StatusUnauthorized, false},
			{"none at all", "none", "", http.StatusSeeOther, http.StatusUnauthorized, false},
			{"one that is over", "over", "", 0, 0, true},
			{"one of an authority that we do not trust", "forged", "", 0, 0, true},
		} {
			t.Run(c.name, func(t *testing.T) {
				with := pairs[c.who]
				status, said, err := door.ask("/probe", with.cert, with.key)
				if (err != nil) != c.refused {
					t.Fatalf("refused: %v; want %v", err, c.refused)
				}
				if c.refused {
					return
				}
				if status != http.StatusOK || said != c.want {
					t.Errorf("the probe: %d %q; want %q", status, said, c.want)
				}
				if status, _, err := door.ask("/settings/peers", with.cert, with.key); err != nil || status != c.page {
					t.Errorf("a page: %d, %v; want %d", status, err, c.page)
				}
				if status, said, err := door.ask("/dicom-web/studies", with.cert, with.key); err != nil || status != c.list || (status == http.StatusOK) != strings.Contains(said, "SEEN") {
					t.Errorf("a search: %d, %v; want %d and the patient only then: %s", status, err, c.list, said)
				}
			})
		}
		t.Run("blocked from the next request on", func(t *testing.T) {
			check(t, h.Sites.SetPeer(ctx, "local", site.Peer{AETitle: "FULL", Certificate: digests["full"], Addresses: []string{"127.0.0.1"}, State: site.Blocked}))
			with := pairs["full"]
			if _, said, err := door.ask("/probe", with.cert, with.key); err != nil || said != "" {
				t.Errorf("the probe: %q, %v; want nobody", said, err)
			}
		})
	})
}
