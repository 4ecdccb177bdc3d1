package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/archive/exchange"
	"radagora/dicom/dimse"
	"radagora/dicom/uid"
	"radagora/site"
)

// peerAt returns a peer that is called at an address.
func peerAt(t *testing.T, title, address string) site.Peer {
	t.Helper()
	p, err := site.ParsePeer(title + "=" + address)
	check(t, err)
	return p
}

// TestLineTLS sends to a peer, asks it, fetches and migrates from it over TLS: with the
// certificate that is known of it, with one that an authority vouches for, and not at
// all with another.
func TestLineTLS(t *testing.T) {
	slow(t)
	t.Parallel()
	if _, err := os.Stat(ctSample); err != nil {
		t.Skip("no image to fetch: python3-pydicom is not installed")
	}
	a := newAuthority(t)
	cert, key, digest := a.issue("far")
	_, _, other := a.issue("other")
	far := serve(t, t.TempDir(), "--ae", "FAR", "--dicom-tls", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	sys := &system{Out: io.Discard, Err: io.Discard, Now: time.Now, Log: logging{Format: "text"}.logger(io.Discard)}
	check(t, sendCmd{To: "FAR=" + far.dicom, AE: "SENDER", Paths: []string{twin(t, ctSample, "1.2.3", "1.2.3.1", "1.2.3.1.1", "20261121"), twin(t, ctSample, "1.2.3", "1.2.3.1", "1.2.3.1.2", "20261121")}}.Run(t.Context(), sys))

	// Its title is FAR for all; so the certificate changes, not the name.
	for _, tt := range []struct {
		name, ca, pin, word string
	}{
		{"the certificate that is known", "", digest, triedAnswered},
		{"one that an authority vouches for", a.folder + "/ca.pem", "", triedAnswered},
		{"another than the one that is known", a.folder + "/ca.pem", other, triedPinned},
		{"nobody vouches", "", "", triedUntrusted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := settings{Data: t.TempDir(), HTTP: "127.0.0.1:8080", AE: "RADAGORA", TLSClientCA: tt.ca}
			h, err := s.open(t.Context(), sys)
			check(t, err)
			defer func() { check(t, h.Close()) }()
			ctx := asLocal(t, h)
			p := peerAt(t, "FAR", far.dicomTLS)
			p.TLS, p.Certificate = true, tt.pin
			check(t, h.Sites.SetPeer(ctx, access.Local, p))
			l, good := line{h, s}, tt.word == triedAnswered

			tried, err := l.try(ctx, at, "FAR")
			check(t, err)
			if tried.Word != tt.word {
				t.Errorf("tried: %q; want %q", tried.Word, tt.word)
			}
			_, err = l.Search(ctx, at, "FAR", exchange.Search{From: "20261121", Until: "20261121"})
			if (err == nil) != good {
				t.Errorf("asked: %v", err)
			}
			_, err = l.Fetch(ctx, at, "FAR", exchange.Wanted{Study: uid.Must("1.2.3"), Whole: true}, exchange.ByGet, func(int) error { return nil })
			if (err == nil) != good {
				t.Errorf("fetched: %v", err)
			}
			taken := 0
			list, err := h.Archive.Instances(ctx, at, uid.Must("1.2.3"), uid.Must("1.2.3.1"), nil, 10)
			check(t, err)
			if !good { // nothing came: what is sent is never looked at
				list = []archive.Instance{{SOPClass: uid.CTImageStorage, TransferSyntax: uid.ExplicitVRLittleEndian}}
			}
			err = l.Send(ctx, at, "FAR", list, func(_ archive.Instance, err error) error {
				if err == nil {
					taken++
				}
				return err
			})
			if (err == nil) != good || good && taken != 2 {
				t.Errorf("sent: %d of 2, %v", taken, err)
			}
			l.migrates(ctx, t, good)
		})
	}
}

// migrates migrates from FAR, and reports an error unless it comes through as it should.
func (l line) migrates(ctx context.Context, t *testing.T, good bool) {
	t.Helper()
	id, err := l.Exchange.Migrate(ctx, access.Local, exchange.Migration{Site: at, Peer: "FAR", First: "20261121", Last: "20261121", AtOnce: 1, AnHour: 10})
	check(t, err)
	check(t, l.meanwhile(ctx, func(ctx context.Context) error {
		eventually(t, "the migration", func() bool {
			m, err := l.Exchange.Migration(ctx, at, id)
			check(t, err)
			if good && m.Reason != "" || !good && m.State == exchange.Done {
				t.Fatalf("the migration is %s: %s %s", m.State, m.Reason, m.Detail)
			}
			return good && m.State == exchange.Done || !good && m.Reason == exchange.ReasonUnreachable
		})
		return nil
	}))
}

// standIn listens as a peer that does what serve says, and returns its address.
func standIn(t *testing.T, host string, serve func(ctx context.Context, l net.Listener) error) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	check(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		_ = l.Close()
		if err := <-ended; err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// answering accepts connections, waits for the first bytes of each, and answers.
func answering(answer []byte) func(context.Context, net.Listener) error {
	return func(_ context.Context, l net.Listener) error {
		for {
			conn, err := l.Accept()
			if err != nil {
				return err
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = conn.Write(answer)
			_ = conn.Close()
		}
	}
}

// withoutEcho is an A-ASSOCIATE-AC that takes no context (PS3.8 9.3.3).
func withoutEcho() []byte {
	item := func(kind byte, data ...byte) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{kind, 0}, uint16(len(data))), data...)
	}
	body := append([]byte{0, 1, 0, 0}, strings.Repeat(" ", 32)+strings.Repeat("\x00", 32)...)
	body = append(body, item(0x10, []byte("1.2.840.10008.3.1.1.1")...)...)
	body = append(body, item(0x21, append([]byte{1, 0, 3, 0}, item(0x40, []byte("1.2.840.10008.1.2")...)...)...)...)
	body = append(body, item(0x50, item(0x51, 0, 0, 0x40, 0)...)...)
	return append(binary.BigEndian.AppendUint32([]byte{2, 0}, uint32(len(body))), body...)
}

// TestTryPeer says in one word what is wrong with a line, and what the peer takes.
func TestTryPeer(t *testing.T) {
	slow(t)
	t.Parallel()
	a := newAuthority(t)
	pair := func(name string, end time.Time) tls.Certificate {
		cert, key, _ := a.until(name, end)
		c, err := tls.LoadX509KeyPair(cert, key)
		check(t, err)
		return c
	}
	fine, old := pair("fine", time.Now().Add(time.Hour)), pair("old", time.Now().Add(-time.Minute))
	sum := sha256.Sum256(old.Certificate[0])
	oldDigest := hex.EncodeToString(sum[:])
	program := func(s *dimse.Server) func(context.Context, net.Listener) error {
		s.AETitle, s.Now, s.Limits = "THERE", time.Now, dimse.Limits{Grace: time.Millisecond}
		return s.Serve
	}
	rejects := func(no error) func(context.Context, net.Listener) error {
		return program(&dimse.Server{Accept: func(context.Context, *dimse.Peer) error { return no }})
	}
	secure := func(c *tls.Config) func(context.Context, net.Listener) error {
		c.MinVersion = tls.VersionTLS12
		return program(&dimse.Server{TLS: c})
	}
	takes := func(c *tls.Config) func(context.Context, net.Listener) error {
		c.MinVersion = tls.VersionTLS12
		return program(&dimse.Server{TLS: c, Store: &recipient{got: map[uid.UID]uid.UID{}}})
	}
	good := program(&dimse.Server{Store: &recipient{got: map[uid.UID]uid.UID{}}})
	for _, tt := range []struct {
		name, word string
		peer       site.Peer // its port, and its host unless it has one, are what serve listens at
		serve      func(context.Context, net.Listener) error
	}{
		{"a peer that stores", triedAnswered, site.Peer{}, good},
		{"blocked here", triedBlocked, site.Peer{State: site.Blocked}, good},
		{"only calls us", triedNoPort, site.Peer{Addresses: []string{"10.0.0.1"}}, nil},
		{"a name that nobody has", triedUnnamed, site.Peer{Host: "nobody.invalid", Port: 104}, nil},
		{"nobody listens", triedClosed, site.Peer{Host: "127.0.0.1", Port: 1}, nil},
		{"a web server", triedSilent, site.Peer{}, answering([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))},
		{"hangs up", triedSilent, site.Peer{}, answering(nil)},
		{"does not know us", triedCalling, site.Peer{}, rejects(dimse.ErrCalling)},
		{"is called otherwise", triedCalled, site.Peer{}, rejects(dimse.ErrCalled)},
		{"is full", triedBusy, site.Peer{}, rejects(dimse.ErrLocalLimit)},
		{"rejects without a reason", triedRejected, site.Peer{}, rejects(dimse.ErrNoReason)},
		{"takes no Verification", triedNoEcho, site.Peer{}, answering(withoutEcho())},
		{"speaks no TLS", triedPlain, site.Peer{TLS: true}, answering([]byte("\x03\x00\x00\x00\x00\x04\x00\x01\x01\x01"))},
		{"speaks TLS alone", triedTLS, site.Peer{}, secure(&tls.Config{Certificates: []tls.Certificate{fine}})},
		{"has expired", triedExpired, site.Peer{TLS: true}, secure(&tls.Config{Certificates: []tls.Certificate{old}})},
		{"another host's", triedName, site.Peer{TLS: true, Host: "127.0.0.2"}, secure(&tls.Config{Certificates: []tls.Certificate{fine}})},
		{"wants a certificate", triedTLSWanted, site.Peer{TLS: true}, secure(&tls.Config{Certificates: []tls.Certificate{fine}, ClientAuth: tls.RequireAnyClientCert})},
		{"known, and expired", triedExpired, site.Peer{TLS: true, Certificate: oldDigest}, secure(&tls.Config{Certificates: []tls.Certificate{old}})},
		{"known, and expired, and somebody decided so", triedAnswered, site.Peer{TLS: true, Certificate: oldDigest, Note: "spared"}, takes(&tls.Config{Certificates: []tls.Certificate{old}})},
		{"pinned to another", triedPinned, site.Peer{TLS: true, Certificate: strings.Repeat("ab", 32)}, secure(&tls.Config{Certificates: []tls.Certificate{fine}})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sys := &system{Out: io.Discard, Err: io.Discard, Now: time.Now, Log: logging{Format: "text"}.logger(io.Discard)}
			s := settings{Data: t.TempDir(), HTTP: "127.0.0.1:8080", AE: "RADAGORA", TLSClientCA: a.folder + "/ca.pem"}
			if tt.peer.Note != "" {
				s.ExpiredPeer = []string{"THERE"}
			}
			h, err := s.open(t.Context(), sys)
			check(t, err)
			defer func() { check(t, h.Close()) }()
			p := tt.peer
			if tt.serve != nil {
				here := peerAt(t, "THERE", standIn(t, cmp.Or(p.Host, "127.0.0.1"), tt.serve))
				p.Host, p.Port = here.Host, here.Port
			}
			p.AETitle = "THERE"
			check(t, h.Sites.SetPeer(t.Context(), access.Local, p))
			got, err := line{h, s}.try(t.Context(), at, "THERE")
			check(t, err)
			if got.Word != tt.word {
				t.Errorf("tried: %q; want %q", got.Word, tt.word)
			}
			if ct := slices.Contains(got.Takes, "ct"); ct != (tt.word == triedAnswered) || slices.Contains(got.Takes, "find") {
				t.Errorf("it takes %v", got.Takes)
			}
		})
	}
}
