package dimse

import (
	"context"
	"crypto/tls"
	"sync/atomic"
	"time"
)

// A session is the local user of one association that a Server accepted.
type session struct {
	dialogue
	s *Server
	c *connection

	peer  atomic.Pointer[Peer] // once associated
	since atomic.Int64         // Unix nanoseconds
	left  atomic.Bool          // the association is over
}

func newSession(s *Server, c *connection) *session {
	x := &session{s: s, c: c}
	x.p, x.log, x.now, x.limits, x.acceptor = c.provider, s.Log, s.Now, s.limits, true
	x.timeout, x.silence = time.Minute, 10*time.Minute
	x.who = func() Peer { return *x.peer.Load() }
	x.observe = x.note
	x.start()
	return x
}

// run serves the association from its request to its end.
func (x *session) run(ctx context.Context) {
	defer close(x.p.left)
	defer x.s.dissociate(x.c)
	defer func() {
		if v := recover(); v != nil {
			logPanic(x.s.Log, v)
		}
	}()
	i, ok := x.p.hear()
	rq, isRQ := i.msg.(*associate)
	if !ok || !isRQ {
		return // it was only a connection
	}
	if !x.begin(ctx, rq) {
		return
	}
	x.finish(ctx, x.converse(ctx))
}

// begin accepts or rejects the association.
func (x *session) begin(ctx context.Context, rq *associate) bool {
	peer := peerOf(x.c.conn.RemoteAddr().String(), rq)
	if t, ok := x.c.conn.(*tls.Conn); ok {
		state := t.ConnectionState()
		peer.TLS = &state
	}
	n, no := x.judge(ctx, &peer, rq)
	if no != nil {
		x.s.dissociate(x.c)
		x.s.Log.InfoContext(ctx, "association rejected", "peer", peer, "reason", no.Error())
		x.note(ctx, Observation{Occasion: Rejected, Peer: peer, Rejection: no})
		_ = x.p.ask(evt8, no.encode())
		return false
	}
	ac := x.negotiate(n, rq)
	if i := peer.Identity; i != nil && i.respond && peer.Account != "" {
		ac.user.response = []byte{} // PS3.7 D.3.3.7.2: of no length for a user name
	}
	x.since.Store(x.s.Now().UnixNano())
	x.peer.Store(&peer)
	x.sender = newSender(x.p, rq.user.maxLength, x.s.limits.PDU)
	if err := x.p.ask(evt7, ac.encode(associateAC)); err != nil {
		return false
	}
	x.s.Log.InfoContext(ctx, "association", "peer", peer, "contexts", len(x.contexts), "proposed", len(rq.contexts))
	x.note(ctx, Observation{Occasion: Associated, Peer: peer})
	return true
}

// judge is the service-user's part of accepting an association.
func (x *session) judge(ctx context.Context, peer *Peer, rq *associate) (n *negotiator, no *RejectionError) {
	defer func() {
		if v := recover(); v != nil {
			logPanic(x.s.Log, v)
			no = ErrCongestion
		}
	}()
	if rq.application != applicationContext {
		return nil, ErrApplication
	}
	ctx, cancel := context.WithTimeout(ctx, x.s.limits.ARTIM)
	defer cancel()
	n, err := x.s.title(ctx, rq.called)
	switch {
	case err != nil:
		return nil, rejectionFor(err)
	case n == nil:
		return nil, ErrCalled
	case x.s.Accept == nil:
		return n, nil
	}
	if err := x.s.Accept(ctx, peer); err != nil {
		return nil, rejectionFor(err)
	}
	return n, nil
}

// negotiate answers the proposals of rq by the table of a title.
func (x *session) negotiate(n *negotiator, rq *associate) *associate {
	ac := &associate{version: 1, called: rq.called, calling: rq.calling, application: applicationContext, user: ourInfo(x.s.limits)}
	for _, p := range rq.contexts {
		c := n.answer(p, rq.user.roles)
		if c.Result == Accepted {
			x.contexts = append(x.contexts, c)
		}
		ac.contexts = append(ac.contexts, c.item())
	}
	x.does = n.performer()
	x.does.echo = x.s.Echo
	ac.user.roles = acceptedRoles(rq.user.roles, x.contexts)
	ac.user.extended, x.options = n.extend(rq.user.extended, x.contexts)
	if w := rq.user.async; w != nil {
		ac.user.async = &window{invoked: x.window(w.invoked), performed: x.window(w.performed)}
		if n := ac.user.async.invoked; n > 1 {
			x.places = make(chan struct{}, n)
		}
		if n := ac.user.async.performed; n > 1 {
			x.slots = make(chan struct{}, n)
		}
	}
	return ac
}

// window answers an asynchronous operations window, PS3.7 section D.3.3.3: so many
// operations may be outstanding. 0 asks for any number.
func (x *session) window(asked uint16) uint16 {
	if asked == 0 {
		return x.s.limits.Window
	}
	return min(x.s.limits.Window, asked)
}

// finish ends the association after serve, and tells about it.
func (x *session) finish(ctx context.Context, err error) {
	x.left.Store(true)
	if i, ok := err.(*interruptionError); ok && i.event == evt12 { //nolint:errorlint // wrapped, it came within a message
		err = nil
	}
	o := Observation{Occasion: Released, Peer: *x.peer.Load(), Err: err}
	log := x.s.Log.With("peer", o.Peer, "messages", x.messages.Load(), "received", x.p.received.Load())
	x.s.dissociate(x.c) // before the peer learns that it is over: it may come again at once
	if err == nil {
		_ = x.p.ask(evt14, short(releaseRP, [4]byte{}))
		log.InfoContext(ctx, "association released")
	} else {
		o.Occasion = Aborted
		_ = x.p.ask(evt15, nil) // a blank cell if the peer did it
		log.WarnContext(ctx, "association aborted", "error", err)
	}
	x.note(ctx, o)
}

// note tells the observer.
func (x *session) note(ctx context.Context, o Observation) {
	if x.s.Observe == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			logPanic(x.s.Log, v)
		}
	}()
	o.At = x.s.Now()
	x.s.Observe(context.WithoutCancel(ctx), o)
}

// live returns the session as Server.Associations shows it, if it is associated.
func (x *session) live() (Live, bool) {
	peer := x.peer.Load()
	if peer == nil || x.left.Load() {
		return Live{}, false
	}
	return Live{
		Peer: *peer, Since: time.Unix(0, x.since.Load()), Messages: x.messages.Load(),
		Received: x.p.received.Load(), Sent: x.p.sent.Load(), Status: Status(x.status.Load() & 0xffff),
	}, true
}

// resting reports whether nothing is due and nothing came for d.
func (x *session) resting(d time.Duration) bool {
	quiet := x.s.Now().Sub(time.Unix(0, x.p.lastActive.Load()))
	return x.atRest.Load() && x.p.outstanding.Load() == 0 && quiet >= d
}
