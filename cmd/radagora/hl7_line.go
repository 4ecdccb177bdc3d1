package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"radagora/fault"
	"radagora/hl7"
	"radagora/hl7/mllp"
)

type hl7SendCmd struct {
	To       string        `required:"" placeholder:"HOST:PORT" help:"Where to send."`
	TLS      bool          `name:"tls" help:"Call over TLS."`
	CA       string        `name:"tls-ca" placeholder:"FILE" help:"Certificates (PEM) that vouch for the peer; without it, those of this machine."`
	Cert     string        `name:"tls-cert" placeholder:"FILE" help:"Our certificate (PEM), if the peer asks for one."`
	Key      string        `name:"tls-key" placeholder:"FILE" help:"Its private key (PEM)."`
	Attempts int           `default:"3" help:"How often a message is sent in all, until somebody answers."`
	Timeout  time.Duration `default:"30s" help:"How long an answer may take."`
	Files    []string      `arg:"" name:"file" help:"File with messages, or a batch; - is standard input."`
}

func (hl7SendCmd) Help() string {
	return `Sends the messages of files one after the other over one connection (MLLP), waits for the answer to each, and
prints verdict and control id. A message is sent again when the line breaks or the peer says that it should be
tried later; none overtakes another. Exits with 1 at the first that is not taken.

Example:

    radagora hl7 send --to 10.0.0.5:2575 order.hl7`
}

// Run sends all.
func (c hl7SendCmd) Run(ctx context.Context, sys *system) error {
	secure, err := dicomLine{TLS: c.TLS, CA: c.CA, Cert: c.Cert, Key: c.Key}.secure()
	if err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(c.To); err != nil {
		return wrong("--to: want HOST:PORT: %w", err)
	}
	line := &mllp.Client{
		Address: c.To, TLS: secure, Now: sys.Now, Limits: mllp.Limits{Idle: c.Timeout}, Connect: c.Timeout,
		Retry: mllp.Retry{Attempts: max(1, c.Attempts)},
	}
	defer func() { _ = line.Close() }() // what was answered is done
	return messagesOf(sys, c.Files, func(_ string, b []byte) error {
		a, err := line.Send(ctx, b)
		if a.Message != nil {
			fmt.Fprintf(sys.Out, "%s %s %s\n", a.Ack.Verdict, plainLine(a.Ack.ControlID), plainLine(a.Ack.Text))
		} else if err == nil {
			fmt.Fprintln(sys.Out, "sent; no answer was asked for")
		}
		return err
	})
}

type hl7ListenCmd struct {
	On     string `name:"mllp" default:"127.0.0.1:2575" placeholder:"ADDR" help:"Address to listen on."`
	CA     string `name:"tls-ca" placeholder:"FILE" help:"Certificates (PEM) that vouch for peers, which then must show one."`
	Cert   string `name:"tls-cert" placeholder:"FILE" help:"Our certificate (PEM): speak TLS."`
	Key    string `name:"tls-key" placeholder:"FILE" help:"Its private key (PEM)."`
	Folder string `name:"out" placeholder:"FOLDER" help:"Write each message into a file here before it is acknowledged."`
	Count  int    `help:"Stop after so many messages; 0 goes on."`
}

func (*hl7ListenCmd) Help() string {
	return `Takes messages over MLLP, acknowledges each that can be read, and prints its type and control id. It is for
trying a line: nothing is applied, and nothing is kept but for what --out names. It prints no patient data.

Example:

    radagora hl7 listen --mllp 127.0.0.1:2575`
}

// Run listens until the program is stopped, or --count messages came.
func (c *hl7ListenCmd) Run(ctx context.Context, sys *system) error {
	secure, err := c.secure()
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.On)
	if err != nil {
		return fault.As(fault.Unavailable, err)
	}
	fmt.Fprintf(sys.Out, "listening on %s\n", l.Addr())
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	id := func() string { return rand.Text()[:20] }
	t := &taker{out: sys, folder: c.Folder, left: c.Count, stop: stop}
	s := &mllp.Server{
		Receiver: mllp.Keeper{Keep: t.keep, Now: sys.Now, ControlID: id}, Now: sys.Now, ControlID: id, Log: sys.Log, TLS: secure,
		Observe: t.observe,
	}
	return s.Serve(ctx, l)
}

// secure returns how to speak TLS, nil for without.
func (c *hl7ListenCmd) secure() (*tls.Config, error) {
	if c.Cert == "" {
		if c.Key+c.CA != "" {
			return nil, wrong("--tls-ca and --tls-key go with --tls-cert")
		}
		return nil, nil //nolint:nilnil // without TLS
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "certificate %s with key %s: %w", c.Cert, c.Key, err)
	}
	pool, err := authorities(c.CA)
	if err != nil {
		return nil, err
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites, Certificates: []tls.Certificate{pair}}
	if pool != (*x509.CertPool)(nil) {
		t.ClientCAs, t.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	return t, nil
}

// A taker takes messages for hl7 listen.
type taker struct {
	out    *system
	folder string
	stop   context.CancelFunc

	mu   sync.Mutex
	n    int
	left int
}

// keep writes a message down, if it is to be, and prints what it is.
func (t *taker) keep(_ context.Context, p mllp.Peer, b []byte) error {
	m, err := hl7.Parse(b, nil)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	if t.folder != "" {
		if err := t.write(b); err != nil {
			return fault.As(fault.Unavailable, err)
		}
	}
	h := m.Header()
	fmt.Fprintf(t.out.Out, "%s^%s %s from %s, %d bytes, %d warnings\n",
		plainLine(h.Type), plainLine(h.Trigger), plainLine(h.ControlID), p.Address.Addr(), len(b), len(m.Warnings))
	return nil
}

// write puts a message into a file of its own, and on disk.
func (t *taker) write(b []byte) error {
	if err := os.MkdirAll(t.folder, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(t.folder, fmt.Sprintf("%06d-*.hl7", t.n))
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// observe says what went wrong, and counts.
func (t *taker) observe(_ context.Context, o mllp.Observation) {
	if o.Err != nil {
		fmt.Fprintf(t.out.Err, "%s: %s: %v\n", o.Occasion, o.Peer.Address.Addr(), o.Err)
	}
	if o.Odd != (mllp.Odd{}) {
		fmt.Fprintf(t.out.Err, "odd: %d bytes outside messages, %d ends without CR, %d begun anew\n", o.Odd.Junk, o.Odd.Unended, o.Odd.Restarted)
	}
	if o.Occasion != mllp.Received {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left--; t.left == 0 {
		t.stop()
	}
}
