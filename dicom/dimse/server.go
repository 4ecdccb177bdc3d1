package dimse

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"radagora/dicom/uid"
	"radagora/fault"
)

// A Server accepts associations and answers what peers ask. Its fields are set before
// Serve and not changed after. Callbacks are called from many goroutines.
type Server struct {
	AETitle  string           // the called title it answers to; "" is any
	Log      *slog.Logger     // nil logs nothing
	Now      func() time.Time // time.Now, except in tests; must not be nil
	Limits   Limits
	Contexts Contexts
	TLS      *tls.Config // nil is without TLS

	// Accept decides about an association. A *RejectionError is sent as it is; other
	// errors are translated by their kind. It may say who the peer is (Peer.Account).
	// Nil accepts everybody.
	Accept func(ctx context.Context, p *Peer) error
	// Echo is told of a C-ECHO before it is answered. Nil is nobody.
	Echo func(ctx context.Context, p Peer)
	// What is served to who calls AETitle; Title says more.
	Store    Storer
	Find     Finder
	Worklist Finder
	Retrieve Retriever
	Normal   map[uid.UID]Normal
	Events   map[uid.UID]Normal
	// Titles are further called titles, each with services of its own. Accept decides
	// about them, too.
	Titles []Title
	// TitleOf looks up a called title that is neither AETitle nor among Titles, for each
	// association anew; nil is that nobody here is called that. An error is translated by
	// its kind. Nil knows none.
	TitleOf func(ctx context.Context, called string) (*Title, error)
	// Observe is told what happens. It must be quick. Nil is nobody.
	Observe func(ctx context.Context, o Observation)

	prepared    sync.Once
	limits      Limits
	negotiators []*negotiator // one for each title
	lend        batches

	mu    sync.Mutex
	conns map[*connection]struct{}
	open  sync.WaitGroup
}

// A connection is an open transport connection of a Server.
type connection struct {
	raw        net.Conn // closes without saying goodbye
	conn       net.Conn // with TLS, if any
	address    netip.Addr
	since      time.Time
	cancel     context.CancelCauseFunc
	provider   *provider
	session    *session
	associated bool // guarded by Server.mu
}

// Serve accepts connections from l until ctx ends; then it closes l, gives open
// associations their grace period and returns nil. It can run for several listeners
// at once, with one ctx. Other errors are those of the listener, of kind Unavailable.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if s.Now == nil {
		return fault.Errorf(fault.Internal, "dimse: Server.Now is nil")
	}
	s.prepared.Do(s.prepare)
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	err := s.acceptAll(ctx, base, l)
	_ = l.Close()
	s.leave(ctx)
	return err
}

func (s *Server) prepare() {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	s.limits = s.Limits.Filled()
	for _, t := range s.AllTitles() {
		s.negotiators = append(s.negotiators, newNegotiator(&t))
	}
	s.conns = map[*connection]struct{}{}
}

// acceptAll starts a session for each connection. Running out of something is no
// reason to stop: it waits a little and goes on.
func (s *Server) acceptAll(ctx, base context.Context, l net.Listener) error {
	for delay := time.Duration(0); ; {
		conn, err := l.Accept()
		switch {
		case err == nil:
			delay = 0
			s.begin(base, conn)
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the listener was closed because ctx ended
		case errors.Is(err, net.ErrClosed):
			return fault.As(fault.Unavailable, err)
		default:
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			s.Log.WarnContext(ctx, "accept connection", "error", err, "delay", delay)
			wait(ctx, delay)
		}
	}
}

// wait blocks for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// begin serves one connection, unless there are too many.
func (s *Server) begin(base context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancelCause(base)
	c := &connection{raw: conn, conn: conn, address: addressOf(conn), since: s.Now(), cancel: cancel}
	if s.TLS != nil {
		c.conn = tls.Server(conn, s.TLS)
	}
	c.provider = newProvider(&provider{
		now: s.Now, log: s.Log, limits: s.limits, lend: &s.lend, end: cancel, idle: s.limits.Idle, conn: c.conn,
		acceptable: func(rq *associate) *RejectionError { return s.admit(c, rq) },
	})
	c.session = newSession(s, c)
	if !s.register(c) {
		cancel(errGone)
		_ = conn.Close()
		s.Log.WarnContext(base, "connection refused", "address", c.address.String(), "reason", "all connections have associations")
		return
	}
	s.open.Go(func() {
		defer s.forget(c)
		c.provider.run()
	})
	s.open.Go(func() { c.session.run(ctx) })
}

// addressOf returns the network address of the peer, without the port.
func addressOf(conn net.Conn) netip.Addr {
	if a, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		return a.Addr().Unmap()
	}
	return netip.Addr{}
}

// register makes room for c and notes it. It cuts the oldest connection without an
// association, of the address that has most of them: whoever opens connections and
// says nothing loses them to whoever speaks.
func (s *Server) register(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= s.limits.Connections {
		victim := s.victim()
		if victim == nil {
			return false
		}
		delete(s.conns, victim)
		_ = victim.raw.Close()
	}
	s.conns[c] = struct{}{}
	return true
}

// victim returns the connection to cut, nil if all have associations.
func (s *Server) victim() *connection {
	count := map[netip.Addr]int{}
	for c := range s.conns {
		if !c.associated {
			count[c.address]++
		}
	}
	var out *connection
	for c := range s.conns {
		if c.associated {
			continue
		}
		if out == nil || count[c.address] > count[out.address] ||
			count[c.address] == count[out.address] && c.since.Before(out.since) {
			out = c
		}
	}
	return out
}

// admit is the service-provider's part of accepting an association, PS3.8 Table 9-6
// AE-6: protocol version and limits. Titles are the service-user's.
func (s *Server) admit(c *connection, rq *associate) *RejectionError {
	if rq.version&1 == 0 {
		return ErrVersion
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.conns[c]; !ok {
		return ErrCongestion // cut just now
	}
	all, same := 0, 0
	for other := range s.conns {
		if other.associated {
			all++
			if other.address == c.address {
				same++
			}
		}
	}
	if all >= s.limits.Associations || same >= s.limits.PerPeer {
		s.Log.Warn("association refused", "peer", peerOf(c.conn.RemoteAddr().String(), rq), "associations", all, "of_this_address", same)
		return ErrLocalLimit
	}
	c.associated = true
	return nil
}

// dissociate notes that c has no association any more, or will have none.
func (s *Server) dissociate(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.associated = false
}

func (s *Server) forget(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// all returns the connections there are.
func (s *Server) all() []*connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*connection, 0, len(s.conns))
	for c := range s.conns {
		out = append(out, c)
	}
	return out
}

// lull is how long a peer has nothing to say before a stopping server takes it that
// nothing is on its way.
const lull = time.Second

// leave ends all associations: those at rest soon, the others after the grace
// period. It returns when nothing runs any more.
func (s *Server) leave(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		s.open.Wait()
		close(done)
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	until := s.Now().Add(s.limits.Grace)
	for {
		select {
		case <-done:
			return
		default:
		}
		over := !s.Now().Before(until)
		for _, c := range s.all() {
			s.dismiss(c, over)
		}
		if over {
			s.Log.WarnContext(ctx, "associations aborted", "count", len(s.all()))
			<-done
			return
		}
		select {
		case <-done:
			return
		case <-tick.C:
		}
	}
}

// dismiss ends c if nothing is going on there, or in any case. The connection is
// closed as soon as the A-ABORT is out.
func (s *Server) dismiss(c *connection, anyway bool) {
	s.mu.Lock()
	associated := c.associated
	s.mu.Unlock()
	switch {
	case associated && !anyway && !c.session.resting(lull):
		return
	case associated:
		go func() {
			defer time.AfterFunc(lull, func() { _ = c.raw.Close() }).Stop()
			_ = c.provider.ask(evt15, nil)
			c.cancel(errStopping)
			_ = c.raw.Close()
		}()
	default:
		_ = c.raw.Close()
	}
}

var errStopping = fault.Errorf(fault.Unavailable, "dimse: the server is stopping")
