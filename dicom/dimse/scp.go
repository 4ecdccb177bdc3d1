package dimse

import (
	"context"
	"time"

	"radagora/dicom/uid"
	"radagora/fault"
)

// What a session does with requests: PS3.7 section 9.3.

// answer deals with one request. An error ends the association.
func (x *session) answer(ctx context.Context, c *command, id uint8) error {
	pc, ok := x.contexts[id]
	switch {
	case !ok:
		return broken("presentation context %d was not accepted", id)
	case c.isResponse():
		return broken("a response to nothing")
	case c.field == cCancelRQ:
		return nil // what it would cancel is done, or will be
	case c.field == cStoreRQ:
		return x.store(ctx, c, pc)
	}
	if c.dataSet {
		d := &dataSet{s: &x.stream, context: id}
		if _, err := d.drain(x.s.limits.Drain); err != nil {
			return err
		}
	}
	if c.field == cEchoRQ && pc.SOPClass == uid.Verification {
		x.echo(ctx)
		return x.respond(c, id, nil)
	}
	if c.field == cEchoRQ {
		return x.respond(c, id, &statusError{ClassNotSupported, "C-ECHO is of Verification"})
	}
	return x.respond(c, id, &statusError{UnrecognisedOperation, "only C-ECHO and C-STORE are served"})
}

// echo tells who wants to know.
func (x *session) echo(ctx context.Context) {
	defer func() {
		if v := recover(); v != nil {
			logPanic(x.s.Log, v) // the answer is still that we are here
		}
	}()
	peer := *x.peer.Load()
	if x.s.Echo != nil {
		x.s.Echo(ctx, peer)
	}
	x.observe(ctx, Observation{Occasion: Echoed, Peer: peer})
}

// respond sends the response to c that err calls for.
func (x *session) respond(c *command, id uint8, err error) error {
	r := &command{
		field: c.field | response, respondedTo: c.messageID, status: statusOf(err), comment: comment(err),
		affectedClass: c.affectedClass, affectedInstance: c.affectedInstance,
	}
	if r.affectedClass == "" {
		r.affectedClass = c.requestedClass
	}
	x.messages.Add(1)
	x.status.Store(uint32(r.status))
	x.sender.mu.Lock()
	defer x.sender.mu.Unlock()
	return x.sender.command(id, r)
}

// store takes one object in.
func (x *session) store(ctx context.Context, c *command, pc Context) error {
	began := x.s.Now()
	data := &dataSet{s: &x.stream, context: pc.ID, limit: x.s.limits.Object}
	in, err := x.incoming(c, pc, data)
	var wait func(context.Context) error
	if err == nil {
		wait, err = x.keep(ctx, in)
	}
	if c.dataSet {
		skipped, gone := data.drain(x.s.limits.Drain)
		if gone != nil {
			return gone
		}
		if skipped != nil {
			err = skipped
		}
	}
	o := Observation{
		Occasion: Stored, Peer: in.Peer, SOPClass: in.SOPClass, SOPInstance: in.SOPInstance,
		Syntax: in.TransferSyntax, Bytes: data.n,
	}
	if x.slots == nil || wait == nil || err != nil {
		return x.settle(ctx, c, pc.ID, wait, err, began, o)
	}
	if !x.owe(c.messageID) {
		err = &statusError{DuplicateInvocation, "message ID is in use"}
		return x.settle(ctx, c, pc.ID, nil, err, began, o)
	}
	x.due.Go(func() {
		// An error means that the association has ended, which serve learns too.
		_ = x.settle(ctx, c, pc.ID, wait, nil, began, o)
		x.paid(c.messageID)
	})
	return nil
}

// owe takes a place for an answer that is due later; false is that one is due
// already for the same message.
func (x *session) owe(id uint16) bool {
	x.dueMu.Lock()
	dup := x.dueIDs[id]
	x.dueIDs[id] = true
	x.dueMu.Unlock()
	if dup {
		return false
	}
	x.p.outstanding.Add(1)
	x.slots <- struct{}{}
	return true
}

// paid gives the place back.
func (x *session) paid(id uint16) {
	x.dueMu.Lock()
	delete(x.dueIDs, id)
	x.dueMu.Unlock()
	<-x.slots
	x.p.outstanding.Add(-1)
	x.p.active()
}

// incoming checks the request. It returns an Incoming also with an error.
func (x *session) incoming(c *command, pc Context, data *dataSet) (*Incoming, error) {
	in := &Incoming{Peer: *x.peer.Load(), TransferSyntax: pc.TransferSyntax, SOPClass: pc.SOPClass, MessageID: c.messageID, Data: data}
	if pc.SOPClass == uid.Verification {
		return in, &statusError{ClassNotSupported, "Verification stores nothing"}
	}
	if !c.dataSet {
		return in, &statusError{MistypedArgument, "C-STORE without a data set"}
	}
	if c.affectedClass != "" && c.affectedClass != pc.SOPClass.String() {
		return in, &statusError{ClassNotSupported, "not the class of the presentation context"}
	}
	var err error
	if in.SOPInstance, err = uid.Parse(c.affectedInstance); err != nil {
		return in, &statusError{InvalidInstance, "Affected SOP Instance UID is no UID"}
	}
	return in, nil
}

// keep calls the Storer; a panic there is an error of kind Internal.
func (x *session) keep(ctx context.Context, in *Incoming) (wait func(context.Context) error, err error) {
	defer func() {
		if v := recover(); v != nil {
			logPanic(x.s.Log, v)
			wait, err = nil, fault.Errorf(fault.Internal, "dimse: panic")
		}
	}()
	return x.s.Store.Store(ctx, in)
}

// settle waits until the object is durable, answers and tells about it.
func (x *session) settle(ctx context.Context, c *command, id uint8, wait func(context.Context) error, err error, began time.Time, o Observation) error {
	if err == nil && wait != nil {
		err = x.durable(ctx, wait)
	}
	sent := x.respond(c, id, err)
	o.Status, o.Err, o.Took = statusOf(err), err, x.s.Now().Sub(began)
	if err != nil {
		x.s.Log.WarnContext(ctx, "object refused", "peer", o.Peer, "sop_instance", o.SOPInstance.String(),
			"sop_class", o.SOPClass.String(), "status", o.Status.String(), "kind", fault.Of(err).String(), "error", err)
	}
	x.observe(ctx, o)
	return sent
}

// durable calls wait; a panic there is an error of kind Internal.
func (x *session) durable(ctx context.Context, wait func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			logPanic(x.s.Log, v)
			err = fault.Errorf(fault.Internal, "dimse: panic")
		}
	}()
	return wait(ctx)
}
