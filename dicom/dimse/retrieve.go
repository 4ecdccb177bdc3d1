package dimse

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// C-MOVE and C-GET, PS3.7 sections 9.1.3, 9.1.4, 9.3.3 and 9.3.4, PS3.4 sections C.4.2
// and C.4.3.

// A Retriever answers C-MOVE and C-GET. It must be safe for concurrent use.
type Retriever interface {
	// Select returns what is to be sent, in the order in which it goes. None is a
	// success. RetrieveStatuses tells what an error becomes.
	Select(ctx context.Context, q *Query) ([]Object, error)
	// Destination says where a C-MOVE goes (q.Destination) and how to call there; the
	// presentation contexts are proposed by this package. NotFound is that nobody is
	// called that; DestinationStatuses tells what other errors become.
	Destination(ctx context.Context, q *Query) (address string, c Config, err error)
}

// An Object is an instance to be sent by a sub-operation.
type Object struct {
	SOPClass, SOPInstance, TransferSyntax uid.UID

	// Open returns the data set without a meta header; whoever called closes it.
	Open func(ctx context.Context) (io.ReadCloser, error)
	// Transcode returns the object in one of the syntaxes of to, for a peer that does
	// not take the one it is in. If it cannot, that sub-operation fails. Nil never can.
	Transcode func(ctx context.Context, to []uid.UID) (Object, error)

	// Partial says that less is sent than was received once, such as no pixels: its
	// sub-operation counts as a warning, never as completed (PS3.4 C.4.2.1.4).
	Partial bool
}

// retrieve begins a C-MOVE or C-GET.
func (x *dialogue) retrieve(ctx context.Context, c *command, pc Context) error {
	if kind := kindOf(pc.SOPClass); x.does.retrieve == nil || c.field == cMoveRQ && kind != Moving || c.field == cGetRQ && kind != Getting {
		return x.decline(c, pc, refuse(UnrecognisedOperation, "this class has no "+c.field.String()))
	}
	identifier, bad, gone := x.identifier(c, pc)
	switch {
	case gone != nil:
		return gone
	case bad != nil:
		return x.unreadable(c, pc, bad)
	case identifier == nil:
		return x.refuse(c, pc, refuse(MistypedArgument, c.field.String()+" without an identifier"))
	}
	t := &tally{x: x, c: c, pc: pc, base: ctx}
	return x.beside(ctx, c, pc, func(ctx context.Context) {
		o := Observation{Occasion: occasions[c.field], Peer: x.who(), SOPClass: pc.SOPClass}
		began := x.now()
		err := x.transfer(ctx, t, x.request(c, pc, identifier))
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		o.Status, err = t.finish(err)
		o.Count, o.Failed, o.Took = t.total, t.failed, x.now().Sub(began)
		x.performed(ctx, c, o, err)
	})
}

// transfer sends what a query selects to where it asks for it.
func (x *dialogue) transfer(ctx context.Context, t *tally, q *Query) (err error) {
	defer x.caught(&err)
	if t.c.field == cGetRQ {
		all, err := x.does.retrieve.Select(ctx, q)
		if err != nil {
			return err
		}
		t.total = len(all)
		t.run(ctx, all, cap(x.slots), x.sendObject)
		return nil
	}
	address, config, err := x.does.retrieve.Destination(ctx, q)
	if err != nil {
		if s, ok := asStatus(err); ok {
			return s
		}
		return &StatusError{Status: destinationStatus[fault.Of(err)], Text: comment(err)}
	}
	all, err := x.does.retrieve.Select(ctx, q)
	if err != nil {
		return err
	}
	t.total = len(all)
	for part, propose := range parts(all) {
		if err := x.deliver(ctx, t, address, config, q, part, propose); err != nil {
			return err
		}
	}
	return nil
}

// deliver opens an association and sends objects over it. It is an error if the
// association cannot be opened and nothing was sent before; otherwise its objects
// count as failed.
func (x *dialogue) deliver(ctx context.Context, t *tally, address string, config Config, q *Query, part []Object, propose []Proposal) error {
	config.Propose = propose
	if config.Now == nil {
		config.Now = x.now
	}
	if config.Window == 0 {
		config.Window = x.limits.Window
	}
	assoc, err := Dial(ctx, address, config)
	if err != nil {
		if ctx.Err() != nil {
			return nil // cancelled: finish says so
		}
		t.fail(part)
		x.log.WarnContext(ctx, "destination not reached", "destination", q.Destination, "address", address, "error", err)
		return nil
	}
	sub := &suboperation{Association: assoc, originator: q.Peer.CallingAE, id: q.MessageID}
	t.run(ctx, part, assoc.Window(), sub.send)
	if ctx.Err() != nil && x.p.gone() {
		assoc.Abort()
		return nil
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), x.limits.ARTIM)
	defer cancel()
	_ = assoc.Release(end) // everything has been answered
	return nil
}

// parts divides objects so that the presentation contexts of each part fit into one
// association: one for each SOP class in each syntax that occurs, and two for the
// class in the syntaxes that anything can be made into.
func parts(all []Object) func(func([]Object, []Proposal) bool) {
	return func(yield func([]Object, []Proposal) bool) {
		from, have, propose := 0, map[[2]uid.UID]bool{}, []Proposal(nil)
		for i, o := range all {
			more := needed(o, have)
			if len(propose)+len(more) > maxContexts {
				if !yield(all[from:i], propose) {
					return
				}
				from, propose = i, nil
				clear(have)
				more = needed(o, have)
			}
			for _, p := range more {
				have[[2]uid.UID{p.SOPClass, p.Syntaxes[0]}] = true
			}
			propose = append(propose, more...)
		}
		if from < len(all) {
			yield(all[from:], propose)
		}
	}
}

// needed returns the presentation contexts for an object that there are not yet.
func needed(o Object, have map[[2]uid.UID]bool) []Proposal {
	var more []Proposal
	for _, s := range []uid.UID{o.TransferSyntax, uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian} {
		if !have[[2]uid.UID{o.SOPClass, s}] && !slices.ContainsFunc(more, func(p Proposal) bool { return p.Syntaxes[0] == s }) {
			more = append(more, Proposal{o.SOPClass, []uid.UID{s}})
		}
	}
	return more
}

// A suboperation sends what a C-MOVE asked for.
type suboperation struct {
	*Association
	originator string
	id         uint16
}

func (s *suboperation) send(ctx context.Context, o Object) (Status, error) {
	return s.dialogue.send(ctx, o, s.originator, s.id)
}

// sendObject sends what a C-GET asked for.
func (x *dialogue) sendObject(ctx context.Context, o Object) (Status, error) {
	return x.send(ctx, o, "", 0)
}

// send sends an object in a syntax that the peer takes.
func (x *dialogue) send(ctx context.Context, o Object, originator string, id uint16) (status Status, err error) {
	defer x.caught(&err)
	if x.p.gone() {
		return 0, errGone
	}
	takes := x.takes(o.SOPClass)
	if !slices.Contains(takes, o.TransferSyntax) {
		if len(takes) == 0 || o.Transcode == nil {
			return 0, fmt.Errorf("store %s in %s: %w", o.SOPClass, o.TransferSyntax, ErrNoContext)
		}
		if o, err = o.Transcode(ctx, takes); err != nil {
			return 0, err
		}
	}
	data, err := o.Open(ctx)
	if err != nil {
		return 0, err
	}
	defer data.Close()
	return x.storeOut(ctx, Outgoing{
		SOPClass: o.SOPClass, SOPInstance: o.SOPInstance, TransferSyntax: o.TransferSyntax, Data: data,
		Originator: originator, OriginatorID: id,
	})
}

// takes returns the transfer syntaxes in which the peer takes a class from us.
func (x *dialogue) takes(class uid.UID) []uid.UID {
	var all []uid.UID
	for _, c := range x.contexts {
		if c.Result == Accepted && c.SOPClass == class && x.asks(c) {
			all = append(all, c.TransferSyntax)
		}
	}
	return all
}

// A tally counts the sub-operations of one C-MOVE or C-GET, and tells the peer.
type tally struct {
	x     *dialogue
	c     *command
	pc    Context
	base  context.Context // ends with the association, and not when the peer cancels
	total int

	mu                         sync.Mutex
	completed, failed, warning int
	failures                   []uid.UID
}

// run sends objects, width at once, until ctx ends. What is under way then is
// finished: a message cannot be taken back.
func (t *tally) run(ctx context.Context, all []Object, width int, send func(context.Context, Object) (Status, error)) {
	var mu sync.Mutex
	next := 0
	take := func() (Object, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next >= len(all) || ctx.Err() != nil {
			return Object{}, false
		}
		next++
		return all[next-1], true
	}
	var workers sync.WaitGroup
	for range min(width, len(all)) {
		workers.Go(func() {
			for o, ok := take(); ok; o, ok = take() {
				status, err := send(t.base, o)
				t.note(ctx, o, status, err)
			}
		})
	}
	workers.Wait()
}

// note counts what came of a sub-operation.
func (t *tally) note(ctx context.Context, o Object, status Status, err error) {
	if err == nil {
		err = status.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil:
		t.failed++
		t.failures = append(t.failures, o.SOPInstance)
		t.x.log.WarnContext(ctx, "sub-operation failed", "peer", t.x.who(), "operation", t.c.field.String(),
			"sop_instance", o.SOPInstance.String(), "kind", fault.Of(err).String(), "error", err)
	case status == Success && !o.Partial:
		t.completed++
	default:
		t.warning++
	}
	if t.done() < t.total {
		_ = t.x.respond(t.c, t.pc, &command{status: Pending, counts: t.counts(true)}, nil) // converse learns that the peer is gone
	}
}

// fail counts objects that could not even be tried.
func (t *tally) fail(all []Object) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed += len(all)
	for _, o := range all {
		t.failures = append(t.failures, o.SOPInstance)
	}
}

// done is how many sub-operations have an end; mu is held.
func (t *tally) done() int { return t.completed + t.failed + t.warning }

// counts returns the numbers as a response has them; mu is held.
func (t *tally) counts(remaining bool) *counts {
	return &counts{
		remaining: count16(t.total - t.done()), completed: count16(t.completed), failed: count16(t.failed), warning: count16(t.warning),
		noRemaining: !remaining,
	}
}

// count16 narrows a number to what its element can hold.
func count16(n int) uint16 { return uint16(min(n, 0xffff) & 0xffff) }

// finish sends the final response, PS3.4 sections C.4.2.3.1 and C.4.3.3.1. err is why
// the operation did not begin or did not end; it returns that or why it failed.
func (t *tally) finish(err error) (Status, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := failure(t.c.field, err)
	switch {
	case err != nil:
	case t.failed > 0 && t.failed == t.total:
		err = refuse(CannotPerform, "all sub-operations failed")
		r = failure(t.c.field, err)
	case t.failed+t.warning > 0:
		r.status, r.comment = SomeFailed, "sub-operations failed or gave warnings"
	}
	if t.total > 0 || err == nil {
		r.counts = t.counts(r.status == Cancel)
	}
	_ = t.x.respond(t.c, t.pc, r, t.failedList()) // converse learns that the peer is gone
	return r.status, err
}

// maxUI is how long a value of VR UI can be in explicit VR.
const maxUI = 0xfffe

// failedList returns an identifier with the instances that were not sent, as many as
// an element can hold; nothing if there are none.
func (t *tally) failedList() []byte {
	if len(t.failures) == 0 {
		return nil
	}
	var b strings.Builder
	for _, u := range t.failures {
		if b.Len()+1+len(u.String()) > maxUI {
			break
		}
		if b.Len() > 0 {
			b.WriteByte('\\')
		}
		b.WriteString(u.String())
	}
	if b.Len()%2 == 1 {
		b.WriteByte(0)
	}
	ds, err := dicom.NewBuilder().Bytes(tag.FailedSOPInstanceUIDList, vr.UI, []byte(b.String())).Dataset()
	if err != nil {
		return nil
	}
	data, err := encode(ds, t.pc)
	if err != nil {
		return nil
	}
	return data
}
