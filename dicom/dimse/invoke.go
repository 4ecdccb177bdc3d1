package dimse

import (
	"context"
	"fmt"
	"io"
	"time"

	"radagora/dicom"
	"radagora/dicom/uid"
	"radagora/fault"
)

// What we ask of the peer, and how its answers find who waits for them: PS3.7 sections
// 9.1 and 10.1. Both sides of an association may ask, each in the roles it has.

// A waiting is a request of ours whose last answer has not come.
type waiting struct {
	id   uint16
	pc   Context
	in   chan *message
	gone chan struct{} // closed by who listens no more
}

// A message is an answer.
type message struct {
	*command
	data []byte
	bad  error // why the data set is not there
}

// queued is how many answers of one query wait for who asked before reading stops.
const queued = 64

// enlist gives c a message ID that is not in use and returns where its answers come.
func (x *dialogue) enlist(c *command, pc Context) *waiting {
	most := 1
	if c.field == cFindRQ || c.field == cMoveRQ || c.field == cGetRQ {
		most = queued
	}
	w := &waiting{pc: pc, in: make(chan *message, most), gone: make(chan struct{})}
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.next++; x.answers[x.next] != nil; {
		x.next++
	}
	w.id, c.messageID = x.next, x.next
	x.answers[x.next] = w
	return w
}

// strike forgets a message whose answer will not come.
func (x *dialogue) strike(id uint16) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.answers, id)
}

// answered hands an answer to who waits for it.
func (x *dialogue) answered(c *command, pc Context) error {
	m := &message{command: c}
	if c.dataSet {
		var gone error
		d := &dataSet{s: &x.stream, context: pc.ID, limit: x.limits.Identifier}
		if m.data, m.bad, gone = d.whole(x.limits.Drain); gone != nil {
			return gone
		}
	}
	x.mu.Lock()
	w := x.answers[c.respondedTo]
	if !c.status.Pending() {
		delete(x.answers, c.respondedTo)
	}
	x.mu.Unlock()
	if w == nil {
		return broken("a message that answers nothing")
	}
	select {
	case w.in <- m:
	case <-w.gone:
		x.took(m)
	case <-x.p.ended:
	}
	select {
	case <-w.gone:
		x.drain(w) // it may have gone at the same moment
	default:
	}
	return nil
}

// ask sends a request by send. The place it takes in the window is given back with
// the last answer.
func (x *dialogue) ask(ctx context.Context, pc Context, c *command, send func() error) (*waiting, error) {
	select {
	case x.slots <- struct{}{}:
	case <-x.over:
		return nil, x.whyGone()
	case <-ctx.Done():
		return nil, fault.As(fault.Unavailable, ctx.Err())
	}
	w := x.enlist(c, pc)
	if err := send(); err != nil {
		x.strike(c.messageID)
		<-x.slots
		return nil, err
	}
	return w, nil
}

// askSet is ask with a data set, nil for none.
func (x *dialogue) askSet(ctx context.Context, pc Context, c *command, ds *dicom.Dataset) (*waiting, error) {
	data, err := encode(ds, pc)
	if err != nil {
		return nil, err
	}
	c.dataSet = len(data) > 0
	return x.ask(ctx, pc, c, func() error {
		if x.sender.whole(pc.ID, c, data) != nil {
			return x.whyGone()
		}
		return nil
	})
}

// sendMessage sends one message whole.
func (x *dialogue) sendMessage(ctx context.Context, pc Context, c *command, data io.Reader) error {
	x.sender.mu.Lock()
	defer x.sender.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fault.As(fault.Unavailable, err)
	}
	var src *source
	if data != nil {
		syntax, _ := uid.SyntaxOf(pc.TransferSyntax)
		var err error
		if src, err = x.sender.open(data, syntax.Deflated); err != nil {
			return fmt.Errorf("read the data set: %w", err)
		}
	}
	if err := x.sender.command(pc.ID, c); err != nil {
		return x.whyGone()
	}
	if src == nil {
		return nil
	}
	stop := context.AfterFunc(ctx, x.abort)
	defer stop()
	err := x.sender.data(pc.ID, src)
	switch {
	case err == nil:
		return nil
	case src.failed != nil:
		x.abort()
		return fmt.Errorf("read the data set: %w", err)
	case ctx.Err() != nil:
		return fault.As(fault.Unavailable, ctx.Err())
	}
	return x.whyGone()
}

// await waits for the next answer, at most so long. After an error nothing more is
// heard, and the place of a late answer is given back when it comes.
func (x *dialogue) await(ctx context.Context, w *waiting, most time.Duration) (*message, error) {
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case m := <-w.in:
		return x.took(m), nil
	case <-x.over:
		select {
		case m := <-w.in: // it came last
			return x.took(m), nil
		default:
		}
		return nil, x.whyGone()
	case <-ctx.Done():
		return nil, fault.As(fault.Unavailable, ctx.Err())
	case <-t.C:
		x.strike(w.id)
		x.abort()
		return nil, fault.Errorf(fault.Unavailable, "dimse: no answer within %s", most)
	}
}

// took gives back the place in the window if m is the last answer.
func (x *dialogue) took(m *message) *message {
	if !m.status.Pending() {
		<-x.slots
	}
	return m
}

// leave listens no more to w. Its last answer gives back its place.
func (x *dialogue) leave(w *waiting) {
	close(w.gone)
	x.drain(w)
}

// drain takes the answers that nobody waits for.
func (x *dialogue) drain(w *waiting) {
	for {
		select {
		case m := <-w.in:
			x.took(m)
		default:
			return
		}
	}
}

// do sends a request and waits for its one answer.
func (x *dialogue) do(ctx context.Context, pc Context, c *command, data io.Reader) (*message, error) {
	w, err := x.ask(ctx, pc, c, func() error { return x.sendMessage(ctx, pc, c, data) })
	if err != nil {
		return nil, err
	}
	m, err := x.await(ctx, w, x.timeout)
	if err != nil {
		x.leave(w)
	}
	return m, err
}

// abort ends the association at once. It does nothing if there is none any more.
func (x *dialogue) abort() {
	x.mu.Lock()
	if x.err == nil {
		x.err = fault.Errorf(fault.Unavailable, "dimse: aborted here")
	}
	x.mu.Unlock()
	x.end()
	_ = x.p.ask(evt15, nil) // a blank cell: there is no association any more
}

// whyGone returns why the association is no more.
func (x *dialogue) whyGone() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err != nil {
		return x.err
	}
	return errGone
}

// storeOut is a C-STORE, PS3.7 section 9.1.1.
func (x *dialogue) storeOut(ctx context.Context, o Outgoing) (Status, error) {
	for _, pc := range x.contexts {
		if pc.Result != Accepted || pc.SOPClass != o.SOPClass || pc.TransferSyntax != o.TransferSyntax || !x.asks(pc) {
			continue
		}
		m, err := x.do(ctx, pc, &command{
			field: cStoreRQ, affectedClass: o.SOPClass.String(), affectedInstance: o.SOPInstance.String(), dataSet: true,
			originator: o.Originator, originatorID: o.OriginatorID,
		}, o.Data)
		if err != nil {
			return 0, err
		}
		return m.status, nil
	}
	return 0, fmt.Errorf("store %s in %s: %w", o.SOPClass, o.TransferSyntax, ErrNoContext)
}

// Do implements Normal: it sends a request of DIMSE-N and returns the answer.
func (x *dialogue) Do(ctx context.Context, r *Request) (*Reply, error) {
	class := r.Context
	if class.IsZero() {
		class = r.SOPClass
	}
	field, ok := fields[r.Operation]
	if !ok {
		return nil, fault.Errorf(fault.Invalid, "dimse: no operation %q", r.Operation)
	}
	pc, ok := x.contextOf(class, field == nEventRQ)
	if !ok {
		return nil, fmt.Errorf("%s of %s: %w", r.Operation, class, ErrNoContext)
	}
	c := &command{field: field, attributes: r.Attributes, eventType: r.Type, actionType: r.Type} // encode writes the one that belongs
	if field.requested() {
		c.requestedClass, c.requestedInstance = r.SOPClass.String(), r.SOPInstance.String()
	} else {
		c.affectedClass, c.affectedInstance = r.SOPClass.String(), r.SOPInstance.String()
	}
	m, err := x.doSet(ctx, pc, c, r.Dataset)
	if err != nil {
		return nil, err
	}
	reply := &Reply{Status: m.status}
	reply.SOPInstance, _ = uid.Parse(m.affectedInstance)
	if len(m.data) > 0 {
		if reply.Dataset, err = x.decode(m.data, pc); err != nil {
			return reply, err
		}
	}
	return reply, m.failure()
}

// contextOf finds a presentation context for a class, in which we are the SCU or, to
// report events, the SCP.
func (x *dialogue) contextOf(class uid.UID, report bool) (Context, bool) {
	for _, c := range x.contexts {
		if c.Result == Accepted && c.SOPClass == class && (!report && x.asks(c) || report && x.asked(c)) {
			return c, true
		}
	}
	return Context{}, false
}

// doSet is do with a data set, nil for none.
func (x *dialogue) doSet(ctx context.Context, pc Context, c *command, ds *dicom.Dataset) (*message, error) {
	w, err := x.askSet(ctx, pc, c, ds)
	if err != nil {
		return nil, err
	}
	m, err := x.await(ctx, w, x.timeout)
	if err != nil {
		x.leave(w)
		return nil, err
	}
	return m, m.bad
}

// failure returns what an answer says if it is no success.
func (m *message) failure() error {
	if m.status.OK() || m.status.Pending() {
		return nil
	}
	err := &StatusError{Status: m.status, Text: "the peer answered " + m.status.String(), ID: m.errorID, Attributes: m.offending}
	if m.comment != "" {
		err.Text += ": " + m.comment
	}
	return err
}
