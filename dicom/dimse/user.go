package dimse

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// What an Association asks of its peer: PS3.7 sections 9.1 and 10.1.

// An Outgoing is an object to send.
type Outgoing struct {
	SOPClass       uid.UID
	SOPInstance    uid.UID
	TransferSyntax uid.UID   // of Data
	Data           io.Reader // the data set without a meta header
	Originator     string    // the title of who asked for it by C-MOVE; "" if nobody did
	OriginatorID   uint16    // the message ID of that C-MOVE
}

// ErrNoContext is that the peer did not accept the SOP class in the transfer syntax,
// or not in the role that is needed. It has kind Unsupported.
var ErrNoContext = fault.Errorf(fault.Unsupported, "no presentation context was accepted for it")

// Echo asks whether the peer is there (C-ECHO, PS3.7 section 9.1.5). The association
// must have Verification.
func (a *Association) Echo(ctx context.Context) (Status, error) {
	pc, ok := a.contextOf(uid.Verification, false)
	if !ok {
		return 0, fmt.Errorf("echo: %w", ErrNoContext)
	}
	m, err := a.do(ctx, pc, &command{field: cEchoRQ, affectedClass: pc.SOPClass.String()}, nil)
	if err != nil {
		return 0, err
	}
	return m.status, nil
}

// Store sends an object (C-STORE, PS3.7 section 9.1.1) and returns the status that
// the peer answered; Status.Err makes an error of it. An error of Store itself is
// that there was no answer: ErrNoContext, an error of o.Data, or the end of the
// association. If o.Data fails after its first fragment, or ctx ends while data are
// sent, the association is aborted, because a message cannot be taken back.
func (a *Association) Store(ctx context.Context, o Outgoing) (Status, error) {
	return a.storeOut(ctx, o)
}

// Do sends a request of DIMSE-N and returns the answer. A failure is a *StatusError.
// So an Association is a Normal.
func (a *Association) Do(ctx context.Context, r *Request) (*Reply, error) {
	return a.dialogue.Do(ctx, r)
}

// Find asks a query (C-FIND, PS3.7 section 9.1.2) and yields what the peer answers, one
// after the other. Who leaves the loop before its end, or ends ctx, cancels the query.
// An error is the last thing yielded: a *StatusError is what the peer said. Unless the
// window is larger than one, no other operation can begin within the loop.
func (a *Association) Find(ctx context.Context, class uid.UID, identifier *dicom.Dataset) iter.Seq2[*dicom.Dataset, error] {
	return func(yield func(*dicom.Dataset, error) bool) {
		pc, ok := a.contextOf(class, false)
		if !ok {
			yield(nil, fmt.Errorf("find: %w", ErrNoContext))
			return
		}
		w, err := a.askSet(ctx, pc, &command{field: cFindRQ, affectedClass: class.String()}, identifier)
		if err != nil {
			yield(nil, err)
			return
		}
		for {
			m, err := a.await(ctx, w, a.silence)
			if err != nil {
				a.abandon(w)
				yield(nil, err)
				return
			}
			if !m.status.Pending() {
				if err := m.failure(); err != nil {
					yield(nil, err)
				}
				return
			}
			ds, err := a.result(m, pc)
			if !yield(ds, err) || err != nil {
				a.abandon(w)
				return
			}
		}
	}
}

// result reads the data set of a pending answer.
func (a *Association) result(m *message, pc Context) (*dicom.Dataset, error) {
	switch {
	case m.bad != nil:
		return nil, m.bad
	case len(m.data) == 0:
		return nil, fault.Errorf(fault.Invalid, "the peer answered without an identifier (PS3.4 §C.4.1.1.3.2)")
	}
	return a.decode(m.data, pc)
}

// abandon cancels what w waits for, and hears no more of it.
func (a *Association) abandon(w *waiting) {
	a.leave(w)
	a.sendCancel(w)
}

// sendCancel sends a C-CANCEL, PS3.7 section 9.3.2.3. If the association is gone, so is
// the operation.
func (a *Association) sendCancel(w *waiting) {
	_ = a.sender.whole(w.pc.ID, &command{field: cCancelRQ, respondedTo: w.id}, nil)
}

// A Progress is how far a C-MOVE or C-GET has come.
type Progress struct {
	Status                                Status
	Remaining, Completed, Failed, Warning int
	Failures                              []uid.UID // the instances that were not sent, as the last answer says
}

// Move asks the peer to send what identifier selects to destination, a title known to
// the peer (C-MOVE, PS3.7 section 9.1.4). progress, unless it is nil, is told of each
// answer. The last one is returned; a *StatusError is that the peer failed, while some
// failed sub-operations are a Status that is OK. When ctx ends, the operation is
// cancelled.
func (a *Association) Move(ctx context.Context, class uid.UID, destination string, identifier *dicom.Dataset, progress func(Progress)) (Progress, error) {
	if destination == "" || len(destination) > 16 || destination != title([]byte(destination)) {
		return Progress{}, fault.Errorf(fault.Invalid, "move destination: 1 to 16 characters of ASCII are due")
	}
	return a.fetch(ctx, &command{field: cMoveRQ, affectedClass: class.String(), destination: destination}, class, identifier, progress)
}

// Get asks the peer to send what identifier selects over this association (C-GET,
// PS3.7 section 9.1.3): Config.Store gets the objects, of the classes that
// Config.Roles asks to be SCP of. For the rest see Move.
func (a *Association) Get(ctx context.Context, class uid.UID, identifier *dicom.Dataset, progress func(Progress)) (Progress, error) {
	return a.fetch(ctx, &command{field: cGetRQ, affectedClass: class.String()}, class, identifier, progress)
}

// fetch is Move and Get.
func (a *Association) fetch(ctx context.Context, c *command, class uid.UID, identifier *dicom.Dataset, progress func(Progress)) (Progress, error) {
	pc, ok := a.contextOf(class, false)
	if !ok {
		return Progress{}, fmt.Errorf("%s: %w", c.field, ErrNoContext)
	}
	w, err := a.askSet(ctx, pc, c, identifier)
	if err != nil {
		return Progress{}, err
	}
	var p Progress
	for {
		m, err := a.await(ctx, w, a.silence)
		if err != nil {
			return a.stopFetch(w, p, err)
		}
		p = a.progress(m, pc, p)
		if !m.status.Pending() {
			return p, m.failure()
		}
		if progress != nil {
			progress(p)
		}
	}
}

// stopFetch cancels, and waits for the answer to that for a little while.
func (a *Association) stopFetch(w *waiting, p Progress, why error) (Progress, error) {
	a.sendCancel(w)
	until := time.NewTimer(a.timeout)
	defer until.Stop()
	for {
		select {
		case m := <-w.in:
			if p = a.progress(a.took(m), w.pc, p); !m.status.Pending() {
				return p, why
			}
		case <-a.over:
			return p, why
		case <-until.C:
			a.leave(w)
			return p, why
		}
	}
}

// progress reads an answer. What it does not say is as it was before.
func (a *Association) progress(m *message, pc Context, p Progress) Progress {
	p.Status = m.status
	if n := m.counts; n != nil {
		p.Remaining, p.Completed, p.Failed, p.Warning = int(n.remaining), int(n.completed), int(n.failed), int(n.warning)
	}
	if len(m.data) > 0 {
		if ds, err := a.decode(m.data, pc); err == nil {
			p.Failures = slices.Clone(ds.UIDs(tag.FailedSOPInstanceUIDList))
		}
	}
	return p
}
