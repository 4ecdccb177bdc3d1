package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

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
	if err := c.seed(ctx, h); err != nil {
		return err
	}
	pages, err := listen(ctx, c.HTTP)
	if err != nil {
		return err
	}
	associations, err := listen(ctx, c.DICOM)
	if err != nil {
		return errors.Join(err, pages.Close())
	}
	return c.serve(ctx, sys, h, pages, associations)
}

// check refuses settings that cannot be served.
func (c serveCmd) check() error {
	if len(c.AE) < 1 || len(c.AE) > 16 {
		return wrong("--ae: an application entity title has 1 to 16 characters (PS3.5 6.2)")
	}
	if c.NoAuth && !loopback(c.HTTP) {
		return wrong("--no-auth lets everybody in and is refused on %s: use an address that is loopback, such as 127.0.0.1:8080", c.HTTP)
	}
	if !loopback(c.HTTP) {
		return wrong("--http %s: there is no sign-in yet, so the pages answer on this machine only: use a loopback address, such as 127.0.0.1:8080", c.HTTP)
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

// seed notes the peers of the command line that are not known yet.
func (c serveCmd) seed(ctx context.Context, h *house) error {
	var peers []site.Peer
	for _, s := range c.Peer {
		p, err := site.ParsePeer(s)
		if err != nil {
			return usageError{fmt.Errorf("--peer: %w", err)}
		}
		peers = append(peers, p)
	}
	return h.Sites.Seed(ctx, peers...)
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
func (c serveCmd) serve(ctx context.Context, sys *system, h *house, pages, associations net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	seen, changed := &watch{}, make(chan struct{}, 1)
	counted := newMetrics(h)
	handler, demonstration, err := h.handler(ctx, c.settings, seen, counted, associations)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	h.Dose.Changed = func() { seen.changed(); poke(changed) }
	work := []func() error{
		func() error { return h.Dose.JudgeAlways(ctx, site.Default, h.rooms, h.Findings, changed, judgePause) },
		func() error { return h.background(ctx) },
		func() error { return h.dicomServer(c.settings, seen, counted).Serve(ctx, associations) },
		func() error { return servePages(ctx, server, pages) },
	}
	failed := make(chan error, len(work))
	for _, run := range work {
		go func() { failed <- run() }()
	}
	fmt.Fprintf(sys.Out, "ready: http://%s/ DICOM %s %s\n", pages.Addr(), c.AE, associations.Addr())
	if c.Demo {
		if err := demonstration.start(ctx); err != nil {
			h.Log.ErrorContext(ctx, "demonstration", "error", err)
		}
	}
	var all []error
	for range work {
		all = append(all, <-failed)
		stop()
	}
	return errors.Join(all...)
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
