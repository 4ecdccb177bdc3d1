package connect_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/connect"
	"radagora/db/dbtest"
	"radagora/hl7"
	"radagora/worklist"
)

// secured opens a receiver over TLS, and returns the SHA-256 of its certificate.
func secured(t *testing.T, answer func(n int, message []byte) []byte) (*listener, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ris"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	sum := sha256.Sum256(der)
	return hear(t, tls.NewListener(tcp, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own}}), answer), hex.EncodeToString(sum[:])
}

// knownBy calls over TLS whoever shows the certificate of that digest.
func knownBy(certificate string) (*tls.Config, error) {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, // the certificate itself is known
		VerifyConnection: func(s tls.ConnectionState) error {
			sum := sha256.Sum256(s.PeerCertificates[0].Raw)
			if want, err := hex.DecodeString(certificate); err != nil || !bytes.Equal(sum[:], want) {
				return errors.New("another certificate")
			}
			return nil
		},
	}, nil
}

// orders writes that many orders.
func (k *desk) orders(n int) {
	k.t.Helper()
	for i := range n {
		k.typed(func(o *worklist.Order) { o.Accession, o.Study = fmt.Sprint("A", i), fmt.Sprint("1.2.3.", i) })
	}
}

// TestReceiverOverTLS tells a receiver over TLS, in order; nobody is told who shows
// another certificate, or speaks no TLS, and what waits goes out once that is put right.
func TestReceiverOverTLS(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	k.Line.TLS = knownBy
	l, digest := secured(t, nil)
	plain := listen(t, nil)
	wrong := strings.Repeat("00", 32)
	var ids []string
	for _, c := range []connect.Receiver{
		{Address: l.Addr().String(), Certificate: digest, ToApplication: "GOOD"},
		{Address: l.Addr().String(), Certificate: wrong, ToApplication: "OTHER"},
		{Address: plain.Addr().String(), Certificate: digest, ToApplication: "PLAIN"},
	} {
		c.Site, c.TLS, c.State, c.Kinds = at, true, connect.Enabled, []connect.OutKind{connect.OutChanges}
		id, err := k.SetReceiver(k.ctx, c)
		k.check(err)
		ids = append(ids, id)
	}
	k.orders(5)
	k.waits("the receiver has five", func() bool { return len(l.controls()) == 5 })
	k.waits("the others are called in vain", func() bool {
		all, err := k.Receivers(k.ctx, at)
		k.check(err)
		failing := 0
		for _, r := range all {
			if r.Failures > 0 && r.Trouble != "" {
				failing++
			}
		}
		return failing == 2
	})
	if got := plain.messages(); len(got) > 0 {
		t.Errorf("%d messages went out without TLS", len(got))
	}
	if got := l.controls(); len(got) != 5 || !slices.Equal(got, slices.Compact(slices.Clone(got))) {
		t.Errorf("%v came; want five, each once", got)
	}
	list, err := k.Receivers(k.ctx, at)
	k.check(err)
	other := list[slices.IndexFunc(list, func(r connect.Receiver) bool { return r.ID == ids[1] })]
	other.Certificate = digest
	_, err = k.SetReceiver(k.ctx, other)
	k.check(err)
	k.waits("what waited goes out", func() bool { return len(l.controls()) == 10 })
}

// TestEnhancedMode has receivers answer an accept acknowledgement in all the ways they
// have: alone, followed by that of the application, that one alone, or refusing.
func TestEnhancedMode(t *testing.T) {
	application := func(verdict string, m []byte) []byte {
		h, err := hl7.Peek(m)
		if err != nil {
			t.Error(err)
		}
		return fmt.Appendf(nil, "MSH|^~\\&|RIS|H|RADAGORA|H|20261122110000||ACK|X%s|P|2.5.1\rMSA|%s|%[1]s\r", h.Header().ControlID, verdict)
	}
	then := func(first, second []byte) []byte { return slices.Concat(first, []byte("\x1c\r\x0b"), second) }
	for _, c := range []struct {
		name   string
		answer func(n int, m []byte) []byte
		want   []string
	}{
		{"commit only", nil, []string{"sent CA", "sent CA", "sent CA"}},
		{
			"commit, then the application", func(_ int, m []byte) []byte { return then(accepted(m, nil), application("AA", m)) },
			[]string{"sent CA", "sent CA", "sent CA"},
		},
		{
			"commit, then the application does not want it: it has it, and was asked for no more",
			func(_ int, m []byte) []byte { return then(accepted(m, nil), application("AE", m)) },
			[]string{"sent CA", "sent CA", "sent CA"},
		},
		{"the application alone", func(_ int, m []byte) []byte { return application("AA", m) }, []string{"sent AA", "sent AA", "sent AA"}},
		{
			"the second is refused", func(n int, m []byte) []byte {
				if n == 2 {
					return accepted(m, errors.New("no"))
				}
				return accepted(m, nil)
			},
			[]string{"sent CA", "refused CE 207", "sent CA"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
			k.Line.TLS = knownBy
			l, digest := secured(t, c.answer)
			k.receives(l, func(r *connect.Receiver) {
				r.Enhanced, r.TLS, r.Certificate, r.Kinds = true, true, digest, []connect.OutKind{connect.OutChanges}
			})
			k.orders(3)
			var got []string
			k.waits("all are answered", func() bool {
				list, err := k.OutMessages(k.ctx, at, connect.OutFilter{})
				k.check(err)
				got = nil
				for _, m := range slices.Backward(list) {
					got = append(got, strings.TrimSpace(string(m.State)+" "+m.Reason))
				}
				return len(got) == 3 && !slices.ContainsFunc(list, func(m connect.Outgoing) bool { return m.State == connect.Queued })
			})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := l.controls(); len(got) != 3 {
				t.Errorf("%d messages came; want each once", len(got))
			}
			for _, m := range l.messages() {
				if f := strings.Split(strings.SplitN(m, "\r", 2)[0], "|"); len(f) < 16 || f[14] != "AL" || f[15] != "NE" {
					t.Errorf("MSH-15 and MSH-16 do not ask for an accept acknowledgement alone")
				}
			}
		})
	}
}
