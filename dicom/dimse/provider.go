package dimse

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"radagora/fault"
)

// A provider is the upper layer service-provider of one association (PS3.8
// section 7): between the local user, who asks and is told, and the transport
// connection. One goroutine, run, owns the state and obeys the table.
type provider struct {
	// Set before run.
	now        func() time.Time
	log        *slog.Logger
	limits     Limits
	lend       *batches
	acceptable func(*associate) *RejectionError        // AE-6; nil if this side requests
	dial       func(context.Context) (net.Conn, error) // AE-1; nil if this side accepts
	end        context.CancelCauseFunc                 // ends what is done for the association
	idle       time.Duration                           // how long the peer may be silent; 0 is forever
	conn       net.Conn                                // nil until the connection is open
	request    []byte                                  // the A-ASSOCIATE-RQ, if this side requests

	requests chan request
	out      chan indication
	in       chan arrival
	opened   chan opening
	left     chan struct{} // closed by the user who listens no more
	ended    chan struct{} // closed when the machine is idle again

	// Owned by run.
	state   state
	pending []indication
	timer   *time.Timer
	undial  context.CancelFunc
	lost    error // why sending failed
	current *batch

	waiting     atomic.Int32 // how many users wait for an indication
	outstanding atomic.Int32 // how many answers this side owes
	lastActive  atomic.Int64 // when a PDU came or went, in Unix nanoseconds
	received    atomic.Int64 // bytes
	sent        atomic.Int64 // bytes
}

// A request is a primitive of the local user.
type request struct {
	event event
	pdu   []byte // what to send, if anything
	done  chan error
}

// An indication is what the provider tells the local user: an indication or
// confirmation primitive.
type indication struct {
	event event
	msg   any    // *associate or *RejectionError
	batch *batch // for evt10
	err   error  // why the association is no more
}

// An opening is the end of dialling.
type opening struct {
	conn net.Conn
	err  error
}

// input is what comes with an event.
type input struct {
	event  event
	pdu    []byte
	msg    any
	batch  *batch
	reason uint8 // for an A-ABORT of ours
	err    error
}

// queue is how many indications wait for the user before reading stops.
const queue = 2

func newProvider(p *provider) *provider {
	p.requests, p.out = make(chan request), make(chan indication)
	p.in, p.opened = make(chan arrival), make(chan opening)
	p.left, p.ended = make(chan struct{}), make(chan struct{})
	p.timer = time.NewTimer(p.limits.ARTIM)
	p.timer.Stop()
	p.state = sta1
	p.active()
	return p
}

// run is the machine. It begins with evt1 or evt5 and returns when the association
// and its connection are no more.
func (p *provider) run() {
	defer p.finish()
	if p.conn != nil {
		p.listen()
		p.fire(input{event: evt5})
	} else {
		p.fire(input{event: evt1})
	}
	left := p.left
	for p.state != sta1 || len(p.pending) > 0 {
		var next indication
		in, out := p.in, chan<- indication(nil)
		if len(p.pending) > 0 {
			next, out = p.pending[0], p.out
		}
		if len(p.pending) >= queue {
			in = nil
		}
		select {
		case a := <-in:
			p.arrive(a)
		case r := <-p.requests:
			r.done <- p.primitive(r)
		case out <- next:
			p.pending = p.pending[1:]
		case o := <-p.opened:
			p.open(o)
		case <-p.timer.C:
			p.fire(input{event: evt18})
		case <-left:
			left = nil
			p.abandon()
		}
		if left == nil {
			p.pending = nil
		}
	}
}

// abandon ends an association whose local user is gone.
func (p *provider) abandon() {
	if !p.fire(input{event: evt15}) && p.state == sta2 {
		p.closeTransport() // evt17 follows
	}
}

// finish lets go of everything.
func (p *provider) finish() {
	if v := recover(); v != nil {
		logPanic(p.log, v)
	}
	p.timer.Stop()
	p.closeTransport()
	close(p.ended)
	p.end(errGone)
}

var errGone = fault.Errorf(fault.Unavailable, "dimse: the association is no more")

// listen starts the reader.
func (p *provider) listen() {
	r := &reader{
		conn: p.conn, lend: p.lend, out: p.in, quit: p.ended, count: &p.received,
		data: int(p.limits.PDU), associate: p.limits.Associate, whole: p.limits.Whole,
		quiet: p.quiet, ack: quickAck(p.conn),
	}
	go r.run()
}

// quiet returns how much longer the peer may be silent: the peer of whom nothing is
// due may be as long as it likes.
func (p *provider) quiet() time.Duration {
	if p.idle <= 0 {
		return 0
	}
	if p.waiting.Load() == 0 || p.outstanding.Load() > 0 {
		return p.idle
	}
	left := p.idle - p.now().Sub(time.Unix(0, p.lastActive.Load()))
	if left == 0 {
		left = -1
	}
	return left
}

// active notes that the association is alive.
func (p *provider) active() { p.lastActive.Store(p.now().UnixNano()) }

// fire looks up what is due about an event and does it. A blank cell changes
// nothing; the answer tells.
func (p *provider) fire(in input) bool {
	a := transitions[in.event][p.state]
	if a == blank {
		return false
	}
	s := &steps[a]
	if s.when != always && !p.holds(s.when, &in) {
		s = s.otherwise
	}
	for _, e := range s.do {
		p.perform(e, in)
	}
	p.state = s.next
	if err := p.lost; err != nil {
		p.lost = nil
		p.fire(input{event: evt17, err: fault.As(fault.Unavailable, fmt.Errorf("send: %w", err))})
	}
	return true
}

// holds tells whether a condition does, PS3.8 Tables 9-6 and 9-8. When a request
// is not acceptable, in takes the rejection along.
func (p *provider) holds(c condition, in *input) bool {
	if c == requestor {
		return p.acceptable == nil
	}
	rq, _ := in.msg.(*associate)
	if no := p.acceptable(rq); no != nil {
		in.pdu = no.encode()
		return false
	}
	return true
}

// perform does one thing.
func (p *provider) perform(e effect, in input) {
	switch e {
	case connect:
		p.startDial()
	case send, sendReject:
		p.write(in.pdu)
	case sendAbortUser:
		p.write(abort(0, 0))
	case sendAbortOwn:
		p.write(abort(2, in.reason))
	case indicate:
		p.tell(indication{event: in.event, msg: in.msg, batch: in.batch})
	case indicateAbort:
		if in.err == nil {
			in.err = fault.Errorf(fault.Invalid, "dimse: event %d is not due in Sta%d", in.event, p.state)
		}
		p.end(in.err)
		p.tell(indication{event: evt16, err: in.err})
	case startTimer:
		p.timer.Reset(p.limits.ARTIM)
	case stopTimer:
		p.timer.Stop()
	case closeTransport:
		p.closeTransport()
	}
}

// tell queues an indication. Data of one batch are one indication.
func (p *provider) tell(i indication) {
	if i.event == evt10 {
		if p.current == i.batch {
			return
		}
		p.current = i.batch
	}
	p.pending = append(p.pending, i)
}

// within returns the deadline of something that may take d: the machine counts it, by
// its own clock, whatever Now says.
func within(d time.Duration) time.Time {
	return time.Now().Add(d) //nolint:forbidigo // not a time to be told
}

// write sends one PDU in one piece.
func (p *provider) write(pdu []byte) {
	if p.lost != nil {
		return
	}
	if err := p.conn.SetWriteDeadline(within(p.limits.Write)); err != nil {
		p.lost = err
		return
	}
	n, err := p.conn.Write(pdu)
	p.sent.Add(int64(n))
	p.active()
	if err != nil {
		p.lost = err
	}
}

func (p *provider) closeTransport() {
	if p.conn != nil {
		_ = p.conn.Close() // there is nobody left to tell
	}
	if p.undial != nil {
		p.undial()
	}
}

// startDial opens the connection; opened hears of it.
func (p *provider) startDial() {
	ctx, cancel := context.WithCancel(context.Background())
	p.undial = cancel
	go func() {
		conn, err := p.dial(ctx)
		select {
		case p.opened <- opening{conn, err}:
		case <-p.ended:
			if err == nil {
				_ = conn.Close() // nobody wants it any more
			}
		}
	}()
}

// open takes the connection that was dialled.
func (p *provider) open(o opening) {
	if o.err != nil {
		p.fire(input{event: evt17, err: fault.As(fault.Unavailable, fmt.Errorf("connect: %w", o.err))})
		return
	}
	p.conn = o.conn
	p.listen()
	p.fire(input{event: evt2, pdu: p.request})
}

// primitive does what the local user asks for; it is an error where the table has
// a blank.
func (p *provider) primitive(r request) error {
	if !p.fire(input{event: r.event, pdu: r.pdu}) {
		return errGone
	}
	return nil
}

// arrive takes what the reader brought.
func (p *provider) arrive(a arrival) {
	switch {
	case a.batch != nil:
		p.active()
		for _, f := range a.batch.frames {
			p.receive(f, a.batch)
		}
		if p.current != a.batch {
			p.lend.put(a.batch) // nobody was told of it
		}
		p.current = nil
	case a.event == 0:
		p.giveUp(a.err)
	case a.event == evt19:
		p.fire(input{event: evt19, reason: reasonOf(a.err), err: a.err})
	default:
		p.fire(input{event: evt17, err: fault.As(fault.Unavailable, fmt.Errorf("connection lost: %w", a.err))})
	}
}

// giveUp aborts as the local user would and tells that user.
func (p *provider) giveUp(cause error) {
	err := fault.As(fault.Unavailable, cause)
	if p.fire(input{event: evt15}) {
		p.perform(indicateAbort, input{err: err})
	}
}

// receive takes one PDU.
func (p *provider) receive(f frame, b *batch) {
	had := len(b.pdvs)
	in := input{event: received[f.kind], reason: abortUnexpected, batch: b}
	var err error
	switch f.kind {
	case associateRQ, associateAC:
		in.msg, err = parseAssociate(f.kind, f.body)
	case associateRJ:
		in.msg, err = parseRejection(f.body)
	case dataTF:
		b.pdvs, err = parseData(b.pdvs, f.body)
	case abortPDU:
		in.err = abortedBy(f.body)
	case releaseRQ, releaseRP:
		_, err = parseShort(f.kind, f.body)
	}
	if err != nil {
		in.event, in.reason, in.err = evt19, reasonOf(err), err
	}
	was := p.state
	p.fire(in)
	if f.kind == dataTF && (in.event != evt10 || transitions[evt10][was] != dt2 && transitions[evt10][was] != ar6) {
		b.pdvs = b.pdvs[:had]
	}
}

// abortedBy says who aborted, and why if that was said.
func abortedBy(body []byte) error {
	b, err := parseShort(abortPDU, body)
	if err != nil {
		b = [4]byte{}
	}
	if b[2] == 2 {
		return fault.Errorf(fault.Unavailable, "dimse: the peer's service-provider aborted, reason %d", b[3])
	}
	return fault.Errorf(fault.Unavailable, "dimse: the peer aborted")
}

// ask is how the local user issues a primitive. It returns once the machine has
// acted on it.
func (p *provider) ask(e event, pdu []byte) error {
	r := request{event: e, pdu: pdu, done: make(chan error, 1)}
	select {
	case p.requests <- r:
	case <-p.ended:
		return errGone
	}
	select {
	case err := <-r.done:
		return err
	case <-p.ended:
	}
	select {
	case err := <-r.done: // it was the last thing the machine did
		return err
	default:
		return errGone
	}
}

// hear is how the local user waits for the next indication; false means that there
// will be none.
func (p *provider) hear() (indication, bool) {
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	select {
	case i := <-p.out:
		return i, true
	case <-p.ended:
		return indication{err: errGone}, false
	}
}

// gone reports whether the association is no more.
func (p *provider) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}
