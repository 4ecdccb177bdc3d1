package trail_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access/trail"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
)

// certificate makes a server's certificate for localhost and who vouches for it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "syslog"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// A server is a syslog server that reads RFC 5425 frames.
type server struct {
	l    net.Listener
	mu   sync.Mutex
	got  []string
	hang int // hang up after so many messages, once
}

func serve(t *testing.T, l net.Listener) *server {
	t.Helper()
	s := &server{l: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.read(conn)
		}
	}()
	return s
}

func (s *server) read(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		length, err := in.ReadString(' ')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSpace(length))
		if err != nil {
			return
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(in, text); err != nil {
			return
		}
		s.mu.Lock()
		s.got = append(s.got, string(text))
		enough := s.hang > 0 && len(s.got) == s.hang
		if enough {
			s.hang = 0
		}
		s.mu.Unlock()
		if enough {
			return
		}
	}
}

func (s *server) messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.got...)
}

// about waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

func start(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func openJournal(t *testing.T, d *db.DB) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), d, journal.Options{
		MasterKey: [32]byte{1}, Poll: 20 * time.Millisecond, SealEvery: time.Millisecond, LeaseTTL: time.Second, Retry: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	start(t, j.Run)
	return j
}

func add(t *testing.T, d *db.DB, j *journal.Journal, entries ...journal.Entry) {
	t.Helper()
	if err := d.Write(t.Context(), func(tx *db.Tx) error { return j.Append(t.Context(), tx, entries...) }); err != nil {
		t.Fatal(err)
	}
}

func TestSenderOverTLS(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		j := openJournal(t, d)
		cert, pool := certificate(t)
		plain, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := serve(t, tls.NewListener(plain, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}))
		s.hang = 2
		deaf, err := net.Listen("tcp", "127.0.0.1:0") // nobody answers there
		if err != nil {
			t.Fatal(err)
		}
		deaf.Close()
		target, err := trail.ParseTarget("tls://" + plain.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		other, err := trail.ParseTarget("tcp://" + deaf.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		sender := &trail.Sender{
			DB: d, Journal: j, From: here, Targets: []trail.Target{target, other}, Now: time.Now, Timeout: 5 * time.Second,
			Dial: new(net.Dialer).DialContext,
			TLS: func(name string) *tls.Config {
				return &tls.Config{ServerName: name, RootCAs: pool, MinVersion: tls.VersionTLS12}
			},
		}
		add(t, d, j, journal.Entry{Site: "main", Actor: "acc-0", Kind: "access.session.begun", Subject: "before"})
		eventually(t, "not sealed", func() bool { h, err := j.Head(t.Context()); return err == nil && h.Seq == 1 })
		stop := start(t, sender.Run)
		eventually(t, "no cursors", func() bool { all, err := j.Consumers(t.Context()); return err == nil && len(all) == 2 })
		for i := range 6 {
			add(t, d, j, journal.Entry{Site: "main", At: at, Actor: "acc-1", Kind: "access.session.begun", Subject: fmt.Sprint("s-", i)})
			eventually(t, "not sent", func() bool { return strings.Contains(strings.Join(s.messages(), "\n"), fmt.Sprintf(`"s-%d"`, i)) })
		}
		stop()
		got := s.messages()
		const head = "<85>1 2026-03-01T08:30:00.250Z dose.hospital.example radagora - DICOM+RFC3881 - \xef\xbb\xbf<AuditMessage>"
		if !strings.HasPrefix(got[0], head) || strings.Contains(strings.Join(got, ""), "before") {
			t.Errorf("first message %.200q; want it to begin with %q, and nothing from before", got[0], head)
		}
		all, err := j.Consumers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			if failing := c.Failures > 0; failing != (c.Name == other.Consumer()) {
				t.Errorf("%s: %d failures, %s", c.Name, c.Failures, c.Error)
			}
		}
		sender.Targets = []trail.Target{target}
		stop = start(t, sender.Run)
		eventually(t, "the cursor of a server that is gone stays", func() bool { all, err := j.Consumers(t.Context()); return err == nil && len(all) == 1 })
		stop()
	})
}

func TestParseTarget(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       trail.Target
		kind       fault.Kind
	}{
		{"TLS", "tls://log.hospital.example", trail.Target{Address: "log.hospital.example:6514", TLS: true}, 0},
		{"TCP and a port", "tcp://10.0.0.1:1601", trail.Target{Address: "10.0.0.1:1601"}, 0},
		{"IPv6", "tls://[2001:db8::1]", trail.Target{Address: "[2001:db8::1]:6514", TLS: true}, 0},
		{"UDP loses messages", "udp://10.0.0.1", trail.Target{}, fault.Invalid},
		{"no scheme", "10.0.0.1:514", trail.Target{}, fault.Invalid},
		{"a user", "tls://a@b", trail.Target{}, fault.Invalid},
		{"a path", "tls://b/c", trail.Target{}, fault.Invalid},
		{"nothing", "", trail.Target{}, fault.Invalid},
	} {
		got, err := trail.ParseTarget(c.text)
		if got != c.want || (err != nil) != (c.kind != 0) || err != nil && fault.Of(err) != c.kind {
			t.Errorf("%s: %+v, %v; want %+v, %v", c.name, got, err, c.want, c.kind)
		}
	}
	one := trail.Target{Address: "[2001:db8:85a3:8d3:1319:8a2e:370:7348]:6514"}.Consumer()
	two := trail.Target{Address: "[2001:db8:85a3:8d3:1319:8a2e:370:7349]:6514"}.Consumer()
	if one == two || len(one) > 40 || !strings.HasPrefix(one, "audit-2001-db8") {
		t.Errorf("consumers %s and %s", one, two)
	}
}

func TestLooks(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		j := openJournal(t, d)
		entry := func(minute int, kind, actor, subject, data string) journal.Entry {
			return journal.Entry{Site: "main", At: at.Add(time.Duration(minute) * time.Minute), Actor: actor, Kind: kind, Subject: subject, Data: []byte(data), Person: "4711"}
		}
		other := entry(3, "archive.object.read", "acc-9", "9.9", `{}`)
		other.Person = "4712"
		add(t, d, j,
			entry(0, "archive.instance.stored", "ae:CT1", "1.2.3.1", `{"study":"1.2.3"}`),
			entry(0, "archive.instance.stored", "ae:CT1", "1.2.3.2", `{"study":"1.2.3"}`),
			entry(10, "archive.object.read", "acc-1", "1.2.3", `{"purpose":"TREAT","role":"radiologist","door":"page","count":4,"first":"2026-03-01T08:40:00Z","last":"2026-03-01T08:40:30Z"}`),
			entry(12, "archive.object.read", "acc-1", "1.2.3", `{"purpose":"TREAT","role":"radiologist","door":"page","count":1,"first":"2026-03-01T08:42:00Z","last":"2026-03-01T08:42:00Z"}`),
			entry(14, "archive.object.read", "acc-1", "1.2.3", `{"purpose":"HRESCH","role":"radiologist"}`),
			other,
			entry(100, "archive.object.read", "acc-1", "1.2.3", `{"purpose":"TREAT","role":"radiologist","door":"page"}`),
			entry(110, "access.glass.opened", "acc-2", "1.2.3", `{"purpose":"BTG"}`),
			entry(120, "archive.object.send", "acc-2", "1.2.3", `{"to":"PACS2"}`),
			entry(130, "archive.object.read", "acc-3", "1.2.3", `{"outcome":"refused"}`),
		)
		var looks []trail.Look
		eventually(t, "not sealed", func() bool {
			var err error
			looks, err = trail.Looks(t.Context(), j, journal.Filter{Site: "main", Person: "4711"})
			return err == nil && len(looks) == 7
		})
		var got []string
		for _, l := range looks {
			got = append(got, fmt.Sprint(l.First.Format("15:04:05-"), l.Last.Format("15:04:05 "), l.Actor, " ", l.Roles, " ", l.Did, " ", l.Study, " ", l.Purpose, " ", l.To, " ", l.Count, " ", l.Refused))
		}
		want := []string{
			"10:40:00-10:40:00 acc-3 [] saw 1.2.3   1 true",
			"10:30:00-10:30:00 acc-2 [] passed 1.2.3  PACS2 1 false",
			"10:20:00-10:20:00 acc-2 [] emergency 1.2.3 BTG  1 false",
			"10:10:00-10:10:00 acc-1 [radiologist] saw 1.2.3 TREAT  1 false",
			"08:44:00-08:44:00 acc-1 [radiologist] saw 1.2.3 HRESCH  1 false",
			"08:40:00-08:42:00 acc-1 [radiologist] saw 1.2.3 TREAT  5 false",
			"08:30:00-08:30:00 ae:CT1 [] stored 1.2.3   2 false",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if _, err := trail.Looks(t.Context(), j, journal.Filter{}); fault.Of(err) != fault.Invalid {
			t.Errorf("nobody in particular: %v; want Invalid", err)
		}
	})
}
