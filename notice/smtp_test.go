package notice_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// authority is a certificate authority of the test, and a certificate for loopback.
func authority(t *testing.T) (*x509.CertPool, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "mail"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	pool := x509.NewCertPool()
	raw, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parent, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parent)
	raw, err = x509.CreateCertificate(rand.Reader, leaf, parent, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pool, tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

// A received mail, and how it came.
type received struct {
	from, to, data  string
	secure          bool
	user, password  string
	header          mail.Header
	subject, letter string
}

// A mailbox is a mail server that keeps what it gets (RFC 5321).
type mailbox struct {
	t        *testing.T
	listener net.Listener
	tls      *tls.Config
	implicit bool // TLS from the first byte
	offer    bool // STARTTLS
	refuse   string

	mu    sync.Mutex
	mails []received
	seen  []string // commands, without what AUTH carried
}

func (b *mailbox) start(t *testing.T) *mailbox {
	t.Helper()
	b.t = t
	var err error
	if b.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := b.listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { b.serve(conn) })
		}
	})
	t.Cleanup(func() { b.listener.Close(); wg.Wait() })
	return b
}

func (b *mailbox) port() int {
	_, port, _ := net.SplitHostPort(b.listener.Addr().String())
	n, _ := strconv.Atoi(port)
	return n
}

func (b *mailbox) got() []received {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]received(nil), b.mails...)
}

func (b *mailbox) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	r := received{}
	if b.implicit {
		conn, r.secure = tls.Server(conn, b.tls), true
	}
	in := bufio.NewReader(conn)
	say := func(format string, args ...any) { fmt.Fprintf(conn, format+"\r\n", args...) }
	say("220 test ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, rest, _ := strings.Cut(line, " ")
		b.mu.Lock()
		b.seen = append(b.seen, strings.ToUpper(verb))
		b.mu.Unlock()
		switch strings.ToUpper(verb) {
		case "EHLO":
			say("250-test")
			if b.offer && !r.secure {
				say("250-STARTTLS")
			}
			say("250 AUTH PLAIN LOGIN")
		case "STARTTLS":
			say("220 go on")
			secure := tls.Server(conn, b.tls)
			conn, in, r.secure = secure, bufio.NewReader(secure), true
		case "AUTH":
			_, coded, _ := strings.Cut(rest, " ")
			plain, _ := base64.StdEncoding.DecodeString(coded)
			part := strings.Split(string(plain), "\x00")
			if len(part) == 3 {
				r.user, r.password = part[1], part[2]
			}
			say("235 welcome")
		case "MAIL":
			r.from = rest
			say("250 ok")
		case "RCPT":
			if b.refuse != "" {
				say("%s", b.refuse)
				continue
			}
			r.to = rest
			say("250 ok")
		case "DATA":
			say("354 go on")
			r.data = ""
			for {
				l, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				r.data += strings.TrimPrefix(l, ".")
			}
			b.keep(r)
			say("250 kept")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// keep reads a mail as a mail program would.
func (b *mailbox) keep(r received) {
	m, err := mail.ReadMessage(strings.NewReader(r.data))
	if err != nil {
		b.t.Errorf("not a mail: %v", err)
		return
	}
	r.header = m.Header
	r.subject, _ = new(mimeWords).decode(m.Header.Get("Subject"))
	var text strings.Builder
	_, _ = bufio.NewReader(quotedprintable.NewReader(m.Body)).WriteTo(&text)
	r.letter = text.String()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mails = append(b.mails, r)
}
