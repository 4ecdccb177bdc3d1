package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"radagora/fault"
	"radagora/hl7"
)

// A Receiver takes messages. It is called in order for each connection, and from
// many goroutines for many of them. What it returns is sent as the answer; nothing
// is sent for a nil answer without an error, which is what a sender of enhanced mode
// may want. An error is answered by its kind (hl7.Acknowledge). The message is the
// receiver's to keep; the context lasts until the message is dealt with, or the
// server's grace period is over.
type Receiver interface {
	Receive(ctx context.Context, p Peer, message []byte) (ack []byte, err error)
}

// A Keeper is a Receiver that acknowledges what Keep has kept: it answers AA or CA
// once Keep returns nil.
type Keeper struct {
	Keep      func(ctx context.Context, p Peer, message []byte) error
	Now       func() time.Time
	ControlID func() string // of answers, unique
}

// Receive keeps a message and answers.
func (k Keeper) Receive(ctx context.Context, p Peer, message []byte) ([]byte, error) {
	err := k.Keep(ctx, p, message)
	return hl7.Acknowledge(message, hl7.Accept, hl7.Reply{Err: err, Now: k.Now(), ControlID: k.ControlID()}), err
}

// A Server accepts connections and hands what comes to a Receiver. Its fields are
// set before Serve and not changed after.
type Server struct {
	Receiver  Receiver
	Now       func() time.Time // time.Now, except in tests; must not be nil
	ControlID func() string    // of answers this server makes itself; must not be nil
	Log       *slog.Logger     // nil logs nothing
	Limits    Limits
	TLS       *tls.Config // nil is without TLS; ClientAuth says whether peers show certificates
	// Accept decides about a connection, TLS done. An error closes it. Nil accepts all.
	Accept func(ctx context.Context, p Peer) error
	// Known reports whether somebody vouches for a peer: by its address, with begin nil,
	// when it connects, and by the begin of a message that is longer than Limits.First.
	// Until then, or until a message of it is received without an error, it is a
	// stranger: it has few connections, small messages and little time. Nil knows all.
	Known func(ctx context.Context, p Peer, begin []byte) bool
	// Observe is told what happens, from many goroutines. It must be quick. Nil is nobody.
	Observe func(ctx context.Context, o Observation)

	prepared sync.Once
	limits   Limits
	gate     *gate
	memory   *memory

	mu    sync.Mutex
	conns map[*connection]struct{}
	stop  bool
	open  sync.WaitGroup
}

// A connection is one of a Server.
type connection struct {
	s      *Server
	raw    net.Conn
	conn   net.Conn // with TLS, if any
	peer   Peer
	since  time.Time
	frames *frames
	count  int
	busy   bool // a message is read or dealt with; guarded by Server.mu
	odd    bool // nobody vouches for it; guarded by Server.mu
}

// Serve accepts connections from l until ctx ends; then it closes l, closes
// connections at rest, gives the others their grace period and returns nil. It can
// run for several listeners at once, with one ctx. Other errors are those of the
// listener, of kind Unavailable.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if s.Now == nil || s.ControlID == nil || s.Receiver == nil {
		return fault.Errorf(fault.Internal, "mllp: a Server needs Receiver, Now and ControlID")
	}
	s.prepared.Do(func() {
		if s.Log == nil {
			s.Log = slog.New(slog.DiscardHandler)
		}
		s.limits, s.conns = s.Limits.filled(), map[*connection]struct{}{}
		s.gate, s.memory = newGate(s.limits), &memory{left: s.limits.Memory}
	})
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	err := s.acceptAll(ctx, base, l)
	_ = l.Close()
	s.leave(cancel)
	return err
}

// acceptAll serves each connection. Running out of something is no reason to stop:
// it waits a little and goes on.
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
			pause(ctx, delay)
		}
	}
}

// pause blocks for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// begin serves one connection, unless there are too many.
func (s *Server) begin(ctx context.Context, raw net.Conn) {
	c := &connection{s: s, raw: raw, conn: raw, since: clock(), peer: Peer{Address: addressOf(raw), Local: raw.LocalAddr()}}
	s.mu.Lock()
	err := s.gate.enter(c.peer.Address.Addr(), clock())
	if err == nil && s.stop {
		s.gate.leave(c.peer.Address.Addr())
		err = errStopping
	}
	if err == nil {
		s.conns[c] = struct{}{}
		s.open.Add(1)
	}
	s.mu.Unlock()
	if err != nil {
		_ = raw.Close()
		s.observe(ctx, Observation{Occasion: Refused, Peer: c.peer, Err: err})
		return
	}
	go c.run(ctx)
}

var errStopping = fault.Errorf(fault.Unavailable, "mllp: the server is stopping")

// addressOf returns the network address of the peer.
func addressOf(conn net.Conn) netip.AddrPort {
	if a, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return netip.AddrPort{}
}

func (s *Server) observe(ctx context.Context, o Observation) {
	if s.Observe != nil {
		o.At = s.Now()
		s.Observe(ctx, o)
	}
}

// run serves a connection to its end.
func (c *connection) run(ctx context.Context) {
	s := c.s
	defer s.open.Done()
	defer s.forget(c)
	err := c.serve(ctx)
	_ = c.raw.Close()
	o := Observation{Occasion: Closed, Peer: c.peer, Messages: c.count, Took: clock().Sub(c.since), Err: err}
	if c.frames != nil {
		o.Bytes, o.Odd = int(c.frames.total), c.frames.take()
	}
	s.observe(ctx, o)
}

// serve reads message after message. It returns nil when the peer has said all, or
// the server stops.
func (c *connection) serve(ctx context.Context) error {
	if err := c.greet(ctx); err != nil {
		return err
	}
	c.frames = newFrames(c.conn, c.s.limits)
	c.frames.begun = func() { c.working(true) }
	c.frames.memory = c.s.memory
	defer c.frames.release()
	if err := c.admit(ctx); err != nil {
		return err
	}
	c.s.observe(ctx, Observation{Occasion: Opened, Peer: c.peer})
	for {
		if !c.working(false) {
			return nil
		}
		if d := c.s.wait(c.peer.Address.Addr()); d > 0 {
			pause(ctx, d)
		}
		message, err := c.frames.next()
		if skipped := (skippedError{}); err != nil && !errors.As(err, &skipped) {
			if errors.Is(err, io.EOF) || c.s.stopping() {
				return nil
			}
			return err
		}
		if err := c.answer(ctx, message, err); err != nil {
			return err
		}
	}
}

// greet does TLS and asks whether the peer is welcome.
func (c *connection) greet(ctx context.Context) error {
	if c.s.TLS != nil {
		t := tls.Server(c.raw, c.s.TLS)
		if err := t.SetDeadline(within(min(c.s.limits.Whole, 30*time.Second))); err != nil {
			return fault.As(fault.Unavailable, err)
		}
		if err := t.HandshakeContext(ctx); err != nil {
			return fault.As(fault.Forbidden, err)
		}
		if err := t.SetDeadline(time.Time{}); err != nil {
			return fault.As(fault.Unavailable, err)
		}
		if state := t.ConnectionState(); len(state.VerifiedChains) > 0 {
			c.peer.Certificate = state.PeerCertificates[0]
		}
		c.conn = t
	}
	if c.s.Accept != nil {
		return c.s.Accept(ctx, c.peer)
	}
	return nil
}

// admit bounds what a stranger may do. An error is the reason for which none more is let in.
func (c *connection) admit(ctx context.Context) error {
	if c.s.Known == nil || c.s.Known(ctx, c.peer, nil) {
		return nil
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if err := c.s.gate.admit(c.peer.Address.Addr(), clock()); err != nil {
		return err
	}
	c.odd = true
	c.frames.most, c.frames.limits.Idle = min(c.s.limits.First, c.s.limits.Message), min(c.s.limits.FirstIdle, c.s.limits.Idle)
	c.frames.vouch = func(begin []byte) bool {
		known := c.s.Known(ctx, c.peer, begin)
		if known {
			c.vouched()
		}
		return known
	}
	return nil
}

// vouched ends what holds for strangers.
func (c *connection) vouched() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.odd {
		c.s.gate.vouched(c.peer.Address.Addr())
		c.odd = false
		c.frames.most, c.frames.limits.Idle = c.s.limits.Message, c.s.limits.Idle
	}
}

// answer has a message received and sends the answer. One that was skipped is answered
// by the reason for which it was.
func (c *connection) answer(ctx context.Context, message []byte, skipped error) error {
	defer c.frames.release()
	c.count++
	var ack []byte
	err := skipped
	if err == nil {
		if ack, err = c.receive(ctx, message); err == nil {
			c.vouched()
		}
	}
	if err != nil && ack == nil {
		ack = hl7.Acknowledge(message, hl7.Accept, hl7.Reply{Err: err, Now: c.s.Now(), ControlID: c.s.ControlID()})
	}
	var lost error
	if len(ack) > 0 {
		lost = write(c.conn, ack, c.s.limits.Write)
	}
	c.s.observe(ctx, Observation{
		Occasion: Received, Peer: c.peer, Bytes: len(message), Took: clock().Sub(c.frames.first), Odd: c.frames.take(), Err: errors.Join(err, lost),
	})
	return lost
}

// receive calls the receiver. A panic there is its own mistake and ends nothing else.
func (c *connection) receive(ctx context.Context, message []byte) (ack []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			c.s.Log.ErrorContext(ctx, "a receiver panicked", "address", c.peer.Address.String())
			ack, err = nil, fault.Errorf(fault.Internal, "mllp: the receiver panicked")
		}
	}()
	return c.s.Receiver.Receive(ctx, c.peer, message)
}

// working notes whether a message is being dealt with, and whether the server goes on.
func (c *connection) working(busy bool) bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.busy = busy
	return !c.s.stop
}

func (s *Server) stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop
}

// wait returns how long the next message of an address has to wait.
func (s *Server) wait(a netip.Addr) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gate.take(a, clock())
}

func (s *Server) forget(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if c.odd {
		s.gate.vouched(c.peer.Address.Addr())
		c.odd = false
	}
	s.gate.leave(c.peer.Address.Addr())
}

// leave ends all connections: those at rest now, the others when their message is
// answered, or the grace period is over.
func (s *Server) leave(cancel context.CancelFunc) {
	s.mu.Lock()
	s.stop = true
	for c := range s.conns {
		if !c.busy {
			_ = c.raw.Close()
		}
	}
	s.mu.Unlock()
	over := time.AfterFunc(s.limits.Grace, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.conns {
			_ = c.raw.Close()
		}
	})
	s.open.Wait()
	over.Stop()
}

// Live is a connection that is open.
type Live struct {
	Peer  Peer
	Since time.Duration // how long
}

// Connections returns the open connections, in no order.
func (s *Server) Connections() []Live {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Live
	for c := range s.conns {
		out = append(out, Live{c.peer, clock().Sub(c.since)})
	}
	return out
}
