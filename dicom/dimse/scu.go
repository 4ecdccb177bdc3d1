package dimse

import (
	"context"
	"fmt"
	"io"
	"time"

	"radagora/dicom/uid"
	"radagora/fault"
)

// What an Association asks of its peer: PS3.7 section 9.1.

// An Outgoing is an object to send.
type Outgoing struct {
	SOPClass       uid.UID
	SOPInstance    uid.UID
	TransferSyntax uid.UID   // of Data
	Data           io.Reader // the data set without a meta header
}

// ErrNoContext is that the peer did not accept the SOP class in the transfer syntax.
// It has kind Unsupported.
var ErrNoContext = fault.Errorf(fault.Unsupported, "no presentation context was accepted for it")

// Echo asks whether the peer is there (C-ECHO, PS3.7 section 9.1.5). The association
// must have Verification.
func (a *Association) Echo(ctx context.Context) (Status, error) {
	for _, c := range a.contexts {
		if c.Result == Accepted && c.SOPClass == uid.Verification {
			return a.do(ctx, c.ID, &command{field: cEchoRQ, affectedClass: c.SOPClass.String()}, nil, false)
		}
	}
	return 0, fmt.Errorf("echo: %w", ErrNoContext)
}

// Store sends an object (C-STORE, PS3.7 section 9.1.1) and returns the status that
// the peer answered; Status.Err makes an error of it. An error of Store itself is
// that there was no answer: ErrNoContext, an error of o.Data, or the end of the
// association. If o.Data fails after its first fragment, or ctx ends while data are
// sent, the association is aborted, because a message cannot be taken back.
func (a *Association) Store(ctx context.Context, o Outgoing) (Status, error) {
	id, ok := a.context(o.SOPClass, o.TransferSyntax)
	if !ok {
		return 0, fmt.Errorf("store %s in %s: %w", o.SOPClass, o.TransferSyntax, ErrNoContext)
	}
	c := &command{
		field: cStoreRQ, affectedClass: o.SOPClass.String(), affectedInstance: o.SOPInstance.String(), dataSet: true,
	}
	syntax, _ := uid.SyntaxOf(o.TransferSyntax)
	return a.do(ctx, id, c, o.Data, syntax.Deflated)
}

// do sends a request, with data if there are any, and waits for its answer.
func (a *Association) do(ctx context.Context, id uint8, c *command, data io.Reader, deflated bool) (Status, error) {
	select {
	case a.slots <- struct{}{}:
	case <-a.over:
		return 0, a.gone()
	case <-ctx.Done():
		return 0, fault.As(fault.Unavailable, ctx.Err())
	}
	answer := a.enlist(c)
	if err := a.send(ctx, id, c, data, deflated); err != nil {
		a.strike(c.messageID)
		<-a.slots
		return 0, err
	}
	return a.await(ctx, c.messageID, answer)
}

// enlist gives c a message ID that is not in use and returns where its answer comes.
func (a *Association) enlist(c *command) chan *command {
	answer := make(chan *command, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.next++; a.answers[a.next] != nil; {
		a.next++
	}
	c.messageID = a.next
	a.answers[a.next] = answer
	return answer
}

// strike forgets a message whose answer will not come.
func (a *Association) strike(id uint16) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.answers, id)
}

// send sends one message whole.
func (a *Association) send(ctx context.Context, id uint8, c *command, data io.Reader, deflated bool) error {
	a.sender.mu.Lock()
	defer a.sender.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fault.As(fault.Unavailable, err)
	}
	var src *source
	if data != nil {
		var err error
		if src, err = a.sender.open(data, deflated); err != nil {
			return fmt.Errorf("read the data set: %w", err)
		}
	}
	if err := a.sender.command(id, c); err != nil {
		return a.gone()
	}
	if src == nil {
		return nil
	}
	stop := context.AfterFunc(ctx, a.Abort)
	defer stop()
	err := a.sender.data(id, src)
	switch {
	case err == nil:
		return nil
	case src.failed != nil:
		a.Abort()
		return fmt.Errorf("read the data set: %w", err)
	case ctx.Err() != nil:
		return fault.As(fault.Unavailable, ctx.Err())
	}
	return a.gone()
}

// await waits for an answer. A late one still frees its place.
func (a *Association) await(ctx context.Context, id uint16, answer chan *command) (Status, error) {
	t := time.NewTimer(a.timeout)
	defer t.Stop()
	select {
	case c := <-answer:
		<-a.slots
		return c.status, nil
	case <-a.over:
		select {
		case c := <-answer: // it came last
			return c.status, nil
		default:
		}
		return 0, a.gone()
	case <-ctx.Done():
		go func() {
			select {
			case <-answer:
				<-a.slots
			case <-a.over:
			}
		}()
		return 0, fault.As(fault.Unavailable, ctx.Err())
	case <-t.C:
		a.strike(id)
		a.Abort()
		return 0, fault.Errorf(fault.Unavailable, "dimse: no answer within %s", a.timeout)
	}
}
