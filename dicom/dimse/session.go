package dimse

import (
	"context"
	"crypto/tls"
	"sync"
	"sync/atomic"
	"time"

	"radagora/dicom/uid"
	"radagora/fault"
)

// A session is the local user of one association that a Server accepted.
type session struct {
	s        *Server
	c        *connection
	p        *provider
	stream   stream
	sender   *sender
	contexts map[uint8]Context

	slots  chan struct{} // one for each answer that may be due; nil without asynchronous operations
	due    sync.WaitGroup
	dueMu  sync.Mutex
	dueIDs map[uint16]bool

	peer     atomic.Pointer[Peer] // once associated
	since    atomic.Int64         // Unix nanoseconds
	messages atomic.Int64
	status   atomic.Uint32
	atRest   atomic.Bool // waits for a request
	over     atomic.Bool
}

func newSession(s *Server, c *connection) *session {
	return &session{
		s: s, c: c, p: c.provider, stream: stream{p: c.provider},
		contexts: map[uint8]Context{}, dueIDs: map[uint16]bool{},
	}
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
	err := x.serve(ctx)
	x.due.Wait()
	x.finish(ctx, err)
}

// begin accepts or rejects the association.
func (x *session) begin(ctx context.Context, rq *associate) bool {
	peer := peerOf(x.c.conn.RemoteAddr().String(), rq)
	if t, ok := x.c.conn.(*tls.Conn); ok {
		state := t.ConnectionState()
		peer.TLS = &state
	}
	if no := x.judge(ctx, &peer, rq); no != nil {
		x.s.dissociate(x.c)
		x.s.Log.InfoContext(ctx, "association rejected", "peer", peer, "reason", no.Error())
		x.observe(ctx, Observation{Occasion: Rejected, Peer: peer, Rejection: no})
		_ = x.p.ask(evt8, no.encode())
		return false
	}
	ac := x.negotiate(rq)
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
	x.observe(ctx, Observation{Occasion: Associated, Peer: peer})
	return true
}

// judge is the service-user's part of accepting an association.
func (x *session) judge(ctx context.Context, peer *Peer, rq *associate) (no *RejectionError) {
	defer func() {
		if v := recover(); v != nil {
			logPanic(x.s.Log, v)
			no = ErrCongestion
		}
	}()
	switch {
	case rq.application != applicationContext:
		return ErrApplication
	case x.s.AETitle != "" && rq.called != x.s.AETitle:
		return ErrCalled
	case x.s.Accept == nil:
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, x.s.limits.ARTIM)
	defer cancel()
	if err := x.s.Accept(ctx, peer); err != nil {
		return rejectionFor(err)
	}
	return nil
}

// negotiate answers the proposals of rq.
func (x *session) negotiate(rq *associate) *associate {
	ac := &associate{version: 1, called: rq.called, calling: rq.calling, application: applicationContext, user: ourInfo(x.s.limits)}
	var accepted []Context
	for _, p := range rq.contexts {
		c := x.s.negotiator.answer(p, rq.user.roles)
		if c.Result == Accepted && c.SOPClass != uid.Verification && x.s.Store == nil {
			c.TransferSyntax, c.Result = uid.UID{}, AbstractSyntaxNotSupported
		}
		if c.Result == Accepted {
			x.contexts[c.ID] = c
			accepted = append(accepted, c)
		}
		ac.contexts = append(ac.contexts, c.item())
	}
	ac.user.roles = acceptedRoles(rq.user.roles, accepted)
	if w := rq.user.async; w != nil {
		ac.user.async = &window{invoked: x.window(w.invoked), performed: 1}
	}
	return ac
}

// window answers an asynchronous operations window, PS3.7 section D.3.3.3: the
// requestor may have so many operations outstanding. 0 asks for any number.
func (x *session) window(asked uint16) uint16 {
	w := x.s.limits.Window
	if asked > 0 {
		w = min(w, asked)
	}
	if w > 1 {
		x.slots = make(chan struct{}, w)
	}
	return w
}

// serve answers requests until the association ends. It returns nil after a release.
func (x *session) serve(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			logPanic(x.s.Log, v)
			err = fault.Errorf(fault.Internal, "dimse: panic")
		}
	}()
	for {
		x.atRest.Store(true)
		c, id, err := x.stream.command()
		x.atRest.Store(false)
		if err == nil {
			err = x.answer(ctx, c, id)
		}
		if err == nil {
			continue
		}
		if i, ok := err.(*interruptionError); ok && i.event == evt12 && c == nil { //nolint:errorlint // wrapped, it came within a message
			return nil
		}
		return err
	}
}

// finish ends the association after serve, and tells about it.
func (x *session) finish(ctx context.Context, err error) {
	x.over.Store(true)
	o := Observation{Occasion: Released, Peer: *x.peer.Load(), Err: err}
	log := x.s.Log.With("peer", o.Peer, "messages", x.messages.Load(), "received", x.p.received.Load())
	if err == nil {
		_ = x.p.ask(evt14, short(releaseRP, [4]byte{}))
		log.InfoContext(ctx, "association released")
	} else {
		o.Occasion = Aborted
		_ = x.p.ask(evt15, nil) // a blank cell if the peer did it
		log.WarnContext(ctx, "association aborted", "error", err)
	}
	x.observe(ctx, o)
}

// observe tells the observer.
func (x *session) observe(ctx context.Context, o Observation) {
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
	if peer == nil || x.over.Load() {
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
