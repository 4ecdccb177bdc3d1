package dimse

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"radagora/dicom/uid"
	"radagora/fault"
)

// A dialogue is the messages of one association, in both directions: what the peer
// asks and we perform, and what we ask and the peer answers. One goroutine reads
// (converse); what takes long is performed beside it, so that C-CANCEL and the
// answers to our own requests are heard meanwhile.
type dialogue struct {
	p        *provider
	log      *slog.Logger
	now      func() time.Time
	limits   Limits
	stream   stream
	sender   *sender
	contexts []Context
	acceptor bool // the peer requested the association
	does     performer
	who      func() Peer
	observe  func(context.Context, Observation)
	options  map[uid.UID]Options // extended negotiation, by class

	// What the peer asked.
	places   chan struct{} // one for each answer that may be due; nil without asynchronous operations
	due      sync.WaitGroup
	dueMu    sync.Mutex
	dueIDs   map[uint16]due
	running  int // operations beside the reader; guarded by dueMu
	messages atomic.Int64
	status   atomic.Uint32
	atRest   atomic.Bool // waits for a message

	// What we asked.
	timeout time.Duration // for an answer
	silence time.Duration // for the next answer of a query or retrieval
	slots   chan struct{} // one for each operation outstanding
	over    chan struct{} // operations have no answer to wait for any more
	end     func()        // closes over, once

	mu       sync.Mutex
	err      error // why the association is no more
	released bool
	next     uint16
	answers  map[uint16]*waiting
}

// A due answer is one that is not yet sent.
type due struct {
	to     *command
	cancel context.CancelCauseFunc // nil for what cannot be cancelled
	beside bool                    // it runs beside the reader
}

// start makes what a dialogue needs before anything is said.
func (x *dialogue) start() {
	x.stream = stream{p: x.p}
	x.dueIDs = map[uint16]due{}
	x.answers = map[uint16]*waiting{}
	x.slots, x.over = make(chan struct{}, 1), make(chan struct{})
	x.end = sync.OnceFunc(func() { close(x.over) })
}

// context finds a presentation context that was accepted, by its number.
func (x *dialogue) context(id uint8) (Context, bool) {
	for _, c := range x.contexts {
		if c.ID == id && c.Result == Accepted {
			return c, true
		}
	}
	return Context{}, false
}

// asks reports whether we are the SCU in a context.
func (x *dialogue) asks(c Context) bool {
	if x.acceptor {
		return c.SCP
	}
	return c.SCU
}

// asked reports whether the peer is the SCU in a context.
func (x *dialogue) asked(c Context) bool {
	if x.acceptor {
		return c.SCU
	}
	return c.SCP
}

// converse hears what the peer says until the association ends, and waits for what is
// still performed. It returns a bare *interruptionError if the association ended
// between messages.
func (x *dialogue) converse(ctx context.Context) (err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer x.due.Wait()
	defer stop(errGone)
	defer func() {
		x.lost(err)
		x.end()
	}()
	defer func() {
		if v := recover(); v != nil {
			logPanic(x.log, v)
			err = fault.Errorf(fault.Internal, "dimse: panic")
		}
	}()
	for {
		x.atRest.Store(true)
		c, id, err := x.stream.command()
		x.atRest.Store(false)
		if err == nil {
			err = x.message(ctx, c, id)
		}
		switch {
		case err == nil:
		case c != nil:
			return fmt.Errorf("within a message: %w", err)
		default:
			return err
		}
	}
}

// lost notes why the association is no more, for those who wait for answers.
func (x *dialogue) lost(err error) {
	if i, ok := err.(*interruptionError); ok && (i.event == evt12 || i.event == evt13) { //nolint:errorlint // wrapped, it came within a message
		err = fault.Errorf(fault.Unavailable, "dimse: the association was released")
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err == nil && !x.released {
		x.err = err
	}
}

// message deals with one message. An error ends the association.
func (x *dialogue) message(ctx context.Context, c *command, id uint8) error {
	pc, ok := x.context(id)
	switch {
	case !ok:
		return broken("presentation context %d was not accepted", id)
	case c.isResponse():
		return x.answered(c, pc)
	case c.field == cCancelRQ:
		x.cancel(c.respondedTo)
		return x.skip(c, pc)
	}
	return x.perform(ctx, c, pc)
}

// skip passes over the data set of a message that should have none.
func (x *dialogue) skip(c *command, pc Context) error {
	if !c.dataSet {
		return nil
	}
	_, err := (&dataSet{s: &x.stream, context: pc.ID}).drain(x.limits.Drain)
	return err
}

// cancel ends the operation of a message, if it is still under way (PS3.7 section
// 9.3.2.3). One that is done already has been answered.
func (x *dialogue) cancel(id uint16) {
	x.dueMu.Lock()
	cancel := x.dueIDs[id].cancel
	x.dueMu.Unlock()
	if cancel != nil {
		cancel(errCancelled)
	}
}

// errCancelled is why an operation ends that the peer has cancelled.
var errCancelled = refuse(Cancel, "cancelled")

// respond sends a response to c.
func (x *dialogue) respond(c *command, pc Context, r *command, data []byte) error {
	r.field, r.respondedTo = c.field|response, c.messageID
	if r.affectedClass == "" {
		if r.affectedClass = c.affectedClass; c.affectedClass == "" {
			r.affectedClass = c.requestedClass
		}
	}
	if r.affectedInstance == "" {
		if r.affectedInstance = c.affectedInstance; c.affectedInstance == "" {
			r.affectedInstance = c.requestedInstance
		}
	}
	r.eventType, r.actionType, r.dataSet = c.eventType, c.actionType, len(data) > 0
	if !r.status.Pending() {
		x.messages.Add(1)
		x.status.Store(uint32(r.status))
		x.free(c) // the peer may ask again as soon as it has the answer
	}
	return x.sender.whole(pc.ID, r, data)
}

// refuse sends the response to c that err calls for.
func (x *dialogue) refuse(c *command, pc Context, err error) error {
	return x.respond(c, pc, failure(c.field, err), nil)
}

// failure returns what a response to f says about err; nil is success.
func failure(f commandField, err error) *command {
	r := &command{status: statusOf(f, err), comment: comment(err)}
	if s, ok := asStatus(err); ok {
		r.errorID, r.offending = s.ID, s.Attributes
	}
	return r
}

// take notes that the answer to a message is due. cancel is how the operation is
// cancelled, nil if it cannot be. No more run beside the reader at once than the peer
// may have outstanding.
func (x *dialogue) take(c *command, cancel context.CancelCauseFunc, beside bool) error {
	x.dueMu.Lock()
	defer x.dueMu.Unlock()
	if _, dup := x.dueIDs[c.messageID]; dup {
		return refuse(DuplicateInvocation, "message ID is in use")
	}
	if beside {
		if x.running >= max(1, cap(x.places)) {
			return fault.Errorf(fault.Exhausted, "more operations than were negotiated")
		}
		x.running++
	}
	x.dueIDs[c.messageID] = due{c, cancel, beside}
	x.p.outstanding.Add(1)
	return nil
}

// free gives the number of a message back, and its place beside the reader, if its
// answer was due.
func (x *dialogue) free(c *command) {
	x.dueMu.Lock()
	defer x.dueMu.Unlock()
	d := x.dueIDs[c.messageID]
	if d.to != c {
		return
	}
	delete(x.dueIDs, c.messageID)
	if d.beside {
		x.running--
	}
}

// paid notes that the answer to a message is out.
func (x *dialogue) paid(c *command) {
	x.free(c)
	x.p.outstanding.Add(-1)
	x.p.active()
}

// beside performs an operation beside the reader: do answers it.
func (x *dialogue) beside(ctx context.Context, c *command, pc Context, do func(context.Context)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	if no := x.take(c, cancel, true); no != nil {
		cancel(nil)
		return x.refuse(c, pc, no)
	}
	x.due.Go(func() {
		defer cancel(nil)
		defer x.paid(c)
		defer func() {
			if v := recover(); v != nil {
				logPanic(x.log, v)
				_ = x.refuse(c, pc, fault.Errorf(fault.Internal, "dimse: panic"))
			}
		}()
		do(ctx)
	})
	return nil
}

// caught makes a panic an error of kind Internal. It is called by defer.
func (x *dialogue) caught(err *error) {
	if v := recover(); v != nil {
		logPanic(x.log, v)
		*err = fault.Errorf(fault.Internal, "dimse: panic")
	}
}
