package dimse

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"slices"
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

	Limits   Limits        // PDU, Associate, Identifier, Object, ARTIM, Whole and Write count here
	Window   uint16        // operations to have outstanding, if the peer agrees, in either direction; 0 and 1 are one
	Timeout  time.Duration // for an answer, from when the request is out: 60 s
	Patience time.Duration // for the first and each further answer of a query or retrieval: 10 min
	Identity *Identity     // who we are, for a peer that asks; nil is nobody

	Roles   []Role              // role selections; without one for a class we are its SCU
	Options map[uid.UID]Options // SOP class extended negotiation to ask for, by query or retrieve class
	Store   Storer              // keeps what a C-GET brings; nil refuses it
	Events  map[uid.UID]Normal  // is told of N-EVENT-REPORT, by SOP class
	Normal  map[uid.UID]Normal  // answers DIMSE-N of the classes of which we are the SCP (Roles)
}

// A Role is an SCP/SCU role selection, PS3.7 section D.3.3.4: what we want to be for a
// SOP class. Who fetches by C-GET is the SCP of the storage classes.
type Role struct {
	SOPClass uid.UID
	SCU, SCP bool
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
	dialogue
	proposed []Context     // with the peer's answers
	opened   chan error    // the answer to the association request
	closed   chan struct{} // the dispatcher has ended
}

// Dial opens an association. The error is a *RejectionError if the peer refused, of kind
// Unavailable if it could not be reached or gave no answer before ctx ended, and
// Invalid if c makes no sense. Whoever calls Dial must Release or Abort.
func Dial(ctx context.Context, address string, c Config) (*Association, error) {
	rq, err := c.request()
	if err != nil {
		return nil, err
	}
	limits := c.Limits.Filled()
	def(&c.Timeout, time.Minute)
	def(&c.Patience, 10*time.Minute)
	def(&c.Log, slog.New(slog.DiscardHandler))
	a := &Association{opened: make(chan error, 1), closed: make(chan struct{})}
	peer := Peer{Address: address, CallingAE: c.Calling, CalledAE: c.Called}
	a.dialogue = dialogue{
		log: c.Log, now: c.Now, limits: limits, timeout: c.Timeout, silence: c.Patience,
		does:    performer{store: c.Store, events: c.Events, normal: c.Normal},
		observe: func(context.Context, Observation) {},
		who:     func() Peer { return peer },
	}
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	a.p = newProvider(&provider{
		now: c.Now, log: c.Log, limits: limits, lend: &batches{}, end: end,
		dial:    func(ctx context.Context) (net.Conn, error) { return c.dial(ctx, address) },
		request: rq.encode(associateRQ),
	})
	a.start()
	go a.p.run()
	go a.dispatch(life, c)
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
		c.Propose = []Proposal{{SOPClass: uid.Verification, Syntaxes: []uid.UID{uid.ImplicitVRLittleEndian}}}
	}
	if len(c.Propose) > maxContexts {
		return nil, fault.Errorf(fault.Invalid, "%d presentation contexts; at most %d fit an association", len(c.Propose), maxContexts)
	}
	rq := &associate{version: 1, called: c.Called, calling: c.Calling, application: applicationContext, user: ourInfo(c.Limits.Filled())}
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
		rq.user.async = &window{invoked: c.Window, performed: c.Window}
	}
	rq.user.identity = c.Identity
	for _, r := range c.Roles {
		rq.user.roles = append(rq.user.roles, role{r.SOPClass.String(), r.SCU, r.SCP})
	}
	for _, p := range c.Propose {
		if o, ok := c.Options[p.SOPClass]; ok && !slices.ContainsFunc(rq.user.extended, func(x extended) bool { return x.class == p.SOPClass.String() }) {
			rq.user.extended = append(rq.user.extended, extended{p.SOPClass.String(), o.info(kindOf(p.SOPClass))})
		}
	}
	return rq, nil
}

// maxContexts is how many presentation contexts an association can have: odd numbers
// of one byte (PS3.8 section 9.3.2.2).
const maxContexts = 128

// Contexts returns the presentation contexts proposed, with the peer's answers.
func (a *Association) Contexts() []Context { return slices.Clone(a.proposed) }

// Peer returns who answered: the titles and the address that were asked for, and what
// the peer said of itself.
func (a *Association) Peer() Peer { return a.who() }

// Options returns what the peer agreed to of the extended negotiation for a class.
func (a *Association) Options(class uid.UID) Options { return a.options[class] }

// Window returns how many operations may be outstanding.
func (a *Association) Window() int { return cap(a.slots) }

// Accepts reports whether the peer takes class in syntax.
func (a *Association) Accepts(class, syntax uid.UID) bool {
	return slices.Contains(a.takes(class), syntax)
}

// dispatch is the local user of the association: it hears everything the peer says.
func (a *Association) dispatch(life context.Context, c Config) {
	defer close(a.closed)
	defer close(a.p.left)
	i, _ := a.p.hear()
	switch msg := i.msg.(type) {
	case *associate:
		a.establish(c, msg)
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
	a.leaveAfter(a.converse(life))
}

// establish takes the peer's answer. What it answers to what was not asked does not
// count.
func (a *Association) establish(conf Config, ac *associate) {
	for i, p := range conf.Propose {
		c := Context{ID: uint8(2*i+1) & 0xff, SOPClass: p.SOPClass, Result: unanswered, SCU: true}
		c.setRoles(conf.Roles, ac.user.roles)
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
		a.proposed = append(a.proposed, c)
	}
	a.contexts = a.proposed
	if w := ac.user.async; w != nil && conf.Window > 1 {
		if invoked := least(w.invoked, conf.Window); invoked > 1 {
			a.slots = make(chan struct{}, invoked)
		}
		if performed := least(w.performed, conf.Window); performed > 1 {
			a.places = make(chan struct{}, performed)
		}
	}
	peer := a.who()
	peer.Class, peer.Version, peer.MaximumLength = ac.user.classUID, ac.user.version, ac.user.maxLength
	a.who = func() Peer { return peer }
	a.options = map[uid.UID]Options{}
	for _, x := range ac.user.extended {
		class, err := uid.Parse(x.class)
		if asked, ok := conf.Options[class]; err == nil && ok {
			var o Options
			o.read(kindOf(class), x.info)
			a.options[class] = o.and(asked)
		}
	}
	a.sender = newSender(a.p, ac.user.maxLength, a.limits.PDU)
}

// least returns how many operations both sides want outstanding; 0 is any number.
func least(answered, asked uint16) uint16 {
	if answered == 0 {
		return asked
	}
	return min(answered, asked)
}

// setRoles takes the answer to a role selection. Without one the roles are the default
// (PS3.7 section D.3.3.4).
func (c *Context) setRoles(asked []Role, answered []role) {
	for _, r := range asked {
		if r.SOPClass != c.SOPClass {
			continue
		}
		for _, a := range answered {
			if a.class == c.SOPClass.String() {
				c.SCU, c.SCP = r.SCU && a.scu, r.SCP && a.scp
			}
		}
	}
}

// leaveAfter does what is left to do after the last message: the peer that wants to go
// hears that it may, one that broke the protocol that it is over.
func (a *Association) leaveAfter(err error) {
	i, ok := err.(*interruptionError) //nolint:errorlint // wrapped, it came within a message
	switch {
	case !ok:
		_ = a.p.ask(evt15, nil) // a blank cell if it is over already
	case i.event == evt12: // the peer wants to go, or both do
		if a.p.ask(evt14, short(releaseRP, [4]byte{})) == nil {
			_, _ = a.p.hear() // evt13 where both did; else the end
		}
	}
}

// Release ends the association in good order. Operations under way should have
// ended. If ctx ends first, the association is aborted.
func (a *Association) Release(ctx context.Context) error {
	a.mu.Lock()
	a.released = true
	a.mu.Unlock()
	if err := a.p.ask(evt11, short(releaseRQ, [4]byte{})); err != nil {
		return a.whyGone()
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
func (a *Association) Abort() { a.abort() }
