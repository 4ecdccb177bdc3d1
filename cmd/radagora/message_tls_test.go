package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"testing"
	"time"
)

// TestTellsOverTLS tells receivers over TLS, as the program is set up: one that wants our
// certificate and is known by its own, one that an authority vouches for, in enhanced
// mode; and tells nothing to one that shows another certificate.
func TestTellsOverTLS(t *testing.T) {
	slow(t)
	t.Parallel()
	a := newAuthority(t)
	pool := x509.NewCertPool()
	ca, err := os.ReadFile(a.folder + "/ca.pem")
	check(t, err)
	pool.AppendCertsFromPEM(ca)
	ownCert, ownKey, _ := a.issue("radagora")
	config := func(name string, want tls.ClientAuthType) (*tls.Config, string) {
		cert, key, digest := a.issue(name)
		pair, err := tls.LoadX509KeyPair(cert, key)
		check(t, err)
		return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientAuth: want, ClientCAs: pool}, digest
	}
	mutual, digest := config("pinned", tls.RequireAndVerifyClientCert)
	vouched, _ := config("vouched", tls.NoClientCert)
	other, _ := config("other", tls.NoClientCert)
	pinned, known, wrong := neighbouring(t, mutual), neighbouring(t, vouched), neighbouring(t, other)
	data := t.TempDir()
	tell := func(name string, k *neighbour, more ...string) {
		command(t, exitDone, append([]string{"message", "send-to", "--data", data, name, k.address, "--secure", "--tell", "changes"}, more...)...)
	}
	tell("PINNED", pinned, "--certificate", digest)
	tell("KNOWN", known, "--enhanced")
	tell("WRONG", wrong, "--certificate", digest)
	s := serve(t, data, "--mllp", "127.0.0.1:0", "--reach", "127.0.0.1", "--tls-cert", ownCert, "--tls-key", ownKey, "--tls-client-ca", a.folder+"/ca.pem")
	c, now := sender(t, s), time.Now()
	start := now.Add(time.Hour).Format("20060102150405")
	for _, n := range []string{"1", "2"} {
		if _, err := c.Send(t.Context(), hl7Message("ORM^O01", n, now, "PID|1||7"+n+"^^^HIS^PI||Muster^Änne", "ORC|NW|P"+n+"|F"+n+"||||^^^"+start,
			"OBR|1|P"+n+"|F"+n+"|CTHEAD^CT head^L||||||||||||||A"+n+"|RP"+n+"|||||CT|||^^^"+start)); err != nil {
			t.Fatal(err)
		}
	}
	for name, k := range map[string]*neighbour{"pinned": pinned, "vouched for": known} {
		s.until(t, name+" has both", func() bool { all, _ := k.once(t); return len(all) == 2 })
	}
	known.mu.Lock()
	for _, x := range known.got {
		if !strings.Contains(x.body, "|AL|NE|") {
			t.Error("enhanced mode is not asked for")
		}
	}
	known.mu.Unlock()
	if all, _ := wrong.once(t); len(all) > 0 {
		t.Errorf("who shows another certificate was told %d messages", len(all))
	}
}
