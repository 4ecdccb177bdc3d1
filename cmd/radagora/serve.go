package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/net/netutil"

	"radagora/access"
	"radagora/fault"
	"radagora/site"
)

type serveCmd struct {
	settings
	Demo bool `help:"Load the demonstration year behind the doors, once."`
}

func (serveCmd) Help() string {
	return `Opens the doors: pages over HTTP, DICOM associations. Everything that is acknowledged is on disk.
Prints one line when it is ready and ends cleanly on SIGTERM or Ctrl-C.

Example:

    radagora serve --data /var/lib/radagora --http 127.0.0.1:8080 --dicom :11112 --ae RADAGORA`
}

// grace is how long open requests may take to end.
const grace = 10 * time.Second

// judgePause is how long changes are gathered before findings are derived anew.
const judgePause = 10 * time.Second

// poke puts a value into a channel that has none.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run serves until ctx ends.
func (c serveCmd) Run(ctx context.Context, sys *system) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	h, err := c.open(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if err := errors.Join(c.seed(ctx, h), h.tellMinimised(sys.Out)); err != nil {
		return err
	}
	d := doors{secure: h.secure}
	if err := d.open(ctx, c.settings); err != nil {
		return errors.Join(err, d.close())
	}
	return c.serve(ctx, sys, h, d)
}

// doors are the listeners of the program.
type doors struct {
	pages, dicom, dicomTLS net.Listener // dicomTLS may be nil
	mllp, mllpTLS          net.Listener // may be nil
	secure                 tlsDoors
}

// open opens the ports.
func (d *doors) open(ctx context.Context, s settings) (err error) {
	if d.pages, err = listen(ctx, s.HTTP); err != nil {
		return err
	}
	if d.dicom, err = listen(ctx, s.DICOM); err != nil {
		return err
	}
	for _, more := range []struct {
		at string
		to *net.Listener
	}{{s.DICOMTLS, &d.dicomTLS}, {s.MLLP, &d.mllp}, {s.MLLPTLS, &d.mllpTLS}} {
		if more.at == "" {
			continue
		}
		if *more.to, err = listen(ctx, more.at); err != nil {
			return err
		}
	}
	return nil
}

// close closes what was opened.
func (d *doors) close() error {
	var all []error
	for _, l := range []net.Listener{d.pages, d.dicom, d.dicomTLS, d.mllp, d.mllpTLS} {
		if l != nil {
			all = append(all, l.Close())
		}
	}
	return errors.Join(all...)
}

// check refuses settings that cannot be served.
func (c *serveCmd) check() error {
	if len(c.AE) < 1 || len(c.AE) > 16 {
		return wrong("--ae: an application entity title has 1 to 16 characters (PS3.5 6.2)")
	}
	if _, err := c.viewers(); err != nil {
		return err
	}
	if c.NoAuth && !loopback(c.HTTP) {
		return wrong("--no-auth lets everybody in and is refused on %s: use an address that is loopback, such as 127.0.0.1:8080", c.HTTP)
	}
	if c.demo = c.Demo; c.Demo {
		if c.DICOM == ":11112" {
			c.DICOM = "127.0.0.1:11112" // made-up data are for this machine
		}
		if !loopback(c.HTTP) || !loopback(c.DICOM) {
			return wrong("--demo offers ready accounts to everybody and answers on this machine only: use loopback addresses, such as 127.0.0.1:8080 and 127.0.0.1:11112")
		}
	}
	if (c.NoAuth || c.Demo) && c.PublicURL != "" {
		return wrong("--public-url names an address for others, and --no-auth and --demo let everybody in without a proof: leave one of them out")
	}
	if _, err := c.targets(); err != nil {
		return err
	}
	if _, err := parseProxies(c.TrustedProxy); err != nil {
		return usageError{err}
	}
	if !loopback(c.HTTP) && c.TLSCert == "" {
		return wrong("--http %s: pages are never open to other machines without TLS: give --tls-cert and --tls-key, "+
			"or listen on a loopback address behind a proxy that speaks TLS, and name its address with --public-url", c.HTTP)
	}
	return nil
}

// loopback reports whether only this machine can reach addr.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// seed notes the peers and titles of the command line that are not known yet.
func (c serveCmd) seed(ctx context.Context, h *house) error {
	var peers []site.Peer
	for _, s := range c.Peer {
		p, err := site.ParsePeer(s)
		if err != nil {
			return usageError{fmt.Errorf("--peer: %w", err)}
		}
		peers = append(peers, p)
	}
	var titles []site.Title
	for _, s := range c.OwnTitle {
		t, err := site.ParseTitle(s)
		if err == nil && t.AETitle == c.AE {
			err = fault.Errorf(fault.Invalid, "%s is --ae already", t.AETitle)
		}
		if err != nil {
			return usageError{fmt.Errorf("--own-title: %w", err)}
		}
		titles = append(titles, t)
	}
	return errors.Join(h.Sites.Seed(ctx, peers...), h.Sites.SeedTitles(ctx, access.Local, titles...))
}

// listen opens a port.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "listen on %s: %w", addr, err)
	}
	return l, nil
}

// serve runs doors and background work until ctx ends or one of them fails.
func (c serveCmd) serve(ctx context.Context, sys *system, h *house, d doors) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	seen, changed := &watch{}, make(chan struct{}, 1)
	counted := newMetrics(h)
	handler, demonstration, err := h.handler(ctx, c.settings, seen, counted, d.dicom)
	if err != nil {
		return errors.Join(err, d.close())
	}
	if handler, err = c.fromOutside(ctx, h.Log, handler); err != nil {
		return errors.Join(err, d.close())
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	scheme, pages := "http", netutil.LimitListener(d.pages, maxConnections)
	if d.secure.own != nil {
		scheme = "https"
		server.TLSConfig = d.secure.own.config(d.secure.authorities, false)
		server.TLSConfig.NextProtos = []string{"h2", "http/1.1"}
		pages = tls.NewListener(pages, server.TLSConfig)
	}
	doorman := newDoorman(h, c.NoAuth || c.Demo, h.Accounts)
	h.Dose.Changed = func() { seen.changed(); poke(changed) }
	work := []func() error{
		func() error { return h.Dose.JudgeAlways(ctx, site.Default, h.rooms, h.Findings, changed, judgePause) },
		func() error { return h.Review.Always(ctx, site.Default) },
		func() error { return h.background(ctx) },
		func() error { return h.judgeProtocolsAlways(ctx) },
		func() error { return h.judgeQualityAlways(ctx) },
		func() error { return h.sendAudit(ctx, c.settings) },
		func() error { return h.Backup.Always(ctx, c.BackupEvery) },
		func() error { return h.Observer.watch(ctx, h.Log) },
		func() error { return h.Feed.Run(ctx) },
		func() error { h.drain(ctx); <-ctx.Done(); return nil }, // what returns ends the others
		func() error { return c.stream(ctx, h, sys) },
		func() error { return h.dicomServer(c.settings, doorman, seen, counted, nil).Serve(ctx, d.dicom) },
		func() error { return servePages(ctx, server, pages) },
	}
	welcome, err := c.welcome(ctx, h, scheme+"://"+d.pages.Addr().String())
	if err != nil {
		return errors.Join(err, d.close())
	}
	line := fmt.Sprintf("ready: %s://%s/ DICOM %s %s", scheme, d.pages.Addr(), c.AE, d.dicom.Addr())
	if d.dicomTLS != nil {
		config := d.secure.own.config(d.secure.authorities, d.secure.authorities != nil)
		work = append(work, func() error { return h.dicomServer(c.settings, doorman, seen, counted, config).Serve(ctx, d.dicomTLS) })
		line += fmt.Sprintf(" TLS %s", d.dicomTLS.Addr())
	}
	lines, more := h.lines(ctx, d, counted)
	work, line = append(work, lines...), line+more
	failed := make(chan error, len(work))
	for _, run := range work {
		go func() { failed <- run() }()
	}
	fmt.Fprintln(sys.Out, line)
	fmt.Fprint(sys.Out, welcome)
	supervise("READY=1")
	context.AfterFunc(ctx, func() { supervise("STOPPING=1") })
	go watchdog(ctx, watchdogEvery(), func(ctx context.Context) {
		_ = h.DB.QueryRow(ctx, `select 1`).Scan(new(int)) // that it comes back is what counts
	})
	if c.Demo {
		if err := demonstration.start(ctx); err != nil {
			h.Log.ErrorContext(ctx, "demonstration", "error", err)
		}
	}
	var all []error
	for range work {
		err := <-failed
		if ctx.Err() == nil || !errors.Is(err, context.Canceled) { // what was told to end may say so
			all = append(all, err)
		}
		stop()
	}
	return errors.Join(all...)
}

// welcome returns what the console says beside the address: how the first
// administrator comes in, and what stands open.
func (c serveCmd) welcome(ctx context.Context, h *house, base string) (string, error) {
	switch {
	case c.NoAuth:
		return "no sign-in: everybody on this machine may do everything (--no-auth)\n", nil
	case c.Demo:
		return "demonstration: choose an account by role on the sign-in page\n", h.Accounts.Demo(ctx)
	}
	token, none, err := h.Accounts.FirstLink(ctx)
	if err != nil || !none {
		return "", err
	}
	if c.PublicURL != "" {
		base = c.base()
	}
	return "first administrator, good once and for a day: " + base + "/first?token=" + token + "\n", nil
}

// servePages serves until ctx ends, then lets open requests end.
func servePages(ctx context.Context, server *http.Server, l net.Listener) error {
	ended := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		late, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		err := server.Shutdown(late)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
		ended <- err
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fault.As(fault.Unavailable, err)
	}
	return <-ended
}
