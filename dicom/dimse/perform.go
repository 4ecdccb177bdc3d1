package dimse

import (
	"bytes"
	"context"
	"time"

	"radagora/dicom"
	"radagora/dicom/uid"
	"radagora/fault"
)

// What we do when the peer asks: PS3.7 sections 9.3 and 10.3. Here are C-ECHO and
// C-STORE; query.go, retrieve.go and normal.go have the others.

// perform deals with one request. An error ends the association.
func (x *dialogue) perform(ctx context.Context, c *command, pc Context) error {
	s := pc.SOPClass
	switch {
	case c.field == nEventRQ:
		return x.normal(ctx, c, pc, x.does.events[s], "events of this class are not expected")
	case !x.asked(pc):
		return x.decline(c, pc, refuse(UnrecognisedOperation, "not in the role that was negotiated"))
	case c.field == cStoreRQ:
		return x.store(ctx, c, pc)
	case c.field == cEchoRQ && s == uid.Verification:
		if err := x.skip(c, pc); err != nil {
			return err
		}
		x.echo(ctx)
		return x.refuse(c, pc, nil)
	case c.field == cEchoRQ:
		return x.decline(c, pc, refuse(ClassNotSupported, "C-ECHO is of Verification"))
	case c.field == cFindRQ:
		return x.query(ctx, c, pc)
	case c.field == cMoveRQ, c.field == cGetRQ:
		return x.retrieve(ctx, c, pc)
	case c.field.normal():
		return x.normal(ctx, c, pc, x.does.normal[s], "this class has no such operation")
	}
	return x.decline(c, pc, refuse(UnrecognisedOperation, "no such operation"))
}

// decline refuses a request without looking at its data set.
func (x *dialogue) decline(c *command, pc Context, why *StatusError) error {
	if err := x.skip(c, pc); err != nil {
		return err
	}
	return x.refuse(c, pc, why)
}

// echo tells who wants to know.
func (x *dialogue) echo(ctx context.Context) {
	defer func() {
		if v := recover(); v != nil {
			logPanic(x.log, v) // the answer is still that we are here
		}
	}()
	peer := x.who()
	if x.does.echo != nil {
		x.does.echo(ctx, peer)
	}
	x.observe(ctx, Observation{Occasion: Echoed, Peer: peer})
}

// Bounds of an identifier, and of a data set of DIMSE-N, before anybody looks at it.
const (
	identifierElements = 1 << 18
	identifierDepth    = 16
)

// identifier reads the data set of c, bounded in size and depth; nil if c has none. bad
// is why it cannot be had although the association goes on.
func (x *dialogue) identifier(c *command, pc Context) (ds *dicom.Dataset, bad, gone error) {
	if !c.dataSet {
		return nil, nil, nil
	}
	d := &dataSet{s: &x.stream, context: pc.ID, limit: x.limits.Identifier}
	b, bad, gone := d.whole(x.limits.Drain)
	if bad != nil || gone != nil {
		return nil, bad, gone
	}
	ds, bad = x.decode(b, pc)
	return ds, bad, nil
}

// decode reads a data set that came in a context.
func (x *dialogue) decode(b []byte, pc Context) (*dicom.Dataset, error) {
	f, err := dicom.ReadDataset(bytes.NewReader(b), pc.TransferSyntax, &dicom.Options{
		Window: len(b) + 1, Elements: identifierElements, Depth: identifierDepth, Inflated: x.limits.Identifier,
	})
	if err != nil {
		return nil, fault.As(fault.Invalid, err)
	}
	return f.Dataset, nil
}

// encode writes a data set for a context; nil becomes nothing.
func encode(ds *dicom.Dataset, pc Context) ([]byte, error) {
	if ds == nil || ds.Len() == 0 {
		return nil, nil
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, ds, pc.TransferSyntax); err != nil {
		return nil, err
	}
	if b.Len()%2 == 1 { // a deflated one (PS3.5 A.5)
		b.WriteByte(0)
	}
	return b.Bytes(), nil
}

// store takes one object in.
func (x *dialogue) store(ctx context.Context, c *command, pc Context) error {
	began := x.now()
	data := &dataSet{s: &x.stream, context: pc.ID, limit: x.limits.Object}
	in, err := x.incoming(c, pc, data)
	var wait func(context.Context) error
	if err == nil {
		wait, err = x.keep(ctx, in)
	}
	if c.dataSet {
		skipped, gone := data.drain(x.limits.Drain)
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
	if x.places == nil || wait == nil || err != nil {
		return x.settle(ctx, c, pc, wait, err, began, o)
	}
	if no := x.take(c, nil, false); no != nil {
		return x.settle(ctx, c, pc, nil, no, began, o)
	}
	x.places <- struct{}{}
	x.due.Go(func() {
		// An error means that the association has ended, which converse learns too.
		_ = x.settle(ctx, c, pc, wait, nil, began, o)
		<-x.places
		x.paid(c)
	})
	return nil
}

// incoming checks the request. It returns an Incoming also with an error.
func (x *dialogue) incoming(c *command, pc Context, data *dataSet) (*Incoming, error) {
	in := &Incoming{
		Peer: x.who(), TransferSyntax: pc.TransferSyntax, SOPClass: pc.SOPClass, MessageID: c.messageID,
		Originator: c.originator, OriginatorID: c.originatorID, Data: data,
	}
	if x.does.store == nil || !x.stores(pc.SOPClass) {
		return in, refuse(ClassNotSupported, "this class is not stored")
	}
	if !c.dataSet {
		return in, refuse(MistypedArgument, "C-STORE without a data set")
	}
	if c.affectedClass != "" && c.affectedClass != pc.SOPClass.String() {
		return in, refuse(ClassNotSupported, "not the class of the presentation context")
	}
	var err error
	if in.SOPInstance, err = uid.Parse(c.affectedInstance); err != nil {
		return in, refuse(InvalidInstance, "Affected SOP Instance UID is no UID")
	}
	return in, nil
}

// stores reports whether objects of a class that was negotiated are stored: those
// are the classes of the standard for it, and those it does not know.
func (x *dialogue) stores(class uid.UID) bool {
	e, known := uid.Lookup(class)
	return e.Storage || !known
}

// keep calls the Storer; a panic there is an error of kind Internal.
func (x *dialogue) keep(ctx context.Context, in *Incoming) (wait func(context.Context) error, err error) {
	defer x.caught(&err)
	return x.does.store.Store(ctx, in)
}

// settle waits until the object is durable, answers and tells about it.
func (x *dialogue) settle(ctx context.Context, c *command, pc Context, wait func(context.Context) error, err error, began time.Time, o Observation) error {
	if err == nil && wait != nil {
		err = x.durable(ctx, wait)
	}
	sent := x.refuse(c, pc, err)
	o.Status, o.Took = statusOf(c.field, err), x.now().Sub(began)
	if !o.Status.OK() { // a warning says that it is kept
		o.Err = err
		x.log.WarnContext(ctx, "object refused", "peer", o.Peer, "sop_instance", o.SOPInstance.String(),
			"sop_class", o.SOPClass.String(), "status", o.Status.String(), "kind", fault.Of(err).String(), "error", err)
	}
	x.observe(ctx, o)
	return sent
}

// durable calls wait; a panic there is an error of kind Internal.
func (x *dialogue) durable(ctx context.Context, wait func(context.Context) error) (err error) {
	defer x.caught(&err)
	return wait(ctx)
}
