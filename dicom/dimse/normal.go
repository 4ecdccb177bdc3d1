package dimse

import (
	"context"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// DIMSE-N, PS3.7 section 10.

// An Operation is one of DIMSE-N.
type Operation string

// The operations.
const (
	EventReport Operation = "N-EVENT-REPORT"
	NGet        Operation = "N-GET"
	NSet        Operation = "N-SET"
	NAction     Operation = "N-ACTION"
	NCreate     Operation = "N-CREATE"
	NDelete     Operation = "N-DELETE"
)

// fields are the command fields of the operations.
var fields = map[Operation]commandField{
	EventReport: nEventRQ, NGet: nGetRQ, NSet: nSetRQ, NAction: nActionRQ, NCreate: nCreateRQ, NDelete: nDeleteRQ,
}

// A Request is a request of DIMSE-N: one that came, for a Normal, or one to be sent,
// for Association.Do.
type Request struct {
	Peer        Peer // who sent it; not looked at when sending
	Operation   Operation
	Context     uid.UID        // SOP class of the presentation context; zero when sending is SOPClass
	SOPClass    uid.UID        // as the message says
	SOPInstance uid.UID        // zero in an N-CREATE that leaves it to the SCP
	Type        uint16         // action type of N-ACTION, event type of N-EVENT-REPORT
	Attributes  []tag.Tag      // N-GET: what is asked for; none is all
	Dataset     *dicom.Dataset // nil if there is none
	MessageID   uint16         // not looked at when sending
}

// A Reply is the answer to a Request.
type Reply struct {
	SOPInstance uid.UID        // of what was made or found; zero is that of the request
	Status      Status         // Success or a warning; failures are errors
	Dataset     *dicom.Dataset // nil is none

	// Then, unless it is nil, is called in a goroutine of its own after the answer is
	// out, with the association as it stands: for an N-EVENT-REPORT on the same one
	// (PS3.4 section J.3.3). The context ends with the association; what Then does for
	// longer than that needs another one.
	Then func(ctx context.Context, same Normal)
}

// A Normal answers DIMSE-N, or asks it. It must be safe for concurrent use.
type Normal interface {
	// Do answers a request. An error becomes the status (NormalStatuses tells which; a
	// *StatusError says its own). Requests of one association come one after the other,
	// in the order in which they were sent.
	Do(ctx context.Context, r *Request) (*Reply, error)
}

// normal answers a request of DIMSE-N, in its turn: what is created is there before it
// is changed.
func (x *dialogue) normal(ctx context.Context, c *command, pc Context, n Normal, none string) error {
	if n == nil {
		return x.decline(c, pc, refuse(UnrecognisedOperation, none))
	}
	ds, bad, gone := x.identifier(c, pc)
	if gone != nil {
		return gone
	}
	began := x.now()
	r, err := x.requestN(c, pc, ds)
	var reply *Reply
	var data []byte
	if bad != nil {
		err = bad
	}
	if err == nil {
		reply, data, err = x.reply(ctx, n, r, pc)
	}
	x.performed(ctx, c, Observation{
		Occasion: Acted, Peer: r.Peer, SOPClass: pc.SOPClass, SOPInstance: r.SOPInstance, Took: x.now().Sub(began),
	}, err)
	if err != nil {
		return x.refuse(c, pc, err)
	}
	a := &command{status: reply.Status}
	if !reply.SOPInstance.IsZero() {
		a.affectedInstance = reply.SOPInstance.String()
	}
	if err := x.respond(c, pc, a, data); err != nil || reply.Then == nil {
		return err
	}
	x.p.outstanding.Add(1)
	x.due.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				logPanic(x.log, v)
			}
			x.p.outstanding.Add(-1)
		}()
		reply.Then(ctx, x)
	})
	return nil
}

// requestN makes a Request of a command. It returns one also with an error.
func (x *dialogue) requestN(c *command, pc Context, ds *dicom.Dataset) (*Request, error) {
	r := &Request{
		Peer: x.who(), Operation: Operation(c.field.String()), Context: pc.SOPClass, Attributes: c.attributes,
		Dataset: ds, MessageID: c.messageID, Type: c.actionType,
	}
	if c.field == nEventRQ {
		r.Type = c.eventType
	}
	class, instance := c.affectedClass, c.affectedInstance
	if c.field.requested() {
		class, instance = c.requestedClass, c.requestedInstance
	}
	var err error
	if r.SOPClass, err = uid.Parse(class); err != nil {
		return r, refuse(NoSuchClass, "SOP Class UID is no UID")
	}
	if instance == "" && c.field == nCreateRQ {
		return r, nil
	}
	if r.SOPInstance, err = uid.Parse(instance); err != nil {
		return r, refuse(InvalidInstance, "SOP Instance UID is no UID")
	}
	return r, nil
}

// reply asks n; a panic there is an error of kind Internal.
func (x *dialogue) reply(ctx context.Context, n Normal, r *Request, pc Context) (reply *Reply, data []byte, err error) {
	defer x.caught(&err)
	if reply, err = n.Do(ctx, r); err != nil {
		return nil, nil, err
	}
	if reply == nil {
		reply = &Reply{}
	}
	if data, err = encode(reply.Dataset, pc); err != nil {
		return nil, nil, fault.As(fault.Internal, err)
	}
	return reply, data, nil
}
