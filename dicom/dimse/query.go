package dimse

import (
	"context"
	"iter"

	"radagora/dicom"
	"radagora/dicom/uid"
	"radagora/fault"
)

// C-FIND, PS3.7 sections 9.1.2 and 9.3.2, PS3.4 section C.4.1.

// A Query is a C-FIND, C-MOVE or C-GET request.
type Query struct {
	Peer        Peer
	SOPClass    uid.UID        // which information model: patient root, study root, modality worklist …
	Identifier  *dicom.Dataset // decoded and bounded; values are as sent
	Options     Options        // what extended negotiation agreed to for SOPClass
	Destination string         // C-MOVE: the application entity title it names
	MessageID   uint16

	// Partial is set by a Finder, before its first result, that found keys it neither
	// matches nor returns: the pending responses then say so (FF01).
	Partial bool
}

// A Finder answers C-FIND. It must be safe for concurrent use.
type Finder interface {
	// Find yields what matches: each data set becomes a pending response. An error ends
	// it and becomes the final status (FindStatuses tells which; a *StatusError says
	// its own). The context ends when the peer cancels or the association ends; what is
	// yielded after that is not sent. A slow peer keeps yield waiting, so nothing
	// scarce should be held meanwhile.
	Find(ctx context.Context, q *Query) iter.Seq2[*dicom.Dataset, error]
}

// request makes a Query of a command and its identifier.
func (x *dialogue) request(c *command, pc Context, identifier *dicom.Dataset) *Query {
	return &Query{
		Peer: x.who(), SOPClass: pc.SOPClass, Identifier: identifier, Options: x.options[pc.SOPClass],
		Destination: c.destination, MessageID: c.messageID,
	}
}

// finder returns who answers C-FIND in a context, nil if nobody does.
func (x *dialogue) finder(class uid.UID) Finder {
	if kind := kindOf(class); kind == Querying {
		return x.does.find
	} else if kind == Scheduling {
		return x.does.worklist
	}
	return nil
}

// kindOf returns what an information model is for, "" for other classes.
func kindOf(class uid.UID) ServiceKind {
	for _, m := range models {
		if m.class == class {
			return m.kind
		}
	}
	return ""
}

// query begins a C-FIND.
func (x *dialogue) query(ctx context.Context, c *command, pc Context) error {
	finder := x.finder(pc.SOPClass)
	if finder == nil {
		return x.decline(c, pc, refuse(UnrecognisedOperation, "this class has no C-FIND"))
	}
	identifier, bad, gone := x.identifier(c, pc)
	switch {
	case gone != nil:
		return gone
	case bad != nil:
		return x.unreadable(c, pc, bad)
	case identifier == nil:
		return x.refuse(c, pc, refuse(MistypedArgument, "C-FIND without an identifier"))
	}
	return x.beside(ctx, c, pc, func(ctx context.Context) {
		began := x.now()
		q := x.request(c, pc, identifier)
		n, err := x.find(ctx, c, pc, finder, q)
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		_ = x.refuse(c, pc, err) // an error is that the association has ended, which converse learns too
		o := Observation{Occasion: Queried, Peer: q.Peer, SOPClass: pc.SOPClass, Count: n, Took: x.now().Sub(began)}
		x.performed(ctx, c, o, err)
	})
}

// find sends what the finder finds, and returns how much that was.
func (x *dialogue) find(ctx context.Context, c *command, pc Context, finder Finder, q *Query) (n int, err error) {
	defer x.caught(&err)
	for ds, err := range finder.Find(ctx, q) {
		if err != nil || ctx.Err() != nil {
			return n, err
		}
		data, err := encode(ds, pc)
		if err != nil {
			return n, fault.As(fault.Internal, err)
		}
		r := &command{status: Pending}
		if q.Partial {
			r.status = PendingWarning
		}
		if err := x.respond(c, pc, r, data); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// unreadable refuses a request whose identifier cannot be had: it is malformed or too
// large.
func (x *dialogue) unreadable(c *command, pc Context, bad error) error {
	if fault.Of(bad) == fault.Invalid && !c.field.normal() {
		bad = refuse(CannotUnderstand, "malformed identifier: "+bad.Error())
	}
	x.performed(context.Background(), c, Observation{Occasion: occasions[c.field], Peer: x.who(), SOPClass: pc.SOPClass}, bad)
	return x.refuse(c, pc, bad)
}

// occasions says as what each operation is observed.
var occasions = map[commandField]Occasion{
	cFindRQ: Queried, cMoveRQ: Moved, cGetRQ: Got, nEventRQ: Acted, nGetRQ: Acted, nSetRQ: Acted,
	nActionRQ: Acted, nCreateRQ: Acted, nDeleteRQ: Acted,
}

// performed tells what came of an operation.
func (x *dialogue) performed(ctx context.Context, c *command, o Observation, err error) {
	if o.Err, o.Operation = err, c.field.String(); err != nil {
		o.Status = statusOf(c.field, err)
	}
	if err != nil && o.Status != Cancel {
		x.log.WarnContext(ctx, "operation refused", "peer", o.Peer, "operation", o.Operation,
			"sop_class", o.SOPClass.String(), "status", o.Status.String(), "kind", fault.Of(err).String(), "error", err)
	}
	x.observe(ctx, o)
}
