package dimse

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"radagora/dicom/uid"
	"radagora/fault"
)

// A Config is what Dial needs to know.
type Config struct {
	Calling string           // our application entity title, at most 16 characters
	Called  string           // that of the peer, likewise
	Propose []Proposal       // presentation contexts, at most 128; nil is Verification
	Now     func() time.Time // time.Now, except in tests; must not be nil
	Log     *slog.Logger     // nil logs nothing
	TLS     *tls.Config      // nil is without TLS

	// Dial opens the connection; nil is a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	Limits   Limits        // PDU, Associate, ARTIM, Whole and Write count here
	Window   uint16        // operations to have outstanding, if the peer agrees; 0 and 1 are one
	Timeout  time.Duration // for an answer, from when the request is out: 60 s
	Identity *Identity     // who we are, for a peer that asks; nil is nobody
}

// A Proposal is a presentation context to propose: a SOP class, and transfer
// syntaxes of which the peer picks one.
type Proposal struct {
	SOPClass uid.UID
	Syntaxes []uid.UID
}

// An Association is one that Dial opened. Its methods are safe for concurrent use;
// operations wait for each other as the negotiated window demands.
type Association struct {
	p        *provider
	sender   *sender
	timeout  time.Duration
	contexts []Context
	slots    chan struct{} // one for each operation outstanding

	opened chan error    // the answer to the association request
	over   chan struct{} // operations have no answer to wait for any more
	end    func()        // closes over, once
	closed chan struct{} // the dispatcher has ended

	mu       sync.Mutex
	err      error // why the association is no more
	released bool
	next     uint16
	answers  map[uint16]chan *command
}

// Dial opens an association. The error is a *RejectionError if the peer refused, of kind
// Unavailable if it could not be reached or gave no answer before ctx ended, and
// Invalid if c makes no sense. Whoever calls Dial must Release or Abort.
func Dial(ctx context.Context, address string, c Config) (*Association, error) {
	rq, err := c.request()
	if err != nil {
		return nil, err
	}
	limits := c.Limits.filled()
	def(&c.Timeout, time.Minute)
	def(&c.Log, slog.New(slog.DiscardHandler))
	a := &Association{
		timeout: c.Timeout, opened: make(chan error, 1), over: make(chan struct{}), closed: make(chan struct{}),
		answers: map[uint16]chan *command{}, slots: make(chan struct{}, 1),
	}
	a.end = sync.OnceFunc(func() { close(a.over) })
	a.p = newProvider(&provider{
		now: c.Now, log: c.Log, limits: limits, lend: &batches{}, end: func(error) {},
		dial:    func(ctx context.Context) (net.Conn, error) { return c.dial(ctx, address) },
		request: rq.encode(associateRQ),
	})
	go a.p.run()
	go a.dispatch(c.Propose, limits)
	select {
	case err = <-a.opened:
	case <-ctx.Done():
		_ = a.p.ask(evt15, nil)
		err = fault.As(fault.Unavailable, ctx.Err())
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// dial opens the connection.
func (c *Config) dial(ctx context.Context, address string) (net.Conn, error) {
	open := c.Dial
	if open == nil {
		open = new(net.Dialer).DialContext
	}
	conn, err := open(ctx, "tcp", address)
	if err != nil || c.TLS == nil {
		return conn, err
	}
	conf := c.TLS
	if host, _, err := net.SplitHostPort(address); err == nil && conf.ServerName == "" {
		conf = conf.Clone()
		conf.ServerName = host
	}
	t := tls.Client(conn, conf)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return t, nil
}

// request makes the A-ASSOCIATE-RQ.
func (c *Config) request() (*associate, error) {
	if c.Now == nil {
		return nil, fault.Errorf(fault.Internal, "dimse: Config.Now is nil")
	}
	for _, t := range []string{c.Calling, c.Called} {
		if t == "" || len(t) > 16 || t != title([]byte(t)) {
			return nil, fault.Errorf(fault.Invalid, "application entity title %q: 1 to 16 characters of ASCII are due (PS3.8 §7.1.1.3)", t)
		}
	}
	if len(c.Propose) == 0 {
		c.Propose = []Proposal{{uid.Verification, []uid.UID{uid.ImplicitVRLittleEndian}}}
	}
	if len(c.Propose) > 128 {
		return nil, fault.Errorf(fault.Invalid, "%d presentation contexts; at most 128 fit an association", len(c.Propose))
	}
	rq := &associate{version: 1, called: c.Called, calling: c.Calling, application: applicationContext, user: ourInfo(c.Limits.filled())}
	for i, p := range c.Propose {
		item := contextItem{id: uint8(2*i+1) & 0xff, abstract: p.SOPClass.String()}
		for _, s := range p.Syntaxes {
			item.syntaxes = append(item.syntaxes, s.String())
		}
		if p.SOPClass.IsZero() || len(item.syntaxes) == 0 {
			return nil, fault.Errorf(fault.Invalid, "proposal %d lacks its SOP class or transfer syntaxes", i+1)
		}
		rq.contexts = append(rq.contexts, item)
	}
	if c.Window > 1 {
		rq.user.async = &window{invoked: c.Window, performed: 1}
	}
	rq.user.identity = c.Identity
	return rq, nil
}

// Contexts returns the presentation contexts proposed, with the peer's answers.
func (a *Association) Contexts() []Context { return slices.Clone(a.contexts) }

// Window returns how many operations may be outstanding.
func (a *Association) Window() int { return cap(a.slots) }

// Accepts reports whether the peer takes class in syntax.
func (a *Association) Accepts(class, syntax uid.UID) bool {
	_, ok := a.context(class, syntax)
	return ok
}

// context finds the presentation context for class in syntax.
func (a *Association) context(class, syntax uid.UID) (uint8, bool) {
	for _, c := range a.contexts {
		if c.Result == Accepted && c.SOPClass == class && c.TransferSyntax == syntax {
			return c.ID, true
		}
	}
	return 0, false
}

// dispatch is the local user of the association: it hears everything the peer says
// and hands it to who waits for it.
func (a *Association) dispatch(proposed []Proposal, limits Limits) {
	defer close(a.closed)
	defer close(a.p.left)
	i, _ := a.p.hear()
	switch msg := i.msg.(type) {
	case *associate:
		a.establish(proposed, msg, limits)
		a.opened <- nil
	case *RejectionError:
		a.opened <- msg
		return
	default:
		if i.err == nil {
			i.err = errGone
		}
		a.opened <- i.err
		return
	}
	err := a.listen()
	defer a.end()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.released && a.err == nil {
		a.err = err
	}
}

// establish takes the peer's answer. What it answers to what was not asked does not
// count.
func (a *Association) establish(proposed []Proposal, ac *associate, limits Limits) {
	for i, p := range proposed {
		c := Context{ID: uint8(2*i+1) & 0xff, SOPClass: p.SOPClass, Result: unanswered}
		for _, answer := range ac.contexts {
			if answer.id != c.ID {
				continue
			}
			c.Result = answer.result
			if c.Result != Accepted {
				continue
			}
			c.Result = NoReason
			for _, s := range p.Syntaxes {
				if slices.Contains(answer.syntaxes, s.String()) {
					c.TransferSyntax, c.Result = s, Accepted
				}
			}
		}
		a.contexts = append(a.contexts, c)
	}
	if w := ac.user.async; w != nil && w.invoked > 1 {
		a.slots = make(chan struct{}, w.invoked)
	}
	a.sender = newSender(a.p, ac.user.maxLength, limits.PDU)
}

// listen hands answers to those who wait, until the association ends. It returns nil
// after a release.
func (a *Association) listen() error {
	s := &stream{p: a.p}
	for {
		c, id, err := s.command()
		if err != nil {
			if i, ok := errors.AsType[*interruptionError](err); ok {
				return a.interrupted(i)
			}
			_ = a.p.ask(evt15, nil)
			return err
		}
		if c.dataSet {
			d := &dataSet{s: s, context: id}
			if _, err := d.drain(a.p.limits.Drain); err != nil {
				_ = a.p.ask(evt15, nil)
				return err
			}
		}
		a.mu.Lock()
		answer := a.answers[c.respondedTo]
		delete(a.answers, c.respondedTo)
		a.mu.Unlock()
		if !c.isResponse() || answer == nil {
			_ = a.p.ask(evt15, nil)
			return broken("a message that answers nothing")
		}
		answer <- c
	}
}

// interrupted deals with the end of the association.
func (a *Association) interrupted(i *interruptionError) error {
	switch i.event {
	case evt13:
		return nil
	case evt12: // the peer wants to go, or both do
		if err := a.p.ask(evt14, short(releaseRP, [4]byte{})); err != nil {
			return err
		}
		next, ok := a.p.hear()
		if ok && next.event == evt13 {
			return nil
		}
		return fault.Errorf(fault.Unavailable, "dimse: the peer released the association")
	default:
		return i
	}
}

// Release ends the association in good order. Operations under way should have
// ended. If ctx ends first, the association is aborted.
func (a *Association) Release(ctx context.Context) error {
	a.mu.Lock()
	a.released = true
	a.mu.Unlock()
	if err := a.p.ask(evt11, short(releaseRQ, [4]byte{})); err != nil {
		return a.gone()
	}
	select {
	case <-a.closed:
		return nil
	case <-ctx.Done():
		a.Abort()
		return fault.As(fault.Unavailable, ctx.Err())
	}
}

// Abort ends the association at once. It does nothing if there is none any more.
func (a *Association) Abort() {
	a.mu.Lock()
	if a.err == nil {
		a.err = fault.Errorf(fault.Unavailable, "dimse: aborted here")
	}
	a.mu.Unlock()
	a.end()
	_ = a.p.ask(evt15, nil) // a blank cell: there is no association any more
}

// gone returns why the association is no more.
func (a *Association) gone() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return a.err
	}
	return errGone
}
